/* The U-Nets and classifiers of guided-diffusion and the U-Net of the GGDM repository, as their
 * config.json declares them: tensors and numbers of the published ones, what is refused, and the
 * range of pixels. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/arch/arch.h"
#include "models/import/layout.h"
#include "models/nn/ops.h"
#include "tests/support/built_arch.h"
#include "tests/support/ggdm_test.h"

#define LISTS "tests/golden/data/"
#define ADM "{\"_class_name\": \"ADMUNet\", "
#define CLASSIFIER "{\"_class_name\": \"ADMClassifier\", "
#define GGDM "{\"_class_name\": \"GGDMUNet\", "

/* Flags as guided-diffusion's README has them. */
static const char openai_64[] =
    ADM "\"attention_resolutions\": \"32,16,8\", \"class_cond\": true, \"dropout\": 0.1, "
        "\"image_size\": 64, \"learn_sigma\": true, \"num_channels\": 192, "
        "\"num_head_channels\": 64, \"num_res_blocks\": 3, \"resblock_updown\": true, "
        "\"use_new_attention_order\": true, \"use_fp16\": true, \"use_scale_shift_norm\": true}";

static void test_openai_64_declares_public_tensors(void **state)
{
    (void)state;
    ggdm_built_check_list(openai_64, LISTS "openai-64.tensors.txt", 541, 295904454);
    ggdm_built b = ggdm_built_open(openai_64);
    const ggdm_arch_info info = ggdm_arch_get_info(b.arch);
    assert_int_equal(info.n_classes, 1000);
    assert_int_equal(info.null_label, -1);
    assert_true(info.ports & GGDM_PORT_VARIANCE && info.ports & GGDM_PORT_LABEL);
    assert_true(ggdm_shape_equal(&b.out, &GGDM_SHAPE4(2, 64, 64, 3)));
    assert_true(ggdm_shape_equal(ggdm_graph_shape(b.graph, b.ports.variance), &b.out));
    ggdm_built_close(&b);
}

static void test_ggdm_mnist_declares_public_tensors(void **state)
{
    (void)state;
    ggdm_built_check_list(GGDM "\"image_channels\": 1, \"n_blocks\": 1, \"data_range\": \"-1..1\"}",
                          LISTS "ggdm-mnist.tensors.txt", 226, 105863937);
}

static void test_numbers_of_parameters_are_the_published_ones(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        int64_t count;
    } nets[] = {
        {ADM "\"attention_resolutions\": \"32,16,8\", \"image_size\": 256, \"learn_sigma\": true, "
             "\"num_channels\": 256, \"num_head_channels\": 64, \"num_res_blocks\": 2, "
             "\"resblock_updown\": true}",
         552814086},
        {CLASSIFIER "\"image_size\": 64, \"classifier_depth\": 4}", 65438568},
        {CLASSIFIER "\"image_size\": 256}", 54096360},
        {GGDM "\"data_range\": \"-1..1\"}", 168899011},
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        ggdm_built b = ggdm_built_open(nets[i].config);
        assert_int_equal(ggdm_built_parameters(&b), nets[i].count);
        ggdm_built_close(&b);
    }
}

/* The spatial pool: means of all blocks, the middle's last. */
static void test_spatial_pool_has_its_layers(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(
        CLASSIFIER "\"image_size\": 8, \"channel_mult\": [1, 2], \"classifier_width\": 32, "
                   "\"classifier_depth\": 1, \"num_head_channels\": 32, \"num_classes\": 7, "
                   "\"classifier_pool\": \"spatial\"}");
    assert_true(ggdm_shape_equal(&b.out, &GGDM_SHAPE2(2, 7)));
    /* 32 of the first convolution, 32 and 32 of the first level, 64 of the second, 64 */
    assert_int_equal(ggdm_built_param(&b, "out.0.weight").shape.d[1], 32 + 32 + 32 + 64 + 64);
    assert_int_equal(ggdm_built_param(&b, "out.2.weight").shape.d[0], 7);
    ggdm_built_close(&b);
}

