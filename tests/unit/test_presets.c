/* The named kinds of guidance: each is the general form that one would write by hand, with the
 * numbers of its paper; and what must be equal between them is (docs/GUIDANCE.md, "Kinds of
 * guidance"). */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/cost.h"
#include "worker/kinds.h"
#include "worker/noise_levels.h"
#include "worker/programs.h"
#include "worker/sampler.h"

enum { PIXELS = 8 * 8, STEPS = 10, MAX_STATE = 4 };

/* A classifier that is told the timestep, beside the tiny models. */
#define NOISY "4444444444444444444444444444444444444444444444444444444444444444"

typedef struct world {
    ggdm_tiny_methods m;
    ggdm_model_files files;
    ggdm_model *noisy;
    ggdm_model_ref refs[4];
    ggdm_models models;
    ggdm_programs *programs;
    ggdm_noise_levels levels;
} world;

static int setup(void **state)
{
    static world w;
    ggdm_error err;
    ggdm_tiny_methods_open(&w.m);
    char *path = ggdm_tiny_model_write(w.m.tiny.dir, "noisy", ggdm_tiny_noisy_config, 8);
    w.noisy = ggdm_tiny_model_open(path, &w.files);
    memcpy(w.refs, w.m.refs, sizeof w.m.refs);
    w.refs[3] = (ggdm_model_ref){.digest = NOISY, .model = w.noisy};
    w.models = (ggdm_models){w.refs, 4, &w.m.pictures};
    w.programs = ggdm_tiny_programs(&w.models, 1);
    ggdm_test_ok(ggdm_noise_levels_read(NULL, "test", &w.levels, &err), &err);
    free(path);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ggdm_programs_destroy(&w->programs);
    ggdm_noise_levels_deinit(&w->levels);
    ggdm_model_destroy(&w->noisy);
    ggdm_model_files_close(&w->files);
    ggdm_tiny_methods_close(&w->m);
    return 0;
}

/* ---- expansions ---------------------------------------------------------------------------- */

static ggdm_status put_noisy(void *context, const ggdm_item *item, const ggdm_param *row,
                             ggdm_value *value, const char *path, ggdm_error *err)
{
    (void)context, (void)item, (void)path, (void)err;
    if (row->type == GGDM_PARAM_MODEL && value->set && strcmp(value->scalar.text, "noisy") == 0)
        value->scalar.text = NOISY;
    return GGDM_OK;
}

/* The stage of a guidance. */
static ggdm_item *stage(world *w, const char *sampler, const char *guidance)
{
    char yaml[1200];
    snprintf(yaml, sizeof yaml, "{model: U, sampler: {%s, steps: %d}, guidance: {%s}}", sampler,
             STEPS, guidance);
    ggdm_item *item = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_STAGE, yaml);
    ggdm_error err;
    ggdm_test_ok(ggdm_item_visit(item, put_noisy, NULL, &err), &err);
    return item;
}

static ggdm_item *setting_of(world *w, const ggdm_item *head)
{
    return ggdm_item_reduce(&w->m.arena, ggdm_item_child(head, "guidance"));
}

/* What a recipe says of a guidance; owned. */
static char *recipe_of(world *w, const char *guidance)
{
    ggdm_recipe recipe;
    ggdm_error err;
    char *text;
    ggdm_test_ok(ggdm_recipe_make(&ggdm_methods, &w->m.arena,
                                  stage(w, "kind: ddim, eta: 1", guidance), &recipe, &err),
                 &err);
    ggdm_test_ok(ggdm_recipe_text(&recipe, &text, &err), &err);
    return text;
}

#define LOSS "loss: {kind: l2, image: P}"
#define CLASS(form, more) "loss: {kind: classifier, model: G, target: 3" form more "}"
#define ELUCD(tau1, tau2) CLASS(", form: elucd", ", tau1: " tau1 ", tau2: " tau2)
#define AT_XT "loss: {kind: classifier, model: noisy, target: 3}, at: xt"
#define NOISY_3 "model: noisy, target: 3"
#define SMOOTH(samples, deviation)                                                                 \
    "smoothing: {samples: " samples ", deviation: " deviation ", schedule: noise}"
#define FULL                                                                                       \
    "{" LOSS ", at: x0, clamp: true, gradient: xt-full, apply: current, schedule: increasing, "
#define INNER "{" LOSS ", at: x0, clamp: true, gradient: x0, apply: x0, schedule: increasing, "
#define UNGUIDED "kind: dps, weight: 0, " LOSS
#define SOME "{start_step: 2, length: 5}"

