/* The rule of `until:` on images that are judged already: what it decides, and, in simulated sweeps
 * over Figure 4's grid, that what it promises holds.  GGDM_SWEEPS=1000 simulates so many. */
#include "jobs/until.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"
#include "common/philox.h"

/* ---- single decisions ---- */

static ggdm_contestant with(int32_t k, const uint64_t *right)
{
    return (ggdm_contestant){.k = k, .right = right};
}

static void test_until_halfwidth_stops_what_is_narrow(void **state)
{
    (void)state;
    const ggdm_until rule = {.halfwidth = 0.115, .level = 0.05, .at_most = 300, .block = 25};
    ggdm_contestant c[] = {with(0, NULL), with(50, NULL), with(100, NULL)};
    ggdm_until_decide(&rule, 100, c, 3, 1);
    assert_int_equal(c[0].state, GGDM_UNTIL_NARROW);
    assert_int_equal(c[1].state, GGDM_UNTIL_OPEN); /* 15.6 points */
    assert_int_equal(c[2].state, GGDM_UNTIL_NARROW);
    assert_true(c[1].share.p == 0.5 && ggdm_share_halfwidth(c[1].share) > 0.115);
    c[1].k = 100;
    ggdm_until_decide(&rule, 200, &c[1], 1, 1);
    assert_int_equal(c[1].state, GGDM_UNTIL_NARROW); /* 11.49 */
}

static void test_until_at_most_stops_what_is_still_wide(void **state)
{
    (void)state;
    const ggdm_until rule = {.halfwidth = 0.01, .level = 0.05, .at_most = 100, .block = 30};
    ggdm_contestant c[] = {with(50, NULL)};
    assert_int_equal(ggdm_until_next(&rule, 30), 60);
    assert_int_equal(ggdm_until_next(&rule, 90), 100);
    assert_int_equal(ggdm_until_next(&rule, 70), 100);
    ggdm_until_decide(&rule, 100, c, 1, 1);
    assert_int_equal(c[0].state, GGDM_UNTIL_AT_MOST);
}

/* Images [from, to) are right. */
static void mark(uint64_t *bits, int from, int to)
{
    for (int i = from; i < to; i++)
        bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static void test_until_race_stops_losers_by_images_that_differ(void **state)
{
    (void)state;
    const ggdm_until rule = {.best = 0.95, .level = 0.05, .at_most = 400, .block = 25};
    uint64_t bits[3][2] = {{0}};
    mark(bits[0], 0, 100);
    mark(bits[1], 20, 100); /* 20 that only the first one has: 2^20 / 21 */
    mark(bits[2], 4, 100);  /* 4: no news */
    ggdm_contestant c[] = {with(100, bits[0]), with(80, bits[1]), with(96, bits[2])};
    ggdm_until_decide(&rule, 100, c, 3, 3);
    assert_int_equal(c[0].state, GGDM_UNTIL_OPEN);
    assert_int_equal(c[1].state, GGDM_UNTIL_LOST);
    assert_int_equal(c[1].lost_to, 0);
    assert_true(c[1].alone == 0 && c[1].against == 20);
    assert_int_equal(c[2].state, GGDM_UNTIL_OPEN);
    ggdm_contestant two[] = {c[0], c[2]};
    const ggdm_until last = {.best = 0.95, .level = 0.05, .at_most = 100, .block = 25};
    ggdm_until_decide(&last, 100, two, 2, 3);
    assert_true(two[0].state == GGDM_UNTIL_AT_MOST && two[1].state == GGDM_UNTIL_AT_MOST);
    ggdm_contestant pair[] = {c[0], c[1]};
    ggdm_until_decide(&rule, 100, pair, 2, 3);
    assert_true(pair[0].state == GGDM_UNTIL_BEST && pair[1].state == GGDM_UNTIL_LOST);
}

/* 2^a / (a + 1) against (K - 1) / (1 - best): with two cells 20, with 101 of them 2000. */
static void test_until_race_asks_more_of_more_cells(void **state)
{
    (void)state;
    const ggdm_until rule = {.best = 0.95, .level = 0.05, .at_most = 400, .block = 25};
    static const struct {
        int field, enough;
    } rows[] = {{2, 8}, {101, 15}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int more = 0; more < 2; more++) {
            const int a = rows[i].enough - 1 + more;
            uint64_t winner[1] = {0}, other[1] = {0};
            mark(winner, 0, a);
            ggdm_contestant c[] = {with(0, other), with(a, winner)};
            ggdm_until_decide(&rule, 50, c, 2, rows[i].field);
            assert_int_equal(c[0].state, more ? GGDM_UNTIL_LOST : GGDM_UNTIL_OPEN);
            assert_int_equal(c[1].state, more ? GGDM_UNTIL_BEST : GGDM_UNTIL_OPEN);
        }
    }
}

