/* The database of a run, schema version 6.
 *
 *     sweep --< parameter --< parameter_value      what people asked for, as they wrote it
 *     cell >-- trajectory >-- head, runs of setting    what is computed
 *     cell >-- panel >-- scorer                        what is measured
 *     unit >-- tree --< trajectory                     who computes it
 *     trajectory --< sample, score, record             what came out
 *
 * Texts are canonical (docs/decisions/016) and stand once: head, setting and scorer give each a
 * number, which is this store's own and means nothing elsewhere.
 *
 * run         facts of the run as texts: name, version, isa, precision, library, processor, bits,
 *             notes; epoch (openings by a coordinator); cost (of all plans); shard ("2/8 1200");
 *             sheet (images of each cell on the sheet over all);
 *             "threads 1": those of each worker in epoch 1, "" where shards had others;
 *             "file 1 mask.png": digest of the asset that sweep 1 calls mask.png; "until 1": the
 *             rule by which sweep 1 ends itself.  Written when the run is created; epoch at each
 *             start, what is of a sweep by --add, cost by further rounds, too.
 * sweep       n = 1, 2, ...: the sweeps in the order they came, as given.  A sweep's cells are
 *             first_cell, first_cell + 1, ... in the order of the product of its axes.
 * parameter   a row for each parameter of a sweep's tree that has a value, axis or not.  Cell idx
 *             has its value number n = (idx - first_cell) / stride % count; what is not an axis has
 *             count 1.  Joined axes have one stride.  A number where it can be compared as one (a
 *             share of the steps as REAL, a window of steps as INTEGER), else a text; no row: a
 *             cell without it.  aim: 1 is what the cells aim at, a class; 2, where that is
 *             said by names or is one of several questions, its number among the answers.
 * head, setting   the texts of recipes.
 * trajectory  id = 0, 1, ...  key: SHA-256 of precision, isa and the recipe that head and runs give
 *             ("3:500,1:1000": setting 3 to step 500, setting 1 to step 1000, the last).  wanted:
 *             samples 0 .. wanted - 1 are made; at least what any of its cells wants.  cost:
 *             operations of one image of it alone, 0 where that was not counted.  done,
 *             diverged: counts of its samples, kept in the transaction that stores them.
 * cell        idx = 0, 1, ...  It shows the first `wanted` samples of its trajectory, as others
 * may. scorer, panel   a panel is a list of scorers, in order of place, each with its name in
 * results. output: "number" or "classes" (log probabilities, nats). model, asset    names of models
 * by the digest in recipes; files of recipes. tree        segments of one head, parents first: u32
 * count, and for each i32 parent (-1: none), i32 end, i32 setting, i64 trajectory that ends here
 * (-1: none); little-endian.  A segment begins where its parent ends, or at 0.  cost: operations of
 * one image. steps = 0, head NULL: a tree that scores samples which are there; each segment is a
 *             trajectory, end is 0, parent and setting are -1.
 * unit        a tree for the images image_first, ...; store.h has its states.  Only
 *             ggdm_store_transition changes it, with a row of event and the counters.
 * sample      media: 0 image/png.  diverged_step: -1 where it stayed finite.  Bytes never change.
 * record      what the first samples of a trajectory noted on their way (jobs/record.h), where the
 *             run was asked for it when they were made.
 * score       f32, little-endian, of samples first .. first + count - 1, as many numbers for each:
 *             a row for each block that a unit hands in.  Rows of a trajectory and scorer do not
 *             overlap, and are of samples that are there.
 * result      numbers of later stages.  lo, hi: NULL without interval.  note: what is to be said
 *             with the number wherever it is shown, as that it is of too few images.  metric
 *             `until`: what the rule of a cell's sweep has said, settings: its state (until.h).
 * event       append-only: who did what when.  from_state = to_state: a note.
 *             unit -1: a decision about a cell (`until`); the states are the cell's.
 * checkpoint  where a unit that is not finished got to: one row, the latest (worker/walk.h).
 * counter     how many there are: units by state, images, diverged, wanted (of trajectories), asked
 *             (by cells), trajectories, cells.  Changed with what they count in one transaction, so
 *             that a start need not count a million rows.
 *
 * States of units are words, so that a user who looks in with SQL can read them.  Views
 * (store_views.c) are not part of the schema. */
#include "jobs/store_schema.h"

