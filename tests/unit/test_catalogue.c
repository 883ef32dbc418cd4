/* The rows of catalogues: sound ones, broken ones, and that those of the program stay what they are
 * (tests/catalogue.lock). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "jobs/recipe.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/toy_catalogue.h"
#include "worker/kinds.h"

#define LOCK "tests/catalogue.lock"

static void test_catalogue_those_there_are_sound(void **state)
{
    (void)state;
    ggdm_error err;
    ggdm_test_ok(ggdm_catalogue_check(&ggdm_toy_catalogue, &err), &err);
    ggdm_test_ok(ggdm_catalogue_check(&ggdm_methods, &err), &err);
}

static void test_catalogue_kinds_are_found_by_family_and_name(void **state)
{
    (void)state;
    const ggdm_catalogue *c = &ggdm_toy_catalogue;
    assert_string_equal(ggdm_catalogue_find(c, "goal", "class")->name, "class");
    assert_string_equal(ggdm_catalogue_find(c, "guidance", NULL)->name, "parts");
    assert_null(ggdm_catalogue_find(c, "guidance", "class"));
    assert_null(ggdm_catalogue_find(c, "goal", NULL)); /* none is implied */
    assert_ptr_equal(ggdm_catalogue_find(c, "stage", NULL), &ggdm_kind_stage);
}

