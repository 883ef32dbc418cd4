/* Does what the database says in two places agree? */
#include "jobs/store_audit.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "jobs/store_internal.h"

#define MOST_RECIPES 20 /* that are told */

typedef struct finding {
    ggdm_text_visitor visit;
    void *context;
    const int64_t *made; /* images of each trajectory that units make */
} finding;

static ggdm_status take_integrity(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    (void)s, (void)err;
    const finding *f = context;
    if (sqlite3_stricmp(ggdm_store_row_text(row, 0), "ok") != 0)
        f->visit(f->context, ggdm_store_row_text(row, 0));
    return GGDM_OK;
}

static ggdm_status take_foreign_key(ggdm_store *s, sqlite3_stmt *row, void *context,
                                    ggdm_error *err)
{
    (void)s, (void)err;
    const finding *f = context;
    char text[200];
    snprintf(text, sizeof text, "row %" PRId64 " of %.40s points to a row of %.40s that is missing",
             (int64_t)sqlite3_column_int64(row, 1), ggdm_store_row_text(row, 0),
             ggdm_store_row_text(row, 2));
    f->visit(f->context, text);
    return GGDM_OK;
}

static ggdm_status take_text(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    (void)s, (void)err;
    const finding *f = context;
    f->visit(f->context, ggdm_store_row_text(row, 0));
    return GGDM_OK;
}

static ggdm_status take_wanted(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    const finding *f = context;
    int32_t i;
    int64_t wanted = sqlite3_column_int64(row, 1);
    char text[120];
    GGDM_TRY(ggdm_store_column_i32(s, row, 0, 0, s->n_trajectories - 1, &i, err));
    if (f->made[i] == wanted || (s->info.shards && f->made[i] < wanted))
        return GGDM_OK;
    snprintf(text, sizeof text,
             "the units of trajectory %" PRId32 " make %" PRId64 " of %" PRId64 " images", i,
             f->made[i], wanted);
    f->visit(f->context, text);
    return GGDM_OK;
}

/* What two places say of one thing, where they do not agree; a text each. */
#define MOST " LIMIT 20"
static const char *const disagreements[] = {
    "SELECT 'trajectory ' || t.id || ' counts ' || t.done || ' images, ' || t.diverged || "
    "' diverged; it has ' || count(i.idx) || ', ' || coalesce(sum(i.diverged), 0) "
    "FROM trajectory AS t LEFT JOIN sample AS i ON i.trajectory = t.id GROUP BY t.id "
    "HAVING t.done <> count(i.idx) OR t.diverged <> coalesce(sum(i.diverged), 0)" MOST,
    "SELECT 'unit ' || u.id || ' is ' || u.state || ' but has images' FROM unit AS u "
    "WHERE u.state <> 'done' AND u.id IN (SELECT DISTINCT unit FROM sample)" MOST,
    "SELECT 'unit ' || u.id || ' is done and makes ' || u.image_count || ' images of each "
    "trajectory; it has ' || count(i.idx) || ' of all' FROM unit AS u JOIN tree AS t "
    "ON t.id = u.tree AND t.steps > 0 LEFT JOIN sample AS i ON i.unit = u.id "
    "WHERE u.state = 'done' GROUP BY u.id "
    "HAVING count(i.idx) = 0 OR count(i.idx) % u.image_count <> 0" MOST,
    "SELECT 'unit ' || id || ' is done but keeps a checkpoint' FROM checkpoint "
    "JOIN unit ON id = unit WHERE state = 'done'" MOST,
    "SELECT 'cell ' || c.name || ' wants ' || c.wanted || ' images of the ' || t.wanted || "
    "' of its trajectory ' || t.id FROM cell AS c JOIN trajectory AS t ON t.id = c.trajectory "
    "WHERE c.wanted > t.wanted" MOST,
    "SELECT 'cell ' || c.name || ' was archived with ' || t.done || ' of ' || c.wanted || "
    "' images' FROM cell AS c JOIN trajectory AS t ON t.id = c.trajectory "
    "WHERE c.archived AND t.done < c.wanted" MOST,
    "SELECT 'cell ' || c.name || ' has ' || count(r.cell) || ' verdicts of until' FROM cell AS c "
    "JOIN run ON key = 'until ' || c.sweep LEFT JOIN result AS r ON r.cell = c.idx "
    "AND r.metric = 'until' GROUP BY c.idx HAVING count(r.cell) <> 1" MOST,
    "SELECT 'cell ' || c.name || ' is ' || r.settings || ' after ' || r.n || ' images and wants ' "
    "|| c.wanted FROM cell AS c JOIN result AS r ON r.cell = c.idx AND r.metric = 'until' "
    "WHERE CASE r.settings WHEN 'open' THEN r.n >= c.wanted WHEN 'cancelled' THEN 0 "
    "ELSE r.n <> c.wanted END" MOST,
    "SELECT 'cell ' || name || ' has panel ' || panel || ', which is missing' FROM cell "
    "WHERE panel >= 0 AND panel NOT IN (SELECT id FROM panel)" MOST,
    "SELECT 'image ' || i.idx || ' of trajectory ' || t.id || ' is beyond its ' || t.wanted "
    "FROM sample AS i JOIN trajectory AS t ON t.id = i.trajectory "
    "WHERE i.idx < 0 OR i.idx >= t.wanted" MOST,
    "SELECT 'trajectory ' || r.trajectory || ' has a record of image ' || r.idx || ', which is "
    "missing' FROM record AS r LEFT JOIN sample AS i USING (trajectory, idx) "
    "WHERE i.idx IS NULL" MOST,
    "SELECT 'images ' || first || '+' || count || ' of trajectory ' || trajectory || "
    "' have scores of scorer ' || scorer || '; ' || n || ' of them are there' FROM (SELECT *, "
    "(SELECT count(*) FROM sample AS i WHERE i.trajectory = s.trajectory "
    "AND i.idx BETWEEN s.first AND s.first + s.count - 1) AS n FROM score AS s) "
    "WHERE n < count" MOST,
    "SELECT 'images from ' || first || ' of trajectory ' || trajectory || ' have scores of scorer "
    "' || scorer || ' twice' FROM (SELECT *, lag(first + count) OVER (PARTITION BY trajectory, "
    "scorer ORDER BY first) AS before FROM score) WHERE first < before" MOST,
    "SELECT 'there are scores of scorer ' || scorer || ' of ' || min(n) || ' and of ' || max(n) "
    "|| ' bytes' FROM (SELECT scorer, CASE WHEN length(data) % (4 * count) THEN 0 "
    "ELSE length(data) / count END AS n FROM score) GROUP BY scorer "
    "HAVING min(n) <> max(n) OR min(n) = 0",
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
    ggdm_status st = ggdm_store_each_row(s, sql, 0, take_text, f, err);
    free(sql);
    return st;
}

