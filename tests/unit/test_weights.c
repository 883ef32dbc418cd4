/* Weights as people publish them, all to the same bytes; and what is not read, with its reason. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "models/io/weights.h"

#define NAME "model.safetensors"
#define INDEX NAME ".index.json"
#define SHARD(i, n) "model-0000" i "-of-0000" n ".safetensors"

/* A file of tensors that are one-dimensional, with pad spaces behind its header. */
typedef struct item {
    const char *name, *dtype;
    const void *data;
    size_t count, size; /* elements, bytes of all */
} item;

static void put(const char *file, const item *items, size_t n, size_t pad)
{
    char header[2000] = "{";
    size_t at = 0;
    for (size_t i = 0; i < n; at += items[i++].size)
        snprintf(header + strlen(header), sizeof header - strlen(header),
                 "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}",
                 i ? "," : "", items[i].name, items[i].dtype, items[i].count, at,
                 at + items[i].size);
    strcat(header, "}");
    size_t length = strlen(header);
    length += (64 - (8 + length) % 64) % 64 + pad;
    char *bytes = ggdm_test_alloc(8 + length + at, 1), *p = bytes + 8 + length;
    memset(bytes + 8, ' ', length);
    memcpy(bytes + 8, header, strlen(header));
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)length >> (8 * i) & 0xff);
    for (size_t i = 0; i < n; p += items[i++].size)
        memcpy(p, items[i].data, items[i].size);
    char *path = ggdm_test_path(ggdm_test_dir, file);
    ggdm_test_write(path, bytes, 8 + length + at);
    free(path);
    free(bytes);
}

static void put_text(const char *file, const char *text)
{
    char *path = ggdm_test_path(ggdm_test_dir, file);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

static const float a[] = {1.5f, -2, 0.0078125f, 65504}, b[] = {3, -0.25f};
static const item plain[] = {{"b", "F32", b, 2, sizeof b}, {"a", "F32", a, 4, sizeof a}};

static ggdm_status load(ggdm_weights *w, ggdm_error *err)
{
    ggdm_status st = ggdm_weights_open(ggdm_test_dir, NAME, w, err);
    return st == GGDM_OK ? ggdm_weights_load(w, err) : st;
}

/* Weights a and b come out, F32 and aligned. */
static void check(const ggdm_weights *w)
{
    ggdm_safetensors *st;
    ggdm_error err;
    ggdm_test_ok(ggdm_safetensors_parse(w->data, w->size, "loaded", &st, &err), &err);
    assert_int_equal(st->n_tensors, 2);
    const ggdm_st_tensor *ta = ggdm_safetensors_find(st, "a"), *tb = ggdm_safetensors_find(st, "b");
    ggdm_test_ok(ggdm_safetensors_as_f32(ta, "a", &err), &err);
    ggdm_test_ok(ggdm_safetensors_as_f32(tb, "b", &err), &err);
    assert_memory_equal(ta->data, a, sizeof a);
    assert_memory_equal(tb->data, b, sizeof b);
    assert_int_equal((uintptr_t)w->data % 64, 0);
    ggdm_safetensors_destroy(&st);
}

static void refuse(ggdm_status code, const char *text)
{
    ggdm_weights w;
    ggdm_error err = {0};
    ggdm_test_error(load(&w, &err), &err, code, text);
    ggdm_weights_close(&w);
}

static void test_weights_plain_file_is_used_in_place(void **state)
{
    (void)state;
    ggdm_weights w;
    ggdm_error err;
    put(NAME, plain, 2, 0);
    ggdm_test_ok(load(&w, &err), &err);
    assert_null(w.copy);
    check(&w);
    ggdm_weights_close(&w);
}

/* The other ways to store the same numbers give the same bytes, so also one digest. */
static void put_unaligned(void)
{
    put(NAME, plain, 2, 3);
}

static void put_f16(void)
{
    static const uint16_t ha[] = {0x3e00, 0xc000, 0x2000, 0x7bff}, hb[] = {0x4200, 0xb400};
    put(NAME, (item[]){{"a", "F16", ha, 4, 8}, {"b", "F16", hb, 2, 4}}, 2, 1);
}

static void put_mixed(void)
{
    static const uint16_t hb[] = {0x4040, 0xbe80};
    put(NAME, (item[]){{"b", "BF16", hb, 2, 4}, plain[1]}, 2, 0);
}

static void put_counter(void)
{
    static const int64_t batches = 1000, positions[] = {0, 1};
    put(NAME,
        (item[]){plain[0],
                 {"bn.num_batches_tracked", "I64", &batches, 1, 8},
                 plain[1],
                 {"text_model.embeddings.position_ids", "I64", positions, 2, 16}},
        4, 0);
}

static void put_shards(void)
{
    put(SHARD("1", "2"), &plain[0], 1, 0);
    put(SHARD("2", "2"), &plain[1], 1, 1);
    put_text(INDEX, "{\"metadata\": {\"total_size\": 24}, \"weight_map\": {"
                    "\"a\": \"" SHARD("2", "2") "\", \"b\": \"" SHARD("1", "2") "\"}}");
}

static void test_weights_stored_otherwise_are_the_same(void **state)
{
    static void (*const ways[])(void) = {put_unaligned, put_f16, put_mixed, put_counter,
                                         put_shards};
    char *first = NULL;
    size_t size = 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        ggdm_weights w;
        ggdm_error err;
        ggdm_test_dir_remove(state);
        ggdm_test_dir_make(state);
        ways[i]();
        ggdm_test_ok(load(&w, &err), &err);
        assert_non_null(w.copy);
        check(&w);
        if (first) {
            assert_int_equal(w.size, size);
            assert_memory_equal(w.data, first, size);
        } else {
            size = w.size;
            first = memcpy(ggdm_test_alloc(size, 1), w.data, size);
        }
        ggdm_weights_close(&w);
    }
    free(first);
}

