/* Every tick of guided chains against its definition in double (docs/GUIDANCE.md), on a world whose
 * eps and classifiers are known in closed form: random trees of terms under every sampler, with
 * classifier-free eps, smoothing and recurrence.  Nothing of the program is asked but the rows of
 * the tree and the noise by its names. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/philox.h"
#include "jobs/recipe.h"
#include "tests/support/exact.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/guidance/terms.h"
#include "worker/kinds.h"
#include "worker/present.h"

enum { D = GGDM_EXACT_D, IMAGES = 3, STEPS = 5, T = 10, SEED = 7, LABEL = 0, REPEATS = 3 };

/* Two worlds: a diffusion model without and with labels. */
static ggdm_exact worlds[2];

static int setup(void **state)
{
    for (int i = 0; i < 2; i++) {
        worlds[i] = (ggdm_exact){.weight = {1, 2},
                                 .mean = {{0.5, 0.4, -0.5, 0}, {-0.5, -0.3, 0.5, 0.25}},
                                 .variance = {{0.5, 0.4, 0.6, 0.5}, {0.4, 0.5, 0.7, 0.6}},
                                 .train_steps = T,
                                 .beta_start = 0.02,
                                 .beta_end = 0.4,
                                 .conditional = i == 1};
        ggdm_exact_open(&worlds[i]);
    }
    *state = worlds;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        ggdm_exact_close(&worlds[i]);
    return 0;
}

/* ---- chains -------------------------------------------------------------------------------- */

/* Where a tick is. */
typedef struct tick {
    const ggdm_exact *w;
    const ggdm_item *sampler, *setting; /* setting NULL: unguided */
    int image, step, repeat, evaluation;
} tick;

static bool is_kind(const ggdm_item *item, const char *name)
{
    return strcmp(item->kind->name, name) == 0;
}

static int timestep(int step)
{
    return (STEPS - 1 - step) * (T / STEPS);
}

static double bar_of_step(const tick *k, int step)
{
    return step < STEPS ? k->w->alpha_bar[timestep(step)] : 1;
}

/* Of the evaluation: Heun's second is at the next step's place. */
static int tick_timestep(const tick *k)
{
    return timestep(k->step + k->evaluation);
}

static double tick_bar(const tick *k)
{
    return bar_of_step(k, k->step + k->evaluation);
}

static double alpha_of(const tick *k, int step)
{
    return bar_of_step(k, step) / bar_of_step(k, step + 1);
}

static double langevin_eta(const tick *k, int step)
{
    return step + 1 == STEPS ? 1 : ggdm_item_real(k->sampler, "eta");
}

/* Sigma of a step as a distribution. */
static double variance_of(const tick *k, int step)
{
    const double ab = bar_of_step(k, step), next = bar_of_step(k, step + 1), beta = 1 - ab / next;
    const double posterior = beta * (1 - next) / (1 - ab);
    if (is_kind(k->sampler, "ddpm"))
        return strcmp(ggdm_item_text(k->sampler, "variance"), "fixed_large") == 0
                   ? beta
                   : fmax(posterior, 1e-20);
    if (is_kind(k->sampler, "ddim"))
        return ggdm_item_real(k->sampler, "eta") * ggdm_item_real(k->sampler, "eta") * posterior;
    if (is_kind(k->sampler, "langevin"))
        return sqrt(next / ab) * langevin_eta(k, step) * (1 - ab);
    return 0;
}

/* The variance of its noise, which the last step draws none of. */
static double noise_of(const tick *k)
{
    const double v = variance_of(k, k->step);
    if (k->step + 1 == STEPS)
        return 0;
    return is_kind(k->sampler, "langevin") ? 2 * v / sqrt(alpha_of(k, k->step)) : v;
}

