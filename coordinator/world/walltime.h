/* How long this run may still work: until GGDM_DEADLINE, seconds since 1970, which the batch script
 * sets to the end of its job. */
#ifndef GGDM_COORDINATOR_WALLTIME_H
#define GGDM_COORDINATOR_WALLTIME_H

#include <stdbool.h>

#define GGDM_DEADLINE_ENV "GGDM_DEADLINE"

/* Seconds before the end in which a run stops: 9 for workers to save (dispatch.c), the rest to
 * leave and to queue again.  Slurm itself ends a job up to 30 s late, never early. */
#define GGDM_STOP_MARGIN 20.0

/** Seconds left until the deadline, less than 0 behind it; HUGE_VAL where there is none. */
double ggdm_walltime_left(void);

/** Seconds until workers must stop so that there is time to save what they have; longest_gap:
 * seconds that a batch of theirs may take. */
double ggdm_walltime_to_work(double longest_gap);

/** Has Slurm started this job again (SLURM_RESTART_COUNT)?  Then what holds the run may be its
 *  earlier life, of which Slurm has lost sight. */
bool ggdm_slurm_restarted(void);

#endif