/* By the names of the papers, and by hand with their numbers; nothing: unguided. */
static const struct {
    const char *preset, *by_hand;
} expansions[] = {
    {"kind: classifier, " NOISY_3,
     "terms: [{" AT_XT ", gradient: xt-full, apply: mean, weight: 1}]"},
    {"kind: classifier, " NOISY_3 ", s: 7, window: 3",
     "terms: [{" AT_XT ", apply: mean, weight: 7, window: 3}]"},
    {"kind: classifier-score, " NOISY_3 ", s: 2",
     "terms: [{" AT_XT ", gradient: xt-full, apply: eps, weight: 2}]"},
    {"kind: dps, " LOSS, "terms: [{" LOSS ", gradient: xt-full, apply: previous, weight: 0.3}]"},
    {"kind: dps, weight: 2, window: 0.5, " LOSS, "terms: [{" LOSS ", weight: 2, window: 5}]"},
    {"kind: dps, weight: 2, " LOSS, "kind: gradient, kappa: 2, gradient: xt-full, " LOSS},
    {"kind: mpgd, " LOSS, "terms: [{" LOSS ", gradient: x0, apply: x0, weight: 1}]"},
    {"kind: freedom, " LOSS,
     "terms: [{" LOSS ", gradient: xt-full, apply: previous, weight: 0.02, schedule: eps, "
     "norm: eps}]"},
    {"kind: freedom, repeats: 4, repeats_window: " SOME ", " LOSS,
     "terms: [{" LOSS ", weight: 0.02, schedule: eps, norm: eps}], recurrence: {repeats: 4, "
     "window: " SOME "}"},
    {"kind: universal, " LOSS,
     "terms: [{" LOSS ", gradient: xt-full, apply: eps, weight: 1}, {" LOSS
     ", gradient: x0, apply: x0-eps, weight: 1, iterations: 4}]"},
    {"kind: universal, weight: 2, backward: 3, iterations: 1, repeats: 5, window: 7, " LOSS,
     "terms: [{" LOSS ", apply: eps, weight: 2, window: 7}, {" LOSS
     ", gradient: x0, apply: x0-eps, weight: 6, window: 7}], recurrence: {repeats: 5}"},
    {"kind: universal, backward: 0, " LOSS, "terms: [{" LOSS ", apply: eps}]"},
    {"kind: lgd, " LOSS,
     "terms: [{" LOSS ", gradient: xt-full, apply: previous, weight: 1, " SMOOTH("10", "1") "}]"},
    {"kind: lgd, mean: loss, samples: 3, weight: 2, " LOSS,
     "terms: [{" LOSS ", weight: 2, smoothing: {samples: 3, deviation: 1, mean: loss}}]"},
    {"kind: lgd, smoothing: 0, weight: 0.3, " LOSS, "kind: dps, " LOSS},
    {"kind: elucd, model: G, target: 3",
     "terms: [{" ELUCD("1", "0.5") ", gradient: x0, apply: mean, weight: 1}, {" ELUCD(
         "1", "0.5") ", gradient: x0, apply: previous, schedule: sine, weight: 0.3}]"},
    {"kind: elucd, model: G, target: 3, gamma: 0.5, weight: 3, tau1: 2, tau2: 4",
     "terms: [{" ELUCD("2", "4") ", gradient: x0, apply: mean, weight: 3}, {" ELUCD(
         "2", "4") ", gradient: x0, schedule: sine, weight: 1.5}]"},
    {"kind: elucd, model: G, target: 3, gamma: 0, tau2: 1",
     "terms: [{" ELUCD("1", "1") ", gradient: x0, apply: mean}]"},
    {"kind: tfg, " LOSS,
     "terms: [" FULL "weight: 1, " SMOOTH("4", "0.01") "}, " INNER "weight: 1, iterations: "
                                                       "1, " SMOOTH("4", "0.01") "}]"},
    {"kind: tfg, rho: 2, mu: 0.5, smoothing: 0.1, samples: 1, iterations: 4, repeats: 2, window: 6,"
     " schedule: increasing, " LOSS,
     "terms: [" FULL
     "weight: 2, window: 6, " SMOOTH("1", "0.1") "}, " INNER
                                                 "weight: 0.5, window: 6, iterations: 4, " SMOOTH(
                                                     "1", "0.1") "}], recurrence: {repeats: 2}"},
    {"kind: tfg, mu: 0, " LOSS, "terms: [" FULL SMOOTH("4", "0.01") "}]"},
    {"kind: tfg, rho: 0, smoothing: 0, " LOSS, "terms: [" INNER "}]"},
    {"kind: tfg, rho: 0, mu: 0, repeats: 3, " LOSS, ""},
    {"kind: classifier, s: 0, " NOISY_3, ""},
    {"kind: classifier-score, s: 0, " NOISY_3, ""},
    {"kind: dps, weight: 0, " LOSS, ""},
    {"kind: mpgd, weight: 0, " LOSS, ""},
    {"kind: freedom, weight: 0, repeats: 2, " LOSS, ""},
    {"kind: universal, weight: 0, " LOSS, ""},
    {"kind: lgd, weight: 0, " LOSS, ""},
    {"kind: elucd, weight: 0, model: G, target: 3", ""},
};

