/* A worker as the coordinator sees it:
 *
 *     STARTING --READY--> WAITING --unit sent--> BUSY --DONE, FAILED--> REPORTED --commit-->
 * WAITING
 *
 * and at any time BYE: it has left.
 *
 * Each turn of the loop takes in the packets there are, then makes one transaction: results of the
 * REPORTED, claims for the WAITING.  Units are sent after the commit.  The images of a unit are
 * kept here until DONE and stored together with the change of state, so a unit is done as a whole
 * or not at all. */
#include "coordinator/dispatch.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/request.h"
#include "coordinator/silence.h"
#include "coordinator/stop.h"
#include "worker/protocol.h"

#define TURN_SECONDS 0.2 /* longest wait for a packet: progress is shown in between */
#define MAX_PACKETS 1024 /* taken in by one turn */
#define MAX_STATE_BYTES ((size_t)8 << 20) /* of checkpoints, beyond which a turn takes no packets  \
                                           */
#define STOP_SECONDS 9.0                  /* in all, where somebody waits for the end */
#define TOGETHER_SECONDS 5.0 /* who falls silent within so much of each other has one cause */

typedef enum worker_phase { STARTING, WAITING, BUSY, REPORTED } worker_phase;

typedef struct worker {
    worker_phase phase;
    bool left;         /* said BYE: gets nothing more */
    ggdm_unit unit;    /* BUSY, REPORTED; owned */
    bool to_send;      /* claimed in this turn */
    bool suspect;      /* the unit has cost worlds: no other such unit may run */
    double last_sign;  /* when the last packet came, or the unit was sent */
    double cost, part; /* of the unit; done part in [0, 1] */
    double resumed;    /* part that was done when it was claimed */
    uint8_t *state;    /* [state_size], owned: a checkpoint to be stored in this turn */
    size_t state_size;
    int32_t state_step;
    int64_t expected;   /* images of the unit */
    ggdm_image *images; /* [n_images], owned */
    size_t n_images, cap;
    ggdm_status outcome; /* REPORTED: GGDM_OK, or why it failed */
    char *message;       /* REPORTED and failed; owned */
} worker;

typedef struct dispatch {
    ggdm_transport *t;
    ggdm_store *store;
    ggdm_gradient gradient; /* of the run: it sets what a guided step costs */
    ggdm_progress *progress;
    worker *workers; /* [n], by rank; 0 is unused */
    int n;           /* size of the world */
    ggdm_packet packet;
    double cost_finished;
    double cost_resumed; /* of what is done, made before this session */
    size_t state_bytes;  /* of checkpoints that wait for the turn's transaction */
    bool stopping;
    double longest_gap; /* between two signs of a worker that has a unit */
    double last_look;   /* at who is silent */
    ggdm_error broken;  /* why a worker could not begin, code GGDM_OK: none */
} dispatch;

/* ---- a worker's unit ---- */

static void forget_state(dispatch *d, worker *w)
{
    d->state_bytes -= w->state_size;
    free(w->state);
    w->state = NULL;
    w->state_size = 0;
}

static void forget_unit(dispatch *d, worker *w)
{
    for (size_t i = 0; i < w->n_images; i++)
        ggdm_image_deinit(&w->images[i]);
    w->n_images = 0;
    ggdm_unit_deinit(&w->unit);
    w->unit = (ggdm_unit){.id = -1};
    free(w->message);
    w->message = NULL;
    forget_state(d, w);
    w->part = w->cost = w->resumed = 0;
    w->outcome = GGDM_OK;
    w->to_send = w->suspect = false;
}

static int64_t images_of(const ggdm_unit *unit)
{
    int64_t n = 0;
    for (int32_t i = 0; i < unit->n_segments; i++)
        n += unit->segments[i].trajectory >= 0;
    return n * unit->image_count;
}

/* How much of a unit is done where its state was saved. */
static double part_before(const ggdm_unit *unit)
{
    int64_t done = 0, total = 0;
    for (int32_t i = 0; i < unit->n_segments; i++) {
        const ggdm_segment *s = &unit->segments[i];
        int32_t at = unit->step < s->end ? unit->step : s->end;
        done += at > s->begin ? at - s->begin : 0;
        total += s->end - s->begin;
    }
    return total > 0 ? (double)done / (double)total : 0;
}

/* Is the report about the unit that this worker has? */
static bool is_current(const worker *w, const ggdm_report *report)
{
    return w->phase == BUSY && report->unit == w->unit.id && report->attempt == w->unit.attempt;
}

