#include "evaluate/front.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 5000 }; /* cells: each is compared with each */

/* Goals of a row, each the higher the better; NAN: it does not run. */
enum { N_GOALS = 3 };
typedef struct runner {
    double goals[N_GOALS];
} runner;

static int32_t find_diversity(const ggdm_results *r)
{
    for (int32_t i = 0; i < r->n_metrics; i++)
        if (strcmp(r->metrics[i].metric, "vendi") == 0)
            return i;
    return -1;
}

static bool has_costs(const ggdm_results *r)
{
    for (int32_t i = 0; i < r->n_rows; i++)
        if (!(r->rows[i].cell.cost > 0 && isfinite(r->rows[i].cell.cost)))
            return false;
    return true;
}

static runner runner_of(const ggdm_results *r, const ggdm_front *front, const ggdm_row *row)
{
    const ggdm_measured *m = ggdm_results_verdict(r, row);
    return (runner){{m ? m->accuracy.p : (double)NAN,
                     front->diversity < 0 ? 0 : row->metrics[front->diversity].value,
                     front->cost ? -row->cell.cost : 0}};
}

static bool runs(const runner *x)
{
    for (int i = 0; i < N_GOALS; i++)
        if (isnan(x->goals[i]))
            return false;
    return true;
}

/* Is x as good as y in all, and better in one, or, when all are equal, before it? */
static bool beats(const runner *x, const runner *y)
{
    bool better = x < y;
    for (int i = 0; i < N_GOALS; i++)
        if (x->goals[i] < y->goals[i])
            return false;
    for (int i = 0; i < N_GOALS; i++)
        better = better || x->goals[i] > y->goals[i];
    return better;
}

static int by_accuracy(const void *a, const void *b, void *context)
{
    const runner *all = context;
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    const double p = all[x].goals[0], q = all[y].goals[0];
    return p != q ? (p < q) - (p > q) : (x > y) - (x < y);
}

static void find_unbeaten(ggdm_front *front, const runner *all, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        bool beaten = !runs(&all[i]);
        for (int32_t k = 0; k < n && !beaten; k++)
            beaten = runs(&all[k]) && beats(&all[k], &all[i]);
        if (!beaten)
            front->rows[front->n++] = i;
    }
    qsort_r(front->rows, (size_t)front->n, sizeof *front->rows, by_accuracy,
            (void *)(uintptr_t)all);
}

ggdm_status ggdm_front_find(ggdm_results *r, ggdm_error *err)
{
    ggdm_front *front = NULL;
    runner *all = NULL;
    const size_t n = (size_t)r->n_rows;
    r->front = NULL;
    if (r->n_rows > MOST)
        return GGDM_OK;
    GGDM_TRY(ggdm_arena_alloc(&r->arena, sizeof *front, &front, err));
    front->diversity = find_diversity(r);
    front->cost = has_costs(r);
    if (front->diversity < 0 && !front->cost)
        return GGDM_OK;
    GGDM_TRY(ggdm_arena_alloc(&r->arena, n * sizeof *front->rows, &front->rows, err));
    GGDM_TRY(ggdm_arena_alloc(&r->arena, n * sizeof *all, &all, err));
    for (int32_t i = 0; i < r->n_rows; i++)
        all[i] = runner_of(r, front, &r->rows[i]);
    find_unbeaten(front, all, r->n_rows);
    if (front->n)
        r->front = front;
    return GGDM_OK;
}
