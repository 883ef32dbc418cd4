/* Runs for `ggdm bench dispatch`: sweeps without models, whose images nobody makes. */
#ifndef GGDM_COORDINATOR_BENCH_RUN_H
#define GGDM_COORDINATOR_BENCH_RUN_H

#include <stdint.h>

#include "common/status.h"
#include "jobs/messages.h"

typedef struct ggdm_bench_run {
    char *dir; /* owned */
    ggdm_job job;
} ggdm_bench_run;

#define GGDM_BENCH_STEPS 1000 /* of the chain of a unit */

/** A run of so many units, of so many images each: of ten cells where the units divide.  *run is to
 *  be deinitialised after an error, too. */
ggdm_status ggdm_bench_run_create(const char *parent, const char *name, int32_t units,
                                  int32_t images, ggdm_bench_run *run, ggdm_error *err);
void ggdm_bench_run_deinit(ggdm_bench_run *run);

/** Size of its database. */
double ggdm_bench_run_bytes(const ggdm_bench_run *run);

#endif
