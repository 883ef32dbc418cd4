/* Runs of older programs, brought up to date one version after the other, all in one transaction:
 * for those who look in a copy; from version 4 on for those who write, too, in place.  Who wants to
 * write to one of versions 1 to 3 needs the program that made it.
 *
 * These had one method, and its parameters as columns of cell and trajectory (kappa, start,
 * duration, target); an image had the log probabilities of guide and judge and the share of
 * saturated pixels.  Any list of cells is one sweep here, whose parameters have a value for each.
 */
#include "jobs/store_internal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/wire.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define VERSION TEXT(GGDM_STORE_VERSION)

ggdm_status ggdm_store_check_version(ggdm_store *store, ggdm_error *err)
{
    char version[64];
    if (store->version >= GGDM_STORE_OLDEST)
        return GGDM_OK;
    GGDM_TRY(ggdm_store_ask_text(store, "SELECT value FROM run WHERE key = 'version'", version,
                                 sizeof version, err));
    return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                     "%s is of ggdm %s (schema version %" PRId64
                     "), with which this run is to be finished; this one only looks at it",
                     store->path, version, store->version);
}

static ggdm_status run_all(ggdm_store *s, const char *const *steps, ggdm_error *err)
{
    for (; *steps; steps++)
        GGDM_TRY(ggdm_store_exec(s, *steps, err));
    return GGDM_OK;
}

/* Tables and indices that an older version does not have. */
static ggdm_status put_objects(ggdm_store *s, ggdm_error *err)
{
    for (size_t i = 0; i < ggdm_store_schema_count; i++) {
        char sql[100];
        int64_t there;
        snprintf(sql, sizeof sql, "SELECT count(*) FROM sqlite_schema WHERE name = '%s'",
                 ggdm_store_schema[i].name);
        GGDM_TRY(ggdm_store_ask_int(s, sql, &there, err));
        if (!there)
            GGDM_TRY(ggdm_store_exec(s, ggdm_store_schema[i].sql, err));
    }
    return GGDM_OK;
}

/* ---- to version 3 --------------------------------------------------------------------------- */

static const char *const to_2[] = {
    "CREATE TABLE checkpoint (unit INTEGER PRIMARY KEY REFERENCES unit (id), "
    "attempt INTEGER NOT NULL, step INTEGER NOT NULL, data BLOB NOT NULL) STRICT",
    "ALTER TABLE trajectory ADD COLUMN start INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE cell ADD COLUMN start INTEGER NOT NULL DEFAULT 0",
    /* Nobody knows: "" is never compared. */
    "INSERT OR IGNORE INTO run (key, value) VALUES ('library', '')",
    /* The work of the plan was not kept: that of its images, each alone and unguided. */
    "INSERT INTO run (key, value) SELECT 'cost', count(*) * "
    "(SELECT CAST(value AS INTEGER) FROM run WHERE key = 'samples') * "
    "(SELECT CAST(value AS INTEGER) FROM run WHERE key = 'steps') FROM trajectory",
    "ALTER TABLE unit ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0",
    NULL,
};

/* Which cells are cancelled was one text in table run, a character a cell, which cells that were
 * added later did not lengthen: what it does not reach is wanted. */
static const char *const to_3[] = {
    "ALTER TABLE cell ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0",
    "UPDATE cell SET cancelled = 1 WHERE "
    "substr((SELECT value FROM run WHERE key = 'cancelled_cells'), idx + 1, 1) = '1'",
    /* Names in archives began with the cell from here on. */
    "UPDATE cell SET archived = 0",
    "INSERT OR IGNORE INTO run (key, value) VALUES ('notes', ''), ('processor', ''), ('bits', '')",
    NULL,
};

/* ---- to version 4 --------------------------------------------------------------------------- */

