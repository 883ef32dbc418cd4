/* Walks the trajectory tree of a unit by tick.
 *
 * At each tick the live images (worker/walk.h) are put into lists, one for each program, and each
 * list is advanced in batches.  A segment starts as a copy of its parent's last state, so a shared
 * prefix is computed once. */
#include "worker/generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/philox.h"
#include "worker/present.h"
#include "worker/recorder.h"
#include "worker/sampler.h"
#include "worker/scores.h"
#include "worker/unit_steps.h"

/* A unit being run. */
typedef struct run {
    const ggdm_tools *tools;
    const ggdm_unit *unit;
    const ggdm_executor_sink *sink;
    const ggdm_head *head;
    ggdm_arena arena;
    ggdm_unit_steps steps; /* the arena's */
    ggdm_walk walk;
    ggdm_live **list; /* [segments * images] those of one program at a tick */
    float *noise;     /* [images, noises, elements] of the current step */
    float *x0;        /* [batch, elements] x0-hat as samplers see it */
    float *range;     /* [batch, elements] of learned variances, over the largest (ggdm_sampler_io);
                         NULL: the chain has none */
    ggdm_scores *scores;
} run;

static const ggdm_unit_setting *setting_of(const run *r, int32_t segment)
{
    return &r->steps.settings[r->unit->segments[segment].setting];
}

static bool has_range(const ggdm_chain *c)
{
    for (int32_t i = 0; i < c->steps * c->evaluations; i++)
        if (c->step[i].log_range != 0.0f)
            return true;
    return false;
}

static ggdm_status run_init(run *r, ggdm_error *err)
{
    const ggdm_unit *u = r->unit;
    size_t images = (size_t)u->image_count;
    GGDM_TRY(ggdm_unit_steps_read(r->tools, u, &r->arena, &r->steps, err));
    r->head = r->steps.head;
    GGDM_TRY(ggdm_scores_create(r->tools, u, &r->scores, err));
    GGDM_TRY(ggdm_scores_shape(r->scores, r->head->image, err));
    GGDM_TRY(ggdm_walk_init(&r->walk, u, r->steps.ticks, &r->steps.state, err));
    GGDM_TRY(ggdm_alloc(&r->list, (size_t)u->n_segments * images, sizeof *r->list, err));
    GGDM_TRY(ggdm_alloc(&r->noise, images * (size_t)r->head->kind->noises,
                        (size_t)r->head->state.elements * sizeof *r->noise, err));
    GGDM_TRY(ggdm_alloc(&r->x0, (size_t)r->tools->job.batch,
                        (size_t)r->head->state.elements * sizeof *r->x0, err));
    if (has_range(&r->head->chain))
        GGDM_TRY(ggdm_alloc(&r->range, (size_t)r->tools->job.batch,
                            (size_t)r->head->state.elements * sizeof *r->range, err));
    ggdm_error why = {0};
    if (u->state && ggdm_walk_restore(&r->walk, u->state, u->state_size, &why) != GGDM_OK)
        ggdm_log(GGDM_LOG_WARN,
                 "unit %lld: its checkpoint is of no use (%s): it starts from the beginning",
                 (long long)u->id, why.msg);
    return GGDM_OK;
}

static void run_deinit(run *r)
{
    ggdm_scores_destroy(&r->scores);
    ggdm_walk_deinit(&r->walk);
    ggdm_arena_deinit(&r->arena);
    free(r->list);
    free(r->noise);
    free(r->x0);
    free(r->range);
}

/* ---- noise ---- */

/* Where the walk's tick is in its step: the evaluation of a repeat. */
static int32_t evaluation_now(const run *r)
{
    return r->walk.tick % r->head->kind->evaluations;
}

static int32_t repeat_now(const run *r)
{
    return r->walk.tick / r->head->kind->evaluations;
}

/* Standard normals of an image: time 0 is x_T, time s + 1 the noise of step s. */
static void noise_at(const run *r, uint32_t stream, int32_t image, int32_t time, float *out)
{
    ggdm_normals(r->head->seed, stream, (uint32_t)(r->unit->image_first + image), (uint32_t)time,
                 r->head->state.elements, out);
}

/* The noise that the walk's tick needs, of all images. */
static void draw_noise(run *r, const ggdm_step *s)
{
    const int32_t noises = r->head->kind->noises, draw = repeat_now(r) * noises;
    if (s->sigma == 0.0f)
        return;
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < r->unit->image_count * noises; i++)
        noise_at(r, GGDM_SAMPLER_NOISE(draw + i % noises), i / noises, r->walk.step + 1,
                 r->noise + i * r->head->state.elements);
}

