/* From an older schema to ours, one version after the other, all in one transaction. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"

/* The database as it was, for the older program and for those who trust nobody. */
static ggdm_status keep_copy(ggdm_store *s, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_asprintf(&path, err, "%s.v%" PRId64, s->path, s->version));
    ggdm_status st = ggdm_store_snapshot(s, path, err);
    if (st == GGDM_OK)
        st = ggdm_sync_dir(s->dir, err);
    if (st == GGDM_OK)
        ggdm_log(GGDM_LOG_INFO,
                 "%s: schema version %" PRId64 " becomes %d, the old one is kept "
                 "in %s",
                 s->path, s->version, GGDM_STORE_VERSION, path);
    free(path);
    return st;
}

static ggdm_status run_steps(ggdm_store *s, ggdm_error *err)
{
    char sql[64];
    for (int64_t v = s->version; v < GGDM_STORE_VERSION; v++)
        for (const char *const *step = ggdm_store_migrations[v]; *step; step++)
            GGDM_TRY(ggdm_store_exec(s, *step, err));
    snprintf(sql, sizeof sql, "PRAGMA main.user_version = %d", GGDM_STORE_VERSION);
    GGDM_TRY(ggdm_store_exec(s, sql, err));
    return ggdm_store_check_schema(s, err);
}

ggdm_status ggdm_store_migrate(ggdm_store *store, ggdm_error *err)
{
    if (store->version == GGDM_STORE_VERSION)
        return GGDM_OK;
    if (store->owner) /* a reader has a copy of its own */
        GGDM_TRY(keep_copy(store, err));
    GGDM_TRY(ggdm_store_exec(store, "BEGIN IMMEDIATE", err));
    ggdm_status st = run_steps(store, err);
    if (st == GGDM_OK)
        st = ggdm_store_exec(store, "COMMIT", err);
    if (st != GGDM_OK && !sqlite3_get_autocommit(store->db))
        ggdm_store_exec(store, "ROLLBACK", NULL);
    return st;
}
