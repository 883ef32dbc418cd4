/* Opening the store: who owns it, is it whole, and where the last world left it. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"

#define MAX_LENGTH (256 << 20) /* bytes of one value: bounds what a damaged file costs */

static void fill_options(ggdm_store_options *out, const ggdm_store_options *in)
{
    *out = in ? *in : (ggdm_store_options){.mode = GGDM_STORE_RUN};
    if (out->max_failures <= 0)
        out->max_failures = 3;
    if (out->max_losses <= 0)
        out->max_losses = 3;
    if (!(out->backoff > 0))
        out->backoff = 1;
    if (out->busy_timeout <= 0)
        out->busy_timeout = 2000;
}

static ggdm_status ask_journal(ggdm_store *s, const char *mode, bool *granted, ggdm_error *err)
{
    char sql[64], answer[16];
    snprintf(sql, sizeof sql, "PRAGMA main.journal_mode = %s", mode);
    *granted = false;
    GGDM_TRY(ggdm_store_ask_text(s, sql, answer, sizeof answer, err));
    *granted = strcmp(answer, mode) == 0;
    return GGDM_OK;
}

/* At rest the database is one file that whoever may read it can read: without a write-ahead log,
 * which takes the right to write.  Then the snapshot has done its service. */
static void leave_to_readers(ggdm_store *s)
{
    bool granted = false;
    char *path = NULL;
    if (!s->db || !*s->journal || ask_journal(s, "delete", &granted, NULL) != GGDM_OK || !granted)
        return;
    if (ggdm_path_join(s->dir, GGDM_STORE_SNAPSHOT_FILE, &path, NULL) == GGDM_OK)
        unlink(path);
    free(path);
}

void ggdm_store_close(ggdm_store **store)
{
    ggdm_store *s = *store;
    *store = NULL;
    if (!s)
        return;
    if (s->owner && ggdm_owner_is_lost(s->owner)) /* what another process owns is left alone */
        ggdm_store_bar_writing(s);
    ggdm_store_rollback(s);
    for (int i = 0; i < GGDM_SQL_STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    if (s->owner && !ggdm_owner_is_lost(s->owner))
        leave_to_readers(s);
    sqlite3_close(s->db);
    ggdm_owner_release(&s->owner);
    ggdm_run_info_deinit(&s->info);
    ggdm_arena_deinit(&s->sheet.arena);
    ggdm_store_forget_trees(s);
    free(s->numbers);
    free(s->dir);
    free(s->path);
    free(s);
}

/* ---- what is there -------------------------------------------------------------------------- */

static ggdm_status take_ownership(ggdm_store *s, ggdm_error *err)
{
    const ggdm_owner_options options = {.patience = 1e-3 * s->options.busy_timeout,
                                        .silence = s->options.silence};
    return ggdm_owner_take(s->path, &options, &s->owner, err);
}

static ggdm_status open_file(ggdm_store *s, bool create, ggdm_error *err)
{
    GGDM_TRY(ggdm_store_file_fits(s->path, err));
    if (create)
        GGDM_TRY(ggdm_store_file_make(s->path, err));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK) {
        if (!s->db)
            return GGDM_FAIL(err, GGDM_ENOMEM, "%s: out of memory", s->path);
        return ggdm_store_sql_error(s, create ? "create the database" : "open the database", err);
    }
    return ggdm_store_harden(s, err);
}

ggdm_status ggdm_store_harden(ggdm_store *s, ggdm_error *err)
{
    /* The file is not trusted: no schema tricks, no huge values. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, MAX_LENGTH);
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_busy_timeout(s->db, s->options.busy_timeout);
    GGDM_TRY(ggdm_store_exec(s, "PRAGMA cell_size_check = ON", err));
    /* Before the first access: then WAL needs no shared memory, which network file systems lack. */
    return ggdm_store_exec(s, "PRAGMA main.locking_mode = EXCLUSIVE", err);
}

ggdm_status ggdm_store_identify(ggdm_store *s, bool *complete, ggdm_error *err)
{
    int64_t application, version, objects;
    GGDM_TRY(ggdm_store_ask_int(s, "PRAGMA main.application_id", &application, err));
    GGDM_TRY(ggdm_store_ask_int(s, "PRAGMA main.user_version", &version, err));
    GGDM_TRY(ggdm_store_ask_int(s, "SELECT count(*) FROM sqlite_schema", &objects, err));
    *complete = application != 0 || version != 0 || objects != 0;
    if (!*complete)
        return GGDM_OK; /* a start was killed before it committed */
    if (application != GGDM_STORE_APPLICATION_ID)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s is a database of another program (application id 0x%" PRIx64
                         ", expected 0x%x)",
                         s->path, (uint64_t)application, (unsigned)GGDM_STORE_APPLICATION_ID);
    if (version > GGDM_STORE_VERSION)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s has schema version %" PRId64
                         ", this ggdm knows up to %d: use the newer ggdm that made it",
                         s->path, version, GGDM_STORE_VERSION);
    if (version < 1)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: schema version %" PRId64, s->path,
                         version);
    s->version = version;
    return GGDM_OK;
}

