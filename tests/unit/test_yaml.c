#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/yaml.h"

static ggdm_doc *parse(const char *text)
{
    ggdm_doc *doc;
    ggdm_error err;
    ggdm_test_ok(ggdm_yaml_parse(text, strlen(text), "t.yaml", &doc, &err), &err);
    return doc;
}

static void refuse(const char *text, const char *message)
{
    ggdm_doc *doc;
    ggdm_error err;
    ggdm_status st = ggdm_yaml_parse(text, strlen(text), "t.yaml", &doc, &err);
    ggdm_test_error(st, &err, GGDM_EFORMAT, message);
    assert_null(doc);
}

static void test_yaml_plain_scalars_follow_the_core_schema(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ggdm_node_kind kind;
        double real;
    } cases[] = {
        {"12", GGDM_NODE_INT, 12},          {"-7", GGDM_NODE_INT, -7},
        {"+3", GGDM_NODE_INT, 3},           {"010", GGDM_NODE_INT, 10},
        {"1e-4", GGDM_NODE_REAL, 1e-4},     {"1.", GGDM_NODE_REAL, 1},
        {".5", GGDM_NODE_REAL, 0.5},        {"-2.5E+3", GGDM_NODE_REAL, -2500},
        {".inf", GGDM_NODE_REAL, INFINITY}, {"99999999999999999999", GGDM_NODE_REAL, 1e20},
        {"true", GGDM_NODE_BOOL, 0},        {"False", GGDM_NODE_BOOL, 0},
        {"yes", GGDM_NODE_STRING, 0},       {"null", GGDM_NODE_NULL, 0},
        {"~", GGDM_NODE_NULL, 0},           {"1e", GGDM_NODE_STRING, 0},
        {"1.2.3", GGDM_NODE_STRING, 0},     {".", GGDM_NODE_STRING, 0},
        {"0x10", GGDM_NODE_STRING, 0},      {"'12'", GGDM_NODE_STRING, 0},
        {"\"true\"", GGDM_NODE_STRING, 0},  {"-", GGDM_NODE_LIST, 0},
        {"nan", GGDM_NODE_STRING, 0},       {"12abc", GGDM_NODE_STRING, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_doc *doc = parse(cases[i].text);
        if (doc->root->kind != cases[i].kind ||
            (cases[i].kind == GGDM_NODE_INT && doc->root->real != cases[i].real) ||
            (cases[i].kind == GGDM_NODE_REAL && doc->root->real != cases[i].real))
            ggdm_test_fail("%s: kind %d, value %g", cases[i].text, (int)doc->root->kind,
                           doc->root->real);
        ggdm_doc_destroy(&doc);
    }
}

static void test_yaml_nodes_know_their_positions(void **state)
{
    (void)state;
    ggdm_doc *doc = parse("# comment\na: 1\nlist:\n  - x\n  - {k: v}\n");
    const ggdm_node *list = ggdm_node_get(doc->root, "list");
    assert_int_equal(list->count, 2);
    assert_int_equal(list->key_line, 3);
    assert_int_equal(list->key_column, 1);
    assert_int_equal(list->first->line, 4);
    assert_int_equal(list->first->column, 5);
    const ggdm_node *v = ggdm_node_get(list->first->next, "k");
    assert_string_equal(v->text, "v");
    assert_int_equal(v->line, 5);
    assert_int_equal(v->column, 9);
    assert_ptr_equal(v->parent->parent, list);
    assert_null(ggdm_node_get(doc->root, "none"));
    ggdm_doc_destroy(&doc);
    assert_null(doc);
    ggdm_doc_destroy(&doc);
}

static void test_yaml_duplicate_key_names_both_places(void **state)
{
    (void)state;
    refuse("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: key 'a' is there twice, first in line 1");
    refuse("x: {k: 1, k: 2}\n", "t.yaml:1:11: key 'k'");
}

