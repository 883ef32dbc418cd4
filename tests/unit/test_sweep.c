#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/sweep.h"

/* A sweep with the keys that most have (docs/SWEEP.md). */
static const char example[] =
    "name: mnist-figure4\n"
    "model: mnist-ddpm                # a name under models/zoo, or a directory\n"
    "sampler: {kind: ddpm, steps: 1000, variance: fixed_large}\n"
    "guidance:\n"
    "  kind: gradient\n"
    "  gradient: xt-full\n"
    "  loss: {kind: classifier, model: mnist-cnn, form: nll, target: 0}\n"
    "sweep:\n"
    "  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
    "  duration: {from: 0, to: 1000, step: 100}\n"
    "samples: 200\n"
    "seed: 0\n"
    "judge: mnist-judge\n"
    "precision: auto\n";

static ggdm_sweep parse(const char *text)
{
    ggdm_sweep s;
    ggdm_error err;
    ggdm_test_ok(ggdm_sweep_parse(text, strlen(text), "s.yaml", &s, &err), &err);
    return s;
}

static void refuse(const char *text, const char *message)
{
    ggdm_sweep s;
    ggdm_error err;
    ggdm_status st = ggdm_sweep_parse(text, strlen(text), "s.yaml", &s, &err);
    if (st != GGDM_EINVAL && st != GGDM_EFORMAT)
        ggdm_test_fail("accepted, expected \"%s\":\n%s", message, text);
    ggdm_test_error(st, &err, st, message);
    assert_null(s.doc);
    ggdm_sweep_deinit(&s);
}

/* The example with one piece of its text replaced. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(example, from);
    char *text;
    ggdm_error err;
    assert_non_null(at);
    ggdm_test_ok(
        ggdm_asprintf(&text, &err, "%.*s%s%s", (int)(at - example), example, to, at + strlen(from)),
        &err);
    return text;
}

static void refuse_change(const char *from, const char *to, const char *message)
{
    char *text = changed(from, to);
    refuse(text, message);
    free(text);
}

static void test_sweep_example_of_the_design_is_read(void **state)
{
    (void)state;
    ggdm_sweep s = parse(example);
    assert_string_equal(s.name, "mnist-figure4");
    assert_string_equal(s.model, "mnist-ddpm");
    assert_string_equal(s.guide, "mnist-cnn");
    assert_string_equal(s.judge, "mnist-judge");
    assert_true(s.job.steps == 1000 && s.job.variance == GGDM_FIXED_LARGE && !s.job.clip_x0);
    assert_true(s.job.gradient == GGDM_XT_FULL && s.job.form == GGDM_NLL);
    assert_true(s.job.seed == 0 && s.job.precision == GGDM_PRECISION_AUTO);
    assert_true(s.job.batch == 0 && s.job.threads == 0 && s.samples == 200);
    assert_true(s.fixed[GGDM_AXIS_TARGET] == 0 && s.n_groups == 2 && s.n_cells == 55);
    assert_int_equal(s.groups[0].count, 5);
    assert_true(s.groups[0].values[GGDM_AXIS_KAPPA][3] == 0.1);
    assert_int_equal(s.groups[1].count, 11);
    assert_true(s.groups[1].values[GGDM_AXIS_DURATION][10] == 1000);
    ggdm_sweep_deinit(&s);
    ggdm_sweep_deinit(&s);
}

static void test_sweep_without_guidance_has_one_unguided_cell(void **state)
{
    (void)state;
    ggdm_sweep s = parse("name: a\nmodel: m\nsamples: 3\n");
    assert_true(s.n_cells == 1 && s.n_groups == 0 && s.fixed[GGDM_AXIS_KAPPA] == 0 &&
                s.fixed[GGDM_AXIS_DURATION] == 0);
    assert_true(s.fixed[GGDM_AXIS_TARGET] == -1 && s.job.steps == 1000);
    assert_null(s.guide);
    ggdm_sweep_deinit(&s);
}

static void test_sweep_left_out_axes_take_their_defaults(void **state)
{
    (void)state;
    char *text = changed("  duration: {from: 0, to: 1000, step: 100}\n", "");
    ggdm_sweep s = parse(text);
    assert_true(s.n_groups == 1 && s.fixed[GGDM_AXIS_DURATION] == 1000 &&
                s.fixed[GGDM_AXIS_TARGET] == 0);
    ggdm_sweep_deinit(&s);
    free(text);
}

static void test_sweep_scalar_axes_become_settings(void **state)
{
    (void)state;
    ggdm_sweep s = parse("name: a\nmodel: m\nsamples: 3\nsampler: {kind: ddpm, steps: 50}\n"
                         "guidance: {kind: gradient, gradient: x0, "
                         "loss: {kind: classifier, model: c, form: prob}}\n"
                         "sweep: {kappa: -0.0, target: [7], duration: 25}\n");
    assert_true(s.n_groups == 0 && s.n_cells == 1 && s.fixed[GGDM_AXIS_TARGET] == 7 &&
                s.fixed[GGDM_AXIS_DURATION] == 25);
    assert_false(s.fixed[GGDM_AXIS_KAPPA] != 0 || 1 / s.fixed[GGDM_AXIS_KAPPA] < 0);
    assert_true(s.job.gradient == GGDM_X0 && s.job.form == GGDM_PROB);
    ggdm_sweep_deinit(&s);
}

static void test_sweep_zip_joins_axes(void **state)
{
    (void)state;
    char *text =
        changed("  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
                "  duration: {from: 0, to: 1000, step: 100}\n",
                "  zip: {duration: [10, 20, 30], kappa: {from: 0.1, to: 0.3, step: 0.1}}\n");
    ggdm_sweep s = parse(text);
    assert_true(s.n_groups == 1 && s.n_cells == 3);
    assert_true(s.groups[0].values[GGDM_AXIS_DURATION][1] == 20);
    assert_true(s.groups[0].values[GGDM_AXIS_KAPPA][2] == 0.3); /* not 0.30000000000000004 */
    ggdm_sweep_deinit(&s);
    free(text);
}

