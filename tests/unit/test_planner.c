/* Plans whose numbers were computed by hand. */
#include "tests/support/plan_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char some_head[] = "{\"model\":\"m\"}";
static const char *const kappas[] = {"{}", "{\"weight\":0.01}", "{\"weight\":0.03}",
                                     "{\"weight\":0.1}", "{\"weight\":1}"};

static void make_windows(plan_fixture *f, ggdm_order order, int32_t n_kappas, int32_t step,
                         int32_t samples, const ggdm_plan_options *options)
{
    plan_fixture_init(f, order);
    plan_fixture_add_head(f, some_head);
    for (int32_t k = 0; k < n_kappas; k++)
        plan_fixture_add_setting(f, kappas[k], k ? f->guided : f->unguided);
    for (int32_t k = 0; k < n_kappas; k++)
        for (int32_t length = 0; length <= 1000; length += step)
            plan_fixture_add_window(f, 1000, samples, k, 0, length);
    plan_fixture_plan(f, options);
}

static void make_figure4(plan_fixture *f, ggdm_order order, const ggdm_plan_options *options)
{
    make_windows(f, order, 5, 100, 200, options);
}

static void test_planner_figure4_costs_what_was_computed_by_hand(void **state)
{
    (void)state;
    plan_fixture f;
    make_figure4(&f, GGDM_ORDER_COST, NULL);
    assert_int_equal(f.cells.n_trajectories, 41); /* 1 + 4 x 10 */
    assert_int_equal(f.plan.n_trees, 5);
    assert_true(f.plan.n_images == 41 * 200);
    assert_true(f.plan.naive.evaluations == 200 * 55 * 1000);
    assert_true(f.plan.naive.guided == 200 * 4 * 5500);
    /* a kappa: 1000 guided, tails 900 + 800 + ... + 100 = 4500; once unguided: 1000 */
    assert_true(f.plan.shared.evaluations == 200 * (4 * 5500 + 1000));
    assert_true(f.plan.shared.guided == 200 * 4 * 1000);
    double want = 200 * (4 * (1000 * f.guided.operations + 4500 * f.unguided.operations) +
                         1000 * f.unguided.operations);
    assert_true(fabs(f.plan.cost - want) < 1e-6 * want);
    /* each on its own: a kappa is 5500 guided steps and 4500 others */
    double alone = -4 * (5500 * f.guided.operations + 4500 * f.unguided.operations);
    for (int32_t i = 0; i < f.cells.n_trajectories; i++)
        alone += f.plan.alone[i];
    assert_true(fabs(alone - 1000 * f.unguided.operations) < 1e-9 * want);
    for (int32_t i = 0; i < f.plan.n_units; i++)
        assert_true(f.plan.units[i].cost <= ggdm_plan_options_default().unit_cost);
    assert_true(f.plan.n_units >= 200 && f.plan.n_units <= 400);
    plan_fixture_release(&f);
}

/* 11 durations in hundreds: what sharing has to save (issue 3). */
static void test_planner_shares_more_than_half_of_the_work(void **state)
{
    (void)state;
    plan_fixture f;
    make_figure4(&f, GGDM_ORDER_COST, NULL);
    assert_true(f.plan.shared.operations <= 0.45 * f.plan.naive.operations);
    plan_fixture_release(&f);
}

/* A prefix is shared whatever comes after it: setting and length of a window change nothing before
 * it starts. */
static void test_planner_windows_share_head_and_prefix(void **state)
{
    (void)state;
    static const int32_t windows[][2] = {{80, 10}, {80, 20}, {90, 10}};
    plan_fixture f;
    plan_fixture_init(&f, GGDM_ORDER_COST);
    plan_fixture_add_head(&f, some_head);
    for (int32_t k = 0; k < 5; k++)
        plan_fixture_add_setting(&f, kappas[k], k ? f.guided : f.unguided);
    for (int32_t k = 0; k < 5; k++)
        for (int w = 0; w < 3; w++)
            plan_fixture_add_window(&f, 100, 1, k, windows[w][0], windows[w][1]);
    plan_fixture_plan(&f, NULL);
    assert_int_equal(f.cells.n_trajectories, 13); /* unguided, and 4 settings x 3 windows */
    assert_int_equal(f.plan.n_trees, 1);
    /* Head of 100 steps, which is the unguided cell; a setting: 10 + 10 from step 80 with a tail of
     * 10, and 10 from step 90. */
    assert_true(f.plan.shared.evaluations == 100 + 4 * (20 + 10 + 10));
    assert_true(f.plan.shared.guided == 4 * (20 + 10));
    assert_true(f.plan.naive.evaluations == 15 * 100);
    assert_true(f.plan.naive.guided == 4 * (10 + 20 + 10));
    plan_fixture_release(&f);
}

