/* A further sweep in a run that is there: its cells, without those that are there already. */
#include "jobs/store_internal.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "common/mem.h"

/* Trajectory with this key: *id = -1 where there is none. */
static ggdm_status find_trajectory(ggdm_store *s, const ggdm_trajectory *t, int64_t *id,
                                   int32_t *done, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    *id = -1;
    *done = 0;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_FIND_TRAJECTORY, &stmt, err));
    sqlite3_bind_blob(stmt, 1, t->key, sizeof t->key, SQLITE_STATIC);
    GGDM_TRY(ggdm_store_step(s, stmt, &row, err));
    if (row) {
        *id = sqlite3_column_int64(stmt, 0);
        *done = sqlite3_column_int(stmt, 1);
    }
    ggdm_store_reset(stmt);
    return GGDM_OK;
}

typedef struct place {
    int64_t id; /* in the store, or where it will be */
    int32_t done;
} place;

ggdm_status ggdm_store_match(ggdm_store *store, ggdm_cells *cells, ggdm_store_matched *out,
                             ggdm_error *err)
{
    const int32_t first = store->n_trajectories;
    int32_t n = 0;
    place *places = NULL;
    bool *wanted = NULL;
    *out = (ggdm_store_matched){0};
    GGDM_TRY(ggdm_alloc(&places, (size_t)cells->n_trajectories, sizeof *places, err));
    ggdm_status st = ggdm_store_wanted_trajectories(store, &wanted, err);
    for (int32_t i = 0; i < cells->n_trajectories && st == GGDM_OK; i++) {
        st = find_trajectory(store, &cells->trajectories[i], &places[i].id, &places[i].done, err);
        if (st != GGDM_OK || places[i].id >= 0)
            continue;
        places[i].id = first + n;
        cells->trajectories[n++] = cells->trajectories[i];
    }
    for (int32_t i = 0; i < cells->n_cells && st == GGDM_OK; i++) {
        const place *p = &places[cells->cells[i].trajectory];
        cells->cells[i].trajectory = (int32_t)p->id;
        if (p->id >= first)
            out->fresh++;
        else if (p->done == store->info.samples)
            out->done++;
        else
            *(wanted[p->id] ? &out->queued : &out->cancelled) += 1;
    }
    if (st == GGDM_OK) {
        cells->n_trajectories = n;
        cells->first_trajectory = first;
    }
    free(wanted);
    free(places);
    return st;
}

static ggdm_status add(ggdm_store *s, const char *text, const char *digest, const ggdm_cells *cells,
                       const ggdm_plan *plan, ggdm_error *err)
{
    int32_t n_sweeps;
    GGDM_TRY(ggdm_store_n_sweeps(s, &n_sweeps, err));
    GGDM_TRY(ggdm_store_put_sweep(s, n_sweeps + 1, text, digest, err));
    GGDM_TRY(ggdm_store_put_cost(s, s->cost + plan->cost, err));
    const int32_t first = s->n_cells;
    GGDM_TRY(ggdm_store_put_plan(s, first, cells, plan, err));
    return ggdm_store_want_from(s, first, err);
}

ggdm_status ggdm_store_add(ggdm_store *store, double now, const char *text, const char *digest,
                           const ggdm_cells *cells, const ggdm_plan *plan, ggdm_error *err)
{
    const double cost = store->cost;
    const int32_t n_cells = store->n_cells, n_trajectories = store->n_trajectories;
    if (cells->first_trajectory != store->n_trajectories)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: the plan goes on from trajectory %lld, expected %d",
                         store->path, (long long)cells->first_trajectory, store->n_trajectories);
    GGDM_TRY(ggdm_store_check_plan(store->n_cells, store->info.samples, cells, plan, err));
    GGDM_TRY(ggdm_store_begin(store, now, err));
    ggdm_status st = add(store, text, digest, cells, plan, err);
    if (st == GGDM_OK)
        st = ggdm_store_commit(store, err);
    ggdm_store_rollback(store);
    if (st != GGDM_OK) {
        store->cost = cost;
        store->n_cells = n_cells;
        store->n_trajectories = n_trajectories;
        return st;
    }
    return ggdm_store_load_counts(store, err);
}
