/* The end of a run: all products, and what a person is told. */
#include "coordinator/show/finish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

static const char *const products[] = {"summary.csv",
                                       "summary.json",
                                       "report.html",
                                       "figures/accuracy.dat",
                                       "archive/c0008/samples.tar",
                                       "archive/c0008/samples.npz",
                                       "archive/c0008/sheet.png"};
enum { N_PRODUCTS = sizeof products / sizeof *products };

static bool there(const run_fixture *f, const char *name)
{
    char *path = ggdm_test_path(f->dir, name);
    bool yes = ggdm_exists(path);
    free(path);
    return yes;
}

/* Finish the run, without gnuplot, which takes a second.  What was said, owned. */
static char *finish(run_fixture *f, bool with_products, char **warnings)
{
    char *path = strdup(getenv("PATH")), *said = ggdm_test_path(f->dir, "said");
    char *warned = ggdm_test_path(f->dir, "warned");
    setenv("PATH", f->dir, 1);
    fflush(stdout);
    int old_err = ggdm_test_stderr_to(warned), old_out = dup(STDOUT_FILENO);
    assert_non_null(freopen(said, "w", stdout));
    ggdm_status st = ggdm_finish_run(
        f->store, f->dir, GGDM_FINISH_TELL | (with_products ? GGDM_FINISH_WRITE : 0), &err);
    fflush(stdout);
    dup2(old_out, STDOUT_FILENO);
    close(old_out);
    ggdm_test_stderr_back(old_err);
    setenv("PATH", path, 1);
    ggdm_test_ok(st, &err);
    char *text = ggdm_test_read(said, NULL);
    *warnings = ggdm_test_read(warned, NULL);
    free(path);
    free(said);
    free(warned);
    return text;
}

static void check(const char *text, const char *part)
{
    if (!strstr(text, part))
        ggdm_test_fail("no '%s' in:\n%s", part, text);
}

static void test_finish_writes_all_products_and_tells_of_them(void **state)
{
    run_fixture *f = *state;
    char *warnings;
    run_fixture_work(f, 100, 1);
    char *text = finish(f, true, &warnings);
    for (int i = 0; i < N_PRODUCTS; i++)
        assert_true(there(f, products[i]));
    check(text, "fixture \"one\": 9 cells, 50 distinct images\n");
    check(text, "/archive/c*/samples.tar\n");
    check(text, "  summary        ");
    check(text, "  report         ");
    check(text,
          "\n  accuracy by the judge for target 3, % of n = 10 images (diverged ones count as "
          "wrong)\n"
          "    kappa \\ duration       0     500    1000\n"
          "                   0    10.0    10.0    10.0\n"
          "                 0.1    10.0    40.0    70.0\n"
          "                   1    10.0    60.0    70.0\n"
          "    diverged: 3 of 90 images\n");
    assert_null(strstr(warnings, "incomplete"));
    free(text);
    free(warnings);
}

/* What is there already is told of, and not written. */
static void test_finish_without_products_writes_nothing(void **state)
{
    run_fixture *f = *state;
    char *warnings;
    run_fixture_work(f, 100, 1);
    char *text = finish(f, false, &warnings);
    check(text, "accuracy by the judge");
    assert_null(strstr(text, "summary.csv"));
    for (int i = 0; i < N_PRODUCTS; i++)
        assert_false(there(f, products[i]));
    free(text);
    free(warnings);
}

static void test_finish_of_an_incomplete_run_says_so(void **state)
{
    run_fixture *f = *state;
    char *warnings;
    run_fixture_work(f, 4, 1);
    char *text = finish(f, true, &warnings);
    check(warnings, "4 cells are incomplete and not archived");
    assert_true(there(f, "summary.csv"));
    assert_false(there(f, "archive/c0008"));
    free(text);
    free(warnings);
}

static void test_finish_warns_of_scores_that_are_not_finite(void **state)
{
    run_fixture *f = *state;
    char *warnings;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE score SET data = CAST(X'0000c07f' || substr(data, 5) AS BLOB) "
                            "WHERE trajectory = 1 AND first = 0 AND scorer = "
                            "(SELECT scorer FROM panel WHERE name = 'judge')");
    run_fixture_reopen(f, NULL);
    char *text = finish(f, false, &warnings);
    check(warnings, "judge 'mnist-judge' gave no finite score to 1 of 90 images of the cells: they "
                    "are in no figure (see judge_unscored in summary.csv)");
    assert_null(strstr(warnings, "guide"));
    free(text);
    free(warnings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_finish_writes_all_products_and_tells_of_them),
        RUN_FIXTURE_TEST(test_finish_without_products_writes_nothing),
        RUN_FIXTURE_TEST(test_finish_of_an_incomplete_run_says_so),
        RUN_FIXTURE_TEST(test_finish_warns_of_scores_that_are_not_finite),
    };
    return ggdm_test_main(tests);
}
