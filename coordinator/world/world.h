/* One MPI world from its start to its end, seen from outside. */
#ifndef GGDM_COORDINATOR_WORLD_H
#define GGDM_COORDINATOR_WORLD_H

#include <signal.h>

#include "common/status.h"
#include "coordinator/world/launch.h"
#include "coordinator/world/obituary.h"
#include "coordinator/world/world_status.h"

/* The signals that ask a run to stop, caught while a supervisor lives. */
typedef struct ggdm_stop_watch {
    int fd; /* signalfd */
    int stops;
    sigset_t old;
} ggdm_stop_watch;

/** Errors: GGDM_EIO. */
ggdm_status ggdm_stop_watch_begin(ggdm_stop_watch *w, ggdm_error *err);
void ggdm_stop_watch_end(ggdm_stop_watch *w);
/** Sleep, but not longer than until the next stop. */
void ggdm_stop_watch_sleep(ggdm_stop_watch *w, double seconds);

typedef struct ggdm_world_end {
    int wait_status; /* of mpirun, as waitpid gives it */
    char hung[128];  /* why the supervisor ended it, "" when it ended by itself */
    double seconds;  /* that the coordinator was seen at work */
    bool kept_words; /* of mpirun and others are in the log */
    ggdm_obituary obituary;
    ggdm_world_status status;
} ggdm_world_end;

/** Start a world and watch it until nothing of it is left.  What it says is passed on
 *  (coordinator/world/relay.h).  The first stop asks it to stop between sampler steps (SIGUSR1,
 * which mpirun forwards, until the status file says that it was heard), or ends it where no unit
 * runs; a second one ends it at once.  A world whose coordinator gives no sign of life
 *  (coordinator/world/silence.h) is ended.
 *  Errors: GGDM_EIO, GGDM_ENOMEM: it could not be started. */
ggdm_status ggdm_world_run(const ggdm_launch *launch, const char *loss, ggdm_stop_watch *stops,
                           ggdm_world_end *out, ggdm_error *err);

/** Run one world without a successor.  Errors: as above; GGDM_EINVAL without mpirun;
 * GGDM_ECANCELLED when stopped, GGDM_ECOMM when its status file does not say exit code 0. */
ggdm_status ggdm_world_once(const ggdm_launch *launch, ggdm_error *err);

#endif
