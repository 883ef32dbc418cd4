#include "models/nn/selfcheck.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/nn/ops.h"

enum { SIDE = 14, CHANNELS = 32, N_PARAMS = 4 };

static const ggdm_shape param_shapes[N_PARAMS] = {{4, {CHANNELS, 1, 3, 3}},
                                                  {4, {CHANNELS, CHANNELS, 3, 3}},
                                                  {4, {CHANNELS, CHANNELS, 3, 3}},
                                                  {4, {CHANNELS, CHANNELS, 1, 1}}};
static const char *const param_names[N_PARAMS] = {"w1", "w2", "w3", "w4"};

/* A small network of the shapes that matter, and its gradient back to the input: 3 x 3, strided and
 * 1 x 1 convolutions, attention. */
typedef struct check {
    ggdm_graph *g;
    ggdm_val x, y, gy, gx;
} check;

static void fill(float *out, int64_t n, uint32_t seed, float scale)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = scale * ((float)(seed >> 8) * (1.0F / (1 << 23)) - 1);
    }
}

static ggdm_status build(check *c, ggdm_dtype dtype, int batch, const ggdm_params *params,
                         ggdm_error *err)
{
    const ggdm_conv same = {1, 1, 1, 1, 1}, half = {2, 1, 1, 1, 1}, one = {1, 0, 0, 0, 0};
    const ggdm_init init = {GGDM_INIT_ZERO, 0};
    ggdm_val w[N_PARAMS];
    GGDM_TRY(ggdm_graph_create(dtype, &c->g, err));
    ggdm_graph *g = c->g;
    c->x = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(batch, SIDE, SIDE, 1));
    for (int i = 0; i < N_PARAMS; i++)
        w[i] = ggdm_graph_param(g, param_names[i], param_shapes[i], init);
    ggdm_val h = ggdm_silu(g, ggdm_conv2d(g, c->x, w[0], -1, same));
    h = ggdm_silu(g, ggdm_conv2d(g, h, w[1], -1, same));
    h = ggdm_conv2d(g, h, w[2], -1, half);
    h = ggdm_add(g, h, ggdm_attention(g, h, h, h, 2));
    c->y = ggdm_conv2d_f32(g, h, w[3], -1, one);
    ggdm_graph_output(g, c->y);
    c->gy = ggdm_graph_input(g, "gy", GGDM_F32, GGDM_SHAPE4(batch, SIDE / 2, SIDE / 2, CHANNELS));
    ggdm_graph_backward(g, c->y, c->gy, 1, &c->x, &c->gx);
    return ggdm_graph_compile(g, params, err);
}

/* Result and gradient of one image, which is the last of a batch, into out [n_y + n_x]. */
enum { N_X = SIDE * SIDE, N_Y = SIDE / 2 * (SIDE / 2) * CHANNELS, N_RESULT = N_Y + N_X };

static ggdm_status compute(ggdm_dtype dtype, int batch, int threads, const ggdm_params *params,
                           float *out, ggdm_error *err)
{
    check c = {0};
    omp_set_num_threads(threads);
    ggdm_status st = build(&c, dtype, batch, params, err);
    if (st == GGDM_OK) {
        float *x = ggdm_graph_data(c.g, c.x), *gy = ggdm_graph_data(c.g, c.gy);
        for (int i = 0; i < batch; i++) { /* the last image is always the same */
            fill(x + i * N_X, N_X, (uint32_t)(batch - 1 - i), 1);
            fill(gy + i * N_Y, N_Y, (uint32_t)(batch + 99 - i), 1);
        }
        ggdm_graph_run(c.g);
        const float *y = ggdm_graph_data(c.g, c.y), *gx = ggdm_graph_data(c.g, c.gx);
        memcpy(out, y + (batch - 1) * N_Y, N_Y * sizeof *out);
        memcpy(out + N_Y, gx + (batch - 1) * N_X, N_X * sizeof *out);
    }
    ggdm_graph_destroy(&c.g);
    return st;
}

static ggdm_status compare(ggdm_dtype dtype, const ggdm_params *params, float *alone, float *beside,
                           ggdm_error *err)
{
    static const struct {
        int batch, threads;
    } cases[] = {{1, 2}, {7, 1}, {32, 2}};
    GGDM_TRY(compute(dtype, 1, 1, params, alone, err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        GGDM_TRY(compute(dtype, cases[i].batch, cases[i].threads, params, beside, err));
        if (memcmp(alone, beside, N_RESULT * sizeof *alone) != 0)
            return GGDM_FAIL(err, GGDM_ENUMERIC,
                             "%s: the bits of an image alone and in a batch of %d with %d threads "
                             "differ",
                             dtype == GGDM_BF16 ? "bf16" : "f32", cases[i].batch, cases[i].threads);
    }
    return GGDM_OK;
}

ggdm_status ggdm_nn_selfcheck(ggdm_dtype dtype, ggdm_error *err)
{
    ggdm_tensor tensors[N_PARAMS];
    float *weights[N_PARAMS] = {NULL}, *results = NULL;
    const ggdm_params params = {.items = tensors, .n = N_PARAMS};
    const int threads = omp_get_max_threads();
    ggdm_status st;
    for (int i = 0; i < N_PARAMS; i++) {
        int64_t n = ggdm_shape_count(&param_shapes[i]);
        GGDM_TRY_GOTO(st, ggdm_alloc(&weights[i], (size_t)n, sizeof(float), err), done);
        fill(weights[i], n, 1000u + (uint32_t)i, 0.2F);
        tensors[i] = (ggdm_tensor){param_names[i], GGDM_F32, param_shapes[i], weights[i]};
    }
    GGDM_TRY_GOTO(st, ggdm_alloc(&results, 2 * N_RESULT, sizeof *results, err), done);
    st = compare(dtype, &params, results, results + N_RESULT, err);
done:
    omp_set_num_threads(threads);
    for (int i = 0; i < N_PARAMS; i++)
        free(weights[i]);
    free(results);
    return st;
}
