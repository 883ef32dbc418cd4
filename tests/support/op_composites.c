/* Values used more than once: their gradients must be sums over all uses.  Written as rows, so that
 * the comparison, the gradient check and the invariance test take them like single ops.
 * Magnitudes are those of models/nn/ref.h, propagated: an inner value's magnitude takes its place
 * as the input of the outer op's absolute form. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/op_case.h"

#define REF(name)                                                                                  \
    static int64_t ref_##name(const ggdm_op_config *cfg, const ggdm_shape *shape,                  \
                              const double *const *in, double *y, double *mag)
#define EMIT(name)                                                                                 \
    static ggdm_val emit_##name(ggdm_graph *g, const ggdm_op_config *cfg, const ggdm_val *in)

static double *array(ggdm_shape s)
{
    return ggdm_test_alloc((size_t)ggdm_shape_count(&s), sizeof(double));
}

static double *absolute(const double *x, ggdm_shape s)
{
    double *a = array(s);
    for (int64_t i = 0; i < ggdm_shape_count(&s); i++)
        a[i] = fabs(x[i]);
    return a;
}

/* A linear op f(x, w) without bias applied to x with magnitude m: y, and |f|(m, |w|) added to mag.
 */
static int64_t outer(ggdm_ref_fn *f, const ggdm_op_config *cfg, ggdm_shape xs, ggdm_shape ws,
                     const double *x, const double *m, const double *w, double *y, double *mag)
{
    const ggdm_shape shape[3] = {xs, ws, {0, {1, 1, 1, 1}}};
    const double *plain[3] = {x, w, NULL};
    double *abs_w = absolute(w, ws);
    const double *magnitudes[3] = {m, abs_w, NULL};
    const int64_t k = f(cfg, shape, plain, y, NULL);
    if (mag)
        f(cfg, shape, magnitudes, mag, NULL);
    free(abs_w);
    return k;
}

/* x + silu(x) */
REF(x_plus_silu)
{
    ggdm_ref_silu(cfg, shape, in, y, mag);
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        y[i] += in[0][i];
        if (mag)
            mag[i] += fabs(in[0][i]) + fabs(y[i]);
    }
    return 3;
}
EMIT(x_plus_silu)
{
    (void)cfg;
    return ggdm_add(g, in[0], ggdm_silu(g, in[0]));
}

/* x + x */
REF(x_plus_x)
{
    const ggdm_shape twice[2] = {shape[0], shape[0]};
    const double *both[2] = {in[0], in[0]};
    return ggdm_ref_add(cfg, twice, both, y, mag);
}
EMIT(x_plus_x)
{
    (void)cfg;
    return ggdm_add(g, in[0], in[0]);
}

/* concat(x, x) */
static ggdm_shape shape_concat_twice(const ggdm_op_config *cfg, const ggdm_shape *shape)
{
    const ggdm_shape twice[2] = {shape[0], shape[0]};
    return ggdm_ref_shape_concat(cfg, twice);
}
REF(concat_twice)
{
    const ggdm_shape twice[2] = {shape[0], shape[0]};
    const double *both[2] = {in[0], in[0]};
    return ggdm_ref_concat(cfg, twice, both, y, mag);
}
EMIT(concat_twice)
{
    (void)cfg;
    return ggdm_concat(g, in[0], in[0]);
}

/* attention(x, x, x) */
REF(self_attention)
{
    const ggdm_shape thrice[4] = {shape[0], shape[0], shape[0]};
    const double *all[4] = {in[0], in[0], in[0]};
    return ggdm_ref_attention(cfg, thrice, all, y, mag);
}
EMIT(self_attention)
{
    return ggdm_attention(g, in[0], in[0], in[0], -1, cfg->heads);
}

/* conv(conv(x, w), w): one parameter in two places */
REF(conv_twice)
{
    const ggdm_shape none = {0, {1, 1, 1, 1}}, s[3] = {shape[0], shape[1], none};
    const double *first[3] = {in[0], in[1], NULL};
    double *h = array(shape[0]), *m = array(shape[0]);
    int64_t k = ggdm_ref_conv2d(cfg, s, first, h, m);
    k += outer(ggdm_ref_conv2d, cfg, shape[0], shape[1], h, m, in[1], y, mag);
    free(h);
    free(m);
    return k;
}
EMIT(conv_twice)
{
    ggdm_val h = ggdm_conv2d(g, in[0], in[1], -1, cfg->conv);
    return ggdm_conv2d(g, h, in[1], -1, cfg->conv);
}

