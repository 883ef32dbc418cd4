#include "models/train/objective.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/train/objective_kind.h"

static const ggdm_objective_kind *const kinds[] = {
    [GGDM_OBJECTIVE_DDPM] = &ggdm_objective_ddpm,
    [GGDM_OBJECTIVE_CLASSIFIER] = &ggdm_objective_classifier,
    [GGDM_OBJECTIVE_NOISY_CLASSIFIER] = &ggdm_objective_noisy_classifier};

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

static ggdm_status emit_backward(ggdm_objective_graph *o, ggdm_error *err)
{
    ggdm_graph *g = o->g;
    ggdm_val *wrt = NULL;
    o->n_params = ggdm_graph_param_count(g);
    GGDM_TRY(ggdm_alloc(&o->grads, (size_t)o->n_params, sizeof *o->grads, err));
    GGDM_TRY(ggdm_alloc(&wrt, (size_t)o->n_params, sizeof *wrt, err));
    for (int i = 0; i < o->n_params; i++)
        wrt[i] = ggdm_graph_param_info(g, i).value;
    o->seed = ggdm_graph_input(g, "seed", GGDM_F32, *ggdm_graph_shape(g, o->y));
    ggdm_graph_backward(g, o->y, o->seed, o->n_params, wrt, o->grads);
    free(wrt);
    return GGDM_OK;
}

static ggdm_status build_objective(const ggdm_recipe *recipe, const ggdm_arch *arch, bool gradients,
                                   ggdm_objective_graph *o, ggdm_error *err)
{
    const ggdm_shape image = GGDM_SHAPE4(o->batch, o->info.size, o->info.size, o->info.channels);
    const bool bf16 = gradients && recipe->precision == GGDM_TRAIN_BF16;
    GGDM_TRY(ggdm_alloc(&o->scratch, (size_t)ggdm_shape_count(&image), sizeof(float), err));
    GGDM_TRY(ggdm_alloc(&o->index, (size_t)o->batch, sizeof *o->index, err));
    GGDM_TRY(ggdm_graph_create(bf16 ? GGDM_BF16 : GGDM_F32, &o->g, err));
    o->in = ggdm_arch_inputs(arch, o->g, o->batch);
    ggdm_arch_emit(arch, o->g, &o->in);
    if (o->kind->noisy)
        GGDM_TRY(ggdm_noising_init(recipe, &o->noising, err));
    o->kind->build(o);
    ggdm_graph_output(o->g, o->y);
    if (gradients && o->y >= 0) /* a building error is reported when the graph is compiled */
        return emit_backward(o, err);
    return GGDM_OK;
}

ggdm_status ggdm_objective_create(const ggdm_recipe *recipe, const ggdm_arch *arch, int batch,
                                  int global_batch, bool gradients, ggdm_objective_graph **out,
                                  ggdm_error *err)
{
    ggdm_objective_graph *o = NULL;
    GGDM_TRY(ggdm_alloc(&o, 1, sizeof *o, err));
    o->kind = kinds[recipe->objective];
    o->info = ggdm_arch_get_info(arch);
    o->batch = batch;
    o->global_batch = global_batch;
    o->y = o->target = o->seed = -1;
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
    free((*o)->grads);
    free((*o)->scratch);
    free((*o)->index);
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

void ggdm_objective_fill(ggdm_objective_graph *o, const ggdm_recipe *r, const ggdm_dataset *set,
                         ggdm_order *order, int64_t first)
{
    for (int i = 0; i < o->batch; i++)
        o->index[i] = ggdm_order_at(order, first + i);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < o->batch; i++) {
        const ggdm_entry e = {o->index[i], (uint64_t)first + (uint64_t)i, true};
        fill_slot(o, r, set, i, &e);
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
    return o->kind->loss(o);
}

/* --- evaluation --- */

static double share(int64_t right, int64_t asked)
{
    return asked ? (double)right / (double)asked : -1.0;
}

ggdm_evaluation ggdm_objective_evaluate(ggdm_objective_graph *o, const ggdm_recipe *r,
                                        const ggdm_dataset *set, int64_t n)
{
    ggdm_sums s = {0};
    if (n > set->n)
        n = set->n;
    if (o->kind->most_images && n > o->kind->most_images)
        n = o->kind->most_images;
    for (int64_t first = 0; first < n; first += o->batch) {
        const int valid = n - first < o->batch ? (int)(n - first) : o->batch;
#pragma omp parallel for schedule(static)
        for (int i = 0; i < o->batch; i++) { /* the last batch repeats its last image */
            const int32_t index = (int32_t)(first + (i < valid ? i : valid - 1));
            fill_slot(o, r, set, i, &(ggdm_entry){index, (uint64_t)index, false});
        }
        ggdm_graph_run(o->g);
        for (int i = 0; i < valid; i++)
            o->kind->add(o, r, set, i, (int32_t)(first + i), &s);
    }
    ggdm_evaluation e = {.n = n, .loss = s.loss / (double)(n > 0 ? n : 1)};
    e.accuracy = share(s.right, s.asked);
    for (int i = 0; i < GGDM_MEASURES; i++)
        e.measured[i] = share(s.right_of[i], s.asked_of[i]);
    return e;
}
