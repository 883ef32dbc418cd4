/* The kernel inception distance: its definition in double, what its interval is worth, subsets. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/threads.h"
#include "evaluate/pairs.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/test_rows.h"

static ggdm_error err;

static void check_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        ggdm_test_fail("%.17g, expected %.17g within %g", got, want, tolerance);
}

/* n images of normal features around shift; owned. */
static float *draw(int64_t n, int64_t d, double shift, const char *what, int64_t number)
{
    float *x = ggdm_test_alloc((size_t)(n * d), sizeof *x);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), what, number));
    ggdm_test_fill_normal(&rng, x, (size_t)(n * d), 1);
    for (int64_t i = 0; i < n * d; i++)
        x[i] += (float)shift;
    return x;
}

static void measure(const ggdm_metric_kind *metric, const float *x, int64_t n, const float *y,
                    int64_t m, int64_t d, ggdm_metric_value *out)
{
    ggdm_rows *rows = ggdm_test_rows(x, n, d);
    ggdm_reference *reference = ggdm_test_reference(y, m, d);
    ggdm_test_ok(ggdm_test_metric(metric, rows, reference, out, &err), &err);
    ggdm_test_reference_free(reference);
    ggdm_test_rows_free(rows);
}

static double kernel(const float *x, const float *y, int64_t d)
{
    double dot = 0;
    for (int64_t k = 0; k < d; k++)
        dot += (double)x[k] * y[k];
    return pow(dot / (double)d + 1, 3);
}

/* The mean of k over pairs, but those of an image with itself where the sets are one, and but for
 * image skip of x. */
static double mean_kernel(const float *x, int64_t n, const float *y, int64_t m, int64_t d,
                          int64_t skip)
{
    double sum = 0, pairs = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) {
            if (i == skip || (x == y && (i == j || j == skip)))
                continue;
            sum += kernel(x + i * d, y + j * d, d);
            pairs++;
        }
    return sum / pairs;
}

static double distance(const float *x, int64_t n, const float *y, int64_t m, int64_t d,
                       int64_t skip)
{
    return mean_kernel(x, n, x, n, d, skip) - 2 * mean_kernel(x, n, y, m, d, skip) +
           mean_kernel(y, m, y, m, d, -1);
}

/* Tiles that are not whole, pieces of features that are not whole. */
static void test_kid_and_interval_are_those_of_the_definition(void **state)
{
    (void)state;
    enum { N = 70, M = 131, D = 67 };
    float *x = draw(N, D, 0.3, "x", 0), *y = draw(M, D, 0, "y", 0);
    double mean = 0, squares = 0, left[N];
    ggdm_metric_value v;
    measure(&ggdm_metric_kid, x, N, y, M, D, &v);
    check_near(v.value, distance(x, N, y, M, D, -1), 1e-12);
    for (int i = 0; i < N; i++) {
        left[i] = distance(x, N, y, M, D, i);
        mean += left[i] / N;
    }
    for (int i = 0; i < N; i++)
        squares += (left[i] - mean) * (left[i] - mean);
    const double half = 1.959963984540054 * sqrt(squares * (N - 1) / N);
    check_near(v.lo, v.value - half, 1e-11);
    check_near(v.hi, v.value + half, 1e-11);
    free(x);
    free(y);
}

/* Of d features, normal around a and around b times all ones, x.y / d has mean a b, so that
 * E k = E (1 + u)^3, u = x.y / d: by the moments of u. */
static double expected_kernel(double a, double b, double d)
{
    const double mean = a * b, variance = (1 + a * a + b * b) / d, third = 6 * a * b / (d * d);
    const double v = 1 + mean;
    return v * v * v + 3 * v * variance + third;
}

/* Intervals are of other draws of the cell; the reference is so large that it does not matter. */
static void test_kid_intervals_cover_what_is_expected(void **state)
{
    (void)state;
    enum { N = 40, M = 1500, D = 12, DRAWS = 60 };
    static const double shifts[] = {0, 0.4};
    float *y = draw(M, D, 0, "reference", 0);
    ggdm_reference *reference = ggdm_test_reference(y, M, D);
    for (int s = 0; s < 2; s++) {
        const double shift = shifts[s];
        const double want = expected_kernel(shift, shift, D) - 2 * expected_kernel(shift, 0, D) +
                            expected_kernel(0, 0, D);
        int covered = 0, below = 0;
        for (int r = 0; r < DRAWS; r++) {
            float *x = draw(N, D, shift, "cell", r);
            ggdm_rows *rows = ggdm_test_rows(x, N, D);
            ggdm_metric_value v;
            ggdm_test_ok(ggdm_test_metric(&ggdm_metric_kid, rows, reference, &v, &err), &err);
            covered += v.lo <= want && want <= v.hi;
            below += v.value < 0;
            ggdm_test_rows_free(rows);
            free(x);
        }
        print_message("shift %g: %g in %d of %d intervals, %d below 0\n", shift, want, covered,
                      DRAWS, below);
        assert_true(covered >= 0.85 * DRAWS);
        assert_true(s == 0 ? below > DRAWS / 4 : below == 0);
    }
    ggdm_test_reference_free(reference);
    free(y);
}

