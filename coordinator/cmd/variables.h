/* The program's own variables, GGDM_*.  (Those of others: common/environment.h.) */
#ifndef GGDM_COORDINATOR_VARIABLES_H
#define GGDM_COORDINATOR_VARIABLES_H

#include "coordinator/cmd/command.h"

/* Those that a user may set, with what they mean; ends with a NULL name. */
extern const ggdm_note ggdm_variable_notes[];

/** Does each variable that has a choice of values or a number have one of them?  An empty one
 * counts as not set.  Errors: GGDM_EINVAL. */
ggdm_status ggdm_variables_check(ggdm_error *err);

#endif
