/* Attention by blocks of positions: its memory, what it refuses, and bits that do not depend on how
 * many threads share the pieces.  Its values and gradients, in blocks too, are rows of the op
 * table.
 */
#include <omp.h>
#include <string.h>

#include "models/nn/ops.h"
#include "tests/support/bf16.h"
#include "tests/support/ggdm_test.h"

#define MIB ((size_t)1 << 20)

/* Attention over q, k, v with the gradients to them. */
typedef struct net {
    ggdm_graph *g;
    ggdm_val in[3], y, gy, grad[3];
} net;

static net new_net(ggdm_dtype dtype, int64_t images, int64_t positions, int64_t channels, int heads)
{
    const ggdm_shape shape = GGDM_SHAPE3(images, positions, channels);
    net n;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(dtype, &n.g, &err), &err);
    for (int i = 0; i < 3; i++)
        n.in[i] = ggdm_graph_input(n.g, "qkv", dtype, shape);
    n.y = ggdm_attention(n.g, n.in[0], n.in[1], n.in[2], -1, (ggdm_heads){.n = heads});
    ggdm_graph_output(n.g, n.y);
    n.gy = ggdm_graph_input(n.g, "gy", dtype, shape);
    ggdm_graph_backward(n.g, n.y, n.gy, 3, n.in, n.grad);
    ggdm_test_ok(ggdm_graph_compile(n.g, NULL, &err), &err);
    return n;
}

static size_t arena_of(ggdm_dtype dtype, int64_t images, int64_t channels, int threads)
{
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    net n = new_net(dtype, images, 4096, channels, 8);
    omp_set_num_threads(before);
    const size_t bytes = ggdm_graph_arena_bytes(n.g);
    ggdm_graph_destroy(&n.g);
    return bytes;
}

/* The largest attention of Stable Diffusion 1: 64 x 64 positions, 320 channels.  All scores would
 * be 8 x 4096 x 4096 x 4 bytes, 512 MiB.  Counted is everything for two threads: q, k, v, the
 * result, its gradient, those of q, k, v (in a bf16 graph in f32 beside those in bf16), and
 * scratch. */
static void test_attention_of_4096_positions_in_8_heads_fits_in_64_mib(void **state)
{
    (void)state;
    assert_in_range(arena_of(GGDM_F32, 1, 320, 2), 8 * 5 * MIB, 64 * MIB);
    if (ggdm_test_have_bf16())
        assert_in_range(arena_of(GGDM_BF16, 1, 320, 2), 5 * 5 * MIB, 64 * MIB);
}

/* What attention itself wants beside these tensors, 8 of 8 MiB for 512 channels in f32, grows with
 * threads and not with images. */
static void test_attention_memory_beside_its_tensors_is_of_threads(void **state)
{
    (void)state;
    const size_t tensors = 8 * 8 * MIB;
    for (int threads = 1; threads <= 4; threads++)
        for (int images = 1; images <= 4; images += 3) {
            const size_t bytes = arena_of(GGDM_F32, images, 512, threads);
            assert_in_range(bytes - (size_t)images * tensors, 1, (size_t)threads * 6 * MIB);
        }
}

static void test_attention_in_blocks_has_the_same_bits_on_any_threads(void **state)
{
    (void)state;
    enum { T = 700, C = 12 }; /* 490,000 scores: two blocks */
    static float first[4][T * C];
    const int before = omp_get_max_threads();
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        net n = new_net(GGDM_F32, 1, T, C, 3);
        ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
        const ggdm_val given[4] = {n.in[0], n.in[1], n.in[2], n.gy};
        for (int i = 0; i < 4; i++)
            for (int k = 0; k < T * C; k++)
                ((float *)ggdm_graph_data(n.g, given[i]))[k] = (float)ggdm_test_normal(&rng);
        ggdm_graph_run(n.g);
        const ggdm_val got[4] = {n.y, n.grad[0], n.grad[1], n.grad[2]};
        for (int i = 0; i < 4; i++) {
            const float *data = ggdm_graph_data(n.g, got[i]);
            if (threads == 1)
                memcpy(first[i], data, sizeof first[i]);
            assert_memory_equal(data, first[i], sizeof first[i]);
        }
        ggdm_graph_destroy(&n.g);
    }
    omp_set_num_threads(before);
}

static void test_attention_without_keys_gives_zeros(void **state)
{
    (void)state;
    const ggdm_shape shape = GGDM_SHAPE3(2, 2, 2);
    ggdm_graph *g;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_val x = ggdm_graph_input(g, "x", GGDM_F32, shape), gx;
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, shape);
    ggdm_val n_keys = ggdm_graph_input(g, "n", GGDM_I32, GGDM_SHAPE1(2));
    ggdm_val y = ggdm_attention(g, x, x, x, n_keys, (ggdm_heads){.n = 1});
    ggdm_graph_output(g, y);
    ggdm_graph_backward(g, y, gy, 1, &x, &gx);
    ggdm_test_ok(ggdm_graph_compile(g, NULL, &err), &err);
    const float values[8] = {1, 2, 3, 4, 5, 6, 7, 8}, zeros[4] = {0};
    memcpy(ggdm_graph_data(g, x), values, sizeof values);
    memcpy(ggdm_graph_data(g, gy), values, sizeof values);
    memcpy(ggdm_graph_data(g, n_keys), (int32_t[2]){0, 1}, 2 * sizeof(int32_t));
    ggdm_graph_run(g);
    assert_memory_equal(ggdm_graph_data(g, y), zeros, sizeof zeros);
    assert_memory_equal(ggdm_graph_data(g, gx), zeros, sizeof zeros);
    const float first_key[4] = {5, 6, 5, 6};
    assert_memory_equal((float *)ggdm_graph_data(g, y) + 4, first_key, sizeof first_key);
    ggdm_graph_destroy(&g);
}

