/* Looking at a store that others own: nothing is locked, nothing is written. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/mem.h"
#include "jobs/store_internal.h"

#define PATIENCE_SECONDS 5.0 /* for the snapshot of an owner that has just begun */
#define LOOK_SECONDS 0.05

/* ---- what is there -------------------------------------------------------------------------- */

/* Opened each time: only then do network file systems look at what the server has. */
static ggdm_store_stamp stamp_of(const char *path)
{
    struct stat info;
    ggdm_store_stamp stamp = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0)
        stamp = (ggdm_store_stamp){.device = info.st_dev,
                                   .inode = info.st_ino,
                                   .size = info.st_size,
                                   .seconds = info.st_mtim.tv_sec,
                                   .nanoseconds = info.st_mtim.tv_nsec};
    if (fd >= 0)
        close(fd);
    return stamp;
}

static bool is_same(const ggdm_store_stamp *a, const ggdm_store_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

static ggdm_store_stamp stamp_beside(const char *path, const char *suffix)
{
    char *beside = NULL;
    ggdm_store_stamp stamp = {0};
    if (ggdm_asprintf(&beside, NULL, "%s%s", path, suffix) == GGDM_OK)
        stamp = stamp_of(beside);
    free(beside);
    return stamp;
}

ggdm_status ggdm_store_check_unchanged(const ggdm_store *store, ggdm_error *err)
{
    if (store->snapshot_time > 0) /* is replaced, never changed */
        return GGDM_OK;
    const ggdm_store_stamp now[] = {stamp_of(store->path), stamp_beside(store->path, "-wal")};
    if (is_same(&now[0], &store->seen[0]) && is_same(&now[1], &store->seen[1]))
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "%s: was changed while it was read, what came out is not sound: the same "
                     "command again",
                     store->path);
}

bool ggdm_store_is_owned(const ggdm_store *store)
{
    return store->owner != NULL;
}

double ggdm_store_snapshot_time(const ggdm_store *store)
{
    return store->snapshot_time;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* As a URI, the one way to the option: every byte that could mean something else is escaped. */
static ggdm_status make_uri(const char *path, const char *option, char **out, ggdm_error *err)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";
    char *uri = NULL, *at;
    GGDM_TRY(ggdm_alloc(&uri, 3 * strlen(path) + strlen(option) + 16, 1, err));
    at = uri + sprintf(uri, "file:%s", *path == '/' ? "//" : "");
    for (; *path; path++)
        at += sprintf(at, strchr(plain, *path) ? "%c" : "%%%02X", (unsigned char)*path);
    strcpy(at, option);
    *out = uri;
    return GGDM_OK;
}

/* SQLite must not lock ("unix-none"), and so believes that it is alone.  What a dead owner has left
 * in its log is read with the rest; without a log SQLite must not make one ("immutable"). */
static ggdm_status open_database(ggdm_store *s, bool log, ggdm_error *err)
{
    char *uri = NULL;
    GGDM_TRY(ggdm_store_file_fits(s->path, err));
    if (access(s->path, R_OK) != 0)
        return GGDM_FAIL(err, GGDM_EIO, "%s: cannot be read: %s", s->path, strerror(errno));
    GGDM_TRY(make_uri(s->path, log ? "" : "?immutable=1", &uri, err));
    int code = sqlite3_open_v2(
        uri, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, "unix-none");
    free(uri);
    if (!s->db)
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: out of memory", s->path);
    if (code != SQLITE_OK)
        return ggdm_store_sql_error(s, "open the database", err);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return ggdm_store_harden(s, err);
}

/* Without a write-ahead log a change is made in place, and undone by who opens it to write. */
static bool is_torn(const char *path)
{
    return stamp_beside(path, "-journal").size > 0 && stamp_of(path).size > 0;
}

/* The database, unless it may be changed any moment, or was left in the middle of a change (the
 * log is no such thing: what it holds counts up to its last whole transaction). */
static ggdm_status choose_database(ggdm_store *s, ggdm_error *err)
{
    const double begun = ggdm_now();
    char *snapshot = NULL;
    GGDM_TRY(ggdm_path_join(s->dir, GGDM_STORE_FILE, &s->path, err));
    GGDM_TRY(ggdm_path_join(s->dir, GGDM_STORE_SNAPSHOT_FILE, &snapshot, err));
    for (;;) {
        struct stat info;
        ggdm_life owner = ggdm_owner_look(s->path);
        bool torn = is_torn(s->path);
        if ((owner != GGDM_DEAD || torn) && stat(snapshot, &info) == 0) {
            s->snapshot_time = (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
            free(s->path);
            s->path = snapshot;
            return GGDM_OK;
        }
        if (owner != GGDM_ALIVE || ggdm_now() - begun > PATIENCE_SECONDS)
            break;
        ggdm_sleep(LOOK_SECONDS);
    }
    free(snapshot);
    return GGDM_OK;
}

/* An older schema is brought up to date in a copy, which SQLite deletes when it is closed. */
static ggdm_status copy_older(ggdm_store *s, ggdm_error *err)
{
    sqlite3 *copy = NULL;
    if (sqlite3_open_v2("", &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) {
        sqlite3_close(copy);
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: out of memory", s->path);
    }
    ggdm_status st = ggdm_store_copy(s, copy, s->path, err);
    sqlite3_close(s->db);
    s->db = copy;
    return st == GGDM_OK ? ggdm_store_harden(s, err) : st;
}

static ggdm_status open_to_read(ggdm_store *s, ggdm_error *err)
{
    bool complete = false;
    GGDM_TRY(choose_database(s, err));
    s->seen[0] = stamp_of(s->path);
    s->seen[1] = stamp_beside(s->path, "-wal");
    if (s->snapshot_time == 0 && is_torn(s->path))
        return GGDM_FAIL(err, GGDM_EIO,
                         "%s: was left in the middle of a change by a process that was killed; the "
                         "next `ggdm run` or `ggdm retry` mends it",
                         s->path);
    if (ggdm_exists(s->path)) {
        GGDM_TRY(open_database(s, s->seen[1].size > 0, err));
        GGDM_TRY(ggdm_store_identify(s, &complete, err));
    }
    if (!complete)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: no run here (%s is missing or was never completed)", s->dir,
                         GGDM_STORE_FILE);
    if (s->version == GGDM_STORE_VERSION)
        GGDM_TRY(ggdm_store_check_schema(s, err));
    else
        GGDM_TRY(copy_older(s, err));
    return ggdm_store_load(s, err);
}

ggdm_status ggdm_store_read(const char *dir, ggdm_store **out, ggdm_error *err)
{
    ggdm_store *s = NULL;
    *out = NULL;
    GGDM_TRY(ggdm_alloc(&s, 1, sizeof *s, err));
    s->journal = "";
    ggdm_status st = ggdm_strdup(dir, &s->dir, err);
    if (st == GGDM_OK)
        st = open_to_read(s, err);
    if (st == GGDM_OK)
        *out = s;
    else
        ggdm_store_close(&s);
    return st;
}
