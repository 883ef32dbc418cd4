#include "evaluate/surface_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "evaluate/cholesky.h"

/* Log odds by which places with the same trials may differ.  While l and s are chosen they may:
 * that nothing changes where guidance does nothing says little of where it does something. */
#define SAME 0.02
#define SAME_AT_FIRST 10.
#define LEVEL 3.      /* b: the log odds of everything, before any image */
#define MAX_STEPS 100 /* of Newton; some ten are needed */
#define CLOSE 1e-10   /* the objective changes less, relatively */

/* The grid of l and s, by factors of 2^1/2, and what is known of them before any image: that a
 * logarithm is normal around this middle with deviation 1. */
enum { N_GRID = 12 };
#define FIRST_LENGTH 0.08
#define MIDDLE_LENGTH 0.5
#define FIRST_DEVIATION 0.25
#define MIDDLE_DEVIATION 2.

/* ---- the model ------------------------------------------------------------------------------- */

/* Rasmussen & Williams, equation 4.17. */
static double matern(double r)
{
    const double a = sqrt(5.) * r;
    return (1 + a + a * a / 3) * exp(-a);
}

double ggdm_fit_covariance(const ggdm_fit *fit, const double *x, const double *y)
{
    double r2 = 0;
    for (int i = 0; i < fit->axes; i++) {
        const double d = (x[i] - y[i]) / fit->length[i];
        r2 += d * d;
    }
    return LEVEL * LEVEL + fit->deviation * fit->deviation * matern(sqrt(r2));
}

double ggdm_fit_share(double f)
{
    return 1 / (1 + exp(-f));
}

/* log(1 + e^f) */
static double log_sum(double f)
{
    return f > 0 ? f + log1p(exp(-f)) : log1p(exp(f));
}

/* Of places with the same trials the mean, then how far the others are from it; of every step-th
 * number from v on. */
static void observe(const ggdm_fit *fit, double *v, size_t step)
{
    for (int32_t i = 0; i < fit->n; i += fit->places[i].same) {
        double *first = v + (size_t)i * step, mean = 0;
        for (int32_t k = 0; k < fit->places[i].same; k++)
            mean += first[(size_t)k * step] / fit->places[i].same;
        for (int32_t k = 1; k < fit->places[i].same; k++)
            first[(size_t)k * step] -= mean;
        *first = mean;
    }
}

/* ---- the mode -------------------------------------------------------------------------------- */

/* Arrays of a fit while it is made. */
typedef struct search {
    ggdm_fit *fit;
    double *k;     /* [n, n] prior covariance */
    double *f, *a; /* [n] f = K a */
    double *b, *c; /* [n] */
    double same;   /* log odds by which places with the same trials may differ */
} search;

static void times(const double *m, int32_t n, const double *x, double *y)
{
    for (int32_t i = 0; i < n; i++) {
        double sum = 0;
        for (int32_t j = 0; j < n; j++)
            sum += m[(size_t)i * (size_t)n + (size_t)j] * x[j];
        y[i] = sum;
    }
}

static double objective(const search *s)
{
    double sum = 0;
    for (int32_t i = 0; i < s->fit->n; i++) {
        const ggdm_fit_place *p = &s->fit->places[i];
        sum -= s->a[i] * s->f[i] / 2;
        if (p->same)
            sum += p->k * s->f[i] - p->n * log_sum(s->f[i]);
        else
            sum -= s->f[i] * s->f[i] / (2 * s->same * s->same);
    }
    return sum;
}

/* W, and the factor of 1 + W^1/2 K W^1/2 there. */
static ggdm_status factorise(search *s, ggdm_error *err)
{
    ggdm_fit *fit = s->fit;
    const size_t n = (size_t)fit->n;
    for (size_t i = 0; i < n; i++) {
        const ggdm_fit_place *place = &fit->places[i];
        const double p = ggdm_fit_share(s->f[i]);
        const bool shares = place->same > 0;
        fit->root[i] = shares ? sqrt(place->n * p * (1 - p)) : 1 / s->same;
        fit->gradient[i] = shares ? place->k - place->n * p : -s->f[i] / (s->same * s->same);
    }
    for (size_t j = 0; j < n; j++)
        for (size_t i = j; i < n; i++)
            fit->factor[j * n + i] = (i == j) + fit->root[i] * s->k[i * n + j] * fit->root[j];
    return ggdm_cholesky(fit->factor, fit->n, err);
}

