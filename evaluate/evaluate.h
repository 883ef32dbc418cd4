/* The metrics of a run's cells, from the images in its store into its results. */
#ifndef GGDM_EVALUATE_EVALUATE_H
#define GGDM_EVALUATE_EVALUATE_H

#include "evaluate/metrics.h"
#include "jobs/store.h"

#define GGDM_MAX_METRICS 32 /* asked for at once */

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

#endif
