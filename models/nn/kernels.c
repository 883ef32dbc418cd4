#include "models/nn/kernels.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

/* exp(x) for |x| clamped to 87: x = k ln 2 + r, polynomial of degree 7 for exp(r). */
INLINE float exp_portable(float x)
{
    x = x > 87.0f ? 87.0f : x;
    x = x < -87.0f ? -87.0f : x;
    /* Rounding to nearest by adding and subtracting 1.5 * 2^23. */
    float k = x * 1.44269504088896341f + 12582912.0f;
    int32_t bits;
    memcpy(&bits, &k, sizeof bits);
    k -= 12582912.0f;
    float r = x - k * 0.693359375f;
    r = r - k * -2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* The low bits of the magic number hold k + bias. */
    int32_t scale = (int32_t)((uint32_t)(bits - 0x4B400000 + 127) << 23);
    float two_k;
    memcpy(&two_k, &scale, sizeof two_k);
    return p * two_k;
}

INLINE float sigmoid(float x)
{
    return 1.0f / (1.0f + exp_portable(-x));
}

INLINE float silu(float x)
{
    return x * sigmoid(x);
}

/* d/dx x s(x) = s (1 + x (1 - s)) */
INLINE float silu_slope(float x)
{
    float s = sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}

CLONES void ggdm_k_silu(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = silu(x[i]);
}

CLONES void ggdm_k_silu_bwd(const float *x, const float *gy, float *gx, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        gx[i] = gy[i] * silu_slope(x[i]);
}

CLONES void ggdm_k_relu(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i]; /* keeps NaN */
}

CLONES void ggdm_k_relu_bwd(const float *x, const float *gy, float *gx, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        gx[i] = x[i] > 0.0f ? gy[i] : 0.0f;
}

CLONES void ggdm_k_add(const float *a, const float *b, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

CLONES void ggdm_k_lincomb(float a, const float *x, float b, const float *z, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a * x[i] + b * z[i];
}

CLONES void ggdm_k_affine(float a, const float *x, float b, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a * x[i] + b;
}

CLONES void ggdm_k_scale(float a, const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a * x[i];
}

/* ---- sums over rows: per channel, an image line at a time, so that the error grows with
 * h + w instead of h * w ---- */

CLONES void ggdm_k_sum_rows(const float *x, float *y, float *tmp, int64_t rows, int64_t w,
                            int64_t c)
{
    memset(y, 0, sizeof *y * (size_t)c);
    for (int64_t r = 0; r < rows; r += w) {
        memset(tmp, 0, sizeof *tmp * (size_t)c);
        for (int64_t i = r; i < r + w && i < rows; i++)
            for (int64_t j = 0; j < c; j++)
                tmp[j] += x[i * c + j];
        for (int64_t j = 0; j < c; j++)
            y[j] += tmp[j];
    }
}

CLONES void ggdm_k_sum_rows_product(const float *x, const float *z, float *y, float *tmp,
                                    int64_t rows, int64_t w, int64_t c)
{
    memset(y, 0, sizeof *y * (size_t)c);
    for (int64_t r = 0; r < rows; r += w) {
        memset(tmp, 0, sizeof *tmp * (size_t)c);
        for (int64_t i = r; i < r + w && i < rows; i++)
            for (int64_t j = 0; j < c; j++)
                tmp[j] += x[i * c + j] * z[i * c + j];
        for (int64_t j = 0; j < c; j++)
            y[j] += tmp[j];
    }
}

CLONES void ggdm_k_affine_rows(const float *x, const float *s, const float *t, float *y,
                               int64_t rows, int64_t c)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < c; j++)
            y[r * c + j] = (s ? x[r * c + j] * (1.0f + s[j]) : x[r * c + j]) + t[j];
}

/* ---- group normalisation ---- */

CLONES static void sum_squares(const float *x, const float *mean, float *y, float *tmp,
                               int64_t rows, int64_t w, int64_t c)
{
    memset(y, 0, sizeof *y * (size_t)c);
    for (int64_t r = 0; r < rows; r += w) {
        memset(tmp, 0, sizeof *tmp * (size_t)c);
        for (int64_t i = r; i < r + w && i < rows; i++)
            for (int64_t j = 0; j < c; j++) {
                float d = x[i * c + j] - mean[j];
                tmp[j] += d * d;
            }
        for (int64_t j = 0; j < c; j++)
            y[j] += tmp[j];
    }
}

CLONES static void affine_act(const float *x, const float *a, const float *b, float *y,
                              int64_t rows, int64_t c, bool act)
{
    if (act) {
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < c; j++)
                y[r * c + j] = silu(x[r * c + j] * a[j] + b[j]);
    } else {
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < c; j++)
                y[r * c + j] = x[r * c + j] * a[j] + b[j];
    }
}

void ggdm_k_group_norm(const float *x, const float *gamma, const float *beta, float *y,
                       float *stats, float *tmp, int64_t hw, int64_t w, int64_t c, int groups,
                       double eps, bool silu_after)
{
    float *sum = tmp, *mean = tmp + c, *scale = tmp + 2 * c, *line = tmp + 3 * c;
    int64_t per = c / groups;
    double count = (double)hw * (double)per;
    ggdm_k_sum_rows(x, sum, line, hw, w, c);
    for (int g = 0; g < groups; g++) {
        double m = 0;
        for (int64_t j = g * per; j < (g + 1) * per; j++)
            m += sum[j];
        stats[2 * g] = (float)(m / count);
        for (int64_t j = g * per; j < (g + 1) * per; j++)
            mean[j] = stats[2 * g];
    }
    sum_squares(x, mean, sum, line, hw, w, c);
    for (int g = 0; g < groups; g++) {
        double v = 0;
        for (int64_t j = g * per; j < (g + 1) * per; j++)
            v += sum[j];
        float rstd = (float)(1.0 / sqrt(v / count + eps));
        stats[2 * g + 1] = rstd;
        for (int64_t j = g * per; j < (g + 1) * per; j++) {
            scale[j] = gamma[j] * rstd;
            mean[j] = beta[j] - mean[j] * scale[j]; /* now the offset */
        }
    }
    affine_act(x, scale, mean, y, hw, c, silu_after);
}

