/* What the terms of a guidance emit: losses, their gradients, and where these take effect
 * (docs/GUIDANCE.md, "Where a gradient is applied").
 *
 * Plain terms with equal gradient and place are a group: their losses are summed, and one backward
 * pass serves them all.  A term whose gradient is scaled or clipped has a pass of its own. */
#include <math.h>

#include "models/nn/ops.h"
#include "worker/guidance/terms.h"

#define MIN_LENGTH 1e-19 /* of a gradient: the square of less is no f32 */

/* What a gradient is multiplied by in a step, by where it is applied. */
static const ggdm_number numbers[GGDM_N_APPLIED] = {
    [GGDM_APPLY_PREVIOUS] = GGDM_NUMBER_ONE,  [GGDM_APPLY_CURRENT] = GGDM_NUMBER_CURRENT,
    [GGDM_APPLY_MEAN] = GGDM_NUMBER_VARIANCE, [GGDM_APPLY_EPS] = GGDM_NUMBER_NOISE,
    [GGDM_APPLY_X0] = GGDM_NUMBER_MINUS,      [GGDM_APPLY_X0_EPS] = GGDM_NUMBER_MINUS};

static ggdm_gradient gradient_of(const ggdm_item *t)
{
    return (ggdm_gradient)ggdm_item_whole(t, "gradient");
}

static bool is_plain(const ggdm_item *t)
{
    return ggdm_item_whole(t, "norm") == GGDM_NORM_NONE && !ggdm_item_value(t, "clip")->set;
}

/* Is the gradient one at x0-hat that x0_x makes one at x_t?  Where it is scaled, it is multiplied
 * before, so that its length is that at x_t. */
static bool is_through_x0(const ggdm_item *t)
{
    return gradient_of(t) == GGDM_XT_AFFINE && is_plain(t);
}

/* The weight of a term as a number of the graph, times one of the step. */
static ggdm_val weight_of(ggdm_emit *e, const ggdm_item *t, ggdm_number number)
{
    return ggdm_emit_scaled(e, t, "weight",
                            (ggdm_scale){.schedule = (ggdm_schedule)ggdm_item_whole(t, "schedule"),
                                         .number = number,
                                         .through_x0 = is_through_x0(t)});
}

/* The same without a number of the step. */
static ggdm_val weight_alone(ggdm_emit *e, const ggdm_item *t)
{
    return ggdm_emit_scaled(
        e, t, "weight", (ggdm_scale){.schedule = (ggdm_schedule)ggdm_item_whole(t, "schedule")});
}

/* a + b, images; either may be -1: none. */
static ggdm_val plus(ggdm_emit *e, ggdm_val a, ggdm_val b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return ggdm_lincomb(e->graph, a, b, ggdm_emit_ones(e), ggdm_emit_ones(e));
}

/* ---- losses -------------------------------------------------------------------------------- */

/* The mean over samples of an image, of exp(-loss) or of the loss: [N * samples] -> [N]. */
static ggdm_val mean_of_samples(ggdm_emit *e, const ggdm_item *smoothing, ggdm_val losses)
{
    ggdm_graph *g = e->graph;
    const int32_t n = (int32_t)ggdm_item_whole(smoothing, "samples");
    if (ggdm_item_whole(smoothing, "mean") == GGDM_MEAN_LOSS) {
        e->copies = n;
        ggdm_val shares = ggdm_emit_number(e, 1.0 / n);
        e->copies = 1;
        return ggdm_dot(g, ggdm_join(g, losses, n), ggdm_join(g, shares, n));
    }
    ggdm_val minus = ggdm_emit_number(e, -1);
    ggdm_val sum = ggdm_log_sum_exp(g, ggdm_scale_rows(g, ggdm_join(g, losses, n), minus));
    return ggdm_lincomb(g, sum, ggdm_emit_ones(e), minus, ggdm_emit_number(e, log(n)));
}

