/* The counters: in memory while the store is open, in table counter for the next start. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#define MAX_CLAIM (INT64_C(1) << 60)
#define COUNT_BELOW 20000 /* units: so many are counted at each start, which costs milliseconds */

/* All counters as one row. */
enum { IMAGES = GGDM_UNIT_STATES, DIVERGED, WANTED, TRAJECTORIES, ASKED, CELLS, N_COUNTERS };
typedef struct counters {
    int64_t value[N_COUNTERS];
    bool known[N_COUNTERS];
} counters;

static const char *name_of(int i)
{
    static const char *const names[N_COUNTERS] = {
        [IMAGES] = "images", [DIVERGED] = "diverged",
        [WANTED] = "wanted", [TRAJECTORIES] = "trajectories",
        [ASKED] = "asked",   [CELLS] = "cells"};
    return i < GGDM_UNIT_STATES ? ggdm_unit_state_names[i] : names[i];
}

static counters counters_of(const ggdm_store *s, const ggdm_store_counts *c)
{
    counters out = {{0}, {0}};
    memcpy(out.value, c->units, sizeof c->units);
    out.value[IMAGES] = c->images_done;
    out.value[DIVERGED] = c->images_diverged;
    out.value[WANTED] = s->images_wanted;
    out.value[TRAJECTORIES] = s->n_trajectories;
    out.value[ASKED] = s->images_asked;
    out.value[CELLS] = s->n_cells;
    return out;
}

static ggdm_status save_counter(ggdm_store *s, int i, int64_t value, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_SET_COUNTER, &stmt, err));
    sqlite3_bind_text(stmt, 1, name_of(i), -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, value);
    return ggdm_store_run(s, stmt, err);
}

ggdm_status ggdm_store_save_counts(ggdm_store *store, ggdm_error *err)
{
    counters now = counters_of(store, &store->counts);
    counters before = counters_of(store, &store->counts_before);
    for (int i = 0; i < N_COUNTERS; i++)
        if (now.value[i] != before.value[i])
            GGDM_TRY(save_counter(store, i, now.value[i], err));
    return GGDM_OK;
}

ggdm_status ggdm_store_write_counts(ggdm_store *store, ggdm_error *err)
{
    counters now = counters_of(store, &store->counts);
    for (int i = 0; i < N_COUNTERS; i++)
        GGDM_TRY(save_counter(store, i, now.value[i], err));
    return GGDM_OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static ggdm_status ask_counters(ggdm_store *s, ggdm_sql query, counters *out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row = true;
    *out = (counters){{0}, {0}};
    GGDM_TRY(ggdm_store_use(s, query, &stmt, err));
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        int i = 0;
        while (i < N_COUNTERS && name && strcmp(name, name_of(i)) != 0)
            i++;
        if (i == N_COUNTERS)
            continue;
        out->value[i] = sqlite3_column_int64(stmt, 1);
        out->known[i] = true;
    }
done:
    ggdm_store_reset(stmt);
    return st;
}

/* Is each there, and possible? */
static ggdm_status check_counters(const ggdm_store *s, const counters *c, ggdm_error *err)
{
    for (int i = 0; i < N_COUNTERS; i++)
        if (!c->known[i] || c->value[i] < 0 || c->value[i] > INT64_C(1) << 40)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: counter '%s' is %" PRId64, s->path,
                             name_of(i), c->value[i]);
    if (c->value[TRAJECTORIES] < 1 || c->value[TRAJECTORIES] > INT32_MAX || c->value[CELLS] < 1 ||
        c->value[CELLS] > INT32_MAX || c->value[DIVERGED] > c->value[IMAGES] ||
        c->value[IMAGES] > c->value[WANTED])
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s is damaged: %" PRId64 " cells, %" PRId64 " trajectories, %" PRId64
                         " images, %" PRId64 " of them diverged",
                         s->path, c->value[CELLS], c->value[TRAJECTORIES], c->value[IMAGES],
                         c->value[DIVERGED]);
    return GGDM_OK;
}