static void test_sweep_windows_have_starts(void **state)
{
    (void)state;
    static const char axes[] = "  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
                               "  duration: {from: 0, to: 1000, step: 100}\n";
    char *text = changed(axes, "  kappa: 1\n"
                               "  duration: [7, {start_step: 250, length: 100}]\n");
    ggdm_sweep s = parse(text);
    assert_true(s.n_groups == 1 && s.n_cells == 2);
    const ggdm_axis_group *g = &s.groups[0];
    assert_true(g->values[GGDM_AXIS_START][0] == 0 && g->values[GGDM_AXIS_START][1] == 250);
    assert_true(g->values[GGDM_AXIS_DURATION][0] == 7 && g->values[GGDM_AXIS_DURATION][1] == 100);
    ggdm_sweep_deinit(&s);
    free(text);
    text = changed(axes, "  zip: {kappa: [1, 2], duration: [{start_step: 999, length: 1}, "
                         "{start_step: 1000, length: 0}]}\n");
    s = parse(text);
    assert_true(s.n_groups == 1 && s.groups[0].values[GGDM_AXIS_START][1] == 1000);
    ggdm_sweep_deinit(&s);
    free(text);
    text = changed(axes, "  kappa: 1\n  duration: {start_step: 250, length: 750}\n");
    s = parse(text);
    assert_true(s.n_cells == 1 && s.fixed[GGDM_AXIS_START] == 250);
    assert_true(s.fixed[GGDM_AXIS_DURATION] == 750);
    ggdm_sweep_deinit(&s);
    free(text);
}