/* The loss around an image. */
static ggdm_val smoothed_loss(ggdm_emit *e, const ggdm_item *t, const ggdm_item *smoothing,
                              ggdm_val image)
{
    const int32_t n = (int32_t)ggdm_item_whole(smoothing, "samples");
    const ggdm_scale scale = {.schedule = (ggdm_schedule)ggdm_item_whole(smoothing, "schedule")};
    ggdm_val noise = ggdm_emit_noise(e, n);
    ggdm_val around = ggdm_repeat(e->graph, image, n);
    e->copies = n;
    ggdm_val deviation = ggdm_emit_scaled(e, smoothing, "deviation", scale);
    around = ggdm_lincomb(e->graph, around, noise, ggdm_emit_ones(e), deviation);
    ggdm_val losses = ggdm_emit_loss(e, ggdm_item_child(t, "loss"), around);
    e->copies = 1;
    return mean_of_samples(e, smoothing, losses);
}

/* An estimate of the image within the range of images, if the term says so. */
static ggdm_val clamped(ggdm_emit *e, const ggdm_item *t, ggdm_val x0)
{
    return ggdm_item_flag(t, "clamp") ? ggdm_clamp(e->graph, x0, -1, 1) : x0;
}

/* The loss of a term, smoothed or not, at an image -> [N]. */
static ggdm_val loss_near(ggdm_emit *e, const ggdm_item *t, ggdm_val image)
{
    const ggdm_item *smoothing = ggdm_item_child(t, "smoothing");
    return smoothing ? smoothed_loss(e, t, smoothing, image)
                     : ggdm_emit_loss(e, ggdm_item_child(t, "loss"), image);
}

/* The loss of a term at an estimate of the image (of a term at xt: at x_t) -> [N]. */
static ggdm_val loss_at(ggdm_emit *e, const ggdm_item *t, ggdm_val x0)
{
    e->noisy = ggdm_item_whole(t, "at") == GGDM_AT_XT;
    ggdm_val loss = loss_near(e, t, e->noisy ? e->x : clamped(e, t, x0));
    e->noisy = false;
    return loss;
}

/* ---- gradients ----------------------------------------------------------------------------- */

/* xt-full goes through the network too; xt-affine and x0 end at x0-hat, and the former is
 * multiplied by x0_x. */
static ggdm_val backward(ggdm_emit *e, ggdm_gradient gradient, ggdm_val loss)
{
    ggdm_val wrt = gradient == GGDM_XT_FULL ? e->x : e->x0_first, grad = -1;
    ggdm_graph_backward(e->graph, loss, ggdm_emit_ones(e), 1, &wrt, &grad);
    return grad;
}

static ggdm_val length_of(ggdm_emit *e, ggdm_val v)
{
    return ggdm_sqrt(e->graph, ggdm_dot(e->graph, v, v));
}

/* What an image's gradient g is multiplied by so that it is as long as the term says -> [N].  It is
 * finite: none stays none. */
static ggdm_val length_factor(ggdm_emit *e, const ggdm_item *t, ggdm_val g)
{
    const ggdm_shape *shape = ggdm_graph_shape(e->graph, g);
    const double root = sqrt((double)(ggdm_shape_count(shape) / e->batch));
    ggdm_val length = ggdm_clamp(e->graph, length_of(e, g), MIN_LENGTH, INFINITY), wanted;
    switch (ggdm_item_whole(t, "norm")) {
    case GGDM_NORM_EPS:
        wanted = length_of(e, e->eps);
        break;
    case GGDM_NORM_RMS:
        wanted = ggdm_emit_number(e, root);
        break;
    case GGDM_NORM_UNIT:
        wanted = ggdm_emit_ones(e);
        break;
    default:
        wanted = length;
    }
    if (ggdm_item_value(t, "clip")->set)
        wanted = ggdm_clamp(e->graph, wanted, 0, ggdm_item_real(t, "clip") * root);
    return ggdm_div(e->graph, wanted, length);
}

/* The gradient of a term whose gradient is scaled. */
static ggdm_val scaled_gradient(ggdm_emit *e, const ggdm_item *t, ggdm_val grad)
{
    if (gradient_of(t) == GGDM_XT_AFFINE)
        grad = ggdm_scale_rows(e->graph, grad, e->x0_x);
    return ggdm_scale_rows(e->graph, grad, length_factor(e, t, grad));
}

/* Is the term of the group of plain terms with this gradient, applied here? */
static bool is_of(const ggdm_item *t, ggdm_apply apply, ggdm_gradient gradient)
{
    return is_plain(t) && ggdm_item_whole(t, "apply") == apply && gradient_of(t) == gradient;
}

/* ---- for whoever looks ---------------------------------------------------------------------- */

