/* Trees of trajectories that agree in their first steps: the first half of a plan
 * (jobs/planner.h). */
#ifndef GGDM_JOBS_TREES_H
#define GGDM_JOBS_TREES_H

#include "jobs/planner.h"

/** Make the trees of plan, count its work and images.
 *  Errors: those of the coster, GGDM_ESHAPE for a trajectory that is too large for a tree,
 *  GGDM_ENOMEM. */
ggdm_status ggdm_trees_make(const ggdm_cells *cells, const ggdm_coster *coster,
                            const ggdm_plan_options *options, ggdm_plan *plan, ggdm_error *err);

#endif
