/* Reading what is there. */
#include "jobs/store_internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"

/* ---- in memory ------------------------------------------------------------------------------ */

const char *ggdm_store_journal(const ggdm_store *store)
{
    return store->journal;
}

int64_t ggdm_store_older_version(const ggdm_store *store)
{
    return store->version < GGDM_STORE_OLDEST ? store->version : 0;
}

int64_t ggdm_store_epoch(const ggdm_store *store)
{
    return store->epoch;
}

int64_t ggdm_store_requeued(const ggdm_store *store)
{
    return store->requeued;
}

const char *ggdm_store_dir(const ggdm_store *store)
{
    return store->dir;
}

const ggdm_store_counts *ggdm_store_counts_get(const ggdm_store *store)
{
    return &store->counts;
}

int32_t ggdm_store_n_cells(const ggdm_store *store)
{
    return store->n_cells;
}

/* ---- queries -------------------------------------------------------------------------------- */

ggdm_status ggdm_store_next_due(ggdm_store *store, double *when, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    *when = 0;
    if (store->counts.units[GGDM_UNIT_FAILED] == 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_NEXT_DUE, &stmt, err));
    GGDM_TRY(ggdm_store_step(store, stmt, &row, err));
    if (row)
        *when = sqlite3_column_double(stmt, 0);
    ggdm_store_reset(stmt);
    return GGDM_OK;
}

/* stmt: name, sweep, trajectory, key, wanted, panel, archived, cancelled, and of the trajectory
 * wanted, which is *all, done, diverged, cost. */
static ggdm_status read_cell(ggdm_store *s, sqlite3_stmt *stmt, ggdm_store_cell *out, int32_t *all,
                             ggdm_error *err)
{
    const void *key;
    size_t size;
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    const int32_t max = GGDM_MAX_SAMPLES;
    int32_t trajectory, archived, cancelled;
    /* The name becomes a directory: nothing but "c" and digits. */
    if (!name || name[0] != 'c' || !name[1] || strlen(name) >= sizeof out->name ||
        strspn(name + 1, "0123456789") != strlen(name + 1))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: cell %d is called '%.40s'", s->path,
                         out->index, name ? name : "");
    snprintf(out->name, sizeof out->name, "%s", name);
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 1, 1, s->sheet.n_sweeps, &out->sweep, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 2, 0, s->n_trajectories - 1, &trajectory, err));
    GGDM_TRY(
        ggdm_store_column_blob(s, stmt, 3, sizeof out->key, sizeof out->key, &key, &size, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 4, 1, max, &out->wanted, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 5, -1, s->sheet.n_panels - 1, &out->panel, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 6, 0, 1, &archived, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 7, 0, 1, &cancelled, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 8, out->wanted, max, all, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 9, 0, *all, &out->done, err));
    GGDM_TRY(ggdm_store_column_i32(s, stmt, 10, 0, out->done, &out->diverged, err));
    if (out->index < s->sheet.first_cell[out->sweep - 1])
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: cell %d is not of sweep %d", s->path,
                         out->index, out->sweep);
    memcpy(out->key, size ? key : out->key, size);
    if (out->panel < 0) /* for callers it is one like others, which lists nothing */
        out->panel = s->sheet.n_panels;
    out->trajectory = trajectory;
    out->cost = sqlite3_column_double(stmt, 11);
    out->archived = archived != 0;
    out->cancelled = cancelled != 0;
    return GGDM_OK;
}

/* Of a trajectory that makes more than the cell wants. */
static ggdm_status count_first(ggdm_store *s, ggdm_store_cell *cell, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_COUNT_FIRST, &stmt, err));
    sqlite3_bind_int64(stmt, 1, cell->trajectory);
    sqlite3_bind_int(stmt, 2, cell->wanted);
    ggdm_status st = ggdm_store_step(s, stmt, &row, err);
    if (st == GGDM_OK)
        st = ggdm_store_column_i32(s, stmt, 0, 0, cell->wanted, &cell->done, err);
    if (st == GGDM_OK)
        st = ggdm_store_column_i32(s, stmt, 1, 0, cell->done, &cell->diverged, err);
    ggdm_store_reset(stmt);
    return st;
}

