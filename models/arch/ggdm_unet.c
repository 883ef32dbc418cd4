/* "GGDMUNet": the U-Net of the GGDM repository (after labml.ai's), with its config.json, whose keys
 * are the arguments of its constructor.  Names of parameters are those of its checkpoints.
 *
 * Two things it sees otherwise than other networks here.  Its timestep is t / T with t = 1 .. T, of
 * which ours is 0 .. T - 1.  And it was trained on pixels of [0, 1] with noise of unit variance:
 * its chain y_t = sqrt(a) p + sqrt(1 - a) eps of pixels p = (x_0 + 1) / 2 is, scaled to the
 * variance of ours, a chain of x_0 in [-1, 1] with less signal,
 *
 *   x_t = (2 y_t - sqrt(a)) / n,   n = sqrt(a + 4 (1 - a)),   alpha_bar = a / n^2,
 *
 * of which it predicts the same eps.  So scheduler_config.json has that alpha_bar, from which a =
 * 4 alpha_bar / (1 + 3 alpha_bar) follows, and y_t = (n x_t + sqrt(a)) / 2 is what it is given. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/arch/arch_kind.h"
#include "models/arch/layers.h"
#include "models/arch/unet_blocks.h"

#define EPS 1e-5

enum { LEVELS = 8, BLOCKS = 16, LAST_GROUPS = 8 };

typedef struct net {
    int size, channels, base, levels, blocks, groups, steps;
    int width[LEVELS]; /* behind the blocks of a level going down */
    bool attn[LEVELS];
    bool unit_range;       /* it was trained on pixels of [0, 1] */
    double *scale, *shift; /* [n] of every t, where unit_range is set; owned */
    int32_t n;
} net;

/* ---- config.json ---- */

typedef struct raw_config {
    ggdm_ints mults;
    const ggdm_node *attn;
    int32_t size, channels, base, blocks, groups, steps;
    int range;
} raw_config;

static const char *const ranges[] = {"0..1", "-1..1", NULL};
static const raw_config defaults = {
    .size = 128, .channels = 3, .base = 64, .blocks = 2, .groups = 32, .steps = 1000};
enum { DEFAULT_LEVELS = 4 };

static const int default_mults[DEFAULT_LEVELS] = {1, 2, 2, 4};
static const bool default_attn[DEFAULT_LEVELS] = {false, false, true, true};

#define AT(member) offsetof(raw_config, member)

static const ggdm_field fields[] = {
    {"image_size", GGDM_FIELD_INT32, AT(size), .lo = 1, .hi = GGDM_ARCH_MAX_SIZE},
    {"image_channels", GGDM_FIELD_INT32, AT(channels), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"n_channels", GGDM_FIELD_INT32, AT(base), .lo = 8, .hi = GGDM_ARCH_MAX_WIDTH},
    {"ch_mults", GGDM_FIELD_INTS, AT(mults), .lo = 1, .hi = 64},
    {"is_attn", GGDM_FIELD_NODE, .offset = AT(attn)},
    {"n_blocks", GGDM_FIELD_INT32, AT(blocks), .lo = 1, .hi = BLOCKS},
    {"n_groups", GGDM_FIELD_INT32, AT(groups), .lo = 1, .hi = GGDM_ARCH_MAX_WIDTH},
    {"n_steps", GGDM_FIELD_INT32, AT(steps), .lo = 1, .hi = 1000000},
    {"data_range", GGDM_FIELD_CHOICE, AT(range), .choices = ranges},
    {0}};

static const char *const ignored[] = {"_class_name", "_name_or_path", "dropout", NULL};

static ggdm_status read_attention(const ggdm_node *list, net *c, ggdm_error *err)
{
    int i = 0;
    if (!list || list->kind == GGDM_NODE_NULL)
        return GGDM_OK; /* the default stands in attn */
    if (list->kind != GGDM_NODE_LIST || list->count != (size_t)c->levels)
        return ggdm_node_expected(list, err, "%d times true or false, one for each of ch_mults",
                                  c->levels);
    for (const ggdm_node *n = list->first; n; n = n->next) {
        if (n->kind != GGDM_NODE_BOOL)
            return ggdm_node_expected(n, err, "true or false");
        c->attn[i++] = n->boolean;
    }
    return GGDM_OK;
}

