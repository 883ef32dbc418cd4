/* Sweep files: the skeleton, what it says, judges, positions of errors. */
#include "tests/support/spec_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static void test_spec_example_of_the_design_is_read(void **state)
{
    (void)state;
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, spec_fixture_example);
    assert_string_equal(s.name, "mnist-figure4");
    spec_fixture_expect_values(&s, "model", "mnist-ddpm");
    spec_fixture_expect_values(&s, "guidance.loss.model", "mnist-cnn");
    assert_int_equal(s.n_judges, 1);
    assert_string_equal(s.judges[0].name, "judge");
    assert_string_equal(ggdm_item_text(s.judges[0].item, "model"), "mnist-judge");
    spec_fixture_expect_values(&s, "steps", "1000");
    spec_fixture_expect_values(&s, "variance", "fixed_large");
    spec_fixture_expect_values(&s, "clip_x0", "false");
    spec_fixture_expect_values(&s, "gradient", "xt-full");
    spec_fixture_expect_values(&s, "form", "nll");
    spec_fixture_expect_values(&s, "seed", "0");
    spec_fixture_expect_values(&s, "target", "0");
    assert_true(s.job.precision == GGDM_PRECISION_AUTO && s.job.batch == 0 && s.job.threads == 0);
    assert_true(s.samples == 200 && s.n_cells == 55 && s.order == GGDM_ORDER_COST);
    spec_fixture_expect_values(&s, "kappa", "0 0.01 0.03 0.1 1");
    spec_fixture_expect_values(&s, "duration", "0 100 200 300 400 500 600 700 800 900 1000");
    assert_string_equal(spec_fixture_find(&s, "kappa")->label, "κ");
    assert_string_equal(spec_fixture_find(&s, "kappa")->path, "guidance.kappa");
    assert_true(spec_fixture_find(&s, "kappa")->stride == 11 &&
                spec_fixture_find(&s, "duration")->stride == 1);
    assert_string_equal(s.parameters[s.class_parameter].path, "guidance.loss.target");
    ggdm_spec_deinit(&s);
    ggdm_spec_deinit(&s);
}

static void test_spec_without_guidance_has_one_unguided_cell(void **state)
{
    (void)state;
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, "name: a\nmodel: m\nsamples: 3\n");
    assert_true(s.n_cells == 1 && s.class_parameter == -1 && s.n_judges == 0);
    assert_null(ggdm_item_child(s.stage, "guidance"));
    spec_fixture_expect_values(&s, "steps", "1000"); /* the standard sampler need not be written */
    ggdm_spec_deinit(&s);
}

static void test_spec_left_out_axes_take_their_defaults(void **state)
{
    (void)state;
    char *text = spec_fixture_changed("  duration: {from: 0, to: 1000, step: 100}\n", "");
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
    assert_int_equal(s.n_cells, 5);
    assert_false(
        spec_fixture_find(&s, "duration")->known); /* the whole chain, whatever its length */
    assert_true(spec_fixture_find(&s, "target")->known && spec_fixture_find(&s, "clip_x0")->known);
    ggdm_spec_deinit(&s);
    free(text);
}

static void test_spec_axes_of_one_value_are_settings(void **state)
{
    (void)state;
    ggdm_spec s =
        spec_fixture_parse(&ggdm_methods, "name: a\nmodel: m\nsamples: 3\n"
                                          "sampler: {kind: ddpm, steps: 50}\n"
                                          "guidance: {kind: gradient, gradient: x0, "
                                          "loss: {kind: classifier, model: c, form: prob}}\n"
                                          "sweep: {kappa: -0.0, target: [7], duration: 25}\n");
    assert_true(s.n_cells == 1);
    spec_fixture_expect_values(&s, "kappa", "0");
    spec_fixture_expect_values(&s, "target", "7");
    spec_fixture_expect_values(&s, "duration", "25");
    spec_fixture_expect_values(&s, "gradient", "x0");
    spec_fixture_expect_values(&s, "form", "prob");
    ggdm_spec_deinit(&s);
}