static void test_one_network_has_one_text(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {ADM "\"image_size\": 64}",
         ADM "\"channel_mult\": \"1,2,3,4\", \"diffusion_steps\": 4000}"},
        {ADM "\"channel_mult\": \"\", \"attention_resolutions\": [8, 16]}",
         ADM "\"num_heads_upsample\": 4}"},
        {GGDM "\"ch_mults\": [1, 2, 2, 4], \"is_attn\": [false, false, true, true]}",
         GGDM "\"n_steps\": 1000}"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        ggdm_arch *a, *b;
        ggdm_error err = {0};
        ggdm_test_ok(ggdm_arch_parse(same[i][0], strlen(same[i][0]), "a", &a, &err), &err);
        ggdm_test_ok(ggdm_arch_parse(same[i][1], strlen(same[i][1]), "b", &b, &err), &err);
        assert_string_equal(ggdm_arch_text(a), ggdm_arch_text(b));
        ggdm_arch_destroy(&a);
        ggdm_arch_destroy(&b);
    }
}

static void test_configs_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *config, *message;
    } bad[] = {
        {ADM "\"image_size\": 48}", "channel_mult is needed for images of 48 pixels"},
        {ADM "\"channel_mult\": \"1,x\"}", "value '1,x', expected numbers with commas"},
        {ADM "\"channel_mult\": 3}", "expected numbers: a list, or a text"},
        {ADM "\"channel_mult\": [1, 0.3]}", "level 1 has 38.4 channels, expected a multiple of"},
        {ADM "\"num_head_channels\": 100}", "which are no whole heads"},
        {ADM "\"num_head_channels\": 0}", "expected a number of channels, or -1"},
        {ADM "\"num_heads\": 3}", "which are no whole heads"},
        {ADM "\"image_size\": 36, \"channel_mult\": [1, 2, 3, 4]}", "expected a multiple of 8"},
        {ADM "\"noise_schedule\": \"cosine\"}", "noise_schedule"},
        {CLASSIFIER "\"num_head_channels\": -1}", "which an attention pool needs"},
        {CLASSIFIER "\"classifier_pool\": \"spatial_v2\"}", "'spatial_v2', expected attention"},
        {GGDM "\"ch_mults\": [1, 2]}", "is_attn is needed where ch_mults has not 4 entries"},
        {GGDM "\"is_attn\": [true]}", "4 times true or false"},
        {GGDM "\"is_attn\": [1, 2, 3, 4]}", "expected true or false"},
        {GGDM "\"image_size\": 100}", "expected a multiple of 8 (4 levels)"},
        {GGDM "\"n_channels\": 48}", "n_channels 48, expected a multiple of n_groups (32)"},
        {GGDM "\"ch_mults\": [1, 64, 64, 64]}", "channels, expected at most"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_arch *arch;
        ggdm_error err = {0};
        ggdm_test_error(
            ggdm_arch_parse(bad[i].config, strlen(bad[i].config), "config.json", &arch, &err), &err,
            GGDM_EINVAL, bad[i].message);
    }
}

/* ---- layouts: what shapes tell ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ggdm_st_tensor *)a)->name, ((const ggdm_st_tensor *)b)->name);
}

/* The tensors of a network, as its file has them. */
static ggdm_st_tensor *list_tensors(const ggdm_graph *g, ggdm_named *out)
{
    const size_t n = (size_t)ggdm_graph_param_count(g);
    ggdm_st_tensor *t = ggdm_test_alloc(n, sizeof *t);
    for (size_t i = 0; i < n; i++) {
        const ggdm_param_info p = ggdm_graph_param_info(g, (int)i);
        t[i] = (ggdm_st_tensor){.name = (char *)(size_t)p.name, .shape = p.shape};
        if (strcmp(p.name, "out.2.positional_embedding") == 0)
            t[i].shape = GGDM_SHAPE2(p.shape.d[1], p.shape.d[0]);
    }
    qsort(t, n, sizeof *t, by_name);
    *out = (ggdm_named){"weights.pt", t, n};
    return t;
}

