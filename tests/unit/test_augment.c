#include "tests/support/ggdm_test.h"

#include <math.h>
#include <string.h>

#include "models/train/augment.h"

enum { SIDE = 12, N = SIDE * SIDE };

static void square(float *image)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            image[y * SIDE + x] = y >= 4 && y < 8 && x >= 4 && x < 8 ? 1.0f : -1.0f;
}

static void augment(const ggdm_augment *a, uint64_t sample, float *image)
{
    float scratch[N];
    square(image);
    ggdm_augment_image(a, 5, sample, SIDE, SIDE, 1, image, scratch);
}

static const ggdm_augment everything = {.rotate = 20,
                                        .scale = 0.2,
                                        .shear = 0.2,
                                        .shift = 2,
                                        .blur = 1.5,
                                        .blur_share = 1,
                                        .noise = 0.3,
                                        .noise_share = 1,
                                        .contrast = 0.2};

static void test_augment_zero_strength_changes_nothing(void **state)
{
    (void)state;
    const ggdm_augment none = {0};
    float image[N], plain[N];
    square(plain);
    augment(&none, 3, image);
    ggdm_test_same_bits("image", image, plain, N, 5);
}

static void test_augment_depends_on_sample_only(void **state)
{
    (void)state;
    float a[N], b[N], c[N];
    augment(&everything, 1ull << 40, a);
    augment(&everything, 7, b);
    augment(&everything, 1ull << 40, c);
    ggdm_test_same_bits("same sample", a, c, N, 5);
    assert_memory_not_equal(a, b, sizeof a);
}

static void test_augment_warp_keeps_range_and_centre(void **state)
{
    (void)state;
    ggdm_augment warp = everything;
    warp.shift = warp.blur_share = warp.noise_share = warp.contrast = 0;
    for (uint64_t sample = 0; sample < 50; sample++) {
        float image[N];
        double mass = 0, my = 0, mx = 0;
        augment(&warp, sample, image);
        for (int i = 0; i < N; i++) {
            assert_true(image[i] >= -1.0f && image[i] <= 1.0f);
            double ink = 0.5 * (image[i] + 1.0);
            mass += ink;
            my += ink * (i / SIDE);
            mx += ink * (i % SIDE);
        }
        /* area 16 times at most exp(2 * 0.2) either way, with slack for the pixel grid */
        assert_true(mass > 16 * 0.6 && mass < 16 * 1.6);
        assert_true(fabs(my / mass - 5.5) < 0.1 && fabs(mx / mass - 5.5) < 0.1);
    }
}

static void test_augment_shift_moves_at_most_its_bound(void **state)
{
    (void)state;
    const ggdm_augment shift = {.shift = 2};
    double farthest = 0;
    for (uint64_t sample = 0; sample < 200; sample++) {
        float image[N];
        double mass = 0, my = 0;
        augment(&shift, sample, image);
        for (int i = 0; i < N; i++) {
            double ink = 0.5 * (image[i] + 1.0);
            mass += ink;
            my += ink * (i / SIDE);
        }
        assert_float_equal(mass, 16, 1e-4);
        farthest = fmax(farthest, fabs(my / mass - 5.5));
    }
    assert_true(farthest > 1.7 && farthest <= 2.0 + 1e-6);
}

static void test_augment_warp_sees_border_pixels(void **state)
{
    (void)state;
    const ggdm_augment shift = {.shift = 0.01};
    for (uint64_t sample = 0; sample < 20; sample++) {
        float image[N], scratch[N];
        for (int i = 0; i < N; i++)
            image[i] = 1.0f;
        ggdm_augment_image(&shift, 5, sample, SIDE, SIDE, 1, image, scratch);
        for (int i = 0; i < N; i++) /* two borders take in at most 0.01 of the outside each */
            assert_true(image[i] >= 1.0f - 2 * 0.0201f);
    }
}

