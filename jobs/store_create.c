/* What a sweep brings, and a new run's database: one transaction, so that a killed start leaves a
 * store or nothing. */
#include "jobs/store_grow.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

/* ---- is it a plan --------------------------------------------------------------------------- */

static ggdm_status check_cells(int32_t first_cell, const ggdm_cells *cells, ggdm_error *err)
{
    const int64_t end = cells->first_trajectory + cells->n_trajectories;
    if (cells->n_cells > INT32_MAX - first_cell || end > INT32_MAX)
        return GGDM_FAIL(err, GGDM_EINVAL, "%d cells more than %d are too many", cells->n_cells,
                         first_cell);
    for (int32_t i = 0; i < cells->n_cells; i++) {
        const ggdm_cell *cell = &cells->cells[i];
        if (cell->place != i || cell->trajectory < 0 || cell->trajectory >= end ||
            cell->panel < 0 || cell->panel >= cells->n_panels)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "cell %d has place %d, trajectory %" PRId64 " of %" PRId64
                             ", panel %d of %d",
                             i, cell->place, cell->trajectory, end, cell->panel, cells->n_panels);
    }
    for (int32_t i = 0; i < cells->n_trajectories; i++) {
        const ggdm_trajectory *t = &cells->trajectories[i];
        bool good = t->head >= 0 && t->head < cells->n_heads && t->n_runs >= 1 &&
                    t->n_runs <= GGDM_MAX_RUNS && t->image_first >= 0 && t->image_count >= 1 &&
                    t->image_first <= GGDM_MAX_SAMPLES - t->image_count;
        for (int32_t k = 0; k < t->n_runs && good; k++)
            good = t->runs[k].setting >= 0 && t->runs[k].setting < cells->n_settings;
        if (!good)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "trajectory %d: head %d, %d runs, images %d+%d do not fit", i, t->head,
                             t->n_runs, t->image_first, t->image_count);
    }
    return GGDM_OK;
}

static ggdm_status check_trees(const ggdm_cells *cells, const ggdm_plan *plan, ggdm_error *err)
{
    const int64_t first = cells->first_trajectory, end = first + cells->n_trajectories;
    for (int32_t i = 0; i < plan->n_trees; i++) {
        const ggdm_tree *tree = &plan->trees[i];
        bool good = tree->head >= 0 && tree->head < cells->n_heads && tree->steps >= 1 &&
                    tree->n_segments >= 1;
        for (int32_t k = 0; k < tree->n_segments && good; k++) {
            const ggdm_segment *s = &tree->segments[k];
            good = s->setting >= 0 && s->setting < cells->n_settings && s->trajectory >= -1 &&
                   s->trajectory < end && (s->trajectory == -1 || s->trajectory >= first);
            if (good && s->trajectory >= 0) {
                const ggdm_trajectory *t = &cells->trajectories[s->trajectory - first];
                good = t->head == tree->head && t->image_first == tree->image_first &&
                       t->image_count == tree->image_count;
            }
        }
        if (!good)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "tree %d has %d steps, %d segments, head %d that do not fit the cells",
                             i, tree->steps, tree->n_segments, tree->head);
    }
    for (int32_t i = 0; i < plan->n_units; i++) {
        const ggdm_plan_unit *unit = &plan->units[i];
        if (unit->tree < 0 || unit->tree >= plan->n_trees)
            return GGDM_FAIL(err, GGDM_EINVAL, "unit %d: tree %d of %d", i, unit->tree,
                             plan->n_trees);
        const ggdm_tree *tree = &plan->trees[unit->tree];
        if (unit->image_count < 1 || unit->image_first < tree->image_first ||
            unit->image_count > tree->image_count - (unit->image_first - tree->image_first))
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "unit %d: images %d+%d are not of the %d+%d of tree %d", i,
                             unit->image_first, unit->image_count, tree->image_first,
                             tree->image_count, unit->tree);
    }
    return GGDM_OK;
}

ggdm_status ggdm_store_check_batch(int32_t first_cell, const ggdm_store_batch *batch,
                                   ggdm_error *err)
{
    GGDM_TRY(check_cells(first_cell, batch->cells, err));
    return check_trees(batch->cells, batch->plan, err);
}

