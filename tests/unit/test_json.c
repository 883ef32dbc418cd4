#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

#define MAX ((size_t)1 << 20)

static ggdm_doc *parse(const char *text)
{
    ggdm_doc *doc;
    ggdm_error err;
    ggdm_test_ok(ggdm_json_parse(text, strlen(text), MAX, "c.json", &doc, &err), &err);
    return doc;
}

static void refuse(const char *text, const char *message)
{
    ggdm_doc *doc;
    ggdm_error err;
    ggdm_status st = ggdm_json_parse(text, strlen(text), MAX, "c.json", &doc, &err);
    ggdm_test_error(st, &err, GGDM_EFORMAT, message);
    assert_null(doc);
}

static void test_json_object_keeps_order_and_types(void **state)
{
    (void)state;
    ggdm_doc *doc =
        parse("{\"z\": 1, \"a\": [0.1, true, null, \"s\"], \"m\": {\"k\": -9223372036854775808}}");
    static const char *const keys[] = {"z", "a", "m"};
    for (const ggdm_node *n = doc->root->first; n; n = n->next)
        assert_string_equal(n->key, keys[n->index]);
    const ggdm_node *a = ggdm_node_get(doc->root, "a")->first;
    assert_true(a->kind == GGDM_NODE_REAL && a->real == 0.1);
    assert_string_equal(a->text, "0.1");
    assert_true(a->next->kind == GGDM_NODE_BOOL && a->next->boolean);
    assert_true(a->next->next->kind == GGDM_NODE_NULL);
    assert_true(a->next->next->next->kind == GGDM_NODE_STRING);
    int64_t v;
    ggdm_error err;
    const ggdm_node *k = ggdm_node_get(ggdm_node_get(doc->root, "m"), "k");
    ggdm_test_ok(ggdm_node_int(k, INT64_MIN, 0, &v, &err), &err);
    assert_true(v == INT64_MIN);
    ggdm_doc_destroy(&doc);
}

static void test_json_malformed_text_is_refused_with_position(void **state)
{
    (void)state;
    refuse("{\"a\": 1, \"a\": 2}", "duplicate object key");
    refuse("{\"a\": 1,\n \"b\" 2}", "c.json:2:");
    refuse("{} x", "not valid JSON");
    refuse("", "not valid JSON");
    refuse("{\"a\": \"\\u0000\"}", "not valid JSON");
    refuse("{\"a\": \"\xff\"}", "not valid JSON");
    refuse("{\"a\": 99999999999999999999}", "not valid JSON");
    refuse("{\"a\": nan}", "not valid JSON");
    refuse("{\"a\": 1NaN}", "not valid JSON");
    refuse("{\"a\": --Infinity}", "not valid JSON");
    refuse("{\"a\": Infinity2}", "not valid JSON");
    refuse("{\"a\": 'x'}", "not valid JSON");
    refuse("\"never closed \\", "not valid JSON");
}

/* json.dump of Python writes them; texts that look like them stay texts. */
static void test_json_numbers_that_are_not_finite_pass_but_are_no_values(void **state)
{
    (void)state;
    ggdm_doc *doc = parse("{\"x\": -Infinity, \"l\": [NaN,Infinity, 1], \"s\": \"\\\"NaN\", "
                          "\"NaN\": 2,\n\"y\": Infinity}");
    const ggdm_node *x = ggdm_node_get(doc->root, "x"), *l = ggdm_node_get(doc->root, "l")->first;
    double v;
    ggdm_error err;
    assert_true(x->kind == GGDM_NODE_REAL && x->real == -INFINITY);
    assert_true(isnan(l->real) && l->next->real == INFINITY && l->next->next->real == 1);
    assert_string_equal(ggdm_node_get(doc->root, "s")->text, "\"NaN");
    assert_int_equal(ggdm_node_get(doc->root, "NaN")->magnitude, 2);
    ggdm_test_error(ggdm_node_double(x, 0, 0, &v, &err), &err, GGDM_EINVAL,
                    "field 'x': value '-Infinity', expected a finite number");
    ggdm_doc_destroy(&doc);
    refuse("{\"a\": [NaN, Infinity],\n\"b\": [-Infinity, nope]}", "c.json:2:21: not valid JSON");
}

static void test_json_hostile_sizes_are_refused(void **state)
{
    (void)state;
    char deep[1000];
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    refuse(deep, "nested deeper than 64 levels");
    ggdm_doc *doc;
    ggdm_error err;
    ggdm_test_error(ggdm_json_parse("[1, 2]", 6, 5, "c.json", &doc, &err), &err, GGDM_EFORMAT,
                    "6 bytes of JSON, expected at most 5");
    size_t n = (size_t)3 << 20;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, ',', n);
    text[0] = '[';
    ggdm_test_error(ggdm_json_parse(text, n, n, "c.json", &doc, &err), &err, GGDM_EFORMAT,
                    "more than 1048576 values");
    free(text);
}

static void test_json_brackets_inside_texts_do_not_count_as_depth(void **state)
{
    (void)state;
    char text[300] = "[\"\\\"";
    memset(text + 4, '[', 200);
    strcpy(text + 204, "\", {}]");
    ggdm_doc *doc = parse(text);
    assert_int_equal(doc->root->count, 2);
    ggdm_doc_destroy(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_object_keeps_order_and_types),
        cmocka_unit_test(test_json_malformed_text_is_refused_with_position),
        cmocka_unit_test(test_json_numbers_that_are_not_finite_pass_but_are_no_values),
        cmocka_unit_test(test_json_hostile_sizes_are_refused),
        cmocka_unit_test(test_json_brackets_inside_texts_do_not_count_as_depth),
    };
    return ggdm_test_main(tests);
}
