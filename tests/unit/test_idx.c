#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "models/train/idx.h"

/* 2 images of 2 x 3 pixels. */
static const uint8_t good[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,  0,  0,
                               0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static void refuse(const uint8_t *bytes, size_t size, int n_dims, const char *text)
{
    ggdm_error err = {0};
    ggdm_idx idx;
    uint8_t *exact = ggdm_test_alloc(size, 1); /* reading beyond it is seen by the sanitizer */
    memcpy(exact, bytes, size);
    ggdm_status st = ggdm_idx_parse(exact, size, n_dims, "f", &idx, &err);
    free(exact);
    ggdm_test_error(st, &err, GGDM_EFORMAT, text);
}

static void test_idx_good_file_gives_extents_and_data(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_idx idx;
    ggdm_test_ok(ggdm_idx_parse(good, sizeof good, 3, "f", &idx, &err), &err);
    assert_int_equal(idx.dims[0], 2);
    assert_int_equal(idx.dims[2], 3);
    assert_int_equal(idx.count, 12);
    assert_int_equal(idx.data[11], 12);
}

static void test_idx_wrong_magic_is_error(void **state)
{
    (void)state;
    refuse(good, sizeof good, 1, "magic number 0x00000803, expected 0x00000801");
    uint8_t gzip[sizeof good] = {0x1f, 0x8b, 8, 0};
    refuse(gzip, sizeof gzip, 3, "gzip");
    uint8_t floats[sizeof good];
    memcpy(floats, good, sizeof good);
    floats[2] = 0x0d;
    refuse(floats, sizeof floats, 3, "magic number 0x00000d03");
}

static void test_idx_wrong_length_is_error(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof good; n++)
        refuse(good, n, 3, "f: ");
    refuse(good, sizeof good - 1, 3, "11 bytes of data after the header, expected 12 (truncated)");
    uint8_t longer[sizeof good + 1] = {0};
    memcpy(longer, good, sizeof good);
    refuse(longer, sizeof longer, 3, "trailing");
}

static void test_idx_bad_extents_are_errors(void **state)
{
    (void)state;
    uint8_t bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    bytes[7] = 0;
    refuse(bytes, sizeof bytes, 3, "extent 0 of dimension 0");
    memset(bytes + 4, 0xff, 12); /* (2^32 - 1)^3 overflows */
    refuse(bytes, sizeof bytes, 3, "overflow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx_good_file_gives_extents_and_data),
        cmocka_unit_test(test_idx_wrong_magic_is_error),
        cmocka_unit_test(test_idx_wrong_length_is_error),
        cmocka_unit_test(test_idx_bad_extents_are_errors),
    };
    return ggdm_test_main(tests);
}
