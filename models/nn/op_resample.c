/* Images in another size, f32 in any graph: bicubic resampling, y = W x along one axis after the
 * other, and windows of an image with the means of their parts. */
#include <math.h>
#include <string.h>

#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

static ggdm_val emit(ggdm_graph *g, ggdm_op op, ggdm_shape shape)
{
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}

/* ---- bicubic resampling ---- */

enum { MAX_TAPS = 4 * GGDM_RESAMPLE_SHRINK + 2 };

/* A row of W: what n pixels from first on contribute. */
typedef struct taps {
    int64_t first, n;
    float weight[MAX_TAPS];
} taps;

/* Keys' cubic convolution kernel (1981). */
static double cubic(double a, double x)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* Pixel i of size, out of from pixels.  PyTorch takes the four around it, and that of the edge for
 * those beyond; the PIL stretches the kernel where the image shrinks, and leaves out what is
 * beyond.
 */
static taps taps_of(ggdm_resample_form form, int64_t i, int64_t from, int64_t size)
{
    const bool torch = form == GGDM_RESAMPLE_TORCH;
    const double scale = (double)from / (double)size, at = ((double)i + 0.5) * scale - 0.5;
    const double stretch = torch || scale < 1 ? 1 : scale, reach = 2 * stretch;
    const int64_t low = (int64_t)floor(at - reach) + 1, end = (int64_t)ceil(at + reach);
    double weight[MAX_TAPS] = {0}, sum = 0;
    taps t = {.first = low < 0 ? 0 : low};
    for (int64_t j = low; j < end; j++) {
        const int64_t inside = j < 0 ? 0 : j < from ? j : from - 1;
        if (inside != j && !torch)
            continue;
        const double w = cubic(torch ? -0.75 : -0.5, ((double)j - at) / stretch);
        weight[inside - t.first] += w;
        t.n = inside - t.first + 1;
        sum += w;
    }
    for (int64_t j = 0; j < t.n; j++)
        t.weight[j] = (float)(weight[j] / sum);
    return t;
}

/* y[i] = sum of W_ij x[j], where i and j are rows of step elements in each of lines; turned: y[j] =
 * sum of W_ij x[i]. */
static void resample_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *in = ggdm_in(g, op, 0), *out = ggdm_out(g, op, 0);
    const int axis = op->resample.axis;
    const ggdm_value *large = op->resample.turned ? out : in,
                     *small = op->resample.turned ? in : out;
    const int64_t from = large->shape.d[axis], size = small->shape.d[axis];
    const int64_t lines = axis == 1 ? 1 : in->shape.d[1];
    const int64_t step = ggdm_shape_inner(&in->shape) / lines / in->shape.d[axis];
    const float *x = ggdm_f32_image(in, n);
    float *y = ggdm_f32_image(out, n);
    memset(y, 0, sizeof *y * (size_t)ggdm_shape_inner(&out->shape));
    for (int64_t i = 0; i < size; i++) {
        const taps t = taps_of(op->resample.form, i, from, size);
        for (int64_t line = 0; line < lines; line++)
            for (int64_t j = 0; j < t.n; j++) {
                const int64_t row = (line * size + i) * step;
                const int64_t source = (line * from + t.first + j) * step;
                const float *px = x + (op->resample.turned ? row : source);
                float *py = y + (op->resample.turned ? source : row);
                for (int64_t k = 0; k < step; k++)
                    py[k] += t.weight[j] * px[k];
            }
    }
}

