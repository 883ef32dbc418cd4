#include "jobs/store_audit.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "jobs/store_internal.h"

/* Rows of a query, one after the other. */
typedef ggdm_status (*row_visitor)(ggdm_store *s, sqlite3_stmt *row, void *context,
                                   ggdm_error *err);

static ggdm_status each_row(ggdm_store *s, const char *sql, int32_t limit, row_visitor visit,
                            void *context, ggdm_error *err)
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

static const char *text_of(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

/* ---- trajectories and trees ----------------------------------------------------------------- */

static ggdm_status take_trajectory(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    ggdm_trajectory_audit *out = context;
    int32_t i;
    GGDM_TRY(ggdm_store_column_i32(s, row, 0, 0, s->n_trajectories - 1, &i, err));
    out[i] = (ggdm_trajectory_audit){.images = sqlite3_column_int64(row, 1),
                                     .diverged = sqlite3_column_int64(row, 2),
                                     .saturated = sqlite3_column_double(row, 3)};
    return GGDM_OK;
}

ggdm_status ggdm_store_audit_trajectories(ggdm_store *store, ggdm_trajectory_audit **out,
                                          int32_t *n, ggdm_error *err)
{
    *n = store->n_trajectories;
    GGDM_TRY(ggdm_alloc(out, (size_t)*n, sizeof **out, err));
    ggdm_status st = each_row(store,
                              "SELECT trajectory, count(*), sum(diverged), sum(saturated) "
                              "FROM image GROUP BY trajectory",
                              0, take_trajectory, *out, err);
    if (st != GGDM_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}

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
    *t = (ggdm_tree_audit){0};
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
        st = each_row(store, "SELECT tree, state, count(*) FROM unit GROUP BY tree, state", 0,
                      count_units, &list, err);
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
    const ggdm_message_audit m = {.message = text_of(row, 0),
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
    return each_row(store,
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
    return each_row(store,
                    "SELECT epoch, min(at), max(at), "
                    "coalesce(sum(from_state = 'running' AND to_state = 'done'), 0), "
                    "coalesce(sum(from_state = 'running' AND to_state = 'failed'), 0), "
                    "coalesce(sum(from_state = 'running' AND to_state = 'ready'), 0) "
                    "FROM event WHERE epoch > 0 GROUP BY epoch ORDER BY epoch",
                    0, take_session, &v, err);
}

/* ---- integrity ------------------------------------------------------------------------------ */

typedef struct finding {
    ggdm_text_visitor visit;
    void *context;
} finding;

static ggdm_status take_integrity(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    (void)s, (void)err;
    const finding *f = context;
    if (sqlite3_stricmp(text_of(row, 0), "ok") != 0)
        f->visit(f->context, text_of(row, 0));
    return GGDM_OK;
}

static ggdm_status take_foreign_key(ggdm_store *s, sqlite3_stmt *row, void *context,
                                    ggdm_error *err)
{
    (void)s, (void)err;
    const finding *f = context;
    char text[200];
    snprintf(text, sizeof text, "row %" PRId64 " of %.40s points to a row of %.40s that is missing",
             (int64_t)sqlite3_column_int64(row, 1), text_of(row, 0), text_of(row, 2));
    f->visit(f->context, text);
    return GGDM_OK;
}

static ggdm_status take_text(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    (void)s, (void)err;
    const finding *f = context;
    f->visit(f->context, text_of(row, 0));
    return GGDM_OK;
}

/* What two places say of one thing, where they do not agree; a text each. */
#define SAMPLES "(SELECT CAST(value AS INTEGER) FROM run WHERE key = 'samples')"
#define MOST " LIMIT 20"
static const char *const disagreements[] = {
    "SELECT 'trajectory ' || t.id || ' counts ' || t.done || ' images, ' || t.diverged || "
    "' diverged; it has ' || count(i.idx) || ', ' || coalesce(sum(i.diverged), 0) "
    "FROM trajectory AS t LEFT JOIN image AS i ON i.trajectory = t.id GROUP BY t.id "
    "HAVING t.done <> count(i.idx) OR t.diverged <> coalesce(sum(i.diverged), 0)" MOST,
    "SELECT 'unit ' || u.id || ' is ' || u.state || ' but has images' FROM unit AS u "
    "WHERE u.state <> 'done' AND u.id IN (SELECT DISTINCT unit FROM image)" MOST,
    "SELECT 'unit ' || u.id || ' is done and makes ' || u.image_count || ' images of each "
    "trajectory; it has ' || count(i.idx) || ' of all' FROM unit AS u LEFT JOIN image AS i "
    "ON i.unit = u.id WHERE u.state = 'done' GROUP BY u.id "
    "HAVING count(i.idx) = 0 OR count(i.idx) % u.image_count <> 0" MOST,
    "SELECT 'unit ' || id || ' is done but keeps a checkpoint' FROM checkpoint "
    "JOIN unit ON id = unit WHERE state = 'done'" MOST,
    "SELECT 'unit ' || id || ' makes images ' || image_first || ' to ' || "
    "(image_first + image_count - 1) || ' of ' || " SAMPLES
    " FROM unit WHERE image_first + image_count > " SAMPLES MOST,
    "SELECT 'the units of tree ' || tree || ' make ' || sum(image_count) || ' of ' || " SAMPLES
    " || ' images' FROM unit WHERE NOT EXISTS (SELECT 1 FROM run WHERE key = 'shard') "
    "GROUP BY tree HAVING sum(image_count) <> " SAMPLES MOST,
    "SELECT 'image ' || idx || ' of trajectory ' || trajectory || ' is beyond the ' || " SAMPLES
    " || ' of a cell' FROM image WHERE idx < 0 OR idx >= " SAMPLES MOST,
    "SELECT 'there are scores of the ' || who || ' with ' || (min(n) / 4) || ' and with ' || "
    "(max(n) / 4) || ' classes' FROM (SELECT 'guide' AS who, length(guide_logp) AS n FROM image "
    "UNION ALL SELECT 'judge', length(judge_logp) FROM image) GROUP BY who "
    "HAVING min(n) <> max(n)",
    "SELECT 'cell ' || c.name || ' has another key than its trajectory ' || t.id FROM cell AS c "
    "JOIN trajectory AS t ON t.id = c.trajectory WHERE c.key <> t.key" MOST,
    "SELECT 'cell ' || c.name || ' was archived with ' || t.done || ' of ' || " SAMPLES " || "
    "' images' FROM cell AS c JOIN trajectory AS t ON t.id = c.trajectory "
    "WHERE c.archived AND t.done <> " SAMPLES MOST,
    "SELECT 'sweep' || substr(key, 13) || ' has a digest but no text' FROM run "
    "WHERE key GLOB 'sweep_digest*' "
    "AND 'sweep_text' || substr(key, 13) NOT IN (SELECT key FROM run)" MOST,
};

/* The counters are compared at each opening of a small store only. */
static ggdm_status compare_counters(ggdm_store *s, finding *f, ggdm_error *err)
{
    char *sql = NULL;
    GGDM_TRY(ggdm_asprintf(&sql, err,
                           "WITH found (name, n) AS (%s) SELECT 'counter ' || found.name || ' is ' "
                           "|| coalesce(value, 'missing') || ', but there are ' || n FROM found "
                           "LEFT JOIN counter ON counter.name = found.name WHERE value IS NOT n",
                           ggdm_store_sql[GGDM_SQL_COUNT_ALL]));
    ggdm_status st = each_row(s, sql, 0, take_text, f, err);
    free(sql);
    return st;
}

/* Each trajectory is in one tree, or nobody makes its images, or two do. */
static ggdm_status compare_trees(ggdm_store *s, finding *f, ggdm_error *err)
{
    ggdm_tree_audit *trees = NULL;
    int32_t n_trees = 0, *seen = NULL;
    char text[100];
    ggdm_status st;
    GGDM_TRY(ggdm_store_audit_trees(s, &trees, &n_trees, err));
    GGDM_TRY_GOTO(st, ggdm_alloc(&seen, (size_t)s->n_trajectories, sizeof *seen, err), done);
    for (int32_t i = 0; i < n_trees; i++)
        for (int32_t k = 0; k < trees[i].n; k++)
            seen[trees[i].trajectories[k]]++;
    for (int32_t i = 0; i < s->n_trajectories; i++) {
        if (seen[i] == 1)
            continue;
        snprintf(text, sizeof text, "trajectory %" PRId32 " is in %" PRId32 " trees, expected one",
                 i, seen[i]);
        f->visit(f->context, text);
    }
done:
    ggdm_tree_audits_free(&trees, n_trees);
    free(seen);
    return st;
}

ggdm_status ggdm_store_audit_integrity(ggdm_store *store, ggdm_text_visitor visit, void *context,
                                       ggdm_error *err)
{
    finding f = {visit, context};
    GGDM_TRY(each_row(store, "PRAGMA main.integrity_check", 0, take_integrity, &f, err));
    GGDM_TRY(each_row(store, "PRAGMA main.foreign_key_check", 0, take_foreign_key, &f, err));
    for (size_t i = 0; i < sizeof disagreements / sizeof *disagreements; i++)
        GGDM_TRY(each_row(store, disagreements[i], 0, take_text, &f, err));
    GGDM_TRY(compare_counters(store, &f, err));
    return compare_trees(store, &f, err);
}
