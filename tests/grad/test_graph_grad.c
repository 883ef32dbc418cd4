/* What ggdm_graph_backward promises beyond the numbers of test_grad.c: ties and kinks as in
 * PyTorch, gradients of intermediate values, missing dependence, several cotangents in one graph,
 * parameters that change between runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/nn/ops.h"
#include "tests/support/ggdm_test.h"

static ggdm_graph *new_graph(void)
{
    ggdm_graph *g;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    return g;
}

static void compile(ggdm_graph *g, const ggdm_params *params)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_compile(g, params, &err), &err);
}

static void set(const ggdm_graph *g, ggdm_val v, const float *x)
{
    memcpy(ggdm_graph_data(g, v), x, (size_t)ggdm_shape_count(ggdm_graph_shape(g, v)) * sizeof *x);
}

static void expect(const ggdm_graph *g, ggdm_val v, const float *want)
{
    ggdm_test_same_bits("value", ggdm_graph_data(g, v), want,
                        (size_t)ggdm_shape_count(ggdm_graph_shape(g, v)), 0);
}

static void test_max_pool_tie_goes_to_first(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(1, 2, 4, 1)), gx;
    ggdm_val y = ggdm_max_pool(g, x, 2);
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, GGDM_SHAPE4(1, 1, 2, 1));
    ggdm_graph_output(g, y);
    ggdm_graph_backward(g, y, gy, 1, &x, &gx);
    compile(g, NULL);
    set(g, x, (float[]){-1, -1, 0, 5, /* second row */ -1, -1, 5, 5});
    set(g, gy, (float[]){3, 7});
    ggdm_graph_run(g);
    expect(g, y, (float[]){-1, 5});
    expect(g, gx, (float[]){3, 0, 0, 7, 0, 0, 0, 0});
    ggdm_graph_destroy(&g);
}

static void test_relu_at_zero_has_no_gradient(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(1, 4)), gx;
    ggdm_val y = ggdm_relu(g, x);
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, GGDM_SHAPE2(1, 4));
    ggdm_graph_output(g, y);
    ggdm_graph_backward(g, y, gy, 1, &x, &gx);
    compile(g, NULL);
    set(g, x, (float[]){0, -1, 2, 1e-30f});
    set(g, gy, (float[]){3, 3, 3, 3});
    ggdm_graph_run(g);
    expect(g, y, (float[]){0, 0, 2, 1e-30f});
    expect(g, gx, (float[]){0, 0, 3, 3});
    ggdm_graph_destroy(&g);
}

static void test_clamp_passes_the_gradient_inside_and_at_its_ends(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(1, 5)), gx;
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, GGDM_SHAPE2(1, 5));
    ggdm_val y = ggdm_clamp(g, x, -1, 2);
    ggdm_graph_output(g, y);
    ggdm_graph_backward(g, y, gy, 1, &x, &gx);
    compile(g, NULL);
    set(g, x, (float[]){-1.5f, -1, 0.5f, 2, 2.5f});
    set(g, gy, (float[]){3, 4, 5, 6, 7});
    ggdm_graph_run(g);
    expect(g, y, (float[]){-1, -1, 0.5f, 2, 2});
    expect(g, gx, (float[]){0, 4, 5, 6, 0});
    ggdm_graph_destroy(&g);
}

/* The norm of an image and its gradient, that image over the norm: of nothing it is nothing. */
static void test_norm_of_zeros_has_no_gradient(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(2, 2)), gx;
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, GGDM_SHAPE1(2));
    ggdm_val y = ggdm_sqrt(g, ggdm_dot(g, x, x));
    ggdm_graph_output(g, y);
    ggdm_graph_backward(g, y, gy, 1, &x, &gx);
    compile(g, NULL);
    set(g, x, (float[]){0, 0, -6, 8});
    set(g, gy, (float[]){3, 5});
    ggdm_graph_run(g);
    expect(g, y, (float[]){0, 10});
    expect(g, gx, (float[]){0, 0, -3, 4});
    ggdm_graph_destroy(&g);
}

/* exp of the scores alone overflows, or is 0 for all of them. */
static void test_attention_large_scores_are_shifted(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    const ggdm_shape shape = GGDM_SHAPE3(2, 3, 1);
    ggdm_val q = ggdm_graph_input(g, "q", GGDM_F32, shape);
    ggdm_val k = ggdm_graph_input(g, "k", GGDM_F32, shape);
    ggdm_val v = ggdm_graph_input(g, "v", GGDM_F32, shape);
    ggdm_val y = ggdm_attention(g, q, k, v, -1, (ggdm_heads){.n = 1});
    ggdm_graph_output(g, y);
    compile(g, NULL);
    set(g, q, (float[]){100, -100, 100, 100, -100, 100});
    set(g, k, (float[]){10, 10, 10, 8, 10, 9});
    set(g, v, (float[]){3, 3, 3, 1, 5, 9});
    ggdm_graph_run(g);
    const float *got = ggdm_graph_data(g, y), want[6] = {3, 3, 3, 5, 1, 5};
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(got[i] - want[i]) <= 4e-7f * want[i]); /* three weights of 1/3: 6 u */
    ggdm_graph_destroy(&g);
}

