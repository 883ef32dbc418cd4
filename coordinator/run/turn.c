#include "coordinator/run/turn.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "coordinator/world/walltime.h"
#include "worker/protocol.h"

static ggdm_status fail_unit(ggdm_dispatch *d, const ggdm_task *t, const char *message,
                             ggdm_error *err)
{
    ggdm_unit_state state;
    GGDM_TRY(ggdm_store_fail(d->store, t->unit.id, t->unit.attempt, message, &state, err));
    ggdm_progress_clear(d->progress);
    ggdm_log(GGDM_LOG_WARN, "unit %lld failed (attempt %d, now %s): %s", (long long)t->unit.id,
             t->unit.attempt, state < GGDM_UNIT_STATES ? ggdm_unit_state_names[state] : "late",
             message);
    return GGDM_OK;
}

static ggdm_status store_result(ggdm_dispatch *d, const ggdm_worker *w, const ggdm_task *t,
                                ggdm_error *err)
{
    if (t->outcome == GGDM_ECANCELLED && (d->stopping || w->left)) {
        d->work.saved += t->cost * t->saved;
        return ggdm_store_release(d->store, t->unit.id, t->unit.attempt, NULL, err);
    }
    if (t->outcome != GGDM_OK)
        return fail_unit(d, t, t->message ? t->message : ggdm_status_text(t->outcome), err);
    ggdm_error why = {0};
    bool accepted = false;
    ggdm_status st = ggdm_store_finish(d->store, t->unit.id, t->unit.attempt, t->samples,
                                       (int32_t)t->n_samples, &accepted, &why);
    if (st == GGDM_EFORMAT || st == GGDM_ESTATE) /* the unit's fault, not the store's */
        return fail_unit(d, t, why.msg, err);
    if (st != GGDM_OK) {
        if (err)
            *err = why;
        return st;
    }
    if (accepted) {
        d->work.done += t->cost;
        d->cost_resumed += t->cost * t->resumed;
    }
    return GGDM_OK;
}

/* The checkpoint of a unit, unless that is done. */
static ggdm_status store_state(ggdm_dispatch *d, ggdm_task *t, bool done, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    if (t->state && !done) {
        st = ggdm_store_checkpoint(d->store, t->unit.id, t->unit.attempt, t->state_step, t->state,
                                   t->state_size, err);
        t->saved = ggdm_segments_part(t->unit.segments, t->unit.n_segments, t->state_step);
    }
    d->state_bytes -= t->state_size;
    ggdm_task_forget_state(t);
    return st;
}

/* A suspect may be sent only while no other one runs: when the world ends again it is known whose
 * fault that was, and the others work on beside it. */
static bool suspect_allowed(const ggdm_dispatch *d)
{
    if (ggdm_store_counts_get(d->store)->suspects == 0)
        return false;
    for (int i = 1; i < d->n; i++)
        if (ggdm_hand_has_suspect(&d->workers[i].hand))
            return false;
    return true;
}

static void add_task(ggdm_dispatch *d, ggdm_worker *w, ggdm_unit *unit, bool suspect)
{
    ggdm_task *t = ggdm_hand_add(&w->hand, unit);
    t->suspect = suspect;
    t->cost = t->unit.image_count * t->unit.cost;
    d->work.saved = fmax(0, d->work.saved - t->cost * t->resumed);
}

/* Up to max units for a worker, innocents first; a suspect comes into empty hands only, and nothing
 * behind it. */
static ggdm_status claim_for(ggdm_dispatch *d, int rank, int max, int32_t *n, ggdm_error *err)
{
    ggdm_worker *w = &d->workers[rank];
    ggdm_unit units[GGDM_HAND_MAX];
    bool suspect = false;
    GGDM_TRY(ggdm_hand_reserve(&w->hand, max, err));
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
static ggdm_status any_claimable(ggdm_dispatch *d, bool *any, ggdm_error *err)
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

/* Has a worker reported something that is not stored yet? */
static bool any_reported(const ggdm_dispatch *d)
{
    bool any = false;
    for (int i = 1; i < d->n; i++)
        any = any || d->workers[i].hand.reported > 0;
    return any;
}

/* A commit costs the disk's time, however much is in it: let results gather while no worker is
 * about to run dry. */
static bool may_wait(ggdm_dispatch *d)
{
    double now = ggdm_now();
    if (d->stopping || d->state_bytes > 0)
        return false;
    for (int i = 1; i < d->n; i++)
        if (!d->workers[i].left && d->workers[i].ready && ggdm_hand_is_low(&d->workers[i].hand))
            return false;
    if (d->waiting_since == 0)
        d->waiting_since = now;
    return now - d->waiting_since < GGDM_COMMIT_SECONDS;
}

/* A unit can be saved after each batch, which takes as long as the signs of its worker are apart:
 * one that cannot even get so far is not issued. */
static bool time_for_units(const ggdm_dispatch *d)
{
    return ggdm_walltime_to_work(d->longest_gap) > d->longest_gap;
}

/* Is a worker without work? */
static bool any_idle(const ggdm_dispatch *d)
{
    bool any = false;
    for (int i = 1; i < d->n; i++)
        any = any || (d->workers[i].ready && !d->workers[i].left && d->workers[i].hand.n == 0);
    return any;
}

/* Results are forgotten here: when the turn fails, the run ends. */
static ggdm_status store_results(ggdm_dispatch *d, ggdm_worker *w, ggdm_error *err)
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
static ggdm_status claim_all(ggdm_dispatch *d, bool idle_only, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(d->store);
    for (int i = 1; i < d->n; i++) {
        ggdm_worker *w = &d->workers[i];
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

static ggdm_status store_turn(ggdm_dispatch *d, ggdm_error *err)
{
    for (int i = 1; i < d->n; i++)
        GGDM_TRY(store_results(d, &d->workers[i], err));
    if (d->stopping || !time_for_units(d))
        return GGDM_OK;
    GGDM_TRY(claim_all(d, true, err));
    return claim_all(d, false, err);
}

/* After the commit: results are safe, units go out. */
static ggdm_status answer(ggdm_dispatch *d, ggdm_error *err)
{
    for (int i = 1; i < d->n; i++) {
        ggdm_worker *w = &d->workers[i];
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
ggdm_status ggdm_turn(ggdm_dispatch *d, ggdm_error *err)
{
    bool claimable = false;
    if (!d->stopping && any_idle(d) && time_for_units(d))
        GGDM_TRY(any_claimable(d, &claimable, err));
    bool reported = any_reported(d);
    if (!claimable && !reported && d->state_bytes == 0)
        return GGDM_OK;
    if (!claimable && reported && may_wait(d))
        return GGDM_OK;
    d->waiting_since = 0;
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
