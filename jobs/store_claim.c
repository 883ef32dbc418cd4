/* What workers get, and what becomes of units that come back without a result. */
#include "jobs/store_internal.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>

enum { CHUNK = 256 };

/* Failed units whose back-off is over. */
static ggdm_status release_due(ggdm_store *s, ggdm_error *err)
{
    int64_t ids[CHUNK];
    int32_t n = 0;
    sqlite3_stmt *stmt = NULL;
    if (s->counts.units[GGDM_UNIT_FAILED] == 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_DUE, &stmt, err));
    sqlite3_bind_double(stmt, 1, s->now);
    sqlite3_bind_int(stmt, 2, CHUNK);
    GGDM_TRY(ggdm_store_collect_ids(s, stmt, CHUNK, ids, &n, err));
    for (int32_t i = 0; i < n; i++) {
        ggdm_unit_row old;
        GGDM_TRY(ggdm_store_get_unit(s, ids[i], &old, err));
        ggdm_unit_row row = old;
        row.state = GGDM_UNIT_READY;
        GGDM_TRY(ggdm_store_transition(s, &old, &row, "retry", err));
    }
    return GGDM_OK;
}

static ggdm_status claim_one(ggdm_store *s, const ggdm_unit_row *old, int32_t worker,
                             ggdm_unit *out, ggdm_error *err)
{
    ggdm_unit_row row = *old;
    row.state = GGDM_UNIT_RUNNING;
    row.attempt++;
    row.worker = worker;
    row.epoch = s->epoch;
    row.claimed = ++s->last_claim;
    GGDM_TRY(ggdm_store_make_unit(s, &row, out, err));
    ggdm_status st = GGDM_OK;
    char note[40];
    if (out->kind == GGDM_UNIT_SCORE)
        st = ggdm_store_pack_samples(s, out, err);
    else if (row.attempt > 1)
        st = ggdm_store_load_checkpoint(s, out, err);
    snprintf(note, sizeof note, "goes on at step %d", out->step);
    if (st == GGDM_OK)
        st = ggdm_store_transition(s, old, &row, out->step > 0 ? note : NULL, err);
    if (st != GGDM_OK)
        ggdm_unit_deinit(out);
    return st;
}

ggdm_status ggdm_store_claim(ggdm_store *store, int32_t worker, ggdm_claim_kind kind, int32_t max,
                             ggdm_unit *units, int32_t *n, ggdm_error *err)
{
    static const ggdm_sql queries[] = {
        [GGDM_CLAIM_ANY] = GGDM_SQL_READY_ANY,
        [GGDM_CLAIM_INNOCENT] = GGDM_SQL_READY_INNOCENT,
        [GGDM_CLAIM_SUSPECT] = GGDM_SQL_READY_SUSPECT,
    };
    ggdm_store_call call;
    ggdm_status st;
    ggdm_unit_row rows[CHUNK];
    int32_t found = 0;
    sqlite3_stmt *stmt = NULL;
    *n = 0;
    if (max < 1)
        return GGDM_OK;
    if (max > CHUNK)
        max = CHUNK;
    GGDM_TRY(ggdm_store_call_begin(store, &call, err));
    GGDM_TRY_GOTO(st, release_due(store, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_use(store, queries[kind], &stmt, err), done);
    sqlite3_bind_int(stmt, 1, max);
    GGDM_TRY_GOTO(st, ggdm_store_collect_units(store, stmt, max, rows, &found, err), done);
    for (; *n < found; (*n)++)
        GGDM_TRY_GOTO(st, claim_one(store, &rows[*n], worker, &units[*n], err), done);
done:
    st = ggdm_store_call_end(store, &call, st, err);
    while (st != GGDM_OK && *n > 0)
        ggdm_unit_deinit(&units[--*n]);
    return st;
}

ggdm_status ggdm_store_fail(ggdm_store *store, int64_t unit, int32_t attempt, const char *message,
                            ggdm_unit_state *state, ggdm_error *err)
{
    ggdm_store_call call;
    ggdm_unit_row old;
    ggdm_status st;
    bool current;
    ggdm_unit_state result = GGDM_UNIT_STATES;
    GGDM_TRY(ggdm_store_call_begin(store, &call, err));
    GGDM_TRY_GOTO(st, ggdm_store_answering(store, unit, attempt, "failure", &old, &current, err),
                  done);
    if (current) {
        ggdm_unit_row row = old;
        row.state = GGDM_UNIT_FAILED;
        row.failures++;
        row.not_before =
            store->now + ldexp(store->options.backoff, old.failures > 9 ? 9 : old.failures);
        GGDM_TRY_GOTO(st, ggdm_store_transition(store, &old, &row, message, err), done);
        if (row.failures >= store->options.max_failures) {
            old = row;
            row.state = GGDM_UNIT_QUARANTINED;
            GGDM_TRY_GOTO(st, ggdm_store_transition(store, &old, &row, message, err), done);
        }
        result = row.state;
    }
done:
    st = ggdm_store_call_end(store, &call, st, err);
    if (state)
        *state = result;
    return st;
}

ggdm_status ggdm_store_give_back(ggdm_store *store, const ggdm_unit_row *row, bool loss,
                                 const char *message, ggdm_unit_state *state, ggdm_error *err)
{
    ggdm_unit_row next = *row;
    next.state = GGDM_UNIT_READY;
    next.losses += loss;
    if (loss && next.losses >= store->options.max_losses)
        next.state = GGDM_UNIT_QUARANTINED;
    if (state)
        *state = next.state;
    return ggdm_store_transition(store, row, &next, message, err);
}

static ggdm_status give_back_answer(ggdm_store *store, int64_t unit, int32_t attempt, bool loss,
                                    const char *message, ggdm_unit_state *state, ggdm_error *err)
{
    ggdm_store_call call;
    ggdm_unit_row row;
    ggdm_status st;
    bool current;
    if (state)
        *state = GGDM_UNIT_STATES;
    GGDM_TRY(ggdm_store_call_begin(store, &call, err));
    st = ggdm_store_answering(store, unit, attempt, loss ? "loss" : "release", &row, &current, err);
    if (st == GGDM_OK && current)
        st = ggdm_store_give_back(store, &row, loss, message, state, err);
    return ggdm_store_call_end(store, &call, st, err);
}

ggdm_status ggdm_store_lose(ggdm_store *store, int64_t unit, int32_t attempt, const char *message,
                            ggdm_unit_state *state, ggdm_error *err)
{
    return give_back_answer(store, unit, attempt, true, message, state, err);
}

ggdm_status ggdm_store_release(ggdm_store *store, int64_t unit, int32_t attempt,
                               ggdm_unit_state *state, ggdm_error *err)
{
    return give_back_answer(store, unit, attempt, false, "released", state, err);
}
