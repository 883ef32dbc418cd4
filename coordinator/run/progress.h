/* How far a run is: the live line on standard error, and RUN/status.json.
 *
 * Work is measured in the planner's cost (U-Net evaluations), the running units included, so that
 * bar and ETA move smoothly although images arrive a unit at a time. */
#ifndef GGDM_COORDINATOR_PROGRESS_H
#define GGDM_COORDINATOR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "coordinator/run/progress_line.h"
#include "jobs/store.h"

typedef struct ggdm_progress ggdm_progress;

/** The store is borrowed.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_progress_create(ggdm_store *store, ggdm_progress **out, ggdm_error *err);
void ggdm_progress_destroy(ggdm_progress **progress);

/** Show and record the state; both are rate limited, so call it often.
 *  Errors: of writing the status file (GGDM_EIO): the run need not stop for that. */
ggdm_status ggdm_progress_update(ggdm_progress *p, const ggdm_progress_state *state,
                                 ggdm_error *err);

/** Record the state in which the workers left, without showing it. */
void ggdm_progress_settle(ggdm_progress *p, const ggdm_progress_state *state);

/** End the live line, so that other text can follow. */
void ggdm_progress_clear(ggdm_progress *p);

/** Remember for the status file which worker was lost, and where; rank -1: no single one. */
void ggdm_progress_lost(ggdm_progress *p, int rank, const char *host);

/** A thread touches the status file every second until the end of p: signs of life while this one
 *  writes archives.  Errors: GGDM_EINTERNAL. */
ggdm_status ggdm_progress_keep_fresh(ggdm_progress *p, ggdm_error *err);

/** Write the status file now.  phase: "running", "stopping", "finishing", "done", "failed",
 *  "interrupted", "lost" (the world has to be ended, and a new one may go on).
 *  exit_code -1: not known yet.  message: why it failed, or NULL. */
ggdm_status ggdm_progress_record(ggdm_progress *p, const char *phase, int exit_code,
                                 const char *message, ggdm_error *err);

/** The status of a run without coordinator, as the status file has it.  *text owned: free(). */
ggdm_status ggdm_progress_at_rest(ggdm_store *store, char **text, size_t *size, ggdm_error *err);

/** Write the status file of a run at rest that was changed. */
ggdm_status ggdm_progress_note(ggdm_store *store, ggdm_error *err);

/** Exit code of a run whose units are all at rest: 0, or 1 when some were given up. */
int ggdm_rest_exit_code(const ggdm_store *store);

#endif
