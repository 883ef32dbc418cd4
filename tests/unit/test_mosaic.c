/* The sheet over all cells: where images are, what stands around them, what is too large. */
#include "jobs/mosaic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/png_image.h"
#include "tests/support/run_fixture.h"

enum { GAP = 6, FRAME = 2, BOX = 2 * RUN_SIDE, BLOCK = BOX + 2 * FRAME };

static ggdm_error err;

static char *read_figure(const run_fixture *f, const char *name, size_t *size)
{
    char relative[100];
    snprintf(relative, sizeof relative, "figures/%s", name);
    char *path = ggdm_test_path(f->dir, relative);
    char *bytes = ggdm_test_read(path, size);
    free(path);
    return bytes;
}

static bool there(const run_fixture *f, const char *name)
{
    char *path = ggdm_test_path(f->dir, name);
    bool yes = ggdm_exists(path);
    free(path);
    return yes;
}

static bool draw(run_fixture *f, int32_t per_cell)
{
    ggdm_results r;
    bool drawn;
    ggdm_test_ok(ggdm_results_open(f->store, &r, &err), &err);
    ggdm_test_ok(ggdm_mosaic_run(&r, f->dir, per_cell, &drawn, &err), &err);
    ggdm_results_deinit(&r);
    return drawn;
}

static void read_tiles(const run_fixture *f, ggdm_pixels *out)
{
    size_t size;
    char *png = read_figure(f, "sheet-tiles.png", &size);
    ggdm_test_ok(ggdm_png_decode(png, size, 4000, out, &err), &err);
    free(png);
}

static const uint8_t *at(const ggdm_pixels *p, int32_t x, int32_t y)
{
    return p->data + ((size_t)y * (size_t)p->width + (size_t)x) * 3;
}

/* The image at a pixel of the tiles is that of a trajectory, twice as large. */
static void check_image(const ggdm_pixels *tiles, int32_t left, int32_t top, int64_t trajectory,
                        int32_t index)
{
    ggdm_sample sample;
    ggdm_pixels want;
    run_fixture_sample(NULL, trajectory, index, 1, &sample);
    ggdm_test_ok(ggdm_png_decode(sample.data, sample.size, 100, &want, &err), &err);
    for (int32_t y = 0; y < BOX; y++)
        for (int32_t x = 0; x < BOX; x++)
            assert_int_equal(at(tiles, left + x, top + y)[1], want.data[y / 2 * RUN_SIDE + x / 2]);
    ggdm_pixels_deinit(&want);
    ggdm_sample_deinit(&sample);
}

/* duration goes across, kappa down. */
static void test_mosaic_has_each_cell_in_its_place(void **state)
{
    run_fixture *f = *state;
    ggdm_pixels tiles;
    const int32_t step = BLOCK + GAP, inside = GAP + FRAME;
    run_fixture_work(f, 100, 1);
    draw(f, 1);
    read_tiles(f, &tiles);
    assert_int_equal(tiles.width, GAP + 3 * step);
    assert_int_equal(tiles.height, GAP + 3 * step);
    check_image(&tiles, inside, inside, 0, 0);
    check_image(&tiles, inside + step, inside + step, 1, 0);     /* kappa 0.1, duration 500 */
    check_image(&tiles, inside + 2 * step, inside + step, 2, 0); /* kappa 0.1, duration 1000 */
    check_image(&tiles, inside + step, inside + 2 * step, 3, 0); /* kappa 1, duration 500 */
    assert_int_equal(at(&tiles, GAP + step, GAP + step)[0], 0);  /* right: green */
    assert_int_equal(at(&tiles, GAP + step, GAP + step)[1], 158);
    assert_int_equal(at(&tiles, GAP + 2 * step, GAP + 2 * step)[0], 50); /* diverged: dark */
    assert_int_equal(at(&tiles, 0, 0)[0], 255);
    ggdm_pixels_deinit(&tiles);
}

/* As many as the run says, five of them in a block of 3 x 2. */
static void test_mosaic_of_several_images_fills_blocks(void **state)
{
    run_fixture *f = *state;
    ggdm_pixels tiles;
    f->info.sheet = 5;
    run_fixture_create(f);
    run_fixture_work(f, 100, 1);
    run_fixture_reopen(f, NULL);
    draw(f, 0);
    read_tiles(f, &tiles);
    assert_int_equal(tiles.width, GAP + 3 * (3 * BLOCK + GAP));
    assert_int_equal(tiles.height, GAP + 3 * (2 * BLOCK + GAP));
    for (int32_t i = 0; i < 5; i++)
        check_image(&tiles, GAP + FRAME + i % 3 * BLOCK, GAP + FRAME + i / 3 * BLOCK, 0, i);
    assert_int_equal(at(&tiles, GAP + FRAME + 2 * BLOCK, GAP + FRAME + BLOCK)[0], 255);
    ggdm_pixels_deinit(&tiles);
    draw(f, 100); /* no more than there are */
    read_tiles(f, &tiles);
    assert_int_equal(tiles.width, GAP + 3 * (4 * BLOCK + GAP));
    ggdm_pixels_deinit(&tiles);
}

