/* A sweep's cells in their fixed order, their keys, and the distinct trajectories behind them. */
#ifndef GGDM_JOBS_CELLS_H
#define GGDM_JOBS_CELLS_H

#include <stdint.h>

#include "common/hash.h"
#include "common/status.h"
#include "jobs/sweep.h"

#define GGDM_CELL_NAME_SIZE 16    /* bytes, with the NUL */
#define GGDM_WINDOW_LABEL_SIZE 24 /* bytes, with the NUL */

/* What changes pixels beside the sweep file. */
typedef struct ggdm_key_context {
    uint8_t diffusion[GGDM_HASH_SIZE]; /* model digest */
    uint8_t guide[GGDM_HASH_SIZE];     /* model digest; unused when unguided */
    ggdm_precision precision;          /* resolved, not GGDM_PRECISION_AUTO */
    const char *isa;                   /* instruction set, as recorded with the results */
} ggdm_key_context;

typedef struct ggdm_cell {
    int32_t index;
    double kappa;
    int32_t start, duration; /* guided in the sampler steps [start, start + duration) */
    int32_t target;          /* the class that counts as right, also where kappa is 0; -1: none */
    int32_t trajectory;      /* index into ggdm_cells.trajectories */
    uint8_t key[GGDM_HASH_SIZE];
} ggdm_cell;

/* What is really computed.  Unguided (kappa 0 or duration 0): kappa, start and duration 0, target
 * -1. */
typedef struct ggdm_trajectory {
    double kappa;
    int32_t start, duration;
    int32_t target;
    int32_t first_cell; /* lowest index of the cells that show it */
    uint8_t key[GGDM_HASH_SIZE];
} ggdm_trajectory;

typedef struct ggdm_cells {
    ggdm_cell *cells; /* [n_cells], owned */
    int32_t n_cells;
    ggdm_trajectory *trajectories; /* [n_trajectories], owned, by first_cell */
    int32_t n_trajectories;
    int64_t first_trajectory; /* number of trajectories[0]: 0, or where a store went on from */
} ggdm_cells;

/** Expand the product of the axes, first axis slowest.  context may be NULL (a plan without
 *  models): the keys are then only good for telling cells of this sweep apart.
 *  *out is owned: ggdm_cells_deinit.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_cells_expand(const ggdm_sweep *sweep, const ggdm_key_context *context,
                              ggdm_cells *out, ggdm_error *err);
void ggdm_cells_deinit(ggdm_cells *cells);

/** "c0007": padded to the digits of the last index, at least 4. */
void ggdm_cell_name(int32_t n_cells, int32_t index, char name[GGDM_CELL_NAME_SIZE]);

/** When guidance is on, for people: "500", or "250+100" where it starts at step 250. */
void ggdm_window_label(int32_t start, int32_t duration, char label[GGDM_WINDOW_LABEL_SIZE]);

/** The key of a cell, of its parameters in *cell: SHA-256 over everything that changes its pixels
 *  (promise 5 of docs/DESIGN.md), canonical: without guidance neither kappa, start, duration,
 * target, gradient, form nor guide. */
void ggdm_cell_key(const ggdm_sweep *sweep, const ggdm_key_context *context, const ggdm_cell *cell,
                   uint8_t key[GGDM_HASH_SIZE]);

#endif
