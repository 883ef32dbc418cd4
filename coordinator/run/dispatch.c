/* Each turn of the loop takes in the packets there are, then makes one transaction (turn.h).  The
 * images of a unit are kept until DONE and stored together with the change of state, so a unit is
 * done as a whole or not at all. */
#include "coordinator/run/dispatch.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plural.h"
#include "coordinator/run/request.h"
#include "coordinator/world/silence.h"
#include "coordinator/world/stop.h"
#include "coordinator/run/turn.h"
#include "coordinator/world/walltime.h"
#include "worker/protocol.h"

#define TURN_SECONDS 0.2     /* longest wait for a packet: progress is shown in between */
#define LOOK_SECONDS 0.1     /* between two looks at all workers where none has news */
#define MAX_PACKETS 1024     /* taken in by one turn */
#define STOP_SECONDS 9.0     /* in all, where somebody waits for the end */
#define TOGETHER_SECONDS 5.0 /* who falls silent within so much of each other has one cause */
/* Of checkpoints that wait for the transaction; beyond it a turn takes no packets. */
#define MAX_STATE_BYTES ((size_t)8 << 20)

/* ---- packets ---- */

static void take_state(ggdm_dispatch *d, ggdm_task *t, ggdm_report *report)
{
    d->state_bytes -= t->state_size;
    ggdm_task_take_state(t, report);
    d->state_bytes += t->state_size;
}

/* The worker could not build its networks. */
static void worker_broken(ggdm_dispatch *d, int rank, const ggdm_report *report)
{
    const char *text = report->message ? report->message : "";
    if (d->broken.code == GGDM_OK)
        GGDM_FAIL(&d->broken, report->status ? report->status : GGDM_EINTERNAL,
                  "worker %d cannot work: %.900s", rank, text);
    ggdm_progress_clear(d->progress);
    ggdm_log(GGDM_LOG_WARN, "worker %d cannot work: %s", rank, text);
}

/* What a worker that leaves has not begun, or not finished, is given back. */
static void worker_left(ggdm_worker *w)
{
    w->left = true;
    while (ggdm_worker_is_busy(w)) {
        char *message = NULL;
        ggdm_hand_report(&w->hand, GGDM_ECANCELLED, &message);
    }
}

