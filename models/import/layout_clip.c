/* CLIP, as Hugging Face has it (CLIPModel: names of the network) and as OpenAI publishes it.
 *
 * OpenAI's clip.model.CLIP has the three matrices of an attention in one, its projections are
 * applied from the right (x @ P), and all sizes are in its shapes: its build_model takes heads of
 * 64 channels, and the text's end is where the highest id is (eos_token_id 2, as the configs of
 * Hugging Face say it). */
#include <math.h>

#include "models/import/layout.h"

static const char *const hf_has[] = {"text_model.embeddings.token_embedding.weight",
                                     "vision_model.embeddings.class_embedding",
                                     "visual_projection.weight", "text_projection.weight", NULL};

const ggdm_layout ggdm_layout_clip = {
    .name = "CLIPModel of Hugging Face", .class_name = "CLIPModel", .has = hf_has};

static const char *const has[] = {"token_embedding.weight",
                                  "visual.conv1.weight",
                                  "visual.class_embedding",
                                  "visual.transformer.resblocks.0.attn.in_proj_weight",
                                  "transformer.resblocks.0.attn.in_proj_weight",
                                  "text_projection",
                                  NULL};

#define BLOCK(from, to)                                                                            \
    {from ".ln_1.weight", {to ".layer_norm1.weight"}, GGDM_LAYOUT_KEEP},                           \
        {from ".ln_1.bias", {to ".layer_norm1.bias"}, GGDM_LAYOUT_KEEP},                           \
        {from ".ln_2.weight", {to ".layer_norm2.weight"}, GGDM_LAYOUT_KEEP},                       \
        {from ".ln_2.bias", {to ".layer_norm2.bias"}, GGDM_LAYOUT_KEEP},                           \
        {from ".attn.in_proj_weight",                                                              \
         {to ".self_attn.q_proj.weight", to ".self_attn.k_proj.weight",                            \
          to ".self_attn.v_proj.weight"},                                                          \
         GGDM_LAYOUT_SPLIT},                                                                       \
        {from ".attn.in_proj_bias",                                                                \
         {to ".self_attn.q_proj.bias", to ".self_attn.k_proj.bias", to ".self_attn.v_proj.bias"},  \
         GGDM_LAYOUT_SPLIT},                                                                       \
        {from ".attn.out_proj.weight", {to ".self_attn.out_proj.weight"}, GGDM_LAYOUT_KEEP},       \
        {from ".attn.out_proj.bias", {to ".self_attn.out_proj.bias"}, GGDM_LAYOUT_KEEP},           \
        {from ".mlp.c_fc.weight", {to ".mlp.fc1.weight"}, GGDM_LAYOUT_KEEP},                       \
        {from ".mlp.c_fc.bias", {to ".mlp.fc1.bias"}, GGDM_LAYOUT_KEEP},                           \
        {from ".mlp.c_proj.weight", {to ".mlp.fc2.weight"}, GGDM_LAYOUT_KEEP},                     \
    {                                                                                              \
        from ".mlp.c_proj.bias", {to ".mlp.fc2.bias"}, GGDM_LAYOUT_KEEP                            \
    }

static const ggdm_layout_rule rules[] = {
    BLOCK("visual.transformer.resblocks.*", "vision_model.encoder.layers.*"),
    BLOCK("transformer.resblocks.*", "text_model.encoder.layers.*"),
    {"visual.conv1.weight", {"vision_model.embeddings.patch_embedding.weight"}, GGDM_LAYOUT_KEEP},
    {"visual.class_embedding", {"vision_model.embeddings.class_embedding"}, GGDM_LAYOUT_KEEP},
    {"visual.positional_embedding",
     {"vision_model.embeddings.position_embedding.weight"},
     GGDM_LAYOUT_KEEP},
    {"visual.ln_pre.weight", {"vision_model.pre_layrnorm.weight"}, GGDM_LAYOUT_KEEP},
    {"visual.ln_pre.bias", {"vision_model.pre_layrnorm.bias"}, GGDM_LAYOUT_KEEP},
    {"visual.ln_post.weight", {"vision_model.post_layernorm.weight"}, GGDM_LAYOUT_KEEP},
    {"visual.ln_post.bias", {"vision_model.post_layernorm.bias"}, GGDM_LAYOUT_KEEP},
    {"visual.proj", {"visual_projection.weight"}, GGDM_LAYOUT_TRANSPOSE},
    {"token_embedding.weight", {"text_model.embeddings.token_embedding.weight"}, GGDM_LAYOUT_KEEP},
    {"positional_embedding", {"text_model.embeddings.position_embedding.weight"}, GGDM_LAYOUT_KEEP},
    {"ln_final.weight", {"text_model.final_layer_norm.weight"}, GGDM_LAYOUT_KEEP},
    {"ln_final.bias", {"text_model.final_layer_norm.bias"}, GGDM_LAYOUT_KEEP},
    {"text_projection", {"text_projection.weight"}, GGDM_LAYOUT_TRANSPOSE},
    /* Numbers of the network among the weights of what torch.jit saved. */
    {"input_resolution", {0}, GGDM_LAYOUT_LEAVE_OUT},
    {"context_length", {0}, GGDM_LAYOUT_LEAVE_OUT},
    {"vocab_size", {0}, GGDM_LAYOUT_LEAVE_OUT},
    {0}};