/* ---- simulated sweeps ---- */

/* Figure 4's grid: the judge's accuracies in docs/RESULTS.md, the first of ten cells. */
static const double grid[] = {0.115, 0.13, 0.19, 0.36, 0.59, 0.83,  0.855, 0.17,  0.28, 0.5,
                              0.75,  0.98, 0.99, 0.19, 0.31, 0.555, 0.845, 0.995, 1.0};
enum { CELLS = sizeof grid / sizeof *grid, MOST = 2000, WORDS = (MOST + 63) / 64 };

typedef struct simulation {
    ggdm_until rule;
    uint64_t right[CELLS][WORDS];
    int32_t images[CELLS]; /* when it was stopped */
    ggdm_contestant cell[CELLS];
} simulation;

/* Which images of all cells are right.  Half of the images are as hard in all of them, as noise is
 * shared; the other half is each cell's own. */
static void draw(simulation *s, uint32_t sweep)
{
    static double common[MOST], own[MOST], which[MOST];
    ggdm_uniforms(20, GGDM_STREAM_SHUFFLE, sweep, 1000, MOST, common);
    ggdm_uniforms(20, GGDM_STREAM_SHUFFLE, sweep, 1001, MOST, which);
    memset(s->right, 0, sizeof s->right);
    for (uint32_t c = 0; c < CELLS; c++) {
        ggdm_uniforms(20, GGDM_STREAM_SHUFFLE, sweep, c, MOST, own);
        for (int i = 0; i < MOST; i++)
            if ((which[i] < 0.5 ? common[i] : own[i]) < grid[c])
                mark(s->right[c], i, i + 1);
    }
}

static int32_t count_right(const uint64_t *bits, int32_t n)
{
    int32_t k = 0;
    for (int32_t i = 0; i < n; i++)
        k += bits[i / 64] >> (i % 64) & 1;
    return k;
}

/* Rounds until no cell is open. */
static void run(simulation *s)
{
    int32_t open[CELLS], n_open = CELLS, n = s->rule.block;
    for (int32_t i = 0; i < CELLS; i++)
        open[i] = i;
    for (; n_open > 0; n = ggdm_until_next(&s->rule, n)) {
        ggdm_contestant now[CELLS];
        uint64_t cut[CELLS][WORDS]; /* no decision sees more than n images */
        int32_t left = 0;
        for (int32_t i = 0; i < n_open; i++) {
            memcpy(cut[i], s->right[open[i]], sizeof cut[i]);
            for (int32_t k = n; k < (n + 63) / 64 * 64; k++)
                cut[i][k / 64] &= ~(UINT64_C(1) << (k % 64));
            now[i] = with(count_right(cut[i], n), cut[i]);
        }
        ggdm_until_decide(&s->rule, n, now, n_open, CELLS);
        for (int32_t i = 0; i < n_open; i++) {
            s->cell[open[i]] = now[i];
            s->images[open[i]] = n;
            if (now[i].state == GGDM_UNTIL_OPEN)
                open[left++] = open[i];
        }
        n_open = left;
    }
}

static uint32_t sweeps(void)
{
    const char *text = getenv("GGDM_SWEEPS");
    const long n = text ? strtol(text, NULL, 10) : 0;
    return n > 0 && n <= 1000000 ? (uint32_t)n : 100;
}

/* Every cell's interval, where it was stopped, has the true share in at least 95 % of the sweeps;
 * fewer images than with the same number everywhere. */