/* A term by itself: the gradient has nothing in it. */
static void show(ggdm_emit *e, const ggdm_item *terms, const ggdm_item *t, ggdm_val loss,
                 ggdm_val grad)
{
    int32_t k = 0;
    for (const ggdm_item *at = terms; at != t; at = at->next)
        k++;
    ggdm_emit_term(e, k, loss, grad, NULL, NULL, (ggdm_scale){0});
}

/* A group, with the losses of its terms by their place among all; inside: each loss was multiplied
 * by this number of the step and by its term's weight. */
static void show_group(ggdm_emit *e, const ggdm_item *terms, ggdm_apply apply,
                       ggdm_gradient gradient, const ggdm_val *losses, ggdm_val grad, bool inside)
{
    const bool affine = gradient == GGDM_XT_AFFINE;
    int32_t n = 0, k = 0;
    for (const ggdm_item *t = terms; t; t = t->next)
        n += is_of(t, apply, gradient);
    for (const ggdm_item *t = terms; t; t = t->next, k++) {
        ggdm_scale scale = {.number = numbers[apply], .through_x0 = affine};
        const bool alone = inside && n == 1;
        if (alone)
            scale.schedule = (ggdm_schedule)ggdm_item_whole(t, "schedule");
        if (is_of(t, apply, gradient))
            ggdm_emit_term(e, k, losses[k], grad, t, alone ? "weight" : NULL,
                           inside ? scale : (ggdm_scale){0});
    }
}

/* ---- what the walk subtracts ---------------------------------------------------------------- */

static void emit_shift(ggdm_emit *e, const ggdm_item *t, ggdm_val loss, ggdm_val grad)
{
    const ggdm_scale scale = {.schedule = (ggdm_schedule)ggdm_item_whole(t, "schedule"),
                              .number = numbers[ggdm_item_whole(t, "apply")],
                              .through_x0 = is_through_x0(t)};
    ggdm_emit_shift(e, loss, grad, t, "weight", scale);
}

/* The shift of a group.  One term alone is left unscaled: its weight is applied by the walk, in the
 * step's own arithmetic. */
static void emit_group(ggdm_emit *e, const ggdm_item *terms, ggdm_apply apply,
                       ggdm_gradient gradient)
{
    const ggdm_item *first = NULL;
    ggdm_val sum = -1, grad, losses[GGDM_MAX_TERMS];
    int32_t n = 0, k = 0;
    for (const ggdm_item *t = terms; t; t = t->next, k++) {
        if (!is_of(t, apply, gradient))
            continue;
        ggdm_val loss = losses[k] = loss_at(e, t, e->x0_first);
        if (n == 0)
            first = t;
        else
            sum = ggdm_lincomb(e->graph, sum, loss,
                               n == 1 ? weight_alone(e, first) : ggdm_emit_ones(e),
                               weight_alone(e, t));
        if (n++ == 0)
            sum = loss;
    }
    if (n == 0)
        return;
    grad = backward(e, gradient, sum);
    show_group(e, terms, apply, gradient, losses, grad, false);
    if (n == 1)
        emit_shift(e, first, sum, grad);
    else
        ggdm_emit_shift(
            e, sum, grad, NULL, NULL,
            (ggdm_scale){.number = numbers[apply], .through_x0 = gradient == GGDM_XT_AFFINE});
}

static void emit_shifts(ggdm_emit *e, const ggdm_item *terms)
{
    for (int a = GGDM_APPLY_PREVIOUS; a <= GGDM_APPLY_MEAN; a++)
        for (int g = 0; g < GGDM_N_GRADIENTS; g++)
            emit_group(e, terms, (ggdm_apply)a, (ggdm_gradient)g);
    for (const ggdm_item *t = terms; t; t = t->next) {
        if (is_plain(t) || ggdm_item_whole(t, "apply") > GGDM_APPLY_MEAN)
            continue;
        ggdm_val loss = loss_at(e, t, e->x0_first), grad = backward(e, gradient_of(t), loss);
        show(e, terms, t, loss, grad);
        emit_shift(e, t, loss, scaled_gradient(e, t, grad));
    }
}

/* ---- what moves eps and x0-hat --------------------------------------------------------------- */

/* The sum of the weighted gradients of terms applied here, which are taken at the first x0-hat; -1:
 * there are none. */
