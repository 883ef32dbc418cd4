/* Metrics: numbers of a cell that take all its images at once.  A metric is one file and one line
 * in the table of metrics.c; what images are compared by is a matrix of features
 * (evaluate/features.h). */
#ifndef GGDM_EVALUATE_METRICS_H
#define GGDM_EVALUATE_METRICS_H

#include "common/status.h"
#include "evaluate/features.h"
#include "jobs/catalogue.h"
#include "jobs/results.h"

#define GGDM_FAMILY_METRIC "metric"

typedef struct ggdm_metric_kind {
    ggdm_kind kind; /* its name is that in --metrics and in results */
    int64_t least;  /* images that it needs */
    /** The number of these features, finite and in image order, with its 95 % interval (NAN: none);
     *  out->n is set already.  The same bits whatever the number of threads.
     *  Errors: GGDM_ENUMERIC: these features have no such number; GGDM_ENOMEM. */
    ggdm_status (*compute)(const ggdm_feature_rows *rows, ggdm_metric_value *out, ggdm_error *err);
} ggdm_metric_kind;

/* All there are; NULL at the end. */
extern const ggdm_metric_kind *const ggdm_metric_kinds[];

extern const ggdm_metric_kind ggdm_metric_vendi; /* evaluate/vendi.c */

#endif
