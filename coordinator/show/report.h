/* RUN/report.html: one page about a run that needs no network, and no other file while it is not
 * too large.  A function of the store and of the files beside it. */
#ifndef GGDM_COORDINATOR_REPORT_H
#define GGDM_COORDINATOR_REPORT_H

#include "common/status.h"
#include "coordinator/show/report_data.h"
#include "jobs/results.h"

/* What the store does not know; zeros: the usual. */
typedef struct ggdm_report_options {
    const ggdm_report_live *live; /* NULL: the run does not go on */
    bool summary;                 /* summary.csv and summary.json are about to be written */
    size_t most_bytes;            /* of the page, beyond which images are beside it; 0: 50 MB */
} ggdm_report_options;

/** Write dir/name, replaced atomically.  Images stand beside it, in report_files/ where the name is
 *  report.html, where it would become larger than 50 MB with them.
 *  options  NULL: the usual
 *  Errors: GGDM_EIO, GGDM_ENOMEM, those of the store. */
ggdm_status ggdm_report_write(const ggdm_results *r, const char *dir, const char *name,
                              const ggdm_report_options *options, ggdm_error *err);

#endif
