/* RUN/summary.csv and RUN/summary.json: results, a row for each cell, with the same names in both.
 *
 * Columns: cell, the parameters that vary, n, complete, diverged, then of each measure its figures
 * (NAME_accuracy, ... of a classifier, NAME_mean, ... of a number), then each metric, then key. */
#ifndef GGDM_JOBS_SUMMARY_H
#define GGDM_JOBS_SUMMARY_H

#include "common/status.h"
#include "jobs/results.h"

/* What summary.json says of its form (docs/summary.schema.json): counted up when a name goes or
 * means something else, not for names that are added. */
#define GGDM_SUMMARY_SCHEMA 1

/** Write dir/summary.csv and dir/summary.json, each replaced atomically; incomplete cells stand in
 *  them with what there is. */
ggdm_status ggdm_summary_write(const ggdm_results *r, const char *dir, ggdm_error *err);

#endif
