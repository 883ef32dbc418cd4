/* The loop.  Everything random is a function of (recipe seed, position in the stream of images), so
 * the state that has to survive is the flat arrays and the step number.
 *
 * One step: fill the batch, run the graph, sum the gradients over the ranks (with the loss and the
 * wish to stop in the slots behind them, so that all ranks decide alike), clip, AdamW, EMA. */
#include "models/train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/threads.h"
#include "models/train/adamw.h"
#include "models/train/checkpoint.h"
#include "models/train/curve.h"
#include "models/train/export.h"
#include "models/train/folder.h"
#include "models/train/material.h"
#include "models/train/objective.h"

#define EVAL_BATCH 100
#define SMOOTHING 0.99 /* of the reported loss, per step */

enum { SLOT_LOSS, SLOT_STOP }; /* behind the gradient, at most GGDM_FLAT_EXTRA */

typedef struct trainer {
    const ggdm_recipe *recipe;
    const ggdm_train_options *options;
    ggdm_world *world;
    int rank;
    int64_t steps;
    ggdm_arch *arch;
    ggdm_arch_info info;
    ggdm_material m;
    ggdm_order order;
    ggdm_objective_graph *step_graph, *eval_graph; /* eval_graph: rank 0 */
    ggdm_flat *flat;
    ggdm_params params, ema_params; /* views for the two graphs */
    ggdm_tensor *ema_items;
    ggdm_train_state state;
    ggdm_curve curve; /* rank 0 */
    ggdm_folder folder;
    ggdm_evaluation last;      /* most recent evaluation */
    double rate, step_seconds; /* images per second, seconds of a step, smoothed */
    double started;            /* clock at the begin of this call, minus earlier seconds */
    double saved;              /* clock at the last checkpoint */
} trainer;

/* --- setting up --- */

/* Graphs and parameters.  The parameters are made from the declarations before compiling. */
static ggdm_status build_networks(trainer *t, ggdm_error *err)
{
    const ggdm_recipe *r = t->recipe;
    int ranks = ggdm_world_size(t->world);
    if (r->batch % ranks)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: batch %d, expected a multiple of the %d ranks",
                         r->path, r->batch, ranks);
    GGDM_TRY(ggdm_objective_create(r, t->arch, t->m.texts, r->batch / ranks, r->batch, true,
                                   &t->step_graph, err));
    GGDM_TRY(ggdm_flat_create(t->step_graph->g, r->seed, &t->flat, err));
    t->params = (ggdm_params){.items = t->flat->items, .n = (size_t)t->flat->n_params};
    GGDM_TRY(ggdm_graph_compile(t->step_graph->g, &t->params, err));
    if (t->rank != 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_alloc(&t->ema_items, t->params.n, sizeof *t->ema_items, err));
    for (size_t i = 0; i < t->params.n; i++) {
        t->ema_items[i] = t->params.items[i];
        t->ema_items[i].data = t->flat->ema + t->flat->offset[i];
    }
    t->ema_params = (ggdm_params){.items = t->ema_items, .n = t->params.n};
    GGDM_TRY(ggdm_objective_create(r, t->arch, t->m.texts, EVAL_BATCH, EVAL_BATCH, false,
                                   &t->eval_graph, err));
    return ggdm_graph_compile(t->eval_graph->g, &t->ema_params, err);
}

/* Note by what the training goes on, and warn where a checkpoint was made by something else. */
static void adopt(ggdm_train_state *s, int ranks, const ggdm_train_options *o, bool found)
{
    const char *isa = ggdm_isa_name(o->isa);
    if (found && (s->ranks != ranks || s->threads != o->threads || strcmp(s->isa, isa) != 0))
        ggdm_log(GGDM_LOG_WARN,
                 "checkpoint was made by %d rank(s) with %d thread(s) and %s, now %d with %d and "
                 "%s: the weights will differ in the last bits",
                 s->ranks, s->threads, s->isa, ranks, o->threads, isa);
    s->ranks = ranks;
    s->threads = o->threads;
    snprintf(s->isa, sizeof s->isa, "%s", isa);
}

