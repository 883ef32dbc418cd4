/* What people see who ask the database with a program of their own. */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "jobs/results.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

/* A plain reader's answers, one line a row, columns with | between; owned. */
static char *ask(const char *dir, const char *file, const char *sql)
{
    char *path = ggdm_test_path(dir, file), *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(stmt) == SQLITE_ROW)
        for (int i = 0, n = sqlite3_column_count(stmt); i < n; i++) {
            const char *field = (const char *)sqlite3_column_text(stmt, i);
            fprintf(out, "%s%c", field ? field : "", i < n - 1 ? '|' : '\n');
        }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    fclose(out);
    free(path);
    return text;
}

static void assert_answer(const run_fixture *f, const char *sql, const char *want)
{
    char *got = ask(f->dir, GGDM_STORE_FILE, sql);
    assert_string_equal(got, want);
    free(got);
}

/* As this program counts, cell by cell. */
static char *expected_cells(run_fixture *f)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ggdm_results r;
    ggdm_test_ok(ggdm_results_read(f->store, &r, &err), &err);
    for (int i = 0; i < r.n_rows; i++) {
        const ggdm_row *row = &r.rows[i];
        fprintf(out, "%s|", row->cell.name);
        for (int k = 0; k < r.n_varying; k++)
            fprintf(out, "%g|", ggdm_results_value(&r, row, r.varying[k]).number);
        fprintf(out, "%d|%d|%d", row->n, row->n == row->cell.wanted, row->diverged);
        for (int k = 0; k < r.n_measures; k++) {
            const ggdm_measured *m = &row->measured[k];
            if (r.measures[k].output == GGDM_OUTPUT_CLASSES)
                fprintf(out, "|%d|%d|%.4f", m->right, m->n, m->accuracy.p);
            else
                fprintf(out, "|%.6g", m->mean);
        }
        fputc('\n', out);
    }
    ggdm_results_deinit(&r);
    fclose(out);
    return text;
}

static const char cells[] =
    "SELECT cell, printf('%g', kappa), printf('%g', duration), n, complete, diverged, guide_right, "
    "guide_n, printf('%.4f', guide_accuracy), judge_right, judge_n, "
    "printf('%.4f', judge_accuracy), printf('%.6g', saturation) FROM v_cells";

static void test_views_of_snapshot_count_as_the_summary(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_publish(f->store);
    char *want = expected_cells(f), *got = ask(f->dir, GGDM_STORE_SNAPSHOT_FILE, cells);
    assert_string_equal(got, want);
    free(got);
    ggdm_store_close(&f->store);
    got = ask(f->dir, GGDM_STORE_FILE, cells);
    assert_string_equal(got, want);
    free(got);
    free(want);
}

static void test_views_of_a_run_that_has_begun_have_all_cells(void **state)
{
    run_fixture *f = *state;
    ggdm_store_close(&f->store);
    assert_answer(f, "SELECT count(*), sum(n), sum(complete), count(judge_accuracy) FROM v_cells",
                  "9|0|0|0\n");
}

/* Accuracy by kappa is one statement. */
static void test_views_give_accuracy_by_kappa(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    assert_answer(f, "SELECT kappa, round(avg(judge_right), 3) FROM v_images GROUP BY kappa",
                  "0.0|0.1\n0.1|0.4\n1.0|0.467\n");
}

/* The value of parameter target, and the scores of the judge, the second scorer. */
#define TARGET(value)                                                                              \
    "UPDATE parameter_value SET value = " value " WHERE parameter = (SELECT id FROM parameter "    \
    "WHERE name = 'target'); "

