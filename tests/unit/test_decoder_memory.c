/* What decoders of other people's bytes may cost: each is given small inputs that say they are
 * large, or that unfold to something large, in a process of its own whose memory is looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "common/png_image.h"
#include "common/yaml.h"
#include "jobs/messages.h"
#include "models/io/safetensors.h"
#include "models/train/idx.h"
#include "tests/support/ggdm_test.h"

typedef struct input {
    char *data; /* owned */
    size_t size, cap;
} input;

static void put(input *in, const void *data, size_t size)
{
    if (in->size + size > in->cap) {
        in->cap = 2 * (in->size + size);
        in->data = realloc(in->data, in->cap);
        assert_non_null(in->data);
    }
    memcpy(in->data + in->size, data, size);
    in->size += size;
}

static void put_text(input *in, const char *text)
{
    put(in, text, strlen(text));
}

static void put_times(input *in, const char *text, int n)
{
    for (int i = 0; i < n; i++)
        put_text(in, text);
}

/* ---- inputs --------------------------------------------------------------------------------- */

static void put_be32(input *in, uint32_t v)
{
    const uint8_t b[] = {v >> 24 & 255, v >> 16 & 255, v >> 8 & 255, v & 255};
    put(in, b, 4);
}

/* A chunk that says it has more bytes than there are. */
static void put_chunk(input *in, const char *type, const void *data, size_t size, uint32_t said)
{
    put_be32(in, said);
    size_t at = in->size;
    put_text(in, type);
    put(in, data, size);
    put_be32(in, ggdm_test_crc32((const uint8_t *)in->data + at, in->size - at));
}

static void put_png_head(input *in, uint32_t side)
{
    put(in, "\x89PNG\r\n\x1a\n", 8);
    input head = {0};
    put_be32(&head, side);
    put_be32(&head, side);
    put(&head, "\x08\0\0\0\0", 5);
    put_chunk(in, "IHDR", head.data, head.size, 13);
    free(head.data);
}

static void png_of_a_long_chunk(input *in)
{
    put_png_head(in, 8);
    put_chunk(in, "tEXt", "aaaaaaaa", 8, 0x7ffffff0);
}

static void png_of_a_long_profile(input *in)
{
    put_png_head(in, 8);
    put_chunk(in, "iCCP", "a\0\0aaaaa", 8, 0x7ffffff0);
}

/* n bits of a code, the first one first. */
static void put_bits(input *in, int *used, unsigned code, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        if (*used == 0)
            put(in, "", 1);
        in->data[in->size - 1] |= (char)((code >> i & 1) << *used);
        *used = (*used + 1) % 8;
    }
}

/* A zlib stream of zeros: a zero, then runs of 258, in 13 bits each. */
static void put_zeros(input *in, uint32_t runs)
{
    int used = 0;
    put(in, "\x78\x9c", 2);
    put_bits(in, &used, 6, 3);    /* last block, fixed codes: 1, then 01 from its low end */
    put_bits(in, &used, 0x30, 8); /* a literal 0 */
    for (uint32_t i = 0; i < runs; i++)
        put_bits(in, &used, 0xc5 << 5, 13); /* length 258, distance 1 */
    put_bits(in, &used, 0, 7);
    put_be32(in, (1 + 258 * runs) % 65521 << 16 | 1); /* Adler-32 */
}

static void png_of_texts_that_unfold(input *in)
{
    put_png_head(in, 8);
    input text = {0};
    put(&text, "key\0\0", 5);
    put_zeros(&text, 250000); /* 64 MB */
    for (int i = 0; i < 20; i++)
        put_chunk(in, "zTXt", text.data, text.size, (uint32_t)text.size);
    free(text.data);
}

static void png_of_many_pixels(input *in)
{
    put_png_head(in, 0x7fffffff);
    put_chunk(in, "IDAT", "\x78\x9c", 2, 2);
}

static void json_of_many_values(input *in)
{
    put_text(in, "[");
    put_times(in, "[],", 5000000);
    put_text(in, "0]");
}

static void json_of_just_as_many(input *in)
{
    put_text(in, "[");
    put_times(in, "[],", 500000);
    put_text(in, "0]");
}

static void json_of_depth(input *in)
{
    put_times(in, "{\"a\":[", 1000000);
}

