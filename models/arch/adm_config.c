/* config.json of an ADMUNet and an ADMClassifier.  Keys and defaults are those of the flags of
 * guided-diffusion's scripts (script_util.py), what flags do not say (channels of the image,
 * classes, groups) has keys of ours. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "models/arch/adm.h"
#include "models/arch/arch_kind.h"
#include "models/arch/unet_blocks.h"
#include "models/nn/ops.h"

/* The keys as written. */
typedef struct raw_adm {
    const ggdm_node *mult, *resolutions;
    int32_t size, channels, base, layers, heads, head_dim, heads_up, n_classes, groups, steps;
    bool learn_sigma, class_cond, scale_shift, updown, conv_resample, new_order, rescale;
    int pool;
} raw_adm;

static const char *const pools[] = {"attention", "adaptive", "spatial", NULL};

#define COMMON                                                                                     \
    .size = 64, .channels = 3, .base = 128, .layers = 2, .heads_up = -1, .n_classes = 1000,        \
    .groups = 32, .steps = 1000, .scale_shift = true, .conv_resample = true

static const raw_adm unet_defaults = {COMMON, .heads = 4, .head_dim = -1};
static const raw_adm classifier_defaults = {COMMON, .heads = 1, .head_dim = 64, .updown = true};

#define AT(member) offsetof(raw_adm, member)
#define INT(key, member, low, high)                                                                \
    {                                                                                              \
        key, GGDM_FIELD_INT32, AT(member), .lo = (low), .hi = (high)                               \
    }
#define FLAG(key, member)                                                                          \
    {                                                                                              \
        key, GGDM_FIELD_BOOL, .offset = AT(member)                                                 \
    }
#define ROWS                                                                                       \
    INT("image_size", size, 1, GGDM_ARCH_MAX_SIZE),                                                \
        INT("in_channels", channels, 1, GGDM_ARCH_MAX_WIDTH),                                      \
        {"channel_mult", GGDM_FIELD_NODE, .offset = AT(mult)},                                     \
        INT("num_head_channels", head_dim, -1, GGDM_ARCH_MAX_WIDTH),                               \
        INT("num_classes", n_classes, 1, GGDM_ARCH_MAX_CLASSES),                                   \
        INT("norm_num_groups", groups, 1, GGDM_ARCH_MAX_WIDTH),                                    \
        FLAG("conv_resample", conv_resample), FLAG("use_new_attention_order", new_order),          \
        FLAG("rescale_timesteps", rescale), INT("diffusion_steps", steps, 1, 1000000)

static const ggdm_field unet_fields[] = {
    ROWS,
    INT("num_channels", base, 2, GGDM_ARCH_MAX_WIDTH),
    INT("num_res_blocks", layers, 1, GGDM_ADM_LAYERS),
    {"attention_resolutions", GGDM_FIELD_NODE, .offset = AT(resolutions)},
    INT("num_heads", heads, 1, GGDM_ARCH_MAX_WIDTH),
    INT("num_heads_upsample", heads_up, -1, GGDM_ARCH_MAX_WIDTH),
    FLAG("learn_sigma", learn_sigma),
    FLAG("class_cond", class_cond),
    FLAG("use_scale_shift_norm", scale_shift),
    FLAG("resblock_updown", updown),
    {0}};

static const ggdm_field classifier_fields[] = {
    ROWS,
    INT("classifier_width", base, 2, GGDM_ARCH_MAX_WIDTH),
    INT("classifier_depth", layers, 1, GGDM_ADM_LAYERS),
    {"classifier_attention_resolutions", GGDM_FIELD_NODE, .offset = AT(resolutions)},
    FLAG("classifier_use_scale_shift_norm", scale_shift),
    FLAG("classifier_resblock_updown", updown),
    {"classifier_pool", GGDM_FIELD_CHOICE, AT(pool), .choices = pools},
    {0}};

