/* The file behind the database: what SQLite would decide about it by itself, decided by us. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "jobs/store_internal.h"

#define LONGEST_NAME 64 /* bytes, of a copy of the database that is being made */

/* ---- its name ------------------------------------------------------------------------------- */

/* Bytes of a path as SQLite sees it: absolute, without links.  The end of it may be missing. */
static ggdm_status resolved_length(const char *path, size_t *out, ggdm_error *err)
{
    char *known = NULL, *real = NULL;
    GGDM_TRY(ggdm_strdup(path, &known, err));
    while (!(real = realpath(*known ? known : "/", NULL)) && strrchr(known, '/'))
        *strrchr(known, '/') = '\0';
    size_t rest = strlen(path) - (real ? strlen(known) : 0);
    if (!real && (real = realpath(".", NULL)))
        rest++; /* the slash between */
    *out = (real ? strlen(real) : 0) + rest;
    free(real);
    free(known);
    return GGDM_OK;
}

/* Before the first use of SQLite, which refuses it from then on: a path is a path, also where
 * Debian's SQLite would read "file:a?b%63" as a URI; and no statistics of memory, which would take
 * a lock at each allocation. */
static void configure(void)
{
    sqlite3_config(SQLITE_CONFIG_URI, 0);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* more: bytes that come behind path. */
static ggdm_status path_fits(const char *path, size_t more, ggdm_error *err)
{
    size_t n;
    configure();
    const size_t most = (size_t)sqlite3_vfs_find(NULL)->mxPathname - strlen("-journal");
    GGDM_TRY(resolved_length(path, &n, err));
    return n + more <= most
               ? GGDM_OK
               : GGDM_FAIL(err, GGDM_EINVAL,
                           "the path is too long: %zu bytes, expected at most %zu, for SQLite's "
                           "sake: %.300s",
                           n, most - more, path);
}

ggdm_status ggdm_store_file_fits(const char *path, ggdm_error *err)
{
    return path_fits(path, 0, err);
}

ggdm_status ggdm_store_fits(const char *dir, ggdm_error *err)
{
    ggdm_status st = path_fits(dir, LONGEST_NAME, err);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "run directory");
}

/* ---- its mode ------------------------------------------------------------------------------- */

ggdm_status ggdm_store_file_make(const char *path, ggdm_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return GGDM_FAIL(err, GGDM_EIO, "cannot write %s: %s", path, strerror(errno));
    close(fd);
    return GGDM_OK;
}

/* ---- closing it without a trace ------------------------------------------------------------- */

static int write_nothing(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    (void)file, (void)data, (void)size, (void)at;
    return SQLITE_OK;
}

static int truncate_nothing(sqlite3_file *file, sqlite3_int64 size)
{
    (void)file, (void)size;
    return SQLITE_OK;
}

void ggdm_store_bar_writing(ggdm_store *store)
{
    static const int files[] = {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER};
    static sqlite3_io_methods barred[2];
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    for (int i = 0; i < 2; i++) {
        sqlite3_file *file = NULL;
        if (sqlite3_file_control(store->db, "main", files[i], &file) != SQLITE_OK || !file ||
            !file->pMethods)
            continue;
        barred[i] = *file->pMethods;
        barred[i].xWrite = write_nothing;
        barred[i].xTruncate = truncate_nothing;
        file->pMethods = &barred[i];
    }
}