static void test_presets_are_their_expansions_by_hand(void **state)
{
    for (size_t i = 0; i < sizeof expansions / sizeof *expansions; i++) {
        char *preset = recipe_of(*state, expansions[i].preset);
        const char *runs = strstr(preset, "\"runs\":");
        if (*expansions[i].by_hand) {
            char *by_hand = recipe_of(*state, expansions[i].by_hand);
            assert_string_equal(preset, by_hand);
            free(by_hand);
        } else {
            assert_string_equal(runs, "\"runs\":[[10,{}]]}]}");
        }
        free(preset);
    }
}

/* ---- steps --------------------------------------------------------------------------------- */

/* What a tick came to. */
typedef struct made {
    float x[PIXELS], eps[PIXELS], x0[PIXELS], shift[PIXELS];
    float grad[PIXELS]; /* of the first shift */
} made;

/* A chain's step with a guidance of one loss ("": without), as the walk makes it. */
static made make_step(world *w, const char *sampler, const char *guidance, int32_t step,
                      const float *x)
{
    const ggdm_item *head = stage(w, sampler, *guidance ? guidance : UNGUIDED);
    ggdm_item *setting = setting_of(w, head);
    const ggdm_item *item = ggdm_item_child(head, "sampler");
    static float z[PIXELS], history[MAX_STATE * PIXELS], kept[MAX_STATE * PIXELS];
    const ggdm_program *p;
    ggdm_chain chain;
    ggdm_values values = {0};
    ggdm_error err;
    int32_t number;
    made m = {.x = {0}};
    ggdm_test_ok(ggdm_chain_create(item, &w->levels, &chain, &err), &err);
    const ggdm_step *s = &chain.step[step * chain.evaluations];
    ggdm_test_ok(ggdm_programs_tick(w->programs, head, setting, &number, &err), &err);
    ggdm_test_ok(ggdm_programs_get(w->programs, number, 1, &p, &err), &err);
    if (setting)
        ggdm_test_ok(ggdm_values_of(&w->m.arena, setting, &values, &err), &err);
    ggdm_program_fill(p, 0, s, NULL, &values);
    memcpy(p->x, x, sizeof m.x);
    ggdm_graph_run(p->graph);
    memcpy(m.x, x, sizeof m.x);
    ggdm_sampler_io io = {.x = m.x,
                          .eps = p->eps,
                          .x0 = m.x0,
                          .x0_change = p->x0_change,
                          .z = z,
                          .history = history,
                          .kept = kept,
                          .shifted = m.x,
                          .n = PIXELS};
    assert_true(ggdm_sampler_step(item, &chain, step, 0, &io));
    memcpy(m.eps, p->eps, sizeof m.eps);
    for (int32_t k = 0; k < p->n_shifts; k++) {
        const float weight = ggdm_program_weight(&p->shifts[k], s, &values);
        for (int i = 0; i < PIXELS; i++)
            m.shift[i] += weight * p->shifts[k].grad[i];
        ggdm_step_shift(m.x, p->shifts[k].grad, NULL, weight, PIXELS);
    }
    if (p->n_shifts > 0)
        memcpy(m.grad, p->shifts[0].grad, sizeof m.grad);
    ggdm_chain_deinit(&chain);
    return m;
}

static ggdm_step step_of(world *w, const char *sampler, int32_t step)
{
    ggdm_chain chain;
    ggdm_error err;
    const ggdm_item *head = stage(w, sampler, "kind: dps, " LOSS);
    ggdm_test_ok(ggdm_chain_create(ggdm_item_child(head, "sampler"), &w->levels, &chain, &err),
                 &err);
    const ggdm_step s = chain.step[step];
    ggdm_chain_deinit(&chain);
    return s;
}