/* ---- packets ---- */

/* Move the report's images to the worker's.  More than the unit asks for fail it. */
static ggdm_status take_images(worker *w, ggdm_report *report, ggdm_error *err)
{
    size_t n = (size_t)report->n_images;
    if ((int64_t)(w->n_images + n) > w->expected)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%zu images, expected %lld", w->n_images + n,
                         (long long)w->expected);
    GGDM_TRY(ggdm_grow(&w->images, &w->cap, w->n_images + n, sizeof *w->images, err));
    for (size_t i = 0; i < n; i++)
        w->images[w->n_images++] = report->images[i];
    report->n_images = 0; /* moved */
    return GGDM_OK;
}

/* Of two in one turn the later one counts. */
static void take_state(dispatch *d, worker *w, ggdm_report *report)
{
    forget_state(d, w);
    w->state = report->state;
    w->state_size = report->state_size;
    w->state_step = report->step;
    report->state = NULL; /* moved */
    d->state_bytes += w->state_size;
}

static void reported(worker *w, ggdm_status outcome, char **message)
{
    w->phase = REPORTED;
    w->outcome = outcome;
    free(w->message);
    w->message = *message;
    *message = NULL;
}

/* The worker could not build its networks. */
static void worker_broken(dispatch *d, int rank, const ggdm_report *report)
{
    const char *text = report->message ? report->message : "";
    if (d->broken.code == GGDM_OK)
        GGDM_FAIL(&d->broken, report->status ? report->status : GGDM_EINTERNAL,
                  "worker %d cannot work: %.900s", rank, text);
    ggdm_progress_clear(d->progress);
    ggdm_log(GGDM_LOG_WARN, "worker %d cannot work: %s", rank, text);
}

static ggdm_status handle_report(dispatch *d, worker *w, ggdm_report *report, ggdm_error *err)
{
    switch (d->packet.tag) {
    case GGDM_TAG_READY:
        if (w->phase == STARTING)
            w->phase = WAITING;
        break;
    case GGDM_TAG_IMAGES:
        if (is_current(w, report))
            return take_images(w, report, err);
        break;
    case GGDM_TAG_BEAT:
        if (is_current(w, report) && report->total > 0 && report->done <= report->total)
            w->part = (double)report->done / (double)report->total;
        break;
    case GGDM_TAG_CHECKPOINT:
        if (is_current(w, report) && report->state)
            take_state(d, w, report);
        break;
    case GGDM_TAG_DONE:
        if (is_current(w, report))
            reported(w, GGDM_OK, &report->message);
        break;
    case GGDM_TAG_FAILED:
        if (is_current(w, report))
            reported(w, report->status ? report->status : GGDM_EINTERNAL, &report->message);
        else if (report->unit < 0)
            worker_broken(d, d->packet.from, report);
        break;
    case GGDM_TAG_BYE:
        w->left = true;
        break;
    default:
        break;
    }
    return GGDM_OK;
}

static ggdm_status handle_packet(dispatch *d, ggdm_error *err)
{
    worker *w = &d->workers[d->packet.from];
    ggdm_report report;
    GGDM_TRY(ggdm_report_unpack(&d->packet, &report, err));
    double now = ggdm_now();
    if (w->phase == BUSY && now - w->last_sign > d->longest_gap)
        d->longest_gap = now - w->last_sign;
    w->last_sign = now;
    ggdm_error why = {0};
    if (handle_report(d, w, &report, &why) != GGDM_OK) {
        /* Too many images: what it sends further is dropped, the unit counts as failed. */
        char *text = NULL;
        ggdm_asprintf(&text, NULL, "%s", why.msg);
        reported(w, why.code, &text);
    }
    ggdm_report_deinit(&report);
    return GGDM_OK;
}

static ggdm_status take_packets(dispatch *d, double timeout, ggdm_error *err)
{
    for (int i = 0; i < MAX_PACKETS; i++) {
        bool got;
        GGDM_TRY(
            ggdm_transport_receive(d->t, GGDM_TAG_ANY, i ? 0 : timeout, &d->packet, &got, err));
        if (!got)
            break;
        GGDM_TRY(handle_packet(d, err));
        if (d->packet.cap > MAX_STATE_BYTES)
            ggdm_packet_deinit(&d->packet);
        if (d->state_bytes > MAX_STATE_BYTES)
            break;
    }
    return GGDM_OK;
}

