/* What a class that a sweep has by name is to a classifier. */
#include "jobs/aims.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "tests/support/ggdm_test.h"

/* The context is the names of every model's classes. */
static const ggdm_class_groups *classes_of(void *context, const char *model)
{
    (void)model;
    return context;
}

static const char labels[] = "{\"0\": \"crane\", \"1\": \"maillot\", \"2\": \"crane\", "
                             "\"3\": \"wren\"}";

static void read_labels(ggdm_class_groups *out)
{
    ggdm_doc *doc = NULL;
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_json_parse(labels, strlen(labels), 1 << 20, "config.json", &doc, &err), &err);
    ggdm_test_ok(ggdm_class_groups_read_labels(doc->root, 4, out, &err), &err);
    ggdm_doc_destroy(&doc);
}

static void test_aims_a_name_of_one_class_is_its_number(void **state)
{
    (void)state;
    ggdm_class_groups names;
    int32_t number = -1;
    read_labels(&names);
    const ggdm_resolver r = {.context = &names, .classes = classes_of};
    ggdm_test_ok(ggdm_class_number(&r, "", "birds", "wren", NULL, &number, NULL), NULL);
    assert_int_equal(number, 3);
    ggdm_class_groups_deinit(&names);
}

static void test_aims_a_name_of_several_or_no_class_is_refused(void **state)
{
    (void)state;
    ggdm_class_groups names;
    ggdm_error err = {0};
    int32_t number;
    read_labels(&names);
    const ggdm_resolver r = {.context = &names, .classes = classes_of}, unnamed = {0};
    ggdm_test_error(ggdm_class_number(&r, "", "birds", "crane", NULL, &number, &err), &err,
                    GGDM_EINVAL,
                    "value 'crane', expected a number: model 'birds' calls several classes so: "
                    "0, 2");
    ggdm_test_error(ggdm_class_number(&r, "", "birds", "owl", NULL, &number, &err), &err,
                    GGDM_EINVAL,
                    "value 'owl', expected a class of model 'birds': crane, maillot, crane, wren");
    ggdm_test_error(ggdm_class_number(&unnamed, "", "birds", "crane", NULL, &number, &err), &err,
                    GGDM_EINVAL, "the classes of model 'birds' have no names");
    ggdm_class_groups_deinit(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aims_a_name_of_one_class_is_its_number),
        cmocka_unit_test(test_aims_a_name_of_several_or_no_class_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