static void fill(float *x, double deviation)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_test_fill_normal(&rng, x, PIXELS, deviation);
}

static double norm(const float *x)
{
    double sum = 0;
    for (int i = 0; i < PIXELS; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum);
}

/* a - b is want, to so many roundings of what was added up. */
static void assert_difference(const char *what, const made *a, const made *b, const double *want,
                              double roundings)
{
    double tol[PIXELS];
    float got[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        got[i] = (float)((double)a->x[i] - b->x[i]);
        tol[i] = roundings * GGDM_TEST_EPS32 *
                 (fabs(a->x[i]) + fabs(b->x[i]) + fabs(b->eps[i]) + fabs(want[i]));
    }
    ggdm_test_close(what, got, want, tol, PIXELS, ggdm_test_seed());
}

/* Dhariwal and Nichol's two algorithms: with g = grad log p, Algorithm 1 moves x' by s Sigma g;
 * Algorithm 2 in ddim by s g sqrt(1 - ab) (sqrt(ab') sqrt(1 - ab) / sqrt(ab) -
 * sqrt(1 - ab' - sigma^2)), and in ddpm with fixed_large by s Sigma g / sqrt(alpha). */
static void check_forms(world *w, const char *sampler, int32_t step, const float *x)
{
    static const char mean_form[] = "kind: classifier, s: 3, " NOISY_3;
    static const char score_form[] = "kind: classifier-score, s: 3, " NOISY_3;
    const bool ddim = strstr(sampler, "ddim") != NULL;
    const ggdm_step s = step_of(w, sampler, step);
    const double ab = s.alpha_bar, next = s.alpha_bar_next, sigma = s.sigma;
    const double of_ddim =
        sqrt(1 - ab) * (sqrt(next) * sqrt(1 - ab) / sqrt(ab) - sqrt(1 - next - sigma * sigma));
    const double of_ddpm = (1 - ab / next) / sqrt(ab / next);
    const made plain = make_step(w, sampler, "", step, x),
               mean = make_step(w, sampler, mean_form, step, x),
               score = make_step(w, sampler, score_form, step, x);
    double by_mean[PIXELS], by_score[PIXELS];
    for (int i = 0; i < PIXELS; i++) { /* grad is that of -log p */
        by_mean[i] = -3.0 * s.variance * mean.grad[i];
        by_score[i] = -3.0 * (ddim ? of_ddim : of_ddpm) * mean.grad[i];
    }
    assert_true(norm(mean.grad) > 0.01);
    assert_difference("mean", &mean, &plain, by_mean, 4);
    assert_difference("score", &score, &plain, by_score, 16 * (1 + sqrt((1 - ab) / ab)));
    if (!ddim)
        assert_true(fabs(s.variance - (1 - ab / next)) < 1e-6);
}

static void test_presets_classifier_has_its_two_forms(void **state)
{
    float x[PIXELS];
    fill(x, 1);
    for (int32_t step = 2; step < STEPS - 1; step++) {
        check_forms(*state, "kind: ddpm, variance: fixed_large", step, x);
        check_forms(*state, "kind: ddim, eta: 1", step, x);
        check_forms(*state, "kind: ddim, eta: 0.5", step, x);
    }
}

/* The three gradients of the GGDM paper and its code as settings of TFG: rho = kappa sqrt(alpha)
 * moves x' as xt-full does; mu = kappa / sqrt(ab') as x0, and over sqrt(ab) as xt-affine.  x is
 * such that x0-hat is within the range, where clamping does nothing. */