enum { HEAD = 64 }; /* channels */

/* Of a transformer: width, its four-fold (what shapes say), depth and heads. */
static ggdm_status put_tower(const ggdm_named *t, const char *fc, const char *block,
                             ggdm_json *json, ggdm_error *err)
{
    const ggdm_st_tensor *w;
    GGDM_TRY(ggdm_named_get(t, fc, 2, &w, err));
    if (w->shape.d[1] < HEAD || w->shape.d[1] % HEAD)
        return GGDM_FAIL(
            err, GGDM_EFORMAT,
            "%s: tensor '%s' has %lld columns, expected a multiple of %d, the channels "
            "of a head",
            t->where, fc, (long long)w->shape.d[1], HEAD);
    ggdm_json_put_int(json, "hidden_size", w->shape.d[1]);
    ggdm_json_put_int(json, "intermediate_size", w->shape.d[0]);
    ggdm_json_put_int(json, "num_attention_heads", w->shape.d[1] / HEAD);
    ggdm_json_put_int(json, "num_hidden_layers", ggdm_named_count(t, block));
    ggdm_json_put_string(json, "hidden_act", "quick_gelu");
    ggdm_json_put_double(json, "layer_norm_eps", 1e-5);
    return GGDM_OK;
}

static ggdm_status put_vision(const ggdm_named *t, ggdm_json *json, ggdm_error *err)
{
    const ggdm_st_tensor *conv, *positions;
    GGDM_TRY(ggdm_named_get(t, "visual.conv1.weight", 4, &conv, err));
    GGDM_TRY(ggdm_named_get(t, "visual.positional_embedding", 2, &positions, err));
    const int64_t side = (int64_t)lround(sqrt((double)positions->shape.d[0]));
    if (side * side + 1 != positions->shape.d[0])
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: tensor 'visual.positional_embedding' has %lld positions, expected a "
                         "square and one of the class",
                         t->where, (long long)positions->shape.d[0]);
    ggdm_json_begin_object(json, "vision_config");
    GGDM_TRY(put_tower(t, "visual.transformer.resblocks.0.mlp.c_fc.weight",
                       "visual.transformer.resblocks.*.ln_1.weight", json, err));
    ggdm_json_put_int(json, "image_size", side * conv->shape.d[3]);
    ggdm_json_put_int(json, "patch_size", conv->shape.d[3]);
    ggdm_json_put_int(json, "num_channels", conv->shape.d[1]);
    ggdm_json_end(json);
    return GGDM_OK;
}

static ggdm_status put_text(const ggdm_named *t, ggdm_json *json, ggdm_error *err)
{
    const ggdm_st_tensor *tokens, *positions;
    GGDM_TRY(ggdm_named_get(t, "token_embedding.weight", 2, &tokens, err));
    GGDM_TRY(ggdm_named_get(t, "positional_embedding", 2, &positions, err));
    ggdm_json_begin_object(json, "text_config");
    GGDM_TRY(put_tower(t, "transformer.resblocks.0.mlp.c_fc.weight",
                       "transformer.resblocks.*.ln_1.weight", json, err));
    ggdm_json_put_int(json, "vocab_size", tokens->shape.d[0]);
    ggdm_json_put_int(json, "max_position_embeddings", positions->shape.d[0]);
    ggdm_json_put_int(json, "bos_token_id", 0);
    ggdm_json_put_int(json, "eos_token_id", 2);
    ggdm_json_end(json);
    return GGDM_OK;
}

static ggdm_status config(const ggdm_named *t, const ggdm_node *said, ggdm_json *json,
                          ggdm_error *err)
{
    const ggdm_st_tensor *projection;
    (void)said;
    GGDM_TRY(ggdm_named_get(t, "text_projection", 2, &projection, err));
    ggdm_json_begin_array(json, "architectures");
    ggdm_json_put_string(json, NULL, "CLIPModel");
    ggdm_json_end(json);
    ggdm_json_put_string(json, "model_type", "clip");
    ggdm_json_put_int(json, "projection_dim", projection->shape.d[1]);
    GGDM_TRY(put_vision(t, json, err));
    return put_text(t, json, err);
}

const ggdm_layout ggdm_layout_clip_openai = {.name = "CLIP of OpenAI",
                                             .class_name = "CLIPModel",
                                             .has = has,
                                             .rules = rules,
                                             .config = config};
