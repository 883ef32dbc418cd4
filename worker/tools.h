/* What an executor has for all its units. */
#ifndef GGDM_WORKER_TOOLS_H
#define GGDM_WORKER_TOOLS_H

#include "jobs/messages.h"
#include "worker/heads.h"
#include "worker/programs.h"

typedef struct ggdm_tools {
    ggdm_job job;
    const ggdm_catalogue *catalogue; /* borrowed */
    const ggdm_models *models;       /* borrowed */
    ggdm_programs *programs;
    ggdm_head_cache *heads;
} ggdm_tools;

#endif
