/* The linear layer over a long sequence, which is computed in parts: on any number of threads it
 * has the bits of its parts as sequences of their own.  (References and gradients: the op table.)
 */
#include <omp.h>
#include <string.h>

#include "models/nn/ops.h"
#include "tests/support/bf16.h"
#include "tests/support/ggdm_test.h"

enum { T = 512, PARTS = 2, C = 192 };

/* Result and gradient to x of x [parts, T / parts, C], the same numbers whatever parts are. */
static void run(ggdm_dtype dtype, int64_t parts, int threads, float *y_out, float *gx_out)
{
    static float w[C * C], b[C];
    const ggdm_tensor tensors[] = {{"w", GGDM_F32, GGDM_SHAPE2(C, C), w},
                                   {"b", GGDM_F32, GGDM_SHAPE1(C), b}};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    const int before = omp_get_max_threads();
    ggdm_graph *g;
    ggdm_error err;
    ggdm_test_fill_normal(&rng, w, C * C, 1);
    ggdm_test_fill_normal(&rng, b, C, 1);
    omp_set_num_threads(threads);
    ggdm_test_ok(ggdm_graph_create(dtype, &g, &err), &err);
    const ggdm_shape shape = GGDM_SHAPE3(parts, T / parts, C);
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, shape), gx;
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, shape);
    ggdm_val y = ggdm_linear(
        g, x, ggdm_graph_param(g, "w", GGDM_SHAPE2(C, C), (ggdm_init){GGDM_INIT_ZERO, 0}),
        ggdm_graph_param(g, "b", GGDM_SHAPE1(C), (ggdm_init){GGDM_INIT_ZERO, 0}));
    y = ggdm_cast(g, y, GGDM_F32);
    ggdm_graph_output(g, y);
    ggdm_graph_backward(g, y, gy, 1, &x, &gx);
    ggdm_test_ok(
        ggdm_graph_compile(g, &(ggdm_params){.items = (ggdm_tensor *)tensors, .n = 2}, &err), &err);
    ggdm_test_fill_normal(&rng, ggdm_graph_data(g, x), T * C, 1);
    ggdm_test_fill_normal(&rng, ggdm_graph_data(g, gy), T * C, 1);
    ggdm_graph_run(g);
    memcpy(y_out, ggdm_graph_data(g, y), T * C * sizeof *y_out);
    memcpy(gx_out, ggdm_graph_data(g, gx), T * C * sizeof *gx_out);
    ggdm_graph_destroy(&g);
    omp_set_num_threads(before);
}

static void test_linear_of_a_long_sequence_has_the_bits_of_its_parts(void **state)
{
    static float y[2][T * C], gx[2][T * C];
    (void)state;
    for (int d = 0; d < 1 + ggdm_test_have_bf16(); d++) {
        const ggdm_dtype dtype = d ? GGDM_BF16 : GGDM_F32;
        run(dtype, PARTS, 1, y[0], gx[0]);
        for (int threads = 1; threads <= 3; threads++) {
            run(dtype, 1, threads, y[1], gx[1]);
            ggdm_test_same_bits("y", y[1], y[0], T * C, ggdm_test_seed());
            ggdm_test_same_bits("gx", gx[1], gx[0], T * C, ggdm_test_seed());
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_of_a_long_sequence_has_the_bits_of_its_parts),
    };
    return ggdm_test_main(tests);
}
