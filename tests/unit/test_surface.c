/* Response surface and Pareto front of results made by hand. */
#include "evaluate/surface.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate/front.h"
#include "evaluate/surface_scale.h"
#include "tests/support/paper_results.h"

static ggdm_error err;

enum { N = 200 };

static const paper_axis hill_axes[] = {
    {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "0.01", "0.03", "0.1", "0.3", "1", NULL}},
    {"duration", "t~", GGDM_PARAM_WINDOW, false, {"0", "250", "500", "750", "1000", NULL}},
    {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
};

/* Best near kappa 0.1 and duration 700; nothing happens at 0. */
static double hill(double kappa, double duration)
{
    const double a = log1p(kappa / 0.01) / log1p(100.) - 0.52, b = duration / 1000 - 0.7;
    return kappa == 0 || duration == 0 ? 0.1 : 0.1 + 0.75 * exp(-(a * a + b * b) / 0.1);
}

static void say_hill(paper *p)
{
    for (int32_t i = 0; i < p->r.n_rows; i++) {
        ggdm_row *row = &p->r.rows[i];
        const double kappa = p->r.values[i * p->r.n_columns].number;
        const double duration = p->r.values[i * p->r.n_columns + 1].number;
        if (kappa == 0 || duration == 0)
            row->cell.trajectory = 0;
        row->n = row->cell.wanted = N;
        paper_say(p, i, PAPER_JUDGE, (int32_t)lround(N * hill(kappa, duration)), N);
        paper_say(p, i, PAPER_GUIDE, N, N);
    }
}

static void test_surface_finds_the_top_of_a_hill(void **state)
{
    (void)state;
    paper p;
    paper_open(&p, hill_axes, 3);
    say_hill(&p);
    ggdm_test_ok(ggdm_surface_find(&p.r, &err), &err);
    const ggdm_surface *s = p.r.surface;
    assert_non_null(s);
    assert_string_equal(s->measure, "judge");
    assert_int_equal(s->n_axes, 2);
    assert_int_equal(s->n_places, 30);
    assert_int_equal(s->n_most, N);
    const ggdm_surface_axis *kappa = &s->axes[0], *duration = &s->axes[1];
    assert_string_equal(kappa->column->name, "kappa");
    assert_true(kappa->log && !duration->log && duration->whole);
    const ggdm_surface_place *best = &s->grid[s->best];
    assert_true(best->at[0] > 0.05 && best->at[0] < 0.2);
    assert_true(best->at[1] > 600 && best->at[1] < 800);
    assert_true(best->lo < 0.85 && best->hi > 0.85 && best->hi - best->lo < 0.15);
    assert_true(kappa->from < 0.1 && kappa->to > 0.1 && kappa->from > 0.01 && kappa->to < 0.5);
    assert_true(duration->from < 700 && duration->to > 700 && duration->from > 400);
    assert_true(s->may_share > 0 && s->may_share < 0.3);
    /* The band is where the truth is. */
    int inside = 0, n = 0;
    for (int32_t i = 0; i < s->n; i++) {
        const ggdm_surface_place *g = &s->grid[i];
        if (g->at[0] < 0.01 || g->at[1] < 250)
            continue; /* (the hill has an edge there) */
        const double truth = hill(g->at[0], g->at[1]);
        inside += truth >= g->lo && truth <= g->hi;
        n++;
    }
    assert_true(n > 500 && inside >= 0.95 * n);
    paper_close(&p);
}