static ggdm_status save_checkpoint(trainer *t, ggdm_error *err)
{
    t->state.seconds = ggdm_now() - t->started;
    t->saved = ggdm_now();
    return ggdm_checkpoint_write(t->folder.checkpoint, t->flat, &t->state, err);
}

static ggdm_status begin_weights(trainer *t, ggdm_error *err)
{
    const char *from = t->recipe->from;
    ggdm_warm_start *w = &t->state.from;
    if (!from)
        return GGDM_OK;
    GGDM_TRY(ggdm_warm_start_from(from, t->flat, w, err));
    ggdm_log(GGDM_LOG_INFO, "%d tensors begin as in %s (SHA-256 %.12s...), %d anew", (int)w->taken,
             from, w->digest, (int)w->fresh);
    return GGDM_OK;
}

/* Rank 0 reads the checkpoint; where there is none it writes one, by which the folder is this
 * training's from its first step on. */
static ggdm_status read_checkpoint(trainer *t, ggdm_error *err)
{
    bool found = false;
    memcpy(t->state.recipe, t->recipe->digest, sizeof t->state.recipe);
    GGDM_TRY(ggdm_checkpoint_read(t->folder.checkpoint, t->flat, &t->state, &found, err));
    adopt(&t->state, ggdm_world_size(t->world), t->options, found);
    t->started = ggdm_now() - t->state.seconds;
    if (!found) {
        GGDM_TRY(ggdm_folder_check_free(&t->folder, ggdm_export_weights_file(&t->info), err));
        GGDM_TRY(begin_weights(t, err));
        GGDM_TRY(save_checkpoint(t, err));
    }
    ggdm_measures measures;
    ggdm_objective_measures(t->recipe, &t->info, &measures);
    return ggdm_curve_open(t->folder.curve, t->state.step, &measures, &t->curve, err);
}

/* The others get what rank 0 has; their data must be the same. */
static ggdm_status resume(trainer *t, ggdm_error *err)
{
    const char *data = t->m.data.sha256;
    ggdm_flat *f = t->flat;
    memcpy(t->state.data, data, sizeof t->state.data);
    if (t->rank == 0)
        GGDM_TRY(read_checkpoint(t, err));
    GGDM_TRY(ggdm_world_broadcast(t->world, 0, &t->state, sizeof t->state, err));
    if (strcmp(t->state.data, data) != 0)
        return GGDM_FAIL(err, GGDM_ESTATE, "%s: rank %d has other data there than rank 0",
                         t->recipe->data_dir, t->rank);
    if (t->state.step > 0 || t->recipe->from) {
        float *const arrays[] = {f->w, f->m, f->v, f->ema};
        for (int i = 0; i < 4; i++)
            GGDM_TRY(ggdm_world_broadcast(t->world, 0, arrays[i], sizeof(float) * f->n, err));
    }
    ggdm_graph_params_changed(t->step_graph->g);
    t->saved = ggdm_now();
    return GGDM_OK;
}

static ggdm_status set_up(trainer *t, ggdm_error *err)
{
    const ggdm_recipe *r = t->recipe;
    GGDM_TRY(ggdm_arch_parse(r->config, strlen(r->config), r->path, &t->arch, err));
    t->info = ggdm_arch_get_info(t->arch);
    if (!t->info.weights_file)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: a %s has no weights, expected a network to train",
                         r->path, t->info.class_name);
    if (t->info.frozen)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: a %s has batch norm with the statistics of its training and is not "
                         "trained here, expected another network",
                         r->path, t->info.class_name);
    GGDM_TRY(ggdm_material_open(r, &t->info, t->rank == 0, &t->m, err));
    GGDM_TRY(ggdm_order_init(&t->order, r->seed, t->m.data.train.n, err));
    GGDM_TRY(
        ggdm_folder_open(t->options->out, t->rank == 0, t->options->take_over, &t->folder, err));
    GGDM_TRY(build_networks(t, err));
    return resume(t, err);
}

