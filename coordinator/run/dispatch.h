/* The coordinator's event loop: hands out units, takes in images, keeps the store true. */
#ifndef GGDM_COORDINATOR_DISPATCH_H
#define GGDM_COORDINATOR_DISPATCH_H

#include <stdbool.h>

#include "common/status.h"
#include "common/transport.h"
#include "coordinator/run/progress.h"
#include "jobs/store.h"
#include "jobs/store_until.h"

typedef enum ggdm_dispatch_end {
    GGDM_DISPATCH_FINISHED,   /* nothing is left */
    GGDM_DISPATCH_INTERRUPTED /* somebody asked to stop (coordinator/world/stop.h) */
} ggdm_dispatch_end;

/** Run units on the workers (ranks 1 and up) until none is left, and no sweep wants a further round
 *  (growth: how it is planned; NULL where none does), or a stop is asked for.  One
 *  transaction per turn; workers hear of what it decided only after the commit.  In the end all
 *  workers have left; *clean = false when some did not answer, so that the world has to be ended
 *  by ggdm_transport_abort.
 *  Errors: of the store, of the transport, or of the workers when none of them can work. */
ggdm_status ggdm_dispatch_run(ggdm_transport *t, ggdm_store *store, const ggdm_growth *growth,
                              ggdm_progress *progress, ggdm_dispatch_end *end, bool *clean,
                              ggdm_error *err);

#endif