/* Out of the way of tables of the same name; references to them stay as they are written. */
static const char *const set_aside[] = {
    "PRAGMA legacy_alter_table = ON",
    "ALTER TABLE trajectory RENAME TO old_trajectory",
    "ALTER TABLE cell RENAME TO old_cell",
    "ALTER TABLE tree RENAME TO old_tree",
    "ALTER TABLE unit RENAME TO old_unit",
    "DROP INDEX IF EXISTS unit_ready",
    "DROP INDEX IF EXISTS unit_running",
    "DROP INDEX IF EXISTS unit_trouble",
    NULL,
};

#define RUN(key) "(SELECT value FROM run WHERE key = '" key "')"
#define RUN_INT(key) "(SELECT CAST(value AS INTEGER) FROM run WHERE key = '" key "')"
#define CELLS "(SELECT count(*) FROM old_cell)"
#define NO_TEXT "{\"version\":3}"

#define PARAMETER(id, path, name, label, type, aim)                                                \
    "INSERT INTO parameter (id, sweep, place, path, name, label, type, stride, count, aim) "       \
    "VALUES (" id ", 1, " id ", '" path "', '" name "', '" label "', '" type "', 1, " CELLS        \
    ", " aim ")"
#define VALUES(id, value) "INSERT INTO parameter_value SELECT " id ", idx, " value " FROM old_cell"

/* A network that judged, if there was one. */
#define MODEL(who)                                                                                 \
    "INSERT OR IGNORE INTO model (digest, name) SELECT " RUN(who "_digest") ", " RUN(              \
        who) " WHERE " RUN(who "_digest") " <> ''"
#define CLASSIFIER(id, who)                                                                        \
    "INSERT INTO scorer (id, text, output) SELECT " id ", '{\"version\":3,\"" who                  \
    "\":\"' || " RUN(who "_digest") " || '\"}', 'classes' WHERE " RUN(who "_digest") " <> ''",     \
        "INSERT INTO panel (id, place, scorer, name) SELECT 0, id, id, '" who "' FROM scorer "     \
        "WHERE id = " id,                                                                          \
        "INSERT INTO score (trajectory, scorer, first, count, data) SELECT trajectory, id, idx, "  \
        "1, " who "_logp FROM image JOIN scorer ON id = " id " WHERE length(" who "_logp) > 0"

static const char *const fill[] = {
    "INSERT INTO sweep (n, first_cell, samples, digest, text) SELECT "
    "CASE key WHEN 'sweep_text' THEN 1 ELSE CAST(substr(key, 12) AS INTEGER) END, "
    "CASE key WHEN 'sweep_text' THEN 0 ELSE " CELLS
    " END, " RUN_INT("samples") ", "
                                "coalesce((SELECT value FROM run AS d WHERE d.key = 'sweep_digest' "
                                "|| substr(t.key, 11)), ''), "
                                "value FROM run AS t WHERE key GLOB 'sweep_text*'",
    PARAMETER("1", "guidance.kappa", "kappa", "\u03ba", "real", "0"),
    VALUES("1", "kappa"),
    PARAMETER("2", "guidance.duration", "duration", "t~", "window", "0"),
    VALUES("2", "CASE WHEN start > 0 THEN start || '+' || duration ELSE duration END"),
    PARAMETER("3", "guidance.loss.target", "target", "target", "class", "1"),
    VALUES("3", "target") " WHERE target >= 0",
    "INSERT INTO head (id, text) VALUES (1, '" NO_TEXT "')",
    "INSERT INTO setting (id, text) VALUES (1, '" NO_TEXT "')",
    "INSERT INTO trajectory (id, key, head, runs, wanted, done, diverged) SELECT id, key, 1, "
    "'1:' || " RUN("steps") ", " RUN_INT("samples") ", done, diverged FROM old_trajectory",
    "INSERT INTO cell (idx, name, sweep, trajectory, wanted, panel, archived, cancelled) SELECT "
    "idx, name, 1, trajectory, " RUN_INT("samples") ", 0, archived, cancelled FROM old_cell",
    "INSERT INTO unit (id, tree, image_first, image_count, state, attempt, failures, losses, "
    "not_before, worker, epoch, error, claimed) SELECT id, tree, image_first, image_count, state, "
    "attempt, failures, losses, not_before, worker, epoch, error, claimed FROM old_unit",
    MODEL("model"),
    MODEL("guide"),
    MODEL("judge"),
    "INSERT INTO sample (trajectory, idx, unit, media, diverged, diverged_step, data) SELECT "
    "trajectory, idx, unit, 0, diverged, diverged_step, png FROM image",
    CLASSIFIER("1", "guide"),
    CLASSIFIER("2", "judge"),
    "INSERT INTO scorer (id, text, output) VALUES (3, '{\"version\":3,\"saturation\":true}', "
    "'number')",
    "INSERT INTO panel (id, place, scorer, name) VALUES (0, 3, 3, 'saturation')",
    "INSERT INTO score (trajectory, scorer, first, count, data) SELECT trajectory, 3, idx, 1, "
    "f32(saturated) FROM image",
    NULL,
};

