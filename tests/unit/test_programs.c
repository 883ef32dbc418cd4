/* The guidance gradients against central differences of the loss, which is computed by other
 * programs (unguided tick, score) and by hand: nothing is shared with the backward pass.  What
 * programs share and what they do not. */
#include "worker/programs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "tests/support/bf16.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/cost.h"
#include "worker/kinds.h"

enum { N = 3, BATCH = 4, PIXELS = 8 * 8 }; /* three images and one of padding */

/* A part of the range of alpha_bar; every image has another timestep and target. */
static const ggdm_step steps[N] = {
    {.t = 950, .alpha_bar = 0.1}, {.t = 420, .alpha_bar = 0.4}, {.t = 30, .alpha_bar = 0.9}};
static const int32_t targets[N] = {3, 7, 0};

typedef struct world {
    ggdm_tiny_methods m;
    ggdm_item *head;
    ggdm_programs *programs;
    bool prob;        /* form of the loss */
    bool through_eps; /* the loss is a function of x_t, otherwise of x0-hat */
} world;

static const ggdm_image_shape shape = {8, 8, 1};

static int setup(void **state)
{
    static world w;
    ggdm_tiny_methods_open(&w.m);
    w.head = ggdm_tiny_item(&w.m.arena, GGDM_FAMILY_STAGE,
                            "{model: U, sampler: {kind: ddpm, steps: 10}}");
    w.programs = ggdm_tiny_programs(&w.m.models, BATCH);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ggdm_programs_destroy(&w->programs);
    ggdm_tiny_methods_close(&w->m);
    return 0;
}

static ggdm_item *guidance(world *w, const char *yaml)
{
    return ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_GUIDANCE, yaml);
}

static int32_t tick_number(world *w, const ggdm_item *setting)
{
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_tick(w->programs, w->head, setting, &number, &err), &err);
    return number;
}

static int32_t score_number(world *w, const char *yaml)
{
    int32_t number;
    ggdm_error err;
    const ggdm_item *scorer = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER, yaml);
    ggdm_test_ok(ggdm_programs_score(w->programs, scorer, shape, &number, &err), &err);
    return number;
}

static const ggdm_program *get(world *w, int32_t number, int32_t n)
{
    const ggdm_program *p;
    ggdm_error err;
    ggdm_test_ok(ggdm_programs_get(w->programs, number, n, &p, &err), &err);
    assert_true(p->batch >= n && p->elements == PIXELS);
    return p;
}

static ggdm_step step_of(int i)
{
    ggdm_step s = ggdm_step_between(steps[i].t, steps[i].alpha_bar, 1);
    return s;
}

/* Fill and run a tick for N images x and one of padding that is NaN; settings[i] is image i's. */
static const ggdm_program *run_tick(world *w, const float *x, ggdm_item *const settings[N])
{
    const ggdm_program *p = get(w, tick_number(w, settings[0]), N);
    assert_int_equal(p->batch, BATCH);
    for (int i = 0; i < BATCH; i++) {
        ggdm_step s = i < N ? step_of(i) : (ggdm_step){.x0_x = NAN, .x0_eps = NAN};
        ggdm_values values;
        ggdm_error err;
        ggdm_test_ok(ggdm_values_of(&w->m.arena, settings[i < N ? i : 0], &values, &err), &err);
        for (int k = 0; k < PIXELS; k++)
            p->x[i * PIXELS + k] = i < N ? x[i * PIXELS + k] : NAN;
        ggdm_program_fill(p, i, &s, NULL, &values);
    }
    ggdm_graph_run(p->graph);
    return p;
}

/* x0-hat of x_t, by the unguided program. */
static void predict(world *w, const float *x, float *x0)
{
    ggdm_item *const unguided[N] = {NULL};
    const ggdm_program *p = run_tick(w, x, unguided);
    assert_int_equal(p->n_shifts, 0);
    for (int i = 0; i < N * PIXELS; i++) {
        double bar = steps[i / PIXELS].alpha_bar;
        double want = (x[i] - sqrt(1 - bar) * p->eps[i]) / sqrt(bar);
        assert_true(fabs(p->x0[i] - want) < 1e-5 * (1 + fabs(want)));
        x0[i] = (float)want;
    }
}

