#include "tests/support/built_arch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTS "tests/golden/data/" /* tensor lists of public checkpoints */

#define CIFAR10                                                                                    \
    "{\"_class_name\": \"UNet2DModel\", \"_diffusers_version\": \"0.0.4\", \"act_fn\": \"silu\", " \
    "\"attention_head_dim\": null, \"block_out_channels\": [128, 256, 256, 256], "                 \
    "\"center_input_sample\": false, \"down_block_types\": [\"DownBlock2D\", "                     \
    "\"AttnDownBlock2D\", \"DownBlock2D\", \"DownBlock2D\"], \"downsample_padding\": 0, "          \
    "\"flip_sin_to_cos\": false, \"freq_shift\": 1, \"in_channels\": 3, "                          \
    "\"layers_per_block\": 2, \"mid_block_scale_factor\": 1, \"norm_eps\": 1e-06, "                \
    "\"norm_num_groups\": 32, \"out_channels\": 3, \"sample_size\": 32, "                          \
    "\"time_embedding_type\": \"positional\", \"up_block_types\": [\"UpBlock2D\", "                \
    "\"UpBlock2D\", \"AttnUpBlock2D\", \"UpBlock2D\"]}"

#define CELEBAHQ                                                                                   \
    "{\"_class_name\": \"UNet2DModel\", \"act_fn\": \"silu\", \"attention_head_dim\": null, "      \
    "\"block_out_channels\": [128, 128, 256, 256, 512, 512], \"down_block_types\": "               \
    "[\"DownBlock2D\", \"DownBlock2D\", \"DownBlock2D\", \"DownBlock2D\", \"AttnDownBlock2D\", "   \
    "\"DownBlock2D\"], \"downsample_padding\": 0, \"flip_sin_to_cos\": false, "                    \
    "\"freq_shift\": 1, \"norm_eps\": 1e-06, \"sample_size\": 256, \"up_block_types\": "           \
    "[\"UpBlock2D\", \"AttnUpBlock2D\", \"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\", "             \
    "\"UpBlock2D\"]}"

#define CONDITIONAL                                                                                \
    "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 64, \"num_class_embeds\": 10}"

/* Of Stable Diffusion 1.5 and of 2.1, the latter with keys of later versions of diffusers. */
#define SD1                                                                                        \
    "{\"_class_name\": \"UNet2DConditionModel\", \"_diffusers_version\": \"0.6.0\", "              \
    "\"act_fn\": \"silu\", \"attention_head_dim\": 8, \"block_out_channels\": [320, 640, 1280, "   \
    "1280], "                                                                                      \
    "\"center_input_sample\": false, \"cross_attention_dim\": 768, \"down_block_types\": "         \
    "[\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", "              \
    "\"DownBlock2D\"], \"downsample_padding\": 1, \"flip_sin_to_cos\": true, "                     \
    "\"freq_shift\": 0, \"in_channels\": 4, \"layers_per_block\": 2, "                             \
    "\"mid_block_scale_factor\": 1, \"norm_eps\": 1e-05, \"norm_num_groups\": 32, "                \
    "\"out_channels\": 4, \"sample_size\": 64, \"up_block_types\": [\"UpBlock2D\", "               \
    "\"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\"]}"
#define SD2                                                                                        \
    "{\"_class_name\": \"UNet2DConditionModel\", \"attention_head_dim\": [5, 10, 20, 20], "        \
    "\"cross_attention_dim\": 1024, \"use_linear_projection\": true, \"sample_size\": 64, "        \
    "\"dual_cross_attention\": false, \"num_class_embeds\": null, "                                \
    "\"only_cross_attention\": false, \"addition_embed_type\": null, "                             \
    "\"transformer_layers_per_block\": 1, \"upcast_attention\": true, "                            \
    "\"mid_block_type\": \"UNetMidBlock2DCrossAttn\", \"attention_type\": \"default\", "           \
    "\"conv_in_kernel\": 3, \"resnet_out_scale_factor\": 1.0, \"time_embedding_dim\": null}"