static void check_halfwidth(double halfwidth, int32_t everywhere)
{
    static simulation s;
    double images = 0;
    int32_t missed[CELLS] = {0}, all = 0, most = 0;
    s.rule = (ggdm_until){.halfwidth = halfwidth, .level = 0.05, .at_most = MOST, .block = 25};
    for (uint32_t sweep = 0; sweep < sweeps(); sweep++) {
        draw(&s, sweep);
        run(&s);
        for (int i = 0; i < CELLS; i++) {
            const ggdm_share *share = &s.cell[i].share;
            missed[i] += grid[i] < share->lo || grid[i] > share->hi;
            images += s.images[i];
            assert_int_equal(s.cell[i].state, GGDM_UNTIL_NARROW);
            assert_true(ggdm_share_halfwidth(*share) <= halfwidth);
        }
    }
    for (int i = 0; i < CELLS; i++) {
        all += missed[i];
        most = missed[i] > most ? missed[i] : most;
    }
    images /= sweeps();
    print_message("half width %g: %.0f images of a sweep in the mean, %d everywhere; %u sweeps: "
                  "outside of the interval %.2f %% of all, at most %.1f %% of a cell\n",
                  halfwidth, images, everywhere * CELLS, sweeps(),
                  100.0 * all / ((double)sweeps() * CELLS), 100.0 * most / sweeps());
    assert_true(images < (double)everywhere * CELLS);
    assert_true(all <= 0.05 * (double)sweeps() * CELLS);
    if (sweeps() >= 1000)
        assert_true(most <= 0.05 * sweeps());
}

static void test_until_halfwidth_covers_in_simulated_sweeps(void **state)
{
    (void)state;
    check_halfwidth(0.115, 200); /* that of a share of 1/2 with 200 images */
    check_halfwidth(0.0694, 575);
}

static void test_until_race_keeps_the_best_in_simulated_sweeps(void **state)
{
    (void)state;
    static simulation s;
    double images = 0, left = 0;
    uint32_t lost = 0;
    s.rule = (ggdm_until){.best = 0.95, .level = 0.05, .at_most = MOST, .block = 25};
    for (uint32_t sweep = 0; sweep < sweeps(); sweep++) {
        draw(&s, 500000 + sweep);
        run(&s);
        lost += s.cell[CELLS - 1].state == GGDM_UNTIL_LOST;
        for (int i = 0; i < CELLS; i++) {
            images += s.images[i];
            left += s.cell[i].state != GGDM_UNTIL_LOST;
            assert_true(s.cell[i].state != GGDM_UNTIL_NARROW);
        }
    }
    print_message("race: %.0f images of a sweep in the mean, %d everywhere; %.2f cells left; the "
                  "best one lost in %u of %u\n",
                  images / sweeps(), MOST * CELLS, left / sweeps(), lost, sweeps());
    assert_true(images / sweeps() < 0.5 * MOST * CELLS);
    assert_true(lost <= 0.05 * sweeps() && left / sweeps() < 3);
}

/* All cells are equally good: the first one, which is as good as any, is seldom lost. */
static void test_until_race_of_equals_seldom_loses_any_given_one(void **state)
{
    (void)state;
    static simulation s;
    uint32_t lost = 0;
    s.rule = (ggdm_until){.best = 0.9, .level = 0.05, .at_most = 500, .block = 25};
    for (uint32_t sweep = 0; sweep < sweeps(); sweep++) {
        double u[500];
        memset(s.right, 0, sizeof s.right);
        for (uint32_t c = 0; c < CELLS; c++) {
            ggdm_uniforms(21, GGDM_STREAM_SHUFFLE, sweep, c, 500, u);
            for (int i = 0; i < 500; i++)
                if (u[i] < 0.5)
                    mark(s.right[c], i, i + 1);
        }
        run(&s);
        lost += s.cell[0].state == GGDM_UNTIL_LOST;
    }
    print_message("equals: the first one lost in %u of %u\n", lost, sweeps());
    assert_true(lost <= 0.1 * sweeps());
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_until_halfwidth_stops_what_is_narrow),
        cmocka_unit_test(test_until_at_most_stops_what_is_still_wide),
        cmocka_unit_test(test_until_race_stops_losers_by_images_that_differ),
        cmocka_unit_test(test_until_race_asks_more_of_more_cells),
        cmocka_unit_test(test_until_halfwidth_covers_in_simulated_sweeps),
        cmocka_unit_test(test_until_race_keeps_the_best_in_simulated_sweeps),
        cmocka_unit_test(test_until_race_of_equals_seldom_loses_any_given_one),
    };
    return ggdm_test_main(tests);
}