/* Each level nine times the one before. */
static void yaml_of_nested_aliases(input *in)
{
    put_text(in, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 20; i++) {
        char line[200];
        int n = snprintf(line, sizeof line, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            n += snprintf(line + n, sizeof line - (size_t)n, "*a%d,", i - 1);
        snprintf(line + n, sizeof line - (size_t)n, "]\n");
        put_text(in, line);
    }
}

/* A megabyte that is named two thousand times, as value and as key. */
static void yaml_of_a_long_text_with_aliases(input *in)
{
    put_text(in, "a: &a \"");
    put_times(in, "xxxxxxxxxxxxxxxx", 65536);
    put_text(in, "\"\nb: [");
    put_times(in, "*a,", 2000);
    put_text(in, "]\n");
}

static void yaml_of_a_long_key_with_aliases(input *in)
{
    put_text(in, "a: &a\n  ? \"");
    put_times(in, "xxxxxxxxxxxxxxxx", 65536);
    put_text(in, "\"\n  : 1\nb: [");
    put_times(in, "*a,", 2000);
    put_text(in, "]\n");
}

static void yaml_of_depth(input *in)
{
    put_times(in, "[", 1000000);
}

static void safetensors_of_a_long_header(input *in)
{
    put(in, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
    put_text(in, "{}");
}

static void safetensors_of_many_extents(input *in)
{
    input head = {0};
    put_text(&head, "{\"a\":{\"dtype\":\"F32\",\"shape\":[");
    put_times(&head, "0,", 200000);
    put_text(&head, "0],\"data_offsets\":[0,0]}}");
    const uint64_t n = head.size;
    put(in, &n, 8);
    put(in, head.data, head.size);
    free(head.data);
}

static void idx_of_many_images(input *in)
{
    put(in, "\0\0\x08\x03\x7f\xff\xff\xff\0\0\x7f\xff\0\0\x7f\xff", 16);
}

static void unit_of_many_segments(input *in)
{
    put_times(in, "\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f", 64);
}

/* ---- decoders ------------------------------------------------------------------------------- */

static ggdm_status read_png(const input *in, ggdm_error *err)
{
    ggdm_pixels pixels;
    ggdm_status st = ggdm_png_decode(in->data, in->size, GGDM_PNG_MAX_SIDE, &pixels, err);
    ggdm_pixels_deinit(&pixels);
    return st;
}

static ggdm_status read_json(const input *in, ggdm_error *err)
{
    ggdm_doc *doc;
    ggdm_status st = ggdm_json_parse(in->data, in->size, in->size, "t.json", &doc, err);
    ggdm_doc_destroy(&doc);
    return st;
}

static ggdm_status read_yaml(const input *in, ggdm_error *err)
{
    ggdm_doc *doc;
    ggdm_status st = ggdm_yaml_parse(in->data, in->size, "t.yaml", &doc, err);
    ggdm_doc_destroy(&doc);
    return st;
}

static ggdm_status read_safetensors(const input *in, ggdm_error *err)
{
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "model.safetensors");
    ggdm_st_file file;
    ggdm_test_write(path, in->data, in->size);
    ggdm_status st = ggdm_st_file_open(path, &file, err);
    if (st == GGDM_OK)
        ggdm_st_file_close(&file);
    free(path);
    ggdm_test_rmdir(dir);
    return st;
}

static ggdm_status read_idx(const input *in, ggdm_error *err)
{
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "t.idx");
    ggdm_source *source = NULL;
    ggdm_idx idx;
    ggdm_test_write(path, in->data, in->size);
    ggdm_status st = ggdm_source_open(path, &source, err);
    if (st == GGDM_OK)
        st = ggdm_idx_read(source, &ggdm_idx_images, &idx, err);
    ggdm_source_close(&source);
    free(path);
    ggdm_test_rmdir(dir);
    return st;
}

static ggdm_status read_unit(const input *in, ggdm_error *err)
{
    ggdm_unit unit;
    ggdm_wire wire;
    ggdm_wire_read(&wire, in->data, in->size);
    ggdm_status st = ggdm_unit_unpack(&unit, &wire, err);
    if (st == GGDM_OK)
        ggdm_unit_deinit(&unit);
    return st;
}

/* ---- the test ------------------------------------------------------------------------------- */

enum { MAX_MB = 300 }; /* of the whole process, the input and a sanitizer's books included */

static const struct {
    const char *name;
    void (*make)(input *in);
    ggdm_status (*read)(const input *in, ggdm_error *err);
    bool good; /* it can be read */
} cases[] = {
    {"png_of_a_long_chunk", png_of_a_long_chunk, read_png, false},
    {"png_of_a_long_profile", png_of_a_long_profile, read_png, false},
    {"png_of_texts_that_unfold", png_of_texts_that_unfold, read_png, false},
    {"png_of_many_pixels", png_of_many_pixels, read_png, false},
    {"json_of_many_values", json_of_many_values, read_json, false},
    {"json_of_just_as_many", json_of_just_as_many, read_json, true},
    {"json_of_depth", json_of_depth, read_json, false},
    {"yaml_of_nested_aliases", yaml_of_nested_aliases, read_yaml, false},
    {"yaml_of_a_long_text_with_aliases", yaml_of_a_long_text_with_aliases, read_yaml, true},
    {"yaml_of_a_long_key_with_aliases", yaml_of_a_long_key_with_aliases, read_yaml, true},
    {"yaml_of_depth", yaml_of_depth, read_yaml, false},
    {"safetensors_of_a_long_header", safetensors_of_a_long_header, read_safetensors, false},
    {"safetensors_of_many_extents", safetensors_of_many_extents, read_safetensors, false},
    {"idx_of_many_images", idx_of_many_images, read_idx, false},
    {"unit_of_many_segments", unit_of_many_segments, read_unit, false},
};

static void test_decoder_memory(void **state)
{
    const int i = (int)(intptr_t)*state;
    input in = {0};
    struct rusage usage;
    int status;
    cases[i].make(&in);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        ggdm_error err = {0};
        ggdm_status st = cases[i].read(&in, &err);
        if ((st == GGDM_OK) != cases[i].good)
            fprintf(stderr, "%s: status %d, %s\n", cases[i].name, (int)st, err.msg);
        _exit((st == GGDM_OK) != cases[i].good || st == GGDM_EINTERNAL);
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    assert_int_equal(status, 0);
    if (usage.ru_maxrss > (long)MAX_MB << 10)
        ggdm_test_fail("%s of %zu bytes costs %ld MB, expected at most %d", cases[i].name, in.size,
                       usage.ru_maxrss >> 10, MAX_MB);
    free(in.data);
}

int main(void)
{
    enum { N = sizeof cases / sizeof *cases };
    struct CMUnitTest tests[N];
    for (int i = 0; i < N; i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = test_decoder_memory,
                                       .initial_state = (void *)(intptr_t)i};
    return ggdm_test_run(__FILE__, tests, N);
}
