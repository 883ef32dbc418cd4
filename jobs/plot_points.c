#include "jobs/plot_points.h"

#include <math.h>
#include <stdlib.h>

static int compare_places(const ggdm_axes *a, const ggdm_plot_point *x, const ggdm_plot_point *y)
{
    int order = ggdm_axes_compare(a, x->row, y->row);
    if (order == 0)
        order = (x->curve > y->curve) - (x->curve < y->curve);
    return order ? order : (x->x > y->x) - (x->x < y->x);
}

/* Within a place by trajectory, then by aim; of the same the one with most images. */
static int by_place(const void *a, const void *b, void *context)
{
    const ggdm_plot_points *d = context;
    const ggdm_plot_point *x = a, *y = b;
    const ggdm_row *p = &d->r->rows[x->row], *q = &d->r->rows[y->row];
    int order = compare_places(d->axes, x, y);
    if (order)
        return order;
    if (p->cell.trajectory != q->cell.trajectory)
        return p->cell.trajectory < q->cell.trajectory ? -1 : 1;
    if (p->aim != q->aim)
        return p->aim < q->aim ? -1 : 1;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* ---- cells ----------------------------------------------------------------------------------- */

static bool has_accuracy(const ggdm_results *r, const ggdm_row *row)
{
    for (int32_t i = 0; i < r->n_measures; i++)
        if (!isnan(row->measured[i].accuracy.p))
            return true;
    return false;
}

static ggdm_status collect_points(ggdm_plot_points *d, ggdm_error *err)
{
    const ggdm_results *r = d->r;
    const size_t rows = (size_t)r->n_rows, m = (size_t)r->n_measures;
    ggdm_plot_share *shares = NULL;
    GGDM_TRY(ggdm_arena_alloc(&d->arena, rows * sizeof *d->points, &d->points, err));
    GGDM_TRY(ggdm_arena_alloc(&d->arena, rows * m * sizeof *shares, &shares, err));
    for (int32_t i = 0; i < r->n_rows; i++) {
        const ggdm_row *row = &r->rows[i];
        if (row->n == 0 || !has_accuracy(r, row))
            continue;
        d->points[d->n] = (ggdm_plot_point){.row = i,
                                            .curve = ggdm_axes_rank(d->axes, d->axes->curve, i),
                                            .x = ggdm_axes_rank(d->axes, d->axes->x, i),
                                            .n = row->n,
                                            .diverged = row->diverged,
                                            .shares = shares + (size_t)d->n * m};
        for (int32_t k = 0; k < r->n_measures; k++) {
            const ggdm_measured *from = &row->measured[k];
            d->points[d->n].shares[k] = (ggdm_plot_share){.known = !isnan(from->accuracy.p),
                                                          .p_sum = from->accuracy.p,
                                                          .lo = from->accuracy.lo,
                                                          .hi = from->accuracy.hi,
                                                          .sequence = row->until != NULL,
                                                          .cells = 1,
                                                          .n = from->n};
        }
        d->n++;
    }
    return GGDM_OK;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* A cell that is there again (a sweep that was added may have it, too) says nothing new. */
static bool is_repeated(const ggdm_plot_points *d, const ggdm_plot_point *p,
                        const ggdm_plot_point *before)
{
    const ggdm_row *x = &d->r->rows[p->row], *y = &d->r->rows[before->row];
    return compare_places(d->axes, p, before) == 0 && x->cell.trajectory == y->cell.trajectory &&
           x->aim == y->aim;
}

static void add_share(ggdm_plot_share *into, const ggdm_plot_share *more, bool distinct)
{
    into->known = into->known && more->known;
    into->sequence = into->sequence || more->sequence;
    into->p_sum += more->p_sum;
    into->lo += more->lo;
    into->hi += more->hi;
    into->cells += more->cells;
    into->n += distinct ? more->n : 0;
}

/* Mean over the cells of a place; the interval is that of its distinct images: one set of unguided
 * images shown for ten classes is not ten times as much evidence.  Of cells that ended themselves
 * it is the mean of their intervals, which is wider: what was shown when they stopped does not add
 * up. */
static void close_share(ggdm_plot_share *s)
{
    if (!s->known)
        return;
    double p = s->p_sum / s->cells;
    ggdm_share w = ggdm_wilson((int64_t)llround(p * s->n), s->n);
    if (s->sequence)
        w = (ggdm_share){p, s->lo / s->cells, s->hi / s->cells};
    s->p_sum = p;
    s->cells = 1;
    s->lo = w.lo < p ? w.lo : p;
    s->hi = w.hi > p ? w.hi : p;
}

static void close_point(ggdm_plot_points *d, int32_t i)
{
    ggdm_plot_point *p = &d->points[i];
    for (int32_t k = 0; k < d->r->n_measures; k++)
        close_share(&p->shares[k]);
    d->n_groups += i == 0 || ggdm_axes_compare(d->axes, p[-1].row, p->row) != 0;
    p->group = d->n_groups - 1;
    d->n_min = i == 0 || p->n < d->n_min ? p->n : d->n_min;
    d->n_max = p->n > d->n_max ? p->n : d->n_max;
    d->any_diverged = d->any_diverged || p->diverged > 0;
}

static void merge_points(ggdm_plot_points *d)
{
    int32_t n = 0;
    ggdm_plot_point last = {0};
    qsort_r(d->points, (size_t)d->n, sizeof *d->points, by_place, d);
    for (int32_t i = 0; i < d->n; i++) {
        ggdm_plot_point p = d->points[i];
        ggdm_plot_point *into = n ? &d->points[n - 1] : NULL;
        if (n && is_repeated(d, &p, &last))
            continue;
        if (into && compare_places(d->axes, into, &p) == 0) {
            bool distinct =
                d->r->rows[p.row].cell.trajectory != d->r->rows[last.row].cell.trajectory;
            into->n += distinct ? p.n : 0;
            into->diverged += distinct ? p.diverged : 0;
            for (int32_t k = 0; k < d->r->n_measures; k++)
                add_share(&into->shares[k], &p.shares[k], distinct);
        } else {
            d->points[n++] = p;
        }
        last = p;
    }
    d->n = n;
    for (int32_t i = 0; i < n; i++)
        close_point(d, i);
}

static ggdm_status find_shown(ggdm_plot_points *d, ggdm_error *err)
{
    GGDM_TRY(
        ggdm_arena_alloc(&d->arena, (size_t)d->r->n_measures * sizeof *d->shown, &d->shown, err));
    for (int32_t i = 0; i < d->r->n_measures; i++) {
        const int32_t k = d->r->shown[i];
        bool any = false;
        for (int32_t p = 0; p < d->n && !any; p++)
            any = d->points[p].shares[k].known;
        if (any)
            d->shown[d->n_shown++] = k;
    }
    return GGDM_OK;
}

ggdm_status ggdm_plot_points_find(const ggdm_results *r, const ggdm_axes *axes,
                                  ggdm_plot_points *out, ggdm_error *err)
{
    *out = (ggdm_plot_points){.r = r, .axes = axes};
    GGDM_TRY(collect_points(out, err));
    merge_points(out);
    return find_shown(out, err);
}

void ggdm_plot_points_deinit(ggdm_plot_points *points)
{
    ggdm_arena_deinit(&points->arena);
    *points = (ggdm_plot_points){0};
}
