/* Results: what they count, and that nothing but what is stored matters. */
#include "jobs/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run_fixture.h"

static ggdm_error err;

enum { GUIDE, JUDGE, SATURATION }; /* measures of the fixture */

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-6;
}

static ggdm_results read_all(const run_fixture *f)
{
    ggdm_results r;
    ggdm_test_ok(ggdm_results_read(f->store, &r, &err), &err);
    return r;
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
        assert_true(s.p == (double)rows[i].k / (double)rows[i].n);
        assert_true(fabs(s.lo - rows[i].lo) <= 0.00005 && fabs(s.hi - rows[i].hi) <= 0.00005);
    }
    ggdm_share none = ggdm_wilson(0, 0);
    assert_true(none.lo == 0 && none.hi == 1);
}

static void test_results_have_the_columns_of_the_run(void **state)
{
    run_fixture *f = *state;
    ggdm_results r = read_all(f);
    assert_int_equal(r.n_rows, RUN_CELLS);
    assert_int_equal(r.n_varying, 2);
    assert_string_equal(r.columns[r.aim_column].name, "target");
    assert_string_equal(ggdm_results_value(&r, &r.rows[5], r.varying[0]).text, "0.1");
    assert_true(ggdm_results_value(&r, &r.rows[5], r.varying[1]).number == 1000);
    assert_int_equal(r.n_measures, 3);
    assert_string_equal(r.measures[GUIDE].name, "guide");
    assert_string_equal(r.measures[JUDGE].name, "judge");
    assert_string_equal(r.measures[SATURATION].name, "saturation");
    assert_true(r.measures[SATURATION].output == GGDM_OUTPUT_NUMBER);
    assert_string_equal(ggdm_results_verdict_name(&r, &r.rows[0]), "judge");
    assert_int_equal(r.rows[8].aim, RUN_TARGET);
    ggdm_results_deinit(&r);
}

static void test_results_count_diverged_images_as_failures(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_results r = read_all(f);
    const ggdm_row *row = &r.rows[8];
    const ggdm_measured *guide = &row->measured[GUIDE], *judge = &row->measured[JUDGE];
    assert_int_equal(row->n, 10);
    assert_int_equal(row->diverged, 3);
    assert_int_equal(judge->right, 7); /* all ten say 3, three of them diverged */
    assert_true(judge->accuracy.p == 0.7);
    assert_int_equal(guide->right, 7);
    assert_true(guide->confident == 0.7 && judge->confident == 0);
    assert_true(near(guide->loss, -log(0.9)));
    assert_true(near(judge->confidence, 0.8));
    assert_int_equal(judge->histogram[3], 7);
    assert_int_equal(judge->classes, RUN_CLASSES);
    /* Means of a number, too, are of images that did not diverge. */
    const ggdm_measured *saturation = &row->measured[SATURATION];
    assert_int_equal(saturation->n_mean, 7);
    assert_true(saturation->mean == 0 && saturation->deviation == 0);
    /* The unguided trajectory, which five cells show: guide labels 0..9, one of them the target. */
    static const int32_t unguided[] = {0, 1, 2, 3, 6};
    for (int i = 0; i < 5; i++) {
        const ggdm_row *same = &r.rows[unguided[i]];
        assert_int_equal(same->measured[GUIDE].right, 1);
        assert_int_equal(same->measured[JUDGE].right, 1);
        assert_int_equal(same->measured[JUDGE].histogram[8], 9);
    }
    ggdm_results_deinit(&r);
}

static void test_results_of_a_fresh_run_say_nothing(void **state)
{
    run_fixture *f = *state;
    ggdm_results r = read_all(f);
    for (int32_t k = 0; k < r.n_measures; k++) {
        const ggdm_measured *m = &r.rows[8].measured[k];
        assert_false(m->known);
        assert_true(isnan(m->accuracy.p) && isnan(m->loss) && isnan(m->confidence) &&
                    isnan(m->confident) && isnan(m->mean) && isnan(m->deviation));
    }
    ggdm_results_deinit(&r);
}

/* The first n images of cell 8, three of which diverged, have no finite score of the judge. */
static void lose_scores(run_fixture *f, int n, const char *bits)
{
    ggdm_store_close(&f->store);
    for (int i = 0; i < n; i++) {
        const int first = i / 4 * 4, offset = (i - first) * RUN_CLASSES * 4;
        char sql[400];
        snprintf(sql, sizeof sql,
                 "UPDATE score SET data = CAST(substr(data, 1, %d) || X'%s' || substr(data, %d) AS "
                 "BLOB) WHERE trajectory = 4 AND first = %d AND scorer = "
                 "(SELECT scorer FROM panel WHERE name = 'judge')",
                 offset, bits, offset + 5, first);
        run_fixture_sql(f->dir, sql);
    }
    run_fixture_reopen(f, NULL);
}

