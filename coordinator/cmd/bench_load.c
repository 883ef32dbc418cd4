#include "coordinator/cmd/bench_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/isa.h"
#include "coordinator/cmd/bench_run.h"
#include "coordinator/cmd/bench_timing.h"
#include "coordinator/run/dispatch.h"
#include "coordinator/run/progress.h"
#include "jobs/store.h"
#include "worker/worker_loop.h"

#define OVERHEAD_UNITS 100 /* of each worker */
#define IDLE_SECONDS 4.0   /* one unit of each worker */
#define TURN 128           /* units of a transaction when the store is measured alone */

/* The runs that are dispatched one after the other; all ranks go through the same list. */
typedef enum session_kind { THROUGHPUT, OVERHEAD, IDLE, N_SESSIONS } session_kind;

static double unit_seconds(const ggdm_bench_load *load, session_kind kind)
{
    const double seconds[] = {0, 1e-3 * load->unit_ms, IDLE_SECONDS};
    return seconds[kind];
}

/* ---- the workers' engine ---- */

/* One gray pixel. */
static uint8_t png[] = {137, 80, 78, 71, 13, 10, 26, 10,  0,   0,  0,   13, 73,  72,  68,  82, 0,
                        0,   0,  1,  0,  0,  0,  1,  8,   0,   0,  0,   0,  58,  126, 155, 85, 0,
                        0,   0,  10, 73, 68, 65, 84, 120, 218, 99, 104, 0,  0,   0,   130, 0,  129,
                        218, 69, 8,  59, 0,  0,  0,  0,   73,  69, 78,  68, 174, 66,  96,  130};

static ggdm_sample sample_of(int64_t trajectory, int32_t index)
{
    return (ggdm_sample){.trajectory = trajectory,
                         .index = index,
                         .diverged_step = -1,
                         .media = GGDM_MEDIA_PNG,
                         .data = png,
                         .size = sizeof png};
}

static ggdm_status sleeper_create(void *context, const ggdm_outfit *outfit, void **self,
                                  ggdm_error *err)
{
    (void)outfit, (void)err;
    *self = context;
    return GGDM_OK;
}

static void sleeper_destroy(void **self)
{
    *self = NULL;
}

/* Sleep as long as told, then hand in the images. */
static ggdm_status sleeper_run(void *self, const ggdm_unit *unit, const ggdm_executor_sink *sink,
                               ggdm_error *err)
{
    double seconds = *(const double *)self, end = ggdm_now() + seconds;
    for (double left = seconds; left > 0; left = end - ggdm_now()) {
        ggdm_sleep(left < 0.05 ? left : 0.05);
        if (!sink->step(sink->context, 0, 1))
            return GGDM_FAIL(err, GGDM_ECANCELLED, "stopped");
    }
    for (int32_t s = 0; s < unit->n_segments; s++)
        for (int32_t i = 0; i < unit->image_count && unit->segments[s].trajectory >= 0; i++) {
            ggdm_sample sample = sample_of(unit->segments[s].trajectory, unit->image_first + i);
            GGDM_TRY(sink->sample(sink->context, &sample, err));
        }
    return GGDM_OK;
}

ggdm_status ggdm_bench_work(ggdm_transport *t, const ggdm_bench_load *load, ggdm_error *err)
{
    for (session_kind kind = 0; kind < N_SESSIONS; kind++) {
        double seconds = unit_seconds(load, kind);
        const ggdm_engine engine = {.context = &seconds,
                                    .create = sleeper_create,
                                    .destroy = sleeper_destroy,
                                    .run = sleeper_run};
        GGDM_TRY(ggdm_worker_run(t, &engine, err));
    }
    return GGDM_OK;
}

/* ---- what the coordinator costs ---- */

/* A transport that notes when the first unit leaves. */
typedef struct watch {
    ggdm_transport base;
    ggdm_transport *inner;
    double first_unit; /* 0: none yet */
    double cpu;        /* of this process, before it */
} watch;

static ggdm_status watch_send(ggdm_transport *t, int to, ggdm_tag tag, const void *data,
                              size_t size, ggdm_error *err)
{
    watch *w = (watch *)t;
    if (tag == GGDM_TAG_UNIT && w->first_unit == 0) {
        w->first_unit = ggdm_now();
        w->cpu = ggdm_bench_cpu_seconds();
    }
    return ggdm_transport_send(w->inner, to, tag, data, size, err);
}