/* What a network predicts, by its scheduler_config.json, is made eps: the same weights with another
 * word beside them. */
static void test_programs_make_eps_of_every_prediction(void **state)
{
    world *w = *state;
    static float x[N * PIXELS], out[N * PIXELS];
    ggdm_item *const unguided[N] = {NULL};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
    memcpy(out, run_tick(w, x, unguided)->eps, sizeof out);
    for (int k = GGDM_PREDICT_EPSILON + 1; k < GGDM_N_PREDICTIONS; k++) {
        char json[80];
        ggdm_error err;
        ggdm_model_files files = w->m.tiny.files[0];
        ggdm_model_ref ref = {.digest = ggdm_tiny_digests[0], .model = NULL};
        ggdm_model *model;
        world other = {.m = {.models = {&ref, 1}}, .head = w->head};
        snprintf(json, sizeof json, "{\"prediction_type\": \"%s\"}", ggdm_prediction_names[k]);
        files.scheduler = json;
        ggdm_test_ok(ggdm_model_create(&files, &model, &err), &err);
        ref.model = model;
        other.programs = ggdm_tiny_programs(&other.m.models, BATCH);
        const ggdm_program *p = run_tick(&other, x, unguided);
        for (int i = 0; i < N * PIXELS; i++) {
            double ab = steps[i / PIXELS].alpha_bar, a = sqrt(ab), s = sqrt(1 - ab);
            double eps = k == GGDM_PREDICT_V ? a * out[i] + s * x[i] : (x[i] - a * out[i]) / s;
            double x0 = k == GGDM_PREDICT_V ? a * x[i] - s * out[i] : out[i];
            double size = fabs(x[i]) + fabs(out[i]);
            assert_true(fabs(p->eps[i] - eps) < 4 * GGDM_TEST_EPS32 * size / s);
            assert_true(fabs(p->x0[i] - x0) < 8 * GGDM_TEST_EPS32 * size / (a * s));
        }
        ggdm_programs_destroy(&other.programs);
        ggdm_arena_deinit(&other.m.arena);
        ggdm_model_destroy(&model);
    }
}

/* A network with twice the outputs: the first half is eps, here with the weights of the network
 * that has no other, the second its variance, for the labels that were asked for. */
static void test_programs_give_the_variance_of_the_network(void **state)
{
    world *w = *state;
    static float x[N * PIXELS], eps[N * PIXELS];
    ggdm_item *const unguided[N] = {NULL};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_model_files files;
    char *dir = ggdm_test_mkdtemp();
    char *path = ggdm_tiny_model_write(dir, "range", ggdm_tiny_range_config, 0);
    ggdm_model *model = ggdm_tiny_model_open(path, &files);
    const ggdm_model_ref ref = {.digest = ggdm_tiny_digests[0], .model = model};
    world other = {.m = {.models = {.items = &ref, .n = 1}}, .head = w->head};
    other.programs = ggdm_tiny_programs(&other.m.models, BATCH);
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
    const ggdm_program *p = run_tick(w, x, unguided);
    assert_null(p->variance);
    memcpy(eps, p->eps, sizeof eps);
    p = run_tick(&other, x, unguided);
    double apart = 0;
    for (int i = 0; i < N * PIXELS; i++) {
        assert_true(fabs(p->eps[i] - eps[i]) < 1e-5 * (1 + fabs(eps[i])));
        assert_true(isfinite(p->variance[i]));
        apart = fmax(apart, fabs(p->variance[i] - eps[i]));
    }
    assert_true(apart > 0.1);
    ggdm_programs_destroy(&other.programs);
    ggdm_arena_deinit(&other.m.arena);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    free(path);
    ggdm_test_rmdir(dir);
}

/* The loss of each image at v + s e_pixel, v [N, PIXELS] being x_t or x0-hat. */
static void losses_at(world *w, const float *v, int pixel, double s, double loss[N])
{
    float moved[N * PIXELS];
    memcpy(moved, v, sizeof moved);
    for (int i = 0; i < N; i++)
        moved[i * PIXELS + pixel] += (float)s;
    if (w->through_eps)
        predict(w, moved, moved);
    const ggdm_program *p = get(w, score_number(w, "{kind: classifier, model: G}"), N);
    memcpy(p->x, moved, sizeof moved);
    ggdm_graph_run(p->graph);
    assert_int_equal(p->width, 10);
    for (int i = 0; i < N; i++) {
        double logp = p->score[i * 10 + targets[i]];
        loss[i] = w->prob ? -exp(logp) : -logp;
    }
}

