#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/yaml.h"

static const char *const colours[] = {"red", "green", "blue", NULL};

typedef struct thing {
    bool flag;
    int32_t small;
    int64_t large;
    uint64_t natural;
    double real;
    char *text;
    int colour;
    ggdm_doubles reals;
    ggdm_ints ints;
    ggdm_strings texts;
    const ggdm_node *node;
} thing;

#define AT(member) offsetof(thing, member)

static const ggdm_field table[] = {
    {.key = "flag", .type = GGDM_FIELD_BOOL, .offset = AT(flag)},
    {.key = "small", .type = GGDM_FIELD_INT32, .offset = AT(small), .lo = 1, .hi = 10},
    {.key = "large", .type = GGDM_FIELD_INT64, .offset = AT(large)},
    {.key = "natural", .type = GGDM_FIELD_UINT64, .offset = AT(natural)},
    {.key = "real", .type = GGDM_FIELD_DOUBLE, .offset = AT(real), .lo = 0, .hi = 1e308},
    {.key = "text", .type = GGDM_FIELD_STRING, .offset = AT(text)},
    {.key = "colour", .type = GGDM_FIELD_CHOICE, .offset = AT(colour), .choices = colours},
    {.key = "reals", .type = GGDM_FIELD_DOUBLES, .offset = AT(reals)},
    {.key = "ints", .type = GGDM_FIELD_INTS, .offset = AT(ints), .lo = 0, .hi = 9},
    {.key = "texts", .type = GGDM_FIELD_STRINGS, .offset = AT(texts)},
    {.key = "node", .type = GGDM_FIELD_NODE, .offset = AT(node)},
    {.key = NULL}};

static const ggdm_field required_table[] = {
    {.key = "small", .type = GGDM_FIELD_INT32, .offset = AT(small), .required = true},
    {.key = NULL}};

static ggdm_status read_yaml(const char *text, const ggdm_field *rows, const char *const *ignore,
                             thing *t, ggdm_error *err)
{
    ggdm_doc *doc;
    ggdm_status st = ggdm_yaml_parse(text, strlen(text), "t.yaml", &doc, err);
    if (st == GGDM_OK)
        st = ggdm_fields_read(doc->root, rows, ignore, t, err);
    t->node = NULL; /* it goes with the document */
    ggdm_doc_destroy(&doc);
    return st;
}

static void refuse(const char *text, const char *message)
{
    thing t = {.text = NULL};
    ggdm_error err;
    ggdm_test_error(read_yaml(text, table, NULL, &t, &err), &err, GGDM_EINVAL, message);
    ggdm_fields_release(table, &t);
}

static void test_fields_every_type_is_read(void **state)
{
    (void)state;
    thing t = {.text = NULL};
    ggdm_error err;
    ggdm_test_ok(read_yaml("flag: true\nsmall: 10\nlarge: -9223372036854775808\n"
                           "natural: 18446744073709551615\nreal: 3\ntext: hello\ncolour: blue\n"
                           "reals: [1, 2.5]\nints: [0, 9]\ntexts: [a, b, c]\nnode: {x: 1}\n",
                           table, NULL, &t, &err),
                 &err);
    assert_true(t.flag && t.small == 10 && t.large == INT64_MIN && t.natural == UINT64_MAX);
    assert_true(t.real == 3 && t.colour == 2);
    assert_string_equal(t.text, "hello");
    assert_true(t.reals.count == 2 && t.reals.data[1] == 2.5);
    assert_true(t.ints.count == 2 && t.ints.data[1] == 9);
    assert_true(t.texts.count == 3);
    assert_string_equal(t.texts.data[2], "c");
    ggdm_fields_release(table, &t);
    assert_null(t.text);
    assert_null(t.texts.data);
    ggdm_fields_release(table, &t);
}

static void test_fields_absent_and_null_keep_defaults(void **state)
{
    (void)state;
    thing t = {.small = 5, .text = strdup("kept"), .colour = 1};
    ggdm_error err;
    ggdm_test_ok(read_yaml("small: null\ntext: ~\nflag: true\n", table, NULL, &t, &err), &err);
    assert_true(t.small == 5 && t.colour == 1 && t.flag);
    assert_string_equal(t.text, "kept");
    ggdm_test_ok(read_yaml("text: other\n", table, NULL, &t, &err), &err); /* frees the first */
    assert_string_equal(t.text, "other");
    ggdm_fields_release(table, &t);
}

