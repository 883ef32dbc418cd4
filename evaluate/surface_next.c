#include "evaluate/surface_next.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "evaluate/surface_scale.h"

enum { SIDE = 41, N_IMPROVING = 4 };
#define WORTH 0.001 /* of an expected improvement */
#define NEAR 1e-3   /* of an axis: the same place */

typedef struct candidates {
    const ggdm_fit *fit;
    int32_t n;
    double *values; /* [n][axes] as people write them */
    double *x;      /* [n][axes] in [0, 1] */
    double *mean, *variance, *reduced;
    double *shifts; /* [GGDM_SURFACE_NEXT][n] what those that are chosen take off */
    bool *taken;    /* [n] */
} candidates;

/* ---- candidates ------------------------------------------------------------------------------ */

/* Distinct readable values of an axis; how many. */
static int32_t readable_values(const ggdm_surface_axis *axis, double values[SIDE])
{
    int32_t n = 0;
    for (int32_t i = 0; i < SIDE; i++) {
        const double at = i / (SIDE - 1.);
        const double v = ggdm_surface_readable(axis, ggdm_surface_value_at(axis, at));
        if (n == 0 || v > values[n - 1])
            values[n++] = v;
    }
    return n;
}

/* Is it in line with places that show the same images, whatever the other axis says?  (A strength
 * of 0, whatever the duration.)  So would it. */
static bool is_in_line(const ggdm_fit *fit, const ggdm_fit_place *first, int axis, double x)
{
    if (fit->axes < 2 || first->same < 2)
        return false;
    int32_t n = 0, all = 0;
    for (int32_t i = 0; i < first->same; i++)
        n += fabs(first[i].x[axis] - x) < NEAR;
    for (int32_t i = 0; i < fit->n; i++)
        all += fabs(fit->places[i].x[axis] - x) < NEAR;
    return n == all && n > 1;
}

/* Is it known what would be seen there? */
static bool is_swept(const ggdm_fit *fit, const double x[GGDM_FIT_AXES])
{
    for (int32_t i = 0; i < fit->n; i++) {
        const ggdm_fit_place *p = &fit->places[i];
        if (fabs(p->x[0] - x[0]) < NEAR && fabs(p->x[1] - x[1]) < NEAR)
            return true;
        if (is_in_line(fit, p, 0, x[0]) || is_in_line(fit, p, 1, x[1]))
            return true;
    }
    return false;
}

static void list_candidates(candidates *c, const ggdm_surface *s)
{
    double values[GGDM_SURFACE_AXES][SIDE] = {{0}, {0}};
    int32_t n[GGDM_SURFACE_AXES] = {1, 1};
    for (int i = 0; i < s->n_axes; i++)
        n[i] = readable_values(&s->axes[i], values[i]);
    for (int32_t k = 0; k < n[0] * n[1]; k++) {
        double *at = &c->values[c->n * GGDM_SURFACE_AXES], *x = &c->x[c->n * GGDM_FIT_AXES];
        at[0] = values[0][k % n[0]];
        at[1] = values[1][k / n[0]];
        x[1] = 0;
        for (int i = 0; i < s->n_axes; i++)
            x[i] = ggdm_surface_place_of(&s->axes[i], at[i]);
        c->n += !is_swept(c->fit, x);
    }
}

/* ---- what is worth trying -------------------------------------------------------------------- */

/* Mean of g(share) over the normal f, by the trapezoid rule, which is all but exact for it. */
typedef struct moments {
    double improvement, share, square;
} moments;

static moments moments_of(double mean, double variance, double best)
{
    enum { N = 41 };
    const double sd = sqrt(fmax(variance, 0)), step = 8. / (N - 1);
    moments m = {0, 0, 0};
    for (int i = 0; i < N; i++) {
        const double z = -4 + i * step;
        const double weight = step * exp(-z * z / 2) / sqrt(2 * M_PI);
        const double p = ggdm_fit_share(mean + z * sd);
        m.improvement += weight * fmax(p - best, 0);
        m.share += weight * p;
        m.square += weight * p * p;
    }
    return m;
}

