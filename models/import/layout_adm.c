/* U-Nets and classifiers of OpenAI's guided-diffusion, and U-Nets of improved-diffusion.  Shapes
 * tell all but the size of the image, the heads and the order of their channels: that is known of
 * the published checkpoints, and else said by a file of the scripts' flags. */
#include "models/import/adm_shapes.h"

enum { HEAD = 64 /* channels of the heads of published checkpoints */ };

/* ---- flags ---- */

typedef struct flags {
    int32_t size, layers, heads, head_dim, heads_up, groups, steps;
    bool new_order, rescale, predict_x0;
    int schedule;
} flags;

enum { LINEAR, COSINE, UNSAID };
static const char *const schedules[] = {"linear", "cosine", NULL};

#define AT(member) offsetof(flags, member)

static const ggdm_field fields[] = {
    {"image_size", GGDM_FIELD_INT32, AT(size), .lo = 1, .hi = 1 << 20},
    {"num_res_blocks", GGDM_FIELD_INT32, AT(layers), .lo = 1, .hi = GGDM_ADM_MAX_BLOCKS},
    {"classifier_depth", GGDM_FIELD_INT32, AT(layers), .lo = 1, .hi = GGDM_ADM_MAX_BLOCKS},
    {"num_heads", GGDM_FIELD_INT32, AT(heads), .lo = 1, .hi = 1 << 20},
    {"num_head_channels", GGDM_FIELD_INT32, AT(head_dim), .lo = -1, .hi = 1 << 20},
    {"num_heads_upsample", GGDM_FIELD_INT32, AT(heads_up), .lo = -1, .hi = 1 << 20},
    {"use_new_attention_order", GGDM_FIELD_BOOL, .offset = AT(new_order)},
    {"norm_num_groups", GGDM_FIELD_INT32, AT(groups), .lo = 1, .hi = 1 << 20},
    {"diffusion_steps", GGDM_FIELD_INT32, AT(steps), .lo = 1, .hi = 1000000},
    {"rescale_timesteps", GGDM_FIELD_BOOL, .offset = AT(rescale)},
    {"predict_xstart", GGDM_FIELD_BOOL, .offset = AT(predict_x0)},
    {"noise_schedule", GGDM_FIELD_CHOICE, AT(schedule), .choices = schedules},
    {0}};

/* What shapes tell, what is not of the network, and what training alone looks at. */
static const char *const ignored[] = {"num_channels",
                                      "channel_mult",
                                      "attention_resolutions",
                                      "learn_sigma",
                                      "class_cond",
                                      "use_scale_shift_norm",
                                      "resblock_updown",
                                      "classifier_width",
                                      "classifier_attention_resolutions",
                                      "classifier_use_scale_shift_norm",
                                      "classifier_resblock_updown",
                                      "classifier_pool",
                                      "classifier_use_fp16",
                                      "dropout",
                                      "use_fp16",
                                      "use_checkpoint",
                                      "use_kl",
                                      "sigma_small",
                                      "rescale_learned_sigmas",
                                      "timestep_respacing",
                                      NULL};

/* ---- what is known of published checkpoints ---- */

/* U-Nets of guided-diffusion, as its README has them. */
static const struct {
    int size, base, layers, heads, head_dim;
    bool new_order;
    int schedule;
} published[] = {
    {64, 192, 3, 4, HEAD, true, COSINE},
    {128, 256, 2, 4, -1, false, LINEAR},
    {256, 256, 2, 4, HEAD, false, LINEAR},
    {512, 256, 2, 4, HEAD, false, LINEAR},
};

static void know_published(const ggdm_adm_shapes *s, flags *f)
{
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        if (published[i].size != ggdm_adm_usual_size(s) || published[i].base != s->base ||
            published[i].layers != s->layers || !s->updown)
            continue;
        f->size = published[i].size;
        f->heads = published[i].heads;
        f->head_dim = published[i].head_dim;
        f->new_order = published[i].new_order;
        f->schedule = published[i].schedule;
    }
}

