/* A number that cells have, as tables show it. */
#ifndef GGDM_COORDINATOR_QUANTITY_H
#define GGDM_COORDINATOR_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "jobs/axes.h"

typedef enum ggdm_quantity_kind {
    GGDM_VERDICT,  /* the accuracy by whoever's verdict counts */
    GGDM_ACCURACY, /* by the measure of this index */
    GGDM_MEAN,     /* of the measure of this index */
    GGDM_METRIC,
} ggdm_quantity_kind;

typedef struct ggdm_quantity {
    ggdm_quantity_kind kind;
    int32_t index; /* of measures or metrics */
} ggdm_quantity;

/** Value and 95 % interval of a row, NAN where there is none (the mean of one image has no
 *  interval), accuracies in percent; n: how many images it is of, the verdict's of those that the
 *  cell wants. */
ggdm_metric_value ggdm_quantity_value(const ggdm_results *r, ggdm_quantity q, const ggdm_row *row);
/** The mean of a measure that is a number, with its interval by the normal distribution. */
ggdm_metric_value ggdm_measured_mean(const ggdm_measured *m);
/** Decimals of a column of numbers, so that the largest has four digits. */
int ggdm_decimals(double largest);
/** How many decimals it is shown with: accuracies with one; others so that the largest of the rows
 *  has four digits, or up to two more where intervals are narrow, so that half of one has two. */
int ggdm_quantity_decimals(const ggdm_results *r, ggdm_quantity q);
/** What is to be said with the value of a row; "": nothing. */
const char *ggdm_quantity_note(ggdm_quantity q, const ggdm_row *row);
/** Does a row belong into its tables at all? */
bool ggdm_quantity_applies(const ggdm_results *r, ggdm_quantity q, const ggdm_row *row);
/** Is the mean of a measure a number that is not 0 everywhere? */
bool ggdm_quantity_says_something(const ggdm_results *r, ggdm_quantity q);

/** "accuracy by the judge", "mean saturation", "vendi by pixels": of a table, whose first row this
 *  is. */
void ggdm_quantity_name(const ggdm_results *r, ggdm_quantity q, const ggdm_row *row, char *text,
                        size_t size);

#endif
