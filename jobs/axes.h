/* The parameters that vary in a run: their values, which cell has which, and how a page with two
 * dimensions lays them out. */
#ifndef GGDM_JOBS_AXES_H
#define GGDM_JOBS_AXES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/status.h"
#include "jobs/results.h"

typedef struct ggdm_axis {
    const ggdm_store_column *column;
    bool numeric; /* all values are numbers: a scale; else they stand side by side */
    int32_t n;
    ggdm_store_value *values; /* [n] numbers in their order, then texts as they first appear */
    int32_t *rank;            /* [n_rows] index of each row's value */
} ggdm_axis;

typedef struct ggdm_axes {
    ggdm_arena arena;
    ggdm_axis *axes; /* [n], in the order of the columns */
    int32_t n;
    /* The layout, indices into axes; -1: there is none.
     * x       of the numbers and windows the one with most values, else of all; of equals the last;
     *         none that is zipped with a text, which says more (a method, not its strength)
     * curve   of the rest the one with most values
     * others  [n_others] what is left: neither what the cells aim at, nor what follows from x or
     *         curve, as axes that are zipped do
     * aim     where it is not x, and does not follow from x or curve */
    int32_t x, curve, aim, n_others;
    int32_t *others;
} ggdm_axes;

/** The axes of a table; it must stay as long as they.  *out is owned: ggdm_axes_deinit, also after
 *  an error. */
ggdm_status ggdm_axes_find(const ggdm_results *r, ggdm_axes *out, ggdm_error *err);
void ggdm_axes_deinit(ggdm_axes *axes);

/** Are its values texts, as prompts?  axis -1: no. */
bool ggdm_axes_is_text(const ggdm_axes *axes, int32_t axis);
/** Rank of a row's value on an axis; axis -1: 0. */
int32_t ggdm_axes_rank(const ggdm_axes *axes, int32_t axis, int32_t row);
/** Negative, 0, positive: the order of two rows by their values on the others. */
int ggdm_axes_compare(const ggdm_axes *axes, int32_t x, int32_t y);
/** A value for people: "-" where the cell has no such parameter. */
const char *ggdm_axis_text(const ggdm_axis *axis, int32_t rank);
/** The same as a label, where long texts are shortened; in a caller's buffer, which is returned. */
#define GGDM_LABEL_SIZE 200
const char *ggdm_axis_label(const ggdm_axis *axis, int32_t rank, char text[GGDM_LABEL_SIZE]);

#endif
