#include "models/nn/selfcheck.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/threads.h"
#include "models/nn/graph_impl.h"
#include "models/nn/ops.h"

/* ---- any network ---- */

/* A network compiled for a batch, with the gradient back to the image. */
typedef struct instance {
    ggdm_graph *g;
    int batch;
    ggdm_val in[GGDM_CHECK_INPUTS], y, gy, gx;
} instance;

static ggdm_status build_instance(instance *c, const ggdm_check_subject *s, ggdm_dtype dtype,
                                  ggdm_error *err)
{
    GGDM_TRY(ggdm_graph_create(dtype, &c->g, err));
    for (int i = 0; i < GGDM_CHECK_INPUTS; i++)
        c->in[i] = -1;
    c->y = s->emit(s->with, c->g, c->batch, c->in);
    ggdm_graph_output(c->g, c->y);
    if (c->y >= 0 && c->in[0] >= 0) {
        c->gy = ggdm_graph_input(c->g, "gy", GGDM_F32, *ggdm_graph_shape(c->g, c->y));
        ggdm_graph_backward(c->g, c->y, c->gy, 1, c->in, &c->gx);
    }
    return ggdm_graph_compile(c->g, s->params, err);
}

static void fill_random(float *out, int64_t n, uint32_t seed, float scale)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = scale * ((float)(seed >> 8) * (1.0F / (1 << 23)) - 1);
    }
}

/* The last image of a batch is always the same. */
static void fill_input(const instance *c, ggdm_val v, uint32_t seed)
{
    if (v < 0)
        return;
    const ggdm_value *value = &c->g->values[v];
    const int64_t part = ggdm_shape_count(&value->shape) / c->batch;
    for (int i = 0; i < c->batch; i++)
        if (value->dtype == GGDM_F32)
            fill_random((float *)value->data + i * part, part, seed + (uint32_t)(c->batch - 1 - i),
                        1);
        else
            memset((int32_t *)value->data + i * part, 0, (size_t)part * sizeof(int32_t));
}

static void hash_last(ggdm_hash *h, const instance *c, ggdm_val v)
{
    const int64_t n = ggdm_shape_count(ggdm_graph_shape(c->g, v)) / c->batch;
    const float *data = ggdm_graph_data(c->g, v);
    ggdm_hash_update(h, data + (c->batch - 1) * n, (size_t)n * sizeof *data);
}

/* Digest of the result and the gradient of the image, which is the last of a batch. */
static ggdm_status compute(const ggdm_check_subject *s, ggdm_dtype dtype, int batch, int threads,
                           uint8_t digest[GGDM_HASH_SIZE], ggdm_error *err)
{
    const int before = ggdm_use_threads(threads);
    instance c = {.batch = batch};
    ggdm_status st = build_instance(&c, s, dtype, err);
    if (st == GGDM_OK) {
        for (int i = 0; i < GGDM_CHECK_INPUTS; i++)
            fill_input(&c, c.in[i], 1000u * (uint32_t)i);
        if (c.in[0] >= 0)
            fill_input(&c, c.gy, 99);
        ggdm_graph_run(c.g);
        ggdm_hash h;
        ggdm_hash_init(&h);
        hash_last(&h, &c, c.y);
        if (c.in[0] >= 0)
            hash_last(&h, &c, c.gx);
        ggdm_hash_final(&h, digest);
    }
    ggdm_graph_destroy(&c.g);
    ggdm_use_threads(before);
    return st;
}

