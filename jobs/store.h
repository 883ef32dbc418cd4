/* The job store: RUN/ggdm.db, the one truth about a run.  One process owns it (docs/DESIGN.md,
 * "Coordinator and workers").
 *
 * Changes happen in turns of the owner's event loop, one transaction each (group commit):
 *
 *     ggdm_store_begin(store, now, err);
 *     ggdm_store_finish(...); ggdm_store_claim(...); ...
 *     ggdm_store_commit(store, err);        // fsync; only now answer the workers
 *
 * A call that fails inside a turn leaves no trace of itself, the turn goes on.
 *
 * States of a unit:
 *
 *     ready --> running --> done
 *       ^         |  |
 *       |---------+  +--> failed --> ready        (error in the unit: counted in `failures`,
 *       |  loss: counted in `losses`;              goes back when its back-off is over)
 *       |  release: not counted
 *       +------------------------------------    running/failed --> quarantined after max_failures
 *                                                 or max_losses; retry puts back what rests
 *
 * A unit that is given back or claimed again goes on from its latest checkpoint.
 *
 * `attempt` counts every claim of a unit and travels with it: together with the epoch (one per
 * opening in GGDM_STORE_RUN mode) it fences late results, which are dropped, never stored. */
#ifndef GGDM_JOBS_STORE_H
#define GGDM_JOBS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/cells.h"
#include "jobs/messages.h"
#include "jobs/planner.h"

typedef struct ggdm_store ggdm_store;

/* Below the run directory: the database, and its copy for readers, which is there exactly while the
 * database cannot be read by itself, because a process owns it or was killed while it did. */
#define GGDM_STORE_FILE "ggdm.db"
#define GGDM_STORE_SNAPSHOT_FILE "ggdm.snapshot.db"
#define GGDM_SWEEP_NAME_SIZE 32 /* bytes */

typedef enum ggdm_unit_state {
    GGDM_UNIT_READY,
    GGDM_UNIT_RUNNING,
    GGDM_UNIT_DONE,
    GGDM_UNIT_FAILED,
    GGDM_UNIT_QUARANTINED,
    GGDM_UNIT_CANCELLED,
    GGDM_UNIT_STATES
} ggdm_unit_state;

/* As they stand in the database, indexed by state, NULL-terminated. */
extern const char *const ggdm_unit_state_names[];

/* What holds for the whole run.  Strings are NUL-terminated; NULL counts as "". */
typedef struct ggdm_run_info {
    char *name; /* of the first sweep */
    char *isa;  /* instruction set agreed by the ranks that started the run */
    ggdm_precision precision;
    char *version;   /* of the program that started it */
    char *library;   /* "oneDNN 2.6.3" that computed the first images; "": not recorded */
    char *processor; /* of the coordinator that created it; "": not recorded */
    char *bits;      /* digest of the self-check there, hex; "": not recorded */
    char *notes;     /* lines: what was assumed where nobody said it */
    int32_t sheet;   /* images of each cell on the sheet over all (jobs/mosaic.h); 0: not said */
    int32_t shard, shards; /* a part of the run's units; 0, 0: all.  Of the plan when stored */
    int64_t shard_images;  /* images that these units make; 0: all */
} ggdm_run_info;

/* A sweep of the run, as it is added. */
typedef struct ggdm_sweep_text {
    const char *text;   /* its file as it was given */
    const char *digest; /* hex SHA-256 of what makes two sweeps the same */
} ggdm_sweep_text;

/* A model or a file of recipes. */
typedef struct ggdm_store_model {
    const char *digest; /* hex, as in recipes */
    const char *name;   /* as the sweep writes it */
} ggdm_store_model;
#define GGDM_MAX_ASSET ((size_t)16 << 20) /* bytes */
typedef struct ggdm_store_asset {
    const char *digest; /* hex, as in recipes */
    const char *media;
    int32_t height, width, channels; /* of an image */
    const void *data;
    size_t size;
} ggdm_store_asset;

