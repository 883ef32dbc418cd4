/* report.html: complete in itself, and nothing in it that could act. */
#include "coordinator/show/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/png_image.h"
#include "coordinator/show/html.h"
#include "coordinator/show/page_text.h"
#include "coordinator/show/report_table.h"
#include "tests/support/paper_results.h"
#include "tests/support/report_page.h"

static ggdm_error err;

/* ---- the page -------------------------------------------------------------------------------- */

static void test_report_is_the_page_with_data_and_images_in_it(void **state)
{
    run_fixture *f = *state;
    report_page page;
    run_fixture_work(f, 100, 1);
    report_page_write(f, NULL, &page);
    assert_non_null(strstr(page.text, "<title>fixture &quot;one&quot;</title>"));
    assert_null(strstr(page.text, "<!--ggdm:"));
    assert_null(strstr(page.text, "<!--file "));
    assert_int_equal(report_page_count(page.text, "<script type=\"text/plain\" id=\"sprite-"),
                     RUN_TRAJECTORIES);
    assert_string_equal(report_page_text(&page, "sprites.where"), "page");
    assert_int_equal(report_page_at(&page, "live")->kind, GGDM_NODE_NULL);
    report_page_free(&page);
}

static void test_report_of_a_fresh_run_is_complete(void **state)
{
    run_fixture *f = *state;
    report_page page;
    report_page_write(f, NULL, &page);
    assert_int_equal(report_page_count(page.text, "id=\"sprite-"), 0);
    assert_int_equal(report_page_at(&page, "cells")->count, RUN_CELLS);
    assert_int_equal(report_page_at(&page, "columns")->count, 0);
    assert_int_equal(report_page_number(&page, "trajectories.0.shown"), 0);
    report_page_free(&page);
}

/* Of every schema there was: the images and numbers are there, of recipes nothing is known. */
static void test_report_of_an_older_run_has_no_recipes(void **state)
{
    (void)state;
    for (int version = 1; version <= 3; version++) {
        run_fixture f = {.dir = ggdm_test_mkdtemp()};
        report_page page;
        char name[64], *path = ggdm_test_path(f.dir, GGDM_STORE_FILE);
        size_t size;
        snprintf(name, sizeof name, "tests/support/data/store-v%d.db", version);
        char *bytes = ggdm_test_read(name, &size);
        ggdm_test_write(path, bytes, size);
        ggdm_test_ok(ggdm_store_read(f.dir, &f.store, &err), &err);
        report_page_write(&f, NULL, &page);
        assert_int_equal(report_page_at(&page, "recipes")->count, 0);
        assert_true(report_page_number(&page, "cells.0.columns.judge_accuracy.0") == 0.1);
        assert_int_equal(report_page_number(&page, "trajectories.0.images"), 10);
        assert_int_equal(report_page_at(&page, "run.core_hours")->kind, GGDM_NODE_NULL);
        report_page_free(&page);
        ggdm_store_close(&f.store);
        ggdm_test_rmdir(f.dir);
        free(path);
        free(bytes);
    }
}

/* The page is written from the same store, by the same bytes. */
static void test_report_has_no_moment_in_it(void **state)
{
    run_fixture *f = *state;
    report_page first, second;
    run_fixture_work(f, 5, 1);
    report_page_write(f, NULL, &first);
    report_page_write(f, NULL, &second);
    assert_string_equal(first.text, second.text);
    report_page_free(&first);
    report_page_free(&second);
}

/* ---- what people wrote ----------------------------------------------------------------------- */

/* Ends an element, quotes, separators of lines, an override of the direction, a control. */
#define HOSTILE "</script><script>alert(1)</script><!--\\\"'&\u2028\u202e\xc2\x85\x01"