static void tear_down(trainer *t)
{
    ggdm_objective_destroy(&t->step_graph);
    ggdm_objective_destroy(&t->eval_graph);
    ggdm_flat_destroy(&t->flat);
    free(t->ema_items);
    ggdm_curve_close(&t->curve);
    ggdm_order_deinit(&t->order);
    ggdm_material_close(&t->m);
    ggdm_arch_destroy(&t->arch);
    ggdm_folder_close(&t->folder);
}

/* --- stepping --- */

static bool wants_stop(const trainer *t, int64_t first_step)
{
    const ggdm_train_options *o = t->options;
    return (o->stop && *o->stop) ||
           (o->stop_after > 0 && t->state.step + 1 - first_step >= o->stop_after);
}

/* One optimiser step; *stop: a rank was asked to stop. */
static ggdm_status do_step(trainer *t, int64_t first_step, double *lr, bool *stop, ggdm_error *err)
{
    const ggdm_recipe *r = t->recipe;
    ggdm_flat *f = t->flat;
    int64_t step = t->state.step;
    int64_t first = step * r->batch + (int64_t)t->rank * t->step_graph->batch;
    GGDM_TRY(ggdm_objective_fill(t->step_graph, r, &t->m.data.train, &t->order, first, err));
    GGDM_TRY(ggdm_objective_run(t->step_graph, t->world, err));
    f->g[f->n + SLOT_LOSS] = (float)ggdm_objective_collect(t->step_graph, f);
    f->g[f->n + SLOT_STOP] = wants_stop(t, first_step) ? 1.0f : 0.0f;
    GGDM_TRY(ggdm_world_sum(t->world, f->g, f->n + GGDM_FLAT_EXTRA, err));
    double loss = f->g[f->n + SLOT_LOSS], norm = ggdm_gradient_norm(f);
    if (!isfinite(loss) || !isfinite(norm))
        return GGDM_FAIL(err, GGDM_ENUMERIC,
                         "step %lld: loss %g, gradient norm %g; lower the learning rate",
                         (long long)step, loss, norm);
    double scale = r->optim.clip > 0 && norm > r->optim.clip ? r->optim.clip / norm : 1.0;
    *lr = ggdm_learning_rate(&r->optim, step, t->steps);
    ggdm_adamw_step(&r->optim, f, step, *lr, scale);
    ggdm_objective_limit(t->step_graph, f);
    ggdm_graph_params_changed(t->step_graph->g);
    double keep = (double)step / (double)(step + 1); /* a plain mean at first */
    if (keep > SMOOTHING)
        keep = SMOOTHING;
    t->state.loss = keep * t->state.loss + (1.0 - keep) * loss;
    t->state.step++;
    *stop = f->g[f->n + SLOT_STOP] > 0;
    return GGDM_OK;
}

static ggdm_status evaluate_weights(trainer *t, ggdm_error *err)
{
    ggdm_graph_params_changed(t->eval_graph->g);
    return ggdm_objective_evaluate(t->eval_graph, t->recipe, &t->m.data.test, t->m.data.test.n,
                                   &t->last, err);
}

static bool divides(int64_t every, int64_t step)
{
    return every > 0 && step % every == 0;
}

