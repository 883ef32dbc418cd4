/* The Frechet distance: published values, closed forms, and SciPy's number of the same features. */
#include "evaluate/frechet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate/metrics.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/test_rows.h"

static ggdm_error err;
static ggdm_world *world;

static void check_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        ggdm_test_fail("%.17g, expected %.17g within %g", got, want, tolerance);
}

static double distance(const double *m1, const double *s1, const double *m2, const double *s2,
                       int64_t d)
{
    ggdm_gaussian a, b;
    double out;
    ggdm_test_ok(ggdm_gaussian_of_moments(world, m1, s1, d, &a, &err), &err);
    ggdm_test_ok(ggdm_gaussian_of_moments(world, m2, s2, d, &b, &err), &err);
    ggdm_test_ok(ggdm_frechet(&a, &b, &out, &err), &err);
    ggdm_gaussian_deinit(&a);
    ggdm_gaussian_deinit(&b);
    return out;
}

/* pytorch-fid's test. */
static void test_frechet_of_equal_covariances_is_exact(void **state)
{
    enum { WIDTH = 2048 };
    (void)state;
    double *mean = ggdm_test_alloc(2 * WIDTH, sizeof *mean);
    double *one = ggdm_test_alloc((size_t)WIDTH * WIDTH, sizeof *one);
    for (int64_t i = 0; i < WIDTH; i++) {
        mean[WIDTH + i] = 1;
        one[i * WIDTH + i] = 1;
    }
    assert_true(distance(mean, one, mean + WIDTH, one, WIDTH) == WIDTH);
    free(mean);
    free(one);
}

/* tr = sum (a^1/2 - b^1/2)^2. */
static void test_frechet_of_diagonals_has_a_closed_form(void **state)
{
    enum { WIDTH = 70 };
    static double m1[WIDTH], m2[WIDTH], s1[WIDTH * WIDTH], s2[WIDTH * WIDTH];
    double want = 0;
    (void)state;
    for (int i = 0; i < WIDTH; i++) {
        m2[i] = i % 3;
        s1[i * WIDTH + i] = i % 7; /* zeros, too */
        s2[i * WIDTH + i] = 1 + i % 5;
        const double off = sqrt(i % 7) - sqrt(1 + i % 5);
        want += m2[i] * m2[i] + off * off;
    }
    check_near(distance(m1, s1, m2, s2, WIDTH), want, 1e-12 * want);
    check_near(distance(m2, s2, m1, s1, WIDTH), want, 1e-12 * want);
}

static float *features(int64_t n, int64_t d, int64_t shift)
{
    float *x = ggdm_test_alloc((size_t)(n * d), sizeof *x);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            x[i * d + j] = (float)((i * i * 7 + j * 13 + i * j * 5 + shift * i) % 23);
    return x;
}

static ggdm_metric_value measure(int64_t n, int64_t shift, int64_t m, int64_t other, int64_t d)
{
    float *x = features(n, d, shift), *y = features(m, d, other);
    ggdm_rows *rows = ggdm_test_rows(x, n, d), *of = ggdm_test_rows(y, m, d);
    ggdm_reference reference = {.world = world, .n = m, .d = d, .rows = *of};
    ggdm_metric_value v;
    ggdm_test_ok(ggdm_test_metric(&ggdm_metric_frechet, rows, &reference, &v, &err), &err);
    ggdm_gaussian_deinit(&reference.gaussian);
    ggdm_test_rows_free(rows);
    ggdm_test_rows_free(of);
    free(x);
    free(y);
    assert_true(isnan(v.lo) && isnan(v.hi) && v.n == n);
    return v;
}

/* By scipy.linalg.sqrtm (1.10.1) of the product of numpy.cov, in tests/bench/frechet_scipy.py's
 * way; the last two by fewer images than features. */
static void test_frechet_is_scipys(void **state)
{
    static const struct {
        int64_t n, d, m;
        double want;
        const char *note;
    } cases[] = {
        {40, 6, 50, 20.52030304764253, ""},
        {100, 20, 90, 344.3116064229698, ""},
        {5, 6, 50, 143.08581329818213, "n = 5 for 6 features: mostly bias"},
        {12, 20, 90, 608.4243551271361, "n = 12 for 20 features: mostly bias"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ggdm_metric_value v = measure(cases[i].n, 1, cases[i].m, 3, cases[i].d);
        check_near(v.value, cases[i].want, 1e-8 * cases[i].want);
        assert_string_equal(v.note, cases[i].note);
    }
}

static void test_frechet_of_the_same_is_0(void **state)
{
    (void)state;
    check_near(measure(100, 1, 100, 1, 20).value, 0, 1e-9);
    check_near(measure(12, 1, 12, 1, 20).value, 0, 1e-5); /* a root of a zero that is rounded */
    const ggdm_metric_value few = measure(100, 1, 12, 3, 20);
    assert_string_equal(few.note, "reference: n = 12 for 20 features: mostly bias");
}

static void test_frechet_to_one_image_is_none(void **state)
{
    (void)state;
    float *x = features(3, 4, 1);
    ggdm_rows *rows = ggdm_test_rows(x, 3, 4), *one = ggdm_test_rows(x, 1, 4);
    ggdm_reference reference = {.name = "one@0", .world = world, .n = 1, .d = 4, .rows = *one};
    ggdm_metric_value v;
    ggdm_test_error(ggdm_test_metric(&ggdm_metric_frechet, rows, &reference, &v, &err), &err,
                    GGDM_ENUMERIC, "reference one@0 is one image, which has no covariance");
    ggdm_test_rows_free(rows);
    ggdm_test_rows_free(one);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frechet_of_equal_covariances_is_exact),
        cmocka_unit_test(test_frechet_of_diagonals_has_a_closed_form),
        cmocka_unit_test(test_frechet_is_scipys),
        cmocka_unit_test(test_frechet_of_the_same_is_0),
        cmocka_unit_test(test_frechet_to_one_image_is_none),
    };
    ggdm_test_ok(ggdm_world_open(&world, &err), &err);
    const int failed = ggdm_test_main(tests);
    ggdm_world_close(&world);
    return failed;
}
