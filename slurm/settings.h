/* What a job asks of Slurm: from ~/.config/ggdm/site.yaml and, before that, the command line. */
#ifndef GGDM_SLURM_SETTINGS_H
#define GGDM_SLURM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"

typedef enum ggdm_slurm_key {
    GGDM_SLURM_NODES,
    GGDM_SLURM_TIME,
    GGDM_SLURM_TASKS,
    GGDM_SLURM_CPUS,
    GGDM_SLURM_MEMORY,
    GGDM_SLURM_PARTITION,
    GGDM_SLURM_ACCOUNT,
    GGDM_SLURM_QOS,
    GGDM_SLURM_CONSTRAINT,
    GGDM_SLURM_MAIL,
    GGDM_SLURM_LAUNCHER,
    GGDM_SLURM_CONTAINER,
    GGDM_SLURM_SETUP,
    GGDM_SLURM_SBATCH,
    GGDM_SLURM_N_KEYS
} ggdm_slurm_key;

typedef struct ggdm_slurm_setting {
    const char *key;     /* in site.yaml, and with '-' for '_' the long option */
    const char *metavar; /* of the option */
    const char *help;
    bool (*fits)(const char *value);
    const char *expected; /* what fits, for people */
    const char *joint;    /* between its values where there may be several; NULL: there is one */
} ggdm_slurm_setting;

/* [GGDM_SLURM_N_KEYS] */
extern const ggdm_slurm_setting ggdm_slurm_settings[];

typedef struct ggdm_slurm_job {
    char *value[GGDM_SLURM_N_KEYS]; /* owned; NULL: not given */
} ggdm_slurm_job;

void ggdm_slurm_job_deinit(ggdm_slurm_job *job);

/** Set one value, over one that is there, or behind it where there may be several.
 *  Errors: GGDM_EINVAL "value 'V', expected ..."; GGDM_ENOMEM. */
ggdm_status ggdm_slurm_job_set(ggdm_slurm_job *job, ggdm_slurm_key key, const char *value,
                               ggdm_error *err);

/** Fill what is not set yet from a site file, a map of the keys; where there may be several values
 *  they may be a list, and come before those that are set.
 *  Errors: GGDM_EINVAL, GGDM_EFORMAT with position; GGDM_EIO. */
ggdm_status ggdm_slurm_job_read(ggdm_slurm_job *job, const char *path, ggdm_error *err);

/** A value that is set, as a number. */
int64_t ggdm_slurm_job_number(const ggdm_slurm_job *job, ggdm_slurm_key key);

/** Seconds of a time as Slurm writes it: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S.  -1: it is none. */
int64_t ggdm_slurm_seconds(const char *text);

#endif
