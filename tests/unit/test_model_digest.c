/* The digest of a model is one of meaning: the same for the same network, numbers and schedule
 * however they are written, another for whatever can change a result.  What can is taken from the
 * tables of keys, so that a new one is tried here. */
#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/hash.h"
#include "models/arch/arch_kind.h"
#include "models/arch/cnn.h"
#include "models/io/safetensors.h"
#include "models/model.h"
#include "models/schedule_config.h"
#include "tests/support/tiny_model.h"

/* --- texts, key by key --- */

enum { TEXT = 4096 };

typedef struct member {
    const char *key, *value;
} member;

static const member unet[] = {{"_class_name", "\"UNet2DModel\""},
                              {"sample_size", "8"},
                              {"in_channels", "1"},
                              {"out_channels", "1"},
                              {"block_out_channels", "[8, 16]"},
                              {"layers_per_block", "1"},
                              {"down_block_types", "[\"DownBlock2D\", \"DownBlock2D\"]"},
                              {"up_block_types", "[\"UpBlock2D\", \"UpBlock2D\"]"},
                              {"norm_num_groups", "4"},
                              {NULL, NULL}};
static const member condition[] = {
    {"_class_name", "\"UNet2DConditionModel\""},
    {"sample_size", "8"},
    {"in_channels", "1"},
    {"out_channels", "1"},
    {"block_out_channels", "[8, 16]"},
    {"layers_per_block", "1"},
    {"down_block_types", "[\"CrossAttnDownBlock2D\", \"DownBlock2D\"]"},
    {"up_block_types", "[\"UpBlock2D\", \"CrossAttnUpBlock2D\"]"},
    {"norm_num_groups", "4"},
    {"attention_head_dim", "2"},
    {NULL, NULL}};
static const member cnn[] = {{"_class_name", "\"GgdmCNN\""},
                             {"sample_size", "8"},
                             {"in_channels", "1"},
                             {"num_classes", "10"},
                             {"layers", "[{\"conv\": 8}, {\"flatten\": true}]"},
                             {NULL, NULL}};
static const member scheduler[] = {
    {"num_train_timesteps", "100"}, {"prediction_type", "\"sample\""}, {NULL, NULL}};

/* An object of what is in extra (members, or "") and those of base that extra does not have. */
static void compose(char text[TEXT], const member *base, const char *extra)
{
    int n = snprintf(text, TEXT, "{%s", extra);
    for (; base->key; base++) {
        char quoted[100];
        snprintf(quoted, sizeof quoted, "\"%s\":", base->key);
        if (!strstr(extra, quoted))
            n += snprintf(text + n, TEXT - (size_t)n, "%s%s %s", text[1] ? ", " : "", quoted,
                          base->value);
    }
    assert_true(n < TEXT - 2);
    strcat(text, "}");
}

/* What a text means, owned; NULL where it is refused. */
typedef char *meaning(const char *text);

static char *meaning_of_config(const char *text)
{
    ggdm_arch *arch;
    char *out = NULL;
    if (ggdm_arch_parse(text, strlen(text), "config.json", &arch, NULL) == GGDM_OK)
        out = strdup(ggdm_arch_text(arch));
    ggdm_arch_destroy(&arch);
    return out;
}

static char *meaning_of_schedule(const char *text)
{
    char *out = NULL;
    ggdm_schedule_config_text(text, "scheduler_config.json", &out, NULL);
    return out;
}

/* Whether base with extra means what base means; -1: it is refused. */
static int same(meaning *of, const member *base, const char *extra)
{
    char text[TEXT], other[TEXT];
    compose(text, base, "");
    compose(other, base, extra);
    char *a = of(text), *b = of(other);
    if (!a)
        ggdm_test_fail("refused: %s", text);
    int result = b ? strcmp(a, b) == 0 : -1;
    free(a);
    free(b);
    return result;
}

