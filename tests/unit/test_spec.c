/* Sweep files: the skeleton, axes of every type, --set, judges, what makes two sweeps the same. */
#include "jobs/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/toy_catalogue.h"
#include "worker/kinds.h"

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

/* The same of toy kinds: two parts with windows, a list, texts, files, flags, choices. */
static const char toy[] = "name: toy\n"
                          "model: m\n"
                          "samples: 2\n"
                          "sampler: {kind: walk}\n"
                          "condition: {}\n"
                          "guidance:\n"
                          "  parts:\n"
                          "    - {name: a, goal: {kind: class, model: c}}\n"
                          "    - {name: b, goal: {kind: all, of: [{kind: picture, file: f}, {kind: "
                          "class, model: d, target: 1}]}}\n"
                          "sweep:\n"
                          "  guidance.a.goal.target: 1\n";

static ggdm_status read_with(const ggdm_catalogue *c, const char *text, const char *const *sets,
                             int n_sets, ggdm_spec *s, ggdm_error *err)
{
    return ggdm_spec_parse(c, text, strlen(text), "s.yaml", sets, n_sets, s, err);
}

static ggdm_spec parse(const ggdm_catalogue *c, const char *text)
{
    ggdm_spec s;
    ggdm_error err;
    ggdm_test_ok(read_with(c, text, NULL, 0, &s, &err), &err);
    return s;
}

static void refuse_of(const ggdm_catalogue *c, const char *text, const char *set,
                      const char *message)
{
    ggdm_spec s;
    ggdm_error err;
    ggdm_status st = read_with(c, text, &set, set != NULL, &s, &err);
    if (st != GGDM_EINVAL && st != GGDM_EFORMAT)
        ggdm_test_fail("accepted, expected \"%s\":\n%s", message, text);
    ggdm_test_error(st, &err, st, message);
    assert_null(s.doc);
    ggdm_spec_deinit(&s);
}

static void refuse(const char *text, const char *message)
{
    refuse_of(&ggdm_methods, text, NULL, message);
}

