#include "jobs/store_record.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "common/mem.h"
#include "jobs/store_internal.h"

static ggdm_status add_record(ggdm_store *s, sqlite3_stmt *stmt, ggdm_record **list, size_t *cap,
                              int32_t *n, ggdm_error *err)
{
    const void *data;
    size_t size;
    GGDM_TRY(ggdm_store_column_blob(s, stmt, 0, 1, GGDM_MAX_RECORD, &data, &size, err));
    GGDM_TRY(ggdm_grow(list, cap, (size_t)*n + 1, sizeof **list, err));
    if (ggdm_record_read(data, size, &(*list)[*n], err) != GGDM_OK)
        return ggdm_error_prefix(err, "%s is damaged", s->path);
    ++*n;
    return GGDM_OK;
}

ggdm_status ggdm_store_records(ggdm_store *store, int64_t trajectory, int32_t images,
                               ggdm_record **out, int32_t *n, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    size_t cap = 0;
    bool row = true;
    *out = NULL;
    *n = 0;
    GGDM_TRY(ggdm_store_prepare(store, ggdm_store_sql_records, &stmt, err));
    sqlite3_bind_int64(stmt, 1, trajectory);
    sqlite3_bind_int(stmt, 2, images);
    sqlite3_bind_int(stmt, 3, GGDM_MAX_RECORD_IMAGES);
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    while (st == GGDM_OK && row) {
        st = add_record(store, stmt, out, &cap, n, err);
        if (st == GGDM_OK)
            st = ggdm_store_step(store, stmt, &row, err);
    }
    sqlite3_finalize(stmt);
    if (st != GGDM_OK)
        ggdm_store_records_free(out, *n);
    return st;
}

void ggdm_store_records_free(ggdm_record **records, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        ggdm_record_deinit(&(*records)[i]);
    free(*records);
    *records = NULL;
}