ggdm_status ggdm_store_cell_get(ggdm_store *store, int32_t index, ggdm_store_cell *out,
                                ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    int32_t all = 0;
    *out = (ggdm_store_cell){.index = index};
    if (index < 0 || index >= store->n_cells)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: cell %d, expected [0, %d)", store->path, index,
                         store->n_cells);
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_GET_CELL, &stmt, err));
    sqlite3_bind_int(stmt, 1, index);
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    if (st == GGDM_OK && !row)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: cell %d or its trajectory is missing",
                       store->path, index);
    if (st == GGDM_OK)
        st = read_cell(store, stmt, out, &all, err);
    ggdm_store_reset(stmt);
    return st == GGDM_OK && out->wanted < all ? count_first(store, out, err) : st;
}

ggdm_status ggdm_store_cell_archived(ggdm_store *store, int32_t index, ggdm_error *err)
{
    /* Outside of a turn the statement is its own transaction. */
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_SET_ARCHIVED, &stmt, err));
    sqlite3_bind_int(stmt, 1, index);
    return ggdm_store_run(store, stmt, err);
}

ggdm_status ggdm_store_each_trouble(ggdm_store *store, int32_t max, ggdm_trouble_visitor visit,
                                    void *context, ggdm_error *err)
{
    const int32_t top = INT32_MAX;
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row = true;
    GGDM_TRY(ggdm_store_prepare(store, ggdm_store_sql_trouble, &stmt, err));
    sqlite3_bind_int(stmt, 1, max);
    for (;;) {
        ggdm_store_trouble t = {0};
        GGDM_TRY_GOTO(st, ggdm_store_step(store, stmt, &row, err), done);
        if (!row)
            break;
        t.unit = sqlite3_column_int64(stmt, 0);
        GGDM_TRY_GOTO(st, ggdm_store_column_state(store, stmt, 1, &t.state, err), done);
        GGDM_TRY_GOTO(st, ggdm_store_column_i32(store, stmt, 2, 0, top, &t.attempt, err), done);
        GGDM_TRY_GOTO(st, ggdm_store_column_i32(store, stmt, 3, 0, top, &t.failures, err), done);
        GGDM_TRY_GOTO(st, ggdm_store_column_i32(store, stmt, 4, 0, top, &t.losses, err), done);
        t.message = (const char *)sqlite3_column_text(stmt, 5);
        if (!t.message)
            t.message = "";
        t.tree = sqlite3_column_int64(stmt, 6);
        GGDM_TRY_GOTO(st, visit(context, &t, err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

/* ---- snapshot ------------------------------------------------------------------------------- */

ggdm_status ggdm_store_copy(ggdm_store *store, sqlite3 *copy, const char *path, ggdm_error *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", store->db, "main");
    int code = backup ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;
    sqlite3_backup_finish(backup);
    /* Readers need no write-ahead log, and may have no right to make one. */
    if (code == SQLITE_DONE &&
        sqlite3_exec(copy, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) == SQLITE_OK)
        return GGDM_OK;
    return ggdm_store_db_error(copy, path, "write the snapshot", err);
}

static ggdm_status copy_to(ggdm_store *s, const char *path, ggdm_error *err)
{
    sqlite3 *copy = NULL;
    GGDM_TRY(ggdm_store_file_fits(path, err));
    int code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, NULL);
    ggdm_status st = code == SQLITE_OK ? ggdm_store_copy(s, copy, path, err)
                                       : ggdm_store_db_error(copy, path, "write the snapshot", err);
    sqlite3_close(copy);
    return st;
}

ggdm_status ggdm_store_snapshot(ggdm_store *store, const char *path, ggdm_error *err)
{
    ggdm_temp temp;
    if (store->in_turn)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: snapshot inside a turn", store->path);
    GGDM_TRY(ggdm_temp_open(path, &temp, err));
    struct stat info; /* whoever may read the one may read the other */
    if (stat(store->path, &info) == 0)
        fchmod(temp.fd, info.st_mode & 0777);
    close(temp.fd); /* before SQLite locks it: closing it later would undo that */
    temp.fd = -1;
    ggdm_status st = copy_to(store, temp.name, err);
    if (st == GGDM_OK)
        return ggdm_temp_commit(&temp, err);
    ggdm_temp_abort(&temp);
    return st;
}

void ggdm_store_publish(ggdm_store *store)
{
    char *path = NULL;
    ggdm_error why = {0};
    if (ggdm_path_join(store->dir, GGDM_STORE_SNAPSHOT_FILE, &path, &why) != GGDM_OK ||
        ggdm_store_snapshot(store, path, &why) != GGDM_OK)
        ggdm_log(GGDM_LOG_WARN, "%s; readers see no newer state of the run", why.msg);
    free(path);
}