/* ---- the transaction of a turn ---- */

static ggdm_status fail_unit(dispatch *d, worker *w, const char *message, ggdm_error *err)
{
    ggdm_unit_state state;
    GGDM_TRY(ggdm_store_fail(d->store, w->unit.id, w->unit.attempt, message, &state, err));
    ggdm_progress_clear(d->progress);
    ggdm_log(GGDM_LOG_WARN, "unit %lld failed (attempt %d, now %s): %s", (long long)w->unit.id,
             w->unit.attempt, state < GGDM_UNIT_STATES ? ggdm_unit_state_names[state] : "late",
             message);
    return GGDM_OK;
}

static ggdm_status store_result(dispatch *d, worker *w, ggdm_error *err)
{
    if (w->outcome == GGDM_ECANCELLED && d->stopping)
        return ggdm_store_release(d->store, w->unit.id, w->unit.attempt, NULL, err);
    if (w->outcome != GGDM_OK)
        return fail_unit(d, w, w->message ? w->message : ggdm_status_text(w->outcome), err);
    ggdm_error why = {0};
    bool accepted = false;
    ggdm_status st = ggdm_store_finish(d->store, w->unit.id, w->unit.attempt, w->images,
                                       (int32_t)w->n_images, &accepted, &why);
    if (st == GGDM_EFORMAT || st == GGDM_ESTATE) /* the unit's fault, not the store's */
        return fail_unit(d, w, why.msg, err);
    if (st != GGDM_OK) {
        if (err)
            *err = why;
        return st;
    }
    if (accepted) {
        d->cost_finished += w->cost;
        d->cost_resumed += w->cost * w->resumed;
    }
    return GGDM_OK;
}

static ggdm_status store_state(dispatch *d, worker *w, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    if (w->state && !(w->phase == REPORTED && w->outcome == GGDM_OK))
        st = ggdm_store_checkpoint(d->store, w->unit.id, w->unit.attempt, w->state_step, w->state,
                                   w->state_size, err);
    forget_state(d, w);
    return st;
}

/* A suspect may be sent only while no other one runs: when the world ends again it is known whose
 * fault that was, and the others work on beside it. */
static bool suspect_allowed(const dispatch *d)
{
    for (int i = 1; i < d->n; i++)
        if (d->workers[i].suspect)
            return false;
    return ggdm_store_counts_get(d->store)->suspects > 0;
}

static ggdm_status claim_for(dispatch *d, int rank, bool *any, ggdm_error *err)
{
    worker *w = &d->workers[rank];
    int32_t n = 0;
    GGDM_TRY(ggdm_store_claim(d->store, rank, GGDM_CLAIM_INNOCENT, 1, &w->unit, &n, err));
    if (n == 0 && suspect_allowed(d)) {
        GGDM_TRY(ggdm_store_claim(d->store, rank, GGDM_CLAIM_SUSPECT, 1, &w->unit, &n, err));
        w->suspect = n == 1;
    }
    *any = n == 1;
    if (!*any)
        return GGDM_OK;
    w->to_send = true;
    w->expected = images_of(&w->unit);
    w->part = w->resumed = part_before(&w->unit);
    w->cost =
        w->unit.image_count * ggdm_segments_cost(w->unit.segments, w->unit.n_segments, d->gradient);
    return GGDM_OK;
}

/* Is there something that the claims of this turn could get? */
static ggdm_status any_claimable(dispatch *d, bool *any, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(d->store);
    *any = c->units[GGDM_UNIT_READY] > c->suspects || suspect_allowed(d);
    if (*any || c->units[GGDM_UNIT_FAILED] == 0)
        return GGDM_OK;
    double due = 0;
    GGDM_TRY(ggdm_store_next_due(d->store, &due, err));
    *any = due > 0 && due <= ggdm_wall_clock();
    return GGDM_OK;
}

static int count_phase(const dispatch *d, worker_phase phase)
{
    int n = 0;
    for (int i = 1; i < d->n; i++)
        n += d->workers[i].phase == phase && (!d->workers[i].left || phase == REPORTED);
    return n;
}

static int count_left(const dispatch *d)
{
    int n = 0;
    for (int i = 1; i < d->n; i++)
        n += d->workers[i].left;
    return n;
}