#include "jobs/store.h"

/* Not IN, for which SQLite would make a table at each change of a unit. */
#define IS(name) "state = '" name "'"
#define STATES                                                                                     \
    IS("ready")                                                                                    \
    " OR " IS("running") " OR " IS("done") " OR " IS("failed") " OR " IS("quarantined") " OR " IS( \
        "cancelled")
#define IN_TROUBLE "(state = 'failed' OR state = 'quarantined')"

const ggdm_schema_object ggdm_store_schema[] = {
    {"run", "CREATE TABLE run ("
            "key TEXT PRIMARY KEY, "
            "value TEXT NOT NULL) STRICT, WITHOUT ROWID"},
    {"sweep", "CREATE TABLE sweep ("
              "n INTEGER PRIMARY KEY, "
              "first_cell INTEGER NOT NULL, "
              "samples INTEGER NOT NULL, "
              "digest TEXT NOT NULL, "
              "text TEXT NOT NULL) STRICT"},
    {"parameter", "CREATE TABLE parameter ("
                  "id INTEGER PRIMARY KEY, "
                  "sweep INTEGER NOT NULL REFERENCES sweep (n), "
                  "place INTEGER NOT NULL, "
                  "path TEXT NOT NULL, "
                  "name TEXT NOT NULL, "
                  "label TEXT NOT NULL, "
                  "type TEXT NOT NULL, "
                  "stride INTEGER NOT NULL CHECK (stride > 0), "
                  "count INTEGER NOT NULL CHECK (count > 0), "
                  "aim INTEGER NOT NULL, "
                  "UNIQUE (sweep, place)) STRICT"},
    {"parameter_value", "CREATE TABLE parameter_value ("
                        "parameter INTEGER NOT NULL REFERENCES parameter (id), "
                        "n INTEGER NOT NULL, "
                        "value ANY NOT NULL, "
                        "PRIMARY KEY (parameter, n)) STRICT, WITHOUT ROWID"},
    {"head", "CREATE TABLE head ("
             "id INTEGER PRIMARY KEY, "
             "text TEXT NOT NULL UNIQUE) STRICT"},
    {"setting", "CREATE TABLE setting ("
                "id INTEGER PRIMARY KEY, "
                "text TEXT NOT NULL UNIQUE) STRICT"},
    {"trajectory", "CREATE TABLE trajectory ("
                   "id INTEGER PRIMARY KEY, "
                   "key BLOB NOT NULL UNIQUE CHECK (length(key) = 32), "
                   "head INTEGER NOT NULL REFERENCES head (id), "
                   "runs TEXT NOT NULL, "
                   "wanted INTEGER NOT NULL CHECK (wanted > 0), "
                   "done INTEGER NOT NULL DEFAULT 0, "
                   "diverged INTEGER NOT NULL DEFAULT 0, "
                   "cost REAL NOT NULL DEFAULT 0) STRICT"},
    {"scorer", "CREATE TABLE scorer ("
               "id INTEGER PRIMARY KEY, "
               "text TEXT NOT NULL UNIQUE, "
               "output TEXT NOT NULL CHECK (output IN ('number','classes'))) STRICT"},
    {"panel", "CREATE TABLE panel ("
              "id INTEGER NOT NULL, "
              "place INTEGER NOT NULL, "
              "scorer INTEGER NOT NULL REFERENCES scorer (id), "
              "name TEXT NOT NULL, "
              "PRIMARY KEY (id, place)) STRICT, WITHOUT ROWID"},
    /* panel -1: it wants no scores. */
    {"cell", "CREATE TABLE cell ("
             "idx INTEGER PRIMARY KEY, "
             "name TEXT NOT NULL UNIQUE, "
             "sweep INTEGER NOT NULL REFERENCES sweep (n), "
             "trajectory INTEGER NOT NULL REFERENCES trajectory (id), "
             "wanted INTEGER NOT NULL CHECK (wanted > 0), "
             "panel INTEGER NOT NULL, "
             "archived INTEGER NOT NULL DEFAULT 0, "
             "cancelled INTEGER NOT NULL DEFAULT 0) STRICT"},
    {"cell_trajectory", "CREATE INDEX cell_trajectory ON cell (trajectory)"},
    {"model", "CREATE TABLE model ("
              "digest TEXT PRIMARY KEY, "
              "name TEXT NOT NULL) STRICT, WITHOUT ROWID"},
    {"asset", "CREATE TABLE asset ("
              "digest TEXT PRIMARY KEY, "
              "media TEXT NOT NULL, "
              "height INTEGER NOT NULL, "
              "width INTEGER NOT NULL, "
              "channels INTEGER NOT NULL, "
              "data BLOB NOT NULL) STRICT"},
    {"tree", "CREATE TABLE tree ("
             "id INTEGER PRIMARY KEY, "
             "head INTEGER REFERENCES head (id), "
             "steps INTEGER NOT NULL, "
             "cost REAL NOT NULL, "
             "data BLOB NOT NULL) STRICT"},
    /* claimed: order of the claims.  A worker runs its units in this order, so of those that are
     * running only the first was really at work. */
    {"unit", "CREATE TABLE unit ("
             "id INTEGER PRIMARY KEY, "
             "tree INTEGER NOT NULL REFERENCES tree (id), "
             "image_first INTEGER NOT NULL CHECK (image_first >= 0), "
             "image_count INTEGER NOT NULL CHECK (image_count > 0), "
             "state TEXT NOT NULL DEFAULT 'ready' CHECK (" STATES "), "
             "attempt INTEGER NOT NULL DEFAULT 0, "
             "failures INTEGER NOT NULL DEFAULT 0, "
             "losses INTEGER NOT NULL DEFAULT 0, "
             "not_before REAL NOT NULL DEFAULT 0, "
             "worker INTEGER NOT NULL DEFAULT -1, "
             "epoch INTEGER NOT NULL DEFAULT 0, "
             "error TEXT, "
             "claimed INTEGER NOT NULL DEFAULT 0) STRICT"},
    {"unit_ready", "CREATE INDEX unit_ready ON unit (losses) WHERE state = 'ready'"},
    {"unit_running", "CREATE INDEX unit_running ON unit (worker, claimed) WHERE state = 'running'"},
    {"unit_trouble", "CREATE INDEX unit_trouble ON unit (state, not_before) WHERE " IN_TROUBLE},
    {"sample", "CREATE TABLE sample ("
               "trajectory INTEGER NOT NULL REFERENCES trajectory (id), "
               "idx INTEGER NOT NULL, "
               "unit INTEGER NOT NULL REFERENCES unit (id), "
               "media INTEGER NOT NULL, "
               "diverged INTEGER NOT NULL, "
               "diverged_step INTEGER NOT NULL, "
               "data BLOB NOT NULL, "
               "PRIMARY KEY (trajectory, idx)) STRICT"},
    {"record", "CREATE TABLE record ("
               "trajectory INTEGER NOT NULL REFERENCES trajectory (id), "
               "idx INTEGER NOT NULL, "
               "data BLOB NOT NULL, "
               "PRIMARY KEY (trajectory, idx)) STRICT"},
    {"score", "CREATE TABLE score ("
              "trajectory INTEGER NOT NULL REFERENCES trajectory (id), "
              "scorer INTEGER NOT NULL REFERENCES scorer (id), "
              "first INTEGER NOT NULL, "
              "count INTEGER NOT NULL CHECK (count > 0), "
              "data BLOB NOT NULL, "
              "PRIMARY KEY (trajectory, first, scorer)) STRICT, WITHOUT ROWID"},
    {"result", "CREATE TABLE result ("
               "cell INTEGER NOT NULL REFERENCES cell (idx), "
               "metric TEXT NOT NULL, "
               "settings TEXT NOT NULL, "
               "value REAL, "
               "lo REAL, "
               "hi REAL, "
               "n INTEGER NOT NULL, "
               "note TEXT NOT NULL DEFAULT '', "
               "PRIMARY KEY (cell, metric, settings)) STRICT, WITHOUT ROWID"},
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
    {"checkpoint", "CREATE TABLE checkpoint ("
                   "unit INTEGER PRIMARY KEY REFERENCES unit (id), "
                   "attempt INTEGER NOT NULL, "
                   "step INTEGER NOT NULL, "
                   "data BLOB NOT NULL) STRICT"},
    {"counter", "CREATE TABLE counter ("
                "name TEXT PRIMARY KEY, "
                "value INTEGER NOT NULL) STRICT, WITHOUT ROWID"},
};
const size_t ggdm_store_schema_count = sizeof ggdm_store_schema / sizeof *ggdm_store_schema;
