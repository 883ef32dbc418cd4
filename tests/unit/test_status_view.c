/* A status file may come from anywhere: whatever its numbers and kinds, it is shown. */
#include "coordinator/show/status_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/json.h"
#include "coordinator/world/world_status.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

/* What is shown of a status; owned. */
static char *view(const char *text)
{
    ggdm_doc *doc;
    char *out = NULL;
    size_t size;
    ggdm_test_ok(ggdm_json_parse(text, strlen(text), 10000, "status.json", &doc, &err), &err);
    FILE *f = open_memstream(&out, &size);
    assert_non_null(f);
    ggdm_status_print(f, doc->root, "RUN");
    ggdm_status_print_line(f, doc->root);
    ggdm_status_print_brief(f, doc->root);
    fclose(f);
    ggdm_doc_destroy(&doc);
    return out;
}

static void test_status_numbers_out_of_range_are_shown_as_the_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {{"{\"fraction\": 1e300}", "[##############################]"},
                 {"{\"fraction\": -1e300}", "[..............................]"},
                 {"{\"fraction\": 0.5}", "[###############...............]"},
                 {"{\"session\": 1, \"started\": 1e300}", "since 9999-12-31"},
                 {"{\"session\": 9223372036854775807}", "restarted"},
                 {"{\"phase\": \"done\", \"units\": {\"ready\": 9223372036854775807, \"running\": "
                  "9223372036854775807, \"failed\": 9223372036854775807}}",
                  "continue"},
                 {"{\"cells\": [{\"done\": 9223372036854775807, \"wanted\": "
                  "-9223372036854775808, \"parameters\": {\"x\": -9223372036854775808}}]}",
                  "cell"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *shown = view(cases[i].text);
        if (!strstr(shown, cases[i].shown))
            ggdm_test_fail("%s: no '%s' in:\n%s", cases[i].text, cases[i].shown, shown);
        free(shown);
    }
}

/* Whatever parameters vary, and whoever judges. */
static void test_status_has_the_columns_of_the_run(void **state)
{
    (void)state;
    static const char text[] =
        "{\"cells\": [{\"cell\": \"c0000\", \"parameters\": {\"eta\": 0.5, \"spacing\": "
        "\"leading\", \"label\": null}, \"state\": \"done\", \"wanted\": 4, \"done\": 2, "
        "\"diverged\": 1, \"n\": 2, \"measures\": {\"guide\": {\"accuracy\": null, "
        "\"unscored\": 0}, \"cnn\": {\"accuracy\": 0.5, \"accuracy_lo\": 0.1, "
        "\"accuracy_hi\": 0.9, \"unscored\": 0}}},"
        "{\"cell\": \"c0001\", \"parameters\": {\"eta\": 1, \"spacing\": \"linspace\", "
        "\"label\": 3}, \"measures\": {\"guide\": {\"unscored\": 7}}}]}";
    static const char *const shown[] = {
        "  cell     eta   spacing  label  images ",
        " right by the cnn        right by the guide      of n\n",
        "  c0000    0.5   leading      -  [#####.....]      2 done             1   50.0 % [10.0, "
        "90.0]          -                    2\n",
        "  c0001      1  linspace      3  [..........]", "  7 without a score of the guide\n"};
    char *out = view(text);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (!strstr(out, shown[i]))
            ggdm_test_fail("no '%s' in:\n%s", shown[i], out);
    free(out);
}

/* Of a sweep that ends itself: what was decided of each cell, and that the bar is not of all. */
static void test_status_shows_what_until_decided(void **state)
{
    (void)state;
    static const char text[] =
        "{\"cells_open\": 1, \"cells\": [{\"cell\": \"c0000\", \"n\": 50, \"until\": {\"state\": "
        "\"narrow\", \"n\": 50, \"share\": 0.5, \"halfwidth\": 0.0984}}, {\"cell\": \"c0001\", "
        "\"n\": 7, \"until\": {\"state\": \"open\", \"n\": 0}}, {\"cell\": \"c0002\"}]}";
    static const char *const shown[] = {
        "  until      1 cell open: images, bar and ETA are of the rounds so far\n",
        "  of n  until     half width\n", "  50  narrow      9.8 of 50\n", "   7  open     \n",
        "   0  -        \n"};
    char *out = view(text);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (!strstr(out, shown[i]))
            ggdm_test_fail("no '%s' in:\n%s", shown[i], out);
    free(out);
}

/* For small terminals: of a run that rests neither rate nor workers. */
static void test_status_is_brief(void **state)
{
    (void)state;
    char *out = view("{\"name\": \"n\", \"phase\": \"done\", \"fraction\": 0.5, \"rate\": 3, "
                     "\"images\": {\"done\": 2, \"total\": 4, \"diverged\": 1}, \"units\": "
                     "{\"failed\": 1, \"quarantined\": 2}}");
    if (!strstr(out, "n  50.0 %, done\n2/4 images  diverged 1  units failed 3\n"))
        ggdm_test_fail("%s", out);
    free(out);
}

static void test_status_of_other_kinds_is_shown(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"units\": [1, 2], \"troubles\": {\"a\": 3}, \"cells\": {\"x\": {}}}",
        "{\"units\": 3, \"troubles\": [[1]], \"cells\": [1, \"x\", null]}",
        "{\"cells\": [{\"parameters\": [1], \"measures\": 3}, {\"parameters\": {\"a\": {}, \"b\": "
        "[[1]]}, \"measures\": {\"m\": 1, \"k\": {\"accuracy\": 1e300}}}]}",
        "{\"cells\": [{\"until\": 3}, {\"until\": {\"n\": 1e300, \"state\": []}}]}",
        "{\"images\": [], \"workers\": null, \"exit_code\": [], \"phase\": \"running\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(view(texts[i]));
}

static void test_world_status_sums_whatever_is_written(void **state)
{
    (void)state;
    static const char text[] =
        "{\"launch\": \"t\", \"exit_code\": 9223372036854775807, \"lost\": {\"rank\": "
        "-9223372036854775808}, \"units\": {\"ready\": 9223372036854775807, \"running\": "
        "9223372036854775807, \"done\": -9223372036854775808, \"cancelled\": "
        "-9223372036854775808}}";
    ggdm_world_status s;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "status.json");
    ggdm_test_write(path, text, strlen(text));
    ggdm_world_status_read(path, "t", &s);
    assert_true(s.ours && s.exit_code == INT32_MAX && s.lost_rank == -1);
    assert_true(s.units_left > 0 && s.units_ended < 0);
    free(path);
    ggdm_test_rmdir(dir);
}

/* A world that ends between the last result of a round and the decision is not at rest. */
static void test_world_status_counts_open_cells_as_work_that_is_left(void **state)
{
    (void)state;
    static const char text[] = "{\"launch\": \"t\", \"cells_open\": 2, \"units\": {\"done\": 9}}";
    ggdm_world_status s;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "status.json");
    ggdm_test_write(path, text, strlen(text));
    ggdm_world_status_read(path, "t", &s);
    assert_true(s.ours && s.units_left == 2 && s.units_ended == 9);
    free(path);
    ggdm_test_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_numbers_out_of_range_are_shown_as_the_nearest),
        cmocka_unit_test(test_status_has_the_columns_of_the_run),
        cmocka_unit_test(test_status_shows_what_until_decided),
        cmocka_unit_test(test_status_is_brief),
        cmocka_unit_test(test_status_of_other_kinds_is_shown),
        cmocka_unit_test(test_world_status_sums_whatever_is_written),
        cmocka_unit_test(test_world_status_counts_open_cells_as_work_that_is_left),
    };
    return ggdm_test_main(tests);
}
