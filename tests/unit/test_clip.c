/* CLIP's config.json and preprocessor_config.json; its numbers are compared with PyTorch's in
 * tests/golden. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "models/model.h"
#include "models/model_check.h"
#include "tests/support/bf16.h"
#include "tests/support/built_arch.h"
#include "tests/support/tiny_model.h"

#define LISTS "tests/golden/data/"

/* As openai/clip-vit-base-patch32 has it, less of what it repeats of generating texts. */
#define GENERATING                                                                                 \
    "\"add_cross_attention\": false, \"bad_words_ids\": null, \"chunk_size_feed_forward\": 0, "    \
    "\"id2label\": {\"0\": \"LABEL_0\", \"1\": \"LABEL_1\"}, \"is_decoder\": false, "              \
    "\"max_length\": 20, \"pruned_heads\": {}, \"temperature\": 1.0, \"torchscript\": false, "     \
    "\"transformers_version\": \"4.21.0.dev0\", \"typical_p\": 1.0, \"_name_or_path\": \"\""
#define BASE_32                                                                                    \
    "{\"_name_or_path\": \"openai/clip-vit-base-patch32\", \"architectures\": [\"CLIPModel\"], "   \
    "\"initializer_factor\": 1.0, \"logit_scale_init_value\": 2.6592, \"model_type\": \"clip\", "  \
    "\"projection_dim\": 512, \"text_config\": {" GENERATING ", \"attention_dropout\": 0.0, "      \
    "\"bos_token_id\": 0, \"dropout\": 0.0, \"eos_token_id\": 2, \"hidden_act\": "                 \
    "\"quick_gelu\", \"hidden_size\": 512, \"intermediate_size\": 2048, \"layer_norm_eps\": "      \
    "1e-05, \"max_position_embeddings\": 77, \"model_type\": \"clip_text_model\", "                \
    "\"num_attention_heads\": 8, \"num_hidden_layers\": 12, \"pad_token_id\": 1, "                 \
    "\"projection_dim\": 512, \"vocab_size\": 49408}, \"text_config_dict\": null, "                \
    "\"transformers_version\": null, \"vision_config\": {" GENERATING ", \"hidden_size\": 768, "   \
    "\"image_size\": 224, \"intermediate_size\": 3072, \"model_type\": \"clip_vision_model\", "    \
    "\"num_attention_heads\": 12, \"num_hidden_layers\": 12, \"patch_size\": 32}, "                \
    "\"vision_config_dict\": null}"

#define SMALL                                                                                      \
    "{\"architectures\": [\"CLIPModel\"], \"projection_dim\": 6, \"text_config\": "                \
    "{\"hidden_size\": 8, \"num_attention_heads\": 2, \"num_hidden_layers\": 2, "                  \
    "\"intermediate_size\": 16, \"vocab_size\": 20, \"max_position_embeddings\": 7, "              \
    "\"eos_token_id\": 19}, \"vision_config\": {\"hidden_size\": 12, \"num_attention_heads\": 3, " \
    "\"num_hidden_layers\": 3, \"intermediate_size\": 24, \"image_size\": 8, \"patch_size\": 4}}"

#define TEXT_ENCODER                                                                               \
    "{\"_name_or_path\": \"openai/clip-vit-large-patch14\", \"architectures\": "                   \
    "[\"CLIPTextModel\"], \"attention_dropout\": 0.0, \"bos_token_id\": 0, \"dropout\": 0.0, "     \
    "\"eos_token_id\": 2, \"hidden_act\": \"quick_gelu\", \"hidden_size\": 768, "                  \
    "\"initializer_factor\": 1.0, \"initializer_range\": 0.02, \"intermediate_size\": 3072, "      \
    "\"layer_norm_eps\": 1e-05, \"max_position_embeddings\": 77, \"model_type\": "                 \
    "\"clip_text_model\", \"num_attention_heads\": 12, \"num_hidden_layers\": 12, "                \
    "\"pad_token_id\": 1, \"projection_dim\": 768, \"torch_dtype\": \"float32\", "                 \
    "\"transformers_version\": \"4.22.0.dev0\", \"vocab_size\": 49408}"