/* The noise of the f32 loss around v: the root mean square of the sixth differences of neighbours,
 * in which a smooth function of this step vanishes, along every eighth pixel (More and Wild,
 * Estimating computational noise, 2011). */
static void noise_at(world *w, const float *v, double noise[N])
{
    enum { POINTS = 9, ORDER = 6, STRIDE = 8 };
    double table[POINTS][N], sum[N] = {0};
    for (int pixel = 0; pixel < PIXELS; pixel += STRIDE) {
        for (int p = 0; p < POINTS; p++)
            losses_at(w, v, pixel, (p - POINTS / 2) * 0x1p-12, table[p]);
        for (int k = 0; k < ORDER; k++)
            for (int i = 0; i < (POINTS - 1 - k) * N; i++)
                table[i / N][i % N] = table[i / N + 1][i % N] - table[i / N][i % N];
        for (int i = 0; i < (POINTS - ORDER) * N; i++)
            sum[i % N] += table[i / N][i % N] * table[i / N][i % N];
    }
    for (int i = 0; i < N; i++) /* 924 = (2 ORDER)! / ORDER!^2: the variance of such a difference */
        noise[i] = sqrt(sum[i] / ((POINTS - ORDER) * PIXELS / STRIDE) / 924);
}

/* Central differences D(h) and D(2 h) extrapolated to want, per image: their difference bounds the
 * error of the extrapolation, and six times the noise over h its noise.  Errors of a gradient are
 * normwise: an image has one tolerance. */
static void differences(world *w, const float *v, double *want, double *tol)
{
    const double h = 0x1p-7;
    double noise[N], bound[N] = {0}, largest[N] = {0};
    noise_at(w, v, noise);
    for (int pixel = 0; pixel < PIXELS; pixel++) {
        double loss[4][N];
        for (int p = 0; p < 4; p++)
            losses_at(w, v, pixel, (p - 2 + p / 2) * h, loss[p]); /* -2 -1 1 2 */
        for (int i = 0; i < N; i++) {
            double fine = (loss[2][i] - loss[1][i]) / (2 * h);
            double coarse = (loss[3][i] - loss[0][i]) / (4 * h);
            want[i * PIXELS + pixel] = (4 * fine - coarse) / 3;
            bound[i] = fmax(bound[i], fabs(fine - coarse));
            largest[i] = fmax(largest[i], fabs(fine));
        }
    }
    for (int i = 0; i < N * PIXELS; i++) {
        tol[i] = bound[i / PIXELS] + 6 * noise[i / PIXELS] / h;
        if (tol[i] > 0.01 * largest[i / PIXELS])
            ggdm_test_fail("image %d: tolerance %g is not below 1 %% of the gradient's %g",
                           i / PIXELS, tol[i], largest[i / PIXELS]);
    }
}

/* One term of the classifier G with the targets of the images. */
static void terms(world *w, const char *gradient, bool prob, ggdm_item *out[N])
{
    for (int i = 0; i < N; i++) {
        char yaml[400];
        snprintf(yaml, sizeof yaml,
                 "{kind: gradient, kappa: 0.1, gradient: %s, loss: {kind: classifier, model: G, "
                 "form: %s, target: %d}}",
                 gradient, prob ? "prob" : "nll", (int)targets[i]);
        out[i] = guidance(w, yaml);
    }
}