static void test_report_sets_texts_as_texts(void **state)
{
    run_fixture *f = *state;
    report_page page;
    ggdm_unit unit;
    int32_t n;
    f->info.name = HOSTILE;
    f->info.notes = HOSTILE;
    run_fixture_create(f);
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err), &err);
    ggdm_test_ok(ggdm_store_fail(f->store, unit.id, unit.attempt, HOSTILE, NULL, &err), &err);
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
    ggdm_unit_deinit(&unit);
    report_page_write(f, NULL, &page);
    assert_string_equal(report_page_text(&page, "run.name"), HOSTILE);
    assert_string_equal(report_page_text(&page, "run.notes"), HOSTILE);
    assert_string_equal(report_page_text(&page, "run.failures.0.error"), HOSTILE);
    assert_string_equal(report_page_text(&page, "run.failures.0.cells.0"), "c0000");
    /* As many scripts as the page has itself. */
    assert_int_equal(report_page_count(page.text, "<script"),
                     report_page_count(ggdm_page_text, "<script"));
    assert_null(strstr(page.text, "<script>alert"));
    report_page_free(&page);
}

/* Without JavaScript it is this table that is read. */
static void test_report_table_escapes_what_people_wrote(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"prompt", "<b>", GGDM_PARAM_TEXT, false, {"<script>alert(1)</script>", "&", "", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    static const char *const parts[] = {"<th><bdi>&lt;b&gt;</bdi></th>",
                                        "<td><bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi></td>",
                                        "<td><bdi>&amp;</bdi></td>",
                                        "<td><bdi>\u2013</bdi></td>",
                                        "<th><bdi>accuracy by the &lt;i&gt;</bdi></th>",
                                        "<td>50.0 % [23.7, 76.3]</td>",
                                        "<td>\u2013</td>"};
    paper p;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    paper_open(&p, axes, 2);
    p.measures[PAPER_JUDGE].name = "<i>";
    paper_say(&p, 0, PAPER_JUDGE, 5, PAPER_N);
    ggdm_test_ok(ggdm_report_table(f, &p.r, &err), &err);
    fclose(f);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            ggdm_test_fail("no '%s' in the table:\n%s", parts[i], text);
    assert_null(strstr(text, "<script>"));
    free(text);
    paper_close(&p);
}

/* ---- images ---------------------------------------------------------------------------------- */

static uint8_t *decode(const char *text, size_t *size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *out = ggdm_test_alloc(strlen(text), 1);
    uint32_t bits = 0;
    int n = 0;
    *size = 0;
    for (const char *at; *text && *text != '=' && (at = strchr(digits, *text)); text++) {
        bits = bits << 6 | (uint32_t)(at - digits);
        n += 6;
        if (n >= 8)
            out[(*size)++] = (uint8_t)(bits >> (n -= 8));
    }
    return out;
}

/* Each tile of a sprite is the picture that a worker sent. */
static void expect_tiles(const void *png, size_t size, int64_t trajectory, int32_t columns)
{
    ggdm_pixels sheet, image;
    ggdm_test_ok(ggdm_png_decode(png, size, GGDM_PNG_MAX_SIDE, &sheet, &err), &err);
    assert_int_equal(sheet.width, columns * RUN_SIDE);
    for (int32_t i = 0; i < RUN_SAMPLES; i++) {
        ggdm_sample sample;
        run_fixture_sample(NULL, trajectory, i, sheet.channels, &sample);
        ggdm_test_ok(ggdm_png_decode(sample.data, sample.size, RUN_SIDE, &image, &err), &err);
        const size_t line = (size_t)RUN_SIDE * (size_t)sheet.channels;
        for (int32_t y = 0; y < RUN_SIDE; y++) {
            const int32_t at = (i / columns * RUN_SIDE + y) * columns + i % columns;
            assert_memory_equal(sheet.data + (size_t)at * line, image.data + (size_t)y * line,
                                line);
        }
        ggdm_pixels_deinit(&image);
        ggdm_sample_deinit(&sample);
    }
    ggdm_pixels_deinit(&sheet);
}

static void test_report_sprites_are_the_stored_pixels(void **state)
{
    for (int32_t channels = 1; channels <= 3; channels += 2) {
        run_fixture f;
        report_page page;
        (void)state;
        run_fixture_open(&f);
        run_fixture_work(&f, 100, channels);
        report_page_write(&f, NULL, &page);
        for (int64_t t = 0; t < RUN_TRAJECTORIES; t++) {
            char mark[80];
            snprintf(mark, sizeof mark, "id=\"sprite-%d\">", (int)t);
            size_t size;
            uint8_t *png = decode(strstr(page.text, mark) + strlen(mark), &size);
            expect_tiles(png, size, t, RUN_SAMPLES);
            free(png);
        }
        report_page_free(&page);
        run_fixture_close(&f);
    }
}

/* Images of which there is no room in the page are beside it. */
static void test_report_puts_many_images_beside_it(void **state)
{
    run_fixture *f = *state;
    report_page page;
    run_fixture_work(f, 100, 3);
    report_page_write(f, &(ggdm_report_options){.most_bytes = 1000}, &page);
    assert_string_equal(report_page_text(&page, "sprites.where"), "report_files/");
    assert_null(strstr(page.text, "id=\"sprite-"));
    for (int64_t t = 0; t < RUN_TRAJECTORIES; t++) {
        char name[40];
        size_t size;
        snprintf(name, sizeof name, "report_files/%d.png", (int)t);
        char *path = ggdm_test_path(f->dir, name), *png = ggdm_test_read(path, &size);
        expect_tiles(png, size, t, RUN_SAMPLES);
        free(path);
        free(png);
    }
    report_page_free(&page);
}

/* Blocks of a run that goes on come in any order. */
static void test_report_says_which_images_are_missing(void **state)
{
    run_fixture *f = *state;
    report_page page;
    run_fixture_work(f, 2, 1); /* images 0 .. 7 of the unguided ones */
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "DELETE FROM sample WHERE trajectory = 0 AND idx IN (1, 2)");
    ggdm_test_ok(ggdm_store_read(f->dir, &f->store, &err), &err);
    const ggdm_report_live live = {.every = 10, .fraction = 0.25, .eta_seconds = (double)NAN};
    report_page_write(f, &(ggdm_report_options){.live = &live}, &page);
    assert_int_equal(report_page_number(&page, "trajectories.0.images"), 6);
    assert_int_equal(report_page_number(&page, "trajectories.0.shown"), 8);
    assert_int_equal(report_page_at(&page, "trajectories.0.missing")->count, 2);
    assert_int_equal(report_page_number(&page, "trajectories.0.missing.1"), 2);
    assert_int_equal(report_page_at(&page, "trajectories.0.scores.0.measures.judge.1")->kind,
                     GGDM_NODE_NULL);
    assert_true(report_page_number(&page, "live.fraction") == 0.25);
    assert_int_equal(report_page_at(&page, "live.eta_seconds")->kind, GGDM_NODE_NULL);
    report_page_free(&page);
}

static void test_html_base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        ggdm_html_base64(f, (const uint8_t *)cases[i][0], strlen(cases[i][0]));
        fclose(f);
        assert_string_equal(text, cases[i][1]);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_report_is_the_page_with_data_and_images_in_it),
        RUN_FIXTURE_TEST(test_report_of_a_fresh_run_is_complete),
        cmocka_unit_test(test_report_of_an_older_run_has_no_recipes),
        RUN_FIXTURE_TEST(test_report_has_no_moment_in_it),
        cmocka_unit_test_setup_teardown(test_report_sets_texts_as_texts, run_fixture_setup_plan,
                                        run_fixture_teardown),
        cmocka_unit_test(test_report_table_escapes_what_people_wrote),
        cmocka_unit_test(test_report_sprites_are_the_stored_pixels),
        RUN_FIXTURE_TEST(test_report_puts_many_images_beside_it),
        RUN_FIXTURE_TEST(test_report_says_which_images_are_missing),
        cmocka_unit_test(test_html_base64_is_that_of_rfc_4648),
    };
    return ggdm_test_main(tests);
}
