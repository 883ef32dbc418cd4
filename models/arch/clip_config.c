/* config.json of CLIP, as transformers writes it.  Keys and defaults are those of CLIPTextConfig,
 * CLIPVisionConfig and CLIPConfig. */
#include <stddef.h>

#include "common/fields_write.h"
#include "models/arch/arch_kind.h"
#include "models/arch/clip.h"

enum {
    MAX_LAYERS = 128,
    MAX_VOCABULARY = 1 << 20,
    MAX_CONTEXT = 4096,
    MAX_POSITIONS = 1 << 14, /* of an image */
    HIGHEST = 2              /* eos_token_id of old files, which mean the highest token of a text */
};

/* The keys of one tower; eos_token_id and the two before it of texts, the others of images. */
typedef struct raw_tower {
    int32_t width, mlp, layers, heads, projection;
    int act;
    double eps;
    int32_t vocabulary, context, end;
    int32_t channels, size, patch;
    bool timed;
} raw_tower;

typedef struct raw_clip {
    const ggdm_node *text, *vision, *old_text, *old_vision;
    int32_t projection;
    double log_scale;
} raw_clip;

static const raw_tower text_defaults = {.width = 512,
                                        .mlp = 2048,
                                        .layers = 12,
                                        .heads = 8,
                                        .projection = 512,
                                        .eps = 1e-5,
                                        .vocabulary = 49408,
                                        .context = 77,
                                        .end = 49407};
static const raw_tower vision_defaults = {.width = 768,
                                          .mlp = 3072,
                                          .layers = 12,
                                          .heads = 12,
                                          .projection = 512,
                                          .eps = 1e-5,
                                          .channels = 3,
                                          .size = 224,
                                          .patch = 32};
static const raw_clip clip_defaults = {.projection = 512, .log_scale = 2.6592};

enum { TANH = 2, TANH_TOO };
static const char *const acts[] = {
    "quick_gelu", "gelu", [TANH] = "gelu_new", [TANH_TOO] = "gelu_pytorch_tanh", NULL};
static const ggdm_gelu_form forms[] = {GGDM_GELU_QUICK,
                                       GGDM_GELU_ERF, [TANH] = GGDM_GELU_TANH}; /* of acts */

#define AT(member) offsetof(raw_tower, member)
#define COMMON_FIELDS                                                                              \
    {"hidden_size", GGDM_FIELD_INT32, AT(width), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},              \
        {"intermediate_size", GGDM_FIELD_INT32, AT(mlp), .lo = 1, .hi = 4 * GGDM_ARCH_MAX_WIDTH},  \
        {"num_hidden_layers", GGDM_FIELD_INT32, AT(layers), .lo = 1, .hi = MAX_LAYERS},            \
        {"num_attention_heads", GGDM_FIELD_INT32, AT(heads), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},  \
        {"projection_dim", GGDM_FIELD_INT32, AT(projection), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},  \
        {"hidden_act", GGDM_FIELD_CHOICE, AT(act), .choices = acts},                               \
    {                                                                                              \
        "layer_norm_eps", GGDM_FIELD_DOUBLE, AT(eps), .lo = 1e-12, .hi = 1                         \
    }

static const ggdm_field text_fields[] = {
    COMMON_FIELDS,
    {"vocab_size", GGDM_FIELD_INT32, AT(vocabulary), .lo = 1, .hi = MAX_VOCABULARY},
    {"max_position_embeddings", GGDM_FIELD_INT32, AT(context), .lo = 1, .hi = MAX_CONTEXT},
    {"eos_token_id", GGDM_FIELD_INT32, AT(end), .hi = MAX_VOCABULARY - 1},
    {0}};

static const ggdm_field vision_fields[] = {
    COMMON_FIELDS,
    {"num_channels", GGDM_FIELD_INT32, AT(channels), .lo = 1, .hi = GGDM_NORMAL_CHANNELS},
    {"image_size", GGDM_FIELD_INT32, AT(size), .lo = 1, .hi = GGDM_ARCH_MAX_SIZE},
    {"patch_size", GGDM_FIELD_INT32, AT(patch), .lo = 1, .hi = GGDM_ARCH_MAX_SIZE},
    {"_time_embedding", GGDM_FIELD_BOOL, .offset = AT(timed)},
    {0}};

static const ggdm_field clip_fields[] = {
    {"text_config", GGDM_FIELD_NODE, .offset = offsetof(raw_clip, text)},
    {"vision_config", GGDM_FIELD_NODE, .offset = offsetof(raw_clip, vision)},
    {"text_config_dict", GGDM_FIELD_NODE, .offset = offsetof(raw_clip, old_text)},
    {"vision_config_dict", GGDM_FIELD_NODE, .offset = offsetof(raw_clip, old_vision)},
    {"projection_dim", GGDM_FIELD_INT32, offsetof(raw_clip, projection), .lo = 1,
     .hi = GGDM_ARCH_MAX_WIDTH},
    {"logit_scale_init_value", GGDM_FIELD_DOUBLE, offsetof(raw_clip, log_scale), .lo = -50,
     .hi = 50},
    {0}};

