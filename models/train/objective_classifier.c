/* Classifiers, of images or of noisy images: the cross entropies of all groups of classes. */
#include "common/argmax.h"
#include "models/train/objective_kind.h"

/* A group of classes that exclude each other. */
typedef struct group {
    int32_t first, n;
} group;

/* Attributes are groups with names; labels are one without. */
static bool has_attributes(const ggdm_arch_info *info)
{
    return info->classes && *info->classes->items[0].name;
}

static int32_t n_groups(const ggdm_arch_info *info)
{
    return has_attributes(info) ? info->classes->n : 1;
}

static group group_at(const ggdm_arch_info *info, int32_t i)
{
    if (!has_attributes(info))
        return (group){0, info->n_classes};
    const ggdm_class_group *g = &info->classes->items[i];
    return (group){g->first, (int32_t)g->classes.count};
}

static void want_classes(const ggdm_arch_info *info, ggdm_image_want *want)
{
    if (has_attributes(info))
        want->attributes = info->classes;
    else
        want->n_classes = info->n_classes;
}

/* First the bands of timesteps, if any, then the attributes, if any. */
static int bands_of(const ggdm_objective_graph *o)
{
    return o->in.t >= 0 ? GGDM_T_BANDS : 0;
}

static void measures_classes(const ggdm_recipe *r, const ggdm_arch_info *info, ggdm_measures *out)
{
    const int bands = info->ports & GGDM_PORT_T ? GGDM_T_BANDS : 0;
    for (int i = 0; i < bands; i++)
        ggdm_measures_add(out, "accuracy_t%d", (int)ggdm_band_begin(r->timesteps, i));
    for (int32_t i = 0; has_attributes(info) && i < info->classes->n; i++)
        ggdm_measures_add(out, "accuracy_%s", info->classes->items[i].name);
}

static ggdm_status build_classes(ggdm_objective_graph *o, ggdm_error *err)
{
    (void)err;
    o->n_y = 1;
    o->y[0] = o->in.logits;
    return GGDM_OK;
}

/* d(mean loss)/d(logp) = -q / global batch, q the smoothed one-hot label of each group. */
static void fill_seed(ggdm_objective_graph *o, const ggdm_recipe *r, int i, const int32_t *target)
{
    float *seed = (float *)ggdm_graph_data(o->g, o->seed[0]) + (int64_t)i * o->info.n_classes;
    for (int32_t k = 0; k < n_groups(&o->info); k++) {
        const group g = group_at(&o->info, k);
        const double off = r->label_smoothing / g.n, on = 1.0 - r->label_smoothing + off;
        for (int32_t c = g.first; c < g.first + g.n; c++)
            seed[c] = (float)(-(c == target[k] ? on : off) / o->global_batch);
    }
}

static void fill_classes(ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set,
                         int i, const ggdm_entry *e, float *x)
{
    ggdm_objective_disturb(o, r, i, e, x);
    if (e->training)
        fill_seed(o, r, i, ggdm_dataset_targets(set, e->index));
}

static double loss_classes(const ggdm_objective_graph *o)
{
    const float *logp = ggdm_graph_data(o->g, o->y[0]), *seed = ggdm_graph_data(o->g, o->seed[0]);
    double sum = 0.0;
    for (int64_t i = 0; i < (int64_t)o->batch * o->info.n_classes; i++)
        sum += (double)seed[i] * logp[i]; /* seed = -q / global batch */
    return sum;
}

static void add_classes(const ggdm_objective_graph *o, const ggdm_recipe *r,
                        const ggdm_dataset *set, int i, int32_t index, ggdm_sums *s)
{
    const float *logp =
        (const float *)ggdm_graph_data(o->g, o->y[0]) + (int64_t)i * o->info.n_classes;
    const int32_t *target = ggdm_dataset_targets(set, index);
    const int bands = bands_of(o);
    for (int32_t k = 0; k < n_groups(&o->info); k++) {
        const group g = group_at(&o->info, k);
        const bool right = g.first + ggdm_argmax(logp + g.first, g.n) == target[k];
        s->loss -= logp[target[k]];
        s->asked++;
        s->right += right;
        if (bands)
            ggdm_sums_count(s, ggdm_band_of(r, (uint64_t)index), right);
        if (has_attributes(&o->info))
            ggdm_sums_count(s, bands + k, right);
    }
}

#define CLASSIFIER                                                                                 \
    .role = GGDM_CLASSIFIER, .want = want_classes, .measures = measures_classes,                   \
    .build = build_classes, .fill = fill_classes, .loss = loss_classes, .add = add_classes
const ggdm_objective_kind ggdm_objective_classifier = {CLASSIFIER};
const ggdm_objective_kind ggdm_objective_noisy_classifier = {CLASSIFIER, .noisy = true};
