/* What the files of the job store share.  Only jobs/store*.c include this. */
#ifndef GGDM_JOBS_STORE_INTERNAL_H
#define GGDM_JOBS_STORE_INTERNAL_H

#include "common/arena.h"
#include "common/owner.h"
#include "jobs/store.h"
#include "jobs/store_schema.h"

struct sqlite3;
struct sqlite3_stmt;

/* Trees are few and units many: those used last stay unpacked. */
enum { GGDM_STORE_TREES = 64, GGDM_STORE_TREE_SEGMENTS = 512 };
typedef struct ggdm_store_tree {
    int64_t id;
    ggdm_unit unit; /* owned: what all units of the tree say; n_segments 0: the place is free */
} ggdm_store_tree;

/* A parameter of a sweep, and the panels: few rows that are read when the store is opened. */
typedef struct ggdm_store_parameter {
    int64_t id, stride;
    int32_t count; /* of values; 0: the sweep has no such parameter */
    const ggdm_store_value *values;
} ggdm_store_parameter;
typedef struct ggdm_store_panel_list {
    ggdm_store_measure *measures; /* [n] */
    int32_t n;
} ggdm_store_panel_list;
typedef struct ggdm_store_sheet {
    ggdm_arena arena; /* of all below */
    int32_t n_sweeps, n_columns, n_panels, n_models;
    int32_t *first_cell; /* [n_sweeps] */
    int32_t *aim;        /* [n_sweeps] column, or -1 */
    ggdm_until *until;   /* [n_sweeps] at_most 0: it has no rule */
    ggdm_store_column *columns;
    ggdm_store_parameter *parameters; /* [n_sweeps][n_columns] */
    ggdm_store_panel_list *panels;
    ggdm_store_model *models;
} ggdm_store_sheet;

/* What tells that a file was changed.  All 0: there is none. */
typedef struct ggdm_store_stamp {
    uint64_t device, inode;
    int64_t size, seconds, nanoseconds;
} ggdm_store_stamp;

struct ggdm_store {
    struct sqlite3 *db;
    struct sqlite3_stmt *statements[GGDM_SQL_STATEMENTS]; /* prepared at first use */
    char *dir, *path;
    ggdm_owner *owner;          /* NULL: a reader */
    ggdm_store_stamp seen[2];   /* reader of the database itself: that, its log */
    double snapshot_time;       /* reader of a snapshot */
    ggdm_store_options options; /* defaults filled in */
    const char *journal;        /* what was granted */
    int64_t version;            /* of the schema, as found */
    int64_t epoch, requeued;
    int64_t last_claim;   /* column claimed of the unit claimed last */
    bool has_checkpoints; /* there may be some */
    float *numbers;       /* owned: scores of the block that is written */
    size_t numbers_cap;
    bool in_turn;
    bool turn_lost; /* SQLite rolled the turn back by itself (disk full, ...) */
    double now;     /* of the turn */
    ggdm_store_counts counts, counts_before; /* before: at the start of the turn */
    ggdm_run_info info;
    ggdm_store_sheet sheet;
    int32_t n_cells, n_trajectories;
    int64_t images_wanted, images_asked;         /* sums of the trajectories and of the cells */
    double cost;                                 /* of the plans of all sweeps */
    ggdm_store_tree trees[GGDM_STORE_TREES + 1]; /* the last: one that is large */
};

/* One row of table unit. */
typedef struct ggdm_unit_row {
    int64_t id, tree;
    int32_t image_first, image_count;
    ggdm_unit_state state;
    int32_t attempt, failures, losses, worker;
    double not_before;
    int64_t epoch, claimed;
} ggdm_unit_row;

/* ---- store_file.c: what SQLite would decide about files by itself ---- */

/** Can SQLite use a database of this name?  Errors: GGDM_EINVAL: its path is too long. */
ggdm_status ggdm_store_file_fits(const char *path, ggdm_error *err);
/** An empty file, with the mode that the umask gives (SQLite would make it 0644 at most; its logs
 *  have the mode of the database).  One that is there stays as it is.  Errors: GGDM_EIO. */
ggdm_status ggdm_store_file_make(const char *path, ggdm_error *err);
/** From now on SQLite only believes that it writes the database or its log: closing would. */
void ggdm_store_bar_writing(ggdm_store *store);

