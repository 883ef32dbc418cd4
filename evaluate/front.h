/* Which cells does no other one beat? */
#ifndef GGDM_EVALUATE_FRONT_H
#define GGDM_EVALUATE_FRONT_H

#include "jobs/results.h"
#include "jobs/findings.h"

/** Set r->front, which is the results': the cells than which no other one is at least as good in
 *  accuracy, in diversity (a Vendi score, where there is one) and in operations of an image (where
 *  they were counted), and better in one of them.  Of cells that are equal in all the first stands
 *  for the others.  NULL where there are not two of these goals, or too many cells.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_front_find(ggdm_results *r, ggdm_error *err);

#endif