/* Out of the tensors of published networks comes their config, without a word of the user. */
static void test_shapes_tell_the_config_of_published_networks(void **state)
{
    (void)state;
    const struct {
        const ggdm_layout *layout;
        const char *config, *schedule;
    } nets[] = {
        {&ggdm_layout_adm, openai_64, "squaredcos_cap_v2"},
        {&ggdm_layout_adm,
         ADM "\"attention_resolutions\": \"32,16,8\", \"image_size\": 256, \"learn_sigma\": true, "
             "\"num_channels\": 256, \"num_head_channels\": 64, \"resblock_updown\": true}",
         "linear"},
        {&ggdm_layout_adm,
         ADM "\"attention_resolutions\": \"32,16,8\", \"image_size\": 128, \"learn_sigma\": true, "
             "\"num_channels\": 256, \"class_cond\": true, \"resblock_updown\": true}",
         "linear"},
        {&ggdm_layout_adm,
         ADM "\"attention_resolutions\": \"32,16,8\", \"image_size\": 512, \"learn_sigma\": true, "
             "\"num_channels\": 256, \"class_cond\": true, \"num_head_channels\": 64, "
             "\"resblock_updown\": true}",
         "linear"},
        {&ggdm_layout_adm_classifier, CLASSIFIER "\"image_size\": 64, \"classifier_depth\": 4}",
         "squaredcos_cap_v2"},
        {&ggdm_layout_adm_classifier, CLASSIFIER "\"image_size\": 128}", "linear"},
        {&ggdm_layout_adm_classifier, CLASSIFIER "\"image_size\": 256}", "linear"},
        {&ggdm_layout_adm_classifier, CLASSIFIER "\"image_size\": 512}", "linear"},
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        ggdm_built b = ggdm_built_open(nets[i].config);
        ggdm_named named;
        ggdm_st_tensor *tensors = list_tensors(b.graph, &named);
        char *texts[2];
        for (int k = 0; k < 2; k++) {
            ggdm_error err = {0};
            ggdm_json json;
            ggdm_json_init(&json, GGDM_JSON_LINE);
            ggdm_json_begin_object(&json, NULL);
            ggdm_json_put_string(&json, "_class_name", nets[i].layout->class_name);
            ggdm_test_ok(
                (k ? nets[i].layout->scheduler : nets[i].layout->config)(&named, NULL, &json, &err),
                &err);
            ggdm_json_end(&json);
            ggdm_test_ok(ggdm_json_finish(&json, &texts[k], NULL, &err), &err);
        }
        ggdm_built again = ggdm_built_open(texts[0]);
        assert_string_equal(ggdm_arch_text(again.arch), ggdm_arch_text(b.arch));
        assert_non_null(strstr(texts[1], nets[i].schedule));
        ggdm_built_close(&again);
        ggdm_built_close(&b);
        free(texts[0]);
        free(texts[1]);
        free(tensors);
    }
}

/* ---- the range of pixels ---- */

#define SMALL                                                                                      \
    GGDM "\"image_size\": 4, \"image_channels\": 1, \"n_channels\": 8, \"ch_mults\": [1], "        \
         "\"is_attn\": [false], \"n_blocks\": 1, \"n_groups\": 4, \"n_steps\": 3"

enum { N = 3, PIXELS = 16 };

static const double signal[N] = {0.99, 0.5, 4.0358e-5}; /* of the chain it was trained with */

