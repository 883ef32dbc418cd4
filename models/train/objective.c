#include "models/train/objective.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/philox.h"
#include "models/nn/ops.h"
#include "models/train/captions.h"
#include "models/train/objective_kind.h"

static const ggdm_objective_kind *const kinds[] = {
    [GGDM_OBJECTIVE_DDPM] = &ggdm_objective_ddpm,
    [GGDM_OBJECTIVE_CLASSIFIER] = &ggdm_objective_classifier,
    [GGDM_OBJECTIVE_NOISY_CLASSIFIER] = &ggdm_objective_noisy_classifier,
    [GGDM_OBJECTIVE_CONTRASTIVE] = &ggdm_objective_contrastive,
    [GGDM_OBJECTIVE_NOISY_CONTRASTIVE] = &ggdm_objective_noisy_contrastive};

ggdm_image_want ggdm_objective_want(const ggdm_recipe *recipe, const ggdm_arch_info *info)
{
    ggdm_image_want want = {.size = info->size,
                            .channels = info->channels,
                            .crop = recipe->crop,
                            .shorter = recipe->shorter};
    kinds[recipe->objective]->want(info, &want);
    return want;
}

void ggdm_objective_measures(const ggdm_recipe *recipe, const ggdm_arch_info *info,
                             ggdm_measures *out)
{
    *out = (ggdm_measures){0};
    if (kinds[recipe->objective]->measures)
        kinds[recipe->objective]->measures(recipe, info, out);
}

const char *ggdm_objective_accuracy_name(const ggdm_recipe *recipe)
{
    return kinds[recipe->objective]->role == GGDM_ENCODER ? "recall@1" : "accuracy";
}

/* --- building --- */

static ggdm_status check_arch(const ggdm_recipe *recipe, const ggdm_objective_kind *kind,
                              const ggdm_arch_info *info, ggdm_error *err)
{
    const bool timed = info->ports & GGDM_PORT_T;
    if (info->role != kind->role || timed != kind->noisy)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: objective '%s' does not fit a %s %s timesteps",
                         recipe->path, ggdm_objective_names[recipe->objective], info->class_name,
                         timed ? "that takes" : "without");
    return kind->check ? kind->check(recipe, info, err) : GGDM_OK;
}

/* The gradients of y[k], added to those of the others. */
static void emit_gradients(ggdm_objective_graph *o, int k, const ggdm_val *wrt, ggdm_val *grads)
{
    ggdm_graph_backward(o->g, o->y[k], o->seed[k], o->n_params, wrt, grads);
    for (int i = 0; i < o->n_params; i++)
        if (o->grads[i] < 0)
            o->grads[i] = grads[i];
        else if (grads[i] >= 0)
            ggdm_graph_output(o->g, o->grads[i] = ggdm_add(o->g, o->grads[i], grads[i]));
}

static ggdm_status emit_backward(ggdm_objective_graph *o, ggdm_error *err)
{
    ggdm_graph *g = o->g;
    ggdm_val *wrt = NULL, *grads = NULL;
    ggdm_status st;
    const size_t n = (size_t)(o->n_params = ggdm_graph_param_count(g));
    GGDM_TRY(ggdm_alloc(&o->grads, n, sizeof *o->grads, err));
    GGDM_TRY_GOTO(st, ggdm_alloc(&wrt, n, sizeof *wrt, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&grads, n, sizeof *grads, err), done);
    for (size_t i = 0; i < n; i++) {
        wrt[i] = ggdm_graph_param_info(g, (int)i).value;
        o->grads[i] = -1;
    }
    ggdm_graph_cut(g);
    for (int k = 0; k < o->n_y; k++) {
        o->seed[k] = ggdm_graph_input(g, "seed", GGDM_F32, *ggdm_graph_shape(g, o->y[k]));
        emit_gradients(o, k, wrt, grads);
    }
done:
    free(grads);
    free(wrt);
    return st;
}

