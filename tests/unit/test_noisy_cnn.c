/* A GgdmCNN that is told the timestep, of one pixel and two features: its values by hand, in
 * double, and its gradient to the pixel by differences of these. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <string.h>

#include "models/arch/arch.h"

#define CONFIG                                                                                     \
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 1, \"in_channels\": 1, \"num_classes\": 2, "  \
    "\"time_embedding_dim\": 4, \"layers\": [{\"conv\": 2, \"kernel\": 1, \"act\": \"silu\"}, "    \
    "{\"flatten\": true}]}"

enum { DIM = 4, WIDTH = 2, CLASSES = 2 };

static const float embed[DIM][DIM] = {
    {0.5f, -1, 0.25f, 2}, {1, 1, -0.5f, 0}, {-2, 0.5f, 1, 0.5f}, {0, 0, 1.5f, -1}};
static const float embed_bias[DIM] = {0.1f, -0.2f, 0.3f, 0};
static const float conv[WIDTH] = {1.5f, -0.75f}, conv_bias[WIDTH] = {0.2f, 0.4f};
static const float project[WIDTH][DIM] = {{1, -1, 0.5f, 0.25f}, {-0.5f, 2, 1, -1}};
static const float project_bias[WIDTH] = {0.05f, -0.1f};
static const float head[CLASSES][WIDTH] = {{1, -2}, {0.5f, 3}}, head_bias[CLASSES] = {0, 0.5f};

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* Log probabilities, with the time features of diffusers: cosines, then sines. */
static void by_hand(double x, double t, double logp[CLASSES])
{
    const double features[DIM] = {cos(t), cos(t * 0.01), sin(t), sin(t * 0.01)};
    double temb[DIM], logits[CLASSES] = {head_bias[0], head_bias[1]};
    for (int i = 0; i < DIM; i++) {
        double sum = embed_bias[i];
        for (int k = 0; k < DIM; k++)
            sum += (double)embed[i][k] * features[k];
        temb[i] = silu(sum);
    }
    for (int i = 0; i < WIDTH; i++) {
        double sum = (double)conv[i] * x + (double)conv_bias[i] + (double)project_bias[i];
        for (int k = 0; k < DIM; k++)
            sum += (double)project[i][k] * temb[k];
        for (int c = 0; c < CLASSES; c++)
            logits[c] += (double)head[c][i] * silu(sum);
    }
    const double log_sum = log(exp(logits[0]) + exp(logits[1]));
    for (int c = 0; c < CLASSES; c++)
        logp[c] = logits[c] - log_sum;
}

static void test_noisy_cnn_is_what_is_computed_by_hand(void **state)
{
    (void)state;
    enum { N = 4 };
    static const float x[N] = {-1, 0.25f, 0.25f, 2}, t[N] = {0, 0, 37, 999};
    const ggdm_tensor items[] = {
        {"time_embedding.weight", GGDM_F32, GGDM_SHAPE2(DIM, DIM), embed},
        {"time_embedding.bias", GGDM_F32, GGDM_SHAPE1(DIM), embed_bias},
        {"layers.0.weight", GGDM_F32, GGDM_SHAPE4(WIDTH, 1, 1, 1), conv},
        {"layers.0.bias", GGDM_F32, GGDM_SHAPE1(WIDTH), conv_bias},
        {"layers.0.time_emb_proj.weight", GGDM_F32, GGDM_SHAPE2(WIDTH, DIM), project},
        {"layers.0.time_emb_proj.bias", GGDM_F32, GGDM_SHAPE1(WIDTH), project_bias},
        {"layers.2.weight", GGDM_F32, GGDM_SHAPE2(CLASSES, WIDTH), head},
        {"layers.2.bias", GGDM_F32, GGDM_SHAPE1(CLASSES), head_bias}};
    const ggdm_params params = {.items = (ggdm_tensor *)items, .n = sizeof items / sizeof *items};
    ggdm_error err = {0};
    ggdm_arch *arch;
    ggdm_graph *g;
    ggdm_test_ok(ggdm_arch_parse(CONFIG, strlen(CONFIG), "config.json", &arch, &err), &err);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(arch, g, N);
    ggdm_val logp = ggdm_arch_emit(arch, g, &p), gx;
    ggdm_val seed = ggdm_graph_input(g, "seed", GGDM_F32, GGDM_SHAPE2(N, CLASSES));
    ggdm_graph_output(g, logp);
    ggdm_graph_backward(g, logp, seed, 1, &p.x, &gx);
    ggdm_test_ok(ggdm_graph_compile(g, &params, &err), &err);
    memcpy(ggdm_graph_data(g, p.x), x, sizeof x);
    memcpy(ggdm_graph_data(g, p.t), t, sizeof t);
    for (int i = 0; i < N; i++) { /* the gradient of the second class */
        ((float *)ggdm_graph_data(g, seed))[i * CLASSES] = 0;
        ((float *)ggdm_graph_data(g, seed))[i * CLASSES + 1] = 1;
    }
    ggdm_graph_run(g);
    const float *found = ggdm_graph_data(g, logp), *slope = ggdm_graph_data(g, gx);
    for (int i = 0; i < N; i++) {
        const double h = 1e-5;
        double want[CLASSES], above[CLASSES], below[CLASSES];
        by_hand((double)x[i], (double)t[i], want);
        by_hand((double)x[i] + h, (double)t[i], above);
        by_hand((double)x[i] - h, (double)t[i], below);
        for (int c = 0; c < CLASSES; c++)
            assert_true(fabs((double)found[i * CLASSES + c] - want[c]) < 2e-5);
        assert_true(fabs((double)slope[i] - (above[1] - below[1]) / (2 * h)) < 2e-5);
    }
    assert_true(fabsf(found[1 * CLASSES] - found[2 * CLASSES]) > 0.1f); /* t alone differs */
    ggdm_graph_destroy(&g);
    ggdm_arch_destroy(&arch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noisy_cnn_is_what_is_computed_by_hand),
    };
    return ggdm_test_main(tests);
}
