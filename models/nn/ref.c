#include "models/nn/ref_impl.h"
#include "models/nn/winograd.h"

#include <math.h>
#include <stddef.h>

/* --- shapes ---------------------------------------------------------------------------------- */

ggdm_shape ggdm_ref_shape_same(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    (void)cfg;
    return shape[0];
}

ggdm_shape ggdm_ref_shape_per_image(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    (void)cfg;
    return GGDM_SHAPE1(shape[0].d[0]);
}

ggdm_shape ggdm_ref_shape_conv2d(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    const int64_t *x = shape[0].d, *w = shape[1].d;
    const ggdm_conv *c = &cfg->conv;
    int64_t oh = (x[1] + c->top + c->bottom - w[2]) / c->stride + 1;
    int64_t ow = (x[2] + c->left + c->right - w[3]) / c->stride + 1;
    return GGDM_SHAPE4(x[0], oh, ow, w[0]);
}

ggdm_shape ggdm_ref_shape_linear(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    ggdm_shape y = shape[0];
    (void)cfg;
    y.d[y.n - 1] = shape[1].d[0];
    return y;
}

ggdm_shape ggdm_ref_shape_concat(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    ggdm_shape y = shape[0];
    (void)cfg;
    y.d[y.n - 1] += shape[1].d[y.n - 1];
    return y;
}

ggdm_shape ggdm_ref_shape_upsample2(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    const int64_t *x = shape[0].d;
    (void)cfg;
    return GGDM_SHAPE4(x[0], 2 * x[1], 2 * x[2], x[3]);
}

ggdm_shape ggdm_ref_shape_flatten(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    const int64_t *x = shape[0].d;
    (void)cfg;
    return GGDM_SHAPE2(x[0], x[1] * x[2] * x[3]);
}

ggdm_shape ggdm_ref_shape_unroll(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    (void)cfg;
    return GGDM_SHAPE2(shape[0].d[0], ggdm_shape_count(&shape[0]) / shape[0].d[0]);
}

ggdm_shape ggdm_ref_shape_time_features(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    return GGDM_SHAPE2(shape[0].d[0], cfg->dim);
}

ggdm_shape ggdm_ref_shape_embedding(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    (void)cfg;
    return GGDM_SHAPE2(shape[1].d[0], shape[0].d[1]);
}

ggdm_shape ggdm_ref_shape_repeat(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    ggdm_shape y = shape[0];
    y.d[0] *= cfg->k;
    return y;
}

ggdm_shape ggdm_ref_shape_join(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    return GGDM_SHAPE2(shape[0].d[0] / cfg->k, shape[0].d[1] * cfg->k);
}

ggdm_shape ggdm_ref_shape_slice_channels(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    ggdm_shape y = shape[0];
    y.d[y.n - 1] = cfg->count;
    return y;
}

ggdm_shape ggdm_ref_shape_mixture_logp(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    return GGDM_SHAPE2(shape[0].d[0], cfg->mixture->n);
}

ggdm_shape ggdm_ref_shape_split(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    ggdm_shape y = shape[0];
    y.d[0] /= cfg->k;
    return y;
}

/* --- products -------------------------------------------------------------------------------- */

int64_t ggdm_ref_conv2d(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                        double *y, double *mag)
{
    const ggdm_shape out = ggdm_ref_shape_conv2d(cfg, shape);
    const int64_t n_images = shape[0].d[0], height = shape[0].d[1], width = shape[0].d[2];
    const int64_t n_in = shape[0].d[3], n_out = shape[1].d[0];
    const int64_t kernel_h = shape[1].d[2], kernel_w = shape[1].d[3];
    const double *x = in[0], *w = in[1], *b = shape[2].n ? in[2] : NULL;
    const ggdm_conv *c = &cfg->conv;
    for (int64_t n = 0, at = 0; n < n_images; n++) {
        for (int64_t oh = 0; oh < out.d[1]; oh++) {
            for (int64_t ow = 0; ow < out.d[2]; ow++) {
                for (int64_t o = 0; o < n_out; o++, at++) {
                    double sum = b ? b[o] : 0, absolute = fabs(sum);
                    for (int64_t kh = 0; kh < kernel_h; kh++) {
                        int64_t h = oh * c->stride + kh - c->top;
                        if (h < 0 || h >= height)
                            continue;
                        for (int64_t kw = 0; kw < kernel_w; kw++) {
                            int64_t v = ow * c->stride + kw - c->left;
                            if (v < 0 || v >= width)
                                continue;
                            for (int64_t i = 0; i < n_in; i++) {
                                double term = w[((o * n_in + i) * kernel_h + kh) * kernel_w + kw] *
                                              x[((n * height + h) * width + v) * n_in + i];
                                sum += term;
                                absolute += fabs(term);
                            }
                        }
                    }
                    put(y, mag, at, sum, absolute);
                }
            }
        }
    }
    if (mag && kernel_h == 3 && kernel_w == 3 && c->stride == 1 && n_in >= GGDM_WINOGRAD_CHANNELS &&
        n_out >= GGDM_WINOGRAD_CHANNELS)
        ggdm_ref_winograd_mag(c, shape, x, w, &out, mag);
    return n_in * kernel_h * kernel_w + 1;
}