/* ---- store_sql.c: SQLite with our errors ---- */

/** Error of the last SQLite call: what "cannot WHAT".  Maps SQLite's codes to ours. */
ggdm_status ggdm_store_db_error(struct sqlite3 *db, const char *path, const char *what,
                                ggdm_error *err);
ggdm_status ggdm_store_sql_error(const ggdm_store *store, const char *what, ggdm_error *err);
/** The prepared statement, reset and without bindings.  Statements need ggdm_store_reset after use,
 *  or they hold the transaction. */
ggdm_status ggdm_store_use(ggdm_store *store, ggdm_sql id, struct sqlite3_stmt **out,
                           ggdm_error *err);
void ggdm_store_reset(struct sqlite3_stmt *stmt);
/** A statement of the caller's own (sqlite3_finalize). */
ggdm_status ggdm_store_prepare(ggdm_store *store, const char *sql, struct sqlite3_stmt **out,
                               ggdm_error *err);
/** *row = a row is there.  The statement is reset at its end and after an error. */
ggdm_status ggdm_store_step(ggdm_store *store, struct sqlite3_stmt *stmt, bool *row,
                            ggdm_error *err);
/** Run a prepared statement that gives no rows. */
ggdm_status ggdm_store_run(ggdm_store *store, struct sqlite3_stmt *stmt, ggdm_error *err);
ggdm_status ggdm_store_exec(ggdm_store *store, const char *sql, ggdm_error *err);
/** First column of the first row of a query, "" when there is none. */
ggdm_status ggdm_store_ask_text(ggdm_store *store, const char *sql, char *out, size_t size,
                                ggdm_error *err);
ggdm_status ggdm_store_ask_int(ggdm_store *store, const char *sql, int64_t *out, ggdm_error *err);
/** Column as an i32 within [lo, hi].  Errors: GGDM_EFORMAT naming the column. */
ggdm_status ggdm_store_column_i32(const ggdm_store *store, struct sqlite3_stmt *stmt, int column,
                                  int32_t lo, int32_t hi, int32_t *out, ggdm_error *err);
/** Column as a blob of a multiple of item_size bytes, at most max, borrowed until the next step. */
ggdm_status ggdm_store_column_blob(const ggdm_store *store, struct sqlite3_stmt *stmt, int column,
                                   size_t item_size, size_t max, const void **data, size_t *size,
                                   ggdm_error *err);

/* ---- store_turn.c ---- */

/* A call inside a turn: all of it happens, or nothing. */
typedef struct ggdm_store_call {
    ggdm_store_counts counts;
} ggdm_store_call;
ggdm_status ggdm_store_call_begin(ggdm_store *store, ggdm_store_call *call, ggdm_error *err);
/** Keep the call's changes when st is GGDM_OK, else undo them; returns st or a later error. */
ggdm_status ggdm_store_call_end(ggdm_store *store, const ggdm_store_call *call, ggdm_status st,
                                ggdm_error *err);

/* ---- store_info.c: table run ---- */

ggdm_status ggdm_store_put_run(ggdm_store *store, const char *key, const char *value,
                               ggdm_error *err);
/** Owned text in *out.  Errors: GGDM_EFORMAT when the key is missing. */
ggdm_status ggdm_store_get_run(ggdm_store *store, const char *key, char **out, ggdm_error *err);
ggdm_status ggdm_store_get_run_int(ggdm_store *store, const char *key, int64_t lo, int64_t hi,
                                   int64_t *out, ggdm_error *err);
ggdm_status ggdm_store_save_info(ggdm_store *store, const ggdm_run_info *info, ggdm_error *err);
ggdm_status ggdm_store_load_info(ggdm_store *store, ggdm_error *err);
/** Which part of the run's units the plan has; nothing where it has all. */
ggdm_status ggdm_store_put_shard(ggdm_store *store, const ggdm_plan *plan, ggdm_error *err);
/** The threads of a worker, as the options say, of this epoch. */
ggdm_status ggdm_store_put_threads(ggdm_store *store, ggdm_error *err);
ggdm_status ggdm_store_put_cost(ggdm_store *store, double cost, ggdm_error *err);

/* ---- store_sweep.c: tables sweep, parameter, parameter_value ---- */