static double schedule(const tick *k, const char *name)
{
    double increasing = 0, decreasing = 0, largest = 0;
    const double ab = tick_bar(k);
    for (int s = 0; s < STEPS; s++) {
        increasing += alpha_of(k, s) / STEPS;
        decreasing += (1 - alpha_of(k, s)) / STEPS;
        largest = fmax(largest, variance_of(k, s));
    }
    if (strcmp(name, "increasing") == 0)
        return alpha_of(k, k->step) / increasing;
    if (strcmp(name, "decreasing") == 0)
        return (1 - alpha_of(k, k->step)) / decreasing;
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

static void normals(const tick *k, uint32_t stream, double *out)
{
    float z[D];
    ggdm_normals(SEED, stream, (uint32_t)k->image, (uint32_t)k->step + 1, D, z);
    for (int i = 0; i < D; i++)
        out[i] = (double)z[i];
}

/* ---- losses -------------------------------------------------------------------------------- */

/* A loss with its weight at z, and its gradient there; at xt: z is x_t. */
static double loss_at(const tick *k, const ggdm_item *loss, const double *z, bool at_xt, double *g)
{
    double value = 0;
    for (int i = 0; i < D; i++)
        g[i] = 0;
    if (is_kind(loss, "classifier")) {
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
    } else if (is_kind(loss, "range")) {
        for (int i = 0; i < D; i++) {
            const double beyond = z[i] - fmax(-1, fmin(1, z[i]));
            value += beyond * beyond / D;
            g[i] = 2 * beyond / D;
        }
    } else if (is_kind(loss, "tv")) {
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
static void gradient_at(const tick *k, const ggdm_item *t, const double *z, bool clamp, double *g)
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
        const double deviation = smoothing ? ggdm_item_real(smoothing, "deviation") *
                                                 schedule(k, ggdm_item_text(smoothing, "schedule"))
                                           : 0;
        if (smoothing)
            normals(k, GGDM_SMOOTHING_NOISE(k->repeat, m), e);
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

static void source_eps(const tick *k, const double *x, double *eps)
{
    const ggdm_item *source = k->setting ? ggdm_item_child(k->setting, "eps") : NULL;
    double without[D];
    ggdm_exact_eps(k->w, x, tick_bar(k), k->w->conditional ? LABEL : -1, eps);
    if (!source)
        return;
    assert_true(k->w->conditional && is_kind(source, "classifier-free"));
    ggdm_exact_eps(k->w, x, tick_bar(k), -1, without);
    for (int i = 0; i < D; i++)
        eps[i] = without[i] + ggdm_item_real(source, "s") * (eps[i] - without[i]);
}

static void tweedie(const tick *k, const double *x, const double *eps, double *x0)
{
    const double ab = tick_bar(k);
    for (int i = 0; i < D; i++)
        x0[i] = (x[i] - sqrt(1 - ab) * eps[i]) / sqrt(ab);
}

/* The gradient with respect to x_t of what has this one at x0-hat. */
static void through_network(const tick *k, const double *x, const double *g0, double *g)
{
    const double ab = tick_bar(k), h = 1e-5;
    for (int j = 0; j < D; j++) {
        double at[D], above[D], below[D], slope = 0;
        memcpy(at, x, sizeof at);
        at[j] = x[j] + h;
        source_eps(k, at, above);
        at[j] = x[j] - h;
        source_eps(k, at, below);
        for (int i = 0; i < D; i++)
            slope += g0[i] * (above[i] - below[i]) / (2 * h);
        g[j] = (g0[j] - sqrt(1 - ab) * slope) / sqrt(ab);
    }
}

static double square(const double *v)
{
    double sum = 0;
    for (int i = 0; i < D; i++)
        sum += v[i] * v[i];
    return sum;
}

/* Gradients that were scaled although hardly anything is left of them but roundings. */
static int faint;

/* g as long as the term says. */
static void scale(const ggdm_item *t, const double *eps, double *g)
{
    const char *norm = ggdm_item_text(t, "norm");
    double length = sqrt(square(g)), wanted = length;
    if (strcmp(norm, "unit") == 0)
        wanted = 1;
    else if (strcmp(norm, "rms") == 0)
        wanted = sqrt(D);
    else if (strcmp(norm, "eps") == 0)
        wanted = sqrt(square(eps));
    if (ggdm_item_value(t, "clip")->set)
        wanted = fmin(wanted, ggdm_item_real(t, "clip") * sqrt(D));
    faint += wanted != length && length > 0 && length < 1e-6;
    for (int i = 0; i < D && length > 0; i++)
        g[i] *= wanted / length;
}

/* The gradient of a term at x_t and x0-hat. */
static void term_gradient(const tick *k, const ggdm_item *t, const double *x, const double *x0,
                          const double *eps, double *g)
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

typedef struct outcome {
    double eps[D], x0[D]; /* after what moves eps */
    double change[D];     /* of x0-hat, for the sampler */
    double shift[D];      /* that is subtracted from the step's result */
    double size;          /* sum of the magnitudes of what guidance adds */
} outcome;

static double weight_of(const tick *k, const ggdm_item *t)
{
    return ggdm_item_real(t, "weight") * schedule(k, ggdm_item_text(t, "schedule"));
}

static bool is_applied(const ggdm_item *t, const char *apply)
{
    return strcmp(ggdm_item_text(t, "apply"), apply) == 0;
}

/* The way down a term's loss, from x0-hat or (clamp) what is clamped of it. */
static void descend(const tick *k, const ggdm_item *t, const double *x0, const double *eps,
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
static void change_of_x0(const tick *k, const ggdm_item *terms, const char *apply, const double *x,
                         const double *first, const outcome *now, double *change)
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

static void move_eps(const tick *k, const double *x, const double *change, outcome *o)
{
    for (int i = 0; i < D; i++)
        o->eps[i] += change[i];
    tweedie(k, x, o->eps, o->x0);
}

static void guided(const tick *k, const double *x, outcome *o)
{
    const ggdm_item *terms = k->setting ? ggdm_item_child(k->setting, "terms") : NULL;
    const double ab = tick_bar(k);
    double first[D], g[D], moves[D] = {0};
    memset(o, 0, sizeof *o);
    source_eps(k, x, o->eps);
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
    o->size += sqrt(square(moves));
    change_of_x0(k, terms, "x0-eps", x, first, o, moves);
    o->size += sqrt(square(moves));
    for (int i = 0; i < D; i++)
        moves[i] *= -sqrt(ab / (1 - ab));
    move_eps(k, x, moves, o);
    change_of_x0(k, terms, "x0", x, first, o, o->change);
    for (const ggdm_item *t = terms; t; t = t->next) {
        const double number = is_applied(t, "previous")  ? 1
                              : is_applied(t, "current") ? 1 / sqrt(alpha_of(k, k->step))
                              : is_applied(t, "mean")    ? variance_of(k, k->step)
                                                         : 0;
        if (number == 0)
            continue;
        term_gradient(k, t, x, first, o->eps, g);
        for (int i = 0; i < D; i++)
            o->shift[i] += weight_of(k, t) * number * g[i];
    }
    o->size += sqrt(square(o->change)) + sqrt(square(o->shift));
}

/* ---- samplers ------------------------------------------------------------------------------ */

/* What a step remembers: dpmpp-2m of the step before, heun of its first evaluation. */
typedef struct memory {
    double old[D];  /* x0-hat of the step before */
    double now[D];  /* of this one */
    double half[D]; /* what is known after one evaluation */
} memory;

static double lambda(double ab)
{
    return 0.5 * log(ab / (1 - ab));
}

/* The step's result, which is x of the next tick unless the step is made again. */
static void sampler_step(const tick *k, const double *x, const outcome *o, memory *m, double *out)
{
    const double ab = bar_of_step(k, k->step), next = bar_of_step(k, k->step + 1);
    const double alpha = ab / next, beta = 1 - alpha, here = tick_bar(k);
    const double to = sqrt(1 / next - 1), from = sqrt(1 / ab - 1), noise = noise_of(k);
    const bool clip = ggdm_item_flag(k->sampler, "clip_x0"), last = k->step + 1 == STEPS;
    double z[D] = {0};
    if (noise > 0)
        normals(k, GGDM_SAMPLER_NOISE(k->repeat), z);
    for (int i = 0; i < D; i++) {
        const double x0 = (clip ? fmax(-1, fmin(1, o->x0[i])) : o->x0[i]) + o->change[i];
        const double eps = (x[i] - sqrt(here) * x0) / sqrt(1 - here); /* that goes with x0 */
        const double euler = sqrt(next / ab) * x[i] + sqrt(next) * (to - from) * eps;
        if (is_kind(k->sampler, "ddpm")) {
            out[i] = sqrt(alpha) * (1 - next) / (1 - ab) * x[i] + sqrt(next) * beta / (1 - ab) * x0;
        } else if (is_kind(k->sampler, "ddim")) {
            out[i] = sqrt(next) * x0 + sqrt(fmax(0, 1 - next - noise)) * o->eps[i];
        } else if (is_kind(k->sampler, "langevin")) {
            const double eta = langevin_eta(k, k->step);
            out[i] = (1 - eta) / sqrt(alpha) * x[i] + eta * sqrt(next) * x0;
        } else if (is_kind(k->sampler, "euler") || (is_kind(k->sampler, "heun") && last)) {
            out[i] = euler;
        } else if (is_kind(k->sampler, "heun")) {
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

/* ---- what is seen -------------------------------------------------------------------------- */

typedef struct seen {
    bool there;
    float x[D], eps[D], x0[D];
} seen;

typedef struct record {
    seen at[IMAGES][STEPS][2 * REPEATS];
} record;

static void look(void *context, const ggdm_tick_view *v)
{
    record *r = context;
    seen *s = &r->at[v->image][v->step][v->tick];
    assert_true(v->tick < 2 * REPEATS && !s->there);
    s->there = true;
    memcpy(s->x, v->x, sizeof s->x);
    memcpy(s->eps, v->eps, sizeof s->eps);
    memcpy(s->x0, v->x0, sizeof s->x0);
}

static bool on_step(void *context, int64_t done, int64_t total)
{
    (void)context, (void)done, (void)total;
    return true;
}

static ggdm_status on_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    (void)context, (void)sample, (void)err;
    return GGDM_OK;
}

static const char *text_of(ggdm_arena *arena, const ggdm_item *item)
{
    const char *text;
    ggdm_error err;
    ggdm_test_ok(ggdm_recipe_print(arena, item, false, &text, &err), &err);
    return text;
}

static void run(ggdm_exact *w, const ggdm_item *head, const ggdm_item *setting, record *r)
{
    const ggdm_job job = {.precision = GGDM_PRECISION_FP32, .batch = 2, .threads = 1};
    const ggdm_executor_sink sink = {r, on_step, on_sample, look};
    ggdm_executor *e;
    ggdm_tiny_unit u;
    ggdm_error err;
    memset(r, 0, sizeof *r);
    ggdm_test_ok(ggdm_executor_create(&job, &ggdm_methods, &w->models, &e, &err), &err);
    ggdm_tiny_unit_init(&u, &w->arena, text_of(&w->arena, head), 0, IMAGES);
    u.unit.steps = STEPS;
    u.unit.n_scorers = u.unit.n_scores = 0;
    ggdm_tiny_unit_add(&u, -1, STEPS, setting ? text_of(&w->arena, setting) : "{}", 0);
    ggdm_test_ok(ggdm_executor_run(e, &u.unit, &sink, &err), &err);
    ggdm_executor_destroy(&e);
}

/* What a tick should make of x. */
typedef struct made {
    outcome o;
    double next[D];
    memory m;
    bool faint;
} made;

static void make(const tick *k, const double *x, const memory *m, made *out)
{
    out->m = *m;
    faint = 0;
    guided(k, x, &out->o);
    out->faint = faint > 0;
    sampler_step(k, x, &out->o, &out->m, out->next);
}

static double largest(double so_far, const double *a, const double *b)
{
    for (int i = 0; i < D; i++)
        so_far = fmax(so_far, fabs(a[i] - b[i]));
    return so_far;
}

/* How far roundings may carry a tick: some of them in each number, and what becomes of some in x,
 * which goes through all that is done (scaled gradients of small ones may turn it into much). */
static double tolerance(const tick *k, const double *x, const memory *m, const made *want)
{
    const double u = GGDM_TEST_EPS32;
    double found = 0;
    if (want->faint)
        return INFINITY;
    for (int j = 0; j < 4; j++) {
        double moved[D];
        made other;
        for (int i = 0; i < D; i++)
            moved[i] = x[i] + (i == j ? -32 : 32) * u * (1 + fabs(x[i]));
        make(k, moved, m, &other);
        found = largest(found, other.next, want->next);
        found = largest(found, other.o.eps, want->o.eps);
        found = largest(found, other.o.x0, want->o.x0);
    }
    return 2 * found + 32 * u * (1 + want->o.size + sqrt(square(x)) + sqrt(square(want->o.x0)));
}

/* Comparisons, and those whose tolerance is of no use. */
static int compared, loose;

static void compare(const tick *k, const char *what, const float *found, const double *want,
                    double tol)
{
    compared++;
    loose += tol > 1e-3 * (1 + sqrt(square(want)));
    for (int i = 0; i < D; i++)
        if (!(fabs((double)found[i] - want[i]) <= tol))
            ggdm_test_fail("image %d, step %d, repeat %d, evaluation %d: %s[%d] is %.9g, expected "
                           "%.9g within %.3g\n%s\n%s",
                           k->image, k->step, k->repeat, k->evaluation, what, i, (double)found[i],
                           want[i], tol, text_of(&worlds[0].arena, k->sampler),
                           k->setting ? text_of(&worlds[0].arena, k->setting) : "{}");
}

/* x of a step that is made again. */
static void renoise(const tick *k, double *x)
{
    const double alpha = alpha_of(k, k->step);
    double n[D];
    normals(k, GGDM_RENOISING(k->repeat + 1), n);
    for (int i = 0; i < D; i++)
        x[i] = sqrt(alpha) * x[i] + sqrt(1 - alpha) * n[i];
}

/* A repeat of a step of one image, from every tick's x to the next one's; after: what follows. */
static void check_repeat(tick *k, const seen *s, const seen *after, bool again, memory *m)
{
    const int evaluations = is_kind(k->sampler, "heun") && k->step + 1 < STEPS ? 2 : 1;
    double tol = 0;
    made want;
    for (k->evaluation = 0; k->evaluation < evaluations; k->evaluation++, s++) {
        double x[D];
        assert_true(s->there);
        for (int i = 0; i < D; i++)
            x[i] = (double)s->x[i];
        make(k, x, m, &want);
        tol += tolerance(k, x, m, &want);
        *m = want.m;
        compare(k, "eps", s->eps, want.o.eps, tol);
        compare(k, "x0-hat", s->x0, want.o.x0, tol);
        if (k->evaluation + 1 < evaluations)
            compare(k, "x", s[1].x, want.next, tol);
    }
    k->evaluation = 0;
    if (again)
        renoise(k, want.next);
    if (after)
        compare(k, "next x", after->x, want.next, tol);
}

static void check_step(tick *k, const record *r, int repeats, memory *m)
{
    const int ticks = is_kind(k->sampler, "heun") ? 2 : 1;
    const seen *first = r->at[k->image][k->step];
    for (k->repeat = 0; k->repeat < repeats; k->repeat++) {
        const bool again = k->repeat + 1 < repeats;
        check_repeat(k, first + k->repeat * ticks,
                     again                 ? first + (k->repeat + 1) * ticks
                     : k->step + 1 < STEPS ? r->at[k->image][k->step + 1]
                                           : NULL,
                     again, m);
    }
    memcpy(m->old, m->now, sizeof m->old);
}

static void check(ggdm_exact *w, const char *sampler, const char *guidance)
{
    char yaml[300];
    snprintf(yaml, sizeof yaml,
             "{model: U, seed: %d, sampler: {%s, steps: %d, spacing: leading}%s}", SEED, sampler,
             STEPS, w->conditional ? ", condition: {label: 0}" : "");
    const ggdm_item *head = ggdm_tiny_item(&w->arena, GGDM_FAMILY_STAGE, yaml);
    const ggdm_item *setting = NULL;
    if (guidance)
        setting =
            ggdm_item_reduce(&w->arena, ggdm_tiny_item(&w->arena, GGDM_FAMILY_GUIDANCE, guidance));
    const ggdm_item *recurrence = setting ? ggdm_item_child(setting, "recurrence") : NULL;
    record r;
    run(w, head, setting, &r);
    for (int image = 0; image < IMAGES; image++) {
        tick k = {.w = w,
                  .sampler = ggdm_item_child(head, "sampler"),
                  .setting = setting,
                  .image = image};
        memory m = {0};
        for (k.step = 0; k.step < STEPS; k.step++)
            check_step(&k, &r, recurrence ? (int)ggdm_item_whole(recurrence, "repeats") : 1, &m);
    }
}

/* ---- trees --------------------------------------------------------------------------------- */

#define N_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static const char *const samplers[] = {"kind: ddpm, variance: fixed_large",
                                       "kind: ddpm, variance: fixed_small, clip_x0: true",
                                       "kind: ddim, eta: 0",
                                       "kind: ddim, eta: 0.7, clip_x0: true",
                                       "kind: ddim, eta: 1",
                                       "kind: euler",
                                       "kind: euler, clip_x0: true",
                                       "kind: heun",
                                       "kind: heun, clip_x0: true",
                                       "kind: dpmpp-2m",
                                       "kind: dpmpp-2m, clip_x0: true",
                                       "kind: langevin, per_level: 1, eta: 0.3",
                                       "kind: langevin, per_level: 1, eta: 0.6, clip_x0: true"};

static const char *const gradients[] = {"xt-full", "xt-affine", "x0"};
static const char *const places[] = {"previous", "current", "mean", "eps", "x0", "x0-eps"};

/* Every place with every gradient, under every sampler. */
static void test_guided_step_applies_every_gradient_everywhere(void **state)
{
    (void)state;
    for (int s = 0; s < N_OF(samplers); s++) {
        check(&worlds[0], samplers[s], NULL);
        for (int a = 0; a < N_OF(places); a++)
            for (int g = 0; g < N_OF(gradients); g++) {
                char yaml[300];
                snprintf(yaml, sizeof yaml,
                         "{terms: [{weight: 0.3, apply: %s, gradient: %s, loss: {kind: "
                         "classifier, model: J, target: 0}}]}",
                         places[a], gradients[g]);
                check(&worlds[0], samplers[s], yaml);
            }
    }
}

static const char *pick(ggdm_test_rng *rng, const char *const *names, int n)
{
    return names[ggdm_test_below(rng, n)];
}

static void random_loss(ggdm_test_rng *rng, bool at_xt, char *out, size_t size)
{
    static const char *const losses[] = {
        "{kind: classifier, model: G, target: 0}",
        "{kind: sum, of: [{kind: classifier, model: G, target: 1, form: prob, weight: 2}, {kind: "
        "classifier, model: G, target: 1, weight: 0.3}]}",
        "{kind: classifier, model: J, target: 0}",
        "{kind: tv, weight: -0.5}",
        "{kind: range, weight: 3}",
        "{kind: sum, weight: 0.5, of: [{kind: classifier, model: J, target: 1, weight: 1.5}, "
        "{kind: "
        "tv}, {kind: range, weight: 2}]}"};
    snprintf(out, size, "%s", pick(rng, losses, at_xt ? 2 : N_OF(losses)));
}

static void random_term(ggdm_test_rng *rng, char *out, size_t size)
{
    static const char *const schedules[] = {"constant", "increasing", "decreasing", "noise",
                                            "signal",   "sigma",      "sine"};
    static const char *const norms[] = {"none", "none", "unit", "rms", "eps"};
    static const char *const means[] = {"likelihood", "loss"};
    const bool at_xt = ggdm_test_below(rng, 4) == 0;
    const char *gradient = at_xt ? "xt-full" : pick(rng, gradients, N_OF(gradients));
    const char *apply = pick(rng, places, N_OF(places));
    char loss[300], more[300] = "";
    size_t n = 0;
    random_loss(rng, at_xt, loss, sizeof loss);
    if (!at_xt && ggdm_test_below(rng, 3) == 0)
        n += (size_t)snprintf(more + n, sizeof more - n, ", clamp: true");
    if (ggdm_test_below(rng, 4) == 0)
        n += (size_t)snprintf(more + n, sizeof more - n, ", clip: %.3f",
                              ggdm_test_uniform(rng, 0.05, 0.5));
    if (ggdm_test_below(rng, 3) == 0)
        n += (size_t)snprintf(more + n, sizeof more - n,
                              ", smoothing: {samples: %d, deviation: %.3f, schedule: %s, mean: %s}",
                              (int)ggdm_test_below(rng, 5) + 1, ggdm_test_uniform(rng, 0.1, 0.8),
                              pick(rng, schedules, N_OF(schedules)), pick(rng, means, 2));
    if (strcmp(gradient, "x0") == 0 && apply[0] == 'x' && ggdm_test_below(rng, 2) == 0)
        snprintf(more + n, sizeof more - n, ", iterations: %d", (int)ggdm_test_below(rng, 3) + 2);
    snprintf(out, size,
             "{weight: %.3f, at: %s, gradient: %s, apply: %s, schedule: %s, norm: %s%s, loss: %s}",
             ggdm_test_uniform(rng, -0.3, 0.5), at_xt ? "xt" : "x0", gradient, apply,
             pick(rng, schedules, N_OF(schedules)), pick(rng, norms, N_OF(norms)), more, loss);
}

/* "{eps: ..., terms: [...], recurrence: ...}". */
static void random_guidance(ggdm_test_rng *rng, bool conditional, char *out, size_t size)
{
    const int terms = (int)ggdm_test_below(rng, 4) + 1;
    size_t n = (size_t)snprintf(out, size, "{");
    if (conditional)
        n += (size_t)snprintf(out + n, size - n, "eps: {kind: classifier-free, s: %.3f}, ",
                              ggdm_test_uniform(rng, -1, 3));
    n += (size_t)snprintf(out + n, size - n, "terms: [");
    for (int i = 0; i < terms; i++) {
        char term[900];
        random_term(rng, term, sizeof term);
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", term);
    }
    n += (size_t)snprintf(out + n, size - n, "]");
    if (ggdm_test_below(rng, 3) == 0)
        n += (size_t)snprintf(out + n, size - n, ", recurrence: {repeats: %d}",
                              (int)ggdm_test_below(rng, REPEATS) + 1);
    snprintf(out + n, size - n, "}");
}

static void test_guided_step_random_guidances_are_what_is_computed_by_hand(void **state)
{
    enum { TREES = 300 };
    (void)state;
    for (int i = 0; i < TREES; i++) {
        char guidance[4000];
        ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "tree", i));
        random_guidance(&rng, i % 3 == 0, guidance, sizeof guidance);
        check(&worlds[i % 3 == 0], pick(&rng, samplers, N_OF(samplers)), guidance);
    }
    assert_true(compared > 10000 && loose < compared / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guided_step_applies_every_gradient_everywhere),
        cmocka_unit_test(test_guided_step_random_guidances_are_what_is_computed_by_hand),
    };
    setenv("GGDM_LOG", "error", 1);
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