static void test_views_without_target_know_no_right(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, TARGET("-1") "DELETE FROM score WHERE scorer = 2");
    run_fixture_sql(f->dir, "DELETE FROM parameter_value WHERE value = -1");
    assert_answer(f,
                  "SELECT count(*), count(guide_right), count(guide_label), count(judge_label), "
                  "count(saturation) FROM v_images",
                  "90|0|90|0|90\n");
    run_fixture_sql(f->dir, "INSERT INTO parameter_value SELECT id, 0, 10 FROM parameter "
                            "WHERE name = 'target'"); /* no class of the guide */
    assert_answer(f, "SELECT count(guide_right) FROM v_images", "0\n");
    run_fixture_sql(f->dir, TARGET("3"));
    assert_answer(f,
                  "SELECT count(judge_right), count(judge_label), min(guide_right) FROM v_images",
                  "0|0|0\n");
}

/* Write the first number of `images` images of a trajectory anew. */
static void set_scores(const char *dir, int images, int trajectory, int scorer, const char *hex)
{
    for (int i = 0; i < images; i++) {
        char sql[500];
        snprintf(sql, sizeof sql,
                 "UPDATE score SET data = CAST(substr(data, 1, %d * length(data) / count) || X'%s' "
                 "|| substr(data, %d * length(data) / count + 5) AS BLOB) WHERE trajectory = %d "
                 "AND scorer = %d AND first = %d",
                 i % 4, hex, i % 4, trajectory, scorer, i - i % 4);
        run_fixture_sql(dir, sql);
    }
}

static const char not_a_number[] = "0000c07f";

/* Scores that are not finite are missing here as in the summary, and no share is made of diverged
 * images alone. */
static void test_views_of_scores_that_are_not_finite_say_nothing(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    for (int n = 5; n <= 10; n += 5) {
        ggdm_store_close(&f->store);
        set_scores(f->dir, n, 4, 2, not_a_number);
        assert_answer(f, "SELECT judge_accuracy, guide_accuracy FROM v_cells WHERE cell = 'c0008'",
                      n == 5 ? "0.625|0.7\n" : "|0.7\n");
        run_fixture_reopen(f, NULL);
    }
}

/* Whatever the scores, the label is that of the program: ties, zeros, infinities, NaN, denormals.
 */
static void test_view_label_is_argmax(void **state)
{
    static const float odd[] = {0.0F, -1e-45F, -1e-38F, -1.0F, -1.0000001F, -88.0F, -3e38F};
    enum { TRIES = 60, N_ODD = sizeof odd / sizeof *odd };
    run_fixture *f = *state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "views", 0));
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    for (int i = 0; i < TRIES; i++) {
        float logp[12];
        int n = 1 + (int)ggdm_test_below(&rng, 12);
        char sql[400], want[16] = "\n";
        int at = snprintf(sql, sizeof sql, "UPDATE score SET count = 1, data = X'");
        for (int k = 0; k < n; k++) {
            int pick = (int)ggdm_test_below(&rng, 16);
            uint32_t bits;
            logp[k] = pick < 4    ? odd[ggdm_test_below(&rng, N_ODD)]
                      : pick == 4 ? -INFINITY
                      : pick == 5 ? (k % 2 ? NAN : -NAN)
                                  : -(float)ggdm_test_below(&rng, 1000) / 77;
            memcpy(&bits, &logp[k], sizeof bits);
            for (int b = 0; b < 32; b += 8)
                at += snprintf(sql + at, sizeof sql - (size_t)at, "%02x", bits >> b & 255);
        }
        snprintf(sql + at, sizeof sql - (size_t)at,
                 "' WHERE trajectory = 0 AND scorer = 2 AND first = 0");
        run_fixture_sql(f->dir, sql);
        if (ggdm_argmax(logp, n) >= 0)
            snprintf(want, sizeof want, "%d\n", ggdm_argmax(logp, n));
        assert_answer(f, "SELECT judge_label FROM v_images WHERE cell = 'c0000' AND image = 0",
                      want);
    }
}