/* NaN or infinite: missing, in no figure, not wrong. */
static void test_results_of_scores_that_are_not_finite_have_no_figure(void **state)
{
    run_fixture *f = *state;
    static const char *const bits[] = {"0000c07f", "0000807f", "000080ff"}; /* NaN, inf, -inf */
    run_fixture_work(f, 100, 1);
    lose_scores(f, 5, bits[0]);
    ggdm_results r = read_all(f);
    const ggdm_measured *judge = &r.rows[8].measured[JUDGE];
    assert_int_equal(judge->unscored, 2);
    assert_int_equal(judge->n, 8);
    assert_int_equal(judge->right, 5);
    assert_true(judge->accuracy.p == 5.0 / 8);
    assert_true(near(judge->loss, -log(0.8)));
    assert_int_equal(r.rows[8].measured[GUIDE].unscored, 0);
    ggdm_results_deinit(&r);
    for (int i = 0; i < 3; i++) {
        lose_scores(f, 10, bits[i]);
        r = read_all(f);
        judge = &r.rows[8].measured[JUDGE];
        assert_int_equal(judge->unscored, 7);
        assert_true(judge->known);
        assert_true(isnan(judge->accuracy.p) && isnan(judge->confident) && isnan(judge->loss) &&
                    isnan(judge->confidence));
        ggdm_results_deinit(&r);
    }
}

/* Where cells aim at nothing: no accuracy, but what the judge saw. */
static void test_results_without_an_aim_have_no_accuracy(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE parameter SET aim = 0");
    run_fixture_reopen(f, NULL);
    ggdm_results r = read_all(f);
    const ggdm_measured *judge = &r.rows[5].measured[JUDGE];
    assert_int_equal(r.aim_column, -1);
    assert_int_equal(r.rows[5].aim, -1);
    assert_true(isnan(judge->accuracy.p) && isnan(judge->loss));
    assert_true(near(judge->confidence, 0.8));
    assert_int_equal(judge->right, 0);
    assert_int_equal(judge->histogram[3] + judge->histogram[8], 10);
    ggdm_results_deinit(&r);
}

/* A measure that a block of images lacks, as it was asked for later: figures are of the others. */
static void test_results_of_missing_scores_are_of_the_others(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "DELETE FROM score WHERE trajectory = 4 AND first = 0 AND scorer = "
                            "(SELECT scorer FROM panel WHERE name = 'judge')");
    run_fixture_reopen(f, NULL);
    ggdm_results r = read_all(f);
    const ggdm_measured *judge = &r.rows[8].measured[JUDGE];
    assert_int_equal(r.rows[8].n, 10);
    assert_int_equal(judge->n, 6);
    assert_int_equal(judge->right, 6);
    assert_int_equal(judge->unscored, 0);
    ggdm_results_deinit(&r);
}

/* A cell that is read alone, before and behind, is as in the whole table. */
static void test_results_of_a_cell_are_those_of_the_table(void **state)
{
    run_fixture *f = *state;
    ggdm_results one, all;
    ggdm_test_ok(ggdm_results_open(f->store, &one, &err), &err);
    assert_int_equal(one.rows[8].n, 0);
    run_fixture_work(f, 8, 1);
    ggdm_test_ok(ggdm_results_read_cell(&one, 8, &err), &err);
    assert_int_equal(one.rows[8].n, 8);
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(ggdm_results_read_cell(&one, 8, &err), &err);
    all = read_all(f);
    for (int32_t k = 0; k < all.n_measures; k++) {
        ggdm_measured a = one.rows[8].measured[k], b = all.rows[8].measured[k];
        assert_int_equal(a.n, b.n);
        assert_int_equal(a.right, b.right);
        if (a.classes)
            assert_memory_equal(a.histogram, b.histogram, (size_t)a.classes * sizeof *a.histogram);
        a.histogram = b.histogram = NULL;
        assert_memory_equal(&a.accuracy, &b.accuracy, sizeof a.accuracy);
    }
    ggdm_results_deinit(&one);
    ggdm_results_deinit(&all);
}

/* All units, the last one first. */
static void work_backwards(run_fixture *f)
{
    ggdm_unit units[RUN_UNITS];
    int32_t n;
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, RUN_UNITS, units, &n, &err), &err);
    assert_int_equal(n, RUN_UNITS);
    while (n-- > 0) {
        int32_t n_samples;
        bool accepted;
        ggdm_sample *samples = run_fixture_samples(&units[n], 1, &n_samples);
        ggdm_test_ok(ggdm_store_finish(f->store, units[n].id, units[n].attempt, samples, n_samples,
                                       &accepted, &err),
                     &err);
        assert_true(accepted);
        run_fixture_free_samples(samples, n_samples);
        ggdm_unit_deinit(&units[n]);
    }
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
}

