/* The Inception score: closed forms, leaving images out, what is refused. */
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

static ggdm_metric_value score(const float *x, int64_t n, int64_t classes)
{
    ggdm_rows *rows = ggdm_test_rows(x, n, classes);
    ggdm_metric_value v;
    ggdm_test_ok(ggdm_test_metric(&ggdm_metric_inception_score, rows, NULL, &v, &err), &err);
    ggdm_test_rows_free(rows);
    return v;
}

enum { N = 130, CLASSES = 7 };

/* Sure of a class, each as often. */
static void test_score_of_sure_and_even_is_the_number_of_classes(void **state)
{
    (void)state;
    float x[140 * CLASSES] = {0};
    for (int i = 0; i < 140; i++)
        x[i * CLASSES + i % CLASSES] = 1e4f;
    const ggdm_metric_value v = score(x, 140, CLASSES);
    check_near(v.value, CLASSES, 1e-12);
    check_near(v.hi, CLASSES, 1e-12);
}

/* Sure of a class, but some more often: the exponential of the entropy of their shares. */
static void test_score_of_sure_and_uneven(void **state)
{
    (void)state;
    float x[10 * 3] = {0};
    for (int i = 0; i < 10; i++)
        x[i * 3 + (i < 5 ? 0 : i < 8 ? 1 : 2)] = 1e4f;
    const double want = exp(-(0.5 * log(0.5) + 0.3 * log(0.3) + 0.2 * log(0.2)));
    check_near(score(x, 10, 3).value, want, 1e-12);
}

/* All say the same, or nothing: 1. */
static void test_score_of_images_that_are_alike_is_1(void **state)
{
    (void)state;
    float x[N * CLASSES];
    for (int i = 0; i < N * CLASSES; i++)
        x[i] = (float)(i % CLASSES);
    const ggdm_metric_value v = score(x, N, CLASSES), few = score(x, 10 * CLASSES - 1, CLASSES);
    check_near(v.value, 1, 1e-12);
    check_near(v.lo, 1, 1e-12);
    assert_string_equal(v.note, "");
    assert_string_equal(few.note, "fewer than 10 images for each of 7 classes: too low");
}

static void fill(float *x)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "logits", 0));
    ggdm_test_fill_normal(&rng, x, N * CLASSES, 3);
}

/* exp(mean KL) as Salimans et al. write it. */
static void test_score_is_that_of_the_definition(void **state)
{
    (void)state;
    float x[N * CLASSES];
    double p[N][CLASSES], mean[CLASSES] = {0}, divergence = 0;
    fill(x);
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++)
            sum += p[i][c] = exp((double)x[i * CLASSES + c]);
        for (int c = 0; c < CLASSES; c++)
            mean[c] += (p[i][c] /= sum) / N;
    }
    for (int i = 0; i < N; i++)
        for (int c = 0; c < CLASSES; c++)
            divergence += p[i][c] * (log(p[i][c]) - log(mean[c])) / N;
    check_near(score(x, N, CLASSES).value, exp(divergence), 1e-12);
}

/* What a network says is up to a constant for each image: logits or logarithms of shares. */
static void test_score_of_log_softmax_is_the_same(void **state)
{
    (void)state;
    float x[N * CLASSES], y[N * CLASSES];
    fill(x);
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++)
            sum += exp((double)x[i * CLASSES + c]);
        for (int c = 0; c < CLASSES; c++)
            y[i * CLASSES + c] = (float)(x[i * CLASSES + c] - log(sum));
    }
    check_near(score(y, N, CLASSES).value, score(x, N, CLASSES).value, 1e-6);
}

static void test_interval_is_that_of_leaving_out_each_image(void **state)
{
    (void)state;
    float x[N * CLASSES], rest[N * CLASSES];
    double v[N], mean = 0, squares = 0;
    fill(x);
    const ggdm_metric_value whole = score(x, N, CLASSES);
    for (int i = 0; i < N; i++) {
        memcpy(rest, x, sizeof rest);
        memmove(rest + i * CLASSES, x + (i + 1) * CLASSES,
                sizeof *x * (size_t)((N - 1 - i) * CLASSES));
        v[i] = log(score(rest, N - 1, CLASSES).value);
        mean += v[i] / N;
    }
    for (int i = 0; i < N; i++)
        squares += (v[i] - mean) * (v[i] - mean);
    const double half = 1.959963984540054 * sqrt(squares * (N - 1) / N);
    check_near(log(whole.hi / whole.value), half, 1e-10);
    check_near(log(whole.value / whole.lo), half, 1e-10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_score_of_sure_and_even_is_the_number_of_classes),
        cmocka_unit_test(test_score_of_sure_and_uneven),
        cmocka_unit_test(test_score_of_images_that_are_alike_is_1),
        cmocka_unit_test(test_score_is_that_of_the_definition),
        cmocka_unit_test(test_score_of_log_softmax_is_the_same),
        cmocka_unit_test(test_interval_is_that_of_leaving_out_each_image),
    };
    return ggdm_test_main(tests);
}
