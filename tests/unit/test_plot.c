/* The accuracy figure. */
#include "jobs/plot.h"

#include <stdlib.h>
#include <string.h>

#include "common/png_image.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

static char *read_figure(const run_fixture *f, const char *name, size_t *size)
{
    char *dir = ggdm_test_path(f->dir, "figures"), *path = ggdm_test_path(dir, name);
    char *bytes = ggdm_test_read(path, size);
    free(path);
    free(dir);
    return bytes;
}

/* The data and the script alone, which takes a second less.  Returns what was said, owned. */
static char *plot_and_listen(run_fixture *f)
{
    bool drawn = true;
    char *path = strdup(getenv("PATH")), *said = ggdm_test_path(f->dir, "said");
    setenv("PATH", f->dir, 1);
    int old = ggdm_test_stderr_to(said);
    ggdm_status st = ggdm_plot_run(f->store, f->dir, &drawn, &err);
    ggdm_test_stderr_back(old);
    setenv("PATH", path, 1);
    ggdm_test_ok(st, &err);
    assert_false(drawn);
    char *text = ggdm_test_read(said, NULL);
    free(path);
    free(said);
    return text;
}

static void plot_without_gnuplot(run_fixture *f)
{
    free(plot_and_listen(f));
}

static void test_plot_data_has_a_block_per_kappa(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    plot_without_gnuplot(f);
    char *text = read_figure(f, "accuracy.dat", NULL);
    assert_non_null(strstr(text, "# kappa 0\n0 0.1 0.0178762 0.40415 "));
    assert_non_null(strstr(text, "\n\n\n# kappa 0.1\n"));
    assert_non_null(
        strstr(text, "\n1000 0.7 0.396778 0.892209 1 0.722467 1 0 0 0.277533 10 0 1000\n"));
    free(text);
    text = read_figure(f, "accuracy.gp", NULL);
    assert_non_null(strstr(text, "n = 10 images per point, target 3, xt-full"));
    assert_non_null(strstr(text, "fixture \"one\""));
    free(text);
}

static void test_plot_draws_png_and_svg(void **state)
{
    run_fixture *f = *state;
    bool drawn;
    size_t size;
    ggdm_pixels pixels;
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(ggdm_plot_run(f->store, f->dir, &drawn, &err), &err);
    assert_true(drawn); /* scripts/deps.sh installs gnuplot */
    char *png = read_figure(f, "accuracy.png", &size);
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
    char *svg = read_figure(f, "accuracy.svg", &size);
    assert_non_null(strstr(svg, "conditioning duration t~ (steps)"));
    assert_non_null(strstr(svg, "accuracy (judge)"));
    free(svg);
}

static void test_plot_without_gnuplot_warns_and_goes_on(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    char *said = plot_and_listen(f);
    assert_non_null(strstr(said, "warning: gnuplot is not installed, figures are left out"));
    free(said);
    free(read_figure(f, "accuracy.dat", NULL)); /* for when it is */
    free(read_figure(f, "accuracy.gp", NULL));
}

static void test_plot_of_fresh_run_draws_nothing(void **state)
{
    run_fixture *f = *state;
    bool drawn = true;
    ggdm_test_ok(ggdm_plot_run(f->store, f->dir, &drawn, &err), &err);
    assert_false(drawn);
}

/* Two targets: unguided images count once, whatever they are asked for, and so does a cell that is
 * there again. */
static void test_plot_of_several_targets_gives_mean(void **state)
{
    run_fixture *f = *state;
    run_fixture_close(f);
    run_fixture_plan(f);
    for (int i = 0; i < RUN_CELLS; i++) {
        f->cell[i].duration = 1000 * (f->cell[i].trajectory > 0);
        f->cell[i].kappa = f->cell[i].trajectory > 0;
        f->cell[i].target = i % 2 ? 8 : 3;
    }
    f->info.name = "it's";
    run_fixture_create(f);
    run_fixture_work(f, 100, 1);
    plot_without_gnuplot(f);
    char *text = read_figure(f, "accuracy.dat", NULL);
    /* Cells 0, 1, 2, 3, 6 show trajectory 0: 3 (of three) has 1 of 10 right, 8 (of two) 9 of 10. */
    assert_non_null(strstr(text, "# kappa 0\n0 0.5 "));
    assert_non_null(strstr(text, " 10 0 0\n"));
    assert_non_null(strstr(text, "# kappa 1\n1000 "));
    assert_non_null(strstr(text, " 40 0 1000\n"));
    free(text);
    text = read_figure(f, "accuracy.gp", NULL);
    assert_non_null(strstr(text, "'it''s: n = 10 to 40 images per point, mean over 2 targets"));
    free(text);
}

/* Windows have places on the axis, in the order of their starts, each with its label. */
static void test_plot_of_windows_has_their_labels(void **state)
{
    run_fixture *f = *state;
    run_fixture_close(f);
    run_fixture_plan(f);
    for (int i = 0; i < RUN_CELLS; i++)
        if (f->cell[i].duration == 500)
            f->cell[i].start = 250;
    run_fixture_create(f);
    run_fixture_work(f, 100, 1);
    plot_without_gnuplot(f);
    char *text = read_figure(f, "accuracy.dat", NULL);
    assert_non_null(strstr(text, "# place judge"));
    assert_non_null(strstr(text, " 10 0 1000\n2 "));
    assert_non_null(strstr(text, " 10 250 500\n"));
    free(text);
    text = read_figure(f, "accuracy.gp", NULL);
    assert_non_null(strstr(text, "set xrange [-0.5:2.5]"));
    assert_non_null(strstr(text, "('0' 0, '1000' 1, '250+500' 2)"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_plot_data_has_a_block_per_kappa),
        RUN_FIXTURE_TEST(test_plot_draws_png_and_svg),
        RUN_FIXTURE_TEST(test_plot_without_gnuplot_warns_and_goes_on),
        RUN_FIXTURE_TEST(test_plot_of_fresh_run_draws_nothing),
        RUN_FIXTURE_TEST(test_plot_of_several_targets_gives_mean),
        RUN_FIXTURE_TEST(test_plot_of_windows_has_their_labels),
    };
    return ggdm_test_main(tests);
}
