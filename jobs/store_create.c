/* A new run's database: one transaction, so that a killed start leaves a store or nothing. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "common/fs.h"

static ggdm_status check_info(const ggdm_run_info *info, const ggdm_cells *cells,
                              const ggdm_plan *plan, ggdm_error *err)
{
    if (info->samples < 1 || info->job.steps < 1 || info->job.precision == GGDM_PRECISION_AUTO)
        return GGDM_FAIL(
            err, GGDM_EINVAL,
            "run has %d samples, %d steps, precision %s; expected at least 1, at least "
            "1, and a precision that is resolved",
            info->samples, info->job.steps, ggdm_precision_names[info->job.precision]);
    if (cells->n_cells < 1 || cells->n_trajectories < 1 || plan->n_units < 1)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "run has %d cells, %d trajectories, %d units; expected at least one each",
                         cells->n_cells, cells->n_trajectories, plan->n_units);
    return GGDM_OK;
}

ggdm_status ggdm_store_check_plan(int32_t first_cell, int32_t samples, const ggdm_cells *cells,
                                  const ggdm_plan *plan, ggdm_error *err)
{
    const int64_t first = cells->first_trajectory;
    if (cells->n_cells > INT32_MAX - first_cell ||
        cells->n_trajectories > INT32_MAX - cells->first_trajectory)
        return GGDM_FAIL(err, GGDM_EINVAL, "%d cells more than %d are too many", cells->n_cells,
                         first_cell);
    for (int32_t i = 0; i < cells->n_cells; i++) {
        const ggdm_cell *cell = &cells->cells[i];
        if (cell->index != i || cell->trajectory < 0 ||
            cell->trajectory >= first + cells->n_trajectories)
            return GGDM_FAIL(err, GGDM_EINVAL, "cell %d has index %d and trajectory %d of %lld", i,
                             cell->index, cell->trajectory,
                             (long long)(first + cells->n_trajectories));
        if (cell->trajectory >= first &&
            memcmp(cell->key, cells->trajectories[cell->trajectory - first].key,
                   sizeof cell->key) != 0)
            return GGDM_FAIL(err, GGDM_EINVAL, "cell %d has another key than its trajectory", i);
    }
    for (int32_t i = 0; i < plan->n_units; i++) {
        const ggdm_plan_unit *unit = &plan->units[i];
        if (unit->family < 0 || unit->family >= plan->n_families || unit->image_first < 0 ||
            unit->image_count < 1 || unit->image_first > samples - unit->image_count)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "unit %d: family %d, images %d+%d do not fit %d families, %d samples",
                             i, unit->family, unit->image_first, unit->image_count,
                             plan->n_families, samples);
    }
    return GGDM_OK;
}

static ggdm_status put_cells(ggdm_store *s, int32_t first_cell, const ggdm_cells *cells,
                             ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    for (int32_t i = 0; i < cells->n_trajectories; i++) {
        const ggdm_trajectory *t = &cells->trajectories[i];
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_TRAJECTORY, &stmt, err));
        sqlite3_bind_int64(stmt, 1, cells->first_trajectory + i);
        sqlite3_bind_blob(stmt, 2, t->key, sizeof t->key, SQLITE_STATIC);
        sqlite3_bind_double(stmt, 3, t->kappa);
        sqlite3_bind_int(stmt, 4, t->start);
        sqlite3_bind_int(stmt, 5, t->duration);
        sqlite3_bind_int(stmt, 6, t->target);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
    }
    for (int32_t i = 0; i < cells->n_cells; i++) {
        const ggdm_cell *cell = &cells->cells[i];
        char name[GGDM_CELL_NAME_SIZE];
        ggdm_cell_name(first_cell + cells->n_cells, first_cell + i, name);
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_CELL, &stmt, err));
        sqlite3_bind_int(stmt, 1, first_cell + i);
        sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
        sqlite3_bind_double(stmt, 3, cell->kappa);
        sqlite3_bind_int(stmt, 4, cell->start);
        sqlite3_bind_int(stmt, 5, cell->duration);
        sqlite3_bind_int(stmt, 6, cell->target);
        sqlite3_bind_blob(stmt, 7, cell->key, sizeof cell->key, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 8, cell->trajectory);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
    }
    return GGDM_OK;
}

static ggdm_status put_trees(ggdm_store *s, int64_t first, const ggdm_plan *plan, ggdm_error *err)
{
    ggdm_wire wire;
    ggdm_wire_init(&wire);
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < plan->n_families && st == GGDM_OK; i++) {
        const ggdm_family *family = &plan->families[i];
        /* The block and the identity are the unit's own; these stand for any. */
        ggdm_unit unit = {
            .image_count = 1, .n_segments = family->n_segments, .segments = family->segments};
        sqlite3_stmt *stmt = NULL;
        ggdm_wire_reset(&wire);
        GGDM_TRY_GOTO(st, ggdm_unit_pack(&unit, &wire, err), done);
        GGDM_TRY_GOTO(st, ggdm_store_use(s, GGDM_SQL_PUT_TREE, &stmt, err), done);
        sqlite3_bind_int64(stmt, 1, first + i);
        sqlite3_bind_blob64(stmt, 2, wire.data, wire.size, SQLITE_STATIC);
        st = ggdm_store_run(s, stmt, err);
    }