/* Nothing there, or nothing in it: not SQLite's business yet. */
static ggdm_status is_absent(const char *path, bool *absent, ggdm_error *err)
{
    struct stat info;
    *absent = stat(path, &info) != 0;
    if (!*absent && !S_ISREG(info.st_mode))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is not a regular file", path);
    return GGDM_OK;
}

ggdm_status ggdm_store_attach(const char *dir, const ggdm_store_options *options, bool create,
                              ggdm_store **out, bool *complete, ggdm_error *err)
{
    ggdm_store *s = NULL;
    ggdm_status st;
    bool absent;
    *out = NULL;
    *complete = false;
    GGDM_TRY(ggdm_alloc(&s, 1, sizeof *s, err));
    fill_options(&s->options, options);
    s->journal = "";
    GGDM_TRY_GOTO(st, ggdm_strdup(dir, &s->dir, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, GGDM_STORE_FILE, &s->path, err), done);
    GGDM_TRY_GOTO(st, is_absent(s->path, &absent, err), done);
    if (absent && !create)
        goto done;
    GGDM_TRY_GOTO(st, take_ownership(s, err), done);
    GGDM_TRY_GOTO(st, open_file(s, create, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_identify(s, complete, err), done);
    if (*complete || create) {
        *out = s;
        s = NULL;
    }
done:
    ggdm_store_close(&s);
    return st;
}

ggdm_status ggdm_store_present(const char *dir, bool *present, ggdm_error *err)
{
    ggdm_store *s = NULL;
    ggdm_status st = ggdm_store_attach(dir, NULL, false, &s, present, err);
    ggdm_store_close(&s);
    return st;
}

/* Own the run for a moment: whose record was in the way, it is gone. */
static ggdm_status clear_record(const char *dir, const ggdm_owner_options *options, ggdm_error *err)
{
    char *path = NULL;
    ggdm_owner *owner = NULL;
    ggdm_status st = GGDM_OK;
    GGDM_TRY(ggdm_path_join(dir, GGDM_STORE_FILE, &path, err));
    if (ggdm_exists(path))
        st = ggdm_owner_take(path, options, &owner, err);
    ggdm_owner_release(&owner);
    free(path);
    return st;
}

ggdm_status ggdm_store_take_over(const char *dir, ggdm_error *err)
{
    const ggdm_owner_options known_dead = {.patience = GGDM_OWNER_BEAT, .take_over = true};
    return clear_record(dir, &known_dead, err);
}

ggdm_status ggdm_store_jobs_over(const char *dir, const char *jobs, ggdm_error *err)
{
    const ggdm_owner_options over = {.patience = GGDM_OWNER_BEAT, .over = jobs};
    return clear_record(dir, &over, err);
}

/* ---- journal -------------------------------------------------------------------------------- */

/* A real write: some file systems grant WAL and fail only then. */
static ggdm_status probe_write(ggdm_store *s, ggdm_error *err)
{
    int64_t version;
    char sql[64];
    GGDM_TRY(ggdm_store_ask_int(s, "PRAGMA main.user_version", &version, err));
    snprintf(sql, sizeof sql, "PRAGMA main.user_version = %" PRId64, version);
    GGDM_TRY(ggdm_store_exec(s, "BEGIN EXCLUSIVE", err));
    ggdm_status st = ggdm_store_exec(s, sql, err);
    if (st == GGDM_OK)
        st = ggdm_store_exec(s, "COMMIT", err);
    if (st != GGDM_OK && !sqlite3_get_autocommit(s->db))
        ggdm_store_exec(s, "ROLLBACK", NULL);
    return st;
}

static ggdm_status set_journal(ggdm_store *s, ggdm_error *err)
{
    bool granted = false;
    ggdm_status st = GGDM_OK;
    ggdm_error why = {0};
    if (!s->options.force_rollback_journal) {
        st = ask_journal(s, "wal", &granted, &why);
        if (st == GGDM_OK && granted)
            st = probe_write(s, &why);
        if (st == GGDM_OK && granted) {
            s->journal = "wal";
            return GGDM_OK;
        }
        /* Another owner, a damaged file: no other journal helps. */
        if (st == GGDM_ESTATE || st == GGDM_EFORMAT) {
            if (err)
                *err = why;
            return st;
        }
    }
    GGDM_TRY(ask_journal(s, "truncate", &granted, err));
    if (!granted)
        return GGDM_FAIL(err, GGDM_EIO, "%s: the file system grants no journal%s%s", s->path,
                         why.msg[0] ? ": " : "", why.msg);
    GGDM_TRY(probe_write(s, err));
    s->journal = "truncate";
    if (!s->options.force_rollback_journal)
        ggdm_log(GGDM_LOG_WARN, "%s: no write-ahead log on this file system, commits are slower",
                 s->path);
    return GGDM_OK;
}

ggdm_status ggdm_store_configure(ggdm_store *store, ggdm_error *err)
{
    GGDM_TRY(set_journal(store, err));
    static const char *const pragmas[] = {
        "PRAGMA main.synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA trusted_schema = OFF",
        "PRAGMA temp_store = MEMORY", /* copies of pages that a savepoint keeps: 25 KiB a unit */
        "PRAGMA main.journal_size_limit = 67108864",
    };
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++)
        GGDM_TRY(ggdm_store_exec(store, pragmas[i], err));
    return GGDM_OK;
}

