/* Prompts in sweep files: as axes, out of files, where they may stand, and what a run keeps of
 * them; targets of judges. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/spec_fixture.h"

static const char sweep[] = "name: words\n"
                            "model: faces-ddpm\n"
                            "guidance:\n"
                            "  kind: gradient\n"
                            "  loss: {kind: clip, model: faces-clip}\n"
                            "  kappa: 10\n"
                            "sweep:\n"
                            "  prompt: \"@prompts.txt\"\n"
                            "  seed: [1, 2]\n"
                            "samples: 4\n"
                            "judge: {kind: clip, model: faces-clip}\n";

typedef struct place {
    char *dir, *file; /* the sweep's */
} place;

static place open_place(void)
{
    place p = {.dir = ggdm_test_mkdtemp()};
    p.file = ggdm_test_path(p.dir, "s.yaml");
    return p;
}

static void close_place(place *p)
{
    ggdm_test_rmdir(p->dir);
    free(p->file);
}

static void write_prompts(const place *p, const char *text, size_t size)
{
    char *path = ggdm_test_path(p->dir, "prompts.txt");
    ggdm_test_write(path, text, size);
    free(path);
}

static ggdm_status parse(const place *p, const char *text, ggdm_spec *out, ggdm_error *err)
{
    return ggdm_spec_parse(&ggdm_methods, text, strlen(text), p->file, NULL, 0, out, err);
}

static void refuse(const place *p, const char *text, const char *message)
{
    ggdm_spec s;
    ggdm_error err = {0};
    assert_int_not_equal(parse(p, text, &s, &err), GGDM_OK);
    if (!strstr(err.msg, message))
        ggdm_test_fail("'%s', expected '%s'", err.msg, message);
    ggdm_spec_deinit(&s);
}

/* The sweep with something else in a place. */
static void refuse_changed(const place *p, const char *was, const char *is, const char *message)
{
    char *text = spec_fixture_changed_of(sweep, was, is);
    refuse(p, text, message);
    free(text);
}

static void test_spec_prompts_come_from_a_file(void **state)
{
    (void)state;
    static const char text[] =
        "\xEF\xBB\xBF# ten faces\r\na face\r\n\n  \xC3\xA9t\xC3\xA9 \"#1\" \n"
        "a man, with a beard";
    place p = open_place();
    ggdm_spec s, again;
    ggdm_error err;
    char *frozen;
    write_prompts(&p, text, sizeof text - 1);
    ggdm_test_ok(parse(&p, sweep, &s, &err), &err);
    const ggdm_parameter *prompt = spec_fixture_find(&s, "prompt");
    assert_int_equal(prompt->count, 3);
    assert_string_equal(prompt->values[0].text, "a face");
    assert_string_equal(prompt->values[1].text, "\xC3\xA9t\xC3\xA9 \"#1\"");
    assert_string_equal(prompt->values[2].text, "a man, with a beard");
    assert_int_equal(prompt->at[1]->line, 4);
    assert_int_equal(s.n_cells, 6);
    assert_string_equal(prompt->path, "guidance.loss.prompt");
    /* What the run keeps needs no file. */
    ggdm_test_ok(ggdm_spec_freeze(&s, sweep, NULL, 0, &frozen, &err), &err);
    assert_non_null(strstr(frozen, "\n  prompt: [\"a face\", \"\xC3\xA9t\xC3\xA9 \\\"#1\\\"\", "
                                   "\"a man, with a beard\"]\n  seed: [1, 2]\n"));
    write_prompts(&p, "other\n", 6);
    ggdm_test_ok(parse(&p, frozen, &again, &err), &err);
    ggdm_test_ok(ggdm_spec_same(&s, &again, &err), &err);
    free(frozen);
    ggdm_spec_deinit(&again);
    ggdm_spec_deinit(&s);
    close_place(&p);
}

static void test_spec_prompt_files_are_named_in_messages(void **state)
{
    (void)state;
    place p = open_place();
    refuse(&p, sweep, "s.yaml:8:11: field 'sweep.prompt': cannot open ");
    write_prompts(&p, "# none\n\n", 8);
    refuse(&p, sweep, "prompts.txt: no prompt in it");
    write_prompts(&p, "good\n b\xC3\n", 9);
    refuse(&p, sweep, "prompts.txt:2: byte 3 is 0xc3, expected UTF-8 without control characters");
    write_prompts(&p,
                  "good\n\nb\x07"
                  "c\n",
                  11);
    refuse(&p, sweep, "prompts.txt:3: byte 2 is 0x07, expected UTF-8");
    write_prompts(&p, "a\0b\n", 4);
    refuse(&p, sweep, "prompts.txt:1: byte 2 is 0x00");
    char *zip = spec_fixture_changed_of(sweep, "  seed: [1, 2]\n", ""),
         *joined = spec_fixture_changed_of(zip, "  prompt: \"@prompts.txt\"\n",
                                           "  zip: {prompt: \"@prompts.txt\", kappa: [1, 2, 3]}\n");
    write_prompts(&p, "a\nb\n", 4);
    refuse(&p, joined, "3 values, expected 2 as in the axis before it");
    free(zip);
    free(joined);
    close_place(&p);
}