/* ---- the network ---- */

static void test_clip_public_config_declares_public_tensors(void **state)
{
    (void)state;
    ggdm_built_check_list(BASE_32, LISTS "clip-vit-base-patch32.tensors.txt", 398, 151277313);
}

static void check_same(const char *a, const char *b, bool same)
{
    ggdm_built x = ggdm_built_open(a), y = ggdm_built_open(b);
    if (same)
        assert_string_equal(ggdm_arch_text(x.arch), ggdm_arch_text(y.arch));
    else
        assert_string_not_equal(ggdm_arch_text(x.arch), ggdm_arch_text(y.arch));
    ggdm_built_close(&x);
    ggdm_built_close(&y);
}

static void test_clip_missing_keys_are_those_of_transformers(void **state)
{
    (void)state;
#define ENDS_AT_2 "{\"architectures\": [\"CLIPModel\"], \"text_config\": {\"eos_token_id\": 2}}"
    check_same(BASE_32, ENDS_AT_2, true);
    check_same(BASE_32, "{\"_class_name\": \"CLIPModel\"}", false); /* eos_token_id 49407 */
}

/* Old files have the configs under other names, which count where both are there. */
static void test_clip_old_names_of_configs_go_before(void **state)
{
    (void)state;
#define OLD(more)                                                                                  \
    "{\"architectures\": [\"CLIPModel\"], \"text_config_dict\": {\"hidden_size\": 256}" more "}"
#define NEW "{\"architectures\": [\"CLIPModel\"], \"text_config\": {\"hidden_size\": 256}}"
    check_same(OLD(""), NEW, true);
    check_same(OLD(", \"text_config\": {\"hidden_size\": 64}"), NEW, true);
    check_same(OLD(", \"vision_config_dict\": {\"patch_size\": 16}"), NEW, false);
    check_same("{\"_class_name\": \"CLIPTextModel\", \"hidden_act\": \"gelu_new\"}",
               "{\"_class_name\": \"CLIPTextModel\", \"hidden_act\": \"gelu_pytorch_tanh\"}", true);
}

static void check_info(const char *config, const char *takes, const char *gives, ggdm_shape out)
{
    ggdm_built b = ggdm_built_open(config);
    const ggdm_arch_info info = ggdm_arch_get_info(b.arch);
    char text[64];
    assert_string_equal(ggdm_arch_port_names(info.ports & GGDM_PORTS_IN, text, sizeof text), takes);
    assert_string_equal(ggdm_arch_port_names(info.ports & ~GGDM_PORTS_IN, text, sizeof text),
                        gives);
    assert_int_equal(info.role, GGDM_ENCODER);
    assert_string_equal(info.weights_file, "model.safetensors");
    assert_true(ggdm_shape_equal(&b.out, &out));
    assert_int_equal(info.embedding_size, out.d[1]);
    ggdm_built_close(&b);
}

static void test_clip_ports_follow_the_class(void **state)
{
    (void)state;
    check_info(SMALL, "x, text", "embedding, sequence, scale", GGDM_SHAPE2(2, 6));
    check_info(TEXT_ENCODER, "text", "embedding, sequence", GGDM_SHAPE2(2, 768));
    check_info("{\"architectures\": [\"CLIPTextModelWithProjection\"], \"projection_dim\": 32}",
               "text", "embedding, sequence", GGDM_SHAPE2(2, 32));
    check_info("{\"architectures\": [\"CLIPVisionModelWithProjection\"], \"image_size\": 64}", "x",
               "embedding", GGDM_SHAPE2(2, 512));
    check_info("{\"architectures\": [\"CLIPVisionModelWithProjection\"], \"image_size\": 64, "
               "\"_time_embedding\": true}",
               "x, t", "embedding", GGDM_SHAPE2(2, 512));
}