/* Before a step is made again: x = sqrt(alpha) x' + sqrt(1 - alpha) n, in place; n is scratch. */
static void renoise(const run *r, const ggdm_live *live, const ggdm_step *s, float *n)
{
    const double alpha = s->alpha_bar / s->alpha_bar_next;
    const float signal = (float)sqrt(alpha), noise = (float)sqrt(1 - alpha);
    noise_at(r, GGDM_RENOISING(repeat_now(r)), live->image, r->walk.step + 1, n);
    for (int64_t i = 0; i < r->head->state.elements; i++)
        live->x[i] = signal * live->x[i] + noise * n[i];
}

/* Segments that begin at this step get x_T or their parent's state. */
static void begin_step(run *r)
{
    ggdm_walk *w = &r->walk;
    ggdm_walk_begin(w);
    if (w->step > 0)
        return;
    int32_t lives = r->unit->n_segments * r->unit->image_count;
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < lives; i++)
        if (r->unit->segments[w->lives[i].segment].parent < 0)
            noise_at(r, GGDM_SAMPLER_NOISE(0), w->lives[i].image, 0, w->lives[i].x);
}

/* ---- ticks ---- */

static const ggdm_step *step_now(const run *r)
{
    const ggdm_chain *chain = &r->head->chain;
    return &chain->step[(int64_t)r->walk.step * chain->evaluations + evaluation_now(r)];
}

/* What a segment's images do in the walk's tick. */
static const ggdm_unit_evaluation *doing(const run *r, int32_t segment)
{
    const ggdm_unit_setting *s = setting_of(r, segment);
    return evaluation_now(r) == 0 ? &s->first : &s->later;
}

/* Images that have yet to make this tick, of the segments from order[*at] on that have one program;
 * *at moves behind these.  None where the tick is idle.  An image that is no longer finite stays as
 * it is: nothing could bring it back. */
static int32_t collect_ready(run *r, const ggdm_unit_place *order, int32_t *at)
{
    ggdm_walk *w = &r->walk;
    int32_t n = 0, images = r->unit->image_count;
    int32_t program = order[*at].program;
    for (; *at < r->unit->n_segments && order[*at].program == program; ++*at) {
        int32_t segment = order[*at].segment;
        ggdm_live *lives = w->lives + (int64_t)segment * images;
        if (!ggdm_walk_is_open(w, segment))
            continue;
        for (int32_t i = 0; i < images; i++) {
            if (!ggdm_walk_is_due(w, &lives[i]))
                continue;
            if (lives[i].diverged_step >= 0 || step_now(r)->idle)
                ggdm_walk_made(w, &lives[i]);
            else
                r->list[n++] = &lives[i];
        }
    }
    return n;
}

/* Where squares are cut out of an image. */
static void draw_windows(const run *r, int32_t image, const ggdm_program_windows *w, float *out)
{
    double u[3 * GGDM_MAX_CUTOUTS];
    ggdm_uniforms(r->head->seed, GGDM_CUTOUTS(repeat_now(r)),
                  (uint32_t)(r->unit->image_first + image), (uint32_t)r->walk.step + 1,
                  3 * w->windows, u);
    for (int32_t m = 0; m < w->windows; m++) {
        u[3 * m] = w->power == 1 ? u[3 * m] : pow(u[3 * m], w->power);
        for (int32_t k = 3 * m; k < 3 * m + 3; k++)
            out[k] = fminf((float)u[k], 1 - 0x1p-24F); /* the cast rounds up to 1 */
    }
}

/* Row i of a batch: an image's x, the noise of smoothed losses, its values. */
static void fill_row(const run *r, const ggdm_live *live, const ggdm_program *p, int32_t i)
{
    memcpy(p->x + i * p->elements, live->x, sizeof *p->x * (size_t)p->elements);
    if (p->carried)
        memcpy(p->carried + i * p->elements, live->carried,
               sizeof *p->carried * (size_t)p->elements);
    for (int32_t k = 0; k < p->n_noises; k++)
        for (int32_t m = 0; m < p->noises[k].samples; m++)
            noise_at(r, GGDM_SMOOTHING_NOISE(repeat_now(r), m), live->image, r->walk.step + 1,
                     p->noises[k].data + (i * p->noises[k].samples + m) * p->elements);
    for (int32_t k = 0; k < p->n_windows; k++)
        draw_windows(r, live->image, &p->windows[k],
                     p->windows[k].data + (int64_t)i * p->windows[k].windows * 3);
    ggdm_program_fill(p, i, step_now(r), &r->head->values, &doing(r, live->segment)->values);
}

