/* Which cells of a run a user means: the text behind --cell.
 *
 *     EXPR      = TERM {"," TERM}
 *     TERM      = CELL | CELL "-" CELL | COLUMN OP NUMBER | "duration" ("=" | "!=") WINDOW
 *     CELL      = "c0007" | "7"
 *     COLUMN    = "kappa" | "start" | "duration" | "target"        (target -1: none)
 *     OP        = "=" | "!=" | "<" | "<=" | ">" | ">="
 *     WINDOW    = NUMBER "+" NUMBER                      (its start and length, as it is printed)
 *
 * Chosen are the cells that are named (all, where none is named) and for which every condition
 * holds: "kappa>=0.1,duration=500", "3,5,c0010-c0019", "0-99,target=3".  Spaces do not matter. */
#ifndef GGDM_JOBS_CELL_SELECT_H
#define GGDM_JOBS_CELL_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/cells.h"
#include "jobs/store.h"

#define GGDM_CELL_SELECT_TERMS 256 /* in one expression */

typedef struct ggdm_cell_range {
    int32_t first, last; /* inclusive */
} ggdm_cell_range;

typedef struct ggdm_cell_condition {
    int column, op; /* indices into the tables of cell_select.c */
    double value;
    bool window;  /* and its start ... */
    double start; /* ... is this one */
} ggdm_cell_condition;

typedef struct ggdm_cell_select {
    ggdm_cell_range ranges[GGDM_CELL_SELECT_TERMS];
    ggdm_cell_condition conditions[GGDM_CELL_SELECT_TERMS];
    int n_ranges, n_conditions;
} ggdm_cell_select;

/** Parse an expression for a run of n_cells cells.
 *  Errors: GGDM_EINVAL "cell expression 'EXPR', column N: ..., expected ...". */
ggdm_status ggdm_cell_select_parse(const char *text, int32_t n_cells, ggdm_cell_select *out,
                                   ggdm_error *err);

bool ggdm_cell_select_has(const ggdm_cell_select *select, const ggdm_cell *cell);

/** The cells of a run that an expression means: *out [n_cells], owned: free().
 *  Errors: as above, and GGDM_EINVAL when it means none; those of the store. */
ggdm_status ggdm_cell_select_in(ggdm_store *store, const char *text, bool **out, ggdm_error *err);

/* For the --help of commands that take one. */
#define GGDM_CELL_SELECT_HELP                                                                      \
    "EXPR is a list of cells (7, c0007), ranges (3-9) and conditions on kappa, start, duration "   \
    "and target (=, !=, <, <=, >, >=), separated by commas: of the named cells (of all, where "    \
    "none is named) those for which every condition holds.  duration=250+100 is the window of "    \
    "100 steps that begins at step 250.\n\n"

#endif
