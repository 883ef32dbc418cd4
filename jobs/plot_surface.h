/* RUN/figures/surface.{png,svg,pdf}: how accuracy changes over one or two numbers, with its band,
 * from figures/surface.dat, the grid, and figures/surface.gp, which stay there. */
#ifndef GGDM_JOBS_PLOT_SURFACE_H
#define GGDM_JOBS_PLOT_SURFACE_H

#include "common/status.h"
#include "jobs/results.h"

#define GGDM_SURFACE_FIGURE "surface"

/** Draw r->surface below dir, where there is one; without gnuplot as ggdm_plot_run.
 *  Errors: GGDM_EIO, GGDM_ENOMEM. */
ggdm_status ggdm_plot_surface(const ggdm_results *r, const char *dir, ggdm_error *err);

#endif
