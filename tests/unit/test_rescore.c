/* Samples that are scored later get the scores that they would have had when they were made, but
 * for what the archived image no longer shows. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/kinds.h"

enum { STEPS = GGDM_TINY_STEPS };

static ggdm_tiny_methods tiny;

static int setup(void **state)
{
    ggdm_tiny_methods_open(&tiny);
    *state = &tiny;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ggdm_tiny_methods_close(&tiny);
    return 0;
}

static ggdm_executor *create(int32_t batch)
{
    const ggdm_job job = {.precision = GGDM_PRECISION_FP32, .batch = batch, .threads = 1};
    return ggdm_tiny_executor(&job, &tiny.models);
}

/* 3 trajectories of 4 images; those of the last diverge. */
static void generate(ggdm_executor *e, ggdm_tiny_run *made)
{
    static const double kappas[] = {0, 0.3, 1e38};
    ggdm_tiny_unit u;
    ggdm_error err;
    ggdm_tiny_unit_init(&u, &tiny.arena,
                        ggdm_tiny_text(&tiny.arena, GGDM_FAMILY_STAGE,
                                       "{model: U, sampler: {kind: ddpm, steps: %d}}", STEPS),
                        20, 4);
    for (int i = 0; i < 3; i++)
        ggdm_tiny_unit_add(&u, -1, STEPS,
                           ggdm_tiny_guidance(&tiny.arena, "xt-full", "nll", kappas[i]), i);
    ggdm_test_ok(ggdm_tiny_run_on(e, &u.unit, made, &err), &err);
    assert_int_equal(made->n, 12);
}

/* A unit that scores what was made; trajectory 1 wants the judge alone. */
static void score_unit(ggdm_tiny_unit *u, const ggdm_tiny_run *made, ggdm_wire *state)
{
    ggdm_error err;
    ggdm_wire_init(state);
    for (int i = 0; i < made->n; i++) {
        ggdm_sample s = made->samples[i];
        s.n_scores = 0;
        ggdm_test_ok(ggdm_sample_pack(&s, state, &err), &err);
    }
    ggdm_tiny_unit_init(u, &tiny.arena, "", 20, 4);
    u->unit.kind = GGDM_UNIT_SCORE;
    u->unit.steps = 0;
    for (int i = 0; i < 3; i++)
        u->segments[u->unit.n_segments++] = (ggdm_segment){.parent = -1,
                                                           .setting = -1,
                                                           .trajectory = i,
                                                           .score_first = i == 1,
                                                           .score_count = i == 1 ? 1 : 4};
    u->unit.state = state->data;
    u->unit.state_size = state->size;
}

static void assert_scored(const ggdm_sample *made, const ggdm_sample *got)
{
    int n = 0;
    assert_int_equal(got->size, 0);
    assert_int_equal(got->media, made->media);
    assert_int_equal(got->diverged, made->diverged);
    assert_int_equal(got->diverged_step, made->diverged_step);
    for (int64_t id = 10; id < 14; id++) {
        const ggdm_score *a = ggdm_tiny_score(made, id), *b = ggdm_tiny_score(got, id);
        bool wanted = id != 13 && (made->trajectory != 1 || id == 11);
        assert_non_null(a);
        assert_true(wanted == (b != NULL));
        n += wanted;
        if (!wanted)
            continue;
        assert_int_equal(a->n, b->n);
        assert_memory_equal(a->data, b->data, sizeof *a->data * (size_t)a->n);
    }
    assert_int_equal(got->n_scores, n);
}

static void test_rescore_gives_the_scores_of_generation(void **state)
{
    (void)state;
    ggdm_executor *e = create(5);
    ggdm_tiny_run made = {0}, got = {0};
    ggdm_tiny_unit u;
    ggdm_wire packed;
    ggdm_error err;
    generate(e, &made);
    score_unit(&u, &made, &packed);
    ggdm_test_ok(ggdm_tiny_run_on(e, &u.unit, &got, &err), &err);
    assert_int_equal(got.n, made.n);
    assert_true(got.batches > 1 && got.last_done <= got.total);
    for (int i = 0; i < made.n; i++)
        assert_scored(&made.samples[i],
                      ggdm_tiny_sample(&got, made.samples[i].trajectory, made.samples[i].index));
    assert_true(ggdm_tiny_sample(&made, 2, 20)->diverged);
    ggdm_tiny_run_deinit(&made);
    ggdm_tiny_run_deinit(&got);
    ggdm_wire_deinit(&packed);
    ggdm_executor_destroy(&e);
}

static void refused(ggdm_executor *e, const ggdm_tiny_unit *u, const char *text)
{
    ggdm_tiny_run got = {0};
    ggdm_error err;
    ggdm_test_error(ggdm_tiny_run_on(e, &u->unit, &got, &err), &err, GGDM_EFORMAT, text);
    ggdm_tiny_run_deinit(&got);
}

/* What is wrong with the samples is an error of the unit. */
static void test_rescore_refuses_what_is_no_sample_of_the_unit(void **state)
{
    (void)state;
    ggdm_executor *e = create(5);
    ggdm_tiny_run made = {0}, got = {0};
    ggdm_tiny_unit u;
    ggdm_wire packed;
    ggdm_error err;
    generate(e, &made);
    score_unit(&u, &made, &packed);
    u.segments[2].trajectory = 7;
    refused(e, &u, "unit 5: sample 20 of trajectory 2 is none of this unit");
    u.segments[2].trajectory = 2;
    u.unit.image_count = 3;
    refused(e, &u, "sample 23 of trajectory 0 is none of this unit");
    u.unit.image_count = 4;
    u.unit.state_size -= 3;
    refused(e, &u, "sample");
    u.unit.state_size += 3;
    memset(packed.data + 8 + 4 + 1 + 4 + 1 + 4, 0, 8); /* the PNG's magic */
    refused(e, &u, "unit 5: sample 20 of trajectory 0: ");
    ggdm_wire_reset(&packed);
    ggdm_test_ok(ggdm_sample_pack(&made.samples[0], &packed, &err), &err);
    u.unit.state_size = packed.size;
    refused(e, &u, "sample 20 of trajectory 0 has scores already");
    u.unit.state_size = 0;
    ggdm_test_ok(ggdm_tiny_run_on(e, &u.unit, &got, &err), &err);
    assert_int_equal(got.n, 0);
    ggdm_tiny_run_deinit(&made);
    ggdm_tiny_run_deinit(&got);
    ggdm_wire_deinit(&packed);
    ggdm_executor_destroy(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rescore_gives_the_scores_of_generation),
        cmocka_unit_test(test_rescore_refuses_what_is_no_sample_of_the_unit),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
