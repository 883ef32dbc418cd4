/* The load of `ggdm bench dispatch`: the real store, dispatch loop, transport and worker loop, with
 * units that do nothing, or sleep. */
#ifndef GGDM_COORDINATOR_BENCH_LOAD_H
#define GGDM_COORDINATOR_BENCH_LOAD_H

#include <stdint.h>

#include "common/status.h"
#include "common/transport.h"

typedef struct ggdm_bench_load {
    int32_t units;   /* of the sweep */
    double unit_ms;  /* of the units that measure the overhead */
    const char *dir; /* an existing directory for the runs */
} ggdm_bench_load;

typedef enum ggdm_bench_figure {
    GGDM_BENCH_PLAN_SECONDS,   /* expand the sweep and store its units */
    GGDM_BENCH_DATABASE_BYTES, /* after that */
    GGDM_BENCH_STORE_RATE,     /* units claimed and finished per second, store alone */
    GGDM_BENCH_STORE_CPU,      /* its microseconds of CPU time for a unit */
    GGDM_BENCH_EVENT_BYTES,    /* growth of the database per unit done */
    GGDM_BENCH_RESUME_SECONDS, /* 9 of 10 units done: from opening to the first unit sent */
    GGDM_BENCH_RATE,           /* units per second through the workers, doing nothing */
    GGDM_BENCH_CPU,            /* the coordinator's microseconds of CPU time for a unit */
    GGDM_BENCH_OVERHEAD,       /* percent above the ideal, with units of unit_ms */
    GGDM_BENCH_IDLE_CPU,       /* percent of a core while all workers are busy */
    GGDM_BENCH_RSS_BYTES,      /* peak of the coordinator's own memory while dispatching */
    GGDM_BENCH_STATUS_SECONDS, /* `ggdm status`, measured by the launching process */
    GGDM_BENCH_FIGURES
} ggdm_bench_figure;

#define GGDM_BENCH_RUN "big" /* below dir: the run with all units */

/** Rank 0.  Fills all but the last figure.  The workers have been told in any case.  */
ggdm_status ggdm_bench_coordinate(ggdm_transport *t, const ggdm_bench_load *load,
                                  double figures[GGDM_BENCH_FIGURES], ggdm_error *err);

/** The other ranks. */
ggdm_status ggdm_bench_work(ggdm_transport *t, const ggdm_bench_load *load, ggdm_error *err);

#endif
