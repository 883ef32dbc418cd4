/* The statements of the job store. */
#include "jobs/store_schema.h"

#include "jobs/store.h"

#define TEXT_OF(x) #x
#define AS_TEXT(x) TEXT_OF(x)
#define SUSPECT AS_TEXT(GGDM_SUSPECT_LOSSES)
#define IN_TROUBLE "(state = 'failed' OR state = 'quarantined')" /* as in the index */

/* Columns of a unit in the order in which store_unit.c reads them. */
#define UNIT_COLUMNS                                                                               \
    "id, tree, image_first, image_count, state, attempt, failures, losses, not_before, worker, "   \
    "epoch, claimed"
#define READY "SELECT " UNIT_COLUMNS " FROM unit WHERE state = 'ready'"

/* A text's number: PUT has no effect where it has one. */
#define PUT_TEXT(table) "INSERT INTO " table " (text) VALUES (?1) ON CONFLICT (text) DO NOTHING"
#define FIND_TEXT(table) "SELECT id FROM " table " WHERE text = ?1"
#define GET_TEXT(table) "SELECT text FROM " table " WHERE id = ?1"

const char *const ggdm_store_sql[GGDM_SQL_STATEMENTS] = {
    [GGDM_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [GGDM_SQL_COMMIT] = "COMMIT",
    [GGDM_SQL_SAVEPOINT] = "SAVEPOINT call",
    [GGDM_SQL_RELEASE] = "RELEASE call",
    [GGDM_SQL_ROLLBACK_TO] = "ROLLBACK TO call",
    [GGDM_SQL_PUT_RUN] = "INSERT INTO run (key, value) VALUES (?1, ?2) "
                         "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [GGDM_SQL_GET_RUN] = "SELECT value FROM run WHERE key = ?1",
    [GGDM_SQL_PUT_SWEEP] =
        "INSERT INTO sweep (n, first_cell, samples, digest, text) VALUES (?1, ?2, ?3, ?4, ?5)",
    [GGDM_SQL_GET_SWEEP] = "SELECT text, digest FROM sweep WHERE n = ?1",
    [GGDM_SQL_FIND_SWEEP] = "SELECT n FROM sweep WHERE digest = ?1",
    [GGDM_SQL_PUT_PARAMETER] =
        "INSERT INTO parameter (sweep, place, path, name, label, type, stride, count, aim) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [GGDM_SQL_PUT_VALUE] = "INSERT INTO parameter_value (parameter, n, value) VALUES (?1, ?2, ?3)",
    [GGDM_SQL_PUT_HEAD] = PUT_TEXT("head"),
    [GGDM_SQL_FIND_HEAD] = FIND_TEXT("head"),
    [GGDM_SQL_GET_HEAD] = GET_TEXT("head"),
    [GGDM_SQL_PUT_SETTING] = PUT_TEXT("setting"),
    [GGDM_SQL_FIND_SETTING] = FIND_TEXT("setting"),
    [GGDM_SQL_GET_SETTING] = GET_TEXT("setting"),
    [GGDM_SQL_PUT_SCORER] =
        "INSERT INTO scorer (text, output) VALUES (?1, ?2) ON CONFLICT (text) DO NOTHING",
    [GGDM_SQL_FIND_SCORER] = FIND_TEXT("scorer"),
    [GGDM_SQL_GET_SCORER] = GET_TEXT("scorer"),
    [GGDM_SQL_PUT_PANEL] = "INSERT INTO panel (id, place, scorer, name) VALUES (?1, ?2, ?3, ?4)",
    [GGDM_SQL_PUT_MODEL] =
        "INSERT INTO model (digest, name) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
    [GGDM_SQL_PUT_ASSET] = "INSERT INTO asset (digest, media, height, width, channels, data) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (digest) DO NOTHING",
    [GGDM_SQL_FIND_FILE] = "SELECT value FROM run JOIN sweep ON key = 'file ' || n || ' ' || ?2 "
                           "WHERE digest = ?1",
    [GGDM_SQL_PUT_TRAJECTORY] = "INSERT INTO trajectory (id, key, head, runs, wanted, cost) "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [GGDM_SQL_FIND_TRAJECTORY] = "SELECT id, wanted, done FROM trajectory WHERE key = ?1",
    [GGDM_SQL_GET_TRAJECTORY] = "SELECT key, head, runs FROM trajectory WHERE id = ?1",
    [GGDM_SQL_SET_WANTED] = "UPDATE trajectory SET wanted = ?2 WHERE id = ?1",
    [GGDM_SQL_COUNT_SAMPLES] = "UPDATE trajectory SET done = done + ?2, diverged = diverged + ?3 "
                               "WHERE id = ?1",
    [GGDM_SQL_PUT_CELL] = "INSERT INTO cell (idx, name, sweep, trajectory, wanted, panel) "
                          "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [GGDM_SQL_GET_CELL] =
        "SELECT c.name, c.sweep, c.trajectory, t.key, c.wanted, c.panel, c.archived, c.cancelled, "
        "t.wanted, t.done, t.diverged, t.cost "
        "FROM cell AS c JOIN trajectory AS t ON t.id = c.trajectory WHERE c.idx = ?1",
    [GGDM_SQL_PANELS_OF] =
        "SELECT DISTINCT panel FROM cell WHERE trajectory = ?1 AND cancelled = 0 "
        "ORDER BY panel",
    [GGDM_SQL_SET_CANCELLED] = "UPDATE cell SET cancelled = ?2 WHERE idx = ?1",
    [GGDM_SQL_SET_ARCHIVED] = "UPDATE cell SET archived = 1 WHERE idx = ?1",
    [GGDM_SQL_PUT_TREE] =
        "INSERT INTO tree (id, head, steps, cost, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    [GGDM_SQL_GET_TREE] = "SELECT head, steps, cost, data FROM tree WHERE id = ?1",
    [GGDM_SQL_PUT_UNIT] = "INSERT INTO unit (id, tree, image_first, image_count) "
                          "VALUES (?1, ?2, ?3, ?4)",
    [GGDM_SQL_GET_UNIT] = "SELECT " UNIT_COLUMNS " FROM unit WHERE id = ?1",
    [GGDM_SQL_SET_UNIT] =
        "UPDATE unit SET state = ?3, attempt = ?4, failures = ?5, losses = ?6, not_before = ?7, "
        "worker = ?8, epoch = ?9, error = ?10, claimed = ?11 WHERE id = ?1 AND state = ?2",
    [GGDM_SQL_FORGIVE] = "UPDATE unit SET losses = 0 WHERE id = ?1",
    [GGDM_SQL_READY_ANY] = READY " ORDER BY losses, id LIMIT ?1",
    [GGDM_SQL_READY_INNOCENT] = READY " AND losses < " SUSPECT " ORDER BY losses, id LIMIT ?1",
    [GGDM_SQL_READY_SUSPECT] = READY " AND losses >= " SUSPECT " ORDER BY losses, id LIMIT ?1",
    /* A partial index is used only where its condition stands in the query. */
    [GGDM_SQL_DUE] = "SELECT id FROM unit WHERE " IN_TROUBLE
                     " AND state = 'failed' AND not_before <= ?1 LIMIT ?2",
    [GGDM_SQL_NEXT_DUE] = "SELECT not_before FROM unit WHERE " IN_TROUBLE
                          " AND state = 'failed' ORDER BY not_before LIMIT 1",
    [GGDM_SQL_RUNNING] =
        "SELECT id FROM unit WHERE state = 'running' ORDER BY worker, claimed LIMIT ?1",
    [GGDM_SQL_LAST_CLAIM] = "SELECT coalesce(max(claimed), 0) FROM unit WHERE state = 'running'",
    [GGDM_SQL_IN_STATE] = "SELECT id FROM unit WHERE state = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    [GGDM_SQL_PUT_SAMPLE] =
        "INSERT INTO sample (trajectory, idx, media, diverged, diverged_step, data, unit) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (trajectory, idx) DO NOTHING",
    [GGDM_SQL_SAME_SAMPLE] =
        "SELECT media = ?3 AND diverged = ?4 AND diverged_step = ?5 AND data = ?6 FROM sample "
        "WHERE trajectory = ?1 AND idx = ?2",
    [GGDM_SQL_PUT_RECORD] = "INSERT INTO record (trajectory, idx, data) VALUES (?1, ?2, ?3) "
                            "ON CONFLICT (trajectory, idx) DO NOTHING",
    [GGDM_SQL_COUNT_FIRST] = "SELECT count(*), coalesce(sum(diverged), 0) FROM sample "
                             "WHERE trajectory = ?1 AND idx < ?2",
    [GGDM_SQL_PUT_SCORE] = "INSERT INTO score (trajectory, scorer, first, count, data) "
                           "VALUES (?1, ?2, ?3, ?4, ?5) "
                           "ON CONFLICT (trajectory, first, scorer) DO NOTHING",
    [GGDM_SQL_SAME_SCORE] = "SELECT count = ?4 AND data = ?5 FROM score "
                            "WHERE trajectory = ?1 AND scorer = ?2 AND first = ?3",
    [GGDM_SQL_SCORED] =
        "SELECT first + count > ?3 FROM score WHERE trajectory = ?1 AND scorer = ?2 "
        "AND first <= ?3 ORDER BY first DESC LIMIT 1",
    [GGDM_SQL_COUNT_SCORED] =
        "SELECT coalesce(sum(count), 0) FROM score WHERE trajectory = ?1 AND scorer = ?2",
    [GGDM_SQL_PUT_RESULT] =
        "INSERT INTO result (cell, metric, settings, value, lo, hi, n, note) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (cell, metric, settings) "
        "DO UPDATE SET value = excluded.value, lo = excluded.lo, hi = excluded.hi, "
        "n = excluded.n, note = excluded.note",
    [GGDM_SQL_DROP_VERDICT] = "DELETE FROM result WHERE cell = ?1 AND metric = 'until'",
    /* Most runs have no rule, and perhaps many results. */
    [GGDM_SQL_COUNT_OPEN] =
        "SELECT count(*) FROM result WHERE metric = 'until' AND settings = 'open' "
        "AND EXISTS (SELECT 1 FROM run WHERE key >= 'until ' AND key < 'until!')",
    [GGDM_SQL_SET_CELL_WANTED] = "UPDATE cell SET wanted = ?2, archived = 0 WHERE idx = ?1",
    [GGDM_SQL_PUT_EVENT] =
        "INSERT INTO event (at, epoch, unit, from_state, to_state, attempt, worker, message) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [GGDM_SQL_PUT_CHECKPOINT] =
        "INSERT INTO checkpoint (unit, attempt, step, data) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (unit) DO UPDATE SET attempt = excluded.attempt, step = excluded.step, "
        "data = excluded.data",
    [GGDM_SQL_GET_CHECKPOINT] = "SELECT step, data FROM checkpoint WHERE unit = ?1",
    [GGDM_SQL_CHECKPOINT_STEP] = "SELECT step FROM checkpoint WHERE unit = ?1",
    [GGDM_SQL_DROP_CHECKPOINT] = "DELETE FROM checkpoint WHERE unit = ?1",
    [GGDM_SQL_SET_COUNTER] = "INSERT INTO counter (name, value) VALUES (?1, ?2) "
                             "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [GGDM_SQL_GET_COUNTERS] = "SELECT name, value FROM counter",
    [GGDM_SQL_COUNT_ALL] =
        "SELECT column1, (SELECT count(*) FROM unit WHERE state = column1) FROM (VALUES "
        "('ready'), ('running'), ('done'), ('failed'), ('quarantined'), ('cancelled')) "
        "UNION ALL SELECT 'images', coalesce(sum(done), 0) FROM trajectory "
        "UNION ALL SELECT 'diverged', coalesce(sum(diverged), 0) FROM trajectory "
        "UNION ALL SELECT 'wanted', coalesce(sum(wanted), 0) FROM trajectory "
        "UNION ALL SELECT 'trajectories', count(*) FROM trajectory "
        "UNION ALL SELECT 'asked', coalesce(sum(wanted), 0) FROM cell "
        "UNION ALL SELECT 'cells', count(*) FROM cell",
    [GGDM_SQL_COUNT_SUSPECTS] =
        "SELECT count(*) FROM unit WHERE state = 'ready' AND losses >= " SUSPECT,
    [GGDM_SQL_LAST_NUMBERS] =
        "SELECT coalesce(min(t), 0), coalesce(max(t), -1), coalesce(min(c), 0), "
        "coalesce(max(c), -1) FROM (SELECT (SELECT min(id) FROM trajectory) AS t, "
        "(SELECT min(idx) FROM cell) AS c UNION ALL SELECT (SELECT max(id) FROM trajectory), "
        "(SELECT max(idx) FROM cell))",
};

#define SAMPLE_COLUMNS "idx, media, diverged, diverged_step"
#define SAMPLE_ROWS " FROM sample WHERE trajectory = ?1 ORDER BY idx LIMIT ?2"

const char *const ggdm_store_sql_samples = "SELECT " SAMPLE_COLUMNS SAMPLE_ROWS;
const char *const ggdm_store_sql_samples_data = "SELECT " SAMPLE_COLUMNS ", data" SAMPLE_ROWS;
const char *const ggdm_store_sql_sample =
    "SELECT " SAMPLE_COLUMNS ", data FROM sample WHERE trajectory = ?1 AND idx = ?2";
const char *const ggdm_store_sql_scores =
    "SELECT first, count, data FROM score WHERE trajectory = ?1 AND scorer = ?2 ORDER BY first";
const char *const ggdm_store_sql_records =
    "SELECT data FROM record WHERE trajectory = ?1 AND idx < ?2 ORDER BY idx LIMIT ?3";
const char *const ggdm_store_sql_results =
    "SELECT cell, metric, settings, value, lo, hi, n, note FROM result "
    "WHERE metric <> 'until' ORDER BY cell, metric, settings";
const char *const ggdm_store_sql_verdicts =
    "SELECT cell, settings, value, lo, hi, n FROM result WHERE metric = 'until' ORDER BY cell";
const char *const ggdm_store_sql_trouble =
    "SELECT id, state, attempt, failures, losses, coalesce(error, ''), tree FROM unit "
    "WHERE " IN_TROUBLE " ORDER BY state, not_before LIMIT ?1";