static void test_planner_heads_and_ranges_of_images_share_nothing(void **state)
{
    (void)state;
    plan_fixture f;
    plan_fixture_init(&f, GGDM_ORDER_COST);
    plan_fixture_add_head(&f, some_head);
    plan_fixture_add_head(&f, "{\"model\":\"m\",\"seed\":1}");
    plan_fixture_add_setting(&f, "{}", f.unguided);
    plan_fixture_add_setting(&f, kappas[1], f.guided);
    for (int32_t h = 0; h < 2; h++)
        for (int32_t k = 0; k < 2; k++) {
            ggdm_run_of_steps runs[] = {{50, 0}, {100, k}};
            runs[0].end = k ? 50 : 100;
            plan_fixture_add_trajectory(&f, (ggdm_trajectory){.head = h,
                                                              .n_runs = 1 + k,
                                                              .runs = runs,
                                                              .image_first = h && k ? 30 : 0,
                                                              .image_count = 10});
        }
    plan_fixture_plan(&f, NULL);
    /* Both of head 0 in one, the others alone. */
    assert_int_equal(f.plan.n_trees, 3);
    assert_int_equal(f.plan.trees[0].n_trajectories, 2);
    assert_int_equal(f.plan.trees[2].image_first, 30);
    assert_true(f.plan.shared.evaluations == 10 * (150 + 100 + 100));
    assert_true(f.plan.naive.evaluations == 10 * 400);
    plan_fixture_release(&f);
}

static void test_planner_without_sharing_has_chains(void **state)
{
    (void)state;
    plan_fixture f;
    ggdm_plan_options options = ggdm_plan_options_default();
    options.max_trajectories = 1;
    make_figure4(&f, GGDM_ORDER_COST, &options);
    assert_int_equal(f.plan.n_trees, 41);
    assert_true(f.plan.shared.evaluations == 200 * 41 * 1000);
    assert_true(f.plan.shared.guided == f.plan.naive.guided);
    plan_fixture_release(&f);
}

/* 400 windows with one unguided head: cut into units of a sane size where that costs little. */
static void test_planner_cuts_large_trees(void **state)
{
    (void)state;
    plan_fixture f;
    plan_fixture_init(&f, GGDM_ORDER_COST);
    plan_fixture_add_head(&f, some_head);
    f.unguided.state_bytes = f.guided.state_bytes = 1 << 20;
    for (int32_t k = 0; k < 5; k++)
        plan_fixture_add_setting(&f, kappas[k], k ? f.guided : f.unguided);
    for (int32_t k = 1; k < 5; k++)
        for (int32_t i = 0; i < 100; i++)
            plan_fixture_add_window(&f, 1000, 8, k, i ? 9 * i : 1, 100);
    ggdm_plan_options options = ggdm_plan_options_default();
    plan_fixture_plan(&f, &options);
    plan_fixture_check(&f, &options);
    assert_true(f.plan.n_trees >= 4);
    for (int32_t i = 0; i < f.plan.n_trees; i++)
        assert_true(f.plan.trees[i].n_segments <= 256);
    /* Without any cut it would be one head and 400 branches. */
    int64_t best = 1000;
    for (int i = 0; i < 100; i++)
        best += 4 * (1000 - (i ? 9 * i : 1));
    assert_true(f.plan.shared.evaluations < 8 * (best + best / 10));
    plan_fixture_release(&f);
}

