#include <math.h>
#include <string.h>

#include "common/philox.h"
#include "tests/support/ggdm_test.h"

/* Known answers of Random123 (kat_vectors, philox4x32 10). */
static void test_philox_matches_random123(void **state)
{
    (void)state;
    static const struct {
        uint32_t key[2], counter[4], want[4];
    } kat[] = {
        {{0, 0}, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0xa4093822, 0x299f31d0},
         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t out[4];
        ggdm_philox4x32(kat[i].key, kat[i].counter, out);
        assert_memory_equal(out, kat[i].want, sizeof out);
    }
}

/* Element i does not depend on how many are asked for. */
static void test_normals_are_a_function_of_their_index(void **state)
{
    (void)state;
    float all[64], some[64];
    ggdm_normals(7, GGDM_STREAM_SAMPLER, 3, 5, 64, all);
    for (int64_t n = 1; n < 64; n++) {
        memset(some, 0, sizeof some);
        ggdm_normals(7, GGDM_STREAM_SAMPLER, 3, 5, n, some);
        assert_memory_equal(some, all, sizeof *all * (size_t)n);
        assert_true(some[n] == 0.0f);
    }
}

/* The polynomial logarithm, sine and cosine against libm, within f32 rounding. */
static void test_normals_match_box_muller_of_libm(void **state)
{
    (void)state;
    enum { N = 4096 };
    static float z[N];
    static double u[N];
    ggdm_normals(11, 2, 1, 0, N, z);
    ggdm_uniforms(11, 2, 1, 0, N, u);
    for (int i = 0; i < N; i += 2) {
        double r = sqrt(-2 * log(u[i] + 0x1p-32)), a = 6.283185307179586477 * u[i + 1];
        assert_true(fabs(z[i] - r * cos(a)) < 1e-6);
        assert_true(fabs(z[i + 1] - r * sin(a)) < 1e-6);
    }
}

/* Mean, variance and kurtosis of 2^20 normals, each within 5 standard errors. */
static void test_normals_have_the_moments_of_a_normal(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static float z[N];
    double m1 = 0, m2 = 0, m4 = 0;
    ggdm_normals(1, 0, 0, 0, N, z);
    for (int i = 0; i < N; i++) {
        m1 += z[i];
        m2 += (double)z[i] * z[i];
        m4 += pow(z[i], 4);
    }
    assert_true(fabs(m1 / N) < 5 / sqrt(N));
    assert_true(fabs(m2 / N - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(m4 / N - 3) < 5 * sqrt(96.0 / N));
}

static void test_streams_images_and_steps_differ(void **state)
{
    (void)state;
    float a[4], b[4];
    ggdm_normals(1, 0, 0, 0, 4, a);
    const uint32_t other[][4] = {{2, 0, 0, 0}, {1, 1, 0, 0}, {1, 0, 1, 0}, {1, 0, 0, 1}};
    for (int i = 0; i < 4; i++) {
        ggdm_normals(other[i][0], other[i][1], other[i][2], other[i][3], 4, b);
        assert_memory_not_equal(a, b, sizeof a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_matches_random123),
        cmocka_unit_test(test_normals_are_a_function_of_their_index),
        cmocka_unit_test(test_normals_match_box_muller_of_libm),
        cmocka_unit_test(test_normals_have_the_moments_of_a_normal),
        cmocka_unit_test(test_streams_images_and_steps_differ),
    };
    return ggdm_test_main(tests);
}