static void test_sweep_ranges_include_both_ends(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        size_t count;
        double last;
    } cases[] = {{"{from: 0, to: 1, step: 0.1}", 11, 1},
                 {"{from: 0, to: 1, step: 0.3}", 4, 0.9},
                 {"{from: 1, to: 0, step: -0.25}", 5, 0},
                 {"{from: 0, to: 2e-5, step: 1e-5}", 3, 2e-5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = changed("[0, 0.01, 0.03, 0.1, 1]", cases[i].range);
        ggdm_sweep s = parse(text);
        assert_int_equal(s.groups[0].count, cases[i].count);
        assert_true(s.groups[0].values[GGDM_AXIS_KAPPA][cases[i].count - 1] == cases[i].last);
        ggdm_sweep_deinit(&s);
        free(text);
    }
}

static void test_sweep_bad_fields_are_refused_with_position(void **state)
{
    (void)state;
    refuse_change("seed: 0", "sed: 0",
                  "s.yaml:12:1: field 'sed': unknown key, did you mean 'seed'?");
    refuse_change("gradient: xt-full", "gradiant: x", "s.yaml:6:3: field 'guidance.gradiant'");
    refuse_change("samples: 200", "samples: many",
                  "s.yaml:11:10: field 'samples': value 'many', expected a number of images");
    refuse_change("samples: 200", "samples: -3", "field 'samples': value '-3'");
    refuse_change("samples: 200", "samples: 0", "field 'samples': value '0'");
    refuse_change("[0, 0.01, 0.03, 0.1, 1]", "{from: 0, to: 1e-300, step: -1e-300}",
                  "value '-1e-300', expected a finite number above 0");
    refuse_change("samples: 200", "samples: 2.5", "field 'samples': value '2.5'");
    refuse_change("samples: 200\n", "", "required field 'samples' is missing");
    refuse_change("kind: ddpm", "kind: ddim",
                  "s.yaml:3:17: field 'sampler.kind': value 'ddim', "
                  "expected ddpm");
    refuse_change("kind: ddpm, ", "", "s.yaml:3:10: field 'sampler': required field 'kind'");
    refuse_change("steps: 1000", "steps: 0",
                  "field 'sampler.steps': value '0', expected an integer "
                  "from 1 to 100000");
    refuse_change("steps: 1000", "steps: 100001", "from 1 to 100000");
    refuse_change("fixed_large", "learned", "expected fixed_large or fixed_small");
    refuse_change("kind: gradient", "kind: cfg", "expected gradient");
    refuse_change("xt-full", "xt",
                  "s.yaml:6:13: field 'guidance.gradient': value 'xt', expected "
                  "xt-full, xt-affine or x0");
    refuse_change("form: nll", "form: mse", "expected nll or prob");
    refuse_change("kind: classifier", "kind: clip", "expected classifier");
    refuse_change("target: 0", "target: 1000", "expected a class from 0 to 999");
    refuse_change("target: 0", "target: -1", "expected a class from 0 to 999");
    refuse_change("seed: 0", "seed: -1", "expected an integer from 0 to 9223372036854775807");
    refuse_change("seed: 0", "seed: 9223372036854775808", "expected an integer from 0");
    refuse_change("precision: auto", "precision: fp16", "expected auto, fp32 or bf16");
    refuse_change("name: mnist-figure4", "name: ../up", "field 'name': value '../up'");
    refuse_change("name: mnist-figure4", "name: .hidden", "names the run directory");
    refuse_change("seed: 0", "batch: 0", "field 'batch': value '0'");
    refuse_change("seed: 0", "threads: -2", "field 'threads': value '-2'");
    refuse_change("seed: 0", "checkpoint: -1", "field 'checkpoint': value '-1'");
    refuse_change("seed: 0", "checkpoint: 2 days", "a duration like 90s");
    refuse_change("seed: 0", "checkpoint: 1e300h", "a duration like 90s");
    refuse_change("seed: 0", "checkpoint: [1]", "a duration like 90s");
    refuse_change("seed: 0", "checkpoint: true", "a duration like 90s");
    refuse_change("model: mnist-ddpm ", "model: [a]", "field 'model': a list, expected the name");
    refuse_change("seed: 0", "seed: 0\nseed: 1", "s.yaml:13:1: key 'seed' is there twice");
}