/* A text with one piece of it replaced. */
static char *changed_of(const char *base, const char *from, const char *to)
{
    const char *at = strstr(base, from);
    const size_t size = strlen(base) + strlen(to) + 1;
    char *text = ggdm_test_alloc(size, 1);
    if (!at)
        ggdm_test_fail("'%s' is not there", from);
    snprintf(text, size, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    return text;
}

static char *changed(const char *from, const char *to)
{
    return changed_of(example, from, to);
}

static void refuse_change(const char *from, const char *to, const char *message)
{
    char *text = changed(from, to);
    refuse(text, message);
    free(text);
}

static void refuse_toy(const char *from, const char *to, const char *message)
{
    char *text = changed_of(toy, from, to);
    refuse_of(&ggdm_toy_catalogue, text, NULL, message);
    free(text);
}

/* ---- what a sweep says ---------------------------------------------------------------------- */

static const ggdm_parameter *find(const ggdm_spec *s, const char *name)
{
    for (int32_t i = 0; i < s->n_parameters; i++)
        if (strcmp(s->parameters[i].name, name) == 0 || strcmp(s->parameters[i].path, name) == 0)
            return &s->parameters[i];
    ggdm_test_fail("no parameter %s", name);
    return NULL;
}

/* "0.1 0.2": the values of a parameter, as people see them. */
static void expect_values(const ggdm_spec *s, const char *name, const char *values)
{
    const ggdm_parameter *p = find(s, name);
    char got[2000] = "";
    for (int32_t i = 0; i < p->count; i++) {
        size_t n = strlen(got);
        if (i)
            strcpy(got + n++, " ");
        ggdm_scalar_text(p->row, &p->values[i], got + n, sizeof got - n);
    }
    if (strcmp(got, values) != 0)
        ggdm_test_fail("%s has %s, expected %s", name, got, values);
}

/* "1 10": those of a cell. */
static void expect_cell(ggdm_spec *s, int64_t cell, const char *const *names, const char *values)
{
    char got[400] = "";
    ggdm_spec_put_cell(s, cell);
    for (; *names; names++) {
        const ggdm_parameter *p = find(s, *names);
        const ggdm_scalar *v = ggdm_spec_value(s, (int32_t)(p - s->parameters), cell);
        size_t n = strlen(got);
        assert_true(ggdm_scalar_equal(p->row->type, v, &p->slot->scalar));
        ggdm_scalar_text(p->row, v, got + n, sizeof got - n);
        strcat(got, names[1] ? " " : "");
    }
    assert_string_equal(got, values);
}

static void test_spec_example_of_the_design_is_read(void **state)
{
    (void)state;
    ggdm_spec s = parse(&ggdm_methods, example);
    assert_string_equal(s.name, "mnist-figure4");
    expect_values(&s, "model", "mnist-ddpm");
    expect_values(&s, "guidance.loss.model", "mnist-cnn");
    assert_int_equal(s.n_judges, 1);
    assert_string_equal(s.judges[0].name, "judge");
    assert_string_equal(ggdm_item_text(s.judges[0].item, "model"), "mnist-judge");
    expect_values(&s, "steps", "1000");
    expect_values(&s, "variance", "fixed_large");
    expect_values(&s, "clip_x0", "false");
    expect_values(&s, "gradient", "xt-full");
    expect_values(&s, "form", "nll");
    expect_values(&s, "seed", "0");
    expect_values(&s, "target", "0");
    assert_true(s.job.precision == GGDM_PRECISION_AUTO && s.job.batch == 0 && s.job.threads == 0);
    assert_true(s.samples == 200 && s.n_cells == 55 && s.order == GGDM_ORDER_COST);
    expect_values(&s, "kappa", "0 0.01 0.03 0.1 1");
    expect_values(&s, "duration", "0 100 200 300 400 500 600 700 800 900 1000");
    assert_string_equal(find(&s, "kappa")->label, "κ");
    assert_string_equal(find(&s, "kappa")->path, "guidance.kappa");
    assert_true(find(&s, "kappa")->stride == 11 && find(&s, "duration")->stride == 1);
    assert_string_equal(s.parameters[s.class_parameter].path, "guidance.loss.target");
    ggdm_spec_deinit(&s);
    ggdm_spec_deinit(&s);
}

static void test_spec_without_guidance_has_one_unguided_cell(void **state)
{
    (void)state;
    ggdm_spec s = parse(&ggdm_methods, "name: a\nmodel: m\nsamples: 3\n");
    assert_true(s.n_cells == 1 && s.class_parameter == -1 && s.n_judges == 0);
    assert_null(ggdm_item_child(s.stage, "guidance"));
    expect_values(&s, "steps", "1000"); /* the standard sampler need not be written */
    ggdm_spec_deinit(&s);
}

static void test_spec_left_out_axes_take_their_defaults(void **state)
{
    (void)state;
    char *text = changed("  duration: {from: 0, to: 1000, step: 100}\n", "");
    ggdm_spec s = parse(&ggdm_methods, text);
    assert_int_equal(s.n_cells, 5);
    assert_false(find(&s, "duration")->known); /* the whole chain, whatever its length */
    assert_true(find(&s, "target")->known && find(&s, "clip_x0")->known);
    ggdm_spec_deinit(&s);
    free(text);
}

static void test_spec_axes_of_one_value_are_settings(void **state)
{
    (void)state;
    ggdm_spec s = parse(&ggdm_methods, "name: a\nmodel: m\nsamples: 3\n"
                                       "sampler: {kind: ddpm, steps: 50}\n"
                                       "guidance: {kind: gradient, gradient: x0, "
                                       "loss: {kind: classifier, model: c, form: prob}}\n"
                                       "sweep: {kappa: -0.0, target: [7], duration: 25}\n");
    assert_true(s.n_cells == 1);
    expect_values(&s, "kappa", "0");
    expect_values(&s, "target", "7");
    expect_values(&s, "duration", "25");
    expect_values(&s, "gradient", "x0");
    expect_values(&s, "form", "prob");
    ggdm_spec_deinit(&s);
}

static void test_spec_axes_go_before_the_tree(void **state)
{
    (void)state;
    char *text = changed("samples:", "  target: [5, 6]\nsamples:");
    ggdm_spec s = parse(&ggdm_methods, text);
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
    ggdm_spec s = parse(&ggdm_methods, "{name: a, model: m, samples: 1, sweep: {label: [1, 2]}, "
                                       "condition: {}}");
    assert_string_equal(s.parameters[s.class_parameter].path, "condition.label");
    assert_int_equal(s.n_cells, 2);
    ggdm_spec_deinit(&s);
}

static void test_spec_bad_fields_are_refused_with_position(void **state)
{
    (void)state;
    refuse_change("seed: 0", "sed: 0",
                  "s.yaml:12:1: field 'sed': unknown key, did you mean 'seed'?");
    refuse_change("model: mnist-ddpm ", "modl: x",
                  "field 'modl': unknown key, did you mean 'model'?");
    refuse_change("seed: 0", "speed: 0", "did you mean 'seed'?");
    refuse_change("seed: 0", "extra: 0", "unknown key, expected one of: name, sweep, samples");
    refuse_change("seed: 0", "extra: 0", ", sampler, condition, guidance, seed");
    refuse_change("gradient: xt-full", "gradiant: x",
                  "s.yaml:6:3: field 'guidance.gradiant': unknown key, did you mean 'gradient'?");
    refuse_change("samples: 200", "samples: many",
                  "s.yaml:11:10: field 'samples': value 'many', expected a number of images");
    refuse_change("samples: 200", "samples: -3", "field 'samples': value '-3'");
    refuse_change("samples: 200", "samples: 0", "field 'samples': value '0'");
    refuse_change("samples: 200", "samples: 2.5", "field 'samples': value '2.5'");
    refuse_change("samples: 200\n", "", "required field 'samples' is missing");
    refuse_change("model: mnist-ddpm ", "", "required field 'model' is missing");
    refuse_change("kind: ddpm", "kind: ddpn",
                  "s.yaml:3:17: field 'sampler.kind': value 'ddpn', expected one of");
    refuse_change("kind: ddpm, ", "", "s.yaml:3:10: field 'sampler': required field 'kind'");
    refuse_change("steps: 1000", "steps: 0",
                  "field 'sampler.steps': value '0', expected an integer "
                  "from 1 to 100000");
    refuse_change("steps: 1000", "steps: 100001", "from 1 to 100000");
    refuse_change("fixed_large", "learned", "expected fixed_large or fixed_small");
    refuse_change("kind: gradient", "kind: cfg", "expected one of gradient, terms");
    refuse_change("xt-full", "xt",
                  "s.yaml:6:13: field 'guidance.gradient': value 'xt', expected "
                  "xt-full, xt-affine or x0");
    refuse_change("form: nll", "form: mse", "expected nll or prob");
    refuse_change("kind: classifier", "kind: clip", "value 'clip', expected");
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
    refuse_change("seed: 0", "order: random", "value 'random', expected cost or shuffle");
    refuse_change("model: mnist-ddpm ", "model: [a]", "field 'model': a list, expected the name");
    refuse_change("seed: 0", "seed: 0\nseed: 1", "s.yaml:13:1: key 'seed' is there twice");
    refuse_change("seed: 0", "set: a=1", "field 'set': value 'a=1', expected a list of PATH=VALUE");
    refuse_change("seed: 0", "set: [1]", "field 'set[0]': value '1', expected PATH=VALUE");
    refuse("- a\n", "a list, expected a map");
    refuse("", "empty");
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
        ggdm_spec s = parse(&ggdm_methods, text);
        assert_true(s.job.checkpoint == cases[i].seconds);
        ggdm_spec_deinit(&s);
    }
}

