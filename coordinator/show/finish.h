/* The last stage of a run: archives, summary, figures, and what a person is told. */
#ifndef GGDM_COORDINATOR_FINISH_H
#define GGDM_COORDINATOR_FINISH_H

#include "common/status.h"
#include "jobs/store.h"

/** Write what is missing of archives, summary and figures below dir.  Repeatable.
 *  Errors: GGDM_EIO, those of the store. */
ggdm_status ggdm_finish_products(ggdm_store *store, const char *dir, ggdm_error *err);

/** Print on standard output where the results are, and accuracy by kappa and duration. */
ggdm_status ggdm_finish_report(ggdm_store *store, const char *dir, ggdm_error *err);

#endif
