/* What Slurm's commands print, and the list of a run's jobs, as texts: nothing is asked here. */
#ifndef GGDM_SLURM_QUEUE_TEXT_H
#define GGDM_SLURM_QUEUE_TEXT_H

#include <stdbool.h>

#include "common/status.h"

/** The words of the jobs file as " 12 15 " in *out (owned); "" for none.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_slurm_list_jobs(const char *text, char **out, ggdm_error *err);

/** Keep the lines whose first word is one of the jobs (" 12 15 "), without it. */
void ggdm_slurm_keep_lines(char *lines, const char *jobs);

/** Keep those of the jobs (" 12 15 ") with which no line of the queue begins. */
void ggdm_slurm_drop_queued(char *jobs, const char *queue);

/** The fewest cores in the lines "CORES[+] PARTITION", of the default partition ("NAME*") unless
 *  any; 0 where none tells.  The text is cut into its lines. */
int ggdm_slurm_fewest_cores(char *lines, bool any);

#endif