/* What a sweep brings into a store. */
typedef struct ggdm_store_batch {
    ggdm_sweep_text sweep;
    const ggdm_cells *cells;
    const ggdm_plan *plan;
    const ggdm_store_model
        *models; /* [n_models] of these recipes and scorers; there already: skipped */
    size_t n_models;
    const ggdm_store_asset *assets;
    size_t n_assets;
    const ggdm_store_model *files; /* [n_files] which of the assets the sweep's paths are */
    size_t n_files;
} ggdm_store_batch;

void ggdm_run_info_deinit(ggdm_run_info *info);

typedef enum ggdm_store_mode {
    GGDM_STORE_RUN,    /* a coordinator: new epoch, units found running become ready again */
    GGDM_STORE_INSPECT /* retry, cancel, ...: no state changes by opening */
} ggdm_store_mode;

typedef struct ggdm_store_options {
    ggdm_store_mode mode;
    bool count_losses;    /* RUN: units found running count a loss (the world died on its own);
                             otherwise they are simply ready again */
    int32_t culprit;      /* count_losses: only units of this worker do; 0: all */
    bool spare;           /* count_losses: none is quarantined by it */
    int32_t max_failures; /* failures until quarantine; 0: 3 */
    int32_t max_losses;   /* losses until quarantine; 0: 3 */
    double backoff;       /* seconds until a failed unit is ready again, doubled each time; 0: 1 */
    int32_t busy_timeout; /* milliseconds to wait for another owner to go away; 0: 2000 */
    double silence;       /* seconds without a sign after which it counts as dead (common/owner.h);
                             0: the usual */
    int32_t threads;      /* RUN: of each worker, to be remembered; 0: not known */
    bool force_rollback_journal; /* do not even try WAL (tests, odd file systems) */
} ggdm_store_options;

/* ---- opening -------------------------------------------------------------------------------- */

/** Can dir, which need not be there yet, hold a store?  Errors: GGDM_EINVAL: its path is too long
 * for SQLite. */
ggdm_status ggdm_store_fits(const char *dir, ggdm_error *err);

/** Whether run directory dir holds a complete store.  A missing or empty database, as a killed
 * start leaves it, counts as absent.  Errors: GGDM_EFORMAT when the file is something else or
 * damaged; GGDM_ESTATE when it is in use. */
ggdm_status ggdm_store_present(const char *dir, bool *present, ggdm_error *err);

/** Create the store of a new run in the existing directory dir: everything or nothing, one
 *  transaction.  It is not kept open.  Trajectories are numbered as in cells->trajectories, units
 * as in plan->units. Errors: GGDM_ESTATE when there is a complete store already; GGDM_EINVAL for a
 * malformed plan; GGDM_EIO when the directory cannot be written; GGDM_ESTORE. */
ggdm_status ggdm_store_create(const char *dir, const ggdm_run_info *info,
                              const ggdm_store_batch *batch, ggdm_error *err);

typedef struct ggdm_store_matched {
    /* cells: with images that the store is not to make yet, complete, still to be worked on, that
     * nobody wanted any more; and how many lack scores of images that are there */
    int32_t fresh, done, queued, cancelled, unscored;
} ggdm_store_matched;

/** Find the cells of another sweep in the store by their keys.  *cells is changed into what
 *  ggdm_store_add expects: the trajectories that the store does not have, or of which it is to make
 *  fewer images (image_first, image_count: what is lacking), which are planned next, and cells that
 *  refer to trajectories by the store's numbers. */
ggdm_status ggdm_store_match(ggdm_store *store, ggdm_cells *cells, ggdm_store_matched *out,
                             ggdm_error *err);

/** Add the cells of another sweep behind those of the store, the units that make their images, and
 *  units that score images which are there; not inside a turn.  What was cancelled of them is put
 *  back.  batch->cells as ggdm_store_match left them, plan: of these (empty where none is fresh).
 *  Errors: GGDM_EINVAL for a malformed plan; GGDM_ESTORE. */
