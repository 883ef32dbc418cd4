/* The document of the report: what was run, by whom it was measured, what came out. */
#include "coordinator/show/report_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "tests/support/report_page.h"

static ggdm_error err;

static void test_document_says_what_came_out(void **state)
{
    run_fixture *f = *state;
    report_page p;
    run_fixture_work(f, 100, 1);
    report_page_write(f, NULL, &p);
    assert_int_equal(report_page_number(&p, "run.counts.images_done"), 50);
    assert_int_equal(report_page_number(&p, "run.counts.images_asked"), 90);
    assert_int_equal(report_page_number(&p, "run.counts.diverged"), 3);
    assert_int_equal(report_page_at(&p, "axes")->count, 2);
    assert_string_equal(report_page_text(&p, "axes.0.label"), "\u03ba");
    assert_string_equal(report_page_text(&p, "axes.1.type"), "window");
    /* Cell 8 is kappa 1, duration 1000: 10 of 10 would be right, three of them diverged. */
    assert_true(report_page_number(&p, "cells.8.columns.judge_accuracy.0") == 0.7);
    assert_int_equal(report_page_number(&p, "cells.8.columns.judge_accuracy.3"), 10);
    assert_true(report_page_number(&p, "cells.8.columns.diverged_share.0") == 0.3);
    assert_int_equal(report_page_number(&p, "cells.8.at.0"), 2);
    assert_int_equal(report_page_number(&p, "cells.8.at.1"), 2);
    assert_int_equal(report_page_number(&p, "cells.8.histograms.judge.3"), 7);
    assert_int_equal(report_page_number(&p, "trajectories.4.diverged.2.1"), 19);
    assert_int_equal(report_page_at(&p, "cells.0.unscored")->count, 0);
    report_page_free(&p);
}

/* Whoever guides has no judgement of its own; chance is one of ten digits. */
static void test_document_tells_judge_guide_and_the_unguided(void **state)
{
    run_fixture *f = *state;
    report_page p;
    run_fixture_work(f, 100, 1);
    report_page_write(f, NULL, &p);
    assert_string_equal(report_page_text(&p, "judge.title"), "mnist-judge");
    assert_string_equal(report_page_text(&p, "judge.column"), "judge_accuracy");
    assert_true(report_page_number(&p, "judge.chance") == 0.1);
    assert_string_equal(report_page_text(&p, "guide.title"), "mnist-cnn");
    /* kappa 0, or for no time. */
    static const bool unguided[RUN_CELLS] = {true, true, true, true, false, false, true};
    for (int i = 0; i < RUN_CELLS; i++) {
        char path[40];
        snprintf(path, sizeof path, "cells.%d.unguided", i);
        assert_int_equal(report_page_at(&p, path)->boolean, unguided[i]);
    }
    assert_string_equal(report_page_text(&p, "chain.0.label"), "sampler");
    assert_string_equal(report_page_text(&p, "chain.0.value"), "ddpm");
    assert_int_equal(report_page_at(&p, "recipes")->count, RUN_TRAJECTORIES);
    report_page_free(&p);
}

/* [class, its probability, that of the aim], in the eyes of all cells that show it. */
static void test_document_says_what_each_image_was_taken_for(void **state)
{
    run_fixture *f = *state;
    report_page p;
    run_fixture_work(f, 100, 1);
    report_page_write(f, NULL, &p);
    assert_int_equal(report_page_at(&p, "trajectories.0.scores.0.cells")->count, 5);
    assert_int_equal(report_page_number(&p, "trajectories.0.scores.0.measures.judge.0.0"),
                     RUN_TARGET);
    assert_true(report_page_number(&p, "trajectories.0.scores.0.measures.judge.0.2") == 0.8);
    assert_int_equal(report_page_number(&p, "trajectories.0.scores.0.measures.judge.9.0"), 8);
    assert_true(report_page_number(&p, "trajectories.0.scores.0.measures.judge.9.2") == 0.0222);
    assert_true(report_page_number(&p, "trajectories.4.scores.0.measures.saturation.0") == 0.5);
    report_page_free(&p);
}

