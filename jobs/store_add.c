/* A further sweep in a run that is there: its cells, and what the store lacks of their images and
 * scores. */
#include "jobs/store_grow.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "common/mem.h"

/* ---- what is there -------------------------------------------------------------------------- */

/* A trajectory of the sweep. */
typedef struct place {
    int64_t id; /* in the store, or where it will be */
    int32_t wanted, done;
    bool fresh; /* not in the store, or with fewer images */
} place;

/* The store's trajectory with this key; one that is not there gets number next. */
static ggdm_status find_trajectory(ggdm_store *s, const ggdm_trajectory *t, int64_t next,
                                   place *out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_FIND_TRAJECTORY, &stmt, err));
    sqlite3_bind_blob(stmt, 1, t->key, sizeof t->key, SQLITE_STATIC);
    GGDM_TRY(ggdm_store_step(s, stmt, &row, err));
    *out = (place){.id = row ? sqlite3_column_int64(stmt, 0) : next};
    if (row) {
        out->wanted = sqlite3_column_int(stmt, 1);
        out->done = sqlite3_column_int(stmt, 2);
    }
    out->fresh = t->image_first + t->image_count > out->wanted;
    ggdm_store_reset(stmt);
    return GGDM_OK;
}

/* The trajectories of which there is something to make stay, with what is lacking. */
static ggdm_status match_trajectories(ggdm_store *s, ggdm_cells *cells, place *places,
                                      ggdm_error *err)
{
    int64_t next = s->n_trajectories;
    int32_t n = 0;
    for (int32_t i = 0; i < cells->n_trajectories; i++) {
        ggdm_trajectory *t = &cells->trajectories[i];
        place *p = &places[i];
        GGDM_TRY(find_trajectory(s, t, next, p, err));
        next += p->id == next;
        if (!p->fresh)
            continue;
        t->image_count += t->image_first - p->wanted;
        t->image_first = p->wanted;
        cells->trajectories[n++] = *t;
    }
    cells->n_trajectories = n;
    cells->first_trajectory = s->n_trajectories;
    return GGDM_OK;
}

/* Images of the first `samples` of a trajectory that are there. */
static ggdm_status count_first(ggdm_store *s, const place *p, int32_t samples, int32_t *done,
                               ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    *done = p->done;
    if (p->done == p->wanted || samples >= p->wanted)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_COUNT_FIRST, &stmt, err));
    sqlite3_bind_int64(stmt, 1, p->id);
    sqlite3_bind_int(stmt, 2, samples);
    GGDM_TRY(ggdm_store_step(s, stmt, &row, err));
    *done = row ? sqlite3_column_int(stmt, 0) : 0;
    ggdm_store_reset(stmt);
    return GGDM_OK;
}

/* scorers: the store's numbers of cells->scorers, -1 where it has none. */
static ggdm_status is_unscored(ggdm_store *s, const place *p, const ggdm_panel *panel,
                               const int64_t *scorers, bool *unscored, ggdm_error *err)
{
    *unscored = false;
    for (int32_t i = 0; i < panel->n && p->done > 0 && !*unscored; i++) {
        int64_t scorer = scorers[panel->entries[i].scorer];
        if (scorer < 0)
            *unscored = true;
        else
            GGDM_TRY(ggdm_store_lacks_scores(s, p->id, p->done, scorer, unscored, err));
    }
    return GGDM_OK;
}

static ggdm_status match_cells(ggdm_store *s, ggdm_cells *cells, const place *places,
                               const int64_t *scorers, const bool *wanted, ggdm_store_matched *out,
                               ggdm_error *err)
{
    const int32_t samples = cells->spec->samples;
    for (int32_t i = 0; i < cells->n_cells; i++) {
        ggdm_cell *cell = &cells->cells[i];
        const place *p = &places[cell->trajectory];
        int32_t done;
        bool unscored;
        cell->trajectory = p->id;
        GGDM_TRY(is_unscored(s, p, &cells->panels[cell->panel], scorers, &unscored, err));
        out->unscored += unscored;
        if (p->fresh) {
            out->fresh++;
            continue;
        }
        GGDM_TRY(count_first(s, p, samples, &done, err));
        if (done >= samples)
            out->done++;
        else
            *(wanted[p->id] ? &out->queued : &out->cancelled) += 1;
    }
    return GGDM_OK;
}

ggdm_status ggdm_store_match(ggdm_store *store, ggdm_cells *cells, ggdm_store_matched *out,
                             ggdm_error *err)
{
    place *places = NULL;
    int64_t *scorers = NULL;
    bool *wanted = NULL;
    ggdm_status st;
    *out = (ggdm_store_matched){0};
    GGDM_TRY(ggdm_alloc(&places, (size_t)cells->n_trajectories, sizeof *places, err));
    GGDM_TRY_GOTO(st, ggdm_alloc(&scorers, (size_t)cells->n_scorers, sizeof *scorers, err), done);
    for (int32_t i = 0; i < cells->n_scorers; i++)
        GGDM_TRY_GOTO(st,
                      ggdm_store_find_text(store, GGDM_STORE_SCORERS, cells->scorers[i].text,
                                           &scorers[i], err),
                      done);
    GGDM_TRY_GOTO(st, ggdm_store_wanted_trajectories(store, &wanted, err), done);
    GGDM_TRY_GOTO(st, match_trajectories(store, cells, places, err), done);
    st = match_cells(store, cells, places, scorers, wanted, out, err);
done:
    free(wanted);
    free(scorers);
    free(places);
    return st;
}

/* ---- adding --------------------------------------------------------------------------------- */

static ggdm_status add_batch(ggdm_store *s, const ggdm_store_batch *batch, ggdm_error *err)
{
    const int32_t first = s->n_cells;
    GGDM_TRY(ggdm_store_put_batch(s, batch, err));
    GGDM_TRY(ggdm_store_load_sheet(s, err));
    GGDM_TRY(ggdm_store_want_from(s, first, err));
    GGDM_TRY(ggdm_store_write_counts(s, err));
    return ggdm_store_make_views(s, err);
}

ggdm_status ggdm_store_add(ggdm_store *store, double now, const ggdm_store_batch *batch,
                           ggdm_error *err)
{
    const int64_t first = batch->cells->first_trajectory;
    const ggdm_store_totals before = ggdm_store_totals_of(store);
    if (first != store->n_trajectories)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: the plan goes on from trajectory %" PRId64 ", expected %d",
                         store->path, first, store->n_trajectories);
    GGDM_TRY(ggdm_store_check_batch(store->n_cells, batch, err));
    GGDM_TRY(ggdm_store_begin(store, now, err));
    ggdm_status st = add_batch(store, batch, err);
    if (st == GGDM_OK)
        st = ggdm_store_commit(store, err);
    ggdm_store_rollback(store);
    ggdm_store_forget_trees(store); /* they say what is scored */
    if (st == GGDM_OK)
        return ggdm_store_load_counts(store, err);
    ggdm_store_put_back(store, &before);
    ggdm_store_load_sheet(store, NULL);
    return st;
}
