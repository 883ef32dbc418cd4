/* References of what transformers are made of (models/nn/ref.h). */
#include "models/nn/ref_impl.h"

/* --- normalisation and GELU ------------------------------------------------------------------ */

int64_t ggdm_ref_layer_norm(const ggdm_op_config *cfg, const ggdm_shape *shape,
                            const double *const *in, double *y, double *mag)
{
    const int64_t channels = shape[1].d[0], rows = ggdm_shape_count(&shape[0]) / channels;
    const double *gamma = in[1], *beta = in[2];
    for (int64_t r = 0; r < rows; r++) {
        const double *x = in[0] + r * channels;
        double mean = 0, mean_abs = 0, var = 0;
        for (int64_t c = 0; c < channels; c++) {
            mean += x[c] / (double)channels;
            mean_abs += fabs(x[c]) / (double)channels;
        }
        for (int64_t c = 0; c < channels; c++)
            var += pow(x[c] - mean, 2) / (double)channels;
        const double scale = 1 / sqrt(var + cfg->eps);
        for (int64_t c = 0; c < channels; c++) {
            const double xhat = (x[c] - mean) * scale, v = xhat * gamma[c] + beta[c];
            /* as of group_norm */
            const double m =
                fabs(gamma[c]) * scale * (fabs(x[c]) + mean_abs) * (1 + fabs(xhat)) + fabs(beta[c]);
            put(y, mag, r * channels + c, v, fabs(v) + m);
        }
    }
    return channels;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* What x is multiplied by, and *change, |x| times its derivative: how it changes when x does by a
 * relative error. */
static double gelu_factor(ggdm_gelu_form form, double x, double *change)
{
    const double pi = acos(-1);
    if (form == GGDM_GELU_ERF) {
        *change = fabs(x) * exp(-x * x / 2) / sqrt(2 * pi);
        return erfc(-x / sqrt(2)) / 2;
    }
    const double c = 0.044715, quick = 1.702 * x;
    const double u = form == GGDM_GELU_QUICK ? quick : 2 * sqrt(2 / pi) * (x + c * x * x * x);
    const double du = form == GGDM_GELU_QUICK ? quick : 2 * sqrt(2 / pi) * (x + 3 * c * x * x * x);
    *change = fabs(du) * sigmoid(u) * sigmoid(-u);
    return sigmoid(u);
}

static double gelu(ggdm_gelu_form form, double x, double *magnitude)
{
    double change;
    const double factor = gelu_factor(form, x, &change);
    *magnitude = fabs(x) * change;
    return x * factor;
}

int64_t ggdm_ref_gelu(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        double m;
        const double v = gelu(cfg->gelu, in[0][i], &m);
        put(y, mag, i, v, fabs(v) + m);
    }
    return 1;
}

ggdm_shape ggdm_ref_shape_geglu(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    ggdm_shape y = shape[0];
    (void)cfg;
    y.d[y.n - 1] /= 2;
    return y;
}

int64_t ggdm_ref_geglu(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                       double *y, double *mag)
{
    const int64_t channels = shape[0].d[shape[0].n - 1] / 2;
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]) / 2; i++) {
        const double *row = in[0] + i / channels * 2 * channels;
        const double a = row[i % channels];
        double m;
        const double v = gelu(GGDM_GELU_ERF, row[channels + i % channels], &m);
        put(y, mag, i, a * v, fabs(a) * (2 * fabs(v) + m));
    }
    return 1;
}

/* --- sequences of tokens --------------------------------------------------------------------- */

ggdm_shape ggdm_ref_shape_embedding_tokens(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    (void)cfg;
    return GGDM_SHAPE3(shape[1].d[0], shape[1].d[1], shape[0].d[1]);
}

int64_t ggdm_ref_add_positions(const ggdm_op_config *cfg, const ggdm_shape *shape,
                               const double *const *in, double *y, double *mag)
{
    const int64_t count = shape[0].d[1] * shape[0].d[2];
    (void)cfg;
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++)
        put(y, mag, i, in[0][i] + in[1][i % count], fabs(in[0][i]) + fabs(in[1][i % count]));
    return 2;
}