/* Rank 0 after a step: evaluation, curve, progress. */
static ggdm_status record_step(trainer *t, double lr, ggdm_error *err)
{
    const ggdm_recipe *r = t->recipe;
    int64_t step = t->state.step;
    bool last = step == t->steps, evaluated = last || divides(r->evaluate_steps, step);
    if (evaluated)
        GGDM_TRY(evaluate_weights(t, err));
    if (evaluated || divides(r->curve_steps, step)) {
        const ggdm_evaluation *e = &t->last;
        ggdm_curve_row row = {step, step * r->batch, t->state.loss, lr, t->rate, -1, -1, {0}};
        row.val_loss = evaluated ? e->loss : -1;
        row.val_accuracy = evaluated ? e->accuracy : -1;
        for (int i = 0; i < GGDM_MEASURES; i++)
            row.measured[i] = evaluated ? e->measured[i] : -1;
        GGDM_TRY(ggdm_curve_add(&t->curve, &row, err));
    }
    if (t->options->progress) {
        ggdm_train_progress p = {
            .step = step,
            .steps = t->steps,
            .epoch = (double)step * r->batch / t->m.data.train.n,
            .loss = t->state.loss,
            .lr = lr,
            .rate = t->rate,
            .eta = t->rate > 0 ? (double)((t->steps - step) * r->batch) / t->rate : 0,
            .evaluated = evaluated,
            .val_loss = t->last.loss,
            .val_accuracy = t->last.accuracy,
            .accuracy_name = ggdm_objective_accuracy_name(r)};
        t->options->progress(t->options->context, &p);
    }
    return GGDM_OK;
}

/* Images per second over about the last 20 steps of this call, without evaluations and checkpoints
 * and without the first step, which warms caches up. */
static void measure_speed(trainer *t, int64_t done, double seconds)
{
    if (done <= 2)
        t->step_seconds = seconds;
    else
        t->step_seconds += (seconds - t->step_seconds) / (double)(done < 20 ? done : 20);
    t->rate = t->step_seconds > 0 ? t->recipe->batch / t->step_seconds : 0;
}

static ggdm_status loop(trainer *t, ggdm_error *err)
{
    const ggdm_recipe *r = t->recipe;
    const int64_t first_step = t->state.step;
    bool stop = false;
    while (t->state.step < t->steps && !stop) {
        double lr = 0, before = ggdm_now();
        GGDM_TRY(do_step(t, first_step, &lr, &stop, err));
        measure_speed(t, t->state.step - first_step, ggdm_now() - before);
        if (t->rank != 0)
            continue;
        GGDM_TRY(ggdm_owner_beat(t->folder.owner, err));
        GGDM_TRY(record_step(t, lr, err));
        bool due = r->checkpoint_seconds > 0 && ggdm_now() - t->saved >= r->checkpoint_seconds;
        if (stop || t->state.step == t->steps || due || divides(r->checkpoint_steps, t->state.step))
            GGDM_TRY(save_checkpoint(t, err));
    }
    if (stop && t->state.step < t->steps)
        return GGDM_FAIL(err, GGDM_ECANCELLED,
                         "stopped at step %lld of %lld; the same command continues",
                         (long long)t->state.step, (long long)t->steps);
    return GGDM_OK;
}

static ggdm_status finish_training(trainer *t, ggdm_error *err)
{
    if (t->rank != 0)
        return GGDM_OK;
    /* the last checkpoint keeps the weights as they are */
    GGDM_TRY(ggdm_export_round(t->recipe, t->flat, err));
    if (t->last.n == 0 || t->recipe->weights != GGDM_WEIGHTS_F32) /* not measured as they are */
        GGDM_TRY(evaluate_weights(t, err));
    ggdm_export e = {.dir = t->options->out,
                     .command = t->options->command,
                     .recipe = t->recipe,
                     .texts = t->m.texts,
                     .arch = &t->info,
                     .flat = t->flat,
                     .data = &t->m.data,
                     .state = &t->state,
                     .curve = &t->curve,
                     .final = &t->last};
    return ggdm_export_model(&e, err);
}

ggdm_status ggdm_train(const ggdm_recipe *recipe, const ggdm_train_options *options,
                       ggdm_world *world, ggdm_error *err)
{
    trainer t = {.recipe = recipe, .options = options, .world = world};
    t.rank = ggdm_world_rank(world);
    t.steps = ggdm_recipe_steps(recipe);
    ggdm_use_threads(options->threads);
    ggdm_status st = set_up(&t, err);
    if (st == GGDM_OK)
        st = loop(&t, err);
    if (st == GGDM_OK)
        st = finish_training(&t, err);
    tear_down(&t);
    return st;
}
