/* Recipes: the cases of docs/decisions/016 as texts; what a text from elsewhere may say; that the
 * key follows every row. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/yaml.h"
#include "jobs/recipe.h"
#include "tests/support/random_item.h"
#include "tests/support/toy_catalogue.h"
#include "worker/kinds.h"

#define DIGEST_C "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0"
#define DIGEST_M "a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0"

/* ---- out of a sweep ------------------------------------------------------------------------ */

typedef struct made {
    ggdm_arena arena;
    ggdm_doc *doc;
    ggdm_recipe recipe;
    ggdm_error err;
} made;

/* A stage of model "m", whose names stand for digests. */
static ggdm_status make(made *m, const ggdm_catalogue *c, const char *stage)
{
    ggdm_item *item = NULL;
    *m = (made){.doc = NULL};
    ggdm_test_ok(ggdm_yaml_parse(stage, strlen(stage), "s.yaml", &m->doc, &m->err), &m->err);
    ggdm_test_ok(ggdm_item_read(c, &m->arena, GGDM_FAMILY_STAGE, m->doc->root, NULL, GGDM_OF_SWEEP,
                                &item, &m->err),
                 &m->err);
    ggdm_test_ok(ggdm_item_check(item, &m->err), &m->err);
    return ggdm_recipe_make(c, &m->arena, item, &m->recipe, &m->err);
}

static void unmake(made *m)
{
    ggdm_doc_destroy(&m->doc);
    ggdm_arena_deinit(&m->arena);
}

/* "250:{...} 1000:{}" of a guidance in a chain. */
static char *runs_of(const ggdm_catalogue *c, const char *sampler, const char *guidance)
{
    char *yaml, *text = NULL;
    size_t size = 0;
    made m;
    ggdm_error err;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    ggdm_test_ok(
        ggdm_asprintf(&yaml, &err, "model: m\nsampler: %s\nguidance: %s\n", sampler, guidance),
        &err);
    ggdm_test_ok(make(&m, c, yaml), &m.err);
    for (int32_t i = 0; i < m.recipe.n_runs; i++)
        fprintf(out, "%s%d:%s", i ? " " : "", (int)m.recipe.runs[i].end, m.recipe.runs[i].setting);
    fclose(out);
    assert_int_equal(m.recipe.runs[m.recipe.n_runs - 1].end, m.recipe.steps);
    unmake(&m);
    free(yaml);
    return text;
}

static void expect_runs_of(const ggdm_catalogue *c, const char *sampler, const char *guidance,
                           const char *runs)
{
    char *got = runs_of(c, sampler, guidance);
    assert_string_equal(got, runs);
    free(got);
}

static void expect_runs(const char *guidance, const char *runs)
{
    expect_runs_of(&ggdm_methods, "{kind: ddpm}", guidance, runs);
}

#define LOSS "loss: {kind: classifier, model: c, target: 3}"
#define LOSS_TEXT "\"loss\":{\"kind\":\"classifier\",\"model\":\"c\",\"target\":3}"
#define ONE "{\"terms\":[{" LOSS_TEXT ",\"weight\":0.1}]}"
#define GRADIENT "kind: gradient, " LOSS

static void test_recipe_whole_text_and_key(void **state)
{
    (void)state;
    made m;
    uint8_t key[GGDM_HASH_SIZE];
    char *text, hex[GGDM_HASH_TEXT_SIZE];
    ggdm_test_ok(make(&m, &ggdm_methods,
                      "{model: m, seed: 5, sampler: {kind: ddpm, variance: fixed_small},"
                      " condition: {label: 7}, guidance: {" GRADIENT ", kappa: 0.1, duration: "
                      "500}}"),
                 &m.err);
    ggdm_test_ok(ggdm_recipe_text(&m.recipe, &text, &m.err), &m.err);
    assert_string_equal(text, "{\"stages\":[{\"head\":{\"model\":\"m\",\"sampler\":{\"kind\":"
                              "\"ddpm\",\"variance\":\"fixed_small\"},\"condition\":{\"label\":7},"
                              "\"seed\":5},\"runs\":[[500," ONE "],[1000,{}]]}]}");
    /* Results of one version are found again by the next: sha256sum of the prefix and the text. */
    ggdm_recipe_key(&m.recipe, "fp32", "avx512", key);
    ggdm_hash_hex(key, hex);
    assert_string_equal(hex, "e1422d5c2aea5365c296bf44ecef0f15cecf9c6b90dcd5eaf4cf4b87a73dc364");
    free(text);
    unmake(&m);
}