/* Without influence on what the network computes. */
static const char *const ignored[] = {
    "_class_name", "_name_or_path",       "dropout", "use_checkpoint",
    "use_fp16",    "classifier_use_fp16", NULL};

/* The multipliers of sizes that the scripts know (32: improved-diffusion). */
static const struct {
    int size, n;
    double mult[GGDM_ADM_LEVELS];
} known[] = {{512, 7, {0.5, 1, 1, 2, 2, 4, 4}},
             {256, 6, {1, 1, 2, 2, 4, 4}},
             {128, 5, {1, 1, 2, 3, 4}},
             {64, 4, {1, 2, 3, 4}},
             {32, 4, {1, 2, 2, 2}}};

enum { N_KNOWN = sizeof known / sizeof *known, MAX_NUMBERS = 16 };

typedef struct numbers {
    double of[MAX_NUMBERS];
    int n;
} numbers;

/* A list of numbers, or as flags have it a text "1,2,3,4" ("": none). */
static ggdm_status read_numbers(const ggdm_node *node, const char *key, numbers *out,
                                ggdm_error *err)
{
    out->n = 0;
    if (node && node->kind == GGDM_NODE_LIST) {
        for (const ggdm_node *n = node->first; n; n = n->next) {
            if (out->n == MAX_NUMBERS)
                return ggdm_node_fail(node, err, "more than %d numbers", MAX_NUMBERS);
            GGDM_TRY(ggdm_node_double(n, 1e-3, GGDM_ARCH_MAX_SIZE, &out->of[out->n++], err));
        }
        return GGDM_OK;
    }
    if (node && node->kind != GGDM_NODE_STRING)
        return ggdm_node_expected(node, err, "numbers: a list, or a text such as '32,16,8' (%s)",
                                  key);
    for (const char *at = node ? node->text : ""; *at;) {
        char *end;
        const double v = strtod(at, &end);
        if (end == at || !(v >= 1e-3 && v <= GGDM_ARCH_MAX_SIZE) || out->n == MAX_NUMBERS ||
            (*end && *end != ',') || (*end && !end[1]))
            return ggdm_node_expected(node, err, "numbers with commas between, such as '32,16,8'");
        out->of[out->n++] = v;
        at = end + (*end == ',');
    }
    return GGDM_OK;
}

/* Multiples of the base, which are widths once they are cut to whole numbers. */
static ggdm_status read_widths(const ggdm_node *root, raw_adm *raw, ggdm_adm *net, ggdm_json *text,
                               ggdm_error *err)
{
    numbers mult;
    int usual = 0;
    GGDM_TRY(read_numbers(raw->mult, "channel_mult", &mult, err));
    while (usual < N_KNOWN && known[usual].size != raw->size)
        usual++;
    if (mult.n == 0 && usual == N_KNOWN)
        return ggdm_node_fail(ggdm_node_at(root, "channel_mult"), err,
                              "channel_mult is needed for images of %d pixels, only for 32, 64, "
                              "128, 256 and 512 there is a usual one",
                              raw->size);
    if (mult.n == 0) {
        mult.n = known[usual].n;
        memcpy(mult.of, known[usual].mult, (size_t)mult.n * sizeof *mult.of);
    }
    if (mult.n > GGDM_ADM_LEVELS)
        return ggdm_node_fail(raw->mult, err, "%d levels, expected at most %d", mult.n,
                              GGDM_ADM_LEVELS);
    raw->mult = NULL;
    if (usual == N_KNOWN || mult.n != known[usual].n ||
        memcmp(mult.of, known[usual].mult, (size_t)mult.n * sizeof *mult.of) != 0)
        ggdm_json_put_doubles(text, "channel_mult", mult.of, mult.n);
    net->levels = mult.n;
    for (int i = 0; i < mult.n; i++) {
        const double width = mult.of[i] * raw->base;
        if (width < 1 || width > GGDM_ARCH_MAX_WIDTH || (int)width % raw->groups)
            return ggdm_node_fail(ggdm_node_at(root, "channel_mult"), err,
                                  "level %d has %g channels, expected a multiple of "
                                  "norm_num_groups (%d), at most %d",
                                  i, width, raw->groups, GGDM_ARCH_MAX_WIDTH);
        net->width[i] = (int)width;
    }
    return GGDM_OK;
}

