/* The records of cells in the report's document: quantiles by hand of what the fixture's images
 * have noted; cells without records are not there. */
#include "coordinator/show/report_records.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/run_fixture.h"

static ggdm_error err;

static char *put_records(run_fixture *f)
{
    ggdm_results r;
    ggdm_json j;
    char *text;
    ggdm_test_ok(ggdm_results_read(f->store, &r, &err), &err);
    ggdm_json_init(&j, GGDM_JSON_COMPACT);
    ggdm_json_begin_object(&j, NULL);
    ggdm_test_ok(ggdm_report_put_records(&j, &r, &err), &err);
    ggdm_json_end(&j);
    ggdm_test_ok(ggdm_json_finish(&j, &text, NULL, &err), &err);
    ggdm_results_deinit(&r);
    return text;
}

/* Eight images of numbers a hundredth apart: 10 % of them are below 0.7 of a hundredth, 90 % below
 * 6.3.  Unguided, cells share a trajectory; three images of the last have diverged. */
static void test_report_records_are_bands_of_each_cell(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    char *text = put_records(f);
    static const char *const parts[] = {
        "{\"records\":{\"c0000\":{\"n\":8,\"step\":[0,499,998],\"counts\":[8,8,8],\"clamped\":[[0,"
        "0,"
        "0],[0.25,0.25,0.25],[0.5,0.5,0.5]],\"terms\":[],\"diverged\":[]},\"c0001\":{",
        "\"c0004\":{\"n\":8,\"step\":[0,499,998],\"counts\":[8,8,8],\"clamped\":[[0,0,0],[0.25,0."
        "25,"
        "0.25],[0.5,0.5,0.5]],\"terms\":[{\"name\":\"classifier\",\"loss\":[[0.207,0.235,0.263],"
        "[0.207,0.235,0.263],null],\"norm\":[[0.307,0.335,0.363],[0.307,0.335,0.363],null],"
        "\"cosine\":[[0.407,0.435,0.463],[0.407,0.435,0.463],null]}],\"diverged\":[]}",
        "\"c0008\":{\"n\":8,\"step\":[0,499,998],\"counts\":[8,5,5],",
        "\"diverged\":[17,18,19]}}}"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            ggdm_test_fail("no '%s' in %s", parts[i], text);
    free(text);
}

static void test_report_records_of_a_fresh_run_are_none(void **state)
{
    char *text = put_records(*state);
    assert_string_equal(text, "{\"records\":{}}");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_report_records_are_bands_of_each_cell),
        RUN_FIXTURE_TEST(test_report_records_of_a_fresh_run_are_none),
    };
    return ggdm_test_main(tests);
}
