#include "evaluate/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

typedef struct evaluation {
    ggdm_store *store;
    const ggdm_evaluate_options *o;
    ggdm_evaluated *out;
    int64_t *known; /* [n_cells][n_metrics] of how many images a result is; 0: there is none */
    ggdm_feature_rows rows;
} evaluation;

/* ---- what is there ---- */

static ggdm_status note_result(void *context, const ggdm_store_result *r, ggdm_error *err)
{
    (void)err;
    evaluation *e = context;
    const ggdm_evaluate_options *o = e->o;
    for (int32_t k = 0; k < o->n_metrics; k++)
        if (strcmp(r->metric, o->metrics[k]->kind.name) == 0 &&
            strcmp(r->settings, ggdm_features_name(o->features)) == 0)
            e->known[(int64_t)r->cell * o->n_metrics + k] = r->n;
    return GGDM_OK;
}

/* Does a metric of a cell that has n images lack? */
static bool is_wanted(const evaluation *e, int32_t cell, int32_t metric, int64_t n)
{
    return n >= e->o->metrics[metric]->least &&
           e->known[(int64_t)cell * e->o->n_metrics + metric] != n;
}

/* What of a cell is there already, and what cannot be; are others left? */
static bool count_results(const evaluation *e, int32_t cell, int64_t n)
{
    int32_t wanted = 0;
    for (int32_t k = 0; k < e->o->n_metrics; k++) {
        const bool few = n < e->o->metrics[k]->least, is = is_wanted(e, cell, k, n);
        e->out->few += few;
        e->out->kept += !few && !is;
        wanted += is;
    }
    return wanted > 0;
}

/* ---- a cell ---- */

static ggdm_status add_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    evaluation *e = context;
    ggdm_pixels image = {0};
    if (sample->diverged)
        return GGDM_OK;
    ggdm_status st = ggdm_png_decode(sample->data, sample->size, GGDM_PNG_MAX_SIDE, &image, err);
    if (st == GGDM_OK)
        st = ggdm_features_add(e->o->features, &image, sample->index, &e->rows, err);
    ggdm_pixels_deinit(&image);
    if (st == GGDM_OK || st == GGDM_ENUMERIC)
        return st;
    return ggdm_error_prefix(err, "image %d", sample->index);
}

static ggdm_status read_features(evaluation *e, const ggdm_store_cell *cell, ggdm_error *err)
{
    ggdm_feature_rows_clear(&e->rows);
    GGDM_TRY(ggdm_store_each_sample(e->store, cell->trajectory, cell->wanted, true, NULL, 0,
                                    add_sample, e, err));
    return ggdm_features_flush(e->o->features, &e->rows, err);
}

/* One result, in an open turn. */
static ggdm_status put_metric(evaluation *e, int32_t cell, const ggdm_metric_kind *metric,
                              ggdm_error *err)
{
    ggdm_metric_value v = {.n = e->rows.n};
    if (metric->compute(&e->rows, &v, err) != GGDM_OK)
        return ggdm_error_prefix(err, "%s", metric->kind.name);
    const ggdm_store_result result = {.cell = cell,
                                      .metric = metric->kind.name,
                                      .settings = ggdm_features_name(e->o->features),
                                      .value = v.value,
                                      .lo = v.lo,
                                      .hi = v.hi,
                                      .n = v.n};
    GGDM_TRY(ggdm_store_put_result(e->store, &result, err));
    e->out->made++;
    return GGDM_OK;
}

/* A number that there is not is warned of; anything else is an error. */
static ggdm_status excuse(evaluation *e, const ggdm_store_cell *cell, int32_t n, ggdm_status st,
                          ggdm_error *err)
{
    if (st == GGDM_OK)
        return st;
    ggdm_error_prefix(err, "%s", cell->name);
    if (st != GGDM_ENUMERIC)
        return st;
    ggdm_log(GGDM_LOG_WARN, "%s: no number", err->msg);
    e->out->odd += n;
    *err = (ggdm_error){0};
    return GGDM_OK;
}

static ggdm_status evaluate_cell(evaluation *e, const ggdm_store_cell *cell, ggdm_error *err)
{
    const ggdm_evaluate_options *o = e->o;
    const int64_t n = cell->done - cell->diverged;
    if (!count_results(e, cell->index, n))
        return GGDM_OK;
    ggdm_status st = read_features(e, cell, err);
    if (st != GGDM_OK) {
        int32_t lost = 0;
        for (int32_t k = 0; k < o->n_metrics; k++)
            lost += is_wanted(e, cell->index, k, n);
        return excuse(e, cell, lost, st, err);
    }
    GGDM_TRY(ggdm_store_begin(e->store, ggdm_wall_clock(), err));
    for (int32_t k = 0; k < o->n_metrics && st == GGDM_OK; k++)
        if (is_wanted(e, cell->index, k, n))
            st = excuse(e, cell, 1, put_metric(e, cell->index, o->metrics[k], err), err);
    if (st == GGDM_OK)
        return ggdm_store_commit(e->store, err);
    ggdm_store_rollback(e->store);
    return st;
}

/* ---- all of them ---- */

ggdm_status ggdm_evaluate_run(ggdm_store *store, const ggdm_evaluate_options *o,
                              ggdm_evaluated *out, ggdm_error *err)
{
    evaluation e = {.store = store, .o = o, .out = out};
    const int32_t n_cells = ggdm_store_n_cells(store);
    ggdm_status st;
    *out = (ggdm_evaluated){0};
    GGDM_TRY_GOTO(
        st, ggdm_alloc(&e.known, (size_t)n_cells * (size_t)o->n_metrics, sizeof *e.known, err),
        done);
    GGDM_TRY_GOTO(st, ggdm_store_each_result(store, note_result, &e, err), done);
    for (int32_t i = 0; i < n_cells && st == GGDM_OK; i++) {
        ggdm_store_cell cell;
        st = ggdm_store_cell_get(store, i, &cell, err);
        if (st == GGDM_OK)
            st = evaluate_cell(&e, &cell, err);
    }
done:
    ggdm_feature_rows_deinit(&e.rows);
    free(e.known);
    return st;
}