static ggdm_status check_run(const ggdm_run_info *info, const ggdm_store_batch *batch,
                             ggdm_error *err)
{
    const ggdm_cells *cells = batch->cells;
    if (info->precision == GGDM_PRECISION_AUTO)
        return GGDM_FAIL(err, GGDM_EINVAL, "run has precision auto; expected a resolved one");
    if (cells->n_cells < 1 || cells->n_trajectories < 1 || batch->plan->n_units < 1 ||
        cells->first_trajectory != 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "run has %d cells, %d trajectories from %" PRId64
                         ", %d units; expected at least one each, from 0",
                         cells->n_cells, cells->n_trajectories, cells->first_trajectory,
                         batch->plan->n_units);
    return GGDM_OK;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void free_numbers(ggdm_store_numbers *n)
{
    free(n->heads);
    free(n->settings);
    free(n->trajectories);
    free(n->fresh);
    free(n->panels);
}

/* Trajectories that are there keep their numbers, the others get the next ones. */
static ggdm_status number_trajectories(ggdm_store *s, const ggdm_cells *cells,
                                       ggdm_store_numbers *n, ggdm_error *err)
{
    int64_t next = cells->first_trajectory;
    for (int32_t i = 0; i < cells->n_trajectories; i++) {
        sqlite3_stmt *stmt = NULL;
        bool row = false;
        if (s->n_trajectories > 0) {
            GGDM_TRY(ggdm_store_use(s, GGDM_SQL_FIND_TRAJECTORY, &stmt, err));
            sqlite3_bind_blob(stmt, 1, cells->trajectories[i].key,
                              sizeof cells->trajectories[i].key, SQLITE_STATIC);
            GGDM_TRY(ggdm_store_step(s, stmt, &row, err));
        }
        int32_t wanted = row ? sqlite3_column_int(stmt, 1) : 0;
        n->fresh[i] = !row;
        n->trajectories[i] = row ? sqlite3_column_int64(stmt, 0) : next++;
        ggdm_store_reset(stmt);
        if (cells->trajectories[i].image_first != wanted)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "trajectory %d: images from %d on are to be made, expected from %d on",
                             i, cells->trajectories[i].image_first, wanted);
    }
    return GGDM_OK;
}

static ggdm_status make_numbers(ggdm_store *s, const ggdm_cells *cells, ggdm_store_numbers *n,
                                ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&n->heads, (size_t)cells->n_heads, sizeof *n->heads, err));
    GGDM_TRY(ggdm_alloc(&n->settings, (size_t)cells->n_settings, sizeof *n->settings, err));
    GGDM_TRY(ggdm_alloc(&n->panels, (size_t)cells->n_panels, sizeof *n->panels, err));
    GGDM_TRY(
        ggdm_alloc(&n->trajectories, (size_t)cells->n_trajectories, sizeof *n->trajectories, err));
    GGDM_TRY(ggdm_alloc(&n->fresh, (size_t)cells->n_trajectories, sizeof *n->fresh, err));
    for (int32_t i = 0; i < cells->n_heads; i++)
        GGDM_TRY(ggdm_store_put_text(s, GGDM_STORE_HEADS, cells->heads[i], 0, &n->heads[i], err));
    for (int32_t i = 0; i < cells->n_settings; i++) {
        int64_t id;
        GGDM_TRY(ggdm_store_put_text(s, GGDM_STORE_SETTINGS, cells->settings[i], 0, &id, err));
        n->settings[i] = (int32_t)id;
    }
    GGDM_TRY(ggdm_store_put_panels(s, cells, n->panels, err));
    return number_trajectories(s, cells, n, err);
}

/* ---- writing -------------------------------------------------------------------------------- */

static ggdm_status print_runs(const ggdm_trajectory *t, const ggdm_store_numbers *n, char **text,
                              size_t *cap, ggdm_error *err)
{
    size_t at = 0;
    GGDM_TRY(ggdm_grow(text, cap, (size_t)t->n_runs * 24, 1, err));
    for (int32_t i = 0; i < t->n_runs; i++)
        at += (size_t)snprintf(*text + at, *cap - at, "%s%" PRId32 ":%" PRId32, i ? "," : "",
                               n->settings[t->runs[i].setting], t->runs[i].end);
    return GGDM_OK;
}

