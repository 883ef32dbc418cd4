/* Each turn of the loop takes in the packets there are, then makes one transaction: results of the
 * units that were reported, claims for the workers that can take more (coordinator/hand.h).  Units
 * are sent after the commit.  The images of a unit are kept here until DONE and stored together
 * with the change of state, so a unit is done as a whole or not at all. */
#include "coordinator/dispatch.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/hand.h"
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

typedef struct worker {
    bool ready;       /* said READY */
    bool left;        /* said BYE: gets nothing more */
    double last_sign; /* when the last packet came, or units were sent */
    ggdm_hand hand;
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

static bool is_busy(const worker *w)
{
    return w->hand.n > w->hand.reported;
}

/* ---- packets ---- */

static void take_state(dispatch *d, ggdm_task *t, ggdm_report *report)
{
    d->state_bytes -= t->state_size;
    ggdm_task_take_state(t, report);
    d->state_bytes += t->state_size;
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

/* What a worker that leaves has not begun, or not finished, is given back. */
static void worker_left(worker *w)
{
    w->left = true;
    while (is_busy(w)) {
        char *message = NULL;
        ggdm_hand_report(&w->hand, GGDM_ECANCELLED, &message);
    }
}

static ggdm_status handle_report(dispatch *d, worker *w, ggdm_report *report, ggdm_error *err)
{
    ggdm_task *task = ggdm_hand_current(&w->hand, report);
    switch (d->packet.tag) {
    case GGDM_TAG_READY:
        w->ready = true;
        break;
    case GGDM_TAG_IMAGES:
        if (task)
            return ggdm_task_take_images(task, report, err);
        break;
    case GGDM_TAG_BEAT:
        if (task && report->total > 0 && report->done <= report->total)
            w->hand.part = (double)report->done / (double)report->total;
        break;
    case GGDM_TAG_CHECKPOINT:
        if (task && report->state)
            take_state(d, task, report);
        break;
    case GGDM_TAG_DONE:
        if (task)
            ggdm_hand_report(&w->hand, GGDM_OK, &report->message);
        break;
    case GGDM_TAG_FAILED:
        if (task)
            ggdm_hand_report(&w->hand, report->status ? report->status : GGDM_EINTERNAL,
                             &report->message);
        else if (report->unit < 0)
            worker_broken(d, d->packet.from, report);
        break;
    case GGDM_TAG_BYE:
        worker_left(w);
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
    if (is_busy(w) && now - w->last_sign > d->longest_gap)
        d->longest_gap = now - w->last_sign;
    w->last_sign = now;
    ggdm_error why = {0};
    if (handle_report(d, w, &report, &why) != GGDM_OK) {
        /* Too many images: what it sends further is dropped, the unit counts as failed. */
        char *text = NULL;
        ggdm_asprintf(&text, NULL, "%s", why.msg);
        ggdm_hand_report(&w->hand, why.code, &text);
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

static ggdm_status fail_unit(dispatch *d, const ggdm_task *t, const char *message, ggdm_error *err)
{
    ggdm_unit_state state;
    GGDM_TRY(ggdm_store_fail(d->store, t->unit.id, t->unit.attempt, message, &state, err));
    ggdm_progress_clear(d->progress);
    ggdm_log(GGDM_LOG_WARN, "unit %lld failed (attempt %d, now %s): %s", (long long)t->unit.id,
             t->unit.attempt, state < GGDM_UNIT_STATES ? ggdm_unit_state_names[state] : "late",
             message);
    return GGDM_OK;
}

static ggdm_status store_result(dispatch *d, const worker *w, const ggdm_task *t, ggdm_error *err)
{
    if (t->outcome == GGDM_ECANCELLED && (d->stopping || w->left))
        return ggdm_store_release(d->store, t->unit.id, t->unit.attempt, NULL, err);
    if (t->outcome != GGDM_OK)
        return fail_unit(d, t, t->message ? t->message : ggdm_status_text(t->outcome), err);
    ggdm_error why = {0};
    bool accepted = false;
    ggdm_status st = ggdm_store_finish(d->store, t->unit.id, t->unit.attempt, t->images,
                                       (int32_t)t->n_images, &accepted, &why);
    if (st == GGDM_EFORMAT || st == GGDM_ESTATE) /* the unit's fault, not the store's */
        return fail_unit(d, t, why.msg, err);
    if (st != GGDM_OK) {
        if (err)
            *err = why;
        return st;
    }
    if (accepted) {
        d->cost_finished += t->cost;
        d->cost_resumed += t->cost * t->resumed;
    }
    return GGDM_OK;
}

/* The checkpoint of a unit, unless that is done. */
static ggdm_status store_state(dispatch *d, ggdm_task *t, bool done, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    if (t->state && !done)
        st = ggdm_store_checkpoint(d->store, t->unit.id, t->unit.attempt, t->state_step, t->state,
                                   t->state_size, err);
    d->state_bytes -= t->state_size;
    ggdm_task_forget_state(t);
    return st;
}

/* A suspect may be sent only while no other one runs: when the world ends again it is known whose
 * fault that was, and the others work on beside it. */
static bool suspect_allowed(const dispatch *d)
{
    for (int i = 1; i < d->n; i++)
        if (ggdm_hand_has_suspect(&d->workers[i].hand))
            return false;
    return ggdm_store_counts_get(d->store)->suspects > 0;
}

static void add_task(dispatch *d, worker *w, ggdm_unit *unit, bool suspect)
{
    ggdm_task *t = ggdm_hand_add(&w->hand, unit);
    t->suspect = suspect;
    t->cost =
        t->unit.image_count * ggdm_segments_cost(t->unit.segments, t->unit.n_segments, d->gradient);
}

/* Up to max units for a worker, innocents first; a suspect comes into empty hands only, and nothing
 * behind it. */
static ggdm_status claim_for(dispatch *d, int rank, int max, int32_t *n, ggdm_error *err)
{
    worker *w = &d->workers[rank];
    ggdm_unit units[GGDM_HAND_MAX];
    bool suspect = false;
    GGDM_TRY(ggdm_store_claim(d->store, rank, GGDM_CLAIM_INNOCENT, max, units, n, err));
    if (*n == 0 && w->hand.n == 0 && suspect_allowed(d)) {
        suspect = true;
        GGDM_TRY(ggdm_store_claim(d->store, rank, GGDM_CLAIM_SUSPECT, 1, units, n, err));
    }
    for (int32_t i = 0; i < *n; i++)
        add_task(d, w, &units[i], suspect);
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

static int count_busy(const dispatch *d)
{
    int n = 0;
    for (int i = 1; i < d->n; i++)
        n += is_busy(&d->workers[i]) && !d->workers[i].left;
    return n;
}

/* Has a worker reported something that is not stored yet? */
static bool any_reported(const dispatch *d)
{
    bool any = false;
    for (int i = 1; i < d->n; i++)
        any = any || d->workers[i].hand.reported > 0;
    return any;
}

/* Is a worker without work? */
static bool any_idle(const dispatch *d)
{
    bool any = false;
    for (int i = 1; i < d->n; i++)
        any = any || (d->workers[i].ready && !d->workers[i].left && d->workers[i].hand.n == 0);
    return any;
}

static int count_left(const dispatch *d)
{
    int n = 0;
    for (int i = 1; i < d->n; i++)
        n += d->workers[i].left;
    return n;
}

/* Results are forgotten here: when the turn fails, the run ends. */
static ggdm_status store_results(dispatch *d, worker *w, ggdm_error *err)
{
    while (w->hand.reported > 0) {
        ggdm_task *t = ggdm_hand_task(&w->hand, 0);
        GGDM_TRY(store_state(d, t, t->outcome == GGDM_OK, err));
        GGDM_TRY(store_result(d, w, t, err));
        ggdm_hand_drop(&w->hand);
    }
    ggdm_task *t = ggdm_hand_at_work(&w->hand);
    return t ? store_state(d, t, false, err) : GGDM_OK;
}

/* First one unit for each that has none, then more for those that are quick. */
static ggdm_status claim_all(dispatch *d, bool idle_only, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(d->store);
    for (int i = 1; i < d->n; i++) {
        worker *w = &d->workers[i];
        if (!w->ready || w->left || (idle_only && w->hand.n > 0) || ggdm_hand_has_suspect(&w->hand))
            continue;
        double ready_for_each = (double)c->units[GGDM_UNIT_READY] / (d->n - 1) + w->hand.n;
        int room = ggdm_hand_room(&w->hand, idle_only ? 1 : ready_for_each);
        int32_t n = 0;
        if (room > 0)
            GGDM_TRY(claim_for(d, i, room, &n, err));
        if (room > 0 && n == 0)
            break;
    }
    return GGDM_OK;
}

static ggdm_status store_turn(dispatch *d, ggdm_error *err)
{
    for (int i = 1; i < d->n; i++)
        GGDM_TRY(store_results(d, &d->workers[i], err));
    if (d->stopping)
        return GGDM_OK;
    GGDM_TRY(claim_all(d, true, err));
    return claim_all(d, false, err);
}

/* After the commit: results are safe, units go out. */
static ggdm_status answer(dispatch *d, ggdm_error *err)
{
    for (int i = 1; i < d->n; i++) {
        worker *w = &d->workers[i];
        for (int k = 0; k < w->hand.n; k++) {
            ggdm_task *t = ggdm_hand_task(&w->hand, k);
            if (t->sent)
                continue;
            t->sent = true;
            if (k == 0)
                w->last_sign = ggdm_now();
            GGDM_TRY(ggdm_send_unit(d->t, i, &t->unit, err));
            free(t->unit.state);
            t->unit.state = NULL;
            t->unit.state_size = 0;
        }
    }
    return GGDM_OK;
}

/* Results and claims in one transaction, if there are any. */
static ggdm_status transact(dispatch *d, ggdm_error *err)
{
    bool claimable = false;
    if (!d->stopping && any_idle(d))
        GGDM_TRY(any_claimable(d, &claimable, err));
    if (!claimable && !any_reported(d) && d->state_bytes == 0)
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
    return !w->left && (!w->ready || is_busy(w) || d->stopping);
}

static double limit_of(const dispatch *d, const worker *w)
{
    return !w->ready ? GGDM_START_SECONDS : ggdm_silence_limit(d->longest_gap);
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
                                 .busy = count_busy(d),
                                 .lost = count_left(d)};
    for (int i = 1; i < d->n; i++) {
        const ggdm_task *t = ggdm_hand_at_work(&d->workers[i].hand);
        state.cost_done += t ? t->cost * d->workers[i].hand.part : 0;
        state.cost_resumed += t ? t->cost * t->resumed : 0;
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
    begin_watch(d);
    double begun = ggdm_now();
    while (count_left(d) < d->n - 1) {
        GGDM_TRY(take_packets(d, TURN_SECONDS, err));
        if (use_store)
            GGDM_TRY(transact(d, err));
        show_progress(d);
        if (ggdm_stop_count() > stops + 1 || (stops > 0 && ggdm_now() - begun > STOP_SECONDS))
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
    for (int i = 0; i < d.n; i++)
        ggdm_hand_deinit(&d.workers[i].hand);
    free(d.workers);
    ggdm_packet_deinit(&d.packet);
    return st;
}
