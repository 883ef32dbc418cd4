/* Promise 1 for what the general form of guidance adds: smoothed losses, scaled gradients, changes
 * of x0-hat, steps that are made again, what is carried from step to step.  An image is the same
 * bits whatever shares its unit, batch and threads, and wherever it was stopped, also between the
 * repeats of a step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bf16.h"
#include "tests/support/exact.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/kinds.h"

enum { STEPS = GGDM_TINY_STEPS, IMAGES = 3, FIRST = 2, CHAINS = 4 };

static ggdm_tiny_methods tiny;
static ggdm_exact labelled; /* a diffusion model with labels */

/* What is guided: terms in the tiny networks' world, or apg with momentum in that with labels. */
enum { TERMS, MOMENTUM, KINDS };
static int guided_by;

static int setup(void **state)
{
    labelled = (ggdm_exact){.weight = {1, 2},
                            .mean = {{0.5, 0.4, -0.5, 0}, {-0.5, -0.3, 0.5, 0.25}},
                            .variance = {{0.5, 0.4, 0.6, 0.5}, {0.4, 0.5, 0.7, 0.6}},
                            .train_steps = 2 * STEPS,
                            .beta_start = 0.02,
                            .beta_end = 0.3,
                            .conditional = true};
    ggdm_exact_open(&labelled);
    ggdm_tiny_methods_open(&tiny);
    *state = &tiny;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ggdm_tiny_methods_close(&tiny);
    ggdm_exact_close(&labelled);
    return 0;
}

static ggdm_executor *create(ggdm_precision precision, int32_t batch, int32_t threads)
{
    const ggdm_job job = {.precision = precision, .batch = batch, .threads = threads};
    const ggdm_models *models = guided_by == TERMS ? &tiny.models : &labelled.models;
    return ggdm_tiny_executor(&job, models);
}

static const char *const samplers[] = {"ddpm", "heun", "dpmpp-2m"};
enum { SAMPLERS = sizeof samplers / sizeof *samplers };

static const char *head_of(const char *sampler)
{
    return ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_STAGE,
                          "{model: U, sampler: {kind: %s, steps: %d, clip_x0: true}, seed: 7%s}",
                          sampler, STEPS, guided_by == TERMS ? "" : ", condition: {label: 0}");
}

/* One program, whatever the repeats: they are a value. */
static const char *repeated(int repeats)
{
    if (guided_by == MOMENTUM)
        return ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_GUIDANCE,
                              "{eps: {kind: apg, s: 2, momentum: -0.7}, recurrence: {repeats: %d}}",
                              repeats);
    return ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_GUIDANCE,
                          "{terms: [{loss: {kind: classifier, model: G, target: 3}, weight: 0.05, "
                          "norm: rms, smoothing: {samples: 3, deviation: 0.2}}], recurrence: "
                          "{repeats: %d}}",
                          repeats);
}

/* Another, which carries nothing. */
static const char *of_x0(void)
{
    if (guided_by == MOMENTUM)
        return ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_GUIDANCE,
                              "{eps: {kind: classifier-free, s: %d}}", 2);
    return ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_GUIDANCE,
                          "{terms: [{loss: {kind: classifier, model: J, target: 1}, gradient: x0, "
                          "apply: x0, iterations: 3, clip: 0.1}, {loss: {kind: tv}, apply: eps, "
                          "clamp: true}]}");
}

/* What each trajectory has in its first third, its second and its last. */
static void settings(int trajectory, const char *out[3])
{
    out[0] = repeated(2);
    out[1] = trajectory == 0 ? out[0] : trajectory == 1 ? repeated(3) : of_x0();
    out[2] = trajectory == 3 ? out[0] : "{}";
}

/* A unit without segments; the world with labels has no scorers. */
static void begin(ggdm_tiny_unit *u, const char *head, int first, int images)
{
    ggdm_tiny_unit_init(u, &tiny.arena, head, first, images);
    if (guided_by == MOMENTUM)
        u->unit.n_scorers = u->unit.n_scores = 0;
}

/* As one tree: the siblings behind the common head make steps of 2, 3 and 1 repeats. */
static void tree(ggdm_tiny_unit *u, const char *head)
{
    const char *s[3];
    begin(u, head, FIRST, IMAGES);
    ggdm_tiny_unit_add(u, -1, 4, repeated(2), -1);
    for (int i = 0; i < 3; i++) {
        settings(i, s);
        ggdm_tiny_unit_add(u, 0, 8, s[1], -1);
    }
    for (int i = 0; i < CHAINS; i++) {
        settings(i, s);
        ggdm_tiny_unit_add(u, i < 3 ? 1 + i : 3, STEPS, s[2], i);
    }
}

