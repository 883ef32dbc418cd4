#include "common/png_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

static ggdm_error err;

static void test_png_round_trip_gives_equal_pixels(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{1, 1, 1},   {28, 28, 1},  {3, 7, 3},
                                       {32, 32, 3}, {257, 65, 1}, {300, 2, 3}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "png", (int64_t)i));
        ggdm_pixels in, out;
        uint8_t *png[2];
        size_t size[2];
        ggdm_test_ok(ggdm_pixels_init(&in, sizes[i][0], sizes[i][1], sizes[i][2], &err), &err);
        size_t n = (size_t)in.width * (size_t)in.height * (size_t)in.channels;
        for (size_t k = 0; k < n; k++)
            in.data[k] = (uint8_t)ggdm_test_below(&rng, 256);
        for (int k = 0; k < 2; k++)
            ggdm_test_ok(
                ggdm_png_encode(in.data, in.width, in.height, in.channels, &png[k], &size[k], &err),
                &err);
        assert_int_equal(size[0], size[1]);
        assert_memory_equal(png[0], png[1], size[0]);
        ggdm_test_ok(ggdm_png_decode(png[0], size[0], 300, &out, &err), &err);
        assert_int_equal(out.width, in.width);
        assert_int_equal(out.height, in.height);
        assert_int_equal(out.channels, in.channels);
        assert_memory_equal(out.data, in.data, n);
        /* Every truncation is an error and leaks nothing. */
        for (size_t cut = 0; cut < size[0]; cut += 1 + size[0] / 50) {
            ggdm_pixels none;
            ggdm_test_error(ggdm_png_decode(png[0], cut, 300, &none, &err), &err, GGDM_EFORMAT,
                            "PNG");
            assert_null(none.data);
        }
        free(png[0]);
        free(png[1]);
        ggdm_pixels_deinit(&in);
        ggdm_pixels_deinit(&in);
        ggdm_pixels_deinit(&out);
    }
}

/* Chunks of a PNG as "IHDR,tEXt,...". */
static void list_chunks(const uint8_t *png, size_t size, char *out)
{
    *out = '\0';
    for (size_t at = 8; at + 12 <= size;) {
        uint32_t n = (uint32_t)png[at] << 24 | (uint32_t)png[at + 1] << 16 |
                     (uint32_t)png[at + 2] << 8 | png[at + 3];
        sprintf(out + strlen(out), "%s%.4s", *out ? "," : "", (const char *)png + at + 4);
        at += 12 + n;
    }
}

static void test_png_label_keeps_pixels_and_says_texts(void **state)
{
    (void)state;
    char long_text[1001], chunks[200];
    uint8_t pixels[3 * 5 * 4], *png, *labelled, *again;
    size_t size, labelled_size, again_size;
    ggdm_pixels out;
    memset(long_text, 'a', 1000);
    long_text[1000] = '\0';
    const ggdm_png_text texts[] = {
        {"Software", "ggdm"}, {"ggdm:prompt", "\xce\xba"}, {"ggdm:recipe", long_text}};
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    ggdm_test_ok(ggdm_png_encode(pixels, 5, 4, 3, &png, &size, &err), &err);
    ggdm_test_ok(ggdm_png_label(png, size, texts, 3, &labelled, &labelled_size, &err), &err);
    list_chunks(labelled, labelled_size, chunks);
    assert_string_equal(chunks, "IHDR,tEXt,iTXt,zTXt,IDAT,IEND");
    assert_true(labelled_size < size + 200);
    assert_non_null(memmem(labelled, labelled_size, "tEXtSoftware\0ggdm", 17));
    assert_memory_equal(labelled + labelled_size - (size - 33), png + 33, size - 33);
    ggdm_test_ok(ggdm_png_decode(labelled, labelled_size, 10, &out, &err), &err);
    assert_memory_equal(out.data, pixels, sizeof pixels);
    ggdm_pixels_deinit(&out);
    ggdm_test_ok(ggdm_png_label(png, size, texts, 3, &again, &again_size, &err), &err);
    assert_int_equal(again_size, labelled_size);
    assert_memory_equal(again, labelled, again_size);
    free(again);
    ggdm_test_error(ggdm_png_label(png, 32, texts, 1, &again, &again_size, &err), &err,
                    GGDM_EFORMAT, "no header");
    png[1] = 'p';
    ggdm_test_error(ggdm_png_label(png, size, texts, 1, &again, &again_size, &err), &err,
                    GGDM_EFORMAT, "no header");
    free(labelled);
    free(png);
}