/* One step of Newton's into s->b: algorithm 3.1, lines 5 to 8. */
static ggdm_status newton(search *s, ggdm_error *err)
{
    const ggdm_fit *fit = s->fit;
    for (int32_t i = 0; i < fit->n; i++)
        s->b[i] = fit->root[i] * fit->root[i] * s->f[i] + fit->gradient[i];
    times(s->k, fit->n, s->b, s->c);
    for (int32_t i = 0; i < fit->n; i++)
        s->c[i] *= fit->root[i];
    GGDM_TRY(ggdm_cholesky_solve(fit->factor, fit->n, false, s->c, 1, err));
    GGDM_TRY(ggdm_cholesky_solve(fit->factor, fit->n, true, s->c, 1, err));
    for (int32_t i = 0; i < fit->n; i++)
        s->b[i] -= fit->root[i] * s->c[i];
    return GGDM_OK;
}

/* The whole step, or the largest half of a half that makes things better. */
static double advance(search *s, double before)
{
    const int32_t n = s->fit->n;
    double now = before;
    memcpy(s->c, s->a, (size_t)n * sizeof *s->a);
    for (double step = 1; step > 1e-6; step /= 2) {
        for (int32_t i = 0; i < n; i++)
            s->a[i] = s->c[i] + step * (s->b[i] - s->c[i]);
        times(s->k, n, s->a, s->f);
        now = objective(s);
        if (now >= before)
            break;
    }
    return now;
}

static ggdm_status find_mode(search *s, ggdm_error *err)
{
    double before = objective(s);
    for (int i = 0; i < MAX_STEPS; i++) {
        GGDM_TRY(factorise(s, err));
        GGDM_TRY(newton(s, err));
        const double now = advance(s, before);
        if (!isfinite(now))
            break;
        if (fabs(now - before) <= CLOSE * (1 + fabs(now))) {
            GGDM_TRY(factorise(s, err));
            s->fit->evidence = now;
            for (int32_t k = 0; k < s->fit->n; k++)
                s->fit->evidence -= log(s->fit->factor[(size_t)k * (size_t)(s->fit->n + 1)]);
            return GGDM_OK;
        }
        before = now;
    }
    return GGDM_FAIL(err, GGDM_ENUMERIC, "the fit of %d shares does not converge", s->fit->n);
}

static bool is_grouped(const ggdm_fit_place *places, int32_t n)
{
    int32_t i = 0;
    while (i < n && places[i].same > 0)
        i += places[i].same;
    return i == n;
}

static ggdm_status open_fit(const ggdm_fit_place *places, int32_t n, int axes, ggdm_fit *out,
                            ggdm_error *err)
{
    const size_t size = (size_t)n;
    *out = (ggdm_fit){.places = places, .n = n, .axes = axes};
    if (n < 1 || n > GGDM_FIT_MOST || axes < 1 || axes > GGDM_FIT_AXES)
        return GGDM_FAIL(err, GGDM_EINVAL, "%d places on %d axes, expected 1 to %d on 1 or %d", n,
                         axes, GGDM_FIT_MOST, GGDM_FIT_AXES);
    if (!is_grouped(places, n))
        return GGDM_FAIL(err, GGDM_EINVAL, "places with the same trials do not stand together");
    GGDM_TRY(ggdm_alloc(&out->gradient, size * (size + 2), sizeof *out->gradient, err));
    out->root = out->gradient + size;
    out->factor = out->root + size;
    return GGDM_OK;
}

static ggdm_status fit_with(const ggdm_fit_place *places, int32_t n, int axes,
                            const double length[GGDM_FIT_AXES], double deviation, double same,
                            ggdm_fit *out, ggdm_error *err)
{
    const size_t size = (size_t)n;
    GGDM_TRY(open_fit(places, n, axes, out, err));
    memcpy(out->length, length, sizeof out->length);
    out->deviation = deviation;
    search s = {.fit = out, .same = same};
    GGDM_TRY(ggdm_alloc(&s.k, size * (size + 4), sizeof *s.k, err));
    s.f = s.k + size * size;
    s.a = s.f + size;
    s.b = s.a + size;
    s.c = s.b + size;
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j <= i; j++)
            s.k[i * size + j] = s.k[j * size + i] =
                ggdm_fit_covariance(out, places[i].x, places[j].x);
    for (size_t i = 0; i < size; i++)
        observe(out, s.k + i * size, 1);
    for (size_t i = 0; i < size; i++)
        observe(out, s.k + i, size);
    const ggdm_status st = find_mode(&s, err);
    free(s.k);
    return st;
}

ggdm_status ggdm_fit_at(const ggdm_fit_place *places, int32_t n, int axes,
                        const double length[GGDM_FIT_AXES], double deviation, ggdm_fit *out,
                        ggdm_error *err)
{
    return fit_with(places, n, axes, length, deviation, SAME, out, err);
}

void ggdm_fit_deinit(ggdm_fit *fit)
{
    free(fit->gradient);
    *fit = (ggdm_fit){0};
}

/* ---- l and s --------------------------------------------------------------------------------- */

