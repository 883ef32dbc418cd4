/* Where the rows of an image lie after repeat, join and split, whatever their dtype, and what is
 * refused. (Numbers and gradients: the op table.) */
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

static void compile(ggdm_graph *g)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_compile(g, NULL, &err), &err);
}

static void test_repeat_rows_of_an_image_lie_together(void **state)
{
    (void)state;
    static const int32_t x[2] = {7, 9}, want[6] = {7, 7, 7, 9, 9, 9};
    ggdm_graph *g = new_graph();
    ggdm_val in = ggdm_graph_input(g, "label", GGDM_I32, GGDM_SHAPE1(2));
    ggdm_val y = ggdm_repeat(g, in, 3);
    ggdm_graph_output(g, y);
    compile(g);
    memcpy(ggdm_graph_data(g, in), x, sizeof x);
    ggdm_graph_run(g);
    assert_int_equal(ggdm_graph_dtype(g, y), GGDM_I32);
    assert_memory_equal(ggdm_graph_data(g, y), want, sizeof want);
    ggdm_graph_destroy(&g);
}

static void test_split_takes_a_row_of_each_image(void **state)
{
    (void)state;
    static const float x[6] = {0, 1, 2, 10, 11, 12}, want[2] = {2, 12};
    ggdm_graph *g = new_graph();
    ggdm_val in = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(6, 1));
    ggdm_val y = ggdm_split(g, in, 3, 2);
    ggdm_graph_output(g, y);
    compile(g);
    memcpy(ggdm_graph_data(g, in), x, sizeof x);
    ggdm_graph_run(g);
    assert_memory_equal(ggdm_graph_data(g, y), want, sizeof want);
    ggdm_graph_destroy(&g);
}

static void test_join_makes_one_row_of_those_of_an_image(void **state)
{
    (void)state;
    static const float x[6] = {0, 1, 2, 10, 11, 12};
    ggdm_graph *g = new_graph();
    ggdm_val in = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE1(6));
    ggdm_val y = ggdm_join(g, in, 3);
    const ggdm_shape want = GGDM_SHAPE2(2, 3);
    ggdm_graph_output(g, y);
    compile(g);
    memcpy(ggdm_graph_data(g, in), x, sizeof x);
    ggdm_graph_run(g);
    assert_true(ggdm_shape_equal(ggdm_graph_shape(g, y), &want));
    assert_memory_equal(ggdm_graph_data(g, y), x, sizeof x);
    ggdm_graph_destroy(&g);
}

static void refused(int k, int part, const char *message)
{
    ggdm_error err;
    ggdm_graph *g = new_graph();
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE2(6, 1));
    assert_int_equal(part < 0 ? ggdm_repeat(g, x, k) : ggdm_split(g, x, k, part), -1);
    ggdm_test_error(ggdm_graph_compile(g, NULL, &err), &err, GGDM_ESHAPE, message);
    ggdm_graph_destroy(&g);
}

static void test_batch_that_does_not_divide_is_refused(void **state)
{
    (void)state;
    refused(0, -1, "repeat: 0 times");
    refused(4, 0, "split: part 0 of 4 of a batch of 6");
    refused(3, 3, "split: part 3 of 3");
    refused(0, 0, "split: part 0 of 0");
    ggdm_error err;
    ggdm_graph *g = new_graph();
    assert_int_equal(ggdm_join(g, ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE1(6)), 4), -1);
    ggdm_test_error(ggdm_graph_compile(g, NULL, &err), &err, GGDM_ESHAPE,
                    "join: 4 rows each, of 6");
    ggdm_graph_destroy(&g);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeat_rows_of_an_image_lie_together),
        cmocka_unit_test(test_split_takes_a_row_of_each_image),
        cmocka_unit_test(test_join_makes_one_row_of_those_of_an_image),
        cmocka_unit_test(test_batch_that_does_not_divide_is_refused),
    };
    return ggdm_test_main(tests);
}