static const char *const drop_old[] = {
    "DROP TABLE image",
    "DROP TABLE old_cell",
    "DROP TABLE old_unit",
    "DROP TABLE old_tree",
    "DROP TABLE old_trajectory",
    "DELETE FROM counter",
    NULL,
};

/* A number as score.data has it. */
static void f32_of(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    float number = (float)sqlite3_value_double(values[0]);
    sqlite3_result_blob(context, &number, sizeof number, SQLITE_TRANSIENT);
}

/* ---- trees ---------------------------------------------------------------------------------- */

/* A unit as these programs packed it, its block included:
 *     i64, 3 x i32, u32 count, and for each segment i32 parent, i32 begin, i32 end, f64 kappa,
 *     i32 target, i64 trajectory
 * cost: of one image, in evaluations of the U-Net; guided: of a guided step. */
enum { UNIT_BYTES = 20, SEGMENT_BYTES = 32 };
static ggdm_status read_old_tree(ggdm_wire *w, double guided, ggdm_segment **segments, int32_t *n,
                                 double *cost, ggdm_error *err)
{
    uint8_t unit[UNIT_BYTES];
    ggdm_get_raw(w, unit, sizeof unit);
    *n = ggdm_get_count(w, INT32_MAX, SEGMENT_BYTES);
    *cost = 0;
    GGDM_TRY(ggdm_alloc(segments, (size_t)*n, sizeof **segments, err));
    for (int32_t i = 0; i < *n; i++) {
        ggdm_segment *s = &(*segments)[i];
        s->parent = ggdm_get_i32(w);
        s->begin = ggdm_get_i32(w);
        s->end = ggdm_get_i32(w);
        double kappa = ggdm_get_f64(w);
        ggdm_get_i32(w);
        s->trajectory = ggdm_get_i64(w);
        s->setting = 1;
        *cost += (kappa > 0 ? guided : 1) * ((double)s->end - s->begin);
    }
    if (!(*cost >= 0))
        *cost = 0;
    return ggdm_wire_status(w, "tree", err);
}

static ggdm_status convert_tree(ggdm_store *s, sqlite3_stmt *row, void *context, ggdm_error *err)
{
    const double *guided = context;
    ggdm_wire wire;
    ggdm_segment *segments = NULL;
    int32_t n = 0;
    double cost = 0;
    int64_t steps;
    GGDM_TRY(ggdm_store_ask_int(s, "SELECT " RUN_INT("steps"), &steps, err));
    ggdm_wire_read(&wire, sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1));
    ggdm_status st = read_old_tree(&wire, *guided, &segments, &n, &cost, err);
    if (st == GGDM_OK)
        st = ggdm_store_put_tree(s, sqlite3_column_int64(row, 0), 1, (int32_t)steps, cost, segments,
                                 n, NULL, 0, err);
    free(segments);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "%s is damaged", s->path);
}