static void test_recipe_windows_become_edges(void **state)
{
    (void)state;
    static const char half[] = "500:" ONE " 1000:{}";
    expect_runs("{" GRADIENT ", kappa: 0.1}", "1000:" ONE);
    expect_runs("{" GRADIENT ", kappa: 0.1, duration: 1000}", "1000:" ONE);
    expect_runs("{" GRADIENT ", kappa: 0.1, duration: 1.0}", "1000:" ONE);
    expect_runs("{" GRADIENT ", kappa: 0.1, duration: 500}", half);
    expect_runs("{" GRADIENT ", kappa: 0.1, duration: 0.5}", half);
    expect_runs("{" GRADIENT ", kappa: 0.1, duration: {start_step: 0, length: 500}}", half);
    expect_runs("{" GRADIENT ", kappa: 0.1, duration: {start_step: 0.0, length: 0.5}}", half);
    expect_runs("{" GRADIENT ", kappa: 0.1, duration: {start_step: 0.25, length: 250}}",
                "250:{} 500:" ONE " 1000:{}");
    expect_runs("{" GRADIENT ", kappa: 0.1, duration: {start_step: 750, length: 0.25}}",
                "750:{} 1000:" ONE);
    /* A share keeps its meaning in another chain. */
    expect_runs_of(&ggdm_methods, "{kind: ddpm, steps: 50}",
                   "{" GRADIENT ", kappa: 0.1, duration: 0.5}", "25:" ONE " 50:{}");
    expect_runs_of(&ggdm_methods, "{kind: ddpm, steps: 7}",
                   "{" GRADIENT ", kappa: 0.1, duration: 0.5}", "4:" ONE " 7:{}");
}

static void test_recipe_what_does_nothing_is_unguided(void **state)
{
    (void)state;
    expect_runs("{" GRADIENT ", kappa: 0}", "1000:{}");
    expect_runs("{" GRADIENT ", kappa: -0.0, duration: 500, gradient: x0}", "1000:{}");
    expect_runs("{" GRADIENT ", kappa: 5, duration: 0}", "1000:{}");
    expect_runs("{" GRADIENT ", kappa: 5, duration: {start_step: 1000, length: 0}}", "1000:{}");
    expect_runs("{kind: gradient, kappa: 5, loss: {kind: classifier, weight: 0, model: c, target: "
                "1}}",
                "1000:{}");
    expect_runs("{terms: [{" LOSS ", weight: 0}]}", "1000:{}");
    made m;
    ggdm_test_ok(make(&m, &ggdm_methods, "{model: m, sampler: {kind: ddpm, steps: 3}}"), &m.err);
    assert_true(m.recipe.n_runs == 1 && m.recipe.steps == 3);
    assert_string_equal(m.recipe.runs[0].setting, "{}");
    unmake(&m);
}

#define TERM_A "{\"loss\":{\"kind\":\"classifier\",\"model\":\"a\",\"target\":1},\"weight\":2}"
#define TERM_B "{\"loss\":{\"kind\":\"classifier\",\"model\":\"b\",\"target\":2}}"
#define A "loss: {kind: classifier, model: a, target: 1}, weight: 2"
#define B "loss: {kind: classifier, model: b, target: 2}"

static void test_recipe_terms_act_in_their_windows(void **state)
{
    (void)state;
    expect_runs("{terms: [{" A ", window: 500}, {" B ", window: {start_step: 250, length: 500}}]}",
                "250:{\"terms\":[" TERM_A "]} 500:{\"terms\":[" TERM_A "," TERM_B "]} "
                "750:{\"terms\":[" TERM_B "]} 1000:{}");
    /* Order is kept, names are not. */
    expect_runs("{terms: [{name: x, " B "}, {" A "}]}", "1000:{\"terms\":[" TERM_B "," TERM_A "]}");
    /* One term twice in adjoining windows is one. */
    expect_runs("{terms: [{" A ", window: 0.3}, {" A ", window: {start_step: 0.3, length: 0.4}}]}",
                "700:{\"terms\":[" TERM_A "]} 1000:{}");
    /* Along a weight: at 0 the term is gone. */
    expect_runs("{terms: [{loss: {kind: classifier, model: a, target: 1}, weight: 0}, {" B "}]}",
                "1000:{\"terms\":[" TERM_B "]}");
    /* The edges of what does nothing are none. */
    expect_runs("{terms: [{" B "}, {loss: {kind: classifier, model: a, target: 1}, weight: 0, "
                "window: 100}]}",
                "1000:{\"terms\":[" TERM_B "]}");
}