static ggdm_status watch_receive(ggdm_transport *t, ggdm_tag tag, double timeout,
                                 ggdm_packet *packet, bool *got, ggdm_error *err)
{
    return ggdm_transport_receive(((watch *)t)->inner, tag, timeout, packet, got, err);
}

static const ggdm_transport_ops watch_ops = {.send = watch_send, .receive = watch_receive};

/* ---- the store alone ---- */

/* One transaction: claim and finish up to max units. */
static ggdm_status do_turn(ggdm_store *store, int32_t max, int32_t *n, ggdm_error *err)
{
    ggdm_unit units[TURN];
    ggdm_status st;
    *n = 0;
    GGDM_TRY(ggdm_store_begin(store, ggdm_wall_clock(), err));
    st = ggdm_store_claim(store, 1, GGDM_CLAIM_ANY, max, units, n, err);
    for (int32_t i = 0; i < *n; i++) {
        const ggdm_unit *u = &units[i];
        ggdm_sample sample = sample_of(u->segments[0].trajectory, u->image_first);
        bool accepted;
        if (st == GGDM_OK)
            st = ggdm_store_finish(store, u->id, u->attempt, &sample, 1, &accepted, err);
        ggdm_unit_deinit(&units[i]);
    }
    if (st == GGDM_OK)
        st = ggdm_store_commit(store, err);
    ggdm_store_rollback(store);
    return st;
}

static ggdm_status do_most(const ggdm_bench_run *run, int32_t units, double *rate, double *cpu,
                           ggdm_error *err)
{
    ggdm_store *store = NULL;
    GGDM_TRY(ggdm_store_open(run->dir, NULL, &store, err));
    double begun = ggdm_now(), begun_cpu = ggdm_bench_cpu_seconds();
    ggdm_status st = GGDM_OK;
    for (int32_t left = units, n = 1; left > 0 && n > 0 && st == GGDM_OK; left -= n)
        st = do_turn(store, left < TURN ? left : TURN, &n, err);
    *rate = units / (ggdm_now() - begun);
    *cpu = 1e6 * (ggdm_bench_cpu_seconds() - begun_cpu) / units;
    ggdm_store_close(&store);
    return st;
}

/* ---- sessions ---- */

typedef struct timing {
    double first;   /* seconds from opening the store to the first unit */
    double seconds; /* from there until all units are stored */
    double cpu;     /* of the coordinator in that time */
} timing;

/* Workers that compute other bits are refused, here as well. */
static ggdm_status prepare_bits(ggdm_outfit *outfit, ggdm_error *err)
{
    GGDM_TRY(ggdm_isa_choose(&outfit->isa, err));
    GGDM_TRY(ggdm_isa_pin(outfit->isa, err));
    return ggdm_startup_bits(outfit->job.precision, outfit->bits, err);
}

static ggdm_status dispatch(ggdm_transport *t, ggdm_store *store, const ggdm_bench_run *run,
                            watch *w, ggdm_error *err)
{
    ggdm_progress *progress = NULL;
    ggdm_dispatch_end end;
    bool clean;
    GGDM_TRY(ggdm_progress_create(store, &progress, err));
    ggdm_outfit outfit = {.job = run->job};
    ggdm_status st = prepare_bits(&outfit, err);
    if (st == GGDM_OK)
        st = ggdm_startup_give(t, &outfit, err);
    if (st == GGDM_OK) {
        *w = (watch){.base = {&watch_ops, ggdm_transport_rank(t), ggdm_transport_size(t)},
                     .inner = t};
        st = ggdm_dispatch_run(&w->base, store, NULL, progress, &end, &clean, err);
        if (st == GGDM_OK && end != GGDM_DISPATCH_FINISHED)
            st = GGDM_FAIL(err, GGDM_ECANCELLED, "stopped");
    }
    ggdm_progress_destroy(&progress);
    return st;
}