static void check(world *w, const char *gradient, bool prob)
{
    float x[N * PIXELS], x0[N * PIXELS];
    double want[N * PIXELS], tol[N * PIXELS];
    ggdm_item *settings[N];
    uint64_t seed = ggdm_test_mix(ggdm_test_seed(), gradient, prob);
    ggdm_test_rng rng = ggdm_test_rng_init(seed);
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
    terms(w, gradient, prob, settings);
    w->prob = prob;
    w->through_eps = strcmp(gradient, "xt-full") == 0;
    predict(w, x, x0);
    differences(w, w->through_eps ? x : x0, want, tol);
    const ggdm_program *p = run_tick(w, x, settings);
    assert_int_equal(p->n_shifts, 1);
    assert_int_equal(p->shifts[0].scale.through_x0, strcmp(gradient, "xt-affine") == 0);
    ggdm_test_close(gradient, p->shifts[0].grad, want, tol, N * PIXELS, seed);
    for (int i = 0; i < N; i++) {
        double loss[N];
        losses_at(w, w->through_eps ? x : x0, 0, 0, loss);
        p = run_tick(w, x, settings);
        assert_true(fabs(p->shifts[0].loss[i] - loss[i]) < 1e-4 * (1 + fabs(loss[i])));
    }
}

static void test_programs_xt_full_is_the_gradient_through_the_unet(void **state)
{
    check(*state, "xt-full", false);
    check(*state, "xt-full", true);
}

static void test_programs_x0_is_the_gradient_of_the_classifier_alone(void **state)
{
    check(*state, "x0", false);
    check(*state, "x0", true);
    check(*state, "xt-affine", false);
}

/* "{terms: [{TERM}, {TERM}]}" of two classifiers. */
static ggdm_item *two_terms(world *w, const char *first, char a, const char *second, char b)
{
    char yaml[500];
    snprintf(yaml, sizeof yaml,
             "{terms: [{%s, loss: {kind: classifier, model: %c, target: 3}},"
             " {%s, loss: {kind: classifier, model: %c, target: 7}}]}",
             first, a, second, b);
    return guidance(w, yaml);
}

static void copy_grad(const ggdm_program *p, int shift, float *out)
{
    memcpy(out, p->shifts[shift].grad, N * PIXELS * sizeof *out);
}

/* Terms with respect to the same thing are one shift with the weighted sum of their gradients;
 * others are shifts of their own, with the bits that each has alone. */
static void test_programs_group_terms_by_their_gradient(void **state)
{
    world *w = *state;
    static float x[N * PIXELS], a[N * PIXELS], b[N * PIXELS];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
    ggdm_item *alone[2][N], *same[N], *apart[N];
    for (int i = 0; i < N; i++) {
        alone[0][i] =
            guidance(w, "{terms: [{weight: 2, loss: {kind: classifier, model: G, target: 3}}]}");
        alone[1][i] = guidance(w, "{terms: [{gradient: x0, loss: {kind: classifier, model: J, "
                                  "target: 7}}]}");
        same[i] = two_terms(w, "weight: 2, gradient: x0", 'J', "weight: -3, gradient: x0", 'J');
        apart[i] = two_terms(w, "weight: 2", 'G', "gradient: x0", 'J');
    }
    copy_grad(run_tick(w, x, alone[0]), 0, a);
    copy_grad(run_tick(w, x, alone[1]), 0, b);
    const ggdm_program *p = run_tick(w, x, apart);
    assert_int_equal(p->n_shifts, 2);
    ggdm_test_same_bits("first", p->shifts[0].grad, a, N * PIXELS, 1);
    ggdm_test_same_bits("second", p->shifts[1].grad, b, N * PIXELS, 1);
    ggdm_values values;
    ggdm_error err;
    ggdm_step s = step_of(0);
    ggdm_test_ok(ggdm_values_of(&w->m.arena, apart[0], &values, &err), &err);
    assert_true(ggdm_program_weight(&p->shifts[0], &s, &values) == 2);
    assert_true(ggdm_program_weight(&p->shifts[1], &s, &values) == 1);

    /* b is the gradient for 7, and a now that for 3 of the same classifier. */
    for (int i = 0; i < N; i++)
        alone[0][i] = guidance(w, "{terms: [{gradient: x0, loss: {kind: classifier, model: J, "
                                  "target: 3}}]}");
    copy_grad(run_tick(w, x, alone[0]), 0, a);
    p = run_tick(w, x, same);
    assert_int_equal(p->n_shifts, 1);
    assert_int_equal(p->shifts[0].weight, -1);
    for (int i = 0; i < N * PIXELS; i++)
        assert_true(fabs(p->shifts[0].grad[i] - (2.0 * a[i] - 3.0 * b[i])) <
                    1e-5 * (1 + 2 * fabs(a[i]) + 3 * fabs(b[i])));
}

