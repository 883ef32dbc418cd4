#include "jobs/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* SQLite's primary result codes that say something a user can act on. */
static const struct {
    int code;
    ggdm_status status;
    const char *hint;
} sqlite_errors[] = {
    {SQLITE_BUSY, GGDM_ESTATE, "the run is in use by another ggdm process"},
    {SQLITE_LOCKED, GGDM_ESTATE, "the run is in use by another ggdm process"},
    {SQLITE_CORRUPT, GGDM_EFORMAT, "the database is damaged"},
    {SQLITE_NOTADB, GGDM_EFORMAT, "the file is damaged or not a database"},
    {SQLITE_FULL, GGDM_EFULL, "no space left for the database"},
    {SQLITE_READONLY, GGDM_EIO, "the run directory must be writable"},
    {SQLITE_PERM, GGDM_EIO, "access denied"},
    {SQLITE_CANTOPEN, GGDM_EIO, "the file must exist or its directory be writable"},
    {SQLITE_IOERR, GGDM_EIO, "reading or writing failed"},
    {SQLITE_NOMEM, GGDM_ENOMEM, "out of memory"},
};

/* What the system says about a small change of the file.  (SQLite does not pass it on; and to open
 * the file once more would give up its locks when that is closed.) */
static const char *io_trouble(sqlite3 *db, const char *path)
{
    bool fine = sqlite3_db_readonly(db, "main") != 0 || utimensat(AT_FDCWD, path, NULL, 0) == 0;
    return fine ? sqlite3_errmsg(db) : strerror(errno);
}

/* SQLITE_FULL is for ENOSPC alone: quotas and limits are I/O errors there.  Their errno, 0 for
 * others; the database and its log, each keep the last of theirs.  (sqlite3_system_errno does not
 * know those of a COMMIT.) */
static int no_room(sqlite3 *db)
{
    static const int files[] = {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        sqlite3_file *file = NULL;
        int number = 0;
        if (sqlite3_file_control(db, "main", files[i], &file) == SQLITE_OK && file &&
            file->pMethods &&
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) == SQLITE_OK &&
            ggdm_errno_status(number) == GGDM_EFULL)
            return number;
    }
    return 0;
}

ggdm_status ggdm_store_db_error(sqlite3 *db, const char *path, const char *what, ggdm_error *err)
{
    int code = sqlite3_errcode(db) & 0xff, number = code == SQLITE_IOERR ? no_room(db) : 0;
    if (number)
        return GGDM_FAIL_ERRNO(err, number, "%s: cannot %s", path, what);
    const char *text = code == SQLITE_IOERR ? io_trouble(db, path) : sqlite3_errmsg(db);
    for (size_t i = 0; i < sizeof sqlite_errors / sizeof *sqlite_errors; i++)
        if (sqlite_errors[i].code == code)
            return GGDM_FAIL(err, sqlite_errors[i].status, "%s: cannot %s: %s (%s)", path, what,
                             sqlite_errors[i].hint, text);
    return GGDM_FAIL(err, GGDM_ESTORE, "%s: cannot %s: %s (SQLite %d)", path, what, text,
                     sqlite3_extended_errcode(db));
}

ggdm_status ggdm_store_sql_error(const ggdm_store *store, const char *what, ggdm_error *err)
{
    return ggdm_store_db_error(store->db, store->path, what, err);
}

ggdm_status ggdm_store_prepare(ggdm_store *store, const char *sql, sqlite3_stmt **out,
                               ggdm_error *err)
{
    *out = NULL;
    GGDM_TRY(ggdm_owner_beat(store->owner, err));
    if (sqlite3_prepare_v2(store->db, sql, -1, out, NULL) != SQLITE_OK)
        return ggdm_store_sql_error(store, "use the database", err);
    return GGDM_OK;
}

ggdm_status ggdm_store_use(ggdm_store *store, ggdm_sql id, sqlite3_stmt **out, ggdm_error *err)
{
    sqlite3_stmt **slot = &store->statements[id];
    if (!*slot && sqlite3_prepare_v3(store->db, ggdm_store_sql[id], -1, SQLITE_PREPARE_PERSISTENT,
                                     slot, NULL) != SQLITE_OK)
        return ggdm_store_sql_error(store, "use the database", err);
    sqlite3_reset(*slot);
    sqlite3_clear_bindings(*slot);
    *out = *slot;
    return GGDM_OK;
}

void ggdm_store_reset(sqlite3_stmt *stmt)
{
    if (stmt)
        sqlite3_reset(stmt);
}

ggdm_status ggdm_store_step(ggdm_store *store, sqlite3_stmt *stmt, bool *row, ggdm_error *err)
{
    int code = sqlite3_step(stmt);
    *row = code == SQLITE_ROW;
    if (*row)
        return GGDM_OK;
    ggdm_status st = GGDM_OK;
    if (code != SQLITE_DONE)
        st = ggdm_store_sql_error(store, "read or write the database", err);
    sqlite3_reset(stmt);
    return st;
}

ggdm_status ggdm_store_run(ggdm_store *store, sqlite3_stmt *stmt, ggdm_error *err)
{
    bool row;
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    sqlite3_reset(stmt);
    return st;
}

ggdm_status ggdm_store_exec(ggdm_store *store, const char *sql, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_prepare(store, sql, &stmt, err));
    bool row = true;
    ggdm_status st = GGDM_OK;
    while (row && st == GGDM_OK)
        st = ggdm_store_step(store, stmt, &row, err);
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_ask_text(ggdm_store *store, const char *sql, char *out, size_t size,
                                ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    *out = '\0';
    GGDM_TRY(ggdm_store_prepare(store, sql, &stmt, err));
    bool row;
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    const char *text = st == GGDM_OK && row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (text)
        snprintf(out, size, "%s", text);
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_ask_int(ggdm_store *store, const char *sql, int64_t *out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    *out = 0;
    GGDM_TRY(ggdm_store_prepare(store, sql, &stmt, err));
    bool row;
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    if (st == GGDM_OK && row)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_column_i32(const ggdm_store *store, sqlite3_stmt *stmt, int column,
                                  int32_t lo, int32_t hi, int32_t *out, ggdm_error *err)
{
    sqlite3_int64 v = sqlite3_column_int64(stmt, column);
    if (sqlite3_column_type(stmt, column) != SQLITE_INTEGER || v < lo || v > hi)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s is damaged: column %s is %lld, expected an integer in [%d, %d]",
                         store->path, sqlite3_column_name(stmt, column), (long long)v, lo, hi);
    *out = (int32_t)v;
    return GGDM_OK;
}

ggdm_status ggdm_store_column_blob(const ggdm_store *store, sqlite3_stmt *stmt, int column,
                                   size_t item_size, size_t max, const void **data, size_t *size,
                                   ggdm_error *err)
{
    *data = sqlite3_column_blob(stmt, column);
    *size = (size_t)sqlite3_column_bytes(stmt, column);
    if (sqlite3_column_type(stmt, column) != SQLITE_BLOB || *size % item_size || *size > max)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: column %s holds %zu bytes", store->path,
                         sqlite3_column_name(stmt, column), *size);
    if (*size && !*data)
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: out of memory for %zu bytes", store->path, *size);
    return GGDM_OK;
}
