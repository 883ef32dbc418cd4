/* Networks against PyTorch: output, gradient to the input and to every parameter.  The tolerances
 * come from a model of f32 rounding (tests/golden/make_goldens.py). */
#include "tests/support/golden.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"unet_gray",     "unet_rgb",     "unet_class",
                                    "unet_mnist",    "unet_rare",    "cnn_norm",
                                    "cnn_plain",     "cnn_wide",     "clip",
                                    "clip_noised",   "clip_text",    "clip_text_projected",
                                    "clip_vision",   "unet_cross",   "unet_cross2",
                                    "adm_class",     "adm_plain",    "adm_rare",
                                    "adm_attention", "adm_adaptive", "ggdm_unet"};
enum { N_NAMES = sizeof names / sizeof names[0] };

/* *state is the name of the golden file. */
static void test_network_given_pytorch_weights_gives_pytorch_results(void **state)
{
    ggdm_golden gold;
    ggdm_golden_open(&gold, *state, NULL, NULL, 0, 0);
    ggdm_golden_verdict verdict = ggdm_golden_check(&gold);
    printf("%s: %zu parameters, worst error %.3f of the tolerance (%s)\n", (const char *)*state,
           gold.params.n, verdict.worst, verdict.tensor);
    if (verdict.worst > 1)
        ggdm_test_fail("%s: %s is off by %g tolerances", (const char *)*state, verdict.tensor,
                       verdict.worst);
    ggdm_golden_close(&gold);
}

/* The names, shapes and number of the file's parameters are those that the architecture declares.
 */
static void test_network_given_config_declares_exactly_pytorchs_parameters(void **state)
{
    ggdm_golden gold;
    ggdm_golden_open(&gold, *state, NULL, NULL, 0, 0); /* compile has matched names and shapes */
    assert_int_equal(ggdm_graph_param_count(gold.graph), gold.params.n);
    ggdm_golden_close(&gold);
}

/* A query's scores all move by the same amount when the key bias changes: nothing may be seen; the
 * attention of the GGDM repository has a norm that it does not use. */
static bool without_influence(const char *name)
{
    return strstr(name, "to_k.bias") || strstr(name, "k_proj.bias") || strstr(name, ".attn.norm.");
}

/* Where the golden gradient of parameter i is largest. */
static size_t most_influential(const ggdm_golden *gold, size_t i)
{
    char name[128];
    snprintf(name, sizeof name, "grad.%s", gold->params.items[i].name);
    const ggdm_st_tensor *t = ggdm_golden_tensor(gold, name);
    const float *grad = t->data;
    size_t best = 0;
    for (size_t k = 0; k < t->size / sizeof *grad; k++)
        if (fabsf(grad[k]) > fabsf(grad[best]))
            best = k;
    return best;
}

static void test_network_one_weight_changed_is_noticed(void **state)
{
    ggdm_golden gold;
    ggdm_golden_open(&gold, *state, NULL, NULL, 0, 0);
    for (size_t i = 0; i < gold.params.n; i++) {
        const char *name = gold.params.items[i].name;
        if (without_influence(name))
            continue;
        float *w = (float *)gold.params.items[i].data + most_influential(&gold, i);
        float saved = *w;
        *w += 0.005f;
        ggdm_graph_params_changed(gold.graph);
        ggdm_golden_verdict verdict = ggdm_golden_check(&gold);
        *w = saved;
        if (verdict.worst <= 1)
            ggdm_test_fail("%s: a change of %s goes unnoticed (%g)", (const char *)*state, name,
                           verdict.worst);
    }
    ggdm_golden_close(&gold);
}