static void test_yaml_syntax_error_names_the_place(void **state)
{
    (void)state;
    refuse("a: 1\nb: [1, 2\n", "t.yaml:3:1: not valid YAML");
    refuse("a: \xff\xfe\n", "not valid YAML");
    refuse("a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document");
    refuse("a: !!int 3\n", "t.yaml:1:4: tags are not supported");
    refuse("a: !foo [3]\n", "tags are not supported");
    refuse("[1]: 2\n", "a key must be a simple text");
    refuse("a: \"x\\0y\"\n", "NUL");
}

static void test_yaml_tab_is_called_one(void **state)
{
    (void)state;
    refuse("a: 1\n\tb: 2\n", "t.yaml:2:1: a tab, expected spaces");
    refuse("a:\n\tb: 2\n", "t.yaml:2:1: a tab, expected spaces");
    refuse("a:\n  b: 2\n  \tc: 3\n", "t.yaml:3:3: a tab, expected spaces");
    refuse("a:\n  - 1\n\t- 2\n", "t.yaml:3:1: a tab, expected spaces");
    refuse("a: [1,\n\t2\nb: 3\n", "not valid YAML"); /* allowed there: something else is wrong */
    ggdm_doc *doc = parse("a:\t1\t# one\nb: [1,\n\t2]\n");
    assert_int_equal(ggdm_node_get(doc->root, "b")->count, 2);
    ggdm_doc_destroy(&doc);
}

static void test_yaml_without_a_value_is_null(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "---\n", "\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ggdm_doc *doc = parse(texts[i]);
        ggdm_error err;
        assert_int_equal(doc->root->kind, GGDM_NODE_NULL);
        ggdm_test_error(ggdm_node_expected(doc->root, &err, "a map"), &err, GGDM_EINVAL,
                        "the file is empty, expected a map");
        ggdm_doc_destroy(&doc);
    }
}

/* The keys of a map with their values, in order: "a=1 b=2 ". */
static const char *content(const ggdm_node *map, char text[200])
{
    size_t i = 0;
    text[0] = '\0';
    for (const ggdm_node *n = map->first; n; n = n->next, i++) {
        assert_int_equal(n->index, i);
        snprintf(text + strlen(text), 200 - strlen(text), "%s=%s ", n->key, n->text);
    }
    assert_int_equal(map->count, i);
    return text;
}

static void test_yaml_merge_keys_give_what_a_map_has_not(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"m: {<<: {a: 1, b: 2}, b: 3, c: 4}\n", "a=1 b=3 c=4 "},
        {"m: {b: 3, <<: {a: 1, b: 2}, c: 4}\n", "b=3 a=1 c=4 "},
        {"x: &x {a: 1}\nm:\n  <<: *x\n  c: 4\n", "a=1 c=4 "},
        {"x: [&x {a: 1, b: 1}, &y {b: 2, c: 2}]\nm:\n  d: 0\n  <<: [*x, *y, {c: 5, e: 5}]\n",
         "d=0 a=1 b=1 c=2 e=5 "},
        {"x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nm: {<<: *y, a: 3}\n", "b=2 a=3 "},
        {"m: {<<: {}, a: 1}\n", "a=1 "},
        {"m: {<<: []}\n", ""},
        {"m: {<<: {a: 1}}\n", "a=1 "},
        {"m: {'<<': 1, a: 2}\n", "<<=1 a=2 "}, /* in quotes it is a name */
        {"m: {<<: {z: 1, a: 2, m: 3}, y: 1}\n", "z=1 a=2 m=3 y=1 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        ggdm_doc *doc = parse(cases[i].text);
        const ggdm_node *m = ggdm_node_get(doc->root, "m");
        assert_string_equal(content(m, text), cases[i].want);
        for (const ggdm_node *n = m->first; n; n = n->next)
            assert_ptr_equal(n->parent, m);
        ggdm_doc_destroy(&doc);
    }
}