static ggdm_status fill_batch(const run *r, ggdm_live *const *list, int32_t n,
                              const ggdm_program *p, ggdm_error *err)
{
    const bool again = repeat_now(r) > 0 && evaluation_now(r) == 0;
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < n; i++) {
        if (again)
            renoise(r, list[i], step_now(r), r->x0 + i * p->elements);
        fill_row(r, list[i], p, i);
    }
    for (int32_t i = 0; i < n && p->n_prompts; i++)
        GGDM_TRY(ggdm_program_fill_prompts(p, i, &r->head->values,
                                           &doing(r, list[i]->segment)->values, err));
    return GGDM_OK;
}

/* The tick of one image, row i of the batch, to whoever looks. */
static ggdm_tick_view view_tick(const run *r, const ggdm_live *live, const ggdm_program *p,
                                int32_t i)
{
    const ggdm_unit_evaluation *d = doing(r, live->segment);
    ggdm_tick_view view = {.image = live->image,
                           .segment = live->segment,
                           .step = live->step,
                           .steps = r->unit->steps,
                           .t = step_now(r)->t,
                           .tick = live->tick,
                           .repeat = repeat_now(r),
                           .evaluation = evaluation_now(r),
                           .shape = r->head->image,
                           .elements = p->elements,
                           .x = live->x,
                           .eps = p->eps + i * p->elements,
                           .x0 = p->x0 + i * p->elements,
                           .n_terms = p->n_terms};
    for (int32_t k = 0; k < p->n_terms; k++) {
        const ggdm_program_shift *t = &p->terms[k];
        view.terms[k] = (ggdm_tick_term){.name = d->terms[k],
                                         .loss = t->loss[i],
                                         .gradient = t->grad ? t->grad + i * p->elements : NULL,
                                         .factor = ggdm_program_weight(t, step_now(r), &d->values)};
    }
    return view;
}

static void show_sample(const run *r, const ggdm_live *live, const ggdm_program *p, int32_t i)
{
    const ggdm_tick_view view = view_tick(r, live, p, i);
    r->sink->watch(r->sink->context, &view);
}

/* The tick of one image, row i of the batch; whether it is still finite.  Shifts have their
 * gradient at the step's x, so they are the first evaluation's, and act once (decision 017): the
 * programs of later ones have none. */
static bool make_tick(const run *r, const ggdm_live *live, const ggdm_program *p, int32_t i)
{
    const ggdm_head *h = r->head;
    const ggdm_step *s = step_now(r);
    const ggdm_values *values = &doing(r, live->segment)->values;
    ggdm_sampler_io io = {.x = live->x,
                          .eps = p->eps + i * p->elements,
                          .x0 = r->x0 + i * p->elements,
                          .x0_change = p->x0_change ? p->x0_change + i * p->elements : NULL,
                          .variance = p->variance ? p->variance + i * p->elements : NULL,
                          .range = r->range ? r->range + i * p->elements : NULL,
                          .z = r->noise + (int64_t)live->image * h->kind->noises * p->elements,
                          .history = live->history,
                          .filled = live->filled,
                          .kept = live->kept,
                          .shifted = live->x,
                          .n = p->elements};
    if (p->carry && live->tick + 1 == r->steps.ticks[live->segment])
        memcpy(live->carried, p->carry + i * p->elements, sizeof *p->carry * (size_t)p->elements);
    bool finite = ggdm_sampler_step(h->sampler, &h->chain, live->step, evaluation_now(r), &io);
    for (int32_t k = 0; k < p->n_shifts; k++)
        finite &=
            ggdm_step_shift(io.shifted, p->shifts[k].grad + i * p->elements,
                            p->shifts[k].scale.number == GGDM_NUMBER_VARIANCE ? io.range : NULL,
                            ggdm_program_weight(&p->shifts[k], s, values), io.n);
    if (ggdm_recorder_wants(&r->steps.recorder, r->unit, live, finite)) {
        const ggdm_tick_view view = view_tick(r, live, p, i);
        ggdm_recorder_note(&r->steps.recorder, &setting_of(r, live->segment)->first, r->unit, live,
                           &view, finite);
    }
    return finite;
}