static ggdm_status put_trajectory(ggdm_store *s, const ggdm_trajectory *t, int64_t id, int64_t head,
                                  const char *runs, double cost, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_TRAJECTORY, &stmt, err));
    sqlite3_bind_int64(stmt, 1, id);
    sqlite3_bind_blob(stmt, 2, t->key, sizeof t->key, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, head);
    sqlite3_bind_text(stmt, 4, runs, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 5, t->image_first + t->image_count);
    sqlite3_bind_double(stmt, 6, cost);
    return ggdm_store_run(s, stmt, err);
}

/* More images of one that is there. */
static ggdm_status raise_wanted(ggdm_store *s, const ggdm_trajectory *t, int64_t id,
                                ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_SET_WANTED, &stmt, err));
    sqlite3_bind_int64(stmt, 1, id);
    sqlite3_bind_int(stmt, 2, t->image_first + t->image_count);
    return ggdm_store_run(s, stmt, err);
}

/* alone: as in a plan. */
static ggdm_status put_trajectories(ggdm_store *s, const ggdm_cells *cells, const double *alone,
                                    const ggdm_store_numbers *n, ggdm_error *err)
{
    char *runs = NULL;
    size_t cap = 0;
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < cells->n_trajectories && st == GGDM_OK; i++) {
        const ggdm_trajectory *t = &cells->trajectories[i];
        if (!n->fresh[i]) {
            st = raise_wanted(s, t, n->trajectories[i], err);
            s->images_wanted += t->image_count;
            continue;
        }
        st = print_runs(t, n, &runs, &cap, err);
        if (st == GGDM_OK)
            st = put_trajectory(s, t, n->trajectories[i], n->heads[t->head], runs,
                                alone ? alone[i] : 0, err);
        s->images_wanted += t->image_first + t->image_count;
        s->n_trajectories++;
    }
    free(runs);
    return st;
}

static ggdm_status put_cells(ggdm_store *s, int32_t sweep, const ggdm_cells *cells,
                             const ggdm_store_numbers *n, ggdm_error *err)
{
    const int32_t first = s->n_cells;
    sqlite3_stmt *stmt = NULL;
    for (int32_t i = 0; i < cells->n_cells; i++) {
        const ggdm_cell *cell = &cells->cells[i];
        char name[GGDM_CELL_NAME_SIZE];
        ggdm_cell_name(first + cells->n_cells, first + i, name);
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_CELL, &stmt, err));
        sqlite3_bind_int(stmt, 1, first + i);
        sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 3, sweep);
        sqlite3_bind_int64(stmt, 4, cell->trajectory);
        sqlite3_bind_int(stmt, 5, cells->spec->samples);
        sqlite3_bind_int(stmt, 6, n->panels[cell->panel]);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
    }
    s->n_cells += cells->n_cells;
    s->images_asked += (int64_t)cells->n_cells * cells->spec->samples;
    return GGDM_OK;
}

static ggdm_status put_plan(ggdm_store *s, const ggdm_cells *cells, const ggdm_plan *plan,
                            const ggdm_store_numbers *n, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int64_t tree, unit;
    GGDM_TRY(ggdm_store_ask_int(s, "SELECT coalesce(max(id) + 1, 0) FROM tree", &tree, err));
    GGDM_TRY(ggdm_store_ask_int(s, "SELECT coalesce(max(id) + 1, 0) FROM unit", &unit, err));
    for (int32_t i = 0; i < plan->n_trees; i++) {
        const ggdm_tree *t = &plan->trees[i];
        GGDM_TRY(ggdm_store_put_tree(s, tree + i, n->heads[t->head], t->steps, t->cost, t->segments,
                                     t->n_segments, n, cells->first_trajectory, err));
    }
    for (int32_t i = 0; i < plan->n_units; i++) {
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_UNIT, &stmt, err));
        sqlite3_bind_int64(stmt, 1, unit + ggdm_plan_unit_number(plan, i));
        sqlite3_bind_int64(stmt, 2, tree + plan->units[i].tree);
        sqlite3_bind_int(stmt, 3, plan->units[i].image_first);
        sqlite3_bind_int(stmt, 4, plan->units[i].image_count);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
    }
    s->counts.units[GGDM_UNIT_READY] += plan->n_units;
    GGDM_TRY(ggdm_store_put_cost(s, s->cost + plan->cost, err));
    return ggdm_store_write_counts(s, err);
}

