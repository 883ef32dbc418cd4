/* A sweep's cells: their order, the trajectories they share, what measures them. */
#include "jobs/cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/toy_catalogue.h"
#include "worker/kinds.h"

static ggdm_spec parse_of(const ggdm_catalogue *c, const char *text)
{
    ggdm_spec s;
    ggdm_error err;
    ggdm_test_ok(ggdm_spec_parse(c, text, strlen(text), "s.yaml", NULL, 0, &s, &err), &err);
    return s;
}

/* A sweep of the paper's method. */
static ggdm_spec make_sweep(const char *more, const char *axes)
{
    char *text = NULL;
    ggdm_error err;
    ggdm_test_ok(ggdm_asprintf(&text, &err,
                               "name: a\nmodel: m\nsamples: 4\n"
                               "guidance: {kind: gradient, loss: {kind: classifier, model: c}}\n"
                               "%ssweep: %s\n",
                               more, axes),
                 &err);
    ggdm_spec s = parse_of(&ggdm_methods, text);
    free(text);
    return s;
}

/* Models: "same..." are one, "fewN" know N classes; a name with "missing" is not there. */
static ggdm_status find_model(void *context, const ggdm_param *row, const char *name,
                              const char **digest, int32_t *classes, ggdm_error *err)
{
    const ggdm_resolver toy = ggdm_toy_resolver();
    if (context)
        ++*(int *)context;
    if (strstr(name, "missing"))
        return GGDM_FAIL(err, GGDM_EIO, "no model '%s'", name);
    GGDM_TRY(
        toy.model(NULL, row, strncmp(name, "same", 4) == 0 ? "same" : name, digest, classes, err));
    if (strncmp(name, "few", 3) == 0)
        *classes = atoi(name + 3);
    return GGDM_OK;
}

static ggdm_resolver make_resolver(void)
{
    ggdm_resolver r = ggdm_toy_resolver();
    r.model = find_model;
    return r;
}

static ggdm_cells expand(ggdm_spec *s)
{
    const ggdm_resolver r = make_resolver();
    ggdm_cells cells;
    ggdm_error err;
    ggdm_test_ok(ggdm_cells_expand(s, &r, &cells, &err), &err);
    assert_int_equal(cells.n_cells, s->n_cells);
    return cells;
}

static void end(ggdm_cells *c, ggdm_spec *s)
{
    ggdm_cells_deinit(c);
    ggdm_cells_deinit(c);
    ggdm_spec_deinit(s);
}

/* ---- cells and trajectories ----------------------------------------------------------------- */

static void test_cells_first_axis_varies_slowest(void **state)
{
    (void)state;
    ggdm_spec s = make_sweep("", "{target: [3, 5], zip: {kappa: [1, 2], duration: [10, 20]}}");
    ggdm_cells c = expand(&s);
    static const struct {
        double kappa, duration;
        int64_t target;
    } want[] = {{1, 10, 3}, {2, 20, 3}, {1, 10, 5}, {2, 20, 5}};
    assert_int_equal(c.n_cells, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(c.cells[i].place, i);
        assert_int_equal(c.cells[i].trajectory, i);
        assert_int_equal(c.trajectories[i].first_cell, i);
        ggdm_spec_put_cell(&s, i);
        const ggdm_item *guidance = ggdm_item_child(s.stage, "guidance");
        assert_true(ggdm_item_real(guidance, "kappa") == want[i].kappa);
        assert_true(ggdm_item_real(guidance, "duration") == want[i].duration);
        assert_int_equal(ggdm_item_whole(ggdm_item_child(guidance, "loss"), "target"),
                         want[i].target);
    }
    end(&c, &s);
}

static void expect_trajectories(const ggdm_cells *c, const int *want)
{
    for (int32_t i = 0; i < c->n_cells; i++)
        if (c->cells[i].trajectory != want[i])
            ggdm_test_fail("cell %d has trajectory %d, expected %d", (int)i,
                           (int)c->cells[i].trajectory, want[i]);
}

