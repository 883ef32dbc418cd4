/* The table of all images. */
#include "jobs/measures.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

#define JUDGE "(SELECT scorer FROM panel WHERE name = 'judge')"

static char *measures(run_fixture *f, const bool *chosen, int64_t expected)
{
    char *path = ggdm_test_path(f->dir, "images.csv");
    ggdm_results r;
    int64_t n;
    ggdm_test_ok(ggdm_results_open(f->store, &r, &err), &err);
    ggdm_test_ok(ggdm_measures_write(&r, chosen, path, &n, &err), &err);
    ggdm_results_deinit(&r);
    assert_int_equal(n, expected);
    char *text = ggdm_test_read(path, NULL);
    int64_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 1 + expected);
    free(path);
    return text;
}

static void test_measures_of_complete_run_are_exact(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    char *text = measures(f, NULL, RUN_CELLS * RUN_SAMPLES);
    static const char head[] =
        "cell,kappa,duration,image,diverged,diverged_step,guide_label,"
        "guide_right,guide_confidence,guide_probability,guide_loss,judge_label,judge_right,"
        "judge_confidence,judge_probability,judge_loss,saturation\n"
        "c0000,0,0,0,0,,0,0,0.9,0.0111111,4.49981,3,1,0.8,0.8,0.223144,0\n";
    assert_memory_equal(text, head, sizeof head - 1);
    /* Diverged images are never right. */
    assert_non_null(
        strstr(text, "\nc0008,1,1000,2,1,19,3,0,0.9,0.9,0.105361,3,0,0.8,0.8,0.223144,0.5\n"));
    assert_non_null(
        strstr(text, "\nc0008,1,1000,3,0,,3,1,0.9,0.9,0.105361,3,1,0.8,0.8,0.223144,0\n"));
    free(text);
}

/* Also of cells that are not complete; those chosen. */
static void test_measures_have_the_images_that_are_there(void **state)
{
    run_fixture *f = *state;
    const bool chosen[RUN_CELLS] = {[0] = true, [4] = true};
    run_fixture_work(f, 4, 1);
    free(measures(f, chosen, 10 + 4));
}

/* No aim, no scores of the judge: empty fields, as many as the head has. */
static void test_measures_that_nobody_says_are_empty(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir,
                    "UPDATE parameter SET aim = 0; DELETE FROM score WHERE scorer = " JUDGE);
    run_fixture_reopen(f, NULL);
    char *text = measures(f, NULL, RUN_CELLS * RUN_SAMPLES);
    assert_non_null(strstr(text, "\nc0005,0.1,1000,9,0,,3,,0.9,,,,,,,,0\n"));
    free(text);
}

/* One image that diverged and one that did not, whose scores the judge could not give. */
static void test_measures_without_score_are_missing_or_not_right(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE score SET data = CAST(substr(data, 1, 80) || X'0000c07f' || "
                            "substr(data, 85, 36) || X'0000c07f' || substr(data, 125) AS BLOB) "
                            "WHERE trajectory = 4 AND first = 0 AND scorer = " JUDGE);
    run_fixture_reopen(f, NULL);
    char *text = measures(f, NULL, RUN_CELLS * RUN_SAMPLES);
    assert_non_null(strstr(text, "\nc0008,1,1000,2,1,19,3,0,0.9,0.9,0.105361,,0,,,,0.5\n"));
    assert_non_null(strstr(text, "\nc0008,1,1000,3,0,,3,1,0.9,0.9,0.105361,,,,,,0\n"));
    free(text);
}

static void test_measures_on_a_full_disk_leave_no_file(void **state)
{
    run_fixture *f = *state;
    char *path = ggdm_test_path(f->dir, "images.csv");
    ggdm_results r;
    int64_t n;
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(ggdm_results_open(f->store, &r, &err), &err);
    ggdm_test_limit_files(1000);
    ggdm_status st = ggdm_measures_write(&r, NULL, path, &n, &err);
    ggdm_test_limit_files(SIZE_MAX);
    ggdm_results_deinit(&r);
    ggdm_test_error(st, &err, GGDM_EFULL, "images.csv");
    assert_false(ggdm_exists(path));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_measures_of_complete_run_are_exact),
        RUN_FIXTURE_TEST(test_measures_have_the_images_that_are_there),
        RUN_FIXTURE_TEST(test_measures_that_nobody_says_are_empty),
        RUN_FIXTURE_TEST(test_measures_without_score_are_missing_or_not_right),
        RUN_FIXTURE_TEST(test_measures_on_a_full_disk_leave_no_file),
    };
    return ggdm_test_main(tests);
}