/* A diverged image must not look healthy behind a network: NaN passes every op that looks at its
 * pixel. */
static void test_nan_passes_through_kinks(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(1, 2, 2, 1));
    ggdm_val r = ggdm_relu(g, x), p = ggdm_max_pool(g, x, 2), s = ggdm_silu(g, x);
    ggdm_val c = ggdm_clamp(g, x, 0, 1);
    ggdm_graph_output(g, c);
    ggdm_graph_output(g, r);
    ggdm_graph_output(g, p);
    ggdm_graph_output(g, s);
    compile(g, NULL);
    for (int place = 0; place < 4; place++) {
        float image[4] = {1, 2, 3, 4};
        image[place] = NAN;
        set(g, x, image);
        ggdm_graph_run(g);
        assert_true(isnan(((float *)ggdm_graph_data(g, r))[place]));
        assert_true(isnan(((float *)ggdm_graph_data(g, s))[place]));
        assert_true(isnan(((float *)ggdm_graph_data(g, c))[place]));
        if (!isnan(((float *)ggdm_graph_data(g, p))[0]))
            ggdm_test_fail("max_pool: NaN at pixel %d of the window is lost", place);
    }
    ggdm_graph_destroy(&g);
}

static void test_backward_intermediate_value_and_independent_input(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(1, 2));
    ggdm_val other = ggdm_graph_input(g, "other", GGDM_F32, GGDM_SHAPE2(1, 2));
    ggdm_val h = ggdm_affine(g, x, 2, 1), y = ggdm_affine(g, h, 3, 0), grad[4];
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, GGDM_SHAPE2(1, 2));
    ggdm_graph_backward(g, y, gy, 4, (ggdm_val[]){h, other, x, y}, grad);
    compile(g, NULL);
    set(g, x, (float[]){1, 2});
    set(g, other, (float[]){1, 2});
    set(g, gy, (float[]){1, 10});
    ggdm_graph_run(g);
    expect(g, grad[0], (float[]){3, 30});
    assert_int_equal(grad[1], -1);
    expect(g, grad[2], (float[]){6, 60});
    expect(g, grad[3], (float[]){1, 10});
    ggdm_graph_destroy(&g);
}

static void test_backward_two_cotangents_stay_apart(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(1, 2)), gx[2], gy[2];
    ggdm_val y[2] = {ggdm_affine(g, x, 2, 0), ggdm_add(g, x, x)};
    for (int i = 0; i < 2; i++) {
        gy[i] = ggdm_graph_input(g, i ? "g1" : "g0", GGDM_F32, GGDM_SHAPE2(1, 2));
        y[i] = ggdm_affine(g, y[i], 5, 0);
        ggdm_graph_backward(g, y[i], gy[i], 1, &x, &gx[i]);
    }
    compile(g, NULL);
    set(g, x, (float[]){1, 2});
    set(g, gy[0], (float[]){1, 2});
    set(g, gy[1], (float[]){3, 4});
    ggdm_graph_run(g);
    expect(g, gx[0], (float[]){10, 20});
    expect(g, gx[1], (float[]){30, 40});
    ggdm_graph_destroy(&g);
}

/* Training: weights change in place, forward and backward passes must both see it. */
static void test_params_changed_reaches_forward_and_backward(void **state)
{
    (void)state;
    float w[4] = {1, 2, 3, 4}, k[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0};
    ggdm_tensor items[2] = {{"w", GGDM_F32, GGDM_SHAPE2(2, 2), w},
                            {"k", GGDM_F32, GGDM_SHAPE4(1, 1, 3, 3), k}};
    const ggdm_params params = {.items = items, .n = 2};
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(1, 1, 2, 1)), gx;
    ggdm_val vw = ggdm_graph_param(g, "w", GGDM_SHAPE2(2, 2), (ggdm_init){GGDM_INIT_ZERO, 0});
    ggdm_val vk = ggdm_graph_param(g, "k", GGDM_SHAPE4(1, 1, 3, 3), (ggdm_init){GGDM_INIT_ZERO, 0});
    ggdm_val c = ggdm_conv2d(g, x, vk, -1, (ggdm_conv){1, 1, 1, 1, 1});
    ggdm_val y = ggdm_linear(g, ggdm_flatten(g, c), vw, -1);
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, GGDM_SHAPE2(1, 2));
    ggdm_graph_output(g, y);
    ggdm_graph_backward(g, y, gy, 1, &x, &gx);
    compile(g, &params);
    set(g, x, (float[]){1, 10});
    set(g, gy, (float[]){1, 100});
    ggdm_graph_run(g);
    expect(g, y, (float[]){21, 43});
    expect(g, gx, (float[]){301, 402});
    w[0] = 2;
    k[4] = 2;
    ggdm_graph_params_changed(g);
    ggdm_graph_run(g);
    expect(g, y, (float[]){44, 86});
    expect(g, gx, (float[]){604, 804});
    ggdm_graph_destroy(&g);
}