ggdm_shape ggdm_ref_shape_prepend(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    const int64_t n = shape[0].d[0], channels = shape[0].d[shape[0].n - 1];
    (void)cfg;
    return GGDM_SHAPE3(n, ggdm_shape_count(&shape[0]) / n / channels + 1, channels);
}

int64_t ggdm_ref_prepend(const ggdm_op_config *cfg, const ggdm_shape *shape,
                         const double *const *in, double *y, double *mag)
{
    const ggdm_shape out = ggdm_ref_shape_prepend(cfg, shape);
    const int64_t tokens = out.d[1], channels = out.d[2];
    for (int64_t i = 0; i < ggdm_shape_count(&out); i++) {
        const int64_t n = i / channels / tokens, t = i / channels % tokens, c = i % channels;
        const int64_t token = shape[1].n == 1 ? c : n * channels + c;
        put(y, mag, i, t ? in[0][(n * (tokens - 1) + t - 1) * channels + c] : in[1][token], 0);
    }
    return 0;
}

ggdm_shape ggdm_ref_shape_take(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    (void)cfg;
    return GGDM_SHAPE2(shape[0].d[0], shape[0].d[2]);
}

int64_t ggdm_ref_take(const ggdm_op_config *cfg, const ggdm_shape *shape, const double *const *in,
                      double *y, double *mag)
{
    const int64_t tokens = shape[0].d[1], channels = shape[0].d[2];
    (void)cfg;
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        const int64_t t = (int64_t)in[1][n];
        for (int64_t c = 0; c < channels; c++)
            put(y, mag, n * channels + c,
                t >= 0 && t < tokens ? in[0][(n * tokens + t) * channels + c] : 0, 0);
    }
    return 0;
}

int64_t ggdm_ref_take_end(const ggdm_op_config *cfg, const ggdm_shape *shape,
                          const double *const *in, double *y, double *mag)
{
    const int64_t tokens = shape[0].d[1], channels = shape[0].d[2];
    for (int64_t n = 0; n < shape[0].d[0]; n++) {
        const double *text = in[1] + n * tokens;
        int64_t end = 0;
        for (int64_t t = tokens; t-- > 0;)
            if (cfg->k >= 0 ? text[t] == cfg->k : text[t] >= text[end])
                end = t;
        for (int64_t c = 0; c < channels; c++)
            put(y, mag, n * channels + c, in[0][(n * tokens + end) * channels + c], 0);
    }
    return 0;
}

ggdm_shape ggdm_ref_shape_patch_conv(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    const int64_t size = shape[1].d[2];
    (void)cfg;
    return GGDM_SHAPE3(shape[0].d[0], (shape[0].d[1] / size) * (shape[0].d[2] / size),
                       shape[1].d[0]);
}

int64_t ggdm_ref_patch_conv(const ggdm_op_config *cfg, const ggdm_shape *shape,
                            const double *const *in, double *y, double *mag)
{
    const int64_t size = shape[1].d[2], columns = shape[0].d[2] / size, channels = shape[0].d[3];
    const ggdm_shape out = ggdm_ref_shape_patch_conv(cfg, shape);
    for (int64_t i = 0; i < ggdm_shape_count(&out); i++) {
        const int64_t o = i % out.d[2], patch = i / out.d[2] % out.d[1],
                      n = i / out.d[2] / out.d[1];
        double sum = 0, absolute = 0;
        for (int64_t k = 0; k < channels * size * size; k++) {
            const int64_t c = k / size / size, h = patch / columns * size + k / size % size;
            const int64_t w = patch % columns * size + k % size;
            const double term =
                in[0][((n * shape[0].d[1] + h) * shape[0].d[2] + w) * channels + c] *
                in[1][o * channels * size * size + k];
            sum += term;
            absolute += fabs(term);
        }
        put(y, mag, i, sum, absolute);
    }
    return channels * size * size;
}
