/* The kernels give the same bits for every instruction set (those this machine has), for awkward
 * lengths, and write nothing beyond their results. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/isa.h"
#include "models/nn/kernels.h"
#include "tests/support/ggdm_test.h"

enum { MAX = 4096, GUARD = 64, H = 4, W = 6 }; /* images of H x W pixels */

/* Inputs of one call, in both storage formats, and its results. */
typedef struct bench {
    bool bf16;
    int64_t c;
    float f32[3][MAX], row[3][MAX];
    uint16_t u16[3][MAX];
    unsigned char out[2][4 * MAX + GUARD];
} bench;

static const void *in(const bench *b, int i)
{
    return b->bf16 ? (const void *)b->u16[i] : (const void *)b->f32[i];
}

/* Normal numbers, and some that end up in the corners: ties of rounding, tiny, huge, NaN. */
static void fill(bench *b, bool bf16, int64_t c)
{
    static const float corners[] = {0.0f,   -0.0f, 1.00390625f, -1.01171875f, 1e-40f, 3e38f,
                                    -90.0f, 90.0f, INFINITY,    -INFINITY,    NAN};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "kernels", c));
    *b = (bench){.bf16 = bf16, .c = c};
    for (int i = 0; i < 3; i++) {
        ggdm_test_fill_normal(&rng, b->f32[i], MAX, 2);
        ggdm_test_fill_normal(&rng, b->row[i], MAX, 1);
        for (size_t k = 0; k < sizeof corners / sizeof *corners; k++)
            b->f32[i][40 * k + 7 * (size_t)i] = corners[k];
        ggdm_kernels_ref[1].from_f32(b->f32[i], b->u16[i], MAX);
    }
}

/* Every kernel is one case: it fills b->out[0], and perhaps b->out[1]. */
typedef struct kernel_case {
    const char *name;
    void (*call)(const ggdm_kernels *k, bench *b);
} kernel_case;

#define CASE(name, call)                                                                           \
    static void case_##name(const ggdm_kernels *k, bench *b)                                       \
    {                                                                                              \
        const int64_t n = H * W * b->c, c = b->c, rows = H * W;                                    \
        (void)n, (void)c, (void)rows;                                                              \
        call;                                                                                      \
    }
#define OUT b->out[0]
#define OUT32 (float *)b->out[0]

static void norm(const ggdm_kernels *k, bench *b, bool silu, bool backward)
{
    float stats[2 * 3], tmp[4 * MAX / 16];
    const int groups = b->c % 3 == 0 ? 3 : 1;
    const ggdm_norm_args a = {in(b, 0), b->row[0], b->row[1], stats, tmp, H * W,
                              W,        b->c,      groups,    1e-5,  silu};
    k->group_norm(&a, OUT);
    if (backward)
        k->group_norm_bwd(&a, in(b, 1), OUT, (float *)b->out[1]);
}

static void fixed_norm(const ggdm_kernels *k, bench *b, bool relu, bool backward)
{
    const ggdm_fixed_norm_args a = {in(b, 0), b->row[0], b->row[1], b->row[2],
                                    H * W,    W,         b->c,      relu};
    float *sums = (float *)b->out[1];
    if (backward)
        k->fixed_norm_bwd(&a, in(b, 1), OUT, sums, sums + b->c);
    else
        k->fixed_norm(&a, OUT);
}

/* which: y, the gradient to x, or that to gamma and beta */
static void layer_norm(const ggdm_kernels *k, bench *b, int which)
{
    float stats[2 * H * W];
    const ggdm_layer_norm_args a = {in(b, 0), b->row[0], b->row[1], stats, H * W, b->c, 1e-5};
    k->layer_norm(&a, OUT);
    if (which == 1)
        k->layer_norm_bwd(&a, in(b, 1), OUT);
    else if (which == 2)
        k->layer_norm_bwd_params(&a, in(b, 1), (float *)b->out[1]);
}

/* Windows side by side, or such as overlap and hang over the edges. */
static void pool(const ggdm_kernels *k, bench *b, int which, bool overlap)
{
    const ggdm_pool_args a = overlap
                                 ? (ggdm_pool_args){(H + 1) / 2, (W + 1) / 2, H, W, b->c, {3, 2, 1}}
                                 : (ggdm_pool_args){H / 2, W / 2, H, W, b->c, {2, 2, 0}};
    if (which == 0)
        k->max_pool(&a, in(b, 0), OUT);
    else if (which == 1)
        k->avg_pool(&a, in(b, 0), OUT);
    else if (which == 2)
        k->avg_pool_bwd(&a, in(b, 0), OUT);
    else {
        k->max_pool(&a, in(b, 0), b->out[1]);
        k->max_pool_bwd(&a, in(b, 0), b->out[1], in(b, 1), OUT);
    }
}

