#include "evaluate/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "evaluate/feed.h"

#define SILENCE 10 /* seconds until progress is told again */

typedef struct evaluation {
    ggdm_world *world;
    ggdm_store *store; /* NULL: not rank 0 */
    const ggdm_evaluate_options *o;
    ggdm_evaluated *out;
    ggdm_rows rows[GGDM_MAX_LAYERS];
    int64_t *known; /* [n_cells][n_metrics] of how many images a result is; 0: there is none */
    char (*settings)[GGDM_MAX_SETTINGS]; /* [n_metrics] what their numbers are of */
    double told;
    bool pooled; /* all cells are one set */
} evaluation;

/* What all ranks do next. */
typedef struct task {
    bool done; /* nothing */
    bool wanted[GGDM_MAX_METRICS];
} task;

/* Of a cell. */
typedef struct values {
    ggdm_metric_value v[GGDM_MAX_METRICS][GGDM_MAX_NUMBERS];
    bool made[GGDM_MAX_METRICS];
} values;

/* ---- what is there, on rank 0 ---- */

/* Which of the layers a metric is of. */
static int32_t layer_of(const ggdm_evaluate_options *o, const ggdm_metric_kind *metric)
{
    return metric->logits ? ggdm_features_layers(o->features) - 1 : 0;
}

void ggdm_evaluate_settings(const ggdm_evaluate_options *o, const ggdm_metric_kind *metric,
                            char text[GGDM_MAX_SETTINGS])
{
    snprintf(text, GGDM_MAX_SETTINGS, "%s%s%s",
             ggdm_features_name(o->features, layer_of(o, metric)),
             metric->reference ? " against " : "", metric->reference ? o->reference->name : "");
}

/* Of a metric with several numbers any stands for all: they are stored together. */
static ggdm_status note_result(void *context, const ggdm_store_result *r, ggdm_error *err)
{
    (void)err;
    evaluation *e = context;
    const ggdm_evaluate_options *o = e->o;
    for (int32_t k = 0; k < o->n_metrics; k++)
        if (strcmp(r->metric, ggdm_metric_number(o->metrics[k], 0)) == 0 &&
            strcmp(r->settings, e->settings[k]) == 0)
            e->known[(int64_t)r->cell * o->n_metrics + k] = r->n;
    return GGDM_OK;
}

static ggdm_status look(evaluation *e, ggdm_error *err)
{
    const size_t n = (size_t)e->o->n_metrics;
    GGDM_TRY(
        ggdm_alloc(&e->known, (size_t)ggdm_store_n_cells(e->store) * n, sizeof *e->known, err));
    GGDM_TRY(ggdm_alloc(&e->settings, n, sizeof *e->settings, err));
    for (size_t k = 0; k < n; k++)
        ggdm_evaluate_settings(e->o, e->o->metrics[k], e->settings[k]);
    return ggdm_store_each_result(e->store, note_result, e, err);
}

/* What of a cell is to be computed; what is there already, and what cannot be, is counted.  Returns
 * whether anything is. */
static bool choose(const evaluation *e, const ggdm_store_cell *cell, task *t)
{
    const int64_t n = cell->done - cell->diverged;
    bool any = false;
    *t = (task){0};
    for (int32_t k = 0; k < e->o->n_metrics; k++) {
        const ggdm_metric_kind *metric = e->o->metrics[k];
        const int32_t numbers = ggdm_metric_count(metric);
        const bool few = n < metric->least;
        t->wanted[k] = !few && e->known[(int64_t)cell->index * e->o->n_metrics + k] != n;
        e->out->few += few ? numbers : 0;
        e->out->few_of[k] += few ? numbers : 0;
        e->out->kept += !few && !t->wanted[k] ? numbers : 0;
        any |= t->wanted[k];
    }
    return any;
}

/* ---- a cell, on all ranks ---- */

static ggdm_status put_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    const ggdm_feed_image image = {
        .index = sample->index, .data = sample->data, .size = sample->size};
    return sample->diverged ? GGDM_OK : ggdm_feed_put(context, &image, err);
}

static ggdm_status put_cell(evaluation *e, const ggdm_store_cell *cell, ggdm_feed *feed,
                            ggdm_error *err)
{
    return ggdm_store_each_sample(e->store, cell->trajectory, cell->wanted, true, NULL, 0,
                                  put_sample, feed, err);
}

/* The images of all cells, those that cells share once. */
static ggdm_status put_all(evaluation *e, ggdm_feed *feed, ggdm_error *err)
{
    const int32_t n = ggdm_store_n_cells(e->store);
    bool *seen = NULL; /* [n] trajectories: there are no more than cells */
    GGDM_TRY(ggdm_alloc(&seen, (size_t)n, sizeof *seen, err));
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < n && st == GGDM_OK; i++) {
        ggdm_store_cell cell;
        st = ggdm_store_cell_get(e->store, i, &cell, err);
        if (st != GGDM_OK || (cell.trajectory < n && seen[cell.trajectory]))
            continue;
        if (cell.trajectory < n)
            seen[cell.trajectory] = true;
        cell.wanted = INT32_MAX;
        st = put_cell(e, &cell, feed, err);
    }
    free(seen);
    return st;
}

