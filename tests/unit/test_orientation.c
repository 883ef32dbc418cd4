/* Photographs that lie on their side. */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "models/train/orientation.h"
#include "models/train/picture.h"

/* By Pillow 9.4: 16 x 8 pixels, white on the left and black on the right, of orientation 6. */
static const char photograph[] = "\xff\xd8\xff\xe0\x00\x10\x4a\x46\x49\x46\x00\x01\x01\x00\x00\x01"
                                 "\x00\x01\x00\x00\xff\xe1\x00\x22\x45\x78\x69\x66\x00\x00\x4d\x4d"
                                 "\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01"
                                 "\x00\x06\x00\x00\x00\x00\x00\x00\xff\xdb\x00\x43\x00\x03\x02\x02"
                                 "\x03\x02\x02\x03\x03\x03\x03\x04\x03\x03\x04\x05\x08\x05\x05\x04"
                                 "\x04\x05\x0a\x07\x07\x06\x08\x0c\x0a\x0c\x0c\x0b\x0a\x0b\x0b\x0d"
                                 "\x0e\x12\x10\x0d\x0e\x11\x0e\x0b\x0b\x10\x16\x10\x11\x13\x14\x15"
                                 "\x15\x15\x0c\x0f\x17\x18\x16\x14\x18\x12\x14\x15\x14\xff\xc0\x00"
                                 "\x0b\x08\x00\x08\x00\x10\x01\x01\x11\x00\xff\xc4\x00\x15\x00\x01"
                                 "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09"
                                 "\x0a\xff\xc4\x00\x14\x10\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                                 "\x00\x00\x00\x00\x00\x00\x00\xff\xda\x00\x08\x01\x01\x00\x00\x3f"
                                 "\x00\x54\xd2\xae\xff\xd9";

static void test_orientation_of_a_photograph_makes_it_stand(void **state)
{
    (void)state;
    const ggdm_image_want want = {.size = 8, .channels = 1, .crop = GGDM_CROP_CENTER};
    uint8_t out[64];
    ggdm_error err = {0};
    assert_int_equal(ggdm_jpeg_orientation(photograph, sizeof photograph - 1), 6);
    ggdm_test_ok(ggdm_picture_take(photograph, sizeof photograph - 1, "p", &want, out, &err), &err);
    for (int i = 0; i < 64; i++)
        assert_int_equal(out[i], i < 32 ? 255 : 0); /* white above */
}

/* What Pillow's ImageOps.exif_transpose makes of 1 2 3 over 4 5 6. */
static void test_orientation_is_undone_as_exif_means_it(void **state)
{
    (void)state;
    static const struct {
        int32_t width, height;
        uint8_t data[6];
    } want[] = {
        {3, 2, {1, 2, 3, 4, 5, 6}}, {3, 2, {3, 2, 1, 6, 5, 4}}, {3, 2, {6, 5, 4, 3, 2, 1}},
        {3, 2, {4, 5, 6, 1, 2, 3}}, {2, 3, {1, 4, 2, 5, 3, 6}}, {2, 3, {4, 1, 5, 2, 6, 3}},
        {2, 3, {6, 3, 5, 2, 4, 1}}, {2, 3, {3, 6, 2, 5, 1, 4}},
    };
    for (int orientation = 1; orientation <= 8; orientation++) {
        ggdm_error err = {0};
        ggdm_pixels p;
        ggdm_test_ok(ggdm_pixels_init(&p, 3, 2, 1, &err), &err);
        for (int i = 0; i < 6; i++)
            p.data[i] = (uint8_t)(i + 1);
        ggdm_test_ok(ggdm_pixels_turn(&p, orientation, &err), &err);
        assert_int_equal(p.width, want[orientation - 1].width);
        assert_int_equal(p.height, want[orientation - 1].height);
        assert_memory_equal(p.data, want[orientation - 1].data, 6);
        ggdm_pixels_deinit(&p);
    }
}

/* Nothing that is cut, too long or of another kind is read beyond its end, or turns a picture. */
static void test_orientation_that_makes_no_sense_is_none(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } patches[] = {{23, 0xff}, {24, 'e'}, {37, 0xff}, {39, 0}, {43, 4}, {49, 0}, {49, 9}};
    enum { SIZE = sizeof photograph - 1 };
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        uint8_t bytes[SIZE];
        memcpy(bytes, photograph, SIZE);
        bytes[patches[i].at] = patches[i].value;
        assert_int_equal(ggdm_jpeg_orientation(bytes, SIZE), 1);
    }
    for (size_t size = 0; size < 56; size++) {
        uint8_t *exact = malloc(size ? size : 1);
        memcpy(exact, photograph, size);
        assert_int_equal(ggdm_jpeg_orientation(exact, size), 1);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orientation_of_a_photograph_makes_it_stand),
        cmocka_unit_test(test_orientation_is_undone_as_exif_means_it),
        cmocka_unit_test(test_orientation_that_makes_no_sense_is_none),
    };
    return ggdm_test_main(tests);
}