/* Every F16 and BF16 there is, against its definition. */
static void test_weights_half_precision_is_widened_exactly(void **state)
{
    (void)state;
    enum { ALL = 1 << 16 };
    uint16_t *half = ggdm_test_alloc(ALL, sizeof *half);
    float *wide = ggdm_test_alloc(ALL, sizeof *wide);
    for (int i = 0; i < ALL; i++)
        half[i] = (uint16_t)i;
    const ggdm_st_tensor f16 = {"x", GGDM_ST_F16, GGDM_SHAPE1(ALL), half, 2 * ALL};
    ggdm_safetensors_to_f32(&f16, wide);
    for (int i = 0; i < ALL; i++) {
        int e = i >> 10 & 31, m = i & 1023;
        double want = e == 0   ? ldexp(m, -24)
                      : e < 31 ? ldexp(1024 + m, e - 25)
                      : m      ? NAN
                               : INFINITY;
        want = i >> 15 ? -want : want;
        if (!(wide[i] == want || (isnan(want) && isnan(wide[i]))) ||
            !signbit(wide[i]) != !(i >> 15))
            ggdm_test_fail("F16 %04x is %a, expected %a", i, (double)wide[i], want);
    }
    const ggdm_st_tensor bf16 = {"x", GGDM_ST_BF16, GGDM_SHAPE1(ALL), half, 2 * ALL};
    ggdm_safetensors_to_f32(&bf16, wide);
    for (int i = 0; i < ALL; i++) {
        uint32_t bits;
        memcpy(&bits, &wide[i], sizeof bits);
        assert_int_equal(bits, (uint32_t)i << 16);
    }
    free(half);
    free(wide);
}

static void test_weights_other_numbers_are_refused(void **state)
{
    (void)state;
    static const double d[] = {1, 2};
    put(NAME, &(item){"a", "F64", d, 2, sizeof d}, 1, 0);
    refuse(GGDM_EUNSUPPORTED, "tensor 'a': dtype F64, expected F32, F16 or BF16 (to narrow it");
    put(NAME, &(item){"a", "I64", d, 2, sizeof d}, 1, 0);
    refuse(GGDM_EUNSUPPORTED, "tensor 'a': dtype I64, expected F32, F16 or BF16");
}

