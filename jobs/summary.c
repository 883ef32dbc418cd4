#include "jobs/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "common/mem.h"

#define CONFIDENT 0.9 /* probability */

ggdm_share ggdm_wilson(int64_t k, int64_t n)
{
    /* Wilson 1927; z is the 97.5 % quantile of the normal distribution. */
    const double z = 1.959963984540054;
    if (n <= 0)
        return (ggdm_share){0, 0, 1};
    double m = (double)n, p = (double)k / m, z2 = z * z / m;
    double centre = (p + z2 / 2) / (1 + z2);
    double half = z / (1 + z2) * sqrt(p * (1 - p) / m + z2 / (4 * m));
    /* At the ends rounding would leave them by a hair. */
    double lo = k == 0 ? 0 : centre - half, hi = k == n ? 1 : centre + half;
    return (ggdm_share){p, lo, hi};
}

/* Sums over the images of a cell that one classifier scored and that did not diverge. */
typedef struct score_sums {
    int64_t n;
    double probability, loss;
} score_sums;

typedef struct visit_context {
    ggdm_cell_summary *out;
    score_sums guide, judge;
} visit_context;

static ggdm_status add_scores(ggdm_scores *scores, score_sums *sums, const float *logp, int32_t n,
                              bool diverged, int32_t target, ggdm_error *err)
{
    if (n == 0)
        return GGDM_OK;
    if (!scores->known) {
        GGDM_TRY(ggdm_alloc(&scores->histogram, (size_t)n, sizeof *scores->histogram, err));
        scores->known = true;
        scores->classes = n;
    }
    if (n != scores->classes)
        return GGDM_FAIL(err, GGDM_EFORMAT, "scores of %d classes, expected %d", n,
                         scores->classes);
    int32_t best = ggdm_argmax(logp, n);
    scores->n += diverged || best >= 0;
    scores->unscored += !diverged && best < 0;
    if (diverged || best < 0)
        return GGDM_OK;
    double p = exp((double)logp[best]);
    sums->n++;
    sums->probability += p;
    scores->histogram[best]++;
    scores->confident += p >= CONFIDENT;
    scores->right += best == target;
    if (target >= 0 && target < n)
        sums->loss -= (double)logp[target];
    return GGDM_OK;
}

static ggdm_status add_image(void *context, const ggdm_image *image, ggdm_error *err)
{
    visit_context *v = context;
    ggdm_cell_summary *out = v->out;
    const int32_t target = out->cell.cell.target;
    ggdm_status st;
    out->n++;
    out->diverged += image->diverged;
    GGDM_TRY_GOTO(st,
                  add_scores(&out->guide, &v->guide, image->guide_logp, image->n_guide,
                             image->diverged, target, err),
                  done);
    GGDM_TRY_GOTO(st,
                  add_scores(&out->judge, &v->judge, image->judge_logp, image->n_judge,
                             image->diverged, target, err),
                  done);
done:
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "image %d", image->index);
}

static void close_scores(ggdm_scores *scores, const score_sums *sums, int32_t target)
{
    double m = sums->n ? (double)sums->n : 1;
    bool is_class = target >= 0 && target < scores->classes;
    scores->has_mean = sums->n > 0;
    scores->has_loss = scores->has_mean && is_class;
    scores->has_share = scores->has_mean || (scores->n > 0 && scores->unscored == 0);
    scores->has_accuracy = scores->has_share && is_class;
    scores->accuracy = ggdm_wilson(scores->right, scores->n);
    scores->confidence = sums->probability / m;
    scores->loss = sums->loss / m;
}

ggdm_status ggdm_cell_summarise(ggdm_store *store, int32_t cell, ggdm_cell_summary *out,
                                ggdm_error *err)
{
    visit_context v = {.out = out};
    *out = (ggdm_cell_summary){.expected = ggdm_store_run_info(store)->samples};
    GGDM_TRY(ggdm_store_cell_get(store, cell, &out->cell, err));
    const ggdm_cell *c = &out->cell.cell;
    ggdm_status st = ggdm_store_each_image(store, c->trajectory, false, add_image, &v, err);
    if (st != GGDM_OK) {
        ggdm_cell_summary_deinit(out);
        return ggdm_error_prefix(err, "cell %d", cell);
    }
    close_scores(&out->guide, &v.guide, c->target);
    close_scores(&out->judge, &v.judge, c->target);
    return st;
}

void ggdm_cell_summary_deinit(ggdm_cell_summary *summary)
{
    free(summary->guide.histogram);
    free(summary->judge.histogram);
    summary->guide.histogram = summary->judge.histogram = NULL;
}