/* A level has attention where its image is that many pixels high: as the scripts compute it, where
 * size / resolution, rounded down, is the factor of the level. */
static void find_levels(const numbers *resolutions, int size, bool *attn)
{
    for (int k = 0; k < resolutions->n; k++)
        for (int i = 0; i < GGDM_ADM_LEVELS; i++)
            attn[i] = attn[i] || size / (int)fmax(1, resolutions->of[k]) == 1 << i;
}

static ggdm_status read_attention(const ggdm_node *root, raw_adm *raw, const char *key,
                                  const numbers *usual, ggdm_adm *net, ggdm_json *text,
                                  ggdm_error *err)
{
    numbers found;
    bool usual_attn[GGDM_ADM_LEVELS] = {false};
    double resolutions[GGDM_ADM_LEVELS];
    int n = 0;
    GGDM_TRY(read_numbers(raw->resolutions, key, &found, err));
    find_levels(usual, raw->size, usual_attn);
    find_levels(raw->resolutions ? &found : usual, raw->size, net->attn);
    raw->resolutions = NULL;
    for (int i = 0; i < net->levels; i++)
        if (net->attn[i])
            resolutions[n++] = raw->size >> i;
    if (memcmp(net->attn, usual_attn, (size_t)net->levels * sizeof *net->attn) != 0)
        ggdm_json_put_doubles(text, key, resolutions, n);
    if (raw->head_dim == 0)
        return ggdm_node_expected(ggdm_node_get(root, "num_head_channels"), err,
                                  "a number of channels, or -1: by the number of heads");
    for (int i = 0; i < net->levels; i++) {
        const int heads = raw->heads_up > 0 ? raw->heads_up : raw->heads;
        if (!net->attn[i] && i + 1 < net->levels) /* (the middle always has it) */
            continue;
        if (raw->head_dim > 0 ? net->width[i] % raw->head_dim
                              : net->width[i] % raw->heads || net->width[i] % heads)
            return ggdm_node_fail(
                ggdm_node_at(root, raw->head_dim > 0 ? "num_head_channels" : "num_heads"), err,
                "level %d has %d channels, which are no whole heads", i, net->width[i]);
    }
    return GGDM_OK;
}

static ggdm_status fill_net(const ggdm_node *root, raw_adm *raw, const char *resolutions_key,
                            const numbers *usual, ggdm_adm *net, ggdm_json *text, ggdm_error *err)
{
    GGDM_TRY(read_widths(root, raw, net, text, err));
    GGDM_TRY(read_attention(root, raw, resolutions_key, usual, net, text, err));
    if (raw->size % (1 << (net->levels - 1)))
        return ggdm_node_fail(ggdm_node_at(root, "image_size"), err,
                              "%d pixels, expected a multiple of %d (%d levels)", raw->size,
                              1 << (net->levels - 1), net->levels);
    net->size = raw->size;
    net->channels = raw->channels;
    net->out_channels = raw->learn_sigma ? 2 * raw->channels : raw->channels;
    net->base = raw->base;
    net->layers = raw->layers;
    net->groups = raw->groups;
    net->heads = raw->heads;
    if (raw->heads_up == raw->heads || raw->head_dim > 0)
        raw->heads_up = -1;
    if (raw->updown) /* there is none then */
        raw->conv_resample = true;
    net->heads_up = raw->heads_up > 0 ? raw->heads_up : raw->heads;
    net->head_dim = raw->head_dim > 0 ? raw->head_dim : 0;
    net->scale_shift = raw->scale_shift;
    net->resblock_updown = raw->updown;
    net->conv_resample = raw->conv_resample;
    net->heads_first = !raw->new_order;
    net->time_scale = raw->rescale ? 1000.0 / raw->steps : 1;
    if (net->time_scale == 1) { /* neither says anything then */
        raw->rescale = false;
        raw->steps = 1000;
    }
    net->pool = (ggdm_adm_pool)raw->pool;
    net->n_classes = raw->n_classes;
    return GGDM_OK;
}

