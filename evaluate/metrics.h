/* Metrics: numbers of a cell that take all its images at once.  A metric is one file and one line
 * in the table of metrics.c; what images are compared by is a matrix of features, whose rows are
 * spread over the ranks (evaluate/rows.h). */
#ifndef GGDM_EVALUATE_METRICS_H
#define GGDM_EVALUATE_METRICS_H

#include "evaluate/reference.h"
#include "evaluate/rows.h"
#include "jobs/catalogue.h"
#include "jobs/results.h"

#define GGDM_FAMILY_METRIC "metric"
#define GGDM_MAX_NUMBERS 4 /* of a metric */

typedef struct ggdm_metric_input {
    ggdm_world *world;
    ggdm_rows *rows;           /* of the cell's images, in their order, finite */
    ggdm_reference *reference; /* of the same features; NULL unless the metric needs one */
} ggdm_metric_input;

typedef struct ggdm_metric_kind {
    ggdm_kind kind;             /* its name is that in --metrics */
    const char *const *numbers; /* what it gives, as called in results, NULL-terminated; NULL: one
                                   number of the kind's name */
    bool logits;             /* of what the network says of classes, whatever layer is asked for */
    bool distance;           /* the smaller the better; of others the larger */
    bool reference;          /* needs one */
    bool reference_rows;     /* ... with the features of its images */
    int64_t least_reference; /* ... at least as many */
    int64_t least;           /* images that it needs */
    /** Its numbers, each with its 95 % interval (NAN: none); out [numbers], whose n is set already.
     *  The same bits whatever the number of threads.  Collective: all ranks get the same numbers
     *  and the same status.
     *  Errors: GGDM_ENUMERIC: these features have no such number; GGDM_ENOMEM, GGDM_ESHAPE. */
    ggdm_status (*compute)(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *err);
} ggdm_metric_kind;

/* All there are; NULL at the end. */
extern const ggdm_metric_kind *const ggdm_metric_kinds[];

/** How many numbers a metric gives, and what number i is called. */
int32_t ggdm_metric_count(const ggdm_metric_kind *metric);
const char *ggdm_metric_number(const ggdm_metric_kind *metric, int32_t i);

/** The metric that gives a number of this name; NULL: none does. */
const ggdm_metric_kind *ggdm_metric_of_number(const char *name);

/* Each in the file of its name. */
extern const ggdm_metric_kind ggdm_metric_density_coverage, ggdm_metric_frechet,
    ggdm_metric_inception_score, ggdm_metric_kid, ggdm_metric_kid_subsets,
    ggdm_metric_precision_recall, ggdm_metric_vendi;

#endif
