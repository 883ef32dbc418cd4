/* Two cells side by side: exact tests, intervals of differences, several tests. */
#include "evaluate/paired.h"

#include <math.h>

#include "tests/support/ggdm_test.h"

static ggdm_error err;

static void check_near(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        ggdm_test_fail("%.17g, expected %.17g within %g of it", got, want, relative);
}

static void check_difference(ggdm_difference d, double value, double lo, double hi, double within)
{
    if (!(fabs(d.value - value) <= within && fabs(d.lo - lo) <= within &&
          fabs(d.hi - hi) <= within))
        ggdm_test_fail("%.9g (%.9g to %.9g), expected %.9g (%.9g to %.9g)", d.value, d.lo, d.hi,
                       value, lo, hi);
}

/* ---- McNemar ---- */

/* scipy.stats.binomtest(only_a, only_a + only_b).pvalue, SciPy 1.10.1; the first by hand: 2 (1 + 8)
 * / 2^8, of Bentur et al. 2009. */
static void test_mcnemar_is_scipys_binomtest(void **state)
{
    (void)state;
    static const struct {
        ggdm_pair_counts c;
        double p;
    } cases[] = {
        {{1, 1, 7, 12}, 0.0703125},
        {{5, 3, 7, 0}, 0.34375},
        {{0, 0, 7, 9}, 0.015625},
        {{9, 7, 0, 0}, 0.015625},
        {{0, 5, 5, 0}, 1},
        {{8, 0, 0, 3}, 1},
        {{0, 0, 0, 0}, 1},
        {{40, 120, 180, 1}, 0.0006342200069283597},
        {{0, 400, 600, 0}, 2.728464156065976e-10},
        {{1000000, 49000, 51000, 0}, 2.588716038346895e-10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_near(ggdm_mcnemar(&cases[i].c), cases[i].p, 1e-8);
    assert_true(ggdm_mcnemar(&(ggdm_pair_counts){.only_b = 2000}) == 0); /* 2^-1999 */
}

/* Where chance alone decides, at most 5 % of the tables have p <= 0.05. */
static void test_mcnemar_keeps_its_level(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 60; n++) {
        double share = 0, term = exp2(-(double)n);
        for (int64_t k = 0; k <= n; k++) {
            const ggdm_pair_counts c = {.only_a = k, .only_b = n - k};
            share += ggdm_mcnemar(&c) <= 0.05 ? term : 0;
            term *= (double)(n - k) / (double)(k + 1);
        }
        assert_true(share <= 0.05);
        assert_true(n < 20 || share > 0.01); /* and it can find something */
    }
}

/* ---- Fisher ---- */

/* scipy.stats.fisher_exact, SciPy 1.10.1; 3 and 0 of 3 by hand: 2 / 20. */
static void test_fisher_is_scipys(void **state)
{
    (void)state;
    static const struct {
        ggdm_trials a, b;
        double p;
    } cases[] = {
        {{3, 3}, {0, 3}, 0.1},
        {{3, 10}, {9, 11}, 0.02997312285237981},
        {{8, 10}, {1, 6}, 0.034965034965034975},
        {{190, 200}, {180, 200}, 0.08609680423939847},
        {{0, 5}, {0, 5}, 1},
        {{200, 200}, {199, 200}, 1},
        {{1000, 2000}, {1100, 2000}, 0.0017176151783842473},
        {{50000, 100000}, {50500, 100000}, 0.02563959662539231},
        {{0, 0}, {3, 7}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_near(ggdm_fisher(cases[i].a, cases[i].b), cases[i].p, 1e-7);
        check_near(ggdm_fisher(cases[i].b, cases[i].a), cases[i].p, 1e-7);
    }
}

/* ---- intervals ---- */

/* Newcombe 1998, Statistics in Medicine 17:2635, Table II (first minus second there). */
static void test_difference_of_pairs_is_newcombes(void **state)
{
    (void)state;
    check_difference(ggdm_difference_of_pairs(&(ggdm_pair_counts){36, 2, 12, 0}), 0.2, 0.0569,
                     0.3404, 5e-5);
    check_difference(ggdm_difference_of_pairs(&(ggdm_pair_counts){18, 2, 12, 18}), 0.2, 0.0562,
                     0.3290, 5e-5);
    /* Bentur et al. 2009, as Fagerland, Lydersen and Laake 2014 have it. */
    check_difference(ggdm_difference_of_pairs(&(ggdm_pair_counts){1, 7, 1, 12}), -6 / 21.0, -0.5069,
                     -0.0256, 5e-5);
    assert_true(isnan(ggdm_difference_of_pairs(&(ggdm_pair_counts){0}).value));
}

/* Newcombe 1998, Statistics in Medicine 17:873, Table II, method 10. */
static void test_difference_of_shares_is_newcombes(void **state)
{
    (void)state;
    check_difference(ggdm_difference_of_shares((ggdm_trials){48, 80}, (ggdm_trials){56, 70}), 0.2,
                     0.0524, 0.3339, 5e-5);
    check_difference(ggdm_difference_of_shares((ggdm_trials){3, 10}, (ggdm_trials){9, 10}), 0.6,
                     0.1705, 0.8090, 5e-5);
    check_difference(ggdm_difference_of_shares((ggdm_trials){0, 20}, (ggdm_trials){10, 10}), 1,
                     0.6791, 1, 5e-5);
    assert_true(isnan(ggdm_difference_of_shares((ggdm_trials){0, 0}, (ggdm_trials){1, 2}).value));
}

/* scipy.stats.t.ppf(0.975, n), which errs by 1e-9 in SciPy 1.10; with one degree tan(0.475 pi),
 * with two 0.95 sqrt(2 / (1 - 0.95^2)). */
static void test_student_is_scipys(void **state)
{
    (void)state;
    check_near(ggdm_student(1), tan(0.475 * M_PI), 1e-11);
    check_near(ggdm_student(2), 0.95 * sqrt(2 / (1 - 0.95 * 0.95)), 1e-11);
    check_near(ggdm_student(3), 3.182446305284263, 2e-9);
    check_near(ggdm_student(9), 2.2621571627409915, 2e-9);
    check_near(ggdm_student(30), 2.0422724563012373, 2e-9);
    check_near(ggdm_student(199), 1.971956544249395, 2e-9);
    check_near(ggdm_student(100000), 1.9599877075346093, 2e-9);
}

/* scipy.stats.ttest_rel([2, 3, 3, 9, 10], [1, 2, 4, 7, 7]).confidence_interval(). */
static void test_difference_of_numbers_is_scipys(void **state)
{
    (void)state;
    static const double d[] = {1, 1, -1, 2, 3};
    ggdm_moments m = {0};
    assert_true(isnan(ggdm_difference_of_numbers(&m).value));
    ggdm_moments_add(&m, d[0]);
    assert_true(ggdm_difference_of_numbers(&m).value == 1 &&
                isnan(ggdm_difference_of_numbers(&m).lo));
    for (int i = 1; i < 5; i++)
        ggdm_moments_add(&m, d[i]);
    check_difference(ggdm_difference_of_numbers(&m), 1.2, -0.6416853329919854, 3.0416853329919853,
                     1e-12);
}

/* Means 3.5 of {1, 2, 4, 7} and 5.4 of {2, 3, 3, 9, 10}: t = -0.88491822 (SciPy), 6.92 degrees of
 * freedom, of which 6 are taken: half width 1.9 / 0.88491822 * 2.446911851. */
static void test_difference_of_means_is_welchs(void **state)
{
    (void)state;
    const double half = 1.9 / 0.8849182223819825 * 2.446911851;
    check_difference(ggdm_difference_of_means(4, 3.5, sqrt(21 / 3.0), 5, 5.4, sqrt(57.2 / 4)), 1.9,
                     1.9 - half, 1.9 + half, 1e-8);
    check_difference(ggdm_difference_of_means(3, 1, 0, 4, 2, 0), 1, 1, 1, 1e-12);
    assert_true(isnan(ggdm_difference_of_means(1, 1, (double)NAN, 4, 2, 1).lo));
    assert_true(isnan(ggdm_difference_of_means(0, (double)NAN, (double)NAN, 4, 2, 1).value));
}

/* ---- several tests ---- */

/* Holm 1979 by hand: 4 x 0.005, then no less than 3 x 0.01, then 2 x 0.03 and 0.04. */
static void test_holm_is_that_by_hand(void **state)
{
    (void)state;
    const double p[] = {0.01, 0.04, (double)NAN, 0.03, 0.005}, want[] = {0.03, 0.06, 0, 0.06, 0.02};
    double adjusted[5];
    ggdm_test_ok(ggdm_holm(p, 5, adjusted, &err), &err);
    for (int i = 0; i < 5; i++)
        if (i == 2)
            assert_true(isnan(adjusted[i]));
        else
            check_near(adjusted[i], want[i], 1e-15);
    const double large[] = {0.9, 0.8};
    ggdm_test_ok(ggdm_holm(large, 2, adjusted, &err), &err);
    assert_true(adjusted[0] == 1 && adjusted[1] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mcnemar_is_scipys_binomtest),
        cmocka_unit_test(test_mcnemar_keeps_its_level),
        cmocka_unit_test(test_fisher_is_scipys),
        cmocka_unit_test(test_difference_of_pairs_is_newcombes),
        cmocka_unit_test(test_difference_of_shares_is_newcombes),
        cmocka_unit_test(test_student_is_scipys),
        cmocka_unit_test(test_difference_of_numbers_is_scipys),
        cmocka_unit_test(test_difference_of_means_is_welchs),
        cmocka_unit_test(test_holm_is_that_by_hand),
    };
    return ggdm_test_main(tests);
}
