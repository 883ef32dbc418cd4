/* Slurm's queue, by its commands: submit, and ask about a run's jobs. */
#ifndef GGDM_SLURM_QUEUE_H
#define GGDM_SLURM_QUEUE_H

#include <stdbool.h>

#include "common/status.h"

/* Below the run directory: the jobs that were submitted for it, a number on each line, the latest
 * last (a job adds the one that follows it), and the script of the latest. */
#define GGDM_SLURM_JOBS_FILE "slurm.jobs"
#define GGDM_SLURM_SCRIPT_FILE "job.sbatch"
#define GGDM_SLURM_STATE_FILE "slurm.state" /* what Slurm said last */

#define GGDM_SLURM_ASK_SECONDS 60.0 /* `ggdm status` does not ask more often */

/** Run sbatch on a script; *job (owned) is its number, which is noted in dir.
 *  Errors: GGDM_EIO when sbatch is not there or refuses (its message goes to standard error). */
ggdm_status ggdm_slurm_submit(const char *dir, const char *script, char **job, ggdm_error *err);

/** What is in the queue of the run's jobs, a line "JOB STATE REASON TIME-LEFT NODES" each, in
 * *lines (owned; "" when none is, NULL when none was ever submitted). Errors: GGDM_EIO when Slurm
 * does not answer. */
ggdm_status ggdm_slurm_jobs(const char *dir, char **lines, ggdm_error *err);

/** Those of the run's jobs that are not in the queue any more, " 12 15 ", in *jobs (owned; NULL
 * when none was ever submitted).  Errors: as above. */
ggdm_status ggdm_slurm_jobs_over(const char *dir, char **jobs, ggdm_error *err);

/** The same as ggdm_slurm_jobs, but Slurm is asked once a minute at most, and only by who may write
 * in dir, where the answer is kept: in between it counts, an error too. */
ggdm_status ggdm_slurm_jobs_seen(const char *dir, char **lines, ggdm_error *err);

/** The fewest cores of a node of the partition (NULL: the default one).  Errors: GGDM_EIO. */
ggdm_status ggdm_slurm_node_cores(const char *partition, int *cores, ggdm_error *err);

#endif