/* Inside the range, written with two digits, none twice, none that is known. */
static void test_surface_next_is_new_and_readable(void **state)
{
    (void)state;
    paper p;
    paper_open(&p, hill_axes, 3);
    say_hill(&p);
    ggdm_test_ok(ggdm_surface_find(&p.r, &err), &err);
    const ggdm_surface *s = p.r.surface;
    assert_int_equal(s->n_next, GGDM_SURFACE_NEXT);
    assert_false(s->next[0].unsure); /* between the places that were swept it may be better */
    assert_true(s->next[GGDM_SURFACE_NEXT - 1].unsure);
    assert_true(fabs(s->next[0].x[0] - 0.52) < 0.25 && fabs(s->next[0].x[1] - 0.7) < 0.25);
    for (int32_t i = 0; i < s->n_next; i++) {
        const double *at = s->next[i].at;
        assert_true(at[0] > 0 && at[0] <= 1 && at[1] > 0 && at[1] <= 1000);
        for (int k = 0; k < 2; k++)
            assert_true(at[k] == ggdm_surface_readable(&s->axes[k], at[k]));
        for (int32_t k = 0; k < s->n_places; k++)
            assert_false(s->places[k].at[0] == at[0] && s->places[k].at[1] == at[1]);
        for (int32_t k = 0; k < i; k++)
            assert_false(s->next[k].at[0] == at[0] && s->next[k].at[1] == at[1]);
        assert_true(s->next[i].lo < s->next[i].p && s->next[i].p < s->next[i].hi);
    }
    paper_close(&p);
}

/* Where hardly anything is known, least is known at the ends, which were swept. */
static void test_surface_next_leaves_out_what_was_swept(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"1", "2", "3", "4", "5", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    paper p;
    paper_open(&p, axes, 2);
    for (int32_t i = 0; i < p.r.n_rows; i++)
        paper_say(&p, i, PAPER_JUDGE, i % 2, 1);
    ggdm_test_ok(ggdm_surface_find(&p.r, &err), &err);
    assert_int_equal(p.r.surface->n_next, GGDM_SURFACE_NEXT);
    for (int32_t i = 0; i < GGDM_SURFACE_NEXT; i++)
        for (int32_t k = 0; k < 5; k++)
            assert_false(p.r.surface->next[i].at[0] == k + 1);
    paper_close(&p);
}

static void check_none(const paper_axis *axes, int n, const char *what)
{
    paper p;
    paper_open(&p, axes, n);
    for (int32_t i = 0; i < p.r.n_rows; i++)
        paper_say(&p, i, PAPER_JUDGE, 5, PAPER_N);
    ggdm_test_ok(ggdm_surface_find(&p.r, &err), &err);
    if (p.r.surface)
        ggdm_test_fail("a surface of %s", what);
    paper_close(&p);
}

static void test_surface_is_of_numbers_alone(void **state)
{
    (void)state;
    static const paper_axis target = {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}};
    static const paper_axis kappa = {
        "kappa", "κ", GGDM_PARAM_REAL, false, {"0", "1", "2", "3", NULL}};
    check_none(
        (const paper_axis[]){{"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "1", "2", NULL}}, target},
        2, "three values");
    check_none((const paper_axis[]){kappa,
                                    {"model", "model", GGDM_PARAM_MODEL, false, {"a", "b", NULL}},
                                    target},
               3, "a text beside a number");
    check_none(
        (const paper_axis[]){{"seed", "seed", GGDM_PARAM_WHOLE, false, {"0", "1", "2", "3", NULL}},
                             target},
        2, "seeds");
    check_none(
        (const paper_axis[]){
            {"duration", "t~", GGDM_PARAM_WINDOW, false, {"0.5", "1", "10", "100", NULL}}, target},
        2, "steps and shares of them");
}

/* Four targets, of which each place is the mean. */
static void test_surface_is_the_mean_over_targets(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"1", "2", "3", "4", "5", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"1", "3", "5", "7", NULL}},
    };
    paper p;
    paper_open(&p, axes, 2);
    for (int32_t i = 0; i < p.r.n_rows; i++)
        paper_say(&p, i, PAPER_JUDGE, i % 4 * 2 + i / 4 / 2, PAPER_N);
    ggdm_test_ok(ggdm_surface_find(&p.r, &err), &err);
    const ggdm_surface *s = p.r.surface;
    assert_non_null(s);
    assert_int_equal(s->n_places, 5);
    assert_int_equal(s->n_most, 40);
    assert_false(s->axes[0].log);
    assert_true(fabs(s->places[0].p - 0.3) < 1e-12 && fabs(s->places[4].p - 0.5) < 1e-12);
    paper_close(&p);
}

