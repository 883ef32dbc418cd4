/* Confidence sequences: values, ends, and that what they promise holds at all numbers of images. */
#include "jobs/sequence.h"

#include <math.h>

#include "tests/support/ggdm_test.h"
#include "common/philox.h"

/* Computed with exact factorials and 60 digits. */
static const struct {
    int64_t k, n;
    double level, lo, hi;
} values[] = {
    {0, 1, 0.05, 0.000000000000, 0.975000000000},
    {1, 3, 0.05, 0.004201904480, 0.933179170756},
    {1, 3, 0.01, 0.000834726288, 0.970700051936},
    {0, 25, 0.05, 0.000000000000, 0.221318483054},
    {25, 25, 0.01, 0.730131467229, 1.000000000000},
    {12, 25, 0.05, 0.211833438200, 0.756636496922},
    {7, 50, 0.01, 0.024807171158, 0.372608419390},
    {100, 200, 0.05, 0.385125900119, 0.614874099881},
    {23, 200, 0.05, 0.052846751535, 0.206647590713},
    {500, 1000, 0.05, 0.444385329743, 0.555614670257},
    {995, 1000, 0.01, 0.977952871174, 0.999724291194},
};

static void test_sequence_share_gives_independent_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const ggdm_share s = ggdm_sequence_share(values[i].k, values[i].n, values[i].level);
        assert_true(s.p == (double)values[i].k / (double)values[i].n);
        if (!(fabs(s.lo - values[i].lo) <= 1e-11 && fabs(s.hi - values[i].hi) <= 1e-11))
            ggdm_test_fail("%lld of %lld: [%.13f, %.13f]", (long long)values[i].k,
                           (long long)values[i].n, s.lo, s.hi);
    }
    const ggdm_share none = ggdm_sequence_share(0, 0, 0.05);
    assert_true(none.p == 0 && none.lo == 0 && none.hi == 1);
}

/* The half widths for a share of 1/2 in docs/SWEEP.md: 11.5 points at 200 images, 5.6 at 1000. */
static void test_sequence_share_has_the_half_widths_of_one_half(void **state)
{
    (void)state;
    const ggdm_share a = ggdm_sequence_share(100, 200, 0.05);
    const ggdm_share b = ggdm_sequence_share(500, 1000, 0.05);
    assert_true(fabs((a.hi - a.lo) / 2 - 0.115) < 0.0005);
    assert_true(fabs((b.hi - b.lo) / 2 - 0.056) < 0.0005);
}

static void test_sequence_share_is_mirrored_ordered_and_narrows(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 1000; n = n * 3 + 1) {
        double lo = -1, hi = -1;
        for (int64_t k = 0; k <= n; k++) {
            const ggdm_share s = ggdm_sequence_share(k, n, 0.05);
            const ggdm_share mirror = ggdm_sequence_share(n - k, n, 0.05);
            const ggdm_share wide = ggdm_sequence_share(k, n, 0.01);
            const ggdm_share later = ggdm_sequence_share(4 * k, 4 * n, 0.05);
            assert_true(0 <= s.lo && s.lo <= s.p && s.p <= s.hi && s.hi <= 1);
            assert_true(fabs(s.lo - (1 - mirror.hi)) < 1e-12);
            assert_true(s.lo >= lo && s.hi >= hi);
            assert_true(wide.lo <= s.lo && wide.hi >= s.hi);
            assert_true(later.hi - later.lo < s.hi - s.lo);
            lo = s.lo;
            hi = s.hi;
        }
    }
}

/* Images in the millions lose no digits that matter: the width goes as the square root of log n by
 * n. */
static void test_sequence_share_holds_for_many_images(void **state)
{
    (void)state;
    const int64_t n = 100000000;
    const ggdm_share s = ggdm_sequence_share(n / 2, n, 0.05);
    const double expected = sqrt((log((double)n * 2 / M_PI) / 2 + log(1 / 0.05)) / (2 * (double)n));
    assert_true(fabs((s.hi - s.lo) / 2 / expected - 1) < 1e-3);
}

static void test_sequence_lead_is_its_integral(void **state)
{
    (void)state;
    /* a! b! 2^(a + b) / (a + b + 1)! by hand. */
    assert_true(fabs(ggdm_sequence_lead(0, 0)) < 1e-12);
    assert_true(fabs(ggdm_sequence_lead(3, 0) - log(8.0 / 4)) < 1e-12);
    assert_true(fabs(ggdm_sequence_lead(2, 5) - log(128.0 * 240 / 40320)) < 1e-12);
    assert_true(ggdm_sequence_lead(9, 1) == ggdm_sequence_lead(1, 9));
}

/* ---- coverage: noise by its counters, so these counts are always the same ---- */

enum { RUNS = 1000, IMAGES = 400, LOOK = 5 /* images between two looks */ };

/* Of RUNS sequences with this share, how many have it outside of an interval at any time? */
static int count_misses(double share, uint32_t stream)
{
    int misses = 0;
    for (uint32_t run = 0; run < RUNS; run++) {
        double u[IMAGES];
        int64_t k = 0;
        ggdm_uniforms(7, GGDM_STREAM_SHUFFLE, run, stream, IMAGES, u);
        for (int64_t n = 1; n <= IMAGES; n++) {
            k += u[n - 1] < share;
            if (n % LOOK)
                continue;
            const ggdm_share s = ggdm_sequence_share(k, n, 0.05);
            if (share < s.lo || share > s.hi) {
                misses++;
                break;
            }
        }
    }
    return misses;
}

static void test_sequence_share_covers_at_all_times_together(void **state)
{
    (void)state;
    static const double shares[] = {0.02, 0.115, 0.5, 0.855, 0.995};
    int all = 0;
    for (uint32_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        const int misses = count_misses(shares[i], i);
        if (misses > RUNS / 20)
            ggdm_test_fail("share %g: outside in %d of %d sequences", shares[i], misses, RUNS);
        all += misses;
    }
    assert_true(all > 20); /* it is no empty promise either */
}

/* Who is as good loses at any time in at most 5 % of races, and who is worse wins in fewer. */
static void test_sequence_lead_seldom_misleads(void **state)
{
    (void)state;
    static const double chances[] = {0.5, 0.45}; /* that an image that differs is the first's */
    int wrong[2] = {0, 0};
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t run = 0; run < RUNS; run++) {
            double u[IMAGES];
            int64_t a = 0, b = 0;
            bool led = false;
            ggdm_uniforms(8, GGDM_STREAM_SHUFFLE, run, i, IMAGES, u);
            for (int n = 0; n < IMAGES && !led; n++) {
                u[n] < chances[i] ? a++ : b++;
                led = ggdm_sequence_lead(a, b) > log(1 / 0.05) && a > b;
            }
            wrong[i] += led;
        }
    }
    assert_true(wrong[0] > 0 && wrong[0] <= RUNS / 20 && wrong[1] < wrong[0]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence_share_gives_independent_values),
        cmocka_unit_test(test_sequence_share_has_the_half_widths_of_one_half),
        cmocka_unit_test(test_sequence_share_is_mirrored_ordered_and_narrows),
        cmocka_unit_test(test_sequence_share_holds_for_many_images),
        cmocka_unit_test(test_sequence_lead_is_its_integral),
        cmocka_unit_test(test_sequence_share_covers_at_all_times_together),
        cmocka_unit_test(test_sequence_lead_seldom_misleads),
    };
    return ggdm_test_main(tests);
}