static void test_spec_axes_go_before_the_tree(void **state)
{
    (void)state;
    char *text = spec_fixture_changed("samples:", "  target: [5, 6]\nsamples:");
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
    const ggdm_value *target =
        ggdm_item_value(ggdm_item_child(ggdm_item_child(s.stage, "guidance"), "loss"), "target");
    assert_int_equal(target->scalar.whole, 5);
    ggdm_spec_put_cell(&s, 1);
    assert_int_equal(target->scalar.whole, 6);
    ggdm_spec_deinit(&s);
    free(text);
}

static void test_spec_condition_is_aimed_at_without_guidance(void **state)
{
    (void)state;
    ggdm_spec s =
        spec_fixture_parse(&ggdm_methods, "{name: a, model: m, samples: 1, sweep: {label: [1, 2]}, "
                                          "condition: {}}");
    assert_string_equal(s.parameters[s.class_parameter].path, "condition.label");
    assert_int_equal(s.n_cells, 2);
    ggdm_spec_deinit(&s);
}

/* The label of a condition, as guidance.label, as an axis alone, or both where they say the same.
 */
static void test_spec_labels_are_of_the_condition_wherever_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *sets, *values;
    } rows[] = {
        {"guidance: {kind: classifier-free, s: 2, label: 3}", NULL, "3"},
        {"guidance: {kind: classifier-free, s: 2, label: 3}", "label=4", "4"},
        {"guidance: {kind: classifier-free, s: 2, label: 3}, condition: {label: 3}", NULL, "3"},
        {"guidance: {kind: classifier-free, s: 2}, condition: {label: 3}", "guidance.label=5", "5"},
        {"guidance: {kind: classifier-free, s: 2}, sweep: {label: [1, 2]}", NULL, "1 2"},
        {"guidance: {kind: classifier-free, s: 2}, sweep: {guidance.label: [1, 2]}", NULL, "1 2"},
        {"guidance: {kind: one-of, of: [{name: a, kind: classifier-free, s: 2, label: 3}, "
         "{name: b, kind: classifier-free, w: 1}], use: b}",
         "guidance.b.label=6", "6"},
        {"sweep: {zip: {condition.label: [1, 2], seed: [0, 5]}}", NULL, "1 2"},
        {"seed: 1", "label=4", "4"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        ggdm_spec s;
        ggdm_error err;
        snprintf(text, sizeof text, "{name: a, model: m, samples: 1, %s}", rows[i].rest);
        ggdm_test_ok(spec_fixture_read_with(&ggdm_methods, text, &rows[i].sets,
                                            rows[i].sets != NULL, &s, &err),
                     &err);
        assert_string_equal(s.parameters[s.class_parameter].path, "condition.label");
        spec_fixture_expect_values(&s, "label", rows[i].values);
        ggdm_spec_deinit(&s);
    }
#define SWEEP(rest) "{name: a, model: m, samples: 1, " rest "}"
    spec_fixture_refuse(
        SWEEP("guidance: {kind: classifier-free, s: 2, label: 3}, condition: {label: 4}"),
        "field 'guidance.label': value '3', expected that of condition.label, which is 4, or none");
    spec_fixture_refuse(SWEEP("guidance: {kind: classifier-free, s: 2}"),
                        "field 'guidance': required field 'label' or 'prompt' is missing");
    spec_fixture_refuse(
        SWEEP("guidance: {kind: classifier-free, s: 2}, sweep: {label: [1], guidance.label: [2]}"),
        "axis 'guidance.label' is there twice");
    spec_fixture_refuse(
        SWEEP("guidance: {kind: classifier-free, s: 2, label: 1}, sweep: {w: [1, 2]}"),
        "field 'sweep.w[0]': value '1', expected s or w, not both");
    spec_fixture_refuse(SWEEP("guidance: {kind: classifier-free, label: 1}"),
                        "field 'guidance': expected s or w");
#undef SWEEP
}