static void test_cells_unguided_ones_share_one_trajectory(void **state)
{
    (void)state;
    ggdm_spec s = make_sweep("", "{target: [0, 1], kappa: [0, 0.5], duration: [0, 1000]}");
    ggdm_cells c = expand(&s);
    assert_int_equal(c.n_cells, 8);
    assert_int_equal(c.n_trajectories, 3); /* unguided; kappa 0.5 to each of two targets */
    expect_trajectories(&c, (const int[]){0, 0, 0, 1, 0, 0, 0, 2});
    const ggdm_trajectory *t = &c.trajectories[0];
    assert_true(t->n_runs == 1 && t->runs[0].end == 1000 && t->first_cell == 0);
    assert_string_equal(c.settings[t->runs[0].setting], "{}");
    assert_true(t->image_first == 0 && t->image_count == 4);
    assert_true(c.trajectories[2].first_cell == 7 && c.n_heads == 1 && c.n_settings == 3);
    end(&c, &s);
}

static void test_cells_equal_recipes_share_a_trajectory(void **state)
{
    (void)state;
    ggdm_spec s = make_sweep("", "{target: 0, kappa: [0.5, 0.25, 0.5]}");
    ggdm_cells c = expand(&s);
    assert_int_equal(c.n_trajectories, 2);
    expect_trajectories(&c, (const int[]){0, 1, 0});
    end(&c, &s);
    s = make_sweep("", "{target: 0, kappa: 1, duration: [10, {start_step: 5, length: 10},"
                       " {start_step: 0, length: 10}, {start_step: 5, length: 0}, 0.01, 1000, "
                       "1.0]}");
    c = expand(&s);
    expect_trajectories(&c, (const int[]){0, 1, 0, 2, 0, 3, 3});
    assert_int_equal(c.trajectories[1].n_runs, 3);
    end(&c, &s);
}

static void test_cells_models_of_one_digest_share(void **state)
{
    (void)state;
    ggdm_spec s =
        parse_of(&ggdm_methods, "{name: a, samples: 1, sweep: {model: [same1, other, same2]}}");
    ggdm_cells c = expand(&s);
    expect_trajectories(&c, (const int[]){0, 1, 0});
    assert_int_equal(c.n_heads, 2);
    assert_string_equal(ggdm_item_text(s.stage, "model"), "same1"); /* names are back */
    end(&c, &s);
    s = parse_of(&ggdm_methods, "{name: a, model: m, samples: 1, guidance: {kind: gradient, loss: "
                                "{kind: classifier, target: 1}}, sweep: {kappa: [0, 1], "
                                "guidance.loss.model: [same1, b, same2]}}");
    c = expand(&s);
    expect_trajectories(&c, (const int[]){0, 0, 0, 1, 2, 1});
    assert_int_equal(c.n_panels, 2); /* unguided images are scored by both guides */
    assert_true(c.cells[0].panel != c.cells[1].panel && c.cells[0].panel == c.cells[2].panel);
    end(&c, &s);
}

static void test_cells_heads_share_nothing(void **state)
{
    (void)state;
    ggdm_spec s = make_sweep("", "{target: 1, kappa: [0, 1], duration: 0.5, seed: [3, 4], steps: "
                                 "[10, 100]}");
    ggdm_cells c = expand(&s);
    assert_true(c.n_cells == 8 && c.n_trajectories == 8 && c.n_heads == 4);
    assert_int_equal(c.n_settings, 2);                  /* what happens in a step is the same */
    assert_int_equal(c.trajectories[4].runs[0].end, 5); /* of 10 */
    assert_int_equal(c.trajectories[5].runs[0].end, 50);
    end(&c, &s);
    s = parse_of(&ggdm_methods,
                 "{name: a, model: m, samples: 1, condition: {}, sweep: {label: [1, 2]}}");
    c = expand(&s);
    assert_true(c.n_trajectories == 2 && c.n_settings == 1);
    end(&c, &s);
}