static void test_weights_index_and_files_must_agree(void **state)
{
    static const struct {
        const char *map, *text;
    } rows[] = {
        {"\"a\": \"../" SHARD("2", "2") "\"",
         "value '../model-00002-of-00002.safetensors', expected"},
        {"\"a\": \"/etc/x.safetensors\"", "beside the index"},
        {"\"a\": \"..\"", "beside the index"},
        {"\"a\": \".x.safetensors\"", "beside the index"},
        {"\"a\": \"x.bin\"", "beside the index"},
        {"\"a\": 7", "beside the index"},
        {"\"a\": \"none.safetensors\"", INDEX ": tensor 'a': cannot open"},
        {"\"a\": \"" SHARD("2", "2") "\"", "does not name model-00001-of-00002.safetensors"},
        {"\"b\": \"" SHARD("2", "2") "\"", "tensor 'a' of model-00002-of-00002.safetensors is not"},
        {"\"a\": \"" SHARD("1", "2") "\", \"b\": \"" SHARD("2", "2") "\"",
         "tensor 'a' is in model-00002-of-00002.safetensors, the index says model-00001"},
        {"\"a\": \"" SHARD("2", "2") "\", \"b\": \"" SHARD("1", "2") "\", \"c\": \"" SHARD(
             "1", "2") "\"",
         "tensor 'c' is not in model-00001-of-00002.safetensors"},
        {"", "no 'weight_map'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        ggdm_weights w;
        ggdm_error err = {0};
        ggdm_test_dir_remove(state);
        ggdm_test_dir_make(state);
        put_shards();
        snprintf(text, sizeof text, "{\"weight_map\": {%s}}", rows[i].map);
        put_text(INDEX, text);
        ggdm_status st = load(&w, &err);
        assert_int_not_equal(st, GGDM_OK);
        ggdm_test_error(st, &err, st, rows[i].text);
        ggdm_weights_close(&w);
    }
}

static void test_weights_tensor_in_two_files_is_refused(void **state)
{
    (void)state;
    put_shards();
    put(SHARD("1", "2"), plain, 2, 0);
    refuse(GGDM_EFORMAT, "tensor 'a' is in two files, model-0000");
}

static void test_weights_file_and_index_are_one_too_many(void **state)
{
    (void)state;
    put_shards();
    put(NAME, plain, 2, 0);
    refuse(GGDM_EINVAL, "are both there, expected one of them");
}

/* Of what is there instead the nearest is named, with what to do. */
static void test_weights_missing_say_what_there_is(void **state)
{
    (void)state;
    refuse(GGDM_EINVAL, NAME ": the weights are missing, expected this file");
    put_text("b.pth", "");
    put_text("a.pth", "");
    refuse(GGDM_EINVAL, "there is a.pth: `ggdm model import DIR");
    put_text("pytorch_model.bin", "");
    refuse(GGDM_EINVAL, "there is pytorch_model.bin");
    put_text("model.fp16.safetensors", "");
    refuse(GGDM_EINVAL, "there is model.fp16.safetensors: give it that name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ggdm_test_in_dir(test_weights_plain_file_is_used_in_place),
        ggdm_test_in_dir(test_weights_stored_otherwise_are_the_same),
        ggdm_test_in_dir(test_weights_half_precision_is_widened_exactly),
        ggdm_test_in_dir(test_weights_other_numbers_are_refused),
        ggdm_test_in_dir(test_weights_index_and_files_must_agree),
        ggdm_test_in_dir(test_weights_tensor_in_two_files_is_refused),
        ggdm_test_in_dir(test_weights_file_and_index_are_one_too_many),
        ggdm_test_in_dir(test_weights_missing_say_what_there_is),
    };
    return ggdm_test_main(tests);
}