/* Equal to the last bit: sums are in the order of images. */
static void test_results_do_not_depend_on_when_images_arrived(void **state)
{
    run_fixture *f = *state, *other = ggdm_test_alloc(1, sizeof *other);
    run_fixture_work(f, 100, 1);
    run_fixture_open(other);
    work_backwards(other);
    ggdm_results a = read_all(f), b = read_all(other);
    for (int32_t i = 0; i < RUN_CELLS; i++) {
        for (int32_t k = 0; k < a.n_measures; k++) {
            const ggdm_measured *x = &a.rows[i].measured[k], *y = &b.rows[i].measured[k];
            assert_int_equal(x->right, y->right);
            assert_memory_equal(&x->accuracy, &y->accuracy, sizeof x->accuracy);
            assert_memory_equal(&x->confidence, &y->confidence, sizeof x->confidence);
            assert_memory_equal(&x->loss, &y->loss, sizeof x->loss);
            assert_memory_equal(&x->mean, &y->mean, sizeof x->mean);
            assert_memory_equal(&x->deviation, &y->deviation, sizeof x->deviation);
        }
    }
    ggdm_results_deinit(&a);
    ggdm_results_deinit(&b);
    run_fixture_close(other);
    free(other);
}

static void put_result(run_fixture *f, int32_t cell, const char *metric, const char *settings,
                       double value)
{
    const ggdm_store_result result = {.cell = cell,
                                      .metric = metric,
                                      .settings = settings,
                                      .value = value,
                                      .lo = (double)NAN,
                                      .hi = value + 1,
                                      .n = 10,
                                      .note = value == 4 ? "few" : NULL};
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_put_result(f->store, &result, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
}

static void test_results_have_metrics_by_name_and_settings(void **state)
{
    run_fixture *f = *state;
    put_result(f, 3, "vendi", "pixels", 2);
    put_result(f, 3, "frechet", "2048", 12.5);
    put_result(f, 4, "frechet", "64", 3);
    put_result(f, 4, "frechet", "64", 4);
    ggdm_results r = read_all(f);
    static const char *const names[] = {"frechet (2048)", "frechet (64)", "vendi"};
    assert_int_equal(r.n_metrics, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(r.metrics[i].name, names[i]);
    assert_true(r.rows[3].metrics[0].value == 12.5 && r.rows[3].metrics[0].hi == 13.5);
    assert_true(isnan(r.rows[3].metrics[0].lo) && r.rows[3].metrics[0].n == 10);
    assert_true(isnan(r.rows[3].metrics[1].value) && r.rows[4].metrics[1].value == 4);
    assert_string_equal(r.rows[3].metrics[0].note, "");
    assert_string_equal(r.rows[4].metrics[1].note, "few");
    ggdm_results_deinit(&r);
}

/* The judge decides, else the last classifier; numbers never. */
static void test_results_verdict_is_the_judges(void **state)
{
    run_fixture *f = *state;
    static const struct {
        const char *sql, *verdict;
    } cases[] = {{"UPDATE panel SET name = 'other' WHERE name = 'judge'", "other"},
                 {"UPDATE panel SET name = 'judge' WHERE name = 'guide'", "judge"},
                 {"DELETE FROM panel WHERE name IN ('judge', 'other')", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_store_close(&f->store);
        run_fixture_sql(f->dir, cases[i].sql);
        run_fixture_reopen(f, NULL);
        ggdm_results r;
        ggdm_test_ok(ggdm_results_open(f->store, &r, &err), &err);
        const char *name = ggdm_results_verdict_name(&r, &r.rows[0]);
        if (cases[i].verdict)
            assert_string_equal(name, cases[i].verdict);
        else
            assert_null(name);
        ggdm_results_deinit(&r);
    }
}

static void test_results_of_damaged_scores_name_the_cell(void **state)
{
    run_fixture *f = *state;
    ggdm_results r;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE score SET data = substr(data, 1, 16) WHERE trajectory = 4 AND "
                            "first = 0 AND scorer = "
                            "(SELECT scorer FROM panel WHERE name = 'judge')");
    run_fixture_reopen(f, NULL);
    ggdm_test_error(ggdm_results_read(f->store, &r, &err), &err, GGDM_EFORMAT, "classes");
    ggdm_results_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wilson_gives_published_intervals),
        RUN_FIXTURE_TEST(test_results_have_the_columns_of_the_run),
        RUN_FIXTURE_TEST(test_results_count_diverged_images_as_failures),
        RUN_FIXTURE_TEST(test_results_of_a_fresh_run_say_nothing),
        RUN_FIXTURE_TEST(test_results_of_scores_that_are_not_finite_have_no_figure),
        RUN_FIXTURE_TEST(test_results_without_an_aim_have_no_accuracy),
        RUN_FIXTURE_TEST(test_results_of_missing_scores_are_of_the_others),
        RUN_FIXTURE_TEST(test_results_of_a_cell_are_those_of_the_table),
        RUN_FIXTURE_TEST(test_results_do_not_depend_on_when_images_arrived),
        RUN_FIXTURE_TEST(test_results_have_metrics_by_name_and_settings),
        RUN_FIXTURE_TEST(test_results_verdict_is_the_judges),
        RUN_FIXTURE_TEST(test_results_of_damaged_scores_name_the_cell),
    };
    return ggdm_test_main(tests);
}