static void test_building_error_is_kept_and_reported(void **state)
{
    (void)state;
    ggdm_graph *g = new_graph();
    ggdm_error err;
    ggdm_val a = ggdm_graph_input(g, "a", GGDM_F32, GGDM_SHAPE2(2, 3));
    ggdm_val b = ggdm_graph_input(g, "b", GGDM_F32, GGDM_SHAPE2(2, 4)), gx;
    ggdm_val bad = ggdm_add(g, a, b);
    assert_int_equal(bad, -1);
    assert_int_equal(ggdm_silu(g, bad), -1);
    assert_int_equal(ggdm_silu(g, a), -1); /* sticky: nothing is built after an error */
    ggdm_graph_backward(g, bad, a, 1, &a, &gx);
    assert_int_equal(gx, -1);
    ggdm_test_error(ggdm_graph_compile(g, NULL, &err), &err, GGDM_ESHAPE, "add");
    ggdm_graph_destroy(&g);
}

static void test_compile_names_missing_and_misshapen_tensors(void **state)
{
    (void)state;
    const float w[6] = {0};
    ggdm_tensor item = {"layer.weight", GGDM_F32, GGDM_SHAPE2(2, 3), w};
    for (int missing = 0; missing < 2; missing++) {
        const ggdm_params params = {.items = &item, .n = missing ? 0 : 1};
        ggdm_graph *g = new_graph();
        ggdm_error err;
        ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(1, 2));
        ggdm_val v =
            ggdm_graph_param(g, "layer.weight", GGDM_SHAPE2(3, 2), (ggdm_init){GGDM_INIT_ZERO, 0});
        ggdm_graph_output(g, ggdm_linear(g, x, v, -1));
        const ggdm_status st = ggdm_graph_compile(g, &params, &err);
        ggdm_test_error(st, &err, missing ? GGDM_EFORMAT : GGDM_ESHAPE, "layer.weight");
        if (!missing) {
            ggdm_test_error(st, &err, GGDM_ESHAPE, "[2, 3]");
            ggdm_test_error(st, &err, GGDM_ESHAPE, "[3, 2]");
        }
        ggdm_graph_destroy(&g);
    }
}

/* Two networks in one graph name their parameters alike: slots keep them apart. */
static void test_graph_slots_of_equal_names_have_their_own_parameters(void **state)
{
    (void)state;
    const ggdm_init init = {GGDM_INIT_ZERO, 0};
    const float first[1] = {2}, second[1] = {5};
    ggdm_tensor a = {"w", GGDM_F32, GGDM_SHAPE2(1, 1), first}, b = a;
    b.data = second;
    const ggdm_params pa = {.items = &a, .n = 1}, pb = {.items = &b, .n = 1};
    const ggdm_slot slots[] = {{"guide", &pb}, {"diffusion", &pa}};
    ggdm_error err;
    for (int n = 2; n > 0; n--) {
        ggdm_graph *g = new_graph();
        ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(3, 1)), y[2];
        for (int i = 0; i < 2; i++) {
            ggdm_graph_slot(g, slots[i].name);
            y[i] = ggdm_linear(g, x, ggdm_graph_param(g, "w", GGDM_SHAPE2(1, 1), init), -1);
            ggdm_graph_output(g, y[i]);
        }
        assert_true(ggdm_graph_flops(g) == 2 * 2.0 * 3);
        if (n < 2) {
            ggdm_test_error(ggdm_graph_compile_slots(g, slots, n, NULL, &err), &err, GGDM_EFORMAT,
                            "diffusion: tensor w is missing");
        } else {
            ggdm_test_ok(ggdm_graph_compile_slots(g, slots, n, NULL, &err), &err);
            set(g, x, (float[]){1, 10, 100});
            ggdm_graph_run(g);
            expect(g, y[0], (float[]){5, 50, 500});
            expect(g, y[1], (float[]){2, 20, 200});
        }
        ggdm_graph_destroy(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_slots_of_equal_names_have_their_own_parameters),
        cmocka_unit_test(test_max_pool_tie_goes_to_first),
        cmocka_unit_test(test_relu_at_zero_has_no_gradient),
        cmocka_unit_test(test_clamp_passes_the_gradient_inside_and_at_its_ends),
        cmocka_unit_test(test_norm_of_zeros_has_no_gradient),
        cmocka_unit_test(test_attention_large_scores_are_shifted),
        cmocka_unit_test(test_nan_passes_through_kinks),
        cmocka_unit_test(test_backward_intermediate_value_and_independent_input),
        cmocka_unit_test(test_backward_two_cotangents_stay_apart),
        cmocka_unit_test(test_params_changed_reaches_forward_and_backward),
        cmocka_unit_test(test_building_error_is_kept_and_reported),
        cmocka_unit_test(test_compile_names_missing_and_misshapen_tensors),
    };
    return ggdm_test_main(tests);
}
