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
#include "tests/support/by_hand.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/guidance/terms.h"
#include "worker/kinds.h"
#include "worker/present.h"

enum {
    D = BY_HAND_D,
    STEPS = BY_HAND_STEPS,
    T = BY_HAND_T,
    SEED = BY_HAND_SEED,
    LABEL = BY_HAND_LABEL,
    IMAGES = 3,
    REPEATS = 3
};

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
    by_hand_outcome o;
    double next[D];
    by_hand_memory m;
    bool faint;
} made;

static void make(const by_hand_tick *k, const double *x, const by_hand_memory *m, made *out)
{
    out->m = *m;
    by_hand_faint = 0;
    by_hand_guided(k, x, &out->o);
    out->faint = by_hand_faint > 0;
    memcpy(out->m.carry, out->o.carry, sizeof out->m.carry);
    by_hand_step(k, x, &out->o, &out->m, out->next);
}

static double largest(double so_far, const double *a, const double *b)
{
    for (int i = 0; i < D; i++)
        so_far = fmax(so_far, fabs(a[i] - b[i]));
    return so_far;
}

/* How far roundings may carry a tick: some of them in each number, and what becomes of some in x,
 * which goes through all that is done (scaled gradients of small ones may turn it into much). */
static double tolerance(const by_hand_tick *k, const double *x, const by_hand_memory *m,
                        const made *want)
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
    return 2 * found +
           32 * u * (1 + want->o.size + sqrt(by_hand_square(x)) + sqrt(by_hand_square(want->o.x0)));
}

/* Comparisons, and those whose tolerance is of no use. */
static int compared, loose;

static void compare(const by_hand_tick *k, const char *what, const float *found, const double *want,
                    double tol)
{
    compared++;
    loose += tol > 1e-3 * (1 + sqrt(by_hand_square(want)));
    for (int i = 0; i < D; i++)
        if (!(fabs((double)found[i] - want[i]) <= tol))
            ggdm_test_fail("image %d, step %d, repeat %d, evaluation %d: %s[%d] is %.9g, expected "
                           "%.9g within %.3g\n%s\n%s",
                           k->image, k->step, k->repeat, k->evaluation, what, i, (double)found[i],
                           want[i], tol, text_of(&worlds[0].arena, k->sampler),
                           k->setting ? text_of(&worlds[0].arena, k->setting) : "{}");
}

/* x of a step that is made again. */
static void renoise(const by_hand_tick *k, double *x)
{
    const double alpha = by_hand_alpha(k, k->step);
    double n[D];
    by_hand_normals(k, GGDM_RENOISING(k->repeat + 1), n);
    for (int i = 0; i < D; i++)
        x[i] = sqrt(alpha) * x[i] + sqrt(1 - alpha) * n[i];
}

/* A repeat of a step of one image, from every tick's x to the next one's; after: what follows. */
static void check_repeat(by_hand_tick *k, const seen *s, const seen *after, bool again,
                         by_hand_memory *m)
{
    const int evaluations = by_hand_is_kind(k->sampler, "heun") && k->step + 1 < STEPS ? 2 : 1;
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

static void check_step(by_hand_tick *k, const record *r, int repeats, by_hand_memory *m)
{
    const int ticks = by_hand_is_kind(k->sampler, "heun") ? 2 : 1;
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
    memcpy(k->carried, m->carry, sizeof k->carried);
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
        by_hand_tick k = {.w = w,
                          .sampler = ggdm_item_child(head, "sampler"),
                          .setting = setting,
                          .image = image};
        by_hand_memory m = {0};
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
                                       "kind: ddim, eta: 0.7, clip_x0: true, eps_follows_x0: true",
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

/* apg with momentum, whose state goes from step to step, under every sampler. */
static void test_guided_step_carries_momentum(void **state)
{
    static const char *const more[] = {"", ", recurrence: {repeats: 2}",
                                       ", terms: [{weight: 0.3, loss: {kind: tv}}]"};
    (void)state;
    for (int s = 0; s < N_OF(samplers); s++)
        for (int i = 0; i < N_OF(more); i++) {
            char yaml[300];
            snprintf(yaml, sizeof yaml,
                     "{eps: {kind: apg, s: 2, momentum: -0.7, parallel: 0.2, longest: 0.8}%s}",
                     more[i]);
            check(&worlds[1], samplers[s], yaml);
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

/* Classifier-free guidance, or apg. */
static void random_source(ggdm_test_rng *rng, char *out, size_t size)
{
    const double s = ggdm_test_uniform(rng, -1, 3);
    if (ggdm_test_below(rng, 2) == 0)
        snprintf(out, size, "{kind: classifier-free, s: %.3f}", s);
    else
        snprintf(out, size, "{kind: apg, s: %.3f, parallel: %.3f, longest: %.3f, momentum: %.3f}",
                 s, ggdm_test_uniform(rng, 0, 1.5), ggdm_test_uniform(rng, 0.1, 3),
                 ggdm_test_below(rng, 3) ? ggdm_test_uniform(rng, -0.9, 0.9) : 0);
}

/* "{eps: ..., terms: [...], recurrence: ...}". */
static void random_guidance(ggdm_test_rng *rng, bool conditional, char *out, size_t size)
{
    const int terms = (int)ggdm_test_below(rng, 4) + 1;
    size_t n = (size_t)snprintf(out, size, "{");
    if (conditional) {
        char source[200];
        random_source(rng, source, sizeof source);
        n += (size_t)snprintf(out + n, size - n, "eps: %s, ", source);
    }
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
        cmocka_unit_test(test_guided_step_carries_momentum),
        cmocka_unit_test(test_guided_step_random_guidances_are_what_is_computed_by_hand),
    };
    setenv("GGDM_LOG", "error", 1);
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
