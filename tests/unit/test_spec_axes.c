/* Axes of a sweep: of every type, by name and path, lists and ranges, joined. */
#include "tests/support/spec_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static ggdm_spec parse_axes(const char *axes)
{
    char *text = spec_fixture_changed("  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
                                      "  duration: {from: 0, to: 1000, step: 100}\n",
                                      axes);
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
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
    spec_fixture_expect_values(&s, "kappa", "0.1 0.2 0.3"); /* not 0.30000000000000004 */
    spec_fixture_expect_cell(&s, 0, names, "0 10 0.1");
    spec_fixture_expect_cell(&s, 1, names, "0 20 0.2");
    ggdm_spec_deinit(&s);
    char *text = spec_fixture_changed("seed: 0\n", ""),
         *other = spec_fixture_changed_of(text, "  gradient: xt-full\n", "");
    char *more =
        spec_fixture_changed_of(other,
                                "  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
                                "  duration: {from: 0, to: 1000, step: 100}\n",
                                "  seed: [5, 6]\n  zip: {duration: [10, 20], kappa: [1, 2]}\n"
                                "  gradient: [x0, xt-full, xt-affine]\n");
    s = spec_fixture_parse(&ggdm_methods, more);
    assert_int_equal(s.n_cells, 12);
    spec_fixture_expect_cell(&s, 0, names, "5 10 1");
    spec_fixture_expect_cell(&s, 2, names, "5 10 1");
    spec_fixture_expect_cell(&s, 3, names, "5 20 2");
    spec_fixture_expect_cell(&s, 11, names, "6 20 2");
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
    spec_fixture_expect_values(&s, "duration", "7 250+100 0.5 0.25+0.5");
    ggdm_spec_deinit(&s);
    s = parse_axes("  kappa: 1\n  duration: {start_step: 250, length: 750}\n");
    spec_fixture_expect_values(&s, "duration", "250+750");
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
        {"kappa: 1\n  guidance.loss.weight: {from: -1, to: 1, step: 1}", "loss_weight", "-1 0 1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char axes[200];
        snprintf(axes, sizeof axes, "  %s\n", cases[i].axis);
        ggdm_spec s = parse_axes(axes);
        spec_fixture_expect_values(&s, cases[i].name, cases[i].values);
        ggdm_spec_deinit(&s);
    }
    ggdm_spec s = spec_fixture_parse(
        &ggdm_methods, "{name: a, model: m, samples: 1, condition: {}, sweep: {label: {from: 3, "
                       "to: 9, step: 3}, steps: {from: 10, to: 30, step: 10}, seed: {from: "
                       "9223372036854775805, to: 9223372036854775807, step: 1}}}");
    assert_int_equal(s.n_cells, 27);
    spec_fixture_expect_values(&s, "label", "3 6 9");
    spec_fixture_expect_values(&s, "steps", "10 20 30");
    spec_fixture_expect_values(&s, "seed",
                               "9223372036854775805 9223372036854775806 9223372036854775807");
    ggdm_spec_deinit(&s);
}

