#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire.h"

static void put_all(ggdm_wire *w)
{
    ggdm_put_u8(w, 200);
    ggdm_put_i32(w, -5);
    ggdm_put_u32(w, 0xfedcba98u);
    ggdm_put_i64(w, INT64_MIN);
    ggdm_put_i64(w, INT64_MAX - 1);
    ggdm_put_f32(w, -0.5f);
    ggdm_put_f64(w, 0.1);
    ggdm_put_bytes(w, "abc", 3);
    ggdm_put_bytes(w, NULL, 0);
}

static void test_wire_round_trip_gives_equal_values(void **state)
{
    (void)state;
    ggdm_wire w, r;
    ggdm_error err;
    size_t n;
    ggdm_wire_init(&w);
    put_all(&w);
    ggdm_test_ok(ggdm_wire_status(&w, "test", &err), &err);
    ggdm_wire_read(&r, w.data, w.size);
    assert_int_equal(ggdm_get_u8(&r), 200);
    assert_int_equal(ggdm_get_i32(&r), -5);
    assert_true(ggdm_get_u32(&r) == 0xfedcba98u);
    assert_true(ggdm_get_i64(&r) == INT64_MIN);
    assert_true(ggdm_get_i64(&r) == INT64_MAX - 1);
    assert_true(ggdm_get_f32(&r) == -0.5f);
    assert_true(ggdm_get_f64(&r) == 0.1);
    const uint8_t *p = ggdm_get_bytes(&r, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(p, "abc", 3);
    assert_non_null(ggdm_get_bytes(&r, &n));
    assert_int_equal(n, 0);
    ggdm_test_ok(ggdm_wire_status(&r, "test", &err), &err);
    assert_int_equal(r.pos, r.size);
    ggdm_wire_deinit(&w);
}

static void test_wire_layout_is_little_endian(void **state)
{
    (void)state;
    ggdm_wire w;
    ggdm_wire_init(&w);
    ggdm_put_u32(&w, 0x01020304u);
    ggdm_put_f64(&w, 1.0);
    ggdm_put_bytes(&w, "z", 1);
    static const uint8_t want[] = {4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 1, 0, 0, 0, 'z'};
    assert_int_equal(w.size, sizeof want);
    assert_memory_equal(w.data, want, sizeof want);
    ggdm_wire_deinit(&w);
}

static void test_wire_truncated_at_every_byte_fails(void **state)
{
    (void)state;
    ggdm_wire w, r;
    size_t n;
    ggdm_wire_init(&w);
    put_all(&w);
    for (size_t cut = 0; cut < w.size; cut++) {
        uint8_t *copy = ggdm_test_alloc(1, cut);
        memcpy(copy, w.data, cut);
        ggdm_wire_read(&r, copy, cut);
        (void)ggdm_get_u8(&r);
        (void)ggdm_get_i32(&r);
        (void)ggdm_get_u32(&r);
        (void)ggdm_get_i64(&r);
        (void)ggdm_get_i64(&r);
        (void)ggdm_get_f32(&r);
        (void)ggdm_get_f64(&r);
        (void)ggdm_get_bytes(&r, &n);
        assert_null(ggdm_get_bytes(&r, &n));
        assert_int_equal(n, 0);
        ggdm_error err;
        ggdm_test_error(ggdm_wire_status(&r, "cut", &err), &err, GGDM_EFORMAT, "'cut'");
        free(copy);
    }
    ggdm_wire_deinit(&w);
}

static void test_wire_count_outside_limits_fails(void **state)
{
    (void)state;
    static const struct {
        int32_t count, max;
        size_t item;
        bool ok;
    } cases[] = {{-1, 10, 1, false}, {11, 10, 1, false},        {10, 10, 1, true},
                 {10, 99, 2, false}, {0, 10, SIZE_MAX, true},   {3, 10, SIZE_MAX / 2, false},
                 {5, 5, 2, true},    {INT32_MIN, 10, 1, false}, {-1, 10, 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_wire w, r;
        ggdm_wire_init(&w);
        ggdm_put_i32(&w, cases[i].count);
        ggdm_put_i64(&w, 0);
        ggdm_put_u8(&w, 0);
        ggdm_put_u8(&w, 0);
        ggdm_wire_read(&r, w.data, w.size);
        int32_t n = ggdm_get_count(&r, cases[i].max, cases[i].item);
        assert_int_equal(n, cases[i].ok ? cases[i].count : 0);
        assert_int_equal(r.status, cases[i].ok ? GGDM_OK : GGDM_EFORMAT);
        ggdm_wire_deinit(&w);
    }
}

static void test_wire_put_into_borrowed_bytes_fails(void **state)
{
    (void)state;
    uint8_t bytes[4] = {1, 2, 3, 4};
    ggdm_wire r;
    ggdm_wire_read(&r, bytes, sizeof bytes);
    ggdm_put_u8(&r, 9);
    assert_int_equal(r.status, GGDM_EINTERNAL);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(ggdm_get_u8(&r), 0); /* and the failure stays */
}

static void test_wire_reset_keeps_nothing(void **state)
{
    (void)state;
    ggdm_wire w;
    ggdm_wire_init(&w);
    ggdm_put_i64(&w, 7);
    ggdm_wire_reset(&w);
    ggdm_put_u8(&w, 1);
    assert_int_equal(w.size, 1);
    ggdm_wire_deinit(&w);
    ggdm_wire_deinit(&w); /* twice is safe */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_round_trip_gives_equal_values),
        cmocka_unit_test(test_wire_layout_is_little_endian),
        cmocka_unit_test(test_wire_truncated_at_every_byte_fails),
        cmocka_unit_test(test_wire_count_outside_limits_fails),
        cmocka_unit_test(test_wire_put_into_borrowed_bytes_fails),
        cmocka_unit_test(test_wire_reset_keeps_nothing),
    };
    return ggdm_test_main(tests);
}