/* Weights of any kind, the same for networks of the same parameters. */
static ggdm_params random_params(const ggdm_graph *g)
{
    ggdm_test_rng rng = ggdm_test_rng_init(1);
    ggdm_params p = {.n = (size_t)ggdm_graph_param_count(g)};
    p.items = ggdm_test_alloc(p.n, sizeof *p.items);
    for (size_t i = 0; i < p.n; i++) {
        const ggdm_param_info info = ggdm_graph_param_info(g, (int)i);
        const size_t n = (size_t)ggdm_shape_count(&info.shape);
        float *data = ggdm_test_alloc(n, sizeof *data);
        ggdm_test_fill_normal(&rng, data, n, 0.3);
        p.items[i] = (ggdm_tensor){info.name, GGDM_F32, info.shape, data};
    }
    return p;
}

/* What a network predicts at t = 0, 1, 2. */
static void predict(const char *config, const float x[N * PIXELS], float eps[N * PIXELS])
{
    double alpha_bar[N];
    ggdm_error err = {0};
    ggdm_arch *arch;
    ggdm_graph *g;
    for (int i = 0; i < N; i++)
        alpha_bar[i] = signal[i] / (signal[i] + 4 * (1 - signal[i]));
    ggdm_test_ok(ggdm_arch_parse(config, strlen(config), "config.json", &arch, &err), &err);
    ggdm_test_ok(ggdm_arch_set_schedule(arch, alpha_bar, N, &err), &err);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(arch, g, N);
    ggdm_graph_output(g, ggdm_arch_emit(arch, g, &p));
    const ggdm_params params = random_params(g);
    ggdm_test_ok(ggdm_graph_compile(g, &params, &err), &err);
    memcpy(ggdm_graph_data(g, p.x), x, sizeof(float) * N * PIXELS);
    for (int i = 0; i < N; i++)
        ((float *)ggdm_graph_data(g, p.t))[i] = (float)i;
    ggdm_graph_run(g);
    memcpy(eps, ggdm_graph_data(g, p.eps), sizeof(float) * N * PIXELS);
    for (size_t i = 0; i < params.n; i++)
        free((void *)(size_t)params.items[i].data);
    free(params.items);
    ggdm_graph_destroy(&g);
    ggdm_arch_destroy(&arch);
}

/* Of a picture at a noise level of our chain it predicts what it predicts of the same picture in
 * its own range, with the same noise, in the chain that it was trained with. */
static void test_ggdm_range_is_that_of_its_own_chain(void **state)
{
    (void)state;
    float ours[N * PIXELS], its[N * PIXELS], eps[2][N * PIXELS];
    for (int i = 0; i < N * PIXELS; i++) {
        const double a = signal[i / PIXELS], bar = a / (a + 4 * (1 - a));
        const double pixel = (i % 7) / 6.0, noise = (i * 5 % 11) / 5.0 - 1;
        its[i] = (float)(sqrt(a) * pixel + sqrt(1 - a) * noise);
        ours[i] = (float)(sqrt(bar) * (2 * pixel - 1) + sqrt(1 - bar) * noise);
    }
    predict(SMALL "}", ours, eps[0]);
    predict(SMALL ", \"data_range\": \"-1..1\"}", its, eps[1]);
    float worst = 0, most = 0;
    for (int i = 0; i < N * PIXELS; i++) {
        worst = fmaxf(worst, fabsf(eps[0][i] - eps[1][i]));
        most = fmaxf(most, fabsf(eps[1][i]));
    }
    assert_true(most > 0.1f);
    if (worst > 1e-5f * most)
        ggdm_test_fail("the predictions differ by %g of %g", (double)worst, (double)most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openai_64_declares_public_tensors),
        cmocka_unit_test(test_ggdm_mnist_declares_public_tensors),
        cmocka_unit_test(test_numbers_of_parameters_are_the_published_ones),
        cmocka_unit_test(test_spatial_pool_has_its_layers),
        cmocka_unit_test(test_one_network_has_one_text),
        cmocka_unit_test(test_configs_that_are_refused),
        cmocka_unit_test(test_shapes_tell_the_config_of_published_networks),
        cmocka_unit_test(test_ggdm_range_is_that_of_its_own_chain),
    };
    return ggdm_test_main(tests);
}