ggdm_status ggdm_store_add(ggdm_store *store, double now, const ggdm_store_batch *batch,
                           ggdm_error *err);

/** Join the shards of a run (ggdm_run_info.shard), each once and with no unit left to do, into the
 *  store of a new run in the existing directory dir: all of it appears, or nothing.
 *  shards  [n] their run directories, in any order
 *  Errors: GGDM_EINVAL when shards are missing or come twice; GGDM_ESTATE for shards of different
 *  runs, programs or machines, or in use; GGDM_ECANCELLED when units are left; GGDM_EIO,
 * GGDM_ESTORE. */
ggdm_status ggdm_store_merge(const char *dir, char *const *shards, int32_t n, ggdm_error *err);

/** Open the store and become its one owner: by a lock of the database and, where locks do not
 * reach, by the record in ggdm.db.owner (common/owner.h).  options may be NULL (RUN, defaults).
 *  Errors: GGDM_ESTATE when another process owns it; GGDM_EFORMAT when it is damaged, not a store,
 *  or was never completed; GGDM_EUNSUPPORTED when a newer program made it, or an older one, which
 * is named; GGDM_EIO; GGDM_ESTORE. */
ggdm_status ggdm_store_open(const char *dir, const ggdm_store_options *options, ggdm_store **out,
                            ggdm_error *err);

/** Look at a run without owning it, whoever does: nothing is written or locked, so that no right to
 *  write is needed.  The database itself where it rests or its owner is dead, else the owner's
 *  latest snapshot.  A store of an older program is brought up to date in a copy that goes with
 *  *out.  Whatever changes the store fails.
 *  Errors: GGDM_EFORMAT when it is damaged, not a store, or was never completed;
 *  GGDM_EUNSUPPORTED when a newer program made it; GGDM_EIO; GGDM_ESTORE. */
ggdm_status ggdm_store_read(const char *dir, ggdm_store **out, ggdm_error *err);

/** Is it this process that may change the store, not a reader? */
bool ggdm_store_is_owned(const ggdm_store *store);
/** When the snapshot was made that a reader looks at, seconds since 1970; 0: it is the database. */
double ggdm_store_snapshot_time(const ggdm_store *store);

/** Is what a reader has looked at still as it was?  To be asked when all was read.
 *  Errors: GGDM_ESTATE when an owner has changed it meanwhile. */
ggdm_status ggdm_store_check_unchanged(const ggdm_store *store, ggdm_error *err);

/** The owner on another host is known to be dead: remove its record, instead of waiting until it
 * was silent for long enough.  One that lives after all writes it again. Errors: GGDM_ESTATE when
 * the owner lives on this host. */
ggdm_status ggdm_store_take_over(const char *dir, ggdm_error *err);

/** These Slurm jobs have ended (" 12 15 "): an owner's record that one of them has left goes as
 * soon as it was seen to be silent for 10 s.  Errors: GGDM_ESTATE when its owner lives all the
 * same. */
ggdm_status ggdm_store_jobs_over(const char *dir, const char *jobs, ggdm_error *err);

/** Rolls back an open turn.  Safe on NULL and twice. */
void ggdm_store_close(ggdm_store **store);

/** "wal" or "truncate": what the file system granted. */
const char *ggdm_store_journal(const ggdm_store *store);
/** Schema version that the database had when it was opened, of which this program only looks at
 *  what is there; 0: it can own it. */
int64_t ggdm_store_older_version(const ggdm_store *store);
/** Could this program own what a reader looks at?  Errors: GGDM_EUNSUPPORTED naming the program
 * that made it. */
ggdm_status ggdm_store_check_version(ggdm_store *store, ggdm_error *err);
int64_t ggdm_store_epoch(const ggdm_store *store);
/** Units that were found running when the store was opened in RUN mode. */
int64_t ggdm_store_requeued(const ggdm_store *store);
/** Run directory, as given to ggdm_store_open. */
const char *ggdm_store_dir(const ggdm_store *store);

