/* Encoders of images and texts: each image shall be nearest to its caption, and the other way round
 * (models/train/contrast.h).  The negatives are the whole batch, over all ranks: after the forward
 * pass the ranks gather each other's embeddings, and each begins its backward pass with the
 * gradients of the whole loss with respect to its own. */
#include <math.h>
#include <string.h>

#include "common/mem.h"
#include "models/nn/ops.h"
#include "models/train/captions.h"
#include "models/train/objective_kind.h"

enum { IMAGES, TEXTS, SCALE }; /* of o->y */

static ggdm_status check_contrastive(const ggdm_recipe *r, const ggdm_arch_info *info,
                                     ggdm_error *err)
{
    if (!info->two_towers || !(info->ports & GGDM_PORT_SCALE))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: objective '%s' does not fit a %s, expected a CLIPModel", r->path,
                         ggdm_objective_names[r->objective], info->class_name);
    if (r->batch < 2)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: batch %d, expected 2 or more: images are told apart", r->path,
                         r->batch);
    return GGDM_OK;
}

static void want_captions(const ggdm_arch_info *info, ggdm_image_want *want)
{
    (void)info;
    want->captions = true;
}

enum { RECALLS = 4 };
static const struct {
    const char *name;
    bool texts; /* a text is given and an image found */
    int among;  /* the first so many */
} recalls[RECALLS] = {{"image_text_recall1", false, 1},
                      {"image_text_recall5", false, 5},
                      {"text_image_recall1", true, 1},
                      {"text_image_recall5", true, 5}};

static void measures_contrastive(const ggdm_recipe *r, const ggdm_arch_info *info,
                                 ggdm_measures *out)
{
    for (int i = 0; info->ports & GGDM_PORT_T && i < GGDM_T_BANDS; i++)
        ggdm_measures_add(out, "recall1_t%d", (int)ggdm_band_begin(r->timesteps, i));
    for (int i = 0; i < RECALLS; i++)
        ggdm_measures_add(out, "%s", recalls[i].name);
}

static ggdm_status build_contrastive(ggdm_objective_graph *o, ggdm_error *err)
{
    o->n_y = 3;
    o->y[IMAGES] = ggdm_normalize(o->g, o->in.embedding);
    o->y[TEXTS] = ggdm_normalize(o->g, o->in.text_embedding);
    o->y[SCALE] = o->in.scale;
    return ggdm_contrast_init(o->global_batch, o->info.embedding_size, &o->contrast, err);
}

static void fill_contrastive(ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set,
                             int i, const ggdm_entry *e, float *x)
{
    const int length = o->info.context_length;
    ggdm_objective_disturb(o, r, i, e, x);
    memcpy((int32_t *)ggdm_graph_data(o->g, o->in.text) + (int64_t)i * length,
           ggdm_dataset_ids(set, ggdm_objective_caption(r, set, e)),
           sizeof(int32_t) * (size_t)length);
}

static double scale_of(const ggdm_objective_graph *o)
{
    return *(const float *)ggdm_graph_data(o->g, o->y[SCALE]);
}

/* The embeddings of the batch, from pair `first` of all on; those of others stay. */
static void take_embeddings(const ggdm_objective_graph *o, ggdm_contrast *c, int first, int count)
{
    for (int side = IMAGES; side <= TEXTS; side++)
        memcpy(c->pairs + ((int64_t)side * c->n + first) * c->width,
               ggdm_graph_data(o->g, o->y[side]), sizeof(float) * (size_t)count * (size_t)c->width);
}