static void test_cells_texts_are_recipes(void **state)
{
    (void)state;
    ggdm_spec s = make_sweep("judge: [j, k]\n", "{target: [1, 2], kappa: [0, 1, 2], duration: "
                                                "[0.3, 0.6], clip_x0: [true, false]}");
    ggdm_cells c = expand(&s);
    ggdm_arena arena = {0};
    ggdm_item *item;
    ggdm_error err;
    for (int32_t i = 0; i < c.n_heads; i++)
        ggdm_test_ok(ggdm_recipe_parse(&ggdm_methods, &arena, "stage", c.heads[i], &item, &err),
                     &err);
    for (int32_t i = 0; i < c.n_settings; i++)
        ggdm_test_ok(
            ggdm_recipe_parse(&ggdm_methods, &arena, "guidance", c.settings[i], &item, &err), &err);
    for (int32_t i = 0; i < c.n_scorers; i++)
        ggdm_test_ok(
            ggdm_recipe_parse(&ggdm_methods, &arena, "scorer", c.scorers[i].text, &item, &err),
            &err);
    for (int32_t i = 0; i < c.n_trajectories; i++) {
        uint8_t key[GGDM_HASH_SIZE];
        ggdm_recipe recipe;
        ggdm_test_ok(ggdm_cells_recipe(&c, &arena, &c.trajectories[i], &recipe, &err), &err);
        ggdm_recipe_key(&recipe, "fp32", "avx512", key);
        assert_memory_equal(key, c.trajectories[i].key, sizeof key);
        assert_int_equal(recipe.steps, 1000);
    }
    ggdm_arena_deinit(&arena);
    end(&c, &s);
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* The key of the first cell of a text. */
static void key_of(const char *text, const ggdm_resolver *r, uint8_t key[GGDM_HASH_SIZE])
{
    ggdm_spec s = parse_of(&ggdm_methods, text);
    ggdm_cells c;
    ggdm_error err;
    ggdm_test_ok(ggdm_cells_expand(&s, r, &c, &err), &err);
    memcpy(key, c.trajectories[0].key, GGDM_HASH_SIZE);
    end(&c, &s);
}

#define TERM "loss: {kind: classifier, model: c, target: 1}"

static void test_cells_key_does_not_follow_what_changes_no_pixel(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{name: a, model: m, samples: 1, guidance: {terms: [{" TERM "}]}}",
        "{name: b, model: m, samples: 9, guidance: {terms: [{" TERM "}]}}",
        "{name: a, model: m, samples: 1, judge: [j, k], guidance: {terms: [{" TERM "}]}}",
        "{name: a, model: m, samples: 1, batch: 7, threads: 3, checkpoint: off, order: shuffle, "
        "guidance: {terms: [{" TERM "}]}}",
        "{name: a, model: m, samples: 1, guidance: {terms: [{name: x, " TERM "}]}}",
        "{name: a, model: m, samples: 1, guidance: {kind: gradient, kappa: 1, " TERM "}}",
        "{name: a, model: m, samples: 1, seed: 0, sampler: {kind: ddpm, steps: 1000}, guidance: "
        "{terms: [{" TERM ", window: 1000}, {" TERM ", weight: 0}]}}",
        "{name: a, samples: 1, guidance: {terms: [{" TERM "}]}, sweep: {model: [m, x]}}"};
    const ggdm_resolver r = make_resolver();
    uint8_t first[GGDM_HASH_SIZE], key[GGDM_HASH_SIZE];
    key_of(texts[0], &r, first);
    for (size_t i = 1; i < sizeof texts / sizeof *texts; i++) {
        key_of(texts[i], &r, key);
        if (memcmp(first, key, sizeof key) != 0)
            ggdm_test_fail("another key: %s", texts[i]);
    }
}

