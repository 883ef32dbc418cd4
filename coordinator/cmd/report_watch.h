/* `ggdm report --watch`: the page of a run that goes on. */
#ifndef GGDM_COORDINATOR_REPORT_WATCH_H
#define GGDM_COORDINATOR_REPORT_WATCH_H

#include "common/status.h"

/** Write dir/name about the run in run_dir anew every so many seconds, though never for more than a
 *  tenth of the time, until the run rests or a signal comes; the last page says that it stays as
 *  it is.  Neither database nor coordinator is touched: it reads status file and snapshot.
 *  Errors: those of reading the run and of writing the page. */
ggdm_status ggdm_report_watch(const char *run_dir, const char *dir, const char *name, double every,
                              ggdm_error *err);

#endif