static void test_presets_tfg_has_the_gradients_of_ggdm(void **state)
{
    static const char ddim[] = "kind: ddim, eta: 1";
    static const char unsmoothed[] = "schedule: constant, smoothing: 0, " CLASS("", "");
    world *w = *state;
    float x[PIXELS];
    fill(x, 0.1);
    for (int32_t step = 8; step < STEPS; step++) {
        const ggdm_step s = step_of(w, ddim, step);
        const double factors[] = {sqrt(s.alpha_bar / s.alpha_bar_next), 1 / sqrt(s.alpha_bar_next),
                                  1 / sqrt(s.alpha_bar_next) / sqrt(s.alpha_bar)};
        const made plain = make_step(w, ddim, "", step, x);
        for (int i = 0; i < PIXELS; i++)
            assert_true(fabs(plain.x0[i]) < 1);
        for (int g = 0; g < GGDM_N_GRADIENTS; g++) {
            const char *gradient = ggdm_gradient_names[g];
            const int which = strcmp(gradient, "xt-full") == 0 ? 0 : strcmp(gradient, "x0") ? 2 : 1;
            char ours[400], theirs[400];
            snprintf(ours, sizeof ours, "kind: gradient, gradient: %s, kappa: 0.7, " CLASS("", ""),
                     gradient);
            snprintf(theirs, sizeof theirs, "kind: tfg, rho: %.17g, mu: %.17g, %s",
                     which == 0 ? 0.7 * factors[0] : 0, which == 0 ? 0 : 0.7 * factors[which],
                     unsmoothed);
            const made a = make_step(w, ddim, theirs, step, x),
                       b = make_step(w, ddim, ours, step, x);
            double want[PIXELS] = {0};
            assert_true(norm(b.shift) > 1e-3);
            assert_difference(gradient, &a, &b, want, 8);
        }
    }
}

/* FreeDoM moves x' by the share weight of what ddpm subtracts of eps, against the gradient. */
static void test_presets_freedom_goes_as_far_as_eps_says(void **state)
{
    static const char ddpm[] = "kind: ddpm";
    world *w = *state;
    float x[PIXELS];
    fill(x, 1);
    for (int32_t step = 0; step < STEPS; step++) {
        const ggdm_step s = step_of(w, ddpm, step);
        const double alpha = s.alpha_bar / s.alpha_bar_next;
        const made free_dom = make_step(w, ddpm, "kind: freedom, " CLASS("", ""), step, x),
                   dps = make_step(w, ddpm, "kind: dps, " CLASS("", ""), step, x);
        const double length =
            0.02 * (1 - alpha) / sqrt(alpha) / sqrt(1 - s.alpha_bar) * norm(free_dom.eps);
        const double along = norm(dps.shift);
        assert_true(fabs(norm(free_dom.shift) / length - 1) < 1e-5);
        for (int i = 0; i < PIXELS; i++)
            assert_true(fabs(free_dom.shift[i] / length - dps.shift[i] / along) < 1e-5);
    }
}

/* EluCD: of one gradient, Sigma and gamma times the largest Sigma times a sine. */
static void test_presets_elucd_weighs_by_variance_and_sine(void **state)
{
    static const char ddpm[] = "kind: ddpm";
    world *w = *state;
    float x[PIXELS];
    double largest = 0;
    fill(x, 0.3);
    for (int32_t step = 0; step < STEPS; step++)
        largest = fmax(largest, step_of(w, ddpm, step).variance);
    for (int32_t step = 0; step < STEPS; step++) {
        const ggdm_step s = step_of(w, ddpm, step);
        const made m = make_step(w, ddpm, "kind: elucd, weight: 2, model: G, target: 3", step, x);
        const double weight =
            2 * (s.variance + 0.3 * largest * fmax(sin(acos(-1.0) * s.t / 1000), 0));
        assert_true(norm(m.grad) > 1e-3);
        for (int i = 0; i < PIXELS; i++)
            assert_true(fabs(m.shift[i] - weight * m.grad[i]) <= 1e-6 * weight * norm(m.grad));
    }
}

/* ---- what does not go together -------------------------------------------------------------- */

static void test_presets_that_would_do_nothing_are_refused(void **state)
{
    static const struct {
        const char *sampler, *guidance, *text; /* NULL: it goes */
    } rows[] = {
        {"kind: ddim", "kind: classifier, " NOISY_3,
         "apply: apply: mean does nothing with sampler 'ddim', which draws no noise here"},
        {"kind: ddim, eta: 0", "kind: classifier, " NOISY_3, "(classifier-score)"},
        {"kind: euler", "kind: elucd, model: G, target: 3", "with sampler 'euler'"},
        {"kind: heun", "terms: [{" LOSS ", apply: mean}]", "with sampler 'heun'"},
        {"kind: dpmpp-2m", "terms: [{" LOSS "}, {" LOSS ", schedule: sine}]",
         "schedule: schedule: sine does nothing with sampler 'dpmpp-2m'"},
        {"kind: ddim, eta: 0.1", "kind: classifier, " NOISY_3, NULL},
        {"kind: ddpm", "kind: elucd, model: G, target: 3", NULL},
        {"kind: ddim", "kind: classifier-score, " NOISY_3, NULL},
        {"kind: ddim", "kind: dps, weight: 0, " LOSS, NULL},
    };
    world *w = *state;
    ggdm_costs *costs;
    ggdm_coster coster;
    ggdm_error err;
    ggdm_test_ok(ggdm_costs_create(&w->models, &costs, &coster, &err), &err);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const ggdm_item *head = stage(w, rows[i].sampler, rows[i].guidance);
        const ggdm_status st = ggdm_costs_check(costs, head, setting_of(w, head), &err);
        if (rows[i].text)
            ggdm_test_error(st, &err, GGDM_EINVAL, rows[i].text);
        else
            ggdm_test_ok(st, &err);
    }
    ggdm_costs_destroy(&costs);
}