/* A residual block: x + conv(silu(norm(x)), w) */
REF(residual)
{
    double *h = array(shape[0]), *m = array(shape[0]);
    int64_t k = ggdm_ref_group_norm(cfg, shape, in, h, m);
    k += outer(ggdm_ref_conv2d, cfg, shape[0], shape[3], h, m, in[3], y, mag);
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        y[i] += in[0][i];
        if (mag)
            mag[i] += fabs(in[0][i]) + fabs(y[i]);
    }
    free(h);
    free(m);
    return k;
}
EMIT(residual)
{
    ggdm_val h = ggdm_group_norm(g, in[0], in[1], in[2], cfg->groups, cfg->eps, cfg->silu);
    return ggdm_add(g, in[0], ggdm_conv2d(g, h, in[3], -1, cfg->conv));
}

/* A skip connection: concat(x, upsample(avg_pool(x))) */
REF(skip)
{
    ggdm_shape small = ggdm_ref_shape_pool(cfg, shape);
    double *p = array(small), *pm = array(small), *u = array(shape[0]), *um = array(shape[0]);
    const double *pooled[1] = {p}, *pooled_mag[1] = {pm}, *parts[2] = {in[0], u};
    const ggdm_shape twice[2] = {shape[0], shape[0]};
    const int64_t k = ggdm_ref_avg_pool(cfg, shape, in, p, pm);
    const int64_t c = shape[0].d[3];
    ggdm_ref_upsample2(cfg, &small, pooled, u, NULL);
    ggdm_ref_upsample2(cfg, &small, pooled_mag, um, NULL);
    ggdm_ref_concat(cfg, twice, parts, y, mag);
    for (int64_t i = 0; mag && i < ggdm_shape_count(&shape[0]); i++)
        mag[i / c * 2 * c + c + i % c] += um[i];
    free(p);
    free(pm);
    free(u);
    free(um);
    return k;
}
EMIT(skip)
{
    return ggdm_concat(g, in[0], ggdm_upsample2(g, ggdm_avg_pool(g, in[0], cfg->k)));
}

/* Two labels for each image, as classifier-free guidance has them: 3 silu(v_1) - 2 silu(v_0), where
 * v_0 and v_1 are 2 x + the embeddings of the image's two labels. */
REF(two_labels)
{
    const int64_t width = shape[1].d[1], count = ggdm_shape_count(&shape[0]) / shape[0].d[0];
    const ggdm_shape one = GGDM_SHAPE1(1);
    for (int64_t i = 0; i < ggdm_shape_count(&shape[0]); i++) {
        double sum = 0, magnitude = 0;
        for (int64_t which = 0; which < 2; which++) {
            const double e = in[1][(int64_t)in[2][2 * (i / count) + which] * width + i % width];
            const double v = 2 * in[0][i] + e, w = which ? 3 : -2, *silu_in[1] = {&v};
            double s, m;
            ggdm_ref_silu(cfg, &one, silu_in, &s, &m);
            sum += w * s;
            /* an error of v counts at most 1.1 times, the largest derivative of SiLU */
            magnitude += fabs(w) * (m + 1.1 * (fabs(2 * in[0][i]) + fabs(e)));
        }
        y[i] = sum;
        if (mag)
            mag[i] = magnitude;
    }
    return 5;
}
EMIT(two_labels)
{
    (void)cfg;
    ggdm_val x = ggdm_repeat(g, ggdm_affine(g, in[0], 2, 0), 2);
    ggdm_val h = ggdm_silu(g, ggdm_add_embedding(g, x, ggdm_embedding(g, in[1], in[2])));
    return ggdm_add(g, ggdm_affine(g, ggdm_split(g, h, 2, 1), 3, 0),
                    ggdm_affine(g, ggdm_split(g, h, 2, 0), -2, 0));
}

/* A whole classifier: nll(log_softmax(linear(mean(relu(conv(x, w))), w2)), target) */
REF(classifier)
{
    const ggdm_shape none = {0, {1, 1, 1, 1}}, conv_shape[3] = {shape[0], shape[1], none};
    const double *conv_in[3] = {in[0], in[1], NULL};
    const ggdm_shape hs = ggdm_ref_shape_conv2d(cfg, conv_shape);
    const ggdm_shape gs = GGDM_SHAPE2(hs.d[0], hs.d[3]), ls = GGDM_SHAPE2(hs.d[0], shape[2].d[0]);
    double *h = array(hs), *hm = array(hs), *r = array(hs), *p = array(gs), *pm = array(gs),
           *l = array(ls), *lm = array(ls), *logp = array(ls), *logp_mag = array(ls);
    const double *hv[1] = {h}, *rv[1] = {r}, *hmv[1] = {hm}, *lv[1] = {l}, *nv[2] = {logp, in[3]};
    int64_t k = ggdm_ref_conv2d(cfg, conv_shape, conv_in, h, hm);
    ggdm_ref_relu(cfg, &hs, hv, r, NULL);
    k += ggdm_ref_global_avg_pool(cfg, &hs, rv, p, NULL);
    ggdm_ref_global_avg_pool(cfg, &hs, hmv, pm, NULL);
    k += outer(ggdm_ref_linear, cfg, gs, shape[2], p, pm, in[2], l, lm);
    k += ggdm_ref_log_softmax(cfg, &ls, lv, logp, logp_mag);
    ggdm_ref_nll(cfg, &ls, nv, y, mag);
    for (int64_t n = 0; mag && n < ls.d[0]; n++) {
        double largest = 0;
        for (int64_t c = 0; c < ls.d[1]; c++)
            largest = fmax(largest, lm[n * ls.d[1] + c]);
        mag[n] += 2 * largest + logp_mag[n * ls.d[1] + (int64_t)in[3][n]];
    }
    double *all[] = {h, hm, r, p, pm, l, lm, logp, logp_mag};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    return k;
}
EMIT(classifier)
{
    ggdm_val h = ggdm_relu(g, ggdm_conv2d(g, in[0], in[1], -1, cfg->conv));
    ggdm_val l = ggdm_linear(g, ggdm_global_avg_pool(g, h), in[2], -1);
    return ggdm_nll(g, ggdm_log_softmax(g, l), in[3]);
}

