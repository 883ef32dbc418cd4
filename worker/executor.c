/* Walks the trajectory tree of a unit by sampler step.
 *
 * At each step the live images (worker/walk.h) are put into two lists, guided and unguided, and
 * each list is advanced in batches.  A segment starts as a copy of its parent's last state, so a
 * shared prefix is computed once. */
#include "worker/executor.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/philox.h"
#include "common/png_image.h"
#include "worker/networks.h"
#include "worker/sampler.h"
#include "worker/schedule.h"
#include "worker/walk.h"

struct ggdm_executor {
    ggdm_job job;
    const ggdm_model *diffusion, *guide, *judge;
    ggdm_networks *nets;
    ggdm_schedule schedule;
    int32_t size, channels; /* of images */
    int64_t elements;       /* per image */
    const ggdm_walk *walk;  /* of the unit that runs */
};

/* A unit being run. */
typedef struct run {
    ggdm_walk walk;
    ggdm_live_image **list; /* [segments * images] one of the two lists of a step */
    float *noise;           /* [images, elements] of the current step */
} run;

ggdm_status ggdm_executor_create(const ggdm_job *job, const ggdm_model *diffusion,
                                 const ggdm_model *guide, const ggdm_model *judge,
                                 ggdm_executor **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    ggdm_executor *e = *out;
    e->job = *job;
    e->diffusion = diffusion;
    e->guide = guide;
    e->judge = judge;
    e->size = diffusion->info.size;
    e->channels = diffusion->info.channels;
    e->elements = (int64_t)e->size * e->size * e->channels;
    if (job->threads > 0)
        omp_set_num_threads(job->threads);
    ggdm_status st = ggdm_schedule_create(diffusion->files->scheduler, diffusion->files->path,
                                          job->steps, job->variance, &e->schedule, err);
    if (st == GGDM_OK)
        st = ggdm_networks_create(job, diffusion, guide, judge, &e->nets, err);
    if (st != GGDM_OK)
        ggdm_executor_destroy(out);
    return st;
}

void ggdm_executor_destroy(ggdm_executor **executor)
{
    if (!*executor)
        return;
    ggdm_networks_destroy(&(*executor)->nets);
    ggdm_schedule_deinit(&(*executor)->schedule);
    free(*executor);
    *executor = NULL;
}

/* ---- the walk ---- */

static ggdm_status check_segment(const ggdm_executor *e, const ggdm_unit *unit, int32_t i,
                                 ggdm_error *err)
{
    const ggdm_segment *s = &unit->segments[i];
    int32_t start = s->parent < 0 ? 0 : unit->segments[s->parent].end;
    if (s->begin != start || s->end <= s->begin || s->end > e->job.steps || s->kappa < 0)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "unit %lld: segment %d runs over steps %d to %d, "
                         "expected to begin at %d and to end by %d",
                         (long long)unit->id, i, s->begin, s->end, start, e->job.steps);
    if (s->trajectory >= 0 && s->end != e->job.steps)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "unit %lld: segment %d ends trajectory %lld at step %d, "
                         "expected step %d",
                         (long long)unit->id, i, (long long)s->trajectory, s->end, e->job.steps);
    if (s->kappa > 0 && (!e->guide || s->target < 0 || s->target >= e->guide->info.n_classes))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "unit %lld: target %d, expected a class of the guide "
                         "(0 to %d)",
                         (long long)unit->id, s->target,
                         e->guide ? e->guide->info.n_classes - 1 : -1);
    return GGDM_OK;
}

static ggdm_status run_init(const ggdm_executor *e, const ggdm_unit *unit, run *r, ggdm_error *err)
{
    size_t lives = (size_t)unit->n_segments * (size_t)unit->image_count;
    for (int32_t i = 0; i < unit->n_segments; i++)
        GGDM_TRY(check_segment(e, unit, i, err));
    GGDM_TRY(ggdm_walk_init(&r->walk, unit, &e->job, e->elements, err));
    GGDM_TRY(ggdm_alloc(&r->list, lives, sizeof *r->list, err));
    GGDM_TRY(ggdm_alloc(&r->noise, (size_t)unit->image_count,
                        (size_t)e->elements * sizeof *r->noise, err));
    ggdm_error why = {0};
    if (unit->state && ggdm_walk_restore(&r->walk, unit->state, unit->state_size, &why) != GGDM_OK)
        ggdm_log(GGDM_LOG_WARN,
                 "unit %lld: its checkpoint is of no use (%s): it starts from the beginning",
                 (long long)unit->id, why.msg);
    return GGDM_OK;
}

static void run_deinit(run *r)
{
    ggdm_walk_deinit(&r->walk);
    free(r->list);
    free(r->noise);
}

/* The unit's noise for one use: slot 0 is x_T, slot s + 1 the noise of step s. */
static void draw_noise(const ggdm_executor *e, run *r, uint32_t slot)
{
    const ggdm_unit *unit = r->walk.unit;
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < unit->image_count; i++)
        ggdm_normals(e->job.seed, GGDM_STREAM_SAMPLER, (uint32_t)(unit->image_first + i), slot,
                     e->elements, r->noise + i * e->elements);
}