static void test_catalogue_rows_say_what_they_expect(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", NULL};
    static const struct {
        ggdm_param row;
        const char *text;
    } cases[] = {
        {{.type = GGDM_PARAM_REAL}, "a finite number"},
        {{.type = GGDM_PARAM_REAL, .lo = 0, .hi = 1}, "a finite number from 0 to 1"},
        {{.type = GGDM_PARAM_REAL, .hi = INFINITY}, "a finite number, 0 or more"},
        {{.type = GGDM_PARAM_REAL, .hi = INFINITY, .above = true}, "a finite number above 0"},
        {{.type = GGDM_PARAM_REAL, .hi = 2, .above = true}, "a finite number above 0, at most 2"},
        {{.type = GGDM_PARAM_WHOLE}, "an integer"},
        {{.type = GGDM_PARAM_WHOLE, .lo = 1, .hi = 9}, "an integer from 1 to 9"},
        {{.type = GGDM_PARAM_WHOLE, .lo = 0, .hi = 0x1p63},
         "an integer from 0 to 9223372036854775807"},
        {{.type = GGDM_PARAM_CHOICE, .choices = names}, "a, b or c"},
        {{.type = GGDM_PARAM_FLAG}, "true or false"},
        {{.type = GGDM_PARAM_NODES}, "a list of maps"},
        {{.type = GGDM_PARAM_TEXT, .filled = true},
         "a text without control characters, of at most 4095 bytes, not blank"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];
        ggdm_param_expected(&cases[i].row, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
    char small[8]; /* what does not fit is cut */
    ggdm_param_expected(&cases[8].row, small, sizeof small);
    assert_string_equal(small, "a, b or");
    assert_int_equal(ggdm_param_lowest(&cases[5].row), INT64_MIN);
    assert_int_equal(ggdm_param_highest(&cases[7].row), INT64_MAX);
    assert_string_equal(ggdm_param_label(&(ggdm_param){.key = "k", .axis = "a"}), "a");
    assert_string_equal(ggdm_param_label(&(ggdm_param){.key = "k", .label = "l"}), "l");
}

/* ---- broken ones --------------------------------------------------------------------------- */

static const ggdm_param steps = {.key = "steps",
                                 .type = GGDM_PARAM_WHOLE,
                                 .lo = 1,
                                 .hi = 10,
                                 .fallback = GGDM_WHOLE(1),
                                 .help = "Steps."};
static const ggdm_kind sampler = {.family = "sampler",
                                  .name = "s",
                                  .help = "A sampler.",
                                  .implied = true,
                                  .standard = true,
                                  .params = &steps,
                                  .n_params = 1};
static const ggdm_kind condition = {.family = "condition", .name = "c", .help = "Given."};
static const ggdm_kind guidance = {.family = "guidance", .name = "g", .help = "Guided."};

/* The stage, what it needs, and one kind more. */
static void refuse_kind(const ggdm_kind *kind, const char *message)
{
    const ggdm_kind *kinds[] = {&ggdm_kind_stage, &sampler, &condition, &guidance, kind};
    ggdm_catalogue c = {kinds, kind ? 5 : 4};
    ggdm_error err;
    if (kind)
        ggdm_test_error(ggdm_catalogue_check(&c, &err), &err, GGDM_EINVAL, message);
    c.n_kinds = 4;
    ggdm_test_ok(ggdm_catalogue_check(&c, &err), &err);
}

static void test_catalogue_broken_kinds_are_refused(void **state)
{
    (void)state;
    static const ggdm_param needs[] = {
        {.key = "model", .type = GGDM_PARAM_MODEL, .required = true, .port = "p", .help = "M."}};
    const ggdm_param long_steps[] = {{.key = "steps",
                                      .type = GGDM_PARAM_WHOLE,
                                      .lo = 1,
                                      .hi = 1e6,
                                      .fallback = GGDM_WHOLE(1),
                                      .help = "Steps."}};
    const struct {
        ggdm_kind kind;
        const char *message;
    } cases[] = {
        {{.name = "a", .help = "A."}, "? 'a': expected a family, a name and one sentence"},
        {{.family = "f", .help = "A."}, "f '?': expected a family, a name"},
        {{.family = "f", .name = "a"}, "one sentence of help"},
        {{.family = "f", .name = "a", .help = ""}, "one sentence of help"},
        {{.family = "f", .name = "a", .help = "no stop"}, "one sentence of help"},
        {{.family = "guidance", .name = "g", .help = "A."},
         "guidance 'g': the kind is there twice"},
        {{.family = "sampler", .name = "a", .help = "A.", .implied = true}, "implied kind already"},
        {{.family = "sampler", .name = "a", .help = "A.", .standard = true},
         "standard kind already"},
        {{.family = "f", .name = "a", .help = "A.", .scorer = "x"}, "its scorer is not there"},
        {{.family = "scorer", .name = "a", .help = "A.", .always = true, GGDM_PARAMS(needs)},
         "cannot require anything"},
        {{.family = "sampler", .name = "a", .help = "A."}, "sampler 'a': expected a row 'steps'"},
        {{.family = "sampler", .name = "a", .help = "A.", GGDM_PARAMS(long_steps)},
         "expected a row 'steps', whole, from 1 to 100000"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_kind(&cases[i].kind, cases[i].message);
}

static void test_catalogue_broken_rows_are_refused(void **state)
{
    (void)state;
    static const char *const none[] = {NULL}, *const one[] = {"a", NULL};
    const struct {
        ggdm_param row;
        const char *message;
    } cases[] = {
        {{.help = "H."}, "f 'a', row '?': expected a key"},
        {{.key = "", .help = "H."}, "expected a key"},
        {{.key = "a.b", .help = "H."}, "row 'a.b': expected a key and an axis without '.'"},
        {{.key = "a", .axis = "b c", .help = "H."}, "expected a key and an axis without '.'"},
        {{.key = "kind", .help = "H."}, "this key has a meaning of its own"},
        {{.key = "name", .help = "H."}, "this key has a meaning of its own"},
        {{.key = "revision", .help = "H."}, "this key has a meaning of its own"},
        {{.key = "a", .axis = "zip", .help = "H."}, "this key has a meaning of its own"},
        {{.key = "r"}, "row 'r': expected one sentence of help"},
        {{.key = "r", .help = ""}, "expected one sentence of help"},
        {{.key = "r", .type = GGDM_PARAM_CHOICE, .help = "H."}, "names to choose from"},
        {{.key = "r", .type = GGDM_PARAM_CHOICE, .choices = none, .help = "H."},
         "names to choose from"},
        {{.key = "r", .type = GGDM_PARAM_NODE, .help = "H."}, "expected a family with kinds"},
        {{.key = "r", .type = GGDM_PARAM_NODE, .family = "x", .help = "H."},
         "expected a family with kinds"},
        {{.key = "r", .family = "f", .help = "H."}, "of nodes and of these only"},
        {{.key = "r", .type = GGDM_PARAM_CLASS, .help = "H."}, "expected 'of'"},
        {{.key = "r", .type = GGDM_PARAM_CLASS, .of = "x", .help = "H."}, "expected 'of'"},
        {{.key = "r", .type = GGDM_PARAM_CLASS, .of = "seed", .help = "H."}, "expected 'of'"},
        {{.key = "r", .type = GGDM_PARAM_MODEL, .help = "H."}, "expected a port"},
        {{.key = "r", .port = "p", .help = "H."}, "of models and of these only"},
        {{.key = "r", .takes = "p", .help = "H."}, "expected a model where it takes"},
        {{.key = "r", .lo = 2, .hi = 1, .help = "H."}, "expected bounds"},
        {{.key = "r", .lo = NAN, .hi = 1, .help = "H."}, "expected bounds"},
        {{.key = "r", .type = GGDM_PARAM_NODES, .family = "f", .help = "H."}, "expected bounds"},
        {{.key = "r", .shorthand = "condition", .help = "H."}, "expected a shorthand of a preset"},
        {{.key = "r", .required = true, .fallback = GGDM_REAL(1), .help = "H."}, "is not required"},
        {{.key = "r", .hi = 1, .fallback = GGDM_REAL(2), .help = "H."}, "expected a default"},
        {{.key = "r", .hi = 1, .above = true, .fallback = GGDM_REAL(0), .help = "H."},
         "expected a default"},
        {{.key = "r", .fallback = GGDM_REAL(NAN), .help = "H."}, "expected a default"},
        {{.key = "r", .type = GGDM_PARAM_WHOLE, .hi = 3, .fallback = GGDM_WHOLE(4), .help = "H."},
         "expected a default"},
        {{.key = "r", .type = GGDM_PARAM_FLAG, .fallback = GGDM_WHOLE(2), .help = "H."},
         "expected a default"},
        {{.key = "r",
          .type = GGDM_PARAM_CHOICE,
          .choices = one,
          .fallback = GGDM_WHOLE(1),
          .help = "H."},
         "expected a default"},
        {{.key = "r",
          .type = GGDM_PARAM_CLASS,
          .of = "model",
          .fallback = GGDM_WHOLE(1000),
          .help = "H."},
         "expected a default"},
        {{.key = "r", .type = GGDM_PARAM_TEXT, .fallback = GGDM_WHOLE(1), .help = "H."},
         "expected a default"},
        {{.key = "r", .type = GGDM_PARAM_WINDOW, .fallback = GGDM_REAL(1), .help = "H."},
         "expected a default"},
        {{.key = "r",
          .type = GGDM_PARAM_MODEL,
          .port = "p",
          .fallback = GGDM_TEXT("m"),
          .help = "H."},
         "expected a default"},
        {{.key = "r", .hi = 1, .neutral = GGDM_REAL(-1), .help = "H."}, "expected a neutral value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_kind(
            &(ggdm_kind){
                .family = "f", .name = "a", .help = "A.", .params = &cases[i].row, .n_params = 1},
            cases[i].message);
    const ggdm_param twice[] = {{.key = "r", .help = "H."}, {.key = "r", .help = "H."}};
    refuse_kind(
        &(ggdm_kind){.family = "f", .name = "a", .help = "A.", .params = twice, .n_params = 2},
        "row 'r': the key is there twice");
}

static void test_catalogue_scorers_must_fit_what_they_measure(void **state)
{
    (void)state;
    static const ggdm_param rows[] = {
        {.key = "r", .type = GGDM_PARAM_TEXT, .required = true, .help = "H."}};
    static const ggdm_param other[] = {{.key = "r", .required = true, .help = "H."}};
    static const ggdm_param node[] = {
        {.key = "of", .type = GGDM_PARAM_NODE, .family = "guidance", .help = "H."}};
    static const ggdm_kind no_steps = {.family = "sampler", .name = "x", .help = "X."};
    static const ggdm_kind measured = {
        .family = "guidance", .name = "g", .help = "G.", .scorer = "s", GGDM_PARAMS(rows)};
    ggdm_kind scorer = {.family = "scorer", .name = "s", .help = "S.", GGDM_PARAMS(rows)};
    const ggdm_kind *kinds[] = {&ggdm_kind_stage, &condition, &measured, &scorer, &no_steps};
    const ggdm_catalogue c = {kinds, 5};
    ggdm_error err;
    static const char fits[] = "sampler 'x'"; /* the next complaint */
    ggdm_test_error(ggdm_catalogue_check(&c, &err), &err, GGDM_EINVAL, fits);
    scorer.params = node;
    ggdm_test_error(ggdm_catalogue_check(&c, &err), &err, GGDM_EINVAL, fits);
    scorer.params = other; /* another type */
    ggdm_test_error(ggdm_catalogue_check(&c, &err), &err, GGDM_EINVAL,
                    "guidance 'g': its scorer requires what the kind does not have");
    const ggdm_param of_others[] = {
        {.key = "of", .type = GGDM_PARAM_NODE, .family = "condition", .help = "H."}};
    scorer.params = of_others;
    ggdm_test_error(ggdm_catalogue_check(&c, &err), &err, GGDM_EINVAL, "its scorer requires");
    const ggdm_catalogue without = {kinds + 1, 1};
    ggdm_test_error(ggdm_catalogue_check(&without, &err), &err, GGDM_EINVAL,
                    "without the stage's kind");
}

/* ---- the lock ------------------------------------------------------------------------------ */

static void put_scalar(FILE *out, const char *what, const ggdm_param *p, const ggdm_scalar *v)
{
    char text[GGDM_MAX_TEXT];
    if (!v)
        return;
    ggdm_scalar_text(p, v, text, sizeof text);
    fprintf(out, " %s=%s", what, text);
}

/* All of a row that a recipe's meaning hangs on. */
static void put_row(FILE *out, const ggdm_kind *k, const ggdm_param *p)
{
    char expected[300];
    ggdm_param_expected(p, expected, sizeof expected);
    bool node = p->family != NULL;
    fprintf(out, "%s %s.%s: %s%s", k->family, k->name, p->key, ggdm_param_type_names[p->type],
            node           ? ""
            : p->structure ? ", structure"
                           : ", value");
    if (p->required)
        fprintf(out, ", required");
    if (p->type == GGDM_PARAM_REAL || p->type == GGDM_PARAM_WHOLE)
        fprintf(out, ", %s", expected);
    if (p->type == GGDM_PARAM_NODES)
        fprintf(out, ", %g to %g", p->lo, p->hi);
    if (node)
        fprintf(out, " of %s", p->family);
    if (p->of)
        fprintf(out, " of %s", p->of);
    if (p->port)
        fprintf(out, " with %s", p->port);
    if (p->takes)
        fprintf(out, " that takes %s", p->takes);
    put_scalar(out, "default", p, p->fallback);
    put_scalar(out, "neutral", p, p->neutral);
    fprintf(out, "\n");
    for (int i = 0; p->type == GGDM_PARAM_CHOICE && p->choices[i]; i++) /* others may join them */
        fprintf(out, "%s %s.%s: may be %s\n", k->family, k->name, p->key, p->choices[i]);
}

static char *print_catalogue(const ggdm_catalogue *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (size_t i = 0; i < c->n_kinds; i++) {
        const ggdm_kind *k = c->kinds[i];
        fprintf(out, "%s %s: revision %d%s%s%s\n", k->family, k->name, k->revision,
                k->implied ? ", implied" : "", k->standard ? ", standard" : "",
                k->always ? ", always" : "");
        for (size_t r = 0; r < k->n_params; r++)
            put_row(out, k, &k->params[r]);
    }
    fclose(out);
    return text;
}

/* The first line of a that b does not have, at or after the start; false: there is none. */
static bool find_missing(const char *a, const char *b, char line[600])
{
    for (; *a; a += strcspn(a, "\n") + 1) {
        snprintf(line, 600, "\n%.*s\n", (int)strcspn(a, "\n"), a);
        if (strncmp(b, line + 1, strlen(line + 1)) != 0 && !strstr(b, line))
            return true;
    }
    return false;
}

static void test_catalogue_is_what_the_lock_says(void **state)
{
    (void)state;
    char *now = print_catalogue(&ggdm_methods), *lock = ggdm_test_read(LOCK, NULL), line[600];
    const char *wish = getenv("GGDM_LOCK");
    if (find_missing(lock, now, line))
        ggdm_test_fail(LOCK ": this line is gone or changed, so that recipes which are stored "
                            "would mean something else: take it back, or raise the kind's revision "
                            "and change the line by hand:%s",
                       line);
    if (wish && strcmp(wish, "write") == 0)
        ggdm_test_write(LOCK, now, strlen(now));
    else if (find_missing(now, lock, line))
        ggdm_test_fail(LOCK " does not have this line yet (perhaps others, too), add what is new "
                            "by\n    GGDM_LOCK=write "
                            "build/release/tests/unit/test_catalogue\n%s",
                       line);
    else if (strcmp(lock, now) != 0) /* the order of rows is that of keys in the text */
        ggdm_test_fail(LOCK " has its lines in another order than the kinds have their rows");
    free(lock);
    free(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalogue_those_there_are_sound),
        cmocka_unit_test(test_catalogue_kinds_are_found_by_family_and_name),
        cmocka_unit_test(test_catalogue_rows_say_what_they_expect),
        cmocka_unit_test(test_catalogue_broken_kinds_are_refused),
        cmocka_unit_test(test_catalogue_broken_rows_are_refused),
        cmocka_unit_test(test_catalogue_scorers_must_fit_what_they_measure),
        cmocka_unit_test(test_catalogue_is_what_the_lock_says),
    };
    return ggdm_test_main(tests);
}
