#include "models/train/objective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "common/mem.h"
#include "common/philox.h"
#include "models/betas.h"
#include "models/nn/ops.h"

/* Philox counters of GGDM_STREAM_TRAIN: a = low word of the sample, b = its high word and what the
 * numbers are for. */
enum { NOISE = 0, VALIDATION = 1 << 29 };

/* --- building --- */

static ggdm_status check_arch(const ggdm_recipe *recipe, const ggdm_arch_info *info,
                              ggdm_error *err)
{
    ggdm_arch_role role =
        recipe->objective == GGDM_OBJECTIVE_DDPM ? GGDM_DIFFUSION : GGDM_CLASSIFIER;
    if (info->role != role)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: objective '%s' does not fit a %s", recipe->path,
                         ggdm_objective_names[recipe->objective], info->class_name);
    return GGDM_OK;
}

/* sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t) of a linear schedule. */
static ggdm_status make_schedule(const ggdm_recipe *r, ggdm_objective_graph *o, ggdm_error *err)
{
    size_t n = (size_t)r->timesteps;
    GGDM_TRY(ggdm_alloc(&o->sqrt_ab, n, sizeof *o->sqrt_ab, err));
    GGDM_TRY(ggdm_alloc(&o->sqrt_1mab, n, sizeof *o->sqrt_1mab, err));
    double *bar;
    GGDM_TRY(ggdm_alloc(&bar, n, sizeof *bar, err));
    ggdm_alpha_bar(GGDM_BETAS_LINEAR, r->beta_start, r->beta_end, r->timesteps, bar);
    for (size_t t = 0; t < n; t++) {
        o->sqrt_ab[t] = (float)sqrt(bar[t]);
        o->sqrt_1mab[t] = (float)sqrt(1.0 - bar[t]);
    }
    free(bar);
    return GGDM_OK;
}

static ggdm_status emit_backward(ggdm_objective_graph *o, ggdm_val y, ggdm_error *err)
{
    ggdm_graph *g = o->g;
    ggdm_val *wrt = NULL;
    o->n_params = ggdm_graph_param_count(g);
    GGDM_TRY(ggdm_alloc(&o->grads, (size_t)o->n_params, sizeof *o->grads, err));
    GGDM_TRY(ggdm_alloc(&wrt, (size_t)o->n_params, sizeof *wrt, err));
    for (int i = 0; i < o->n_params; i++)
        wrt[i] = ggdm_graph_param_info(g, i).value;
    o->seed = ggdm_graph_input(g, "seed", GGDM_F32, *ggdm_graph_shape(g, y));
    ggdm_graph_backward(g, y, o->seed, o->n_params, wrt, o->grads);
    free(wrt);
    return GGDM_OK;
}

static ggdm_status build_objective(const ggdm_recipe *recipe, const ggdm_arch *arch, bool gradients,
                                   ggdm_objective_graph *o, ggdm_error *err)
{
    ggdm_shape image = GGDM_SHAPE4(o->batch, o->info.size, o->info.size, o->info.channels);
    GGDM_TRY(ggdm_alloc(&o->scratch, (size_t)ggdm_shape_count(&image), sizeof(float), err));
    GGDM_TRY(ggdm_alloc(&o->index, (size_t)o->batch, sizeof *o->index, err));
    GGDM_TRY(ggdm_alloc(&o->label, (size_t)o->batch, sizeof *o->label, err));
    bool bf16 = gradients && recipe->precision == GGDM_TRAIN_BF16;
    GGDM_TRY(ggdm_graph_create(bf16 ? GGDM_BF16 : GGDM_F32, &o->g, err));
    ggdm_ports p = o->in = ggdm_arch_inputs(arch, o->g, o->batch);
    ggdm_val y = ggdm_arch_emit(arch, o->g, &p);
    if (recipe->objective == GGDM_OBJECTIVE_DDPM) {
        GGDM_TRY(make_schedule(recipe, o, err));
        o->noise = ggdm_graph_input(o->g, "noise", GGDM_F32, image);
        y = o->loss = ggdm_mse(o->g, p.eps, o->noise);
    } else {
        o->logp = p.logits;
    }
    ggdm_graph_output(o->g, y);
    if (gradients && y >= 0) /* a building error is reported when the graph is compiled */
        return emit_backward(o, y, err);
    return GGDM_OK;
}

