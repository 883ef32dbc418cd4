/* What came out of a run: one typed table, a row for each cell, made in one pass over the store.
 * Table files, plots, sheets, report and status read only this and the store's columns.
 *
 * Sums are taken in the order of the images, so that figures do not depend on when they arrived.
 * A figure that nobody can give is NAN. */
#ifndef GGDM_JOBS_RESULTS_H
#define GGDM_JOBS_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/json_write.h"
#include "common/status.h"
#include "jobs/sequence.h"
#include "jobs/store_until.h"

/** k successes of n, a number that was fixed before (otherwise: jobs/sequence.h), with their Wilson
 *  95 % interval; n = 0 gives {0, 0, 1}. */
ggdm_share ggdm_wilson(int64_t k, int64_t n);

/* A scorer by its name in the run's panels: a group of columns. */
typedef struct ggdm_measure {
    const char *name; /* "guide", "judge", ... */
    ggdm_output output;
} ggdm_measure;

/* What one measure says of the images of one cell.  An image that diverged is nowhere right,
 * confident, or part of a mean.  One whose scores are not finite is missing: it is in no number but
 * `unscored`.  One that has no scores at all, as its cell does not want them or the scorer does not
 * take it, is in none. */
typedef struct ggdm_measured {
    bool known;       /* an image of the cell has scores */
    int32_t unscored; /* images that did not diverge, and whose scores are not finite */
    int32_t n;        /* the others: shares are of these */
    int32_t n_mean;   /* of them, those that did not diverge: means are of these */
    /* GGDM_OUTPUT_CLASSES */
    int32_t classes;
    int32_t right;       /* argmax = aim of the cell */
    ggdm_share accuracy; /* right of n */
    double confident;    /* share of n whose argmax has a probability of at least 0.9 */
    double confidence;   /* mean probability of the argmax */
    double loss;         /* mean -log p(aim), nats */
    int32_t *histogram;  /* [classes] how often each is the argmax; NULL: classes is 0 */
    /* GGDM_OUTPUT_NUMBER */
    double mean, deviation; /* deviation: of the sample, n - 1 */
} ggdm_measured;

/* A number of a cell that a later stage has stored. */
typedef struct ggdm_metric {
    const char *name;     /* in results: with its settings where the run has it with several */
    const char *metric;   /* as stored */
    const char *settings; /* as stored */
} ggdm_metric;
typedef struct ggdm_metric_value {
    double value, lo, hi; /* NAN: there is none */
    int64_t n;
    char note[100]; /* to be said with the number wherever it is shown, as that it is of too few
                      images; "" */
} ggdm_metric_value;

typedef struct ggdm_row {
    ggdm_store_cell cell;
    int32_t aim;                /* class, or -1 */
    int32_t n, diverged;        /* images that are there, of the first cell.wanted */
    const ggdm_until *until;    /* says when its sweep is done; NULL */
    ggdm_store_verdict verdict; /* ... and what it said */
    ggdm_measured *measured;    /* [n_measures] */
    ggdm_metric_value *metrics; /* [n_metrics] */
} ggdm_row;

/* The scorers of a panel, as ggdm_store_each_sample takes them. */
typedef struct ggdm_results_panel {
    int32_t n;
    int64_t *scorers; /* [n] */
    int32_t *measure; /* [n] of each, index into ggdm_results.measures */
    int32_t verdict;  /* which of them says what is right: the judge, else the last classifier;
                         -1: none */
} ggdm_results_panel;

typedef struct ggdm_results {
    ggdm_store *store; /* borrowed: for its samples and recipes */
    const ggdm_run_info *info;
    const ggdm_store_model *models; /* [n_models] */
    int32_t n_models;
    ggdm_arena arena;                 /* of all below */
    const ggdm_store_column *columns; /* [n_columns], of the store */
    int32_t n_columns;
    int32_t *varying; /* [n_varying] indices of the columns that vary */
    int32_t n_varying;
    ggdm_store_value *values; /* [n_rows][n_columns] */
    int32_t aim_column;       /* what the cells aim at; -1: nothing */
    ggdm_measure *measures;   /* [n_measures] of all panels, in the order of first appearance */
    int32_t n_measures;
    int32_t *shown; /* [n_measures] as people read them: judges before the guide, then numbers */
    ggdm_results_panel *panels; /* [n_panels] */
    int32_t n_panels;
    ggdm_metric *metrics; /* [n_metrics] by name */
    int32_t n_metrics;
    ggdm_row *rows; /* [n_rows], by cell */
    int32_t n_rows;
    /* What evaluate/ has found out about them (jobs/findings.h); NULL: nothing. */
    const struct ggdm_surface *surface;
    const struct ggdm_front *front;
} ggdm_results;

/** The table with all its columns and cells, but nothing in it that takes reading samples.
 *  *out is owned: ggdm_results_deinit, also after an error. */
ggdm_status ggdm_results_open(ggdm_store *store, ggdm_results *out, ggdm_error *err);
/** The whole table.  *out is owned: ggdm_results_deinit, also after an error. */
ggdm_status ggdm_results_read(ggdm_store *store, ggdm_results *out, ggdm_error *err);
/** Read a cell and its samples anew. */
ggdm_status ggdm_results_read_cell(ggdm_results *r, int32_t cell, ggdm_error *err);
/** Safe on a zeroed struct and twice. */
void ggdm_results_deinit(ggdm_results *r);

/** The value of a column in a row. */
ggdm_store_value ggdm_results_value(const ggdm_results *r, const ggdm_row *row, int32_t column);
const ggdm_results_panel *ggdm_results_panel_of(const ggdm_results *r, const ggdm_row *row);
/** What is said of a row by the measure whose verdict counts; NULL: no classifier. */
const ggdm_measured *ggdm_results_verdict(const ggdm_results *r, const ggdm_row *row);
/** What cells aim at, as people call it: the end of the column's name, "target" or "label". */
const char *ggdm_results_aim_name(const ggdm_results *r);
/** The name of that measure: of the row's panel; NULL. */
const char *ggdm_results_verdict_name(const ggdm_results *r, const ggdm_row *row);
/** The name of the model that a measure asks in the row's panel; NULL: none. */
const char *ggdm_results_model(const ggdm_results *r, const ggdm_row *row, int32_t measure);

/** Write a parameter's value as what it is: a number, true or false, a text; null where the cell
 *  has no such parameter. */
void ggdm_results_put_value(ggdm_json *j, const ggdm_store_column *column, ggdm_store_value value);

/** Write "histograms": by measure, how often each class was the likeliest, of those of at most
 *  `most` classes. */
void ggdm_results_put_histograms(ggdm_json *j, const ggdm_results *r, const ggdm_row *row,
                                 int32_t most);

#endif