/* Flags over the scripts' defaults; without any, what is known. */
static ggdm_status read_flags(const ggdm_named *t, const ggdm_node *said, bool classifier,
                              ggdm_adm_shapes *s, flags *f, ggdm_error *err)
{
    flags first = {.schedule = UNSAID};
    *f = (flags){.heads = 4,
                 .head_dim = -1,
                 .heads_up = -1,
                 .groups = 32,
                 .steps = 1000,
                 .schedule = UNSAID};
    if (said)
        GGDM_TRY(ggdm_fields_read(said, fields, ignored, &first, err));
    GGDM_TRY(ggdm_adm_shapes_read(t, first.layers, s, err));
    if (classifier) {
        f->heads = 1;
        f->head_dim = HEAD;
        f->size = s->side ? (int)(s->side << (s->levels - 1)) : ggdm_adm_usual_size(s);
        if (f->size == 64 && s->base == 128 && s->layers == 4)
            f->schedule = COSINE; /* that of the U-Net that it guides */
    } else {
        f->size = ggdm_adm_usual_size(s);
        if (!said)
            know_published(s, f);
        if (!said && f->schedule == UNSAID)
            return GGDM_FAIL(
                err, GGDM_EINVAL,
                "%s: the shapes of a U-Net of guided-diffusion do not tell image_size, "
                "num_heads or num_head_channels, and use_new_attention_order: expected "
                "a file with the flags of its scripts, --config FILE.json",
                t->where);
    }
    if (said)
        GGDM_TRY(ggdm_fields_read(said, fields, ignored, f, err));
    return f->size ? GGDM_OK
                   : GGDM_FAIL(err, GGDM_EINVAL,
                               "%s: the shapes do not tell image_size, expected it in --config "
                               "FILE.json",
                               t->where);
}

/* ---- config.json ---- */

static void put_common(const ggdm_adm_shapes *s, const flags *f, ggdm_json *json)
{
    ggdm_json_put_int(json, "image_size", f->size);
    ggdm_json_put_int(json, "in_channels", s->channels);
    ggdm_json_put_doubles(json, "channel_mult", s->mult, s->levels);
    ggdm_json_put_int(json, "num_head_channels", f->head_dim);
    ggdm_json_put_bool(json, "use_new_attention_order", f->new_order);
    ggdm_json_put_bool(json, "conv_resample", s->conv_resample);
    ggdm_json_put_int(json, "norm_num_groups", f->groups);
    ggdm_json_put_bool(json, "rescale_timesteps", f->rescale);
    ggdm_json_put_int(json, "diffusion_steps", f->steps);
}

static void put_resolutions(const ggdm_adm_shapes *s, const flags *f, const char *key,
                            ggdm_json *json)
{
    ggdm_json_begin_array(json, key);
    for (int i = 0; i < s->levels; i++)
        if (s->attn[i])
            ggdm_json_put_int(json, NULL, f->size >> i);
    ggdm_json_end(json);
}

static ggdm_status unet_config(const ggdm_named *t, const ggdm_node *said, ggdm_json *json,
                               ggdm_error *err)
{
    const ggdm_st_tensor *last, *labels = ggdm_named_find(t, "label_emb.weight");
    ggdm_adm_shapes s;
    flags f;
    GGDM_TRY(read_flags(t, said, false, &s, &f, err));
    GGDM_TRY(ggdm_named_get(t, "out.2.weight", 4, &last, err));
    if (s.channels == 6)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s: a network of super-resolution (6 channels: an image, and a small one "
                         "beside it), expected one that makes images from noise alone",
                         t->where);
    put_common(&s, &f, json);
    put_resolutions(&s, &f, "attention_resolutions", json);
    ggdm_json_put_int(json, "num_channels", s.base);
    ggdm_json_put_int(json, "num_res_blocks", s.layers);
    ggdm_json_put_int(json, "num_heads", f.heads);
    ggdm_json_put_int(json, "num_heads_upsample", f.heads_up);
    ggdm_json_put_bool(json, "learn_sigma", last->shape.d[0] / 2 == s.channels);
    ggdm_json_put_bool(json, "class_cond", labels != NULL);
    if (labels)
        ggdm_json_put_int(json, "num_classes", labels->shape.d[0]);
    ggdm_json_put_bool(json, "use_scale_shift_norm", s.scale_shift);
    ggdm_json_put_bool(json, "resblock_updown", s.updown);
    return GGDM_OK;
}