/* A number is that of the program to the last bit, and missing where it is not finite. */
static void test_view_number_is_the_float(void **state)
{
    static const float odd[] = {0.0F,    1.0F,        -1.5F,  1e-45F,      -1e-38F,  3.4e38F, 0.1F,
                                -123.4F, 1.1754e-38F, 7e-20F, 16777216.0F, INFINITY, NAN};
    enum { N_ODD = sizeof odd / sizeof *odd };
    run_fixture *f = *state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "numbers", 0));
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    for (int i = 0; i < 40; i++) {
        char sql[200], want[80] = "\n";
        uint32_t bits = (uint32_t)ggdm_test_below(&rng, UINT32_MAX);
        float number;
        if (i < N_ODD)
            memcpy(&bits, &odd[i], sizeof bits);
        memcpy(&number, &bits, sizeof number);
        snprintf(sql, sizeof sql,
                 "UPDATE score SET count = 1, data = X'%02x%02x%02x%02x' "
                 "WHERE trajectory = 0 AND scorer = 3 AND first = 0",
                 bits & 255, bits >> 8 & 255, bits >> 16 & 255, bits >> 24);
        run_fixture_sql(f->dir, sql);
        if (isfinite(number))
            snprintf(want, sizeof want, "%.15e\n", (double)number);
        assert_answer(f,
                      "SELECT CASE WHEN saturation IS NOT NULL THEN printf('%.15e', saturation) "
                      "END FROM v_images WHERE cell = 'c0000' AND image = 0",
                      want);
    }
}

/* Another sweep brings a column, and a judge; cells without them have NULL there. */
static void test_views_have_columns_of_all_sweeps(void **state)
{
    run_fixture *f = *state;
    run_sweep other;
    ggdm_store_matched m;
    const ggdm_plan nothing = {0};
    run_fixture_work(f, 100, 1);
    run_sweep_init(&other, "{kappa: [0], target: [3, 4], seed: [0]}", RUN_SAMPLES, "mnist-other");
    ggdm_test_ok(ggdm_store_match(f->store, &other.cells, &m, &err), &err);
    assert_int_equal(m.done, 2);
    ggdm_store_batch batch = run_fixture_batch(&other, &nothing);
    ggdm_test_ok(ggdm_store_add(f->store, 1, &batch, &err), &err);
    run_sweep_deinit(&other);
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    assert_answer(f,
                  "SELECT cell, kappa, duration, target, n, guide_n, judge_right FROM v_cells "
                  "WHERE cell IN ('c0003', 'c0009', 'c0010')",
                  "c0003|0.1|0|3|10|10|1\nc0009|0.0||3|10|10|1\nc0010|0.0||4|10|10|0\n");
}

static void test_views_are_made_anew_and_those_of_others_stay(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    char *want = ask(f->dir, GGDM_STORE_FILE, cells);
    run_fixture_sql(f->dir, "DROP VIEW v_images; DROP VIEW v_cells; "
                            "CREATE VIEW v_cells AS SELECT 'wrong' AS cell; "
                            "CREATE VIEW mine AS SELECT count(*) AS n FROM sample");
    run_fixture_reopen(f, NULL);
    ggdm_store_close(&f->store);
    char *got = ask(f->dir, GGDM_STORE_FILE, cells);
    assert_string_equal(got, want);
    assert_answer(f, "SELECT n FROM mine", "50\n");
    free(got);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_views_of_snapshot_count_as_the_summary),
        RUN_FIXTURE_TEST(test_views_of_a_run_that_has_begun_have_all_cells),
        RUN_FIXTURE_TEST(test_views_give_accuracy_by_kappa),
        RUN_FIXTURE_TEST(test_views_of_scores_that_are_not_finite_say_nothing),
        RUN_FIXTURE_TEST(test_views_without_target_know_no_right),
        RUN_FIXTURE_TEST(test_view_label_is_argmax),
        RUN_FIXTURE_TEST(test_view_number_is_the_float),
        RUN_FIXTURE_TEST(test_views_have_columns_of_all_sweeps),
        RUN_FIXTURE_TEST(test_views_are_made_anew_and_those_of_others_stay),
    };
    return ggdm_test_main(tests);
}