static void test_fields_wrong_values_name_place_value_and_expectation(void **state)
{
    (void)state;
    refuse("flag: 1\n", "t.yaml:1:7: field 'flag': value '1', expected true or false");
    refuse("a: 1\n", "unknown key");
    refuse("small: 11\n",
           "t.yaml:1:8: field 'small': value '11', expected an integer from 1 to 10");
    refuse("small: 0\n", "from 1 to 10");
    refuse("small: 1.0\n", "value '1.0', expected an integer");
    refuse("small: ten\n", "value 'ten', expected an integer");
    refuse("small:\n", "t.yaml:1:7: field 'small': no value, expected an integer");
    refuse("small: [1]\n", "field 'small': a list, expected an integer");
    refuse("large: 9223372036854775808\n", "expected an integer");
    refuse("natural: -1\n", "value '-1', expected an integer");
    refuse("real: .nan\n", "value '.nan', expected a finite number, 0 or more");
    refuse("real: .inf\n", "expected a finite number, 0 or more");
    refuse("real: -0.5\n", "expected a finite number, 0 or more");
    refuse("text: 12\n", "value '12', expected a text (put it in quotes)");
    refuse("text: ''\n", "value '', expected a text that is not empty");
    refuse("text: {a: 1}\n", "field 'text': a map, expected a text");
    refuse("colour: yellow\n", "value 'yellow', expected red, green or blue");
    refuse("colour: 1\n", "expected red, green or blue");
    refuse("reals: 1\n", "value '1', expected a list");
    refuse("\nreals: [1,\n  x]\n", "t.yaml:3:3: field 'reals[1]': value 'x', expected a finite");
    refuse("ints: [1, 10]\n", "field 'ints[1]': value '10', expected an integer from 0 to 9");
    refuse("texts: [a, 1]\n", "field 'texts[1]': value '1', expected a text");
    refuse("[1, 2]\n", "t.yaml:1:1: a list, expected a map of keys and values");
}

static void test_fields_unknown_key_suggests_the_close_one(void **state)
{
    (void)state;
    refuse("flag: true\ncolor: red\n",
           "t.yaml:2:1: field 'color': unknown key, did you mean 'colour'?");
    refuse("Text: a\n", "did you mean 'text'?");
    refuse("flga: true\n", "did you mean 'flag'?");
    refuse("zzzzzz: a\n", "unknown key, expected one of: flag, small, large");
}