static void test_sweep_bad_axes_are_refused_with_position(void **state)
{
    (void)state;
    const char *kappa = "[0, 0.01, 0.03, 0.1, 1]", *duration = "{from: 0, to: 1000, step: 100}";
    refuse_change(kappa, "[]", "s.yaml:9:10: field 'sweep.kappa': an empty list, expected from 1");
    refuse_change(kappa, "", "field 'sweep.kappa': no value");
    refuse_change(kappa, "[0, -0.5]",
                  "s.yaml:9:14: field 'sweep.kappa[1]': value '-0.5', expected a finite number, 0");
    refuse_change(kappa, "[.inf]", "value '.inf', expected a finite number");
    refuse_change(kappa, "[.nan]", "value '.nan', expected a finite number");
    refuse_change(kappa, "[1e999]", "value '1e999', expected a finite number");
    refuse_change(kappa, "strong", "value 'strong'");
    refuse_change(kappa, "[[1]]", "field 'sweep.kappa[0]': a list");
    refuse_change(duration, "[0, 1001]",
                  "s.yaml:10:17: field 'sweep.duration[1]': value '1001', expected a number of "
                  "steps from 0 to 1000 (sampler.steps)");
    refuse_change(duration, "[-1]", "value '-1'");
    refuse_change(duration, "[2.5]", "value '2.5'");
    refuse_change(duration, "{from: 0, to: 1100, step: 100}", "field 'sweep.duration.to'");
    refuse_change(duration, "{from: 0, to: 100}", "required field 'step' is missing");
    refuse_change(duration, "{from: 0, to: 100, step: 0}", "expected an integer above 0");
    refuse_change(duration, "{from: 0, to: 100, step: -5}", "expected an integer above 0");
    refuse_change(duration, "{from: 100, to: 0, step: 5}", "expected an integer below 0");
    refuse_change(duration, "{from: 0, to: 100, step: 0.5}", "expected an integer above 0");
    refuse_change(duration, "{from: 0, to: 100, by: 5}", "unknown key");
    refuse_change(duration, "[0, {start_step: 600, length: 401}]",
                  "field 'sweep.duration[1].length': value '401', expected a number of steps from "
                  "0 to 400 (sampler.steps less start_step)");
    refuse_change(duration, "{start_step: 1001, length: 0}", "field 'sweep.duration.start_step'");
    refuse_change(duration, "{start_step: 5, length: -1}", "field 'sweep.duration.length'");
    refuse_change(duration, "{start_step: 5}", "required field 'length' is missing");
    refuse_change(duration, "[{length: 5}]", "required field 'start_step' is missing");
    refuse_change(duration, "{start_step: 5, length: 5, end: 10}", "unknown key");
    refuse_change(duration, "[{from: 0, to: 100, step: 50}]", "field 'sweep.duration[0]");
    refuse_change(kappa, "[{start_step: 5, length: 5}]", "field 'sweep.kappa[0]': a map");
    refuse_change("  kappa", "  start",
                  "field 'sweep.start': unknown axis, expected kappa, duration, target or zip");
    refuse_change("seed: 0", "order: random", "value 'random', expected cost or shuffle");
    refuse_change(kappa, "{from: 0, to: 1, step: 1e-9}", "gives at most 10000 values");
    refuse_change(kappa, "{from: 0, to: 1, step: .nan}", "expected a finite number above 0");
    refuse_change("  kappa", "  kapa",
                  "s.yaml:9:3: field 'sweep.kapa': unknown axis, did you mean 'kappa'?");
    refuse_change("  kappa: [0, 0.01, 0.03, 0.1, 1]\n", "", "axis 'kappa' is missing");
    refuse_change("form: nll, target: 0", "form: nll", "no target");
    refuse_change("samples:", "  target: [1, 2]\nsamples:", "the target is also given in");
    refuse_change("samples:", "  zip: {kappa: [1, 2]}\nsamples:", "axis 'kappa' is there twice");
    refuse_change("samples:", "  zip: {}\nsamples:", "expected a map of axes");
    refuse_change("samples:", "  zip: [1]\nsamples:", "expected a map of axes");
    refuse_change("  kappa: [0, 0.01, 0.03, 0.1, 1]\n  duration: {from: 0, to: 1000, step: 100}\n",
                  "  zip: {kappa: [0, 1], duration: [1, 2, 3]}\n",
                  "3 values, expected 2 as in the axis before it");
}

