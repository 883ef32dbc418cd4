#include "evaluate/surface.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "evaluate/surface_fit.h"
#include "evaluate/surface_next.h"
#include "evaluate/surface_scale.h"
#include "jobs/axes.h"
#include "jobs/plot_points.h"

enum { LINE = 101, SIDE = 41, LEAST_ALONE = 4, LEAST_EACH = 3 };
#define Z 1.959963984540054 /* the 97.5 % quantile of the normal distribution */

/* ---- what is fitted -------------------------------------------------------------------------- */

/* The measure whose verdict counts in all cells; -1: none does. */
static int32_t verdict_of(const ggdm_results *r)
{
    int32_t measure = -1;
    for (int32_t i = 0; i < r->n_rows; i++) {
        const ggdm_results_panel *p = ggdm_results_panel_of(r, &r->rows[i]);
        const int32_t own = p->verdict < 0 ? -1 : p->measure[p->verdict];
        if (own < 0 || (i > 0 && own != measure))
            return -1;
        measure = own;
    }
    return measure;
}

static int n_axes_of(const ggdm_axes *a)
{
    if (a->x < 0 || a->n_others)
        return 0;
    if (a->curve < 0)
        return ggdm_surface_takes(&a->axes[a->x], LEAST_ALONE) ? 1 : 0;
    return ggdm_surface_takes(&a->axes[a->x], LEAST_EACH) &&
                   ggdm_surface_takes(&a->axes[a->curve], LEAST_EACH)
               ? 2
               : 0;
}

/* Do two points show the same images?  (Over what cells aim at, a point is a mean.) */
static bool is_same(const ggdm_plot_points *d, int32_t measure, int32_t i, int32_t k)
{
    const ggdm_plot_point *x = &d->points[i], *y = &d->points[k];
    return d->r->rows[x->row].cell.trajectory == d->r->rows[y->row].cell.trajectory &&
           x->shares[measure].p_sum == y->shares[measure].p_sum &&
           x->shares[measure].n == y->shares[measure].n;
}

static void add_place(ggdm_surface *s, const ggdm_plot_points *d, const ggdm_plot_point *p,
                      const ggdm_plot_share *share, ggdm_fit_place *place)
{
    const ggdm_axes *a = d->axes;
    const int32_t axes[GGDM_SURFACE_AXES] = {a->x, a->curve}, ranks[] = {p->x, p->curve};
    ggdm_surface_place *own = &s->places[s->n_places++];
    *place = (ggdm_fit_place){.k = share->p_sum * share->n, .n = share->n};
    *own = (ggdm_surface_place){.p = share->p_sum, .lo = share->lo, .hi = share->hi};
    for (int i = 0; i < s->n_axes; i++) {
        own->at[i] = a->axes[axes[i]].values[ranks[i]].number;
        own->x[i] = place->x[i] = ggdm_surface_place_of(&s->axes[i], own->at[i]);
    }
    s->n_least = s->n_places == 1 || share->n < s->n_least ? share->n : s->n_least;
    s->n_most = share->n > s->n_most ? share->n : s->n_most;
}

/* Those that show the same images one behind the other. */
static void add_places(ggdm_surface *s, const ggdm_plot_points *d, int32_t measure, bool *added,
                       ggdm_fit_place *places)
{
    for (int32_t i = 0; i < d->n; i++) {
        const int32_t first = s->n_places;
        const ggdm_plot_share *share = &d->points[i].shares[measure];
        for (int32_t k = i; k < d->n && !added[i] && share->known && share->n > 0; k++) {
            if (added[k] || !is_same(d, measure, i, k))
                continue;
            added[k] = k > i;
            add_place(s, d, &d->points[k], share, &places[s->n_places]);
            places[first].same++;
        }
    }
}

/* ---- the grid -------------------------------------------------------------------------------- */

static ggdm_status make_grid(ggdm_surface *s, ggdm_arena *arena, ggdm_error *err)
{
    s->n = 1;
    for (int i = 0; i < s->n_axes; i++) {
        ggdm_surface_axis *axis = &s->axes[i];
        axis->n = s->n_axes == 1 ? LINE : SIDE;
        if (axis->whole && axis->hi - axis->lo < axis->n)
            axis->n = (int32_t)(axis->hi - axis->lo) + 1;
        s->n *= axis->n;
        GGDM_TRY(
            ggdm_arena_alloc(arena, (size_t)axis->n * sizeof *axis->values, &axis->values, err));
        for (int32_t k = 0; k < axis->n; k++) {
            const double value = ggdm_surface_value_at(axis, k / (axis->n - 1.));
            axis->values[k] = axis->whole ? round(value) : value;
        }
    }
    GGDM_TRY(ggdm_arena_alloc(arena, (size_t)s->n * sizeof *s->grid, &s->grid, err));
    return ggdm_arena_alloc(arena, (size_t)s->n * sizeof *s->may_be_best, &s->may_be_best, err);
}

/* Index of a point of the grid on an axis. */
static int32_t index_on(const ggdm_surface *s, int axis, int32_t point)
{
    return axis ? point / s->axes[0].n : point % s->axes[0].n;
}

