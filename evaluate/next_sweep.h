/* What to try next as a sweep file. */
#ifndef GGDM_EVALUATE_NEXT_SWEEP_H
#define GGDM_EVALUATE_NEXT_SWEEP_H

#include "jobs/results.h"

#define GGDM_NEXT_FILE "next.yaml"

/** Write dir/next.yaml: the run's first sweep with the places of r->surface->next instead of its
 *  axes, under a name of its own.  Where there is no surface, or the sweep is written in a way that
 *  this cannot change (another parameter varies with the axes), there is none: one of before is
 *  removed.  Errors: GGDM_EIO, GGDM_ENOMEM, those of the store. */
ggdm_status ggdm_next_sweep_write(const ggdm_results *r, const char *dir, ggdm_error *err);

#endif