static void test_augment_blur_spreads_and_keeps_ink(void **state)
{
    (void)state;
    const ggdm_augment blur = {.blur = 1, .blur_share = 1};
    for (uint64_t sample = 0; sample < 20; sample++) {
        float image[N];
        double mass = 0;
        augment(&blur, sample, image);
        for (int i = 0; i < N; i++)
            mass += 0.5 * (image[i] + 1.0);
        assert_float_equal(mass, 16, 0.05); /* 3 sigma reach 1 pixel from the border at most */
        assert_true(image[5 * SIDE + 5] <= 1.0f && image[4 * SIDE + 3] >= -1.0f);
    }
}

static void test_augment_noise_has_its_share_and_strength(void **state)
{
    (void)state;
    const ggdm_augment noise = {.noise = 0.6, .noise_share = 0.25};
    const ggdm_augment none = {0};
    int noisy = 0;
    double square_sum = 0;
    for (uint64_t sample = 0; sample < 400; sample++) {
        float image[N], plain[N];
        augment(&none, sample, plain);
        augment(&noise, sample, image);
        noisy += memcmp(image, plain, sizeof image) != 0;
        for (int i = 0; i < N; i++)
            square_sum += (double)(image[i] - plain[i]) * (image[i] - plain[i]);
    }
    /* binomial(400, 1/4): 100 +- 4 * 8.7; variance of sigma uniform in 0..0.6: 0.12 */
    assert_in_range(noisy, 65, 135);
    assert_float_equal(square_sum / (noisy * (double)N), 0.12, 0.04);
}

/* Of three channels each is what it would be alone. */
static void test_augment_channels_are_changed_alike(void **state)
{
    (void)state;
    ggdm_augment a = everything;
    a.noise_share = 0; /* noise is of each value alone */
    a.flip = 0.5;
    for (uint64_t sample = 0; sample < 20; sample++) {
        float grey[N], colour[3 * N], scratch[3 * N];
        square(grey);
        grey[5 * SIDE + 2] = 0.5f; /* so that left is not right */
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++)
                colour[3 * i + k] = grey[i];
        ggdm_augment_image(&a, 5, sample, SIDE, SIDE, 1, grey, scratch);
        ggdm_augment_image(&a, 5, sample, SIDE, SIDE, 3, colour, scratch);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++)
                assert_true(colour[3 * i + k] == grey[i]);
    }
}

static void test_augment_flip_mirrors_its_share(void **state)
{
    (void)state;
    enum { SAMPLES = 400 };
    const ggdm_augment a = {.flip = 0.25};
    int flipped = 0;
    for (uint64_t sample = 0; sample < SAMPLES; sample++) {
        float image[3 * N], scratch[3 * N];
        for (int i = 0; i < 3 * N; i++)
            image[i] = (float)i;
        ggdm_augment_image(&a, 5, sample, SIDE, SIDE, 3, image, scratch);
        const bool mirrored = image[0] != 0;
        flipped += mirrored;
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                for (int k = 0; k < 3; k++)
                    assert_true(image[(y * SIDE + x) * 3 + k] ==
                                (float)((y * SIDE + (mirrored ? SIDE - 1 - x : x)) * 3 + k));
    }
    assert_in_range(flipped, 57, 143); /* 100, and five standard deviations of 8.7 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_augment_zero_strength_changes_nothing),
        cmocka_unit_test(test_augment_depends_on_sample_only),
        cmocka_unit_test(test_augment_warp_keeps_range_and_centre),
        cmocka_unit_test(test_augment_shift_moves_at_most_its_bound),
        cmocka_unit_test(test_augment_warp_sees_border_pixels),
        cmocka_unit_test(test_augment_blur_spreads_and_keeps_ink),
        cmocka_unit_test(test_augment_noise_has_its_share_and_strength),
        cmocka_unit_test(test_augment_channels_are_changed_alike),
        cmocka_unit_test(test_augment_flip_mirrors_its_share),
    };
    return ggdm_test_main(tests);
}