static void test_surface_scale_goes_there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *values[5];
        bool log;
    } rows[] = {
        {{"1", "2", "9", NULL}, false},    {{"1", "2", "10", NULL}, true},
        {{"0", "2", "19", NULL}, false},   {{"0", "2", "20", NULL}, true},
        {{"-1", "1", "100", NULL}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_store_column column = {.name = "kappa", .type = GGDM_PARAM_REAL};
        ggdm_store_value values[3];
        for (int k = 0; k < 3; k++)
            values[k] = (ggdm_store_value){atof(rows[i].values[k]), rows[i].values[k]};
        const ggdm_axis axis = {.column = &column, .numeric = true, .n = 3, .values = values};
        const ggdm_surface_axis s = ggdm_surface_scale(&axis);
        assert_int_equal(s.log, rows[i].log);
        for (double at = 0; at <= 1; at += 0.125)
            assert_true(fabs(ggdm_surface_place_of(&s, ggdm_surface_value_at(&s, at)) - at) <
                        1e-12);
        assert_true(ggdm_surface_value_at(&s, 0) == values[0].number);
        assert_true(fabs(ggdm_surface_value_at(&s, 1) - values[2].number) < 1e-12);
    }
}

/* ---- the front ------------------------------------------------------------------------------- */

static void test_front_has_the_cells_that_none_beats(void **state)
{
    (void)state;
    static const paper_axis axes[] = {
        {"kappa", "κ", GGDM_PARAM_REAL, false, {"0", "1", "2", "3", "4", "5", NULL}},
        {"target", "target", GGDM_PARAM_CLASS, true, {"3", NULL}},
    };
    /* right, vendi, cost: the third is beaten by the second, the last equals the first. */
    static const double cells[6][3] = {{2, 9, 1}, {8, 5, 3}, {7, 5, 3},
                                       {9, 2, 3}, {0, 0, 4}, {2, 9, 1}};
    static ggdm_metric metric = {.name = "vendi", .metric = "vendi", .settings = "pixels"};
    ggdm_metric_value values[6];
    paper p;
    paper_open(&p, axes, 2);
    for (int i = 0; i < 6; i++) {
        paper_say(&p, i, PAPER_JUDGE, (int32_t)cells[i][0], PAPER_N);
        values[i] = (ggdm_metric_value){.value = cells[i][1], .n = PAPER_N};
        p.r.rows[i].metrics = &values[i];
    }
    ggdm_test_ok(ggdm_front_find(&p.r, &err), &err);
    assert_null(p.r.front); /* one goal alone */
    for (int i = 0; i < 6; i++)
        p.r.rows[i].cell.cost = cells[i][2];
    ggdm_test_ok(ggdm_front_find(&p.r, &err), &err);
    assert_int_equal(p.r.front->n, 2); /* accuracy and cost */
    assert_true(p.r.front->rows[0] == 3 && p.r.front->rows[1] == 0);
    p.r.metrics = &metric;
    p.r.n_metrics = 1;
    values[4].value = (double)NAN;
    ggdm_test_ok(ggdm_front_find(&p.r, &err), &err);
    assert_int_equal(p.r.front->n, 3);
    const int32_t *rows = p.r.front->rows;
    assert_true(rows[0] == 3 && rows[1] == 1 && rows[2] == 0);
    assert_true(p.r.front->cost && p.r.front->diversity == 0);
    paper_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surface_finds_the_top_of_a_hill),
        cmocka_unit_test(test_surface_next_is_new_and_readable),
        cmocka_unit_test(test_surface_next_leaves_out_what_was_swept),
        cmocka_unit_test(test_surface_is_of_numbers_alone),
        cmocka_unit_test(test_surface_is_the_mean_over_targets),
        cmocka_unit_test(test_surface_scale_goes_there_and_back),
        cmocka_unit_test(test_front_has_the_cells_that_none_beats),
    };
    return ggdm_test_main(tests);
}
