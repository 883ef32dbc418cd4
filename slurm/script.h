/* The batch script of a job: slurm/run.sbatch with its places filled. */
#ifndef GGDM_SLURM_SCRIPT_H
#define GGDM_SLURM_SCRIPT_H

#include "common/status.h"
#include "slurm/settings.h"

/* A place of the template beside the settings of the job: {{key}}. */
typedef struct ggdm_slurm_place {
    const char *key, *value; /* value NULL: nothing */
} ggdm_slurm_place;

/** The script in *out (owned).  Places in lines of #SBATCH are filled as they are, and the line is
 *  left out where there is nothing to fill in; elsewhere they are quoted for the shell, except for
 *  the lines of setup.
 *  places  ends with a key NULL
 *  Errors: GGDM_ENOMEM; GGDM_EINTERNAL for a place that nobody fills. */
ggdm_status ggdm_slurm_script(const ggdm_slurm_job *job, const ggdm_slurm_place *places, char **out,
                              ggdm_error *err);

#endif