static void test_spec_bad_fields_are_refused_with_position(void **state)
{
    (void)state;
    spec_fixture_refuse_change("seed: 0", "sed: 0",
                               "s.yaml:12:1: field 'sed': unknown key, did you mean 'seed'?");
    spec_fixture_refuse_change("model: mnist-ddpm ", "modl: x",
                               "field 'modl': unknown key, did you mean 'model'?");
    spec_fixture_refuse_change("seed: 0", "speed: 0", "did you mean 'seed'?");
    spec_fixture_refuse_change("seed: 0", "extra: 0",
                               "unknown key, expected one of: name, sweep, samples");
    spec_fixture_refuse_change("seed: 0", "extra: 0", ", sampler, condition, guidance, seed");
    spec_fixture_refuse_change(
        "gradient: xt-full", "gradiant: x",
        "s.yaml:6:3: field 'guidance.gradiant': unknown key, did you mean 'gradient'?");
    spec_fixture_refuse_change(
        "samples: 200", "samples: many",
        "s.yaml:11:10: field 'samples': value 'many', expected a number of images");
    spec_fixture_refuse_change("samples: 200", "samples: -3", "field 'samples': value '-3'");
    spec_fixture_refuse_change("samples: 200", "samples: 0", "field 'samples': value '0'");
    spec_fixture_refuse_change("samples: 200", "samples: 2.5", "field 'samples': value '2.5'");
    spec_fixture_refuse_change("samples: 200\n", "", "required field 'samples' is missing");
    spec_fixture_refuse_change("model: mnist-ddpm ", "", "required field 'model' is missing");
    spec_fixture_refuse_change("kind: ddpm", "kind: ddpn",
                               "s.yaml:3:17: field 'sampler.kind': value 'ddpn', expected one of");
    spec_fixture_refuse_change("kind: ddpm, ", "",
                               "s.yaml:3:10: field 'sampler': required field 'kind'");
    spec_fixture_refuse_change("steps: 1000", "steps: 0",
                               "field 'sampler.steps': value '0', expected an integer "
                               "from 1 to 100000");
    spec_fixture_refuse_change("steps: 1000", "steps: 100001", "from 1 to 100000");
    spec_fixture_refuse_change("fixed_large", "learned", "expected fixed_large, fixed_small or ");
    spec_fixture_refuse_change("kind: gradient", "kind: cfg", "expected one of gradient, ");
    spec_fixture_refuse_change("xt-full", "xt",
                               "s.yaml:6:13: field 'guidance.gradient': value 'xt', expected "
                               "xt-full, xt-affine or x0");
    spec_fixture_refuse_change("form: nll", "form: mse", "expected nll, prob");
    spec_fixture_refuse_change("kind: classifier", "kind: club", "value 'club', expected");
    spec_fixture_refuse_change("target: 0", "target: 1000", "expected a class from 0 to 999");
    spec_fixture_refuse_change("target: 0", "target: -1", "expected a class from 0 to 999");
    spec_fixture_refuse_change("seed: 0", "seed: -1",
                               "expected an integer from 0 to 9223372036854775807");
    spec_fixture_refuse_change("seed: 0", "seed: 9223372036854775808",
                               "expected an integer from 0");
    spec_fixture_refuse_change("precision: auto", "precision: fp16", "expected auto, fp32 or bf16");
    spec_fixture_refuse_change("name: mnist-figure4", "name: ../up", "field 'name': value '../up'");
    spec_fixture_refuse_change("name: mnist-figure4", "name: .hidden", "names the run directory");
    spec_fixture_refuse_change("seed: 0", "batch: 0", "field 'batch': value '0'");
    spec_fixture_refuse_change("seed: 0", "threads: -2", "field 'threads': value '-2'");
    spec_fixture_refuse_change("seed: 0", "checkpoint: -1", "field 'checkpoint': value '-1'");
    spec_fixture_refuse_change("seed: 0", "checkpoint: 2 days", "a duration like 90s");
    spec_fixture_refuse_change("seed: 0", "checkpoint: 1e300h", "a duration like 90s");
    spec_fixture_refuse_change("seed: 0", "checkpoint: [1]", "a duration like 90s");
    spec_fixture_refuse_change("seed: 0", "checkpoint: true", "a duration like 90s");
    spec_fixture_refuse_change("seed: 0", "record: 3", "a map {images: ..., points: ...}");
    spec_fixture_refuse_change("seed: 0", "record: {images: 1001}", "from 0 to 1000");
    spec_fixture_refuse_change("seed: 0", "record: {points: 0}", "from 1 to 1000");
    spec_fixture_refuse_change("seed: 0", "record: {every: 3}", "every");
    spec_fixture_refuse_change("seed: 0", "order: random",
                               "value 'random', expected cost or shuffle");
    spec_fixture_refuse_change("model: mnist-ddpm ", "model: [a]",
                               "field 'model': a list, expected the name");
    spec_fixture_refuse_change("seed: 0", "seed: 0\nseed: 1",
                               "s.yaml:13:1: key 'seed' is there twice");
    spec_fixture_refuse_change("seed: 0", "set: a=1",
                               "field 'set': value 'a=1', expected a list of PATH=VALUE");
    spec_fixture_refuse_change("seed: 0", "set: [1]",
                               "field 'set[0]': value '1', expected PATH=VALUE");
    spec_fixture_refuse("- a\n", "a list, expected a map");
    spec_fixture_refuse("", "empty");
}

