#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/cells.h"

static ggdm_sweep make_sweep(const char *settings, const char *axes)
{
    char *text;
    ggdm_sweep s;
    ggdm_error err;
    ggdm_test_ok(ggdm_asprintf(&text, &err,
                               "name: a\nmodel: m\nsamples: 4\n"
                               "guidance: {kind: gradient, loss: {kind: classifier, model: c}}\n"
                               "%ssweep: %s\n",
                               settings, axes),
                 &err);
    ggdm_test_ok(ggdm_sweep_parse(text, strlen(text), "s.yaml", &s, &err), &err);
    free(text);
    return s;
}

static ggdm_key_context make_context(void)
{
    ggdm_key_context c = {.precision = GGDM_PRECISION_FP32, .isa = "avx512"};
    memset(c.diffusion, 1, sizeof c.diffusion);
    memset(c.guide, 2, sizeof c.guide);
    return c;
}

static ggdm_cells expand(const ggdm_sweep *s)
{
    ggdm_cells cells;
    ggdm_key_context context = make_context();
    ggdm_error err;
    ggdm_test_ok(ggdm_cells_expand(s, &context, &cells, &err), &err);
    return cells;
}

static void test_cells_first_axis_varies_slowest(void **state)
{
    (void)state;
    ggdm_sweep s = make_sweep("", "{target: [3, 5], zip: {kappa: [1, 2], duration: [10, 20]}}");
    ggdm_cells c = expand(&s);
    static const struct {
        double kappa;
        int32_t duration, target;
    } want[] = {{1, 10, 3}, {2, 20, 3}, {1, 10, 5}, {2, 20, 5}};
    assert_int_equal(c.n_cells, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(c.cells[i].index, i);
        assert_true(c.cells[i].kappa == want[i].kappa);
        assert_int_equal(c.cells[i].duration, want[i].duration);
        assert_int_equal(c.cells[i].target, want[i].target);
    }
    ggdm_cells_deinit(&c);
    ggdm_cells_deinit(&c);
    ggdm_sweep_deinit(&s);
}

static void test_cells_unguided_ones_share_one_trajectory(void **state)
{
    (void)state;
    ggdm_sweep s = make_sweep("", "{target: [0, 1], kappa: [0, 0.5], duration: [0, 1000]}");
    ggdm_cells c = expand(&s);
    assert_int_equal(c.n_cells, 8);
    assert_int_equal(c.n_trajectories, 3); /* unguided; kappa 0.5 to each of two targets */
    const ggdm_trajectory *t = &c.trajectories[0];
    assert_true(t->kappa == 0 && t->duration == 0 && t->target == -1 && t->first_cell == 0);
    static const int32_t want[] = {0, 0, 0, 1, 0, 0, 0, 2};
    for (int i = 0; i < 8; i++) {
        assert_int_equal(c.cells[i].trajectory, want[i]);
        assert_memory_equal(c.cells[i].key, c.trajectories[want[i]].key, GGDM_HASH_SIZE);
    }
    assert_int_equal(c.cells[4].target, 1); /* still what counts as right */
    assert_int_equal(c.trajectories[2].target, 1);
    assert_int_equal(c.trajectories[2].first_cell, 7);
    ggdm_cells_deinit(&c);
    ggdm_sweep_deinit(&s);
}

static void test_cells_repeated_values_share_a_trajectory(void **state)
{
    (void)state;
    ggdm_sweep s = make_sweep("", "{target: 0, kappa: [0.5, 0.25, 0.5]}");
    ggdm_cells c = expand(&s);
    assert_int_equal(c.n_cells, 3);
    assert_int_equal(c.n_trajectories, 2);
    assert_int_equal(c.cells[2].trajectory, 0);
    ggdm_cells_deinit(&c);
    ggdm_sweep_deinit(&s);
}

static void test_cells_windows_are_told_apart_and_labelled(void **state)
{
    (void)state;
    ggdm_sweep s =
        make_sweep("", "{target: 0, kappa: 1, duration: [10, {start_step: 5, length: 10},"
                       " {start_step: 0, length: 10}, {start_step: 5, length: 0}]}");
    ggdm_cells c = expand(&s);
    static const int32_t want[] = {0, 1, 0, 2};
    char label[GGDM_WINDOW_LABEL_SIZE];
    assert_int_equal(c.n_trajectories, 3);
    for (int i = 0; i < 4; i++)
        assert_int_equal(c.cells[i].trajectory, want[i]);
    assert_int_equal(c.trajectories[1].start, 5);
    assert_int_equal(c.trajectories[2].start, 0); /* unguided */
    assert_int_equal(c.trajectories[2].target, -1);
    ggdm_window_label(c.cells[0].start, c.cells[0].duration, label);
    assert_string_equal(label, "10");
    ggdm_window_label(c.cells[1].start, c.cells[1].duration, label);
    assert_string_equal(label, "5+10");
    ggdm_cells_deinit(&c);
    ggdm_sweep_deinit(&s);
}

static void key_of(const ggdm_sweep *s, const ggdm_key_context *context, double kappa,
                   uint8_t key[GGDM_HASH_SIZE])
{
    ggdm_cell_key(s, context, &(ggdm_cell){.kappa = kappa, .duration = 10}, key);
}