static void test_mosaic_of_a_run_under_way_is_grey_where_nothing_is(void **state)
{
    run_fixture *f = *state;
    ggdm_pixels tiles;
    assert_false(draw(f, 1));
    assert_false(there(f, "figures"));
    run_fixture_work(f, 3, 1); /* the unguided images */
    draw(f, 1);
    read_tiles(f, &tiles);
    const int32_t inside = GAP + FRAME, step = BLOCK + GAP;
    check_image(&tiles, inside, inside, 0, 0);
    assert_int_equal(at(&tiles, inside + step, inside + step)[0], 240);
    assert_int_equal(at(&tiles, GAP + step, GAP + step)[0], 255);
    ggdm_pixels_deinit(&tiles);
}

static void test_mosaic_says_what_varies(void **state)
{
    static const char *const texts[] = {
        "'kappa (κ)'",     "'duration (t~)'",
        "'500'",           "'0.1'",
        "'right (judge)'", "'wrong (judge)'",
        "'diverged'",      "'fixture \"one\": 10 images of each cell'"};
    run_fixture *f = *state;
    size_t size;
    run_fixture_work(f, 100, 1);
    draw(f, 10);
    char *script = read_figure(f, "sheet.gp", &size);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strstr(script, texts[i]))
            fail_msg("sheet.gp does not say %s", texts[i]);
    free(script);
}

/* Also by gnuplot, where it is installed. */
static void test_mosaic_twice_gives_equal_bytes(void **state)
{
    static const char *const names[] = {"sheet-tiles.png", "sheet.gp", "sheet.png", "sheet.svg",
                                        "sheet.pdf"};
    enum { N = sizeof names / sizeof *names };
    run_fixture *f = *state;
    char *first[N];
    size_t sizes[N];
    run_fixture_work(f, 100, 1);
    const int n = draw(f, 1) ? N : 2;
    for (int i = 0; i < n; i++)
        first[i] = read_figure(f, names[i], &sizes[i]);
    draw(f, 1);
    for (int i = 0; i < n; i++) {
        size_t size;
        char *again = read_figure(f, names[i], &size);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(again, first[i], size);
        free(again);
        free(first[i]);
    }
}

/* gnuplot moves no pixel of the tiles and mixes none: they are in the figure as they are. */
static void test_mosaic_figure_holds_the_tiles(void **state)
{
    run_fixture *f = *state;
    ggdm_pixels tiles, figure;
    size_t size;
    run_fixture_work(f, 100, 1);
    if (!draw(f, 1))
        skip();
    read_tiles(f, &tiles);
    char *png = read_figure(f, "sheet.png", &size);
    ggdm_test_ok(ggdm_png_decode(png, size, 4000, &figure, &err), &err);
    free(png);
    bool found = false;
    for (int32_t y = 0; y <= figure.height - tiles.height && !found; y++)
        for (int32_t x = 0; x <= figure.width - tiles.width && !found; x++) {
            found = true;
            for (int32_t k = 1; k < tiles.height - 1 && found; k++)
                found = memcmp(at(&figure, x + 1, y + k), at(&tiles, 1, k),
                               (size_t)(tiles.width - 2) * 3) == 0;
        }
    assert_true(found);
    ggdm_pixels_deinit(&figure);
    ggdm_pixels_deinit(&tiles);
}

static void test_mosaic_sizes(void **state)
{
    (void)state;
    const struct {
        int32_t n, side, box, across, down;
        bool in_rows;
    } cases[] = {
        {1, 28, 56, 1, 1, false},   {4, 8, 64, 2, 2, false},     {5, 32, 64, 3, 2, false},
        {1, 64, 64, 1, 1, false},   {1, 100, 100, 1, 1, false},  {2, 128, 128, 2, 1, false},
        {1, 256, 128, 1, 1, false}, {1, 1000, 125, 1, 1, false}, {100, 28, 56, 10, 10, false},
        {5, 32, 64, 5, 1, true},    {30, 32, 64, 6, 5, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ggdm_mosaic_size s =
            ggdm_mosaic_size_of(cases[i].n, cases[i].side, cases[i].side, cases[i].in_rows);
        assert_int_equal(s.box_w, cases[i].box);
        assert_int_equal(s.box_h, cases[i].box);
        assert_int_equal(s.across, cases[i].across);
        assert_int_equal(s.down, cases[i].down);
        assert_true(s.columns >= 1 && s.lines >= 1);
        assert_int_equal(ggdm_mosaic_pages(&s, s.columns, s.lines), 1);
        assert_int_equal(ggdm_mosaic_pages(&s, s.columns + 1, s.lines), 2);
        assert_int_equal(ggdm_mosaic_pages(&s, 2 * s.columns, 2 * s.lines + 1), 6);
    }
}

#define PLANNED(name)                                                                              \
    cmocka_unit_test_setup_teardown(name, run_fixture_setup_plan, run_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_mosaic_has_each_cell_in_its_place),
        PLANNED(test_mosaic_of_several_images_fills_blocks),
        RUN_FIXTURE_TEST(test_mosaic_of_a_run_under_way_is_grey_where_nothing_is),
        RUN_FIXTURE_TEST(test_mosaic_says_what_varies),
        RUN_FIXTURE_TEST(test_mosaic_twice_gives_equal_bytes),
        RUN_FIXTURE_TEST(test_mosaic_figure_holds_the_tiles),
        cmocka_unit_test(test_mosaic_sizes),
    };
    return ggdm_test_main(tests);
}