static void test_spec_until_is_read_with_its_defaults(void **state)
{
    (void)state;
    char *text = spec_fixture_changed("samples: 200", "until: {halfwidth: 0.03, at_most: 2000}");
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
    assert_true(s.samples == 25 && s.until.block == 25 && s.until.at_most == 2000);
    assert_true(s.until.halfwidth == 0.03 && s.until.best == 0 && s.until.level == 0.05);
    assert_string_equal(s.until.measure, "judge");
    ggdm_spec_deinit(&s);
    free(text);
    text = spec_fixture_changed("samples: 200", "samples: 50\nuntil: {measure: guide, best: 0.9, "
                                                "at_most: 60, block: 7, level: 0.01}");
    s = spec_fixture_parse(&ggdm_methods, text);
    assert_true(s.samples == 50 && s.until.block == 7 && s.until.best == 0.9);
    assert_true(s.until.level == 0.01 && s.until.halfwidth == 0);
    assert_string_equal(s.until.measure, "guide");
    ggdm_spec_deinit(&s);
    free(text);
    text = spec_fixture_changed("samples: 200", "until: {best: 0.9, at_most: 10}");
    s = spec_fixture_parse(&ggdm_methods, text); /* no first round beyond the bound */
    assert_true(s.samples == 10);
    ggdm_spec_deinit(&s);
    free(text);
}