static void test_clip_info_has_the_sizes_of_images_and_texts(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(SMALL);
    const ggdm_arch_info info = ggdm_arch_get_info(b.arch);
    assert_true(info.two_towers);
    assert_int_equal(info.size, 8);
    assert_int_equal(info.channels, 3);
    assert_int_equal(info.context_length, 7);
    assert_int_equal(info.vocabulary, 20);
    assert_int_equal(info.sequence_size, 8);
    assert_int_equal(info.normal.n, 3);
    assert_true(
        ggdm_shape_equal(ggdm_graph_shape(b.graph, b.ports.sequence), &GGDM_SHAPE3(2, 7, 8)));
    assert_true(ggdm_shape_equal(ggdm_graph_shape(b.graph, b.ports.scale), &GGDM_SHAPE1(1)));
    ggdm_built_close(&b);
}

/* Of a graph with a network of two towers, that is given what of has. */
static ggdm_val emit_towers(ggdm_built *b, ggdm_ports *of, bool x, bool text)
{
    ggdm_ports p = GGDM_NO_PORTS;
    p.x = x ? of->x : -1;
    p.text = text ? of->text : -1;
    ggdm_val y = ggdm_arch_emit(b->arch, b->graph, &p);
    *of = p;
    return y;
}

static void test_clip_towers_come_alone_or_together_and_share_parameters(void **state)
{
    (void)state;
    ggdm_built b = ggdm_built_open(SMALL);
    const int n = ggdm_graph_param_count(b.graph);
    ggdm_ports image = b.ports, text = b.ports, none = b.ports;
    assert_true(b.ports.text_embedding >= 0 && b.ports.text_embedding != b.ports.embedding);
    assert_true(emit_towers(&b, &image, true, false) >= 0);
    assert_true(image.embedding >= 0 && image.sequence < 0 && image.text_embedding < 0);
    assert_true(emit_towers(&b, &text, false, true) >= 0);
    assert_true(text.embedding >= 0 && text.sequence >= 0 && text.text_embedding < 0);
    assert_true(image.scale >= 0 && text.scale >= 0);
    assert_int_equal(ggdm_graph_param_count(b.graph), n);
    assert_int_equal(emit_towers(&b, &none, false, false), -1);
    ggdm_error err;
    ggdm_test_error(ggdm_graph_status(b.graph, &err), &err, GGDM_EINVAL,
                    "CLIPModel: port 'x' has no value, expected one, or one of 'text'");
    ggdm_built_close(&b);
}

/* As CLIPPreTrainedModel._init_weights has it. */
static void test_clip_begins_as_transformers_does(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double std;
    } rows[] = {
        {"text_model.embeddings.token_embedding.weight", 0.02},
        {"text_model.embeddings.position_embedding.weight", 0.02},
        {"vision_model.embeddings.class_embedding", 0.28867513459481287}, /* 12^-1/2 */
        {"vision_model.embeddings.patch_embedding.weight", 0.02},
        {"text_model.encoder.layers.1.self_attn.k_proj.weight", 0.17677669529663687}, /* 32^-1/2 */
        {"vision_model.encoder.layers.0.self_attn.q_proj.weight", 0.11785113019775793},
        {"vision_model.encoder.layers.0.self_attn.out_proj.weight", 0.28867513459481287},
        {"vision_model.encoder.layers.2.mlp.fc1.weight", 0.2041241452319315}, /* 24^-1/2 */
        {"vision_model.encoder.layers.2.mlp.fc2.weight", 0.11785113019775793},
        {"visual_projection.weight", 0.28867513459481287},
        {"text_projection.weight", 0.35355339059327379},
    };
    ggdm_built b = ggdm_built_open(SMALL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const ggdm_param_info p = ggdm_built_param(&b, rows[i].name);
        if (p.init.kind != GGDM_INIT_NORMAL || fabs(p.init.scale - rows[i].std) > 1e-12)
            ggdm_test_fail("%s begins with %.17g, expected %.17g", p.name, p.init.scale,
                           rows[i].std);
    }
    assert_int_equal(ggdm_built_param(&b, "vision_model.encoder.layers.2.mlp.fc2.bias").init.kind,
                     GGDM_INIT_ZERO);
    const ggdm_param_info scale = ggdm_built_param(&b, "logit_scale");
    assert_int_equal(scale.init.kind, GGDM_INIT_CONSTANT);
    assert_true(scale.init.scale == 2.6592);
    assert_int_equal(scale.shape.n, 0);
    ggdm_built_close(&b);
}

