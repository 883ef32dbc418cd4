#include "jobs/store_audit.h"

#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/store_internal.h"

ggdm_status ggdm_store_each_row(ggdm_store *s, const char *sql, int32_t limit,
                                ggdm_row_visitor visit, void *context, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    ggdm_status st;
    bool row = true;
    GGDM_TRY(ggdm_store_prepare(s, sql, &stmt, err));
    if (sqlite3_bind_parameter_count(stmt) > 0)
        sqlite3_bind_int(stmt, 1, limit);
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        GGDM_TRY_GOTO(st, visit(s, stmt, context, err), done);
    }
done:
    sqlite3_finalize(stmt);
    return st;
}

const char *ggdm_store_row_text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

/* ---- trajectories and trees ----------------------------------------------------------------- */

typedef struct tree_list {
    ggdm_tree_audit *trees;
    size_t cap;
    int32_t n;
} tree_list;

static ggdm_status add_tree(void *context, int64_t tree, const ggdm_unit *unit, ggdm_error *err)
{
    tree_list *list = context;
    GGDM_TRY(ggdm_grow(&list->trees, &list->cap, (size_t)tree + 1, sizeof *list->trees, err));
    ggdm_tree_audit *t = &list->trees[tree];
    *t = (ggdm_tree_audit){.scores = unit->kind == GGDM_UNIT_SCORE};
    list->n = (int32_t)tree + 1;
    GGDM_TRY(ggdm_alloc(&t->trajectories, (size_t)unit->n_segments, sizeof *t->trajectories, err));
    for (int32_t i = 0; i < unit->n_segments; i++)
        if (unit->segments[i].trajectory >= 0)
            t->trajectories[t->n++] = (int32_t)unit->segments[i].trajectory;
    return GGDM_OK;
}

static ggdm_status count_units(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    tree_list *list = context;
    ggdm_unit_state state;
    int32_t tree;
    GGDM_TRY(ggdm_store_column_i32(s, row, 0, 0, list->n - 1, &tree, err));
    GGDM_TRY(ggdm_store_column_state(s, row, 1, &state, err));
    list->trees[tree].units[state] = sqlite3_column_int64(row, 2);
    list->trees[tree].images += sqlite3_column_int64(row, 3);
    return GGDM_OK;
}

void ggdm_tree_audits_free(ggdm_tree_audit **trees, int32_t n)
{
    for (int32_t i = 0; *trees && i < n; i++)
        free((*trees)[i].trajectories);
    free(*trees);
    *trees = NULL;
}

ggdm_status ggdm_store_audit_trees(ggdm_store *store, ggdm_tree_audit **out, int32_t *n,
                                   ggdm_error *err)
{
    tree_list list = {0};
    ggdm_status st = ggdm_store_each_tree(store, add_tree, &list, err);
    if (st == GGDM_OK)
        st = ggdm_store_each_row(
            store, "SELECT tree, state, count(*), sum(image_count) FROM unit GROUP BY tree, state",
            0, count_units, &list, err);
    if (st != GGDM_OK)
        ggdm_tree_audits_free(&list.trees, list.n);
    *out = list.trees;
    *n = list.n;
    return st;
}

/* ---- events --------------------------------------------------------------------------------- */

typedef struct visit_call {
    ggdm_message_visitor message;
    ggdm_session_visitor session;
    void *context;
} visit_call;

static ggdm_status take_message(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    (void)s;
    const visit_call *v = context;
    const ggdm_message_audit m = {.message = ggdm_store_row_text(row, 0),
                                  .times = sqlite3_column_int64(row, 1),
                                  .units = sqlite3_column_int64(row, 2),
                                  .first_unit = sqlite3_column_int64(row, 3),
                                  .last_unit = sqlite3_column_int64(row, 4)};
    return v->message(v->context, &m, err);
}

ggdm_status ggdm_store_audit_messages(ggdm_store *store, int32_t max, ggdm_message_visitor visit,
                                      void *context, ggdm_error *err)
{
    visit_call v = {.message = visit, .context = context};
    /* running -> failed is an error, running -> quarantined a loss too many. */
    return ggdm_store_each_row(
        store,
        "SELECT coalesce(message, ''), count(*), count(DISTINCT unit), min(unit), "
        "max(unit) FROM event WHERE from_state = 'running' "
        "AND to_state IN ('failed', 'quarantined') "
        "GROUP BY 1 ORDER BY 2 DESC, 4 LIMIT ?1",
        max, take_message, &v, err);
}

