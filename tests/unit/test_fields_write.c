/* Rows written in one form. */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "common/fields_write.h"
#include "common/json.h"

typedef struct thing {
    bool flag;
    int32_t whole, must, odd;
    double real;
    int colour;
    ggdm_ints ints;
    const ggdm_node *node;
} thing;

static const char *const colours[] = {"red", "green", NULL};

#define AT(member) offsetof(thing, member)
static const ggdm_field table[] = {{"flag", GGDM_FIELD_BOOL, .offset = AT(flag)},
                                   {"whole", GGDM_FIELD_INT32, .offset = AT(whole)},
                                   {"must", GGDM_FIELD_INT32, AT(must), .required = true},
                                   {"odd", GGDM_FIELD_INT32, AT(odd), .lo = 1, .hi = 9},
                                   {"real", GGDM_FIELD_DOUBLE, .offset = AT(real)},
                                   {"colour", GGDM_FIELD_CHOICE, AT(colour), .choices = colours},
                                   {"ints", GGDM_FIELD_INTS, .offset = AT(ints)},
                                   {"node", GGDM_FIELD_NODE, .offset = AT(node)},
                                   {0}};

static const thing defaults = {.whole = 3, .must = 1, .odd = 5, .real = 0.5};

/* What is said of a thing that is read from text. */
static void check(const char *text, const char *want)
{
    ggdm_doc *doc;
    ggdm_error err;
    ggdm_json j;
    char *found;
    thing t = defaults;
    ggdm_test_ok(ggdm_json_parse(text, strlen(text), 1000, "t.json", &doc, &err), &err);
    ggdm_test_ok(ggdm_fields_read(doc->root, table, NULL, &t, &err), &err);
    if (t.odd == 9)
        t.odd = 0;
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    ggdm_fields_write(&j, table, &t, &defaults);
    ggdm_json_end(&j);
    ggdm_test_ok(ggdm_json_finish(&j, &found, NULL, &err), &err);
    assert_string_equal(found, want);
    free(found);
    ggdm_fields_release(table, &t);
    ggdm_doc_destroy(&doc);
}

static void test_write_only_what_is_not_the_default(void **state)
{
    (void)state;
    check("{\"must\": 1}", "{\"must\": 1}");
    check("{\"colour\": \"red\", \"node\": null, \"ints\": [], \"real\": 5e-1, \"odd\": 5, "
          "\"must\": 1, \"whole\": 3, \"flag\": false}",
          "{\"must\": 1}");
}

static void test_write_in_the_order_of_the_rows(void **state)
{
    (void)state;
    check("{\"node\": {\"b\": [1, 2.50, null, \"x\"], \"a\": true}, \"ints\": [4, 5], "
          "\"colour\": \"green\", \"real\": 1e2, \"odd\": 7, \"must\": 2, \"whole\": -1, "
          "\"flag\": true}",
          "{\"flag\": true, \"whole\": -1, \"must\": 2, \"odd\": 7, \"real\": 100, "
          "\"colour\": \"green\", \"ints\": [4, 5], "
          "\"node\": {\"b\": [1, 2.5, null, \"x\"], \"a\": true}}");
    check("{\"must\": 1, \"real\": -0.0}", "{\"must\": 1, \"real\": 0}");
}

/* 0 stands for a null of a row that cannot be 0 (check() makes it of 9). */
static void test_write_what_is_out_of_range_as_null(void **state)
{
    (void)state;
    check("{\"must\": 1, \"odd\": 9}", "{\"must\": 1, \"odd\": null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_only_what_is_not_the_default),
        cmocka_unit_test(test_write_in_the_order_of_the_rows),
        cmocka_unit_test(test_write_what_is_out_of_range_as_null),
    };
    return ggdm_test_main(tests);
}