static ggdm_status classifier_config(const ggdm_named *t, const ggdm_node *said, ggdm_json *json,
                                     ggdm_error *err)
{
    static const struct {
        const char *name, *last;
    } pools[] = {{"attention", "out.2.c_proj.weight"},
                 {"adaptive", "out.3.weight"},
                 {"spatial", "out.2.weight"}};
    ggdm_adm_shapes s;
    flags f;
    GGDM_TRY(read_flags(t, said, true, &s, &f, err));
    put_common(&s, &f, json);
    put_resolutions(&s, &f, "classifier_attention_resolutions", json);
    ggdm_json_put_int(json, "classifier_width", s.base);
    ggdm_json_put_int(json, "classifier_depth", s.layers);
    ggdm_json_put_bool(json, "classifier_use_scale_shift_norm", s.scale_shift);
    ggdm_json_put_bool(json, "classifier_resblock_updown", s.updown);
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++) {
        const ggdm_st_tensor *last = ggdm_named_find(t, pools[i].last);
        if (!last)
            continue;
        ggdm_json_put_string(json, "classifier_pool", pools[i].name);
        ggdm_json_put_int(json, "num_classes", last->shape.d[0]);
        break;
    }
    return GGDM_OK;
}

/* ---- scheduler_config.json ---- */

static ggdm_status put_schedule(const ggdm_named *t, const ggdm_node *said, bool classifier,
                                ggdm_json *json, ggdm_error *err)
{
    const ggdm_st_tensor *last = ggdm_named_find(t, "out.2.weight");
    ggdm_adm_shapes s;
    flags f;
    GGDM_TRY(read_flags(t, said, classifier, &s, &f, err));
    const bool learned = !classifier && last && last->shape.d[0] / 2 == s.channels;
    ggdm_json_put_string(json, "_class_name", "DDPMScheduler");
    ggdm_json_put_int(json, "num_train_timesteps", f.steps);
    ggdm_json_put_string(json, "beta_schedule",
                         f.schedule == COSINE ? "squaredcos_cap_v2" : "linear");
    if (f.schedule != COSINE) {
        ggdm_json_put_double(json, "beta_start", 0.1 / f.steps);
        ggdm_json_put_double(json, "beta_end", 20.0 / f.steps);
    }
    ggdm_json_put_string(json, "variance_type", learned ? "learned_range" : "fixed_large");
    ggdm_json_put_string(json, "prediction_type",
                         f.predict_x0 && !classifier ? "sample" : "epsilon");
    ggdm_json_put_bool(json, "clip_sample", true);
    return GGDM_OK;
}

static ggdm_status unet_schedule(const ggdm_named *t, const ggdm_node *said, ggdm_json *json,
                                 ggdm_error *err)
{
    return put_schedule(t, said, false, json, err);
}

static ggdm_status classifier_schedule(const ggdm_named *t, const ggdm_node *said, ggdm_json *json,
                                       ggdm_error *err)
{
    return put_schedule(t, said, true, json, err);
}

/* ---- the layouts ---- */

#define HALF                                                                                       \
    "time_embed.0.weight", "time_embed.2.weight", "input_blocks.0.0.weight",                       \
        "input_blocks.1.0.in_layers.0.weight", "middle_block.1.qkv.weight"

static const char *const unet_has[] = {HALF, "output_blocks.0.0.in_layers.0.weight", "out.2.weight",
                                       NULL};
static const char *const classifier_has[] = {HALF, NULL};
static const char *const classifier_lacks[] = {"output_blocks.0.0.in_layers.0.weight", NULL};

static const ggdm_layout_rule classifier_rules[] = {
    {"out.2.positional_embedding", {"out.2.positional_embedding"}, GGDM_LAYOUT_TRANSPOSE},
    {.from = NULL}};

const ggdm_layout ggdm_layout_adm = {.name = "U-Net of guided-diffusion",
                                     .class_name = "ADMUNet",
                                     .has = unet_has,
                                     .config = unet_config,
                                     .scheduler = unet_schedule};

const ggdm_layout ggdm_layout_adm_classifier = {.name = "classifier of guided-diffusion",
                                                .class_name = "ADMClassifier",
                                                .has = classifier_has,
                                                .lacks = classifier_lacks,
                                                .rules = classifier_rules,
                                                .config = classifier_config,
                                                .scheduler = classifier_schedule};
