/* The part of a run's results that later stages have stored. */
#ifndef GGDM_JOBS_RESULTS_METRICS_H
#define GGDM_JOBS_RESULTS_METRICS_H

#include "jobs/results.h"

/** Fill the metrics of a table whose rows are there.  Errors: those of the store; GGDM_EFORMAT for
 *  a result of no cell. */
ggdm_status ggdm_results_read_metrics(ggdm_results *r, ggdm_error *err);

#endif
