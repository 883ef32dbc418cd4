/* The parts of the report's document that are about the run as a whole. */
#ifndef GGDM_COORDINATOR_REPORT_RUN_H
#define GGDM_COORDINATOR_REPORT_RUN_H

#include "coordinator/show/report_recipes.h"

/** "run". */
ggdm_status ggdm_report_put_run(ggdm_json *j, const ggdm_results *r, ggdm_error *err);
/** "chain", what is to be known of every image, and "constants", all parameters that do not vary.
 */
void ggdm_report_put_parameters(ggdm_json *j, const ggdm_results *r,
                                const ggdm_report_recipes *recipes);

#endif
