#include "jobs/results_metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Results as they come, with texts of their own. */
typedef struct result_list {
    ggdm_arena *arena;
    ggdm_store_result *items; /* [n], owned */
    size_t n, cap;
} result_list;

static ggdm_status keep_result(void *context, const ggdm_store_result *result, ggdm_error *err)
{
    result_list *l = context;
    GGDM_TRY(ggdm_grow(&l->items, &l->cap, l->n + 1, sizeof *l->items, err));
    ggdm_store_result *kept = &l->items[l->n++];
    *kept = *result;
    GGDM_TRY(ggdm_arena_text(l->arena, result->metric, &kept->metric, err));
    GGDM_TRY(ggdm_arena_text(l->arena, result->note, &kept->note, err));
    return ggdm_arena_text(l->arena, result->settings, &kept->settings, err);
}

static int by_metric(const void *a, const void *b)
{
    const ggdm_store_result *x = a, *y = b;
    int order = strcmp(x->metric, y->metric);
    return order ? order : strcmp(x->settings, y->settings);
}

/* A metric with one kind of settings goes by its name alone. */
static ggdm_status name_metrics(ggdm_results *r, ggdm_error *err)
{
    for (int32_t i = 0; i < r->n_metrics; i++) {
        ggdm_metric *m = &r->metrics[i];
        const bool shared = (i > 0 && strcmp(m[-1].metric, m->metric) == 0) ||
                            (i + 1 < r->n_metrics && strcmp(m[1].metric, m->metric) == 0);
        char *name = NULL;
        const size_t size = strlen(m->metric) + strlen(m->settings) + 4;
        GGDM_TRY(ggdm_arena_alloc(&r->arena, size, &name, err));
        snprintf(name, size, shared ? "%s (%s)" : "%s", m->metric, m->settings);
        m->name = name;
    }
    return GGDM_OK;
}

static ggdm_status find_metrics(ggdm_results *r, const result_list *l, ggdm_error *err)
{
    GGDM_TRY(ggdm_arena_alloc(&r->arena, l->n * sizeof *r->metrics, &r->metrics, err));
    for (size_t i = 0; i < l->n; i++)
        if (i == 0 || by_metric(&l->items[i - 1], &l->items[i]) != 0)
            r->metrics[r->n_metrics++] =
                (ggdm_metric){.metric = l->items[i].metric, .settings = l->items[i].settings};
    return name_metrics(r, err);
}

static ggdm_status put_metrics(ggdm_results *r, const result_list *l, ggdm_error *err)
{
    const size_t m = (size_t)r->n_metrics;
    ggdm_metric_value *values = NULL;
    GGDM_TRY(ggdm_arena_alloc(&r->arena, (size_t)r->n_rows * m * sizeof *values, &values, err));
    for (size_t i = 0; i < (size_t)r->n_rows * m; i++)
        values[i] = (ggdm_metric_value){.value = (double)NAN, .lo = (double)NAN, .hi = (double)NAN};
    for (int32_t i = 0; i < r->n_rows; i++)
        r->rows[i].metrics = values + (size_t)i * m;
    size_t column = 0;
    for (size_t i = 0; i < l->n; i++) {
        const ggdm_store_result *s = &l->items[i];
        column += i > 0 && by_metric(&l->items[i - 1], s) != 0;
        if (s->cell < 0 || s->cell >= r->n_rows)
            return GGDM_FAIL(err, GGDM_EFORMAT, "result %s of cell %d, expected 0 to %d", s->metric,
                             s->cell, r->n_rows - 1);
        ggdm_metric_value *v = &r->rows[s->cell].metrics[column];
        *v = (ggdm_metric_value){.value = s->value, .lo = s->lo, .hi = s->hi, .n = s->n};
        snprintf(v->note, sizeof v->note, "%s", s->note);
    }
    return GGDM_OK;
}

ggdm_status ggdm_results_read_metrics(ggdm_results *r, ggdm_error *err)
{
    result_list l = {.arena = &r->arena};
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_store_each_result(r->store, keep_result, &l, err), done);
    if (l.n == 0)
        goto done;
    qsort(l.items, l.n, sizeof *l.items, by_metric);
    GGDM_TRY_GOTO(st, find_metrics(r, &l, err), done);
    st = put_metrics(r, &l, err);
done:
    free(l.items);
    return st;
}
