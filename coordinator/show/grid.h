/* Cells laid out in two dimensions, as the figure is (jobs/axes.h): a column for each value of the
 * parameter with most values, a row for each of the next, the other way round where only that fits;
 * a grid for each combination of the others and of what the cells aim at. */
#ifndef GGDM_COORDINATOR_GRID_H
#define GGDM_COORDINATOR_GRID_H

#include "coordinator/show/quantity.h"

typedef struct ggdm_grid {
    const ggdm_results *r;
    const ggdm_axes *axes;
    ggdm_quantity what;
    const int32_t *rows; /* [n] of the results: the cells of this grid */
    int32_t n;
    int32_t x, y;            /* axes of its columns and rows; -1: none */
    int32_t *xs, *ys;        /* [n_xs], [n_ys] ranks */
    int32_t n_xs, n_ys;      /* at least 1 */
    int32_t *cells;          /* [n_ys][n_xs] indices into the results' rows; -1: none */
    int64_t n_least, n_most; /* images of a cell */
    const char *note;        /* what is to be said with the first of some numbers; NULL: nothing */
    int32_t n_noted;         /* with how many something is to be said */
    bool notes_differ;       /* and not the same with all of these */
} ggdm_grid;

typedef struct ggdm_grid_limits {
    int32_t columns, rows, grids;
} ggdm_grid_limits;

typedef ggdm_status (*ggdm_grid_visitor)(void *context, const ggdm_grid *grid, ggdm_error *err);

/** All grids of a quantity in their order.  found (may be NULL): does a cell have it?  cut (may be
 *  NULL): not all cells fit.  Errors: GGDM_ENOMEM, those of visit. */
ggdm_status ggdm_each_grid(const ggdm_results *r, const ggdm_axes *axes, ggdm_quantity what,
                           const ggdm_grid_limits *limits, ggdm_grid_visitor visit, void *context,
                           bool *found, bool *cut, ggdm_error *err);

/** The row of the results at a place; NULL: none. */
const ggdm_row *ggdm_grid_row(const ggdm_grid *grid, int32_t y, int32_t x);
/** " for target 3, model a": what all its cells have in common and those of others have not. */
void ggdm_grid_group(const ggdm_grid *grid, char *text, size_t size);
/** "n = 10 to 20": images of a cell. */
void ggdm_grid_n(const ggdm_grid *grid, char text[64]);
/** "3 of 9: NOTE", "3 of 9, such as: NOTE" where they differ, or "" where there is nothing to say.
 */
void ggdm_grid_note(const ggdm_grid *grid, char text[160]);

#endif
