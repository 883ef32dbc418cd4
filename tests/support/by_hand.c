#include "tests/support/by_hand.h"

#include <math.h>
#include <string.h>

#include "common/philox.h"
#include "tests/support/ggdm_test.h"
#include "worker/guidance/terms.h"
#include "worker/kinds.h"

enum {
    D = BY_HAND_D,
    STEPS = BY_HAND_STEPS,
    T = BY_HAND_T,
    SEED = BY_HAND_SEED,
    LABEL = BY_HAND_LABEL
};

/* ---- chains -------------------------------------------------------------------------------- */

bool by_hand_is_kind(const ggdm_item *item, const char *name)
{
    return strcmp(item->kind->name, name) == 0;
}

static int timestep(int step)
{
    return (STEPS - 1 - step) * (T / STEPS);
}

static double bar_of_step(const by_hand_tick *k, int step)
{
    return step < STEPS ? k->w->alpha_bar[timestep(step)] : 1;
}

/* Of the evaluation: Heun's second is at the next step's place. */
static int tick_timestep(const by_hand_tick *k)
{
    return timestep(k->step + k->evaluation);
}

static double tick_bar(const by_hand_tick *k)
{
    return bar_of_step(k, k->step + k->evaluation);
}

double by_hand_alpha(const by_hand_tick *k, int step)
{
    return bar_of_step(k, step) / bar_of_step(k, step + 1);
}

static double langevin_eta(const by_hand_tick *k, int step)
{
    return step + 1 == STEPS ? 1 : ggdm_item_real(k->sampler, "eta");
}

/* Sigma of a step as a distribution. */
static double variance_of(const by_hand_tick *k, int step)
{
    const double ab = bar_of_step(k, step), next = bar_of_step(k, step + 1), beta = 1 - ab / next;
    const double posterior = beta * (1 - next) / (1 - ab);
    if (by_hand_is_kind(k->sampler, "ddpm"))
        return strcmp(ggdm_item_text(k->sampler, "variance"), "fixed_large") == 0
                   ? beta
                   : fmax(posterior, 1e-20);
    if (by_hand_is_kind(k->sampler, "ddim"))
        return ggdm_item_real(k->sampler, "eta") * ggdm_item_real(k->sampler, "eta") * posterior;
    if (by_hand_is_kind(k->sampler, "langevin"))
        return sqrt(next / ab) * langevin_eta(k, step) * (1 - ab);
    return 0;
}

/* The variance of its noise, which the last step draws none of. */
static double noise_of(const by_hand_tick *k)
{
    const double v = variance_of(k, k->step);
    if (k->step + 1 == STEPS)
        return 0;
    return by_hand_is_kind(k->sampler, "langevin") ? 2 * v / sqrt(by_hand_alpha(k, k->step)) : v;
}

double by_hand_schedule(const by_hand_tick *k, const char *name)
{
    double increasing = 0, decreasing = 0, largest = 0;
    const double ab = tick_bar(k);
    for (int s = 0; s < STEPS; s++) {
        increasing += by_hand_alpha(k, s) / STEPS;
        decreasing += (1 - by_hand_alpha(k, s)) / STEPS;
        largest = fmax(largest, variance_of(k, s));
    }
    if (strcmp(name, "increasing") == 0)
        return by_hand_alpha(k, k->step) / increasing;
    if (strcmp(name, "decreasing") == 0)
        return (1 - by_hand_alpha(k, k->step)) / decreasing;
    if (strcmp(name, "noise") == 0)
        return sqrt(1 - ab);
    if (strcmp(name, "signal") == 0)
        return sqrt(ab);
    if (strcmp(name, "sigma") == 0)
        return sqrt((1 - ab) / ab);
    if (strcmp(name, "sine") == 0)
        return largest * fmax(0, sin(acos(-1.0) * tick_timestep(k) / T));
    assert_string_equal(name, "constant");
    return 1;
}

void by_hand_normals(const by_hand_tick *k, uint32_t stream, double *out)
{
    float z[D];
    ggdm_normals(SEED, stream, (uint32_t)k->image, (uint32_t)k->step + 1, D, z);
    for (int i = 0; i < D; i++)
        out[i] = (double)z[i];
}

