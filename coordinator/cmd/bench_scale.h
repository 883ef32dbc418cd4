/* `ggdm bench dispatch --ranks N`: the real store and dispatch loop with simulated workers
 * (bench_swarm.h).  Each world is a child process: where a worker dies, its coordinator is killed
 * as mpirun kills it, and the next world recovers the store. */
#ifndef GGDM_COORDINATOR_BENCH_SCALE_H
#define GGDM_COORDINATOR_BENCH_SCALE_H

#include <argp.h>
#include <stdbool.h>

#include "common/status.h"
#include "coordinator/cmd/bench_swarm.h"

typedef struct ggdm_bench_scale {
    ggdm_swarm_load load; /* ranks 0: not asked for */
    int32_t units;        /* of the sweep */
    const char *dir;      /* an existing directory for the run */
    bool json;
} ggdm_bench_scale;

/** The options of the load; their input is a ggdm_bench_scale. */
extern const struct argp ggdm_bench_scale_argp;

/** Measure and print. */
ggdm_status ggdm_bench_scale_run(ggdm_bench_scale *scale, ggdm_error *err);

#endif
