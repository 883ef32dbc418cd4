#include "tests/support/ggdm_test.h"

#include <math.h>
#include <string.h>

#include "models/nn/ops.h"
#include "models/train/adamw.h"

/* A weight [3, 5], a bias [3], and a scale of 17 values. */
static ggdm_flat *make_flat(void)
{
    ggdm_error err = {0};
    ggdm_graph *g = NULL;
    ggdm_flat *flat = NULL;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_graph_param(g, "w", GGDM_SHAPE2(3, 5), (ggdm_init){GGDM_INIT_UNIFORM, 0.25});
    ggdm_graph_param(g, "b", GGDM_SHAPE1(3), (ggdm_init){GGDM_INIT_ZERO, 0});
    ggdm_graph_param(g, "s", GGDM_SHAPE1(17), (ggdm_init){GGDM_INIT_ONE, 0});
    ggdm_graph_param(g, "n", GGDM_SHAPE2(40, 50), (ggdm_init){GGDM_INIT_NORMAL, 0.5});
    ggdm_test_ok(ggdm_flat_create(g, 11, &flat, &err), &err);
    ggdm_graph_destroy(&g);
    return flat;
}

static void test_flat_parameters_are_aligned_and_initialised(void **state)
{
    (void)state;
    ggdm_flat *f = make_flat(), *again = make_flat();
    assert_int_equal(f->n_params, 4);
    assert_int_equal(f->n_values, 15 + 3 + 17 + 2000);
    for (int i = 0; i < f->n_params; i++) {
        assert_int_equal(f->offset[i] % 16, 0);
        assert_ptr_equal(f->items[i].data, f->w + f->offset[i]);
    }
    assert_string_equal(f->items[2].name, "s");
    double sum = 0, squares = 0;
    for (int i = 0; i < 15; i++)
        assert_true(fabsf(f->w[i]) <= 0.25f && f->w[i] != 0);
    for (int i = 0; i < 3; i++)
        assert_true(f->w[f->offset[1] + (size_t)i] == 0);
    for (int i = 0; i < 17; i++)
        assert_true(f->w[f->offset[2] + (size_t)i] == 1);
    for (int i = 0; i < 2000; i++) {
        double v = f->w[f->offset[3] + (size_t)i];
        sum += v;
        squares += v * v;
    }
    assert_float_equal(sum / 2000, 0, 4 * 0.5 / sqrt(2000));
    assert_float_equal(squares / 2000, 0.25, 4 * 0.25 * sqrt(2.0 / 2000));
    assert_memory_equal(f->w, f->ema, sizeof(float) * f->n);
    assert_memory_equal(f->w, again->w, sizeof(float) * f->n);
    ggdm_flat_destroy(&f);
    ggdm_flat_destroy(&again);
}

/* AdamW as PyTorch documents it, in double. */
static void test_adamw_follows_the_double_reference(void **state)
{
    (void)state;
    enum { STEPS = 50, MAX = 4096 };
    const ggdm_optim o = {
        .lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .ema = 0.9};
    static double w[MAX], m[MAX], v[MAX], ema[MAX];
    static double want[MAX], tolerance[MAX];
    ggdm_flat *f = make_flat();
    assert_true(f->n <= MAX);
    for (size_t i = 0; i < f->n; i++) {
        w[i] = ema[i] = f->w[i];
        m[i] = v[i] = 0;
    }
    ggdm_test_rng rng = ggdm_test_rng_init(3);
    for (int step = 0; step < STEPS; step++) {
        ggdm_test_fill_normal(&rng, f->g, f->n, 0.3);
        double average = fmin(0.9, (1.0 + step) / (10.0 + step));
        for (int p = 0; p < f->n_params; p++)
            for (size_t i = f->offset[p]; i < f->offset[p] + f->size[p]; i++) {
                double g = 0.5 * f->g[i];
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.99 * v[i] + 0.01 * g * g;
                w[i] *= 1 - 0.01 * (p == 0 || p == 3 ? 0.1 : 0);
                w[i] -= 0.01 * (m[i] / (1 - pow(0.9, step + 1))) /
                        (sqrt(v[i] / (1 - pow(0.99, step + 1))) + 1e-8);
                ema[i] = average * ema[i] + (1 - average) * w[i];
            }
        ggdm_adamw_step(&o, f, step, 0.01, 0.5);
    }
    for (int p = 0; p < f->n_params; p++) {
        /* a step moves w by at most lr * about 10 and rounds a few times */
        for (size_t i = 0; i < f->size[p]; i++)
            tolerance[i] = STEPS * 8 * GGDM_TEST_EPS32 * (fabs(w[f->offset[p] + i]) + 0.1);
        memcpy(want, w + f->offset[p], sizeof *want * f->size[p]);
        ggdm_test_close("w", f->w + f->offset[p], want, tolerance, f->size[p], 3);
        memcpy(want, ema + f->offset[p], sizeof *want * f->size[p]);
        ggdm_test_close("ema", f->ema + f->offset[p], want, tolerance, f->size[p], 3);
    }
    ggdm_flat_destroy(&f);
}

static void test_gradient_norm_is_euclidean(void **state)
{
    (void)state;
    ggdm_flat *f = make_flat();
    double sum = 0;
    for (int p = 0; p < f->n_params; p++)
        for (size_t i = f->offset[p]; i < f->offset[p] + f->size[p]; i++) {
            f->g[i] = (float)(i % 7) - 3;
            sum += (double)f->g[i] * f->g[i];
        }
    f->g[f->n] = 1e9f; /* the slots behind do not count */
    assert_float_equal(ggdm_gradient_norm(f), sqrt(sum), 1e-9 * sum);
    ggdm_flat_destroy(&f);
}

static void test_learning_rate_warms_up_and_decays(void **state)
{
    (void)state;
    const ggdm_optim o = {.lr = 1, .lr_floor = 0.1, .warmup = 10};
    assert_float_equal(ggdm_learning_rate(&o, 0, 111), 0.1, 1e-12);
    assert_float_equal(ggdm_learning_rate(&o, 9, 111), 1.0, 1e-12);
    assert_float_equal(ggdm_learning_rate(&o, 10, 111), 1.0, 1e-12);
    assert_float_equal(ggdm_learning_rate(&o, 60, 111), 0.55, 1e-12);
    assert_float_equal(ggdm_learning_rate(&o, 110, 111), 0.1, 1e-12);
    for (int64_t s = 11; s < 111; s++)
        assert_true(ggdm_learning_rate(&o, s, 111) < ggdm_learning_rate(&o, s - 1, 111));
    const ggdm_optim flat = {.lr = 1};
    assert_float_equal(ggdm_learning_rate(&flat, 0, 1), 1, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_parameters_are_aligned_and_initialised),
        cmocka_unit_test(test_adamw_follows_the_double_reference),
        cmocka_unit_test(test_gradient_norm_is_euclidean),
        cmocka_unit_test(test_learning_rate_warms_up_and_decays),
    };
    return ggdm_test_main(tests);
}