static void test_digest_texts_are_these(void **state)
{
    (void)state;
    static const struct {
        meaning *of;
        const char *text, *want;
    } rows[] = {
        {meaning_of_config, ggdm_tiny_unet_config,
         "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 8, \"in_channels\": 1, "
         "\"out_channels\": 1, \"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\"], "
         "\"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\"], \"block_out_channels\": [8, 16], "
         "\"layers_per_block\": 1, \"norm_num_groups\": 4}"},
        {meaning_of_config, ggdm_tiny_cnn_config,
         "{\"_class_name\": \"GgdmCNN\", \"layers\": [{\"conv\": 8, \"act\": \"silu\"}, "
         "{\"pool\": \"avg\"}, {\"flatten\": true}, {\"linear\": 16, \"act\": \"silu\"}, "
         "{\"linear\": 10}], \"sample_size\": 8, \"in_channels\": 1, \"num_classes\": 10}"},
        {meaning_of_schedule, "{\"beta_end\": 2e-2, \"beta_start\": 85e-5}",
         "{\"beta_start\": 0.00085}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *found = rows[i].of(rows[i].text), *again = found ? rows[i].of(found) : NULL;
        assert_string_equal(found, rows[i].want);
        assert_string_equal(again, rows[i].want);
        free(found);
        free(again);
    }
}

static void test_digest_other_words_are_the_same(void **state)
{
    (void)state;
    static const struct {
        const member *base;
        const char *extra;
    } rows[] = {
        {unet, "\n\t\"norm_num_groups\":\t4,\r\n\"sample_size\": 8"},
        {unet, "\"sample_size\": [8, 8]"},
        {unet, "\"norm_eps\": 0.00001, \"mid_block_scale_factor\": 1.0"},
        {unet, "\"act_fn\": \"swish\""},
        {unet, "\"attn_norm_num_groups\": 4"},
        {unet, "\"freq_shift\": -0.0"},
        {condition, "\"attention_head_dim\": [2, 2]"},
        {condition, "\"transformer_layers_per_block\": [1, 1], \"only_cross_attention\": false"},
        {condition, "\"num_attention_heads\": null, \"upcast_attention\": true"},
        {cnn, "\"id2label\": {\"0\": \"a\", \"1\": \"b\", \"2\": \"c\", \"3\": \"d\", \"4\": "
              "\"e\", \"5\": \"f\", \"6\": \"g\", \"7\": \"h\", \"8\": \"i\", \"9\": \"j\"}"},
        {cnn, "\"layers\": [{\"act\": \"none\", \"kernel\": 3, \"stride\": 1, \"norm_groups\": 0, "
              "\"conv\": 8}, {\"flatten\": true}, {\"linear\": 10}]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (same(meaning_of_config, rows[i].base, rows[i].extra) != 1)
            ggdm_test_fail("another meaning: %s", rows[i].extra);
    static const char *const levels[] = {
        "\"block_out_channels\": [224, 448, 672, 896]",
        "\"down_block_types\": [\"DownBlock2D\", \"AttnDownBlock2D\", \"AttnDownBlock2D\", "
        "\"AttnDownBlock2D\"]",
        "\"up_block_types\": [\"AttnUpBlock2D\", \"AttnUpBlock2D\", \"AttnUpBlock2D\", "
        "\"UpBlock2D\"]"};
    static const member plain[] = {
        {"_class_name", "\"UNet2DModel\""}, {"sample_size", "8"}, {NULL, NULL}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(same(meaning_of_config, plain, levels[i]), 1);
}

/* --- the tables --- */

static const member clip[] = {{"_class_name", "\"CLIPModel\""}, {NULL, NULL}};
static const member clip_text[] = {{"_class_name", "\"CLIPTextModelWithProjection\""},
                                   {"hidden_size", "8"},
                                   {"num_attention_heads", "2"},
                                   {"vocab_size", "9"},
                                   {"eos_token_id", "5"},
                                   {NULL, NULL}};
static const member clip_vision[] = {{"_class_name", "\"CLIPVisionModelWithProjection\""},
                                     {"hidden_size", "8"},
                                     {"num_attention_heads", "2"},
                                     {"image_size", "8"},
                                     {"patch_size", "4"},
                                     {NULL, NULL}};

static const member adm[] = {
    {"_class_name", "\"ADMUNet\""}, {"image_size", "16"},       {"num_channels", "16"},
    {"channel_mult", "[1, 2]"},     {"norm_num_groups", "8"},   {"class_cond", "true"},
    {"rescale_timesteps", "true"},  {"diffusion_steps", "500"}, {NULL, NULL}};
static const member adm_classifier[] = {{"_class_name", "\"ADMClassifier\""},
                                        {"image_size", "16"},
                                        {"classifier_width", "16"},
                                        {"channel_mult", "[1, 2]"},
                                        {"classifier_resblock_updown", "false"},
                                        {"norm_num_groups", "8"},
                                        {"num_head_channels", "8"},
                                        {"rescale_timesteps", "true"},
                                        {"diffusion_steps", "500"},
                                        {NULL, NULL}};
static const member ggdm[] = {{"_class_name", "\"GGDMUNet\""},
                              {"image_size", "16"},
                              {"n_channels", "32"},
                              {"n_groups", "8"},
                              {NULL, NULL}};

/* Keys of one meaning: for each there is nothing else that is accepted. */
static const char *const of_one_meaning[] = {"logit_scale_init_value",
                                             "time_embedding_type",
                                             "mid_block_type",
                                             "downsample_type",
                                             "upsample_type",
                                             "act_fn",
                                             "class_embed_type",
                                             "attention_type",
                                             "conv_in_kernel",
                                             "conv_out_kernel",
                                             "resnet_out_scale_factor",
                                             "addition_embed_type",
                                             "class_embeddings_concat",
                                             "cross_attention_norm",
                                             "dual_cross_attention",
                                             "encoder_hid_dim",
                                             "encoder_hid_dim_type",
                                             "mid_block_only_cross_attention",
                                             "only_cross_attention",
                                             "resnet_skip_time_act",
                                             "reverse_transformer_layers_per_block",
                                             "time_cond_proj_dim",
                                             "time_embedding_act_fn",
                                             "timestep_post_act",
                                             "global_avg_pool",
                                             "flatten",
                                             "use_flow_sigmas",
                                             "predict_epsilon",
                                             "id2label"};

static bool has_one_meaning(const ggdm_field *table, const char *key)
{
    if (strcmp(key, "num_attention_heads") == 0) /* of a U-Net null only */
        return table == ggdm_arch_unet2d_condition.fields;
    for (size_t i = 0; i < sizeof of_one_meaning / sizeof *of_one_meaning; i++)
        if (strcmp(of_one_meaning[i], key) == 0)
            return true;
    return false;
}

/* Values of rows that are no plain values, or need another key beside them. */
static const member others[] = {
    {"sample_size", "16"},
    {"in_channels", "3, \"out_channels\": 3"},
    {"out_channels", "3, \"in_channels\": 3"},
    {"block_out_channels", "[8, 24]"},
    {"down_block_types", "[\"AttnDownBlock2D\", \"DownBlock2D\"]"},
    {"up_block_types", "[\"UpBlock2D\", \"AttnUpBlock2D\"]"},
    {"down_block_types", "[\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\"]"},
    {"up_block_types", "[\"UpBlock2D\", \"UpBlock2D\"]"},
    {"layers", "[{\"conv\": 8}, {\"global_avg_pool\": true}]"},
    {"num_classes", "11"},
    {"attributes", "[{\"name\": \"a\", \"classes\": [\"b\", \"c\"]}], \"num_classes\": null"},
    {"_null_label", "1, \"num_class_embeds\": 2"},
    {"text_config", "{\"hidden_size\": 64}"},
    {"text_config_dict", "{\"hidden_size\": 64}"},
    {"vision_config", "{\"patch_size\": 16}"},
    {"vision_config_dict", "{\"patch_size\": 16}"},
    {"ch_mults", "[2, 2, 2, 2]"},
    {"is_attn", "[true, false, false, false]"},
    {"trained_betas", "[0.1, 0.2], \"num_train_timesteps\": 2"},
};

/* Value number i to try for a row; false: there are no more. */
static bool candidate(const ggdm_field *row, size_t i, char value[200])
{
    static const char *const plain[] = {"0",   "1",    "2",     "3",    "4",         "8",
                                        "0.5", "true", "false", "null", "\"extra\"", "[2]"};
    const size_t n = sizeof plain / sizeof *plain;
    if (i < n) {
        snprintf(value, 200, "%s", plain[i]);
        return true;
    }
    size_t before = i - n; /* of those of the same key */
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (strcmp(others[k].key, row->key) == 0 && before-- == 0) {
            snprintf(value, 200, "%s", others[k].value);
            return true;
        }
    for (size_t k = 0; row->type == GGDM_FIELD_CHOICE && k <= i - n; k++)
        if (!row->choices[k])
            return false;
    if (row->type == GGDM_FIELD_CHOICE)
        snprintf(value, 200, "\"%s\"", row->choices[i - n]);
    return row->type == GGDM_FIELD_CHOICE;
}

/* Every row must change the meaning of base, to which around is added. */
static void check_rows(meaning *of, const member *base, const ggdm_field *table)
{
    for (const ggdm_field *row = table; row->key; row++) {
        char value[200], extra[400];
        bool changes = false;
        for (size_t i = 0; !changes && candidate(row, i, value); i++) {
            snprintf(extra, sizeof extra, "\"%s\": %s", row->key, value);
            changes = same(of, base, extra) == 0;
        }
        if (changes == has_one_meaning(table, row->key))
            ggdm_test_fail("key '%s' %s", row->key,
                           changes ? "has several meanings: take it from the list"
                                   : "does not change the digest of a model");
    }
}

/* A layer alone, as the entry of a list that it needs. */
static const char *before_layer, *behind_layer;

static char *meaning_of_layer(const char *text)
{
    char layers[2 * TEXT], whole[TEXT];
    snprintf(layers, sizeof layers, "\"layers\": [%s%s%s]", before_layer, text, behind_layer);
    compose(whole, cnn, layers);
    return meaning_of_config(whole);
}

static void check_layers(void)
{
    static const struct {
        member base[2];
        const char *before, *behind;
    } rows[] = {{{{"conv", "16"}, {NULL, NULL}}, "", ", {\"flatten\": true}"},
                {{{"pool", "\"max\""}, {NULL, NULL}}, "", ", {\"flatten\": true}"},
                {{{"global_avg_pool", "true"}, {NULL, NULL}}, "", ""},
                {{{"flatten", "true"}, {NULL, NULL}}, "", ""},
                {{{"linear", "16"}, {NULL, NULL}}, "{\"flatten\": true}, ", ""}};
    size_t n = 0;
    for (; ggdm_cnn_layer_fields[n]; n++) {
        assert_true(n < sizeof rows / sizeof *rows);
        assert_string_equal(rows[n].base->key, ggdm_cnn_layer_fields[n]->key);
        before_layer = rows[n].before;
        behind_layer = rows[n].behind;
        check_rows(meaning_of_layer, rows[n].base, ggdm_cnn_layer_fields[n]);
    }
    assert_int_equal(n, sizeof rows / sizeof *rows);
}

static void test_digest_every_key_that_counts_changes_it(void **state)
{
    (void)state;
    check_rows(meaning_of_config, unet, ggdm_arch_unet2d.fields);
    check_rows(meaning_of_config, condition, ggdm_arch_unet2d_condition.fields);
    check_rows(meaning_of_config, cnn, ggdm_arch_cnn.fields);
    check_rows(meaning_of_config, clip, ggdm_arch_clip.fields);
    check_rows(meaning_of_config, clip_text, ggdm_arch_clip_text_projected.fields);
    check_rows(meaning_of_config, clip_vision, ggdm_arch_clip_vision.fields);
    check_rows(meaning_of_config, adm, ggdm_arch_adm.fields);
    check_rows(meaning_of_config, adm_classifier, ggdm_arch_adm_classifier.fields);
    check_rows(meaning_of_config, ggdm, ggdm_arch_ggdm_unet.fields);
    check_rows(meaning_of_schedule, scheduler, ggdm_schedule_fields);
    check_layers();
    static const member labels[] = {{"_class_name", "\"UNet2DModel\""},
                                    {"sample_size", "8"},
                                    {"num_class_embeds", "11"},
                                    {NULL, NULL}};
    assert_int_equal(same(meaning_of_config, labels, "\"_null_label\": 10"), 0);
    static const member two[] = {
        {"num_train_timesteps", "2"}, {"trained_betas", "[0.1, 0.2]"}, {NULL, NULL}};
    assert_int_equal(same(meaning_of_schedule, two, "\"trained_betas\": [0.1, 0.3]"), 0);
    assert_int_equal(same(meaning_of_schedule, two, "\"trained_betas\": [0.1, 0.20]"), 1);
    char *none = meaning_of_schedule(NULL), *empty = meaning_of_schedule("{}");
    assert_string_equal(none, empty);
    free(none);
    free(empty);
}

/* The default of a row of plain values as it would be written; false: it has none. */
static bool default_text(const ggdm_field *row, const void *defaults, char text[100])
{
    const void *place = (const char *)defaults + row->offset;
    bool any = row->lo == 0 && row->hi == 0;
    switch (row->type) {
    case GGDM_FIELD_BOOL:
        return snprintf(text, 100, "%s", *(const bool *)place ? "true" : "false") > 0;
    case GGDM_FIELD_INT32:
        if (!any && *(const int32_t *)place < row->lo)
            return snprintf(text, 100, "null") > 0;
        return snprintf(text, 100, "%d", *(const int32_t *)place) > 0;
    case GGDM_FIELD_DOUBLE:
        return snprintf(text, 100, "%.20f", *(const double *)place) > 0;
    case GGDM_FIELD_CHOICE:
        return snprintf(text, 100, "\"%s\"", row->choices[*(const int *)place]) > 0;
    default:
        return false;
    }
}

static bool in(const member *base, const char *key)
{
    while (base->key && strcmp(base->key, key) != 0)
        base++;
    return base->key != NULL;
}

static void check_written(const ggdm_arch_kind *kind, const member *base)
{
    char extra[200], value[100];
    for (const ggdm_field *row = kind->fields; row->key; row++) {
        if (in(base, row->key) || !default_text(row, kind->defaults, value))
            continue;
        snprintf(extra, sizeof extra, "\"%s\": %s", row->key, value);
        if (same(meaning_of_config, base, extra) != 1)
            ggdm_test_fail("another meaning by a default that is written: %s", extra);
    }
    for (const char *const *key = kind->ignored; *key; key++) {
        snprintf(extra, sizeof extra, "\"%s\": 0.125", *key);
        if (!in(base, *key) && same(meaning_of_config, base, extra) != 1)
            ggdm_test_fail("another meaning by a key that changes no network: %s", extra);
    }
}

static void test_digest_defaults_and_ignored_keys_do_not_count(void **state)
{
    (void)state;
    check_written(&ggdm_arch_unet2d, unet);
    check_written(&ggdm_arch_unet2d_condition, condition);
    check_written(&ggdm_arch_cnn, cnn);
    check_written(&ggdm_arch_clip, clip);
    check_written(&ggdm_arch_clip_text_projected, clip_text);
    check_written(&ggdm_arch_clip_vision, clip_vision);
    check_written(&ggdm_arch_adm, adm);
    check_written(&ggdm_arch_adm_classifier, adm_classifier);
    check_written(&ggdm_arch_ggdm_unet, ggdm);
    assert_int_equal(same(meaning_of_schedule, scheduler,
                          "\"_class_name\": \"DDIMScheduler\", \"solver_order\": 2, "
                          "\"beta_end\": 0.020, \"thresholding\": false, \"trained_betas\": null, "
                          "\"predict_epsilon\": true, \"steps_offset\": 0"),
                     1);
}

/* --- whole models --- */

static void put(const char *file, const char *text)
{
    char *path = ggdm_test_path(ggdm_test_dir, file);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

typedef struct digest {
    uint8_t bytes[GGDM_HASH_SIZE];
} digest;

static digest digest_of(const char *name)
{
    ggdm_error err;
    ggdm_model_files files;
    digest d;
    char *path = ggdm_test_path(ggdm_test_dir, name);
    ggdm_test_ok(ggdm_model_files_open(path, &files, &err), &err);
    memcpy(d.bytes, files.digest, sizeof d.bytes);
    ggdm_model_files_close(&files);
    free(path);
    return d;
}

/* How a copy of the weights is stored. */
typedef struct way {
    bool half;             /* F16 */
    bool old_names;        /* those of diffusers before 0.15 */
    bool backwards;        /* the order of the tensors */
    size_t pad;            /* spaces behind the header */
    size_t first, n;       /* tensors; n = 0: all */
    const char *swap[2];   /* two tensors that are exchanged */
    const char *perturbed; /* a tensor of which a bit is another */
} way;

/* An F32 that an F16 can say as that; the others are rounded by half_exact. */
static uint16_t to_half(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint32_t exponent = bits >> 23 & 255;
    return (uint16_t)(bits >> 16 & 0x8000) |
           (uint16_t)(exponent ? (exponent - 112) << 10 | (bits >> 13 & 1023) : 0);
}

static float half_exact(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits &= (bits >> 23 & 255) < 113 ? UINT32_C(1) << 31 : ~UINT32_C(0x1fff);
    memcpy(&v, &bits, sizeof v);
    return v;
}

static const char *old_name(const char *name, char buf[200])
{
    static const char *const names[][2] = {{".to_q.", ".query."},
                                           {".to_k.", ".key."},
                                           {".to_v.", ".value."},
                                           {".to_out.0.", ".proj_attn."}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *at = strstr(name, names[i][0]);
        if (!at)
            continue;
        snprintf(buf, 200, "%.*s%s%s", (int)(at - name), name, names[i][1],
                 at + strlen(names[i][0]));
        return buf;
    }
    return name;
}

static const ggdm_st_tensor *taken(const ggdm_safetensors *st, const ggdm_st_tensor *t,
                                   const way *w)
{
    for (int i = 0; i < 2 && w->swap[0]; i++)
        if (strcmp(t->name, w->swap[i]) == 0)
            return ggdm_safetensors_find(st, w->swap[1 - i]);
    return t;
}

/* The tensors of st, all rounded to what F16 can say, into a file. */
static void store(const char *file, const ggdm_safetensors *st, const way *w)
{
    char head[1 << 15] = "{";
    size_t count = w->n ? w->n : st->n_tensors, at = 0, n = 1, end = 0;
    char *data = ggdm_test_alloc(1 << 20, 1);
    for (size_t i = 0; i < count; i++) {
        const size_t k = w->first + (w->backwards ? count - 1 - i : i);
        const ggdm_st_tensor *t = &st->tensors[k];
        const float *values = taken(st, t, w)->data;
        char name[200];
        for (size_t e = 0; e < t->size / sizeof *values; e++) {
            float v = half_exact(values[e]);
            const uint16_t half = to_half(v);
            if (w->perturbed && strcmp(t->name, w->perturbed) == 0 && e == 1)
                v = -v;
            memcpy(data + end, w->half ? (const void *)&half : &v, w->half ? 2 : 4);
            end += w->half ? 2 : 4;
            assert_true(end < 1 << 20);
        }
        n += (size_t)snprintf(head + n, sizeof head - n, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                              i ? "," : "", w->old_names ? old_name(t->name, name) : t->name,
                              w->half ? "F16" : "F32");
        for (int d = 0; d < t->shape.n; d++)
            n += (size_t)snprintf(head + n, sizeof head - n, "%s%d", d ? "," : "",
                                  (int)t->shape.d[d]);
        n += (size_t)snprintf(head + n, sizeof head - n, "],\"data_offsets\":[%zu,%zu]}", at, end);
        at = end;
    }
    n += (size_t)snprintf(head + n, sizeof head - n, "}%*s", (int)w->pad, "");
    assert_true(n < sizeof head);
    char *bytes = ggdm_test_alloc(8 + n + end, 1), *path = ggdm_test_path(ggdm_test_dir, file);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)n >> (8 * i) & 0xff);
    memcpy(bytes + 8, head, n);
    memcpy(bytes + 8 + n, data, end);
    ggdm_test_write(path, bytes, 8 + n + end);
    free(path);
    free(bytes);
    free(data);
}

#define WEIGHTS "diffusion_pytorch_model.safetensors"
#define SHARD(i) "diffusion_pytorch_model-0000" i "-of-00002.safetensors"

/* The tiny U-Net in "a", its weights rounded; their file stays parsed in *st, over *bytes. */
static void make_unet(ggdm_safetensors **st, char **bytes)
{
    size_t size;
    ggdm_error err;
    free(ggdm_tiny_model_write(ggdm_test_dir, "a", ggdm_tiny_unet_config, 1));
    char *path = ggdm_test_path(ggdm_test_dir, "a/" WEIGHTS);
    *bytes = ggdm_test_read(path, &size);
    ggdm_test_ok(ggdm_safetensors_parse(*bytes, size, path, st, &err), &err);
    store("a/" WEIGHTS, *st, &(way){0});
    free(path);
}

static void make_dir(const char *name)
{
    ggdm_error err;
    char *path = ggdm_test_path(ggdm_test_dir, name);
    ggdm_test_ok(ggdm_make_dirs(path, &err), &err);
    free(path);
}

static void store_shards(const char *name, const ggdm_safetensors *st)
{
    char index[1 << 15], file[200];
    const size_t half = st->n_tensors / 2;
    snprintf(file, sizeof file, "%s/" SHARD("1"), name);
    store(file, st, &(way){.n = half, .half = true});
    snprintf(file, sizeof file, "%s/" SHARD("2"), name);
    store(file, st, &(way){.first = half, .n = st->n_tensors - half, .pad = 1});
    size_t n = (size_t)snprintf(index, sizeof index, "{\"weight_map\": {");
    for (size_t i = 0; i < st->n_tensors; i++)
        n += (size_t)snprintf(index + n, sizeof index - n, "%s\"%s\": \"%s\"", i ? ", " : "",
                              st->tensors[i].name, i < half ? SHARD("1") : SHARD("2"));
    snprintf(index + n, sizeof index - n, "}}");
    snprintf(file, sizeof file, "%s/" WEIGHTS ".index.json", name);
    put(file, index);
}

static void test_digest_copies_of_a_model_are_the_same(void **state)
{
    (void)state;
    static const way ways[] = {{.half = true},
                               {.pad = 3},
                               {.backwards = true},
                               {.old_names = true},
                               {.half = true, .old_names = true, .backwards = true, .pad = 1}};
    ggdm_safetensors *st;
    char *bytes;
    make_unet(&st, &bytes);
    const digest want = digest_of("a");
    make_dir("b");
    put("b/config.json", ggdm_tiny_unet_config);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        store("b/" WEIGHTS, st, &ways[i]);
        const digest found = digest_of("b");
        assert_memory_equal(&found, &want, sizeof want);
    }
    make_dir("shards");
    put("shards/config.json", ggdm_tiny_unet_config);
    store_shards("shards", st);
    digest found = digest_of("shards");
    assert_memory_equal(&found, &want, sizeof want);

    make_dir("pipe/unet");
    make_dir("pipe/scheduler");
    put("pipe/model_index.json", "{\"unet\": [\"diffusers\", \"UNet2DModel\"]}");
    put("pipe/scheduler/scheduler_config.json", "{\"beta_end\": 0.02, \"sigma_max\": 7}");
    put("pipe/unet/config.json", ggdm_tiny_unet_config);
    store("pipe/unet/" WEIGHTS, st, &(way){0});
    found = digest_of("pipe");
    assert_memory_equal(&found, &want, sizeof want);
    ggdm_safetensors_destroy(&st);
    free(bytes);
}

static void test_digest_other_numbers_are_another_model(void **state)
{
    (void)state;
    static const way ways[] = {{.swap = {"conv_norm_out.weight", "conv_norm_out.bias"}},
                               {.perturbed = "conv_in.weight"},
                               {.perturbed = "conv_out.weight"}};
    ggdm_safetensors *st;
    char *bytes;
    make_unet(&st, &bytes);
    digest found[6] = {digest_of("a")};
    for (size_t i = 0; i < 3; i++) {
        store("a/" WEIGHTS, st, &ways[i]);
        found[1 + i] = digest_of("a");
    }
    store("a/" WEIGHTS, st, &(way){0});
    put("a/scheduler_config.json", "{\"beta_end\": 0.03}");
    found[4] = digest_of("a");
    put("a/scheduler_config.json", "{}");
    char config[TEXT];
    compose(config, unet, "\"norm_eps\": 1e-6");
    put("a/config.json", config);
    found[5] = digest_of("a");
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(&found[i], &found[k], sizeof *found);
    ggdm_safetensors_destroy(&st);
    free(bytes);
}

/* A classifier has no schedule, whatever lies beside it, unless it is told the timestep. */
static void test_digest_of_a_classifier_has_no_schedule(void **state)
{
    (void)state;
    free(ggdm_tiny_model_write(ggdm_test_dir, "c", ggdm_tiny_cnn_config, 1));
    const digest want = digest_of("c");
    put("c/scheduler_config.json", "{\"beta_end\": 0.03}");
    const digest found = digest_of("c");
    assert_memory_equal(&found, &want, sizeof want);
}

static void test_digest_of_a_noisy_classifier_has_its_schedule(void **state)
{
    (void)state;
    free(ggdm_tiny_model_write(ggdm_test_dir, "n", ggdm_tiny_noisy_config, 1));
    const digest assumed = digest_of("n");
    put("n/scheduler_config.json", "{\"beta_end\": 0.02}"); /* what is assumed without */
    const digest same_one = digest_of("n");
    put("n/scheduler_config.json", "{\"beta_end\": 0.03}");
    const digest other = digest_of("n");
    assert_memory_equal(&assumed, &same_one, sizeof assumed);
    assert_memory_not_equal(&assumed, &other, sizeof assumed);
}

/* What is not understood has no digest. */
/* Merges are what a tokenizer means; how their lines end is not. */
static void test_digest_of_who_reads_has_the_tokenizer(void **state)
{
    (void)state;
    free(ggdm_tiny_reader_write(ggdm_test_dir, "reader", ggdm_tiny_texts_config, 1));
    const digest first = digest_of("reader");
    put("reader/merges.txt", "#version: 0.2\r\n\r\n");
    const digest again = digest_of("reader");
    assert_memory_equal(first.bytes, again.bytes, sizeof first.bytes);
    put("reader/special_tokens_map.json", "{\"pad_token\": \"a\"}");
    const digest padded = digest_of("reader");
    assert_true(memcmp(first.bytes, padded.bytes, sizeof first.bytes) != 0);
}

static void test_digest_unknown_schedule_is_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_model_files files;
    char *path = ggdm_tiny_model_write(ggdm_test_dir, "u", ggdm_tiny_unet_config, 1);
    put("u/scheduler_config.json", "{\"prediction_type\": \"noise\"}");
    ggdm_test_error(ggdm_model_files_open(path, &files, &err), &err, GGDM_EINVAL,
                    "u/scheduler_config.json: field 'prediction_type'");
    free(path);
    path = ggdm_test_path(ggdm_test_dir, "mixture");
    assert_int_equal(mkdir(path, 0777), 0);
    put("mixture/config.json", "{\"_class_name\": \"GaussianMixture\", \"sample_size\": 1, "
                               "\"components\": [{\"mean\": 0, \"variance\": 1}]}");
    put("mixture/scheduler_config.json", "{\"prediction_type\": \"v_prediction\"}");
    ggdm_test_error(ggdm_model_files_open(path, &files, &err), &err, GGDM_EINVAL,
                    "'prediction_type': value 'v_prediction', expected epsilon, which a Gauss");
    free(path);
}

/* Keys of cells hang on them: these change with the version line only. */
static void test_digest_of_shipped_models_stays(void **state)
{
    (void)state;
    static const member shipped[] = {
        {"mnist-ddpm", "e4c6834f33a2ab04897785597690245189de4cad32e4c2baeff59b15b3b275d8"},
        {"mnist-cnn", "bbc951bfff137b44e2ba52f70b56683f2f9461076cda36e60b7df2eea728d2d7"}};
    for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
        ggdm_error err;
        ggdm_model_files files;
        char hex[GGDM_HASH_TEXT_SIZE];
        ggdm_test_ok(ggdm_model_files_open(shipped[i].key, &files, &err), &err);
        ggdm_hash_hex(files.digest, hex);
        assert_string_equal(hex, shipped[i].value);
        ggdm_model_files_close(&files);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_texts_are_these),
        cmocka_unit_test(test_digest_other_words_are_the_same),
        cmocka_unit_test(test_digest_every_key_that_counts_changes_it),
        cmocka_unit_test(test_digest_defaults_and_ignored_keys_do_not_count),
        ggdm_test_in_dir(test_digest_copies_of_a_model_are_the_same),
        ggdm_test_in_dir(test_digest_other_numbers_are_another_model),
        ggdm_test_in_dir(test_digest_of_a_classifier_has_no_schedule),
        ggdm_test_in_dir(test_digest_of_a_noisy_classifier_has_its_schedule),
        ggdm_test_in_dir(test_digest_of_who_reads_has_the_tokenizer),
        ggdm_test_in_dir(test_digest_unknown_schedule_is_refused),
        cmocka_unit_test(test_digest_of_shipped_models_stays),
    };
    return ggdm_test_main(tests);
}
