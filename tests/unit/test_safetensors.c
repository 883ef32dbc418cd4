#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/io/safetensors.h"

/* A file of a header and data_size bytes of data 0, 1, 2, ..; owned. */
static char *make_file(const char *header, size_t data_size, size_t *size)
{
    size_t n = strlen(header);
    *size = 8 + n + data_size;
    char *file = ggdm_test_alloc(*size, 1);
    for (int i = 0; i < 8; i++)
        file[i] = (char)((uint64_t)n >> (8 * i) & 0xff);
    memcpy(file + 8, header, n);
    for (size_t i = 0; i < data_size; i++)
        file[8 + n + i] = (char)i;
    return file;
}

static ggdm_status parse(const char *header, size_t data_size, ggdm_error *err)
{
    size_t size;
    ggdm_safetensors *st = NULL;
    char *file = make_file(header, data_size, &size);
    ggdm_status status = ggdm_safetensors_parse(file, size, "f", &st, err);
    ggdm_safetensors_destroy(&st);
    free(file);
    return status;
}

static void test_safetensors_good_file_gives_tensors(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_safetensors *st = NULL;
    size_t size;
    char *file =
        make_file("{\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]},"
                  "\"__metadata__\":{\"format\":\"pt\",\"step\":\"12\"},"
                  "\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]},"
                  "\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[28,28]},"
                  "\"scalar\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[28,36]}}    ",
                  36, &size);
    ggdm_test_ok(ggdm_safetensors_parse(file, size, "f", &st, &err), &err);
    assert_int_equal(st->n_tensors, 4);
    assert_string_equal(st->tensors[0].name, "a");
    const ggdm_st_tensor *b = ggdm_safetensors_find(st, "b");
    assert_non_null(b);
    assert_int_equal(b->dtype, GGDM_ST_F32);
    assert_int_equal(b->shape.n, 2);
    assert_int_equal(b->shape.d[1], 3);
    assert_int_equal(b->size, 24);
    assert_ptr_equal(b->data, file + size - 32);
    assert_int_equal(ggdm_safetensors_find(st, "scalar")->shape.n, 0);
    assert_int_equal(ggdm_safetensors_find(st, "none")->size, 0);
    assert_null(ggdm_safetensors_find(st, "c"));
    assert_string_equal(ggdm_safetensors_meta(st, "step"), "12");
    assert_null(ggdm_safetensors_meta(st, "steps"));
    ggdm_test_error(ggdm_safetensors_as_f32(ggdm_safetensors_find(st, "a"), "f", &err), &err,
                    GGDM_EUNSUPPORTED, "tensor 'a': dtype BF16, expected F32");
    ggdm_safetensors_destroy(&st);
    free(file);
}

#define ENTRY(dtype, shape, range)                                                                 \
    "\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" range "}"
#define ONE(dtype, shape, range) "{" ENTRY(dtype, shape, range) "}"