int64_t ggdm_ref_linear(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                        double *y, double *mag)
{
    const int64_t n_in = shape[1].d[1], n_out = shape[1].d[0];
    const int64_t rows = ggdm_shape_count(&shape[0]) / n_in;
    const double *x = in[0], *w = in[1], *b = shape[2].n ? in[2] : NULL;
    (void)cfg;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t o = 0; o < n_out; o++) {
            double sum = b ? b[o] : 0, absolute = fabs(sum);
            for (int64_t i = 0; i < n_in; i++) {
                double term = x[r * n_in + i] * w[o * n_in + i];
                sum += term;
                absolute += fabs(term);
            }
            put(y, mag, r * n_out + o, sum, absolute);
        }
    }
    return n_in + 1;
}

/* --- normalisation and attention ------------------------------------------------------------- */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* x is [n_images, pixels, channels]; a group is all pixels of channels / groups channels. */
int64_t ggdm_ref_group_norm(const ggdm_op_config *cfg, const ggdm_shape *shape,
                            const double *const *in, double *y, double *mag)
{
    const int64_t n_images = shape[0].d[0], channels = shape[0].d[shape[0].n - 1];
    const int64_t pixels = ggdm_shape_count(&shape[0]) / n_images / channels;
    const int64_t per_group = channels / cfg->groups;
    const double count = (double)(pixels * per_group);
    const double *gamma = in[1], *beta = in[2];
    for (int64_t n = 0; n < n_images; n++) {
        const double *x = in[0] + n * pixels * channels;
        for (int64_t c = 0; c < channels; c++) {
            const int64_t first = c / per_group * per_group;
            double mean = 0, mean_abs = 0, var = 0;
            for (int64_t p = 0; p < pixels; p++) {
                for (int64_t j = first; j < first + per_group; j++) {
                    mean += x[p * channels + j] / count;
                    mean_abs += fabs(x[p * channels + j]) / count;
                }
            }
            for (int64_t p = 0; p < pixels; p++) {
                for (int64_t j = first; j < first + per_group; j++)
                    var += pow(x[p * channels + j] - mean, 2) / count;
            }
            const double scale = 1 / sqrt(var + cfg->eps);
            for (int64_t p = 0; p < pixels; p++) {
                const double xhat = (x[p * channels + c] - mean) * scale;
                double v = xhat * gamma[c] + beta[c];
                /* |x| and mean|x| through the centring; the variance's relative error is at most
                 * that of its largest centred terms, (|x| + mean|x|) scale, and enters by xhat */
                double m = fabs(gamma[c]) * scale * (fabs(x[p * channels + c]) + mean_abs) *
                               (1 + fabs(xhat)) +
                           fabs(v) + fabs(beta[c]);
                if (cfg->silu) {
                    const double s = sigmoid(v);
                    m = fabs(s * (1 + v * (1 - s))) * m + fabs(v * v * s * (1 - s));
                    v *= s;
                }
                put(y, mag, (n * pixels + p) * channels + c, v, m);
            }
        }
    }
    return (int64_t)count;
}

int64_t ggdm_ref_batch_norm(const ggdm_op_config *cfg, const ggdm_shape *shape,
                            const double *const *in, double *y, double *mag)
{
    const int64_t channels = shape[0].d[3];
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const int64_t c = i % channels;
        const double gamma = in[1][c], beta = in[2][c], mean = in[3][c];
        const double scale = gamma / sqrt(in[4][c] + cfg->eps);
        const double v = (in[0][i] - mean) * scale + beta;
        const double m = (fabs(in[0][i]) + fabs(mean)) * fabs(scale) + fabs(beta) + fabs(v);
        const bool off = cfg->relu && v <= 0;
        put(y, mag, i, off ? 0 : v, m);
    }
    return 3;
}

