/* What the ops of losses refuse, and where a blur mirrors its image.  (Numbers and gradients: the
 * op table.) */
#include <math.h>
#include <string.h>

#include "models/nn/ops.h"
#include "tests/support/op_refused.h"

/* An image of 3 x 4 pixels and 2 channels, as many numbers as images, and other ones. */
typedef struct values {
    ggdm_val x, other, numbers, many;
} values;

static values inputs(ggdm_graph *g)
{
    return (values){ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(6, 3, 4, 2)),
                    ggdm_graph_input(g, "other", GGDM_F32, GGDM_SHAPE4(6, 4, 3, 2)),
                    ggdm_graph_input(g, "numbers", GGDM_F32, GGDM_SHAPE1(6)),
                    ggdm_graph_input(g, "many", GGDM_F32, GGDM_SHAPE1(7))};
}

static void test_shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    REFUSED(GGDM_ESHAPE, ggdm_sub(g, v.x, v.other), "sub: operands of different shapes");
    REFUSED(GGDM_ESHAPE, ggdm_mul(g, v.x, v.numbers), "mul: operands of different shapes");
    REFUSED(GGDM_ESHAPE, ggdm_div(g, v.numbers, v.many), "div: operands of different shapes");
    REFUSED(GGDM_ESHAPE, ggdm_dot(g, v.x, v.other), "dot: operands of different shapes");
    REFUSED(GGDM_ESHAPE, ggdm_scale_rows(g, v.x, v.many), "scale_rows: 7 factors for 6 images");
    REFUSED(GGDM_ESHAPE, ggdm_scale_rows(g, v.x, v.other), "scale_rows: 'a' has shape");
    REFUSED(GGDM_ESHAPE, ggdm_log_sum_exp(g, v.x), "log_sum_exp: 'x' has shape");
    REFUSED(GGDM_ESHAPE, ggdm_slice_channels(g, v.x, 1, 2), "slice_channels: 2 from 1 on, of 2");
    REFUSED(GGDM_ESHAPE, ggdm_slice_channels(g, v.x, -1, 1), "slice_channels: 1 from -1 on, of 2");
    REFUSED(GGDM_ESHAPE, ggdm_slice_channels(g, v.x, 0, 0), "slice_channels: 0 from 0 on, of 2");
    REFUSED(GGDM_ESHAPE, ggdm_avg_pool_f32(g, v.x, 4), "avg_pool: window of 4");
}

static void test_settings_out_of_range_are_refused(void **state)
{
    (void)state;
    REFUSED(GGDM_EINVAL, ggdm_clamp(g, v.x, 1, -1), "clamp: from 1 to -1, expected a range");
    REFUSED(GGDM_EINVAL, ggdm_clamp(g, v.x, NAN, 1), "clamp: from nan to 1");
    REFUSED(GGDM_EINVAL, ggdm_blur(g, v.x, 0, 1), "blur: sigma 0, expected more than 0");
    REFUSED(GGDM_EINVAL, ggdm_blur(g, v.x, 1, -1), "blur: radius -1, expected 0 to 64");
    REFUSED(GGDM_EINVAL, ggdm_blur(g, v.x, 1, 3), "less than the sides of images of 3x4");
}

/* One bright pixel of 3 x 3, blurred with weights b a b: in the corner it has no mirror image, in
 * the middle the corner sees it four times. */
static void test_blur_mirrors_without_doubling_the_edge(void **state)
{
    (void)state;
    const double e = exp(-0.5), a = 1 / (1 + 2 * e), b = e / (1 + 2 * e);
    const double want[2][9] = {{a * a, a * b, 0, a * b, b * b, 0, 0, 0, 0},
                               {4 * b * b, 2 * a * b, 4 * b * b, 2 * a * b, a * a, 2 * a * b,
                                4 * b * b, 2 * a * b, 4 * b * b}};
    ggdm_graph *g;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(2, 3, 3, 1));
    ggdm_val y = ggdm_blur(g, x, 1, 1);
    ggdm_graph_output(g, y);
    ggdm_test_ok(ggdm_graph_compile(g, NULL, &err), &err);
    float *image = ggdm_graph_data(g, x);
    memset(image, 0, 18 * sizeof *image);
    image[0] = image[9 + 4] = 1;
    ggdm_graph_run(g);
    const float *got = ggdm_graph_data(g, y);
    for (int i = 0; i < 18; i++)
        assert_true(fabs(got[i] - want[i / 9][i % 9]) < 1e-7);
    ggdm_graph_destroy(&g);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(test_settings_out_of_range_are_refused),
        cmocka_unit_test(test_blur_mirrors_without_doubling_the_edge),
    };
    return ggdm_test_main(tests);
}
