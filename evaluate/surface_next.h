/* What to try next on a surface. */
#ifndef GGDM_EVALUATE_SURFACE_NEXT_H
#define GGDM_EVALUATE_SURFACE_NEXT_H

#include "evaluate/surface_fit.h"
#include "jobs/findings.h"

/** Set s->next: readable values inside the range that are not among those of the fit's places.
 *  First those whose expected improvement is largest, until it is below a tenth of a point, then
 *  those whose share is least known; each is chosen as if those before it had been tried.
 *  Errors: GGDM_ENOMEM, GGDM_ENUMERIC. */
ggdm_status ggdm_surface_choose_next(ggdm_surface *s, const ggdm_fit *fit, ggdm_error *err);

#endif
