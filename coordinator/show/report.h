/* RUN/report.html: one page about a run that needs no other file and no network.  A function of the
 * store and of the figure beside it. */
#ifndef GGDM_COORDINATOR_REPORT_H
#define GGDM_COORDINATOR_REPORT_H

#include "common/status.h"
#include "jobs/results.h"

/** Write dir/name, replaced atomically.  figures/accuracy.svg is put in where it is there.
 *  Errors: GGDM_EIO, GGDM_ENOMEM, those of the store. */
ggdm_status ggdm_report_write(const ggdm_results *r, const char *dir, const char *name,
                              ggdm_error *err);

#endif
