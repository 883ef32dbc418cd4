/* Which cells of a run a user means: the text behind --cell.
 *
 *     EXPR      = TERM {"," TERM}
 *     TERM      = CELL | CELL "-" CELL | NAME OP VALUE
 *     CELL      = "c0007" | "7"
 *     NAME      = a parameter of the run by its short name or path, also one that does not vary
 *     OP        = "=" | "!=" | "<" | "<=" | ">" | ">="
 *     VALUE     = NUMBER | NUMBER "+" NUMBER | TEXT      (+: a window's start and length)
 *     TEXT      = characters up to a comma, or in quotes ('it''s')
 *
 * Numbers, classes and windows are compared as numbers, where a window that does not begin at step
 * 0 equals no number; all else is a text, for which there are only = and !=.  A text in quotes is
 * compared with what is printed, whatever the parameter is: label='' is a cell without one.
 * Chosen are the cells that are named (all, where none is named) and for which every condition
 * holds: "eta>=0.5,steps=50", "3,5,c0010-c0019", "0-99,model=mnist-ddpm".  Spaces do not matter.
 */
#ifndef GGDM_JOBS_CELL_SELECT_H
#define GGDM_JOBS_CELL_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/status.h"
#include "jobs/store.h"

#define GGDM_CELL_SELECT_TERMS 256 /* in one expression */

typedef struct ggdm_cell_range {
    int32_t first, last; /* inclusive */
} ggdm_cell_range;

typedef struct ggdm_cell_condition {
    int32_t column;
    int op;           /* index into the table of cell_select.c */
    double number;    /* to compare with; NAN: the text */
    const char *text; /* the arena's */
} ggdm_cell_condition;

typedef struct ggdm_cell_select {
    ggdm_arena arena;
    ggdm_cell_range ranges[GGDM_CELL_SELECT_TERMS];
    ggdm_cell_condition conditions[GGDM_CELL_SELECT_TERMS];
    int n_ranges, n_conditions;
} ggdm_cell_select;

/** Parse an expression for a run of n_cells cells with these columns [n_columns].
 *  *out is owned: ggdm_cell_select_deinit, also after an error.
 *  Errors: GGDM_EINVAL "cell expression 'EXPR', column N: ..., expected ...". */
ggdm_status ggdm_cell_select_parse(const char *text, const ggdm_store_column *columns,
                                   int32_t n_columns, int32_t n_cells, ggdm_cell_select *out,
                                   ggdm_error *err);
void ggdm_cell_select_deinit(ggdm_cell_select *select);

/** values  [n_conditions] of the cell, in the columns of the conditions */
bool ggdm_cell_select_has(const ggdm_cell_select *select, int32_t cell,
                          const ggdm_store_value *values);

/** The cells of a run that an expression means: *out [n_cells], owned: free().
 *  Errors: as above, and GGDM_EINVAL when it means none; those of the store. */
ggdm_status ggdm_cell_select_in(ggdm_store *store, const char *text, bool **out, ggdm_error *err);

/* For the --help of commands that take one. */
#define GGDM_CELL_SELECT_HELP                                                                      \
    "EXPR is a list of cells (7, c0007), ranges (3-9) and conditions on parameters of the run by " \
    "name or path (=, !=; for numbers also <, <=, >, >=), separated by commas: of the named "      \
    "cells (of all, where none is named) those for which every condition holds.  Texts with "      \
    "commas or spaces stand in quotes; 250+100 is the window of 100 steps that begins at step "    \
    "250.\n\n"

#endif