/* Each row: a header, the bytes of data behind it, the code and part of the message. */
static const struct {
    const char *header;
    size_t data;
    ggdm_status code;
    const char *text;
} bad[] = {
    {"", 0, GGDM_EFORMAT, "begin with '{'"},
    {" {}", 0, GGDM_EFORMAT, "begin with '{'"},
    {"[]", 0, GGDM_EFORMAT, "begin with '{'"},
    {"{", 0, GGDM_EFORMAT, "begin with '{'"},
    {"{]", 0, GGDM_EFORMAT, "f:1"},
    {"{}x", 0, GGDM_EFORMAT, "f:1"},
    {"{\"a\":1}", 0, GGDM_EFORMAT, "tensor 'a': expected an object"},
    {"{\"a\":{}}", 0, GGDM_EFORMAT, "expected an object of exactly"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}", 4, GGDM_EFORMAT, "exactly"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, GGDM_EFORMAT,
     "exactly"},
    {ONE("\"F99\"", "[1]", "[0,4]"), 4, GGDM_EFORMAT, "dtype 'F99'"},
    {ONE("7", "[1]", "[0,4]"), 4, GGDM_EFORMAT, "dtype '7'"},
    {ONE("\"F32\"", "3", "[0,4]"), 4, GGDM_EFORMAT, "'shape' is not a list"},
    {ONE("\"F32\"", "[-1]", "[0,4]"), 4, GGDM_EFORMAT, "extent '-1'"},
    {ONE("\"F32\"", "[1.5]", "[0,4]"), 4, GGDM_EFORMAT, "extent '1.5'"},
    {ONE("\"F32\"", "[\"1\"]", "[0,4]"), 4, GGDM_EFORMAT, "extent '1'"},
    {ONE("\"F32\"", "[1,1,1,1,1]", "[0,4]"), 4, GGDM_EUNSUPPORTED, "5 dimensions"},
    {ONE("\"F32\"", "[4294967296,4294967296]", "[0,4]"), 4, GGDM_EFORMAT, "overflows"},
    {ONE("\"F32\"", "[9223372036854775807]", "[0,4]"), 4, GGDM_EFORMAT, "overflows"},
    {ONE("\"F32\"", "[9223372036854775808]", "[0,4]"), 4, GGDM_EFORMAT, "f"},
    {ONE("\"F32\"", "[2]", "[0,4]"), 4, GGDM_EFORMAT, "span 4 bytes, expected 8 for F32 [2]"},
    {ONE("\"F32\"", "[1]", "[0,8]"), 4, GGDM_EFORMAT, "truncated"},
    {ONE("\"F32\"", "[1]", "[4,0]"), 4, GGDM_EFORMAT, "data_offsets [4, 0]"},
    {ONE("\"F32\"", "[1]", "[-4,0]"), 4, GGDM_EFORMAT, "two integers >= 0"},
    {ONE("\"F32\"", "[1]", "[0]"), 4, GGDM_EFORMAT, "two integers >= 0"},
    {ONE("\"F32\"", "[1]", "[0,4,4]"), 4, GGDM_EFORMAT, "two integers >= 0"},
    {ONE("\"F32\"", "[1]", "\"0,4\""), 4, GGDM_EFORMAT, "two integers >= 0"},
    {ONE("\"F32\"", "[1]", "[4,8]"), 8, GGDM_EFORMAT, "expected 0 (hole)"},
    {ONE("\"F32\"", "[1]", "[0,4]"), 5, GGDM_EFORMAT, "cover 4 bytes of data, the file has 5"},
    {"{}", 1, GGDM_EFORMAT, "cover 0 bytes"},
    {"{" ENTRY("\"F32\"", "[1]", "[0,4]") "," ENTRY("\"F32\"", "[1]", "[4,8]") "}", 8, GGDM_EFORMAT,
     "f:1"},
    {"{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}," ENTRY("\"F32\"", "[1]",
                                                                              "[4,8]") "}",
     8, GGDM_EFORMAT, "overlaps"},
    {"{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}," ENTRY("\"F32\"", "[1]",
                                                                              "[0,4]") "}",
     4, GGDM_EFORMAT, "overlaps"},
    {"{\"b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[2,2]}," ENTRY("\"F32\"", "[1]",
                                                                              "[0,4]") "}",
     4, GGDM_EFORMAT, "overlaps"},
    {"{\"__metadata__\":[]}", 0, GGDM_EFORMAT, "'__metadata__' is not an object"},
    {"{\"__metadata__\":{\"step\":1}}", 0, GGDM_EFORMAT, "value of 'step' is not a string"},
    {"{\"a\\u0000b\":1}", 0, GGDM_EFORMAT, "f:1"},
    {"{\"a\\u001b[31m\":1}", 0, GGDM_EFORMAT, "expected a name without control characters"},
    {"{\"a\\u009b2J\":1}", 0, GGDM_EFORMAT, "expected a name without control characters"},
};

