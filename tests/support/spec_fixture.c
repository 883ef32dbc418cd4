#include "tests/support/spec_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sweep with the keys that most have (docs/SWEEP.md). */
const char spec_fixture_example[] =
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
const char spec_fixture_toy[] =
    "name: toy\n"
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

ggdm_status spec_fixture_read_with(const ggdm_catalogue *c, const char *text,
                                   const char *const *sets, int n_sets, ggdm_spec *s,
                                   ggdm_error *err)
{
    return ggdm_spec_parse(c, text, strlen(text), "s.yaml", sets, n_sets, s, err);
}

ggdm_spec spec_fixture_parse(const ggdm_catalogue *c, const char *text)
{
    ggdm_spec s;
    ggdm_error err;
    ggdm_test_ok(spec_fixture_read_with(c, text, NULL, 0, &s, &err), &err);
    return s;
}

void spec_fixture_refuse_of(const ggdm_catalogue *c, const char *text, const char *set,
                            const char *message)
{
    ggdm_spec s;
    ggdm_error err;
    ggdm_status st = spec_fixture_read_with(c, text, &set, set != NULL, &s, &err);
    if (st != GGDM_EINVAL && st != GGDM_EFORMAT)
        ggdm_test_fail("accepted, expected \"%s\":\n%s", message, text);
    ggdm_test_error(st, &err, st, message);
    assert_null(s.doc);
    ggdm_spec_deinit(&s);
}

void spec_fixture_refuse(const char *text, const char *message)
{
    spec_fixture_refuse_of(&ggdm_methods, text, NULL, message);
}

/* A text with one piece of it replaced. */
char *spec_fixture_changed_of(const char *base, const char *from, const char *to)
{
    const char *at = strstr(base, from);
    const size_t size = strlen(base) + strlen(to) + 1;
    char *text = ggdm_test_alloc(size, 1);
    if (!at)
        ggdm_test_fail("'%s' is not there", from);
    snprintf(text, size, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    return text;
}

char *spec_fixture_changed(const char *from, const char *to)
{
    return spec_fixture_changed_of(spec_fixture_example, from, to);
}

void spec_fixture_refuse_change(const char *from, const char *to, const char *message)
{
    char *text = spec_fixture_changed(from, to);
    spec_fixture_refuse(text, message);
    free(text);
}

void spec_fixture_refuse_toy(const char *from, const char *to, const char *message)
{
    char *text = spec_fixture_changed_of(spec_fixture_toy, from, to);
    spec_fixture_refuse_of(&ggdm_toy_catalogue, text, NULL, message);
    free(text);
}

const ggdm_parameter *spec_fixture_find(const ggdm_spec *s, const char *name)
{
    for (int32_t i = 0; i < s->n_parameters; i++)
        if (strcmp(s->parameters[i].name, name) == 0 || strcmp(s->parameters[i].path, name) == 0)
            return &s->parameters[i];
    ggdm_test_fail("no parameter %s", name);
    return NULL;
}

/* "0.1 0.2": the values of a parameter, as people see them. */
void spec_fixture_expect_values(const ggdm_spec *s, const char *name, const char *values)
{
    const ggdm_parameter *p = spec_fixture_find(s, name);
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
void spec_fixture_expect_cell(ggdm_spec *s, int64_t cell, const char *const *names,
                              const char *values)
{
    char got[400] = "";
    ggdm_spec_put_cell(s, cell);
    for (; *names; names++) {
        const ggdm_parameter *p = spec_fixture_find(s, *names);
        const ggdm_scalar *v = ggdm_spec_value(s, (int32_t)(p - s->parameters), cell);
        size_t n = strlen(got);
        assert_true(ggdm_scalar_equal(p->row->type, v, &p->slot->scalar));
        ggdm_scalar_text(p->row, v, got + n, sizeof got - n);
        strcat(got, names[1] ? " " : "");
    }
    assert_string_equal(got, values);
}
