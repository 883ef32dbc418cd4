/* --set, and `set:` of the file. */
#include "tests/support/spec_fixture.h"

#include <stdlib.h>

static ggdm_spec parse_sets(const char *text, const char *const *sets, int n)
{
    ggdm_spec s;
    ggdm_error err;
    ggdm_test_ok(spec_fixture_read_with(&ggdm_methods, text, sets, n, &s, &err), &err);
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
    ggdm_spec s = parse_sets(spec_fixture_example, sets, 9);
    spec_fixture_expect_values(&s, "steps", "60");
    spec_fixture_expect_values(&s, "duration", "0.5");
    spec_fixture_expect_values(&s, "guidance.loss.model", "other dir/x");
    assert_int_equal(s.n_cells, 5);
    assert_true(s.samples == 3 && s.n_judges == 2 && s.job.checkpoint == 3600);
    assert_true(s.job.precision == GGDM_PRECISION_FP32);
    assert_string_equal(s.name, "again");
    ggdm_spec_deinit(&s);
    static const char *const axes[] = {"sweep={kappa: [1, 2]}", "duration=1.0"};
    s = parse_sets(spec_fixture_example, axes, 2);
    assert_int_equal(s.n_cells, 2);
    ggdm_spec_deinit(&s);
    static const char *const both[] = {"kappa=2", "duration={start_step: 3, length: 0.5}"};
    s = parse_sets(spec_fixture_example, both, 2);
    assert_int_equal(s.n_cells, 1);
    spec_fixture_expect_values(&s, "duration", "3+0.5");
    ggdm_spec_deinit(&s);
    /* One of a zip leaves the other. */
    char *text = spec_fixture_changed("  kappa: [0, 0.01, 0.03, 0.1, 1]\n"
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
    char *text =
        spec_fixture_changed("precision: auto\n", "set: [seed=7, 'guidance.loss.form=prob']\n");
    ggdm_spec s = parse_sets(text, NULL, 0);
    spec_fixture_expect_values(&s, "seed", "7");
    spec_fixture_expect_values(&s, "form", "prob");
    ggdm_spec_deinit(&s);
    s = parse_sets(text, sets, 1);
    spec_fixture_expect_values(&s, "seed", "8");
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
        spec_fixture_refuse_of(&ggdm_methods, spec_fixture_example, cases[i].set, cases[i].message);
    const char *many[GGDM_MAX_SETS + 1];
    ggdm_spec s;
    ggdm_error err;
    for (int i = 0; i <= GGDM_MAX_SETS; i++)
        many[i] = "seed=1";
    ggdm_test_error(spec_fixture_read_with(&ggdm_methods, spec_fixture_example, many,
                                           GGDM_MAX_SETS + 1, &s, &err),
                    &err, GGDM_EINVAL, "more than 64 values set");
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
    char *text = spec_fixture_changed("judge: mnist-judge\n", "");
    char *more = spec_fixture_changed_of(text, "seed: 0\n", "");
    expect_frozen(more, lines, 2, NULL);
    free(text);
    free(more);
    refuse_frozen("set: [batch=2]\n" SMALL "\n", "--set needs this key to be the last");
    refuse_frozen("{name: a, model: m, samples: 1}", "s.yaml: --set needs a file with a line");
    refuse_frozen("{\"name\": \"a\", \"model\": \"m\", \"samples\": 1}\n", "not one in braces");
    refuse_frozen(SMALL "\n...\n", "--set needs a file with a line for each key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_set_has_the_last_word),
        cmocka_unit_test(test_spec_set_of_the_file_comes_first),
        cmocka_unit_test(test_spec_bad_sets_are_refused_by_name),
        cmocka_unit_test(test_spec_freeze_writes_what_was_set_into_the_text),
    };
    return ggdm_test_main(tests);
}