/* Multipliers are of the level before. */
static ggdm_status read_levels(const ggdm_node *root, raw_config *raw, net *c, ggdm_json *text,
                               ggdm_error *err)
{
    const ggdm_node *key = ggdm_node_get(root, "ch_mults");
    int mults[LEVELS];
    int64_t width = raw->base;
    c->levels = DEFAULT_LEVELS;
    if (key && (raw->mults.count < 1 || raw->mults.count > LEVELS))
        return ggdm_node_fail(key, err, "%zu levels, expected 1 to %d", raw->mults.count, LEVELS);
    memcpy(mults, default_mults, sizeof default_mults);
    if (key) {
        c->levels = (int)raw->mults.count;
        memcpy(mults, raw->mults.data, raw->mults.count * sizeof *mults);
    }
    for (int i = 0; i < c->levels; i++) {
        width *= mults[i];
        if (width > GGDM_ARCH_MAX_WIDTH)
            return ggdm_node_fail(ggdm_node_at(root, "ch_mults"), err,
                                  "level %d has %lld channels, expected at most %d", i,
                                  (long long)width, GGDM_ARCH_MAX_WIDTH);
        c->width[i] = (int)width;
    }
    if (c->levels == DEFAULT_LEVELS)
        memcpy(c->attn, default_attn, sizeof default_attn);
    else if (!raw->attn)
        return ggdm_node_fail(root, err, "is_attn is needed where ch_mults has not 4 entries");
    GGDM_TRY(read_attention(raw->attn, c, err));
    raw->attn = NULL;
    if (c->levels == DEFAULT_LEVELS && memcmp(mults, default_mults, sizeof default_mults) == 0)
        raw->mults.count = 0; /* says nothing */
    if (c->levels != DEFAULT_LEVELS || memcmp(c->attn, default_attn, sizeof default_attn) != 0) {
        ggdm_json_begin_array(text, "is_attn");
        for (int i = 0; i < c->levels; i++)
            ggdm_json_put_bool(text, NULL, c->attn[i]);
        ggdm_json_end(text);
    }
    return GGDM_OK;
}

static ggdm_status fill(const ggdm_node *root, void *keys, void *config, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err)
{
    raw_config *raw = keys;
    net *c = config;
    GGDM_TRY(read_levels(root, raw, c, text, err));
    if (raw->base % raw->groups || raw->base % LAST_GROUPS)
        return ggdm_node_fail(root, err,
                              "n_channels %d, expected a multiple of n_groups (%d) and of %d",
                              raw->base, raw->groups, LAST_GROUPS);
    if (raw->size % (1 << (c->levels - 1)))
        return ggdm_node_fail(root, err, "image_size %d, expected a multiple of %d (%d levels)",
                              raw->size, 1 << (c->levels - 1), c->levels);
    c->size = raw->size;
    c->channels = raw->channels;
    c->base = raw->base;
    c->blocks = raw->blocks;
    c->groups = raw->groups;
    c->steps = raw->steps;
    c->unit_range = raw->range == 0;
    info->size = c->size;
    info->channels = c->channels;
    info->frozen = true; /* norms that it has but does not use would not be trained */
    return GGDM_OK;
}

static void release(void *config)
{
    free(((net *)config)->scale);
    free(((net *)config)->shift);
}

static ggdm_status schedule(void *config, const double *alpha_bar, int32_t n, ggdm_error *err)
{
    net *c = config;
    release(c);
    c->scale = c->shift = NULL;
    GGDM_TRY(ggdm_alloc(&c->scale, (size_t)n, sizeof *c->scale, err));
    GGDM_TRY(ggdm_alloc(&c->shift, (size_t)n, sizeof *c->shift, err));
    c->n = n;
    for (int32_t i = 0; i < n; i++) {
        const double a = 4 * alpha_bar[i] / (1 + 3 * alpha_bar[i]);
        c->scale[i] = sqrt(4 - 3 * a) / 2;
        c->shift[i] = sqrt(a) / 2;
    }
    return GGDM_OK;
}

/* ---- the network ---- */

typedef struct emission {
    const net *c;
    ggdm_graph *g;
    ggdm_val embedding; /* SiLU of that of time, [N, 4 base] */
} emission;

static ggdm_val residual(const emission *e, ggdm_val x, const char *prefix, int out)
{
    static const ggdm_residual_names names = {"norm1", "conv1", "time_emb",
                                              "norm2", "conv2", "shortcut"};
    const ggdm_residual block = {.names = &names, .groups = e->c->groups, .eps = EPS};
    return ggdm_residual_emit(&block, e->g, x, e->embedding, prefix, out);
}