/* Result and gradients of attention of one position, as a token or as a row, one behind the other.
 */
static void attend_once(ggdm_shape shape, float *out)
{
    const ggdm_shape keys = GGDM_SHAPE3(2, 5, 4);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    ggdm_graph *g;
    ggdm_error err;
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_val in[3] = {ggdm_graph_input(g, "q", GGDM_F32, shape),
                      ggdm_graph_input(g, "k", GGDM_F32, keys),
                      ggdm_graph_input(g, "v", GGDM_F32, keys)};
    ggdm_val gy = ggdm_graph_input(g, "gy", GGDM_F32, shape), grad[3];
    ggdm_val y = ggdm_attention(g, in[0], in[1], in[2], -1, (ggdm_heads){.n = 2});
    assert_true(ggdm_shape_equal(ggdm_graph_shape(g, y), &shape));
    ggdm_graph_output(g, y);
    ggdm_graph_backward(g, y, gy, 3, in, grad);
    ggdm_test_ok(ggdm_graph_compile(g, NULL, &err), &err);
    const ggdm_val given[4] = {in[0], in[1], in[2], gy};
    for (int i = 0; i < 4; i++)
        ggdm_test_fill_normal(&rng, ggdm_graph_data(g, given[i]),
                              (size_t)ggdm_shape_count(ggdm_graph_shape(g, given[i])), 1);
    ggdm_graph_run(g);
    const ggdm_val got[4] = {y, grad[0], grad[1], grad[2]};
    for (int i = 0; i < 4; i++) {
        const size_t n = (size_t)ggdm_shape_count(ggdm_graph_shape(g, got[i]));
        memcpy(out, ggdm_graph_data(g, got[i]), n * sizeof *out);
        out += n;
    }
    ggdm_graph_destroy(&g);
}

static void test_attention_of_a_row_is_that_of_one_position(void **state)
{
    enum { N = 2 * (2 * 4 + 2 * 5 * 4) };
    float rows[N], tokens[N];
    (void)state;
    attend_once(GGDM_SHAPE2(2, 4), rows);
    attend_once(GGDM_SHAPE3(2, 1, 4), tokens);
    ggdm_test_same_bits("attention of a row", rows, tokens, N, ggdm_test_seed());
}

/* Of shapes that do not go together. */
static void test_attention_refuses_other_shapes(void **state)
{
    (void)state;
    const struct {
        ggdm_shape q, k, v, n;
        ggdm_dtype n_type;
        int heads;
        const char *message;
    } cases[] = {
        {GGDM_SHAPE3(2, 3, 8), GGDM_SHAPE3(2, 5, 8), GGDM_SHAPE3(2, 4, 8), GGDM_SHAPE1(2), GGDM_I32,
         1, "k and v have different shapes"},
        {GGDM_SHAPE3(2, 3, 8), GGDM_SHAPE3(2, 5, 4), GGDM_SHAPE3(2, 5, 4), GGDM_SHAPE1(2), GGDM_I32,
         1, "q has 2 images of 8 channels, k 2 of 4"},
        {GGDM_SHAPE3(2, 3, 8), GGDM_SHAPE3(2, 5, 8), GGDM_SHAPE3(2, 5, 8), GGDM_SHAPE1(3), GGDM_I32,
         1, "n_keys is not [2] i32"},
        {GGDM_SHAPE3(2, 3, 8), GGDM_SHAPE3(2, 5, 8), GGDM_SHAPE3(2, 5, 8), GGDM_SHAPE1(2), GGDM_F32,
         1, "n_keys is not [2] i32"},
        {GGDM_SHAPE3(2, 3, 8), GGDM_SHAPE3(2, 5, 8), GGDM_SHAPE3(2, 5, 8), GGDM_SHAPE1(2), GGDM_I32,
         3, "3 heads do not divide 8 channels"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_graph *g;
        ggdm_error err;
        ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
        ggdm_val q = ggdm_graph_input(g, "q", GGDM_F32, cases[i].q);
        ggdm_val k = ggdm_graph_input(g, "k", GGDM_F32, cases[i].k);
        ggdm_val v = ggdm_graph_input(g, "v", GGDM_F32, cases[i].v);
        ggdm_val n = ggdm_graph_input(g, "n", cases[i].n_type, cases[i].n);
        assert_int_equal(ggdm_attention(g, q, k, v, n, (ggdm_heads){.n = cases[i].heads}), -1);
        ggdm_test_error(ggdm_graph_status(g, &err), &err, GGDM_ESHAPE, cases[i].message);
        ggdm_graph_destroy(&g);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_of_4096_positions_in_8_heads_fits_in_64_mib),
        cmocka_unit_test(test_attention_memory_beside_its_tensors_is_of_threads),
        cmocka_unit_test(test_attention_in_blocks_has_the_same_bits_on_any_threads),
        cmocka_unit_test(test_attention_without_keys_gives_zeros),
        cmocka_unit_test(test_attention_of_a_row_is_that_of_one_position),
        cmocka_unit_test(test_attention_refuses_other_shapes),
    };
    return ggdm_test_main(tests);
}