#define CNN                                                                                        \
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 28, \"in_channels\": 1, \"num_classes\": "    \
    "10, \"layers\": [{\"conv\": 32, \"kernel\": 3, \"stride\": 2, \"norm_groups\": 4, \"act\": "  \
    "\"silu\"}, {\"pool\": \"max\", \"size\": 2}, {\"flatten\": true}, {\"linear\": 64, "          \
    "\"act\": \"relu\"}]}"

#define NOISY_CNN                                                                                  \
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 28, \"in_channels\": 1, \"num_classes\": "    \
    "10, \"time_embedding_dim\": 64, \"layers\": [{\"conv\": 32, \"norm_groups\": 4}, "            \
    "{\"pool\": \"avg\"}, {\"conv\": 48}, {\"global_avg_pool\": true}]}"

#define NULL_LABEL                                                                                 \
    "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 64, \"num_class_embeds\": 11, "           \
    "\"_null_label\": 10}"

static void test_arch_cifar10_config_declares_public_tensors(void **state)
{
    (void)state;
    ggdm_built_check_list(CIFAR10, LISTS "ddpm-cifar10-32.tensors.txt", 328, 35746307);
}

static void test_arch_celebahq_config_declares_public_tensors(void **state)
{
    (void)state;
    ggdm_built_check_list(CELEBAHQ, LISTS "ddpm-celebahq-256.tensors.txt", 450, 113673219);
}

/* diffusers' defaults are the geometry of CompVis' latent-diffusion for CelebA-HQ, whose log says
 * "DiffusionWrapper has 274.06 M params". */
static void test_arch_defaults_give_published_parameter_count(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open("{\"_class_name\": \"UNet2DModel\", \"sample_size\": 64}");
    assert_int_equal((ggdm_built_parameters(&b) + 5000) / 10000, 27406);
    ggdm_built_close(&b);
}

static void test_arch_canonical_name_old_names_give_new(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"mid_block.attentions.0.query.weight", "mid_block.attentions.0.to_q.weight"},
        {"down_blocks.1.attentions.12.key.bias", "down_blocks.1.attentions.12.to_k.bias"},
        {"up_blocks.1.attentions.0.value.weight", "up_blocks.1.attentions.0.to_v.weight"},
        {"mid_block.attentions.0.proj_attn.bias", "mid_block.attentions.0.to_out.0.bias"},
        {"down_blocks.0.downsamplers.0.op.weight", "down_blocks.0.downsamplers.0.conv.weight"},
        {"mid_block.attentions.0.to_q.weight", "mid_block.attentions.0.to_q.weight"},
        {"mid_block.attentions.x.query.weight", "mid_block.attentions.x.query.weight"},
        {"layers.0.query.weight", "layers.0.query.weight"},
        {".attentions.", ".attentions."},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char buf[64], small[8];
        assert_string_equal(ggdm_arch_canonical_name(names[i][0], buf, sizeof buf), names[i][1]);
        assert_ptr_equal(ggdm_arch_canonical_name(names[i][0], small, sizeof small), names[i][0]);
    }
}

static void test_arch_unet_info_and_output_follow_config(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(CIFAR10);
    ggdm_arch_info info = ggdm_arch_get_info(b.arch);
    assert_int_equal(info.role, GGDM_DIFFUSION);
    assert_int_equal(info.size, 32);
    assert_int_equal(info.channels, 3);
    assert_int_equal(info.n_classes, 0);
    assert_string_equal(info.weights_file, "diffusion_pytorch_model.safetensors");
    assert_true(ggdm_shape_equal(&b.out, &GGDM_SHAPE4(2, 32, 32, 3)));
    ggdm_built_close(&b);
}

