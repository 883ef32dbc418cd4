/* The U-Net and the LeNets of the GGDM repository.  Shapes tell all but the size of the U-Net's
 * images (128, which it was trained on) and how many timesteps it knows (1000). */
#include <stdio.h>

#include "models/import/layout.h"

enum { MAX_MODULES = 256, MAX_LEVELS = 8, STEPS = 1000, SIZE = 128 };

/* ---- the U-Net ---- */

typedef struct said_keys {
    int32_t size, steps;
    int range;
} said_keys;

static const char *const ranges[] = {"0..1", "-1..1", NULL};

static const ggdm_field fields[] = {
    {"image_size", GGDM_FIELD_INT32, offsetof(said_keys, size), .lo = 1, .hi = 1 << 20},
    {"n_steps", GGDM_FIELD_INT32, offsetof(said_keys, steps), .lo = 1, .hi = 100000},
    {"data_range", GGDM_FIELD_CHOICE, offsetof(said_keys, range), .choices = ranges},
    {0}};

static ggdm_status read_said(const ggdm_node *said, said_keys *keys, ggdm_error *err)
{
    *keys = (said_keys){.size = SIZE, .steps = STEPS};
    return said ? ggdm_fields_read(said, fields, NULL, keys, err) : GGDM_OK;
}

/* Levels are sequences of residual blocks, with a convolution between two of them. */
typedef struct levels {
    int n, blocks;
    int64_t width[MAX_LEVELS];
    bool attn[MAX_LEVELS];
} levels;

static ggdm_status read_levels(const ggdm_named *t, levels *l, ggdm_error *err)
{
    int modules = 0, of_level = 0;
    *l = (levels){.n = 1};
    for (const ggdm_st_tensor *conv; modules < MAX_MODULES; modules++) {
        conv = ggdm_named_at(t, "down.*.res.conv1.weight", modules);
        if (conv) {
            l->width[l->n - 1] = conv->shape.d[0];
            l->attn[l->n - 1] = ggdm_named_at(t, "down.*.attn.projection.weight", modules) != NULL;
            of_level++;
            continue;
        }
        if (!ggdm_named_at(t, "down.*.conv.weight", modules))
            break;
        if (l->n == 1)
            l->blocks = of_level;
        if (l->n++ == MAX_LEVELS)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: more than %d levels", t->where, MAX_LEVELS);
    }
    l->blocks = l->n == 1 ? of_level : l->blocks;
    return l->blocks > 0 && modules == l->n * (l->blocks + 1) - 1
               ? GGDM_OK
               : GGDM_FAIL(err, GGDM_EFORMAT,
                           "%s: %d modules going down are no %d levels of equally many", t->where,
                           modules, l->n);
}

static ggdm_status unet_config(const ggdm_named *t, const ggdm_node *said, ggdm_json *json,
                               ggdm_error *err)
{
    const ggdm_st_tensor *first;
    levels l;
    said_keys keys;
    GGDM_TRY(read_said(said, &keys, err));
    GGDM_TRY(read_levels(t, &l, err));
    GGDM_TRY(ggdm_named_get(t, "image_proj.weight", 4, &first, err));
    ggdm_json_put_int(json, "image_size", keys.size);
    ggdm_json_put_int(json, "image_channels", first->shape.d[1]);
    ggdm_json_put_int(json, "n_channels", first->shape.d[0]);
    ggdm_json_begin_array(json, "ch_mults");
    int64_t before = first->shape.d[0];
    for (int i = 0; i < l.n; before = l.width[i++])
        ggdm_json_put_int(json, NULL, before > 0 ? l.width[i] / before : 0);
    ggdm_json_end(json);
    ggdm_json_begin_array(json, "is_attn");
    for (int i = 0; i < l.n; i++)
        ggdm_json_put_bool(json, NULL, l.attn[i]);
    ggdm_json_end(json);
    ggdm_json_put_int(json, "n_blocks", l.blocks);
    ggdm_json_put_int(json, "n_steps", keys.steps);
    ggdm_json_put_string(json, "data_range", ranges[keys.range]);
    return GGDM_OK;
}

/* Betas of the repository's chain, 0.0001 to 0.02; of pixels in [0, 1] those of the chain of [-1,
 * 1] that is the same but for a factor (models/arch/ggdm_unet.c). */
static ggdm_status unet_schedule(const ggdm_named *t, const ggdm_node *said, ggdm_json *json,
                                 ggdm_error *err)
{
    const double start = 1e-4, end = 0.02;
    said_keys keys;
    (void)t;
    GGDM_TRY(read_said(said, &keys, err));
    ggdm_json_put_string(json, "_class_name", "DDPMScheduler");
    ggdm_json_put_int(json, "num_train_timesteps", keys.steps);
    ggdm_json_put_string(json, "beta_schedule", "linear");
    ggdm_json_put_double(json, "beta_start", start);
    ggdm_json_put_double(json, "beta_end", end);
    ggdm_json_put_string(json, "variance_type", "fixed_large");
    ggdm_json_put_bool(json, "clip_sample", false);
    if (keys.range != 0)
        return GGDM_OK;
    ggdm_json_begin_array(json, "trained_betas");
    double a = 1, before = 1;
    for (int i = 0; i < keys.steps; i++) {
        a *= 1 - (start + (keys.steps > 1 ? (end - start) * i / (keys.steps - 1) : 0));
        const double bar = a / (4 - 3 * a);
        ggdm_json_put_double(json, NULL, 1 - bar / before);
        before = bar;
    }
    ggdm_json_end(json);
    return GGDM_OK;
}