static ggdm_status build_objective(const ggdm_recipe *recipe, const ggdm_arch *arch, bool gradients,
                                   ggdm_objective_graph *o, ggdm_error *err)
{
    const ggdm_shape image = GGDM_SHAPE4(o->batch, o->info.size, o->info.size, o->info.channels);
    const bool bf16 = gradients && recipe->precision == GGDM_TRAIN_BF16;
    GGDM_TRY(ggdm_alloc(&o->scratch, (size_t)ggdm_shape_count(&image), sizeof(float), err));
    GGDM_TRY(ggdm_alloc(&o->index, (size_t)o->batch, sizeof *o->index, err));
    GGDM_TRY(ggdm_graph_create(bf16 ? GGDM_BF16 : GGDM_F32, &o->g, err));
    GGDM_TRY(ggdm_alloc(&o->told, (size_t)o->batch, sizeof *o->told, err));
    o->in = ggdm_arch_inputs_of(arch, o->g, o->batch, o->texts ? o->texts->length : 1);
    ggdm_arch_emit(arch, o->g, &o->in);
    if (o->kind->noisy)
        GGDM_TRY(ggdm_noising_init(recipe, &o->noising, err));
    GGDM_TRY(o->kind->build(o, err));
    bool built = true; /* a building error is reported when the graph is compiled */
    for (int k = 0; k < o->n_y; k++) {
        ggdm_graph_output(o->g, o->y[k]);
        built = built && o->y[k] >= 0;
    }
    return gradients && built ? emit_backward(o, err) : GGDM_OK;
}

ggdm_status ggdm_objective_create(const ggdm_recipe *recipe, const ggdm_arch *arch,
                                  ggdm_text_condition *texts, int batch, int global_batch,
                                  bool gradients, ggdm_objective_graph **out, ggdm_error *err)
{
    ggdm_objective_graph *o = NULL;
    GGDM_TRY(ggdm_alloc(&o, 1, sizeof *o, err));
    o->kind = kinds[recipe->objective];
    o->info = ggdm_arch_get_info(arch);
    o->texts = texts;
    o->batch = batch;
    o->global_batch = global_batch;
    o->target = -1;
    ggdm_status st = check_arch(recipe, o->kind, &o->info, err);
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
    ggdm_noising_deinit(&(*o)->noising);
    ggdm_contrast_deinit(&(*o)->contrast);
    free((*o)->grads);
    free((*o)->scratch);
    free((*o)->index);
    free((*o)->told);
    free(*o);
    *o = NULL;
}

/* --- batches --- */

static void fill_slot(ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set, int i,
                      const ggdm_entry *e)
{
    const int64_t n = ggdm_shape_inner(ggdm_graph_shape(o->g, o->in.x));
    float *x = (float *)ggdm_graph_data(o->g, o->in.x) + i * n;
    ggdm_dataset_image(set, e->index, x);
    o->kind->fill(o, r, set, i, e, x);
}

/* What the images are told, when all slots are filled. */
static ggdm_status tell(ggdm_objective_graph *o, ggdm_error *err)
{
    return o->texts ? ggdm_text_condition_get(o->texts, o->told, o->batch,
                                              ggdm_graph_data(o->g, o->in.context), err)
                    : GGDM_OK;
}

ggdm_status ggdm_objective_fill(ggdm_objective_graph *o, const ggdm_recipe *r,
                                const ggdm_dataset *set, ggdm_order *order, int64_t first,
                                ggdm_error *err)
{
    for (int i = 0; i < o->batch; i++)
        o->index[i] = ggdm_order_at(order, first + i);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < o->batch; i++) {
        const ggdm_entry e = {o->index[i], (uint64_t)first + (uint64_t)i, true};
        fill_slot(o, r, set, i, &e);
    }
    return tell(o, err);
}