static void test_arch_cnn_info_and_output_follow_config(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(CNN);
    ggdm_arch_info info = ggdm_arch_get_info(b.arch);
    assert_int_equal(info.role, GGDM_CLASSIFIER);
    assert_int_equal(info.n_classes, 10);
    assert_string_equal(info.weights_file, "model.safetensors");
    assert_true(ggdm_shape_equal(&b.out, &GGDM_SHAPE2(2, 10)));
    assert_int_equal(ggdm_graph_param_count(b.graph), 8);
    assert_int_equal(ggdm_built_param(&b, "layers.3.weight").shape.d[1],
                     32 * 7 * 7); /* 28 -> 14 -> 7 */
    assert_int_equal(ggdm_built_param(&b, "layers.0.norm.bias").shape.d[0], 32);
    assert_int_equal(ggdm_built_param(&b, "layers.4.weight").shape.d[0],
                     10); /* the implicit last layer */
    ggdm_built_close(&b);
}

/* The timestep's embedding and, of each convolution, its projection. */
static void test_arch_cnn_with_time_declares_projections(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(NOISY_CNN);
    const ggdm_shape embedding = ggdm_built_param(&b, "time_embedding.weight").shape;
    const ggdm_shape first = ggdm_built_param(&b, "layers.0.time_emb_proj.weight").shape;
    const ggdm_shape second = ggdm_built_param(&b, "layers.2.time_emb_proj.weight").shape;
    assert_true(ggdm_shape_equal(&embedding, &GGDM_SHAPE2(64, 64)));
    assert_true(ggdm_shape_equal(&first, &GGDM_SHAPE2(32, 64)));
    assert_true(ggdm_shape_equal(&second, &GGDM_SHAPE2(48, 64)));
    assert_int_equal(ggdm_graph_param_count(b.graph), 14);
    assert_true(ggdm_shape_equal(&b.out, &GGDM_SHAPE2(2, 10)));
    ggdm_built_close(&b);
}

static void test_arch_init_is_pytorchs_default(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(CIFAR10);
    ggdm_param_info w = ggdm_built_param(&b, "down_blocks.1.resnets.0.conv1.weight");
    assert_int_equal(w.init.kind, GGDM_INIT_UNIFORM);
    assert_true(fabs(w.init.scale - 1 / sqrt(128 * 9.0)) < 1e-12);
    w = ggdm_built_param(&b, "time_embedding.linear_2.bias");
    assert_int_equal(w.init.kind, GGDM_INIT_UNIFORM);
    assert_true(fabs(w.init.scale - 1 / sqrt(512.0)) < 1e-12);
    assert_int_equal(ggdm_built_param(&b, "conv_norm_out.weight").init.kind, GGDM_INIT_ONE);
    assert_int_equal(ggdm_built_param(&b, "conv_norm_out.bias").init.kind, GGDM_INIT_ZERO);
    assert_int_equal(ggdm_built_param(&b, "conv_out.weight").init.kind, GGDM_INIT_ZERO);
    ggdm_built_close(&b);
}

/* Keys that diffusers writes and that do not change the network. */
static void test_arch_bookkeeping_keys_are_ignored(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(
        "{\"_class_name\": \"UNet2DModel\", \"sample_size\": [64, 64], "
        "\"_name_or_path\": null, \"dropout\": 0.1, \"num_train_timesteps\": null, "
        "\"class_embed_type\": null, \"num_class_embeds\": null, \"decay\": 0.9999, "
        "\"update_after_step\": 0, \"act_fn\": \"swish\"}");
    ggdm_built_close(&b);
}

