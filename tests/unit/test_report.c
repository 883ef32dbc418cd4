/* report.html: complete in itself, and nothing in it that could act. */
#include "coordinator/show/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "coordinator/show/html.h"
#include "coordinator/show/report_cells.h"
#include "tests/support/paper_results.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

static char *write_report(const run_fixture *f)
{
    ggdm_results r;
    ggdm_test_ok(ggdm_results_read(f->store, &r, &err), &err);
    ggdm_test_ok(ggdm_report_write(&r, f->dir, "report.html", NULL, &err), &err);
    ggdm_results_deinit(&r);
    char *path = ggdm_test_path(f->dir, "report.html"), *text = ggdm_test_read(path, NULL);
    free(path);
    return text;
}

static void check(const char *text, const char *const *parts)
{
    for (; *parts; parts++)
        if (!strstr(text, *parts))
            ggdm_test_fail("no '%s' in the page", *parts);
}
#define CHECK(text, ...) check(text, (const char *const[]){__VA_ARGS__, NULL})

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static void test_report_says_what_came_out(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    char *text = write_report(f);
    CHECK(text, "<h1>fixture &quot;one&quot;</h1>",
          "Guided diffusion with mnist-ddpm, mnist-cnn, mnist-judge", "<b>9</b><span>cells</span>",
          "<b>10</b><span>images a cell (n)</span>", "<b>50 / 50</b><span>distinct images</span>",
          "<b>c0005</b>", "<br>70.0 % right of n = 10", "<span class=bad>3 diverged</span>",
          "<th>judge<th>95 %<th>mean loss<th>guide<th>95 %<th>mean loss"
          "<th>saturation, mean<th>deviation",
          "[39.7, 89.2]", "<h2>Timeline</h2>",
          "guidance.loss.target</td><td class=l><code>3</code>",
          "mnist-judge, SHA-256</td><td class=l><code>cc</code>", "name: fixture\n");
    /* Cells in a row each of the slower parameter, each with its images. */
    assert_int_equal(count(text, "<div class=row>"), 3);
    assert_int_equal(count(text, "<img alt=c"), RUN_CELLS);
    /* What is computed, once for all cells that share it. */
    assert_int_equal(count(text, "<details>"), RUN_TRAJECTORIES);
    CHECK(text, "<pre>{&quot;stages&quot;:[{&quot;head&quot;:");
    free(text);
}

static void put_result(run_fixture *f, int32_t cell, double lo, const char *note)
{
    const ggdm_store_result result = {.cell = cell,
                                      .metric = "kid",
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

static void test_report_says_what_metrics_are_of_and_their_notes(void **state)
{
    run_fixture *f = *state;
    put_result(f, 1, -0.5, NULL);
    put_result(f, 2, (double)NAN, "of few");
    char *text = write_report(f);
    CHECK(text, "<th>kid<th>95 %", "<td>0.00125</td><td>[-0.5, 0.25]</td></tr>",
          "<td>0.00125 *</td><td>&ndash;</td></tr>", "<td>&ndash;</td><td>&ndash;</td></tr>",
          "<p class=sub>kid by pixels against &lt;us&gt;; * 1 cell: of few</p>");
    free(text);
    put_result(f, 3, -0.5, "of fewer");
    text = write_report(f);
    CHECK(text, "; * 2 cells, such as: of few</p>");
    free(text);
}

static void test_report_of_a_fresh_run_is_complete(void **state)
{
    run_fixture *f = *state;
    char *text = write_report(f);
    CHECK(text, "<b>0 / 50</b><span>distinct images</span>", "<tr><td class=l>c0008</td>",
          "</body>\n</html>\n");
    assert_int_equal(count(text, "<img"), 0);
    free(text);
}

/* Of every schema there was: the images and numbers are there, of recipes nothing is known. */
static void test_report_of_an_older_run_has_no_recipes(void **state)
{
    (void)state;
    for (int version = 1; version <= 3; version++) {
        run_fixture f = {.dir = ggdm_test_mkdtemp()};
        char name[64], *path = ggdm_test_path(f.dir, GGDM_STORE_FILE);
        size_t size;
        snprintf(name, sizeof name, "tests/support/data/store-v%d.db", version);
        char *bytes = ggdm_test_read(name, &size);
        ggdm_test_write(path, bytes, size);
        ggdm_test_ok(ggdm_store_read(f.dir, &f.store, &err), &err);
        char *text = write_report(&f);
        CHECK(text, "<b>c0000</b> κ = 0, t~ = 0<br>10.0 % right of n = 10",
              "<p>None: an older program made this run.</p>", "</body>\n</html>\n");
        free(text);
        ggdm_store_close(&f.store);
        ggdm_test_rmdir(f.dir);
        free(path);
        free(bytes);
    }
}

/* Every page of the figure that is there, without its XML prologue. */
static void test_report_shows_the_figures(void **state)
{
    run_fixture *f = *state;
    char *dir = ggdm_test_path(f->dir, "figures");
    static const char *const names[] = {"accuracy.svg", "accuracy-2.svg"};
    ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
    for (int i = 0; i < 2; i++) {
        static const char svg[] = "<?xml version=\"1.0\"?><svg>picture</svg>";
        char *path = ggdm_test_path(dir, names[i]);
        ggdm_test_write(path, svg, sizeof svg - 1);
        free(path);
    }
    char *text = write_report(f);
    assert_int_equal(count(text, "<h2>Accuracy</h2>\n<svg>picture</svg>"), 2);
    assert_int_equal(count(text, "<?xml"), 0);
    free(text);
    free(dir);
}

/* Texts of a sweep come from anywhere. */
static void test_report_escapes_what_people_wrote(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"prompt", "<b>", GGDM_PARAM_TEXT, false, {"<script>alert(1)</script>", "&", "", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    paper p;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    paper_open(&p, axes, 2);
    p.measures[PAPER_JUDGE].name = "<i>";
    paper_say(&p, 0, PAPER_JUDGE, 5, PAPER_N);
    ggdm_report_table(f, &p.r);
    ggdm_html_row(f, "<u>", "<s>");
    ggdm_html_row(f, "nothing", "");
    fclose(f);
    CHECK(text, "<th>&lt;b&gt;", "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>", "<td>&amp;</td>",
          "<td>&ndash;</td>", "<th>&lt;i&gt;<th>95 %", "50.0 %</td>",
          "&lt;u&gt;</td><td class=l><code>&lt;s&gt;");
    assert_null(strstr(text, "<script>"));
    assert_null(strstr(text, "nothing"));
    free(text);
    paper_close(&p);
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
        RUN_FIXTURE_TEST(test_report_says_what_came_out),
        RUN_FIXTURE_TEST(test_report_says_what_metrics_are_of_and_their_notes),
        RUN_FIXTURE_TEST(test_report_of_a_fresh_run_is_complete),
        cmocka_unit_test(test_report_of_an_older_run_has_no_recipes),
        RUN_FIXTURE_TEST(test_report_shows_the_figures),
        cmocka_unit_test(test_report_escapes_what_people_wrote),
        cmocka_unit_test(test_html_base64_is_that_of_rfc_4648),
    };
    return ggdm_test_main(tests);
}