/* ---- turns ---------------------------------------------------------------------------------- */

/** Start a turn.  now: wall clock, seconds since 1970; times of events and back-offs.
 *  Errors: GGDM_EINTERNAL when one is open; GGDM_ESTORE. */
ggdm_status ggdm_store_begin(ggdm_store *store, double now, ggdm_error *err);
/** Make the turn durable.  On failure it is rolled back as a whole.  Errors: GGDM_ESTORE. */
ggdm_status ggdm_store_commit(ggdm_store *store, ggdm_error *err);
/** Undo the turn.  Harmless when none is open. */
void ggdm_store_rollback(ggdm_store *store);
bool ggdm_store_in_turn(const ggdm_store *store);

/* ---- units; all inside a turn --------------------------------------------------------------- */

/* Losses that make a unit a suspect.  One loss is chance; units that have it run after the others.
 */
#define GGDM_SUSPECT_LOSSES 2

typedef enum ggdm_claim_kind {
    GGDM_CLAIM_ANY,
    GGDM_CLAIM_INNOCENT, /* units with fewer than GGDM_SUSPECT_LOSSES losses */
    GGDM_CLAIM_SUSPECT   /* units with as many: to be run apart, one at a time */
} ggdm_claim_kind;

/** Give up to max ready units to a worker, innocents first, then by number; failed units whose
 *  back-off is over become ready first.
 *  units  [max], out; the first *n are initialised (owned: ggdm_unit_deinit each)
 *  Errors: GGDM_EFORMAT (damaged tree), GGDM_ENOMEM, GGDM_ESTORE; then *n = 0. */
ggdm_status ggdm_store_claim(ggdm_store *store, int32_t worker, ggdm_claim_kind kind, int32_t max,
                             ggdm_unit *units, int32_t *n, ggdm_error *err);

/** Store the samples of a unit with their scores and mark it done.  samples [n] must be exactly
 * those the unit asks for, each with the scores it asks for, in any order; scores that nobody wants
 * any more are left out.  *accepted = false, and
 * nothing but a note is stored, when the result is late: the unit is not running, or runs under
 * another attempt or epoch. Errors: GGDM_EFORMAT when the samples are not those of the unit;
 * GGDM_ESTATE when one is stored already with other bytes or scores (promise 1 broken: fail the
 * unit); GGDM_ESTORE. */
ggdm_status ggdm_store_finish(ggdm_store *store, int64_t unit, int32_t attempt,
                              const ggdm_sample *samples, int32_t n, bool *accepted,
                              ggdm_error *err);

/** Keep the state of a unit that runs (what ggdm_unit.state takes), instead of an older one: the
 * next claim gives it out, finish removes it.  A late one is dropped as late results are.  When the
 * unit got further than it ever was, its losses are forgiven: they count the worlds that were lost
 * since the unit last got further.  Errors: GGDM_EINVAL (size), GGDM_ESTORE. */
ggdm_status ggdm_store_checkpoint(ggdm_store *store, int64_t unit, int32_t attempt, int32_t step,
                                  const void *data, size_t size, ggdm_error *err);

/** A worker reports that the unit failed with this message: failed, with back-off, or quarantined.
 *  *state (may be NULL) gets its new state; GGDM_UNIT_STATES when the report was late (a note is
 *  kept, nothing changes; so for lose and release). */
ggdm_status ggdm_store_fail(ggdm_store *store, int64_t unit, int32_t attempt, const char *message,
                            ggdm_unit_state *state, ggdm_error *err);

/** The worker, or the world, was lost while it ran the unit: ready with a loss more (a suspect), or
 *  quarantined. */
ggdm_status ggdm_store_lose(ggdm_store *store, int64_t unit, int32_t attempt, const char *message,
                            ggdm_unit_state *state, ggdm_error *err);