/* Images first.. of all and the images of some have the same bits in y and gx. */
static void same_images(const ggdm_golden *all, const ggdm_golden *some, int64_t first)
{
    const ggdm_val from[2] = {all->y, all->grads[0]}, to[2] = {some->y, some->grads[0]};
    for (int i = 0; i < 2 && from[i] >= 0; i++) {
        size_t count = (size_t)ggdm_shape_count(ggdm_graph_shape(some->graph, to[i]));
        size_t image = count / (size_t)some->batch;
        ggdm_test_same_bits(i ? "gx" : "y", ggdm_graph_data(some->graph, to[i]),
                            (float *)ggdm_graph_data(all->graph, from[i]) + (size_t)first * image,
                            count, 0);
    }
}

/* An image's results have the same bits alone and among others (promise 1 of docs/DESIGN.md). */
static void test_network_image_alone_gives_same_bits_as_in_batch(void **state)
{
    ggdm_golden all, one;
    ggdm_golden_open(&all, *state, NULL, NULL, 0, 0);
    ggdm_graph_run(all.graph);
    for (int64_t n = 0; n < all.batch; n++) {
        ggdm_golden_open(&one, *state, NULL, NULL, n, 1);
        ggdm_graph_run(one.graph);
        same_images(&all, &one, n);
        ggdm_golden_close(&one);
    }
    ggdm_golden_close(&all);
}

/* ... and with another number of threads. */
static void test_network_number_of_threads_gives_same_bits(void **state)
{
    ggdm_golden gold[2];
    for (int i = 0; i < 2; i++) {
        omp_set_num_threads(i + 1);
        ggdm_golden_open(&gold[i], *state, NULL, NULL, 0, 0);
        ggdm_graph_run(gold[i].graph);
    }
    omp_set_num_threads(1);
    same_images(&gold[0], &gold[1], 0);
    for (int i = 0; i < 2; i++)
        ggdm_golden_close(&gold[i]);
}

/* Every key of a config counts: with another value the results are others. */
static const struct {
    const char *name, *from, *to;
} edits[] = {
    {"unet_gray", "\"norm_num_groups\": 2", "\"norm_num_groups\": 4"},
    {"unet_gray", "\"norm_num_groups\"", "\"norm_eps\": 1e-6, \"norm_num_groups\""},
    {"unet_gray", "\"norm_num_groups\"", "\"flip_sin_to_cos\": false, \"norm_num_groups\""},
    {"unet_gray", "\"norm_num_groups\"", "\"freq_shift\": 1, \"norm_num_groups\""},
    {"unet_gray", "\"norm_num_groups\"", "\"downsample_padding\": 0, \"norm_num_groups\""},
    {"unet_rgb", "\"norm_eps\": 1e-06", "\"norm_eps\": 1e-05"},
    {"unet_rgb", "\"attention_head_dim\": 2", "\"attention_head_dim\": 4"},
    {"unet_rgb", "\"attention_head_dim\": 2", "\"attention_head_dim\": null"},
    {"unet_rgb", "\"downsample_padding\": 0", "\"downsample_padding\": 1"},
    {"unet_rgb", "\"flip_sin_to_cos\": false", "\"flip_sin_to_cos\": true"},
    {"unet_rgb", "\"freq_shift\": 1", "\"freq_shift\": 0"},
    {"unet_class", "\"norm_num_groups\": 2", "\"norm_num_groups\": 1"},
    {"unet_mnist", "\"attention_head_dim\": null", "\"attention_head_dim\": 4"},
    {"unet_rare", "\"mid_block_scale_factor\": 1.5", "\"mid_block_scale_factor\": 1"},
    {"unet_rare", "\"center_input_sample\": true", "\"center_input_sample\": false"},
    {"unet_rare", "\"attn_norm_num_groups\": 2", "\"attn_norm_num_groups\": 4"},
    {"unet_cross", "\"attention_head_dim\": 2", "\"attention_head_dim\": 4"},
    {"unet_cross", "\"attention_head_dim\": 2", "\"attention_head_dim\": [4, 2]"},
    {"unet_cross2", "\"attention_head_dim\": [1, 4]", "\"attention_head_dim\": 1"},
    {"cnn_norm", "\"norm_groups\": 2", "\"norm_groups\": 3"},
    {"cnn_norm", "\"silu\"", "\"relu\""},
    {"cnn_norm", "\"max\"", "\"avg\""},
    {"cnn_plain", "\"avg\"", "\"max\""},
    {"cnn_plain", "\"relu\"", "\"none\""},
    {"adm_class", "\"num_head_channels\": 4", "\"num_head_channels\": 8"},
    {"adm_class", "\"use_new_attention_order\": true", "\"use_new_attention_order\": false"},
    {"adm_class", "\"norm_num_groups\": 4", "\"norm_num_groups\": 2"},
    {"adm_plain", "\"num_heads\": 2", "\"num_heads\": 4"},
    {"adm_plain", "\"num_heads_upsample\": 4", "\"num_heads_upsample\": 2"},
    {"adm_plain", "\"num_heads\"", "\"use_new_attention_order\": true, \"num_heads\""},
    {"adm_rare", "\"rescale_timesteps\": true", "\"rescale_timesteps\": false"},
    {"adm_rare", "\"diffusion_steps\": 4000", "\"diffusion_steps\": 2000"},
    {"adm_attention", "\"num_head_channels\": 4", "\"num_head_channels\": 8"},
    {"ggdm_unet", "\"n_groups\": 4", "\"n_groups\": 2"},
    {"ggdm_unet", "\"n_steps\": 500", "\"n_steps\": 1000"},
    {"clip", "\"num_attention_heads\": 2", "\"num_attention_heads\": 4"},
    {"clip", "\"num_attention_heads\": 3", "\"num_attention_heads\": 6"},
    {"clip", "\"eos_token_id\": 2", "\"eos_token_id\": 3"},
    {"clip_noised", "\"eos_token_id\": 7", "\"eos_token_id\": 2"},
    {"clip_noised", "\"gelu\"", "\"quick_gelu\""},
    {"clip_noised", "\"layer_norm_eps\": 0.001", "\"layer_norm_eps\": 1e-05"},
    {"clip_text", "\"gelu_new\"", "\"gelu\""},
    {"clip_text_projected", "\"gelu_pytorch_tanh\"", "\"quick_gelu\""},
};