/* With as many images as a subset has, all subsets are all images: kid with the diagonals right. */
static void test_kid_subsets_of_all_images_are_kid(void **state)
{
    (void)state;
    enum { N = 1000, D = 5 };
    float *x = draw(N, D, 0.2, "x", 1), *y = draw(N, D, 0, "y", 1);
    ggdm_metric_value all, some[2];
    measure(&ggdm_metric_kid, x, N, y, N, D, &all);
    measure(&ggdm_metric_kid_subsets, x, N, y, N, D, some);
    check_near(some[0].value, all.value, 1e-12);
    check_near(some[1].value, 0, 1e-12);
    assert_true(isnan(some[0].lo));
    free(x);
    free(y);
}

/* Subsets of more: their mean is about kid, and they scatter as subsets of so many do. */
static void test_kid_subsets_scatter_around_kid(void **state)
{
    (void)state;
    enum { N = 2500, M = 1700, D = 3 };
    float *x = draw(N, D, 0.2, "x", 2), *y = draw(M, D, 0, "y", 2);
    ggdm_metric_value all, some[2];
    measure(&ggdm_metric_kid, x, N, y, M, D, &all);
    measure(&ggdm_metric_kid_subsets, x, N, y, M, D, some);
    print_message("kid %g, subsets %g with %g\n", all.value, some[0].value, some[1].value);
    check_near(some[0].value, all.value, 4 * some[1].value / 10);
    assert_true(some[1].value > 0.1 * all.value && some[1].value < all.value);
    free(x);
    free(y);
}

static void compute_with(int threads, const ggdm_metric_kind *metric, const float *x, int64_t n,
                         const float *y, int64_t m, int64_t d, ggdm_metric_value *out)
{
    const int before = ggdm_use_threads(threads);
    measure(metric, x, n, y, m, d, out);
    ggdm_use_threads(before);
}

static void test_kid_has_the_same_bits_with_any_threads(void **state)
{
    (void)state;
    enum { N = 300, M = 200, D = 40 };
    float *x = draw(N, D, 0.1, "x", 3), *y = draw(M, D, 0, "y", 3);
    ggdm_metric_value one, three;
    compute_with(1, &ggdm_metric_kid, x, N, y, M, D, &one);
    compute_with(3, &ggdm_metric_kid, x, N, y, M, D, &three);
    assert_memory_equal(&one, &three, sizeof one);
    free(x);
    free(y);
}

/* ---- products ---- */

static void put_dots(void *context, const ggdm_tile *t)
{
    double *out = context; /* [70][130] */
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++)
            out[(t->row + i) * 130 + t->column + j] = t->dots[i * GGDM_ROWS_BLOCK + j];
}

/* To the last bit: what others would get who add in this order. */
static void test_products_are_sums_in_the_order_of_features(void **state)
{
    (void)state;
    enum { N = 70, M = 130 };
    static const int64_t widths[] = {1, 64, 65, 200};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const int64_t d = widths[w];
        float *x = draw(N, d, 0, "a", d), *y = draw(M, d, 0, "b", d);
        double *dots = ggdm_test_alloc(N * M, sizeof *dots);
        ggdm_rows *a = ggdm_test_rows(x, N, d), *b = ggdm_test_rows(y, M, d);
        ggdm_test_ok(ggdm_pairs_each(a, b, put_dots, dots, &err), &err);
        for (int64_t i = 0; i < N * M; i++) {
            double dot = 0;
            for (int64_t k = 0; k < d; k++)
                dot += (double)x[i / M * d + k] * y[i % M * d + k];
            assert_memory_equal(&dots[i], &dot, sizeof dot);
        }
        ggdm_test_rows_free(a);
        ggdm_test_rows_free(b);
        free(x);
        free(y);
        free(dots);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_are_sums_in_the_order_of_features),
        cmocka_unit_test(test_kid_and_interval_are_those_of_the_definition),
        cmocka_unit_test(test_kid_intervals_cover_what_is_expected),
        cmocka_unit_test(test_kid_subsets_of_all_images_are_kid),
        cmocka_unit_test(test_kid_subsets_scatter_around_kid),
        cmocka_unit_test(test_kid_has_the_same_bits_with_any_threads),
    };
    return ggdm_test_main(tests);
}