/* One tile, or two images of 7 x 7 pixels, from their second tile on, in 2 x 2 tiles each of a
 * ninth of the channels. */
static ggdm_tiles_args tiles_of(int64_t c, bool reading, bool one)
{
    static const float zeros[MAX];
    c = one ? (c + 1) / 2 : (c + 8) / 9;
    const int64_t line = reading ? c : (c + 15) / 16 * 16;
    return one ? (ggdm_tiles_args){4, 4, c, 1, 1, {1, 1}, line + 3, line, 1, 1, zeros}
               : (ggdm_tiles_args){7, 7, c, 2, 2, {1, 1}, 7 * line, line, 1, 1, zeros};
}

static void tiles(const ggdm_kernels *k, bench *b, bool reading, bool one)
{
    const ggdm_tiles_args a = tiles_of(b->c, reading, one);
    const int64_t first = one ? 0 : 1, n = one ? 1 : 7;
    int64_t rows[GGDM_TILE_KINDS];
    if (reading)
        k->tiles_in(&a, in(b, 0), first, n, OUT32, rows);
    else
        k->tiles_out(&a, b->f32[0], b->row[0], first, n, OUT);
}

enum { PRODUCT_ROWS = 13 }; /* 5 + 4 + 4; of the other case 9 less: 4 */

/* The weights [c, n] are laid out in the table's own panels. */
static void tiles_product(const ggdm_kernels *k, bench *b, int64_t rows)
{
    static float u[MAX];
    const int64_t n = (b->c + 15) / 16 * 16, wide = k->tiles_panel;
    for (int64_t first = 0, at = 0; first < n; first += wide)
        for (int64_t i = 0; i < b->c; i++)
            for (int64_t o = first; o < n && o < first + wide; o++)
                u[at++] = b->f32[1][i * n + o];
    k->tiles_product(b->f32[0], u, OUT32, rows, b->c, n);
}

/* Each row of an H x W image, to two channels. */
static void narrow(const ggdm_kernels *k, bench *b)
{
    const ggdm_narrow_args a = {H, W, b->c, W, 2, 1, 1, b->f32[1]};
    for (int64_t row = 0; row < H; row++)
        k->narrow_row(&a, in(b, 0), b->row[0], row, OUT32 + row * W * 2);
}

CASE(from_f32, k->from_f32(b->f32[0], OUT, n))
CASE(to_f32, k->to_f32(in(b, 0), OUT32, n))
CASE(silu, k->silu(in(b, 0), OUT, n))
CASE(silu_bwd, k->silu_bwd(in(b, 0), in(b, 1), OUT, n))
CASE(relu, k->relu(in(b, 0), OUT, n))
CASE(relu_bwd, k->relu_bwd(in(b, 0), in(b, 1), OUT, n))
CASE(add, k->add(in(b, 0), in(b, 1), OUT, n))
CASE(lincomb, k->lincomb(0.3f, in(b, 0), -1.7f, in(b, 1), OUT, n))
CASE(affine, k->affine(0.3f, in(b, 0), -1.7f, OUT, n))
CASE(group_norm, norm(k, b, false, false))
CASE(group_norm_silu, norm(k, b, true, false))
CASE(group_norm_bwd, norm(k, b, false, true))
CASE(group_norm_silu_bwd, norm(k, b, true, true))
CASE(fixed_norm, fixed_norm(k, b, false, false))
CASE(fixed_norm_relu, fixed_norm(k, b, true, false))
CASE(fixed_norm_bwd, fixed_norm(k, b, false, true))
CASE(fixed_norm_relu_bwd, fixed_norm(k, b, true, true))
CASE(sum_rows, k->sum_rows(in(b, 0), OUT32, rows, W, c))
CASE(sum_rows_product, k->sum_rows_product(in(b, 0), in(b, 1), OUT32, rows, W, c))
CASE(affine_rows, k->affine_rows(in(b, 0), b->row[0], b->row[1], OUT, rows, c))
CASE(spread, k->spread(0.3f, b->row[0], OUT, rows, c))
CASE(softmax, k->softmax(b->f32[0], OUT, rows, c, 0.7f))
CASE(softmax_bwd, (k->softmax(b->row[0], b->out[1], rows, c, 0.7f),
                   k->softmax_bwd(b->out[1], b->f32[1], OUT, rows, c, 0.7f)))