static void test_safetensors_malformed_header_is_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_error err = {0};
        ggdm_status st = parse(bad[i].header, bad[i].data, &err);
        if (st != bad[i].code || !strstr(err.msg, bad[i].text))
            ggdm_test_fail("%s\ngives %d '%s', expected %d '%s'", bad[i].header, st, err.msg,
                           bad[i].code, bad[i].text);
    }
}

static void test_safetensors_every_truncation_is_error(void **state)
{
    (void)state;
    size_t size;
    char *file = make_file(ONE("\"F32\"", "[2]", "[0,8]"), 8, &size);
    for (size_t n = 0; n < size; n++) {
        ggdm_error err = {0};
        ggdm_safetensors *st = NULL;
        char *cut = ggdm_test_alloc(n, 1);
        memcpy(cut, file, n);
        ggdm_status status = ggdm_safetensors_parse(cut, n, "f", &st, &err);
        assert_int_equal(status, GGDM_EFORMAT);
        assert_null(st);
        free(cut);
    }
    free(file);
}

static void test_safetensors_header_size_beyond_file_is_error(void **state)
{
    (void)state;
    const uint64_t sizes[] = {3, 1u << 20, GGDM_ST_MAX_HEADER + 1u, UINT64_MAX, UINT64_MAX - 7};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        char file[10] = "........{}";
        ggdm_error err = {0};
        ggdm_safetensors *st = NULL;
        for (int i = 0; i < 8; i++)
            file[i] = (char)(sizes[k] >> (8 * i) & 0xff);
        ggdm_test_error(ggdm_safetensors_parse(file, sizeof file, "f", &st, &err), &err,
                        GGDM_EFORMAT, "f: header of");
    }
}

/* A sparse file of a terabyte: its header says that this cannot be, before the rest is read. */
static void test_safetensors_file_that_the_header_does_not_describe_is_not_read(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "w.safetensors");
    ggdm_error err = {0};
    ggdm_st_file f;
    size_t size;
    char *file =
        make_file("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, &size);
    ggdm_test_write(path, file, size);
    ggdm_test_ok(ggdm_st_file_open(path, &f, &err), &err);
    ggdm_test_ok(ggdm_st_file_read(&f, &err), &err);
    assert_int_equal(f.bytes.size, size);
    assert_memory_equal(f.bytes.data, file, size);
    ggdm_st_file_close(&f);
    ggdm_test_ok(ggdm_st_file_open(path, &f, &err), &err);
    assert_int_equal(truncate(path, (off_t)size - 1), 0);
    ggdm_test_error(ggdm_st_file_read(&f, &err), &err, GGDM_EIO, "changed while it was read");
    ggdm_st_file_close(&f);
    for (int empty = 0; empty < 2; empty++) {
        if (empty)
            ggdm_test_write(path, "", 0);
        assert_int_equal(truncate(path, (off_t)1 << 40), 0);
        ggdm_status st = ggdm_st_file_open(path, &f, &err);
        assert_true(st == GGDM_EFORMAT || st == GGDM_ENOMEM); /* or no such address space */
    }
    free(file);
    free(path);
    ggdm_test_rmdir(dir);
}

static void test_safetensors_misaligned_data_is_refused_for_f32(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_safetensors *st = NULL;
    size_t size;
    char *file = make_file("{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}," ENTRY(
                               "\"F32\"", "[1]", "[1,5]") "   }",
                           5, &size);
    ggdm_test_ok(ggdm_safetensors_parse(file, size, "f", &st, &err), &err);
    const ggdm_st_tensor *a = ggdm_safetensors_find(st, "a");
    if ((uintptr_t)a->data % 4)
        ggdm_test_error(ggdm_safetensors_as_f32(a, "f", &err), &err, GGDM_EUNSUPPORTED,
                        "not aligned");
    else
        ggdm_test_fail("the test's file is aligned by chance");
    ggdm_safetensors_destroy(&st);
    free(file);
}