/* ---- axes ---------------------------------------------------------------------------------- */

static ggdm_spec parse_axes(const char *axes)
{
    char *text = changed("  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
                         "  duration: {from: 0, to: 1000, step: 100}\n",
                         axes);
    ggdm_spec s = parse(&ggdm_methods, text);
    free(text);
    return s;
}

static void test_spec_zip_joins_axes(void **state)
{
    (void)state;
    static const char *const names[] = {"seed", "duration", "kappa", NULL};
    ggdm_spec s = parse_axes("  zip: {duration: [10, 20, 30], kappa: {from: 0.1, to: 0.3, step: "
                             "0.1}}\n");
    assert_int_equal(s.n_cells, 3);
    expect_values(&s, "kappa", "0.1 0.2 0.3"); /* not 0.30000000000000004 */
    expect_cell(&s, 0, names, "0 10 0.1");
    expect_cell(&s, 1, names, "0 20 0.2");
    ggdm_spec_deinit(&s);
    char *text = changed("seed: 0\n", ""), *other = changed_of(text, "  gradient: xt-full\n", "");
    char *more = changed_of(other,
                            "  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
                            "  duration: {from: 0, to: 1000, step: 100}\n",
                            "  seed: [5, 6]\n  zip: {duration: [10, 20], kappa: [1, 2]}\n"
                            "  gradient: [x0, xt-full, xt-affine]\n");
    s = parse(&ggdm_methods, more);
    assert_int_equal(s.n_cells, 12);
    expect_cell(&s, 0, names, "5 10 1");
    expect_cell(&s, 2, names, "5 10 1");
    expect_cell(&s, 3, names, "5 20 2");
    expect_cell(&s, 11, names, "6 20 2");
    ggdm_spec_deinit(&s);
    free(text);
    free(other);
    free(more);
}

static void test_spec_windows_have_starts(void **state)
{
    (void)state;
    ggdm_spec s = parse_axes("  kappa: 1\n  duration: [7, {start_step: 250, length: 100}, 0.5, "
                             "{start_step: 0.25, length: 0.5}]\n");
    expect_values(&s, "duration", "7 250+100 0.5 0.25+0.5");
    ggdm_spec_deinit(&s);
    s = parse_axes("  kappa: 1\n  duration: {start_step: 250, length: 750}\n");
    expect_values(&s, "duration", "250+750");
    assert_int_equal(s.n_cells, 1);
    ggdm_spec_deinit(&s);
}

