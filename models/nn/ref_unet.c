/* References of ops.h: what the U-Nets of others need (their upsampling, the orders of their heads,
 * their range of pixels).
 */
#include <math.h>

#include "models/nn/ref_impl.h"

int64_t ggdm_ref_timed_affine(const ggdm_op_config *cfg, const ggdm_shape *shape,
                              const double *const *in, double *y, double *mag)
{
    const ggdm_levels *l = &cfg->levels;
    const int64_t count = ggdm_shape_count(&shape[0]), size = count / shape[0].d[0];
    for (int64_t i = 0; i < count; i++) {
        const int t = (int)fmin(fmax(rint(in[1][i / size]), 0), l->n - 1);
        const double scaled = (double)(float)l->scale[t] * in[0][i], s = (double)(float)l->shift[t];
        put(y, mag, i, scaled + s, fabs(scaled) + fabs(s));
    }
    return 2;
}

ggdm_shape ggdm_ref_shape_part_channels(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    ggdm_shape y = shape[0];
    y.d[y.n - 1] /= cfg->k;
    return y;
}

int64_t ggdm_ref_part_channels(const ggdm_op_config *cfg, const ggdm_shape *shape,
                               const double *const *in, double *y, double *mag)
{
    const int64_t c = shape[0].d[shape[0].n - 1], width = c / cfg->groups / cfg->k;
    for (int64_t i = 0, at = 0; i < ggdm_shape_count(&shape[0]); i++)
        if (i % c / width % cfg->k == cfg->part)
            put(y, mag, at++, in[0][i], 0);
    return 0;
}

ggdm_shape ggdm_ref_shape_conv_transpose(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    const ggdm_conv *c = &cfg->conv;
    const int64_t *x = shape[0].d, *w = shape[1].d;
    return GGDM_SHAPE4(x[0], (x[1] - 1) * c->stride + w[2] - c->top - c->bottom,
                       (x[2] - 1) * c->stride + w[3] - c->left - c->right, w[1]);
}

int64_t ggdm_ref_conv_transpose(const ggdm_op_config *cfg, const ggdm_shape *shape,
                                const double *const *in, double *y, double *mag)
{
    const ggdm_conv *c = &cfg->conv;
    const ggdm_shape out = ggdm_ref_shape_conv_transpose(cfg, shape);
    const int64_t *xd = shape[0].d, *wd = shape[1].d, *yd = out.d;
    for (int64_t i = 0; i < ggdm_shape_count(&out); i++) {
        const int64_t o = i % yd[3], w = i / yd[3] % yd[2], h = i / yd[3] / yd[2] % yd[1];
        const int64_t n = i / yd[3] / yd[2] / yd[1];
        double sum = shape[2].n ? in[2][o] : 0, absolute = fabs(sum);
        for (int64_t xh = 0; xh < xd[1]; xh++) {
            for (int64_t xw = 0; xw < xd[2]; xw++) {
                const int64_t kh = h + c->top - xh * c->stride, kw = w + c->left - xw * c->stride;
                if (kh < 0 || kh >= wd[2] || kw < 0 || kw >= wd[3])
                    continue;
                for (int64_t k = 0; k < xd[3]; k++) {
                    const double term = in[0][((n * xd[1] + xh) * xd[2] + xw) * xd[3] + k] *
                                        in[1][((k * wd[1] + o) * wd[2] + kh) * wd[3] + kw];
                    sum += term;
                    absolute += fabs(term);
                }
            }
        }
        put(y, mag, i, sum, absolute);
    }
    return xd[3] * wd[2] * wd[3] + 1;
}
