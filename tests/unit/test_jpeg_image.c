#include "common/jpeg_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "tests/support/ggdm_test.h"

/* A ramp of 24 x 16, encoded by the library itself.  Owned. */
static uint8_t *encode(J_COLOR_SPACE space, int channels, bool progressive, unsigned long *size)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    uint8_t row[24 * 4], *out = NULL;
    JSAMPROW rows[] = {row};
    *size = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &out, size);
    info.image_width = 24;
    info.image_height = 16;
    info.input_components = channels;
    info.in_color_space = space;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 95, TRUE);
    if (progressive)
        jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < 16; y++) {
        for (int i = 0; i < 24 * channels; i++)
            row[i] = (uint8_t)(i / channels * 8 + y);
        jpeg_write_scanlines(&info, rows, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return out;
}

static void test_jpeg_good_images_are_decoded(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const int channels = i < 2 ? 1 : 3;
        ggdm_error err = {0};
        ggdm_pixels p;
        unsigned long size;
        uint8_t *jpeg = encode(channels == 1 ? JCS_GRAYSCALE : JCS_RGB, channels, i % 2, &size);
        ggdm_test_ok(ggdm_jpeg_decode(jpeg, size, 24, &p, &err), &err);
        assert_int_equal(p.width, 24);
        assert_int_equal(p.height, 16);
        assert_int_equal(p.channels, channels);
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 24 * channels; x++)
                assert_true(abs(p.data[y * 24 * channels + x] - (x / channels * 8 + y)) <= 6);
        assert_int_equal(ggdm_jpeg_area(jpeg, size), 24 * 16);
        assert_int_equal(ggdm_jpeg_area(jpeg, 10), 0);
        ggdm_pixels_deinit(&p);
        free(jpeg);
    }
}

/* Whatever the library would make up for what is missing. */
static void test_jpeg_every_truncation_is_error(void **state)
{
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        unsigned long size;
        uint8_t *jpeg = encode(JCS_RGB, 3, progressive, &size);
        for (size_t n = 0; n < size - 2; n++) { /* (the last two only say that it ends) */
            ggdm_error err = {0};
            ggdm_pixels p;
            uint8_t *cut = ggdm_test_alloc(n, 1); /* reading beyond is seen by the sanitizer */
            memcpy(cut, jpeg, n);
            if (ggdm_jpeg_decode(cut, n, 24, &p, &err) != GGDM_EFORMAT)
                ggdm_test_fail("%zu bytes of %lu: '%s', expected malformed", n, size, err.msg);
            assert_null(p.data);
            free(cut);
        }
        free(jpeg);
    }
}

static void test_jpeg_larger_than_limit_is_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_pixels p;
    unsigned long size;
    uint8_t *jpeg = encode(JCS_RGB, 3, false, &size);
    ggdm_test_error(ggdm_jpeg_decode(jpeg, size, 23, &p, &err), &err, GGDM_ESHAPE,
                    "JPEG: 24 x 16 pixels, expected at most 23 a side");
    free(jpeg);
}

static void test_jpeg_of_print_colours_is_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_pixels p;
    unsigned long size;
    uint8_t *jpeg = encode(JCS_CMYK, 4, false, &size);
    ggdm_test_error(ggdm_jpeg_decode(jpeg, size, 24, &p, &err), &err, GGDM_EUNSUPPORTED,
                    "JPEG: 4 channels, expected grey or RGB");
    free(jpeg);
}

/* Where the next segment of this kind begins. */
static size_t find_segment(const uint8_t *jpeg, size_t at, uint8_t kind)
{
    while (jpeg[at] != 0xff || jpeg[at + 1] != kind)
        at++;
    return at;
}

/* A file of a few kilobytes in which each scan goes over the whole image. */
static void test_jpeg_of_too_many_scans_is_refused(void **state)
{
    enum { MORE = 200 };
    (void)state;
    ggdm_error err = {0};
    ggdm_pixels p;
    unsigned long size;
    uint8_t *jpeg = encode(JCS_RGB, 3, true, &size);
    const size_t first = find_segment(jpeg, 0, 0xda), next = find_segment(jpeg, first, 0xc4);
    const size_t scan = next - first;
    uint8_t *many = ggdm_test_alloc(size + MORE * scan, 1);
    memcpy(many, jpeg, next);
    for (size_t i = 0; i < MORE; i++)
        memcpy(many + next + i * scan, jpeg + first, scan);
    memcpy(many + next + MORE * scan, jpeg + next, size - next);
    ggdm_test_error(ggdm_jpeg_decode(many, size + MORE * scan, 24, &p, &err), &err,
                    GGDM_EUNSUPPORTED, "JPEG: more than 100 scans");
    free(many);
    free(jpeg);
}

/* It says so before it decodes: 8192 x 8192 pixels of three full channels. */
static void test_jpeg_progressive_beyond_memory_says_what_to_do(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_pixels p;
    unsigned long size;
    uint8_t *jpeg = encode(JCS_RGB, 3, true, &size), *frame = jpeg + find_segment(jpeg, 0, 0xc2);
    memcpy(frame + 5, ((const uint8_t[]){0x20, 0, 0x20, 0}), 4); /* height, width */
    frame[11] = 0x11;                                            /* of luma as of the others */
    ggdm_test_error(ggdm_jpeg_decode(jpeg, size, 8192, &p, &err), &err, GGDM_EFORMAT,
                    "more than 256 MiB: save it as a baseline JPEG");
    free(jpeg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpeg_good_images_are_decoded),
        cmocka_unit_test(test_jpeg_every_truncation_is_error),
        cmocka_unit_test(test_jpeg_larger_than_limit_is_refused),
        cmocka_unit_test(test_jpeg_of_print_colours_is_refused),
        cmocka_unit_test(test_jpeg_of_too_many_scans_is_refused),
        cmocka_unit_test(test_jpeg_progressive_beyond_memory_says_what_to_do),
    };
    return ggdm_test_main(tests);
}