static ggdm_val sum_of_gradients(ggdm_emit *e, const ggdm_item *terms, ggdm_apply apply,
                                 ggdm_gradient gradient)
{
    ggdm_val sum = -1, of_scaled = -1, losses[GGDM_MAX_TERMS];
    int32_t k = 0;
    for (const ggdm_item *t = terms; t; t = t->next, k++) {
        if (ggdm_item_whole(t, "apply") != apply || gradient_of(t) != gradient)
            continue;
        ggdm_val loss = losses[k] = loss_at(e, t, e->x0_first);
        ggdm_val weight = weight_of(e, t, numbers[apply]);
        if (!is_plain(t)) {
            ggdm_val grad = backward(e, gradient, loss);
            show(e, terms, t, loss, grad);
            of_scaled =
                plus(e, of_scaled, ggdm_scale_rows(e->graph, scaled_gradient(e, t, grad), weight));
        } else if (sum < 0) {
            sum = ggdm_lincomb(e->graph, loss, loss, weight, ggdm_emit_zeros(e));
        } else {
            sum = ggdm_lincomb(e->graph, sum, loss, ggdm_emit_ones(e), weight);
        }
    }
    ggdm_val grad = sum < 0 ? -1 : backward(e, gradient, sum);
    show_group(e, terms, apply, gradient, losses, grad, true);
    return plus(e, grad, of_scaled);
}

/* Down the loss from x0-hat, clamped or not: the way that it goes. */
static ggdm_val descend(ggdm_emit *e, const ggdm_item *terms, const ggdm_item *t)
{
    const int64_t iterations = ggdm_item_whole(t, "iterations");
    const ggdm_val from = clamped(e, t, e->x0);
    ggdm_val way = -1, weight = weight_of(e, t, GGDM_NUMBER_MINUS);
    for (int64_t i = 0; i < iterations; i++) {
        ggdm_val at = plus(e, from, way), grad = -1;
        ggdm_val loss = loss_near(e, t, at);
        ggdm_graph_backward(e->graph, loss, ggdm_emit_ones(e), 1, &at, &grad);
        if (i == 0)
            show(e, terms, t, loss, grad);
        if (!is_plain(t))
            grad = scaled_gradient(e, t, grad);
        way = plus(e, way, ggdm_scale_rows(e->graph, grad, weight));
    }
    return way;
}

/* By how much terms applied here change x0-hat; -1: not. */
static ggdm_val change_of_x0(ggdm_emit *e, const ggdm_item *terms, ggdm_apply apply)
{
    ggdm_val sum = plus(e, sum_of_gradients(e, terms, apply, GGDM_XT_FULL),
                        sum_of_gradients(e, terms, apply, GGDM_XT_AFFINE));
    for (const ggdm_item *t = terms; t; t = t->next)
        if (ggdm_item_whole(t, "apply") == apply && gradient_of(t) == GGDM_X0)
            sum = plus(e, sum, descend(e, terms, t));
    return sum;
}

/* eps + change, and x0-hat of that. */
static void move_eps(ggdm_emit *e, ggdm_val change)
{
    e->eps = plus(e, e->eps, change);
    e->x0 = ggdm_lincomb(e->graph, e->x, e->eps, e->x0_x, e->x0_eps);
}

void ggdm_emit_guidance(ggdm_emit *e, const ggdm_item *guidance)
{
    const ggdm_item *terms = ggdm_item_child(guidance, "terms");
    ggdm_emit_eps(e, ggdm_item_child(guidance, "eps"));
    if (e->status != GGDM_OK)
        return;
    ggdm_val of_eps = -1;
    for (int g = 0; g < GGDM_N_GRADIENTS; g++)
        of_eps = plus(e, of_eps, sum_of_gradients(e, terms, GGDM_APPLY_EPS, (ggdm_gradient)g));
    if (of_eps >= 0)
        move_eps(e, of_eps);
    ggdm_val with_eps = change_of_x0(e, terms, GGDM_APPLY_X0_EPS);
    if (with_eps >= 0)
        move_eps(e, ggdm_scale_rows(e->graph, with_eps,
                                    ggdm_emit_scaled(e, NULL, NULL,
                                                     (ggdm_scale){.number = GGDM_NUMBER_TO_EPS})));
    e->x0_change = change_of_x0(e, terms, GGDM_APPLY_X0);
    emit_shifts(e, terms);
}