static ggdm_status fill_unet(const ggdm_node *root, void *keys, void *config, ggdm_arch_info *info,
                             ggdm_json *text, ggdm_error *err)
{
    static const numbers usual = {{16, 8}, 2};
    raw_adm *raw = keys;
    ggdm_adm *net = config;
    GGDM_TRY(fill_net(root, raw, "attention_resolutions", &usual, net, text, err));
    if (raw->base % 2)
        return ggdm_node_expected(ggdm_node_at(root, "num_channels"), err, "an even number");
    net->n_labels = raw->class_cond ? raw->n_classes : 0;
    if (!raw->class_cond)
        raw->n_classes = unet_defaults.n_classes;
    if (raw->head_dim > 0)
        raw->heads = unet_defaults.heads;
    info->size = net->size;
    info->channels = net->channels;
    info->n_classes = net->n_labels;
    if (net->n_labels)
        info->ports |= GGDM_PORT_LABEL;
    if (raw->learn_sigma)
        info->ports |= GGDM_PORT_VARIANCE;
    return GGDM_OK;
}

static ggdm_status fill_classifier(const ggdm_node *root, void *keys, void *config,
                                   ggdm_arch_info *info, ggdm_json *text, ggdm_error *err)
{
    static const numbers usual = {{32, 16, 8}, 3};
    raw_adm *raw = keys;
    ggdm_adm *net = config;
    GGDM_TRY(fill_net(root, raw, "classifier_attention_resolutions", &usual, net, text, err));
    if (raw->base % 2)
        return ggdm_node_expected(ggdm_node_at(root, "classifier_width"), err, "an even number");
    if (net->pool == GGDM_ADM_ATTENTION && !net->head_dim)
        return ggdm_node_expected(ggdm_node_get(root, "num_head_channels"), err,
                                  "a number of channels, which an attention pool needs");
    info->size = net->size;
    info->channels = net->channels;
    info->n_classes = net->n_classes;
    return GGDM_OK;
}

static void emit_unet(const void *config, ggdm_graph *g, ggdm_ports *p)
{
    const ggdm_adm *net = config;
    ggdm_unet_outputs(g, ggdm_adm_emit(net, g, p->x, p->t, p->label), net->channels, p);
}

static void emit_classifier(const void *config, ggdm_graph *g, ggdm_ports *p)
{
    p->raw = ggdm_adm_classifier_emit(config, g, p->x, p->t);
    p->logits = ggdm_log_softmax(g, p->raw);
}

const ggdm_arch_kind ggdm_arch_adm = {
    .class_name = "ADMUNet",
    .weights_file = "diffusion_pytorch_model.safetensors",
    .role = GGDM_DIFFUSION,
    .ports = GGDM_PORT_X | GGDM_PORT_T | GGDM_PORT_EPS,
    .fields = unet_fields,
    .ignored = ignored,
    .defaults = &unet_defaults,
    .raw_size = sizeof(raw_adm),
    .config_size = sizeof(ggdm_adm),
    .fill = fill_unet,
    .emit = emit_unet,
};

const ggdm_arch_kind ggdm_arch_adm_classifier = {
    .class_name = "ADMClassifier",
    .weights_file = "model.safetensors",
    .role = GGDM_CLASSIFIER,
    .ports = GGDM_PORT_X | GGDM_PORT_T | GGDM_PORT_LOGITS,
    .fields = classifier_fields,
    .ignored = ignored,
    .defaults = &classifier_defaults,
    .raw_size = sizeof(raw_adm),
    .config_size = sizeof(ggdm_adm),
    .fill = fill_classifier,
    .emit = emit_classifier,
};