ggdm_status ggdm_objective_create(const ggdm_recipe *recipe, const ggdm_arch *arch, int batch,
                                  int global_batch, bool gradients, ggdm_objective_graph **out,
                                  ggdm_error *err)
{
    ggdm_objective_graph *o = NULL;
    GGDM_TRY(ggdm_alloc(&o, 1, sizeof *o, err));
    o->info = ggdm_arch_get_info(arch);
    o->batch = batch;
    o->global_batch = global_batch;
    o->noise = o->loss = o->logp = o->seed = -1;
    ggdm_status st = check_arch(recipe, &o->info, err);
    if (st == GGDM_OK)
        st = build_objective(recipe, arch, gradients, o, err);
    if (st == GGDM_OK)
        *out = o;
    else
        ggdm_objective_destroy(&o);
    return st;
}

void ggdm_objective_destroy(ggdm_objective_graph **o)
{
    if (!o || !*o)
        return;
    ggdm_graph_destroy(&(*o)->g);
    free((*o)->grads);
    free((*o)->sqrt_ab);
    free((*o)->sqrt_1mab);
    free((*o)->scratch);
    free((*o)->index);
    free((*o)->label);
    free(*o);
    *o = NULL;
}

/* --- batches --- */

/* Sample i of the golden-ratio sequence in [0, 1): each i alone is as good as uniform (the images
 * come in random order), and any run of them covers the timesteps evenly, which takes most of the
 * timestep's variance out of a batch's loss (Kingma et al. 2021, Variational Diffusion Models, use
 * such a sampler). */
static double golden_uniform(uint64_t i)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u; /* 2^64 (sqrt(5) - 1) / 2 */
    return (double)((i * golden) >> 11) * 0x1p-53;
}

/* x_t = sqrt(ab_t) x_0 + sqrt(1 - ab_t) eps for slot i of the batch, and its label where the
 * network takes one. */
static void fill_ddpm(ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set,
                      int64_t n, int i, int32_t index, uint64_t sample, uint32_t use)
{
    float *x = (float *)ggdm_graph_data(o->g, o->in.x) + i * n;
    float *noise = (float *)ggdm_graph_data(o->g, o->noise) + i * n;
    uint32_t low = (uint32_t)sample, high = (uint32_t)(sample >> 32) | use;
    int t = (int)(golden_uniform(sample) * r->timesteps); /* < timesteps */
    ggdm_dataset_image(set, index, x);
    ggdm_normals(r->seed, GGDM_STREAM_TRAIN, low, high | NOISE, n, noise);
    float a = o->sqrt_ab[t], b = o->sqrt_1mab[t];
    for (int64_t k = 0; k < n; k++)
        x[k] = a * x[k] + b * noise[k];
    ((float *)ggdm_graph_data(o->g, o->in.t))[i] = (float)t;
    if (o->in.label >= 0)
        ((int32_t *)ggdm_graph_data(o->g, o->in.label))[i] = ggdm_dataset_label(set, index);
}

/* d(mean loss)/d(logp) = -q / global batch, q the smoothed one-hot label. */
static void fill_label(ggdm_objective_graph *o, const ggdm_recipe *r, int i, int32_t label)
{
    int k = o->info.n_classes;
    float *seed = (float *)ggdm_graph_data(o->g, o->seed) + (int64_t)i * k;
    double off = r->label_smoothing / k, on = 1.0 - r->label_smoothing + off;
    for (int c = 0; c < k; c++)
        seed[c] = (float)(-(c == label ? on : off) / o->global_batch);
}