/* *told: the workers are in the session, or through it. */
static ggdm_status run_session(ggdm_transport *t, const ggdm_bench_run *run, timing *out,
                               bool *told, ggdm_error *err)
{
    ggdm_store *store = NULL;
    watch w = {0};
    double begun = ggdm_now();
    GGDM_TRY(ggdm_store_open(run->dir, NULL, &store, err));
    *told = true;
    ggdm_status st = dispatch(t, store, run, &w, err);
    out->first = w.first_unit - begun;
    out->seconds = ggdm_now() - w.first_unit;
    out->cpu = ggdm_bench_cpu_seconds() - w.cpu;
    ggdm_store_close(&store);
    return st;
}

/* ---- the whole ---- */

typedef struct bench {
    ggdm_transport *t;
    const ggdm_bench_load *load;
    double *figures;
    double memory; /* of MPI and the program, before there is any work */
    int sessions;  /* the workers have been told of */
} bench;

static ggdm_status session(bench *b, const ggdm_bench_run *run, timing *out, ggdm_error *err)
{
    bool told = false;
    ggdm_status st = run_session(b->t, run, out, &told, err);
    b->sessions += told;
    return st;
}

static ggdm_status measure_big(bench *b, ggdm_bench_run *run, ggdm_error *err)
{
    int32_t units = b->load->units, most = units / 10 * 9;
    double begun = ggdm_now();
    GGDM_TRY(ggdm_bench_run_create(b->load->dir, GGDM_BENCH_RUN, units, 1, run, err));
    b->figures[GGDM_BENCH_PLAN_SECONDS] = ggdm_now() - begun;
    double bytes = ggdm_bench_run_bytes(run);
    b->figures[GGDM_BENCH_DATABASE_BYTES] = bytes;
    GGDM_TRY(do_most(run, most, &b->figures[GGDM_BENCH_STORE_RATE],
                     &b->figures[GGDM_BENCH_STORE_CPU], err));
    b->figures[GGDM_BENCH_EVENT_BYTES] = (ggdm_bench_run_bytes(run) - bytes) / most;
    timing time;
    ggdm_bench_reset_peak();
    GGDM_TRY(session(b, run, &time, err));
    b->figures[GGDM_BENCH_RESUME_SECONDS] = time.first;
    b->figures[GGDM_BENCH_RATE] = (units - most) / time.seconds;
    b->figures[GGDM_BENCH_CPU] = 1e6 * time.cpu / (units - most);
    b->figures[GGDM_BENCH_RSS_BYTES] = ggdm_bench_memory("VmHWM") - b->memory;
    return GGDM_OK;
}

/* Another run with units that sleep, so many for each worker. */
static ggdm_status measure_small(bench *b, const char *name, int32_t each, timing *time,
                                 ggdm_error *err)
{
    int workers = ggdm_transport_size(b->t) - 1;
    ggdm_bench_run run = {0};
    ggdm_status st = ggdm_bench_run_create(b->load->dir, name, each * workers, 1, &run, err);
    if (st == GGDM_OK)
        st = session(b, &run, time, err);
    ggdm_bench_run_deinit(&run);
    return st;
}

static ggdm_status measure_load(bench *b, ggdm_error *err)
{
    ggdm_bench_run run = {0};
    timing time;
    b->memory = ggdm_bench_memory("VmRSS");
    ggdm_status st = measure_big(b, &run, err);
    ggdm_bench_run_deinit(&run);
    GGDM_TRY(st);
    GGDM_TRY(measure_small(b, "overhead", OVERHEAD_UNITS, &time, err));
    double ideal = OVERHEAD_UNITS * unit_seconds(b->load, OVERHEAD);
    b->figures[GGDM_BENCH_OVERHEAD] = 100 * (time.seconds / ideal - 1);
    GGDM_TRY(measure_small(b, "idle", 1, &time, err));
    b->figures[GGDM_BENCH_IDLE_CPU] = 100 * time.cpu / time.seconds;
    return GGDM_OK;
}

ggdm_status ggdm_bench_coordinate(ggdm_transport *t, const ggdm_bench_load *load,
                                  double figures[GGDM_BENCH_FIGURES], ggdm_error *err)
{
    bench b = {.t = t, .load = load, .figures = figures};
    ggdm_status st = measure_load(&b, err);
    for (; b.sessions < N_SESSIONS; b.sessions++)
        ggdm_startup_give(t, NULL, NULL);
    return st;
}