static ggdm_status compare_ways(const ggdm_check_subject *s, ggdm_dtype dtype,
                                const uint8_t alone[GGDM_HASH_SIZE], ggdm_error *err)
{
    const int most = omp_get_num_procs();
    const struct {
        int batch, threads;
    } cases[] = {{1, 2}, {1, most}, {3, 1}, {7, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t beside[GGDM_HASH_SIZE];
        GGDM_TRY(compute(s, dtype, cases[i].batch, cases[i].threads, beside, err));
        if (memcmp(alone, beside, sizeof beside) != 0)
            return GGDM_FAIL(err, GGDM_ENUMERIC,
                             "%s: the bits of an image alone with one thread and in a batch of %d "
                             "with %d threads differ",
                             dtype == GGDM_BF16 ? "bf16" : "f32", cases[i].batch, cases[i].threads);
    }
    return GGDM_OK;
}

ggdm_status ggdm_nn_check(const ggdm_check_subject *subject, ggdm_dtype dtype,
                          uint8_t digest[GGDM_HASH_SIZE], ggdm_error *err)
{
    uint8_t alone[GGDM_HASH_SIZE];
    GGDM_TRY(compute(subject, dtype, 1, 1, alone, err));
    if (digest)
        memcpy(digest, alone, sizeof alone);
    return compare_ways(subject, dtype, alone, err);
}

/* ---- our own ---- */

/* 80 channels: full panels of Winograd's products (64 or 16 columns), and one that is not. */
enum { SIDE = 14, CHANNELS = 80, FEATURES = 24, LINEAR = SIDE / 2 * (SIDE / 2) * FEATURES };

static const struct {
    const char *name;
    ggdm_shape shape;
} own_params[] = {{"first", {4, {CHANNELS, 1, 3, 3}}},
                  {"same", {4, {CHANNELS, CHANNELS, 3, 3}}},
                  {"half", {4, {CHANNELS, CHANNELS, 3, 3}}},
                  {"one", {4, {FEATURES, CHANNELS, 1, 1}}},
                  {"linear", {2, {10, LINEAR, 1, 1}}}};
enum { N_PARAMS = sizeof own_params / sizeof *own_params };

static ggdm_val emit_own(const void *with, ggdm_graph *g, int batch, ggdm_val in[GGDM_CHECK_INPUTS])
{
    (void)with;
    const ggdm_conv same = {1, 1, 1, 1, 1}, half = {2, 1, 1, 1, 1}, one = {1, 0, 0, 0, 0};
    const ggdm_init init = {GGDM_INIT_ZERO, 0};
    ggdm_val w[N_PARAMS];
    for (int i = 0; i < N_PARAMS; i++)
        w[i] = ggdm_graph_param(g, own_params[i].name, own_params[i].shape, init);
    in[0] = ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(batch, SIDE, SIDE, 1));
    ggdm_val h = ggdm_silu(g, ggdm_conv2d(g, in[0], w[0], -1, same));
    h = ggdm_silu(g, ggdm_conv2d(g, h, w[1], -1, same));
    h = ggdm_conv2d(g, h, w[2], -1, half);
    h = ggdm_add(g, h, ggdm_attention(g, h, h, h, -1, (ggdm_heads){.n = 2}));
    h = ggdm_conv2d(g, h, w[3], -1, one);
    return ggdm_linear(g, ggdm_flatten(g, h), w[4], -1);
}

ggdm_status ggdm_nn_selfcheck(ggdm_dtype dtype, bool compare_all, uint8_t digest[GGDM_HASH_SIZE],
                              ggdm_error *err)
{
    ggdm_tensor tensors[N_PARAMS];
    float *weights[N_PARAMS] = {NULL};
    const ggdm_params params = {.items = tensors, .n = N_PARAMS};
    const ggdm_check_subject own = {emit_own, NULL, &params};
    ggdm_status st;
    for (int i = 0; i < N_PARAMS; i++) {
        const int64_t n = ggdm_shape_count(&own_params[i].shape);
        GGDM_TRY_GOTO(st, ggdm_alloc(&weights[i], (size_t)n, sizeof(float), err), done);
        fill_random(weights[i], n, 1000u + (uint32_t)i, 0.2F);
        tensors[i] = (ggdm_tensor){own_params[i].name, GGDM_F32, own_params[i].shape, weights[i]};
    }
    st = compare_all ? ggdm_nn_check(&own, dtype, digest, err)
                     : compute(&own, dtype, 1, 1, digest, err);
done:
    for (int i = 0; i < N_PARAMS; i++)
        free(weights[i]);
    return st;
}
