/* ggdm_resize_image by hand; against PyTorch: tests/golden/test_inception.c. */
#include "models/arch/resize.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/ggdm_test.h"

#define ULPS 3e-7 /* a few roundings of numbers in [-1, 1] */

static const ggdm_resize ways[] = {GGDM_RESIZE_PYTORCH_FID, GGDM_RESIZE_TENSORFLOW};
enum { N_WAYS = sizeof ways / sizeof *ways };

/* A byte as the network takes it. */
static double unit(ggdm_resize how, double byte)
{
    return how == GGDM_RESIZE_TENSORFLOW ? (byte - 128) / 128 : 2 * byte / 255 - 1;
}

static void check(ggdm_resize how, const uint8_t *image, int height, int width, int size,
                  const double *bytes)
{
    float *out = ggdm_test_alloc((size_t)(size * size * 3), sizeof *out);
    ggdm_resize_image(how, image, height, width, 1, size, out);
    for (int i = 0; i < size * size; i++)
        for (int c = 0; c < 3; c++)
            if (!(fabs((double)out[3 * i + c] - unit(how, bytes[i])) <= ULPS))
                ggdm_test_fail("way %d, pixel %d, channel %d: %.9g, expected %.9g", (int)how, i, c,
                               (double)out[3 * i + c], unit(how, bytes[i]));
    free(out);
}

/* Two pixels to four: PyTorch looks at -1/4, 1/4, 3/4 and 5/4 of the way from one centre to the
 * other, TensorFlow 1 at 0, 1/2, 1 and 3/2; what is beyond an edge is as the edge. */
static void test_two_pixels_become_four_by_each_ones_places(void **state)
{
    static const uint8_t across[] = {0, 200}, down[] = {0, 200};
    static const double by_centre[] = {0, 50, 150, 200}, by_corner[] = {0, 100, 200, 200};
    (void)state;
    for (int w = 0; w < N_WAYS; w++) {
        const double *line = ways[w] == GGDM_RESIZE_TENSORFLOW ? by_corner : by_centre;
        double wide[16], high[16];
        for (int i = 0; i < 16; i++) {
            wide[i] = line[i % 4];
            high[i] = line[i / 4];
        }
        check(ways[w], across, 1, 2, 4, wide);
        check(ways[w], down, 2, 1, 4, high);
    }
}

/* Four pixels to two: no more than two of them count. */
static void test_smaller_images_are_not_smoothed(void **state)
{
    static const uint8_t line[] = {0, 100, 40, 240};
    static const double by_centre[] = {50, 140, 50, 140}, by_corner[] = {0, 40, 0, 40};
    (void)state;
    check(GGDM_RESIZE_PYTORCH_FID, line, 1, 4, 2, by_centre);
    check(GGDM_RESIZE_TENSORFLOW, line, 1, 4, 2, by_corner);
}

/* Between four pixels: a plane stays one. */
static void test_corners_are_mixed_across_and_down(void **state)
{
    static const uint8_t corners[] = {0, 40, 80, 240};
    static const double by_corner[] = {0,  20,  40,  40,  40, 90,  140, 140,
                                       80, 160, 240, 240, 80, 160, 240, 240};
    (void)state;
    check(GGDM_RESIZE_TENSORFLOW, corners, 2, 2, 4, by_corner);
}

static void test_image_of_that_size_is_only_scaled(void **state)
{
    enum { SIZE = 17, N = SIZE * SIZE };
    uint8_t image[N];
    double bytes[N];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    (void)state;
    for (int i = 0; i < N; i++)
        bytes[i] = image[i] = (uint8_t)ggdm_test_below(&rng, 256);
    for (int w = 0; w < N_WAYS; w++)
        check(ways[w], image, SIZE, SIZE, SIZE, bytes);
}

static void test_grey_is_red_green_and_blue_alike(void **state)
{
    enum { H = 7, W = 5, SIZE = 11, N = SIZE * SIZE * 3 };
    uint8_t grey[H * W], colour[H * W * 3];
    float of_grey[N], of_colour[N];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    (void)state;
    for (int i = 0; i < H * W * 3; i++)
        colour[i] = grey[i / 3] = (uint8_t)(i % 3 ? grey[i / 3] : ggdm_test_below(&rng, 256));
    for (int w = 0; w < N_WAYS; w++) {
        ggdm_resize_image(ways[w], grey, H, W, 1, SIZE, of_grey);
        ggdm_resize_image(ways[w], colour, H, W, 3, SIZE, of_colour);
        ggdm_test_same_bits("grey", of_grey, of_colour, N, ggdm_test_seed());
    }
}

/* Channels keep apart: an image of three planes is the three of them. */
static void test_channels_do_not_mix(void **state)
{
    enum { H = 5, W = 6, SIZE = 9 };
    uint8_t planes[3][H * W], image[H * W * 3];
    float out[SIZE * SIZE * 3], of_plane[SIZE * SIZE * 3];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    (void)state;
    for (int i = 0; i < H * W * 3; i++)
        image[i] = planes[i % 3][i / 3] = (uint8_t)ggdm_test_below(&rng, 256);
    for (int w = 0; w < N_WAYS; w++) {
        ggdm_resize_image(ways[w], image, H, W, 3, SIZE, out);
        for (int c = 0; c < 3; c++) {
            ggdm_resize_image(ways[w], planes[c], H, W, 1, SIZE, of_plane);
            for (int i = 0; i < SIZE * SIZE; i++)
                assert_true(out[3 * i + c] == of_plane[3 * i]);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_pixels_become_four_by_each_ones_places),
        cmocka_unit_test(test_smaller_images_are_not_smoothed),
        cmocka_unit_test(test_corners_are_mixed_across_and_down),
        cmocka_unit_test(test_image_of_that_size_is_only_scaled),
        cmocka_unit_test(test_grey_is_red_green_and_blue_alike),
        cmocka_unit_test(test_channels_do_not_mix),
    };
    return ggdm_test_main(tests);
}
