/* What recipes name by a digest: models, of which the run has the names, and files, of which it has
 * all that they mean (assets). */
#include "jobs/store_internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"

static ggdm_status put_model(ggdm_store *s, const ggdm_store_model *m, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_MODEL, &stmt, err));
    sqlite3_bind_text(stmt, 1, m->digest, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, m->name, -1, SQLITE_STATIC);
    return ggdm_store_run(s, stmt, err);
}

static ggdm_status put_asset(ggdm_store *s, const ggdm_store_asset *a, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_ASSET, &stmt, err));
    sqlite3_bind_text(stmt, 1, a->digest, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, a->media, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 3, a->height);
    sqlite3_bind_int(stmt, 4, a->width);
    sqlite3_bind_int(stmt, 5, a->channels);
    sqlite3_bind_blob64(stmt, 6, a->size ? a->data : "", a->size, SQLITE_STATIC);
    ggdm_status st = ggdm_store_run(s, stmt, err);
    sqlite3_clear_bindings(stmt); /* they borrow the data */
    return st;
}

/* In table run: "file 1 NAME" is what sweep 1 calls NAME. */
static ggdm_status put_file(ggdm_store *s, int32_t sweep, const ggdm_store_model *file,
                            ggdm_error *err)
{
    char *key = NULL;
    GGDM_TRY(ggdm_asprintf(&key, err, "file %d %s", sweep, file->name));
    ggdm_status st = ggdm_store_put_run(s, key, file->digest, err);
    free(key);
    return st;
}

ggdm_status ggdm_store_put_named(ggdm_store *store, int32_t sweep, const ggdm_store_batch *batch,
                                 ggdm_error *err)
{
    for (size_t i = 0; i < batch->n_models; i++)
        GGDM_TRY(put_model(store, &batch->models[i], err));
    for (size_t i = 0; i < batch->n_assets; i++)
        GGDM_TRY(put_asset(store, &batch->assets[i], err));
    for (size_t i = 0; i < batch->n_files; i++)
        GGDM_TRY(put_file(store, sweep, &batch->files[i], err));
    return GGDM_OK;
}

ggdm_status ggdm_store_file_digest(ggdm_store *store, const char *sweep, const char *name,
                                   char **out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    *out = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_FIND_FILE, &stmt, err));
    sqlite3_bind_text(stmt, 1, sweep, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    if (st == GGDM_OK && row)
        st = ggdm_strdup(ggdm_store_row_text(stmt, 0), out, err);
    ggdm_store_reset(stmt);
    return st;
}

typedef struct visit {
    ggdm_asset_visitor *visit;
    void *context;
} visit;

static ggdm_status visit_row(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    const visit *v = context;
    const void *data = NULL;
    ggdm_store_asset a = {.digest = ggdm_store_row_text(row, 0),
                          .media = ggdm_store_row_text(row, 1)};
    GGDM_TRY(ggdm_store_column_i32(s, row, 2, 1, GGDM_MAX_ASSET, &a.height, err));
    GGDM_TRY(ggdm_store_column_i32(s, row, 3, 1, GGDM_MAX_ASSET, &a.width, err));
    GGDM_TRY(ggdm_store_column_i32(s, row, 4, 1, GGDM_MAX_ASSET, &a.channels, err));
    GGDM_TRY(ggdm_store_column_blob(s, row, 5, 1, GGDM_MAX_ASSET, &data, &a.size, err));
    a.data = data;
    return v->visit(v->context, &a, err);
}

ggdm_status ggdm_store_each_asset(ggdm_store *store, ggdm_asset_visitor *visitor, void *context,
                                  ggdm_error *err)
{
    visit v = {visitor, context};
    return ggdm_store_each_row(store,
                               "SELECT digest, media, height, width, channels, data FROM asset "
                               "ORDER BY digest",
                               0, visit_row, &v, err);
}
