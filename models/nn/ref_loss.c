/* References of what losses and guidances compute of images and of logits, and of mixtures. */
#include "models/nn/ref_impl.h"

#include <stddef.h>

/* --- losses ---------------------------------------------------------------------------------- */

int64_t ggdm_ref_log_softmax(const ggdm_op_config *cfg, const ggdm_shape *shape,
                             const double *const *in, double *y, double *mag)
{
    const int64_t rows = shape[0].d[0], n_classes = shape[0].d[1];
    (void)cfg;
    for (int64_t r = 0; r < rows; r++) {
        const double *x = in[0] + r * n_classes;
        double top = -INFINITY, sum = 0;
        for (int64_t i = 0; i < n_classes; i++)
            top = fmax(top, x[i]);
        for (int64_t i = 0; i < n_classes; i++)
            sum += exp(x[i] - top);
        /* terms x, top, log(sum); the relative error of the sum is absolute in its logarithm */
        for (int64_t i = 0; i < n_classes; i++)
            put(y, mag, r * n_classes + i, x[i] - top - log(sum),
                fabs(x[i]) + fabs(top) + log(sum) + 1);
    }
    return n_classes;
}

int64_t ggdm_ref_nll(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    (void)cfg;
    for (int64_t n = 0; n < shape[0].d[0]; n++)
        put(y, mag, n, -in[0][n * shape[0].d[1] + (int64_t)in[1][n]], 0);
    return 0;
}

int64_t ggdm_ref_neg_prob(const ggdm_op_config *cfg, const ggdm_shape *shape,
                          const double *const *in, double *y, double *mag)
{
    (void)cfg;
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        const double logp = in[0][n * shape[0].d[1] + (int64_t)in[1][n]];
        put(y, mag, n, -exp(logp), exp(logp) * fabs(logp));
    }
    return 1;
}

int64_t ggdm_ref_mse(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    const int64_t n_images = shape[0].d[0], count = ggdm_shape_count(&shape[0]) / n_images;
    (void)cfg;
    for (int64_t n = 0; n < n_images; n++) {
        double sum = 0, absolute = 0;
        for (int64_t i = n * count; i < (n + 1) * count; i++) {
            const double d = in[0][i] - in[1][i];
            sum += d * d / (double)count;
            absolute += 2 * fabs(d) * (fabs(in[0][i]) + fabs(in[1][i])) / (double)count;
        }
        put(y, mag, n, sum, absolute);
    }
    return count;
}

int64_t ggdm_ref_total_variation(const ggdm_op_config *cfg, const ggdm_shape *shape,
                                 const double *const *in, double *y, double *mag)
{
    const int64_t h = shape[0].d[1], w = shape[0].d[2], c = shape[0].d[3], count = h * w * c;
    (void)cfg;
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        const double *x = in[0] + n * count;
        double sum = 0, absolute = 0;
        for (int64_t i = 0; i < count; i++) {
            const int64_t row = i / (w * c), column = i / c % w;
            const int64_t neighbours[] = {column + 1 < w ? i + c : i, row + 1 < h ? i + w * c : i};
            for (int k = 0; k < 2; k++) {
                const double d = x[neighbours[k]] - x[i];
                sum += d * d / (double)count;
                absolute += 2 * fabs(d) * (fabs(x[neighbours[k]]) + fabs(x[i])) / (double)count;
            }
        }
        put(y, mag, n, sum, absolute);
    }
    return 2 * count;
}

int64_t ggdm_ref_lincomb(const ggdm_op_config *cfg, const ggdm_shape *shape,
                         const double *const *in, double *y, double *mag)
{
    const int64_t count = ggdm_shape_count(&shape[0]) / shape[0].d[0];
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const double a = in[2][i / count] * in[0][i], b = in[3][i / count] * in[1][i];
        put(y, mag, i, a + b, fabs(a) + fabs(b));
    }
    return 2;
}

/* --- arithmetic ------------------------------------------------------------------------------ */

int64_t ggdm_ref_clamp(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                       double *y, double *mag)
{
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, fmin(fmax(in[0][i], cfg->lo), cfg->hi), 0);
    return 0;
}

int64_t ggdm_ref_sub(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i] - in[1][i], fabs(in[0][i]) + fabs(in[1][i]));
    return 2;
}

int64_t ggdm_ref_mul(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i] * in[1][i], 0);
    return 1;
}

int64_t ggdm_ref_div(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i] / in[1][i], 0);
    return 1;
}

int64_t ggdm_ref_sqrt(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, sqrt(in[0][i]), 0);
    return 1;
}

int64_t ggdm_ref_exp(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, exp(in[0][i]), 0);
    return 1;
}

int64_t ggdm_ref_arc(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const double angle = acos(1 - in[0][i] / 2);
        put(y, mag, i, angle * angle / 2, 0);
    }
    return 1;
}

int64_t ggdm_ref_dot(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    (void)cfg;
    const int64_t n_images = shape[0].d[0], count = ggdm_shape_count(&shape[0]) / n_images;
    for (int64_t n = 0; n < n_images; n++) {
        double sum = 0, absolute = 0;
        for (int64_t i = n * count; i < (n + 1) * count; i++) {
            sum += in[0][i] * in[1][i];
            absolute += fabs(in[0][i] * in[1][i]);
        }
        put(y, mag, n, sum, absolute);
    }
    return count;
}