/* Texts of 60000 bytes: 17 fit a message.  One trajectory with more of them has no tree. */
static void test_planner_cuts_trees_that_are_too_large_for_a_message(void **state)
{
    (void)state;
    enum { N = 40, SIZE = 60000 };
    plan_fixture f;
    char *texts[N];
    ggdm_run_of_steps runs[N];
    plan_fixture_init(&f, GGDM_ORDER_COST);
    plan_fixture_add_head(&f, some_head);
    plan_fixture_add_setting(&f, "{}", f.unguided);
    for (int32_t i = 0; i < N; i++) {
        texts[i] = ggdm_test_alloc(SIZE + 1, 1);
        snprintf(texts[i], SIZE + 1, "%0*d", SIZE, i);
        plan_fixture_add_window(&f, 100, 1, plan_fixture_add_setting(&f, texts[i], f.guided), 50,
                                50);
        runs[i] = (ggdm_run_of_steps){i + 1, i + 1};
    }
    plan_fixture_plan(&f, &plan_unbounded);
    plan_fixture_check(&f, &plan_unbounded);
    assert_true(f.plan.n_trees >= 3);
    for (int32_t i = 0; i < f.plan.n_trees; i++)
        assert_true(f.plan.trees[i].n_trajectories <= 17);
    ggdm_plan_deinit(&f.plan);

    runs[N - 1].end = 100;
    ggdm_error err;
    plan_fixture_add_trajectory(&f, (ggdm_trajectory){.n_runs = N, .runs = runs, .image_count = 1});
    ggdm_test_error(
        ggdm_plan_make(&f.cells, &f.coster, &plan_unbounded, &f.plan, &err), &err, GGDM_ESHAPE,
        "cell c0040: its head and settings are 2401498 bytes, expected at most 1048576");
    plan_fixture_release(&f);
    for (int i = 0; i < N; i++)
        free(texts[i]);
}

/* As many runs as a message can carry: nothing is recursive in them. */
static void test_planner_has_no_bound_of_depth(void **state)
{
    (void)state;
    enum { N = 25000 };
    plan_fixture f;
    plan_fixture_init(&f, GGDM_ORDER_COST);
    plan_fixture_add_head(&f, some_head);
    plan_fixture_add_setting(&f, "{}", f.unguided);
    plan_fixture_add_setting(&f, kappas[1], f.guided);
    ggdm_run_of_steps *runs = ggdm_test_alloc(N, sizeof *runs);
    for (int32_t i = 0; i < N; i++)
        runs[i] = (ggdm_run_of_steps){i + 1, i % 2};
    plan_fixture_add_trajectory(&f, (ggdm_trajectory){.n_runs = N, .runs = runs, .image_count = 1});
    runs[N - 2].end = N;
    plan_fixture_add_trajectory(&f,
                                (ggdm_trajectory){.n_runs = N - 1, .runs = runs, .image_count = 1});
    plan_fixture_plan(&f, &plan_unbounded);
    assert_int_equal(f.plan.n_trees, 1);
    assert_true(f.plan.shared.evaluations == N + 1);
    free(runs);
    plan_fixture_release(&f);
}

static ggdm_status refuse_cost(void *context, const char *head, const char *setting,
                               ggdm_step_cost *out, ggdm_error *err)
{
    (void)context;
    (void)head;
    (void)out;
    return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "no cost of %s", setting);
}

static void test_planner_hands_on_the_errors_of_the_coster(void **state)
{
    (void)state;
    plan_fixture f;
    ggdm_error err;
    ggdm_coster coster = {NULL, refuse_cost};
    make_windows(&f, GGDM_ORDER_COST, 1, 1000, 1, NULL);
    ggdm_plan_deinit(&f.plan);
    ggdm_test_error(ggdm_plan_make(&f.cells, &coster, NULL, &f.plan, &err), &err, GGDM_EUNSUPPORTED,
                    "no cost of {}");
    assert_null(f.plan.trees);
    plan_fixture_release(&f);
}

