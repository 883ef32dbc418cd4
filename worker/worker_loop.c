#include "worker/worker_loop.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/protocol.h"
#include "worker/startup.h"

#define BEAT_SECONDS 0.5              /* at least this long between two heartbeats */
#define BATCH_BYTES ((size_t)1 << 18) /* packed samples are sent when there are so many bytes */
#define WAIT_SECONDS 1.0              /* one look for the next message */

typedef struct worker_state {
    ggdm_transport *t;
    ggdm_outfit outfit;
    const ggdm_engine *engine;
    void *self; /* of the engine */
    ggdm_packet packet;
    ggdm_wire samples; /* packed and not yet sent */
    uint32_t n_samples;
    const ggdm_unit *unit; /* that runs */
    double last_beat, last_checkpoint;
    int64_t saved_at;    /* what was done of the unit at its last checkpoint */
    bool stop;           /* STOP has come */
    ggdm_status channel; /* first failure of the transport inside a unit */
    ggdm_error channel_err;
} worker_state;

/* ---- the sink of the executor ---- */

static bool channel_ok(worker_state *w, ggdm_status st, const ggdm_error *err)
{
    if (st != GGDM_OK && w->channel == GGDM_OK) {
        w->channel = st;
        w->channel_err = *err;
    }
    return w->channel == GGDM_OK;
}

/* Save the unit when its time has come, or for the last time: one that generates, for scores are
 * soon made again.  One that cannot be saved runs on. */
static ggdm_status checkpoint(worker_state *w, int64_t done, double now, ggdm_error *err)
{
    ggdm_error why = {0};
    ggdm_wire state;
    int32_t step = 0;
    double interval = w->outfit.job.checkpoint;
    if (interval <= 0 || !w->engine->save || w->unit->kind == GGDM_UNIT_SCORE ||
        done <= w->saved_at || (!w->stop && now - w->last_checkpoint < interval))
        return GGDM_OK;
    w->last_checkpoint = now;
    w->saved_at = done;
    ggdm_wire_init(&state);
    ggdm_status st = GGDM_OK;
    if (w->engine->save(w->self, &state, &step, &why) == GGDM_OK)
        st = ggdm_send_checkpoint(w->t, w->unit, step, state.data, state.size, err);
    else
        ggdm_log(GGDM_LOG_WARN, "no checkpoint: %s", why.msg);
    ggdm_wire_deinit(&state);
    return st;
}

/* Between batches: look for STOP, send a heartbeat and a checkpoint now and then. */
static bool on_step(void *context, int64_t done, int64_t total)
{
    worker_state *w = context;
    ggdm_error err = {0};
    bool got = false;
    ggdm_status st = ggdm_transport_receive(w->t, GGDM_TAG_STOP, 0, &w->packet, &got, &err);
    if (got)
        w->stop = true;
    double now = ggdm_now();
    if (st == GGDM_OK && !w->stop && now - w->last_beat >= BEAT_SECONDS) {
        w->last_beat = now;
        st = ggdm_send_beat(w->t, w->unit, done, total, &err);
    }
    if (st == GGDM_OK)
        st = checkpoint(w, done, now, &err);
    return channel_ok(w, st, &err) && !w->stop;
}

static ggdm_status send_samples(worker_state *w, ggdm_error *err)
{
    if (w->n_samples == 0)
        return GGDM_OK;
    ggdm_status st =
        ggdm_send_samples(w->t, w->unit, w->n_samples, w->samples.data, w->samples.size, err);
    if (st != GGDM_OK && w->channel == GGDM_OK) {
        w->channel = st;
        if (err)
            w->channel_err = *err;
    }
    ggdm_wire_reset(&w->samples);
    w->n_samples = 0;
    return st;
}

static ggdm_status on_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    worker_state *w = context;
    GGDM_TRY(ggdm_sample_pack(sample, &w->samples, err));
    w->n_samples++;
    return w->samples.size >= BATCH_BYTES ? send_samples(w, err) : GGDM_OK;
}

/* ---- units ---- */

/* Run a unit and report what became of it.  Only a broken channel is an error. */
static ggdm_status run_unit(worker_state *w, const ggdm_unit *unit, ggdm_error *err)
{
    const ggdm_executor_sink sink = {.context = w, .step = on_step, .sample = on_sample};
    ggdm_error unit_err = {0};
    w->unit = unit;
    w->last_beat = w->last_checkpoint = ggdm_now();
    w->saved_at = 0;
    ggdm_wire_reset(&w->samples);
    w->n_samples = 0;
    ggdm_status st = w->engine->run(w->self, unit, &sink, &unit_err);
    if (st == GGDM_OK)
        st = send_samples(w, &unit_err);
    if (w->channel != GGDM_OK) {
        *err = w->channel_err;
        return w->channel;
    }
    if (st == GGDM_OK)
        return ggdm_send_done(w->t, unit, err);
    ggdm_log(GGDM_LOG_DEBUG, "unit %lld: %s", (long long)unit->id, unit_err.msg);
    return ggdm_send_failed(w->t, unit, st, unit_err.msg, err);
}

static ggdm_status run_packet(worker_state *w, ggdm_error *err)
{
    ggdm_unit unit = {0};
    ggdm_status st = ggdm_unit_receive(&w->packet, &unit, err);
    if (st == GGDM_OK)
        st = run_unit(w, &unit, err);
    ggdm_unit_deinit(&unit);
    w->unit = NULL;
    return st;
}

static ggdm_status work_on_units(worker_state *w, ggdm_error *err)
{
    GGDM_TRY(ggdm_send_empty(w->t, 0, GGDM_TAG_READY, err));
    while (!w->stop) {
        bool got;
        GGDM_TRY(ggdm_transport_receive(w->t, GGDM_TAG_ANY, WAIT_SECONDS, &w->packet, &got, err));
        if (!got)
            continue;
        if (w->packet.tag == GGDM_TAG_STOP)
            w->stop = true;
        else if (w->packet.tag == GGDM_TAG_UNIT)
            GGDM_TRY(run_packet(w, err));
        else
            return GGDM_FAIL(err, GGDM_EFORMAT, "tag %d from the coordinator", (int)w->packet.tag);
    }
    return GGDM_OK;
}

/* ---- life ---- */

/* Whatever goes wrong before the first unit is told to the coordinator, which decides. */
static ggdm_status build_and_work(worker_state *w, ggdm_error *err)
{
    ggdm_error build_err = {0};
    ggdm_status st = w->engine->create(w->engine->context, &w->outfit, &w->self, &build_err);
    if (st == GGDM_OK)
        st = work_on_units(w, err);
    else
        st = ggdm_send_failed(w->t, NULL, st, build_err.msg, err);
    if (st == GGDM_OK)
        st = ggdm_send_empty(w->t, 0, GGDM_TAG_BYE, err);
    return st;
}

ggdm_status ggdm_worker_run(ggdm_transport *t, const ggdm_engine *engine, ggdm_error *err)
{
    worker_state w = {.t = t, .engine = engine};
    bool any_work = false;
    GGDM_TRY(ggdm_startup_take(t, &w.outfit, &any_work, err));
    ggdm_wire_init(&w.samples);
    ggdm_status st = any_work ? build_and_work(&w, err) : GGDM_OK;
    engine->destroy(&w.self);
    ggdm_wire_deinit(&w.samples);
    ggdm_packet_deinit(&w.packet);
    ggdm_outfit_deinit(&w.outfit);
    return st;
}
