/* One image of a run alone: what is stored of it, and the unit that makes it again. */
#include <inttypes.h>
#include <string.h>

#include "tests/support/run_fixture.h"

static void test_leaf_of_a_window_is_a_tree_of_one_end(void **state)
{
    run_fixture *f = *state;
    ggdm_unit u;
    ggdm_error err;
    /* kappa 0.1 for 500 of 1000 steps */
    ggdm_test_ok(ggdm_store_leaf(f->store, 1, 7, &u, &err), &err);
    assert_int_equal(u.kind, GGDM_UNIT_GENERATE);
    assert_int_equal(u.image_first, 7);
    assert_int_equal(u.image_count, 1);
    assert_int_equal(u.steps, RUN_STEPS);
    assert_int_equal(u.n_segments, 2);
    assert_int_equal(u.n_settings, 2);
    assert_int_equal(u.n_scorers, 0);
    const ggdm_segment *s = u.segments;
    assert_true(s[0].parent == -1 && s[0].begin == 0 && s[0].end == 500 && s[0].trajectory == -1);
    assert_true(s[1].parent == 0 && s[1].begin == 500 && s[1].end == 1000 && s[1].trajectory == 1);
    assert_non_null(strstr(u.settings[s[0].setting], "\"weight\":0.1"));
    assert_string_equal(u.settings[s[1].setting], "{}");
    assert_non_null(strstr(u.head, "\"model\":"));
    ggdm_unit_deinit(&u);
}

static void test_leaf_of_one_setting_is_one_segment(void **state)
{
    run_fixture *f = *state;
    ggdm_unit u;
    ggdm_error err;
    for (int64_t t = 0; t < RUN_TRAJECTORIES; t += 2) {
        ggdm_test_ok(ggdm_store_leaf(f->store, t, 0, &u, &err), &err);
        assert_int_equal(u.n_segments, 1);
        assert_int_equal(u.segments[0].trajectory, t);
        ggdm_unit_deinit(&u);
    }
}

/* What a worker gets may be packed: it fits the bounds. */
static void test_leaf_can_be_packed(void **state)
{
    run_fixture *f = *state;
    ggdm_unit u, back = {0};
    ggdm_wire w, r;
    ggdm_error err;
    ggdm_test_ok(ggdm_store_leaf(f->store, 3, 9, &u, &err), &err);
    ggdm_wire_init(&w);
    ggdm_test_ok(ggdm_unit_pack(&u, &w, &err), &err);
    ggdm_wire_read(&r, w.data, w.size);
    ggdm_test_ok(ggdm_unit_unpack(&back, &r, &err), &err);
    assert_string_equal(back.head, u.head);
    ggdm_wire_deinit(&w);
    ggdm_unit_deinit(&back);
    ggdm_unit_deinit(&u);
}

static void test_leaf_of_no_trajectory_fails(void **state)
{
    run_fixture *f = *state;
    ggdm_unit u;
    ggdm_error err;
    ggdm_test_error(ggdm_store_leaf(f->store, 99, 0, &u, &err), &err, GGDM_EFORMAT,
                    "trajectory 99: ");
    assert_null(u.segments);
}

static void test_sample_is_the_stored_one(void **state)
{
    run_fixture *f = *state;
    ggdm_sample want, got;
    ggdm_error err;
    bool found = false;
    ggdm_test_ok(ggdm_store_sample(f->store, 0, 3, &got, &found, &err), &err);
    assert_false(found);
    while (run_fixture_work(f, 100, 1) > 0)
        ;
    for (int32_t index = 0; index < RUN_SAMPLES; index += 3) {
        run_fixture_sample(NULL, 2, index, 1, &want);
        ggdm_test_ok(ggdm_store_sample(f->store, 2, index, &got, &found, &err), &err);
        assert_true(found);
        assert_int_equal(got.trajectory, 2);
        assert_int_equal(got.index, index);
        assert_int_equal(got.diverged, want.diverged);
        assert_int_equal(got.diverged_step, want.diverged_step);
        assert_int_equal(got.size, want.size);
        assert_memory_equal(got.data, want.data, want.size);
        assert_int_equal(got.n_scores, 0);
        ggdm_sample_deinit(&want);
        ggdm_sample_deinit(&got);
    }
    ggdm_test_ok(ggdm_store_sample(f->store, 2, RUN_SAMPLES, &got, &found, &err), &err);
    assert_false(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_leaf_of_a_window_is_a_tree_of_one_end),
        RUN_FIXTURE_TEST(test_leaf_of_one_setting_is_one_segment),
        RUN_FIXTURE_TEST(test_leaf_can_be_packed),
        RUN_FIXTURE_TEST(test_leaf_of_no_trajectory_fails),
        RUN_FIXTURE_TEST(test_sample_is_the_stored_one),
    };
    return ggdm_test_main(tests);
}
