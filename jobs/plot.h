/* RUN/figures/accuracy.{png,svg}: accuracy against conditioning duration (against guidance windows,
 * side by side, where some do not start at step 0), one curve per kappa, drawn by gnuplot from
 * figures/accuracy.dat and figures/accuracy.gp, which stay there. */
#ifndef GGDM_JOBS_PLOT_H
#define GGDM_JOBS_PLOT_H

#include <stdbool.h>

#include "common/status.h"
#include "jobs/store.h"

/** Draw the figures of a run.  *drawn (may be NULL) = false, with a warning in the log and no
 * error, when gnuplot is not installed or fails, or when no cell has a target and a score. Errors:
 * GGDM_EIO, GGDM_ESTORE, GGDM_ENOMEM. */
ggdm_status ggdm_plot_run(ggdm_store *store, const char *dir, bool *drawn, ggdm_error *err);

#endif
