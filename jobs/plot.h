/* RUN/figures/accuracy.{png,svg,pdf}: accuracy by each classifier, and the share of diverged images
 * where there are some, drawn by gnuplot from figures/accuracy.dat and figures/accuracy.gp, which
 * stay there.
 *
 * The layout is that of jobs/axes.h: the parameter with most values along the axis (logarithmic
 * where its values are positive and span more than two decades; texts and windows that do not all
 * begin at step 0 side by side), one curve per value of the next, and a row of panels for each
 * combination of the others, in several files (accuracy-2, ...) where they are many.  Over what the
 * cells aim at it is the mean. */
#ifndef GGDM_JOBS_PLOT_H
#define GGDM_JOBS_PLOT_H

#include <stdbool.h>

#include "common/status.h"
#include "jobs/results.h"

#define GGDM_PLOT_FIGURE "accuracy"

/** Draw the figures of a run below dir.  *drawn (may be NULL) = false, with a warning in the log
 *  and no error, when gnuplot is not installed or fails, or when no cell has a class to aim at and
 *  a score.  Errors: GGDM_EIO, GGDM_ESTORE, GGDM_ENOMEM. */
ggdm_status ggdm_plot_run(const ggdm_results *r, const char *dir, bool *drawn, ggdm_error *err);

#endif