void ggdm_objective_fill(ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set,
                         ggdm_order *order, int64_t first)
{
    const int size = o->info.size, channels = o->info.channels;
    const int64_t n = (int64_t)size * size * channels;
    for (int i = 0; i < o->batch; i++)
        o->index[i] = ggdm_order_at(order, first + i);
    if (r->objective == GGDM_OBJECTIVE_DDPM) {
#pragma omp parallel for schedule(static)
        for (int i = 0; i < o->batch; i++)
            fill_ddpm(o, r, set, n, i, o->index[i], (uint64_t)first + (uint64_t)i, 0);
        for (int i = 0; i < o->batch; i++)
            ((float *)ggdm_graph_data(o->g, o->seed))[i] = 1.0f / (float)o->global_batch;
        return;
    }
    float *x = ggdm_graph_data(o->g, o->in.x);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < o->batch; i++) {
        ggdm_dataset_image(set, o->index[i], x + i * n);
        ggdm_augment_image(&r->augment, r->seed, (uint64_t)first + (uint64_t)i, size, size,
                           channels, x + i * n, o->scratch + i * n);
        o->label[i] = ggdm_dataset_label(set, o->index[i]);
        fill_label(o, r, i, o->label[i]);
    }
}

double ggdm_objective_collect(const ggdm_objective_graph *o, ggdm_flat *flat)
{
    for (int i = 0; i < o->n_params; i++) {
        float *to = flat->g + flat->offset[i];
        if (o->grads[i] >= 0)
            memcpy(to, ggdm_graph_data(o->g, o->grads[i]), sizeof(float) * flat->size[i]);
        else
            memset(to, 0, sizeof(float) * flat->size[i]);
    }
    double sum = 0.0;
    if (o->logp < 0) {
        const float *loss = ggdm_graph_data(o->g, o->loss);
        for (int i = 0; i < o->batch; i++)
            sum += loss[i];
        return sum / o->global_batch;
    }
    const float *logp = ggdm_graph_data(o->g, o->logp), *seed = ggdm_graph_data(o->g, o->seed);
    for (int64_t i = 0; i < (int64_t)o->batch * o->info.n_classes; i++)
        sum += (double)seed[i] * logp[i]; /* seed = -q / global batch */
    return sum;
}

/* --- evaluation --- */

ggdm_evaluation ggdm_objective_evaluate(ggdm_objective_graph *o, const ggdm_recipe *r,
                                        const ggdm_dataset *set, int64_t count)
{
    const int64_t n = (int64_t)o->info.size * o->info.size * o->info.channels;
    const bool ddpm = r->objective == GGDM_OBJECTIVE_DDPM;
    double loss = 0.0;
    int64_t right = 0;
    if (count > set->n)
        count = set->n;
    for (int64_t first = 0; first < count; first += o->batch) {
        int valid = count - first < o->batch ? (int)(count - first) : o->batch;
#pragma omp parallel for schedule(static)
        for (int i = 0; i < o->batch; i++) { /* the last batch repeats its last image */
            int32_t index = (int32_t)(first + (i < valid ? i : valid - 1));
            if (ddpm)
                fill_ddpm(o, r, set, n, i, index, (uint64_t)index, VALIDATION);
            else
                ggdm_dataset_image(set, index, (float *)ggdm_graph_data(o->g, o->in.x) + i * n);
        }
        ggdm_graph_run(o->g);
        const float *y = ggdm_graph_data(o->g, ddpm ? o->loss : o->logp);
        for (int i = 0; i < valid; i++) {
            if (ddpm) {
                loss += y[i];
                continue;
            }
            const float *p = y + (int64_t)i * o->info.n_classes;
            int32_t label = ggdm_dataset_label(set, (int32_t)(first + i));
            loss -= p[label];
            right += ggdm_argmax(p, o->info.n_classes) == label;
        }
    }
    double total = count > 0 ? (double)count : 1.0;
    return (ggdm_evaluation){count, loss / total, ddpm ? -1.0 : (double)right / total};
}
