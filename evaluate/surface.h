/* How accuracy changes over one or two numbers that a run sweeps: a fit (surface_fit.h) with its
 * band, where the optimum may lie, and what to try next. */
#ifndef GGDM_EVALUATE_SURFACE_H
#define GGDM_EVALUATE_SURFACE_H

#include "jobs/results.h"
#include "jobs/findings.h"

/** Set r->surface; it is the results'.  NULL where the run has none: other parameters vary than one
 *  or two numbers (of at least 4 values, or 3 each) and what the cells aim at, over which it is the
 *  mean; no accuracy; or more than GGDM_FIT_MOST places.
 *  Errors: GGDM_ENOMEM, GGDM_ENUMERIC. */
ggdm_status ggdm_surface_find(ggdm_results *r, ggdm_error *err);

#endif
