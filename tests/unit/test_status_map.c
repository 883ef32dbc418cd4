/* The cells as a heat map: where squares lie, what they say, and that it fits whatever room there
 * is. */
#include "coordinator/show/status_map.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

static const char *const kappas[] = {"0", "0.1", "1"}, *const durations[] = {"0", "500"};
static int32_t across[] = {0, 1, 2, 0, 1, 2}, down[] = {0, 0, 0, 1, 1, 1};

/* Two axes, or, without them, cells in their order, 3 values each. */
static ggdm_status_map map_of(ggdm_map_cell *cells, int32_t n, bool axes)
{
    ggdm_status_map m = {.cells = cells, .n = n, .run = 3};
    if (axes) {
        m.x = (ggdm_map_axis){"kappa", (const char **)kappas, 3, across};
        m.y = (ggdm_map_axis){"duration", (const char **)durations, 2, down};
    }
    return m;
}

static char *draw(const ggdm_status_map *m, int rows, int columns, bool utf8, bool colour)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const ggdm_canvas canvas = {rows, columns, utf8, colour};
    assert_non_null(out);
    ggdm_test_ok(ggdm_status_map_print(out, m, &canvas, &err), &err);
    fclose(out);
    return text;
}

static void assert_drawn(const ggdm_status_map *m, int rows, int columns, const char *wanted)
{
    char *text = draw(m, rows, columns, false, false);
    if (strcmp(text, wanted) != 0)
        ggdm_test_fail("%d x %d: expected\n%sgot\n%s", columns, rows, wanted, text);
    free(text);
}

static ggdm_map_cell six[] = {{0, 9, 0, false}, {1, 9, 0, false}, {3, 9, 1, false},
                              {6, 9, 0, false}, {9, 9, 0, false}, {2, 9, 0, true}};

static void test_map_lies_on_two_axes_where_there_is_room(void **state)
{
    (void)state;
    const ggdm_status_map m = map_of(six, 6, true);
    assert_drawn(&m, 20, 80,
                 "\n"
                 "           kappa\n"
                 "  duration   0 0.1   1\n"
                 "         0 ... ::: ++x\n"
                 "       500 *** ### ---\n"
                 "  none .:+*# all  x diverged  - cancelled\n");
    assert_drawn(&m, 20, 14, /* fewer values are named */
                 "\n"
                 "    kappa\n"
                 "d..  0   1\n"
                 "  0 ..::+x\n"
                 "500 **##--\n"
                 "  none .:+*# all  x diverged  - cancelled\n");
}

/* Names of cells take the place of axes, lines have whole runs of values where they can. */
static void test_map_is_in_the_order_of_the_cells_where_there_is_not(void **state)
{
    (void)state;
    ggdm_status_map m = map_of(six, 6, true);
    assert_drawn(&m, 5, 80,
                 "\n"
                 "  c0000 ..::+x**##--\n"
                 "  none .:+*# all  x diverged  - cancelled\n");
    assert_drawn(&m, 2, 18, "  c0000 ..::+x\n  c0003 **##--\n");
    assert_drawn(&m, 1, 18, "  c0000 .:x*#-\n");
    assert_drawn(&m, 1, 11, ".:x*#-\n");
    assert_drawn(&m, 1, 4, ":x+ \n"); /* two cells each */
    assert_drawn(&m, 1, 1, "x\n");
    assert_drawn(&m, 0, 80, "");
    m = map_of(NULL, 0, false);
    assert_drawn(&m, 20, 80, "");
}

static void test_map_has_texts_beside_its_lines(void **state)
{
    (void)state;
    static const char *const prompts[] = {"a cat", "Zähne"};
    int32_t rank[] = {0, 1};
    ggdm_map_cell cells[] = {{4, 4, 0, false}, {0, 4, 0, false}};
    ggdm_status_map m = {.cells = cells, .n = 2, .run = 1};
    m.y = (ggdm_map_axis){"prompt", (const char **)prompts, 2, rank};
    assert_drawn(&m, 20, 40,
                 "\n"
                 "  prompt \n"
                 "   a cat ###\n"
                 "   Zähne ...\n"
                 "  none .:+*# all\n");
}

static void test_map_has_shades_and_colours_where_they_can_be_seen(void **state)
{
    (void)state;
    static const char *const with[] = {"\033[2m···\033[0m", "\033[36m░░░\033[0m",
                                       "▒▒\033[0m\033[1;31m×\033[0m", "\033[36m▓▓▓\033[0m",
                                       "\033[32m███\033[0m"};
    const ggdm_status_map m = map_of(six, 6, true);
    char *text = draw(&m, 20, 80, true, true);
    for (size_t i = 0; i < sizeof with / sizeof *with; i++)
        if (!strstr(text, with[i]))
            ggdm_test_fail("no '%s' in:\n%s", with[i], text);
    free(text);
    text = draw(&m, 20, 80, true, false);
    assert_non_null(strstr(text, " 0 ··· ░░░ ▒▒×\n"));
    assert_null(strchr(text, '\033'));
    free(text);
}

