/* Nodes: read against rows of every type, checked, copied, printed, reduced, expanded. */
#include "jobs/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "jobs/recipe.h"
#include "tests/support/random_item.h"
#include "tests/support/toy_catalogue.h"
#include "worker/kinds.h"

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct reading {
    ggdm_arena arena;
    ggdm_doc *doc;
    ggdm_item *item;
    ggdm_error err;
} reading;

static ggdm_status read_text(reading *r, const char *family, const char *text)
{
    static const char *const ignore[] = {"other", NULL};
    *r = (reading){.doc = NULL};
    ggdm_test_ok(ggdm_yaml_parse(text, strlen(text), "s.yaml", &r->doc, &r->err), &r->err);
    GGDM_TRY(ggdm_item_read(&ggdm_toy_catalogue, &r->arena, family, r->doc->root, ignore,
                            GGDM_OF_SWEEP, &r->item, &r->err));
    return ggdm_item_check(r->item, &r->err);
}

static void end_reading(reading *r)
{
    ggdm_doc_destroy(&r->doc);
    ggdm_arena_deinit(&r->arena);
}

static reading read_good(const char *family, const char *text)
{
    reading r;
    ggdm_test_ok(read_text(&r, family, text), &r.err);
    return r;
}

static void refuse(const char *family, const char *text, const char *message)
{
    reading r;
    ggdm_status st = read_text(&r, family, text);
    if (st == GGDM_OK)
        ggdm_test_fail("accepted, expected \"%s\":\n%s", message, text);
    ggdm_test_error(st, &r.err, st, message);
    end_reading(&r);
}

static const char example[] =
    "other: ignored\n"
    "model: m\n"
    "sampler: {kind: walk, steps: 50, eta: 0.5, mode: quick, clip: true}\n"
    "condition: {label: 3, prompt: \"a cat's \\\"\u03ba\\\"\"}\n"
    "guidance:\n"
    "  parts:\n"
    "    - name: first\n"
    "      goal: {kind: class, model: c, target: 2}\n"
    "      weight: -0.0\n"
    "      window: {start_step: 5, length: 0.5}\n"
    "    - goal:\n"
    "        kind: all\n"
    "        of: [{kind: picture, file: a.png},\n"
    "             {kind: class, model: d, target: 1},\n"
    "             {kind: picture, file: b.png}]\n"
    "      window: 10\n"
    "seed: 9223372036854775807\n";

static void test_item_values_of_every_type_are_read(void **state)
{
    (void)state;
    reading r = read_good("stage", example);
    assert_string_equal(ggdm_item_text(r.item, "model"), "m");
    assert_int_equal(ggdm_item_whole(r.item, "seed"), INT64_MAX);
    const ggdm_item *sampler = ggdm_item_child(r.item, "sampler");
    assert_int_equal(ggdm_item_whole(sampler, "steps"), 50);
    assert_true(ggdm_item_real(sampler, "eta") == 0.5 && ggdm_item_flag(sampler, "clip"));
    assert_string_equal(ggdm_item_text(sampler, "mode"), "quick");
    const ggdm_item *given = ggdm_item_child(r.item, "condition");
    assert_int_equal(ggdm_item_whole(given, "label"), 3);
    assert_string_equal(ggdm_item_text(given, "prompt"), "a cat's \"\u03ba\"");
    const ggdm_item *first = ggdm_item_child(ggdm_item_child(r.item, "guidance"), "parts");
    assert_true(first->named && !first->next->named && !first->next->next);
    assert_false(1 / ggdm_item_real(first, "weight") < 0); /* -0 is 0 */
    const ggdm_scalar *window = &ggdm_item_value(first, "window")->scalar;
    assert_true(window->start == 5 && !window->start_share);
    assert_true(window->real == 0.5 && window->length_share);
    window = &ggdm_item_value(first->next, "window")->scalar;
    assert_true(window->start == 0 && window->real == 10 && !window->length_share);
    assert_int_equal(ggdm_item_value(first->next, "window")->at->line, 16);
    const ggdm_item *file = ggdm_item_child(ggdm_item_child(first->next, "goal"), "of");
    assert_string_equal(ggdm_item_text(file, "file"), "a.png");
    ggdm_item_forget_places(r.item);
    assert_null(ggdm_item_value(first->next, "window")->at);
    assert_null(file->at);
    end_reading(&r);
}