CASE(upsample_bwd, k->upsample_bwd(in(b, 0), OUT, H / 2, W / 2, c))
CASE(max_pool, pool(k, b, 0, false))
CASE(max_pool_windows, pool(k, b, 0, true))
CASE(avg_pool, pool(k, b, 1, false))
CASE(avg_pool_windows, pool(k, b, 1, true))
CASE(avg_pool_bwd, pool(k, b, 2, false))
CASE(avg_pool_bwd_windows, pool(k, b, 2, true))
CASE(max_pool_bwd, pool(k, b, 3, false))
CASE(max_pool_bwd_windows, pool(k, b, 3, true))
CASE(flatten, k->flatten(in(b, 0), OUT32, rows, c))
CASE(unflatten, k->unflatten(b->f32[0], OUT, rows, c))
CASE(layer_norm, layer_norm(k, b, 0))
CASE(layer_norm_bwd, layer_norm(k, b, 1))
CASE(layer_norm_bwd_params, layer_norm(k, b, 2))
CASE(gelu_erf, k->gelu(in(b, 0), OUT, n, GGDM_GELU_ERF))
CASE(gelu_erf_bwd, k->gelu_bwd(in(b, 0), in(b, 1), OUT, n, GGDM_GELU_ERF))
CASE(gelu_tanh, k->gelu(in(b, 0), OUT, n, GGDM_GELU_TANH))
CASE(gelu_tanh_bwd, k->gelu_bwd(in(b, 0), in(b, 1), OUT, n, GGDM_GELU_TANH))
CASE(gelu_quick, k->gelu(in(b, 0), OUT, n, GGDM_GELU_QUICK))
CASE(gelu_quick_bwd, k->gelu_bwd(in(b, 0), in(b, 1), OUT, n, GGDM_GELU_QUICK))
CASE(geglu, k->geglu(in(b, 0), OUT, rows, c))
CASE(geglu_bwd, k->geglu_bwd(in(b, 0), in(b, 1), OUT, rows / 2, c))
CASE(add_f32, k->add_f32(in(b, 0), b->f32[1], OUT, n))
CASE(tile_in, tiles(k, b, true, true))
CASE(tile_out, tiles(k, b, false, true))
CASE(tiles_in, tiles(k, b, true, false))
CASE(tiles_out, tiles(k, b, false, false))
CASE(narrow_row, narrow(k, b))
CASE(tiles_product, tiles_product(k, b, PRODUCT_ROWS))
CASE(tiles_product_few, tiles_product(k, b, PRODUCT_ROWS - 9))

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, case_##name                                                                         \
    }
static const kernel_case cases[] = {
    ROW(from_f32),
    ROW(to_f32),
    ROW(silu),
    ROW(silu_bwd),
    ROW(relu),
    ROW(relu_bwd),
    ROW(add),
    ROW(lincomb),
    ROW(affine),
    ROW(group_norm),
    ROW(group_norm_silu),
    ROW(group_norm_bwd),
    ROW(group_norm_silu_bwd),
    ROW(fixed_norm),
    ROW(fixed_norm_relu),
    ROW(fixed_norm_bwd),
    ROW(fixed_norm_relu_bwd),
    ROW(sum_rows),
    ROW(sum_rows_product),
    ROW(affine_rows),
    ROW(spread),
    ROW(softmax),
    ROW(softmax_bwd),
    ROW(upsample_bwd),
    ROW(max_pool),
    ROW(max_pool_windows),
    ROW(avg_pool),
    ROW(avg_pool_windows),
    ROW(avg_pool_bwd),
    ROW(avg_pool_bwd_windows),
    ROW(max_pool_bwd),
    ROW(max_pool_bwd_windows),
    ROW(flatten),
    ROW(unflatten),
    ROW(layer_norm),
    ROW(layer_norm_bwd),
    ROW(layer_norm_bwd_params),
    ROW(gelu_erf),
    ROW(gelu_erf_bwd),
    ROW(gelu_tanh),
    ROW(gelu_tanh_bwd),
    ROW(gelu_quick),
    ROW(gelu_quick_bwd),
    ROW(geglu),
    ROW(geglu_bwd),
    ROW(add_f32),
    ROW(tile_in),
    ROW(tile_out),
    ROW(tiles_in),
    ROW(tiles_out),
    ROW(narrow_row),
    ROW(tiles_product),
    ROW(tiles_product_few),
};

/* Equal bytes; any NaN equals any other: which of two operands' payloads and signs it carries is
 * not the same for every instruction. */
static bool same(const unsigned char *a, const unsigned char *b, size_t size, bool bf16)
{
    for (size_t i = 0; i < size; i += bf16 ? 2 : 4) {
        uint32_t x = 0, y = 0;
        memcpy(bf16 ? (char *)&x + 2 : (char *)&x, a + i, bf16 ? 2 : 4);
        memcpy(bf16 ? (char *)&y + 2 : (char *)&y, b + i, bf16 ? 2 : 4);
        bool nan = (x & 0x7fffffff) > 0x7f800000 && (y & 0x7fffffff) > 0x7f800000;
        if (x != y && !nan)
            return false;
    }
    return true;
}