static void test_spec_bad_until_is_refused_with_position(void **state)
{
    (void)state;
    static const struct {
        const char *until, *message;
    } rows[] = {
        {"until: {halfwidth: 0.03}", "s.yaml:11:8: field 'until': required field 'at_most' is "},
        {"until: {halfwidth: 0.03, at_most: 9, blok: 3}",
         "s.yaml:11:38: field 'until.blok': unknown key, did you mean 'block'?"},
        {"until: {at_most: 9}", "field 'until': expected either 'halfwidth' or 'best'"},
        {"until: {at_most: 9, best: 0.9, halfwidth: 0.1}", "either 'halfwidth' or 'best'"},
        {"until: {at_most: 9, halfwidth: 3}",
         "s.yaml:11:32: field 'until.halfwidth': value '3', expected a half width of"},
        {"until: {at_most: 9, best: 1}", "field 'until.best': value '1', expected a probability"},
        {"until: {at_most: 0, best: 0.9}", "field 'until.at_most': value '0', expected a number"},
        {"until: {at_most: 9, best: 0.9, block: 0}", "field 'until.block': value '0', expected"},
        {"until: {at_most: 9, best: 0.9, level: 0}", "field 'until.level': value '0', expected"},
        {"samples: 10\nuntil: {at_most: 9, best: 0.9}",
         "s.yaml:12:18: field 'until.at_most': value '9', expected at least the 10 images"},
        {"until: 0.03", "field 'until': value '0.03', expected a map"},
        {"until: {at_most: 90000000, best: 0.9}", "55 cells of 90000000 images, expected at most"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        spec_fixture_refuse_change("samples: 200", rows[i].until, rows[i].message);
    spec_fixture_refuse("{name: a, model: m, until: {halfwidth: 0.1, at_most: 9}}",
                        "field 'until': the cells aim at no class");
    spec_fixture_refuse("{name: a, model: m, condition: {label: 1}, until: {best: 0.9, at_most: "
                        "9}}",
                        "field 'until.best': a race of 1 cell, expected from 2 to 10000");
}

static void test_spec_record_says_how_much_is_noted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ggdm_record_wish wish;
    } cases[] = {{"", {8, 50}},
                 {"record: {images: 3}\n", {3, 50}},
                 {"record: {points: 1000}\n", {8, 1000}},
                 {"record: {images: 0, points: 7}\n", {0, 7}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text, "name: a\nmodel: m\nsamples: 1\n%s", cases[i].text);
        ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
        assert_int_equal(s.job.record.images, cases[i].wish.images);
        assert_int_equal(s.job.record.points, cases[i].wish.points);
        ggdm_spec_deinit(&s);
    }
}

static void test_spec_trace_is_read_with_its_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t images, every;
    } cases[] = {{"", 0, 0},
                 {"trace: {images: 2, every: 50}\n", 2, 50},
                 {"trace: {every: 7}\n", 4, 7},
                 {"trace: {}\n", 4, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text, "name: a\nmodel: m\nsamples: 1\n%s", cases[i].text);
        ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
        assert_int_equal(s.trace.images, cases[i].images);
        assert_int_equal(s.trace.every, cases[i].every);
        ggdm_spec_deinit(&s);
    }
    spec_fixture_refuse_change("samples: 200", "samples: 200\ntrace: 4",
                               "s.yaml:12:8: field 'trace': value '4', expected a map {images: 4");
    spec_fixture_refuse_change("samples: 200", "samples: 200\ntrace: {image: 4}",
                               "s.yaml:12:9: field 'trace.image': unknown key, did you mean");
    spec_fixture_refuse_change("samples: 200", "samples: 200\ntrace: {images: 0}",
                               "field 'trace.images': value '0', expected a number of images");
    spec_fixture_refuse_change("samples: 200", "samples: 200\ntrace: {every: 0}",
                               "field 'trace.every': value '0', expected a number of steps");
}

static void test_spec_checkpoint_is_seconds_or_a_duration(void **state)
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
        snprintf(text, sizeof text, "name: a\nmodel: m\nsamples: 1\n%s", cases[i].text);
        ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
        assert_true(s.job.checkpoint == cases[i].seconds);
        ggdm_spec_deinit(&s);
    }
}

/* ---- judges -------------------------------------------------------------------------------- */

static void expect_judges(const char *judge, const char *names)
{
    char *line, *text, got[200] = "";
    ggdm_error err;
    ggdm_test_ok(ggdm_asprintf(&line, &err, "judge: %s\n", judge), &err);
    text = spec_fixture_changed("judge: mnist-judge\n", line);
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
    for (int32_t i = 0; i < s.n_judges; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s=%s ", s.judges[i].name,
                 s.judges[i].item->kind->name);
    assert_string_equal(got, names);
    ggdm_spec_deinit(&s);
    free(line);
    free(text);
}