/** The unit is given back untouched (drain): ready, nothing counted. */
ggdm_status ggdm_store_release(ggdm_store *store, int64_t unit, int32_t attempt,
                               ggdm_unit_state *state, ggdm_error *err);

/** Put units back to ready, their counters cleared: failed, quarantined, and, unless failed_only,
 *  cancelled ones, of the chosen cells.
 *  cells    [n_cells] chosen; NULL: all
 *  changed  number of units; may be NULL */
ggdm_status ggdm_store_retry(ggdm_store *store, const bool *cells, bool failed_only,
                             int64_t *changed, ggdm_error *err);

/** The chosen cells are not wanted any more, until retry asks for them.  Cells share trajectories
 *  and units, so a unit that is ready or failed is cancelled when no wanted cell shows any of its
 *  trajectories; what runs is finished.  Arguments as for retry. */
ggdm_status ggdm_store_cancel(ggdm_store *store, const bool *cells, int64_t *changed,
                              ggdm_error *err);

/* ---- reading, in or out of a turn ------------------------------------------------------------ */

typedef struct ggdm_store_counts {
    int64_t units[GGDM_UNIT_STATES];
    int64_t units_total;
    int64_t images_done, images_total; /* distinct images: each trajectory counts once */
    int64_t images_asked;    /* by all cells, which share them; of a shard: images_total */
    int64_t images_diverged; /* of images_done */
    int64_t suspects;        /* ready units with GGDM_SUSPECT_LOSSES or more */
    int64_t cells_open;      /* of sweeps with `until`: that get further rounds */
} ggdm_store_counts;

/** Counters kept in memory: free of cost. */
const ggdm_store_counts *ggdm_store_counts_get(const ggdm_store *store);

/** Wall-clock time at which the next failed unit becomes ready; 0 when there is none. */
ggdm_status ggdm_store_next_due(ggdm_store *store, double *when, ggdm_error *err);

const ggdm_run_info *ggdm_store_run_info(const ggdm_store *store);

/** The sweeps of the run, one and those added; the text and the digest (hex) of number i, from 1
 * (both owned). */
ggdm_status ggdm_store_n_sweeps(ggdm_store *store, int32_t *n, ggdm_error *err);
ggdm_status ggdm_store_sweep_text(ggdm_store *store, int32_t i, char **out, ggdm_error *err);
ggdm_status ggdm_store_sweep_digest(ggdm_store *store, int32_t i, char **out, ggdm_error *err);
/** The name of its copy below the run directory: "sweep.yaml", "sweep-2.yaml", ... */
void ggdm_sweep_file_name(int32_t i, char name[GGDM_SWEEP_NAME_SIZE]);
/** Is the sweep with this digest (hex) one of them? */
ggdm_status ggdm_store_has_sweep(ggdm_store *store, const char *digest, bool *has, ggdm_error *err);

/** Is there nothing left to do: no unit, and no cell that is open? */
bool ggdm_store_is_done(const ggdm_store *store);
/** Is no unit ready, running or failed? */
bool ggdm_store_at_rest(const ggdm_store *store);

/** Work of all units, in the planner's cost. */
double ggdm_store_cost(const ggdm_store *store);

/* The part of it that need not be done again. */
typedef struct ggdm_store_work {
    double done;  /* of units that are done */
    double saved; /* up to the checkpoints of others */
} ggdm_store_work;

/** Errors: GGDM_EFORMAT where the database is damaged, those of reading it. */
ggdm_status ggdm_store_work_get(ggdm_store *store, ggdm_store_work *out, ggdm_error *err);

int32_t ggdm_store_n_cells(const ggdm_store *store);

typedef struct ggdm_store_cell {
    int32_t index;
    char name[GGDM_CELL_NAME_SIZE]; /* "c0007" */
    int32_t sweep;                  /* number of its sweep, from 1 */
    int64_t trajectory;
    uint8_t key[GGDM_HASH_SIZE]; /* of the trajectory */
    int32_t wanted;              /* images it wants */
    double cost;                 /* operations of one image on its own; 0: unknown */
    int32_t done, diverged;      /* images of the first `wanted` that are there */
    int32_t panel;
    bool archived; /* its archive was written (jobs/archive.h) */
    bool cancelled;
} ggdm_store_cell;