/* Segments that begin at this step get x_T or their parent's state. */
static void start_segments(const ggdm_executor *e, run *r)
{
    const ggdm_unit *u = r->walk.unit;
    if (r->walk.step == 0)
        draw_noise(e, r, 0);
    for (int32_t s = 0; s < u->n_segments; s++) {
        if (u->segments[s].begin != r->walk.step)
            continue;
        for (int32_t i = 0; i < u->image_count; i++) {
            ggdm_live_image *live = &r->walk.lives[(int64_t)s * u->image_count + i];
            const ggdm_live_image *parent =
                u->segments[s].parent < 0
                    ? NULL
                    : &r->walk.lives[(int64_t)u->segments[s].parent * u->image_count + i];
            memcpy(live->x, parent ? parent->x : r->noise + i * e->elements,
                   sizeof *live->x * (size_t)e->elements);
            live->diverged_step = parent ? parent->diverged_step : -1;
        }
    }
    r->walk.begun = true;
}

static void made_step(ggdm_walk *w, ggdm_live_image *live)
{
    live->next = w->step + 1;
    w->done++;
}

/* Images that have yet to make this step, guided or not.  An image that is no longer finite stays
 * as it is: nothing could bring it back. */
static int32_t collect(run *r, bool guided)
{
    ggdm_walk *w = &r->walk;
    int32_t n = 0, images = w->unit->image_count;
    for (int32_t s = 0; s < w->unit->n_segments; s++) {
        if (!ggdm_walk_is_open(w, s) || (w->unit->segments[s].kappa > 0) != guided)
            continue;
        for (int32_t i = 0; i < images; i++) {
            ggdm_live_image *live = &w->lives[(int64_t)s * images + i];
            if (live->next > w->step)
                continue;
            if (live->diverged_step >= 0)
                made_step(w, live);
            else
                r->list[n++] = live;
        }
    }
    return n;
}

static void fill_batch(const ggdm_executor *e, const ggdm_unit *unit, const ggdm_step *s,
                       ggdm_live_image *const *list, int32_t n, ggdm_network *net)
{
    for (int32_t i = 0; i < n; i++) {
        memcpy(net->x + i * e->elements, list[i]->x, sizeof *net->x * (size_t)e->elements);
        net->t[i] = (float)s->t;
        if (!net->target)
            continue;
        net->x0_x[i] = s->x0_x;
        net->x0_eps[i] = s->x0_eps;
        net->target[i] = unit->segments[list[i]->segment].target;
    }
}

static ggdm_status advance(ggdm_executor *e, run *r, ggdm_live_image *const *list, int32_t n,
                           bool guided, ggdm_error *err)
{
    const ggdm_unit *unit = r->walk.unit;
    int32_t step = r->walk.step;
    const ggdm_step *s = &e->schedule.step[step];
    ggdm_network *net;
    GGDM_TRY(ggdm_networks_get(e->nets, guided ? GGDM_NET_GUIDED : GGDM_NET_EPS, n, &net, err));
    fill_batch(e, unit, s, list, n, net);
    ggdm_graph_run(net->graph);
    float scale = e->job.gradient == GGDM_XT_AFFINE ? s->x0_x : 1.0f;
#pragma omp parallel for schedule(static)
    for (int32_t i = 0; i < n; i++) {
        ggdm_live_image *live = list[i];
        float kappa = (float)unit->segments[live->segment].kappa * scale;
        const float *grad = guided ? net->grad + i * e->elements : NULL;
        if (!ggdm_sampler_step(s, e->job.clip_x0, live->x, net->eps + i * e->elements,
                               r->noise + live->image * e->elements, grad, kappa, e->elements))
            live->diverged_step = step;
    }
    for (int32_t i = 0; i < n; i++)
        made_step(&r->walk, list[i]);
    return GGDM_OK;
}

static ggdm_status tell(const run *r, const ggdm_executor_sink *sink, ggdm_error *err)
{
    if (sink->step(sink->context, r->walk.done, r->walk.total))
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ECANCELLED, "unit %lld: stopped at step %d",
                     (long long)r->walk.unit->id, r->walk.step);
}

/* The next step, or what is left of it, and on to the one behind it. */
static ggdm_status walk_step(ggdm_executor *e, run *r, const ggdm_executor_sink *sink,
                             ggdm_error *err)
{
    if (!r->walk.begun)
        start_segments(e, r);
    if (e->schedule.step[r->walk.step].sigma != 0.0f)
        draw_noise(e, r, (uint32_t)r->walk.step + 1);
    int64_t told = r->walk.done;
    for (int guided = 0; guided < 2; guided++) {
        int32_t n = collect(r, guided);
        for (int32_t i = 0; i < n; i += e->job.batch) {
            int32_t count = n - i < e->job.batch ? n - i : e->job.batch;
            GGDM_TRY(advance(e, r, r->list + i, count, guided, err));
            GGDM_TRY(tell(r, sink, err));
            told = r->walk.done;
        }
    }
    if (r->walk.done > told) /* by images that have diverged */
        GGDM_TRY(tell(r, sink, err));
    r->walk.step++;
    r->walk.begun = r->walk.step == r->walk.steps; /* nothing begins there */
    return GGDM_OK;
}

