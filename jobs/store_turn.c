/* Turns, and calls inside them: each happens as a whole, or not at all. */
#include "jobs/store_internal.h"

#include <sqlite3.h>

ggdm_status ggdm_store_begin(ggdm_store *store, double now, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (store->in_turn)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: a turn inside a turn", store->path);
    GGDM_TRY(ggdm_owner_beat(store->owner, err));
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_BEGIN, &stmt, err));
    GGDM_TRY(ggdm_store_run(store, stmt, err));
    store->in_turn = true;
    store->turn_lost = false;
    store->now = now;
    store->counts_before = store->counts;
    return GGDM_OK;
}

ggdm_status ggdm_store_commit(ggdm_store *store, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    if (!store->in_turn)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: commit outside of a turn", store->path);
    if (store->turn_lost) {
        st = GGDM_FAIL(err, GGDM_ESTORE, "%s: this turn was rolled back after an earlier error",
                       store->path);
        goto undo;
    }
    GGDM_TRY_GOTO(st, ggdm_owner_beat(store->owner, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_save_counts(store, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_use(store, GGDM_SQL_COMMIT, &stmt, err), undo);
    GGDM_TRY_GOTO(st, ggdm_store_run(store, stmt, err), undo);
    store->in_turn = false;
    return st;
undo:
    ggdm_store_rollback(store);
    return st;
}

void ggdm_store_rollback(ggdm_store *store)
{
    if (!store->in_turn)
        return;
    if (!sqlite3_get_autocommit(store->db) && !ggdm_owner_is_lost(store->owner))
        ggdm_store_exec(store, "ROLLBACK", NULL);
    store->counts = store->counts_before;
    ggdm_store_forget_trees(store); /* what they say of scorers may be undone */
    store->in_turn = false;
    store->turn_lost = false;
}

bool ggdm_store_in_turn(const ggdm_store *store)
{
    return store->in_turn;
}

/* ---- calls inside a turn -------------------------------------------------------------------- */

ggdm_status ggdm_store_call_begin(ggdm_store *store, ggdm_store_call *call, ggdm_error *err)
{
    if (!store->in_turn)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "%s: a change outside of a turn", store->path);
    if (store->turn_lost)
        return GGDM_FAIL(err, GGDM_ESTORE, "%s: this turn was rolled back after an earlier error",
                         store->path);
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_SAVEPOINT, &stmt, err));
    call->counts = store->counts;
    return ggdm_store_run(store, stmt, err);
}

ggdm_status ggdm_store_call_end(ggdm_store *store, const ggdm_store_call *call, ggdm_status st,
                                ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (st == GGDM_OK) {
        GGDM_TRY_GOTO(st, ggdm_store_use(store, GGDM_SQL_RELEASE, &stmt, err), undo);
        GGDM_TRY_GOTO(st, ggdm_store_run(store, stmt, err), undo);
        return st;
    }
undo:
    store->counts = call->counts;
    ggdm_store_forget_trees(store); /* what they say of scorers may be undone */
    /* After a full disk SQLite has left the transaction by itself: nothing of the turn remains. */
    if (sqlite3_get_autocommit(store->db) ||
        ggdm_store_use(store, GGDM_SQL_ROLLBACK_TO, &stmt, NULL) != GGDM_OK ||
        ggdm_store_run(store, stmt, NULL) != GGDM_OK ||
        ggdm_store_use(store, GGDM_SQL_RELEASE, &stmt, NULL) != GGDM_OK ||
        ggdm_store_run(store, stmt, NULL) != GGDM_OK)
        store->turn_lost = true;
    return st;
}
