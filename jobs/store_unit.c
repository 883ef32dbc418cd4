/* Units: their states, and the one function that changes them. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum { MAX_MESSAGE = 1000 };

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

ggdm_status ggdm_store_column_state(const ggdm_store *store, sqlite3_stmt *stmt, int column,
                                    ggdm_unit_state *out, ggdm_error *err)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    for (int s = 0; text && s < GGDM_UNIT_STATES; s++) {
        if (strcmp(text, ggdm_unit_state_names[s]) == 0) {
            *out = (ggdm_unit_state)s;
            return GGDM_OK;
        }
    }
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: a unit has state '%s'", store->path,
                     text ? text : "");
}

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

ggdm_status ggdm_store_collect_units(ggdm_store *s, sqlite3_stmt *stmt, int32_t max,
                                     ggdm_unit_row *rows, int32_t *n, ggdm_error *err)
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