static void expect_same_runs(const ggdm_catalogue *c, const char *sampler, const char *a,
                             const char *b)
{
    char *runs = runs_of(c, sampler, b);
    expect_runs_of(c, sampler, a, runs);
    free(runs);
}

static void test_recipe_presets_are_their_expansion(void **state)
{
    (void)state;
    expect_same_runs(&ggdm_methods, "{kind: ddpm}",
                     "{" GRADIENT ", gradient: x0, kappa: 0.3, duration: 0.4}",
                     "{kind: terms, terms: [{name: mine, gradient: x0, weight: 0.3, window: 400, "
                     "apply: previous, " LOSS "}]}");
    expect_same_runs(&ggdm_toy_catalogue, "{kind: walk}",
                     "{kind: push, force: 2, span: 10, goal: {kind: picture, file: f}}",
                     "{parts: [{weight: 2, window: 0.1, goal: {kind: picture, file: f}}]}");
}

static void test_recipe_texts_and_files_are_in_the_head_or_the_setting(void **state)
{
    (void)state;
    made m;
    ggdm_test_ok(make(&m, &ggdm_toy_catalogue,
                      "{model: m, sampler: {kind: walk, clip: true}, condition: {prompt: \" a "
                      "κ \\\"cat\\\"\"}, guidance: {parts: [{goal: {kind: picture, file: f}}]}}"),
                 &m.err);
    assert_string_equal(m.recipe.head,
                        "{\"model\":\"m\",\"sampler\":{\"kind\":\"walk\",\"clip\":true},"
                        "\"condition\":{\"prompt\":\" a κ \\\"cat\\\"\"}}");
    assert_string_equal(m.recipe.runs[0].setting,
                        "{\"parts\":[{\"goal\":{\"kind\":\"picture\",\"revision\":2,\"file\":"
                        "\"f\"}}]}");
    unmake(&m);
}

static void refuse_window(const char *window, const char *message)
{
    char *yaml;
    made m;
    ggdm_error err;
    ggdm_test_ok(ggdm_asprintf(&yaml, &err,
                               "model: m\nsampler: {kind: ddpm}\nguidance: {" GRADIENT
                               ", kappa: 1, duration: %s}\n",
                               window),
                 &err);
    ggdm_test_error(make(&m, &ggdm_methods, yaml), &m.err, GGDM_EINVAL, message);
    unmake(&m);
    free(yaml);
}

static void test_recipe_windows_beyond_the_chain_are_refused_with_position(void **state)
{
    (void)state;
    refuse_window("1001", "s.yaml:3:95: field 'guidance.duration': value '1001', expected a number "
                          "of steps from 0 to 1000 (sampler.steps)");
    refuse_window("{start_step: 600, length: 401}",
                  "value '600+401', expected a number of steps from 0 to 400 (sampler.steps less "
                  "start_step)");
    refuse_window("{start_step: 1001, length: 0}", "from 0 to 1000 (sampler.steps)");
    refuse_window("{start_step: 0.6, length: 0.5}", "value '0.6+0.5', expected a number of steps");
    refuse_window("{start_step: 2147483647, length: 2147483647}", "from 0 to 1000");
}

/* ---- from elsewhere ------------------------------------------------------------------------ */

static void refuse(const ggdm_catalogue *c, const char *family, const char *text, ggdm_status code,
                   const char *message)
{
    ggdm_arena arena = {0};
    ggdm_item *item = NULL;
    ggdm_error err;
    ggdm_status st = ggdm_recipe_parse(c, &arena, family, text, &item, &err);
    if (st == GGDM_OK)
        ggdm_test_fail("accepted, expected \"%s\": %s", message, text);
    ggdm_test_error(st, &err, code, message);
    assert_null(item);
    ggdm_arena_deinit(&arena);
}

#define PICTURE "\"kind\":\"picture\",\"revision\":2,\"file\":\"" DIGEST_C "\""
#define SETTING(term)                                                                              \
    "{\"terms\":[{\"loss\":{\"kind\":\"classifier\",\"model\":\"" DIGEST_C "\",\"target\":3}" term \
    "}]}"
#define PARTS(goal) "{\"parts\":[{\"goal\":{" goal "}}]}"
#define HEAD(more) "{\"model\":\"" DIGEST_M "\",\"sampler\":{\"kind\":\"walk\"}" more "}"