/* Indices into the grid: of each length, then of the deviation. */
enum { N_INDICES = GGDM_FIT_AXES + 1 };
typedef struct ladder {
    const ggdm_fit_place *places;
    int32_t n;
    int axes;
    double known[N_GRID][N_GRID][N_GRID]; /* how probable; 0: not asked yet */
} ladder;

static double rung(double first, int index)
{
    return first * pow(2, index / 2.);
}

static ggdm_status fit_on(const ladder *l, const int at[N_INDICES], double same, ggdm_fit *out,
                          ggdm_error *err)
{
    const double length[GGDM_FIT_AXES] = {rung(FIRST_LENGTH, at[0]), rung(FIRST_LENGTH, at[1])};
    return fit_with(l->places, l->n, l->axes, length, rung(FIRST_DEVIATION, at[2]), same, out, err);
}

static double prior(double value, double middle)
{
    const double d = log(value / middle);
    return -d * d / 2;
}

static ggdm_status ask(ladder *l, const int at[N_INDICES], double *out, ggdm_error *err)
{
    double *known = &l->known[at[0]][at[1]][at[2]];
    if (*known == 0) {
        ggdm_fit fit;
        const ggdm_status st = fit_on(l, at, SAME_AT_FIRST, &fit, err);
        *known = fit.evidence + prior(fit.deviation, MIDDLE_DEVIATION);
        for (int i = 0; i < l->axes; i++)
            *known += prior(fit.length[i], MIDDLE_LENGTH);
        ggdm_fit_deinit(&fit);
        GGDM_TRY(st);
    }
    *out = *known;
    return GGDM_OK;
}

/* To the best neighbour, as long as one is better. */
static ggdm_status climb(ladder *l, int at[N_INDICES], double *best, ggdm_error *err)
{
    GGDM_TRY(ask(l, at, best, err));
    for (bool better = true; better;) {
        int to[N_INDICES];
        better = false;
        memcpy(to, at, sizeof to);
        for (int i = 0; i < N_INDICES; i++)
            for (int step = -1; step <= 1; step += 2) {
                int near[N_INDICES];
                double value;
                memcpy(near, at, sizeof near);
                near[i] += step;
                if (near[i] < 0 || near[i] >= N_GRID || (i > 0 && i < 2 && l->axes < 2))
                    continue;
                GGDM_TRY(ask(l, near, &value, err));
                if (value > *best) {
                    *best = value;
                    memcpy(to, near, sizeof to);
                    better = true;
                }
            }
        memcpy(at, to, sizeof to);
    }
    return GGDM_OK;
}

/* From short lengths and from long ones: there may be a valley between. */
ggdm_status ggdm_fit_best(const ggdm_fit_place *places, int32_t n, int axes, ggdm_fit *out,
                          ggdm_error *err)
{
    ladder *l = NULL;
    int at[2][N_INDICES] = {{2, 2, 6}, {7, 7, 6}};
    double best[2] = {0, 0};
    ggdm_status st;
    *out = (ggdm_fit){0};
    GGDM_TRY(ggdm_alloc(&l, 1, sizeof *l, err));
    l->places = places;
    l->n = n;
    l->axes = axes;
    for (int i = 0; i < 2; i++)
        GGDM_TRY_GOTO(st, climb(l, at[i], &best[i], err), done);
    st = fit_on(l, at[best[1] > best[0]], SAME, out, err);
done:
    free(l);
    return st;
}

/* ---- elsewhere ------------------------------------------------------------------------------- */

/* Algorithm 3.2, lines 4 to 6. */
ggdm_status ggdm_fit_predict(const ggdm_fit *fit, const double *x, int32_t m, double *mean,
                             double *variance, double *reduced, ggdm_error *err)
{
    const size_t n = (size_t)fit->n;
    double *own = NULL, *v = reduced;
    if (!v) {
        GGDM_TRY(ggdm_alloc(&own, (size_t)m * n, sizeof *own, err));
        v = own;
    }
    for (size_t i = 0; i < (size_t)m; i++) {
        double *c = v + i * n;
        mean[i] = 0;
        for (size_t k = 0; k < n; k++)
            c[k] = ggdm_fit_covariance(fit, x + i * GGDM_FIT_AXES, fit->places[k].x);
        observe(fit, c, 1);
        for (size_t k = 0; k < n; k++) {
            mean[i] += c[k] * fit->gradient[k];
            c[k] *= fit->root[k];
        }
    }
    const ggdm_status st = ggdm_cholesky_solve(fit->factor, fit->n, false, v, m, err);
    for (size_t i = 0; i < (size_t)m; i++) {
        const double *at = x + i * GGDM_FIT_AXES;
        variance[i] = ggdm_fit_covariance(fit, at, at);
        for (size_t k = 0; k < n; k++)
            variance[i] -= v[i * n + k] * v[i * n + k];
    }
    free(own);
    return st;
}