static void test_document_says_what_failed_and_for_whom(void **state)
{
    run_fixture *f = *state;
    report_page p;
    ggdm_unit units[RUN_UNITS];
    int32_t n;
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, RUN_UNITS, units, &n, &err), &err);
    assert_int_equal(n, RUN_UNITS);
    ggdm_test_ok(ggdm_store_fail(f->store, units[8].id, 1, "out of luck", NULL, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
    for (int32_t i = 0; i < n; i++)
        ggdm_unit_deinit(&units[i]);
    report_page_write(f, NULL, &p);
    assert_int_equal(report_page_number(&p, "run.failures_total"), 1);
    assert_string_equal(report_page_text(&p, "run.failures.0.error"), "out of luck");
    /* The last tree makes kappa 1, guided for half of the chain and for all of it. */
    assert_int_equal(report_page_at(&p, "run.failures.0.cells")->count, 2);
    assert_string_equal(report_page_text(&p, "run.failures.0.cells.0"), "c0007");
    assert_string_equal(report_page_text(&p, "run.failures.0.cells.1"), "c0008");
    report_page_free(&p);
}

static void put_result(run_fixture *f, int32_t cell, const char *metric, double lo,
                       const char *note)
{
    const ggdm_store_result result = {.cell = cell,
                                      .metric = metric,
                                      .settings = "pixels against <us>",
                                      .value = 0.00125,
                                      .lo = lo,
                                      .hi = 0.25,
                                      .n = 10,
                                      .note = note};
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_put_result(f->store, &result, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
}

/* One name of a number everywhere: that of the tables for papers. */
static void test_document_says_what_metrics_are_of_and_their_notes(void **state)
{
    run_fixture *f = *state;
    report_page p;
    put_result(f, 1, "kid", -0.5, NULL);
    put_result(f, 2, "kid", (double)NAN, "of few");
    put_result(f, 2, "vendi", 0, NULL);
    report_page_write(f, NULL, &p);
    assert_string_equal(report_page_text(&p, "columns.0.name"), "kid");
    assert_string_equal(report_page_text(&p, "columns.0.label"), "kid by pixels against <us>");
    assert_string_equal(report_page_text(&p, "columns.0.better"), "down");
    assert_non_null(strstr(report_page_text(&p, "columns.0.note"), "Kernel inception distance"));
    assert_string_equal(report_page_text(&p, "columns.1.better"), "up");
    assert_int_equal(report_page_at(&p, "cells.0.columns")->count, 0);
    assert_true(report_page_number(&p, "cells.1.columns.kid.1") == -0.5);
    assert_int_equal(report_page_at(&p, "cells.1.columns.kid")->count, 4);
    assert_int_equal(report_page_at(&p, "cells.2.columns.kid.1")->kind, GGDM_NODE_NULL);
    assert_string_equal(report_page_text(&p, "cells.2.columns.kid.4"), "of few");
    report_page_free(&p);
}

/* Links are to what is there, and to the summary that is about to be. */
static void test_document_links_what_is_there(void **state)
{
    run_fixture *f = *state;
    report_page p;
    char *dir = ggdm_test_path(f->dir, "archive/c0001/trace");
    char *path = ggdm_test_path(f->dir, "archive/c0001/trace/000000.png");
    ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
    ggdm_test_write(path, "x", 1);
    report_page_write(f, NULL, &p);
    assert_int_equal(report_page_at(&p, "files")->count, 0);
    assert_string_equal(report_page_text(&p, "traces.c0001.0.file"),
                        "archive/c0001/trace/000000.png");
    report_page_free(&p);
    report_page_write(f, &(ggdm_report_options){.summary = true}, &p);
    assert_string_equal(report_page_text(&p, "files.0"), "summary.csv");
    report_page_free(&p);
    free(path);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_document_says_what_came_out),
        RUN_FIXTURE_TEST(test_document_tells_judge_guide_and_the_unguided),
        RUN_FIXTURE_TEST(test_document_says_what_each_image_was_taken_for),
        RUN_FIXTURE_TEST(test_document_says_what_failed_and_for_whom),
        RUN_FIXTURE_TEST(test_document_says_what_metrics_are_of_and_their_notes),
        RUN_FIXTURE_TEST(test_document_links_what_is_there),
    };
    return ggdm_test_main(tests);
}
