/* Gradients of whole guided ticks in f32, through the U-Net, what makes its eps, and classifiers,
 * against differences of the loss along directions: for each loss, at x0-hat and at x_t, and
 * smoothed.  (test_programs has one of them pixel by pixel, test_losses each loss alone.) */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/threads.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_methods.h"
#include "worker/programs.h"

enum { PIXELS = 8 * 8, N = 3, BATCH = 4 };

/* A part of the range of alpha_bar. */
static const ggdm_step steps[N] = {
    {.t = 950, .alpha_bar = 0.1}, {.t = 420, .alpha_bar = 0.4}, {.t = 30, .alpha_bar = 0.9}};

/* The tiny models, but for a diffusion model that takes labels and none, and a guide that is told
 * the timestep. */
typedef struct world {
    ggdm_tiny_methods m;
    ggdm_model_files files[2];
    ggdm_model *model[2];
    ggdm_item *head;
    ggdm_programs *programs;
} world;

static int setup(void **state)
{
    static world w;
    static const char *const configs[] = {ggdm_tiny_null_config, ggdm_tiny_noisy_config};
    ggdm_use_threads(1);
    ggdm_tiny_methods_open(&w.m);
    for (int i = 0; i < 2; i++) {
        char *path = ggdm_tiny_model_write(w.m.tiny.dir, i ? "noisy" : "null", configs[i], 11);
        w.model[i] = ggdm_tiny_model_open(path, &w.files[i]);
        w.m.refs[i].model = w.model[i];
        free(path);
    }
    w.head = ggdm_tiny_item(&w.m.arena, GGDM_FAMILY_STAGE,
                            "{model: U, condition: {label: 4}, sampler: {kind: ddpm, steps: 10}}");
    w.programs = ggdm_tiny_programs(&w.m.models, BATCH);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    ggdm_programs_destroy(&w->programs);
    for (int i = 0; i < 2; i++) {
        ggdm_model_destroy(&w->model[i]);
        ggdm_model_files_close(&w->files[i]);
    }
    ggdm_tiny_methods_close(&w->m);
    return 0;
}

/* The tick of a setting at x + h d. */
static const ggdm_program *run(world *w, const ggdm_item *setting, const float *x, const double *d,
                               double h)
{
    const ggdm_program *p;
    ggdm_values head, values;
    ggdm_error err;
    int32_t number;
    ggdm_test_ok(ggdm_programs_tick(w->programs, w->head, setting, &number, &err), &err);
    ggdm_test_ok(ggdm_programs_get(w->programs, number, N, &p, &err), &err);
    ggdm_test_ok(ggdm_values_of(&w->m.arena, w->head, &head, &err), &err);
    ggdm_test_ok(ggdm_values_of(&w->m.arena, setting, &values, &err), &err);
    for (int i = 0; i < BATCH; i++) {
        const ggdm_step *s = &steps[i % N];
        ggdm_step step = ggdm_step_between(s->t, s->alpha_bar, 1);
        for (int k = 0; k < GGDM_N_SCHEDULES; k++)
            step.schedule[k] = 1;
        for (int k = 0; k < PIXELS; k++)
            p->x[i * PIXELS + k] =
                i < N ? (float)((double)x[i * PIXELS + k] + h * d[i * PIXELS + k]) : 0.0f;
        ggdm_program_fill(p, i, &step, &head, &values);
    }
    for (int k = 0; k < p->n_noises; k++) {
        ggdm_test_rng rng = ggdm_test_rng_init(5);
        ggdm_test_fill_normal(&rng, p->noises[k].data,
                              (size_t)(BATCH * p->noises[k].samples * PIXELS), 1);
    }
    ggdm_graph_run(p->graph);
    assert_int_equal(p->n_shifts, 1);
    return p;
}

/* Slopes of the loss along d by central differences of h and 2 h, extrapolated; *error: how far
 * that is from the first. */
static void slopes(world *w, const ggdm_item *setting, const float *x, const double *d,
                   double slope[N], double error[N])
{
    const double h = 0x1p-7, at[4] = {-2 * h, -h, h, 2 * h};
    double loss[4][N];
    for (int p = 0; p < 4; p++) {
        const ggdm_program *made = run(w, setting, x, d, at[p]);
        for (int i = 0; i < N; i++)
            loss[p][i] = (double)made->shifts[0].loss[i];
    }
    for (int i = 0; i < N; i++) {
        const double fine = (loss[2][i] - loss[1][i]) / (2 * h);
        const double coarse = (loss[3][i] - loss[0][i]) / (4 * h);
        /* roundings of a loss through some hundred values in turn, and what is left of h^4 */
        slope[i] = (4 * fine - coarse) / 3;
        error[i] = fabs(fine - coarse) / 2 + 64 * GGDM_TEST_EPS32 * (1 + fabs(loss[1][i])) / h;
    }
}