static void test_cells_key_follows_models_precision_and_isa(void **state)
{
    (void)state;
    static const char text[] = "{name: a, model: m, samples: 1, guidance: {terms: [{" TERM "}]}}";
    ggdm_resolver r = make_resolver(), other = r;
    uint8_t first[GGDM_HASH_SIZE], key[GGDM_HASH_SIZE];
    key_of(text, &r, first);
    other.isa = "avx2";
    key_of(text, &other, key);
    assert_memory_not_equal(first, key, sizeof key);
    other = r;
    other.precision = GGDM_PRECISION_BF16;
    key_of(text, &other, key);
    assert_memory_not_equal(first, key, sizeof key);
    key_of("{name: a, model: n, samples: 1, guidance: {terms: [{" TERM "}]}}", &r, key);
    assert_memory_not_equal(first, key, sizeof key);
    key_of(text, NULL, key); /* names stand for digests */
    assert_memory_not_equal(first, key, sizeof key);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void refuse_of(const ggdm_catalogue *c, const char *text, ggdm_status code,
                      const char *message)
{
    ggdm_spec s = parse_of(c, text);
    const ggdm_resolver r = make_resolver();
    ggdm_cells cells;
    ggdm_error err;
    ggdm_status st = ggdm_cells_expand(&s, &r, &cells, &err);
    if (st == GGDM_OK)
        ggdm_test_fail("accepted, expected \"%s\": %s", message, text);
    ggdm_test_error(st, &err, code, message);
    assert_null(cells.cells);
    end(&cells, &s);
}

static void refuse(const char *text, ggdm_status code, const char *message)
{
    refuse_of(&ggdm_methods, text, code, message);
}

static void test_cells_errors_of_a_resolver_get_positions(void **state)
{
    (void)state;
    refuse("name: a\nmodel: missing\nsamples: 1\n", GGDM_EIO,
           "s.yaml:2:8: field 'model': no model 'missing'");
    refuse("name: a\nsamples: 1\nsweep: {model: [m, missing]}\n", GGDM_EIO,
           "s.yaml:3:20: field 'sweep.model[1]': no model 'missing'");
    refuse("name: a\nmodel: m\nsamples: 1\njudge: missing\n", GGDM_EIO,
           "s.yaml:4:8: field 'judge': no model 'missing'");
    refuse("name: a\nmodel: m\nsamples: 1\njudge: [j, {model: missing}]\n", GGDM_EIO,
           "s.yaml:4:20: field 'judge[1].model': no model 'missing'");
    refuse_of(&ggdm_toy_catalogue,
              "name: a\nmodel: m\nsamples: 1\nguidance: {kind: push, force: 1, goal: {kind: "
              "picture, file: missing}}\n",
              GGDM_EINVAL, "field 'guidance.goal.file': 'missing' is not there");
}

static void test_cells_classes_must_be_those_of_the_models(void **state)
{
    (void)state;
    refuse("name: a\nmodel: m\nsamples: 1\nguidance: {kind: gradient, loss: {kind: classifier, "
           "model: c, target: 10}, kappa: 1}\n",
           GGDM_EINVAL,
           "s.yaml:4:71: field 'guidance.loss.target': value '10', expected a class of model 'c', "
           "0 to 9");
    refuse("name: a\nmodel: m\nsamples: 1\nguidance: {kind: gradient, loss: {kind: classifier, "
           "model: c}, kappa: 0}\nsweep: {target: [3, 12]}\n",
           GGDM_EINVAL, "s.yaml:5:21: field 'sweep.target[1]': value '12', expected a class of");
    refuse("name: a\nmodel: m\nsamples: 1\ncondition: {label: 10}\n", GGDM_EINVAL,
           "field 'condition.label': value '10', expected a class of model 'm', 0 to 9");
    refuse("name: a\nmodel: m\nsamples: 1\njudge: few5\nguidance: {kind: gradient, loss: {kind: "
           "classifier, model: c, target: 5}, kappa: 1}\n",
           GGDM_EINVAL,
           "field 'guidance.loss.target': value '5', expected a class of model 'few5', 0 to 4");
    /* Each cell on its own: 7 is no class of the second guide. */
    refuse("name: a\nmodel: m\nsamples: 1\nguidance: {kind: gradient, loss: {kind: classifier}, "
           "kappa: 1}\nsweep: {guidance.loss.model: [c, few3], target: [2, 7]}\n",
           GGDM_EINVAL,
           "s.yaml:5:53: field 'sweep.target[1]': value '7', expected a class of "
           "model 'few3', 0 to 2");
    ggdm_spec s =
        parse_of(&ggdm_methods,
                 "{name: a, model: m, samples: 1, guidance: {kind: gradient, loss: {kind: "
                 "classifier}, kappa: 1}, sweep: {zip: {guidance.loss.model: [c, few3], target: "
                 "[7, 2]}}}");
    ggdm_cells c = expand(&s);
    end(&c, &s);
    /* A class is of the model beside it. */
    s = parse_of(&ggdm_methods,
                 "{name: a, model: m, samples: 1, guidance: {terms: [{name: a, loss: {kind: "
                 "classifier, model: few3, target: 2}}, {name: b, loss: {kind: classifier, model: "
                 "c, target: 7}}]}}");
    c = expand(&s);
    end(&c, &s);
}

static void test_cells_windows_must_fit_each_chain(void **state)
{
    (void)state;
    refuse("name: a\nmodel: m\nsamples: 1\nguidance: {kind: gradient, " TERM ", kappa: 1}\n"
           "sweep:\n  duration: [0, 1001]\n",
           GGDM_EINVAL,
           "s.yaml:6:17: field 'sweep.duration[1]': value '1001', expected a number "
           "of steps from 0 to 1000 (sampler.steps)");
    refuse("name: a\nmodel: m\nsamples: 1\nguidance: {kind: gradient, " TERM ", kappa: 1}\n"
           "sweep:\n  steps: [1000, 50]\n  duration: [0.5, {start_step: 20, length: 31}]\n",
           GGDM_EINVAL,
           "field 'sweep.duration[1]': value '20+31', expected a number of steps "
           "from 0 to 30 (sampler.steps less start_step)");
    refuse("name: a\nmodel: m\nsamples: 1\nguidance: {kind: gradient, " TERM ", kappa: 1}\n"
           "sweep: {duration: {from: 0, to: 1100, step: 100}}\n",
           GGDM_EINVAL, "s.yaml:5:19: field 'sweep.duration': value '1100'");
}

/* A kind's own check is of each cell. */
static void test_cells_values_must_go_together_in_each_cell(void **state)
{
    (void)state;
    refuse_of(&ggdm_toy_catalogue,
              "name: a\nmodel: m\nsamples: 1\nsweep:\n  clip: [false, true]\n  steps: [12, 13]\n",
              GGDM_EINVAL,
              "s.yaml:6:15: field 'sweep.steps[1]': value '13', expected no 13 with clip");
}

/* ---- panels -------------------------------------------------------------------------------- */

/* "guide=0 judge=1 saturation=2": the panel of a cell, scorers by number. */
static void expect_panel(const ggdm_cells *c, int32_t cell, const char *panel)
{
    const ggdm_panel *p = &c->panels[c->cells[cell].panel];
    char got[400] = "";
    for (int32_t i = 0; i < p->n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s=%d", i ? " " : "",
                 p->entries[i].name, (int)p->entries[i].scorer);
    if (strcmp(got, panel) != 0)
        ggdm_test_fail("cell %d is measured by %s, expected %s", (int)cell, got, panel);
}

static void expect_first_panel(const char *text, const char *panel)
{
    ggdm_spec s = parse_of(&ggdm_methods, text);
    ggdm_cells c = expand(&s);
    expect_panel(&c, 0, panel);
    end(&c, &s);
}

static void test_cells_panels_list_guide_judges_and_what_is_always_there(void **state)
{
    (void)state;
#define OF(more) "{name: a, model: m, samples: 1" more "}"
#define GUIDED ", guidance: {terms: [{" TERM "}]}"
    expect_first_panel(OF(""), "saturation=0");
    expect_first_panel(OF(", judge: j"), "judge=0 saturation=1");
    expect_first_panel(OF(GUIDED), "guide=0 saturation=1");
    expect_first_panel(OF(GUIDED ", judge: j"), "guide=0 judge=1 saturation=2");
    expect_first_panel(OF(GUIDED ", judge: [j, dir/k]"), "guide=0 judge=1 k=2 saturation=3");
    expect_first_panel(OF(GUIDED ", judge: c"),
                       "guide=0 judge=0 saturation=1"); /* it is the guide */
    expect_first_panel(OF(GUIDED ", judge: {name: guide, model: c}"), "guide=0 saturation=1");
    expect_first_panel(OF(GUIDED ", judge: {name: guide, model: j}"),
                       "guide=0 guide-2=1 saturation=2");
    expect_first_panel(OF(", judge: [{kind: loss, of: {kind: tv}}, j]"), "loss=0 j=1 saturation=2");
    expect_first_panel(OF(", guidance: {terms: [{" TERM "}, {loss: {kind: classifier, model: d, "
                          "target: 1}}, {loss: {kind: classifier, model: c, target: 5}}]}"),
                       "guide=0 guide-2=1 saturation=2");
    expect_first_panel(OF(", guidance: {terms: [{" TERM "}, {name: second, loss: {kind: "
                          "classifier, model: d, target: 1}}]}"),
                       "guide=0 second=1 saturation=2");
    expect_first_panel(OF(", guidance: {terms: [{" TERM
                          "}, {name: b, loss: {kind: sum, of: [{name: "
                          "again, kind: classifier, model: c, target: 2}]}}]}"),
                       "guide=0 saturation=1");
    expect_first_panel(
        OF(", guidance: {kind: one-of, use: e, of: [{name: g, kind: gradient, kappa: "
           "1, loss: {kind: classifier, model: c, target: 1}}, {name: e, kind: "
           "elucd, model: c, target: 1}, {name: f, kind: elucd, model: d, target: "
           "1}]}"),
        "guide=0 f=1 saturation=2");
    expect_first_panel(OF(", guidance: {terms: [{" TERM "}, {loss: {kind: tv, weight: 2}}]}"),
                       "guide=0 tv=1 saturation=2");
    expect_first_panel(OF(", guidance: {terms: [{loss: {kind: sum, of: [{name: smooth, kind: tv, "
                          "weight: 0}, {kind: classifier, model: c, target: 1}]}}]}"),
                       "smooth=0 guide=1 saturation=2");
}

static void test_cells_panels_do_not_follow_weights(void **state)
{
    (void)state;
    ggdm_spec s = parse_of(
        &ggdm_methods, "{name: a, model: m, samples: 1, guidance: {kind: gradient, loss: {kind: "
                       "sum, of: [{kind: classifier, model: c}, {kind: tv}]}}, sweep: {kappa: "
                       "[0, 1], guidance.loss.tv.weight: [0, 2], target: [1, 2]}}");
    ggdm_cells c = expand(&s);
    assert_true(c.n_panels == 1 && c.n_scorers == 3);
    expect_panel(&c, 7, "guide=0 tv=1 saturation=2");
    assert_true(c.scorers[0].output == GGDM_OUTPUT_CLASSES &&
                c.scorers[1].output == GGDM_OUTPUT_NUMBER);
    assert_string_equal(c.scorers[1].text, "{\"kind\":\"loss\",\"of\":{\"kind\":\"tv\"}}");
    end(&c, &s);
}

/* Two questions: glasses (no, yes) and hair (blond, grey, red). */
static const ggdm_class_groups *two_questions(void *context, const char *model)
{
    static char *yes_no[] = {"no", "yes"}, *colours[] = {"blond", "grey", "red"};
    static ggdm_class_group items[] = {{"glasses", {yes_no, 2}, 0}, {"hair", {colours, 3}, 2}};
    static const ggdm_class_groups groups = {items, 2, 5};
    (void)context, (void)model;
    return &groups;
}

static void test_cells_a_judge_is_asked_its_own_question_or_the_targets(void **state)
{
    (void)state;
    ggdm_spec s =
        parse_of(&ggdm_methods, OF(", judge: [few5, {name: own, model: few5, group: hair}], sweep: "
                                   "{target: [glasses, 'hair:red']}"));
    ggdm_resolver r = make_resolver();
    ggdm_cells c;
    ggdm_error err;
    r.classes = two_questions;
    ggdm_test_ok(ggdm_cells_expand(&s, &r, &c, &err), &err);
    expect_panel(&c, 0, "judge=0 own=1 saturation=2");
    expect_panel(&c, 1, "judge=1 own=1 saturation=2");
    assert_non_null(strstr(c.scorers[0].text, "\"group\":\"glasses\"}"));
    assert_non_null(strstr(c.scorers[1].text, "\"group\":\"hair\"}"));
    end(&c, &s);
}

static void test_cells_scorers_copy_what_they_measure(void **state)
{
    (void)state;
    ggdm_spec s = parse_of(&ggdm_toy_catalogue,
                           "{name: a, model: m, samples: 1, guidance: {parts: [{goal: {kind: "
                           "picture, weight: 3}}, {goal: {kind: class, model: c, target: 1}}]}, "
                           "sweep: {file: [f, g, f]}}");
    ggdm_cells c;
    ggdm_error err;
    ggdm_test_ok(ggdm_cells_expand(&s, NULL, &c, &err), &err);
    expect_panel(&c, 0, "picture=0 guide=1 size=2");
    expect_panel(&c, 1, "picture=3 guide=1 size=2");
    assert_true(c.cells[2].panel == c.cells[0].panel && c.n_panels == 2);
    assert_string_equal(c.scorers[3].text, "{\"kind\":\"distance\",\"of\":{\"kind\":\"picture\","
                                           "\"revision\":2,\"file\":\"g\"}}");
    assert_string_equal(c.scorers[1].text, "{\"model\":\"c\"}");
    end(&c, &s);
}

/* Judges named "small..." do not take the images of models named "wide...". */
static ggdm_status takes_images(void *context, const ggdm_item *stage, const ggdm_item *scorer,
                                ggdm_error *err)
{
    ++*(int *)context;
    const ggdm_value *model = ggdm_item_value(scorer, "model");
    if (!model || strncmp(model->scalar.text, "small", 5) != 0 ||
        strncmp(ggdm_item_text(stage, "model"), "wide", 4) != 0)
        return GGDM_OK;
    ggdm_item_fail(scorer, "model", err, "too small");
    return err->code = GGDM_ESHAPE;
}

static ggdm_status name_model(void *context, const ggdm_param *row, const char *name,
                              const char **digest, int32_t *classes, ggdm_error *err)
{
    (void)context, (void)row, (void)err;
    *digest = name;
    *classes = strstr(name, "few") ? 2 : 10;
    return GGDM_OK;
}

static void test_cells_scorers_that_do_not_fit_a_model_are_missing_there(void **state)
{
    (void)state;
    int asked = 0;
    ggdm_resolver r = make_resolver();
    ggdm_cells c;
    ggdm_error err;
    r.context = &asked;
    r.model = name_model;
    r.check_scorer = takes_images;
    ggdm_spec s = parse_of(
        &ggdm_methods, "{name: a, samples: 1, guidance: {kind: gradient, loss: {kind: classifier, "
                       "model: c}}, judge: [small-few, j, small], sweep: {zip: {model: [m, wide, "
                       "wide2], target: [1, 7, 2]}, kappa: [0, 1, 2]}}");
    ggdm_test_ok(ggdm_cells_expand(&s, &r, &c, &err), &err); /* small-few does not know 7 */
    expect_panel(&c, 0, "guide=0 judge=1 j=2 small=3 saturation=4");
    expect_panel(&c, 3, "guide=0 j=2 saturation=4");
    expect_panel(&c, 8, "guide=0 j=2 saturation=4");
    assert_true(c.n_panels == 2 && c.n_scorers == 5 && c.n_notes == 4);
    assert_string_equal(c.notes[0],
                        "scorer 'judge' does not take the images of model 'wide' and is missing "
                        "there");
    assert_non_null(strstr(c.notes[3], "'small' does not take the images of model 'wide2'"));
    assert_int_equal(asked, 15); /* five scorers, three models */
    end(&c, &s);
    s = parse_of(&ggdm_methods, "name: a\nmodel: wide\nsamples: 1\njudge: [j, {model: small}]\n");
    ggdm_test_error(ggdm_cells_expand(&s, &r, &c, &err), &err, GGDM_ESHAPE,
                    "s.yaml:4:20: field 'judge[1].model': too small");
    end(&c, &s);
}

/* Where a cell has several classes the plan says which one counts, once. */
static void test_cells_other_classes_than_the_aim_are_noted(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *note; /* NULL: none */
    } rows[] = {
        {"guidance: {eps: {kind: classifier-free, s: 2}, terms: [{name: a, loss: {kind: "
         "classifier, model: c, target: 3}}]}, sweep: {label: [3, 4, 5]}",
         "accuracy is about the class of guidance.a.loss.target; that of condition.label is "
         "another in some cells"},
        {"guidance: {terms: [{name: a, loss: {kind: classifier, model: c, target: 3}}, {name: b, "
         "weight: -1, loss: {kind: classifier, model: c, target: 8}}]}, sweep: {seed: [1, 2]}",
         "of guidance.a.loss.target; that of guidance.b.loss.target is"},
        {"guidance: {eps: {kind: classifier-free, s: 2}, terms: [{name: a, loss: {kind: "
         "classifier, model: c}}]}, sweep: {zip: {label: [3, 4], target: [3, 4]}}",
         NULL},
        {"guidance: {kind: classifier-free, s: 2}, sweep: {label: [3, 4]}", NULL}};
    ggdm_resolver r = make_resolver();
    r.model = name_model;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char yaml[500];
        ggdm_cells c;
        ggdm_error err;
        snprintf(yaml, sizeof yaml, "{name: a, model: m, samples: 1, judge: j, %s}", rows[i].yaml);
        ggdm_spec s = parse_of(&ggdm_methods, yaml);
        ggdm_test_ok(ggdm_cells_expand(&s, &r, &c, &err), &err);
        assert_int_equal(c.n_notes, rows[i].note != NULL);
        assert_true(!rows[i].note || strstr(c.notes[0], rows[i].note));
        end(&c, &s);
    }
}