/** Write sweep number n, whose cells begin at first_cell. */
ggdm_status ggdm_store_put_sweep(ggdm_store *store, int32_t n, int32_t first_cell,
                                 const ggdm_sweep_text *sweep, const ggdm_spec *spec,
                                 ggdm_error *err);

/* ---- store_columns.c, store_panels.c: the sheet ---- */

/** Read sweeps with their parameters, panels and models, instead of what was read before. */
ggdm_status ggdm_store_load_sheet(ggdm_store *store, ggdm_error *err);
ggdm_status ggdm_store_load_columns(ggdm_store *store, ggdm_error *err);
ggdm_status ggdm_store_load_panels(ggdm_store *store, ggdm_error *err);
/** ids [cells->n_panels]: the store's numbers of these panels, old or new ones; -1: an empty one.
 */
ggdm_status ggdm_store_put_panels(ggdm_store *store, const ggdm_cells *cells, int32_t *ids,
                                  ggdm_error *err);

/* ---- store_text.c: texts that stand once ---- */

/* As they stand in the database, indexed by output, NULL-terminated. */
extern const char *const ggdm_output_names[];

typedef enum ggdm_store_texts {
    GGDM_STORE_HEADS,
    GGDM_STORE_SETTINGS,
    GGDM_STORE_SCORERS
} ggdm_store_texts;

/** The number of a text, which is written where it is new (in [1, INT32_MAX]).  output: of a
 *  scorer. */
ggdm_status ggdm_store_put_text(ggdm_store *store, ggdm_store_texts table, const char *text,
                                ggdm_output output, int64_t *id, ggdm_error *err);
/** *id = -1: it is not there. */
ggdm_status ggdm_store_find_text(ggdm_store *store, ggdm_store_texts table, const char *text,
                                 int64_t *id, ggdm_error *err);
/** Owned.  Errors: GGDM_EFORMAT where there is none. */
ggdm_status ggdm_store_get_text(ggdm_store *store, ggdm_store_texts table, int64_t id, char **out,
                                ggdm_error *err);

/* ---- store_asset.c ---- */

/** Models, assets and the names that sweep number `sweep` has for these. */
ggdm_status ggdm_store_put_named(ggdm_store *store, int32_t sweep, const ggdm_store_batch *batch,
                                 ggdm_error *err);

/* ---- store_create.c ---- */

/* The store's numbers for what cells and plan count from 0. */
typedef struct ggdm_store_numbers {
    int64_t *heads;
    int32_t *settings, *panels;
    int64_t *trajectories; /* of cells->trajectories */
    bool *fresh;           /* those that the store does not have */
} ggdm_store_numbers;

/** Is this a plan behind first_cell cells and cells->first_trajectory trajectories?
 *  Errors: GGDM_EINVAL. */
ggdm_status ggdm_store_check_batch(int32_t first_cell, const ggdm_store_batch *batch,
                                   ggdm_error *err);
/** Write a sweep, its cells, trajectories, trees and units behind those that are there; inside a
 * transaction.  Counts in memory, then all counters. */
ggdm_status ggdm_store_put_batch(ggdm_store *store, const ggdm_store_batch *batch, ggdm_error *err);

/* ---- store_tree.c ---- */

/** A tree as it is stored (store_schema.c).  segments: settings and trajectories in the numbers of
 *  cells, numbers NULL: the store's.  first: number of cells->trajectories[0]. */
ggdm_status ggdm_store_put_tree(ggdm_store *store, int64_t id, int64_t head, int32_t steps,
                                double cost, const ggdm_segment *segments, int32_t n,
                                const ggdm_store_numbers *numbers, int64_t first, ggdm_error *err);
/** A tree without its texts and scorers, owned: ggdm_unit_deinit.  settings: the store's numbers.
 */
ggdm_status ggdm_store_read_tree(ggdm_store *store, int64_t id, ggdm_unit *out, ggdm_error *err);
/** The tree with texts and scorers; borrowed until the next call or ggdm_store_forget_trees. */
ggdm_status ggdm_store_get_tree(ggdm_store *store, int64_t id, const ggdm_store_tree **out,
                                ggdm_error *err);
/** The whole unit as a message, without a checkpoint. */
ggdm_status ggdm_store_make_unit(ggdm_store *store, const ggdm_unit_row *row, ggdm_unit *out,
                                 ggdm_error *err);
/** To be called when other scorers may be wanted, too. */
void ggdm_store_forget_trees(ggdm_store *store);