static bool is_f32_result(const char *name)
{
    return strcmp(name, "to_f32") == 0 || strncmp(name, "sum_rows", 8) == 0 ||
           strcmp(name, "flatten") == 0 || strncmp(name, "tile_in", 7) == 0 ||
           strncmp(name, "tiles_in", 8) == 0 || strncmp(name, "tiles_product", 13) == 0 ||
           strcmp(name, "narrow_row") == 0;
}

/* The elements of the result of a case of c channels, and gaps between them. */
static int64_t most_elements(const char *name, int64_t c)
{
    const bool one = strncmp(name, "tile_", 5) == 0, reading = strstr(name, "_in") != NULL;
    if (strncmp(name, "tiles_product", 13) == 0)
        return PRODUCT_ROWS * ((c + 15) / 16 * 16);
    if (strcmp(name, "narrow_row") == 0)
        return H * W * 2;
    if (strncmp(name, "tile", 4) != 0)
        return H * W * c;
    const ggdm_tiles_args a = tiles_of(c, reading, one);
    return reading ? 36 * a.part : (one ? 1 : 2) * a.h * a.w * a.c;
}

static void compare(const kernel_case *test, const ggdm_kernels *tables[], int n, bool bf16,
                    int64_t c)
{
    static bench want, got;
    fill(&want, bf16, c);
    memset(want.out, 0xee, sizeof want.out);
    test->call(&tables[0][bf16], &want);
    for (int i = 1; i < n; i++) {
        fill(&got, bf16, c);
        memset(got.out, 0xee, sizeof got.out);
        test->call(&tables[i][bf16], &got);
        const bool narrow = bf16 && !is_f32_result(test->name);
        if (!same(got.out[0], want.out[0], sizeof got.out[0], narrow) ||
            !same(got.out[1], want.out[1], sizeof got.out[1], false))
            ggdm_test_fail(
                "%s, %s, %d channels: instruction set %d differs from plain C; seed %llu",
                test->name, bf16 ? "bf16" : "f32", (int)c, i, (unsigned long long)ggdm_test_seed());
    }
    /* plain C has written the result and nothing else: the guard behind the largest is whole */
    const int64_t most = most_elements(test->name, c);
    const size_t used = (size_t)most * (bf16 && !is_f32_result(test->name) ? 2 : 4);
    for (size_t i = used; i < used + GUARD; i++)
        assert_int_equal(want.out[0][i], 0xee);
}

static void test_kernel_same_bits_for_all_instruction_sets(void **state)
{
    static const int64_t channels[] = {1, 3, 15, 16, 17, 32, 33, 48};
    const kernel_case *test = *state;
    const ggdm_kernels *tables[3] = {ggdm_kernels_ref, ggdm_kernels_avx2, ggdm_kernels_avx512};
    ggdm_isa isa;
    ggdm_error err;
    ggdm_test_ok(ggdm_isa_choose(&isa, &err), &err);
    const int n = isa >= GGDM_ISA_AVX512 ? 3 : isa == GGDM_ISA_AVX2 ? 2 : 1;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            compare(test, tables, n, bf16, channels[i]);
}

static void test_bf16_is_rounded_to_nearest_even(void **state)
{
    (void)state;
    static const float x[] = {1.0f,         1.00390625f, 1.01171875f, 1.003907f,
                              -1.01171875f, 3.4e38f,     INFINITY,    -0.0f};
    static const float want[] = {1.0f,       1.0f,     1.015625f, 1.0078125f,
                                 -1.015625f, INFINITY, INFINITY,  -0.0f};
    enum { N = sizeof x / sizeof *x };
    uint16_t y[N + 1];
    float back[N + 1];
    const ggdm_kernels *k = ggdm_kernels_of(GGDM_BF16);
    float with_nan[N + 1];
    memcpy(with_nan, x, sizeof x);
    with_nan[N] = NAN;
    k->from_f32(with_nan, y, N + 1);
    k->to_f32(y, back, N + 1);
    ggdm_test_same_bits("rounded", back, want, N, 0);
    assert_true(isnan(back[N]));
}

int main(void)
{
    enum { N = sizeof cases / sizeof *cases };
    struct CMUnitTest tests[N + 1];
    for (size_t i = 0; i < N; i++)
        tests[i] =
            (struct CMUnitTest){cases[i].name, test_kernel_same_bits_for_all_instruction_sets, NULL,
                                NULL, (void *)(uintptr_t)&cases[i]};
    tests[N] = (struct CMUnitTest)cmocka_unit_test(test_bf16_is_rounded_to_nearest_even);
    return ggdm_test_run("kernels", tests, N + 1);
}
