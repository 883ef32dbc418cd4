/* Gaussian blur of images in f32: down the columns, then along the rows.  One op blurs along one
 * axis, y = W x, where
 *
 *   W_ij = sum of w(k) over the k, |k| <= radius, for which i + k, reflected into 0 ... n - 1, is j
 *
 * and its gradient is the same op with W turned. */
#include <math.h>
#include <stdlib.h>

#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

/* w(0) ... w(radius), which with both signs sum to 1. */
static void fill_weights(const ggdm_op *op, double w[GGDM_BLUR_RADIUS + 1])
{
    const double sigma = op->blur.sigma;
    double sum = 0;
    for (int k = 0; k <= op->blur.radius; k++) {
        w[k] = exp(-0.5 * k * k / (sigma * sigma));
        sum += k ? 2 * w[k] : w[k];
    }
    for (int k = 0; k <= op->blur.radius; k++)
        w[k] /= sum;
}

static double weight(const ggdm_op *op, const double *w, int64_t distance)
{
    return llabs(distance) <= op->blur.radius ? w[llabs(distance)] : 0;
}

/* W_ij: j itself, and what is j behind the mirrors at 0 and at n - 1. */
static double entry(const ggdm_op *op, const double *w, int64_t n, int64_t i, int64_t j)
{
    double sum = weight(op, w, j - i);
    if (j > 0)
        sum += weight(op, w, -j - i);
    if (j < n - 1)
        sum += weight(op, w, 2 * (n - 1) - j - i);
    return sum;
}

/* The image is [lines, n, step] around the axis. */
static void blur_run(const ggdm_graph *g, const ggdm_op *op, int64_t image)
{
    const ggdm_value *v = ggdm_in(g, op, 0);
    const int64_t *d = v->shape.d, n = d[op->blur.axis];
    const int64_t lines = op->blur.axis == 1 ? 1 : d[1];
    const int64_t step = ggdm_shape_inner(&v->shape) / lines / n;
    const float *x = ggdm_f32_image(v, image);
    float *y = ggdm_f32_image(ggdm_out(g, op, 0), image);
    double w[GGDM_BLUR_RADIUS + 1], row[2 * GGDM_BLUR_RADIUS + 1];
    fill_weights(op, w);
    for (int64_t i = 0; i < n; i++) {
        const int64_t first = i > op->blur.radius ? i - op->blur.radius : 0;
        const int64_t end = i + op->blur.radius < n ? i + op->blur.radius + 1 : n;
        for (int64_t j = first; j < end; j++)
            row[j - first] = op->blur.turned ? entry(op, w, n, j, i) : entry(op, w, n, i, j);
        for (int64_t at = 0; at < lines * step; at++) {
            const int64_t line = at / step * n * step + at % step;
            double sum = 0;
            for (int64_t j = first; j < end; j++)
                sum += row[j - first] * x[line + j * step];
            y[line + i * step] = (float)sum;
        }
    }
}

static void blur_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(op->kind, gy, -1, -1, -1);
    bwd.blur = op->blur;
    bwd.blur.turned = !op->blur.turned;
    bwd.out[0] = ggdm_graph_value(g, GGDM_F32, *ggdm_graph_shape(g, gy));
    gin[0] = ggdm_graph_emit(g, &bwd);
}

static const ggdm_op_kind kind_blur = {.name = "blur", .run_image = blur_run, .vjp = blur_vjp};

ggdm_val ggdm_blur(ggdm_graph *g, ggdm_val x, double sigma, int radius)
{
    const ggdm_value *v = ggdm_graph_check(g, "blur", "x", x, 4);
    if (!v)
        return -1;
    const ggdm_shape shape = v->shape;
    if (!(sigma > 0))
        return ggdm_graph_fail(g, GGDM_EINVAL, "blur: sigma %g, expected more than 0", sigma);
    if (radius < 0 || radius > GGDM_BLUR_RADIUS || radius >= shape.d[1] || radius >= shape.d[2])
        return ggdm_graph_fail(g, GGDM_EINVAL,
                               "blur: radius %d, expected 0 to %d, less than the sides of images "
                               "of %lldx%lld",
                               radius, GGDM_BLUR_RADIUS, (long long)shape.d[1],
                               (long long)shape.d[2]);
    x = ggdm_graph_f32(g, x);
    for (int axis = 1; axis <= 2; axis++) {
        ggdm_op op = ggdm_op_make(&kind_blur, x, -1, -1, -1);
        op.blur.sigma = sigma;
        op.blur.radius = radius;
        op.blur.axis = axis;
        op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
        x = ggdm_graph_emit(g, &op);
    }
    return x;
}