static void test_spec_values_of_every_type_are_axes(void **state)
{
    (void)state;
    static const char *const names[] = {"mode", "clip", "prompt", "model", "file", "steps", NULL};
    char *base = spec_fixture_changed_of(spec_fixture_toy, "picture, file: f}", "picture}");
    char *text =
        spec_fixture_changed_of(base, "  guidance.a.goal.target: 1\n",
                                "  guidance.a.goal.target: [1, 2]\n"
                                "  mode: [slow, quick]\n"
                                "  clip: [true, false]\n"
                                "  prompt: [\"a, b\", 'c \"d\"']\n"
                                "  file: [x.png, /y z.png]\n"
                                "  steps: [10, 20]\n"
                                "  eta: {from: 0, to: 1, step: 0.5}\n"
                                "  guidance.b.goal.class.weight: [1, 2]\n"
                                "  guidance.a.window: [0.5, {start_step: 3, length: 4}]\n");
    ggdm_spec s = spec_fixture_parse(&ggdm_toy_catalogue, text);
    assert_int_equal(s.n_cells, 3 << 8);
    spec_fixture_expect_cell(&s, 0, names, "slow true a, b m x.png 10");
    spec_fixture_expect_cell(&s, (3 << 8) - 1, names, "quick false c \"d\" m /y z.png 20");
    spec_fixture_expect_values(&s, "guidance.b.goal.class.weight", "1 2");
    assert_string_equal(s.parameters[s.class_parameter].path, "guidance.a.goal.target");
    ggdm_spec_deinit(&s);
    free(base);
    free(text);
    text = spec_fixture_changed_of(spec_fixture_toy, "model: m\n", "");
    char *more = spec_fixture_changed_of(text, "sweep:\n", "sweep:\n  model: [m, ./n]\n");
    s = spec_fixture_parse(&ggdm_toy_catalogue,
                           more); /* the diffusion model: its path is one word */
    spec_fixture_expect_values(&s, "model", "m ./n");
    ggdm_spec_deinit(&s);
    free(text);
    free(more);
}

static void test_spec_names_are_short_where_they_are_unique(void **state)
{
    (void)state;
    ggdm_spec s = spec_fixture_parse(&ggdm_toy_catalogue, spec_fixture_toy);
    assert_string_equal(spec_fixture_find(&s, "sampler.steps")->name, "steps");
    assert_string_equal(spec_fixture_find(&s, "guidance.b.goal.picture.file")->name, "file");
    assert_string_equal(spec_fixture_find(&s, "guidance.a.goal.target")->name,
                        "guidance.a.goal.target");
    assert_string_equal(spec_fixture_find(&s, "guidance.a.window")->name, "guidance.a.window");
    assert_string_equal(spec_fixture_find(&s, "condition.label")->name, "label");
    ggdm_spec_deinit(&s);
    spec_fixture_refuse_toy(
        "guidance.a.goal.target: 1", "target: 1",
        "s.yaml:11:3: field 'sweep.target': 'target' could be any of "
        "guidance.a.goal.target, guidance.b.goal.class.target: expected one of these paths");
    spec_fixture_refuse_toy(
        "guidance.a.goal.target: 1", "guidance.a.weigth: 1",
        "this sweep has no parameter 'guidance.a.weigth', did you mean 'guidance.a.weight'?");
    spec_fixture_refuse_toy("guidance.a.goal.target: 1", "zip: {zip: {seed: [1]}}",
                            "field 'sweep.zip.zip': a zip within another");
    spec_fixture_refuse_toy("guidance.a.goal.target: 1", "speed: 1",
                            "this sweep has no parameter 'speed'");
    spec_fixture_refuse_toy("guidance.a.goal.target: 1", "guidance.a.goal: 1",
                            "this sweep has no parameter");
    spec_fixture_refuse_toy("guidance.a.goal.target: 1", "mode: 1",
                            "value '1', expected slow or quick");
    spec_fixture_refuse_toy("guidance.a.goal.target: 1", "mode: {from: slow, to: quick, step: 1}",
                            "field 'sweep.mode': a map, expected slow or quick");
    spec_fixture_refuse_toy("guidance.a.goal.target: 1", "mode: [slow, fast]",
                            "field 'sweep.mode[1]'");
}