/** Cell number index in [0, n_cells).  Errors: GGDM_EINVAL, GGDM_EFORMAT, GGDM_ESTORE. */
ggdm_status ggdm_store_cell_get(ggdm_store *store, int32_t index, ggdm_store_cell *out,
                                ggdm_error *err);
/** Remember that the archive of a cell is on disk; needs no turn. */
ggdm_status ggdm_store_cell_archived(ggdm_store *store, int32_t index, ggdm_error *err);

/* A parameter of the run's sweeps: those of one name are one column, whichever sweep they are of.
 */
typedef struct ggdm_store_column {
    const char *name, *path, *label;
    ggdm_param_type type;
    bool varies;  /* its value is not the same in all cells */
    bool aim;     /* what the cells aim at: a class */
    bool numbers; /* the same as numbers, where it is said by names */
} ggdm_store_column;

/* A value as it is shown and compared.  number: NAN where it is a text (a window that does not
 * begin at step 0 too); text: always there, "" where the cell has no such parameter. */
typedef struct ggdm_store_value {
    double number;
    const char *text;
} ggdm_store_value;

/** The columns, in the order of the first sweep's tree, then what others add; borrowed. */
const ggdm_store_column *ggdm_store_columns(const ggdm_store *store, int32_t *n);
/** The value of a column in a cell (sweep, index of *cell); borrowed, from memory. */
ggdm_store_value ggdm_store_value_of(const ggdm_store *store, const ggdm_store_cell *cell,
                                     int32_t column);
/** The class a cell aims at, or -1. */
int32_t ggdm_store_aim(const ggdm_store *store, const ggdm_store_cell *cell);

/* A scorer of a panel. */
typedef struct ggdm_store_measure {
    const char *name; /* in results: "guide", "judge", ... */
    int64_t scorer;
    ggdm_output output;
    const char *text; /* of the scorer */
} ggdm_store_measure;
/** The measures of a panel, in order; borrowed. */
const ggdm_store_measure *ggdm_store_panel(const ggdm_store *store, int32_t panel, int32_t *n);

/** The models of the run's recipes, by digest; borrowed from the store. */
const ggdm_store_model *ggdm_store_models(const ggdm_store *store, int32_t *n);
/** The digest of the asset that a sweep of the run (by its digest) calls name: owned; NULL: none.
 */
ggdm_status ggdm_store_file_digest(ggdm_store *store, const char *sweep, const char *name,
                                   char **out, ggdm_error *err);
/** All assets of the run, borrowed for the call, as they stand there: whoever uses one checks its
 *  digest.  Errors: GGDM_EFORMAT beyond GGDM_MAX_ASSET; those of visit. */
typedef ggdm_status ggdm_asset_visitor(void *context, const ggdm_store_asset *asset,
                                       ggdm_error *err);
ggdm_status ggdm_store_each_asset(ggdm_store *store, ggdm_asset_visitor *visit, void *context,
                                  ggdm_error *err);
/** The recipe of a trajectory, whole (ggdm_recipe_text), owned: free(). */
ggdm_status ggdm_store_recipe(ggdm_store *store, int64_t trajectory, char **out, ggdm_error *err);

/** Called for each sample, which is borrowed for the call. */
typedef ggdm_status (*ggdm_sample_visitor)(void *context, const ggdm_sample *sample,
                                           ggdm_error *err);

/** Visit the stored samples of a trajectory in the order of their indices, at most max.
 *  with_data: read their bytes as well; otherwise data is NULL and size 0.
 *  scorers [n_scorers]  what to read of their scores, in this order: sample->scores[i] is that of
 *                       scorers[i], n = 0 where it is missing
 *  The visitor must not change the store.  Errors: the visitor's; GGDM_EFORMAT, GGDM_ESTORE. */