/* clang-format off */
#define X {"x", GGDM_ROLE_ACT, GGDM_FILL_NORMAL}
#define PARAM(name) {name, GGDM_ROLE_PARAM, GGDM_FILL_NORMAL}
#define ENTRY(name, rule, bf16, ...) \
    static const ggdm_op_entry name = {#name, {__VA_ARGS__}, rule, ref_##name, emit_##name, 17, bf16};
ENTRY(x_plus_silu,    ggdm_ref_shape_same, 2, X)
ENTRY(x_plus_x,       ggdm_ref_shape_same, 1, X)
ENTRY(concat_twice,   shape_concat_twice, 1,  X)
ENTRY(self_attention, ggdm_ref_shape_same, 5, X)
ENTRY(conv_twice,     ggdm_ref_shape_same, 2, X, PARAM("w"))
ENTRY(residual,       ggdm_ref_shape_same, 4, X, PARAM("gamma"), PARAM("beta"), PARAM("w"))
ENTRY(skip,           shape_concat_twice, 2,  X)
ENTRY(two_labels,     ggdm_ref_shape_same, 6, X, PARAM("table"),
      {"label", GGDM_ROLE_INDEX, GGDM_FILL_INDEX})
ENTRY(classifier,     ggdm_ref_shape_per_image, 2, X, PARAM("w"), PARAM("w2"),
      {"target", GGDM_ROLE_INDEX, GGDM_FILL_INDEX})

#define IMG(h, w, c) {4, {GGDM_BATCH, h, w, c}}
#define SAME3 {1, 1, 1, 1, 1}
const ggdm_op_row ggdm_composite_rows[] = {
    {"use twice: x + silu(x)", &x_plus_silu, 2, {IMG(5, 3, 7)}, {.k = 0}, 0, 0, 0},
    {"use twice: x + x", &x_plus_x, 2, {IMG(5, 3, 7)}, {.k = 0}, 0, 0, 0},
    {"use twice: concat(x, x)", &concat_twice, 2, {IMG(5, 3, 7)}, {.k = 0}, 0, 0, 0},
    {"use thrice: attention(x, x, x)", &self_attention, 2, {IMG(3, 3, 8)}, {.heads = {2}}, 0, 0, 0},
    {"parameter twice: conv(conv(x, w), w)", &conv_twice, 2,
     {IMG(6, 5, 8), {4, {8, 8, 3, 3}}}, {.conv = SAME3}, 0, 0, 0},
    {"residual: x + conv(silu(norm(x)))", &residual, 2,
     {IMG(6, 5, 8), {1, {8, 1, 1, 1}}, {1, {8, 1, 1, 1}}, {4, {8, 8, 3, 3}}},
     {.conv = SAME3, .groups = 4, .eps = 1e-5, .silu = true}, 0, 0, 0},
    {"skip: concat(x, upsample(pool(x)))", &skip, 2, {IMG(6, 4, 5)}, {.k = 2}, 0, 0, 0},
    {"two labels: 3 silu(2x + e_1) - 2 silu(2x + e_0)", &two_labels, 3,
     {IMG(5, 3, 7), {2, {10, 7, 1, 1}}, {1, {GGDM_BATCHES(2), 1, 1, 1}}}, {.k = 0}, 0, 0, 10},
    {"classifier: nll(log_softmax(linear(mean(relu(conv)))))", &classifier, 3,
     {IMG(7, 6, 3), {4, {8, 3, 3, 3}}, {2, {10, 8, 1, 1}}, {1, {GGDM_BATCH, 1, 1, 1}}},
     {.conv = SAME3}, 0, 0, 10},
};
/* clang-format on */

const size_t ggdm_composite_n_rows = sizeof ggdm_composite_rows / sizeof ggdm_composite_rows[0];