/* time_embedding_dim, which newer diffusers write: null for four times the first width. */
static void test_arch_time_embedding_dim_is_obeyed(void **state)
{
    (void)state;
    static const struct {
        const char *dim;
        int64_t want;
    } cases[] = {{"null", 4 * 224}, {"64", 64}};
    for (int i = 0; i < 2; i++) {
        char config[200];
        snprintf(config, sizeof config,
                 "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 64, "
                 "\"num_class_embeds\": 10, \"time_embedding_dim\": %s}",
                 cases[i].dim);
        ggdm_built b = ggdm_built_open(config);
        const int64_t want = cases[i].want;
        const ggdm_shape second = ggdm_built_param(&b, "time_embedding.linear_2.weight").shape;
        const ggdm_shape table = ggdm_built_param(&b, "class_embedding.weight").shape;
        const ggdm_shape proj =
            ggdm_built_param(&b, "mid_block.resnets.0.time_emb_proj.weight").shape;
        assert_true(ggdm_shape_equal(&second, &GGDM_SHAPE2(want, want)));
        assert_true(ggdm_shape_equal(&table, &GGDM_SHAPE2(10, want)));
        assert_true(ggdm_shape_equal(&proj, &GGDM_SHAPE2(896, want)));
        ggdm_built_close(&b);
    }
}

static void test_arch_class_embeds_declare_table(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(CONDITIONAL);
    assert_int_equal(ggdm_arch_get_info(b.arch).n_classes, 10);
    assert_int_equal(ggdm_arch_get_info(b.arch).null_label, -1);
    ggdm_shape table = ggdm_built_param(&b, "class_embedding.weight").shape;
    assert_true(ggdm_shape_equal(&table, &GGDM_SHAPE2(10, 4 * 224)));
    ggdm_built_close(&b);
}

/* It has a row of the table, and is none of the classes. */
static void test_arch_null_label_is_behind_the_classes(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(NULL_LABEL);
    assert_int_equal(ggdm_arch_get_info(b.arch).n_classes, 10);
    assert_int_equal(ggdm_arch_get_info(b.arch).null_label, 10);
    ggdm_shape table = ggdm_built_param(&b, "class_embedding.weight").shape;
    assert_true(ggdm_shape_equal(&table, &GGDM_SHAPE2(11, 4 * 224)));
    ggdm_built_close(&b);
}

/* ---- ports ---- */

static void check_ports(const char *config, const char *takes, const char *gives)
{
    ggdm_built b = ggdm_built_open(config);
    ggdm_arch_info info = ggdm_arch_get_info(b.arch);
    char text[64];
    assert_string_equal(ggdm_arch_port_names(info.ports & GGDM_PORTS_IN, text, sizeof text), takes);
    assert_string_equal(ggdm_arch_port_names(info.ports & ~GGDM_PORTS_IN, text, sizeof text),
                        gives);
    assert_int_equal(ggdm_arch_has_port(&info, "label"), strstr(takes, "label") != NULL);
    assert_int_equal(ggdm_arch_has_port(&info, "eps"), strstr(gives, "eps") != NULL);
    assert_int_equal(ggdm_arch_has_port(&info, "features"), strstr(gives, "features") != NULL);
    assert_false(ggdm_arch_has_port(&info, "labels"));
    ggdm_built_close(&b);
}

static void test_arch_ports_follow_config(void **state)
{
    (void)state;
    check_ports(CIFAR10, "x, t", "eps");
    check_ports(CONDITIONAL, "x, t, label", "eps");
    check_ports(CNN, "x", "logits, features");
    check_ports(NOISY_CNN, "x, t", "logits, features");
}

static void test_arch_port_names_in_a_small_buffer_are_cut(void **state)
{
    (void)state;
    char text[6];
    assert_string_equal(ggdm_arch_port_names(~0u, text, sizeof text), "x, t,");
}

/* A graph in which a network got its inputs but for one port, or one port too many. */
static void check_wrong_ports(const char *config, void (*change)(ggdm_graph *, ggdm_ports *),
                              const char *message)
{
    ggdm_error err = {0};
    ggdm_built b = {0};
    ggdm_test_ok(ggdm_arch_parse(config, strlen(config), "config.json", &b.arch, &err), &err);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &b.graph, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(b.arch, b.graph, 2);
    change(b.graph, &p);
    assert_int_equal(ggdm_arch_emit(b.arch, b.graph, &p), -1);
    ggdm_test_error(ggdm_graph_compile(b.graph, NULL, &err), &err, GGDM_EINVAL, message);
    ggdm_built_close(&b);
}