/* Promise 1 of docs/DESIGN.md; what the numbers are is compared in tests/golden. */
static void check_bits(const char *dir, const char *config)
{
    ggdm_model_files files;
    ggdm_error err;
    char *path = ggdm_tiny_model_write(dir, "bits", config, 3);
    ggdm_model *model = ggdm_tiny_model_open(path, &files);
    ggdm_test_ok(ggdm_model_check(model, GGDM_F32, &err), &err);
    if (ggdm_test_have_bf16())
        ggdm_test_ok(ggdm_model_check(model, GGDM_BF16, &err), &err);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    ggdm_test_rmdir(path);
}

static void test_clip_bits_do_not_depend_on_batch_and_threads(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp();
    check_bits(dir, SMALL);
    check_bits(dir, "{\"_class_name\": \"CLIPVisionModelWithProjection\", \"image_size\": 32, "
                    "\"patch_size\": 8, \"hidden_size\": 96, \"intermediate_size\": 64, "
                    "\"num_hidden_layers\": 2, "
                    "\"_time_embedding\": true}");
    check_bits(
        dir, "{\"_class_name\": \"CLIPTextModel\", \"hidden_size\": 64, \"intermediate_size\": 64, "
             "\"num_hidden_layers\": 2, \"vocab_size\": 50, \"eos_token_id\": 2}");
    ggdm_test_rmdir(dir);
}

/* ---- refusals: the text `from` of a good config replaced by `to` ---- */

static const struct {
    const char *base, *from, *to, *message;
} bad[] = {
    {SMALL, "[\"CLIPModel\"]", "[\"CLIPSegModel\"]", "'architectures[0]': value 'CLIPSegModel'"},
    {SMALL, "[\"CLIPModel\"]", "[]", "'_class_name' is missing"},
    {SMALL, "[\"CLIPModel\"]", "\"CLIPModels\"", "'architectures': value 'CLIPModels'"},
    {SMALL, "\"hidden_size\": 12", "\"hidden_size\": 13",
     "hidden_size 13 and num_attention_heads 3"},
    {SMALL, "\"hidden_size\": 12", "\"hiden_size\": 12", "'vision_config.hiden_size'"},
    {SMALL, "\"hidden_size\": 12", "\"hidden_size\": 0", "'vision_config.hidden_size'"},
    {SMALL, "\"patch_size\": 4", "\"patch_size\": 9", "image_size 8 and patch_size 9"},
    {SMALL, "\"image_size\": 8", "\"image_size\": 4096", "1048576 patches"},
    {SMALL, "\"image_size\": 8", "\"image_size\": 8, \"num_channels\": 5", "num_channels"},
    {SMALL, "\"image_size\": 8", "\"image_size\": 8, \"hidden_act\": \"relu\"", "'relu'"},
    {SMALL, "\"eos_token_id\": 19", "\"eos_token_id\": 20", "eos_token_id 20, expected"},
    {SMALL, "\"vocab_size\": 20", "\"vocab_size\": 2000000", "vocab_size"},
    {SMALL, "\"projection_dim\": 6", "\"projection_dim\": 0", "projection_dim"},
    {SMALL, "\"projection_dim\": 6", "\"text_config_dict\": 3", "text_config_dict"},
    {TEXT_ENCODER, "\"vocab_size\"", "\"image_size\"", "image_size"},
};

