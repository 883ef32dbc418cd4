/* Where units in the middle got to: table checkpoint. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

/* Step of the checkpoint that is there; -1: none. */
static ggdm_status stored_step(ggdm_store *s, int64_t unit, int32_t *step, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    *step = -1;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_CHECKPOINT_STEP, &stmt, err));
    sqlite3_bind_int64(stmt, 1, unit);
    GGDM_TRY(ggdm_store_step(s, stmt, &row, err));
    if (row)
        *step = sqlite3_column_int(stmt, 0);
    ggdm_store_reset(stmt);
    return GGDM_OK;
}

static ggdm_status put_checkpoint(ggdm_store *s, int64_t unit, int32_t attempt, int32_t step,
                                  const void *data, size_t size, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    s->has_checkpoints = true;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_PUT_CHECKPOINT, &stmt, err));
    sqlite3_bind_int64(stmt, 1, unit);
    sqlite3_bind_int(stmt, 2, attempt);
    sqlite3_bind_int(stmt, 3, step);
    sqlite3_bind_blob64(stmt, 4, data, size, SQLITE_STATIC);
    ggdm_status st = ggdm_store_run(s, stmt, err);
    sqlite3_clear_bindings(stmt); /* they borrow the data */
    return st;
}

/* The unit got further than it ever was: the worlds it lost before say nothing about it. */
static ggdm_status forgive_losses(ggdm_store *s, const ggdm_unit_row *row, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_use(s, GGDM_SQL_FORGIVE, &stmt, err));
    sqlite3_bind_int64(stmt, 1, row->id);
    GGDM_TRY(ggdm_store_run(s, stmt, err));
    return ggdm_store_note(s, row, "got further: its losses are forgiven", err);
}

ggdm_status ggdm_store_checkpoint(ggdm_store *store, int64_t unit, int32_t attempt, int32_t step,
                                  const void *data, size_t size, ggdm_error *err)
{
    ggdm_store_call call;
    ggdm_unit_row row;
    ggdm_status st;
    bool current;
    int32_t before;
    if (size == 0 || size > GGDM_MAX_CHECKPOINT || step < 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "unit %" PRId64 ": a checkpoint at step %d with %zu bytes, expected 1 to "
                         "%zu bytes",
                         unit, step, size, GGDM_MAX_CHECKPOINT);
    GGDM_TRY(ggdm_store_call_begin(store, &call, err));
    GGDM_TRY_GOTO(st, ggdm_store_answering(store, unit, attempt, "checkpoint", &row, &current, err),
                  done);
    if (!current)
        goto done;
    GGDM_TRY_GOTO(st, stored_step(store, unit, &before, err), done);
    GGDM_TRY_GOTO(st, put_checkpoint(store, unit, attempt, step, data, size, err), done);
    if (row.losses > 0 && step > before)
        st = forgive_losses(store, &row, err);
done:
    return ggdm_store_call_end(store, &call, st, err);
}

ggdm_status ggdm_store_load_checkpoint(ggdm_store *store, ggdm_unit *unit, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row;
    const void *data;
    size_t size;
    ggdm_error why = {0};
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_GET_CHECKPOINT, &stmt, err));
    sqlite3_bind_int64(stmt, 1, unit->id);
    ggdm_status st = ggdm_store_step(store, stmt, &row, err);
    if (st != GGDM_OK || !row)
        return st;
    if (ggdm_store_column_i32(store, stmt, 0, 0, unit->steps, &unit->step, &why) != GGDM_OK ||
        ggdm_store_column_blob(store, stmt, 1, 1, GGDM_MAX_CHECKPOINT, &data, &size, &why) !=
            GGDM_OK) {
        ggdm_log(GGDM_LOG_WARN, "unit %" PRId64 " starts from the beginning: %s", unit->id,
                 why.msg);
        unit->step = 0;
    } else if (size) {
        st = ggdm_alloc(&unit->state, size, 1, err);
        if (st == GGDM_OK) {
            memcpy(unit->state, data, size);
            unit->state_size = size;
        }
    }
    ggdm_store_reset(stmt);
    return st;
}

ggdm_status ggdm_store_drop_checkpoint(ggdm_store *store, int64_t unit, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (!store->has_checkpoints)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_use(store, GGDM_SQL_DROP_CHECKPOINT, &stmt, err));
    sqlite3_bind_int64(stmt, 1, unit);
    return ggdm_store_run(store, stmt, err);
}

ggdm_status ggdm_store_look_for_checkpoints(ggdm_store *store, ggdm_error *err)
{
    int64_t any;
    GGDM_TRY(ggdm_store_ask_int(store, "SELECT EXISTS (SELECT 1 FROM checkpoint)", &any, err));
    store->has_checkpoints = any != 0;
    return GGDM_OK;
}
