#include <stdlib.h>
#include <string.h>

#include "common/class_groups.h"
#include "common/json.h"
#include "tests/support/ggdm_test.h"

static ggdm_status parse(const char *json, ggdm_class_groups *out, ggdm_error *err)
{
    ggdm_doc *doc = NULL;
    *out = (ggdm_class_groups){0};
    ggdm_status st = ggdm_json_parse(json, strlen(json), 1 << 20, "config.json", &doc, err);
    if (st == GGDM_OK)
        st = ggdm_class_groups_read(ggdm_node_get(doc->root, "attributes"), out, err);
    ggdm_doc_destroy(&doc);
    return st;
}

#define FACES                                                                                      \
    "{\"attributes\": [{\"name\": \"glasses\", \"classes\": [\"no\", \"yes\"]}, "                  \
    "{\"name\": \"hair\", \"classes\": [\"blond\", \"brown\", \"dark grey\"]}]}"

static void test_class_groups_names_go_both_ways(void **state)
{
    (void)state;
    static const char *const names[] = {"glasses:no", "glasses", "hair:blond", "hair:brown",
                                        "hair:dark grey"};
    ggdm_class_groups g;
    char text[GGDM_CLASS_NAME];
    assert_int_equal(parse(FACES, &g, NULL), GGDM_OK);
    assert_int_equal(g.n_classes, 5);
    for (int32_t i = 0; i < 5; i++) {
        assert_string_equal(ggdm_class_name(&g, i, text), names[i]);
        assert_int_equal(ggdm_class_find(&g, names[i], 0), i);
    }
    assert_int_equal(ggdm_class_find(&g, "glasses:yes", 0), 1);
    assert_int_equal(ggdm_class_find(&g, "glasses", 2), -1);
    assert_int_equal(ggdm_class_group_of(&g, 4)->first, 2);
    assert_null(ggdm_class_group_of(&g, 5));
    static const char *const none[] = {"hair", "blond",       "glasses:", "hat",
                                       ":no",  "hair:blond:", ""};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(ggdm_class_find(&g, none[i], 0), -1);
    assert_string_equal(ggdm_class_name(&g, -1, text), "");
    ggdm_class_groups_deinit(&g);
}

/* As people's configs have them: what is in front of a ':' is no group where none has that name. */
static void test_class_groups_labels_are_whole_names(void **state)
{
    (void)state;
    static const char *const names[] = {"bird: crane", "machine: crane", ":", "no"};
    ggdm_class_groups g;
    ggdm_doc *doc = NULL;
    char text[GGDM_CLASS_NAME];
    static const char json[] =
        "{\"0\": \"bird: crane\", \"1\": \"machine: crane\", \"2\": \":\", \"3\": \"no\"}";
    assert_int_equal(ggdm_json_parse(json, strlen(json), 1000, "config.json", &doc, NULL), GGDM_OK);
    assert_int_equal(ggdm_class_groups_read_labels(doc->root, 4, &g, NULL), GGDM_OK);
    for (int32_t i = 0; i < 4; i++) {
        assert_string_equal(ggdm_class_name(&g, i, text), names[i]);
        assert_int_equal(ggdm_class_find(&g, names[i], 0), i);
        assert_int_equal(ggdm_class_find(&g, names[i], i + 1), -1);
    }
    assert_int_equal(ggdm_class_find(&g, "crane", 0), -1);
    assert_int_equal(ggdm_class_find(&g, " crane", 0), -1);
    ggdm_class_groups_deinit(&g);
    ggdm_doc_destroy(&doc);
}

/* Of the two answers to a question without a name neither is called by that. */
static void test_class_groups_labels_no_and_yes(void **state)
{
    (void)state;
    ggdm_class_groups g;
    ggdm_doc *doc = NULL;
    char text[GGDM_CLASS_NAME];
    static const char json[] = "{\"0\": \"no\", \"1\": \"yes\"}";
    assert_int_equal(ggdm_json_parse(json, strlen(json), 1000, "config.json", &doc, NULL), GGDM_OK);
    assert_int_equal(ggdm_class_groups_read_labels(doc->root, 2, &g, NULL), GGDM_OK);
    assert_string_equal(ggdm_class_name(&g, 1, text), "yes");
    assert_int_equal(ggdm_class_find(&g, "yes", 0), 1);
    assert_int_equal(ggdm_class_find(&g, "", 0), -1);
    ggdm_class_groups_deinit(&g);
    ggdm_doc_destroy(&doc);
}

static void test_class_groups_written_are_read_again(void **state)
{
    (void)state;
    ggdm_class_groups g;
    ggdm_json j;
    char *text = NULL;
    assert_int_equal(parse(FACES, &g, NULL), GGDM_OK);
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    ggdm_class_groups_write(&j, "attributes", &g);
    ggdm_json_end(&j);
    assert_int_equal(ggdm_json_finish(&j, &text, NULL, NULL), GGDM_OK);
    assert_string_equal(text, FACES);
    free(text);
    ggdm_class_groups_deinit(&g);
}

static void test_class_groups_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"attributes\": 3}", "a list of"},
        {"{\"attributes\": []}", "a list of"},
        {"{\"attributes\": [{\"name\": \"a\"}]}", "classes"},
        {"{\"attributes\": [{\"name\": \"a\", \"classes\": [\"x\"]}]}", "1 classes"},
        {"{\"attributes\": [{\"name\": \"a\", \"classes\": [\"x\", \"x\"]}]}",
         "'x' is there twice"},
        {"{\"attributes\": [{\"name\": \"a:b\", \"classes\": [\"x\", \"y\"]}]}", "without ':'"},
        {"{\"attributes\": [{\"name\": \"a\", \"classes\": [\"x\", \"y\\n\"]}]}",
         "without control"},
        {"{\"attributes\": [{\"name\": \"a\", \"classes\": [\"x\", \"\\u009b2J\"]}]}",
         "without control characters"},
        {"{\"attributes\": [{\"name\": \"a\", \"classes\": [\"x\", \"y\"]}, "
         "{\"name\": \"a\", \"classes\": [\"x\", \"y\"]}]}",
         "'a' is there twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_class_groups g;
        ggdm_error err = {0};
        assert_int_equal(parse(bad[i][0], &g, &err), GGDM_EINVAL);
        assert_non_null(strstr(err.msg, bad[i][1]));
        ggdm_class_groups_deinit(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_groups_names_go_both_ways),
        cmocka_unit_test(test_class_groups_labels_are_whole_names),
        cmocka_unit_test(test_class_groups_labels_no_and_yes),
        cmocka_unit_test(test_class_groups_written_are_read_again),
        cmocka_unit_test(test_class_groups_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