static void test_network_config_key_changed_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        ggdm_golden gold;
        ggdm_golden_open(&gold, edits[i].name, edits[i].from, edits[i].to, 0, 0);
        ggdm_golden_verdict verdict = ggdm_golden_check(&gold);
        ggdm_golden_close(&gold);
        if (verdict.worst <= 1)
            ggdm_test_fail("%s: %s instead of %s goes unnoticed (%g)", edits[i].name, edits[i].to,
                           edits[i].from, verdict.worst);
    }
}

int main(void)
{
    static const struct {
        const char *what;
        CMUnitTestFunction function;
    } kinds[] = {
        {"results", test_network_given_pytorch_weights_gives_pytorch_results},
        {"parameters", test_network_given_config_declares_exactly_pytorchs_parameters},
        {"one weight changed", test_network_one_weight_changed_is_noticed},
        {"image alone", test_network_image_alone_gives_same_bits_as_in_batch},
        {"number of threads", test_network_number_of_threads_gives_same_bits},
    };
    enum { N_KINDS = sizeof kinds / sizeof kinds[0], N_TESTS = N_KINDS * N_NAMES + 1 };
    static char labels[N_TESTS][64];
    struct CMUnitTest tests[N_TESTS] = {
        {"config key changed", test_network_config_key_changed_is_noticed, NULL, NULL, NULL}};
    size_t n = 1;
    for (size_t k = 0; k < N_KINDS; k++)
        for (size_t i = 0; i < N_NAMES; i++, n++) {
            snprintf(labels[n], sizeof labels[n], "%s: %s", names[i], kinds[k].what);
            tests[n] = (struct CMUnitTest){labels[n], kinds[k].function, NULL, NULL,
                                           (void *)(size_t)names[i]};
        }
    omp_set_num_threads(1); /* networks so small that threads only wait for each other */
    return ggdm_test_run("golden", tests, n);
}
