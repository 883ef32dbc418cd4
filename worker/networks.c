#include "worker/networks.h"

#include <stdlib.h>

#include "common/mem.h"
#include "models/nn/packs.h"
#include "models/nn/ops.h"

#define MAX_SIZES 16 /* batch sizes 1, 2, 4, ... */

struct ggdm_networks {
    ggdm_job job;
    const ggdm_model *diffusion, *guide, *judge;
    ggdm_packs *packs; /* of all networks: batch sizes and purposes share packed weights */
    ggdm_network net[GGDM_NET_PURPOSES][MAX_SIZES];
};

static ggdm_status check_classifier(const ggdm_model *classifier, const ggdm_model *diffusion,
                                    ggdm_error *err)
{
    if (!classifier)
        return GGDM_OK;
    const ggdm_arch_info *c = &classifier->info, *d = &diffusion->info;
    if (c->role != GGDM_CLASSIFIER)
        return GGDM_FAIL(err, GGDM_EINVAL, "model %s is a %s, expected a classifier",
                         classifier->files->path, c->class_name);
    if (c->size != d->size || c->channels != d->channels)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "classifier %s takes images of %dx%dx%d, %s makes %dx%dx%d",
                         classifier->files->path, c->size, c->size, c->channels,
                         diffusion->files->path, d->size, d->size, d->channels);
    return GGDM_OK;
}

ggdm_status ggdm_networks_create(const ggdm_job *job, const ggdm_model *diffusion,
                                 const ggdm_model *guide, const ggdm_model *judge,
                                 ggdm_networks **out, ggdm_error *err)
{
    *out = NULL;
    if (diffusion->info.role != GGDM_DIFFUSION)
        return GGDM_FAIL(err, GGDM_EINVAL, "model %s is a %s, expected a diffusion model",
                         diffusion->files->path, diffusion->info.class_name);
    if (job->batch < 1 || job->batch > 1 << (MAX_SIZES - 1))
        return GGDM_FAIL(err, GGDM_EINVAL, "batch %d, expected 1 to %d", job->batch,
                         1 << (MAX_SIZES - 1));
    GGDM_TRY(check_classifier(guide, diffusion, err));
    GGDM_TRY(check_classifier(judge, diffusion, err));
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->job = *job;
    (*out)->diffusion = diffusion;
    (*out)->guide = guide;
    (*out)->judge = judge;
    ggdm_status st = ggdm_packs_create(&(*out)->packs, err);
    if (st != GGDM_OK)
        ggdm_networks_destroy(out);
    return st;
}

void ggdm_networks_destroy(ggdm_networks **nets)
{
    if (!*nets)
        return;
    for (int p = 0; p < GGDM_NET_PURPOSES; p++)
        for (int i = 0; i < MAX_SIZES; i++)
            ggdm_graph_destroy(&(*nets)->net[p][i].graph);
    ggdm_packs_destroy(&(*nets)->packs);
    free(*nets);
    *nets = NULL;
}

/* Slots of a graph. */
static const char DIFFUSION[] = "diffusion", CLASSIFIER[] = "classifier";

/* Values of a graph while it is built. */
typedef struct values {
    ggdm_val x, t, x0_x, x0_eps, target, seed, eps, grad, logp;
} values;

/* x and t in, eps out. */
static void build_eps(const ggdm_networks *nets, ggdm_graph *g, int32_t n, values *v)
{
    const ggdm_arch_info *info = &nets->diffusion->info;
    v->x =
        ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(n, info->size, info->size, info->channels));
    v->t = ggdm_graph_input(g, "t", GGDM_F32, GGDM_SHAPE1(n));
    ggdm_graph_slot(g, DIFFUSION);
    ggdm_ports p = GGDM_NO_PORTS;
    p.x = v->x;
    p.t = v->t;
    v->eps = ggdm_arch_emit(nets->diffusion->arch, g, &p);
    ggdm_graph_output(g, v->eps);
}

/* The gradient of loss(x0-hat(x_t)) with respect to what job.gradient says (docs/GUIDANCE.md,
 * "Three gradients"): x0         to x0-hat itself, as the GGDM code does; xt-affine  to x_t through
 * the affine map only: x0_x times the above (eps held fixed); xt-full    to x_t through the U-Net
 * too, as Algorithm 1 is written. */