static void check(world *w, const char *guidance)
{
    enum { RANDOM = 2 };
    static float x[N * PIXELS], grad[N * PIXELS];
    double d[N * PIXELS], size[N];
    const ggdm_item *setting = ggdm_tiny_item(&w->m.arena, GGDM_FAMILY_GUIDANCE, guidance);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), guidance, 0));
    ggdm_test_fill_normal(&rng, x, N * PIXELS, 1);
    memset(d, 0, sizeof d);
    memcpy(grad, run(w, setting, x, d, 0)->shifts[0].grad, sizeof grad);
    for (int i = 0; i < N; i++) {
        size[i] = 0;
        for (int k = 0; k < PIXELS; k++)
            size[i] += (double)grad[i * PIXELS + k] * (double)grad[i * PIXELS + k];
        size[i] = sqrt(size[i]);
        assert_true(size[i] > 0);
    }
    /* Along the gradient, where the slope is its length, and along others. */
    for (int along = 0; along <= RANDOM; along++) {
        double slope[N], error[N];
        for (int i = 0; i < N * PIXELS; i++)
            d[i] = along == 0 ? (double)grad[i] / size[i / PIXELS]
                              : ggdm_test_normal(&rng) / sqrt(PIXELS);
        slopes(w, setting, x, d, slope, error);
        for (int i = 0; i < N; i++) {
            double want = 0;
            for (int k = 0; k < PIXELS; k++)
                want += d[i * PIXELS + k] * (double)grad[i * PIXELS + k];
            if (error[i] > 0.02 * size[i])
                ggdm_test_fail("%s\nimage %d: the error %g of the differences is not below 2 %% of "
                               "the gradient's length %g",
                               guidance, i, error[i], size[i]);
            if (!(fabs(slope[i] - want) <= error[i]))
                ggdm_test_fail(
                    "%s\nimage %d, direction %d: the loss falls by %g, its gradient says "
                    "%g, within %g",
                    guidance, i, along, slope[i], want, error[i]);
        }
    }
}

#define TERM(more, loss) "terms: [{" more "loss: {" loss "}}]}"
#define NLL "kind: classifier, model: J, target: 3"
#define TOLD "kind: classifier, model: G, target: 3"
#define FREE "{eps: {kind: classifier-free, s: 2.5}, "

static void test_guided_gradients_are_slopes_of_every_loss(void **state)
{
    static const char *const guidances[] = {
        "{" TERM("", NLL),
        "{" TERM("", "kind: classifier, model: J, target: 3, form: prob, weight: 20"),
        "{" TERM("", TOLD), /* told t = 0 */
        "{" TERM("", "kind: tv"),
        "{" TERM("", "kind: range"),
        "{" TERM("", "kind: l2, image: P, mask: M"),
        "{" TERM("", "kind: l2, image: S, downsample: 2, blur: 1, form: squared"),
        "{" TERM("", "kind: sum, of: [{kind: tv, weight: 3}, {" NLL "}]"),
    };
    for (size_t i = 0; i < sizeof guidances / sizeof *guidances; i++)
        check(*state, guidances[i]);
}

static void test_guided_gradients_are_slopes_at_noisy_images(void **state)
{
    check(*state, "{" TERM("at: xt, ", TOLD));
    check(*state, "{" TERM("at: xt, ", NLL));
    check(*state, "{" TERM("at: xt, smoothing: {samples: 3, deviation: 0.3}, ", TOLD));
}

static void test_guided_gradients_are_slopes_of_smoothed_losses(void **state)
{
    check(*state, "{" TERM("smoothing: {samples: 4, deviation: 0.3}, ", NLL));
    check(*state, "{" TERM("smoothing: {samples: 2, deviation: 0.3, mean: loss}, ", TOLD));
}

static void test_guided_gradients_are_slopes_through_both_passes(void **state)
{
    check(*state, FREE TERM("", NLL));
    check(*state, FREE TERM("", "kind: l2, image: P"));
    check(*state, FREE TERM("smoothing: {samples: 2, deviation: 0.3}, ", TOLD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guided_gradients_are_slopes_of_every_loss),
        cmocka_unit_test(test_guided_gradients_are_slopes_at_noisy_images),
        cmocka_unit_test(test_guided_gradients_are_slopes_of_smoothed_losses),
        cmocka_unit_test(test_guided_gradients_are_slopes_through_both_passes),
    };
    setenv("GGDM_LOG", "error", 1);
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