/* gz = gy * act'(x a + b), into gx; per channel sums of gz and of gz * x. */
CLONES static void slope_rows(const float *x, const float *a, const float *b, const float *gy,
                              float *gx, int64_t rows, int64_t c, bool act)
{
    if (act) {
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < c; j++)
                gx[r * c + j] = gy[r * c + j] * silu_slope(x[r * c + j] * a[j] + b[j]);
    } else if (gx != gy) {
        memcpy(gx, gy, sizeof *gx * (size_t)(rows * c));
    }
}

CLONES static void sum_centred(const float *x, const float *mean, const float *gz, float *y,
                               float *tmp, int64_t rows, int64_t w, int64_t c)
{
    memset(y, 0, sizeof *y * (size_t)c);
    for (int64_t r = 0; r < rows; r += w) {
        memset(tmp, 0, sizeof *tmp * (size_t)c);
        for (int64_t i = r; i < r + w && i < rows; i++)
            for (int64_t j = 0; j < c; j++)
                tmp[j] += gz[i * c + j] * (x[i * c + j] - mean[j]);
        for (int64_t j = 0; j < c; j++)
            y[j] += tmp[j];
    }
}

/* gx = gz * scale - (x - mean) * slope - offset, per channel */
CLONES static void combine_rows(const float *x, const float *mean, const float *scale,
                                const float *slope, const float *offset, float *gx, int64_t rows,
                                int64_t c)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < c; j++)
            gx[r * c + j] = gx[r * c + j] * scale[j] - (x[r * c + j] - mean[j]) * slope[j] -
                            offset[j];
}

/* Forward: xhat = (x - m) r, z = gamma xhat + beta, y = act(z).
 * With gz = gy act'(z):  gx = r (gamma gz - mean(gamma gz) - xhat mean(gamma gz xhat)). */
void ggdm_k_group_norm_bwd(const float *x, const float *gamma, const float *beta,
                           const float *stats, const float *gy, float *gx, float *partial,
                           float *tmp, int64_t hw, int64_t w, int64_t c, int groups,
                           bool silu_after)
{
    float *mean = tmp, *scale = tmp + c, *slope = tmp + 2 * c, *offset = tmp + 3 * c;
    float *g_gamma = partial, *g_beta = partial + c;
    int64_t per = c / groups;
    double count = (double)hw * (double)per;
    for (int64_t j = 0; j < c; j++) {
        mean[j] = stats[2 * (j / per)];
        scale[j] = gamma[j] * stats[2 * (j / per) + 1];
        offset[j] = beta[j] - mean[j] * scale[j];
    }
    slope_rows(x, scale, offset, gy, gx, hw, c, silu_after);
    ggdm_k_sum_rows(gx, g_beta, slope, hw, w, c);
    sum_centred(x, mean, gx, g_gamma, slope, hw, w, c);
    for (int g = 0; g < groups; g++) {
        double s1 = 0, s2 = 0, rstd = stats[2 * g + 1];
        for (int64_t j = g * per; j < (g + 1) * per; j++) {
            g_gamma[j] = (float)(g_gamma[j] * rstd);
            s1 += (double)gamma[j] * g_beta[j];
            s2 += (double)gamma[j] * g_gamma[j];
        }
        for (int64_t j = g * per; j < (g + 1) * per; j++) {
            slope[j] = (float)(rstd * rstd * s2 / count);
            offset[j] = (float)(rstd * s1 / count);
        }
    }
    combine_rows(x, mean, scale, slope, offset, gx, hw, c);
}

/* ---- softmax ---- */

CLONES void ggdm_k_softmax(const float *x, float *y, int64_t rows, int64_t c, float scale)
{
    for (int64_t r = 0; r < rows; r++, x += c, y += c) {
        float max = x[0] * scale, sum = 0.0f;
        for (int64_t j = 1; j < c; j++)
            max = x[j] * scale > max ? x[j] * scale : max;
        for (int64_t j = 0; j < c; j++)
            y[j] = exp_portable(x[j] * scale - max);
        for (int64_t j = 0; j < c; j++)
            sum += y[j];
        float inverse = 1.0f / sum;
        for (int64_t j = 0; j < c; j++)
            y[j] *= inverse;
    }
}

CLONES void ggdm_k_softmax_bwd(const float *y, const float *gy, float *gx, int64_t rows, int64_t c,
                               float scale)
{
    for (int64_t r = 0; r < rows; r++, y += c, gy += c, gx += c) {
        float dot = 0.0f;
        for (int64_t j = 0; j < c; j++)
            dot += y[j] * gy[j];
        for (int64_t j = 0; j < c; j++)
            gx[j] = scale * (y[j] * (gy[j] - dot));
    }
}

void ggdm_k_log_softmax(const float *x, float *y, int64_t c)
{
    double max = x[0];
    for (int64_t j = 1; j < c; j++)
        max = x[j] > max ? x[j] : max;
    double sum = exp(x[0] - max);
    for (int64_t j = 1; j < c; j++)
        sum += exp(x[j] - max);
    double shift = max + log(sum);
    for (int64_t j = 0; j < c; j++)
        y[j] = (float)(x[j] - shift);
}
