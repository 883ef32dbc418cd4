/* Noise schedules against their definitions in long double, and numbers that are published. */
#include <math.h>
#include <string.h>

#include "models/betas.h"
#include "tests/support/ggdm_test.h"

enum { MOST = 4000 };

static void check(double found, long double want)
{
    if (!(fabsl(found - want) <= 1e-9L * want))
        ggdm_test_fail("%.17g, expected %.17Lg", found, want);
}

/* beta_t by its definition. */
typedef long double definition(long double first, long double last, int t, int n);

static long double linear(long double first, long double last, int t, int n)
{
    return (first * (n - 1 - t) + last * t) / (n - 1);
}

static long double scaled(long double first, long double last, int t, int n)
{
    long double root = linear(sqrtl(first), sqrtl(last), t, n);
    return root * root;
}

static long double sigmoid(long double first, long double last, int t, int n)
{
    long double x = linear(-6, 6, t, n);
    return first + (last - first) * (1 + tanhl(x / 2)) / 2;
}

static void test_betas_are_as_defined(void **state)
{
    (void)state;
    static const struct {
        ggdm_beta_schedule schedule;
        definition *beta;
        double first, last;
        int n;
    } rows[] = {{GGDM_BETAS_LINEAR, linear, 1e-4, 0.02, 1000},
                {GGDM_BETAS_LINEAR, linear, 0.1, 0.2, 7},
                {GGDM_BETAS_SCALED_LINEAR, scaled, 0.00085, 0.012, 1000},
                {GGDM_BETAS_SIGMOID, sigmoid, 1e-4, 0.02, 1000},
                {GGDM_BETAS_SIGMOID, sigmoid, 1e-7, 2e-3, MOST}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        double bar[MOST];
        long double product = 1;
        ggdm_alpha_bar(rows[r].schedule, rows[r].first, rows[r].last, rows[r].n, bar);
        for (int t = 0; t < rows[r].n; t++)
            check(bar[t], product *= 1 - rows[r].beta(rows[r].first, rows[r].last, t, rows[r].n));
    }
}

/* The product telescopes to the cosine, up to the last beta, which would be 1. */
static void test_betas_of_a_squared_cosine_telescope(void **state)
{
    (void)state;
    static const int lengths[] = {7, 1000, MOST};
    const long double half = acosl(0);
    for (size_t r = 0; r < 3; r++) {
        const int n = lengths[r];
        double bar[MOST];
        ggdm_alpha_bar(GGDM_BETAS_SQUAREDCOS, 0.3, 0.4, n, bar);
        for (int t = 0; t + 1 < n; t++) {
            long double c = cosl(((t + 1.0L) / n + 0.008L) / 1.008L * half);
            long double c0 = cosl(0.008L / 1.008L * half);
            check(bar[t], c * c / (c0 * c0));
        }
        check(bar[n - 1], bar[n - 2] * 0.001L);
    }
}

/* sqrt((1 - ab) / ab) of Stable Diffusion's schedule at its ends, as k-diffusion prints them. */
static void test_betas_of_stable_diffusion_are_the_published(void **state)
{
    (void)state;
    double bar[1000];
    ggdm_alpha_bar(GGDM_BETAS_SCALED_LINEAR, 0.00085, 0.012, 1000, bar);
    assert_true(fabs(sqrt(1 / bar[0] - 1) - 0.0292) < 5e-5);
    assert_true(fabs(sqrt(1 / bar[999] - 1) - 14.6146) < 5e-5);
}

static void test_betas_given_one_by_one(void **state)
{
    (void)state;
    static const double beta[] = {0.1, 0.5, 0.25};
    double bar[3];
    ggdm_alpha_bar_trained(beta, 3, bar);
    check(bar[0], 0.9L);
    check(bar[1], 0.45L);
    check(bar[2], 0.3375L);
}

static void test_betas_of_one_timestep(void **state)
{
    (void)state;
    static const double want[] = {0.9, 0.9, 0.001, 0.9 - 0.1 / (1 + 403.428793492735)};
    for (int k = 0; ggdm_beta_schedules[k]; k++) {
        double bar;
        ggdm_alpha_bar((ggdm_beta_schedule)k, 0.1, 0.2, 1, &bar);
        check(bar, want[k]);
    }
}

/* Lin et al. 2023, Algorithm 1, as diffusers has it (rescale_zero_terminal_snr): by its betas. */
static void test_betas_rescaled_end_in_noise_alone(void **state)
{
    (void)state;
    enum { T = 1000 };
    double plain[T], bar[T];
    long double root[T], product = 1;
    ggdm_alpha_bar(GGDM_BETAS_SCALED_LINEAR, 0.00085, 0.012, T, plain);
    memcpy(bar, plain, sizeof bar);
    ggdm_alpha_bar_zero_snr(T, bar);
    for (int t = 0; t < T; t++)
        root[t] = sqrtl(plain[t]);
    for (int t = 0; t + 1 < T; t++) {
        const long double end = root[T - 1], stretch = root[0] / (root[0] - end);
        const long double now = (root[t] - end) * stretch;
        const long double before = t > 0 ? (root[t - 1] - end) * stretch : 1;
        const long double beta = 1 - now * now / (before * before);
        product *= 1 - beta;
        check(bar[t], product > 0x1p-24L ? product : 0x1p-24L);
    }
    assert_true(fabs(bar[0] - plain[0]) < 1e-15);
    assert_true(bar[T - 1] == 0x1p-24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_betas_are_as_defined),
        cmocka_unit_test(test_betas_of_a_squared_cosine_telescope),
        cmocka_unit_test(test_betas_of_stable_diffusion_are_the_published),
        cmocka_unit_test(test_betas_given_one_by_one),
        cmocka_unit_test(test_betas_of_one_timestep),
        cmocka_unit_test(test_betas_rescaled_end_in_noise_alone),
    };
    return ggdm_test_main(tests);
}
