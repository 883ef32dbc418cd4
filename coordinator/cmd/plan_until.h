/* What a plan says of a sweep that ends itself: the plan is its first round, and the bound of all.
 */
#ifndef GGDM_COORDINATOR_PLAN_UNTIL_H
#define GGDM_COORDINATOR_PLAN_UNTIL_H

#include "common/json_write.h"
#include "coordinator/run/setup.h"

/** seconds: of the first round.  Nothing where the sweep has no `until`. */
void ggdm_plan_put_until(ggdm_json *j, const ggdm_setup *s, double seconds);
void ggdm_plan_print_until(const ggdm_setup *s, double seconds);

#endif
