/* The score and the posterior of a mixture of normal distributions at every noise level, in double.
 * Of image n, with a = sqrt(ab), the ops know
 *
 *   v_ki = ab variance_ki + 1 - ab      r_ki = (x_i - a mean_ki) / v_ki      p_k = p(k given x) */
#include <math.h>

#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

/* An image at its level. */
typedef struct place {
    const ggdm_mixture *mix;
    const float *x;
    double ab, a;
    double p[GGDM_MIXTURE_COMPONENTS], logp[GGDM_MIXTURE_COMPONENTS];
} place;

static double variance(const place *at, int k, int64_t i)
{
    return at->ab * at->mix->variance[k * at->mix->size + i] + 1.0 - at->ab;
}

static double pull(const place *at, int k, int64_t i)
{
    return (at->x[i] - at->a * at->mix->mean[k * at->mix->size + i]) / variance(at, k, i);
}

/* sum_k p_k r_ki: minus the gradient of log p */
static double mean_pull(const place *at, int64_t i)
{
    double sum = 0;
    for (int k = 0; k < at->mix->n; k++)
        sum += at->p[k] * pull(at, k, i);
    return sum;
}

static double alpha_bar(const ggdm_mixture *m, const ggdm_value *t, int64_t n)
{
    if (!t)
        return 1.0;
    const float at = rintf(ggdm_f32(t)[n]);
    return m->alpha_bar[at >= (float)m->levels ? m->levels - 1 : at > 0 ? (int32_t)at : 0];
}

/* log p(k given x), by differences to the largest of the joint ones. */
static void fill_logp(place *at)
{
    const ggdm_mixture *m = at->mix;
    double most = -INFINITY, sum = 0;
    for (int k = 0; k < m->n; k++) {
        double l = 0;
        for (int64_t i = 0; i < m->size; i++) {
            const double v = variance(at, k, i), r = pull(at, k, i);
            l += log(v) + r * r * v;
        }
        at->logp[k] = m->log_weight[k] - 0.5 * l;
        most = at->logp[k] > most ? at->logp[k] : most;
    }
    for (int k = 0; k < m->n; k++)
        sum += exp(at->logp[k] - most);
    for (int k = 0; k < m->n; k++)
        at->logp[k] -= most + log(sum);
}

/* Image n of x, t (or NULL) and label (or NULL). */
static void look(place *at, const ggdm_op *op, const ggdm_value *x, const ggdm_value *t,
                 const ggdm_value *label, int64_t n)
{
    at->mix = op->mixture;
    at->x = ggdm_f32_image(x, n);
    at->ab = alpha_bar(at->mix, t, n);
    at->a = sqrt(at->ab);
    const int32_t only = label ? ((const int32_t *)label->data)[n] : -1;
    const bool known = only >= 0 && only < at->mix->n;
    if (!known)
        fill_logp(at);
    for (int k = 0; k < at->mix->n; k++)
        at->p[k] = known ? k == only : exp(at->logp[k]);
}

static double flops(const ggdm_graph *g, const ggdm_op *op)
{
    const double images = (double)ggdm_graph_shape(g, op->in[0])->d[0];
    return 8.0 * images * op->mixture->n * (double)op->mixture->size;
}

static ggdm_val emit(ggdm_graph *g, const ggdm_op_kind *kind, const ggdm_mixture *mixture,
                     ggdm_shape shape, const ggdm_val in[4])
{
    ggdm_op op = ggdm_op_make(kind, in[0], in[1], in[2], in[3]);
    op.mixture = mixture;
    op.out[0] = ggdm_graph_value(g, GGDM_F32, shape);
    return ggdm_graph_emit(g, &op);
}

/* Gradients to x take what the op takes, and gy last. */
static ggdm_val emit_backward(ggdm_graph *g, const ggdm_op_kind *kind, const ggdm_op *op,
                              ggdm_val gy)
{
    return emit(g, kind, op->mixture, *ggdm_graph_shape(g, op->in[0]),
                (ggdm_val[4]){op->in[0], op->in[1], op->in[2], gy});
}

/* ---- eps_i = sqrt(1 - ab) sum_k p_k r_ki ---- */

static void eps_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    place at;
    look(&at, op, ggdm_in(g, op, 0), ggdm_in(g, op, 1), ggdm_in(g, op, 2), n);
    float *y = ggdm_f32_image(ggdm_out(g, op, 0), n);
    for (int64_t i = 0; i < at.mix->size; i++)
        y[i] = (float)(sqrt(1.0 - at.ab) * mean_pull(&at, i));
}

/* gx_i = sqrt(1 - ab) (gy_i sum_k p_k / v_ki + sum_k p_k c_k (mean_i - r_ki)), c_k = <gy, r_k>; of
 * a known component p is constant */