static void test_spec_ranges_include_both_ends(void **state)
{
    (void)state;
    static const struct {
        const char *axis, *name, *values;
    } cases[] = {
        {"kappa: {from: 0, to: 1, step: 0.25}", "kappa", "0 0.25 0.5 0.75 1"},
        {"kappa: {from: 0, to: 1, step: 0.3}", "kappa", "0 0.3 0.6 0.9"},
        {"kappa: {from: 1, to: 0, step: -0.5}", "kappa", "1 0.5 0"},
        {"kappa: {from: 0, to: 2e-5, step: 1e-5}", "kappa", "0 1e-05 2e-05"},
        {"kappa: {from: 0.1, to: 0.5, step: 0.1}", "kappa", "0.1 0.2 0.3 0.4 0.5"},
        {"kappa: {from: 2, to: 2, step: 1}", "kappa", "2"},
        {"kappa: 1\n  duration: {from: 100, to: 0, step: -50}", "duration", "100 50 0"},
        {"kappa: 1\n  duration: {from: 0, to: 0.5, step: 0.25}", "duration", "0.0 0.25 0.5"},
        {"kappa: 1\n  duration: {from: 0.0, to: 1, step: 0.5}", "duration", "0.0 0.5 1.0"},
        {"kappa: 1\n  guidance.loss.weight: {from: -1, to: 1, step: 1}", "weight", "-1 0 1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char axes[200];
        snprintf(axes, sizeof axes, "  %s\n", cases[i].axis);
        ggdm_spec s = parse_axes(axes);
        expect_values(&s, cases[i].name, cases[i].values);
        ggdm_spec_deinit(&s);
    }
    ggdm_spec s = parse(&ggdm_methods,
                        "{name: a, model: m, samples: 1, condition: {}, sweep: {label: {from: 3, "
                        "to: 9, step: 3}, steps: {from: 10, to: 30, step: 10}, seed: {from: "
                        "9223372036854775805, to: 9223372036854775807, step: 1}}}");
    assert_int_equal(s.n_cells, 27);
    expect_values(&s, "label", "3 6 9");
    expect_values(&s, "steps", "10 20 30");
    expect_values(&s, "seed", "9223372036854775805 9223372036854775806 9223372036854775807");
    ggdm_spec_deinit(&s);
}

static void test_spec_values_of_every_type_are_axes(void **state)
{
    (void)state;
    static const char *const names[] = {"mode", "clip", "prompt", "model", "file", "steps", NULL};
    char *base = changed_of(toy, "picture, file: f}", "picture}");
    char *text = changed_of(base, "  guidance.a.goal.target: 1\n",
                            "  guidance.a.goal.target: [1, 2]\n"
                            "  mode: [slow, quick]\n"
                            "  clip: [true, false]\n"
                            "  prompt: [\"a, b\", 'c \"d\"']\n"
                            "  file: [x.png, /y z.png]\n"
                            "  steps: [10, 20]\n"
                            "  eta: {from: 0, to: 1, step: 0.5}\n"
                            "  guidance.b.goal.class.weight: [1, 2]\n"
                            "  guidance.a.window: [0.5, {start_step: 3, length: 4}]\n");
    ggdm_spec s = parse(&ggdm_toy_catalogue, text);
    assert_int_equal(s.n_cells, 3 << 8);
    expect_cell(&s, 0, names, "slow true a, b m x.png 10");
    expect_cell(&s, (3 << 8) - 1, names, "quick false c \"d\" m /y z.png 20");
    expect_values(&s, "guidance.b.goal.class.weight", "1 2");
    assert_string_equal(s.parameters[s.class_parameter].path, "guidance.a.goal.target");
    ggdm_spec_deinit(&s);
    free(base);
    free(text);
    text = changed_of(toy, "model: m\n", "");
    char *more = changed_of(text, "sweep:\n", "sweep:\n  model: [m, ./n]\n");
    s = parse(&ggdm_toy_catalogue, more); /* the diffusion model: its path is one word */
    expect_values(&s, "model", "m ./n");
    ggdm_spec_deinit(&s);
    free(text);
    free(more);
}

static void test_spec_names_are_short_where_they_are_unique(void **state)
{
    (void)state;
    ggdm_spec s = parse(&ggdm_toy_catalogue, toy);
    assert_string_equal(find(&s, "sampler.steps")->name, "steps");
    assert_string_equal(find(&s, "guidance.b.goal.picture.file")->name, "file");
    assert_string_equal(find(&s, "guidance.a.goal.target")->name, "guidance.a.goal.target");
    assert_string_equal(find(&s, "guidance.a.window")->name, "guidance.a.window");
    assert_string_equal(find(&s, "condition.label")->name, "label");
    ggdm_spec_deinit(&s);
    refuse_toy("guidance.a.goal.target: 1", "target: 1",
               "s.yaml:11:3: field 'sweep.target': 'target' could be any of "
               "guidance.a.goal.target, guidance.b.goal.class.target: expected one of these paths");
    refuse_toy(
        "guidance.a.goal.target: 1", "guidance.a.weigth: 1",
        "this sweep has no parameter 'guidance.a.weigth', did you mean 'guidance.a.weight'?");
    refuse_toy("guidance.a.goal.target: 1", "speed: 1", "this sweep has no parameter 'speed'");
    refuse_toy("guidance.a.goal.target: 1", "guidance.a.goal: 1", "this sweep has no parameter");
    refuse_toy("guidance.a.goal.target: 1", "mode: 1", "value '1', expected slow or quick");
    refuse_toy("guidance.a.goal.target: 1", "mode: {from: slow, to: quick, step: 1}",
               "field 'sweep.mode': a map, expected slow or quick");
    refuse_toy("guidance.a.goal.target: 1", "mode: [slow, fast]", "field 'sweep.mode[1]'");
}

static void test_spec_bad_axes_are_refused_with_position(void **state)
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
    refuse_change(kappa, "{from: 0, to: 1e-300, step: -1e-300}",
                  "value '-1e-300', expected a finite number above 0");
    refuse_change(duration, "[-1]", "value '-1'");
    refuse_change(duration, "[2.5]", "value '2.5'");
    refuse_change(duration, "{from: 0, to: 100}", "required field 'step' is missing");
    refuse_change(duration, "{from: 0, to: 100, step: 0}", "expected an integer above 0");
    refuse_change(duration, "{from: 0, to: 100, step: -5}", "expected an integer above 0");
    refuse_change(duration, "{from: 100, to: 0, step: 5}", "expected an integer below 0");
    refuse_change(duration, "{from: 0, to: 100, step: 0.5}", "expected an integer above 0");
    refuse_change(duration, "{from: 0, to: 100, by: 5}", "unknown key");
    refuse_change(duration, "{from: 0.0, to: 1.1, step: 0.1}", "field 'sweep.duration.to'");
    refuse_change(duration, "{from: 5, to: 0.5, step: -0.5}",
                  "field 'sweep.duration.from': value '5', expected a share of the steps");
    refuse_change(duration, "{from: {start_step: 1, length: 2}, to: 3, step: 1}",
                  "field 'sweep.duration.from': a map, expected a number of sampler steps");
    refuse_change(duration, "{start_step: 5, length: -1}", "field 'sweep.duration.length'");
    refuse_change(duration, "{start_step: 5}", "required field 'length' is missing");
    refuse_change(duration, "[{length: 5}]", "required field 'start_step' is missing");
    refuse_change(duration, "{start_step: 5, length: 5, end: 10}", "unknown key");
    refuse_change(duration, "[{from: 0, to: 100, step: 50}]", "field 'sweep.duration[0]");
    refuse_change(kappa, "[{start_step: 5, length: 5}]", "field 'sweep.kappa[0]': a map");
    refuse_change("  kappa", "  start", "field 'sweep.start': this sweep has no parameter 'start'");
    refuse_change(kappa, "{from: 0, to: 1, step: 1e-9}", "gives at most 10000 values");
    refuse_change(kappa, "{from: 0, to: 1e300, step: 1e-300}", "gives at most 10000 values");
    refuse_change(kappa, "{from: 0, to: 1, step: .nan}", "expected a finite number above 0");
    refuse_change("  kappa", "  kapa",
                  "s.yaml:9:3: field 'sweep.kapa': this sweep has no parameter 'kapa', did you "
                  "mean 'kappa'?");
    refuse_change("  kappa: [0, 0.01, 0.03, 0.1, 1]\n", "",
                  "s.yaml:5:3: field 'guidance': required field 'kappa' is missing, expected a "
                  "finite number, 0 or more, here or as an axis of the sweep");
    refuse_change("form: nll, target: 0", "form: nll",
                  "s.yaml:7:9: field 'guidance.loss': required field 'target' is missing");
    refuse_change("samples:", "  zip: {kappa: [1, 2]}\nsamples:",
                  "axis 'kappa' is there twice, first in line 9");
    refuse_change("samples:", "  guidance.kappa: 1\nsamples:", "is there twice, first in line 9");
    refuse_change("samples:", "  zip: {}\nsamples:", "expected a map of axes");
    refuse_change("samples:", "  zip: [1]\nsamples:", "expected a map of axes");
    refuse_change("  kappa: [0, 0.01, 0.03, 0.1, 1]\n  duration: {from: 0, to: 1000, step: 100}\n",
                  "  zip: {kappa: [0, 1], duration: [1, 2, 3]}\n",
                  "3 values, expected 2 as in the axis before it");
}

