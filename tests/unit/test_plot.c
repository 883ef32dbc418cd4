/* The accuracy figure. */
#include "jobs/plot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/png_image.h"
#include "tests/support/paper_results.h"

static ggdm_error err;

static const paper_axis product[] = {
    {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.1", "1", NULL}},
    {"duration", "t~", GGDM_PARAM_WINDOW, false, {"0", "500", "1000", NULL}},
    {"guidance.a.loss.target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
};

typedef struct plot_fixture {
    paper paper;
    char *dir;
    bool drawn;
    char *said; /* owned: on standard error */
} plot_fixture;

static void open_figure(plot_fixture *f, const paper_axis *axes, int n)
{
    *f = (plot_fixture){.dir = ggdm_test_mkdtemp()};
    paper_open(&f->paper, axes, n);
    for (int32_t i = 0; i < f->paper.r.n_rows; i++) {
        paper_say(&f->paper, i, PAPER_GUIDE, PAPER_N, PAPER_N);
        paper_say(&f->paper, i, PAPER_JUDGE, i % (PAPER_N + 1), PAPER_N);
    }
}

static void close_figure(plot_fixture *f)
{
    paper_close(&f->paper);
    free(f->said);
    ggdm_test_rmdir(f->dir);
}

static char *read_figure(const plot_fixture *f, const char *name, size_t *size)
{
    char *dir = ggdm_test_path(f->dir, "figures"), *path = ggdm_test_path(dir, name);
    char *bytes = ggdm_test_read(path, size);
    free(path);
    free(dir);
    return bytes;
}

static bool is_there(const plot_fixture *f, const char *name)
{
    char *dir = ggdm_test_path(f->dir, "figures"), *path = ggdm_test_path(dir, name);
    bool there = ggdm_exists(path);
    free(path);
    free(dir);
    return there;
}

static void draw(plot_fixture *f)
{
    ggdm_test_ok(ggdm_plot_run(&f->paper.r, f->dir, &f->drawn, &err), &err);
}

/* The data and the script alone, which takes a second less. */
static void draw_without_gnuplot(plot_fixture *f)
{
    char *path = strdup(getenv("PATH")), *said = ggdm_test_path(f->dir, "said");
    setenv("PATH", f->dir, 1);
    int old = ggdm_test_stderr_to(said);
    ggdm_status st = ggdm_plot_run(&f->paper.r, f->dir, &f->drawn, &err);
    ggdm_test_stderr_back(old);
    setenv("PATH", path, 1);
    ggdm_test_ok(st, &err);
    assert_false(f->drawn);
    free(f->said);
    f->said = ggdm_test_read(said, NULL);
    free(path);
    free(said);
}

static void check_texts(const plot_fixture *f, const char *name, const char *const *parts)
{
    char *text = read_figure(f, name, NULL);
    for (; *parts; parts++)
        if (!strstr(text, *parts))
            ggdm_test_fail("%s: no '%s' in:\n%s", name, *parts, text);
    free(text);
}
#define CHECK(f, name, ...) check_texts(f, name, (const char *const[]){__VA_ARGS__, NULL})

static void test_plot_data_has_a_block_per_curve(void **state)
{
    (void)state;
    plot_fixture f;
    open_figure(&f, product, 3);
    f.paper.r.rows[8].diverged = 3;
    draw_without_gnuplot(&f);
    CHECK(&f, "accuracy.dat",
          "# x judge_accuracy judge_accuracy_lo judge_accuracy_hi guide_accuracy ",
          "# κ = 0\n0 0 0 0.277533 1 0.722467 1 0 0 0.277533 10\n500 0.1 ",
          "\n\n\n# κ = 0.1\n0 0.3 ",
          "\n1000 0.8 0.490162 0.943318 1 0.722467 1 0.3 0.107791 0.603222 10\n");
    CHECK(&f, "accuracy.gp", "'paper \"one\": n = 10 images per point, target 3, Wilson 95 %'",
          "set xlabel 'duration (t~)'\n", "set xrange [-20:1020]", "title 'κ = 0.1'",
          "set ylabel 'accuracy (judge)'", "set ylabel 'accuracy (guide)'",
          "set ylabel 'diverged (share)'", "layout 1,3");
    close_figure(&f);
}

/* Whenever it is drawn, the same bytes: a PDF would say when. */
static void test_plot_draws_png_svg_and_pdf(void **state)
{
    (void)state;
    plot_fixture f;
    size_t size;
    ggdm_pixels pixels;
    open_figure(&f, product, 3);
    draw(&f);
    assert_true(f.drawn); /* scripts/deps.sh installs gnuplot */
    char *png = read_figure(&f, "accuracy.png", &size);
    ggdm_test_ok(ggdm_png_decode(png, size, 4000, &pixels, &err), &err);
    assert_true(pixels.width > 1000);
    ggdm_pixels_deinit(&pixels);
    const char *keep = getenv("GGDM_KEEP");
    if (keep) {
        char *path = ggdm_test_path(keep, "accuracy.png");
        ggdm_test_write(path, png, size);
        free(path);
    }
    free(png);
    CHECK(&f, "accuracy.svg", "duration (t~)", "accuracy (judge)");
    char *pdf = read_figure(&f, "accuracy.pdf", &size);
    assert_memory_equal(pdf, "%PDF-1.", 7);
    assert_non_null(memmem(pdf, size, "/CreationDate (D:19700101000000", 31));
    free(pdf);
    assert_false(is_there(&f, "accuracy.log") || is_there(&f, "accuracy-2.svg") ||
                 is_there(&f, "accuracy-2.pdf"));
    close_figure(&f);
}

static void test_plot_without_gnuplot_warns_and_goes_on(void **state)
{
    (void)state;
    plot_fixture f;
    open_figure(&f, product, 3);
    draw_without_gnuplot(&f);
    assert_non_null(strstr(f.said, "warning: gnuplot is not installed, figures are left out"));
    assert_true(is_there(&f, "accuracy.dat") && is_there(&f, "accuracy.gp")); /* for when it is */
    close_figure(&f);
}

static void test_plot_without_scores_draws_nothing(void **state)
{
    (void)state;
    plot_fixture f;
    open_figure(&f, product, 3);
    for (int32_t i = 0; i < f.paper.r.n_rows; i++)
        for (int32_t k = 0; k < 2; k++)
            paper_say(&f.paper, i, k, 0, 0);
    draw(&f);
    assert_false(f.drawn || is_there(&f, "accuracy.dat"));
    close_figure(&f);
}

/* Two targets: images that both show count once, and so does a cell that is there again. */
static void test_plot_is_the_mean_over_what_is_aimed_at(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "kappa", GGDM_PARAM_REAL, false, {"0", "1", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", "8", "8", NULL}},
    };
    plot_fixture f;
    open_figure(&f, axes, 2);
    f.paper.info.name = "it's";
    for (int32_t i = 0; i < 6; i++) {
        f.paper.r.rows[i].cell.trajectory = i < 3 ? 0 : i < 4 ? 1 : 2;
        paper_say(&f.paper, i, PAPER_JUDGE, i % 3 ? 9 : 1, PAPER_N);
    }
    f.paper.r.rows[4].n = 5; /* cell 5 shows the same, and more of it */
    paper_say(&f.paper, 4, PAPER_JUDGE, 0, 5);
    draw_without_gnuplot(&f);
    CHECK(&f, "accuracy.dat", "\n0 0.5 ", " 10\n1 0.5 ", " 20\n");
    CHECK(&f, "accuracy.gp",
          "'it''s: n = 10 to 20 images per point, mean over 2 values of target, Wilson 95 %'",
          "set xlabel 'kappa'");
    close_figure(&f);
}

/* Of cells that ended themselves a point has the mean of their intervals, and the figure says so.
 */
static void test_plot_of_until_has_time_uniform_intervals(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "kappa", GGDM_PARAM_REAL, false, {"0", "1", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", "8", NULL}},
    };
    static const ggdm_until rule = {.halfwidth = 0.2, .level = 0.05, .at_most = 60, .block = 10};
    plot_fixture f;
    open_figure(&f, axes, 2);
    for (int32_t i = 0; i < 4; i++) {
        f.paper.r.rows[i].cell.trajectory = i;
        f.paper.r.rows[i].until = &rule;
        paper_say(&f.paper, i, PAPER_JUDGE, i % 2 ? 7 : 4, PAPER_N);
    }
    draw_without_gnuplot(&f);
    CHECK(&f, "accuracy.dat", "\n0 0.55 0.171824 0.885421 ");
    CHECK(&f, "accuracy.gp", "mean over 2 values of target, time-uniform 95 %'");
    close_figure(&f);
}

/* Windows that begin elsewhere, and texts, have places on the axis, each with its label. */
static void test_plot_of_categories_has_their_labels(void **state)
{
    (void)state;
    paper_axis axes[] = {
        {"duration", "t~", GGDM_PARAM_WINDOW, false, {"250+500", "0", "1000", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    plot_fixture f;
    open_figure(&f, axes, 2);
    draw_without_gnuplot(&f);
    CHECK(&f, "accuracy.dat", "# place judge", "\n0 0.1 ", "\n2 0 ");
    CHECK(&f, "accuracy.gp", "set xrange [-0.5:2.5]", "('0' 0, '1000' 1, '250+500' 2)",
          "set xlabel 'duration (t~): start+length'", "set style data yerrorlines");
    close_figure(&f);
    axes[0] = (paper_axis){"model", "model", GGDM_PARAM_MODEL, false, {"it's", "a", NULL}};
    open_figure(&f, axes, 2);
    draw_without_gnuplot(&f);
    CHECK(&f, "accuracy.gp", "('it''s' 0, 'a' 1)", "title ''", "set style data yerrorbars");
    close_figure(&f);
}

static void test_plot_of_decades_is_logarithmic(void **state)
{
    (void)state;
    paper_axis axes[] = {
        {"kappa", "kappa", GGDM_PARAM_REAL, false, {"0.01", "0.1", "10", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    plot_fixture f;
    open_figure(&f, axes, 2);
    draw_without_gnuplot(&f);
    CHECK(&f, "accuracy.gp", "set logscale x", "using ($1*1):2:3:4");
    close_figure(&f);
    axes[0].values[2] = "1";
    open_figure(&f, axes, 2);
    draw_without_gnuplot(&f);
    char *text = read_figure(&f, "accuracy.gp", NULL);
    assert_null(strstr(text, "logscale"));
    free(text);
    close_figure(&f);
}

/* Seven models: six rows of panels on one page, one on the next; pages that are not needed go. */
static void test_plot_of_many_axes_has_rows_and_pages(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"model", "model", GGDM_PARAM_MODEL, false, {"a", "b", "c", "d", "e", "f", "g", NULL}},
        {"kappa", "kappa", GGDM_PARAM_REAL, false, {"0", "1", "2", "3", "4", "5", "6", "7", NULL}},
        {"duration",
         "t~",
         GGDM_PARAM_WINDOW,
         false,
         {"0", "1", "2", "3", "4", "5", "6", "7", "8", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    plot_fixture f;
    open_figure(&f, axes, 4);
    draw(&f);
    assert_true(f.drawn && is_there(&f, "accuracy.svg") && is_there(&f, "accuracy-2.png"));
    assert_false(is_there(&f, "accuracy-3.png"));
    CHECK(&f, "accuracy.gp", "layout 6,2", "layout 1,2", "set title 'model = g'", "index 55 using");
    f.paper.r.n_rows /= 7;
    draw(&f);
    assert_false(is_there(&f, "accuracy-2.png") || is_there(&f, "accuracy-2.svg") ||
                 is_there(&f, "accuracy-2.pdf"));
    close_figure(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plot_data_has_a_block_per_curve),
        cmocka_unit_test(test_plot_draws_png_svg_and_pdf),
        cmocka_unit_test(test_plot_without_gnuplot_warns_and_goes_on),
        cmocka_unit_test(test_plot_without_scores_draws_nothing),
        cmocka_unit_test(test_plot_is_the_mean_over_what_is_aimed_at),
        cmocka_unit_test(test_plot_of_until_has_time_uniform_intervals),
        cmocka_unit_test(test_plot_of_categories_has_their_labels),
        cmocka_unit_test(test_plot_of_decades_is_logarithmic),
        cmocka_unit_test(test_plot_of_many_axes_has_rows_and_pages),
    };
    return ggdm_test_main(tests);
}