static ggdm_status read_features(evaluation *e, const ggdm_store_cell *cell, ggdm_error *err)
{
    ggdm_feed *feed = NULL;
    ggdm_status st = ggdm_feed_open(e->world, e->o->features, e->rows, &feed, err);
    st = ggdm_world_agree(e->world, st, err);
    if (st == GGDM_OK && cell) {
        st = e->pooled ? put_all(e, feed, err) : put_cell(e, cell, feed, err);
        st = ggdm_feed_end(feed, st, err);
    } else if (st == GGDM_OK) {
        st = ggdm_feed_serve(feed, err);
    }
    ggdm_feed_close(&feed);
    return st;
}

/* A number that there is not is warned of; anything else is an error. */
static ggdm_status excuse(evaluation *e, const ggdm_store_cell *cell, const task *t, int32_t from,
                          int32_t to, ggdm_status st, ggdm_error *err)
{
    if (cell)
        ggdm_error_prefix(err, "%s", cell->name);
    if (st != GGDM_ENUMERIC)
        return st;
    if (cell)
        ggdm_log(GGDM_LOG_WARN, "%s: no number", err->msg);
    for (int32_t k = from; k < to; k++)
        e->out->odd += t->wanted[k] ? ggdm_metric_count(e->o->metrics[k]) : 0;
    *err = (ggdm_error){0};
    return GGDM_OK;
}

/* Finite features may be too large for what is made of them. */
static ggdm_status check_numbers(const ggdm_metric_kind *metric, const ggdm_metric_value *v,
                                 ggdm_error *err)
{
    for (int32_t i = 0; i < ggdm_metric_count(metric); i++)
        if (!isfinite(v[i].value))
            return GGDM_FAIL(err, GGDM_ENUMERIC, "%s: these features give %g, not a number",
                             ggdm_metric_number(metric, i), v[i].value);
    return GGDM_OK;
}

static ggdm_status compute_metric(evaluation *e, const ggdm_metric_kind *metric,
                                  ggdm_metric_value *out, ggdm_error *err)
{
    ggdm_rows *rows = &e->rows[layer_of(e->o, metric)];
    const ggdm_metric_input in = {e->world, rows, metric->reference ? e->o->reference : NULL};
    for (int32_t i = 0; i < ggdm_metric_count(metric); i++)
        out[i] = (ggdm_metric_value){.n = rows->n};
    if (in.reference && in.reference->d != rows->d)
        return GGDM_FAIL(
            err, GGDM_ESHAPE, "%s: %lld features of each image, expected %lld, as reference %s has",
            metric->kind.name, (long long)rows->d, (long long)in.reference->d, in.reference->name);
    if (metric->compute(&in, out, err) != GGDM_OK)
        return ggdm_error_prefix(err, "%s", metric->kind.name);
    return check_numbers(metric, out, err);
}

/* cell: NULL but on rank 0. */
static ggdm_status compute_cell(evaluation *e, const ggdm_store_cell *cell, const task *t,
                                values *out, ggdm_error *err)
{
    const int32_t n = e->o->n_metrics;
    memset(out->made, 0, sizeof out->made);
    ggdm_status st = read_features(e, cell, err);
    if (st != GGDM_OK)
        return excuse(e, cell, t, 0, n, st, err);
    for (int32_t k = 0; k < n && st == GGDM_OK; k++) {
        if (!t->wanted[k])
            continue;
        st = compute_metric(e, e->o->metrics[k], out->v[k], err);
        out->made[k] = st == GGDM_OK;
        if (st != GGDM_OK)
            st = excuse(e, cell, t, k, k + 1, st, err);
    }
    return st;
}

/* ---- its results, on rank 0 ---- */

static ggdm_status put_metric(evaluation *e, int32_t cell, int32_t k, const ggdm_metric_value *v,
                              ggdm_error *err)
{
    const ggdm_metric_kind *metric = e->o->metrics[k];
    for (int32_t i = 0; i < ggdm_metric_count(metric); i++) {
        const ggdm_store_result result = {.cell = cell,
                                          .metric = ggdm_metric_number(metric, i),
                                          .settings = e->settings[k],
                                          .value = v[i].value,
                                          .lo = v[i].lo,
                                          .hi = v[i].hi,
                                          .n = v[i].n,
                                          .note = v[i].note};
        GGDM_TRY(ggdm_store_put_result(e->store, &result, err));
        e->out->made++;
    }
    return GGDM_OK;
}