/* Guidance that moves eps beside a sampler that keeps it is noted, where x0-hat is limited. */
static void test_presets_that_work_against_the_sampler_are_noted(void **state)
{
    static const struct {
        const char *sampler, *guidance;
        bool noted;
    } rows[] = {
        {"kind: ddim, clip_x0: true", "kind: classifier-score, " NOISY_3, true},
        {"kind: ddim, eta: 1, thresholding: true", "kind: universal, " LOSS, true},
        {"kind: ddim, clip_x0: true", "terms: [{" LOSS "}, {" LOSS ", apply: x0-eps}]", true},
        {"kind: ddim, clip_x0: true, eps_follows_x0: true", "kind: classifier-score, " NOISY_3,
         false},
        {"kind: ddim", "kind: classifier-score, " NOISY_3, false},
        {"kind: ddpm, clip_x0: true", "kind: classifier-score, " NOISY_3, false},
        {"kind: euler, clip_x0: true", "kind: classifier-score, " NOISY_3, false},
        {"kind: ddim, clip_x0: true", "kind: mpgd, " LOSS, false},
        {"kind: ddim, clip_x0: true", "kind: classifier-score, s: 0, " NOISY_3, false}};
    world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const ggdm_item *head = stage(w, rows[i].sampler, rows[i].guidance);
        const char *note =
            ggdm_guidance_note(ggdm_item_child(head, "sampler"), setting_of(w, head));
        assert_true((note != NULL) == rows[i].noted);
    }
}

/* t must stand for the same noise to the guide and to the diffusion model; of a clean image, which
 * has none, they are not compared. */
static void test_presets_guides_of_other_noise_are_refused(void **state)
{
    static const struct {
        const char *schedule;
        bool same;
    } rows[] = {{"{\"beta_end\": 0.021}", false},
                {"{\"num_train_timesteps\": 999}", false},
                {"{\"beta_schedule\": \"squaredcos_cap_v2\"}", false},
                {"{\"beta_start\": 0.0001, \"beta_end\": 0.02}", true}};
    world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_model_files files = w->files;
        ggdm_model *model;
        ggdm_costs *costs;
        ggdm_coster coster;
        ggdm_error err;
        files.scheduler = (char *)rows[i].schedule;
        ggdm_test_ok(ggdm_model_create(&files, &model, &err), &err);
        ggdm_model_ref refs[] = {w->refs[0], {.digest = NOISY, .model = model}};
        const ggdm_models models = {refs, 2, NULL};
        ggdm_test_ok(ggdm_costs_create(&models, &costs, &coster, &err), &err);
        const ggdm_item *head = stage(w, "kind: ddim", "kind: classifier-score, " NOISY_3);
        ggdm_status st = ggdm_costs_check(costs, head, setting_of(w, head), &err);
        if (rows[i].same)
            ggdm_test_ok(st, &err);
        else
            ggdm_test_error(st, &err, GGDM_EINVAL, "trained with another noise schedule");
        head = stage(w, "kind: ddim", "kind: dps, loss: {kind: classifier, " NOISY_3 "}");
        ggdm_test_ok(ggdm_costs_check(costs, head, setting_of(w, head), &err), &err);
        ggdm_costs_destroy(&costs);
        ggdm_model_destroy(&model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets_are_their_expansions_by_hand),
        cmocka_unit_test(test_presets_classifier_has_its_two_forms),
        cmocka_unit_test(test_presets_tfg_has_the_gradients_of_ggdm),
        cmocka_unit_test(test_presets_freedom_goes_as_far_as_eps_says),
        cmocka_unit_test(test_presets_elucd_weighs_by_variance_and_sine),
        cmocka_unit_test(test_presets_that_would_do_nothing_are_refused),
        cmocka_unit_test(test_presets_that_work_against_the_sampler_are_noted),
        cmocka_unit_test(test_presets_guides_of_other_noise_are_refused),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