/* Two classifiers of equal parameter names and other weights do not meet in one graph. */
static void test_programs_models_of_equal_names_keep_their_weights(void **state)
{
    world *w = *state;
    static float x[N * PIXELS], guide[N * PIXELS];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
    ggdm_item *gg[N], *gj[N];
    for (int i = 0; i < N; i++) {
        gg[i] = two_terms(w, "gradient: x0", 'G', "gradient: xt-affine", 'G');
        gj[i] = two_terms(w, "gradient: x0", 'G', "gradient: xt-affine", 'J');
    }
    const ggdm_program *p = run_tick(w, x, gg);
    assert_true(p->shifts[0].scale.through_x0 && !p->shifts[1].scale.through_x0);
    copy_grad(p, 0, guide);
    p = run_tick(w, x, gj);
    assert_true(memcmp(guide, p->shifts[0].grad, sizeof guide) != 0);
}

/* What of a setting a step's evaluations after the first are made with. */
static ggdm_item *later(world *w, const ggdm_item *setting)
{
    ggdm_item *out;
    ggdm_error err;
    ggdm_test_ok(ggdm_guidance_later(&w->m.arena, setting, &out, &err), &err);
    return out;
}

#define SHIFTS                                                                                     \
    "{loss: {kind: classifier, model: G, target: 3}, weight: 0.5}, {loss: {kind: tv}, "            \
    "gradient: xt-affine, apply: current, norm: rms}, {loss: {kind: tv}, gradient: x0, "           \
    "apply: mean}"

/* The rest of a setting makes the same bits of eps and x0-hat as the whole, and no shifts. */
static void check_later(world *w, const char *yaml)
{
    static float x[N * PIXELS], eps[N * PIXELS], x0[N * PIXELS], change[N * PIXELS];
    ggdm_item *whole = guidance(w, yaml), *rest = later(w, whole);
    ggdm_item *const of_whole[N] = {whole, whole, whole}, *const of_rest[N] = {rest, rest, rest};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
    const ggdm_program *p = run_tick(w, x, of_whole);
    const double flops = ggdm_graph_flops(p->graph);
    const bool changes = p->x0_change;
    assert_int_equal(p->n_shifts, 3);
    memcpy(eps, p->eps, sizeof eps);
    memcpy(x0, p->x0, sizeof x0);
    if (changes)
        memcpy(change, p->x0_change, sizeof change);
    p = run_tick(w, x, of_rest);
    assert_int_equal(p->n_shifts, 0);
    assert_true(ggdm_graph_flops(p->graph) < 0.8 * flops);
    ggdm_test_same_bits("eps", p->eps, eps, N * PIXELS, 1);
    ggdm_test_same_bits("x0-hat", p->x0, x0, N * PIXELS, 1);
    assert_int_equal(p->x0_change != NULL, changes);
    if (changes)
        ggdm_test_same_bits("change of x0-hat", p->x0_change, change, N * PIXELS, 1);
}

static void test_programs_of_later_evaluations_have_no_shifts(void **state)
{
    world *w = *state;
    ggdm_programs *f32 = w->programs;
    ggdm_error err;
    assert_null(later(w, guidance(w, "{terms: [" SHIFTS "], recurrence: {repeats: 2}}")));
    for (int bf16 = 0; bf16 <= ggdm_test_have_bf16(); bf16++) {
        if (bf16)
            ggdm_test_ok(ggdm_programs_create(&ggdm_methods, &w->m.models, GGDM_PRECISION_BF16,
                                              BATCH, &w->programs, &err),
                         &err);
        check_later(w, "{terms: [" SHIFTS "], recurrence: {repeats: 2}}");
        check_later(w, "{terms: [{loss: {kind: tv}, apply: eps, clamp: true}, " SHIFTS
                       ", {loss: {kind: classifier, model: J, target: 1}, gradient: x0, apply: x0, "
                       "iterations: 2, clip: 0.1}], recurrence: {repeats: 2}}");
    }
    if (w->programs != f32)
        ggdm_programs_destroy(&w->programs);
    w->programs = f32;
}

