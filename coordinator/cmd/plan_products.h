/* The part of `ggdm plan` about what a run will write. */
#ifndef GGDM_COORDINATOR_PLAN_PRODUCTS_H
#define GGDM_COORDINATOR_PLAN_PRODUCTS_H

#include "common/json_write.h"
#include "coordinator/run/setup.h"

/** "npz_bytes" and "sheet" of the plan's JSON object. */
void ggdm_plan_put_products(ggdm_json *j, const ggdm_setup *setup);
/** Its lines `archive` and `sheet`. */
void ggdm_plan_print_products(const ggdm_setup *setup);

#endif