static void no_label(ggdm_graph *g, ggdm_ports *p)
{
    (void)g;
    p->label = -1;
}

static void no_time(ggdm_graph *g, ggdm_ports *p)
{
    (void)g;
    p->t = -1;
}

static void with_time(ggdm_graph *g, ggdm_ports *p)
{
    p->t = ggdm_graph_input(g, "t", GGDM_F32, GGDM_SHAPE1(2));
}

static void test_arch_port_without_value_or_unknown_is_an_error(void **state)
{
    (void)state;
    check_wrong_ports(CONDITIONAL, no_label, "UNet2DModel: port 'label' has no value");
    check_wrong_ports(NOISY_CNN, no_time, "GgdmCNN: port 't' has no value");
    check_wrong_ports(CNN, with_time, "GgdmCNN: there is no port 't'");
}

static void test_arch_network_emitted_twice_has_its_parameters_once(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(CNN);
    const int once = ggdm_graph_param_count(b.graph);
    ggdm_ports p = ggdm_arch_inputs(b.arch, b.graph, 3);
    assert_true(ggdm_arch_emit(b.arch, b.graph, &p) >= 0);
    assert_int_equal(ggdm_graph_param_count(b.graph), once);
    ggdm_graph_slot(b.graph, "other");
    p = ggdm_arch_inputs(b.arch, b.graph, 3);
    assert_true(ggdm_arch_emit(b.arch, b.graph, &p) >= 0);
    assert_int_equal(ggdm_graph_param_count(b.graph), 2 * once);
    ggdm_error err = {0};
    const ggdm_init init = {GGDM_INIT_ZERO, 0};
    assert_int_equal(ggdm_graph_param(b.graph, "layers.0.bias", GGDM_SHAPE1(7), init), -1);
    ggdm_test_error(ggdm_graph_status(b.graph, &err), &err, GGDM_ESHAPE,
                    "parameter 'layers.0.bias' is of shape [32] and of shape [7]");
    ggdm_built_close(&b);
}

/* As many tensors and numbers as those checkpoints have. */
static void test_arch_stable_diffusion_configs_declare_public_tensors(void **state)
{
    (void)state;
    const struct {
        const char *config;
        int64_t parameters;
        int context;
        ggdm_shape proj_in;
    } rows[] = {{SD1, 859520964, 768, GGDM_SHAPE4(320, 320, 1, 1)},
                {SD2, 865910724, 1024, GGDM_SHAPE2(320, 320)}};
    for (size_t i = 0; i < 2; i++) {
        ggdm_built b = ggdm_built_open(rows[i].config);
        const ggdm_arch_info info = ggdm_arch_get_info(b.arch);
        assert_int_equal(ggdm_graph_param_count(b.graph), 686);
        assert_int_equal(ggdm_built_parameters(&b), rows[i].parameters);
        assert_int_equal(info.context_size, rows[i].context);
        assert_true(info.ports & GGDM_PORT_CONTEXT);
        const ggdm_shape proj_in =
            ggdm_built_param(&b, "down_blocks.0.attentions.0.proj_in.weight").shape;
        const ggdm_shape to_k =
            ggdm_built_param(&b, "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight")
                .shape;
        assert_true(ggdm_shape_equal(&proj_in, &rows[i].proj_in));
        assert_true(ggdm_shape_equal(&to_k, &GGDM_SHAPE2(1280, rows[i].context)));
        ggdm_param_info none;
        assert_false(ggdm_built_find(
            &b, "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.bias", &none));
        ggdm_built_close(&b);
    }
}

/* ---- refusals: the text `from` of a good config replaced by `to` ---- */

