/* Diffusion models: the squared error of what is found in x_t (Ho et al. 2020, algorithm 1). */
#include "common/philox.h"
#include "models/nn/ops.h"
#include "models/train/objective_kind.h"

static ggdm_status check_ddpm(const ggdm_recipe *r, const ggdm_arch_info *info, ggdm_error *err)
{
    const bool null = info->null_label >= 0;
    if (info->ports & GGDM_PORT_VARIANCE)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: out_channels of the network is twice in_channels, expected the same: "
                         "variances are not learned here",
                         r->path);
    if (null != (r->label_dropout > 0))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: label_dropout %g, expected %s, as the network has %s null label",
                         r->path, r->label_dropout, null ? "more than 0" : "0", null ? "a" : "no");
    return GGDM_OK;
}

static void want_ddpm(const ggdm_arch_info *info, ggdm_image_want *want)
{
    want->n_classes = info->n_classes;
    want->captions = info->ports & GGDM_PORT_CONTEXT;
}

static ggdm_status build_ddpm(ggdm_objective_graph *o, ggdm_error *err)
{
    (void)err;
    o->n_y = 1;
    o->target = ggdm_graph_input(o->g, "target", GGDM_F32, *ggdm_graph_shape(o->g, o->in.x));
    o->y[0] = ggdm_mse(o->g, o->in.eps, o->target);
    return GGDM_OK;
}

/* Whether what sample e is told is left out: a share of what is said in training. */
static bool is_dropped(const ggdm_recipe *r, const ggdm_entry *e, double share, uint32_t draw)
{
    double u = 1.0;
    if (e->training && share > 0)
        ggdm_uniforms(r->seed, GGDM_STREAM_TRAIN, (uint32_t)e->sample,
                      (uint32_t)(e->sample >> 32) | draw, 1, &u);
    return u < share;
}

/* The label that a diffusion model is told; in training some become the null label. */
static int32_t told_label(const ggdm_objective_graph *o, const ggdm_recipe *r,
                          const ggdm_dataset *set, const ggdm_entry *e)
{
    return is_dropped(r, e, r->label_dropout, GGDM_DRAW_LABEL) ? o->info.null_label
                                                               : ggdm_dataset_label(set, e->index);
}

/* The same of captions: the empty one. */
static int32_t told_text(const ggdm_objective_graph *o, const ggdm_recipe *r,
                         const ggdm_dataset *set, const ggdm_entry *e)
{
    return is_dropped(r, e, r->caption_dropout, GGDM_DRAW_CAPTION)
               ? 0
               : ggdm_text_condition_of(o->texts, set, ggdm_objective_caption(r, set, e));
}

static void fill_ddpm(ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set, int i,
                      const ggdm_entry *e, float *x)
{
    const int64_t n = ggdm_shape_inner(ggdm_graph_shape(o->g, o->in.x));
    float *target = (float *)ggdm_graph_data(o->g, o->target) + i * n;
    const int t = ggdm_noising_apply(&o->noising, e->sample, e->training, n, x, target);
    ((float *)ggdm_graph_data(o->g, o->in.t))[i] = (float)t;
    if (o->in.label >= 0)
        ((int32_t *)ggdm_graph_data(o->g, o->in.label))[i] = told_label(o, r, set, e);
    if (o->texts)
        o->told[i] = told_text(o, r, set, e);
    if (e->training)
        ((float *)ggdm_graph_data(o->g, o->seed[0]))[i] = 1.0f / (float)o->global_batch;
}

static double loss_ddpm(const ggdm_objective_graph *o)
{
    const float *loss = ggdm_graph_data(o->g, o->y[0]);
    double sum = 0.0;
    for (int i = 0; i < o->batch; i++)
        sum += loss[i];
    return sum / o->global_batch;
}

static void add_ddpm(const ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set,
                     int i, int32_t index, ggdm_sums *s)
{
    (void)r, (void)set, (void)index;
    s->loss += ((const float *)ggdm_graph_data(o->g, o->y[0]))[i];
}

const ggdm_objective_kind ggdm_objective_ddpm = {.role = GGDM_DIFFUSION,
                                                 .noisy = true,
                                                 .most_images = 2000,
                                                 .check = check_ddpm,
                                                 .want = want_ddpm,
                                                 .build = build_ddpm,
                                                 .fill = fill_ddpm,
                                                 .loss = loss_ddpm,
                                                 .add = add_ddpm};