static void test_spec_judges_are_names_maps_or_lists(void **state)
{
    (void)state;
    expect_judges("a", "judge=classifier ");
    expect_judges("dir/a", "judge=classifier ");
    expect_judges("[a]", "judge=classifier ");
    expect_judges("[a, ./dir/b]", "judge=classifier b=classifier ");
    expect_judges("{model: a}", "judge=classifier ");
    expect_judges("{model: a, name: second}", "second=classifier ");
    expect_judges("[a, {model: a, name: b}]", "judge=classifier b=classifier ");
    expect_judges("{kind: loss, of: {kind: classifier, model: a, target: 1}}", "loss=loss ");
    expect_judges("null", "");
    char *text = spec_fixture_changed("judge: mnist-judge\n", "");
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
    assert_int_equal(s.n_judges, 0);
    ggdm_spec_deinit(&s);
    free(text);
}

static void test_spec_bad_judges_are_refused_with_position(void **state)
{
    (void)state;
    spec_fixture_refuse_change("mnist-judge", "3",
                               "s.yaml:13:8: field 'judge': value '3', expected the name");
    spec_fixture_refuse_change("mnist-judge", "''",
                               "expected the name of a classifier or a directory");
    spec_fixture_refuse_change("mnist-judge", "[]", "expected from 1 to 16 judges");
    spec_fixture_refuse_change("mnist-judge", "[b, a, dir/a]",
                               "two judges are called 'a', expected other names");
    spec_fixture_refuse_change("mnist-judge", "[[a]]",
                               "field 'judge[0]': a list, expected the name");
    spec_fixture_refuse_change("mnist-judge", "{kind: metric}",
                               "field 'judge.kind': value 'metric', expected");
    spec_fixture_refuse_change("mnist-judge", "{}", "required field 'model' is missing");
    spec_fixture_refuse_change("mnist-judge", "{model: a, name: 'a b'}",
                               "field 'judge.name': value 'a b', expected letters");
    spec_fixture_refuse_change("mnist-judge", "{model: a, weight: 1}",
                               "field 'judge.weight': unknown key");
}

static void test_spec_blame_puts_the_position_in_front(void **state)
{
    (void)state;
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, spec_fixture_example);
    ggdm_error err;
    (void)GGDM_FAIL(&err, GGDM_EINVAL, "no such model");
    assert_int_equal(ggdm_spec_blame(&s, "guidance.loss.model", &err), GGDM_EINVAL);
    assert_string_equal(err.msg, "s.yaml:7:35: field 'guidance.loss.model': no such model");
    (void)GGDM_FAIL(&err, GGDM_ESTATE, "too long");
    ggdm_spec_blame(&s, "sampler.clip_x0", &err); /* where it would stand */
    assert_string_equal(err.msg, "s.yaml:3:10: field 'sampler.clip_x0': too long");
    ggdm_spec_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_example_of_the_design_is_read),
        cmocka_unit_test(test_spec_without_guidance_has_one_unguided_cell),
        cmocka_unit_test(test_spec_left_out_axes_take_their_defaults),
        cmocka_unit_test(test_spec_axes_of_one_value_are_settings),
        cmocka_unit_test(test_spec_axes_go_before_the_tree),
        cmocka_unit_test(test_spec_condition_is_aimed_at_without_guidance),
        cmocka_unit_test(test_spec_labels_are_of_the_condition_wherever_they_stand),
        cmocka_unit_test(test_spec_bad_fields_are_refused_with_position),
        cmocka_unit_test(test_spec_until_is_read_with_its_defaults),
        cmocka_unit_test(test_spec_bad_until_is_refused_with_position),
        cmocka_unit_test(test_spec_record_says_how_much_is_noted),
        cmocka_unit_test(test_spec_trace_is_read_with_its_defaults),
        cmocka_unit_test(test_spec_checkpoint_is_seconds_or_a_duration),
        cmocka_unit_test(test_spec_judges_are_names_maps_or_lists),
        cmocka_unit_test(test_spec_bad_judges_are_refused_with_position),
        cmocka_unit_test(test_spec_blame_puts_the_position_in_front),
    };
    return ggdm_test_main(tests);
}