/* q . k / sqrt(width) of one head and one pair of positions; *absolute: sum of |terms|. */
static double score(const double *q, const double *k, int64_t width, double *absolute)
{
    const double root = sqrt((double)width);
    double sum = 0;
    *absolute = 0;
    for (int64_t c = 0; c < width; c++) {
        sum += q[c] * k[c] / root;
        *absolute += fabs(q[c] * k[c]) / root;
    }
    return sum;
}

/* One position of one head, which looks at so many keys; k, v: tokens of the head, channels apart.
 * y and mag are zero before. */
static void attend(const double *q, const double *k, const double *v, int64_t keys, int64_t width,
                   int64_t channels, double *y, double *mag)
{
    double top = -INFINITY, top_abs = 0, sum = 0, absolute;
    for (int64_t j = 0; j < keys; j++) {
        top = fmax(top, score(q, k + j * channels, width, &absolute));
        top_abs = fmax(top_abs, absolute);
    }
    for (int64_t j = 0; j < keys; j++) {
        const double e = exp(score(q, k + j * channels, width, &absolute) - top);
        sum += e;
        for (int64_t c = 0; c < width; c++) {
            y[c] += e * v[j * channels + c];
            /* an error d of the scores changes a weight by a factor of at most exp(2 d); |y| itself
             * is below the sum of its terms */
            if (mag)
                mag[c] += 2 * e * fabs(v[j * channels + c]) * (1 + top_abs);
        }
    }
    for (int64_t c = 0; c < width && keys > 0; c++) {
        y[c] /= sum;
        if (mag)
            mag[c] /= sum;
    }
}

int64_t ggdm_ref_attention(const ggdm_op_config *cfg, const ggdm_shape *shape,
                           const double *const *in, double *y, double *mag)
{
    const int64_t n_images = shape[0].d[0], channels = shape[0].d[shape[0].n - 1];
    const int64_t positions = ggdm_shape_count(&shape[0]) / n_images / channels;
    const int64_t all_keys = ggdm_shape_count(&shape[1]) / n_images / channels;
    const int64_t width = channels / cfg->heads.n;
    for (int64_t at = 0; at < ggdm_shape_count(&shape[0]); at++)
        put(y, mag, at, 0, 0);
    for (int64_t n = 0; n < n_images; n++) {
        const double given = shape[3].n ? in[3][n] : (double)all_keys;
        for (int64_t i = 0; i < positions; i++) {
            int64_t keys = cfg->heads.causal && i + 1 < all_keys ? i + 1 : all_keys;
            if (given < (double)keys)
                keys = given > 0 ? (int64_t)given : 0;
            for (int64_t c = 0; c < channels; c += width) { /* first channel of a head */
                const int64_t at = (n * positions + i) * channels + c;
                const int64_t key = n * all_keys * channels + c;
                attend(in[0] + at, in[1] + key, in[2] + key, keys, width, channels, y + at,
                       mag ? mag + at : NULL);
            }
        }
    }
    return all_keys > width ? all_keys : width;
}

/* --- pointwise ------------------------------------------------------------------------------- */

int64_t ggdm_ref_silu(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const double x = in[0][i], s = sigmoid(x);
        put(y, mag, i, x * s, fabs(x * s) + fabs(x * x * s * (1 - s)));
    }
    return 1;
}

int64_t ggdm_ref_relu(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i] > 0 ? in[0][i] : 0, 0);
    return 0;
}

int64_t ggdm_ref_cast(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i], 0);
    return 0;
}

int64_t ggdm_ref_add(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                     double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i] + in[1][i], fabs(in[0][i]) + fabs(in[1][i]));
    return 2;
}

int64_t ggdm_ref_affine(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                        double *y, double *mag)
{
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const double x = cfg->scale * in[0][i];
        put(y, mag, i, x + cfg->shift, fabs(x) + fabs(cfg->shift));
    }
    return 2;
}

int64_t ggdm_ref_add_embedding(const ggdm_op_config *cfg, const ggdm_shape *shape,
                               const double *const *in, double *y, double *mag)
{
    const int64_t channels = shape[1].d[1];
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const int64_t n = i / ggdm_shape_inner(&shape[0]), c = i % channels;
        const double x = in[0][i], e = in[1][n * channels + c];
        put(y, mag, i, x + e, fabs(x) + fabs(e));
    }
    return 2;
}