/* The images of each trajectory are made by somebody, and by nobody twice. */
static ggdm_status compare_trees(ggdm_store *s, finding *f, ggdm_error *err)
{
    ggdm_tree_audit *trees = NULL;
    int32_t n_trees = 0;
    int64_t *made = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_store_audit_trees(s, &trees, &n_trees, err));
    GGDM_TRY_GOTO(st, ggdm_alloc(&made, (size_t)s->n_trajectories, sizeof *made, err), done);
    for (int32_t i = 0; i < n_trees; i++)
        for (int32_t k = 0; k < trees[i].n && !trees[i].scores; k++)
            made[trees[i].trajectories[k]] += trees[i].images;
    f->made = made;
    st = ggdm_store_each_row(s, "SELECT id, wanted FROM trajectory", 0, take_wanted, f, err);
done:
    f->made = NULL;
    ggdm_tree_audits_free(&trees, n_trees);
    free(made);
    return st;
}

static ggdm_status take_record(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    (void)s, (void)err;
    const finding *f = context;
    ggdm_record record;
    ggdm_error why = {0};
    char text[sizeof why.msg + 100];
    if (ggdm_record_read(sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2), &record,
                         &why) != GGDM_OK) {
        snprintf(text, sizeof text, "image %" PRId64 " of trajectory %" PRId64 ": %s",
                 (int64_t)sqlite3_column_int64(row, 1), (int64_t)sqlite3_column_int64(row, 0),
                 why.msg);
        f->visit(f->context, text);
    }
    ggdm_record_deinit(&record);
    return GGDM_OK;
}

/* Text and key of each trajectory. */
static ggdm_status check_recipes(ggdm_store *s, finding *f, ggdm_error *err)
{
    int wrong = 0;
    for (int32_t i = 0; i < s->n_trajectories && wrong < MOST_RECIPES; i++) {
        ggdm_error why = {0};
        char *text = NULL;
        ggdm_status st = ggdm_store_recipe(s, i, &text, &why);
        free(text);
        if (st == GGDM_EFORMAT) {
            f->visit(f->context, why.msg);
            wrong++;
        } else if (st != GGDM_OK) {
            if (err)
                *err = why;
            return st;
        }
    }
    return GGDM_OK;
}

ggdm_status ggdm_store_audit_integrity(ggdm_store *store, ggdm_text_visitor visit, void *context,
                                       ggdm_error *err)
{
    finding f = {.visit = visit, .context = context};
    GGDM_TRY(ggdm_store_each_row(store, "PRAGMA main.integrity_check", 0, take_integrity, &f, err));
    GGDM_TRY(
        ggdm_store_each_row(store, "PRAGMA main.foreign_key_check", 0, take_foreign_key, &f, err));
    for (size_t i = 0; i < sizeof disagreements / sizeof *disagreements; i++)
        GGDM_TRY(ggdm_store_each_row(store, disagreements[i], 0, take_text, &f, err));
    GGDM_TRY(compare_counters(store, &f, err));
    GGDM_TRY(compare_trees(store, &f, err));
    GGDM_TRY(ggdm_store_each_row(store, "SELECT trajectory, idx, data FROM record", 0, take_record,
                                 &f, err));
    return store->version >= GGDM_STORE_OLDEST ? check_recipes(store, &f, err) : GGDM_OK;
}