/* A setting, as the resolver is asked of it, is that of the recipe, at its place. */
static ggdm_status refuse_target(void *context, const ggdm_item *stage, const ggdm_item *setting,
                                 ggdm_error *err)
{
    ++*(int *)context;
    (void)stage;
    if (!setting)
        return GGDM_OK;
    const ggdm_item *loss = ggdm_item_child(ggdm_item_child(setting, "terms"), "loss");
    return ggdm_item_whole(loss, "target") == 3
               ? ggdm_item_fail(loss, "target", err, "not with this model")
               : GGDM_OK;
}

static void test_cells_steps_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    int asked = 0;
    ggdm_resolver r = make_resolver();
    ggdm_cells c;
    ggdm_error err;
    r.context = &asked;
    r.check_step = refuse_target;
    ggdm_spec s = make_sweep("", "{target: [1, 2, 3], kappa: [0, 1], duration: 10}");
    ggdm_test_error(ggdm_cells_expand(&s, &r, &c, &err), &err, GGDM_EINVAL,
                    "s.yaml:5:24: field 'sweep.target[2]': not with this model");
    assert_int_equal(asked, 2 + 1 + 2 + 2 + 1); /* models; unguided; both runs; the refused one */
    end(&c, &s);
}

/* ---- the rest ------------------------------------------------------------------------------ */

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