/* Values (kappa, target, eta, seed) share a program, structure (form, gradient, a second term) does
 * not. */
static void test_programs_are_shared_by_what_differs_in_values(void **state)
{
    world *w = *state;
    char yaml[300];
    int32_t numbers[5];
    const struct {
        const char *kappa;
        int target;
        const char *form;
    } rows[5] = {{"1", 0, "nll"}, {"0.1", 9, "nll"}, {"1e-3", 3, "nll"}, {"1", 0, "prob"}, {0}};
    for (int i = 0; i < 4; i++) {
        snprintf(yaml, sizeof yaml,
                 "{kind: gradient, kappa: %s, loss: {kind: classifier, model: G, "
                 "target: %d, form: %s}}",
                 rows[i].kappa, rows[i].target, rows[i].form);
        numbers[i] = tick_number(w, guidance(w, yaml));
    }
    numbers[4] = tick_number(w, NULL);
    assert_true(numbers[0] == numbers[1] && numbers[1] == numbers[2]);
    assert_true(numbers[3] != numbers[0] && numbers[4] != numbers[0] && numbers[4] != numbers[3]);
    ggdm_item *head = w->head;
    w->head = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_STAGE,
                             "{model: U, seed: 5, sampler: {kind: ddpm, steps: 7}}");
    assert_int_equal(tick_number(w, NULL), numbers[4]);
    w->head = head;
    assert_true(score_number(w, "{kind: classifier, model: G}") !=
                score_number(w, "{kind: classifier, model: J}"));
}

/* Batches are of 1, 2, 4 images, and an image's bits do not depend on which. */
static void test_programs_batches_do_not_change_bits(void **state)
{
    world *w = *state;
    static float x[N * PIXELS], eps[N * PIXELS];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1.0);
    ggdm_item *const unguided[N] = {NULL};
    memcpy(eps, run_tick(w, x, unguided)->eps, sizeof eps);
    for (int i = 0; i < N; i++) {
        const ggdm_program *p = get(w, tick_number(w, NULL), 1);
        ggdm_step s = step_of(i);
        assert_int_equal(p->batch, 1);
        memcpy(p->x, x + i * PIXELS, PIXELS * sizeof *x);
        ggdm_program_fill(p, 0, &s, NULL, NULL);
        ggdm_graph_run(p->graph);
        ggdm_test_same_bits("eps", p->eps, eps + i * PIXELS, PIXELS, 1);
    }
    assert_int_equal(get(w, tick_number(w, NULL), 2)->batch, 2);
}

/* Weights are packed once for all batches, and those of another network come on top. */
static void test_programs_pack_weights_once(void **state)
{
    world *w = *state;
    get(w, tick_number(w, NULL), 1);
    const size_t unet = ggdm_programs_packed_bytes(w->programs);
    assert_true(unet > 0);
    get(w, tick_number(w, NULL), N);
    assert_int_equal(ggdm_programs_packed_bytes(w->programs), unet);
    get(w, score_number(w, "{kind: classifier, model: J}"), 1);
    assert_true(ggdm_programs_packed_bytes(w->programs) > unet);
}

static void test_programs_of_models_that_do_not_fit_are_refused(void **state)
{
    world *w = *state;
    static const struct {
        const char *head, *guidance, *text;
    } rows[] = {
        {"{model: G, sampler: {kind: ddpm}}", NULL, "is a GgdmCNN, expected a diffusion model"},
        {"{model: U, sampler: {kind: ddpm}, condition: {label: 1}}", NULL, "takes no label"},
        {"{model: U, sampler: {kind: ddpm}}",
         "{terms: [{loss: {kind: classifier, model: U, target: 0}}]}",
         "is a UNet2DModel, expected a classifier"},
        {"{model: "
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff, sampler: {kind: ddpm}}",
         NULL, "there is no model ffff"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const ggdm_item *head = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_STAGE, rows[i].head);
        const ggdm_item *setting = rows[i].guidance ? guidance(w, rows[i].guidance) : NULL;
        const ggdm_program *p;
        int32_t number;
        ggdm_error err;
        ggdm_test_ok(ggdm_programs_tick(w->programs, head, setting, &number, &err), &err);
        ggdm_test_error(ggdm_programs_get(w->programs, number, 1, &p, &err), &err, GGDM_EINVAL,
                        rows[i].text);
    }
    const ggdm_item *scorer =
        ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_SCORER, "{kind: classifier, model: G}");
    const ggdm_program *p;
    int32_t number;
    ggdm_error err;
    ggdm_test_ok(
        ggdm_programs_score(w->programs, scorer, (ggdm_image_shape){9, 8, 3}, &number, &err), &err);
    ggdm_test_error(ggdm_programs_get(w->programs, number, 1, &p, &err), &err, GGDM_ESHAPE,
                    "takes images of 8x8x1, expected 9x8x3");
}

