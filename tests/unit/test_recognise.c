/* Which weights are meant, of files that were made to be hard to tell. */
#include "models/import/recognise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

/* Of a file whose header has these entries and whose tensors have no elements. */
static ggdm_status recognise(const char *entries, const char *wanted, ggdm_recognised *out,
                             ggdm_error *err)
{
    const size_t n = strlen(entries);
    char *path = ggdm_test_path(ggdm_test_dir, "w.safetensors"), *bytes = ggdm_test_alloc(8 + n, 1);
    ggdm_foreign f;
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(n >> (8 * i) & 0xff);
    memcpy(bytes + 8, entries, n);
    ggdm_test_write(path, bytes, 8 + n);
    ggdm_test_ok(ggdm_foreign_open(path, &f, err), err);
    ggdm_status st = ggdm_recognise(&f, wanted, NULL, out, err);
    ggdm_foreign_close(&f);
    free(bytes);
    free(path);
    return st;
}

#define EMPTY(name) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"

static void test_recognise_many_beginnings_are_not_all_looked_at(void **state)
{
    enum { MANY = 65 };
    char entries[MANY * 120] = "{";
    ggdm_recognised r;
    ggdm_error err = {0};
    (void)state;
    for (int i = 0; i < MANY; i++)
        snprintf(entries + strlen(entries), 120,
                 "%s\"p%d.time_embedding.linear_1.weight\":"
                 "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                 i ? "," : "", i);
    strcat(entries, "}");
    ggdm_test_error(recognise(entries, NULL, &r, &err), &err, GGDM_EUNSUPPORTED,
                    "more than 64 sets of weights");
}

/* One extent of 0 lets others be of any size, and products of them overflow. */
static void test_recognise_config_of_impossible_shapes_is_refused(void **state)
{
    static const int64_t shapes[][2] = {{0, 64}, {2, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const ggdm_st_tensor t[] = {
            {.name = "text_projection", .shape = GGDM_SHAPE2(64, 64)},
            {.name = "visual.conv1.weight", .shape = GGDM_SHAPE4(64, 3, 2, 2)},
            {.name = "visual.positional_embedding",
             .shape = GGDM_SHAPE2(shapes[i][0], shapes[i][1])},
        };
        const ggdm_named named = {"f", t, sizeof t / sizeof *t};
        ggdm_error err = {0};
        ggdm_json json;
        ggdm_json_init(&json, GGDM_JSON_LINE);
        ggdm_json_begin_object(&json, NULL);
        ggdm_test_error(ggdm_layout_clip_openai.config(&named, NULL, &json, &err), &err,
                        GGDM_EFORMAT, "f: tensor 'visual.positional_embedding' has shape");
        ggdm_json_deinit(&json);
    }
}

static void test_recognise_extents_that_overflow_are_refused(void **state)
{
    ggdm_st_tensor t = {.name = "w", .shape = GGDM_SHAPE2(INT64_C(1) << 62, 0)};
    ggdm_named named;
    ggdm_error err = {0};
    (void)state;
    ggdm_test_error(ggdm_named_init("f", &t, 1, &named, &err), &err, GGDM_EFORMAT,
                    "f: tensor 'w' has shape [4611686018427387904, 0], expected extents up to");
}

static void test_recognise_names_are_found_in_any_order(void **state)
{
    ggdm_st_tensor t[] = {{.name = "c"}, {.name = "a.1"}, {.name = "b"}, {.name = "a.0"}};
    ggdm_named named;
    ggdm_error err = {0};
    (void)state;
    ggdm_test_ok(ggdm_named_init("f", t, 4, &named, &err), &err);
    assert_string_equal(ggdm_named_find(&named, "c")->name, "c");
    assert_null(ggdm_named_find(&named, "d"));
    assert_int_equal(ggdm_named_count(&named, "a.*"), 2);
}

static void test_recognise_unknown_weights_say_so(void **state)
{
    ggdm_recognised r;
    ggdm_error err = {0};
    (void)state;
    ggdm_test_error(recognise("{" EMPTY("weight") "}", NULL, &r, &err), &err, GGDM_EUNSUPPORTED,
                    "1 tensor, among them 'weight', of no known layout");
}

#define LENET(in)                                                                                  \
    EMPTY(in "convnet.c1.weight")                                                                  \
    "," EMPTY(in "convnet.c3.weight") "," EMPTY(in "convnet.c5.weight") "," EMPTY(                 \
        in "fc.f6.weight") "," EMPTY(in "fc.f7.weight")

static void test_recognise_a_name_that_none_has_lists_those_there_are(void **state)
{
    static const struct {
        const char *entries, *message;
    } cases[] = {
        {"{" LENET("") "}", "no weights 'x': there is one set of them, without a name"},
        {"{" LENET("m.") "}", "no weights 'x', expected one of 'm' (5 tensors)"},
        {"{" LENET("") "," LENET("m.") "}",
         "no weights 'x', expected one of '' (10 tensors), 'm' (5 tensors)"},
    };
    ggdm_recognised r;
    ggdm_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ggdm_test_error(recognise(cases[i].entries, "x", &r, &err), &err, GGDM_EINVAL,
                        cases[i].message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ggdm_test_in_dir(test_recognise_many_beginnings_are_not_all_looked_at),
        ggdm_test_in_dir(test_recognise_config_of_impossible_shapes_is_refused),
        ggdm_test_in_dir(test_recognise_extents_that_overflow_are_refused),
        cmocka_unit_test(test_recognise_names_are_found_in_any_order),
        ggdm_test_in_dir(test_recognise_unknown_weights_say_so),
        ggdm_test_in_dir(test_recognise_a_name_that_none_has_lists_those_there_are),
    };
    return ggdm_test_main(tests);
}
