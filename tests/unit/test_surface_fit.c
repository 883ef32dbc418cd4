/* The Gaussian process of shares: against another program, and how often it is right. */
#include "evaluate/surface_fit.h"

#include <math.h>
#include <stdio.h>

#include "common/philox.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

static void check_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        ggdm_test_fail("%.17g, expected %.17g within %g", got, want, tolerance);
}

/* scikit-learn 1.2.1: GaussianProcessClassifier on the single trials, kernel 9 + 1.5^2 Matern(0.4,
 * nu 2.5), optimizer=None, and what its Laplace approximation says of f.  Both stop short of the
 * mode: it at 1e-10 of the objective, too. */
static void test_fit_equals_scikit_learn(void **state)
{
    (void)state;
    static const ggdm_fit_place places[] = {
        {{0, 0}, 1, 10, 1},   {{0.2, 0}, 3, 10, 1},  {{0.4, 0}, 4, 8, 1},
        {{0.6, 0}, 8, 12, 1}, {{0.8, 0}, 10, 10, 1}, {{1, 0}, 9, 10, 1},
    };
    static const double x[][GGDM_FIT_AXES] = {{0, 0}, {0.5, 0}, {0.7, 0}, {1, 0}};
    static const double want[][2] = {{-1.4441341704069544, 0.41241588258607464},
                                     {0.42705753948200353, 0.23462278321986219},
                                     {1.5223540294503177, 0.28651441206153194},
                                     {2.050953064270576, 0.5740283478054486}};
    double mean[4], variance[4], reduced[4][6];
    ggdm_fit fit;
    ggdm_test_ok(ggdm_fit_at(places, 6, 1, (const double[]){0.4, 0}, 1.5, &fit, &err), &err);
    check_near(fit.evidence, -33.38019552672241, 1e-6);
    ggdm_test_ok(ggdm_fit_predict(&fit, x[0], 4, mean, variance, reduced[0], &err), &err);
    for (int i = 0; i < 4; i++) {
        check_near(mean[i], want[i][0], 1e-5);
        check_near(variance[i], want[i][1], 1e-5);
        double own = ggdm_fit_covariance(&fit, x[i], x[i]);
        for (int k = 0; k < 6; k++)
            own -= reduced[i][k] * reduced[i][k];
        check_near(own, variance[i], 1e-12);
    }
    ggdm_fit_deinit(&fit);
}

/* Ten places that show the same 50 images say as much as those images, at each of them. */
static void test_fit_counts_the_same_images_once(void **state)
{
    (void)state;
    static const double x[][GGDM_FIT_AXES] = {{0, 0}, {0.5, 0}, {1, 0}};
    ggdm_fit_place places[10];
    double mean[3], variance[3];
    ggdm_fit fit;
    for (int i = 0; i < 10; i++)
        places[i] = (ggdm_fit_place){{i / 9., 0}, 15, 50, i ? 0 : 10};
    ggdm_test_ok(ggdm_fit_best(places, 10, 1, &fit, &err), &err);
    ggdm_test_ok(ggdm_fit_predict(&fit, x[0], 3, mean, variance, NULL, &err), &err);
    for (int i = 0; i < 3; i++) {
        check_near(mean[i], log(15 / 35.), 0.02);
        check_near(sqrt(variance[i]), 1 / sqrt(50 * 0.3 * 0.7), 0.03);
    }
    ggdm_fit_deinit(&fit);
    places[0].same = 9;
    ggdm_test_error(ggdm_fit_best(places, 10, 1, &fit, &err), &err, GGDM_EINVAL, "do not stand");
    ggdm_fit_deinit(&fit);
}

/* ---- how often is it right? ------------------------------------------------------------------ */

enum { SETS = 200, GRID = 21 };

/* A step and a plateau, as accuracy over duration has them. */
static double ridge(const double x[GGDM_FIT_AXES])
{
    return 0.1 + 0.85 / (1 + exp(-12 * (x[0] - 0.45))) - 0.3 * x[0] * x[0];
}
/* A hill with its top inside. */
static double hill(const double x[GGDM_FIT_AXES])
{
    const double a = (x[0] - 0.6) / 0.3, b = (x[1] - 0.4) / 0.35;
    return 0.1 + 0.8 * exp(-(a * a + b * b) / 2);
}
/* Nothing changes anything. */
static double flat(const double x[GGDM_FIT_AXES])
{
    (void)x;
    return 0.3;
}