static void test_planner_shuffle_spreads_over_the_grid(void **state)
{
    (void)state;
    plan_fixture a, b, c;
    make_figure4(&a, GGDM_ORDER_COST, NULL);
    make_figure4(&b, GGDM_ORDER_SHUFFLE, NULL);
    make_figure4(&c, GGDM_ORDER_SHUFFLE, NULL);
    assert_int_equal(a.plan.n_units, b.plan.n_units);
    bool seen[5] = {false}, moved = false;
    for (int i = 0; i < 5; i++) { /* each tree once before any comes again */
        assert_int_equal(b.plan.units[i].image_first, 0);
        assert_false(seen[b.plan.units[i].tree]);
        seen[b.plan.units[i].tree] = true;
    }
    for (int32_t i = 0; i < a.plan.n_units; i++)
        moved = moved || a.plan.units[i].tree != b.plan.units[i].tree;
    assert_true(moved);
    plan_fixture_check_same(&b.plan, &c.plan);
    assert_true(a.plan.shared.evaluations == b.plan.shared.evaluations);
    plan_fixture_release(&a);
    plan_fixture_release(&b);
    plan_fixture_release(&c);
}

static void test_planner_small_sweep_has_units_for_several_workers(void **state)
{
    (void)state;
    plan_fixture f;
    make_windows(&f, GGDM_ORDER_COST, 3, 250, 8, NULL);
    assert_int_equal(f.plan.n_trees, 3);
    assert_int_equal(f.plan.n_units, 6); /* blocks of 4: batches stay efficient */
    for (int32_t i = 0; i < 6; i++)
        assert_int_equal(f.plan.units[i].image_count, 4);
    assert_int_equal(f.plan.units[0].image_first, 0); /* of two trees before their second half */
    assert_int_equal(f.plan.units[1].image_first, 0);
    plan_fixture_release(&f);
}

static void test_planner_shards_of_figure4_are_of_one_size(void **state)
{
    (void)state;
    enum { SHARDS = 7 };
    ggdm_error err;
    plan_fixture whole;
    make_figure4(&whole, GGDM_ORDER_COST, NULL);
    plan_fixture_check_shards(&whole, NULL, SHARDS);
    for (int32_t shard = 0; shard < SHARDS; shard++) {
        plan_fixture f;
        make_figure4(&f, GGDM_ORDER_COST, NULL);
        ggdm_test_ok(ggdm_plan_keep_shard(&f.plan, shard, SHARDS, &err), &err);
        assert_true(fabs(f.plan.cost - whole.plan.cost / SHARDS) < 0.1 * whole.plan.cost / SHARDS);
        plan_fixture_release(&f);
    }
    ggdm_test_error(ggdm_plan_keep_shard(&whole.plan, 0, whole.plan.n_units + 1, &err), &err,
                    GGDM_EINVAL, "at most one of each");
    plan_fixture_release(&whole);
}

static void test_planner_part_of_a_tree_is_by_its_steps(void **state)
{
    (void)state;
    const ggdm_segment tree[] = {{.end = 4}, {.begin = 4, .end = 10}, {.begin = 4, .end = 14}};
    assert_true(ggdm_segments_part(tree, 3, 0) == 0);
    assert_true(ggdm_segments_part(tree, 3, 4) == 0.2);
    assert_true(ggdm_segments_part(tree, 3, 10) == 0.8);
    assert_true(ggdm_segments_part(tree, 3, 14) == 1);
    const ggdm_segment none = {.setting = -1}; /* of a unit that scores */
    assert_true(ggdm_segments_part(&none, 1, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planner_part_of_a_tree_is_by_its_steps),
        cmocka_unit_test(test_planner_figure4_costs_what_was_computed_by_hand),
        cmocka_unit_test(test_planner_shares_more_than_half_of_the_work),
        cmocka_unit_test(test_planner_windows_share_head_and_prefix),
        cmocka_unit_test(test_planner_heads_and_ranges_of_images_share_nothing),
        cmocka_unit_test(test_planner_without_sharing_has_chains),
        cmocka_unit_test(test_planner_cuts_large_trees),
        cmocka_unit_test(test_planner_cuts_trees_that_are_too_large_for_a_message),
        cmocka_unit_test(test_planner_has_no_bound_of_depth),
        cmocka_unit_test(test_planner_hands_on_the_errors_of_the_coster),
        cmocka_unit_test(test_planner_shuffle_spreads_over_the_grid),
        cmocka_unit_test(test_planner_small_sweep_has_units_for_several_workers),
        cmocka_unit_test(test_planner_shards_of_figure4_are_of_one_size),
    };
    return ggdm_test_main(tests);
}