int64_t ggdm_ref_scale_rows(const ggdm_op_config *cfg, const ggdm_shape *shape,
                            const double *const *in, double *y, double *mag)
{
    (void)cfg;
    const int64_t count = ggdm_shape_count(&shape[0]) / shape[0].d[0];
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[1][i / count] * in[0][i], 0);
    return 1;
}

int64_t ggdm_ref_log_sum_exp(const ggdm_op_config *cfg, const ggdm_shape *shape,
                             const double *const *in, double *y, double *mag)
{
    (void)cfg;
    const int64_t n_terms = shape[0].d[1];
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        const double *x = in[0] + n * n_terms;
        double top = -INFINITY, sum = 0;
        for (int64_t i = 0; i < n_terms; i++)
            top = fmax(top, x[i]);
        for (int64_t i = 0; i < n_terms; i++)
            sum += exp(x[i] - top);
        put(y, mag, n, top + log(sum), fabs(top) + log(sum) + 1);
    }
    return n_terms;
}

int64_t ggdm_ref_slice_channels(const ggdm_op_config *cfg, const ggdm_shape *shape,
                                const double *const *in, double *y, double *mag)
{
    const int64_t channels = shape[0].d[shape[0].n - 1];
    const int64_t rows = ggdm_shape_count(&shape[0]) / channels;
    for (int64_t r = 0; r < rows; r++) {
        for (int c = 0; c < cfg->count; c++)
            put(y, mag, r * cfg->count + c, in[0][r * channels + cfg->first + c], 0);
    }
    return 0;
}

int64_t ggdm_ref_join(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i], 0);
    return 0;
}

/* Place i of n, mirrored at the first and the last one. */
static int64_t mirrored(int64_t i, int64_t n)
{
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

int64_t ggdm_ref_blur(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    const int64_t height = shape[0].d[1], width = shape[0].d[2], channels = shape[0].d[3];
    const int r = cfg->radius;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const int64_t c = i % channels, w = i / channels % width, h = i / channels / width % height;
        const double *x = in[0] + i / (height * width * channels) * height * width * channels;
        double sum = 0, absolute = 0, all = 0;
        for (int a = -r; a <= r; a++) {
            for (int b = -r; b <= r; b++) {
                const int64_t at = mirrored(h + a, height) * width + mirrored(w + b, width);
                const double v = exp(-(a * a + b * b) / (2 * cfg->sigma * cfg->sigma));
                all += v;
                sum += v * x[at * channels + c];
                absolute += v * fabs(x[at * channels + c]);
            }
        }
        put(y, mag, i, sum / all, 2 * absolute / all); /* columns and rows are rounded */
    }
    return 2 * (2 * r + 1);
}

/* --- mixtures -------------------------------------------------------------------------------- */

/* Densities of the components at x, noised to alpha_bar ab, with their weights, over their sum. */
static void posterior(const ggdm_mixture *m, double ab, const double *x, double *p)
{
    double sum = 0;
    for (int k = 0; k < m->n; k++) {
        p[k] = exp(m->log_weight[k]);
        for (int64_t i = 0; i < m->size; i++) {
            const double v = ab * m->variance[k * m->size + i] + 1 - ab;
            const double d = x[i] - sqrt(ab) * m->mean[k * m->size + i];
            p[k] *= exp(-d * d / (2 * v)) / sqrt(v);
        }
        sum += p[k];
    }
    for (int k = 0; k < m->n; k++)
        p[k] /= sum;
}

/* alpha_bar of image n, whose t is in[1] if there is one. */
static double level(const ggdm_mixture *m, const ggdm_shape *t, const double *in, int64_t n)
{
    return t->n ? m->alpha_bar[(int64_t)fmin(in[n], m->levels - 1)] : 1;
}

int64_t ggdm_ref_mixture_eps(const ggdm_op_config *cfg, const ggdm_shape *shape,
                             const double *const *in, double *y, double *mag)
{
    const ggdm_mixture *m = cfg->mixture;
    double p[GGDM_MIXTURE_COMPONENTS];
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        const double ab = level(m, &shape[1], in[1], n), *x = in[0] + n * m->size;
        const int only = shape[2].n ? (int)in[2][n] : -1;
        posterior(m, ab, x, p);
        for (int k = 0; k < m->n && only >= 0 && only < m->n; k++)
            p[k] = k == only;
        for (int64_t i = 0; i < m->size; i++) {
            double eps = 0;
            for (int k = 0; k < m->n; k++)
                eps += p[k] * sqrt(1 - ab) * (x[i] - sqrt(ab) * m->mean[k * m->size + i]) /
                       (ab * m->variance[k * m->size + i] + 1 - ab);
            put(y, mag, n * m->size + i, eps, 0); /* computed in double */
        }
    }
    return 0;
}

int64_t ggdm_ref_mixture_logp(const ggdm_op_config *cfg, const ggdm_shape *shape,
                              const double *const *in, double *y, double *mag)
{
    const ggdm_mixture *m = cfg->mixture;
    double p[GGDM_MIXTURE_COMPONENTS];
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        posterior(m, level(m, &shape[1], in[1], n), in[0] + n * m->size, p);
        for (int k = 0; k < m->n; k++)
            put(y, mag, n * m->n + k, log(p[k]), 0);
    }
    return 0;
}
