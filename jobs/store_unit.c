/* Units: their states, and the one function that changes them. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { MAX_MESSAGE = 1000, CHUNK = 256 };

const char *const ggdm_unit_state_names[] = {
    [GGDM_UNIT_READY] = "ready",
    [GGDM_UNIT_RUNNING] = "running",
    [GGDM_UNIT_DONE] = "done",
    [GGDM_UNIT_FAILED] = "failed",
    [GGDM_UNIT_QUARANTINED] = "quarantined",
    [GGDM_UNIT_CANCELLED] = "cancelled",
    [GGDM_UNIT_STATES] = NULL,
};

/* legal[from][to] */
static const bool legal[GGDM_UNIT_STATES][GGDM_UNIT_STATES] = {
    [GGDM_UNIT_READY] = {[GGDM_UNIT_RUNNING] = true, [GGDM_UNIT_CANCELLED] = true},
    [GGDM_UNIT_RUNNING] = {[GGDM_UNIT_DONE] = true,
                           [GGDM_UNIT_READY] = true,
                           [GGDM_UNIT_FAILED] = true,
                           [GGDM_UNIT_QUARANTINED] = true},
    [GGDM_UNIT_FAILED] =
        {[GGDM_UNIT_READY] = true, [GGDM_UNIT_QUARANTINED] = true, [GGDM_UNIT_CANCELLED] = true},
    [GGDM_UNIT_QUARANTINED] = {[GGDM_UNIT_READY] = true},
    [GGDM_UNIT_CANCELLED] = {[GGDM_UNIT_READY] = true},
};

/* ---- rows ----------------------------------------------------------------------------------- */

static ggdm_status read_row(ggdm_store *s, sqlite3_stmt *stmt, ggdm_unit_row *out, ggdm_error *err)
{
    const int32_t max = INT32_MAX;
    out->id = sqlite3_column_int64(stmt, 0);
    out->tree = sqlite3_column_int64(stmt, 1);
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 2, 0, max, &out->image_first, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 3, 1, max, &out->image_count, err));
    GGDM_TRY(ggdm_store_column_state(s, stmt, 4, &out->state, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 5, 0, max - 1, &out->attempt, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 6, 0, max - 1, &out->failures, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 7, 0, max - 1, &out->losses, err));
    out->not_before = sqlite3_column_double(stmt, 8);
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 9, -1, max, &out->worker, err));
    out->epoch = sqlite3_column_int64(stmt, 10);
    out->claimed = sqlite3_column_int64(stmt, 11);
    if (out->image_first > GGDM_MAX_SAMPLES - out->image_count)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: unit %" PRId64 " has images %d+%d",
                         s->path, out->id, out->image_first, out->image_count);
    return GGDM_OK;
}

ggdm_status ggdm_store_get_unit(ggdm_store *store, int64_t id, ggdm_unit_row *out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_GET_UNIT, &stmt, err));
    sqlite3_bind_int64(stmt, 1, id);
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    if (st == GGDM_OK && !row)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s: there is no unit %" PRId64, store->path, id);
    if (st == GGDM_OK)
        st = read_row(store, stmt, out, err);
    ggdm_store_reset(stmt);
    return st;
}

ggdm_status ggdm_store_collect_ids(ggdm_store *s, sqlite3_stmt *stmt, int32_t max, int64_t *ids,
                                   int32_t *n, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    bool row = true;
    *n = 0;
    while (*n < max) {
        st = ggdm_store_step(s, stmt, &row, err);
        if (st != GGDM_OK || !row)
            break;
        ids[(*n)++] = sqlite3_column_int64(stmt, 0);
    }
    ggdm_store_reset(stmt);
    return st;
}

ggdm_status ggdm_store_ids_in_state(ggdm_store *store, ggdm_unit_state state, int64_t after,
                                    int32_t max, int64_t *ids, int32_t *n, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_IN_STATE, &stmt, err));
    sqlite3_bind_text(stmt, 1, ggdm_unit_state_names[state], -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, after);
    sqlite3_bind_int(stmt, 3, max);
    return ggdm_store_collect_ids(store, stmt, max, ids, n, err);
}

/* ---- transitions ---------------------------------------------------------------------------- */