static void test_cells_key_changes_with_everything_that_changes_pixels(void **state)
{
    (void)state;
    ggdm_sweep base = make_sweep("", "{target: 0, kappa: 1}");
    ggdm_key_context context = make_context(), other;
    uint8_t a[GGDM_HASH_SIZE], b[GGDM_HASH_SIZE];
    key_of(&base, &context, 1, a);
    ggdm_sweep s = base; /* borrowed: only base is released */
    for (int i = 0; i < 10; i++) {
        s = base;
        other = context;
        switch (i) {
        case 0:
            s.job.seed++;
            break;
        case 1:
            s.job.steps++;
            break;
        case 2:
            s.job.variance = GGDM_FIXED_SMALL;
            break;
        case 3:
            s.job.clip_x0 = true;
            break;
        case 4:
            s.job.gradient = GGDM_X0;
            break;
        case 5:
            s.job.form = GGDM_PROB;
            break;
        case 6:
            other.diffusion[31]++;
            break;
        case 7:
            other.guide[0]++;
            break;
        case 8:
            other.precision = GGDM_PRECISION_BF16;
            break;
        default:
            other.isa = "avx2";
        }
        key_of(&s, &other, 1, b);
        if (memcmp(a, b, sizeof a) == 0)
            ggdm_test_fail("change %d does not change the key", i);
    }
    static const ggdm_cell cells[] = {{.kappa = 1, .duration = 11},
                                      {.kappa = 1, .duration = 10, .target = 1},
                                      {.kappa = 1, .duration = 10, .start = 1},
                                      {.kappa = 1, .duration = 10, .start = 2}};
    for (int i = 0; i < 4; i++) {
        ggdm_cell_key(&base, &context, &cells[i], b);
        assert_memory_not_equal(a, b, sizeof a);
        memcpy(a, b, sizeof a); /* they differ from each other, too */
    }
    key_of(&base, &context, 1.0000000000000002, b);
    assert_memory_not_equal(a, b, sizeof a);
    ggdm_sweep_deinit(&base);
}

static void test_cells_key_does_not_change_with_the_rest(void **state)
{
    (void)state;
    ggdm_sweep base = make_sweep("", "{target: 0, kappa: 1}"), s = base;
    ggdm_key_context context = make_context(), other = context;
    uint8_t a[GGDM_HASH_SIZE], b[GGDM_HASH_SIZE];
    key_of(&base, &context, 1, a);
    s.job.batch = 7;
    s.job.threads = 3;
    s.samples = 9;
    s.judge = (char *)"other";
    s.name = (char *)"other";
    key_of(&s, &context, 1, b);
    assert_memory_equal(a, b, sizeof a);
    /* Unguided: neither the guide nor how it guides. */
    ggdm_cell_key(&base, &context, &(ggdm_cell){.duration = 10, .target = 3}, a);
    s.job.gradient = GGDM_X0;
    s.job.form = GGDM_PROB;
    memset(other.guide, 9, sizeof other.guide);
    ggdm_cell_key(&s, &other, &(ggdm_cell){.kappa = 5, .start = 3, .target = 4}, b);
    assert_memory_equal(a, b, sizeof a);
    ggdm_cell_key(&s, &other, &(ggdm_cell){.kappa = -0.0, .start = 9, .duration = 77}, b);
    assert_memory_equal(a, b, sizeof a);
    ggdm_sweep_deinit(&base);
}

/* The key's layout is a promise: results of one version are found again by the next. */
static void test_cells_key_of_version_1_is_pinned(void **state)
{
    (void)state;
    ggdm_sweep s = make_sweep("seed: 5\n", "{target: 0, kappa: 1}");
    ggdm_key_context context = make_context();
    uint8_t key[GGDM_HASH_SIZE];
    char hex[GGDM_HASH_TEXT_SIZE];
    ggdm_cell_key(&s, &context, &(ggdm_cell){.kappa = 0.1, .duration = 500, .target = 3}, key);
    ggdm_hash_hex(key, hex);
    assert_string_equal(hex, "857ef99f574f27e22c83eb972f859c6f552886f4ed5446473b7a0d26cf18eeba");
    ggdm_sweep_deinit(&s);
}

static void test_cells_names_are_padded(void **state)
{
    (void)state;
    static const struct {
        int32_t n, index;
        const char *name;
    } cases[] = {{1, 0, "c0000"},         {55, 7, "c0007"},         {10000, 9999, "c9999"},
                 {10001, 7, "c00007"},    {1000000, 12, "c000012"}, {1000001, 12, "c0000012"},
                 {10001, 10000, "c10000"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[GGDM_CELL_NAME_SIZE];
        ggdm_cell_name(cases[i].n, cases[i].index, name);
        assert_string_equal(name, cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_first_axis_varies_slowest),
        cmocka_unit_test(test_cells_unguided_ones_share_one_trajectory),
        cmocka_unit_test(test_cells_repeated_values_share_a_trajectory),
        cmocka_unit_test(test_cells_key_changes_with_everything_that_changes_pixels),
        cmocka_unit_test(test_cells_key_does_not_change_with_the_rest),
        cmocka_unit_test(test_cells_windows_are_told_apart_and_labelled),
        cmocka_unit_test(test_cells_key_of_version_1_is_pinned),
        cmocka_unit_test(test_cells_names_are_padded),
    };
    return ggdm_test_main(tests);
}
