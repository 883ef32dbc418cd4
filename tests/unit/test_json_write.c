#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/json_write.h"

static void write_sample(ggdm_json *j)
{
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "name", "a\"b\\c\n\x01 \xC3\xA4");
    ggdm_json_begin_array(j, "list");
    ggdm_json_put_int(j, NULL, INT64_MIN);
    ggdm_json_put_double(j, NULL, 0.1);
    ggdm_json_put_double(j, NULL, NAN);
    ggdm_json_begin_object(j, NULL);
    ggdm_json_end(j);
    ggdm_json_begin_array(j, NULL);
    ggdm_json_end(j);
    ggdm_json_end(j);
    ggdm_json_put_bool(j, "yes", true);
    ggdm_json_put_null(j, "none");
    ggdm_json_put_uint(j, "big", UINT64_MAX);
    ggdm_json_end(j);
}

static char *finish(ggdm_json *j)
{
    char *text;
    size_t size;
    ggdm_error err;
    ggdm_test_ok(ggdm_json_finish(j, &text, &size, &err), &err);
    assert_int_equal(size, strlen(text));
    return text;
}

static void test_json_write_one_line_gives_exact_text(void **state)
{
    (void)state;
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_LINE);
    write_sample(&j);
    char *text = finish(&j);
    assert_string_equal(text, "{\"name\": \"a\\\"b\\\\c\\u000a\\u0001 \xC3\xA4\", \"list\": "
                              "[-9223372036854775808, 0.1, null, {}, []], \"yes\": true, "
                              "\"none\": null, \"big\": 18446744073709551615}");
    free(text);
}

static void test_json_write_numbers_are_an_array_without_minus_zero(void **state)
{
    (void)state;
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_doubles(&j, "some", (const double[]){0.5, -0.0, -2}, 3);
    ggdm_json_put_doubles(&j, "none", NULL, 0);
    ggdm_json_end(&j);
    char *text = finish(&j);
    assert_string_equal(text, "{\"some\": [0.5, 0, -2], \"none\": []}");
    free(text);
}

static void test_json_write_pretty_gives_exact_text(void **state)
{
    (void)state;
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_begin_array(&j, "a");
    ggdm_json_put_int(&j, NULL, 1);
    ggdm_json_put_int(&j, NULL, 2);
    ggdm_json_end(&j);
    ggdm_json_begin_object(&j, "e");
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    char *text = finish(&j);
    assert_string_equal(text, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"e\": {}\n}\n");
    free(text);
}

static void test_json_write_compact_gives_exact_text(void **state)
{
    (void)state;
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_COMPACT);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_int(&j, "a", 1);
    ggdm_json_put_bool(&j, "b", true);
    ggdm_json_end(&j);
    char *text = finish(&j);
    assert_string_equal(text, "{\"a\":1,\"b\":true}");
    free(text);
}

static void test_json_write_bytes_that_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xff", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "ok\x80ok"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_json j;
        ggdm_json_init(&j, GGDM_JSON_LINE);
        ggdm_json_put_string(&j, NULL, bad[i]);
        char *text = finish(&j);
        ggdm_doc *doc;
        ggdm_error err;
        ggdm_test_ok(ggdm_json_parse(text, strlen(text), 1000, "w", &doc, &err), &err);
        assert_non_null(strstr(doc->root->text, "\xEF\xBF\xBD"));
        ggdm_doc_destroy(&doc);
        free(text);
    }
}

static void test_json_write_misuse_is_reported(void **state)
{
    (void)state;
    char *text;
    ggdm_error err;
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL); /* never ended */
    ggdm_test_error(ggdm_json_finish(&j, &text, NULL, &err), &err, GGDM_EINTERNAL, "JSON writer");
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_int(&j, NULL, 1); /* no key */
    ggdm_json_end(&j);
    ggdm_test_error(ggdm_json_finish(&j, &text, NULL, &err), &err, GGDM_EINTERNAL, "JSON writer");
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_put_int(&j, NULL, 1);
    ggdm_json_put_int(&j, NULL, 2); /* two roots */
    ggdm_test_error(ggdm_json_finish(&j, &text, NULL, &err), &err, GGDM_EINTERNAL, "JSON writer");
    ggdm_json_init(&j, GGDM_JSON_LINE);
    for (int i = 0; i < 70; i++)
        ggdm_json_begin_array(&j, NULL);
    for (int i = 0; i < 70; i++)
        ggdm_json_end(&j);
    ggdm_test_error(ggdm_json_finish(&j, &text, NULL, &err), &err, GGDM_EINTERNAL, "JSON writer");
    assert_null(text);
}

static void test_json_write_number_text_reads_back_equal(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    char text[GGDM_NUMBER_SIZE];
    for (int i = 0; i < 2000; i++) {
        double v = ggdm_test_normal(&rng) * pow(10, ggdm_test_uniform(&rng, -300, 300));
        ggdm_number_text(v, text);
        assert_true(strtod(text, NULL) == v);
    }
    ggdm_number_text(0.3, text);
    assert_string_equal(text, "0.3");
    ggdm_number_text(1000, text);
    assert_string_equal(text, "1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_write_one_line_gives_exact_text),
        cmocka_unit_test(test_json_write_numbers_are_an_array_without_minus_zero),
        cmocka_unit_test(test_json_write_pretty_gives_exact_text),
        cmocka_unit_test(test_json_write_compact_gives_exact_text),
        cmocka_unit_test(test_json_write_bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(test_json_write_misuse_is_reported),
        cmocka_unit_test(test_json_write_number_text_reads_back_equal),
    };
    return ggdm_test_main(tests);
}
