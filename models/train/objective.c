#include "models/train/objective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "common/mem.h"
#include "common/philox.h"
#include "models/nn/ops.h"
#include "models/schedule_config.h"

/* Philox counters of GGDM_STREAM_TRAIN: a = low word of the sample, b = its high word and what the
 * numbers are for. */
enum { NOISE = 0, VALIDATION = 1 << 29, LABEL = 1 << 30 };

/* What an objective is made of. */
static const struct {
    ggdm_arch_role role;
    bool noisy; /* the network sees x_t and is told t */
} kinds[] = {[GGDM_OBJECTIVE_DDPM] = {GGDM_DIFFUSION, true},
             [GGDM_OBJECTIVE_CLASSIFIER] = {GGDM_CLASSIFIER, false},
             [GGDM_OBJECTIVE_NOISY_CLASSIFIER] = {GGDM_CLASSIFIER, true}};

/* --- building --- */

static ggdm_status check_arch(const ggdm_recipe *recipe, const ggdm_arch_info *info,
                              ggdm_error *err)
{
    const bool timed = info->ports & GGDM_PORT_T, null = info->null_label >= 0;
    if (info->role != kinds[recipe->objective].role || timed != kinds[recipe->objective].noisy)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: objective '%s' does not fit a %s %s timesteps",
                         recipe->path, ggdm_objective_names[recipe->objective], info->class_name,
                         timed ? "that takes" : "without");
    if (info->ports & GGDM_PORT_VARIANCE)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: out_channels of the network is twice in_channels, expected the same: "
                         "variances are not learned here",
                         recipe->path);
    if (null != (recipe->label_dropout > 0))
        return GGDM_FAIL(
            err, GGDM_EINVAL, "%s: label_dropout %g, expected %s, as the network has %s null label",
            recipe->path, recipe->label_dropout, null ? "more than 0" : "0", null ? "a" : "no");
    return GGDM_OK;
}

