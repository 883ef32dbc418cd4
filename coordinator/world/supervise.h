/* The supervisor of `ggdm run`: worlds one after the other until the run is done.
 *
 * Crash-only: a world that dies or hangs is cleared away and a new one continues from the database,
 * as a start after a crash does. */
#ifndef GGDM_COORDINATOR_SUPERVISE_H
#define GGDM_COORDINATOR_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "coordinator/world/launch.h"

typedef struct ggdm_supervision {
    ggdm_launch launch;  /* of the first world */
    ggdm_hosts *hosts;   /* launch.hosts: those that do not answer get marked */
    int64_t images_done; /* of the run so far: what counts as progress */
} ggdm_supervision;

/** Run worlds until one has a result; *exit_code gets it.  *at_rest = true instead when a world was
 *  lost after the last unit: archives and report are left to do, which needs no world.
 *  SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask to stop (exit code 75); a second one ends the world at
 *  once.  When this process is killed the world ends too.
 *  Errors: GGDM_EIO; GGDM_ECANCELLED when stopped before there was a result; GGDM_ECOMM when there
 *  is nothing left to run on, or world after world is lost without progress. */
ggdm_status ggdm_supervise(const ggdm_supervision *s, int *exit_code, bool *at_rest,
                           ggdm_error *err);

#endif