/* What transformers also writes: bookkeeping, the beginning of training, dropout, and the settings
 * of generating texts, which all its configs had once. */
static const char *const ignored[] = {"_class_name",
                                      "architectures",
                                      "model_type",
                                      "_name_or_path",
                                      "transformers_version",
                                      "_commit_hash",
                                      "torch_dtype",
                                      "dtype",
                                      "torchscript",
                                      "use_bfloat16",
                                      "attn_implementation",
                                      "_attn_implementation_autoset",
                                      "return_dict",
                                      "output_attentions",
                                      "output_hidden_states",
                                      "initializer_factor",
                                      "initializer_range",
                                      "dropout",
                                      "attention_dropout",
                                      "gradient_checkpointing",
                                      "pad_token_id",
                                      "bos_token_id",
                                      "sep_token_id",
                                      "decoder_start_token_id",
                                      "tokenizer_class",
                                      "prefix",
                                      "problem_type",
                                      "pruned_heads",
                                      "add_cross_attention",
                                      "cross_attention_hidden_size",
                                      "is_decoder",
                                      "is_encoder_decoder",
                                      "tie_encoder_decoder",
                                      "tie_word_embeddings",
                                      "chunk_size_feed_forward",
                                      "finetuning_task",
                                      "id2label",
                                      "label2id",
                                      "num_labels",
                                      "task_specific_params",
                                      "bad_words_ids",
                                      "begin_suppress_tokens",
                                      "diversity_penalty",
                                      "do_sample",
                                      "early_stopping",
                                      "encoder_no_repeat_ngram_size",
                                      "exponential_decay_length_penalty",
                                      "forced_bos_token_id",
                                      "forced_eos_token_id",
                                      "length_penalty",
                                      "max_length",
                                      "min_length",
                                      "no_repeat_ngram_size",
                                      "num_beam_groups",
                                      "num_beams",
                                      "num_return_sequences",
                                      "output_scores",
                                      "remove_invalid_values",
                                      "repetition_penalty",
                                      "return_dict_in_generate",
                                      "suppress_tokens",
                                      "temperature",
                                      "tf_legacy_loss",
                                      "top_k",
                                      "top_p",
                                      "typical_p",
                                      NULL};

/* ---- one tower ---- */

/* node: of the config that has the keys. */
static ggdm_status take_blocks(const ggdm_node *node, raw_tower *raw, ggdm_clip_blocks *out,
                               ggdm_error *err)
{
    if (raw->width % raw->heads)
        return ggdm_node_fail(node, err,
                              "hidden_size %d and num_attention_heads %d, expected a multiple",
                              raw->width, raw->heads);
    if (raw->act == TANH_TOO)
        raw->act = TANH;
    *out = (ggdm_clip_blocks){raw->width, raw->mlp,        raw->layers,
                              raw->heads, forms[raw->act], raw->eps};
    return GGDM_OK;
}

static ggdm_status take_text(const ggdm_node *node, raw_tower *raw, ggdm_clip *clip,
                             ggdm_arch_info *info, ggdm_error *err)
{
    GGDM_TRY(take_blocks(node, raw, &clip->text, err));
    if (raw->end != HIGHEST && raw->end >= raw->vocabulary)
        return ggdm_node_fail(node, err,
                              "eos_token_id %d, expected one of the %d of vocab_size, or %d (the "
                              "highest of a text)",
                              raw->end, raw->vocabulary, HIGHEST);
    clip->vocabulary = info->vocabulary = raw->vocabulary;
    clip->context = info->context_length = raw->context;
    clip->end = info->text_end = raw->end == HIGHEST ? -1 : raw->end;
    info->sequence_size = info->embedding_size = raw->width;
    return GGDM_OK;
}

/* Of OpenAI's CLIP; what has not its three channels sees x as it is. */
static void take_normal(ggdm_arch_info *info)
{
    static const ggdm_normal clip = {
        3, {0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}};
    info->normal = clip;
    if (info->channels != clip.n)
        info->normal = (ggdm_normal){info->channels, {0.5, 0.5, 0.5, 0.5}, {0.5, 0.5, 0.5, 0.5}};
}

static ggdm_status take_vision(const ggdm_node *node, raw_tower *raw, ggdm_clip *clip,
                               ggdm_arch_info *info, ggdm_error *err)
{
    const int64_t side = raw->size / raw->patch;
    GGDM_TRY(take_blocks(node, raw, &clip->vision, err));
    if (side < 1 || side * side >= MAX_POSITIONS)
        return ggdm_node_fail(node, err,
                              "image_size %d and patch_size %d give %lld patches, expected 1 to %d",
                              raw->size, raw->patch, (long long)(side * side), MAX_POSITIONS - 1);
    if (raw->timed && raw->width % 2)
        return ggdm_node_fail(node, err, "hidden_size %d with _time_embedding, expected it even",
                              raw->width);
    clip->patch = raw->patch;
    clip->positions = (int)(side * side) + 1;
    clip->timed = raw->timed;
    if (raw->timed)
        info->ports |= GGDM_PORT_T;
    info->size = raw->size;
    info->channels = raw->channels;
    take_normal(info);
    return GGDM_OK;
}

