#include "tests/support/ggdm_test.h"

#include <string.h>

#include "common/nearest.h"

static const char *meant(const char *word)
{
    static const char *const names[] = {"plan",    "run",     "status", "retry", "report",
                                        "sampler", "samples", "seed",   "zip",   NULL};
    ggdm_nearest n = {.word = word};
    for (int i = 0; names[i]; i++)
        ggdm_nearest_try(&n, names[i]);
    return n.name;
}

static void test_nearest_misspelt_is_found(void **state)
{
    (void)state;
    assert_string_equal(meant("rnu"), "run");
    assert_string_equal(meant("RUN"), "run");
    assert_string_equal(meant("stauts"), "status");
    assert_string_equal(meant("statsu"), "status");
    assert_string_equal(meant("sampel"), "sampler"); /* of equally near ones the first */
    assert_string_equal(meant("sed"), "seed");
    assert_string_equal(meant("reports"), "report");
}

static void test_nearest_other_words_are_not(void **state)
{
    (void)state;
    char longer[100];
    memset(longer, 'r', sizeof longer);
    longer[99] = '\0';
    assert_null(meant(""));
    assert_null(meant("set")); /* two of four letters */
    assert_null(meant("evaluate"));
    assert_null(meant(longer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest_misspelt_is_found),
        cmocka_unit_test(test_nearest_other_words_are_not),
    };
    return ggdm_test_main(tests);
}