static void test_safetensors_written_file_reads_back(void **state)
{
    (void)state;
    ggdm_error err = {0};
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "x.safetensors");
    const float values[] = {1, -2.5f, 3e-39f, 4, 5, 6, 7};
    const ggdm_tensor tensors[] = {{"w\"1", GGDM_F32, GGDM_SHAPE2(2, 3), values},
                                   {"bias", GGDM_F32, GGDM_SHAPE1(1), values + 6},
                                   {"empty", GGDM_F32, GGDM_SHAPE1(0), NULL}};
    const ggdm_st_meta meta[] = {{"format", "pt"}, {"b", "x\ny"}};
    ggdm_test_ok(ggdm_safetensors_write(path, tensors, 3, meta, 2, &err), &err);
    size_t size, again_size;
    char *bytes = ggdm_test_read(path, &size);
    ggdm_safetensors *st = NULL;
    ggdm_test_ok(ggdm_safetensors_parse(bytes, size, path, &st, &err), &err);
    assert_int_equal(st->n_tensors, 3);
    const ggdm_st_tensor *w = ggdm_safetensors_find(st, "w\"1");
    assert_non_null(w);
    assert_memory_equal(w->data, values, 24);
    assert_int_equal(((const char *)w->data - bytes) % 64, 0);
    assert_memory_equal(ggdm_safetensors_find(st, "bias")->data, values + 6, 4);
    assert_string_equal(ggdm_safetensors_meta(st, "b"), "x\ny");
    ggdm_test_ok(ggdm_safetensors_write(path, tensors, 3, meta, 2, &err), &err);
    char *again = ggdm_test_read(path, &again_size);
    assert_int_equal(size, again_size);
    assert_memory_equal(bytes, again, size);
    ggdm_safetensors_destroy(&st);
    free(again);
    free(bytes);
    free(path);
    ggdm_test_rmdir(dir);
}

static void test_safetensors_write_refuses_bad_tensors(void **state)
{
    (void)state;
    ggdm_error err = {0};
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "x.safetensors");
    const float v = 0;
    const ggdm_tensor twice[] = {{"a", GGDM_F32, GGDM_SHAPE1(1), &v},
                                 {"b", GGDM_F32, GGDM_SHAPE1(1), &v},
                                 {"a", GGDM_F32, GGDM_SHAPE1(1), &v}};
    const ggdm_tensor bf16[] = {{"a", GGDM_BF16, GGDM_SHAPE1(1), &v}};
    ggdm_test_error(ggdm_safetensors_write(path, twice, 3, NULL, 0, &err), &err, GGDM_EINVAL,
                    "two tensors named 'a'");
    ggdm_test_error(ggdm_safetensors_write(path, bf16, 1, NULL, 0, &err), &err, GGDM_EINVAL,
                    "not f32");
    ggdm_test_error(ggdm_safetensors_write("/nonexistent/x", twice, 2, NULL, 0, &err), &err,
                    GGDM_EIO, "/nonexistent");
    free(path);
    ggdm_test_rmdir(dir);
}

static float wide(uint16_t half, ggdm_st_dtype dtype)
{
    const ggdm_st_tensor t = {"h", dtype, GGDM_SHAPE1(1), &half, sizeof half};
    float v;
    ggdm_safetensors_to_f32(&t, &v);
    return v;
}

static uint16_t narrow(float v, ggdm_st_dtype dtype)
{
    uint16_t half;
    ggdm_safetensors_narrow(&v, 1, dtype, &half);
    return half;
}