static const struct {
    const char *base, *from, *to, *message;
} bad[] = {
    {CIFAR10, "UNet2DModel", "UNet3DConditionModel", "_class_name"},
    {CIFAR10, "\"_class_name\": \"UNet2DModel\", ", "", "'_class_name' is missing"},
    {CIFAR10, "\"_class_name\": \"UNet2DModel\"", "\"_class_name\": 3", "_class_name"},
    {CIFAR10, "{\"_class", "[{\"_class", "config.json"},
    {CIFAR10, "\"norm_eps\"", "\"norm_epsilon\"", "norm_epsilon"},
    {CIFAR10, "\"act_fn\": \"silu\"", "\"act_fn\": \"gelu\"", "'gelu'"},
    {CIFAR10, "\"positional\"", "\"fourier\"", "'fourier'"},
    {CIFAR10, "\"AttnDownBlock2D\"", "\"SkipDownBlock2D\"", "'SkipDownBlock2D'"},
    {CIFAR10, "\"AttnDownBlock2D\", ", "", "down_block_types"},
    {CIFAR10, "\"AttnUpBlock2D\"", "\"AttnDownBlock2D\"", "up_block_types"},
    {CIFAR10, "[128, 256, 256, 256]", "[128, 256, 256, 200]", "multiple of norm_num_groups (32)"},
    {CIFAR10, "[128, 256, 256, 256]", "[128, 256, 256, 1073741824]", "block_out_channels"},
    {CIFAR10, "[128, 256, 256, 256]", "[]", "block_out_channels"},
    {CIFAR10, "[128, 256, 256, 256]", "[32,32,32,32,32,32,32,32,32]", "9 levels"},
    {CIFAR10, "[128, 256, 256, 256]", "[128, 256]", "down_block_types"},
    {CIFAR10, "\"sample_size\": 32", "\"sample_size\": 30", "multiple of 8"},
    {CIFAR10, "\"sample_size\": 32", "\"sample_size\": [32, 64]", "square"},
    {CIFAR10, "\"sample_size\": 32", "\"sample_size\": null", "sample_size"},
    {CIFAR10, "\"sample_size\": 32", "\"sample_size\": 1000000", "sample_size"},
    {CIFAR10, "\"sample_size\": 32, ", "", "sample_size"},
    {CIFAR10, "\"attention_head_dim\": null", "\"attention_head_dim\": 24", "24 channels"},
    {CIFAR10, "\"attention_head_dim\": null", "\"attention_head_dim\": 0", "attention_head_dim"},
    {CIFAR10, "\"out_channels\": 3", "\"out_channels\": 5", "out_channels"},
    {CIFAR10, "\"downsample_padding\": 0", "\"downsample_padding\": 2", "downsample_padding"},
    {CIFAR10, "\"freq_shift\": 1", "\"freq_shift\": 64", "freq_shift"},
    {CIFAR10, "\"freq_shift\": 1", "\"freq_shift\": \"one\"", "freq_shift"},
    {CIFAR10, "\"norm_num_groups\": 32", "\"norm_num_groups\": null", "norm_num_groups"},
    {CIFAR10, "\"norm_eps\": 1e-06", "\"norm_eps\": -1", "norm_eps"},
    {CIFAR10, "\"act_fn\"", "\"resnet_time_scale_shift\": \"spatial\", \"act_fn\"", "'spatial'"},
    {CIFAR10, "\"act_fn\"", "\"class_embed_type\": \"timestep\", \"act_fn\"", "class_embed_type"},
    {CIFAR10, "\"act_fn\"", "\"mid_block_type\": null, \"act_fn\"", "mid_block_type"},
    {CIFAR10, "\"act_fn\"", "\"downsample_type\": \"resnet\", \"act_fn\"", "downsample_type"},
    {CIFAR10, "\"act_fn\"", "\"attn_norm_num_groups\": 24, \"act_fn\"", "attn_norm_num_groups"},
    {CIFAR10, "\"act_fn\"", "\"num_class_embeds\": 0, \"act_fn\"", "num_class_embeds"},
    {CIFAR10, "\"layers_per_block\": 2", "\"layers_per_block\": 1000", "layers_per_block"},
    {SD1, "\"attention_head_dim\": 8", "\"attention_head_dim\": 7",
     "'attention_head_dim': 7 heads, expected a divisor of the 320 channels of level 0"},
    {SD1, "\"attention_head_dim\": 8", "\"attention_head_dim\": [8, 8]",
     "'attention_head_dim': 2 numbers, expected one, or 4"},
    {SD1, "\"attention_head_dim\": 8", "\"attention_head_dim\": null", "attention_head_dim"},
    {SD1, "\"attention_head_dim\": 8", "\"attention_head_dim\": [8, 8, 8, 0]",
     "attention_head_dim[3]"},
    {SD1, "\"act_fn\"", "\"transformer_layers_per_block\": [1, 2, [3], 1], \"act_fn\"",
     "transformer_layers_per_block[2]"},
    {SD1, "\"act_fn\"", "\"transformer_layers_per_block\": [1, 2, 300, 1], \"act_fn\"",
     "'transformer_layers_per_block': 1516 transformer blocks in all, expected at most 1024"},
    {SD1, "\"act_fn\"", "\"addition_embed_type\": \"text_time\", \"act_fn\"",
     "'addition_embed_type': value 'text_time', expected null or false"},
    {SD1, "\"act_fn\"", "\"only_cross_attention\": true, \"act_fn\"",
     "'only_cross_attention': value 'true', expected null or false"},
    {SD1, "\"act_fn\"", "\"add_attention\": false, \"act_fn\"", "add_attention"},
    {SD1, "\"act_fn\"", "\"conv_in_kernel\": 1, \"act_fn\"",
     "'conv_in_kernel': value '1', expected 3"},
    {SD1, "\"act_fn\"", "\"mid_block_type\": \"UNetMidBlock2D\", \"act_fn\"",
     "'UNetMidBlock2D', expected UNetMidBlock2DCrossAttn"},
    {SD1, "768", "[768, 768, 768, 768]", "cross_attention_dim"},
    {SD1, "\"UpBlock2D\"", "\"AttnUpBlock2D\"", "expected 'UpBlock2D' or 'CrossAttnUpBlock2D'"},
    {CIFAR10, "\"act_fn\"", "\"cross_attention_dim\": 768, \"act_fn\"", "cross_attention_dim"},
    {NULL_LABEL, "11", "10", "'_null_label': 10, expected the last of the num_class_embeds (10)"},
    {NULL_LABEL, "11", "12", "'_null_label': 10, expected the last of the num_class_embeds (12)"},
    {NULL_LABEL, "11", "null", "_null_label"},
    {NULL_LABEL, "11, \"_null_label\": 10", "1, \"_null_label\": 0", "_null_label"},
    {CNN, "\"num_classes\": 10, ", "", "num_classes"},
    {CNN, "\"layers\"", "\"attributes\": [], \"layers\"", "expected num_classes, or attributes"},
    {CNN, "\"num_classes\": 10", "\"attributes\": 10", "attributes"},
    {CNN, "\"layers\"", "\"id2label\": {\"0\": \"cat\"}, \"layers\"", "\"0\" to \"9\""},
    {NOISY_CNN, "64", "63", "'time_embedding_dim': value '63', expected an even number"},
    {NOISY_CNN, "64", "0", "time_embedding_dim"},
    {NOISY_CNN, "[{\"conv\": 32, \"norm_groups\": 4}, {\"pool\": \"avg\"}, {\"conv\": 48}, ", "[",
     "'time_embedding_dim': no layer takes it"},
    {CNN, "\"layers\"", "\"layer\"", "layer"},
    {CNN, "\"kernel\": 3", "\"kernel\": 4", "layers[0].kernel"},
    {CNN, "\"stride\": 2", "\"stride\": 3", "layers[0].stride"},
    {CNN, "\"norm_groups\": 4", "\"norm_groups\": 5", "layers[0].norm_groups"},
    {CNN, "\"silu\"", "\"gelu\"", "layers[0].act"},
    {CNN, "\"act\": \"silu\"", "\"activation\": \"silu\"", "activation"},
    {CNN, "\"size\": 2", "\"size\": 15", "layers[1]"},
    {CNN, "\"max\"", "\"min\"", "layers[1].pool"},
    {CNN, "{\"flatten\": true}, ", "", "layers[2]"},
    {CNN, "{\"flatten\": true}", "{\"flatten\": false}", "layers[2].flatten"},
    {CNN, "{\"flatten\": true}", "{\"dropout\": 0.5}", "layers[2]"},
    {CNN, "{\"flatten\": true}", "{\"flatten\": true}, {\"conv\": 8}", "layers[3]"},
    {CNN, "{\"flatten\": true}", "7", "layers[2]"},
    {CNN, ", {\"flatten\": true}, {\"linear\": 64, \"act\": \"relu\"}", "", "ends with an image"},
    {CNN, "\"linear\": 64", "\"linear\": 100000", "layers[3].linear"},
    {CNN, "\"sample_size\": 28", "\"sample_size\": 4096", "layers[2]"},
};