/* ---- the new epoch --------------------------------------------------------------------------- */

/* Up to max units that are running, by worker and order of their claims. */
static ggdm_status running_units(ggdm_store *s, int32_t max, int64_t *ids, int32_t *n,
                                 ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_RUNNING, &stmt, err));
    sqlite3_bind_int(stmt, 1, max);
    return ggdm_store_collect_ids(s, stmt, max, ids, n, err);
}

/* Does this unit, at work when its world ended, pay for that? */
static bool counts_loss(const ggdm_store_options *o, const ggdm_unit_row *row)
{
    return o->count_losses && (o->culprit == 0 || row->worker == o->culprit) &&
           !(o->spare && row->losses + 1 >= o->max_losses);
}

/* All units of the world before this one become ready, in the transaction that starts the epoch.
 * Of those a worker held only the first was at work: the others have lost nothing. */
static ggdm_status give_all_back(ggdm_store *s, ggdm_error *err)
{
    enum { CHUNK = 256 };
    int64_t ids[CHUNK];
    int32_t n, worker = -2;
    do {
        GGDM_TRY(running_units(s, CHUNK, ids, &n, err));
        for (int32_t i = 0; i < n; i++) {
            ggdm_unit_row row;
            GGDM_TRY(ggdm_store_get_unit(s, ids[i], &row, err));
            bool at_work = row.worker != worker;
            worker = row.worker;
            GGDM_TRY(ggdm_store_give_back(s, &row, at_work && counts_loss(&s->options, &row),
                                          "the world it ran in ended", NULL, err));
            s->requeued++;
        }
    } while (n == CHUNK);
    return GGDM_OK;
}

static ggdm_status start_epoch(ggdm_store *s, ggdm_error *err)
{
    ggdm_status st;
    char text[32];
    GGDM_TRY(ggdm_store_begin(s, (double)time(NULL), err));
    s->epoch++;
    snprintf(text, sizeof text, "%" PRId64, s->epoch);
    GGDM_TRY_GOTO(st, ggdm_store_put_run(s, "epoch", text, err), done);
    if (s->options.threads > 0)
        GGDM_TRY_GOTO(st, ggdm_store_put_threads(s, err), done);
    GGDM_TRY_GOTO(st, give_all_back(s, err), done);
    st = ggdm_store_commit(s, err);
done:
    ggdm_store_rollback(s);
    return st;
}

ggdm_status ggdm_store_load(ggdm_store *s, ggdm_error *err)
{
    GGDM_TRY(ggdm_store_check_content(s, err));
    GGDM_TRY(ggdm_store_migrate(s, err));
    GGDM_TRY(ggdm_store_load_info(s, err));
    GGDM_TRY(ggdm_store_load_counts(s, err));
    GGDM_TRY(ggdm_store_load_sheet(s, err));
    GGDM_TRY(ggdm_store_look_for_checkpoints(s, err));
    return ggdm_store_get_run_int(s, "epoch", 0, INT64_MAX - 1, &s->epoch, err);
}

ggdm_status ggdm_store_open(const char *dir, const ggdm_store_options *options, ggdm_store **out,
                            ggdm_error *err)
{
    ggdm_store *s = NULL;
    ggdm_status st;
    bool complete;
    *out = NULL;
    GGDM_TRY_GOTO(st, ggdm_store_attach(dir, options, false, &s, &complete, err), done);
    if (!complete)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: no run here (%s is missing or was never completed)", dir,
                         GGDM_STORE_FILE);
    GGDM_TRY_GOTO(st, ggdm_store_check_version(s, err), done);
    if (s->version == GGDM_STORE_VERSION)
        GGDM_TRY_GOTO(st, ggdm_store_check_schema(s, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_configure(s, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_load(s, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_make_views(s, err), done);
    if (s->options.mode == GGDM_STORE_RUN)
        GGDM_TRY_GOTO(st, start_epoch(s, err), done);
    GGDM_TRY_GOTO(st, ggdm_owner_set_epoch(s->owner, s->epoch, err), done);
    *out = s;
    s = NULL;
done:
    ggdm_store_close(&s);
    return st;
}
