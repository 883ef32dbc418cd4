/* The last stage of a run: archives, summary, figures, and what a person is told. */
#ifndef GGDM_COORDINATOR_FINISH_H
#define GGDM_COORDINATOR_FINISH_H

#include <stdbool.h>

#include "common/status.h"
#include "jobs/results.h"

/** Tell on standard output where the results are, and the accuracies; before that, with products,
 *  write what is missing of archives, summary, figures and report below dir.  Repeatable.
 *  Errors: GGDM_EIO, those of the store. */
ggdm_status ggdm_finish_run(ggdm_store *store, const char *dir, bool products, ggdm_error *err);

/** The telling alone. */
ggdm_status ggdm_finish_print(const ggdm_results *r, const char *dir, ggdm_error *err);

#endif