static ggdm_status store_cell(evaluation *e, const ggdm_store_cell *cell, const values *v,
                              ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    GGDM_TRY(ggdm_store_begin(e->store, ggdm_wall_clock(), err));
    for (int32_t k = 0; k < e->o->n_metrics && st == GGDM_OK; k++)
        if (v->made[k])
            st = put_metric(e, cell->index, k, v->v[k], err);
    if (st == GGDM_OK)
        return ggdm_store_commit(e->store, err);
    ggdm_store_rollback(e->store);
    return st;
}

/* ---- all of them ---- */

static ggdm_status check_reference(const ggdm_evaluate_options *o, ggdm_error *err)
{
    for (int32_t k = 0; k < o->n_metrics; k++) {
        const ggdm_metric_kind *metric = o->metrics[k];
        if (metric->reference && o->reference->rows.n < metric->least_reference)
            return GGDM_FAIL(err, GGDM_EINVAL,
                             "%s: reference %s has %lld images, expected at least %lld",
                             metric->kind.name, o->reference->name, (long long)o->reference->rows.n,
                             (long long)metric->least_reference);
    }
    return GGDM_OK;
}

static ggdm_status do_cell(evaluation *e, const ggdm_store_cell *cell, task *t, ggdm_error *err)
{
    values v;
    GGDM_TRY(ggdm_world_broadcast(e->world, 0, t, sizeof *t, err));
    if (t->done)
        return GGDM_OK;
    GGDM_TRY(compute_cell(e, cell, t, &v, err));
    return ggdm_world_agree(e->world, cell ? store_cell(e, cell, &v, err) : GGDM_OK, err);
}

static void tell(evaluation *e, int32_t i, int32_t n_cells)
{
    const double now = ggdm_now();
    if (now - e->told < SILENCE)
        return;
    e->told = now;
    ggdm_log(GGDM_LOG_INFO, "%d of %d cells", i, n_cells);
}

/* What is not agreed on with the others ends them, too; and so do errors, which they know. */
static ggdm_status lead(evaluation *e, bool *together, ggdm_error *err)
{
    const int32_t n_cells = ggdm_store_n_cells(e->store);
    task t;
    e->told = ggdm_now();
    GGDM_TRY(look(e, err));
    for (int32_t i = 0; i < n_cells; i++) {
        ggdm_store_cell cell;
        GGDM_TRY(ggdm_store_cell_get(e->store, i, &cell, err));
        tell(e, i, n_cells);
        if (!choose(e, &cell, &t))
            continue;
        const ggdm_status st = do_cell(e, &cell, &t, err);
        *together = st != GGDM_OK;
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

static ggdm_status follow(evaluation *e, bool *together, ggdm_error *err)
{
    for (task t = {0}; !t.done;) {
        const ggdm_status st = do_cell(e, NULL, &t, err);
        *together = st != GGDM_OK;
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

ggdm_status ggdm_evaluate_run(ggdm_world *world, ggdm_store *store, const ggdm_evaluate_options *o,
                              ggdm_evaluated *out, ggdm_error *err)
{
    evaluation e = {.world = world, .store = store, .o = o, .out = out};
    task end = {.done = true};
    bool together = false; /* all ranks failed, with the same error */
    *out = (ggdm_evaluated){0};
    GGDM_TRY(check_reference(o, err));
    ggdm_status st = store ? lead(&e, &together, err) : follow(&e, &together, err);
    if (!together && store)
        ggdm_world_broadcast(world, 0, &end, sizeof end, &(ggdm_error){0});
    if (!together)
        st = ggdm_world_agree(world, st, err);
    for (int k = 0; k < GGDM_MAX_LAYERS; k++)
        ggdm_rows_deinit(&e.rows[k]);
    free(e.known);
    free(e.settings);
    return st;
}

ggdm_status ggdm_evaluate_pooled(ggdm_world *world, ggdm_store *store,
                                 const ggdm_evaluate_options *o, ggdm_pooled *out, ggdm_error *err)
{
    ggdm_evaluated counts = {0};
    evaluation e = {.world = world, .store = store, .o = o, .out = &counts, .pooled = true};
    const ggdm_store_cell all = {.name = "all images"};
    task t = {0};
    *out = (ggdm_pooled){0};
    for (int32_t k = 0; k < o->n_metrics; k++)
        t.wanted[k] = true;
    ggdm_status st = read_features(&e, store ? &all : NULL, err);
    for (int32_t k = 0; k < o->n_metrics && st == GGDM_OK; k++) {
        const ggdm_metric_kind *metric = o->metrics[k];
        out->few += e.rows[0].n < metric->least;
        if (e.rows[0].n < metric->least)
            continue;
        st = compute_metric(&e, metric, out->v[k], err);
        out->made[k] = st == GGDM_OK;
        if (st != GGDM_OK)
            st = excuse(&e, store ? &all : NULL, &t, k, k + 1, st, err);
    }
    out->n = e.rows[0].n;
    out->odd = counts.odd;
    for (int k = 0; k < GGDM_MAX_LAYERS; k++)
        ggdm_rows_deinit(&e.rows[k]);
    return st;
}