static ggdm_status store_turn(dispatch *d, ggdm_error *err)
{
    for (int i = 1; i < d->n; i++) {
        GGDM_TRY(store_state(d, &d->workers[i], err));
        if (d->workers[i].phase == REPORTED)
            GGDM_TRY(store_result(d, &d->workers[i], err));
    }
    bool any = !d->stopping;
    for (int i = 1; i < d->n && any; i++) {
        worker *w = &d->workers[i];
        if (w->left || (w->phase != WAITING && w->phase != REPORTED))
            continue;
        forget_unit(d, w);
        w->phase = WAITING;
        GGDM_TRY(claim_for(d, i, &any, err));
    }
    return GGDM_OK;
}

/* After the commit: results are safe, units go out. */
static ggdm_status answer(dispatch *d, ggdm_error *err)
{
    for (int i = 1; i < d->n; i++) {
        worker *w = &d->workers[i];
        if (w->phase == REPORTED) {
            forget_unit(d, w);
            w->phase = WAITING;
        }
        if (!w->to_send)
            continue;
        w->to_send = false;
        w->phase = BUSY;
        w->last_sign = ggdm_now();
        GGDM_TRY(ggdm_send_unit(d->t, i, &w->unit, err));
        free(w->unit.state);
        w->unit.state = NULL;
        w->unit.state_size = 0;
    }
    return GGDM_OK;
}

/* Results and claims in one transaction, if there are any. */
static ggdm_status transact(dispatch *d, ggdm_error *err)
{
    bool claimable = false;
    if (!d->stopping && count_phase(d, WAITING) > 0)
        GGDM_TRY(any_claimable(d, &claimable, err));
    if (!claimable && count_phase(d, REPORTED) == 0 && d->state_bytes == 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_begin(d->store, ggdm_wall_clock(), err));
    ggdm_status st = store_turn(d, err);
    if (st == GGDM_OK)
        st = ggdm_store_commit(d->store, err);
    if (st != GGDM_OK) {
        ggdm_store_rollback(d->store);
        return st;
    }
    return answer(d, err);
}

/* ---- who is silent ---- */

/* Does the coordinator wait for a sign of this worker? */
static bool is_due(const dispatch *d, const worker *w)
{
    return !w->left && (w->phase == STARTING || w->phase == BUSY || d->stopping);
}

static double limit_of(const dispatch *d, const worker *w)
{
    return w->phase == STARTING ? GGDM_START_SECONDS : ggdm_silence_limit(d->longest_gap);
}

/* The silent one was lost: alone, or with others (then its unit is not to blame). */
static ggdm_status lost(dispatch *d, int rank, double now, ggdm_error *err)
{
    const char *host = ggdm_transport_host(d->t, rank);
    double silent = now - d->workers[rank].last_sign;
    int together = 0;
    for (int i = 1; i < d->n; i++)
        together +=
            is_due(d, &d->workers[i]) && now - d->workers[i].last_sign > silent - TOGETHER_SECONDS;
    ggdm_progress_lost(d->progress, together == 1 ? rank : -1, host);
    if (together > 1)
        return GGDM_FAIL(err, GGDM_ECOMM, "worker %d on %s and %d more were silent for %.0f s",
                         rank, host, together - 1, silent);
    return GGDM_FAIL(err, GGDM_ECOMM, "worker %d on %s was silent for %.0f s", rank, host, silent);
}

static ggdm_status check_silence(dispatch *d, ggdm_error *err)
{
    double now = ggdm_now();
    bool was_away = now - d->last_look > GGDM_PAUSE_SECONDS; /* stopped, or held up by the disk */
    d->last_look = now;
    for (int i = 1; i < d->n; i++) {
        worker *w = &d->workers[i];
        if (was_away)
            w->last_sign = now;
        if (is_due(d, w) && now - w->last_sign > limit_of(d, w))
            return lost(d, i, now, err);
    }
    return GGDM_OK;
}

static void begin_watch(dispatch *d)
{
    d->last_look = ggdm_now();
    for (int i = 1; i < d->n; i++)
        d->workers[i].last_sign = d->last_look;
}

/* ---- the loop ---- */

static void show_progress(dispatch *d)
{
    ggdm_progress_state state = {.cost_done = d->cost_finished,
                                 .cost_resumed = d->cost_resumed,
                                 .workers = d->n - 1 - count_left(d),
                                 .busy = count_phase(d, BUSY),
                                 .lost = count_left(d)};
    for (int i = 1; i < d->n; i++)
        if (d->workers[i].phase == BUSY) {
            state.cost_done += d->workers[i].cost * d->workers[i].part;
            state.cost_resumed += d->workers[i].cost * d->workers[i].resumed;
        }
    ggdm_error err = {0};
    if (ggdm_progress_update(d->progress, &state, &err) != GGDM_OK) {
        ggdm_progress_clear(d->progress);
        ggdm_log(GGDM_LOG_WARN, "status file: %s", err.msg);
    }
}

