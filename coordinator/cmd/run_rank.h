/* The ranks of `ggdm run`: rank 0 coordinates, the others work.  In an MPI world each is a process;
 * without MPI the one worker is a thread of the coordinator's. */
#ifndef GGDM_COORDINATOR_RUN_RANK_H
#define GGDM_COORDINATOR_RUN_RANK_H

#include <stdbool.h>

#include "common/status.h"
#include "coordinator/run/setup.h"

typedef struct ggdm_run_options {
    ggdm_setup_options setup;
    int workers;                  /* -1: not given */
    const char *hosts, *hostfile; /* NULL: not given */
    bool take_over;               /* the owner on another host is dead */
} ggdm_run_options;

/** The life of this process as a rank of an MPI world; returns its exit code. */
int ggdm_run_rank(const ggdm_run_options *options);

/** All of the run in this process, without MPI; returns its exit code. */
int ggdm_run_alone(const ggdm_run_options *options, ggdm_error *err);

/** Does the sweep ask for an evaluation, which tells in the end what there is to tell?  (A shard is
 *  not evaluated: the run that is joined is, by the next `ggdm run` of it.) */
bool ggdm_run_evaluates(const ggdm_setup *setup);

/** --take-over of a run, by the process that the user started: what a world finds later is not what
 *  the user saw.  Errors: those of ggdm_store_take_over. */
ggdm_status ggdm_run_take_over(const ggdm_run_options *options, const char *dir, ggdm_error *err);

#endif
