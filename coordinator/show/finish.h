/* The last stage of a run: archives, summary, figures, and what a person is told. */
#ifndef GGDM_COORDINATOR_FINISH_H
#define GGDM_COORDINATOR_FINISH_H

#include <stdbool.h>

#include "common/status.h"
#include "jobs/results.h"

enum {
    GGDM_FINISH_WRITE = 1, /* what is missing of archives, summary, figures and report below dir */
    GGDM_FINISH_TELL = 2   /* on standard output where the results are, and the accuracies */
};

/** Do what (some of the above).  Repeatable.  Errors: GGDM_EIO, those of the store. */
ggdm_status ggdm_finish_run(ggdm_store *store, const char *dir, int what, ggdm_error *err);

/** The telling alone. */
ggdm_status ggdm_finish_print(const ggdm_results *r, const char *dir, ggdm_error *err);

#endif