/* Every square within the canvas, whatever the size, and none is missing. */
static void test_map_fits(void **state)
{
    (void)state;
    static const int32_t counts[] = {1, 2, 6, 7, 540, 2000, 12345};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        const int32_t n = counts[k];
        ggdm_map_cell *cells = ggdm_test_alloc((size_t)n, sizeof *cells);
        for (int32_t i = 0; i < n; i++)
            cells[i] = (ggdm_map_cell){1, 1, 0, false};
        const ggdm_status_map m = map_of(cells, n, n == 6);
        for (int rows = 1; rows < 60; rows += 1 + rows / 8)
            for (int columns = 1; columns < 200; columns += 1 + columns / 8) {
                char *text = draw(&m, rows, columns, false, false), *line = text;
                int lines = 0, squares = 0;
                for (char *end; *line; line = end + 1, lines++) {
                    end = strchr(line, '\n');
                    const bool of_squares = end > line && (end[-1] == '#' || end[-1] == ' ');
                    if (of_squares && end - line > columns)
                        ggdm_test_fail("%d cells, %d x %d: a line of %d", (int)n, columns, rows,
                                       (int)(end - line));
                    for (const char *c = line; of_squares && c < end; c++)
                        squares += *c == '#';
                }
                if (lines > rows || squares == 0)
                    ggdm_test_fail("%d cells, %d x %d: %d lines, %d squares", (int)n, columns, rows,
                                   lines, squares);
                free(text);
            }
        free(cells);
    }
}

/* ---- where it comes from ---- */

static ggdm_status_map read_map(const char *dir, const char *status, ggdm_status_map m)
{
    ggdm_doc *doc;
    ggdm_test_ok(ggdm_json_parse(status, strlen(status), 10000, "status.json", &doc, &err), &err);
    ggdm_test_ok(ggdm_status_map_read(dir, doc->root, &m, &err), &err);
    ggdm_doc_destroy(&doc);
    return m;
}

#define WAITING "{\"done\": 0, \"wanted\": 10}"
#define SEVEN WAITING "," WAITING "," WAITING "," WAITING "," WAITING "," WAITING "," WAITING

/* Axes from the store, counters from the status, which is newer. */
static void test_map_takes_its_axes_from_the_store(void **state)
{
    run_fixture *f = *state;
    ggdm_store_close(&f->store);
    ggdm_status_map m = read_map(f->dir,
                                 "{\"cells\": [" SEVEN ", {\"done\": 5, \"wanted\": 10, "
                                 "\"diverged\": 2}, {\"wanted\": 10, \"state\": \"cancelled\"}]}",
                                 (ggdm_status_map){0});
    assert_drawn(&m, 20, 80,
                 "\n"
                 "        duration\n"
                 "  kappa    0  500 1000\n"
                 "      0 .... .... ....\n"
                 "    0.1 .... .... ....\n"
                 "      1 .... +++x ----\n"
                 "  none .:+*# all  x diverged  - cancelled\n");
    ggdm_status_map_deinit(&m);
}

static void test_map_takes_all_from_the_store_where_cells_are_many(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 2, 1);
    ggdm_store_close(&f->store);
    ggdm_status_map m = read_map(f->dir, "{}", (ggdm_status_map){0});
    assert_int_equal(m.n, RUN_CELLS);
    assert_int_equal(m.cells[0].wanted, RUN_SAMPLES);
    int64_t done = 0;
    for (int32_t i = 0; i < m.n; i++)
        done += m.cells[i].done;
    assert_true(done > 0);
    ggdm_status_map_deinit(&m);
}

static void test_map_does_without_a_store(void **state)
{
    (void)state;
    ggdm_status_map m = read_map("/nowhere", "{\"cells\": [" SEVEN "]}", (ggdm_status_map){0});
    assert_drawn(&m, 1, 80, "  c0000 ..............\n");
    m = read_map("/nowhere", "{\"cells\": [1, {\"done\": \"x\"}, {\"done\": 1e300}]}", m);
    assert_int_equal(m.n, 3);
    m = read_map("/nowhere", "{\"cells\": 7}", m);
    ggdm_status_map_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_lies_on_two_axes_where_there_is_room),
        cmocka_unit_test(test_map_is_in_the_order_of_the_cells_where_there_is_not),
        cmocka_unit_test(test_map_has_texts_beside_its_lines),
        cmocka_unit_test(test_map_has_shades_and_colours_where_they_can_be_seen),
        cmocka_unit_test(test_map_fits),
        RUN_FIXTURE_TEST(test_map_takes_its_axes_from_the_store),
        RUN_FIXTURE_TEST(test_map_takes_all_from_the_store_where_cells_are_many),
        cmocka_unit_test(test_map_does_without_a_store),
    };
    return ggdm_test_main(tests);
}