static void test_png_encode_bad_sides_fail(void **state)
{
    (void)state;
    uint8_t pixel = 0, *png;
    size_t size;
    static const int32_t bad[][3] = {
        {0, 1, 1}, {1, -1, 1}, {1, 1, 2}, {GGDM_PNG_MAX_SIDE + 1, 1, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ggdm_test_error(ggdm_png_encode(&pixel, bad[i][0], bad[i][1], bad[i][2], &png, &size, &err),
                        &err, GGDM_EINVAL, "channels");
}

static void test_png_decode_larger_than_limit_fails(void **state)
{
    (void)state;
    uint8_t *pixels = ggdm_test_alloc(100 * 10, 1), *png;
    size_t size;
    ggdm_pixels out;
    ggdm_test_ok(ggdm_png_encode(pixels, 100, 10, 1, &png, &size, &err), &err);
    ggdm_test_error(ggdm_png_decode(png, size, 99, &out, &err), &err, GGDM_ESHAPE, "100 x 10");
    free(png);
    free(pixels);
}

/* Change one byte of the header chunk and make its checksum fit. */
static void patch_header(uint8_t *png, size_t at, uint8_t value)
{
    png[at] = value;
    uint32_t crc = ggdm_test_crc32(png + 12, 17);
    for (int i = 0; i < 4; i++)
        png[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void test_png_decode_other_kinds_are_refused(void **state)
{
    (void)state;
    /* offset in the file, value, what it makes of the image */
    static const struct {
        size_t at;
        uint8_t value;
        ggdm_status status;
    } patches[] = {
        {24, 16, GGDM_EUNSUPPORTED}, /* 16 bits */
        {25, 4, GGDM_EUNSUPPORTED},  /* grey with alpha */
        {28, 1, GGDM_EUNSUPPORTED},  /* interlaced */
        {16, 0x7f, GGDM_ESHAPE},     /* two thousand million wide */
        {25, 9, GGDM_EFORMAT},       /* no such colour type */
        {0, 'x', GGDM_EFORMAT},      /* not a PNG */
    };
    uint8_t pixels[64] = {0};
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        uint8_t *png;
        size_t size;
        ggdm_pixels out;
        ggdm_test_ok(ggdm_png_encode(pixels, 8, 8, 1, &png, &size, &err), &err);
        patch_header(png, patches[i].at, patches[i].value);
        ggdm_test_error(ggdm_png_decode(png, size, 64, &out, &err), &err, patches[i].status, "PNG");
        free(png);
    }
}

/* Whatever length a text, a profile and so on are said to have, nothing is allocated for it: the
 * peak of address space stays where it was (it never goes down, so this also sees what was freed).
 */
static long peak_kib(void)
{
    char line[200];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmPeak:", 7) == 0)
            kib = strtol(line + 7, NULL, 10);
    if (f)
        fclose(f);
    assert_true(kib > 0);
    return kib;
}

static void test_png_chunks_that_are_not_needed_cost_no_memory(void **state)
{
    (void)state;
    static const char *const kinds[] = {"tEXt", "zTXt", "iTXt", "iCCP", "eXIf", "sPLT",
                                        "pCAL", "sCAL", "hIST", "abCd", "gAMA"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint8_t pixels[64] = {0}, *png;
        size_t size;
        ggdm_pixels out;
        ggdm_test_ok(ggdm_png_encode(pixels, 8, 8, 1, &png, &size, &err), &err);
        memcpy(png + 33, "\x7f\xff\xff\xf0", 4); /* the chunk behind the header */
        memcpy(png + 37, kinds[i], 4);
        long before = peak_kib();
        ggdm_test_error(ggdm_png_decode(png, size, 64, &out, &err), &err, GGDM_EFORMAT, "PNG");
        assert_true(peak_kib() < before + 100000);
        free(png);
    }
}

/* RGB with alpha, a palette with a transparent entry, 16 bits, 1 bit, grey with alpha, interlaced.
 */
static void test_png_of_any_kind_becomes_eight_bits_over_white(void **state)
{
    (void)state;
    static const struct {
        const char *png;
        size_t size;
        int32_t width, height, channels; /* of what it becomes */
        uint8_t want[12];
    } kinds[] = {
        {"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
         "\x00\x00\x00\x02\x00\x00\x00\x01\x08\x06\x00\x00\x00\xf4\x22\x7f"
         "\x8a\x00\x00\x00\x11\x49\x44\x41\x54\x78\xda\x63\xf8\xcf\xc0\xf0"
         "\x9f\xe1\x04\x43\x03\x00\x0f\xd4\x03\x47\x02\x57\x2c\x4a\x00\x00"
         "\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82",
         74,
         2,
         1,
         3,
         {255, 0, 0, 127, 227, 127}},
        {"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
         "\x00\x00\x00\x02\x00\x00\x00\x01\x02\x03\x00\x00\x00\x89\x4c\x97"
         "\x19\x00\x00\x00\x06\x50\x4c\x54\x45\x09\x09\x09\x0a\x14\x1e\x2b"
         "\x46\xaa\x1c\x00\x00\x00\x01\x74\x52\x4e\x53\x00\x40\xe6\xd8\x66"
         "\x00\x00\x00\x0a\x49\x44\x41\x54\x78\xda\x63\x10\x00\x00\x00\x12"
         "\x00\x11\x08\xde\xbd\xc3\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42"
         "\x60\x82",
         98,
         2,
         1,
         3,
         {255, 255, 255, 10, 20, 30}},
        {"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
         "\x00\x00\x00\x02\x00\x00\x00\x01\x10\x00\x00\x00\x00\x81\xd9\xfc"
         "\x15\x00\x00\x00\x0d\x49\x44\x41\x54\x78\xda\x63\x10\x32\xf9\xff"
         "\x1f\x00\x03\xe6\x02\x45\xf1\x1c\x84\x65\x00\x00\x00\x00\x49\x45"
         "\x4e\x44\xae\x42\x60\x82",
         70,
         2,
         1,
         1,
         {18, 255}},
        {"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
         "\x00\x00\x00\x02\x00\x00\x00\x01\x01\x00\x00\x00\x00\xdc\x59\x42"
         "\x27\x00\x00\x00\x0a\x49\x44\x41\x54\x78\xda\x63\x70\x00\x00\x00"
         "\x42\x00\x41\x84\xbf\x8e\x62\x00\x00\x00\x00\x49\x45\x4e\x44\xae"
         "\x42\x60\x82",
         67,
         2,
         1,
         1,
         {0, 255}},
        {"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
         "\x00\x00\x00\x02\x00\x00\x00\x01\x08\x04\x00\x00\x00\x5e\x2b\xb7"
         "\x01\x00\x00\x00\x0d\x49\x44\x41\x54\x78\xda\x63\x48\xf9\x9f\xc2"
         "\x00\x00\x05\x5a\x01\xc8\x1d\xf6\xf6\x5a\x00\x00\x00\x00\x49\x45"
         "\x4e\x44\xae\x42\x60\x82",
         70,
         2,
         1,
         1,
         {100, 255}},
        {"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52"
         "\x00\x00\x00\x02\x00\x00\x00\x02\x08\x02\x00\x00\x01\x8a\xd3\xaa"
         "\xe5\x00\x00\x00\x17\x49\x44\x41\x54\x78\xda\x63\x60\x64\x62\x66"
         "\x60\x61\x65\x63\x60\xe7\xe0\xe4\xe2\xe6\x01\x00\x01\x96\x00\x4f"
         "\x28\x0b\xd2\x37\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82",
         80,
         2,
         2,
         3,
         {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ggdm_pixels out;
        ggdm_test_error(ggdm_png_decode(kinds[i].png, kinds[i].size, 64, &out, &err), &err,
                        GGDM_EUNSUPPORTED, "expected grey or RGB of 8 bits, no interlace");
        ggdm_test_ok(ggdm_png_decode_any(kinds[i].png, kinds[i].size, 64, &out, &err), &err);
        assert_true(out.width == kinds[i].width && out.height == kinds[i].height);
        assert_int_equal(out.channels, kinds[i].channels);
        assert_memory_equal(out.data, kinds[i].want,
                            (size_t)(out.width * out.height * out.channels));
        ggdm_pixels_deinit(&out);
        for (size_t cut = 0; cut < kinds[i].size; cut++)
            ggdm_test_error(ggdm_png_decode_any(kinds[i].png, cut, 64, &out, &err), &err,
                            GGDM_EFORMAT, "PNG");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_round_trip_gives_equal_pixels),
        cmocka_unit_test(test_png_of_any_kind_becomes_eight_bits_over_white),
        cmocka_unit_test(test_png_label_keeps_pixels_and_says_texts),
        cmocka_unit_test(test_png_encode_bad_sides_fail),
        cmocka_unit_test(test_png_decode_larger_than_limit_fails),
        cmocka_unit_test(test_png_decode_other_kinds_are_refused),
        cmocka_unit_test(test_png_chunks_that_are_not_needed_cost_no_memory),
    };
    return ggdm_test_main(tests);
}