/* ---- losses -------------------------------------------------------------------------------- */

/* A loss with its weight at z, and its gradient there; at xt: z is x_t. */
static double loss_at(const by_hand_tick *k, const ggdm_item *loss, const double *z, bool at_xt,
                      double *g)
{
    double value = 0;
    for (int i = 0; i < D; i++)
        g[i] = 0;
    if (by_hand_is_kind(loss, "classifier")) {
        const bool knows = strcmp(ggdm_item_text(loss, "model"), ggdm_tiny_digests[1]) == 0;
        const double ab = !knows ? 1 : at_xt ? tick_bar(k) : k->w->alpha_bar[0];
        const int target = (int)ggdm_item_whole(loss, "target");
        const bool prob = strcmp(ggdm_item_text(loss, "form"), "prob") == 0;
        double p[GGDM_EXACT_K], slope[D];
        ggdm_exact_posterior(k->w, z, ab, p);
        ggdm_exact_slope(k->w, z, ab, target, slope);
        value = prob ? -p[target] : -log(p[target]);
        for (int i = 0; i < D; i++)
            g[i] = -slope[i] * (prob ? p[target] : 1);
    } else if (by_hand_is_kind(loss, "range")) {
        for (int i = 0; i < D; i++) {
            const double beyond = z[i] - fmax(-1, fmin(1, z[i]));
            value += beyond * beyond / D;
            g[i] = 2 * beyond / D;
        }
    } else if (by_hand_is_kind(loss, "tv")) {
        static const int pairs[4][2] = {{0, 1}, {2, 3}, {0, 2}, {1, 3}};
        for (int i = 0; i < 4; i++) {
            const double d = z[pairs[i][1]] - z[pairs[i][0]];
            value += d * d / D;
            g[pairs[i][1]] += 2 * d / D;
            g[pairs[i][0]] -= 2 * d / D;
        }
    } else {
        assert_string_equal(loss->kind->name, "sum");
        for (const ggdm_item *m = ggdm_item_child(loss, "of"); m; m = m->next) {
            double one[D];
            value += loss_at(k, m, z, at_xt, one);
            for (int i = 0; i < D; i++)
                g[i] += one[i];
        }
    }
    const double weight = ggdm_item_real(loss, "weight");
    for (int i = 0; i < D; i++)
        g[i] *= weight;
    return weight * value;
}

static double clamped(double z)
{
    return fmax(-1, fmin(1, z));
}

/* The gradient of a term's loss, smoothed as it says, of z or (clamp) of what is clamped of it. */
static void gradient_at(const by_hand_tick *k, const ggdm_item *t, const double *z, bool clamp,
                        double *g)
{
    const ggdm_item *smoothing = ggdm_item_child(t, "smoothing"),
                    *loss = ggdm_item_child(t, "loss");
    const bool at_xt = strcmp(ggdm_item_text(t, "at"), "xt") == 0;
    const int samples = smoothing ? (int)ggdm_item_whole(smoothing, "samples") : 1;
    double seen[D], gs[64][D], losses[64], share[64], sum = 0, least = INFINITY;
    for (int i = 0; i < D; i++)
        seen[i] = clamp ? clamped(z[i]) : z[i];
    for (int m = 0; m < samples; m++) {
        double around[D], e[D] = {0};
        const double deviation =
            smoothing ? ggdm_item_real(smoothing, "deviation") *
                            by_hand_schedule(k, ggdm_item_text(smoothing, "schedule"))
                      : 0;
        if (smoothing)
            by_hand_normals(k, GGDM_SMOOTHING_NOISE(k->repeat, m), e);
        for (int i = 0; i < D; i++)
            around[i] = seen[i] + deviation * e[i];
        losses[m] = loss_at(k, loss, around, at_xt, gs[m]);
        least = fmin(least, losses[m]);
    }
    const bool likelihood =
        smoothing && strcmp(ggdm_item_text(smoothing, "mean"), "likelihood") == 0;
    for (int m = 0; m < samples; m++)
        sum += share[m] = likelihood ? exp(least - losses[m]) : 1;
    for (int i = 0; i < D; i++) {
        g[i] = 0;
        for (int m = 0; m < samples; m++)
            g[i] += share[m] / sum * gs[m][i];
        if (clamp && fabs(z[i]) > 1)
            g[i] = 0;
    }
}