static void test_spec_bad_axes_are_refused_with_position(void **state)
{
    (void)state;
    const char *kappa = "[0, 0.01, 0.03, 0.1, 1]", *duration = "{from: 0, to: 1000, step: 100}";
    spec_fixture_refuse_change(kappa, "[]",
                               "s.yaml:9:10: field 'sweep.kappa': an empty list, expected from 1");
    spec_fixture_refuse_change(kappa, "", "field 'sweep.kappa': no value");
    spec_fixture_refuse_change(
        kappa, "[0, -0.5]",
        "s.yaml:9:14: field 'sweep.kappa[1]': value '-0.5', expected a finite number, 0");
    spec_fixture_refuse_change(kappa, "[.inf]", "value '.inf', expected a finite number");
    spec_fixture_refuse_change(kappa, "[.nan]", "value '.nan', expected a finite number");
    spec_fixture_refuse_change(kappa, "[1e999]", "value '1e999', expected a finite number");
    spec_fixture_refuse_change(kappa, "[1e39]", "value '1e39', expected a finite number");
    spec_fixture_refuse_change(kappa, "strong", "value 'strong'");
    spec_fixture_refuse_change(kappa, "[[1]]", "field 'sweep.kappa[0]': a list");
    spec_fixture_refuse_change(kappa, "{from: 0, to: 1e-300, step: -1e-300}",
                               "value '-1e-300', expected a finite number above 0");
    spec_fixture_refuse_change(duration, "[-1]", "value '-1'");
    spec_fixture_refuse_change(duration, "[2.5]", "value '2.5'");
    spec_fixture_refuse_change(duration, "{from: 0, to: 100}", "required field 'step' is missing");
    spec_fixture_refuse_change(duration, "{from: 0, to: 100, step: 0}",
                               "expected an integer above 0");
    spec_fixture_refuse_change(duration, "{from: 0, to: 100, step: -5}",
                               "expected an integer above 0");
    spec_fixture_refuse_change(duration, "{from: 100, to: 0, step: 5}",
                               "expected an integer below 0");
    spec_fixture_refuse_change(duration, "{from: 0, to: 100, step: 0.5}",
                               "expected an integer above 0");
    spec_fixture_refuse_change(duration, "{from: 0, to: 100, by: 5}", "unknown key");
    spec_fixture_refuse_change(duration, "{from: 0.0, to: 1.1, step: 0.1}",
                               "field 'sweep.duration.to'");
    spec_fixture_refuse_change(
        duration, "{from: 5, to: 0.5, step: -0.5}",
        "field 'sweep.duration.from': value '5', expected a share of the steps");
    spec_fixture_refuse_change(
        duration, "{from: {start_step: 1, length: 2}, to: 3, step: 1}",
        "field 'sweep.duration.from': a map, expected a number of sampler steps");
    spec_fixture_refuse_change(duration, "{start_step: 5, length: -1}",
                               "field 'sweep.duration.length'");
    spec_fixture_refuse_change(duration, "{start_step: 5}", "required field 'length' is missing");
    spec_fixture_refuse_change(duration, "[{length: 5}]", "required field 'start_step' is missing");
    spec_fixture_refuse_change(duration, "{start_step: 5, length: 5, end: 10}", "unknown key");
    spec_fixture_refuse_change(duration, "[{from: 0, to: 100, step: 50}]",
                               "field 'sweep.duration[0]");
    spec_fixture_refuse_change(kappa, "[{start_step: 5, length: 5}]",
                               "field 'sweep.kappa[0]': a map");
    spec_fixture_refuse_change("  kappa", "  start",
                               "field 'sweep.start': this sweep has no parameter 'start'");
    spec_fixture_refuse_change(kappa, "{from: 0, to: 1, step: 1e-9}", "gives at most 10000 values");
    spec_fixture_refuse_change(kappa, "{from: 0, to: 1e30, step: 1e-30}",
                               "gives at most 10000 values");
    spec_fixture_refuse_change(kappa, "{from: 0, to: 1, step: .nan}",
                               "expected a finite number above 0");
    spec_fixture_refuse_change(
        "  kappa", "  kapa",
        "s.yaml:9:3: field 'sweep.kapa': this sweep has no parameter 'kapa', did you "
        "mean 'kappa'?");
    spec_fixture_refuse_change(
        "  kappa: [0, 0.01, 0.03, 0.1, 1]\n", "",
        "s.yaml:5:3: field 'guidance': required field 'kappa' is missing, expected a "
        "finite number, 0 or more, here or as an axis of the sweep");
    spec_fixture_refuse_change(
        "form: nll, target: 0", "form: nll",
        "s.yaml:7:9: field 'guidance.loss': required field 'target' is missing");
    spec_fixture_refuse_change("samples:", "  zip: {kappa: [1, 2]}\nsamples:",
                               "axis 'kappa' is there twice, first in line 9");
    spec_fixture_refuse_change(
        "samples:", "  guidance.kappa: 1\nsamples:", "is there twice, first in line 9");
    spec_fixture_refuse_change("samples:", "  zip: {}\nsamples:", "expected a map of axes");
    spec_fixture_refuse_change("samples:", "  zip: [1]\nsamples:", "expected a map of axes");
    spec_fixture_refuse_change(
        "  kappa: [0, 0.01, 0.03, 0.1, 1]\n  duration: {from: 0, to: 1000, step: 100}\n",
        "  zip: {kappa: [0, 1], duration: [1, 2, 3]}\n",
        "3 values, expected 2 as in the axis before it");
}

