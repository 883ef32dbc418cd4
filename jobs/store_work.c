/* How much of the work is done, in the planner's cost: where a bar goes on after a stop. */
#include "jobs/store_internal.h"

#include <sqlite3.h>

#include "jobs/planner.h"

#define EXACT_BELOW 20000 /* units: of more, each counts the same (the planner makes them so) */

/* Cost of `images` images of a tree up to a step. */
static ggdm_status cost_of(ggdm_store *s, int64_t tree, int64_t images, int32_t step, double *cost,
                           ggdm_error *err)
{
    ggdm_unit unit;
    GGDM_TRY(ggdm_store_read_tree(s, tree, &unit, err));
    *cost += (double)images * unit.cost * ggdm_segments_part(unit.segments, unit.n_segments, step);
    ggdm_unit_deinit(&unit);
    return GGDM_OK;
}

/* Of a query's rows: tree, images, step. */
static ggdm_status sum_up(ggdm_store *s, const char *sql, double *cost, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    ggdm_status st;
    *cost = 0;
    GGDM_TRY_GOTO(st, ggdm_store_prepare(s, sql, &stmt, err), done);
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(st,
                      cost_of(s, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                              sqlite3_column_int(stmt, 2), cost, err),
                      done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_work_get(ggdm_store *store, ggdm_store_work *out, ggdm_error *err)
{
    const ggdm_store_counts *c = &store->counts;
    int64_t done = c->units[GGDM_UNIT_DONE];
    *out = (ggdm_store_work){
        .done = c->units_total ? store->cost * (double)done / (double)c->units_total : 0};
    if (c->units_total < EXACT_BELOW && done < c->units_total)
        GGDM_TRY(sum_up(store,
                        "SELECT tree, sum(image_count), 2147483647 FROM unit "
                        "WHERE state = 'done' GROUP BY tree",
                        &out->done, err));
    return sum_up(store,
                  "SELECT tree, image_count, step FROM checkpoint "
                  "JOIN unit ON unit.id = checkpoint.unit WHERE state NOT IN ('done','cancelled')",
                  &out->saved, err);
}