static void test_sweep_axes_that_do_not_fit_the_whole_are_refused(void **state)
{
    (void)state;
    refuse("name: a\nmodel: m\nsamples: 3\nsweep: {kappa: [1]}\n",
           "s.yaml:4:8: field 'sweep': axes of guidance without guidance");
    refuse_change("samples: 200", "samples: 100000000",
                  "55 cells of 100000000 images, expected at most 1000000000 images");
    char *text = changed("[0, 0.01, 0.03, 0.1, 1]", "{from: 0, to: 1, step: 0.0002}");
    char *at = strstr(text, "step: 100}"); /* 5001 x 1001 cells */
    memcpy(at, "step: 1}  ", 10);
    refuse(text, "the sweep has 5006001 cells or more, expected at most 1000000");
    free(text);
    refuse("- a\n", "a list, expected a map");
    refuse("", "empty");
}

static void digest(const char *text, uint8_t out[GGDM_HASH_SIZE])
{
    ggdm_sweep s = parse(text);
    ggdm_error err;
    ggdm_test_ok(ggdm_sweep_digest(&s, out, &err), &err);
    ggdm_sweep_deinit(&s);
}

static void expect_digest(const char *from, const char *to, bool equal)
{
    uint8_t a[GGDM_HASH_SIZE], b[GGDM_HASH_SIZE];
    char *text = changed(from, to);
    digest(example, a);
    digest(text, b);
    if ((memcmp(a, b, sizeof a) == 0) != equal)
        ggdm_test_fail("'%s' -> '%s': digests %s", from, to, equal ? "differ" : "are equal");
    free(text);
}

static void test_sweep_digest_ignores_layout_and_operation(void **state)
{
    (void)state;
    expect_digest("# a name under models/zoo, or a directory", "", true);
    expect_digest("seed: 0\n", "", true);
    expect_digest("seed: 0\n", "seed: 0\nbatch: 8\nthreads: 2\norder: shuffle\ncheckpoint: 5m\n",
                  true);
    expect_digest("{from: 0, to: 1000, step: 100}",
                  "[{start_step: 0, length: 0}, {start_step: 0, length: 100}, 200, 300, 400, 500, "
                  "600, 700, 800, 900, {start_step: 0, length: 1000}]",
                  true);
    expect_digest("{from: 0, to: 1000, step: 100}",
                  "[0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]", true);
    expect_digest("[0, 0.01, 0.03, 0.1, 1]", "[0, 1e-2, 0.03, 0.10, 1.0]", true);
    expect_digest(", target: 0}\nsweep:", "}\nsweep:\n  target: 0", true);
    expect_digest("sampler: {kind: ddpm, steps: 1000, variance: fixed_large}\n", "", true);
}

static void test_sweep_digest_tells_what_matters(void **state)
{
    (void)state;
    expect_digest("seed: 0", "seed: 1", false);
    expect_digest("samples: 200", "samples: 201", false);
    expect_digest("0.03", "0.031", false);
    expect_digest("nll", "prob", false);
    expect_digest("xt-full", "xt-affine", false);
    expect_digest("fixed_large", "fixed_small", false);
    expect_digest("fixed_large", "fixed_large, clip_x0: true", false);
    expect_digest("mnist-judge", "other", false);
    expect_digest("mnist-cnn", "other", false);
    expect_digest("mnist-ddpm", "other", false);
    expect_digest("target: 0", "target: 1", false);
    expect_digest("precision: auto", "precision: fp32", false);
    expect_digest("step: 100}", "step: 200}", false);
    expect_digest("{from: 0, to: 1000, step: 100}",
                  "[0, 100, 200, 300, 400, 500, 600, 700, 800, {start_step: 1, length: 900}, 1000]",
                  false);
    expect_digest("  kappa: [0, 0.01, 0.03, 0.1, 1]\n  duration: {from: 0, to: 1000, step: 100}\n",
                  "  duration: {from: 0, to: 1000, step: 100}\n  kappa: [0, 0.01, 0.03, 0.1, 1]\n",
                  false);
}