static const char labelled[] =
    "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 8, \"in_channels\": 1, "
    "\"out_channels\": 1, \"block_out_channels\": [8], \"layers_per_block\": 1, "
    "\"down_block_types\": [\"DownBlock2D\"], \"up_block_types\": [\"UpBlock2D\"], "
    "\"norm_num_groups\": 4, \"num_class_embeds\": 10}";

/* eps of one image for a label, from a program of batch n in which other rows have other labels. */
static void conditioned(ggdm_programs *programs, ggdm_arena *arena, int label, int n, float *eps)
{
    char yaml[100];
    const ggdm_program *p;
    ggdm_error err;
    int32_t number;
    for (int i = 0; i < n; i++) {
        snprintf(yaml, sizeof yaml, "{model: U, sampler: {kind: ddpm}, condition: {label: %d}}",
                 (label + i) % 10);
        const ggdm_item *head = ggdm_tiny_item(arena, GGDM_FAMILY_STAGE, yaml);
        ggdm_values values;
        ggdm_step s = step_of(0);
        ggdm_test_ok(ggdm_programs_tick(programs, head, NULL, &number, &err), &err);
        ggdm_test_ok(ggdm_programs_get(programs, number, n, &p, &err), &err);
        ggdm_test_ok(ggdm_values_of(arena, head, &values, &err), &err);
        for (int k = 0; k < PIXELS; k++)
            p->x[i * PIXELS + k] = (float)k / PIXELS;
        ggdm_program_fill(p, i, &s, &values, NULL);
    }
    assert_int_equal(number, 0);
    ggdm_graph_run(p->graph);
    memcpy(eps, p->eps, PIXELS * sizeof *eps);
}

/* The label of a condition is a value of each image, and a network that wants one gets one. */
static void test_programs_give_labels_to_the_network(void **state)
{
    world *w = *state;
    char *path = ggdm_tiny_model_write(w->m.tiny.dir, "labelled", labelled, 7);
    ggdm_model_files files;
    ggdm_error err;
    float one[PIXELS], again[PIXELS], other[PIXELS];
    ggdm_model *model = ggdm_tiny_model_open(path, &files);
    const ggdm_model_ref ref = {.digest = ggdm_tiny_digests[0], .model = model};
    ggdm_programs *programs = ggdm_tiny_programs(&(ggdm_models){.items = &ref, .n = 1}, BATCH);
    conditioned(programs, &w->m.arena, 3, 1, one);
    conditioned(programs, &w->m.arena, 3, 2, again);
    conditioned(programs, &w->m.arena, 4, 2, other);
    ggdm_test_same_bits("eps", one, again, PIXELS, 1);
    assert_true(memcmp(one, other, sizeof one) != 0);
    const ggdm_program *p;
    int32_t number;
    ggdm_test_ok(ggdm_programs_tick(programs, w->head, NULL, &number, &err), &err);
    ggdm_test_error(ggdm_programs_get(programs, number, 1, &p, &err), &err, GGDM_EINVAL,
                    "wants a label, expected condition: {label: ...}");
    ggdm_programs_destroy(&programs);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    free(path);
}

static const char *text_of(world *w, const ggdm_item *item)
{
    const char *text = "{}";
    ggdm_error err;
    if (item)
        ggdm_test_ok(ggdm_recipe_print(&w->m.arena, item, false, &text, &err), &err);
    return text;
}

