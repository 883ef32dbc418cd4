/* Starting mpirun: its command line, and the environment of the ranks. */
#ifndef GGDM_COORDINATOR_LAUNCH_H
#define GGDM_COORDINATOR_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/status.h"
#include "coordinator/world/hosts.h"

/* Set by `ggdm run` for the world it launches: "line:COLUMNS" or "plain" (a rank cannot see the
 * terminal), and the token by which it recognises its own status file. */
#define GGDM_PROGRESS_ENV "GGDM_PROGRESS"
#define GGDM_LAUNCH_ENV "GGDM_LAUNCH"

typedef struct ggdm_launch {
    int workers;             /* ranks beside the coordinator, at least 1 */
    int threads;             /* OpenMP threads of each */
    const char *run_dir;     /* where the world's status file will be */
    const char *log;         /* for the words of others than ggdm, NULL: standard error */
    char **args;             /* of the command, NULL-terminated: `ggdm ARGS` in every rank */
    const ggdm_hosts *hosts; /* on those that are not left out; n 0: here */
    bool may_be_silent;      /* its status file is no sign of life */
} ggdm_launch;

#define GGDM_LAUNCHER_ENV                                                                          \
    "GGDM_LAUNCHER"        /* "srun": by srun instead of mpirun, in an allocation                  \
                            */
#define GGDM_TOKEN_SIZE 64 /* bytes of the name by which a world is known */

/** Errors: GGDM_EINVAL when there is no mpirun in PATH. */
ggdm_status ggdm_launch_possible(ggdm_error *err);

/** Start mpirun, in a process group of its own, with SIGTERM at this process's death and no signal
 *  blocked.  loss: GGDM_LOSS_ENV for the ranks.
 *  *output, *errors: mpirun's standard output and error, and so the ranks'; close them.
 *  Errors: GGDM_EIO, GGDM_ENOMEM. */
ggdm_status ggdm_launch_world(const ggdm_launch *launch, const char *token, const char *loss,
                              pid_t *mpirun, int *output, int *errors, ggdm_error *err);

/** Does each host answer?  mpirun starts `true` on each, all at once; a host on which that does not
 *  end well within a few seconds is left out, others are not any more (both is logged, unless none
 * is left). Returns whether a host was lost that was in. */
bool ggdm_launch_probe(ggdm_hosts *hosts);

#define GGDM_EXEC_FAILED 127 /* exit code of a child that could not become mpirun */

#endif
