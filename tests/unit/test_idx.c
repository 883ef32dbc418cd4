/* The IDX format, plain and as gzip: nothing is believed of a header that the file cannot hold. */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "models/train/idx.h"

static char *dir, *path;

static int setup(void **state)
{
    (void)state;
    dir = ggdm_test_mkdtemp();
    path = ggdm_test_path(dir, "f");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(path);
    ggdm_test_rmdir(dir);
    return 0;
}

/* 2 images of 2 x 3 pixels. */
static const uint8_t good[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,  0,  0,
                               0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static void write_gzip(const uint8_t *bytes, size_t size)
{
    gzFile f = gzopen(path, "wb");
    assert_int_equal(gzwrite(f, bytes, (unsigned)size), (int)size);
    gzclose(f);
}

/* The whole file: header, data, end. */
static ggdm_status read_whole(const ggdm_idx_kinds *kinds, ggdm_idx *idx, uint8_t data[64],
                              ggdm_error *err)
{
    ggdm_source *s = NULL;
    GGDM_TRY(ggdm_source_open(path, &s, err));
    ggdm_status st = ggdm_idx_read(s, kinds, idx, err);
    if (st == GGDM_OK && idx->size <= 64)
        st = ggdm_source_read(s, data, idx->size, err);
    if (st == GGDM_OK)
        st = ggdm_source_end(s, err);
    ggdm_source_close(&s);
    return st;
}

static void refuse(const uint8_t *bytes, size_t size, const ggdm_idx_kinds *kinds, const char *text)
{
    for (int packed = 0; packed < 2; packed++) {
        ggdm_error err = {0};
        ggdm_idx idx;
        uint8_t data[64];
        if (packed)
            write_gzip(bytes, size);
        else
            ggdm_test_write(path, bytes, size);
        ggdm_test_error(read_whole(kinds, &idx, data, &err), &err, GGDM_EFORMAT, text);
    }
}

static void test_idx_good_file_gives_extents_and_data(void **state)
{
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        ggdm_error err = {0};
        ggdm_idx idx;
        uint8_t data[64];
        if (packed)
            write_gzip(good, sizeof good);
        else
            ggdm_test_write(path, good, sizeof good);
        ggdm_test_ok(read_whole(&ggdm_idx_images, &idx, data, &err), &err);
        assert_int_equal(idx.n_dims, 3);
        assert_int_equal(idx.dims[0], 2);
        assert_int_equal(idx.dims[2], 3);
        assert_int_equal(idx.size, 12);
        assert_int_equal(data[11], 12);
    }
}

static void test_idx_wrong_magic_is_error(void **state)
{
    (void)state;
    refuse(good, sizeof good, &ggdm_idx_labels, "magic number 0x00000803, expected 0x00000801 or");
    uint8_t floats[sizeof good];
    memcpy(floats, good, sizeof good);
    floats[2] = 0x0d;
    refuse(floats, sizeof floats, &ggdm_idx_images,
           "magic number 0x00000d03, expected 0x00000803 or 0x00000804 (IDX, u8, 3 or 4");
}

static void test_idx_wrong_length_is_error(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof good; n++)
        refuse(good, n, &ggdm_idx_images, "truncated");
    uint8_t longer[sizeof good + 1] = {0};
    memcpy(longer, good, sizeof good);
    refuse(longer, sizeof longer, &ggdm_idx_images, "trailing");
}

static void test_idx_bad_extents_are_errors(void **state)
{
    (void)state;
    uint8_t bad[sizeof good];
    memcpy(bad, good, sizeof good);
    bad[11] = 0;
    refuse(bad, sizeof bad, &ggdm_idx_images, "extent 0 of dimension 1");
    memset(bad + 4, 0xff, 12); /* 2^32 - 1 each: the product overflows */
    refuse(bad, sizeof bad, &ggdm_idx_images, "no overflow");
}

/* 16 bytes that announce 4 GB: a reader that made room for them would be a reader's end. */
static void test_idx_header_beyond_what_can_come_is_refused(void **state)
{
    (void)state;
    static const uint8_t bomb[] = {0, 0, 8, 3, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0};
    refuse(bomb, sizeof bomb, &ggdm_idx_images,
           "truncated: 4294967296 bytes of data by its header");
}

/* zlib checks the sum; what is packed may decode and be wrong all the same. */
static void test_idx_damaged_gzip_is_error(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_idx idx;
    uint8_t data[64];
    size_t size;
    write_gzip(good, sizeof good);
    char *bytes = ggdm_test_read(path, &size);
    for (size_t i = 12; i < size - 4; i++) { /* (the last four are the length: behind our end) */
        bytes[i] ^= 4;
        ggdm_test_write(path, bytes, size);
        assert_int_not_equal(read_whole(&ggdm_idx_images, &idx, data, &err), GGDM_OK);
        bytes[i] ^= 4;
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_idx_good_file_gives_extents_and_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idx_wrong_magic_is_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idx_wrong_length_is_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idx_bad_extents_are_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idx_header_beyond_what_can_come_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_idx_damaged_gzip_is_error, setup, teardown),
    };
    return ggdm_test_main(tests);
}
