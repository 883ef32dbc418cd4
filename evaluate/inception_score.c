/* S = exp(I), I = H(mean of p_i) - mean of H(p_i), in nats, where p_i is what a network says of the
 * classes of image i (Salimans et al. 2016), over all images of the cell at once.
 *
 * The interval is the jackknife's for I, which leaves out each image in turn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate/jackknife.h"
#include "evaluate/metrics.h"

/* Images for each class.  An entropy of classes that n images are counted in is too low by (classes
 * - 1) / (2 n), to first order (Miller 1955): with fewer the score is so by 5 % and more. */
#define ENOUGH 10

static double entropy(const double *p, int64_t classes)
{
    double h = 0;
    for (int64_t c = 0; c < classes; c++)
        if (p[c] > 0)
            h -= p[c] * log(p[c]);
    return h;
}

static void softmax(const float *logits, int64_t classes, double *p)
{
    double most = -INFINITY, sum = 0;
    for (int64_t c = 0; c < classes; c++)
        most = fmax(most, logits[c]);
    for (int64_t c = 0; c < classes; c++)
        sum += p[c] = exp(logits[c] - most);
    for (int64_t c = 0; c < classes; c++)
        p[c] /= sum;
}

typedef struct opinions {
    ggdm_rows *logits;
    int64_t n, classes;
    double *p, *block; /* [classes] for use */
    double *sum;       /* [classes] of p over all images */
    double *entropies; /* [n] */
    double *left;      /* [n] I without each image */
} opinions;

/* A sum for each block, which are added in their order. */
static ggdm_status add_up(const opinions *o, ggdm_error *err)
{
    for (int64_t b = 0; b < ggdm_rows_blocks(o->logits); b++) {
        const float *x = ggdm_rows_own(o->logits, b);
        memset(o->block, 0, (size_t)o->classes * sizeof *o->block);
        for (int64_t i = 0; x && i < ggdm_rows_count(o->logits, b); i++) {
            softmax(x + i * o->classes, o->classes, o->p);
            o->entropies[b * GGDM_ROWS_BLOCK + i] = entropy(o->p, o->classes);
            for (int64_t c = 0; c < o->classes; c++)
                o->block[c] += o->p[c];
        }
        GGDM_TRY(ggdm_world_broadcast(o->logits->world, ggdm_rows_owner(o->logits, b), o->block,
                                      (size_t)o->classes * sizeof *o->block, err));
        for (int64_t c = 0; c < o->classes; c++)
            o->sum[c] += o->block[c];
    }
    return ggdm_rows_share(o->logits, o->entropies, err);
}

static ggdm_status leave_out(const opinions *o, double entropies, ggdm_error *err)
{
    const double rest = (double)(o->n - 1);
    for (int64_t b = 0; b < ggdm_rows_blocks(o->logits); b++) {
        const float *x = ggdm_rows_own(o->logits, b);
        for (int64_t i = 0; x && i < ggdm_rows_count(o->logits, b); i++) {
            const int64_t at = b * GGDM_ROWS_BLOCK + i;
            softmax(x + i * o->classes, o->classes, o->p);
            for (int64_t c = 0; c < o->classes; c++)
                o->p[c] = (o->sum[c] - o->p[c]) / rest;
            o->left[at] = entropy(o->p, o->classes) - (entropies - o->entropies[at]) / rest;
        }
    }
    return ggdm_rows_share(o->logits, o->left, err);
}

static ggdm_status score(const opinions *o, ggdm_metric_value *out, ggdm_error *err)
{
    double entropies = 0;
    GGDM_TRY(add_up(o, err));
    for (int64_t i = 0; i < o->n; i++)
        entropies += o->entropies[i];
    GGDM_TRY(leave_out(o, entropies, err));
    for (int64_t c = 0; c < o->classes; c++)
        o->p[c] = o->sum[c] / (double)o->n;
    const double information = entropy(o->p, o->classes) - entropies / (double)o->n;
    const double half = GGDM_Z95 * ggdm_jackknife(o->left, o->n);
    out->value = exp(information);
    out->lo = fmax(exp(information - half), 1);
    out->hi = fmin(exp(information + half), (double)o->classes);
    if (o->n < ENOUGH * o->classes)
        snprintf(out->note, sizeof out->note,
                 "fewer than %d images for each of %lld classes: too low", ENOUGH,
                 (long long)o->classes);
    return GGDM_OK;
}

static ggdm_status compute(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *err)
{
    opinions o = {.logits = in->rows, .n = in->rows->n, .classes = in->rows->d};
    double *all;
    GGDM_TRY(
        ggdm_world_alloc(in->world, &all, (size_t)(3 * o.classes + 2 * o.n), sizeof *all, err));
    o.p = all;
    o.block = o.p + o.classes;
    o.sum = o.block + o.classes;
    o.entropies = o.sum + o.classes;
    o.left = o.entropies + o.n;
    const ggdm_status st = score(&o, out, err);
    free(all);
    return st;
}

const ggdm_metric_kind ggdm_metric_inception_score = {
    .kind = {.family = GGDM_FAMILY_METRIC,
             .name = "inception-score",
             .help = "Inception score by the classes of a classifier, from 1 to their number: high "
                     "where each image is clearly of one and they are of many; all images at once, "
                     "where others take the mean over ten parts or parts of 5000.",
             .equation = "exp(mean_i KL(p_i || mean of p)), p_i: softmax of the logits of image i"},
    .logits = true,
    .least = 2,
    .compute = compute,
};
