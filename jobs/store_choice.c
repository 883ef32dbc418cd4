/* Retry and cancel: what the user wants of cells, carried over to units.
 *
 *     cell --> trajectory --> tree --> unit
 *
 * Which cells are cancelled stands in their rows.  A unit is cancelled only while no cell that is
 * wanted shows any of its trajectories. */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { CHUNK = 256 };

/* ---- cells ---------------------------------------------------------------------------------- */

/* out [n_cells]: those that are cancelled. */
static ggdm_status read_cancelled(ggdm_store *s, bool *out, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row = true;
    GGDM_TRY(ggdm_store_prepare(s, "SELECT idx FROM cell WHERE cancelled <> 0", &stmt, err));
    for (;;) {
        int32_t i;
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(st, ggdm_store_column_i32(s, stmt, 0, 0, s->n_cells - 1, &i, err), done);
        out[i] = true;
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

/* cancelled [n_cells] with the chosen cells set to value, written and given to the caller; whether
 * that changed any. */
static ggdm_status mark_cells(ggdm_store *s, const bool *cells, bool value, bool **cancelled,
                              bool *changed, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    *changed = false;
    GGDM_TRY(ggdm_alloc(cancelled, (size_t)s->n_cells, sizeof **cancelled, err));
    ggdm_status st = read_cancelled(s, *cancelled, err);
    for (int32_t i = 0; i < s->n_cells && st == GGDM_OK; i++) {
        if ((cells && !cells[i]) || (*cancelled)[i] == value)
            continue;
        (*cancelled)[i] = value;
        *changed = true;
        GGDM_TRY_GOTO(st, ggdm_store_use(s, GGDM_SQL_SET_CANCELLED, &stmt, err), done);
        sqlite3_bind_int(stmt, 1, i);
        sqlite3_bind_int(stmt, 2, value);
        st = ggdm_store_run(s, stmt, err);
    }
done:
    ggdm_store_forget_trees(s); /* they say what is scored */
    if (st != GGDM_OK) {
        free(*cancelled);
        *cancelled = NULL;
    }
    return st;
}

/* ---- cells -> trajectories -> trees --------------------------------------------------------- */

/* marks [n_trajectories]: those that a cell shows for which cells[] is value. */
static ggdm_status mark_trajectories(ggdm_store *s, const bool *cells, bool value, bool *marks,
                                     ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row = true;
    GGDM_TRY(ggdm_store_prepare(s, "SELECT trajectory, idx FROM cell", &stmt, err));
    for (;;) {
        int32_t t, i;
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(st, ggdm_store_column_i32(s, stmt, 0, 0, s->n_trajectories - 1, &t, err),
                      done);
        GGDM_TRY_GOTO(st, ggdm_store_column_i32(s, stmt, 1, 0, s->n_cells - 1, &i, err), done);
        marks[t] = marks[t] || cells[i] == value;
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

ggdm_status ggdm_store_wanted_trajectories(ggdm_store *store, bool **out, ggdm_error *err)
{
    bool *cancelled = NULL;
    ggdm_status st;
    *out = NULL;
    GGDM_TRY(ggdm_alloc(&cancelled, (size_t)store->n_cells, sizeof *cancelled, err));
    GGDM_TRY_GOTO(st, read_cancelled(store, cancelled, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(out, (size_t)store->n_trajectories, sizeof **out, err), done);
    st = mark_trajectories(store, cancelled, false, *out, err);
done:
    free(cancelled);
    return st;
}

ggdm_status ggdm_store_each_tree(ggdm_store *store, ggdm_tree_visitor visit, void *context,
                                 ggdm_error *err)
{
    int64_t n;
    GGDM_TRY(ggdm_store_ask_int(store, "SELECT count(*) FROM tree", &n, err));
    for (int64_t i = 0; i < n; i++) {
        ggdm_unit unit;
        GGDM_TRY(ggdm_store_read_tree(store, i, &unit, err));
        ggdm_status st = visit(context, i, &unit, err);
        ggdm_unit_deinit(&unit);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

typedef struct tree_marks {
    const bool *trajectories;
    bool *trees; /* owned, [n] */
    size_t cap;
    int64_t n;
} tree_marks;

static ggdm_status mark_tree(void *context, int64_t tree, const ggdm_unit *unit, ggdm_error *err)
{
    tree_marks *m = context;
    GGDM_TRY(ggdm_grow(&m->trees, &m->cap, (size_t)tree + 1, sizeof *m->trees, err));
    bool *mark = &m->trees[tree];
    *mark = false;
    for (int32_t i = 0; i < unit->n_segments; i++) {
        int64_t t = unit->segments[i].trajectory;
        *mark = *mark || (t >= 0 && m->trajectories[t]);
    }
    m->n = tree + 1;
    return GGDM_OK;
}

/* *out [*n]: trees with a trajectory that is shown by a cell for which cells[] is value. */
static ggdm_status choose_trees(ggdm_store *s, const bool *cells, bool value, bool **out,
                                int64_t *n, ggdm_error *err)
{
    bool *trajectories = NULL;
    tree_marks m = {0};
    GGDM_TRY(ggdm_alloc(&trajectories, (size_t)s->n_trajectories, sizeof *trajectories, err));
    m.trajectories = trajectories;
    ggdm_status st = mark_trajectories(s, cells, value, trajectories, err);
    if (st == GGDM_OK)
        st = ggdm_store_each_tree(s, mark_tree, &m, err);
    free(trajectories);
    *out = m.trees;
    *n = m.n;
    return st;
}

/* ---- units ---------------------------------------------------------------------------------- */

typedef struct move {
    ggdm_unit_state to;
    const char *message;
    const bool *trees; /* [n_trees] marked as below; NULL: all */
    int64_t n_trees;
    bool marked; /* units of marked trees, or of the others */
    int64_t changed;
} move;

static ggdm_status move_unit(ggdm_store *s, int64_t id, move *m, ggdm_error *err)
{
    ggdm_unit_row old;
    GGDM_TRY(ggdm_store_get_unit(s, id, &old, err));
    if (m->trees && (old.tree < 0 || old.tree >= m->n_trees))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: unit %" PRId64 " has no tree", s->path,
                         id);
    if (m->trees && m->trees[old.tree] != m->marked)
        return GGDM_OK;
    ggdm_unit_row row = old;
    row.state = m->to;
    if (m->to == GGDM_UNIT_READY) {
        row.failures = row.losses = 0;
        row.not_before = 0;
    }
    m->changed++;
    return ggdm_store_transition(s, &old, &row, m->message, err);
}

static ggdm_status move_all(ggdm_store *s, ggdm_unit_state from, move *m, ggdm_error *err)
{
    int64_t ids[CHUNK], after = -1;
    int32_t n = s->counts.units[from] ? CHUNK : 0;
    while (n == CHUNK) {
        GGDM_TRY(ggdm_store_ids_in_state(s, from, after, CHUNK, ids, &n, err));
        for (int32_t i = 0; i < n; i++)
            GGDM_TRY(move_unit(s, ids[i], m, err));
        after = n ? ids[n - 1] : after;
    }
    return GGDM_OK;
}

ggdm_status ggdm_store_want_from(ggdm_store *store, int32_t first, ggdm_error *err)
{
    move m = {.to = GGDM_UNIT_READY, .message = "wanted by a sweep that was added", .marked = true};
    bool *cells = NULL, *trees = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&cells, (size_t)store->n_cells, sizeof *cells, err));
    for (int32_t i = first; i < store->n_cells; i++)
        cells[i] = true;
    if (store->counts.units[GGDM_UNIT_CANCELLED] > 0) {
        GGDM_TRY_GOTO(st, choose_trees(store, cells, true, &trees, &m.n_trees, err), done);
        m.trees = trees;
        GGDM_TRY_GOTO(st, move_all(store, GGDM_UNIT_CANCELLED, &m, err), done);
    }
    st = ggdm_store_plan_scores(store, cells, err);
done:
    free(trees);
    free(cells);
    return st;
}

static ggdm_status retry_units(ggdm_store *s, const bool *cells, bool failed_only, move *m,
                               ggdm_error *err)
{
    bool *cancelled = NULL, *trees = NULL, wanted = false;
    ggdm_status st = GGDM_OK;
    if (!failed_only)
        GGDM_TRY_GOTO(st, mark_cells(s, cells, false, &cancelled, &wanted, err), done);
    if (cells)
        GGDM_TRY_GOTO(st, choose_trees(s, cells, true, &trees, &m->n_trees, err), done);
    m->trees = trees;
    GGDM_TRY_GOTO(st, move_all(s, GGDM_UNIT_FAILED, m, err), done);
    GGDM_TRY_GOTO(st, move_all(s, GGDM_UNIT_QUARANTINED, m, err), done);
    if (!failed_only)
        GGDM_TRY_GOTO(st, move_all(s, GGDM_UNIT_CANCELLED, m, err), done);
    if (wanted) /* images may have been made meanwhile, scored for other cells */
        st = ggdm_store_plan_scores(s, cells, err);
done:
    free(trees);
    free(cancelled);
    return st;
}

ggdm_status ggdm_store_retry(ggdm_store *store, const bool *cells, bool failed_only,
                             int64_t *changed, ggdm_error *err)
{
    ggdm_store_call call;
    move m = {.to = GGDM_UNIT_READY, .message = "put back by the user", .marked = true};
    GGDM_TRY(ggdm_store_call_begin(store, &call, err));
    ggdm_status st = retry_units(store, cells, failed_only, &m, err);
    st = ggdm_store_call_end(store, &call, st, err);
    if (changed)
        *changed = st == GGDM_OK ? m.changed : 0;
    return st;
}

static ggdm_status cancel_units(ggdm_store *s, const bool *cells, move *m, ggdm_error *err)
{
    bool *cancelled = NULL, *trees = NULL, changed;
    ggdm_status st;
    GGDM_TRY_GOTO(st, mark_cells(s, cells, true, &cancelled, &changed, err), done);
    GGDM_TRY_GOTO(st, choose_trees(s, cancelled, false, &trees, &m->n_trees, err), done);
    m->trees = trees;
    GGDM_TRY_GOTO(st, move_all(s, GGDM_UNIT_READY, m, err), done);
    st = move_all(s, GGDM_UNIT_FAILED, m, err);
done:
    free(trees);
    free(cancelled);
    return st;
}

ggdm_status ggdm_store_cancel(ggdm_store *store, const bool *cells, int64_t *changed,
                              ggdm_error *err)
{
    ggdm_store_call call;
    move m = {.to = GGDM_UNIT_CANCELLED, .message = "cancelled by the user", .marked = false};
    GGDM_TRY(ggdm_store_call_begin(store, &call, err));
    ggdm_status st = cancel_units(store, cells, &m, err);
    st = ggdm_store_call_end(store, &call, st, err);
    if (changed)
        *changed = st == GGDM_OK ? m.changed : 0;
    return st;
}