static void test_spec_axes_that_do_not_fit_the_whole_are_refused(void **state)
{
    (void)state;
    refuse("name: a\nmodel: m\nsamples: 3\nsweep: {kappa: [1]}\n",
           "s.yaml:4:9: field 'sweep.kappa': this sweep has no parameter 'kappa'");
    refuse("name: a\nmodel: m\nsamples: 3\nsweep: {kappa: [1]}\n",
           "(a sweep without guidance has none of guidance)");
    refuse("name: a\nmodel: m\nsamples: 3\nsweep: []\n", "expected a map of axes");
    refuse_change("samples: 200", "samples: 100000000",
                  "55 cells of 100000000 images, expected at most 1000000000 images");
    char *text = changed("[0, 0.01, 0.03, 0.1, 1]", "{from: 0, to: 1, step: 0.0002}");
    char *more = changed_of(text, "step: 100}", "step: 1}"); /* 5001 x 1001 cells */
    refuse(more, "s.yaml:10:13: field 'sweep.duration': the sweep has 5006001 cells or more, "
                 "expected at most 1000000");
    free(text);
    free(more);
}

/* "[first, first, ... ]" of n. */
static char *list_of(const char *what, int n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (int i = 0; i < n; i++)
        fprintf(out, "%s%s", i ? ", " : "[", what);
    fprintf(out, "]");
    fclose(out);
    return text;
}

static void test_spec_numbers_of_things_are_bounded(void **state)
{
    (void)state;
    static const char part[] = "{goal: {kind: picture, file: f}}";
    char *list = list_of("0.5", 10000);
    char *text = changed("[0, 0.01, 0.03, 0.1, 1]", list);
    ggdm_spec s = parse(&ggdm_methods, text);
    assert_int_equal(s.n_cells, 110000);
    ggdm_spec_deinit(&s);
    free(list);
    free(text);
    list = list_of("0.5", 10001);
    refuse_change("[0, 0.01, 0.03, 0.1, 1]", list, "expected from 1 to 10000 values");
    free(list);
    list = list_of("j", 17);
    refuse_change("mnist-judge", list, "expected from 1 to 16 judges");
    free(list);
    refuse_change("name: mnist-figure4",
                  "name: a2345678901234567890123456789012345678901234567890123456789012345",
                  "expected at most 64 letters");
    /* Eight parts have weights and windows: 16 axes. */
    char *parts = list_of(part, 8), axes[2000] = "";
    ggdm_error err;
    for (int i = 1; i <= 8; i++)
        snprintf(axes + strlen(axes), sizeof axes - strlen(axes),
                 "guidance.%d.weight: 2, guidance.%d.window: [3], ", i, i);
    for (int more = 0; more < 2; more++) {
        ggdm_test_ok(ggdm_asprintf(&text, &err,
                                   "name: a\nmodel: m\nsamples: 1\nguidance: {parts: %s}\n"
                                   "sweep: {%s%s}\n",
                                   parts, axes, more ? "seed: 1" : ""),
                     &err);
        if (more)
            refuse_of(&ggdm_toy_catalogue, text, NULL, "field 'sweep.seed': more than 16 axes");
        else
            s = parse(&ggdm_toy_catalogue, text);
        free(text);
    }
    assert_int_equal(s.n_cells, 1);
    ggdm_spec_deinit(&s);
    free(parts);
}

/* ---- --set --------------------------------------------------------------------------------- */

static ggdm_spec parse_sets(const char *text, const char *const *sets, int n)
{
    ggdm_spec s;
    ggdm_error err;
    ggdm_test_ok(read_with(&ggdm_methods, text, sets, n, &s, &err), &err);
    return s;
}