/* ---- eps and x0-hat ------------------------------------------------------------------------ */

double by_hand_square(const double *v)
{
    double sum = 0;
    for (int i = 0; i < D; i++)
        sum += v[i] * v[i];
    return sum;
}

/* eps of classifier-free guidance or apg; carry: what the way of this step is then. */
static void source_eps(const by_hand_tick *k, const double *x, double *eps, double *carry)
{
    const ggdm_item *source = k->setting ? ggdm_item_child(k->setting, "eps") : NULL;
    double without[D], way[D], along = 0;
    memset(carry, 0, D * sizeof *carry);
    ggdm_exact_eps(k->w, x, tick_bar(k), k->w->conditional ? LABEL : -1, eps);
    if (!source)
        return;
    const bool apg = by_hand_is_kind(source, "apg");
    assert_true(k->w->conditional && (apg || by_hand_is_kind(source, "classifier-free")));
    ggdm_exact_eps(k->w, x, tick_bar(k), -1, without);
    for (int i = 0; i < D; i++)
        carry[i] =
            eps[i] - without[i] + (apg ? ggdm_item_real(source, "momentum") * k->carried[i] : 0);
    const double longest = apg ? ggdm_item_real(source, "longest") : INFINITY;
    const double shorter = fmin(1, longest / sqrt(by_hand_square(carry)));
    for (int i = 0; i < D; i++) {
        way[i] = shorter * carry[i];
        along += way[i] * eps[i] / by_hand_square(eps);
    }
    const double lost = apg ? 1 - ggdm_item_real(source, "parallel") : 0;
    const double beyond = ggdm_item_real(source, "s") - 1;
    for (int i = 0; i < D; i++)
        way[i] -= lost * along * eps[i];
    for (int i = 0; i < D; i++)
        eps[i] += beyond * way[i];
}

static void tweedie(const by_hand_tick *k, const double *x, const double *eps, double *x0)
{
    const double ab = tick_bar(k);
    for (int i = 0; i < D; i++)
        x0[i] = (x[i] - sqrt(1 - ab) * eps[i]) / sqrt(ab);
}

/* The gradient with respect to x_t of what has this one at x0-hat. */
static void through_network(const by_hand_tick *k, const double *x, const double *g0, double *g)
{
    const double ab = tick_bar(k), h = 1e-5;
    for (int j = 0; j < D; j++) {
        double at[D], above[D], below[D], carry[D], slope = 0;
        memcpy(at, x, sizeof at);
        at[j] = x[j] + h;
        source_eps(k, at, above, carry);
        at[j] = x[j] - h;
        source_eps(k, at, below, carry);
        for (int i = 0; i < D; i++)
            slope += g0[i] * (above[i] - below[i]) / (2 * h);
        g[j] = (g0[j] - sqrt(1 - ab) * slope) / sqrt(ab);
    }
}

/* Gradients that were scaled although hardly anything is left of them but roundings. */
int by_hand_faint;

/* g as long as the term says. */
static void scale(const ggdm_item *t, const double *eps, double *g)
{
    const char *norm = ggdm_item_text(t, "norm");
    double length = sqrt(by_hand_square(g)), wanted = length;
    if (strcmp(norm, "unit") == 0)
        wanted = 1;
    else if (strcmp(norm, "rms") == 0)
        wanted = sqrt(D);
    else if (strcmp(norm, "eps") == 0)
        wanted = sqrt(by_hand_square(eps));
    if (ggdm_item_value(t, "clip")->set)
        wanted = fmin(wanted, ggdm_item_real(t, "clip") * sqrt(D));
    by_hand_faint += wanted != length && length > 0 && length < 1e-6;
    for (int i = 0; i < D && length > 0; i++)
        g[i] *= wanted / length;
}