int64_t ggdm_ref_scale_shift(const ggdm_op_config *cfg, const ggdm_shape *shape,
                             const double *const *in, double *y, double *mag)
{
    const int64_t channels = shape[1].d[1] / 2;
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        const int64_t n = i / ggdm_shape_inner(&shape[0]), c = i % channels;
        const double x = in[0][i], s = in[1][n * 2 * channels + c];
        const double t = in[1][n * 2 * channels + channels + c];
        put(y, mag, i, x * (1 + s) + t, fabs(x) * (1 + fabs(s)) + fabs(t));
    }
    return 3;
}

/* --- layout ---------------------------------------------------------------------------------- */

int64_t ggdm_ref_concat(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                        double *y, double *mag)
{
    const int64_t a = shape[0].d[shape[0].n - 1], b = shape[1].d[shape[1].n - 1];
    const int64_t rows = ggdm_shape_count(&shape[0]) / a;
    (void)cfg;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < a + b; c++)
            put(y, mag, r * (a + b) + c, c < a ? in[0][r * a + c] : in[1][r * b + c - a], 0);
    }
    return 0;
}

int64_t ggdm_ref_upsample2(const ggdm_op_config *cfg, const ggdm_shape *shape,
                           const double *const *in, double *y, double *mag)
{
    const int64_t height = shape[0].d[1], width = shape[0].d[2], channels = shape[0].d[3];
    (void)cfg;
    for (int64_t n = 0, at = 0; n < shape[0].d[0]; n++) {
        for (int64_t h = 0; h < 2 * height; h++) {
            for (int64_t w = 0; w < 2 * width; w++) {
                for (int64_t c = 0; c < channels; c++, at++)
                    put(y, mag, at, in[0][((n * height + h / 2) * width + w / 2) * channels + c],
                        0);
            }
        }
    }
    return 0;
}

int64_t ggdm_ref_flatten(const ggdm_op_config *cfg, const ggdm_shape *shape,
                         const double *const *in, double *y, double *mag)
{
    const int64_t pixels = shape[0].d[1] * shape[0].d[2], channels = shape[0].d[3];
    (void)cfg;
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        for (int64_t c = 0; c < channels; c++) {
            for (int64_t p = 0; p < pixels; p++)
                put(y, mag, (n * channels + c) * pixels + p, in[0][(n * pixels + p) * channels + c],
                    0);
        }
    }
    return 0;
}

int64_t ggdm_ref_unroll(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                        double *y, double *mag)
{
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i], 0);
    return 0;
}

int64_t ggdm_ref_repeat(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                        double *y, double *mag)
{
    const int64_t rows = shape[0].d[0] * cfg->k,
                  count = ggdm_shape_count(&shape[0]) / shape[0].d[0];
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < count; i++)
            put(y, mag, r * count + i, in[0][r / cfg->k * count + i], 0);
    }
    return 0;
}

int64_t ggdm_ref_split(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                       double *y, double *mag)
{
    const int64_t n_images = shape[0].d[0] / cfg->k;
    const int64_t count = ggdm_shape_count(&shape[0]) / shape[0].d[0];
    for (int64_t n = 0; n < n_images; n++) {
        for (int64_t i = 0; i < count; i++)
            put(y, mag, n * count + i, in[0][(n * cfg->k + cfg->part) * count + i], 0);
    }
    return 0;
}

/* --- embeddings ------------------------------------------------------------------------------ */

int64_t ggdm_ref_time_features(const ggdm_op_config *cfg, const ggdm_shape *shape,
                               const double *const *in, double *y, double *mag)
{
    const int half = cfg->dim / 2;
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        for (int i = 0; i < half; i++) {
            const double exponent = -log(10000.0) * i / (half - cfg->freq_shift);
            const double angle = in[0][n] * exp(exponent);
            const int sine = cfg->flip ? half + i : i, cosine = cfg->flip ? i : half + i;
            /* an f32 frequency carries |exponent| roundings, the angle's error is absolute in y */
            const double m = fabs(angle) * (1 + fabs(exponent)) + 1;
            put(y, mag, n * cfg->dim + sine, sin(angle), m);
            put(y, mag, n * cfg->dim + cosine, cos(angle), m);
        }
    }
    return 1;
}

int64_t ggdm_ref_embedding(const ggdm_op_config *cfg, const ggdm_shape *shape,
                           const double *const *in, double *y, double *mag)
{
    const int64_t rows = shape[0].d[0], channels = shape[0].d[1];
    (void)cfg;
    for (int64_t n = 0; n < ggdm_shape_count(&shape[1]); n++) {
        const int64_t row = (int64_t)in[1][n];
        for (int64_t c = 0; c < channels; c++)
            put(y, mag, n * channels + c, row >= 0 && row < rows ? in[0][row * channels + c] : 0,
                0);
    }
    return 0;
}
