/* What is known of a run beside its own state: its jobs in Slurm's queue, its shards. */
#ifndef GGDM_COORDINATOR_STATUS_JOBS_H
#define GGDM_COORDINATOR_STATUS_JOBS_H

#include <stdbool.h>
#include <stdio.h>

/** Was the run in dir submitted? */
bool ggdm_status_is_submitted(const char *dir);
/** Its jobs, a line each; nothing where none was submitted. */
void ggdm_status_print_jobs(FILE *out, const char *dir);
/** What a run says that was submitted and has not begun: its jobs, and the shards below it, a line
 *  each. */
void ggdm_status_print_waiting(FILE *out, const char *dir);

#endif