/* The gradient of a term at x_t and x0-hat. */
static void term_gradient(const by_hand_tick *k, const ggdm_item *t, const double *x,
                          const double *x0, const double *eps, double *g)
{
    const char *gradient = ggdm_item_text(t, "gradient");
    const bool at_xt = strcmp(ggdm_item_text(t, "at"), "xt") == 0;
    double g0[D];
    gradient_at(k, t, at_xt ? x : x0, ggdm_item_flag(t, "clamp"), g0);
    memcpy(g, g0, sizeof g0);
    if (!at_xt && strcmp(gradient, "xt-full") == 0)
        through_network(k, x, g0, g);
    for (int i = 0; i < D && strcmp(gradient, "xt-affine") == 0; i++)
        g[i] /= sqrt(tick_bar(k));
    scale(t, eps, g);
}

/* ---- a guided tick -------------------------------------------------------------------------- */

static double weight_of(const by_hand_tick *k, const ggdm_item *t)
{
    return ggdm_item_real(t, "weight") * by_hand_schedule(k, ggdm_item_text(t, "schedule"));
}

static bool is_applied(const ggdm_item *t, const char *apply)
{
    return strcmp(ggdm_item_text(t, "apply"), apply) == 0;
}

/* The way down a term's loss, from x0-hat or (clamp) what is clamped of it. */
static void descend(const by_hand_tick *k, const ggdm_item *t, const double *x0, const double *eps,
                    double *way)
{
    memset(way, 0, D * sizeof *way);
    for (int64_t n = 0; n < ggdm_item_whole(t, "iterations"); n++) {
        double at[D], g[D];
        for (int i = 0; i < D; i++)
            at[i] = (ggdm_item_flag(t, "clamp") ? clamped(x0[i]) : x0[i]) + way[i];
        gradient_at(k, t, at, false, g);
        scale(t, eps, g);
        for (int i = 0; i < D; i++)
            way[i] -= weight_of(k, t) * g[i];
    }
}

/* What the terms applied here move x0-hat by. */
static void change_of_x0(const by_hand_tick *k, const ggdm_item *terms, const char *apply,
                         const double *x, const double *first, const by_hand_outcome *now,
                         double *change)
{
    memset(change, 0, D * sizeof *change);
    for (const ggdm_item *t = terms; t; t = t->next) {
        double way[D];
        if (!is_applied(t, apply))
            continue;
        if (strcmp(ggdm_item_text(t, "gradient"), "x0") == 0) {
            descend(k, t, now->x0, now->eps, way);
        } else {
            term_gradient(k, t, x, first, now->eps, way);
            for (int i = 0; i < D; i++)
                way[i] *= -weight_of(k, t);
        }
        for (int i = 0; i < D; i++)
            change[i] += way[i];
    }
}

static void move_eps(const by_hand_tick *k, const double *x, const double *change,
                     by_hand_outcome *o)
{
    for (int i = 0; i < D; i++)
        o->eps[i] += change[i];
    tweedie(k, x, o->eps, o->x0);
}

void by_hand_guided(const by_hand_tick *k, const double *x, by_hand_outcome *o)
{
    const ggdm_item *terms = k->setting ? ggdm_item_child(k->setting, "terms") : NULL;
    const double ab = tick_bar(k);
    double first[D], g[D], moves[D] = {0};
    memset(o, 0, sizeof *o);
    source_eps(k, x, o->eps, o->carry);
    tweedie(k, x, o->eps, o->x0);
    memcpy(first, o->x0, sizeof first);
    for (const ggdm_item *t = terms; t; t = t->next) {
        if (!is_applied(t, "eps"))
            continue;
        term_gradient(k, t, x, first, o->eps, g);
        for (int i = 0; i < D; i++)
            moves[i] += weight_of(k, t) * sqrt(1 - ab) * g[i];
    }
    move_eps(k, x, moves, o);
    o->size += sqrt(by_hand_square(moves));
    change_of_x0(k, terms, "x0-eps", x, first, o, moves);
    o->size += sqrt(by_hand_square(moves));
    for (int i = 0; i < D; i++)
        moves[i] *= -sqrt(ab / (1 - ab));
    move_eps(k, x, moves, o);
    change_of_x0(k, terms, "x0", x, first, o, o->change);
    for (const ggdm_item *t = terms; t; t = t->next) {
        const double number = is_applied(t, "previous")  ? 1
                              : is_applied(t, "current") ? 1 / sqrt(by_hand_alpha(k, k->step))
                              : is_applied(t, "mean")    ? variance_of(k, k->step)
                                                         : 0;
        if (number == 0)
            continue;
        term_gradient(k, t, x, first, o->eps, g);
        for (int i = 0; i < D; i++)
            o->shift[i] += weight_of(k, t) * number * g[i];
    }
    o->size += sqrt(by_hand_square(o->change)) + sqrt(by_hand_square(o->shift));
}