static ggdm_status handle_report(ggdm_dispatch *d, ggdm_worker *w, ggdm_report *report,
                                 ggdm_error *err)
{
    ggdm_task *task = ggdm_hand_current(&w->hand, report);
    switch (d->packet.tag) {
    case GGDM_TAG_READY:
        w->ready = true;
        break;
    case GGDM_TAG_SAMPLES:
        if (task)
            return ggdm_task_take_samples(task, report, err);
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

static ggdm_status handle_packet(ggdm_dispatch *d, ggdm_error *err)
{
    ggdm_worker *w = &d->workers[d->packet.from];
    ggdm_report report;
    GGDM_TRY(ggdm_report_unpack(&d->packet, &report, err));
    double now = ggdm_now();
    if (ggdm_worker_is_busy(w) && now - w->last_sign > d->longest_gap)
        d->longest_gap = now - w->last_sign;
    w->last_sign = now;
    d->news = d->news || d->packet.tag != GGDM_TAG_BEAT;
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

static ggdm_status take_packets(ggdm_dispatch *d, double timeout, ggdm_error *err)
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

/* ---- who is silent ---- */

/* Does the coordinator wait for a sign of this worker? */
static bool is_due(const ggdm_dispatch *d, const ggdm_worker *w)
{
    return !w->left && (!w->ready || ggdm_worker_is_busy(w) || d->stopping);
}

static double limit_of(const ggdm_dispatch *d, const ggdm_worker *w)
{
    return !w->ready ? GGDM_START_SECONDS : ggdm_silence_limit(d->longest_gap);
}

/* The silent one was lost: alone, or with others (then its unit is not to blame). */
static ggdm_status lost(ggdm_dispatch *d, int rank, double now, ggdm_error *err)
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

static ggdm_status check_silence(ggdm_dispatch *d, ggdm_error *err)
{
    double now = ggdm_now();
    bool was_away = now - d->last_look > GGDM_PAUSE_SECONDS; /* stopped, or held up by the disk */
    d->last_look = now;
    for (int i = 1; i < d->n; i++) {
        ggdm_worker *w = &d->workers[i];
        if (was_away)
            w->last_sign = now;
        if (is_due(d, w) && now - w->last_sign > limit_of(d, w))
            return lost(d, i, now, err);
    }
    return GGDM_OK;
}

static void begin_watch(ggdm_dispatch *d)
{
    d->last_look = ggdm_now();
    for (int i = 1; i < d->n; i++)
        d->workers[i].last_sign = d->last_look;
}

/* ---- the loop ---- */

static int count_busy(const ggdm_dispatch *d)
{
    int n = 0;
    for (int i = 1; i < d->n; i++)
        n += ggdm_worker_is_busy(&d->workers[i]) && !d->workers[i].left;
    return n;
}

static int count_left(const ggdm_dispatch *d)
{
    int n = 0;
    for (int i = 1; i < d->n; i++)
        n += d->workers[i].left;
    return n;
}

static void show_progress(ggdm_dispatch *d)
{
    ggdm_progress_state state = {.cost_done = d->work.done + d->work.saved,
                                 .cost_resumed = d->cost_resumed + d->work.saved,
                                 .workers = d->n - 1 - count_left(d),
                                 .busy = count_busy(d),
                                 .lost = count_left(d),
                                 .stopping = d->stopping};
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

/* A round is complete: who goes on? */
static ggdm_status decide(ggdm_dispatch *d, ggdm_error *err)
{
    ggdm_store_decided decided;
    if (!d->growth)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "a round is complete, and nobody plans the next");
    GGDM_TRY(ggdm_store_decide(d->store, ggdm_wall_clock(), d->growth, &decided, err));
    d->news = true;
    ggdm_progress_clear(d->progress);
    ggdm_log(GGDM_LOG_INFO, "a round is complete: %d cell%s closed, %d go%s on%s", decided.closed,
             ggdm_plural(decided.closed), decided.open, decided.open == 1 ? "es" : "",
             decided.open && !decided.images ? " with images that are there" : "");
    return GGDM_OK;
}

/* How long may the next packet take? */
static double patience(const ggdm_dispatch *d)
{
    return d->news ? 0 : d->waiting_since > 0 ? GGDM_COMMIT_SECONDS : TURN_SECONDS;
}

/* Thousands of workers say each half second that they live: nothing follows from that. */
static ggdm_status turn_if_due(ggdm_dispatch *d, ggdm_error *err)
{
    const double now = ggdm_now();
    const bool waited = d->waiting_since > 0 && now - d->waiting_since >= GGDM_COMMIT_SECONDS;
    if (!d->news && !waited && now - d->last_turn < LOOK_SECONDS)
        return GGDM_OK;
    d->news = false;
    d->last_turn = now;
    return ggdm_turn(d, err);
}

static ggdm_status look_at_all(ggdm_dispatch *d, ggdm_error *err)
{
    if (ggdm_now() - d->last_look < LOOK_SECONDS)
        return GGDM_OK;
    show_progress(d);
    GGDM_TRY(check_silence(d, err));
    if (count_left(d) < d->n - 1)
        return GGDM_OK;
    return GGDM_FAIL(err, d->broken.code ? d->broken.code : GGDM_ECOMM, "%s",
                     d->broken.code ? d->broken.msg : "all workers have left");
}

static ggdm_status serve(ggdm_dispatch *d, ggdm_error *err)
{
    begin_watch(d);
    show_progress(d); /* the supervisor sees that the run is open, before any unit runs */
    while (!ggdm_store_is_done(d->store) && ggdm_stop_count() == 0) {
        d->out_of_time = ggdm_walltime_to_work(d->longest_gap) <= 0;
        if (d->out_of_time)
            break;
        if (ggdm_store_at_rest(d->store)) {
            GGDM_TRY(decide(d, err));
            continue;
        }
        GGDM_TRY(take_packets(d, patience(d), err));
        GGDM_TRY(turn_if_due(d, err));
        GGDM_TRY(ggdm_request_serve(&d->requests, d->store, err));
        GGDM_TRY(look_at_all(d, err));
    }
    return GGDM_OK;
}

/* Tell the workers to stop and wait until they have left; store what they still report, unless the
 * store itself is the trouble.  *clean stays false when some do not answer. */
static ggdm_status drain(ggdm_dispatch *d, bool use_store, bool *clean, ggdm_error *err)
{
    int stops = ggdm_stop_count();
    d->stopping = true;
    show_progress(d); /* whoever asked for it knows that it was heard */
    for (int i = 1; i < d->n; i++)
        if (!d->workers[i].left)
            GGDM_TRY(ggdm_send_empty(d->t, i, GGDM_TAG_STOP, err));
    begin_watch(d);
    double begun = ggdm_now();
    while (count_left(d) < d->n - 1) {
        GGDM_TRY(take_packets(d, TURN_SECONDS, err));
        if (use_store)
            GGDM_TRY(ggdm_turn(d, err));
        show_progress(d);
        if (ggdm_stop_count() > stops + 1 ||
            ((stops > 0 || d->out_of_time) && ggdm_now() - begun > STOP_SECONDS))
            return GGDM_OK;
        GGDM_TRY(check_silence(d, err));
    }
    *clean = true;
    return GGDM_OK;
}

ggdm_status ggdm_dispatch_run(ggdm_transport *t, ggdm_store *store, const ggdm_growth *growth,
                              ggdm_progress *progress, ggdm_dispatch_end *end, bool *clean,
                              ggdm_error *err)
{
    ggdm_dispatch d = {.t = t, .store = store, .growth = growth, .progress = progress};
    *clean = false;
    d.n = ggdm_transport_size(t);
    GGDM_TRY(ggdm_alloc(&d.workers, (size_t)d.n, sizeof *d.workers, err));
    ggdm_status st = ggdm_store_work_get(store, &d.work, err); /* of earlier sessions */
    if (st == GGDM_OK)
        st = serve(&d, err);
    bool finished = st == GGDM_OK && ggdm_store_is_done(store);
    ggdm_progress_clear(progress);
    if (st == GGDM_OK && !finished)
        ggdm_log(GGDM_LOG_INFO, "stopping%s: the workers finish their batch and save their units",
                 d.out_of_time ? ", as the time of the job is over" : "");
    /* Who was lost cannot be waited for.  A failure of the drain counts only where nothing failed
     * before. */
    ggdm_status drained = GGDM_OK;
    if (st != GGDM_ECOMM)
        drained = drain(&d, st == GGDM_OK, clean, st == GGDM_OK ? err : NULL);
    if (st == GGDM_OK)
        st = drained;
    ggdm_progress_clear(progress);
    ggdm_store_work kept; /* also of units that were lost */
    if (ggdm_store_work_get(store, &kept, NULL) == GGDM_OK)
        d.work = kept;
    const ggdm_progress_state at_end = {.cost_done = d.work.done + d.work.saved,
                                        .workers = d.n - 1};
    ggdm_progress_settle(progress, &at_end);
    *end = ggdm_store_is_done(store) ? GGDM_DISPATCH_FINISHED : GGDM_DISPATCH_INTERRUPTED;
    for (int i = 0; i < d.n; i++)
        ggdm_hand_deinit(&d.workers[i].hand);
    free(d.workers);
    ggdm_packet_deinit(&d.packet);
    return st;
}
