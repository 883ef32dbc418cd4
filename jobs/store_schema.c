#include "jobs/store_schema.h"

#include "jobs/store.h"

/* States are words and not numbers, so that a user who looks in with SQL can read them. */
#define STATES "('ready','running','done','failed','quarantined','cancelled')"

/* Where a unit that is not finished got to: one row, the latest.  data: worker/walk.h. */
#define CHECKPOINT_TABLE                                                                           \
    "CREATE TABLE checkpoint ("                                                                    \
    "unit INTEGER PRIMARY KEY REFERENCES unit (id), "                                              \
    "attempt INTEGER NOT NULL, "                                                                   \
    "step INTEGER NOT NULL, "                                                                      \
    "data BLOB NOT NULL) STRICT"

/* Order of the claims: a worker runs its units in this order, so of those that are running only the
 * first was really at work. */
#define CLAIMED_COLUMN "claimed INTEGER NOT NULL DEFAULT 0"

#define RUNNING_INDEX "CREATE INDEX unit_running ON unit (worker, claimed) WHERE state = 'running'"
#define IN_TROUBLE "state IN ('failed','quarantined')"
#define TROUBLE_INDEX "CREATE INDEX unit_trouble ON unit (state, not_before) WHERE " IN_TROUBLE

/* How many there are, by name: units by state, images, cells, trajectories.  Changed with what they
 * count in the same transaction, so that a start need not count a million rows. */
#define COUNTER_TABLE                                                                              \
    "CREATE TABLE counter ("                                                                       \
    "name TEXT PRIMARY KEY, "                                                                      \
    "value INTEGER NOT NULL) STRICT, WITHOUT ROWID"
#define COUNT_ALL                                                                                  \
    "SELECT column1, (SELECT count(*) FROM unit WHERE state = column1) FROM (VALUES ('ready'), "   \
    "('running'), ('done'), ('failed'), ('quarantined'), ('cancelled')) "                          \
    "UNION ALL SELECT 'images', coalesce(sum(done), 0) FROM trajectory "                           \
    "UNION ALL SELECT 'diverged', coalesce(sum(diverged), 0) FROM trajectory "                     \
    "UNION ALL SELECT 'trajectories', count(*) FROM trajectory "                                   \
    "UNION ALL SELECT 'cells', count(*) FROM cell"