ggdm_status ggdm_store_each_sample(ggdm_store *store, int64_t trajectory, int32_t max,
                                   bool with_data, const int64_t *scorers, int32_t n_scorers,
                                   ggdm_sample_visitor visit, void *context, ggdm_error *err);

/* The same samples one by one, for whoever reads two trajectories side by side. */
typedef struct ggdm_sample_reader ggdm_sample_reader;
/** Arguments as for ggdm_store_each_sample; *out is owned: ggdm_store_samples_close. */
ggdm_status ggdm_store_samples_open(ggdm_store *store, int64_t trajectory, int32_t max,
                                    bool with_data, const int64_t *scorers, int32_t n_scorers,
                                    ggdm_sample_reader **out, ggdm_error *err);
/** The next sample, borrowed until the next call; *more is false where there is none.
 *  Errors: GGDM_EFORMAT, GGDM_ESTORE. */
ggdm_status ggdm_store_samples_next(ggdm_sample_reader *reader, ggdm_sample *out, bool *more,
                                    ggdm_error *err);
/** Safe on NULL and twice. */
void ggdm_store_samples_close(ggdm_sample_reader **reader);

/** One of them with its bytes (owned: ggdm_sample_deinit) and without scores; *found: is it there?
 *  Errors: GGDM_EFORMAT, GGDM_ESTORE. */
ggdm_status ggdm_store_sample(ggdm_store *store, int64_t trajectory, int32_t index,
                              ggdm_sample *out, bool *found, ggdm_error *err);
/** The unit that makes it again from the stored recipe, alone: a tree of one leaf, without scorers.
 *  Owned: ggdm_unit_deinit.  Errors: those of ggdm_store_recipe. */
ggdm_status ggdm_store_leaf(ggdm_store *store, int64_t trajectory, int32_t index, ggdm_unit *out,
                            ggdm_error *err);

/* A number of a cell, or of two, from a later stage (ggdm evaluate). */
typedef struct ggdm_store_result {
    int32_t cell;
    const char *metric, *settings;
    double value, lo, hi; /* lo, hi: NAN where there is no interval */
    int64_t n;
    const char *note; /* to be said with the number; "", or NULL when it is put: nothing */
} ggdm_store_result;
/** Put a result, in place of one of the same cell, metric and settings; inside a turn. */
ggdm_status ggdm_store_put_result(ggdm_store *store, const ggdm_store_result *result,
                                  ggdm_error *err);
typedef ggdm_status (*ggdm_result_visitor)(void *context, const ggdm_store_result *result,
                                           ggdm_error *err);
ggdm_status ggdm_store_each_result(ggdm_store *store, ggdm_result_visitor visit, void *context,
                                   ggdm_error *err);

/* A unit that needs a person: failed or quarantined. */
typedef struct ggdm_store_trouble {
    int64_t unit, tree;
    ggdm_unit_state state;
    int32_t attempt, failures, losses;
    const char *message; /* borrowed for the call */
} ggdm_store_trouble;

typedef ggdm_status (*ggdm_trouble_visitor)(void *context, const ggdm_store_trouble *trouble,
                                            ggdm_error *err);

/** Visit failed and quarantined units, at most max, by number. */
ggdm_status ggdm_store_each_trouble(ggdm_store *store, int32_t max, ggdm_trouble_visitor visit,
                                    void *context, ggdm_error *err);

/** Copy of the database for readers, at path, written beside it and renamed; not inside a turn.
 *  Errors: GGDM_ESTORE, GGDM_EIO. */
ggdm_status ggdm_store_snapshot(ggdm_store *store, const char *path, ggdm_error *err);

/** The snapshot for readers, of an owner that works for long; it goes when the store is closed. One
 *  that cannot be written is warned of, and readers have the one before. */
void ggdm_store_publish(ggdm_store *store);

#endif
