#include "models/train/contrast.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"

ggdm_status ggdm_contrast_init(int n, int width, ggdm_contrast *out, ggdm_error *err)
{
    const size_t m = (size_t)n;
    *out = (ggdm_contrast){.n = n, .width = width};
    GGDM_TRY(ggdm_alloc(&out->pairs, 2 * m * (size_t)width, sizeof *out->pairs, err));
    GGDM_TRY(ggdm_alloc(&out->logits, m * m, sizeof *out->logits, err));
    GGDM_TRY(ggdm_alloc(&out->row, m, sizeof *out->row, err));
    return ggdm_alloc(&out->column, m, sizeof *out->column, err);
}

void ggdm_contrast_deinit(ggdm_contrast *c)
{
    free(c->pairs);
    free(c->logits);
    free(c->row);
    free(c->column);
    *c = (ggdm_contrast){0};
}

static const float *image_of(const ggdm_contrast *c, int i)
{
    return c->pairs + (int64_t)i * c->width;
}

static const float *text_of(const ggdm_contrast *c, int i)
{
    return image_of(c, c->n + i);
}

/* Image i, text j. */
static double logit(const ggdm_contrast *c, int i, int j)
{
    return c->logits[(int64_t)i * c->n + j];
}

/* log sum exp over a row of the logits, or a column. */
static double log_sum(const ggdm_contrast *c, int k, bool column)
{
    double most = -INFINITY, sum = 0;
    for (int j = 0; j < c->n; j++)
        most = fmax(most, column ? logit(c, j, k) : logit(c, k, j));
    for (int j = 0; j < c->n; j++)
        sum += exp((column ? logit(c, j, k) : logit(c, k, j)) - most);
    return most + log(sum);
}

void ggdm_contrast_compare(ggdm_contrast *c, double scale)
{
#pragma omp parallel for schedule(static)
    for (int i = 0; i < c->n; i++) {
        const float *u = image_of(c, i);
        for (int j = 0; j < c->n; j++) {
            const float *v = text_of(c, j);
            double dot = 0;
            for (int k = 0; k < c->width; k++)
                dot += (double)u[k] * v[k];
            c->logits[(int64_t)i * c->n + j] = (float)(scale * dot);
        }
    }
#pragma omp parallel for schedule(static)
    for (int i = 0; i < c->n; i++) {
        c->row[i] = log_sum(c, i, false);
        c->column[i] = log_sum(c, i, true);
    }
}

static double loss_of(const ggdm_contrast *c, int i)
{
    return (c->row[i] + c->column[i]) / 2 - logit(c, i, i);
}

/* n dL/dl_ij. */
static double pull(const ggdm_contrast *c, int i, int j)
{
    const double l = logit(c, i, j);
    return (exp(l - c->row[i]) + exp(l - c->column[j])) / 2 - (i == j);
}

/* dL/du_i, or with texts set dL/dv_i. */
static void embedding_gradient(const ggdm_contrast *c, double scale, int i, bool texts, float *out)
{
    for (int k = 0; k < c->width; k++)
        out[k] = 0;
    for (int j = 0; j < c->n; j++) {
        const float weight = (float)(scale / c->n * (texts ? pull(c, j, i) : pull(c, i, j)));
        const float *other = texts ? image_of(c, j) : text_of(c, j);
        for (int k = 0; k < c->width; k++)
            out[k] += weight * other[k];
    }
}

double ggdm_contrast_gradient(const ggdm_contrast *c, double scale, int first, int count,
                              float *images, float *texts, double *scale_gradient)
{
    double loss = 0;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < count; i++) {
        embedding_gradient(c, scale, first + i, false, images + (int64_t)i * c->width);
        embedding_gradient(c, scale, first + i, true, texts + (int64_t)i * c->width);
    }
    *scale_gradient = 0;
    for (int i = first; i < first + count; i++) {
        loss += loss_of(c, i) / c->n;
        for (int j = 0; j < c->n; j++)
            *scale_gradient += pull(c, i, j) * logit(c, i, j) / scale / c->n;
    }
    return loss;
}

double ggdm_contrast_loss(const ggdm_contrast *c)
{
    double loss = 0;
    for (int i = 0; i < c->n; i++)
        loss += loss_of(c, i) / c->n;
    return loss;
}

int ggdm_contrast_ahead(const ggdm_contrast *c, int i, bool texts,
                        bool (*same)(const void *context, int i, int j), const void *context)
{
    double right = -INFINITY;
    int ahead = 0;
    for (int j = 0; j < c->n; j++)
        if (same(context, i, j))
            right = fmax(right, texts ? logit(c, j, i) : logit(c, i, j));
    for (int j = 0; j < c->n; j++)
        ahead += !same(context, i, j) && (texts ? logit(c, j, i) : logit(c, i, j)) >= right;
    return ahead;
}
