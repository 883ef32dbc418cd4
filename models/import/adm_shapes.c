#include "models/import/adm_shapes.h"

#include <string.h>

enum { MAX_SIDE = 1024 };

static bool is_residual(const ggdm_named *t, int k)
{
    return ggdm_named_at(t, "input_blocks.*.0.in_layers.0.weight", k) != NULL;
}

static int64_t width(const ggdm_named *t, int k)
{
    const ggdm_st_tensor *w = ggdm_named_at(t, "input_blocks.*.0.out_layers.3.weight", k);
    return w ? w->shape.d[0] : 0;
}

static bool has_attention(const ggdm_named *t, int k)
{
    return ggdm_named_at(t, "input_blocks.*.1.qkv.weight", k) != NULL;
}

static int count_blocks(const ggdm_named *t)
{
    int n = 0;
    for (int k = 0; k < GGDM_ADM_MAX_BLOCKS; k++)
        if (is_residual(t, k) || ggdm_named_at(t, "input_blocks.*.0.op.weight", k))
            n = k + 1;
    return n;
}

/* The first block going up that doubles the image by a residual block; -1: none does. */
static int first_doubling(const ggdm_named *t)
{
    for (int k = 0; k < GGDM_ADM_MAX_BLOCKS; k++)
        if (ggdm_named_at(t, "output_blocks.*.1.in_layers.0.weight", k) ||
            ggdm_named_at(t, "output_blocks.*.2.in_layers.0.weight", k))
            return k;
    return -1;
}

/* Could levels have so many residual blocks, each with one that halves the image behind it? */
static bool fits(const ggdm_named *t, int blocks, int layers)
{
    const int period = layers + 1;
    if (blocks % period)
        return false;
    for (int k = 1; k < blocks; k++) {
        const bool halves = k % period == 0, first = k % period == 1;
        if (halves ? width(t, k) != width(t, k - 1) || has_attention(t, k)
                   : !first && (width(t, k) != width(t, k - 1) ||
                                has_attention(t, k) != has_attention(t, k - 1)))
            return false;
    }
    return true;
}

/* Residual blocks of a level: up to the first block that is none; where residual blocks halve the
 * image, so many as make all levels alike. */
static ggdm_status find_layers(const ggdm_named *t, int said, ggdm_adm_shapes *s, ggdm_error *err)
{
    const int doubling = first_doubling(t), told = doubling > 0 ? doubling : said;
    int k = 1, found = 0;
    while (k < s->blocks && is_residual(t, k))
        k++;
    s->updown = k == s->blocks;
    s->conv_resample = s->updown || ggdm_named_at(t, "input_blocks.*.0.op.weight", k);
    s->layers = k - 1;
    for (int layers = 1; s->updown && layers < s->blocks; layers++) {
        if (!fits(t, s->blocks, layers) || (told > 0 && layers != told))
            continue;
        s->layers = layers;
        found++;
    }
    if (s->layers > 0 && s->blocks % (s->layers + 1) == 0 && (!s->updown || found == 1))
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "%s: the %d input blocks do not tell how many there are of each level: "
                     "expected num_res_blocks (classifier_depth) in --config FILE",
                     t->where, s->blocks);
}

ggdm_status ggdm_adm_shapes_read(const ggdm_named *t, int said, ggdm_adm_shapes *s, ggdm_error *err)
{
    const ggdm_st_tensor *time, *first, *places, *embedding;
    *s = (ggdm_adm_shapes){.blocks = count_blocks(t)};
    GGDM_TRY(ggdm_named_get(t, "time_embed.0.weight", 2, &time, err));
    GGDM_TRY(ggdm_named_get(t, "input_blocks.0.0.weight", 4, &first, err));
    GGDM_TRY(ggdm_named_get(t, "input_blocks.1.0.emb_layers.1.weight", 2, &embedding, err));
    GGDM_TRY(find_layers(t, said, s, err));
    s->base = time->shape.d[1];
    s->channels = first->shape.d[1];
    s->scale_shift = embedding->shape.d[0] / 2 == width(t, 1);
    s->levels = s->blocks / (s->layers + 1);
    if (s->levels > GGDM_ADM_MAX_LEVELS || s->base < 1)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %d levels of %lld channels, expected at most %d",
                         t->where, s->levels, (long long)s->base, GGDM_ADM_MAX_LEVELS);
    for (int i = 0; i < s->levels; i++) {
        const int k = 1 + i * (s->layers + 1);
        s->mult[i] = (double)width(t, k) / (double)s->base;
        s->attn[i] = has_attention(t, k);
    }
    places = ggdm_named_find(t, "out.2.positional_embedding");
    for (s->side = 0;
         places && s->side < MAX_SIDE && (s->side + 1) * (s->side + 1) < places->shape.d[1];
         s->side++)
        ;
    return GGDM_OK;
}

/* ---- usual ones ---- */

static const struct {
    int size, levels;
    double mult[GGDM_ADM_MAX_LEVELS];
} sizes[] = {{512, 7, {0.5, 1, 1, 2, 2, 4, 4}},
             {256, 6, {1, 1, 2, 2, 4, 4}},
             {128, 5, {1, 1, 2, 3, 4}},
             {64, 4, {1, 2, 3, 4}},
             {32, 4, {1, 2, 2, 2}}};

/* By its multipliers; 0: not a usual one. */
int ggdm_adm_usual_size(const ggdm_adm_shapes *s)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].levels == s->levels &&
            memcmp(sizes[i].mult, s->mult, (size_t)s->levels * sizeof *s->mult) == 0)
            return sizes[i].size;
    return 0;
}