const ggdm_schema_object ggdm_store_schema[] = {
    {"run", "CREATE TABLE run ("
            "key TEXT PRIMARY KEY, "
            "value TEXT NOT NULL) STRICT, WITHOUT ROWID"},
    /* done, diverged: counts of its images, kept with them in the same transaction. */
    {"trajectory", "CREATE TABLE trajectory ("
                   "id INTEGER PRIMARY KEY, "
                   "key BLOB NOT NULL UNIQUE CHECK (length(key) = 32), "
                   "kappa REAL NOT NULL, "
                   "duration INTEGER NOT NULL, "
                   "target INTEGER NOT NULL, "
                   "done INTEGER NOT NULL DEFAULT 0, "
                   "diverged INTEGER NOT NULL DEFAULT 0, "
                   "start INTEGER NOT NULL DEFAULT 0) STRICT"},
    {"cell", "CREATE TABLE cell ("
             "idx INTEGER PRIMARY KEY, "
             "name TEXT NOT NULL UNIQUE, "
             "kappa REAL NOT NULL, "
             "duration INTEGER NOT NULL, "
             "target INTEGER NOT NULL, "
             "key BLOB NOT NULL CHECK (length(key) = 32), "
             "trajectory INTEGER NOT NULL REFERENCES trajectory (id), "
             "archived INTEGER NOT NULL DEFAULT 0, "
             "start INTEGER NOT NULL DEFAULT 0, "
             "cancelled INTEGER NOT NULL DEFAULT 0) STRICT"},
    /* A packed ggdm_unit without its image block: thousands of units share one tree. */
    {"tree", "CREATE TABLE tree ("
             "id INTEGER PRIMARY KEY, "
             "data BLOB NOT NULL) STRICT"},
    {"unit", "CREATE TABLE unit ("
             "id INTEGER PRIMARY KEY, "
             "tree INTEGER NOT NULL REFERENCES tree (id), "
             "image_first INTEGER NOT NULL CHECK (image_first >= 0), "
             "image_count INTEGER NOT NULL CHECK (image_count > 0), "
             "state TEXT NOT NULL DEFAULT 'ready' CHECK (state IN " STATES "), "
             "attempt INTEGER NOT NULL DEFAULT 0, "
             "failures INTEGER NOT NULL DEFAULT 0, "
             "losses INTEGER NOT NULL DEFAULT 0, "
             "not_before REAL NOT NULL DEFAULT 0, "
             "worker INTEGER NOT NULL DEFAULT -1, "
             "epoch INTEGER NOT NULL DEFAULT 0, "
             "error TEXT, " CLAIMED_COLUMN ") STRICT"},
    {"unit_ready", "CREATE INDEX unit_ready ON unit (losses) WHERE state = 'ready'"},
    {"unit_running", RUNNING_INDEX},
    {"unit_trouble", TROUBLE_INDEX},
    /* Log probabilities are f32 little-endian, in nats. */
    {"image", "CREATE TABLE image ("
              "trajectory INTEGER NOT NULL REFERENCES trajectory (id), "
              "idx INTEGER NOT NULL, "
              "diverged INTEGER NOT NULL, "
              "diverged_step INTEGER NOT NULL, "
              "saturated REAL NOT NULL, "
              "unit INTEGER NOT NULL REFERENCES unit (id), "
              "guide_logp BLOB NOT NULL, "
              "judge_logp BLOB NOT NULL, "
              "png BLOB NOT NULL, "
              "PRIMARY KEY (trajectory, idx)) STRICT"},
    /* Append-only: who did what when.  from_state = to_state: a note, such as a late result. */
    {"event", "CREATE TABLE event ("
              "id INTEGER PRIMARY KEY, "
              "at REAL NOT NULL, "
              "epoch INTEGER NOT NULL, "
              "unit INTEGER NOT NULL, "
              "from_state TEXT NOT NULL, "
              "to_state TEXT NOT NULL, "
              "attempt INTEGER NOT NULL, "
              "worker INTEGER NOT NULL, "
              "message TEXT) STRICT"},
    {"checkpoint", CHECKPOINT_TABLE},
    {"counter", COUNTER_TABLE},
};
const size_t ggdm_store_schema_count = sizeof ggdm_store_schema / sizeof *ggdm_store_schema;

static const char *const to_2[] = {
    CHECKPOINT_TABLE,
    "ALTER TABLE trajectory ADD COLUMN start INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE cell ADD COLUMN start INTEGER NOT NULL DEFAULT 0",
    /* Nobody knows: "" is never compared. */
    "INSERT OR IGNORE INTO run (key, value) VALUES ('library', '')",
    /* The work of the plan was not kept: that of its images, each alone and unguided. */
    "INSERT INTO run (key, value) SELECT 'cost', count(*) * "
    "(SELECT CAST(value AS INTEGER) FROM run WHERE key = 'samples') * "
    "(SELECT CAST(value AS INTEGER) FROM run WHERE key = 'steps') FROM trajectory",
    "ALTER TABLE unit ADD COLUMN " CLAIMED_COLUMN,
    "DROP INDEX unit_failed",
    RUNNING_INDEX,
    TROUBLE_INDEX,
    COUNTER_TABLE,
    "INSERT INTO counter (name, value) " COUNT_ALL,
    NULL,
};

/* Which cells are cancelled was one text in table run, a character a cell, which cells that were
 * added later did not lengthen: what it does not reach is wanted. */
