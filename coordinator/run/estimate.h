/* What a sweep will cost a worker in memory and time, from the programs it will run. */
#ifndef GGDM_COORDINATOR_ESTIMATE_H
#define GGDM_COORDINATOR_ESTIMATE_H

#include <stdint.h>

#include <stddef.h>

#include "common/status.h"
#include "coordinator/run/setup.h"

/* A tick of one image by one worker, of the first program of its kind. */
typedef struct ggdm_estimate_tick {
    double operations; /* counted; 0: the plan has none */
    double seconds;    /* measured */
} ggdm_estimate_tick;

typedef struct ggdm_estimate {
    size_t weights; /* bytes, held once per node */
    size_t arenas;  /* bytes of activations per worker, all programs at full batch */
    size_t packed;  /* bytes of weights as kernels want them, per worker */
    size_t states;  /* bytes of images under way per worker: bounded by the planner */
    ggdm_estimate_tick plain, guided;
} ggdm_estimate;

/** Seconds of one worker for this much work. */
double ggdm_estimate_seconds(const ggdm_estimate *estimate, const ggdm_plan_count *work);

/** Build the programs at the setup's batch and time a few ticks (about a second).
 *  Errors: those of building. */
ggdm_status ggdm_estimate_make(const ggdm_setup *setup, ggdm_estimate *out, ggdm_error *err);

/** What a worker takes, with the program itself and its packed weights. */
uint64_t ggdm_estimate_worker_bytes(const ggdm_estimate *estimate);

/** How many of these workers there is memory for on this machine (common/limits.h: control groups
 *  and RLIMIT_AS count). */
int ggdm_estimate_room(const ggdm_estimate *estimate);

#endif