static void test_clip_bad_config_gives_error_naming_the_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char config[4000];
        const char *at = strstr(bad[i].base, bad[i].from);
        ggdm_error err = {0};
        ggdm_arch *arch = NULL;
        assert_non_null(at);
        snprintf(config, sizeof config, "%.*s%s%s", (int)(at - bad[i].base), bad[i].base, bad[i].to,
                 at + strlen(bad[i].from));
        ggdm_status st = ggdm_arch_parse(config, strlen(config), "config.json", &arch, &err);
        if (st == GGDM_OK || !strstr(err.msg, bad[i].message))
            ggdm_test_fail("%s instead of %s: '%s', expected '%s' in it", bad[i].to, bad[i].from,
                           err.msg, bad[i].message);
        assert_null(arch);
    }
}

/* ---- as a directory, with preprocessor_config.json ---- */

/* Opened with this text (NULL: without the file); its digest in digest. */
static ggdm_status open_with(const char *dir, const char *text, ggdm_normal *normal, char *digest,
                             ggdm_error *err)
{
    char *path = ggdm_test_path(dir, "preprocessor_config.json");
    ggdm_model_files files = {0};
    ggdm_model *model = NULL;
    remove(path);
    if (text)
        ggdm_test_write(path, text, strlen(text));
    free(path);
    ggdm_status st = ggdm_model_files_open(dir, &files, err);
    if (st == GGDM_OK)
        st = ggdm_model_create(&files, &model, err);
    if (st == GGDM_OK) {
        *normal = model->info.normal;
        ggdm_hash_hex(files.digest, digest);
    }
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    return st;
}

#define OPENAI                                                                                     \
    "{\"crop_size\": {\"height\": 224, \"width\": 224}, \"do_center_crop\": true, "                \
    "\"do_normalize\": true, \"do_resize\": true, \"feature_extractor_type\": "                    \
    "\"CLIPFeatureExtractor\", \"image_mean\": [0.48145466, 0.4578275, 0.40821073], "              \
    "\"image_std\": [0.26862954, 0.26130258, 0.27577711], \"resample\": 3, \"size\": 224}"

static void test_clip_pixels_are_normalised_as_the_file_beside_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double mean, std; /* of the last channel */
        bool other;       /* than without a file */
    } rows[] = {{OPENAI, 0.40821073, 0.27577711, false},
                {"{\"image_mean\": [0.5, 0.4, 0.25]}", 0.25, 0.27577711, true},
                {"{\"image_std\": [0.5, 0.4, 0.25], \"rescale_factor\": 0.00392156862745098}",
                 0.40821073, 0.25, true},
                {"{\"do_normalize\": false, \"image_std\": [0.5, 0.4, 0.25]}", 0, 1, true}};
    char *dir = ggdm_test_mkdtemp(), *model = ggdm_tiny_model_write(dir, "clip", SMALL, 1);
    char plain[GGDM_HASH_TEXT_SIZE], digest[GGDM_HASH_TEXT_SIZE];
    ggdm_normal normal;
    ggdm_error err;
    ggdm_test_ok(open_with(model, NULL, &normal, plain, &err), &err);
    assert_true(normal.mean[0] == 0.48145466 && normal.std[1] == 0.26130258);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_test_ok(open_with(model, rows[i].text, &normal, digest, &err), &err);
        assert_true(normal.mean[2] == rows[i].mean && normal.std[2] == rows[i].std);
        assert_int_equal(strcmp(digest, plain) != 0, rows[i].other);
    }
    free(model);
    ggdm_test_rmdir(dir);
}