static const char *const unet_has[] = {"image_proj.weight",
                                       "time_emb.lin1.weight",
                                       "down.0.res.conv1.weight",
                                       "middle.attn.projection.weight",
                                       "up.0.res.conv1.weight",
                                       "final.weight",
                                       NULL};

const ggdm_layout ggdm_layout_ggdm_unet = {.name = "U-Net of the GGDM repository",
                                           .class_name = "GGDMUNet",
                                           .has = unet_has,
                                           .config = unet_config,
                                           .scheduler = unet_schedule};

/* ---- the LeNets ---- */

static ggdm_status put_conv(const ggdm_named *t, const char *name, ggdm_json *json, ggdm_error *err)
{
    char tensor[64], layer[128];
    const ggdm_st_tensor *w;
    snprintf(tensor, sizeof tensor, "convnet.%s.weight", name);
    GGDM_TRY(ggdm_named_get(t, tensor, 4, &w, err));
    const int64_t *d = w->shape.d;
    snprintf(layer, sizeof layer, "(convnet.%s): Conv2d(%lld, %lld, kernel_size=(%lld, %lld))",
             name, (long long)d[1], (long long)d[0], (long long)d[2], (long long)d[3]);
    ggdm_json_put_string(json, NULL, layer);
    ggdm_json_put_string(json, NULL, "ReLU()");
    return GGDM_OK;
}

static ggdm_status put_linear(const ggdm_named *t, const char *name, ggdm_json *json,
                              ggdm_error *err)
{
    char tensor[64], layer[128];
    const ggdm_st_tensor *w;
    snprintf(tensor, sizeof tensor, "fc.%s.weight", name);
    GGDM_TRY(ggdm_named_get(t, tensor, 2, &w, err));
    snprintf(layer, sizeof layer, "(fc.%s): Linear(in_features=%lld, out_features=%lld)", name,
             (long long)w->shape.d[1], (long long)w->shape.d[0]);
    ggdm_json_put_string(json, NULL, layer);
    return GGDM_OK;
}

/* Of images of 32 pixels, or with one convolution and one layer more of 128; they see pixels in
 * [0, 1]. */
static ggdm_status lenet_config(const ggdm_named *t, const ggdm_node *said, ggdm_json *json,
                                ggdm_error *err)
{
    static const char *const convs[] = {"c1", "c3", "c5", "c7"};
    static const char *const linears[] = {"f6", "f7", "f8"};
    const bool large = ggdm_named_find(t, "convnet.c7.weight") != NULL;
    const int n_convs = large ? 4 : 3, n_linears = large ? 3 : 2;
    static const ggdm_field size_only[] = {
        {"sample_size", GGDM_FIELD_INT32, 0, .lo = 1, .hi = 1 << 20}, {0}};
    int32_t size = large ? 128 : 32;
    const ggdm_st_tensor *first;
    if (said)
        GGDM_TRY(ggdm_fields_read(said, size_only, NULL, &size, err));
    GGDM_TRY(ggdm_named_get(t, "convnet.c1.weight", 4, &first, err));
    ggdm_json_put_int(json, "sample_size", size);
    ggdm_json_put_int(json, "in_channels", first->shape.d[1]);
    for (int i = 0; i < 2; i++) {
        ggdm_json_begin_array(json, i ? "image_std" : "image_mean");
        ggdm_json_put_int(json, NULL, i);
        ggdm_json_end(json);
    }
    ggdm_json_begin_array(json, "layers");
    for (int i = 0; i < n_convs; i++) {
        GGDM_TRY(put_conv(t, convs[i], json, err));
        if (i + 1 < n_convs)
            ggdm_json_put_string(json, NULL, "MaxPool2d(2)");
    }
    ggdm_json_put_string(json, NULL, "Flatten()");
    for (int i = 0; i < n_linears; i++) {
        GGDM_TRY(put_linear(t, linears[i], json, err));
        ggdm_json_put_string(json, NULL, i + 1 < n_linears ? "ReLU()" : "LogSoftmax(dim=-1)");
    }
    ggdm_json_end(json);
    return GGDM_OK;
}

static const char *const lenet_has[] = {"convnet.c1.weight", "convnet.c3.weight",
                                        "convnet.c5.weight", "fc.f6.weight",
                                        "fc.f7.weight",      NULL};
static const char *const small_lacks[] = {"convnet.c7.weight", "fc.f8.weight", NULL};
static const char *const large_has[] = {
    "convnet.c7.weight", "convnet.c1.weight", "convnet.c3.weight", "convnet.c5.weight",
    "fc.f6.weight",      "fc.f7.weight",      "fc.f8.weight",      NULL};

const ggdm_layout ggdm_layout_lenet = {.name = "LeNet of the GGDM repository",
                                       .class_name = "TorchSequential",
                                       .has = lenet_has,
                                       .lacks = small_lacks,
                                       .config = lenet_config};

const ggdm_layout ggdm_layout_lenet_large = {.name = "larger LeNet of the GGDM repository",
                                             .class_name = "TorchSequential",
                                             .has = large_has,
                                             .config = lenet_config};