/* ---- the kinds ---- */

/* A tower that is all of a network; raw is what was read of the root. */
static ggdm_status fill_text(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                             ggdm_json *text, ggdm_error *err)
{
    (void)text;
    raw_tower *tower = raw;
    ggdm_clip *clip = config;
    GGDM_TRY(take_text(root, tower, clip, info, err));
    tower->projection = text_defaults.projection; /* nothing is projected */
    return GGDM_OK;
}

static ggdm_status fill_projected_text(const ggdm_node *root, void *raw, void *config,
                                       ggdm_arch_info *info, ggdm_json *text, ggdm_error *err)
{
    (void)text;
    ggdm_clip *clip = config;
    GGDM_TRY(take_text(root, raw, clip, info, err));
    clip->projection = info->embedding_size = ((const raw_tower *)raw)->projection;
    return GGDM_OK;
}

static ggdm_status fill_vision(const ggdm_node *root, void *raw, void *config, ggdm_arch_info *info,
                               ggdm_json *text, ggdm_error *err)
{
    (void)text;
    ggdm_clip *clip = config;
    GGDM_TRY(take_vision(root, raw, clip, info, err));
    clip->projection = info->embedding_size = ((const raw_tower *)raw)->projection;
    return GGDM_OK;
}

/* One of the two configs of a whole network: the older key's where it is there, as transformers has
 * it; without either all is at its default. */
static ggdm_status read_tower(const ggdm_node *config, const ggdm_node *old,
                              const ggdm_field *fields, const raw_tower *defaults, raw_tower *out,
                              ggdm_error *err)
{
    const ggdm_node *node = old && old->kind != GGDM_NODE_NULL ? old : config;
    *out = *defaults;
    if (node && node->kind != GGDM_NODE_NULL)
        GGDM_TRY(ggdm_fields_read(node, fields, ignored, out, err));
    out->projection = defaults->projection; /* that of the whole counts */
    return GGDM_OK;
}

static void write_tower(const char *key, const ggdm_field *fields, const raw_tower *raw,
                        const raw_tower *defaults, ggdm_json *text)
{
    ggdm_json_begin_object(text, key);
    ggdm_fields_write(text, fields, raw, defaults);
    ggdm_json_end(text);
}

static ggdm_status fill_clip(const ggdm_node *root, void *at, void *config, ggdm_arch_info *info,
                             ggdm_json *text, ggdm_error *err)
{
    raw_clip *raw = at;
    ggdm_clip *clip = config;
    raw_tower texts, images;
    GGDM_TRY(read_tower(raw->text, raw->old_text, text_fields, &text_defaults, &texts, err));
    GGDM_TRY(
        read_tower(raw->vision, raw->old_vision, vision_fields, &vision_defaults, &images, err));
    GGDM_TRY(take_text(root, &texts, clip, info, err));
    GGDM_TRY(take_vision(root, &images, clip, info, err));
    write_tower("text_config", text_fields, &texts, &text_defaults, text);
    write_tower("vision_config", vision_fields, &images, &vision_defaults, text);
    clip->projection = info->embedding_size = raw->projection;
    clip->scaled = true;
    clip->log_scale_init = raw->log_scale;
    info->two_towers = true;
    raw->log_scale = clip_defaults.log_scale;                         /* changes no result */
    raw->text = raw->vision = raw->old_text = raw->old_vision = NULL; /* said */
    return GGDM_OK;
}

static void emit(const void *config, ggdm_graph *g, ggdm_ports *ports)
{
    ggdm_clip_emit(config, g, ports);
}

#define KIND(class, has, of, default_values, filler)                                               \
    {                                                                                              \
        .class_name = class, .weights_file = "model.safetensors", .role = GGDM_ENCODER,            \
        .ports = (has), .fields = (of), .ignored = ignored, .defaults = &(default_values),         \
        .raw_size = sizeof(default_values), .config_size = sizeof(ggdm_clip), .fill = (filler),    \
        .emit = emit                                                                               \
    }
#define TEXT (GGDM_PORT_TEXT | GGDM_PORT_SEQUENCE)
#define BOTH (GGDM_PORT_X | GGDM_PORT_TEXT | GGDM_PORT_EMBEDDING | GGDM_PORT_SEQUENCE)

const ggdm_arch_kind ggdm_arch_clip =
    KIND("CLIPModel", BOTH | GGDM_PORT_SCALE, clip_fields, clip_defaults, fill_clip);
const ggdm_arch_kind ggdm_arch_clip_text =
    KIND("CLIPTextModel", TEXT | GGDM_PORT_EMBEDDING, text_fields, text_defaults, fill_text);
const ggdm_arch_kind ggdm_arch_clip_text_projected =
    KIND("CLIPTextModelWithProjection", TEXT | GGDM_PORT_EMBEDDING, text_fields, text_defaults,
         fill_projected_text);
const ggdm_arch_kind ggdm_arch_clip_vision =
    KIND("CLIPVisionModelWithProjection", GGDM_PORT_X | GGDM_PORT_EMBEDDING, vision_fields,
         vision_defaults, fill_vision);