static char *replaced(const char *base, const char *from, const char *to)
{
    const char *at = strstr(base, from);
    if (!at)
        ggdm_test_fail("'%s' is not in the config", from);
    char *out = ggdm_test_alloc(strlen(base) + strlen(to) + 1, 1);
    sprintf(out, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    return out;
}

static void test_arch_bad_config_gives_error_naming_the_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ggdm_error err = {0};
        ggdm_arch *arch = NULL;
        char *config = replaced(bad[i].base, bad[i].from, bad[i].to);
        ggdm_status st = ggdm_arch_parse(config, strlen(config), "config.json", &arch, &err);
        if (st == GGDM_OK || !strstr(err.msg, bad[i].message) || !strstr(err.msg, "config.json"))
            ggdm_test_fail("%s instead of %s: status %d, message '%s', expected '%s' in it",
                           bad[i].to, bad[i].from, (int)st, err.msg, bad[i].message);
        assert_null(arch);
        free(config);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arch_cifar10_config_declares_public_tensors),
        cmocka_unit_test(test_arch_celebahq_config_declares_public_tensors),
        cmocka_unit_test(test_arch_defaults_give_published_parameter_count),
        cmocka_unit_test(test_arch_canonical_name_old_names_give_new),
        cmocka_unit_test(test_arch_unet_info_and_output_follow_config),
        cmocka_unit_test(test_arch_cnn_info_and_output_follow_config),
        cmocka_unit_test(test_arch_cnn_with_time_declares_projections),
        cmocka_unit_test(test_arch_init_is_pytorchs_default),
        cmocka_unit_test(test_arch_bookkeeping_keys_are_ignored),
        cmocka_unit_test(test_arch_time_embedding_dim_is_obeyed),
        cmocka_unit_test(test_arch_class_embeds_declare_table),
        cmocka_unit_test(test_arch_null_label_is_behind_the_classes),
        cmocka_unit_test(test_arch_ports_follow_config),
        cmocka_unit_test(test_arch_port_names_in_a_small_buffer_are_cut),
        cmocka_unit_test(test_arch_port_without_value_or_unknown_is_an_error),
        cmocka_unit_test(test_arch_network_emitted_twice_has_its_parameters_once),
        cmocka_unit_test(test_arch_stable_diffusion_configs_declare_public_tensors),
        cmocka_unit_test(test_arch_bad_config_gives_error_naming_the_field),
    };
    return ggdm_test_main(tests);
}