static void test_item_left_out_values_are_the_defaults(void **state)
{
    (void)state;
    reading r = read_good("sampler", "{kind: walk, eta: null}");
    assert_true(ggdm_item_whole(r.item, "steps") == 100 && ggdm_item_real(r.item, "eta") == 1);
    assert_string_equal(ggdm_item_text(r.item, "mode"), "slow");
    for (size_t i = 0; i < r.item->kind->n_params; i++)
        assert_true(!r.item->values[i].set && !r.item->values[i].at);
    end_reading(&r);
}

static void test_item_shares_have_a_point(void **state)
{
    (void)state;
    static const struct {
        const char *window, *text;
    } cases[] = {{"0", "0"},
                 {"1", "1"},
                 {"1.0", "1.0"},
                 {"0.0", "0.0"},
                 {"0.5", "0.5"},
                 {"1e-3", "0.001"},
                 {"{start_step: 250, length: 100}", "250+100"},
                 {"{start_step: 0.25, length: 1}", "0.25+1"},
                 {"{start_step: 0, length: 1.0}", "1.0"},
                 {"2147483647", "2147483647"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[200], text[80];
        snprintf(yaml, sizeof yaml, "{window: %s, goal: {kind: picture, file: f}}",
                 cases[i].window);
        reading r = read_good("part", yaml);
        const ggdm_value *v = ggdm_item_value(r.item, "window");
        ggdm_scalar_text(&r.item->kind->params[v - r.item->values], &v->scalar, text, sizeof text);
        assert_string_equal(text, cases[i].text);
        end_reading(&r);
    }
}

static void test_item_bad_values_are_refused_with_position(void **state)
{
    (void)state;
    static const struct {
        const char *family, *text, *message;
    } cases[] = {
        {"sampler", "kind: walk\nsteps: 0",
         "s.yaml:2:8: field 'steps': value '0', expected an integer from 1 to 100000"},
        {"sampler", "{kind: walk, steps: 1.0}", "value '1.0', expected an integer"},
        {"sampler", "{kind: walk, steps: 100001}", "from 1 to 100000"},
        {"sampler", "{kind: walk, steps: 99999999999999999999}", "from 1 to 100000"},
        {"sampler", "{kind: walk, eta: 1.1}", "value '1.1', expected a finite number from 0 to 1"},
        {"sampler", "{kind: walk, eta: .nan}", "value '.nan', expected a finite number"},
        {"sampler", "{kind: walk, eta: .inf}", "value '.inf', expected a finite number"},
        {"sampler", "{kind: walk, eta: 1e999}", "value '1e999', expected a finite number"},
        {"part", "{weight: 1e39}", "value '1e39', expected a finite number"}, /* none of f32 */
        {"part", "{weight: -1e300}", "value '-1e300', expected a finite number"},
        {"sampler", "{kind: walk, eta: much}", "value 'much', expected a finite number"},
        {"sampler", "{kind: walk, eta: [1]}", "field 'eta': a list, expected a finite number"},
        {"sampler", "{kind: walk, mode: fast}", "value 'fast', expected slow or quick"},
        {"sampler", "{kind: walk, mode: 0}", "value '0', expected slow or quick"},
        {"sampler", "{kind: walk, clip: 1}", "value '1', expected true or false"},
        {"sampler", "{kind: walk, clip: yes}", "value 'yes', expected true or false"},
        {"sampler", "{kind: run}", "s.yaml:1:8: field 'kind': value 'run', expected walk"},
        {"sampler", "{kind: wlak}", "did you mean 'walk'?"},
        {"sampler", "{kind: [walk]}", "field 'kind': a list, expected"},
        {"sampler", "{steps: 3}", "required field 'kind' is missing"},
        {"sampler", "walk", "value 'walk', expected a map"},
        {"sampler", "{kind: walk, step: 3}",
         "s.yaml:1:14: field 'step': unknown key, did you mean 'steps'?"},
        {"sampler", "{kind: walk, tau: 3}", "unknown key, expected one of: steps, eta, mode, clip"},
        {"sampler", "{kind: walk, name: a}", "field 'name': unknown key"},
        {"sampler", "{kind: walk, revision: 1}", "field 'revision': unknown key"},
        {"goal", "{kind: pictur, file: a}",
         "expected one of class, picture, all, any: did you mean 'picture'?"},
        {"condition", "{label: 1000}", "value '1000', expected a class from 0 to 999"},
        {"condition", "{label: -1}", "value '-1', expected a class from 0 to 999"},
        {"condition", "{label: 1.5}", "expected a class from 0 to 999"},
        {"condition", "{prompt: 7}", "value '7', expected a text, in quotes where it looks like"},
        {"condition", "{prompt: \"a\\nb\"}", "expected a text without control characters"},
        {"condition", "{prompt: \"\\x7F\"}", "expected a text without control characters"},
        {"goal", "{kind: picture, file: \"\"}", "expected the path of a file"},
        {"goal", "{kind: picture}",
         "s.yaml:1:1: required field 'file' is missing, expected the "
         "path of a file, here or as an axis of the sweep"},
        {"goal", "{kind: class, model: 3, target: 1}", "expected the name of a model"},
        {"goal", "{kind: all}", "required field 'of' is missing, expected a list of maps"},
        {"goal", "{kind: all, of: []}", "expected a list of 1 to 8 maps"},
        {"goal", "{kind: all, of: {kind: picture, file: a}}", "expected a list of maps"},
        {"goal", "{kind: all, of: [a]}", "field 'of[0]': value 'a', expected a map"},
        {"goal", "{kind: all, of: [{kind: picture, file: 1}]}", "field 'of[0].file': value '1'"},
        {"part", "{goal: [1]}", "field 'goal': a list, expected a map"},
        {"part", "{window: -1}", "value '-1', expected a number of sampler steps, a share of them"},
        {"part", "{window: 1.5}", "value '1.5', expected a number of sampler steps, a share"},
        {"part", "{window: 2147483648}", "expected a number of sampler steps"},
        {"part", "{window: all}", "expected a number of sampler steps"},
        {"part", "{window: {start_step: 5}}", "field 'window': required field 'length' is missing"},
        {"part", "{window: {length: 5}}", "required field 'start_step' is missing"},
        {"part", "{window: {start_step: 5, length: -1}}",
         "field 'window.length': value '-1', expected a number of sampler steps, or a share"},
        {"part", "{window: {start_step: a, length: 1}}", "field 'window.start_step': value 'a'"},
        {"part", "{window: {start_step: 5, length: 5, end: 10}}", "unknown key"},
        {"guidance", "{kind: push, goal: {kind: picture, file: a}, force: -1}",
         "value '-1', expected a finite number, 0 or more"},
        {"stage", "{sampler: {kind: walk}}", "required field 'model' is missing"},
        {"stage", "{model: m}", "required field 'sampler' is missing, expected a map"},
        {"stage", "{model: m, sampler: {kind: walk}, seed: -1}",
         "expected an integer from 0 to 9223372036854775807"},
        {"stage", "{model: m, sampler: {kind: walk}, seed: 9223372036854775808}", "from 0 to"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(cases[i].family, cases[i].text, cases[i].message);
    char longest[GGDM_MAX_TEXT + 40];
    snprintf(longest, sizeof longest, "prompt: %0*d", GGDM_MAX_TEXT - 2, 0);
    memcpy(longest, "prompt: a", 9);
    reading r = read_good("condition", longest); /* 4094 bytes */
    end_reading(&r);
    strcat(longest, "00");
    refuse("condition", longest, "of at most 4095 bytes");
}

static void expect_names(const char *list, const char *names)
{
    char yaml[600], got[300] = "";
    snprintf(yaml, sizeof yaml, "{kind: all, of: %s}", list);
    reading r = read_good("goal", yaml);
    for (const ggdm_item *i = ggdm_item_child(r.item, "of"); i; i = i->next)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", i->name);
    assert_string_equal(got, names);
    end_reading(&r);
}

static void test_item_members_have_names_of_their_own(void **state)
{
    (void)state;
    static const char part[] = "goal: {kind: picture, file: f}";
    char yaml[400];
#define PICTURE "kind: picture, file: f"
    expect_names("[{" PICTURE "}]", "picture ");
    expect_names("[{" PICTURE "}, {" PICTURE "}]", "picture picture-2 ");
    expect_names("[{" PICTURE "}, {name: picture-2, " PICTURE "}, {" PICTURE "}]",
                 "picture picture-2 picture-3 ");
    expect_names("[{name: picture, " PICTURE "}, {" PICTURE "}, {name: picture-2, " PICTURE "}]",
                 "picture picture-3 picture-2 ");
    snprintf(yaml, sizeof yaml, "{parts: [{%s}, {%s, name: '1'}, {%s}]}", part, part, part);
    reading r = read_good("guidance", yaml);
    const ggdm_item *first = ggdm_item_child(r.item, "parts");
    assert_string_equal(first->name, "2"); /* 1 is taken */
    assert_string_equal(first->next->name, "1");
    assert_string_equal(first->next->next->name, "3");
    end_reading(&r);
    refuse("goal", "{kind: all, of: [{name: a, " PICTURE "}, {name: a, " PICTURE "}]}",
           "field 'of[0].name': the name 'a' is there twice, or a key of goal 'all'");
    refuse("goal", "{kind: all, of: [{name: weight, " PICTURE "}]}", "or a key of goal 'all'");
    refuse("goal", "{kind: all, of: [{name: a.b, " PICTURE "}]}",
           "field 'of[0].name': value 'a.b', expected letters, digits, '_' and '-'");
    refuse("goal", "{kind: all, of: [{name: '', " PICTURE "}]}", "expected letters");
    refuse("goal", "{kind: all, of: [{name: 7, " PICTURE "}]}", "expected letters");
}

/* {kind: all, of: [{kind: all, of: [... leaves ...]}]} */
static char *nested(int depth, int leaves)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (int i = 1; i < depth; i++)
        fputs("{kind: all, of: [", out);
    for (int i = 0; i < leaves; i++)
        fprintf(out, "%s{" PICTURE "}", i ? ", " : "");
    for (int i = 1; i < depth; i++)
        fputs("]}", out);
    fclose(out);
    return text;
}

static void test_item_depth_and_size_are_bounded(void **state)
{
    (void)state;
    char *text = nested(GGDM_MAX_DEPTH, 8);
    reading r = read_good("goal", text);
    end_reading(&r);
    free(text);
    text = nested(GGDM_MAX_DEPTH + 1, 1);
    refuse("goal", text, "nested deeper than 8");
    free(text);
    /* 8 + 64 + ... lists of 8: more than 256 nodes */
    char *inner = nested(2, 8), *middle, *outer;
    ggdm_error err;
#define EIGHT(x) x, x, x, x, x, x, x, x
#define ALL "{kind: all, of: [%s, %s, %s, %s, %s, %s, %s, %s]}"
    ggdm_test_ok(ggdm_asprintf(&middle, &err, ALL, EIGHT(inner)), &err);
    ggdm_test_ok(ggdm_asprintf(&outer, &err, ALL, EIGHT(middle)), &err);
    refuse("goal", outer, "more than 256 nodes");
    free(inner);
    free(middle);
    free(outer);
}

/* ---- texts --------------------------------------------------------------------------------- */

static void test_item_texts_are_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *family, *yaml, *text, *program;
    } cases[] = {{"sampler", "{clip: false, eta: 1.0, kind: walk}", "{\"kind\":\"walk\"}",
                  "{\"kind\":\"walk\"}"},
                 {"sampler", "{eta: 0.10, mode: quick, steps: 7, kind: walk, clip: true}",
                  "{\"kind\":\"walk\",\"steps\":7,\"eta\":0.1,\"mode\":\"quick\",\"clip\":true}",
                  "{\"kind\":\"walk\",\"steps\":7,\"eta\":0.1,\"mode\":\"quick\",\"clip\":true}"},
                 {"condition", "{prompt: \"a \\\"b\\\\\"}", "{\"prompt\":\"a \\\"b\\\\\"}",
                  "{\"prompt\":null}"},
                 {"condition", "{label: 0}", "{\"label\":0}", "{\"label\":null}"},
                 {"goal", "{kind: picture, file: f}",
                  "{\"kind\":\"picture\",\"revision\":2,\"file\":\"f\"}",
                  "{\"kind\":\"picture\",\"revision\":2,\"weight\":null,\"file\":null}"},
                 {"goal", "{kind: class, weight: 1e-5, model: m, target: 3}",
                  "{\"kind\":\"class\",\"weight\":1e-05,\"model\":\"m\",\"target\":3}",
                  "{\"kind\":\"class\",\"weight\":null,\"model\":\"m\",\"target\":null}"},
                 {"part", "{weight: 1, goal: {kind: picture, file: f}}",
                  "{\"goal\":{\"kind\":\"picture\",\"revision\":2,\"file\":\"f\"}}",
                  "{\"goal\":{\"kind\":\"picture\",\"revision\":2,\"weight\":null,\"file\":null},"
                  "\"weight\":null}"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reading r = read_good(cases[i].family, cases[i].yaml);
        const char *text = NULL;
        ggdm_test_ok(ggdm_recipe_print(&r.arena, r.item, false, &text, &r.err), &r.err);
        assert_string_equal(text, cases[i].text);
        ggdm_test_ok(ggdm_recipe_print(&r.arena, r.item, true, &text, &r.err), &r.err);
        assert_string_equal(text, cases[i].program);
        end_reading(&r);
    }
}

static void test_item_scalars_are_compared_by_type(void **state)
{
    (void)state;
    char a[] = "a", b[] = "a";
    assert_true(ggdm_scalar_equal(GGDM_PARAM_TEXT, GGDM_TEXT(a), GGDM_TEXT(b)));
    assert_true(ggdm_scalar_equal(GGDM_PARAM_TEXT, GGDM_TEXT(NULL), GGDM_TEXT(NULL)));
    assert_false(ggdm_scalar_equal(GGDM_PARAM_FILE, GGDM_TEXT(a), GGDM_TEXT(NULL)));
    assert_true(ggdm_scalar_equal(GGDM_PARAM_REAL, GGDM_REAL(-0.0), GGDM_REAL(0.0)));
    assert_false(ggdm_scalar_equal(GGDM_PARAM_WHOLE, GGDM_WHOLE(1), GGDM_WHOLE(2)));
    assert_false(ggdm_scalar_equal(GGDM_PARAM_WINDOW, GGDM_REAL(1),
                                   &(const ggdm_scalar){.real = 1, .length_share = true}));
    assert_false(ggdm_scalar_equal(GGDM_PARAM_WINDOW, GGDM_REAL(1),
                                   &(const ggdm_scalar){.real = 1, .start = 1}));
}

/* ---- trees --------------------------------------------------------------------------------- */

typedef struct path_list {
    char text[1000];
} path_list;

static ggdm_status add_path(void *context, const ggdm_item *item, const ggdm_param *row,
                            ggdm_value *value, const char *path, ggdm_error *err)
{
    path_list *l = context;
    size_t n = strlen(l->text);
    (void)item, (void)row, (void)value, (void)err;
    snprintf(l->text + n, sizeof l->text - n, "%s ", path);
    return GGDM_OK;
}

static void test_item_visit_goes_in_the_order_of_the_rows(void **state)
{
    (void)state;
    reading r = read_good("stage", example);
    path_list l = {""};
    ggdm_test_ok(ggdm_item_visit(r.item, add_path, &l, &r.err), &r.err);
    assert_string_equal(
        l.text,
        "model sampler.steps sampler.eta sampler.mode sampler.clip condition.label "
        "condition.prompt condition.adapter guidance.first.goal.weight guidance.first.goal.model "
        "guidance.first.goal.target guidance.first.weight guidance.first.window "
        "guidance.2.goal.weight guidance.2.goal.picture.weight "
        "guidance.2.goal.picture.file guidance.2.goal.class.weight "
        "guidance.2.goal.class.model guidance.2.goal.class.target "
        "guidance.2.goal.picture-3.weight guidance.2.goal.picture-3.file guidance.2.weight "
        "guidance.2.window seed ");
    end_reading(&r);
}

static bool keep_no_pictures(void *context, const ggdm_item *item)
{
    return strcmp(item->kind->name, context) != 0;
}

static void test_item_copies_leave_out_what_a_filter_drops(void **state)
{
    (void)state;
    reading r = read_good("stage", example);
    ggdm_item *copy = NULL;
    ggdm_error err;
    ggdm_test_ok(ggdm_item_copy(&r.arena, r.item, &copy, &err), &err);
    assert_string_equal(ggdm_item_text_of(&r.arena, copy), ggdm_item_text_of(&r.arena, r.item));
    ggdm_item *parts = ggdm_item_child(ggdm_item_child(copy, "guidance"), "parts");
    ggdm_item_set(parts, "weight", (ggdm_scalar){.real = 3}); /* is the copy's own */
    const ggdm_item *guidance = ggdm_item_child(r.item, "guidance");
    assert_true(ggdm_item_real(ggdm_item_child(guidance, "parts"), "weight") == 0);
    ggdm_test_ok(ggdm_item_copy_kept(&r.arena, guidance, keep_no_pictures,
                                     (void *)(uintptr_t) "picture", &copy, &err),
                 &err);
    const ggdm_item *all = ggdm_item_child(ggdm_item_child(copy, "parts")->next, "goal");
    assert_string_equal(ggdm_item_child(all, "of")->kind->name, "class");
    assert_null(ggdm_item_child(all, "of")->next);
    /* Without its goal a part goes, and without parts the guidance. */
    ggdm_test_ok(ggdm_item_copy_kept(&r.arena, guidance, keep_no_pictures,
                                     (void *)(uintptr_t) "class", &copy, &err),
                 &err);
    assert_null(ggdm_item_child(copy, "parts")->next);
    ggdm_test_ok(ggdm_item_copy_kept(&r.arena, guidance, keep_no_pictures,
                                     (void *)(uintptr_t) "part", &copy, &err),
                 &err);
    assert_null(copy);
    end_reading(&r);
}

static void test_item_failures_name_the_place(void **state)
{
    (void)state;
    reading r = read_good("part", "weight: 2\ngoal: {kind: picture, file: f}\n");
    ggdm_error err;
    ggdm_test_error(ggdm_item_fail(r.item, "weight", &err, "no %d", 1), &err, GGDM_EINVAL,
                    "s.yaml:1:9: field 'weight': no 1");
    ggdm_test_error(ggdm_item_fail(r.item, "window", &err, "no"), &err, GGDM_EINVAL,
                    "s.yaml:1:1: no");
    ggdm_item_forget_places(r.item);
    ggdm_test_error(ggdm_item_fail(r.item, "window", &err, "no"), &err, GGDM_EINVAL,
                    "part 'part', window: no");
    end_reading(&r);
}

/* ---- reduction: over the rows of whatever catalogue there is --------------------------------- */

/* An item that does something, but for one row. */
static ggdm_item *make_acting(const ggdm_catalogue *c, ggdm_arena *arena, ggdm_test_rng *rng,
                              const ggdm_kind *kind)
{
    for (int i = 0; i < 1000; i++) {
        ggdm_item *item = ggdm_random_item(c, arena, rng, kind), *copy;
        ggdm_error err;
        ggdm_test_ok(ggdm_item_copy(arena, item, &copy, &err), &err);
        if (ggdm_item_reduce(arena, copy))
            return item;
    }
    ggdm_test_fail("%s '%s': nothing of 1000 does anything", kind->family, kind->name);
    return NULL;
}

/* Owners of a node that does nothing go where they require it, and else are left without it. */
static void check_owners(const ggdm_catalogue *c, ggdm_arena *arena, ggdm_test_rng *rng,
                         const ggdm_item *neutral)
{
    for (size_t i = 0; i < c->n_kinds; i++)
        for (size_t k = 0; k < c->kinds[i]->n_params; k++) {
            const ggdm_param *p = &c->kinds[i]->params[k];
            ggdm_item *owner, *child;
            ggdm_error err;
            if (!p->family || strcmp(p->family, neutral->kind->family) != 0)
                continue;
            owner = make_acting(c, arena, rng, c->kinds[i]);
            ggdm_test_ok(ggdm_item_copy(arena, neutral, &child, &err), &err);
            ggdm_item_set_child(owner, p->key, child);
            owner = ggdm_item_reduce(arena, owner);
            const bool may_go = p->required || c->kinds[i]->reduce; /* with all that acted */
            if (owner ? p->required || ggdm_item_child(owner, p->key) : !may_go)
                ggdm_test_fail("%s '%s' with a %s that does nothing: %s", c->kinds[i]->family,
                               c->kinds[i]->name, p->key, ggdm_item_text_of(arena, owner));
        }
}

static int check_neutral_rows(const ggdm_catalogue *c, const ggdm_kind *k, ggdm_arena *arena,
                              ggdm_test_rng *rng)
{
    int rows = 0;
    for (size_t i = 0; i < k->n_params; i++) {
        const ggdm_param *p = &k->params[i];
        if (!p->neutral)
            continue;
        ggdm_item *item = make_acting(c, arena, rng, k), *copy;
        ggdm_error err;
        ggdm_item_set(item, p->key, *p->neutral);
        ggdm_test_ok(ggdm_item_copy(arena, item, &copy, &err), &err);
        if (ggdm_item_reduce(arena, copy))
            ggdm_test_fail("%s '%s' does something with %s at its neutral value", k->family,
                           k->name, p->key);
        check_owners(c, arena, rng, item);
        rows++;
    }
    return rows;
}

static void test_item_nodes_at_neutral_values_vanish(void **state)
{
    (void)state;
    static const ggdm_catalogue *const catalogues[] = {&ggdm_methods, &ggdm_toy_catalogue};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    for (int n = 0; n < 2; n++) {
        ggdm_arena arena = {0};
        int rows = 0;
        for (size_t i = 0; i < catalogues[n]->n_kinds; i++)
            rows += check_neutral_rows(catalogues[n], catalogues[n]->kinds[i], &arena, &rng);
        assert_true(rows >= 3);
        ggdm_arena_deinit(&arena);
    }
}

/* Of random trees of every kind: reduced and expanded twice is reduced and expanded once, and the
 * text says all. */
static void check_kind(const ggdm_catalogue *c, const ggdm_kind *k, ggdm_test_rng *rng)
{
    for (int round = 0; round < 60; round++) {
        ggdm_arena arena = {0};
        ggdm_item *item = ggdm_random_item(c, &arena, rng, k), *once, *twice;
        ggdm_error err;
        if (ggdm_item_check(item, &err) != GGDM_OK) { /* what does not go together is no item */
            ggdm_arena_deinit(&arena);
            continue;
        }
        ggdm_test_ok(ggdm_item_expand(c, &arena, item, &once, &err), &err);
        ggdm_test_ok(ggdm_item_expand(c, &arena, once, &twice, &err), &err);
        assert_string_equal(ggdm_item_text_of(&arena, once), ggdm_item_text_of(&arena, twice));
        assert_string_equal(once->kind->family, k->family);
        once = ggdm_item_reduce(&arena, once);
        const char *text = ggdm_item_text_of(&arena, once);
        assert_string_equal(
            text, ggdm_item_text_of(&arena, once ? ggdm_item_reduce(&arena, once) : NULL));
        ggdm_arena_deinit(&arena);
    }
}

static void test_item_reducing_and_expanding_twice_change_nothing(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    for (size_t i = 0; i < ggdm_methods.n_kinds; i++)
        check_kind(&ggdm_methods, ggdm_methods.kinds[i], &rng);
    for (size_t i = 0; i < ggdm_toy_catalogue.n_kinds; i++)
        check_kind(&ggdm_toy_catalogue, ggdm_toy_catalogue.kinds[i], &rng);
}

static void expect_reduced(const char *yaml, const char *text)
{
    reading r = read_good("guidance", yaml);
    ggdm_item *item = NULL;
    ggdm_test_ok(ggdm_item_expand(&ggdm_toy_catalogue, &r.arena, r.item, &item, &r.err), &r.err);
    assert_string_equal(ggdm_item_text_of(&r.arena, ggdm_item_reduce(&r.arena, item)), text);
    end_reading(&r);
}

static void test_item_presets_stand_for_what_could_be_written(void **state)
{
    (void)state;
#define CLASS "{kind: class, model: m, target: 3}"
#define CLASS_TEXT "{\"kind\":\"class\",\"model\":\"m\",\"target\":3}"
    static const char text[] = "{\"parts\":[{\"goal\":" CLASS_TEXT ",\"weight\":2}]}";
    expect_reduced("{kind: push, goal: " CLASS ", force: 2}", text);
    expect_reduced("{parts: [{goal: " CLASS ", weight: 2.0, name: x}]}", text);
    expect_reduced("{kind: push, goal: " CLASS ", force: 0}", "");
    /* One of a list is that one, the factors multiplied. */
    expect_reduced("{parts: [{weight: 2, goal: {kind: all, of: [" CLASS "]}}]}", text);
    expect_reduced("{parts: [{weight: 2, goal: {kind: all, weight: 0.5, of: [{kind: class, "
                   "model: m, target: 3, weight: 2}, {kind: picture, file: f, weight: 0}]}}]}",
                   text);
    expect_reduced("{parts: [{weight: 2, goal: {kind: all, of: [{kind: all, of: [" CLASS
                   "]}]}}, {weight: 0, goal: " CLASS "}]}",
                   text);
    expect_reduced("{parts: [{goal: {kind: all, of: [{kind: class, model: m, target: 3, weight: "
                   "0}]}}]}",
                   "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_item_values_of_every_type_are_read),
        cmocka_unit_test(test_item_left_out_values_are_the_defaults),
        cmocka_unit_test(test_item_shares_have_a_point),
        cmocka_unit_test(test_item_bad_values_are_refused_with_position),
        cmocka_unit_test(test_item_members_have_names_of_their_own),
        cmocka_unit_test(test_item_depth_and_size_are_bounded),
        cmocka_unit_test(test_item_texts_are_canonical),
        cmocka_unit_test(test_item_scalars_are_compared_by_type),
        cmocka_unit_test(test_item_visit_goes_in_the_order_of_the_rows),
        cmocka_unit_test(test_item_copies_leave_out_what_a_filter_drops),
        cmocka_unit_test(test_item_failures_name_the_place),
        cmocka_unit_test(test_item_nodes_at_neutral_values_vanish),
        cmocka_unit_test(test_item_reducing_and_expanding_twice_change_nothing),
        cmocka_unit_test(test_item_presets_stand_for_what_could_be_written),
    };
    return ggdm_test_main(tests);
}