static bool nothing_left(const dispatch *d)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(d->store);
    return c->units[GGDM_UNIT_READY] + c->units[GGDM_UNIT_RUNNING] + c->units[GGDM_UNIT_FAILED] ==
           0;
}

static ggdm_status serve(dispatch *d, ggdm_error *err)
{
    begin_watch(d);
    show_progress(d); /* the supervisor sees that the run is open, before any unit runs */
    while (!nothing_left(d) && ggdm_stop_count() == 0) {
        GGDM_TRY(take_packets(d, TURN_SECONDS, err));
        GGDM_TRY(transact(d, err));
        GGDM_TRY(ggdm_request_serve(d->store, err));
        show_progress(d);
        GGDM_TRY(check_silence(d, err));
        if (count_left(d) == d->n - 1)
            return GGDM_FAIL(err, d->broken.code ? d->broken.code : GGDM_ECOMM, "%s",
                             d->broken.code ? d->broken.msg : "all workers have left");
    }
    return GGDM_OK;
}

/* Tell the workers to stop and wait until they have left; store what they still report, unless the
 * store itself is the trouble.  *clean stays false when some do not answer. */
static ggdm_status drain(dispatch *d, bool use_store, bool *clean, ggdm_error *err)
{
    int stops = ggdm_stop_count();
    d->stopping = true;
    for (int i = 1; i < d->n; i++)
        if (!d->workers[i].left)
            GGDM_TRY(ggdm_send_empty(d->t, i, GGDM_TAG_STOP, err));
    double begun = ggdm_now();
    begin_watch(d);
    while (count_left(d) < d->n - 1) {
        GGDM_TRY(take_packets(d, TURN_SECONDS, err));
        if (use_store)
            GGDM_TRY(transact(d, err));
        show_progress(d);
        if ((stops > 0 && ggdm_now() - begun > STOP_SECONDS) || ggdm_stop_count() > stops + 1)
            return GGDM_OK;
        GGDM_TRY(check_silence(d, err));
    }
    *clean = true;
    return GGDM_OK;
}

ggdm_status ggdm_dispatch_run(ggdm_transport *t, ggdm_store *store, ggdm_progress *progress,
                              ggdm_dispatch_end *end, bool *clean, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    dispatch d = {.t = t, .store = store, .progress = progress};
    *clean = false;
    d.gradient = ggdm_store_run_info(store)->job.gradient;
    d.n = ggdm_transport_size(t);
    GGDM_TRY(ggdm_alloc(&d.workers, (size_t)d.n, sizeof *d.workers, err));
    for (int i = 0; i < d.n; i++)
        d.workers[i].unit.id = -1;
    if (c->images_total > 0) /* of an earlier session */
        d.cost_finished = ggdm_store_cost(store) * (double)c->images_done / (double)c->images_total;
    ggdm_status st = serve(&d, err);
    bool finished = st == GGDM_OK && nothing_left(&d);
    ggdm_progress_clear(progress);
    if (st == GGDM_OK && !finished)
        ggdm_log(GGDM_LOG_INFO, "stopping: the workers finish their batch and save their units");
    /* Who was lost cannot be waited for.  A failure of the drain counts only where nothing failed
     * before. */
    ggdm_status drained = GGDM_OK;
    if (st != GGDM_ECOMM)
        drained = drain(&d, st == GGDM_OK, clean, st == GGDM_OK ? err : NULL);
    if (st == GGDM_OK)
        st = drained;
    ggdm_progress_clear(progress);
    const ggdm_progress_state at_end = {.cost_done = d.cost_finished, .workers = d.n - 1};
    ggdm_progress_settle(progress, &at_end);
    *end = nothing_left(&d) ? GGDM_DISPATCH_FINISHED : GGDM_DISPATCH_INTERRUPTED;
    for (int i = 0; i < d.n; i++) {
        forget_unit(&d, &d.workers[i]);
        free(d.workers[i].images);
    }
    free(d.workers);
    ggdm_packet_deinit(&d.packet);
    return st;
}