/* Successes of n trials, of data set and place. */
static double draw(double p, int n, uint32_t set, uint32_t place)
{
    double u[200], k = 0;
    ggdm_uniforms(7, GGDM_STREAM_TRAIN, set, place, n, u);
    for (int i = 0; i < n; i++)
        k += u[i] < p;
    return k;
}

typedef struct outcome {
    double inside; /* share of (set, point of the grid) whose band has the truth */
    double best;   /* share of sets where the point of the true top may be the top */
    double width;  /* of the bands, mean */
} outcome;

static outcome simulate(double (*truth)(const double *), int axes, int sets, int side, int n)
{
    const int places = axes == 1 ? side : side * side, grid = axes == 1 ? GRID : GRID * GRID;
    ggdm_fit_place place[100];
    static double x[GRID * GRID][GGDM_FIT_AXES], mean[GRID * GRID], variance[GRID * GRID];
    outcome o = {0, 0, 0};
    for (int i = 0; i < grid; i++) {
        x[i][0] = i % GRID / (double)(GRID - 1);
        x[i][1] = axes == 1 ? 0 : i / GRID / (double)(GRID - 1);
    }
    for (int set = 0; set < sets; set++) {
        ggdm_fit fit;
        for (int i = 0; i < places; i++) {
            place[i] = (ggdm_fit_place){
                {i % side / (side - 1.), axes == 1 ? 0 : i / side / (side - 1.)}, 0, n, 1};
            place[i].k = draw(truth(place[i].x), n, (uint32_t)set, (uint32_t)i);
        }
        ggdm_test_ok(ggdm_fit_best(place, places, axes, &fit, &err), &err);
        ggdm_test_ok(ggdm_fit_predict(&fit, x[0], grid, mean, variance, NULL, &err), &err);
        double floor = -INFINITY, top = 0, top_hi = 0;
        for (int i = 0; i < grid; i++) {
            const double half = 1.96 * sqrt(variance[i]), p = truth(x[i]);
            const double lo = ggdm_fit_share(mean[i] - half), hi = ggdm_fit_share(mean[i] + half);
            o.inside += p >= lo && p <= hi;
            o.width += hi - lo;
            floor = fmax(floor, lo);
            if (p > top) {
                top = p;
                top_hi = hi;
            }
        }
        o.best += top_hi >= floor;
        ggdm_fit_deinit(&fit);
    }
    o.inside /= (double)sets * grid;
    o.width /= (double)sets * grid;
    o.best /= sets;
    return o;
}

static void check(const char *name, outcome o, double least, double most, double width)
{
    printf("%s: %.3f inside, the top among those that may be it %.3f, width %.3f\n", name, o.inside,
           o.best, o.width);
    assert_true(o.inside >= least && o.inside <= most);
    assert_true(o.best >= 0.95);
    assert_true(o.width < width);
}

/* The band is of each point alone: of 200 data sets 95 % is the mean over the grid. */
static void test_fit_covers_what_is_true(void **state)
{
    (void)state;
    check("a ridge", simulate(ridge, 1, SETS, 11, 100), 0.92, 0.99, 0.2);
    check("a hill", simulate(hill, 2, SETS, 5, 50), 0.92, 0.99, 0.3);
    check("nothing", simulate(flat, 1, SETS, 11, 100), 0.92, 1, 0.15);
}

static void test_fit_refuses_what_it_is_not_for(void **state)
{
    (void)state;
    static ggdm_fit_place places[GGDM_FIT_MOST + 1];
    ggdm_fit fit;
    ggdm_test_error(ggdm_fit_best(places, GGDM_FIT_MOST + 1, 2, &fit, &err), &err, GGDM_EINVAL,
                    "301 places on 2 axes, expected 1 to 300");
    ggdm_fit_deinit(&fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit_equals_scikit_learn),
        cmocka_unit_test(test_fit_counts_the_same_images_once),
        cmocka_unit_test(test_fit_covers_what_is_true),
        cmocka_unit_test(test_fit_refuses_what_it_is_not_for),
    };
    return ggdm_test_main(tests);
}