/* ---- store_each_sample.c ---- */

/** Pack the samples that a unit of kind score is to score into its state. */
ggdm_status ggdm_store_pack_samples(ggdm_store *store, ggdm_unit *unit, ggdm_error *err);

/* ---- store_score.c ---- */

/** Write the scores that a segment of unit number id (tree: unit) asks for, of samples [n] in the
 *  order of their indices; others are left out.  Errors: GGDM_EFORMAT, GGDM_ESTATE as for
 *  ggdm_store_finish. */
ggdm_status ggdm_store_put_scores(ggdm_store *store, const ggdm_unit *unit, int64_t id,
                                  const ggdm_segment *segment, const ggdm_sample *const *samples,
                                  int32_t n, ggdm_error *err);
/** Is sample idx scored? */
ggdm_status ggdm_store_is_scored(ggdm_store *store, int64_t trajectory, int64_t scorer, int32_t idx,
                                 bool *scored, ggdm_error *err);
/** Do samples of a trajectory, of which `done` are there, lack scores of a scorer? */
ggdm_status ggdm_store_lacks_scores(ggdm_store *store, int64_t trajectory, int32_t done,
                                    int64_t scorer, bool *lacks, ggdm_error *err);

/* ---- store_scoring.c ---- */

/** Add units for scores that wanted cells lack of samples that are there; cells [n_cells] chosen,
 *  NULL: all.  Inside a transaction; counts in memory. */
ggdm_status ggdm_store_plan_scores(ggdm_store *store, const bool *cells, ggdm_error *err);

/* ---- store_count.c: the counters ---- */

/** Write those that the turn has changed; part of its commit. */
ggdm_status ggdm_store_save_counts(ggdm_store *store, ggdm_error *err);
/** Write all, after a plan was stored. */
ggdm_status ggdm_store_write_counts(ggdm_store *store, ggdm_error *err);
/** Read them, with n_cells and n_trajectories; a small store is counted as well.
 *  Errors: GGDM_EFORMAT where they do not agree with what is there. */
ggdm_status ggdm_store_load_counts(ggdm_store *store, ggdm_error *err);

/* ---- store_open.c ---- */

/** Open dir's database and look at what it is, changing nothing.  *complete = false: absent or
 * never completed; then *out is NULL unless create is set, in which case it is an empty database.
 */
ggdm_status ggdm_store_attach(const char *dir, const ggdm_store_options *options, bool create,
                              ggdm_store **out, bool *complete, ggdm_error *err);
/** Settings of a connection that has just been opened, before its first access. */
ggdm_status ggdm_store_harden(ggdm_store *store, ggdm_error *err);
/** Tell a store from an empty file, another program's database, and the future. */
ggdm_status ggdm_store_identify(ggdm_store *store, bool *complete, ggdm_error *err);
/** What was opened and identified: is it whole, and what is in it?  Migrates an older schema. */
ggdm_status ggdm_store_load(ggdm_store *store, ggdm_error *err);
/** Journal mode, synchronous and so on; ends with a real write, and falls back when that fails. */
ggdm_status ggdm_store_configure(ggdm_store *store, ggdm_error *err);

/* ---- store_check.c ---- */

/** The schema must be ours to the letter: no statement of this program then meets a surprise. Views
 *  are free, as this program asks none. */
ggdm_status ggdm_store_check_schema(ggdm_store *store, ggdm_error *err);
/** Is the file whole?  Of a large one the small tables only; `ggdm doctor` looks at all. */
ggdm_status ggdm_store_check_content(ggdm_store *store, ggdm_error *err);

/* ---- store_read.c ---- */

/** Copy all pages into another connection's database, without a log. */
ggdm_status ggdm_store_copy(ggdm_store *store, struct sqlite3 *copy, const char *path,
                            ggdm_error *err);

/* ---- store_views.c ---- */

/** The views of this program for people with other programs, where they are not there as they
 * should be.  What else somebody has made there stays. */
ggdm_status ggdm_store_make_views(ggdm_store *store, ggdm_error *err);

/* ---- store_older.c ---- */

/** Bring an older schema up to date: in a reader's copy, or of an owned store that
 *  ggdm_store_check_version lets pass. */
ggdm_status ggdm_store_migrate(ggdm_store *store, ggdm_error *err);

