/* Accuracies, then metrics, as tables of text, laid out as the figure is (jobs/axes.h): a column
 * for each value of the parameter with most values, a row for each of the next, and a table for
 * each combination of the others and of what the cells aim at. */
#ifndef GGDM_COORDINATOR_TABLES_H
#define GGDM_COORDINATOR_TABLES_H

#include <stdio.h>

#include "common/status.h"
#include "jobs/results.h"

/** Errors: GGDM_ENOMEM. */
ggdm_status ggdm_tables_print(FILE *out, const ggdm_results *r, ggdm_error *err);

#endif
