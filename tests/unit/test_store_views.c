/* What people see who ask the database with a program of their own. */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/argmax.h"
#include "jobs/summary.h"
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
    for (int i = 0; i < RUN_CELLS; i++) {
        ggdm_cell_summary s;
        ggdm_test_ok(ggdm_cell_summarise(f->store, i, &s, &err), &err);
        fprintf(out, "%s|%g|%d|%d|%d|%d|%d|", s.cell.name, s.cell.cell.kappa, s.cell.cell.duration,
                s.cell.cell.target, s.n, s.n == s.expected, s.diverged);
        if (s.n)
            fprintf(out, "%.4f|%.4f", s.guide.accuracy.p, s.judge.accuracy.p);
        else
            fputc('|', out);
        fputc('\n', out);
        ggdm_cell_summary_deinit(&s);
    }
    fclose(out);
    return text;
}

static const char cells[] =
    "SELECT cell, printf('%g', kappa), duration, target, n, complete, diverged, "
    "printf('%.4f', guide_accuracy), printf('%.4f', judge_accuracy) FROM v_cells";

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

static void test_views_without_target_know_no_right(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE cell SET target = -1; UPDATE image SET judge_logp = X''");
    assert_answer(f,
                  "SELECT count(*), count(target), count(guide_right), count(guide_label) "
                  "FROM v_images",
                  "90|0|0|90\n");
    run_fixture_sql(f->dir, "UPDATE cell SET target = 10"); /* no class of the guide */
    assert_answer(f, "SELECT count(guide_right) FROM v_images", "0\n");
    run_fixture_sql(f->dir, "UPDATE cell SET target = 3");
    assert_answer(f,
                  "SELECT count(judge_right), count(judge_label), min(guide_right) FROM v_images",
                  "0|0|0\n");
}

/* Scores that are not finite are missing here as in the summary, and no share is made of diverged
 * images alone. */
static void test_views_of_scores_that_are_not_finite_say_nothing(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    for (int n = 5; n <= 10; n += 5) {
        char sql[200];
        ggdm_store_close(&f->store);
        snprintf(sql, sizeof sql,
                 "UPDATE image SET judge_logp = CAST(X'0000c07f' || substr(judge_logp, 5) AS BLOB) "
                 "WHERE trajectory = 4 AND idx < %d",
                 n);
        run_fixture_sql(f->dir, sql);
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
        int at = snprintf(sql, sizeof sql, "UPDATE image SET judge_logp = X'");
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
        snprintf(sql + at, sizeof sql - (size_t)at, "' WHERE trajectory = 0 AND idx = 0");
        run_fixture_sql(f->dir, sql);
        if (ggdm_argmax(logp, n) >= 0)
            snprintf(want, sizeof want, "%d\n", ggdm_argmax(logp, n));
        assert_answer(f, "SELECT judge_label FROM v_images WHERE cell = 'c0000' AND image = 0",
                      want);
    }
}

static void test_views_are_made_anew_and_those_of_others_stay(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    char *want = ask(f->dir, GGDM_STORE_FILE, cells);
    run_fixture_sql(f->dir, "DROP VIEW v_images; DROP VIEW v_cells; "
                            "CREATE VIEW v_cells AS SELECT 'wrong' AS cell; "
                            "CREATE VIEW mine AS SELECT count(*) AS n FROM image");
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
        RUN_FIXTURE_TEST(test_views_are_made_anew_and_those_of_others_stay),
    };
    return ggdm_test_main(tests);
}