/* ---- store_unit.c ---- */

/** Column as a state. */
ggdm_status ggdm_store_column_state(const ggdm_store *store, struct sqlite3_stmt *stmt, int column,
                                    ggdm_unit_state *out, ggdm_error *err);
ggdm_status ggdm_store_get_unit(ggdm_store *store, int64_t id, ggdm_unit_row *out, ggdm_error *err);
/** The one place where a unit changes its state: old as it stands in the database, row as it shall
 *  be.  Checks that the transition is legal, writes both and the event, keeps the counters. */
ggdm_status ggdm_store_transition(ggdm_store *store, const ggdm_unit_row *old,
                                  const ggdm_unit_row *row, const char *message, ggdm_error *err);
/** Up to max ids from a statement whose parameters are bound. */
ggdm_status ggdm_store_collect_ids(ggdm_store *store, struct sqlite3_stmt *stmt, int32_t max,
                                   int64_t *ids, int32_t *n, ggdm_error *err);
/** The same for rows: the columns of GGDM_SQL_GET_UNIT. */
ggdm_status ggdm_store_collect_units(ggdm_store *store, struct sqlite3_stmt *stmt, int32_t max,
                                     ggdm_unit_row *rows, int32_t *n, ggdm_error *err);
/** Ids of up to max units in a state with id > after. */
ggdm_status ggdm_store_ids_in_state(ggdm_store *store, ggdm_unit_state state, int64_t after,
                                    int32_t max, int64_t *ids, int32_t *n, ggdm_error *err);
/** The row of a unit that answers; *current = false, and a note in the events, when the answer is
 *  not to the attempt that runs now.  what: "result", "failure", for the note. */
ggdm_status ggdm_store_answering(ggdm_store *store, int64_t unit, int32_t attempt, const char *what,
                                 ggdm_unit_row *row, bool *current, ggdm_error *err);
/** A line about a unit in the events, nothing else. */
ggdm_status ggdm_store_note(ggdm_store *store, const ggdm_unit_row *row, const char *message,
                            ggdm_error *err);

/* ---- store_claim.c ---- */

/** One running unit back to ready, or quarantined when that is a loss too many. */
ggdm_status ggdm_store_give_back(ggdm_store *store, const ggdm_unit_row *row, bool loss,
                                 const char *message, ggdm_unit_state *state, ggdm_error *err);

/* ---- store_checkpoint.c ---- */

/** Fill step and state of a claimed unit from its checkpoint, if it has one that can be read. */
ggdm_status ggdm_store_load_checkpoint(ggdm_store *store, ggdm_unit *unit, ggdm_error *err);
ggdm_status ggdm_store_drop_checkpoint(ggdm_store *store, int64_t unit, ggdm_error *err);
/** Most runs have none: then none is dropped. */
ggdm_status ggdm_store_look_for_checkpoints(ggdm_store *store, ggdm_error *err);

/* ---- store_choice.c ---- */

/* A tree, borrowed for the call: no texts, no scorers. */
typedef ggdm_status (*ggdm_tree_visitor)(void *context, int64_t tree, const ggdm_unit *unit,
                                         ggdm_error *err);
/** Visit trees 0, 1, ... */
ggdm_status ggdm_store_each_tree(ggdm_store *store, ggdm_tree_visitor visit, void *context,
                                 ggdm_error *err);
/** *out [n_trajectories], owned: those that a cell shows which is not cancelled. */
ggdm_status ggdm_store_wanted_trajectories(ggdm_store *store, bool **out, ggdm_error *err);
/** Cells from number first on are wanted: put back what was cancelled of them, and add units for
 *  scores that they lack; inside a turn. */
ggdm_status ggdm_store_want_from(ggdm_store *store, int32_t first, ggdm_error *err);

/* ---- store_audit.c ---- */

/* Rows of a query, one after the other. */
typedef ggdm_status (*ggdm_row_visitor)(ggdm_store *store, struct sqlite3_stmt *row, void *context,
                                        ggdm_error *err);
/** limit: the query's ?1, where it has one. */
ggdm_status ggdm_store_each_row(ggdm_store *store, const char *sql, int32_t limit,
                                ggdm_row_visitor visit, void *context, ggdm_error *err);
/** Never NULL. */
const char *ggdm_store_row_text(struct sqlite3_stmt *row, int column);

#endif