/* Count what is there, and compare. */
static ggdm_status compare_counters(ggdm_store *s, const counters *c, ggdm_error *err)
{
    counters found;
    GGDM_TRY(ask_counters(s, GGDM_SQL_COUNT_ALL, &found, err));
    for (int i = 0; i < N_COUNTERS; i++)
        if (found.value[i] != c->value[i])
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s is damaged: counter '%s' is %" PRId64 ", but there are %" PRId64,
                             s->path, name_of(i), c->value[i], found.value[i]);
    return GGDM_OK;
}

/* Cells and trajectories are numbered 0, 1, ...; the ends are looked at. */
static ggdm_status check_numbers(ggdm_store *s, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_LAST_NUMBERS, &stmt, err));
    GGDM_TRY(ggdm_store_step(s, stmt, &row, err));
    bool good = row && sqlite3_column_int64(stmt, 0) == 0 &&
                sqlite3_column_int64(stmt, 1) == s->n_trajectories - 1 &&
                sqlite3_column_int64(stmt, 2) == 0 &&
                sqlite3_column_int64(stmt, 3) == s->n_cells - 1;
    ggdm_store_reset(stmt);
    if (good)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EFORMAT,
                     "%s is damaged: cells or trajectories are not numbered 0, 1, ...", s->path);
}

static ggdm_status ask_number(ggdm_store *s, ggdm_sql query, int64_t *out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(s, query, &stmt, err));
    GGDM_TRY(ggdm_store_step(s, stmt, &row, err));
    *out = row ? sqlite3_column_int64(stmt, 0) : 0;
    ggdm_store_reset(stmt);
    return GGDM_OK;
}

ggdm_status ggdm_store_load_counts(ggdm_store *store, ggdm_error *err)
{
    ggdm_store_counts *c = &store->counts;
    counters now;
    GGDM_TRY(ask_counters(store, GGDM_SQL_GET_COUNTERS, &now, err));
    GGDM_TRY(check_counters(store, &now, err));
    *c = (ggdm_store_counts){.images_done = now.value[IMAGES],
                             .images_diverged = now.value[DIVERGED]};
    memcpy(c->units, now.value, sizeof c->units);
    for (int i = 0; i < GGDM_UNIT_STATES; i++)
        c->units_total += c->units[i];
    store->n_trajectories = (int32_t)now.value[TRAJECTORIES];
    store->n_cells = (int32_t)now.value[CELLS];
    store->images_wanted = now.value[WANTED];
    store->images_asked = now.value[ASKED];
    c->images_total = store->info.shards ? store->info.shard_images : store->images_wanted;
    c->images_asked = store->info.shards ? c->images_total : store->images_asked;
    if (c->units_total <= COUNT_BELOW)
        GGDM_TRY(compare_counters(store, &now, err));
    GGDM_TRY(check_numbers(store, err));
    GGDM_TRY(ask_number(store, GGDM_SQL_COUNT_SUSPECTS, &c->suspects, err));
    GGDM_TRY(ask_number(store, GGDM_SQL_COUNT_OPEN, &c->cells_open, err));
    GGDM_TRY(ask_number(store, GGDM_SQL_LAST_CLAIM, &store->last_claim, err));
    if (store->last_claim < 0 || store->last_claim > MAX_CLAIM)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s is damaged: column claimed of a unit is %" PRId64
                         ", expected 0 to %" PRId64,
                         store->path, store->last_claim, MAX_CLAIM);
    return GGDM_OK;
}

bool ggdm_store_at_rest(const ggdm_store *store)
{
    const int64_t *units = store->counts.units;
    return units[GGDM_UNIT_READY] + units[GGDM_UNIT_RUNNING] + units[GGDM_UNIT_FAILED] == 0;
}

bool ggdm_store_is_done(const ggdm_store *store)
{
    return ggdm_store_at_rest(store) && store->counts.cells_open == 0;
}