static void eps_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    place at;
    double c[GGDM_MIXTURE_COMPONENTS];
    look(&at, op, ggdm_in(g, op, 0), ggdm_in(g, op, 1), ggdm_in(g, op, 2), n);
    const float *gy = ggdm_f32_image(ggdm_in(g, op, 3), n);
    float *gx = ggdm_f32_image(ggdm_out(g, op, 0), n);
    for (int k = 0; k < at.mix->n; k++) {
        c[k] = 0;
        for (int64_t i = 0; i < at.mix->size; i++)
            c[k] += gy[i] * pull(&at, k, i);
    }
    for (int64_t i = 0; i < at.mix->size; i++) {
        const double mean = mean_pull(&at, i);
        double sum = 0;
        for (int k = 0; k < at.mix->n; k++)
            sum += at.p[k] * (gy[i] / variance(&at, k, i) + c[k] * (mean - pull(&at, k, i)));
        gx[i] = (float)(sqrt(1.0 - at.ab) * sum);
    }
}

static const ggdm_op_kind kind_eps_bwd = {
    .name = "mixture_eps_backward", .run_image = eps_bwd_run, .flops = flops};

static void eps_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    if (need[0])
        gin[0] = emit_backward(g, &kind_eps_bwd, op, gy);
}

static const ggdm_op_kind kind_eps = {
    .name = "mixture_eps", .run_image = eps_run, .vjp = eps_vjp, .flops = flops};

/* ---- log p(k given x): gradient -r_ki + sum_j p_j r_ji ---- */

static void logp_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    place at;
    look(&at, op, ggdm_in(g, op, 0), ggdm_in(g, op, 1), NULL, n);
    float *y = ggdm_f32_image(ggdm_out(g, op, 0), n);
    for (int k = 0; k < at.mix->n; k++)
        y[k] = (float)at.logp[k];
}

static void logp_bwd_run(const ggdm_graph *g, const ggdm_op *op, int64_t n)
{
    place at;
    look(&at, op, ggdm_in(g, op, 0), ggdm_in(g, op, 1), NULL, n);
    const float *gy = ggdm_f32_image(ggdm_in(g, op, 3), n);
    float *gx = ggdm_f32_image(ggdm_out(g, op, 0), n);
    for (int64_t i = 0; i < at.mix->size; i++) {
        const double mean = mean_pull(&at, i);
        double sum = 0;
        for (int k = 0; k < at.mix->n; k++)
            sum += gy[k] * (mean - pull(&at, k, i));
        gx[i] = (float)sum;
    }
}

static const ggdm_op_kind kind_logp_bwd = {
    .name = "mixture_logp_backward", .run_image = logp_bwd_run, .flops = flops};

static void logp_vjp(ggdm_graph *g, const ggdm_op *op, ggdm_val gy, const bool *need, ggdm_val *gin)
{
    if (need[0])
        gin[0] = emit_backward(g, &kind_logp_bwd, op, gy);
}

static const ggdm_op_kind kind_logp = {
    .name = "mixture_logp", .run_image = logp_run, .vjp = logp_vjp, .flops = flops};

/* ---- emission ---- */

/* Are x, and what stands for each image beside it (-1: nothing), as they should be? */
static bool fits(ggdm_graph *g, const char *name, ggdm_val x, ggdm_val t, ggdm_val label,
                 const ggdm_mixture *m)
{
    const ggdm_value *v = ggdm_graph_check(g, name, "x", x, 0);
    if (!v || (t >= 0 && !ggdm_graph_check(g, name, "t", t, 1)) ||
        (label >= 0 && !ggdm_graph_check(g, name, "label", label, 1)))
        return false;
    if (ggdm_shape_inner(&v->shape) != m->size)
        ggdm_graph_fail(g, GGDM_ESHAPE, "%s: x has %lld elements an image, expected %lld", name,
                        (long long)ggdm_shape_inner(&v->shape), (long long)m->size);
    else if (m->n < 1 || m->n > GGDM_MIXTURE_COMPONENTS)
        ggdm_graph_fail(g, GGDM_ESHAPE, "%s: %d components, expected 1 to %d", name, m->n,
                        GGDM_MIXTURE_COMPONENTS);
    else if (t >= 0 && m->levels < 1)
        ggdm_graph_fail(g, GGDM_EINVAL, "%s: no schedule says what noise t stands for", name);
    else
        return true;
    return false;
}

ggdm_val ggdm_mixture_eps(ggdm_graph *g, ggdm_val x, ggdm_val t, ggdm_val label,
                          const ggdm_mixture *mixture)
{
    if (!ggdm_graph_check(g, "mixture_eps", "t", t, 1) ||
        !fits(g, "mixture_eps", x, t, label, mixture))
        return -1;
    x = ggdm_graph_f32(g, x);
    return emit(g, &kind_eps, mixture, *ggdm_graph_shape(g, x), (ggdm_val[4]){x, t, label, -1});
}

ggdm_val ggdm_mixture_logp(ggdm_graph *g, ggdm_val x, ggdm_val t, const ggdm_mixture *mixture)
{
    if (!fits(g, "mixture_logp", x, t, -1, mixture))
        return -1;
    x = ggdm_graph_f32(g, x);
    return emit(g, &kind_logp, mixture, GGDM_SHAPE2(ggdm_graph_shape(g, x)->d[0], mixture->n),
                (ggdm_val[4]){x, t, -1, -1});
}