static void build_guided(const ggdm_networks *nets, ggdm_graph *g, int32_t n, values *v)
{
    static ggdm_val (*const losses[])(ggdm_graph *, ggdm_val, ggdm_val) = {
        [GGDM_NLL] = ggdm_nll, [GGDM_PROB] = ggdm_neg_prob};
    build_eps(nets, g, n, v);
    v->x0_x = ggdm_graph_input(g, "x0_x", GGDM_F32, GGDM_SHAPE1(n));
    v->x0_eps = ggdm_graph_input(g, "x0_eps", GGDM_F32, GGDM_SHAPE1(n));
    v->target = ggdm_graph_input(g, "target", GGDM_I32, GGDM_SHAPE1(n));
    v->seed = ggdm_graph_input(g, "seed", GGDM_F32, GGDM_SHAPE1(n));
    ggdm_val x0 = ggdm_lincomb(g, v->x, v->eps, v->x0_x, v->x0_eps);
    ggdm_graph_slot(g, CLASSIFIER);
    ggdm_ports p = GGDM_NO_PORTS;
    p.x = x0;
    ggdm_arch_emit(nets->guide->arch, g, &p);
    ggdm_val loss = losses[nets->job.form](g, p.logits, v->target);
    ggdm_val wrt = nets->job.gradient == GGDM_XT_FULL ? v->x : x0;
    ggdm_graph_backward(g, loss, v->seed, 1, &wrt, &v->grad);
}

static void build_score(const ggdm_model *classifier, ggdm_graph *g, int32_t n, values *v)
{
    ggdm_ports p = ggdm_arch_inputs(classifier->arch, g, n);
    v->x = p.x;
    ggdm_graph_slot(g, CLASSIFIER);
    v->logp = ggdm_arch_emit(classifier->arch, g, &p);
    ggdm_graph_output(g, v->logp);
}

/* Of activations: bf16 is for sampling, scores are f32 always, so that precision changes images but
 * not the measure that compares them. */
static ggdm_dtype dtype_of(const ggdm_networks *nets, ggdm_purpose purpose)
{
    bool sampling = purpose == GGDM_NET_EPS || purpose == GGDM_NET_GUIDED;
    return sampling && nets->job.precision == GGDM_PRECISION_BF16 ? GGDM_BF16 : GGDM_F32;
}

static ggdm_status build(const ggdm_networks *nets, ggdm_purpose purpose, int32_t n,
                         ggdm_network *net, ggdm_error *err)
{
    ggdm_graph *g;
    values v = {-1, -1, -1, -1, -1, -1, -1, -1, -1};
    const ggdm_model *classifier = nets->guide;
    GGDM_TRY(ggdm_graph_create(dtype_of(nets, purpose), &g, err));
    net->graph = g;
    net->batch = n;
    switch (purpose) {
    case GGDM_NET_EPS:
        build_eps(nets, g, n, &v);
        break;
    case GGDM_NET_GUIDED:
        build_guided(nets, g, n, &v);
        break;
    default:
        classifier = purpose == GGDM_NET_GUIDE_SCORE ? nets->guide : nets->judge;
        build_score(classifier, g, n, &v);
    }
    const ggdm_slot slots[] = {{DIFFUSION, &nets->diffusion->params},
                               {CLASSIFIER, classifier ? &classifier->params : NULL}};
    GGDM_TRY(ggdm_graph_compile_slots(g, slots, 2, nets->packs, err));
    net->x = ggdm_graph_data(g, v.x);
    net->t = ggdm_graph_data(g, v.t);
    net->x0_x = ggdm_graph_data(g, v.x0_x);
    net->x0_eps = ggdm_graph_data(g, v.x0_eps);
    net->target = ggdm_graph_data(g, v.target);
    net->eps = ggdm_graph_data(g, v.eps);
    net->grad = ggdm_graph_data(g, v.grad);
    net->logp = ggdm_graph_data(g, v.logp);
    float *seed = ggdm_graph_data(g, v.seed); /* d loss / d loss */
    for (int32_t i = 0; seed && i < n; i++)
        seed[i] = 1.0f;
    return GGDM_OK;
}

ggdm_status ggdm_networks_get(ggdm_networks *nets, ggdm_purpose purpose, int32_t n,
                              ggdm_network **out, ggdm_error *err)
{
    int i = 0;
    while ((1 << i) < n)
        i++;
    ggdm_network *net = &nets->net[purpose][i];
    int32_t size = 1 << i < nets->job.batch ? 1 << i : nets->job.batch;
    if (!net->graph) {
        ggdm_status st = build(nets, purpose, size, net, err);
        if (st != GGDM_OK) {
            ggdm_graph_destroy(&net->graph);
            return st;
        }
    }
    *out = net;
    return GGDM_OK;
}
