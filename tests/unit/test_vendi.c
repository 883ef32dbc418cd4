/* The Vendi score: published values, closed forms, and what its interval is worth. */
#include "evaluate/vendi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"
#include "tests/support/test_rows.h"

static ggdm_error err;

static void check_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        ggdm_test_fail("%.17g, expected %.17g within %g", got, want, tolerance);
}

static ggdm_metric_value of_rows(float *x, int64_t n, int64_t d)
{
    ggdm_rows *rows = ggdm_test_rows(x, n, d);
    ggdm_metric_value v;
    ggdm_test_ok(ggdm_test_metric(&ggdm_metric_vendi, rows, NULL, &v, &err), &err);
    ggdm_test_rows_free(rows);
    return v;
}

static void fill(float *x, int64_t count, const char *what, int64_t number)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), what, number));
    ggdm_test_fill_normal(&rng, x, (size_t)count, 1);
}

/* The README of vertaix/Vendi-Score. */
static void test_vendi_of_published_kernels(void **state)
{
    (void)state;
    ggdm_metric_value v;
    double pair[] = {1, 0.9, 0, 0.9, 1, 0, 0, 0, 1};
    ggdm_test_ok(ggdm_vendi_of_kernel(pair, 3, &v, &err), &err);
    check_near(v.value, 2.1573, 5e-5);

    const double at[] = {0, 0, 10, 10, 20, 20};
    double k[36];
    for (int i = 0; i < 36; i++)
        k[i] = exp(-fabs(at[i / 6] - at[i % 6]));
    ggdm_test_ok(ggdm_vendi_of_kernel(k, 6, &v, &err), &err);
    check_near(v.value, 2.9999999958777064, 1e-12); /* NumPy; the README cuts it to 2.9999 */
}

static void test_vendi_of_images_that_are_alike_is_1(void **state)
{
    (void)state;
    float x[12 * 5];
    for (int i = 0; i < 60; i++)
        x[i] = (float)(i / 5 + 1) * (float)(i % 5 - 1); /* length does not count */
    const ggdm_metric_value many = of_rows(x, 12, 5), few = of_rows(x, 3, 5);
    check_near(many.value, 1, 1e-12);
    check_near(few.value, 1, 1e-12);
    check_near(many.hi, 1, 1e-6);
}

/* k directions, each as often: k, whichever matrix is the smaller one. */
static void test_vendi_of_orthogonal_images_is_their_number(void **state)
{
    (void)state;
    static const struct {
        int n, d, k;
    } cases[] = {{6, 6, 6}, {4, 9, 4}, {12, 4, 4}, {6, 8, 2}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        float x[12 * 9] = {0};
        for (int i = 0; i < cases[c].n; i++)
            x[i * cases[c].d + i % cases[c].k] = (float)(1 + i);
        const ggdm_metric_value v = of_rows(x, cases[c].n, cases[c].d);
        check_near(v.value, cases[c].k, 1e-12);
        check_near(v.lo, v.hi, 1e-6);
    }
}

/* X X^T and X^T X say the same: as features that are all zero but for d, n <= d. */
static void test_vendi_and_interval_are_those_of_the_dual(void **state)
{
    (void)state;
    enum { N = 30, D = 7, WIDE = 40 };
    float x[N * D], wide[N * WIDE] = {0};
    fill(x, N * D, "dual", 0);
    for (int i = 0; i < N * D; i++)
        wide[i / D * WIDE + i % D] = x[i];
    const ggdm_metric_value a = of_rows(x, N, D), b = of_rows(wide, N, WIDE);
    check_near(a.value, b.value, 1e-10);
    check_near(a.lo, b.lo, 1e-9);
    check_near(a.hi, b.hi, 1e-9);
    assert_true(a.lo < a.value && a.value < a.hi);
    const ggdm_metric_value again = of_rows(x, N, D);
    assert_memory_equal(&a, &again, sizeof a);
}