static void test_spec_set_has_the_last_word(void **state)
{
    (void)state;
    static const char *const sets[] = {"steps=50",
                                       "sampler.steps=60",
                                       "guidance.duration=0.5", /* an axis is none any more */
                                       "guidance.loss.model=other dir/x",
                                       "samples=3",
                                       "judge=[a, b]",
                                       "checkpoint=1h",
                                       "name=again",
                                       "precision=fp32"};
    ggdm_spec s = parse_sets(example, sets, 9);
    expect_values(&s, "steps", "60");
    expect_values(&s, "duration", "0.5");
    expect_values(&s, "guidance.loss.model", "other dir/x");
    assert_int_equal(s.n_cells, 5);
    assert_true(s.samples == 3 && s.n_judges == 2 && s.job.checkpoint == 3600);
    assert_true(s.job.precision == GGDM_PRECISION_FP32);
    assert_string_equal(s.name, "again");
    ggdm_spec_deinit(&s);
    static const char *const axes[] = {"sweep={kappa: [1, 2]}", "duration=1.0"};
    s = parse_sets(example, axes, 2);
    assert_int_equal(s.n_cells, 2);
    ggdm_spec_deinit(&s);
    static const char *const both[] = {"kappa=2", "duration={start_step: 3, length: 0.5}"};
    s = parse_sets(example, both, 2);
    assert_int_equal(s.n_cells, 1);
    expect_values(&s, "duration", "3+0.5");
    ggdm_spec_deinit(&s);
    /* One of a zip leaves the other. */
    char *text = changed("  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
                         "  duration: {from: 0, to: 1000, step: 100}\n",
                         "  zip: {kappa: [1, 2, 3], duration: [1, 2, 3]}\n");
    s = parse_sets(text, both, 1);
    assert_int_equal(s.n_cells, 3);
    ggdm_spec_deinit(&s);
    s = parse_sets(text, both, 2);
    assert_int_equal(s.n_cells, 1);
    ggdm_spec_deinit(&s);
    free(text);
}

static void test_spec_set_of_the_file_comes_first(void **state)
{
    (void)state;
    static const char *const sets[] = {"seed=8"};
    char *text = changed("precision: auto\n", "set: [seed=7, 'guidance.loss.form=prob']\n");
    ggdm_spec s = parse_sets(text, NULL, 0);
    expect_values(&s, "seed", "7");
    expect_values(&s, "form", "prob");
    ggdm_spec_deinit(&s);
    s = parse_sets(text, sets, 1);
    expect_values(&s, "seed", "8");
    ggdm_spec_deinit(&s);
    free(text);
}

static void test_spec_bad_sets_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"kappa", "--set 'kappa': expected PATH=VALUE"},
        {"=1", "--set '=1': expected PATH=VALUE"},
        {"kappa=", "--set kappa"},
        {"kappa=-1", "--set kappa:1:1: value '-1', expected a finite number, 0 or more"},
        {"kappa=[1, 2]", "a list, expected a finite number"},
        {"kapa=1", "--set kapa:1:1: this sweep has no parameter 'kapa', did you mean 'kappa'?"},
        {"model=", "--set model"},
        {"guidance.loss=1", "this sweep has no parameter 'guidance.loss'"},
        {"sampler.kind=ddpm", "this sweep has no parameter 'sampler.kind'"},
        {"samples=0", "--set samples:1:1: value '0', expected a number of images"},
        {"name=a/b", "--set name:1:1: value 'a/b', expected at most 64 letters"},
        {"set=[a]", "this sweep has no parameter 'set'"},
        {"kappa=\"", "--set kappa:"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_of(&ggdm_methods, example, cases[i].set, cases[i].message);
    const char *many[GGDM_MAX_SETS + 1];
    ggdm_spec s;
    ggdm_error err;
    for (int i = 0; i <= GGDM_MAX_SETS; i++)
        many[i] = "seed=1";
    ggdm_test_error(read_with(&ggdm_methods, example, many, GGDM_MAX_SETS + 1, &s, &err), &err,
                    GGDM_EINVAL, "more than 64 values set");
}

static void expect_frozen(const char *text, const char *const *sets, int n, const char *frozen)
{
    ggdm_spec s = parse_sets(text, sets, n), again;
    char *out = NULL;
    ggdm_error err;
    ggdm_test_ok(ggdm_spec_freeze(&s, text, sets, n, &out, &err), &err);
    if (frozen)
        assert_string_equal(out, frozen);
    again = parse_sets(out, NULL, 0);
    ggdm_test_ok(ggdm_spec_same(&s, &again, &err), &err);
    assert_true(s.job.batch == again.job.batch);
    ggdm_spec_deinit(&s);
    ggdm_spec_deinit(&again);
    free(out);
}

static void refuse_frozen(const char *text, const char *message)
{
    static const char *const sets[] = {"seed=1"};
    ggdm_spec s = parse_sets(text, sets, 1);
    char *out = NULL;
    ggdm_error err;
    ggdm_test_error(ggdm_spec_freeze(&s, text, sets, 1, &out, &err), &err, GGDM_EINVAL, message);
    assert_null(out);
    ggdm_spec_deinit(&s);
}

#define SMALL "name: a\nmodel: m\nsamples: 1"

static void test_spec_freeze_writes_what_was_set_into_the_text(void **state)
{
    (void)state;
    static const char *const sets[] = {"seed=5", "model=a \"b\\c", "batch=3",
                                       "guidance={kind: gradient,\n  kappa: 1}"};
    expect_frozen(SMALL, NULL, 0, SMALL);
    expect_frozen(SMALL, sets, 3,
                  SMALL "\nset:\n  - \"seed=5\"\n  - \"model=a \\\"b\\\\c\"\n  - \"batch=3\"\n");
    expect_frozen(SMALL "\nset: [seed=4, order=shuffle] # these\n", sets, 1,
                  SMALL "\nset:\n  - \"seed=4\"\n  - \"order=shuffle\"\n  - \"seed=5\"\n");
    expect_frozen(SMALL "\nset:", sets, 1, SMALL "\nset:\n  - \"seed=5\"\n");
    static const char *const lines[] = {"sweep={kappa: [1,\n  2]}", "judge=|-\n  a b"};
    char *text = changed("judge: mnist-judge\n", "");
    char *more = changed_of(text, "seed: 0\n", "");
    expect_frozen(more, lines, 2, NULL);
    free(text);
    free(more);
    refuse_frozen("set: [batch=2]\n" SMALL "\n", "--set needs this key to be the last");
    refuse_frozen("{name: a, model: m, samples: 1}", "s.yaml: --set needs a file with a line");
    refuse_frozen("{\"name\": \"a\", \"model\": \"m\", \"samples\": 1}\n", "not one in braces");
    refuse_frozen(SMALL "\n...\n", "--set needs a file with a line for each key");
}