static ggdm_status put_event(ggdm_store *s, const ggdm_unit_row *row, ggdm_unit_state from,
                             const char *message, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_EVENT, &stmt, err));
    sqlite3_bind_double(stmt, 1, s->now);
    sqlite3_bind_int64(stmt, 2, s->epoch);
    sqlite3_bind_int64(stmt, 3, row->id);
    sqlite3_bind_text(stmt, 4, ggdm_unit_state_names[from], -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, ggdm_unit_state_names[row->state], -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 6, row->attempt);
    sqlite3_bind_int(stmt, 7, row->worker);
    if (message)
        sqlite3_bind_text(stmt, 8, message, (int)strnlen(message, MAX_MESSAGE), SQLITE_TRANSIENT);
    return ggdm_store_run(s, stmt, err);
}

ggdm_status ggdm_store_note(ggdm_store *store, const ggdm_unit_row *row, const char *message,
                            ggdm_error *err)
{
    return put_event(store, row, row->state, message, err);
}

static bool is_suspect(const ggdm_unit_row *row)
{
    return row->state == GGDM_UNIT_READY && row->losses >= GGDM_SUSPECT_LOSSES;
}

ggdm_status ggdm_store_transition(ggdm_store *store, const ggdm_unit_row *old,
                                  const ggdm_unit_row *row, const char *message, ggdm_error *err)
{
    if (!legal[old->state][row->state])
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: unit %" PRId64 " cannot go from %s to %s",
                         store->path, row->id, ggdm_unit_state_names[old->state],
                         ggdm_unit_state_names[row->state]);
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_SET_UNIT, &stmt, err));
    sqlite3_bind_int64(stmt, 1, row->id);
    sqlite3_bind_text(stmt, 2, ggdm_unit_state_names[old->state], -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, ggdm_unit_state_names[row->state], -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 4, row->attempt);
    sqlite3_bind_int(stmt, 5, row->failures);
    sqlite3_bind_int(stmt, 6, row->losses);
    sqlite3_bind_double(stmt, 7, row->not_before);
    sqlite3_bind_int(stmt, 8, row->worker);
    sqlite3_bind_int64(stmt, 9, row->epoch);
    if (message)
        sqlite3_bind_text(stmt, 10, message, (int)strnlen(message, MAX_MESSAGE), SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 11, row->claimed);
    GGDM_TRY(ggdm_store_run(store, stmt, err));
    if (sqlite3_changes(store->db) != 1)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: unit %" PRId64 " is not %s any more",
                         store->path, row->id, ggdm_unit_state_names[old->state]);
    GGDM_TRY(put_event(store, row, old->state, message, err));
    store->counts.units[old->state]--;
    store->counts.units[row->state]++;
    store->counts.suspects += is_suspect(row) - is_suspect(old);
    return GGDM_OK;
}

ggdm_status ggdm_store_answering(ggdm_store *s, int64_t unit, int32_t attempt, const char *what,
                                 ggdm_unit_row *row, bool *current, ggdm_error *err)
{
    GGDM_TRY(ggdm_store_get_unit(s, unit, row, err));
    *current = row->state == GGDM_UNIT_RUNNING && row->attempt == attempt && row->epoch == s->epoch;
    if (*current)
        return GGDM_OK;
    char note[200];
    snprintf(note, sizeof note, "late %s of attempt %d dropped", what, attempt);
    return put_event(s, row, row->state, note, err);
}

/* ---- the calls ------------------------------------------------------------------------------ */

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

/* Up to max rows of a statement whose parameters are bound. */
static ggdm_status collect_rows(ggdm_store *s, sqlite3_stmt *stmt, int32_t max, ggdm_unit_row *rows,
                                int32_t *n, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    bool found = true;
    *n = 0;
    while (*n < max && st == GGDM_OK) {
        st = ggdm_store_step(s, stmt, &found, err);
        if (st != GGDM_OK || !found)
            break;
        st = read_row(s, stmt, &rows[*n], err);
        *n += st == GGDM_OK;
    }
    ggdm_store_reset(stmt);
    return st;
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
    GGDM_TRY_GOTO(st, collect_rows(store, stmt, max, rows, &found, err), done);
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