/* ---- results ---- */

/* Scores of n archived images x [n, elements] by one classifier; logp [n, K], or NULL. */
static ggdm_status score(ggdm_executor *e, ggdm_purpose purpose, const ggdm_model *classifier,
                         const float *x, int32_t n, const float **logp, ggdm_error *err)
{
    *logp = NULL;
    if (!classifier)
        return GGDM_OK;
    ggdm_network *net;
    GGDM_TRY(ggdm_networks_get(e->nets, purpose, n, &net, err));
    memcpy(net->x, x, sizeof *x * (size_t)(n * e->elements));
    ggdm_graph_run(net->graph);
    *logp = net->logp;
    return GGDM_OK;
}

static ggdm_status report(const ggdm_executor *e, const run *r, const ggdm_live_image *live,
                          const uint8_t *pixels, float saturated, const float *guide,
                          const float *judge, const ggdm_executor_sink *sink, ggdm_error *err)
{
    uint8_t *png = NULL;
    size_t size = 0;
    GGDM_TRY(ggdm_png_encode(pixels, e->size, e->size, e->channels, &png, &size, err));
    ggdm_image image = {
        .trajectory = r->walk.unit->segments[live->segment].trajectory,
        .index = r->walk.unit->image_first + live->image,
        .diverged = live->diverged_step >= 0 || saturated > 0.05f,
        .diverged_step = live->diverged_step,
        .saturated = saturated,
        .n_guide = guide ? e->guide->info.n_classes : 0,
        .n_judge = judge ? e->judge->info.n_classes : 0,
        .guide_logp = (float *)guide,
        .judge_logp = (float *)judge,
        .png_size = (uint32_t)size,
        .png = png,
    };
    ggdm_status st = sink->image(sink->context, &image, err);
    free(png);
    return st;
}

/* Score and report n finished images.  Scores are of what is archived: the quantised pixels. */
static ggdm_status finish_batch(ggdm_executor *e, const run *r, ggdm_live_image *const *list,
                                int32_t n, uint8_t *pixels, float *x,
                                const ggdm_executor_sink *sink, ggdm_error *err)
{
    const float *guide, *judge;
    float saturated[256];
    for (int32_t i = 0; i < n; i++) {
        uint8_t *u8 = pixels + i * e->elements;
        saturated[i] = ggdm_sampler_quantise(list[i]->x, u8, e->elements);
        ggdm_sampler_dequantise(u8, x + i * e->elements, e->elements);
    }
    GGDM_TRY(score(e, GGDM_NET_GUIDE_SCORE, e->guide, x, n, &guide, err));
    GGDM_TRY(score(e, GGDM_NET_JUDGE_SCORE, e->judge, x, n, &judge, err));
    for (int32_t i = 0; i < n; i++)
        GGDM_TRY(report(e, r, list[i], pixels + i * e->elements, saturated[i],
                        guide ? guide + (int64_t)i * e->guide->info.n_classes : NULL,
                        judge ? judge + (int64_t)i * e->judge->info.n_classes : NULL, sink, err));
    return GGDM_OK;
}

static ggdm_status finish(ggdm_executor *e, run *r, const ggdm_executor_sink *sink, ggdm_error *err)
{
    const ggdm_unit *unit = r->walk.unit;
    int32_t n = 0, batch = e->job.batch < 256 ? e->job.batch : 256;
    for (int32_t i = 0; i < unit->n_segments * unit->image_count; i++)
        if (unit->segments[r->walk.lives[i].segment].trajectory >= 0)
            r->list[n++] = &r->walk.lives[i];
    uint8_t *pixels = NULL;
    float *x = NULL;
    size_t count = (size_t)batch * (size_t)e->elements;
    ggdm_status st = ggdm_alloc(&pixels, count, 1, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&x, count, sizeof *x, err);
    for (int32_t i = 0; st == GGDM_OK && i < n; i += batch) {
        st = finish_batch(e, r, r->list + i, n - i < batch ? n - i : batch, pixels, x, sink, err);
        if (st == GGDM_OK && n - i > batch)
            st = tell(r, sink, err);
    }
    free(pixels);
    free(x);
    return st;
}

ggdm_status ggdm_executor_run(ggdm_executor *executor, const ggdm_unit *unit,
                              const ggdm_executor_sink *sink, ggdm_error *err)
{
    run r = {0};
    ggdm_status st = run_init(executor, unit, &r, err);
    executor->walk = &r.walk;
    while (st == GGDM_OK && r.walk.step < executor->job.steps)
        st = walk_step(executor, &r, sink, err);
    if (st == GGDM_OK)
        st = finish(executor, &r, sink, err);
    executor->walk = NULL;
    run_deinit(&r);
    return st;
}

ggdm_status ggdm_executor_save(const ggdm_executor *executor, ggdm_wire *out, int32_t *step,
                               ggdm_error *err)
{
    if (!executor->walk)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "no unit runs");
    *step = executor->walk->step;
    return ggdm_walk_save(executor->walk, out, err);
}