/* sqrt(alpha_bar_t) and sqrt(1 - alpha_bar_t). */
static ggdm_status make_schedule(const ggdm_recipe *r, ggdm_objective_graph *o, ggdm_error *err)
{
    size_t n = (size_t)r->timesteps;
    GGDM_TRY(ggdm_alloc(&o->sqrt_ab, n, sizeof *o->sqrt_ab, err));
    GGDM_TRY(ggdm_alloc(&o->sqrt_1mab, n, sizeof *o->sqrt_1mab, err));
    const ggdm_schedule_config c = {.train_steps = r->timesteps,
                                    .beta_start = r->beta_start,
                                    .beta_end = r->beta_end,
                                    .betas = r->betas,
                                    .zero_snr = r->zero_snr};
    double *bar;
    GGDM_TRY(ggdm_alloc(&bar, n, sizeof *bar, err));
    ggdm_schedule_alpha_bar(&c, bar);
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
    bool bf16 = gradients && recipe->precision == GGDM_TRAIN_BF16;
    GGDM_TRY(ggdm_graph_create(bf16 ? GGDM_BF16 : GGDM_F32, &o->g, err));
    ggdm_ports p = o->in = ggdm_arch_inputs(arch, o->g, o->batch);
    ggdm_val y = ggdm_arch_emit(arch, o->g, &p);
    if (kinds[recipe->objective].noisy)
        GGDM_TRY(make_schedule(recipe, o, err));
    if (recipe->objective == GGDM_OBJECTIVE_DDPM) {
        o->target = ggdm_graph_input(o->g, "target", GGDM_F32, image);
        y = o->loss = ggdm_mse(o->g, p.eps, o->target);
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
    o->target = o->loss = o->logp = o->seed = -1;
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

static int timestep_of(const ggdm_recipe *r, uint64_t sample)
{
    return (int)(golden_uniform(sample) * r->timesteps); /* < timesteps */
}

/* What goes into a slot of the batch. */
typedef struct entry {
    int32_t index;   /* image of the set */
    uint64_t sample; /* of the run, or of the evaluation */
    bool training;   /* as against an evaluation */
} entry;

/* x_t = sqrt(ab_t) x_0 + sqrt(1 - ab_t) eps in place, and its t; target [n] is what of x_t is to be
 * found. */
static void add_noise(ggdm_objective_graph *o, const ggdm_recipe *r, int i, const entry *e,
                      int64_t n, float *x, float *target)
{
    uint32_t low = (uint32_t)e->sample, high = (uint32_t)(e->sample >> 32);
    int t = timestep_of(r, e->sample);
    ggdm_normals(r->seed, GGDM_STREAM_TRAIN, low, high | NOISE | (e->training ? 0 : VALIDATION), n,
                 target);
    float a = o->sqrt_ab[t], b = o->sqrt_1mab[t];
    for (int64_t k = 0; k < n; k++) {
        const float image = x[k], noise = target[k];
        x[k] = a * image + b * noise;
        if (r->prediction == GGDM_PREDICT_V)
            target[k] = a * noise - b * image;
        else if (r->prediction == GGDM_PREDICT_SAMPLE)
            target[k] = image;
    }
    ((float *)ggdm_graph_data(o->g, o->in.t))[i] = (float)t;
}

/* The label that a diffusion model is told; in training some become the null label. */
static int32_t told_label(const ggdm_objective_graph *o, const ggdm_recipe *r,
                          const ggdm_dataset *set, const entry *e)
{
    double u = 1.0;
    if (e->training && r->label_dropout > 0)
        ggdm_uniforms(r->seed, GGDM_STREAM_TRAIN, (uint32_t)e->sample,
                      (uint32_t)(e->sample >> 32) | LABEL, 1, &u);
    return u < r->label_dropout ? o->info.null_label : ggdm_dataset_label(set, e->index);
}

/* The inputs of the network in slot i. */
static void fill_slot(ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set, int i,
                      const entry *e)
{
    const int size = o->info.size, channels = o->info.channels;
    const int64_t n = (int64_t)size * size * channels;
    float *x = (float *)ggdm_graph_data(o->g, o->in.x) + i * n, *scratch = o->scratch + i * n;
    ggdm_dataset_image(set, e->index, x);
    if (e->training && o->logp >= 0)
        ggdm_augment_image(&r->augment, r->seed, e->sample, size, size, channels, x, scratch);
    if (o->in.t >= 0)
        add_noise(o, r, i, e, n, x,
                  o->target >= 0 ? (float *)ggdm_graph_data(o->g, o->target) + i * n : scratch);
    if (o->in.label >= 0)
        ((int32_t *)ggdm_graph_data(o->g, o->in.label))[i] = told_label(o, r, set, e);
}

/* d(mean loss)/d(logp) = -q / global batch, q the smoothed one-hot label. */
static void fill_target(ggdm_objective_graph *o, const ggdm_recipe *r, int i, int32_t label)
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
    for (int i = 0; i < o->batch; i++)
        o->index[i] = ggdm_order_at(order, first + i);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < o->batch; i++) {
        const entry e = {o->index[i], (uint64_t)first + (uint64_t)i, true};
        fill_slot(o, r, set, i, &e);
        if (o->logp >= 0)
            fill_target(o, r, i, ggdm_dataset_label(set, e.index));
        else
            ((float *)ggdm_graph_data(o->g, o->seed))[i] = 1.0f / (float)o->global_batch;
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

/* Sums over the images that were seen. */
typedef struct sums {
    double loss;
    int64_t right;
    int64_t seen_at[GGDM_T_BANDS], right_at[GGDM_T_BANDS];
} sums;

static int band_of(const ggdm_recipe *r, uint64_t sample)
{
    return (int)((int64_t)timestep_of(r, sample) * GGDM_T_BANDS / r->timesteps);
}

/* The result in slot i, which is of this image. */
static void add_result(const ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set,
                       int i, int32_t index, sums *s)
{
    if (o->logp < 0) {
        s->loss += ((const float *)ggdm_graph_data(o->g, o->loss))[i];
        return;
    }
    const int k = o->info.n_classes;
    const float *logp = (const float *)ggdm_graph_data(o->g, o->logp) + (int64_t)i * k;
    const int32_t label = ggdm_dataset_label(set, index);
    const bool right = ggdm_argmax(logp, k) == label;
    const int band = band_of(r, (uint64_t)index);
    s->loss -= logp[label];
    s->right += right;
    s->seen_at[band]++;
    s->right_at[band] += right;
}

ggdm_evaluation ggdm_objective_evaluate(ggdm_objective_graph *o, const ggdm_recipe *r,
                                        const ggdm_dataset *set, int64_t count)
{
    sums s = {0};
    if (count > set->n)
        count = set->n;
    for (int64_t first = 0; first < count; first += o->batch) {
        int valid = count - first < o->batch ? (int)(count - first) : o->batch;
#pragma omp parallel for schedule(static)
        for (int i = 0; i < o->batch; i++) { /* the last batch repeats its last image */
            int32_t index = (int32_t)(first + (i < valid ? i : valid - 1));
            fill_slot(o, r, set, i, &(entry){index, (uint64_t)index, false});
        }
        ggdm_graph_run(o->g);
        for (int i = 0; i < valid; i++)
            add_result(o, r, set, i, (int32_t)(first + i), &s);
    }
    const double total = count > 0 ? (double)count : 1.0;
    ggdm_evaluation e = {count, s.loss / total, o->logp < 0 ? -1.0 : (double)s.right / total, {0}};
    for (int i = 0; i < GGDM_T_BANDS; i++)
        e.by_t[i] = s.seen_at[i] ? (double)s.right_at[i] / (double)s.seen_at[i] : -1.0;
    return e;
}
