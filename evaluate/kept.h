/* What a reference says by itself, whatever it is compared with: computed once, for all cells. */
#ifndef GGDM_EVALUATE_KEPT_H
#define GGDM_EVALUATE_KEPT_H

#include "evaluate/reference.h"

/** Fills v, which is zeroed, on all ranks.  Collective. */
typedef ggdm_status (*ggdm_keeper)(ggdm_reference *reference, double *v, ggdm_error *err);

/** *out [count] is what make says, now or when it was asked for before; borrowed from the
 *  reference.  Collective.  Errors: those of make; GGDM_ENOMEM. */
ggdm_status ggdm_kept_get(ggdm_reference *reference, ggdm_keeper make, size_t count,
                          const double **out, ggdm_error *err);
void ggdm_kept_free(ggdm_reference *reference);

#endif
