/* `ggdm run` started bare: it starts an MPI world of itself and looks after it. */
#ifndef GGDM_COORDINATOR_LAUNCH_H
#define GGDM_COORDINATOR_LAUNCH_H

#include "common/status.h"

typedef struct ggdm_launch {
    int workers;         /* ranks beside the coordinator, at least 1 */
    int threads;         /* OpenMP threads of each */
    const char *run_dir; /* where the world's status file will be */
    char **args;         /* of the command, NULL-terminated: `ggdm ARGS` in every rank */
} ggdm_launch;

/** Run the world; *exit_code gets its result, as the coordinator wrote it into the status file.
 *  SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask the world to stop between sampler steps (exit code 75);
 *  a second one ends it at once.  When this process is killed the world ends too.
 *  Errors: GGDM_EINVAL when there is no mpirun; GGDM_EIO; GGDM_ECOMM when the world ended without a
 *  result. */
ggdm_status ggdm_launch_world(const ggdm_launch *launch, int *exit_code, ggdm_error *err);

#endif
