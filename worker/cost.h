/* What a step costs, counted on the graph of its program (docs/decisions/017): the planner's
 * coster. */
#ifndef GGDM_WORKER_COST_H
#define GGDM_WORKER_COST_H

#include "jobs/step_cost.h"
#include "worker/emit.h"

typedef struct ggdm_costs ggdm_costs; /* what has been counted */

/** What models views is borrowed; no weights are needed.  *coster refers to *out. */
ggdm_status ggdm_costs_create(const ggdm_models *models, ggdm_costs **out, ggdm_coster *coster,
                              ggdm_error *err);
void ggdm_costs_destroy(ggdm_costs **costs);

#endif