static void test_sweep_same_names_the_first_difference(void **state)
{
    (void)state;
    char *text = changed("seed: 0", "seed: 7\nbatch: 3");
    ggdm_sweep a = parse(example), b = parse(text), c = parse(example);
    ggdm_error err;
    ggdm_test_ok(ggdm_sweep_same(&a, &c, &err), &err);
    ggdm_test_error(ggdm_sweep_same(&a, &b, &err), &err, GGDM_ESTATE,
                    "it has 'seed: 0', this one 'seed: 7'");
    ggdm_sweep_deinit(&a);
    ggdm_sweep_deinit(&b);
    ggdm_sweep_deinit(&c);
    free(text);
}

static void test_sweep_blame_puts_the_position_in_front(void **state)
{
    (void)state;
    ggdm_sweep s = parse(example);
    ggdm_error err;
    (void)GGDM_FAIL(&err, GGDM_EINVAL, "no such model");
    assert_int_equal(ggdm_sweep_blame(&s, "guidance.loss.model", &err), GGDM_EINVAL);
    assert_string_equal(err.msg, "s.yaml:7:35: field 'guidance.loss.model': no such model");
    ggdm_sweep_deinit(&s);
}

static void test_sweep_checkpoint_is_seconds_or_a_duration(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {{"", 120},
                 {"checkpoint: 30\n", 30},
                 {"checkpoint: 0.5\n", 0.5},
                 {"checkpoint: 90s\n", 90},
                 {"checkpoint: 2m\n", 120},
                 {"checkpoint: 1.5h\n", 5400},
                 {"checkpoint: 0\n", 0},
                 {"checkpoint: off\n", 0},
                 {"checkpoint: false\n", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        ggdm_sweep s;
        ggdm_error err;
        int n = snprintf(text, sizeof text, "name: a\nmodel: m\nsamples: 1\n%s", cases[i].text);
        ggdm_test_ok(ggdm_sweep_parse(text, (size_t)n, "a.yaml", &s, &err), &err);
        assert_true(s.job.checkpoint == cases[i].seconds);
        ggdm_sweep_deinit(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep_example_of_the_design_is_read),
        cmocka_unit_test(test_sweep_without_guidance_has_one_unguided_cell),
        cmocka_unit_test(test_sweep_left_out_axes_take_their_defaults),
        cmocka_unit_test(test_sweep_scalar_axes_become_settings),
        cmocka_unit_test(test_sweep_zip_joins_axes),
        cmocka_unit_test(test_sweep_windows_have_starts),
        cmocka_unit_test(test_sweep_ranges_include_both_ends),
        cmocka_unit_test(test_sweep_bad_fields_are_refused_with_position),
        cmocka_unit_test(test_sweep_checkpoint_is_seconds_or_a_duration),
        cmocka_unit_test(test_sweep_bad_axes_are_refused_with_position),
        cmocka_unit_test(test_sweep_axes_that_do_not_fit_the_whole_are_refused),
        cmocka_unit_test(test_sweep_digest_ignores_layout_and_operation),
        cmocka_unit_test(test_sweep_digest_tells_what_matters),
        cmocka_unit_test(test_sweep_same_names_the_first_difference),
        cmocka_unit_test(test_sweep_blame_puts_the_position_in_front),
    };
    return ggdm_test_main(tests);
}