static void test_recipe_texts_are_read_again(void **state)
{
    (void)state;
    static const struct {
        const ggdm_catalogue *catalogue;
        const char *family, *text;
    } cases[] = {
        {&ggdm_methods, "guidance", SETTING("")},
        {&ggdm_methods, "guidance", SETTING(",\"gradient\":\"x0\",\"weight\":-1e-05")},
        {&ggdm_methods, "guidance", SETTING(",\"weight\":1e+22")},
        {&ggdm_methods, "scorer", "{\"kind\":\"saturation\"}"},
        {&ggdm_methods, "scorer", "{\"model\":\"" DIGEST_C "\"}"},
        {&ggdm_toy_catalogue, "guidance", PARTS(PICTURE)},
        {&ggdm_toy_catalogue, "scorer", "{\"kind\":\"distance\",\"of\":{" PICTURE "}}"},
        {&ggdm_toy_catalogue, "stage", HEAD(",\"seed\":9223372036854775807")},
        {&ggdm_toy_catalogue, "stage", HEAD(",\"condition\":{\"label\":0,\"prompt\":\"\"}")},
        {&ggdm_toy_catalogue, "stage", HEAD(",\"condition\":{\"prompt\":\"κ\\\\\"}")}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_arena arena = {0};
        ggdm_item *item = NULL;
        ggdm_error err;
        ggdm_test_ok(ggdm_recipe_parse(cases[i].catalogue, &arena, cases[i].family, cases[i].text,
                                       &item, &err),
                     &err);
        assert_string_equal(ggdm_item_text_of(&arena, item), cases[i].text);
        assert_null(item->at); /* the document is gone */
        ggdm_arena_deinit(&arena);
    }
    ggdm_arena arena = {0};
    ggdm_item *item = NULL;
    ggdm_error err;
    ggdm_test_ok(ggdm_recipe_parse(&ggdm_methods, &arena, "guidance", "{}", &item, &err), &err);
    assert_null(item);
    ggdm_arena_deinit(&arena);
}

