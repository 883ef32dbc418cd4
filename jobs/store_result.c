/* Numbers of cells from later stages. */
#include "jobs/store_internal.h"

#include <math.h>
#include <sqlite3.h>

/* Not a number is NULL, also in SQL. */
static double number_of(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? NAN
                                                            : sqlite3_column_double(stmt, column);
}

ggdm_status ggdm_store_put_result(ggdm_store *store, const ggdm_store_result *result,
                                  ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_PUT_RESULT, &stmt, err));
    sqlite3_bind_int(stmt, 1, result->cell);
    sqlite3_bind_text(stmt, 2, result->metric, -1, SQLITE_TRANSIENT);
    sqlite3_bind_text(stmt, 3, result->settings, -1, SQLITE_TRANSIENT);
    sqlite3_bind_double(stmt, 4, result->value);
    sqlite3_bind_double(stmt, 5, result->lo);
    sqlite3_bind_double(stmt, 6, result->hi);
    sqlite3_bind_int64(stmt, 7, result->n);
    sqlite3_bind_text(stmt, 8, result->note ? result->note : "", -1, SQLITE_TRANSIENT);
    return ggdm_store_run(store, stmt, err);
}

ggdm_status ggdm_store_each_result(ggdm_store *store, ggdm_result_visitor visit, void *context,
                                   ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row;
    GGDM_TRY(ggdm_store_prepare(store, ggdm_store_sql_results, &stmt, err));
    for (;;) {
        ggdm_store_result r;
        GGDM_TRY_GOTO(st, ggdm_store_step(store, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(
            st, ggdm_store_column_i32(store, stmt, 0, 0, store->n_cells - 1, &r.cell, err), done);
        r.metric = (const char *)sqlite3_column_text(stmt, 1);
        r.settings = (const char *)sqlite3_column_text(stmt, 2);
        r.value = number_of(stmt, 3);
        r.lo = number_of(stmt, 4);
        r.hi = number_of(stmt, 5);
        r.n = sqlite3_column_int64(stmt, 6);
        r.note = (const char *)sqlite3_column_text(stmt, 7);
        GGDM_TRY_GOTO(st, visit(context, &r, err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}
