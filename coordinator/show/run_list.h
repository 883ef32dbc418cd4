/* All runs below a directory, a line each. */
#ifndef GGDM_COORDINATOR_RUN_LIST_H
#define GGDM_COORDINATOR_RUN_LIST_H

#include <stdbool.h>

#include "common/status.h"

/** Print the runs in the directories below dir on standard output, the latest first: where, state,
 *  progress, when it was heard of.  Errors: GGDM_EINVAL where there is no dir. */
ggdm_status ggdm_run_list_print(const char *dir, bool json, ggdm_error *err);

#endif