static void test_recipe_texts_that_are_not_canonical_are_refused(void **state)
{
    (void)state;
    static const char *const settings[] = {
        " " SETTING(""),
        SETTING("") "\n",
        SETTING(", \"weight\":2"),
        SETTING(",\"weight\":2.0"),
        SETTING(",\"weight\":0.10"),
        SETTING(",\"weight\":1"),                     /* the default */
        SETTING(",\"weight\":9007199254740993"),      /* not a double */
        SETTING(",\"weight\":0"),                     /* does nothing */
        SETTING(",\"weight\":-0.0"),                  /* either */
        SETTING(",\"weight\":2,\"gradient\":\"x0\""), /* another order */
        SETTING(",\"gradient\":\"xt-full\""),         /* the default */
        SETTING(",\"gradient\":\"x\\u0030\""),        /* x0 */
        "{\"kind\":\"terms\",\"terms\":[{\"loss\":{\"kind\":\"classifier\",\"model\":\"" DIGEST_C
        "\",\"target\":3}}]}", /* an implied kind */
        "{\"terms\":[{\"loss\":{\"model\":\"" DIGEST_C
        "\",\"kind\":\"classifier\",\"target\":3}}]}"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        refuse(&ggdm_methods, "guidance", settings[i], GGDM_EFORMAT,
               "guidance: not the canonical text of what it says");
    refuse(&ggdm_toy_catalogue, "guidance", PARTS("\"kind\":\"all\",\"of\":[{" PICTURE "}]"),
           GGDM_EFORMAT, "not the canonical text"); /* a list of one is that one */
    refuse(&ggdm_toy_catalogue, "stage", HEAD(",\"seed\":0"), GGDM_EFORMAT, "not the canonical");
    refuse(&ggdm_toy_catalogue, "stage", HEAD(",\"guidance\":" PARTS(PICTURE)), GGDM_EFORMAT,
           "not the canonical text");
}

static void test_recipe_hostile_texts_are_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        ggdm_status code;
        const char *message;
    } cases[] = {
        {"", GGDM_EFORMAT, "guidance"},
        {"[]", GGDM_EINVAL, "guidance: an empty list, expected a map"},
        {"null", GGDM_EINVAL, "expected a map"},
        {"{", GGDM_EFORMAT, "guidance:1:"},
        {"{} {}", GGDM_EFORMAT, "guidance:1:"},
        {SETTING(",\"weight\":NaN"), GGDM_EINVAL,
         "guidance: field 'terms[0].weight': value 'NaN', expected a finite number"},
        {SETTING(",\"weight\":-Infinity"), GGDM_EINVAL, "field 'terms[0].weight'"},
        {SETTING(",\"weight\":1e999"), GGDM_EFORMAT, "guidance:1:"},
        {SETTING(",\"weight\":null"), GGDM_EINVAL,
         "field 'terms[0].weight': value 'null', expected"},
        {SETTING(",\"weight\":\"2\""), GGDM_EINVAL, "field 'terms[0].weight': value '2'"},
        {SETTING(",\"weight\":2,\"weight\":2"), GGDM_EFORMAT, "guidance:1:"},
        {SETTING(",\"window\":5"), GGDM_EINVAL,
         "field 'terms[0].window': unknown key: a recipe's runs say when"},
        {SETTING(",\"window\":{\"start_step\":0,\"length\":5}"), GGDM_EINVAL, "unknown key"},
        {SETTING(",\"name\":\"x\""), GGDM_EINVAL, "field 'terms[0].name': unknown key"},
        {SETTING(",\"boost\":1"), GGDM_EINVAL, "field 'terms[0].boost': unknown key"},
        {SETTING(",\"revision\":0"), GGDM_EINVAL, "field 'terms[0].revision': value '0'"},
        {SETTING(",\"revision\":1"), GGDM_EUNSUPPORTED,
         "term 'term' is of revision 1, this program has 0: finish this run with the version that "
         "began it"},
        {"{\"terms\":[]}", GGDM_EINVAL, "expected a list of 1 to 16 maps"},
        {"{\"terms\":[{}]}", GGDM_EINVAL, "required field 'loss' is missing"},
        {"{\"terms\":[null]}", GGDM_EINVAL, "field 'terms[0]'"},
        {"{\"terms\":[{\"loss\":{\"kind\":\"lpips\"}}]}", GGDM_EUNSUPPORTED,
         "this program has no loss 'lpips': a newer one made this recipe"},
        {"{\"terms\":[{\"loss\":{\"kind\":\"classifier\",\"model\":\"mnist-cnn\",\"target\":3}}]}",
         GGDM_EINVAL,
         "field 'terms[0].loss.model': value 'mnist-cnn', expected the digest of a model, 64 hex "
         "digits"},
        {"{\"terms\":[{\"loss\":{\"kind\":\"classifier\",\"model\":\"" DIGEST_C
         "\",\"target\":1000}}]}",
         GGDM_EINVAL, "field 'terms[0].loss.target': value '1000', expected a class"},
        {"{\"kind\":\"gradient\",\"loss\":{\"kind\":\"classifier\",\"model\":\"" DIGEST_C
         "\",\"target\":1},\"kappa\":1}",
         GGDM_EINVAL, "guidance 'gradient' is a preset, expected what it stands for"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(&ggdm_methods, "guidance", cases[i].text, cases[i].code, cases[i].message);
    static const char capitals[] =
        "{\"model\":\"C0C0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0\"}";
    refuse(&ggdm_methods, "scorer", capitals, GGDM_EINVAL, "expected the digest of a model");
    refuse(&ggdm_methods, "scorer", "{}", GGDM_EINVAL, "required field 'model' is missing");
    refuse(&ggdm_methods, "stage", "{}", GGDM_EINVAL, "required field 'model' is missing");
    const ggdm_catalogue *toy = &ggdm_toy_catalogue;
    refuse(toy, "guidance", PARTS("\"kind\":\"picture\",\"file\":\"" DIGEST_C "\""),
           GGDM_EUNSUPPORTED, "goal 'picture' is of revision 0, this program has 2");
    refuse(toy, "guidance", PARTS("\"kind\":\"picture\",\"revision\":3,\"file\":\"" DIGEST_C "\""),
           GGDM_EUNSUPPORTED, "is of revision 3, this program has 2");
    refuse(toy, "stage", HEAD(",\"condition\":{\"prompt\":\"a\\u0000b\"}"), GGDM_EFORMAT, "stage:");
    refuse(toy, "stage", HEAD(",\"condition\":{\"prompt\":\"a\\u0007b\"}"), GGDM_EINVAL,
           "expected a text without control characters");
    refuse(toy, "stage", HEAD(",\"condition\":{\"prompt\":\"\xC3\"}"), GGDM_EFORMAT, "stage:");
    refuse(toy, "stage", HEAD(",\"seed\":9223372036854775808"), GGDM_EFORMAT, "stage:");
    refuse(toy, "stage", HEAD(",\"seed\":-1"), GGDM_EINVAL, "field 'seed': value '-1'");
}

static void test_recipe_size_and_depth_are_bounded(void **state)
{
    (void)state;
    char *text = ggdm_test_alloc(GGDM_MAX_RECIPE + 2, 1);
    memset(text, '[', 3000);
    refuse(&ggdm_methods, "guidance", text, GGDM_EFORMAT, "guidance:");
    memset(text, ' ', GGDM_MAX_RECIPE + 1);
    refuse(&ggdm_methods, "guidance", text, GGDM_EFORMAT, "guidance");
    char *end = text;
    for (int i = 0; i < 7; i++)
        end = stpcpy(end, "{\"kind\":\"all\",\"of\":[");
    end = stpcpy(end, "{" PICTURE "},{" PICTURE "}");
    for (int i = 0; i < 7; i++)
        end = stpcpy(end, "]}");
    char deep[4000];
    snprintf(deep, sizeof deep, "{\"parts\":[{\"goal\":%s}]}", text);
    refuse(&ggdm_toy_catalogue, "guidance", deep, GGDM_EINVAL, "nested deeper than 8");
    free(text);
    /* A text that would be too long is not made. */
    ggdm_arena arena = {0};
    ggdm_item *all, *first = NULL, **next = &first;
    ggdm_error err;
    const char *out;
    char name[GGDM_MAX_TEXT];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ggdm_test_ok(ggdm_item_create(&arena, ggdm_catalogue_find(&ggdm_toy_catalogue, "goal", "all"),
                                  &all, &err),
                 &err);
    for (int i = 0; i < 17; i++, next = &(*next)->next) {
        ggdm_test_ok(ggdm_item_create(&arena,
                                      ggdm_catalogue_find(&ggdm_toy_catalogue, "goal", "picture"),
                                      next, &err),
                     &err);
        ggdm_item_set(*next, "file", (ggdm_scalar){.text = name});
    }
    ggdm_item_set_child(all, "of", first);
    ggdm_test_error(ggdm_recipe_print(&arena, all, false, &out, &err), &err, GGDM_ESHAPE,
                    "expected fewer than 65536");
    ggdm_arena_deinit(&arena);
}

/* Random trees may say what does not go together. */
static bool is_sound(const ggdm_item *item)
{
    ggdm_error err;
    return ggdm_item_check(item, &err) == GGDM_OK;
}

/* Random trees of every family that travels: what is printed is read, and is the same. */
static void test_recipe_what_is_printed_is_read_again(void **state)
{
    (void)state;
    static const ggdm_catalogue *const catalogues[] = {&ggdm_methods, &ggdm_toy_catalogue};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    int read = 0;
    for (int round = 0; round < 4000; round++) {
        const ggdm_catalogue *c = catalogues[round % 2];
        const ggdm_kind *kind = c->kinds[ggdm_test_below(&rng, (int64_t)c->n_kinds)];
        ggdm_arena arena = {0};
        ggdm_item *item = ggdm_random_item(c, &arena, &rng, kind);
        ggdm_recipe recipe = {.n_runs = 0};
        ggdm_error err;
        if (!is_sound(item)) {
            ggdm_arena_deinit(&arena);
            continue;
        }
        if (strcmp(kind->family, "stage") == 0) {
            ggdm_item_set(ggdm_item_child(item, "sampler"), "steps", (ggdm_scalar){.whole = 50});
            ggdm_test_ok(ggdm_recipe_make(c, &arena, item, &recipe, &err), &err);
            ggdm_test_ok(ggdm_recipe_parse(c, &arena, "stage", recipe.head, &item, &err), &err);
        } else if (strcmp(kind->family, "scorer") == 0) {
            ggdm_item *expanded;
            ggdm_test_ok(ggdm_item_expand(c, &arena, item, &expanded, &err), &err);
            ggdm_test_ok(ggdm_recipe_parse(c, &arena, "scorer", ggdm_item_text_of(&arena, expanded),
                                           &item, &err),
                         &err);
        }
        for (int32_t i = 0; i < recipe.n_runs; i++, read++)
            ggdm_test_ok(
                ggdm_recipe_parse(c, &arena, "guidance", recipe.runs[i].setting, &item, &err),
                &err);
        ggdm_arena_deinit(&arena);
    }
    assert_true(read > 30);
}

/* ---- the key ------------------------------------------------------------------------------- */

enum { CHAIN = 20, MAX_ROWS = 512 };

typedef struct key_test {
    const ggdm_catalogue *catalogue;
    ggdm_arena *arena;
    ggdm_item *stage;
    uint8_t key[GGDM_HASH_SIZE];
    const ggdm_param *rows[MAX_ROWS]; /* that were changed */
    int n_rows;
} key_test;

static void key_of(const key_test *t, const char *precision, const char *isa,
                   uint8_t key[GGDM_HASH_SIZE])
{
    ggdm_recipe recipe;
    ggdm_error err;
    ggdm_test_ok(ggdm_recipe_make(t->catalogue, t->arena, t->stage, &recipe, &err), &err);
    ggdm_recipe_key(&recipe, precision, isa, key);
}

/* Every node does something in some step. */
static ggdm_status wake(void *context, const ggdm_item *item, const ggdm_param *row,
                        ggdm_value *value, const char *path, ggdm_error *err)
{
    (void)context, (void)item, (void)path, (void)err;
    if (row->type == GGDM_PARAM_WINDOW)
        *value = (ggdm_value){.set = true, .scalar = {.start = 2, .real = 10}};
    if (row->neutral && ggdm_scalar_equal(row->type, &value->scalar, row->neutral))
        *value =
            (ggdm_value){.set = true, .scalar = {.real = 0.75, .whole = row->neutral->whole + 1}};
    if (strcmp(row->key, "steps") == 0)
        *value = (ggdm_value){.set = true, .scalar = {.whole = CHAIN}};
    return GGDM_OK;
}

/* Another value; false: there is none. */
static bool change(ggdm_arena *arena, const ggdm_param *p, ggdm_scalar *v)
{
    int64_t choices = 0;
    char text[GGDM_MAX_TEXT];
    ggdm_error err;
    switch (p->type) {
    case GGDM_PARAM_REAL:
        v->real = v->real / 2 + (v->real == 0.5 ? 0.125 : 0.25); /* in bounds as [0, 1] is */
        return true;
    case GGDM_PARAM_WHOLE:
        v->whole += v->whole < ggdm_param_highest(p) ? 1 : -1;
        return true;
    case GGDM_PARAM_FLAG:
        v->whole = !v->whole;
        return true;
    case GGDM_PARAM_CLASS:
        v->whole = (v->whole + 1) % GGDM_MAX_CLASSES;
        return true;
    case GGDM_PARAM_CHOICE:
        while (p->choices[choices])
            choices++;
        v->whole = (v->whole + 1) % choices;
        return choices > 1;
    case GGDM_PARAM_WINDOW:
        v->real -= 1;
        return true;
    default:
        snprintf(text, sizeof text, "%s", v->text ? v->text : "");
        if (*text && p->type != GGDM_PARAM_TEXT)
            text[9] = text[9] == 'a' ? 'b' : 'a'; /* a digest */
        else
            strcat(text, "x");
        ggdm_test_ok(ggdm_arena_text(arena, text, &v->text, &err), &err);
        return true;
    }
}

static bool was_changed(const key_test *t, const ggdm_param *row)
{
    for (int i = 0; i < t->n_rows; i++)
        if (t->rows[i] == row)
            return true;
    return false;
}

static ggdm_status change_value(void *context, const ggdm_item *item, const ggdm_param *row,
                                ggdm_value *value, const char *path, ggdm_error *err)
{
    key_test *t = context;
    ggdm_value before = *value;
    uint8_t key[GGDM_HASH_SIZE];
    bool there = value->set || row->fallback;
    (void)err;
    if (row->shorthand) /* a sweep's alone */
        return GGDM_OK;
    if (there && !change(t->arena, row, &value->scalar))
        return GGDM_OK;
    if (!there) /* given now */
        value->scalar = ggdm_random_scalar(t->arena, &(ggdm_test_rng){5}, row);
    value->set = true;
    if (!is_sound(t->stage)) {
        *value = before;
        return GGDM_OK;
    }
    key_of(t, "fp32", "avx512", key);
    const bool same = memcmp(key, t->key, sizeof key) == 0;
    if (same && !item->kind->expand) /* a preset's row need only count in some trees */
        ggdm_test_fail("%s '%s': %s, changed at %s, does not change the key", item->kind->family,
                       item->kind->name, row->key, path);
    *value = before;
    if (!same && !was_changed(t, row) && t->n_rows < MAX_ROWS)
        t->rows[t->n_rows++] = row;
    return GGDM_OK;
}

/* A choice of one leaves none; scorers change no pixels; of one-of a recipe has what it uses, and a
 * random name is none of its members'. */
static bool changes_pixels(const ggdm_kind *k, const ggdm_param *p)
{
    return strcmp(k->family, GGDM_FAMILY_SCORER) != 0 && strcmp(k->name, "one-of") != 0 &&
           !p->family && !p->shorthand && !(p->type == GGDM_PARAM_CHOICE && !p->choices[1]);
}

static void check_keys(const ggdm_catalogue *c)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    key_test t = {.catalogue = c};
    int missing = 1;
    for (int round = 0; round < 100000 && missing; round++) {
        ggdm_arena arena = {0};
        ggdm_error err;
        t.arena = &arena;
        t.stage = ggdm_random_item(c, &arena, &rng, &ggdm_kind_stage);
        ggdm_test_ok(ggdm_item_visit(t.stage, wake, NULL, &err), &err);
        if (!is_sound(t.stage)) {
            ggdm_arena_deinit(&arena);
            continue;
        }
        key_of(&t, "fp32", "avx512", t.key);
        ggdm_test_ok(ggdm_item_visit(t.stage, change_value, &t, &err), &err);
        missing = 0;
        for (size_t i = 0; i < c->n_kinds; i++)
            for (size_t k = 0; k < c->kinds[i]->n_params; k++)
                missing += changes_pixels(c->kinds[i], &c->kinds[i]->params[k]) &&
                           !was_changed(&t, &c->kinds[i]->params[k]);
        ggdm_arena_deinit(&arena);
    }
    for (size_t i = 0; i < c->n_kinds; i++)
        for (size_t k = 0; k < c->kinds[i]->n_params; k++)
            if (changes_pixels(c->kinds[i], &c->kinds[i]->params[k]) &&
                !was_changed(&t, &c->kinds[i]->params[k]))
                print_error("%s '%s': %s was never changed\n", c->kinds[i]->family,
                            c->kinds[i]->name, c->kinds[i]->params[k].key);
    assert_int_equal(missing, 0);
}