static void test_yaml_bad_merge_keys_are_refused(void **state)
{
    (void)state;
    refuse("m: {<<: 1}\n", "t.yaml:1:9: the merge key << takes a map or a list of maps");
    refuse("m:\n  <<: [{a: 1}, 2]\n", "t.yaml:2:16: the merge key << takes a map");
    refuse("m: {<<: {a: 1}, <<: {b: 1}}\n", "t.yaml:1:17: key '<<' is there twice");
    refuse("m: {<<: {a: 1, a: 2}}\n", "key 'a' is there twice");
    refuse("m: &m {<<: *m}\n", "alias of an unknown anchor");
    /* Every level has three copies of the one before it, under names of its own. */
    char bomb[4000] = "a0: &a0 {k: {x: 1, y: 2, z: 3}}\n";
    for (int i = 1; i < 20; i++)
        snprintf(bomb + strlen(bomb), sizeof bomb - strlen(bomb),
                 "a%d: &a%d {<<: {p: *a%d, q: *a%d, r: *a%d}}\n", i, i, i - 1, i - 1, i - 1);
    refuse(bomb, "more than 200000 values");
}

static void test_yaml_alias_gives_a_copy(void **state)
{
    (void)state;
    ggdm_doc *doc = parse("a: &v {k: [1, 2]}\nb: *v\n");
    const ggdm_node *b = ggdm_node_get(doc->root, "b");
    assert_int_equal(ggdm_node_get(b, "k")->count, 2);
    assert_int_equal(b->line, 2);
    assert_ptr_equal(b->parent, doc->root);
    ggdm_doc_destroy(&doc);
}

static void test_yaml_hostile_aliases_are_refused(void **state)
{
    (void)state;
    refuse("a: *none\n", "t.yaml:1:4: alias of an unknown anchor");
    refuse("a: &x [*x]\n", "alias of an unknown anchor");
    char bomb[2000] = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
    for (int i = 1; i < 12; i++) {
        char line[200];
        snprintf(line, sizeof line, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1);
        strcat(bomb, line);
    }
    refuse(bomb, "more than 200000 values");
    char many[4000] = "";
    for (int i = 0; i < 65; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "k%d: &n%d 1\n", i, i);
    refuse(many, "t.yaml:65:6: more than 64 anchors");
}

static void test_yaml_deep_nesting_is_refused(void **state)
{
    (void)state;
    char deep[200000];
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    refuse(deep, "nested deeper than 32 levels");
    memset(deep, '{', sizeof deep - 1);
    refuse(deep, "t.yaml:1:");
}

static void test_yaml_too_many_values_are_refused(void **state)
{
    (void)state;
    size_t n = 600000;
    char *text = malloc(3 * n + 1);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 3 * i, "- \n", 3);
    text[3 * n] = '\0';
    refuse(text, "more than 200000 values");
    free(text);
}

static void test_yaml_too_many_directives_are_refused(void **state)
{
    (void)state;
    char text[1000] = "";
    for (int i = 0; i < 17; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%%TAG !a%d! x\n", i);
    strcat(text, "--- a\n");
    refuse(text, "t.yaml:17:1: more than 16 directives");
}

static void test_yaml_too_large_file_is_refused(void **state)
{
    (void)state;
    size_t n = GGDM_YAML_MAX_SIZE + 1;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, ' ', n);
    ggdm_doc *doc;
    ggdm_error err;
    ggdm_test_error(ggdm_yaml_parse(text, n, "t.yaml", &doc, &err), &err, GGDM_EFORMAT,
                    "expected at most 16777216");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_plain_scalars_follow_the_core_schema),
        cmocka_unit_test(test_yaml_nodes_know_their_positions),
        cmocka_unit_test(test_yaml_duplicate_key_names_both_places),
        cmocka_unit_test(test_yaml_syntax_error_names_the_place),
        cmocka_unit_test(test_yaml_tab_is_called_one),
        cmocka_unit_test(test_yaml_without_a_value_is_null),
        cmocka_unit_test(test_yaml_merge_keys_give_what_a_map_has_not),
        cmocka_unit_test(test_yaml_bad_merge_keys_are_refused),
        cmocka_unit_test(test_yaml_alias_gives_a_copy),
        cmocka_unit_test(test_yaml_hostile_aliases_are_refused),
        cmocka_unit_test(test_yaml_deep_nesting_is_refused),
        cmocka_unit_test(test_yaml_too_many_values_are_refused),
        cmocka_unit_test(test_yaml_too_many_directives_are_refused),
        cmocka_unit_test(test_yaml_too_large_file_is_refused),
    };
    return ggdm_test_main(tests);
}
