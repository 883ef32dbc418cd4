/* What a step costs, as the program tells the planner: counted operations, never timings. */
#ifndef GGDM_JOBS_STEP_COST_H
#define GGDM_JOBS_STEP_COST_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

typedef struct ggdm_step_cost {
    double operations;   /* of one image */
    int32_t evaluations; /* of diffusion networks: rows of the image that go through one */
    double spared_operations;
    int32_t spared_evaluations; /* of these: what the last step of a chain does without */
    size_t state_bytes;         /* of the state of one image; in a tree all have the largest */
} ggdm_step_cost;

/* Handed over by the program: jobs/ knows no networks.  setting "{}": unguided. */
typedef struct ggdm_coster {
    void *context;
    ggdm_status (*cost)(void *context, const char *head, const char *setting, ggdm_step_cost *out,
                        ggdm_error *err);
} ggdm_coster;

#endif
