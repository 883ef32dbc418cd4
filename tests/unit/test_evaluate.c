/* Metrics of a run's cells: what is computed, kept, and cannot be. */
#include "evaluate/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run_fixture.h"
#include "tests/support/test_rows.h"

static ggdm_error err;
static ggdm_world *world;

static ggdm_evaluated evaluate(run_fixture *f, const ggdm_metric_kind *metric)
{
    ggdm_evaluate_options o = {.metrics = {metric}, .n_metrics = 1};
    ggdm_evaluated out;
    ggdm_test_ok(ggdm_features_open("pixels", false, NULL, NULL, &o.features, &err), &err);
    ggdm_test_ok(ggdm_evaluate_run(world, f->store, &o, &out, &err), &err);
    assert_false(ggdm_store_in_turn(f->store));
    ggdm_features_close(&o.features);
    return out;
}

static void check_counts(ggdm_evaluated e, int made, int kept, int few, int odd)
{
    if (e.made != made || e.kept != kept || e.few != few || e.odd != odd)
        ggdm_test_fail("%d made, %d kept, %d few, %d odd, expected %d, %d, %d, %d", e.made, e.kept,
                       e.few, e.odd, made, kept, few, odd);
}

/* Cells 0, 1, 2, 3 and 6 are one trajectory; three images of cell 8 diverged. */
static void test_evaluate_gives_each_cell_its_number(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    check_counts(evaluate(f, &ggdm_metric_vendi), RUN_CELLS, 0, 0, 0);
    ggdm_results r;
    ggdm_test_ok(ggdm_results_read(f->store, &r, &err), &err);
    assert_int_equal(r.n_metrics, 1);
    assert_string_equal(r.metrics[0].name, "vendi");
    assert_string_equal(r.metrics[0].settings, "pixels");
    for (int i = 0; i < RUN_CELLS; i++) {
        const ggdm_metric_value *v = &r.rows[i].metrics[0];
        assert_int_equal(v->n, i == 8 ? RUN_SAMPLES - 3 : RUN_SAMPLES);
        assert_true(1 <= v->lo && v->lo <= v->value && v->value <= v->hi && v->hi <= (double)v->n);
    }
    assert_true(r.rows[0].metrics[0].value == r.rows[6].metrics[0].value);
    ggdm_results_deinit(&r);
}

/* ... and goes on where it was stopped: a result of as many images is not computed again. */
static void test_evaluate_again_computes_what_is_new(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 2, 1);
    const ggdm_evaluated some = evaluate(f, &ggdm_metric_vendi);
    assert_true(some.made > 0 && some.few > 0 && some.made + some.few == RUN_CELLS);
    check_counts(evaluate(f, &ggdm_metric_vendi), 0, some.made, some.few, 0);
    run_fixture_work(f, 100, 1);
    check_counts(evaluate(f, &ggdm_metric_vendi), RUN_CELLS, 0, 0, 0);
    run_fixture_reopen(f, NULL);
    check_counts(evaluate(f, &ggdm_metric_vendi), 0, RUN_CELLS, 0, 0);
}

/* A metric that has no number for what diverged least. */
static ggdm_status refuse(const ggdm_metric_input *in, ggdm_metric_value *out, ggdm_error *why)
{
    out->value = 1;
    return in->rows->n == RUN_SAMPLES ? GGDM_FAIL(why, GGDM_ENUMERIC, "there is none") : GGDM_OK;
}

static void test_evaluate_warns_of_a_number_that_there_is_not(void **state)
{
    run_fixture *f = *state;
    const ggdm_metric_kind metric = {.kind = {.name = "toy"}, .least = 8, .compute = refuse};
    char *log = ggdm_test_path(f->dir, "log");
    run_fixture_work(f, 100, 1);
    const int old = ggdm_test_stderr_to(log);
    const ggdm_evaluated e = evaluate(f, &metric);
    ggdm_test_stderr_back(old);
    char *text = ggdm_test_read(log, NULL);
    check_counts(e, 0, 0, 1, RUN_CELLS - 1);
    assert_non_null(strstr(text, "c0007: toy: there is none: no number"));
    assert_null(strstr(text, "c0008"));
    free(text);
    free(log);
}

static ggdm_status give_infinity(const ggdm_metric_input *in, ggdm_metric_value *out,
                                 ggdm_error *why)
{
    (void)in;
    (void)why;
    out->value = HUGE_VAL;
    return GGDM_OK;
}

static void test_evaluate_stores_no_number_that_is_none(void **state)
{
    run_fixture *f = *state;
    const ggdm_metric_kind metric = {.kind = {.name = "toy"}, .least = 8, .compute = give_infinity};
    run_fixture_work(f, 100, 1);
    check_counts(evaluate(f, &metric), 0, 0, 1, RUN_CELLS - 1);
}

/* Said before anything is computed. */
static void test_evaluate_with_a_reference_of_too_few_images(void **state)
{
    run_fixture *f = *state;
    const float x[3] = {0};
    ggdm_reference *reference = ggdm_test_reference(x, 3, 1);
    ggdm_evaluate_options o = {
        .metrics = {&ggdm_metric_precision_recall}, .n_metrics = 1, .reference = reference};
    ggdm_evaluated out;
    reference->name = ggdm_test_path("few", "12");
    ggdm_test_error(ggdm_evaluate_run(world, f->store, &o, &out, &err), &err, GGDM_EINVAL,
                    "precision-recall: reference few/12 has 3 images, expected at least 4");
    ggdm_test_reference_free(reference);
}

static void test_evaluate_of_a_damaged_image_names_it(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE sample SET data = substr(data, 1, 40) WHERE trajectory = 3 AND "
                            "idx = 5");
    run_fixture_reopen(f, NULL);
    ggdm_evaluate_options o = {.metrics = {&ggdm_metric_vendi}, .n_metrics = 1};
    ggdm_evaluated out;
    ggdm_test_ok(ggdm_features_open("pixels", false, NULL, NULL, &o.features, &err), &err);
    ggdm_test_error(ggdm_evaluate_run(world, f->store, &o, &out, &err), &err, GGDM_EFORMAT,
                    "c0007: image 5: ");
    assert_int_equal(out.made, 7);
    ggdm_features_close(&o.features);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_evaluate_gives_each_cell_its_number),
        RUN_FIXTURE_TEST(test_evaluate_again_computes_what_is_new),
        RUN_FIXTURE_TEST(test_evaluate_warns_of_a_number_that_there_is_not),
        RUN_FIXTURE_TEST(test_evaluate_stores_no_number_that_is_none),
        RUN_FIXTURE_TEST(test_evaluate_with_a_reference_of_too_few_images),
        RUN_FIXTURE_TEST(test_evaluate_of_a_damaged_image_names_it),
    };
    ggdm_test_ok(ggdm_world_open(&world, &err), &err);
    const int failed = ggdm_test_main(tests);
    ggdm_world_close(&world);
    return failed;
}