/* ln hi - ln lo is twice 1.96 errors. */
static double error_of(const ggdm_metric_value *v)
{
    return (log(v->hi) - log(v->lo)) / (2 * 1.959963984540054);
}

/* Images of four kinds, two of them rare. */
static void draw(float *x, int n, int d, int64_t number)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "draw", number));
    ggdm_test_fill_normal(&rng, x, (size_t)(n * d), 0.2);
    for (int i = 0; i < n; i++) {
        const int64_t kind = ggdm_test_below(&rng, 10);
        x[i * d + (kind < 5 ? 0 : kind < 8 ? 1 : kind - 6)] += 1;
    }
}

/* Errors that intervals go by, over the deviation of the scores of many draws. */
static double ratio_of(int d)
{
    enum { DRAWS = 200, N = 60, MOST = 90 };
    float x[N * MOST];
    double mean = 0, squares = 0, error = 0;
    for (int r = 0; r < DRAWS; r++) {
        draw(x, N, d, r);
        const ggdm_metric_value v = of_rows(x, N, d);
        const double s = log(v.value), off = s - mean;
        mean += off / (r + 1);
        squares += off * (s - mean);
        error += error_of(&v) / DRAWS;
    }
    return error / sqrt(squares / (DRAWS - 1));
}

static void test_vendi_interval_is_how_far_scores_scatter(void **state)
{
    (void)state;
    const double narrow = ratio_of(8), wide = ratio_of(90);
    print_message("errors are %.3f and %.3f of the deviation\n", narrow, wide);
    assert_true(narrow > 0.9 && narrow < 1.35);
    assert_true(wide > 0.9 && wide < 1.35);
}

/* What the integrals say, without them. */
static void check_jackknife(int d)
{
    enum { N = 60, MOST = 90 };
    float x[N * MOST], rest[N * MOST];
    double s[N], mean = 0, squares = 0;
    draw(x, N, d, d);
    const ggdm_metric_value whole = of_rows(x, N, d);
    for (int i = 0; i < N; i++) {
        memcpy(rest, x, sizeof rest);
        memmove(rest + i * d, x + (i + 1) * d, sizeof *x * (size_t)((N - 1 - i) * d));
        s[i] = log(of_rows(rest, N - 1, d).value);
        mean += s[i] / N;
    }
    for (int i = 0; i < N; i++)
        squares += (s[i] - mean) * (s[i] - mean);
    check_near(error_of(&whole), sqrt(squares * (N - 1) / N), 1e-8);
}

static void test_vendi_interval_is_that_of_leaving_out_each_image(void **state)
{
    (void)state;
    check_jackknife(8);
    check_jackknife(59);
    check_jackknife(60);
    check_jackknife(90);
}

static void test_vendi_of_an_image_without_features_is_no_number(void **state)
{
    (void)state;
    const float x[] = {1, 2, 0, 0};
    ggdm_rows *rows = ggdm_test_rows(x, 2, 2);
    ggdm_metric_value v;
    rows->own.images[1] = 17;
    ggdm_test_error(ggdm_test_metric(&ggdm_metric_vendi, rows, NULL, &v, &err), &err, GGDM_ENUMERIC,
                    "all features of image 17 are zero");
    ggdm_test_rows_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vendi_of_published_kernels),
        cmocka_unit_test(test_vendi_of_images_that_are_alike_is_1),
        cmocka_unit_test(test_vendi_of_orthogonal_images_is_their_number),
        cmocka_unit_test(test_vendi_and_interval_are_those_of_the_dual),
        cmocka_unit_test(test_vendi_interval_is_how_far_scores_scatter),
        cmocka_unit_test(test_vendi_interval_is_that_of_leaving_out_each_image),
        cmocka_unit_test(test_vendi_of_an_image_without_features_is_no_number),
    };
    return ggdm_test_main(tests);
}