static ggdm_status convert_trees(ggdm_store *s, ggdm_error *err)
{
    int64_t full;
    GGDM_TRY(ggdm_store_ask_int(
        s, "SELECT count(*) FROM run WHERE key = 'gradient' AND value = 'xt-full'", &full, err));
    double guided = full ? 2.2 : 1.2; /* as these programs counted it */
    return ggdm_store_each_row(s, "SELECT id, data FROM old_tree ORDER BY id", 0, convert_tree,
                               &guided, err);
}

/* ---- to version 5 --------------------------------------------------------------------------- */

/* A result may have a note, and a trajectory says what it costs (0: nobody knows). */
static const char *const to_5[] = {
    "ALTER TABLE main.trajectory ADD COLUMN cost REAL NOT NULL DEFAULT 0",
    "CREATE TEMP TABLE old_result AS SELECT * FROM main.result",
    "DROP TABLE main.result",
    NULL,
};
static const char *const results_back[] = {
    "INSERT INTO result (cell, metric, settings, value, lo, hi, n) "
    "SELECT cell, metric, settings, value, lo, hi, n FROM temp.old_result",
    "DROP TABLE temp.old_result",
    NULL,
};

static ggdm_status convert_results(ggdm_store *s, ggdm_error *err)
{
    GGDM_TRY(run_all(s, to_5, err));
    GGDM_TRY(put_objects(s, err));
    return run_all(s, results_back, err);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static ggdm_status count_all(ggdm_store *s, ggdm_error *err)
{
    char *sql = NULL;
    GGDM_TRY(ggdm_asprintf(&sql, err, "INSERT INTO counter (name, value) %s",
                           ggdm_store_sql[GGDM_SQL_COUNT_ALL]));
    ggdm_status st = ggdm_store_exec(s, sql, err);
    free(sql);
    return st;
}

/* From before there were recipes. */
static ggdm_status convert_old(ggdm_store *s, ggdm_error *err)
{
    if (s->version < 2)
        GGDM_TRY(run_all(s, to_2, err));
    if (s->version < 3)
        GGDM_TRY(run_all(s, to_3, err));
    GGDM_TRY(run_all(s, set_aside, err));
    GGDM_TRY(put_objects(s, err));
    GGDM_TRY(run_all(s, fill, err));
    GGDM_TRY(convert_trees(s, err));
    GGDM_TRY(run_all(s, drop_old, err));
    return count_all(s, err);
}

/* What version 6 brought is a table: images of before have no records. */
static ggdm_status run_steps(ggdm_store *s, ggdm_error *err)
{
    if (s->version < 4)
        GGDM_TRY(convert_old(s, err));
    else if (s->version == 4)
        GGDM_TRY(convert_results(s, err));
    else
        GGDM_TRY(put_objects(s, err));
    GGDM_TRY(ggdm_store_exec(s, "PRAGMA main.user_version = " VERSION, err));
    return ggdm_store_check_schema(s, err);
}

ggdm_status ggdm_store_migrate(ggdm_store *store, ggdm_error *err)
{
    if (store->version == GGDM_STORE_VERSION)
        return GGDM_OK;
    if (sqlite3_create_function(store->db, "f32", 1, SQLITE_UTF8, NULL, f32_of, NULL, NULL) !=
        SQLITE_OK)
        return ggdm_store_sql_error(store, "use the database", err);
    GGDM_TRY(ggdm_store_exec(store, "BEGIN IMMEDIATE", err));
    ggdm_status st = run_steps(store, err);
    if (st == GGDM_OK)
        st = ggdm_store_exec(store, "COMMIT", err);
    if (st != GGDM_OK && !sqlite3_get_autocommit(store->db))
        ggdm_store_exec(store, "ROLLBACK", NULL);
    return st;
}