/* Every number there is, what lies in the middle of two, and its neighbours to both sides. */
static void test_safetensors_narrow_rounds_to_nearest_even(void **state)
{
    (void)state;
    static const struct {
        ggdm_st_dtype dtype;
        uint16_t infinite;
    } rows[] = {{GGDM_ST_F16, 0x7c00}, {GGDM_ST_BF16, 0x7f80}};
    for (int k = 0; k < 2; k++)
        for (uint16_t h = 0; h < rows[k].infinite; h++) {
            const ggdm_st_dtype d = rows[k].dtype;
            const uint16_t next = (uint16_t)(h + 1), sign = 0x8000;
            const float v = wide(h, d);
            assert_int_equal(narrow(v, d), h);
            assert_int_equal(narrow(-v, d), h | sign);
            if (next == rows[k].infinite)
                break;
            const float mid = v + (wide(next, d) - v) / 2;
            assert_int_equal(narrow(mid, d), h % 2 ? next : h);
            assert_int_equal(narrow(nextafterf(mid, INFINITY), d), next);
            assert_int_equal(narrow(-nextafterf(mid, INFINITY), d), next | sign);
            assert_int_equal(narrow(nextafterf(mid, 0), d), h);
        }
    assert_int_equal(narrow(65519.99f, GGDM_ST_F16), 0x7bff);
    assert_int_equal(narrow(65520, GGDM_ST_F16), 0x7c00);
    assert_int_equal(narrow(-1e30f, GGDM_ST_F16), 0xfc00);
    assert_int_equal(narrow(1e-30f, GGDM_ST_F16), 0);
    assert_true(ggdm_safetensors_rounded(1 + 0x1p-12f, GGDM_ST_F16) == 1);
    assert_true(ggdm_safetensors_rounded(1 + 0x1p-10f, GGDM_ST_F16) == 1 + 0x1p-10f);
    assert_true(ggdm_safetensors_rounded(-1 - 0x1p-10f, GGDM_ST_BF16) == -1);
    assert_true(ggdm_safetensors_rounded(1 + 0x1p-23f, GGDM_ST_F32) == 1 + 0x1p-23f);
    assert_true(isinf(ggdm_safetensors_rounded(65520, GGDM_ST_F16)));
}

static void test_safetensors_half_precision_reads_back(void **state)
{
    (void)state;
    ggdm_error err = {0};
    size_t size;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "x.safetensors");
    const float values[] = {1, -2.5f, 0.1f};
    const ggdm_tensor tensors[] = {{"odd", GGDM_F32, GGDM_SHAPE1(1), values},
                                   {"w", GGDM_F32, GGDM_SHAPE1(2), values + 1}};
    ggdm_test_ok(ggdm_safetensors_write_as(path, tensors, 2, GGDM_ST_F16, NULL, 0, &err), &err);
    char *bytes = ggdm_test_read(path, &size);
    ggdm_safetensors *st = NULL;
    ggdm_test_ok(ggdm_safetensors_parse(bytes, size, path, &st, &err), &err);
    const ggdm_st_tensor *w = ggdm_safetensors_find(st, "w");
    float read[2];
    assert_int_equal(w->dtype, GGDM_ST_F16);
    ggdm_safetensors_to_f32(w, read);
    assert_true(read[0] == -2.5f && fabsf(read[1] - 0.1f) < 5e-5f && read[1] != 0.1f);
    ggdm_safetensors_destroy(&st);
    free(bytes);
    free(path);
    ggdm_test_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors_good_file_gives_tensors),
        cmocka_unit_test(test_safetensors_malformed_header_is_error),
        cmocka_unit_test(test_safetensors_every_truncation_is_error),
        cmocka_unit_test(test_safetensors_header_size_beyond_file_is_error),
        cmocka_unit_test(test_safetensors_file_that_the_header_does_not_describe_is_not_read),
        cmocka_unit_test(test_safetensors_misaligned_data_is_refused_for_f32),
        cmocka_unit_test(test_safetensors_written_file_reads_back),
        cmocka_unit_test(test_safetensors_write_refuses_bad_tensors),
        cmocka_unit_test(test_safetensors_narrow_rounds_to_nearest_even),
        cmocka_unit_test(test_safetensors_half_precision_reads_back),
    };
    return ggdm_test_main(tests);
}
