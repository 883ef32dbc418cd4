/* The metrics of a run's cells, from the images in its store into its results. */
#ifndef GGDM_EVALUATE_EVALUATE_H
#define GGDM_EVALUATE_EVALUATE_H

#include "evaluate/metrics.h"
#include "jobs/store.h"

#define GGDM_MAX_METRICS 32   /* asked for at once */
#define GGDM_MAX_SETTINGS 512 /* bytes of what a number is of */

typedef struct ggdm_evaluate_options {
    const ggdm_metric_kind *metrics[GGDM_MAX_METRICS]; /* [n_metrics] */
    int32_t n_metrics;
    ggdm_features *features;   /* with logits where a metric needs them */
    ggdm_reference *reference; /* NULL where none needs one */
} ggdm_evaluate_options;

typedef struct ggdm_evaluated {
    int32_t made, kept;               /* results */
    int32_t few;                      /* results that there are not: too few images ... */
    int32_t few_of[GGDM_MAX_METRICS]; /* ... of each metric that was asked for */
    int32_t odd; /* ... their features have no such number; each was warned of */
} ggdm_evaluated;

/** Give each cell its metrics, of those of its images that did not diverge, in their order; a
 *  transaction for each cell, whose metrics are skipped where they are there already, of the same
 *  features, reference and as many images.  Collective.
 *  store  owned and not in a turn, on rank 0; NULL on the others, whose *out stays empty
 *  Errors: those of the store and of reading its images, GGDM_ESHAPE of ggdm_features_add, naming
 *  cell and image; the same on all ranks. */
ggdm_status ggdm_evaluate_run(ggdm_world *world, ggdm_store *store, const ggdm_evaluate_options *o,
                              ggdm_evaluated *out, ggdm_error *err);

/** What the numbers of a metric are of: features, and the reference. */
void ggdm_evaluate_settings(const ggdm_evaluate_options *o, const ggdm_metric_kind *metric,
                            char text[GGDM_MAX_SETTINGS]);

typedef struct ggdm_pooled {
    ggdm_metric_value v[GGDM_MAX_METRICS][GGDM_MAX_NUMBERS];
    bool made[GGDM_MAX_METRICS]; /* [n_metrics] */
    int64_t n;                   /* images */
    int32_t few, odd;            /* metrics, numbers that there are not, as in ggdm_evaluated */
} ggdm_pooled;

/** The metrics of all images of the run as one set, those that cells share once; nothing is stored.
 *  Collective, as ggdm_evaluate_run is.  Errors: the same. */
ggdm_status ggdm_evaluate_pooled(ggdm_world *world, ggdm_store *store,
                                 const ggdm_evaluate_options *o, ggdm_pooled *out, ggdm_error *err);

#endif