static ggdm_status fill_grid(ggdm_surface *s, const ggdm_fit *fit, ggdm_error *err)
{
    double *x = NULL;
    const size_t n = (size_t)s->n;
    GGDM_TRY(ggdm_alloc(&x, n * (GGDM_FIT_AXES + 2), sizeof *x, err));
    double *mean = x + n * GGDM_FIT_AXES, *variance = mean + n;
    for (int32_t i = 0; i < s->n; i++)
        for (int k = 0; k < s->n_axes; k++) {
            x[i * GGDM_FIT_AXES + k] = index_on(s, k, i) / (s->axes[k].n - 1.);
            s->grid[i].x[k] = x[i * GGDM_FIT_AXES + k];
            s->grid[i].at[k] = s->axes[k].values[index_on(s, k, i)];
        }
    const ggdm_status st = ggdm_fit_predict(fit, x, s->n, mean, variance, NULL, err);
    for (int32_t i = 0; i < s->n && st == GGDM_OK; i++) {
        const double half = Z * sqrt(fmax(variance[i], 0));
        s->grid[i].p = ggdm_fit_share(mean[i]);
        s->grid[i].lo = ggdm_fit_share(mean[i] - half);
        s->grid[i].hi = ggdm_fit_share(mean[i] + half);
        s->best = mean[i] > mean[s->best] ? i : s->best;
    }
    free(x);
    return st;
}

/* Where the optimum may lie: wherever the upper bound reaches the highest lower bound. */
static void find_optimum(ggdm_surface *s)
{
    double floor = 0;
    int32_t n = 0;
    for (int32_t i = 0; i < s->n; i++)
        floor = fmax(floor, s->grid[i].lo);
    for (int k = 0; k < s->n_axes; k++)
        s->axes[k].from = s->axes[k].to = s->grid[s->best].at[k];
    for (int32_t i = 0; i < s->n; i++) {
        s->may_be_best[i] = s->grid[i].hi >= floor;
        n += s->may_be_best[i];
        for (int k = 0; k < s->n_axes && s->may_be_best[i]; k++) {
            s->axes[k].from = fmin(s->axes[k].from, s->grid[i].at[k]);
            s->axes[k].to = fmax(s->axes[k].to, s->grid[i].at[k]);
        }
    }
    s->may_share = (double)n / s->n;
}

/* ---- all ------------------------------------------------------------------------------------- */

static ggdm_status fit_surface(ggdm_surface *s, const ggdm_fit_place *places, ggdm_arena *arena,
                               ggdm_error *err)
{
    ggdm_fit fit;
    ggdm_status st = ggdm_fit_best(places, s->n_places, s->n_axes, &fit, err);
    for (int i = 0; i < s->n_axes; i++)
        s->axes[i].length = fit.length[i];
    s->deviation = fit.deviation;
    if (st == GGDM_OK)
        st = make_grid(s, arena, err);
    if (st == GGDM_OK)
        st = fill_grid(s, &fit, err);
    if (st == GGDM_OK) {
        find_optimum(s);
        st = ggdm_surface_choose_next(s, &fit, err);
    }
    ggdm_fit_deinit(&fit);
    return st;
}

static ggdm_status find_of_points(ggdm_results *r, const ggdm_plot_points *d, int32_t measure,
                                  int n_axes, ggdm_error *err)
{
    const ggdm_axes *a = d->axes;
    ggdm_surface *s = NULL;
    ggdm_fit_place *places = NULL;
    bool *added = NULL;
    ggdm_status st = GGDM_OK;
    GGDM_TRY(ggdm_arena_alloc(&r->arena, sizeof *s, &s, err));
    GGDM_TRY(ggdm_arena_alloc(&r->arena, (size_t)d->n * sizeof *s->places, &s->places, err));
    GGDM_TRY(ggdm_arena_alloc(&r->arena, (size_t)d->n * sizeof *added, &added, err));
    GGDM_TRY(ggdm_alloc(&places, (size_t)d->n, sizeof *places, err));
    s->measure = r->measures[measure].name;
    s->n_axes = n_axes;
    s->axes[0] = ggdm_surface_scale(&a->axes[a->x]);
    if (n_axes == 2)
        s->axes[1] = ggdm_surface_scale(&a->axes[a->curve]);
    add_places(s, d, measure, added, places);
    if (s->n_places < LEAST_ALONE)
        goto done;
    if (s->n_places > GGDM_FIT_MOST) {
        ggdm_log(GGDM_LOG_INFO, "no response surface: %d places, which are more than %d",
                 s->n_places, GGDM_FIT_MOST);
        goto done;
    }
    GGDM_TRY_GOTO(st, fit_surface(s, places, &r->arena, err), done);
    r->surface = s;
done:
    free(places);
    return st;
}

ggdm_status ggdm_surface_find(ggdm_results *r, ggdm_error *err)
{
    const int32_t measure = verdict_of(r);
    ggdm_axes axes = {0};
    ggdm_plot_points d = {0};
    ggdm_status st;
    r->surface = NULL;
    GGDM_TRY_GOTO(st, ggdm_axes_find(r, &axes, err), done);
    const int n_axes = measure < 0 ? 0 : n_axes_of(&axes);
    if (n_axes == 0)
        goto done;
    GGDM_TRY_GOTO(st, ggdm_plot_points_find(r, &axes, &d, err), done);
    st = find_of_points(r, &d, measure, n_axes, err);
done:
    ggdm_plot_points_deinit(&d);
    ggdm_axes_deinit(&axes);
    return st;
}