static void chain(ggdm_tiny_unit *u, const char *head, int trajectory, int image)
{
    const char *s[3];
    settings(trajectory, s);
    begin(u, head, image, 1);
    for (int i = 0; i < 3; i++)
        ggdm_tiny_unit_add(u, i - 1, 4 * (i + 1), s[i], trajectory);
}

static void run(const ggdm_tiny_unit *u, ggdm_precision precision, int32_t batch, int32_t threads,
                ggdm_tiny_run *r)
{
    ggdm_executor *e = create(precision, batch, threads);
    ggdm_error err;
    ggdm_test_ok(ggdm_tiny_run_on(e, &u->unit, r, &err), &err);
    ggdm_executor_destroy(&e);
}

static void test_guided_bits_tree_equals_separate_chains(void **state)
{
    (void)state;
    for (int mode = 0; mode < KINDS * (ggdm_test_have_bf16() ? 2 : 1) * SAMPLERS; mode++) {
        guided_by = mode / SAMPLERS % KINDS;
        const ggdm_precision precision =
            mode < KINDS * SAMPLERS ? GGDM_PRECISION_FP32 : GGDM_PRECISION_BF16;
        const int k = mode % SAMPLERS, evaluations = strcmp(samplers[k], "heun") == 0 ? 2 : 1;
        ggdm_executor *one = create(precision, 1, 1);
        ggdm_tiny_unit u;
        ggdm_tiny_run all = {0}, single = {0};
        ggdm_error err;
        tree(&u, head_of(samplers[k]));
        run(&u, precision, 16, 2, &all);
        assert_int_equal(all.n, CHAINS * IMAGES);
        assert_int_equal(all.last_done, all.total);
        assert_int_equal(all.total, evaluations * IMAGES * 4 * (2 + 2 + 3 + 1 + 1 + 1 + 1 + 2));
        for (int i = 0; i < CHAINS; i++)
            for (int image = FIRST; image < FIRST + IMAGES; image++) {
                chain(&u, head_of(samplers[k]), i, image);
                ggdm_test_ok(ggdm_tiny_run_on(one, &u.unit, &single, &err), &err);
                const ggdm_sample *s = ggdm_tiny_sample(&all, i, image);
                assert_true(ggdm_tiny_same(ggdm_tiny_sample(&single, i, image), s));
                assert_true(i == 0 || !ggdm_tiny_same(ggdm_tiny_sample(&all, 0, image), s));
                assert_false(s->diverged);
                ggdm_tiny_run_deinit(&single);
            }
        ggdm_tiny_run_deinit(&all);
        ggdm_executor_destroy(&one);
    }
}

static void test_guided_bits_odd_batches_and_threads_change_nothing(void **state)
{
    (void)state;
    static const int batches[] = {2, 5, 16}, threads[] = {1, 2, 1};
    ggdm_tiny_unit u;
    ggdm_tiny_run want = {0}, got = {0};
    for (guided_by = 0; guided_by < KINDS; guided_by++) {
        tree(&u, head_of("ddpm"));
        run(&u, GGDM_PRECISION_FP32, 3, 2, &want);
        for (int i = 0; i < 3; i++) {
            run(&u, GGDM_PRECISION_FP32, batches[i], threads[i], &got);
            ggdm_tiny_assert_same(&want, &got);
            ggdm_tiny_run_deinit(&got);
        }
        ggdm_tiny_run_deinit(&want);
    }
}

/* Stopped after each batch: between the evaluations and the repeats of a step, and between batches
 * of one of them. */
static void test_guided_bits_resumes_within_a_step(void **state)
{
    (void)state;
    for (int mode = 0; mode < KINDS * SAMPLERS; mode++) {
        ggdm_tiny_unit u;
        ggdm_tiny_run want = {0}, got = {0};
        ggdm_error err;
        guided_by = mode / SAMPLERS;
        ggdm_executor *e[2] = {create(GGDM_PRECISION_FP32, 16, 1),
                               create(GGDM_PRECISION_FP32, 4, 1)};
        tree(&u, head_of(samplers[mode % SAMPLERS]));
        ggdm_test_ok(ggdm_tiny_run_on(e[0], &u.unit, &want, &err), &err);
        assert_true(ggdm_tiny_run_in_pieces(e, &u.unit, 1, &got) > 2 * STEPS);
        ggdm_tiny_assert_same(&want, &got);
        ggdm_tiny_run_deinit(&got);
        ggdm_tiny_run_deinit(&want);
        ggdm_executor_destroy(&e[0]);
        ggdm_executor_destroy(&e[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guided_bits_tree_equals_separate_chains),
        cmocka_unit_test(test_guided_bits_odd_batches_and_threads_change_nothing),
        cmocka_unit_test(test_guided_bits_resumes_within_a_step),
    };
    setenv("GGDM_LOG", "error", 1);
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