static ggdm_status advance(run *r, ggdm_live *const *list, int32_t n, ggdm_error *err)
{
    const ggdm_program *p;
    GGDM_TRY(
        ggdm_programs_get(r->tools->programs, doing(r, list[0]->segment)->program, n, &p, err));
    GGDM_TRY(fill_batch(r, list, n, p, err));
    ggdm_graph_run(p->graph);
    for (int32_t i = 0; r->sink->watch && i < n; i++)
        show_sample(r, list[i], p, i);
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < n; i++)
        if (!make_tick(r, list[i], p, i))
            list[i]->diverged_step = r->walk.step;
    for (int32_t i = 0; i < n; i++)
        ggdm_walk_made(&r->walk, list[i]);
    return GGDM_OK;
}

static ggdm_status tell(const run *r, ggdm_error *err)
{
    if (r->sink->step(r->sink->context, r->walk.done, r->walk.total))
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ECANCELLED, "stopped at step %d", r->walk.step);
}

/* The walk's tick, or what is left of it, and on to the one behind it. */
static ggdm_status walk_tick(run *r, ggdm_error *err)
{
    ggdm_walk *w = &r->walk;
    if (!w->begun)
        begin_step(r);
    draw_noise(r, step_now(r));
    const ggdm_unit_place *order = evaluation_now(r) == 0 ? r->steps.first : r->steps.later;
    int64_t told = w->done;
    for (int32_t at = 0; at < r->unit->n_segments;) {
        int32_t n = collect_ready(r, order, &at), batch = r->tools->job.batch;
        for (int32_t i = 0; i < n; i += batch) {
            GGDM_TRY(advance(r, r->list + i, n - i < batch ? n - i : batch, err));
            GGDM_TRY(tell(r, err));
            told = w->done;
        }
    }
    if (w->done > told) /* by images that have diverged, or an idle tick */
        GGDM_TRY(tell(r, err));
    ggdm_walk_next(w);
    return GGDM_OK;
}

/* ---- samples ---- */

/* The final state of a live image to those that wait for their scores. */
static ggdm_status finish_image(const run *r, const ggdm_live *live, ggdm_error *err)
{
    const ggdm_segment *segment = &r->unit->segments[live->segment];
    ggdm_finished f = {.sample = {.trajectory = segment->trajectory,
                                  .index = r->unit->image_first + live->image,
                                  .diverged_step = live->diverged_step}};
    GGDM_TRY(ggdm_alloc(&f.seen, (size_t)r->head->state.elements, sizeof *f.seen, err));
    ggdm_status st = ggdm_present(live->x, r->head->image, &f.sample, f.seen, &f.saturated, err);
    if (st == GGDM_OK && live->record)
        st = ggdm_recorder_finish(&r->steps, r->unit, live, &f.sample.record, &f.sample.record_size,
                                  err);
    if (st == GGDM_OK)
        ggdm_scores_add(r->scores, segment, &f);
    else
        ggdm_sample_deinit(&f.sample);
    free(f.seen);
    return st;
}

static ggdm_status finish_walk(run *r, ggdm_error *err)
{
    const ggdm_unit *u = r->unit;
    for (int32_t i = 0; i < u->n_segments * u->image_count; i++) {
        const ggdm_live *live = &r->walk.lives[i];
        if (u->segments[live->segment].trajectory < 0)
            continue;
        if (!ggdm_scores_take(r->scores, r->head->image)) {
            GGDM_TRY(ggdm_scores_flush(r->scores, r->sink, err));
            GGDM_TRY(tell(r, err));
        }
        GGDM_TRY(finish_image(r, live, err));
    }
    return ggdm_scores_flush(r->scores, r->sink, err);
}

static ggdm_status walk_all(run *r, const ggdm_walk **walk, ggdm_error *err)
{
    GGDM_TRY(run_init(r, err));
    *walk = &r->walk;
    while (r->walk.step < r->unit->steps)
        GGDM_TRY(walk_tick(r, err));
    return finish_walk(r, err);
}

ggdm_status ggdm_generate(const ggdm_tools *tools, const ggdm_unit *unit,
                          const ggdm_executor_sink *sink, const ggdm_walk **walk, ggdm_error *err)
{
    run r = {.tools = tools, .unit = unit, .sink = sink};
    ggdm_status st = walk_all(&r, walk, err);
    *walk = NULL;
    run_deinit(&r);
    return st;
}