/* ---- judges -------------------------------------------------------------------------------- */

static void expect_judges(const char *judge, const char *names)
{
    char *line, *text, got[200] = "";
    ggdm_error err;
    ggdm_test_ok(ggdm_asprintf(&line, &err, "judge: %s\n", judge), &err);
    text = changed("judge: mnist-judge\n", line);
    ggdm_spec s = parse(&ggdm_methods, text);
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
    char *text = changed("judge: mnist-judge\n", "");
    ggdm_spec s = parse(&ggdm_methods, text);
    assert_int_equal(s.n_judges, 0);
    ggdm_spec_deinit(&s);
    free(text);
}

static void test_spec_bad_judges_are_refused_with_position(void **state)
{
    (void)state;
    refuse_change("mnist-judge", "3", "s.yaml:13:8: field 'judge': value '3', expected the name");
    refuse_change("mnist-judge", "''", "expected the name of a classifier or a directory");
    refuse_change("mnist-judge", "[]", "expected from 1 to 16 judges");
    refuse_change("mnist-judge", "[b, a, dir/a]",
                  "two judges are called 'a', expected other names");
    refuse_change("mnist-judge", "[[a]]", "field 'judge[0]': a list, expected the name");
    refuse_change("mnist-judge", "{kind: metric}", "field 'judge.kind': value 'metric', expected");
    refuse_change("mnist-judge", "{}", "required field 'model' is missing");
    refuse_change("mnist-judge", "{model: a, name: 'a b'}",
                  "field 'judge.name': value 'a b', expected letters");
    refuse_change("mnist-judge", "{model: a, weight: 1}", "field 'judge.weight': unknown key");
}

/* ---- the same sweep ------------------------------------------------------------------------ */

static void digest(const ggdm_catalogue *c, const char *text, uint8_t out[GGDM_HASH_SIZE])
{
    ggdm_spec s = parse(c, text);
    ggdm_error err;
    ggdm_test_ok(ggdm_spec_digest(&s, out, &err), &err);
    ggdm_spec_deinit(&s);
}

static void expect_digest_of(const ggdm_catalogue *c, const char *base, const char *from,
                             const char *to, bool equal)
{
    uint8_t a[GGDM_HASH_SIZE], b[GGDM_HASH_SIZE];
    char *text = changed_of(base, from, to);
    digest(c, base, a);
    digest(c, text, b);
    if ((memcmp(a, b, sizeof a) == 0) != equal)
        ggdm_test_fail("'%s' -> '%s': digests %s", from, to, equal ? "differ" : "are equal");
    free(text);
}

static void expect_digest(const char *from, const char *to, bool equal)
{
    expect_digest_of(&ggdm_methods, example, from, to, equal);
}

static void test_spec_digest_ignores_layout_and_operation(void **state)
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
    expect_digest("  kappa: [", "  guidance.kappa: [", true);
    expect_digest("precision: auto\n", "set: [seed=0, precision=auto]\n", true);
    expect_digest("judge: mnist-judge", "judge: [{kind: classifier, model: mnist-judge}]", true);
}

static void test_spec_digest_knows_no_parameters_at_their_defaults(void **state)
{
    (void)state;
    const ggdm_kind *old = ggdm_catalogue_find(&ggdm_toy_catalogue, GGDM_FAMILY_SAMPLER, "walk");
    ggdm_param rows[16];
    ggdm_kind learnt = *old;
    const ggdm_kind *kinds[32];
    const char *text = "name: a\nmodel: m\nsamples: 3\nsampler: {kind: walk, steps: 50}\n";
    uint8_t a[GGDM_HASH_SIZE], b[GGDM_HASH_SIZE];
    assert_true(old->n_params < 16 && ggdm_toy_catalogue.n_kinds <= 32);
    memcpy(rows, old->params, old->n_params * sizeof *rows);
    rows[old->n_params] = (ggdm_param){
        .key = "new", .type = GGDM_PARAM_REAL, .fallback = GGDM_REAL(2), .help = "Learnt."};
    learnt.params = rows;
    learnt.n_params = old->n_params + 1;
    for (size_t i = 0; i < ggdm_toy_catalogue.n_kinds; i++)
        kinds[i] = ggdm_toy_catalogue.kinds[i] == old ? &learnt : ggdm_toy_catalogue.kinds[i];
    const ggdm_catalogue later = {kinds, ggdm_toy_catalogue.n_kinds};
    digest(&ggdm_toy_catalogue, text, a);
    digest(&later, text, b);
    assert_memory_equal(a, b, sizeof a);
}

