/* Pictures as a network takes them: the PIL's scaling to the bit, the middle, colours to grey. */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "models/train/fit.h"
#include "models/train/picture.h"

/* Computed with Pillow 9.4: Image.resize((side, side), BICUBIC, box), convert("L") for grey. */
static const struct {
    int32_t width, height, channels; /* of the picture */
    int32_t side, shorter, to;
    uint8_t want[48];
} cases[] = {
    {7, 5, 3, 3, 3, 3, {91,  144, 151, 135, 123, 158, 116, 158, 135, 136, 116, 134, 123, 132,
                        138, 129, 144, 130, 149, 144, 121, 143, 136, 135, 149, 146, 120}},
    {101,
     64,
     1,
     4,
     5,
     1,
     {125, 128, 129, 126, 134, 128, 133, 131, 131, 128, 130, 133, 125, 129, 128, 128}},
    {3, 2, 1, 4, 4, 1, {0, 18, 39, 59, 25, 46, 69, 90, 79, 102, 127, 150, 106, 130, 157, 181}},
    {9,
     11,
     3,
     4,
     4,
     1,
     {132, 129, 132, 130, 135, 137, 138, 129, 128, 124, 129, 127, 119, 134, 128, 129}},
};

static ggdm_pixels picture(int32_t width, int32_t height, int32_t channels)
{
    ggdm_pixels p;
    ggdm_test_ok(ggdm_pixels_init(&p, width, height, channels, NULL), NULL);
    uint8_t *to = p.data;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            for (int32_t c = 0; c < channels; c++)
                *to++ = (uint8_t)(x * 37 + y * 91 + c * 53 + x * y * 7);
    return p;
}

static void test_fit_is_what_the_pil_makes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ggdm_image_want want = {.size = cases[i].side,
                                      .channels = cases[i].to,
                                      .crop = GGDM_CROP_CENTER,
                                      .shorter = cases[i].shorter};
        ggdm_pixels p = picture(cases[i].width, cases[i].height, cases[i].channels);
        uint8_t out[48];
        ggdm_error err = {0};
        ggdm_test_ok(ggdm_picture_fit(&p, &want, out, &err), &err);
        assert_memory_equal(out, cases[i].want, (size_t)(want.size * want.size * want.channels));
        ggdm_pixels_deinit(&p);
    }
}

static void test_fit_keeps_what_fits(void **state)
{
    (void)state;
    ggdm_pixels p = picture(4, 4, 1), wide = picture(5, 4, 1), rgb = picture(4, 4, 3);
    ggdm_image_want want = {.size = 4, .channels = 3};
    ggdm_error err = {0};
    uint8_t out[48];
    for (int crop = 0; crop < 2; crop++) {
        want.crop = crop ? GGDM_CROP_CENTER : GGDM_CROP_NONE;
        ggdm_test_ok(ggdm_picture_fit(&p, &want, out, &err), &err);
        for (int i = 0; i < 48; i++)
            assert_int_equal(out[i], p.data[i / 3]);
        ggdm_test_ok(ggdm_picture_fit(&rgb, &want, out, &err), &err);
        assert_memory_equal(out, rgb.data, 48);
    }
    want.crop = GGDM_CROP_NONE;
    ggdm_test_error(ggdm_picture_fit(&wide, &want, out, &err), &err, GGDM_ESHAPE,
                    "4 x 5 grey, the network takes 4 x 4 RGB (height x width); `crop: center`");
    want.channels = 1;
    ggdm_test_error(ggdm_picture_fit(&rgb, &want, out, &err), &err, GGDM_ESHAPE,
                    "4 x 4 RGB, the network takes 4 x 4 grey");
    ggdm_pixels_deinit(&p);
    ggdm_pixels_deinit(&wide);
    ggdm_pixels_deinit(&rgb);
}

/* A picture of one pixel, and one that is all but a line. */
static void test_fit_of_extreme_shapes_is_flat_where_they_are(void **state)
{
    (void)state;
    static const int32_t shapes[][2] = {{1, 1}, {1, 3000}, {3000, 1}, {2, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const ggdm_image_want want = {.size = 16, .channels = 1, .crop = GGDM_CROP_CENTER};
        ggdm_pixels p = picture(shapes[i][0], shapes[i][1], 1);
        uint8_t out[16 * 16];
        ggdm_error err = {0};
        memset(p.data, 77, (size_t)p.width * (size_t)p.height);
        ggdm_test_ok(ggdm_picture_fit(&p, &want, out, &err), &err);
        for (int k = 0; k < 16 * 16; k++)
            assert_int_equal(out[k], 77);
        ggdm_pixels_deinit(&p);
    }
}

/* The header says it; one that says what is refused counts as the largest that is not. */
static void test_fit_knows_what_a_picture_takes(void **state)
{
    (void)state;
    static const uint8_t pixels[3 * 2];
    uint8_t *png;
    size_t size;
    assert_int_equal(ggdm_png_encode(pixels, 3, 2, 1, &png, &size, NULL), GGDM_OK);
    assert_int_equal(ggdm_picture_memory(png, size), 3 * 2 * 7);
    assert_int_equal(ggdm_picture_memory(png, 23), 0);
    assert_int_equal(ggdm_picture_memory("GIF89a", 6), 0);
    png[16] = png[20] = 0x7f;
    assert_int_equal(ggdm_picture_memory(png, size), (size_t)8192 * 8192 * 7);
    free(png);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit_is_what_the_pil_makes),
        cmocka_unit_test(test_fit_keeps_what_fits),
        cmocka_unit_test(test_fit_of_extreme_shapes_is_flat_where_they_are),
        cmocka_unit_test(test_fit_knows_what_a_picture_takes),
    };
    return ggdm_test_main(tests);
}
