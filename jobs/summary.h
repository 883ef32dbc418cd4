/* What came out: per cell accuracy by the guide and by the judge with Wilson 95 % intervals,
 * written as RUN/summary.csv and RUN/summary.json.  A diverged image counts as a failure. */
#ifndef GGDM_JOBS_SUMMARY_H
#define GGDM_JOBS_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/store.h"

/* Share of successes with its Wilson 95 % interval; all three in [0, 1]. */
typedef struct ggdm_share {
    double p, lo, hi;
} ggdm_share;

/** k successes of n; n = 0 gives {0, 0, 1}. */
ggdm_share ggdm_wilson(int64_t k, int64_t n);

/* One classifier's view of a cell.  An image that diverged is nowhere right, confident, or part of
 * a mean.  One whose scores are not finite is missing: it is in no number but `unscored`. */
typedef struct ggdm_scores {
    bool known;          /* there is such a classifier, and an image of the cell */
    bool has_share;      /* and it could say something about one, or all diverged */
    bool has_accuracy;   /* and the target is one of its classes */
    bool has_mean;       /* it could say something about one that did not diverge */
    bool has_loss;       /* and the target is one of its classes */
    int32_t classes;     /* 0 where there is no such classifier */
    int32_t unscored;    /* images that did not diverge and have no score */
    int32_t n;           /* the others: shares are of these */
    int64_t right;       /* argmax = target */
    ggdm_share accuracy; /* right of n */
    int64_t confident;   /* argmax has a probability of at least 0.9 */
    double confidence;   /* mean probability of the argmax */
    double loss;         /* mean -log p(target), nats */
    int64_t *histogram;  /* [classes] how often each is the argmax; owned */
} ggdm_scores;

typedef struct ggdm_cell_summary {
    ggdm_store_cell cell;
    int32_t n;        /* images done */
    int32_t expected; /* images asked for */
    int32_t diverged; /* of n */
    ggdm_scores guide, judge;
} ggdm_cell_summary;

/** Summary of one cell from its stored images; owned: ggdm_cell_summary_deinit. */
ggdm_status ggdm_cell_summarise(ggdm_store *store, int32_t cell, ggdm_cell_summary *out,
                                ggdm_error *err);
void ggdm_cell_summary_deinit(ggdm_cell_summary *summary);

/** Write dir/summary.csv and dir/summary.json, each replaced atomically; incomplete cells stand in
 *  them with what there is. */
ggdm_status ggdm_summary_write(ggdm_store *store, const char *dir, ggdm_error *err);

#endif