static void test_recipe_key_follows_every_row(void **state)
{
    (void)state;
    check_keys(&ggdm_methods);
    check_keys(&ggdm_toy_catalogue);
}

static void test_recipe_key_follows_the_last_bit_precision_and_isa(void **state)
{
    (void)state;
    made a, b;
    uint8_t first[GGDM_HASH_SIZE], other[GGDM_HASH_SIZE];
    ggdm_test_ok(make(&a, &ggdm_methods,
                      "{model: m, sampler: {kind: ddpm}, guidance: {" GRADIENT ", kappa: 1}}"),
                 &a.err);
    ggdm_test_ok(make(&b, &ggdm_methods,
                      "{model: m, sampler: {kind: ddpm}, guidance: {" GRADIENT
                      ", kappa: 1.0000000000000002}}"),
                 &b.err);
    ggdm_recipe_key(&a.recipe, "fp32", "avx512", first);
    ggdm_recipe_key(&a.recipe, "fp32", "avx512", other);
    assert_memory_equal(first, other, sizeof first);
    ggdm_recipe_key(&a.recipe, "bf16", "avx512", other);
    assert_memory_not_equal(first, other, sizeof first);
    ggdm_recipe_key(&a.recipe, "fp32", "avx2", other);
    assert_memory_not_equal(first, other, sizeof first);
    ggdm_recipe_key(&b.recipe, "fp32", "avx512", other);
    assert_memory_not_equal(first, other, sizeof first);
    unmake(&a);
    unmake(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipe_whole_text_and_key),
        cmocka_unit_test(test_recipe_windows_become_edges),
        cmocka_unit_test(test_recipe_what_does_nothing_is_unguided),
        cmocka_unit_test(test_recipe_terms_act_in_their_windows),
        cmocka_unit_test(test_recipe_presets_are_their_expansion),
        cmocka_unit_test(test_recipe_texts_and_files_are_in_the_head_or_the_setting),
        cmocka_unit_test(test_recipe_windows_beyond_the_chain_are_refused_with_position),
        cmocka_unit_test(test_recipe_texts_are_read_again),
        cmocka_unit_test(test_recipe_texts_that_are_not_canonical_are_refused),
        cmocka_unit_test(test_recipe_hostile_texts_are_refused_with_the_place),
        cmocka_unit_test(test_recipe_size_and_depth_are_bounded),
        cmocka_unit_test(test_recipe_what_is_printed_is_read_again),
        cmocka_unit_test(test_recipe_key_follows_every_row),
        cmocka_unit_test(test_recipe_key_follows_the_last_bit_precision_and_isa),
    };
    return ggdm_test_main(tests);
}