static ggdm_status seed_contrastive(ggdm_objective_graph *o, ggdm_world *world, ggdm_error *err)
{
    ggdm_contrast *c = &o->contrast;
    const int first = ggdm_world_rank(world) * o->batch;
    const size_t all = 2 * (size_t)c->n * (size_t)c->width;
    double share;
    memset(c->pairs, 0, all * sizeof *c->pairs);
    take_embeddings(o, c, first, o->batch);
    GGDM_TRY(ggdm_world_sum(world, c->pairs, all, err)); /* of one number and zeros: exact */
    ggdm_contrast_compare(c, scale_of(o));
    o->loss = ggdm_contrast_gradient(c, scale_of(o), first, o->batch,
                                     ggdm_graph_data(o->g, o->seed[IMAGES]),
                                     ggdm_graph_data(o->g, o->seed[TEXTS]), &share);
    *(float *)ggdm_graph_data(o->g, o->seed[SCALE]) = (float)share;
    return GGDM_OK;
}

static double loss_contrastive(const ggdm_objective_graph *o)
{
    return o->loss;
}

/* The scale is held at 100 at most, as CLIP's was. */
static void limit_contrastive(ggdm_flat *flat)
{
    const float most = (float)log(100.0);
    for (int i = 0; i < flat->n_params; i++)
        if (strcmp(flat->items[i].name, "logit_scale") == 0 && flat->w[flat->offset[i]] > most)
            flat->w[flat->offset[i]] = most;
}

/* --- evaluation: retrieval in chunks of as many images as a batch of training has --- */

typedef struct chunk {
    const ggdm_dataset *set;
    int first;
} chunk;

static bool same(const void *context, int i, int j)
{
    const chunk *c = context;
    return i == j || ggdm_dataset_same_caption(c->set, c->first + i, c->first + j);
}

static void add_pair(const ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_contrast *c,
                     const chunk *at, int i, ggdm_sums *s)
{
    const int ahead[] = {ggdm_contrast_ahead(c, i, false, same, at),
                         ggdm_contrast_ahead(c, i, true, same, at)};
    const int bands = o->in.t >= 0 ? GGDM_T_BANDS : 0;
    if (bands)
        ggdm_sums_count(s, ggdm_band_of(r, (uint64_t)at->first + (uint64_t)i), ahead[0] == 0);
    for (int k = 0; k < RECALLS; k++) {
        ggdm_sums_count(s, bands + k, ahead[recalls[k].texts] < recalls[k].among);
        s->asked += recalls[k].among == 1;
        s->right += recalls[k].among == 1 && ahead[recalls[k].texts] == 0;
    }
}

static ggdm_status evaluate_contrastive(ggdm_objective_graph *o, const ggdm_recipe *r,
                                        const ggdm_dataset *set, int64_t *n, ggdm_sums *s,
                                        ggdm_error *err)
{
    const int size = *n < r->batch ? (int)*n : r->batch;
    ggdm_contrast c;
    *n = *n / size * size;
    ggdm_status st = ggdm_contrast_init(size, o->info.embedding_size, &c, err);
    for (chunk at = {set, 0}; st == GGDM_OK && at.first < *n; at.first += size) {
        for (int i = 0; i < size; i += o->batch) {
            const int valid = size - i < o->batch ? size - i : o->batch;
            GGDM_TRY_GOTO(st, ggdm_objective_look(o, r, set, at.first + i, valid, err), done);
            take_embeddings(o, &c, i, valid);
        }
        ggdm_contrast_compare(&c, scale_of(o));
        s->loss += ggdm_contrast_loss(&c) * size;
        for (int i = 0; i < size; i++)
            add_pair(o, r, &c, &at, i, s);
    }
done:
    ggdm_contrast_deinit(&c);
    return st;
}

#define CONTRASTIVE                                                                                \
    .role = GGDM_ENCODER, .most_images = 2048, .check = check_contrastive, .want = want_captions,  \
    .measures = measures_contrastive, .build = build_contrastive, .fill = fill_contrastive,        \
    .seed = seed_contrastive, .loss = loss_contrastive, .limit = limit_contrastive,                \
    .evaluate = evaluate_contrastive
const ggdm_objective_kind ggdm_objective_contrastive = {CONTRASTIVE};
const ggdm_objective_kind ggdm_objective_noisy_contrastive = {CONTRASTIVE, .noisy = true};