int32_t ggdm_objective_caption(const ggdm_recipe *r, const ggdm_dataset *set, const ggdm_entry *e)
{
    const int32_t n = ggdm_dataset_wordings(set, e->index);
    double u = 0;
    if (e->training && n > 1)
        ggdm_uniforms(r->seed, GGDM_STREAM_TRAIN, (uint32_t)e->sample,
                      (uint32_t)(e->sample >> 32) | GGDM_DRAW_WORDING, 1, &u);
    return ggdm_dataset_caption(set, e->index, (int32_t)(u * n));
}

void ggdm_objective_disturb(ggdm_objective_graph *o, const ggdm_recipe *r, int i,
                            const ggdm_entry *e, float *x)
{
    const int size = o->info.size, channels = o->info.channels;
    const int64_t n = (int64_t)size * size * channels;
    float *scratch = o->scratch + i * n;
    if (e->training)
        ggdm_augment_image(&r->augment, r->seed, e->sample, size, size, channels, x, scratch);
    if (o->in.t >= 0)
        ((float *)ggdm_graph_data(o->g, o->in.t))[i] =
            (float)ggdm_noising_apply(&o->noising, e->sample, e->training, n, x, scratch);
}

ggdm_status ggdm_objective_run(ggdm_objective_graph *o, ggdm_world *world, ggdm_error *err)
{
    ggdm_graph_run_first(o->g);
    if (o->kind->seed)
        GGDM_TRY(o->kind->seed(o, world, err));
    ggdm_graph_run_second(o->g);
    return GGDM_OK;
}

void ggdm_objective_limit(const ggdm_objective_graph *o, ggdm_flat *flat)
{
    if (o->kind->limit)
        o->kind->limit(flat);
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
    return o->kind->loss(o);
}

/* --- evaluation --- */

void ggdm_sums_count(ggdm_sums *s, int measure, bool right)
{
    s->asked_of[measure]++;
    s->right_of[measure] += right;
}

static double share(int64_t right, int64_t asked)
{
    return asked ? (double)right / (double)asked : -1.0;
}

ggdm_status ggdm_objective_look(ggdm_objective_graph *o, const ggdm_recipe *r,
                                const ggdm_dataset *set, int64_t first, int valid, ggdm_error *err)
{
#pragma omp parallel for schedule(static)
    for (int i = 0; i < o->batch; i++) { /* the last batch repeats its last image */
        const int32_t index = (int32_t)(first + (i < valid ? i : valid - 1));
        fill_slot(o, r, set, i, &(ggdm_entry){index, (uint64_t)index, false});
    }
    GGDM_TRY(tell(o, err));
    ggdm_graph_run(o->g);
    return GGDM_OK;
}

static ggdm_status evaluate_singly(ggdm_objective_graph *o, const ggdm_recipe *r,
                                   const ggdm_dataset *set, int64_t n, ggdm_sums *s,
                                   ggdm_error *err)
{
    for (int64_t first = 0; first < n; first += o->batch) {
        const int valid = n - first < o->batch ? (int)(n - first) : o->batch;
        GGDM_TRY(ggdm_objective_look(o, r, set, first, valid, err));
        for (int i = 0; i < valid; i++)
            o->kind->add(o, r, set, i, (int32_t)(first + i), s);
    }
    return GGDM_OK;
}

ggdm_status ggdm_objective_evaluate(ggdm_objective_graph *o, const ggdm_recipe *r,
                                    const ggdm_dataset *set, int64_t n, ggdm_evaluation *out,
                                    ggdm_error *err)
{
    ggdm_sums s = {0};
    if (n > set->n)
        n = set->n;
    if (o->kind->most_images && n > o->kind->most_images)
        n = o->kind->most_images;
    GGDM_TRY(o->kind->evaluate ? o->kind->evaluate(o, r, set, &n, &s, err)
                               : evaluate_singly(o, r, set, n, &s, err));
    *out = (ggdm_evaluation){.n = n, .loss = s.loss / (double)(n > 0 ? n : 1)};
    out->accuracy = share(s.right, s.asked);
    for (int i = 0; i < GGDM_MEASURES; i++)
        out->measured[i] = share(s.right_of[i], s.asked_of[i]);
    return GGDM_OK;
}