static ggdm_val attention(const emission *e, ggdm_val x, const char *prefix)
{
    static const ggdm_fused_attention block = {
        .norm = "norm", .qkv = "projection", .out = "output", .norm_unused = true, .heads = 1};
    return ggdm_fused_attention_emit(&block, e->g, x, prefix);
}

/* Module k of "down" or "up": a residual block, and attention. */
static ggdm_val module(const emission *e, ggdm_val x, const char *half, int k, int out, bool attn)
{
    char prefix[GGDM_NAME_SIZE];
    snprintf(prefix, sizeof prefix, "%s.%d.res", half, k);
    x = residual(e, x, prefix, out);
    snprintf(prefix, sizeof prefix, "%s.%d.attn", half, k);
    return attn ? attention(e, x, prefix) : x;
}

static ggdm_val embed(const net *c, ggdm_graph *g, ggdm_val t)
{
    static const ggdm_time_names names = {"time_emb.lin1", "time_emb.lin2", NULL};
    t = ggdm_affine(g, t, 1.0 / c->steps, 1.0 / c->steps);
    t = ggdm_time_features(g, t, c->base, false, 1);
    return ggdm_time_embedding_emit(&names, g, t, 4 * c->base, 0, -1);
}

static ggdm_val emit_net(const net *c, ggdm_graph *g, ggdm_val x, ggdm_val t)
{
    enum { MAX_SKIPS = 1 + LEVELS * (BLOCKS + 1) };
    ggdm_val skips[MAX_SKIPS];
    const int last = c->width[c->levels - 1];
    const emission e = {c, g, embed(c, g, t)};
    char prefix[GGDM_NAME_SIZE];
    int n = 0, k = 0;
    ggdm_val h = skips[n++] = ggdm_layer_conv_same(g, x, "image_proj", c->base, 3);
    for (int i = 0; i < c->levels; i++) {
        for (int j = 0; j < c->blocks; j++)
            h = skips[n++] = module(&e, h, "down", k++, c->width[i], c->attn[i]);
        if (i + 1 == c->levels)
            break;
        snprintf(prefix, sizeof prefix, "down.%d.conv", k++);
        h = skips[n++] = ggdm_layer_conv(g, h, prefix, c->width[i], 3, (ggdm_conv){2, 1, 1, 1, 1});
    }
    h = residual(&e, h, "middle.res1", last);
    h = attention(&e, h, "middle.attn");
    h = residual(&e, h, "middle.res2", last);
    k = 0;
    for (int i = c->levels - 1; i >= 0; i--) {
        const int before = i > 0 ? c->width[i - 1] : c->base; /* the last block goes back to it */
        for (int j = 0; j <= c->blocks; j++) {
            h = ggdm_concat(g, h, skips[--n]);
            h = module(&e, h, "up", k++, j < c->blocks ? c->width[i] : before, c->attn[i]);
        }
        snprintf(prefix, sizeof prefix, "up.%d.conv", k);
        if (i > 0)
            h = ggdm_layer_conv_transpose(g, h, prefix, before, 4, (ggdm_conv){2, 1, 1, 1, 1});
        k += i > 0;
    }
    h = ggdm_layer_group_norm(g, h, "norm", LAST_GROUPS, EPS, true);
    return ggdm_layer_conv_last(g, h, "final", c->channels, 3);
}

static void emit(const void *config, ggdm_graph *g, ggdm_ports *p)
{
    const net *c = config;
    const ggdm_levels levels = {c->n, c->scale, c->shift};
    const ggdm_val x = c->unit_range ? ggdm_timed_affine(g, p->x, p->t, &levels) : p->x;
    p->eps = emit_net(c, g, x, p->t);
}

const ggdm_arch_kind ggdm_arch_ggdm_unet = {
    .class_name = "GGDMUNet",
    .weights_file = "diffusion_pytorch_model.safetensors",
    .role = GGDM_DIFFUSION,
    .ports = GGDM_PORT_X | GGDM_PORT_T | GGDM_PORT_EPS,
    .fields = fields,
    .ignored = ignored,
    .defaults = &defaults,
    .raw_size = sizeof(raw_config),
    .config_size = sizeof(net),
    .fill = fill,
    .release = release,
    .schedule = schedule,
    .emit = emit,
};