static void resample_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need,
                         ggdm_val *gin)
{
    (void)need;
    ggdm_op bwd = ggdm_op_make(op->kind, gy, -1, -1, -1);
    bwd.resample = op->resample;
    bwd.resample.turned = true;
    gin[0] = emit(g, bwd, *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_resample = {
    .name = "resample", .run_image = resample_run, .vjp = resample_vjp};

ggdm_val ggdm_resample(ggdm_graph *g, ggdm_val x, int height, int width, ggdm_resample_form form)
{
    const ggdm_value *v = ggdm_graph_check(g, "resample", "x", x, 4);
    if (!v)
        return -1;
    ggdm_shape shape = v->shape;
    const int size[] = {height, width};
    for (int i = 0; i < 2; i++)
        if (size[i] < 1 || shape.d[1 + i] > (int64_t)size[i] * GGDM_RESAMPLE_SHRINK)
            return ggdm_graph_fail(g, GGDM_EINVAL,
                                   "resample: %lldx%lld to %dx%d, expected no less than a part in "
                                   "%d",
                                   (long long)shape.d[1], (long long)shape.d[2], height, width,
                                   GGDM_RESAMPLE_SHRINK);
    x = ggdm_graph_f32(g, x);
    for (int axis = 2; axis >= 1; axis--) {
        if (shape.d[axis] == size[axis - 1])
            continue;
        ggdm_op op = ggdm_op_make(&kind_resample, x, -1, -1, -1);
        op.resample.form = form;
        op.resample.axis = axis;
        op.resample.turned = false;
        shape.d[axis] = size[axis - 1];
        x = emit(g, op, shape);
        if (form == GGDM_RESAMPLE_PIL_HELD)
            x = ggdm_clamp(g, x, -1, 1);
    }
    return x;
}

/* ---- windows ---- */

/* The square of an image [h, w] that its window (side, top, left) names. */
typedef struct square {
    int64_t side, top, left;
} square;

/* floor(share times n), of 0 ... n - 1. */
static int64_t part(float share, int64_t n)
{
    if (!(share > 0.0f))
        return 0;
    return share < 1.0f ? (int64_t)((double)share * (double)n) : n - 1;
}

static square square_of(const float *window, int64_t h, int64_t w, int64_t size)
{
    const int64_t most = h < w ? h : w, least = size < most ? size : most;
    const int64_t side = least + part(window[0], most - least + 1);
    return (square){side, part(window[1], h - side + 1), part(window[2], w - side + 1)};
}

/* The pixels that pixel i of size is the mean of. */
static void span_of(int64_t i, int64_t side, int64_t size, int64_t *from, int64_t *to)
{
    *from = i * side / size;
    *to = ((i + 1) * side + size - 1) / size;
}

/* Of pixel (i, j) of the result: its pixels in the image, as rows [top, bottom) and columns [left,
 * right). */
typedef struct area {
    int64_t top, bottom, left, right;
} area;

static area area_of(const square *s, int64_t i, int64_t j, int64_t size)
{
    area a;
    span_of(i, s->side, size, &a.top, &a.bottom);
    span_of(j, s->side, size, &a.left, &a.right);
    return (area){a.top + s->top, a.bottom + s->top, a.left + s->left, a.right + s->left};
}

static float share_of_mean(const area *a)
{
    return 1.0f / (float)((a->bottom - a->top) * (a->right - a->left));
}

/* in x, window */
static void crop_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *in = ggdm_in(g, op, 0), *out = ggdm_out(g, op, 0);
    const int64_t w = in->shape.d[2], c = in->shape.d[3], size = out->shape.d[1];
    const square s = square_of(ggdm_f32_image(ggdm_in(g, op, 1), n), in->shape.d[1], w, size);
    const float *x = ggdm_f32_image(in, n);
    float *y = ggdm_f32_image(out, n);
    for (int64_t at = 0; at < size * size; at++, y += c) {
        const area a = area_of(&s, at / size, at % size, size);
        for (int64_t k = 0; k < c; k++) {
            float sum = 0;
            for (int64_t i = a.top; i < a.bottom; i++)
                for (int64_t j = a.left; j < a.right; j++)
                    sum += x[(i * w + j) * c + k];
            y[k] = share_of_mean(&a) * sum;
        }
    }
}

/* in gy, window */
static void crop_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    const ggdm_value *in = ggdm_in(g, op, 0), *out = ggdm_out(g, op, 0);
    const int64_t w = out->shape.d[2], c = out->shape.d[3], size = in->shape.d[1];
    const square s = square_of(ggdm_f32_image(ggdm_in(g, op, 1), n), out->shape.d[1], w, size);
    const float *gy = ggdm_f32_image(in, n);
    float *gx = ggdm_f32_image(out, n);
    memset(gx, 0, sizeof *gx * (size_t)ggdm_shape_inner(&out->shape));
    for (int64_t at = 0; at < size * size; at++, gy += c) {
        const area a = area_of(&s, at / size, at % size, size);
        for (int64_t i = a.top; i < a.bottom; i++)
            for (int64_t j = a.left; j < a.right; j++)
                for (int64_t k = 0; k < c; k++)
                    gx[(i * w + j) * c + k] += share_of_mean(&a) * gy[k];
    }
}

static const ggdm_op_kind kind_crop_bwd = {.name = "crop_backward", .run_image = crop_bwd_run};

static void crop_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    if (need[0])
        gin[0] = emit(g, ggdm_op_make(&kind_crop_bwd, gy, op->in[1], -1, -1),
                      *ggdm_graph_shape(g, op->in[0]));
}

static const ggdm_op_kind kind_crop = {.name = "crop", .run_image = crop_run, .vjp = crop_vjp};

ggdm_val ggdm_crop(ggdm_graph *g, ggdm_val x, ggdm_val window, int size)
{
    const ggdm_value *vx = ggdm_graph_check(g, "crop", "x", x, 4);
    const ggdm_value *vw = ggdm_graph_check(g, "crop", "window", window, 2);
    if (!vx || !vw)
        return -1;
    const ggdm_shape s = vx->shape;
    if (vw->shape.d[0] != s.d[0] || vw->shape.d[1] != 3)
        return ggdm_graph_fail(g, GGDM_ESHAPE, "crop: window [%lld, %lld], expected [%lld, 3]",
                               (long long)vw->shape.d[0], (long long)vw->shape.d[1],
                               (long long)s.d[0]);
    if (size < 1)
        return ggdm_graph_fail(g, GGDM_EINVAL, "crop: size %d, expected 1 or more", size);
    return emit(g, ggdm_op_make(&kind_crop, ggdm_graph_f32(g, x), window, -1, -1),
                GGDM_SHAPE4(s.d[0], size, size, s.d[3]));
}
