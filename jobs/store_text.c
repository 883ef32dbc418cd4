/* Texts that stand once in the database. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>

#include "common/mem.h"

const char *const ggdm_output_names[] = {
    [GGDM_OUTPUT_NUMBER] = "number", [GGDM_OUTPUT_CLASSES] = "classes", NULL};

static const struct {
    const char *name;
    ggdm_sql put, find, get;
} tables[] = {
    [GGDM_STORE_HEADS] = {"head", GGDM_SQL_PUT_HEAD, GGDM_SQL_FIND_HEAD, GGDM_SQL_GET_HEAD},
    [GGDM_STORE_SETTINGS] = {"setting", GGDM_SQL_PUT_SETTING, GGDM_SQL_FIND_SETTING,
                             GGDM_SQL_GET_SETTING},
    [GGDM_STORE_SCORERS] = {"scorer", GGDM_SQL_PUT_SCORER, GGDM_SQL_FIND_SCORER,
                            GGDM_SQL_GET_SCORER},
};

ggdm_status ggdm_store_find_text(ggdm_store *store, ggdm_store_texts table, const char *text,
                                 int64_t *id, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(store, tables[table].find, &stmt, err));
    sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    GGDM_TRY(ggdm_store_step(store, stmt, &row, err));
    *id = row ? sqlite3_column_int64(stmt, 0) : -1;
    ggdm_store_reset(stmt);
    return GGDM_OK;
}

ggdm_status ggdm_store_put_text(ggdm_store *store, ggdm_store_texts table, const char *text,
                                ggdm_output output, int64_t *id, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, tables[table].put, &stmt, err));
    sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    if (table == GGDM_STORE_SCORERS)
        sqlite3_bind_text(stmt, 2, ggdm_output_names[output], -1, SQLITE_STATIC);
    GGDM_TRY(ggdm_store_run(store, stmt, err));
    GGDM_TRY(ggdm_store_find_text(store, table, text, id, err));
    if (*id < 1 || *id > INT32_MAX)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: there is %s %" PRId64, store->path,
                         tables[table].name, *id);
    return GGDM_OK;
}

ggdm_status ggdm_store_get_text(ggdm_store *store, ggdm_store_texts table, int64_t id, char **out,
                                ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    *out = NULL;
    GGDM_TRY(ggdm_store_use(store, tables[table].get, &stmt, err));
    sqlite3_bind_int64(stmt, 1, id);
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    const char *text = st == GGDM_OK && row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (text)
        st = ggdm_strdup(text, out, err);
    else if (st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: there is no %s %" PRId64, store->path,
                       tables[table].name, id);
    ggdm_store_reset(stmt);
    return st;
}