static void test_spec_axes_that_do_not_fit_the_whole_are_refused(void **state)
{
    (void)state;
    spec_fixture_refuse("name: a\nmodel: m\nsamples: 3\nsweep: {kappa: [1]}\n",
                        "s.yaml:4:9: field 'sweep.kappa': this sweep has no parameter 'kappa'");
    spec_fixture_refuse("name: a\nmodel: m\nsamples: 3\nsweep: {kappa: [1]}\n",
                        "(a sweep without guidance has none of guidance)");
    spec_fixture_refuse("name: a\nmodel: m\nsamples: 3\nsweep: []\n", "expected a map of axes");
    spec_fixture_refuse_change("samples: 200", "samples: 100000000",
                               "55 cells of 100000000 images, expected at most 1000000000 images");
    char *text = spec_fixture_changed("[0, 0.01, 0.03, 0.1, 1]", "{from: 0, to: 1, step: 0.0002}");
    char *more = spec_fixture_changed_of(text, "step: 100}", "step: 1}"); /* 5001 x 1001 cells */
    spec_fixture_refuse(
        more, "s.yaml:10:13: field 'sweep.duration': the sweep has 5006001 cells or more, "
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
    char *text = spec_fixture_changed("[0, 0.01, 0.03, 0.1, 1]", list);
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
    assert_int_equal(s.n_cells, 110000);
    ggdm_spec_deinit(&s);
    free(list);
    free(text);
    list = list_of("0.5", 10001);
    spec_fixture_refuse_change("[0, 0.01, 0.03, 0.1, 1]", list, "expected from 1 to 10000 values");
    free(list);
    list = list_of("j", 17);
    spec_fixture_refuse_change("mnist-judge", list, "expected from 1 to 16 judges");
    free(list);
    spec_fixture_refuse_change(
        "name: mnist-figure4",
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
            spec_fixture_refuse_of(&ggdm_toy_catalogue, text, NULL,
                                   "field 'sweep.seed': more than 16 axes");
        else
            s = spec_fixture_parse(&ggdm_toy_catalogue, text);
        free(text);
    }
    assert_int_equal(s.n_cells, 1);
    ggdm_spec_deinit(&s);
    free(parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_zip_joins_axes),
        cmocka_unit_test(test_spec_windows_have_starts),
        cmocka_unit_test(test_spec_ranges_include_both_ends),
        cmocka_unit_test(test_spec_values_of_every_type_are_axes),
        cmocka_unit_test(test_spec_names_are_short_where_they_are_unique),
        cmocka_unit_test(test_spec_bad_axes_are_refused_with_position),
        cmocka_unit_test(test_spec_axes_that_do_not_fit_the_whole_are_refused),
        cmocka_unit_test(test_spec_numbers_of_things_are_bounded),
    };
    return ggdm_test_main(tests);
}
