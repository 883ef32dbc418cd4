/* `ggdm status --watch`. */
#ifndef GGDM_COORDINATOR_STATUS_WATCH_H
#define GGDM_COORDINATOR_STATUS_WATCH_H

#include "common/status.h"

/** Show the run in dir again and again on standard output until it rests, or whoever looks leaves
 *  (coordinator/show/terminal.h).  A coordinator that is lost may come back; a run that was
 * submitted may begin.  Errors: those of ggdm_run_status_read, of writing. */
ggdm_status ggdm_status_watch(const char *dir, ggdm_error *err);

#endif
