/* What a step costs, counted on the graph of its program (docs/decisions/017): the planner's
 * coster. */
#ifndef GGDM_WORKER_COST_H
#define GGDM_WORKER_COST_H

#include "jobs/step_cost.h"
#include "worker/emit.h"

typedef struct ggdm_costs ggdm_costs; /* what has been counted */

/** models, which may grow, is borrowed; no weights are needed.  *coster refers to *out. */
ggdm_status ggdm_costs_create(const ggdm_models *models, ggdm_costs **out, ggdm_coster *coster,
                              ggdm_error *err);
/** Can a stage make a tick with a setting (NULL: unguided)?  Both are resolved, and a sweep's own,
 *  so that errors have positions: GGDM_EINVAL, GGDM_ESHAPE where its models do not fit each other
 *  or what they are given. */
ggdm_status ggdm_costs_check(ggdm_costs *costs, const ggdm_item *stage, const ggdm_item *setting,
                             ggdm_error *err);
void ggdm_costs_destroy(ggdm_costs **costs);

#endif