done:
    ggdm_wire_deinit(&wire);
    return st;
}

static ggdm_status put_units(ggdm_store *s, int64_t first, int64_t first_tree,
                             const ggdm_plan *plan, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    for (int32_t i = 0; i < plan->n_units; i++) {
        GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_UNIT, &stmt, err));
        sqlite3_bind_int64(stmt, 1, first + ggdm_plan_unit_number(plan, i));
        sqlite3_bind_int64(stmt, 2, first_tree + plan->units[i].family);
        sqlite3_bind_int(stmt, 3, plan->units[i].image_first);
        sqlite3_bind_int(stmt, 4, plan->units[i].image_count);
        GGDM_TRY(ggdm_store_run(s, stmt, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_store_put_plan(ggdm_store *store, int32_t first_cell, const ggdm_cells *cells,
                                const ggdm_plan *plan, ggdm_error *err)
{
    int64_t tree, unit;
    GGDM_TRY(ggdm_store_ask_int(store, "SELECT coalesce(max(id) + 1, 0) FROM tree", &tree, err));
    GGDM_TRY(ggdm_store_ask_int(store, "SELECT coalesce(max(id) + 1, 0) FROM unit", &unit, err));
    GGDM_TRY(put_cells(store, first_cell, cells, err));
    GGDM_TRY(put_trees(store, tree, plan, err));
    GGDM_TRY(put_units(store, unit, tree, plan, err));
    store->counts.units[GGDM_UNIT_READY] += plan->n_units;
    store->n_cells += cells->n_cells;
    store->n_trajectories += cells->n_trajectories;
    return ggdm_store_write_counts(store, err);
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

ggdm_status ggdm_store_create(const char *dir, const ggdm_run_info *info, const ggdm_cells *cells,
                              const ggdm_plan *plan, ggdm_error *err)
{
    ggdm_store *s = NULL;
    ggdm_status st;
    bool complete;
    GGDM_TRY(check_info(info, cells, plan, err));
    GGDM_TRY(ggdm_store_check_plan(0, info->samples, cells, plan, err));
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
    GGDM_TRY_GOTO(st, ggdm_store_put_cost(s, plan->cost, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_put_shard(s, plan, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_put_plan(s, 0, cells, plan, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_exec(s, "COMMIT", err), undo);
    st = ggdm_sync_dir(dir, err); /* the new file's name must survive a power cut, too */
undo:
    if (!sqlite3_get_autocommit(s->db))
        ggdm_store_exec(s, "ROLLBACK", NULL);
done:
    ggdm_store_close(&s);
    return st;
}