/* Of equally near keys: not one that is there already, and rather one that the value suits. */
static void test_fields_unknown_key_suggests_what_can_be_meant(void **state)
{
    (void)state;
    static const ggdm_field sampling[] = {
        {.key = "sampler", .type = GGDM_FIELD_NODE, .offset = AT(node)},
        {.key = "samples", .type = GGDM_FIELD_INT32, .offset = AT(small)},
        {.key = NULL}};
    static const struct {
        const char *text, *meant;
    } cases[] = {{"sample: 4\n", "did you mean 'samples'?"},
                 {"sample: {kind: ddpm}\n", "did you mean 'sampler'?"},
                 {"samples: 4\nsample: 5\n", "did you mean 'sampler'?"},
                 {"sampler: {}\nsample: 4\n", "did you mean 'samples'?"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        thing t = {.text = NULL};
        ggdm_error err;
        ggdm_test_error(read_yaml(cases[i].text, sampling, NULL, &t, &err), &err, GGDM_EINVAL,
                        cases[i].meant);
    }
}

static void test_fields_hostile_text_is_shortened_and_cleaned(void **state)
{
    (void)state;
    char text[5000] = "colour: \"\\e[31m";
    memset(text + strlen(text), 'x', 4000);
    strcat(text, "\"\n");
    refuse(text, "value '?[31mxxx");
    thing t = {.text = NULL};
    ggdm_error err;
    assert_int_equal(read_yaml(text, table, NULL, &t, &err), GGDM_EINVAL);
    assert_true(strlen(err.msg) < 200);
    assert_non_null(strstr(err.msg, "...', expected red"));
}

static void test_fields_missing_required_field_is_named(void **state)
{
    (void)state;
    thing t = {.text = NULL};
    ggdm_error err;
    ggdm_test_error(read_yaml("{}\n", required_table, NULL, &t, &err), &err, GGDM_EINVAL,
                    "t.yaml:1:1: required field 'small' is missing");
    ggdm_test_error(read_yaml("small: null\n", required_table, NULL, &t, &err), &err, GGDM_EINVAL,
                    "field 'small': value 'null', expected an integer");
}

static void test_fields_ignore_list_lets_only_its_keys_pass(void **state)
{
    (void)state;
    static const char *const ignore[] = {"_class_name", NULL}, *const all[] = {"*", NULL};
    thing t = {.text = NULL};
    ggdm_error err;
    ggdm_test_ok(read_yaml("_class_name: x\nsmall: 2\n", table, ignore, &t, &err), &err);
    ggdm_test_error(read_yaml("_other: x\n", table, ignore, &t, &err), &err, GGDM_EINVAL,
                    "unknown key");
    ggdm_test_ok(read_yaml("_other: x\nsmall: 3\n", table, all, &t, &err), &err);
    assert_int_equal(t.small, 3);
}

static void test_fields_json_errors_name_file_and_path(void **state)
{
    (void)state;
    static const char text[] = "{\"ints\": [1, 2, 3.5]}";
    ggdm_doc *doc;
    ggdm_error err;
    thing t = {.text = NULL};
    ggdm_test_ok(ggdm_json_parse(text, strlen(text), 100, "dir/config.json", &doc, &err), &err);
    ggdm_test_error(ggdm_fields_read(doc->root, table, NULL, &t, &err), &err, GGDM_EINVAL,
                    "dir/config.json: field 'ints[2]': value '3.5', expected an integer from 0");
    ggdm_fields_release(table, &t);
    ggdm_doc_destroy(&doc);
}

static void test_to_int_is_never_out_of_range(void **state)
{
    (void)state;
    assert_int_equal(ggdm_to_int(2.9, 0, 10), 2);
    assert_int_equal(ggdm_to_int(-2.9, -10, 10), -2);
    assert_int_equal(ggdm_to_int(NAN, 3, 10), 3);
    assert_int_equal(ggdm_to_int(1e300, 0, 10), 10);
    assert_int_equal(ggdm_to_int(-INFINITY, -7, 10), -7);
    assert_true(ggdm_to_int(0x1p63, INT64_MIN, INT64_MAX) == INT64_MAX);
    assert_true(ggdm_to_int(-0x1p63, INT64_MIN, INT64_MAX) == INT64_MIN);
}

static void test_count_can_be_added_whatever_the_text_says(void **state)
{
    (void)state;
    static const char text[] = "{\"a\": 9223372036854775807, \"b\": -9223372036854775808, "
                               "\"c\": 1.5, \"d\": [1], \"e\": 12}";
    ggdm_doc *doc;
    ggdm_error err;
    ggdm_test_ok(ggdm_json_parse(text, strlen(text), 1000, "s.json", &doc, &err), &err);
    const ggdm_node *map = doc->root;
    assert_true(ggdm_node_count(map, "a", 0) == INT64_C(1) << 53);
    assert_true(ggdm_node_count(map, "b", 0) == -(INT64_C(1) << 53));
    assert_int_equal(ggdm_node_count(map, "c", 7), 7);
    assert_int_equal(ggdm_node_count(map, "d", 7), 7);
    assert_int_equal(ggdm_node_count(map, "e", 7), 12);
    assert_int_equal(ggdm_node_count(map, "f", 7), 7);
    assert_int_equal(ggdm_node_count(ggdm_node_get(map, "d"), "a", 7), 7);
    assert_int_equal(ggdm_node_count(NULL, "a", 7), 7);
    ggdm_doc_destroy(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_every_type_is_read),
        cmocka_unit_test(test_fields_absent_and_null_keep_defaults),
        cmocka_unit_test(test_fields_wrong_values_name_place_value_and_expectation),
        cmocka_unit_test(test_fields_unknown_key_suggests_the_close_one),
        cmocka_unit_test(test_fields_unknown_key_suggests_what_can_be_meant),
        cmocka_unit_test(test_fields_hostile_text_is_shortened_and_cleaned),
        cmocka_unit_test(test_fields_missing_required_field_is_named),
        cmocka_unit_test(test_fields_ignore_list_lets_only_its_keys_pass),
        cmocka_unit_test(test_fields_json_errors_name_file_and_path),
        cmocka_unit_test(test_to_int_is_never_out_of_range),
        cmocka_unit_test(test_count_can_be_added_whatever_the_text_says),
    };
    return ggdm_test_main(tests);
}