static ggdm_status take_session(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    (void)s;
    const visit_call *v = context;
    const ggdm_session_audit session = {.session = sqlite3_column_int64(row, 0),
                                        .first = sqlite3_column_double(row, 1),
                                        .last = sqlite3_column_double(row, 2),
                                        .done = sqlite3_column_int64(row, 3),
                                        .failed = sqlite3_column_int64(row, 4),
                                        .requeued = sqlite3_column_int64(row, 5)};
    return v->session(v->context, &session, err);
}

ggdm_status ggdm_store_audit_sessions(ggdm_store *store, ggdm_session_visitor visit, void *context,
                                      ggdm_error *err)
{
    visit_call v = {.session = visit, .context = context};
    return ggdm_store_each_row(store,
                               "SELECT epoch, min(at), max(at), "
                               "coalesce(sum(from_state = 'running' AND to_state = 'done'), 0), "
                               "coalesce(sum(from_state = 'running' AND to_state = 'failed'), 0), "
                               "coalesce(sum(from_state = 'running' AND to_state = 'ready'), 0) "
                               "FROM event WHERE epoch > 0 GROUP BY epoch ORDER BY epoch",
                               0, take_session, &v, err);
}

/* ---- time ------------------------------------------------------------------------------------ */

enum { MAX_WORKERS = 1 << 20 };

typedef struct busy_worker {
    int64_t units; /* that it has */
    double since;  /* when it got the first of them */
} busy_worker;

typedef struct time_keeper {
    busy_worker *workers;
    size_t cap, n;
    int64_t epoch;
    double last;    /* event */
    double seconds; /* of the workers in this epoch */
    ggdm_time_audit *out;
} time_keeper;

/* The threads of a worker in an epoch; NAN: not known. */
static ggdm_status ask_threads(ggdm_store *s, int64_t epoch, double *out, ggdm_error *err)
{
    char sql[80], text[16];
    snprintf(sql, sizeof sql, "SELECT value FROM run WHERE key = 'threads %" PRId64 "'", epoch);
    GGDM_TRY(ggdm_store_ask_text(s, sql, text, sizeof text, err));
    const int threads = atoi(text);
    *out = threads > 0 ? threads : (double)NAN;
    return GGDM_OK;
}

static ggdm_status close_epoch(ggdm_store *s, time_keeper *t, ggdm_error *err)
{
    double threads = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->workers[i].units)
            t->seconds += t->last - t->workers[i].since;
    if (t->seconds > 0)
        GGDM_TRY(ask_threads(s, t->epoch, &threads, err));
    t->out->worker_seconds += t->seconds;
    t->out->core_seconds += t->seconds * threads;
    memset(t->workers, 0, t->n * sizeof *t->workers);
    t->seconds = 0;
    return GGDM_OK;
}

static ggdm_status keep_time(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    time_keeper *t = context;
    const double at = sqlite3_column_double(row, 0);
    const int64_t epoch = sqlite3_column_int64(row, 1);
    const bool starts = sqlite3_column_int(row, 3);
    int32_t worker;
    GGDM_TRY(ggdm_store_column_i32(s, row, 2, 0, MAX_WORKERS, &worker, err));
    if (epoch != t->epoch)
        GGDM_TRY(close_epoch(s, t, err));
    t->epoch = epoch;
    t->last = at;
    GGDM_TRY(ggdm_grow(&t->workers, &t->cap, (size_t)worker + 1, sizeof *t->workers, err));
    for (; t->n <= (size_t)worker; t->n++)
        t->workers[t->n] = (busy_worker){0};
    busy_worker *w = &t->workers[worker];
    if (starts && w->units++ == 0)
        w->since = at;
    else if (!starts && w->units && --w->units == 0)
        t->seconds += at - w->since;
    return GGDM_OK;
}

ggdm_status ggdm_store_audit_time(ggdm_store *store, ggdm_time_audit *out, ggdm_error *err)
{
    time_keeper t = {.out = out};
    *out = (ggdm_time_audit){0};
    ggdm_status st = ggdm_store_each_row(
        store,
        "SELECT at, epoch, worker, to_state = 'running' FROM event WHERE worker >= 0 AND "
        "from_state <> to_state AND (from_state = 'running' OR to_state = 'running') ORDER BY id",
        0, keep_time, &t, err);
    if (st == GGDM_OK)
        st = close_epoch(store, &t, err);
    free(t.workers);
    return st;
}