static const char *const to_3[] = {
    "ALTER TABLE cell ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0",
    "UPDATE cell SET cancelled = 1 WHERE "
    "substr((SELECT value FROM run WHERE key = 'cancelled_cells'), idx + 1, 1) = '1'",
    "DELETE FROM run WHERE key = 'cancelled_cells'",
    /* Names in archives begin with the cell: written again at the end of the run. */
    "UPDATE cell SET archived = 0",
    "INSERT OR IGNORE INTO run (key, value) VALUES ('notes', ''), ('processor', ''), ('bits', '')",
    NULL,
};

const char *const *const ggdm_store_migrations[] = {[1] = to_2, [2] = to_3};

/* Columns of a unit in the order in which store_unit.c reads them. */
#define TEXT_OF(x) #x
#define AS_TEXT(x) TEXT_OF(x)
#define SUSPECT AS_TEXT(GGDM_SUSPECT_LOSSES)

#define UNIT_COLUMNS                                                                               \
    "id, tree, image_first, image_count, state, attempt, failures, losses, not_before, worker, "   \
    "epoch, claimed"

const char *const ggdm_store_sql[GGDM_SQL_STATEMENTS] = {
    [GGDM_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [GGDM_SQL_COMMIT] = "COMMIT",
    [GGDM_SQL_SAVEPOINT] = "SAVEPOINT call",
    [GGDM_SQL_RELEASE] = "RELEASE call",
    [GGDM_SQL_ROLLBACK_TO] = "ROLLBACK TO call",
    [GGDM_SQL_PUT_RUN] = "INSERT INTO run (key, value) VALUES (?1, ?2) "
                         "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [GGDM_SQL_PUT_TRAJECTORY] = "INSERT INTO trajectory (id, key, kappa, start, duration, target) "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [GGDM_SQL_FIND_TRAJECTORY] = "SELECT id, done FROM trajectory WHERE key = ?1",
    [GGDM_SQL_PUT_CELL] =
        "INSERT INTO cell (idx, name, kappa, start, duration, target, key, trajectory) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [GGDM_SQL_PUT_TREE] = "INSERT INTO tree (id, data) VALUES (?1, ?2)",
    [GGDM_SQL_PUT_UNIT] = "INSERT INTO unit (id, tree, image_first, image_count) "
                          "VALUES (?1, ?2, ?3, ?4)",
    [GGDM_SQL_PUT_IMAGE] =
        "INSERT INTO image (trajectory, idx, diverged, diverged_step, saturated, guide_logp, "
        "judge_logp, png, unit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
        "ON CONFLICT (trajectory, idx) DO NOTHING",
    [GGDM_SQL_SAME_IMAGE] =
        "SELECT diverged = ?3 AND diverged_step = ?4 AND saturated = ?5 AND guide_logp = ?6 "
        "AND judge_logp = ?7 AND png = ?8 FROM image WHERE trajectory = ?1 AND idx = ?2",
    [GGDM_SQL_COUNT_IMAGES] = "UPDATE trajectory SET done = done + ?2, diverged = diverged + ?3 "
                              "WHERE id = ?1",
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
    [GGDM_SQL_FORGIVE] = "UPDATE unit SET losses = 0 WHERE id = ?1",
    [GGDM_SQL_READY_ANY] =
        "SELECT " UNIT_COLUMNS " FROM unit WHERE state = 'ready' ORDER BY losses, id LIMIT ?1",
    [GGDM_SQL_READY_INNOCENT] =
        "SELECT " UNIT_COLUMNS " FROM unit WHERE state = 'ready' AND losses < " SUSPECT
        " ORDER BY losses, id LIMIT ?1",
    [GGDM_SQL_READY_SUSPECT] =
        "SELECT " UNIT_COLUMNS " FROM unit WHERE state = 'ready' AND losses >= " SUSPECT
        " ORDER BY losses, id LIMIT ?1",
    /* A partial index is used only where its condition stands in the query. */
    [GGDM_SQL_DUE] = "SELECT id FROM unit WHERE " IN_TROUBLE
                     " AND state = 'failed' AND not_before <= ?1 LIMIT ?2",
    [GGDM_SQL_NEXT_DUE] = "SELECT not_before FROM unit WHERE " IN_TROUBLE
                          " AND state = 'failed' ORDER BY not_before LIMIT 1",
    [GGDM_SQL_RUNNING] =
        "SELECT id FROM unit WHERE state = 'running' ORDER BY worker, claimed LIMIT ?1",
    [GGDM_SQL_LAST_CLAIM] = "SELECT coalesce(max(claimed), 0) FROM unit WHERE state = 'running'",
    [GGDM_SQL_IN_STATE] = "SELECT id FROM unit WHERE state = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    [GGDM_SQL_GET_UNIT] = "SELECT " UNIT_COLUMNS " FROM unit WHERE id = ?1",
    [GGDM_SQL_GET_TREE] = "SELECT data FROM tree WHERE id = ?1",
    [GGDM_SQL_SET_UNIT] =
        "UPDATE unit SET state = ?3, attempt = ?4, failures = ?5, losses = ?6, not_before = ?7, "
        "worker = ?8, epoch = ?9, error = ?10, claimed = ?11 WHERE id = ?1 AND state = ?2",
    [GGDM_SQL_SET_COUNTER] = "INSERT INTO counter (name, value) VALUES (?1, ?2) "
                             "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [GGDM_SQL_GET_COUNTERS] = "SELECT name, value FROM counter",
    [GGDM_SQL_COUNT_ALL] = COUNT_ALL,
    [GGDM_SQL_COUNT_SUSPECTS] =
        "SELECT count(*) FROM unit WHERE state = 'ready' AND losses >= " SUSPECT,
    [GGDM_SQL_LAST_NUMBERS] =
        "SELECT coalesce(min(t), 0), coalesce(max(t), -1), coalesce(min(c), 0), "
        "coalesce(max(c), -1) FROM (SELECT (SELECT min(id) FROM trajectory) AS t, "
        "(SELECT min(idx) FROM cell) AS c UNION ALL SELECT (SELECT max(id) FROM trajectory), "
        "(SELECT max(idx) FROM cell))",
    [GGDM_SQL_GET_RUN] = "SELECT value FROM run WHERE key = ?1",
    [GGDM_SQL_COUNT_SWEEPS] = "SELECT count(*) FROM run WHERE key GLOB 'sweep_digest*'",
    [GGDM_SQL_FIND_SWEEP] = "SELECT key FROM run WHERE key GLOB 'sweep_digest*' AND value = ?1",
    [GGDM_SQL_GET_CELL] =
        "SELECT c.name, c.kappa, c.duration, c.target, c.key, c.trajectory, c.archived, t.done, "
        "t.diverged, c.start FROM cell AS c JOIN trajectory AS t ON t.id = c.trajectory WHERE "
        "c.idx = ?1",
    [GGDM_SQL_SET_CANCELLED] = "UPDATE cell SET cancelled = ?2 WHERE idx = ?1",
    [GGDM_SQL_SET_ARCHIVED] = "UPDATE cell SET archived = 1 WHERE idx = ?1",
};

#define IMAGE_COLUMNS "idx, diverged, diverged_step, saturated, guide_logp, judge_logp"

const char *const ggdm_store_sql_images =
    "SELECT " IMAGE_COLUMNS ", NULL FROM image WHERE trajectory = ?1 ORDER BY idx";
const char *const ggdm_store_sql_images_png =
    "SELECT " IMAGE_COLUMNS ", png FROM image WHERE trajectory = ?1 ORDER BY idx";
const char *const ggdm_store_sql_trouble =
    "SELECT id, state, attempt, failures, losses, coalesce(error, '') FROM unit "
    "WHERE " IN_TROUBLE " ORDER BY state, not_before LIMIT ?1";