static ggdm_step_cost cost(world *w, const ggdm_coster *coster, const ggdm_item *setting)
{
    ggdm_step_cost c;
    ggdm_error err;
    ggdm_test_ok(coster->cost(coster->context, text_of(w, w->head), text_of(w, setting), &c, &err),
                 &err);
    return c;
}

/* Backward through the network costs about as much again, the classifier alone next to nothing; a
 * count is that of the compiled graph. */
static void test_cost_counts_operations_of_programs(void **state)
{
    world *w = *state;
    ggdm_costs *costs;
    ggdm_coster coster;
    ggdm_error err;
    ggdm_test_ok(ggdm_costs_create(&w->m.models, &costs, &coster, &err), &err);
    ggdm_item *full = guidance(w, "{terms: [{loss: {kind: classifier, model: G, target: 0}}]}");
    ggdm_item *x0 =
        guidance(w, "{terms: [{gradient: x0, loss: {kind: classifier, model: G, target: 0}}]}");
    ggdm_step_cost unguided = cost(w, &coster, NULL), through = cost(w, &coster, full),
                   short_way = cost(w, &coster, x0);
    assert_int_equal(unguided.evaluations, 1);
    assert_int_equal(unguided.state_bytes, PIXELS * sizeof(float));
    assert_true(unguided.operations == ggdm_graph_flops(get(w, tick_number(w, NULL), 1)->graph));
    assert_true(through.operations > 1.8 * unguided.operations);
    assert_true(short_way.operations > unguided.operations);
    assert_true(short_way.operations < through.operations);
    ggdm_costs_destroy(&costs);
}

/* Heun's second tick is without the terms that act once a step, and the last step is without it. */
static void test_cost_counts_what_later_evaluations_do(void **state)
{
    world *w = *state;
    ggdm_item *ddpm = w->head;
    ggdm_costs *costs;
    ggdm_coster coster;
    ggdm_error err;
    ggdm_test_ok(ggdm_costs_create(&w->m.models, &costs, &coster, &err), &err);
    ggdm_item *once = guidance(w, "{terms: [{loss: {kind: classifier, model: G, target: 0}}]}");
    ggdm_item *always = guidance(w, "{terms: [{loss: {kind: classifier, model: G, target: 0}, "
                                    "apply: eps}], recurrence: {repeats: 3}}");
    const double plain = cost(w, &coster, NULL).operations;
    const double guided = cost(w, &coster, once).operations;
    const double repeated = cost(w, &coster, always).operations;
    w->head = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_STAGE,
                             "{model: U, sampler: {kind: heun, steps: 10}}");
    const ggdm_step_cost one = cost(w, &coster, once), three = cost(w, &coster, always);
    w->head = ddpm;
    assert_true(one.evaluations == 2 && one.spared_evaluations == 1);
    assert_true(one.operations == guided + plain && one.spared_operations == plain);
    assert_true(three.evaluations == 6 && three.spared_evaluations == 3);
    assert_true(three.operations == 2 * repeated && three.spared_operations == repeated);
    ggdm_costs_destroy(&costs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs_pack_weights_once), /* first: nothing is packed yet */
        cmocka_unit_test(test_programs_make_eps_of_every_prediction),
        cmocka_unit_test(test_programs_give_the_variance_of_the_network),
        cmocka_unit_test(test_programs_xt_full_is_the_gradient_through_the_unet),
        cmocka_unit_test(test_programs_x0_is_the_gradient_of_the_classifier_alone),
        cmocka_unit_test(test_programs_group_terms_by_their_gradient),
        cmocka_unit_test(test_programs_models_of_equal_names_keep_their_weights),
        cmocka_unit_test(test_programs_of_later_evaluations_have_no_shifts),
        cmocka_unit_test(test_programs_are_shared_by_what_differs_in_values),
        cmocka_unit_test(test_programs_batches_do_not_change_bits),
        cmocka_unit_test(test_programs_of_models_that_do_not_fit_are_refused),
        cmocka_unit_test(test_programs_give_labels_to_the_network),
        cmocka_unit_test(test_cost_counts_operations_of_programs),
        cmocka_unit_test(test_cost_counts_what_later_evaluations_do),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
