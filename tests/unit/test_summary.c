/* Accuracy, intervals, and the two summary files. */
#include "jobs/summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run_fixture.h"

static ggdm_error err;

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance;
}

/* Newcombe 1998, table I, to the four digits printed there, and the ends. */
static void test_wilson_gives_published_intervals(void **state)
{
    (void)state;
    static const struct {
        int64_t k, n;
        double lo, hi;
    } rows[] = {
        {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611},
        {1, 29, 0.0061, 0.1718},   {29, 29, 0.8830, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_share s = ggdm_wilson(rows[i].k, rows[i].n);
        assert_true(near(s.p, (double)rows[i].k / (double)rows[i].n, 0));
        assert_true(near(s.lo, rows[i].lo, 0.00005));
        assert_true(near(s.hi, rows[i].hi, 0.00005));
    }
    ggdm_share none = ggdm_wilson(0, 0);
    assert_true(none.lo == 0 && none.hi == 1);
}

static void test_summary_counts_diverged_images_as_failures(void **state)
{
    run_fixture *f = *state;
    ggdm_cell_summary s;
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(ggdm_cell_summarise(f->store, 8, &s, &err), &err);
    assert_int_equal(s.n, 10);
    assert_int_equal(s.diverged, 3);
    assert_int_equal(s.judge.right, 7); /* all ten say 3, three of them diverged */
    assert_true(near(s.judge.accuracy.p, 0.7, 0));
    assert_int_equal(s.guide.right, 7);
    assert_int_equal(s.guide.confident, 7);
    assert_int_equal(s.judge.confident, 0);
    assert_true(near(s.guide.loss, -log(0.9), 1e-6));
    assert_true(near(s.judge.confidence, 0.8, 1e-6));
    assert_int_equal(s.judge.histogram[3], 7);
    assert_int_equal(s.judge.classes, 10);
    ggdm_cell_summary_deinit(&s);
    /* The unguided trajectory: guide labels 0..9, one of them the target. */
    ggdm_test_ok(ggdm_cell_summarise(f->store, 0, &s, &err), &err);
    assert_int_equal(s.guide.right, 1);
    assert_int_equal(s.judge.right, 1);
    assert_int_equal(s.judge.histogram[8], 9);
    ggdm_cell_summary_deinit(&s);
}

static char *read_summary(run_fixture *f, const char *name)
{
    ggdm_test_ok(ggdm_summary_write(f->store, f->dir, &err), &err);
    char *path = ggdm_test_path(f->dir, name), *text = ggdm_test_read(path, NULL);
    free(path);
    return text;
}

static void test_summary_csv_of_complete_run_is_exact(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    char *text = read_summary(f, "summary.csv");
    static const char head[] =
        "cell,kappa,start,duration,target,n,complete,diverged,guide_accuracy,guide_accuracy_lo,"
        "guide_accuracy_hi,guide_loss,guide_confidence,guide_confident,judge_accuracy,"
        "judge_accuracy_lo,judge_accuracy_hi,judge_loss,judge_confidence,judge_confident,key,"
        "guide_unscored,judge_unscored\n"
        "c0000,0,0,0,3,10,1,0,";
    assert_memory_equal(text, head, sizeof head - 1);
    assert_non_null(strstr(text, "\nc0005,0.1,0,1000,3,10,1,0,1,0.722467,1,0.105361,0.9,1,"
                                 "0.7,0.396778,0.892209,1.2982,0.8,0,121212121212,0,0\n"));
    assert_non_null(strstr(text, "\nc0008,1,0,1000,3,10,1,3,0.7,"));
    assert_null(strchr(text, '\r'));
    free(text);
}

static void test_summary_csv_of_fresh_run_has_empty_fields(void **state)
{
    run_fixture *f = *state;
    char *text = read_summary(f, "summary.csv");
    assert_non_null(strstr(text, "\nc0008,1,0,1000,3,0,0,0,,,,,,,,,,,,,141414141414,,\n"));
    free(text);
}

static void test_summary_json_has_models_histograms_and_the_names_of_the_table(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    char *text = read_summary(f, "summary.json");
    assert_non_null(strstr(text, "\"name\": \"fixture \\\"one\\\"\""));
    assert_non_null(strstr(text, "\"digest\": \"cc\""));
    assert_non_null(strstr(text, "\"judge_histogram\": ["));
    /* The names of the table's head, each. */
    char *csv = read_summary(f, "summary.csv"), *rest = csv, key[64];
    rest[strcspn(rest, "\n")] = '\0';
    for (char *name; (name = strsep(&rest, ","));) {
        snprintf(key, sizeof key, "\"%s\": ", name);
        assert_non_null(strstr(text, key));
    }
    free(csv);
    free(text);
}

/* The first n images of cell 8, three of which diverged, have no score of the judge. */
static void lose_scores(run_fixture *f, int n, const char *bits)
{
    char sql[200];
    ggdm_store_close(&f->store);
    snprintf(sql, sizeof sql,
             "UPDATE image SET judge_logp = CAST(X'%s' || substr(judge_logp, 5) AS BLOB) "
             "WHERE trajectory = 4 AND idx < %d",
             bits, n);
    run_fixture_sql(f->dir, sql);
    run_fixture_reopen(f, NULL);
}

/* NaN or infinite: missing, in no figure, not wrong. */
static void test_summary_of_scores_that_are_not_finite_has_no_figure(void **state)
{
    run_fixture *f = *state;
    static const char *const bits[] = {"0000c07f", "0000807f", "000080ff"}; /* NaN, inf, -inf */
    ggdm_cell_summary s;
    run_fixture_work(f, 100, 1);
    lose_scores(f, 5, bits[0]);
    ggdm_test_ok(ggdm_cell_summarise(f->store, 8, &s, &err), &err);
    assert_int_equal(s.judge.unscored, 2);
    assert_int_equal(s.judge.n, 8);
    assert_int_equal(s.judge.right, 5);
    assert_true(near(s.judge.accuracy.p, 5.0 / 8, 0));
    assert_true(near(s.judge.loss, -log(0.8), 1e-6));
    assert_int_equal(s.guide.unscored, 0);
    ggdm_cell_summary_deinit(&s);
    for (int i = 0; i < 3; i++) {
        lose_scores(f, 10, bits[i]);
        ggdm_test_ok(ggdm_cell_summarise(f->store, 8, &s, &err), &err);
        assert_int_equal(s.judge.unscored, 7);
        assert_true(s.judge.known);
        assert_false(s.judge.has_accuracy || s.judge.has_share || s.judge.has_loss ||
                     s.judge.has_mean);
        ggdm_cell_summary_deinit(&s);
        char *csv = read_summary(f, "summary.csv"), *json = read_summary(f, "summary.json");
        assert_non_null(strstr(csv, ",0.7,,,,,,,141414141414,0,7\n"));
        assert_non_null(strstr(json, "\"judge_accuracy\": null"));
        assert_non_null(strstr(json, "\"judge_unscored\": 7"));
        assert_null(strstr(csv, "nan") || strstr(json, "nan") || strstr(json, "inf") ? csv : NULL);
        free(csv), free(json);
    }
}

/* A sweep without a target: no accuracy, but what the judge saw. */
static void test_summary_without_target_has_no_accuracy(void **state)
{
    run_fixture *f = *state;
    ggdm_cell_summary s;
    run_fixture_close(f);
    run_fixture_plan(f);
    for (int i = 0; i < RUN_CELLS; i++)
        f->cell[i].target = -1;
    run_fixture_create(f);
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(ggdm_cell_summarise(f->store, 5, &s, &err), &err);
    assert_true(s.judge.known);
    assert_false(s.judge.has_accuracy || s.judge.has_loss);
    assert_int_equal(s.judge.right, 0);
    assert_int_equal(s.judge.histogram[3] + s.judge.histogram[8], 10);
    ggdm_cell_summary_deinit(&s);
    char *text = read_summary(f, "summary.csv");
    assert_non_null(strstr(text, "\nc0005,0.1,0,1000,,10,1,0,,,,,0.9,1,,,,,0.8,0,"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wilson_gives_published_intervals),
        RUN_FIXTURE_TEST(test_summary_counts_diverged_images_as_failures),
        RUN_FIXTURE_TEST(test_summary_csv_of_complete_run_is_exact),
        RUN_FIXTURE_TEST(test_summary_csv_of_fresh_run_has_empty_fields),
        RUN_FIXTURE_TEST(test_summary_json_has_models_histograms_and_the_names_of_the_table),
        RUN_FIXTURE_TEST(test_summary_of_scores_that_are_not_finite_has_no_figure),
        RUN_FIXTURE_TEST(test_summary_without_target_has_no_accuracy),
    };
    return ggdm_test_main(tests);
}
