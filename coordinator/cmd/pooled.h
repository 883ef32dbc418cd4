/* `ggdm evaluate --pooled`: all images of a run as one set. */
#ifndef GGDM_COORDINATOR_POOLED_H
#define GGDM_COORDINATOR_POOLED_H

#include "evaluate/evaluate.h"

/** Print what came out, a line for each number, or one JSON object.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_pooled_print(const ggdm_evaluate_options *o, const ggdm_pooled *p, bool json,
                              ggdm_error *err);

#endif