/* 6 us a cell; what grows with their square would take minutes. */
static void test_cells_many_are_expanded_quickly(void **state)
{
    (void)state;
    ggdm_spec s = make_sweep("judge: [j, k]\n",
                             "{target: {from: 0, to: 9, step: 1}, kappa: {from: 0, to: 199, step: "
                             "1}, duration: {from: 0, to: 990, step: 10}}");
    int asked = 0;
    ggdm_resolver r = make_resolver();
    ggdm_cells c;
    ggdm_error err;
    r.context = &asked;
    double begin = ggdm_now();
    ggdm_test_ok(ggdm_cells_expand(&s, &r, &c, &err), &err);
    double seconds = ggdm_now() - begin;
    assert_int_equal(c.n_cells, 200000);
    assert_int_equal(c.n_trajectories, 1 + 10 * 199 * 99);
    assert_true(c.n_panels == 1 && asked == 4);
    print_message("200000 cells: %.1f s\n", seconds);
    assert_true(seconds < 60);
    end(&c, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_first_axis_varies_slowest),
        cmocka_unit_test(test_cells_unguided_ones_share_one_trajectory),
        cmocka_unit_test(test_cells_equal_recipes_share_a_trajectory),
        cmocka_unit_test(test_cells_models_of_one_digest_share),
        cmocka_unit_test(test_cells_heads_share_nothing),
        cmocka_unit_test(test_cells_texts_are_recipes),
        cmocka_unit_test(test_cells_key_does_not_follow_what_changes_no_pixel),
        cmocka_unit_test(test_cells_key_follows_models_precision_and_isa),
        cmocka_unit_test(test_cells_errors_of_a_resolver_get_positions),
        cmocka_unit_test(test_cells_classes_must_be_those_of_the_models),
        cmocka_unit_test(test_cells_windows_must_fit_each_chain),
        cmocka_unit_test(test_cells_values_must_go_together_in_each_cell),
        cmocka_unit_test(test_cells_panels_list_guide_judges_and_what_is_always_there),
        cmocka_unit_test(test_cells_panels_do_not_follow_weights),
        cmocka_unit_test(test_cells_a_judge_is_asked_its_own_question_or_the_targets),
        cmocka_unit_test(test_cells_scorers_copy_what_they_measure),
        cmocka_unit_test(test_cells_scorers_that_do_not_fit_a_model_are_missing_there),
        cmocka_unit_test(test_cells_other_classes_than_the_aim_are_noted),
        cmocka_unit_test(test_cells_steps_that_do_not_go_together_are_refused),
        cmocka_unit_test(test_cells_names_are_padded),
        cmocka_unit_test(test_cells_many_are_expanded_quickly),
    };
    return ggdm_test_main(tests);
}
