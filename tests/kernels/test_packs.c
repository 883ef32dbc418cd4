/* Graphs of the same parameters share packed weights: one copy for all batch sizes, the same bits
 * as without sharing, and other weights are never mistaken for them. */
#include <stdlib.h>

#include "models/nn/graph.h"
#include "models/nn/packs.h"
#include "models/nn/ops.h"
#include "tests/support/ggdm_test.h"

enum { SIZE = 8, C = 32, COUNT = SIZE * SIZE * C, WEIGHTS = C * C * 9 };

typedef struct small_net {
    ggdm_graph *g;
    float *x, *y, *gy, *gx;
} small_net;

/* A 3x3 convolution of n images by weights w, which packs keeps (or NULL), and its gradient. */
static small_net build(int n, const float *w, ggdm_packs *packs)
{
    ggdm_error err;
    small_net net;
    ggdm_tensor item = {"w", GGDM_F32, GGDM_SHAPE4(C, C, 3, 3), w};
    const ggdm_params params = {.items = &item, .n = 1, .packs = packs};
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &net.g, &err), &err);
    ggdm_val x = ggdm_graph_input(net.g, "x", GGDM_F32, GGDM_SHAPE4(n, SIZE, SIZE, C));
    ggdm_val v = ggdm_graph_param(net.g, "w", item.shape, (ggdm_init){GGDM_INIT_ZERO, 0});
    ggdm_val y = ggdm_conv2d(net.g, x, v, -1, (ggdm_conv){1, 1, 1, 1, 1});
    ggdm_graph_output(net.g, y);
    ggdm_val gx, gy = ggdm_graph_input(net.g, "gy", GGDM_F32, GGDM_SHAPE4(n, SIZE, SIZE, C));
    ggdm_graph_backward(net.g, y, gy, 1, &x, &gx);
    ggdm_test_ok(ggdm_graph_compile(net.g, &params, &err), &err);
    net.x = ggdm_graph_data(net.g, x);
    net.y = ggdm_graph_data(net.g, y);
    net.gy = ggdm_graph_data(net.g, gy);
    net.gx = ggdm_graph_data(net.g, gx);
    return net;
}

static void run(small_net *net, int n, uint64_t seed)
{
    ggdm_test_rng rng = ggdm_test_rng_init(seed);
    ggdm_test_fill_normal(&rng, net->x, (size_t)n * COUNT, 1.0);
    rng = ggdm_test_rng_init(seed + 1);
    ggdm_test_fill_normal(&rng, net->gy, (size_t)n * COUNT, 1.0);
    ggdm_graph_run(net->g);
}

static void test_batch_sizes_share_one_copy_with_the_same_bits(void **state)
{
    (void)state;
    ggdm_error err;
    float *w = ggdm_test_alloc(WEIGHTS, sizeof *w), *other = ggdm_test_alloc(WEIGHTS, sizeof *w);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_test_fill_normal(&rng, w, WEIGHTS, 0.1);
    ggdm_test_fill_normal(&rng, other, WEIGHTS, 0.1);
    ggdm_packs *packs;
    ggdm_test_ok(ggdm_packs_create(&packs, &err), &err);

    small_net alone = build(4, w, NULL), first = build(4, w, packs);
    size_t bytes = ggdm_packs_bytes(packs);
    assert_in_range(bytes, WEIGHTS * sizeof *w, 8 * WEIGHTS * sizeof *w); /* two directions */
    small_net second = build(8, w, packs);
    assert_int_equal(ggdm_packs_bytes(packs), bytes);
    small_net third = build(4, other, packs);
    assert_int_equal(ggdm_packs_bytes(packs), 2 * bytes);

    const uint64_t seed = ggdm_test_seed() + 1;
    run(&alone, 4, seed);
    run(&first, 4, seed);
    run(&second, 8, seed);
    run(&third, 4, seed);
    ggdm_test_same_bits("shared", first.y, alone.y, 4 * COUNT, seed);
    ggdm_test_same_bits("shared, another batch size", second.y, alone.y, 4 * COUNT, seed);
    ggdm_test_same_bits("gradient", first.gx, alone.gx, 4 * COUNT, seed);
    ggdm_test_same_bits("gradient, another batch size", second.gx, alone.gx, 4 * COUNT, seed);
    assert_memory_not_equal(third.y, alone.y, 4 * COUNT * sizeof *alone.y);

    small_net *nets[] = {&alone, &first, &second, &third};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
        ggdm_graph_destroy(&nets[i]->g);
    ggdm_packs_destroy(&packs);
    free(w);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_sizes_share_one_copy_with_the_same_bits),
    };
    return ggdm_test_main(tests);
}