/* ---- samplers ------------------------------------------------------------------------------ */

static double lambda(double ab)
{
    return 0.5 * log(ab / (1 - ab));
}

/* The step's result, which is x of the next tick unless the step is made again. */
void by_hand_step(const by_hand_tick *k, const double *x, const by_hand_outcome *o,
                  by_hand_memory *m, double *out)
{
    const double ab = bar_of_step(k, k->step), next = bar_of_step(k, k->step + 1);
    const double alpha = ab / next, beta = 1 - alpha, here = tick_bar(k);
    const double to = sqrt(1 / next - 1), from = sqrt(1 / ab - 1), noise = noise_of(k);
    const bool clip = ggdm_item_flag(k->sampler, "clip_x0"), last = k->step + 1 == STEPS;
    double z[D] = {0};
    if (noise > 0)
        by_hand_normals(k, GGDM_SAMPLER_NOISE(k->repeat), z);
    for (int i = 0; i < D; i++) {
        const double x0 = (clip ? fmax(-1, fmin(1, o->x0[i])) : o->x0[i]) + o->change[i];
        const double eps = (x[i] - sqrt(here) * x0) / sqrt(1 - here); /* that goes with x0 */
        const double euler = sqrt(next / ab) * x[i] + sqrt(next) * (to - from) * eps;
        if (by_hand_is_kind(k->sampler, "ddpm")) {
            out[i] = sqrt(alpha) * (1 - next) / (1 - ab) * x[i] + sqrt(next) * beta / (1 - ab) * x0;
        } else if (by_hand_is_kind(k->sampler, "ddim")) {
            const bool follows = ggdm_item_flag(k->sampler, "eps_follows_x0");
            out[i] =
                sqrt(next) * x0 + sqrt(fmax(0, 1 - next - noise)) * (follows ? eps : o->eps[i]);
        } else if (by_hand_is_kind(k->sampler, "langevin")) {
            const double eta = langevin_eta(k, k->step);
            out[i] = (1 - eta) / sqrt(alpha) * x[i] + eta * sqrt(next) * x0;
        } else if (by_hand_is_kind(k->sampler, "euler") ||
                   (by_hand_is_kind(k->sampler, "heun") && last)) {
            out[i] = euler;
        } else if (by_hand_is_kind(k->sampler, "heun")) {
            const double half = sqrt(next) * (to - from) * eps / 2;
            if (k->evaluation == 0)
                m->half[i] = sqrt(next / ab) * x[i] + half - o->shift[i];
            out[i] = k->evaluation == 0 ? euler : m->half[i] + half;
            continue;
        } else {
            const double h = lambda(next) - lambda(ab);
            double drive = x0;
            if (k->step > 0 && !last)
                drive +=
                    (x0 - m->old[i]) * h / (lambda(ab) - lambda(bar_of_step(k, k->step - 1))) / 2;
            m->now[i] = x0;
            out[i] =
                sqrt((1 - next) / (1 - ab)) * x[i] + (last ? 1 : -sqrt(next) * expm1(-h)) * drive;
        }
        out[i] += sqrt(noise) * z[i] - o->shift[i];
    }
}