/* The one to try; -1: none is left. */
static int32_t choose(const candidates *c, double best, bool unsure, double *worth)
{
    int32_t at = -1;
    *worth = -1;
    for (int32_t i = 0; i < c->n; i++) {
        if (c->taken[i])
            continue;
        const moments m = moments_of(c->mean[i], c->variance[i], best);
        const double value = unsure ? sqrt(fmax(m.square - m.share * m.share, 0)) : m.improvement;
        if (value > *worth) {
            *worth = value;
            at = i;
        }
    }
    return at;
}

/* As if n images had been seen there, and were as expected: what is known of the others. */
static void believe(candidates *c, int32_t at, int32_t chosen, double n)
{
    const double p = ggdm_fit_share(c->mean[at]);
    const double noise = 1 / fmax(n * p * (1 - p), 1e-3);
    const double scale = 1 / sqrt(c->variance[at] + noise);
    const size_t places = (size_t)c->fit->n, all = (size_t)c->n;
    double *shift = c->shifts + (size_t)chosen * all;
    for (size_t i = 0; i < all; i++) {
        double cov = ggdm_fit_covariance(c->fit, c->x + i * GGDM_FIT_AXES,
                                         c->x + (size_t)at * GGDM_FIT_AXES);
        for (size_t k = 0; k < places; k++)
            cov -= c->reduced[i * places + k] * c->reduced[(size_t)at * places + k];
        for (int32_t k = 0; k < chosen; k++)
            cov -= c->shifts[(size_t)k * all + i] * c->shifts[(size_t)k * all + (size_t)at];
        shift[i] = cov * scale;
    }
    for (size_t i = 0; i < all; i++)
        c->variance[i] -= shift[i] * shift[i];
    c->taken[at] = true;
}

static void choose_all(candidates *c, ggdm_surface *s)
{
    const double best = s->grid[s->best].p;
    bool unsure = false;
    while (s->n_next < GGDM_SURFACE_NEXT) {
        double worth;
        unsure = unsure || s->n_next == N_IMPROVING;
        const int32_t at = choose(c, best, unsure, &worth);
        if (at < 0)
            break;
        if (!unsure && worth < WORTH) {
            unsure = true;
            continue;
        }
        ggdm_surface_place *next = &s->next[s->n_next];
        const double half = 1.96 * sqrt(fmax(c->variance[at], 0));
        *next = (ggdm_surface_place){.p = ggdm_fit_share(c->mean[at]),
                                     .lo = ggdm_fit_share(c->mean[at] - half),
                                     .hi = ggdm_fit_share(c->mean[at] + half),
                                     .unsure = unsure};
        for (int i = 0; i < s->n_axes; i++) {
            next->at[i] = c->values[at * GGDM_SURFACE_AXES + i];
            next->x[i] = c->x[at * GGDM_FIT_AXES + i];
        }
        believe(c, at, s->n_next++, s->n_most);
    }
}

ggdm_status ggdm_surface_choose_next(ggdm_surface *s, const ggdm_fit *fit, ggdm_error *err)
{
    const size_t most = (size_t)SIDE * (s->n_axes == 2 ? SIDE : 1), places = (size_t)fit->n;
    const size_t doubles =
        most * (GGDM_SURFACE_AXES + GGDM_FIT_AXES + 2 + GGDM_SURFACE_NEXT + places);
    candidates c = {.fit = fit};
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_alloc(&c.values, doubles, sizeof *c.values, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&c.taken, most, sizeof *c.taken, err), done);
    c.x = c.values + most * GGDM_SURFACE_AXES;
    c.mean = c.x + most * GGDM_FIT_AXES;
    c.variance = c.mean + most;
    c.shifts = c.variance + most;
    c.reduced = c.shifts + most * GGDM_SURFACE_NEXT;
    list_candidates(&c, s);
    GGDM_TRY_GOTO(st, ggdm_fit_predict(fit, c.x, c.n, c.mean, c.variance, c.reduced, err), done);
    choose_all(&c, s);
done:
    free(c.taken);
    free(c.values);
    return st;
}