static void test_spec_digest_tells_what_matters(void **state)
{
    (void)state;
    expect_digest("mnist-figure4", "other", false);
    expect_digest("seed: 0", "seed: 1", false);
    expect_digest("samples: 200", "samples: 201", false);
    expect_digest("0.03", "0.031", false);
    expect_digest("nll", "prob", false);
    expect_digest("xt-full", "xt-affine", false);
    expect_digest("fixed_large", "fixed_small", false);
    expect_digest("fixed_large", "fixed_large, clip_x0: true", false);
    expect_digest("mnist-judge", "other", false);
    expect_digest("mnist-judge", "[mnist-judge, other]", false);
    expect_digest("mnist-judge", "{name: x, model: mnist-judge}", false);
    expect_digest("mnist-cnn", "other", false);
    expect_digest("mnist-ddpm", "other", false);
    expect_digest("target: 0", "target: 1", false);
    expect_digest("precision: auto", "precision: fp32", false);
    expect_digest("precision: auto", "set: [seed=1]", false);
    expect_digest("step: 100}", "step: 200}", false);
    expect_digest("{from: 0, to: 1000, step: 100}",
                  "[0, 100, 200, 300, 400, 500, 600, 700, 800, {start_step: 1, length: 900}, 1000]",
                  false);
    expect_digest("  kappa: [0, 0.01, 0.03, 0.1, 1]\n  duration: {from: 0, to: 1000, step: 100}\n",
                  "  duration: {from: 0, to: 1000, step: 100}\n  kappa: [0, 0.01, 0.03, 0.1, 1]\n",
                  false);
    expect_digest("  kappa: [0, 0.01, 0.03, 0.1, 1]\n  duration: {from: 0, to: 1000, step: 100}\n",
                  "  zip: {kappa: [0, 1], duration: [0, 1]}\n", false);
    /* Texts with spaces, kinds. */
    const ggdm_catalogue *c = &ggdm_toy_catalogue;
    char *text = changed_of(toy, "sweep:\n", "sweep:\n  prompt: [a b, c]\n");
    expect_digest_of(c, text, "[a b, c]", "[a, b c]", false);
    expect_digest_of(c, text, "[a b, c]", "['a b', \"c\"]", true);
    expect_digest_of(c, text, "[a b, c]", "['\"a b\"', c]", false);
    free(text);
    expect_digest_of(c, toy, "sampler: {kind: walk}\n", "", true);
    expect_digest_of(c, toy, "kind: all", "kind: any", false); /* of equal rows */
    expect_digest_of(c, toy, "name: b", "name: z", false);     /* of columns and measures */
    expect_digest_of(c, toy,
                     "{kind: all, of: [{kind: picture, file: f}, {kind: class, model: d, "
                     "target: 1}]}",
                     "{kind: all, of: [{kind: class, model: d, target: 1}, {kind: picture, file: "
                     "f}]}",
                     false);
}

static void test_spec_same_names_the_first_difference(void **state)
{
    (void)state;
    char *text = changed("seed: 0", "seed: 7\nbatch: 3"), *more = changed("mnist-cnn", "a \"b\"");
    ggdm_spec a = parse(&ggdm_methods, example), b = parse(&ggdm_methods, text),
              c = parse(&ggdm_methods, example), d = parse(&ggdm_methods, more);
    ggdm_error err;
    ggdm_test_ok(ggdm_spec_same(&a, &c, &err), &err);
    ggdm_test_error(ggdm_spec_same(&a, &b, &err), &err, GGDM_ESTATE,
                    "it has 'seed: 0', this one 'seed: 7'");
    ggdm_test_error(ggdm_spec_same(&a, &d, &err), &err, GGDM_ESTATE,
                    "it has 'guidance.loss.model: mnist-cnn', this one 'guidance.loss.model: \"a "
                    "\\\"b\\\"\"'");
    ggdm_spec_deinit(&a);
    ggdm_spec_deinit(&b);
    ggdm_spec_deinit(&c);
    ggdm_spec_deinit(&d);
    free(text);
    free(more);
}

static void test_spec_blame_puts_the_position_in_front(void **state)
{
    (void)state;
    ggdm_spec s = parse(&ggdm_methods, example);
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
        cmocka_unit_test(test_spec_bad_fields_are_refused_with_position),
        cmocka_unit_test(test_spec_checkpoint_is_seconds_or_a_duration),
        cmocka_unit_test(test_spec_zip_joins_axes),
        cmocka_unit_test(test_spec_windows_have_starts),
        cmocka_unit_test(test_spec_ranges_include_both_ends),
        cmocka_unit_test(test_spec_values_of_every_type_are_axes),
        cmocka_unit_test(test_spec_names_are_short_where_they_are_unique),
        cmocka_unit_test(test_spec_bad_axes_are_refused_with_position),
        cmocka_unit_test(test_spec_axes_that_do_not_fit_the_whole_are_refused),
        cmocka_unit_test(test_spec_numbers_of_things_are_bounded),
        cmocka_unit_test(test_spec_set_has_the_last_word),
        cmocka_unit_test(test_spec_set_of_the_file_comes_first),
        cmocka_unit_test(test_spec_bad_sets_are_refused_by_name),
        cmocka_unit_test(test_spec_freeze_writes_what_was_set_into_the_text),
        cmocka_unit_test(test_spec_judges_are_names_maps_or_lists),
        cmocka_unit_test(test_spec_bad_judges_are_refused_with_position),
        cmocka_unit_test(test_spec_digest_ignores_layout_and_operation),
        cmocka_unit_test(test_spec_digest_knows_no_parameters_at_their_defaults),
        cmocka_unit_test(test_spec_digest_tells_what_matters),
        cmocka_unit_test(test_spec_same_names_the_first_difference),
        cmocka_unit_test(test_spec_blame_puts_the_position_in_front),
    };
    return ggdm_test_main(tests);
}