static ggdm_status put_batch(ggdm_store *s, const ggdm_store_batch *batch, ggdm_store_numbers *n,
                             ggdm_error *err)
{
    const int32_t sweep = s->sheet.n_sweeps + 1;
    GGDM_TRY(ggdm_store_put_sweep(s, sweep, s->n_cells, &batch->sweep, batch->cells->spec, err));
    GGDM_TRY(ggdm_store_put_named(s, sweep, batch, err));
    GGDM_TRY(make_numbers(s, batch->cells, n, err));
    GGDM_TRY(put_trajectories(s, batch->cells, batch->plan->alone, n, err));
    GGDM_TRY(put_cells(s, sweep, batch->cells, n, err));
    GGDM_TRY(ggdm_store_put_until(s, sweep, batch->cells->spec, s->n_cells - batch->cells->n_cells,
                                  err));
    return put_plan(s, batch->cells, batch->plan, n, err);
}

ggdm_status ggdm_store_put_batch(ggdm_store *store, const ggdm_store_batch *batch, ggdm_error *err)
{
    ggdm_store_numbers n = {0};
    ggdm_status st = put_batch(store, batch, &n, err);
    free_numbers(&n);
    return st;
}

static ggdm_status put_images(ggdm_store *s, const ggdm_cells *cells, const ggdm_plan *plan,
                              ggdm_store_numbers *n, ggdm_error *err)
{
    GGDM_TRY(make_numbers(s, cells, n, err));
    GGDM_TRY(put_trajectories(s, cells, plan->alone, n, err));
    return put_plan(s, cells, plan, n, err);
}

ggdm_status ggdm_store_put_images(ggdm_store *store, const ggdm_cells *cells, const ggdm_plan *plan,
                                  ggdm_error *err)
{
    ggdm_store_numbers n = {0};
    ggdm_status st = put_images(store, cells, plan, &n, err);
    free_numbers(&n);
    return st;
}

ggdm_store_totals ggdm_store_totals_of(const ggdm_store *s)
{
    return (ggdm_store_totals){s->n_cells, s->n_trajectories, s->images_wanted, s->images_asked,
                               s->cost};
}

void ggdm_store_put_back(ggdm_store *s, const ggdm_store_totals *t)
{
    s->n_cells = t->n_cells;
    s->n_trajectories = t->n_trajectories;
    s->images_wanted = t->images_wanted;
    s->images_asked = t->images_asked;
    s->cost = t->cost;
}

static ggdm_status put_schema(ggdm_store *s, ggdm_error *err)
{
    char sql[64];
    for (size_t i = 0; i < ggdm_store_schema_count; i++)
        GGDM_TRY(ggdm_store_exec(s, ggdm_store_schema[i].sql, err));
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA main.application_id = %d", GGDM_STORE_APPLICATION_ID);
    GGDM_TRY(ggdm_store_exec(s, sql, err));
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA main.user_version = %d", GGDM_STORE_VERSION);
    return ggdm_store_exec(s, sql, err);
}

ggdm_status ggdm_store_create(const char *dir, const ggdm_run_info *info,
                              const ggdm_store_batch *batch, ggdm_error *err)
{
    ggdm_store *s = NULL;
    ggdm_status st;
    bool complete;
    GGDM_TRY(check_run(info, batch, err));
    GGDM_TRY(ggdm_store_check_batch(0, batch, err));
    GGDM_TRY(ggdm_store_attach(dir, NULL, true, &s, &complete, err));
    if (complete) {
        st = GGDM_FAIL(err, GGDM_ESTATE, "%s: there is a run already", dir);
        goto done;
    }
    GGDM_TRY_GOTO(st, ggdm_store_configure(s, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_exec(s, "BEGIN EXCLUSIVE", err), done);
    GGDM_TRY_GOTO(st, put_schema(s, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_save_info(s, info, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_put_run(s, "epoch", "0", err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_put_shard(s, batch->plan, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_put_batch(s, batch, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_exec(s, "COMMIT", err), undo);
    st = ggdm_sync_dir(dir, err); /* the new file's name must survive a power cut, too */
undo:
    if (!sqlite3_get_autocommit(s->db))
        ggdm_store_exec(s, "ROLLBACK", NULL);
done:
    ggdm_store_close(&s);
    return st;
}