static void test_clip_bad_preprocessor_is_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"image_mean\": [0.5]}", "'image_mean': a list of 1, expected 3"},
        {"{\"image_std\": [0.5, 0, 0.5]}", "'image_std[1]'"},
        {"{\"rescale_factor\": 1}", "'rescale_factor': value '1', expected 1/255"},
        {"{\"do_rescale\": false}", "'do_rescale': value 'false', expected true"},
        {"{\"image_men\": [0.5]}", "'image_men'"},
        {"[]", "preprocessor_config.json"}};
    char *dir = ggdm_test_mkdtemp(), *model = ggdm_tiny_model_write(dir, "clip", SMALL, 1);
    char digest[GGDM_HASH_TEXT_SIZE];
    ggdm_normal normal;
    ggdm_error err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(open_with(model, rows[i][0], &normal, digest, &err) != GGDM_OK);
        if (!strstr(err.msg, rows[i][1]) || !strstr(err.msg, "preprocessor_config.json"))
            ggdm_test_fail("%s: '%s', expected '%s' in it", rows[i][0], err.msg, rows[i][1]);
    }
    free(model);
    ggdm_test_rmdir(dir);
}

/* ---- and with a tokenizer ---- */

static ggdm_status open_with_vocabulary(const char *dir, const char *config, ggdm_error *err)
{
    static const char vocabulary[] = "{\"a\": 0, \"a</w>\": 1, \"<|startoftext|>\": 2, "
                                     "\"<|endoftext|>\": 3}";
    ggdm_model_files files = {0};
    char *model = ggdm_tiny_model_write(dir, "clip", config, 1);
    char *vocab = ggdm_test_path(model, "vocab.json"),
         *merges = ggdm_test_path(model, "merges.txt");
    ggdm_test_write(vocab, vocabulary, sizeof vocabulary - 1);
    ggdm_test_write(merges, "#version: 0.2\n", 14);
    ggdm_status st = ggdm_model_files_open(model, &files, err);
    ggdm_model_files_close(&files);
    free(vocab);
    free(merges);
    ggdm_test_rmdir(model);
    return st;
}

static void test_clip_and_its_tokenizer_end_texts_alike(void **state)
{
    (void)state;
#define ENDS(at)                                                                                   \
    "{\"_class_name\": \"CLIPTextModel\", \"hidden_size\": 8, \"num_hidden_layers\": 1, "          \
    "\"vocab_size\": 5, \"eos_token_id\": " at "}"
    char *dir = ggdm_test_mkdtemp();
    ggdm_error err;
    ggdm_test_ok(open_with_vocabulary(dir, ENDS("3"), &err), &err);
    ggdm_test_ok(open_with_vocabulary(dir, ENDS("2"), &err), &err); /* the highest */
    ggdm_test_error(open_with_vocabulary(dir, ENDS("4"), &err), &err, GGDM_EINVAL,
                    "the tokenizer ends texts with 3 of its 4 tokens, expected eos_token_id 4");
    ggdm_test_rmdir(dir);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip_public_config_declares_public_tensors),
        cmocka_unit_test(test_clip_missing_keys_are_those_of_transformers),
        cmocka_unit_test(test_clip_old_names_of_configs_go_before),
        cmocka_unit_test(test_clip_ports_follow_the_class),
        cmocka_unit_test(test_clip_info_has_the_sizes_of_images_and_texts),
        cmocka_unit_test(test_clip_towers_come_alone_or_together_and_share_parameters),
        cmocka_unit_test(test_clip_begins_as_transformers_does),
        cmocka_unit_test(test_clip_bits_do_not_depend_on_batch_and_threads),
        cmocka_unit_test(test_clip_bad_config_gives_error_naming_the_field),
        cmocka_unit_test(test_clip_pixels_are_normalised_as_the_file_beside_it_says),
        cmocka_unit_test(test_clip_bad_preprocessor_is_refused),
        cmocka_unit_test(test_clip_and_its_tokenizer_end_texts_alike),
    };
    return ggdm_test_main(tests);
}