static void test_spec_prompts_that_begin_with_an_at_sign(void **state)
{
    (void)state;
    place p = open_place();
    ggdm_spec s;
    ggdm_error err;
    char *text = spec_fixture_changed_of(sweep, "\"@prompts.txt\"", "['@home', b]");
    ggdm_test_ok(parse(&p, text, &s, &err), &err);
    assert_string_equal(spec_fixture_find(&s, "prompt")->values[0].text, "@home");
    ggdm_spec_deinit(&s);
    free(text);
    refuse_changed(&p, "\"@prompts.txt\"", "\"@\"",
                   "s.yaml:8:11: field 'sweep.prompt': value '@', expected the name of a file");
    refuse_changed(&p, "\"@prompts.txt\"", "@prompts.txt",
                   "s.yaml:8:11: a value that begins with '@', expected it in quotes");
    refuse_changed(&p, "model: faces-clip}\n  kappa",
                   "model: faces-clip, prompt: '@p.txt'}\n  kappa",
                   "a file of prompts is an axis, as `sweep: {prompt: \"@p.txt\"}'");
    close_place(&p);
}

static void test_spec_prompts_are_texts(void **state)
{
    (void)state;
    place p = open_place();
    refuse_changed(&p, "\"@prompts.txt\"", "[1, 2]",
                   "value '1', expected a text, in quotes where it looks like another value");
    refuse_changed(&p, "\"@prompts.txt\"", "[\"a\\tb\"]",
                   "expected a text without control characters");
    refuse_changed(&p, "\"@prompts.txt\"", "[\"a\xC3(\"]",
                   "not valid YAML: invalid trailing UTF-8");
    refuse_changed(&p, "  prompt: \"@prompts.txt\"\n", "", "required field 'prompt' is missing");
    close_place(&p);
}

/* ---- conditions ----------------------------------------------------------------------------- */

static const char given[] = "name: words\n"
                            "model: faces-ddpm-text\n"
                            "guidance: {kind: classifier-free, s: 2}\n"
                            "sweep: {prompt: [a, b]}\n"
                            "samples: 4\n";

static void expect_prompt(const char *text, const char *path, const char *values)
{
    ggdm_spec s = spec_fixture_parse(&ggdm_methods, text);
    spec_fixture_expect_values(&s, path, values);
    ggdm_spec_deinit(&s);
}

/* An axis `prompt' makes a condition where nothing else has one. */
static void test_spec_prompts_of_the_condition(void **state)
{
    (void)state;
    expect_prompt(given, "condition.prompt", "a b");
    char *text = spec_fixture_changed_of(given, "s: 2", "s: 2, negative_prompt: c");
    expect_prompt(text, "condition.negative_prompt", "c");
    free(text);
    text = spec_fixture_changed_of(given, "sweep: {prompt: [a, b]}\n",
                                   "condition: {prompt: '', encoder: e, truncate: true}\n");
    expect_prompt(text, "condition.encoder", "e");
    free(text);
    spec_fixture_refuse("name: a\nmodel: m\nsamples: 1\ncondition: {prompt: a, label: 1}\n",
                        "a prompt and a label, expected one of them");
    spec_fixture_refuse("name: a\nmodel: m\nsamples: 1\ncondition: {label: 1, encoder: e}\n",
                        "there is no prompt that it belongs to");
    spec_fixture_refuse("name: a\nmodel: m\nsamples: 1\ncondition: {encoder: e}\n",
                        "there is no prompt that it belongs to");
    spec_fixture_refuse("name: a\nmodel: m\nsamples: 1\ncondition: {}\n",
                        "required field 'label' or 'prompt' is missing");
}

/* ---- judges --------------------------------------------------------------------------------- */

static void test_spec_judges_have_targets(void **state)
{
    (void)state;
    place p = open_place();
    ggdm_spec s;
    ggdm_error err;
    write_prompts(&p, "a\nb\n", 4);
    char *text = spec_fixture_changed_of(sweep, "judge: {kind: clip, model: faces-clip}",
                                         "judge: [{model: j, target: glasses}, k]");
    ggdm_test_ok(parse(&p, text, &s, &err), &err);
    const ggdm_parameter *target = spec_fixture_find(&s, "target");
    assert_string_equal(target->path, "judge.target");
    assert_string_equal(target->values[0].text, "glasses");
    assert_ptr_equal(target, &s.parameters[s.class_parameter]);
    ggdm_spec_deinit(&s);
    /* As an axis it need not be said before. */
    char *axis = spec_fixture_changed_of(text, "{model: j, target: glasses}", "j"),
         *zip = spec_fixture_changed_of(axis, "  prompt: \"@prompts.txt\"\n",
                                        "  zip: {prompt: '@prompts.txt', target: [hat, 3]}\n");
    ggdm_test_ok(parse(&p, zip, &s, &err), &err);
    spec_fixture_expect_values(&s, "judge.target", "hat 3");
    ggdm_spec_deinit(&s);
    free(zip);
    free(axis);
    axis = spec_fixture_changed_of(text, "k]", "{model: k, target: 1}]");
    refuse(&p, axis, "a second target, expected one");
    free(axis);
    free(text);
    refuse_changed(&p, "judge: {kind: clip, model: faces-clip}",
                   "judge: {kind: clip, model: c, target: 1}",
                   "scorer 'clip' knows no classes, expected no target");
    close_place(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_prompts_come_from_a_file),
        cmocka_unit_test(test_spec_prompt_files_are_named_in_messages),
        cmocka_unit_test(test_spec_prompts_that_begin_with_an_at_sign),
        cmocka_unit_test(test_spec_prompts_are_texts),
        cmocka_unit_test(test_spec_prompts_of_the_condition),
        cmocka_unit_test(test_spec_judges_have_targets),
    };
    return ggdm_test_main(tests);
}
