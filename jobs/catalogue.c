#include "jobs/catalogue.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/json_write.h"
#include "jobs/item.h"
#include "jobs/messages.h"

const char *const ggdm_param_type_names[] = {"real",   "whole", "flag",         "text",
                                             "choice", "class", "window",       "model",
                                             "file",   "node",  "list of nodes"};

const ggdm_kind *ggdm_catalogue_find(const ggdm_catalogue *c, const char *family, const char *name)
{
    for (size_t i = 0; i < c->n_kinds; i++) {
        const ggdm_kind *k = c->kinds[i];
        if (strcmp(k->family, family) == 0 && (name ? strcmp(k->name, name) == 0 : k->implied))
            return k;
    }
    return NULL;
}

const char *ggdm_param_axis(const ggdm_param *p)
{
    return p->axis ? p->axis : p->key;
}

const char *ggdm_param_label(const ggdm_param *p)
{
    return p->label ? p->label : ggdm_param_axis(p);
}

/* ---- what a row expects, in words ---------------------------------------------------------- */

static void expect_number(const ggdm_param *p, char *text, size_t size)
{
    const char *what = p->type == GGDM_PARAM_WHOLE ? "an integer" : "a finite number";
    char lo[GGDM_NUMBER_SIZE], hi[GGDM_NUMBER_SIZE];
    ggdm_number_text(p->lo, lo);
    ggdm_number_text(p->hi, hi);
    if (p->type == GGDM_PARAM_WHOLE) { /* to 2^63 - 1 every digit counts */
        snprintf(lo, sizeof lo, "%lld", (long long)ggdm_param_lowest(p));
        snprintf(hi, sizeof hi, "%lld", (long long)ggdm_param_highest(p));
    }
    if (p->lo == 0 && p->hi == 0)
        snprintf(text, size, "%s", what);
    else if (p->above)
        snprintf(text, size, isinf(p->hi) ? "%s above %s" : "%s above %s, at most %s", what, lo,
                 hi);
    else if (isinf(p->hi))
        snprintf(text, size, "%s, %s or more", what, lo);
    else
        snprintf(text, size, "%s from %s to %s", what, lo, hi);
}

static void expect_choice(const ggdm_param *p, char *text, size_t size)
{
    size_t n = 0;
    *text = '\0';
    for (int i = 0; p->choices[i] && n < size; i++) {
        const char *join = i == 0 ? "" : p->choices[i + 1] ? ", " : " or ";
        n += (size_t)snprintf(text + n, size - n, "%s%s", join, p->choices[i]);
    }
}

void ggdm_param_expected(const ggdm_param *p, char *text, size_t size)
{
    static const char *const expected[GGDM_PARAM_TYPES] = {
        [GGDM_PARAM_FLAG] = "true or false",
        [GGDM_PARAM_TEXT] = "a text without control characters, of at most 4095 bytes",
        [GGDM_PARAM_CLASS] = "a class from 0 to 999, or its name",
        [GGDM_PARAM_WINDOW] = "a number of sampler steps, a share of them from 0.0 to 1.0, or "
                              "{start_step: S, length: L}",
        [GGDM_PARAM_MODEL] = "the name of a model or a directory",
        [GGDM_PARAM_FILE] = "the path of a file",
        [GGDM_PARAM_NODE] = "a map",
        [GGDM_PARAM_NODES] = "a list of maps",
    };
    if (p->type == GGDM_PARAM_REAL || p->type == GGDM_PARAM_WHOLE)
        expect_number(p, text, size);
    else if (p->type == GGDM_PARAM_CHOICE)
        expect_choice(p, text, size);
    else
        snprintf(text, size, "%s%s", expected[p->type], p->filled ? ", not blank" : "");
}

int64_t ggdm_param_lowest(const ggdm_param *p)
{
    return p->lo == 0 && p->hi == 0 ? INT64_MIN : p->lo > -0x1p63 ? (int64_t)p->lo : INT64_MIN;
}

int64_t ggdm_param_highest(const ggdm_param *p)
{
    return p->lo == 0 && p->hi == 0 ? INT64_MAX : p->hi < 0x1p63 ? (int64_t)p->hi : INT64_MAX;
}

/* ---- are the rows sound? ------------------------------------------------------------------- */

static ggdm_status bad_row(const ggdm_kind *k, const ggdm_param *p, const char *why,
                           ggdm_error *err)
{
    return GGDM_FAIL(err, GGDM_EINVAL, "%s '%s'%s%s%s: %s", k->family ? k->family : "?",
                     k->name ? k->name : "?", p ? ", row '" : "", p ? (p->key ? p->key : "?") : "",
                     p ? "'" : "", why);
}

static bool is_node(const ggdm_param *p)
{
    return p->type == GGDM_PARAM_NODE || p->type == GGDM_PARAM_NODES;
}

static bool has_family(const ggdm_catalogue *c, const char *family)
{
    for (size_t i = 0; i < c->n_kinds; i++)
        if (strcmp(c->kinds[i]->family, family) == 0)
            return true;
    return false;
}

const ggdm_param *ggdm_kind_param(const ggdm_kind *k, const char *key)
{
    for (size_t i = 0; k && i < k->n_params; i++)
        if (k->params[i].key && strcmp(k->params[i].key, key) == 0)
            return &k->params[i];
    return NULL;
}

static bool is_model(const ggdm_param *p)
{
    return p && p->type == GGDM_PARAM_MODEL;
}

static bool is_sentence(const char *help)
{
    return help && *help && help[strlen(help) - 1] == '.';
}

/* As a key of a node, and as a word of a path. */
static bool is_word(const char *text)
{
    return *text && !strpbrk(text, ". \"=");
}

static bool is_any(const ggdm_param *p)
{
    return p->lo == 0 && p->hi == 0;
}

/* A default or neutral value must be one that could be given. */
static bool could_be_given(const ggdm_param *p, const ggdm_scalar *v)
{
    int64_t choices = 0;
    switch (p->type) {
    case GGDM_PARAM_REAL:
        return fabs(v->real) <= FLT_MAX && (is_any(p) || (v->real >= p->lo && v->real <= p->hi)) &&
               !(p->above && v->real <= p->lo);
    case GGDM_PARAM_WHOLE:
        return v->whole >= ggdm_param_lowest(p) && v->whole <= ggdm_param_highest(p);
    case GGDM_PARAM_FLAG:
        return v->whole == 0 || v->whole == 1;
    case GGDM_PARAM_CHOICE:
        while (p->choices[choices])
            choices++;
        return v->whole >= 0 && v->whole < choices;
    case GGDM_PARAM_CLASS:
        return v->whole >= 0 && v->whole < GGDM_MAX_CLASSES;
    case GGDM_PARAM_TEXT:
        return v->text != NULL;
    default: /* a window, a model, a file, a node: none is there by itself */
        return false;
    }
}

/* What a shorthand stands for: a row of its key and type, in a node of the stage that needs no
 * `kind:`. */
static bool can_stand_for(const ggdm_catalogue *c, const ggdm_kind *k, const ggdm_param *p)
{
    const ggdm_param *node =
        ggdm_kind_param(ggdm_catalogue_find(c, GGDM_FAMILY_STAGE, NULL), p->shorthand);
    const ggdm_param *row =
        node && node->family ? ggdm_kind_param(ggdm_catalogue_find(c, node->family, NULL), p->key)
                             : NULL;
    return k->expand && strcmp(k->family, GGDM_FAMILY_GUIDANCE) == 0 && row && row->type == p->type;
}

static bool is_of_model(const ggdm_catalogue *c, const ggdm_kind *k, const ggdm_param *p)
{
    return p->of &&
           (is_model(ggdm_kind_param(k, p->of)) ||
            is_model(ggdm_kind_param(ggdm_catalogue_find(c, GGDM_FAMILY_STAGE, NULL), p->of)));
}

static bool is_prompt(const ggdm_catalogue *c, const ggdm_kind *k, const ggdm_param *p)
{
    return p->type == GGDM_PARAM_TEXT && !p->structure && is_of_model(c, k, p);
}

static ggdm_status check_row(const ggdm_catalogue *c, const ggdm_kind *k, const ggdm_param *p,
                             ggdm_error *err)
{
    static const char *const taken[] = {"kind", "name", "revision", "zip"};
    if (!p->key || !is_word(p->key) || !is_word(ggdm_param_axis(p)))
        return bad_row(k, p, "expected a key and an axis without '.', ' ', '\"' and '='", err);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(p->key, taken[i]) == 0 || strcmp(ggdm_param_axis(p), taken[i]) == 0)
            return bad_row(k, p, "this key has a meaning of its own", err);
    if (ggdm_kind_param(k, p->key) != p)
        return bad_row(k, p, "the key is there twice", err);
    if (!is_sentence(p->help))
        return bad_row(k, p, "expected one sentence of help", err);
    if (p->type == GGDM_PARAM_CHOICE && (!p->choices || !p->choices[0]))
        return bad_row(k, p, "expected names to choose from", err);
    if (is_node(p) != (p->family != NULL) || (p->family && !has_family(c, p->family)))
        return bad_row(k, p, "expected a family with kinds, of nodes and of these only", err);
    if (p->type == GGDM_PARAM_CLASS ? !is_of_model(c, k, p) : p->of && !is_prompt(c, k, p))
        return bad_row(k, p, "expected 'of', a row that is a model, of classes and texts", err);
    if (!(p->lo <= p->hi) || (p->type == GGDM_PARAM_NODES && !(p->hi >= 1)))
        return bad_row(k, p, "expected bounds between which there is something", err);
    if (is_model(p) != (p->port != NULL))
        return bad_row(k, p, "expected a port, of models and of these only", err);
    if (p->shorthand && !can_stand_for(c, k, p))
        return bad_row(k, p, "expected a shorthand of a preset for such a row of the stage", err);
    if (p->filled && p->type != GGDM_PARAM_TEXT)
        return bad_row(k, p, "expected a text where it must be filled", err);
    if (p->takes && !is_model(p))
        return bad_row(k, p, "expected a model where it takes something", err);
    if (p->fallback && (p->required || !could_be_given(p, p->fallback)))
        return bad_row(k, p, "expected a default that could be given, and is not required", err);
    if (p->neutral && !could_be_given(p, p->neutral))
        return bad_row(k, p, "expected a neutral value that could be given", err);
    return GGDM_OK;
}

static const ggdm_kind *find_standard(const ggdm_catalogue *c, const char *family)
{
    for (size_t i = 0; i < c->n_kinds; i++)
        if (c->kinds[i]->standard && strcmp(c->kinds[i]->family, family) == 0)
            return c->kinds[i];
    return NULL;
}

/* What a scorer requires must be there in the node that it measures: the node itself, and rows of
 * equal keys. */
static bool can_measure(const ggdm_kind *scorer, const ggdm_kind *node)
{
    for (size_t i = 0; scorer && i < scorer->n_params; i++) {
        const ggdm_param *p = &scorer->params[i], *q = ggdm_kind_param(node, p->key);
        if (p->type == GGDM_PARAM_NODE ? strcmp(p->family, node->family) != 0
                                       : p->required && (!q || q->type != p->type))
            return false;
    }
    return scorer != NULL;
}

static bool has_required(const ggdm_kind *k)
{
    for (size_t i = 0; i < k->n_params; i++)
        if (k->params[i].required)
            return true;
    return false;
}

/* The chain's length is a number of the sampler that jobs/ asks for. */
static bool has_steps(const ggdm_kind *k)
{
    const ggdm_param *p = ggdm_kind_param(k, "steps");
    return p && p->type == GGDM_PARAM_WHOLE && p->fallback && p->lo >= 1 && p->hi <= GGDM_MAX_STEPS;
}

static ggdm_status check_name(const ggdm_catalogue *c, const ggdm_kind *k, ggdm_error *err)
{
    (void)c;
    return k->family && k->name && is_sentence(k->help)
               ? GGDM_OK
               : bad_row(k, NULL, "expected a family, a name and one sentence of help", err);
}

static ggdm_status check_rows(const ggdm_catalogue *c, const ggdm_kind *k, ggdm_error *err)
{
    for (size_t r = 0; r < k->n_params; r++)
        GGDM_TRY(check_row(c, k, &k->params[r], err));
    return GGDM_OK;
}

static ggdm_status check_place(const ggdm_catalogue *c, const ggdm_kind *k, ggdm_error *err)
{
    const ggdm_kind *scorer =
        k->scorer ? ggdm_catalogue_find(c, GGDM_FAMILY_SCORER, k->scorer) : NULL;
    if (ggdm_catalogue_find(c, k->family, k->name) != k)
        return bad_row(k, NULL, "the kind is there twice", err);
    if (k->implied && ggdm_catalogue_find(c, k->family, NULL) != k)
        return bad_row(k, NULL, "the family has an implied kind already", err);
    if (k->standard && find_standard(c, k->family) != k)
        return bad_row(k, NULL, "the family has a standard kind already", err);
    if (k->scorer && !scorer)
        return bad_row(k, NULL, "its scorer is not there", err);
    if (scorer && !can_measure(scorer, k))
        return bad_row(k, NULL, "its scorer requires what the kind does not have", err);
    if (k->always && has_required(k))
        return bad_row(k, NULL, "a scorer of every sample cannot require anything", err);
    if (strcmp(k->family, GGDM_FAMILY_SAMPLER) == 0 && !has_steps(k))
        return bad_row(k, NULL, "expected a row 'steps', whole, from 1 to 100000, with a default",
                       err);
    return GGDM_OK;
}

ggdm_status ggdm_catalogue_check(const ggdm_catalogue *c, ggdm_error *err)
{
    static ggdm_status (*const checks[])(const ggdm_catalogue *, const ggdm_kind *,
                                         ggdm_error *) = {
        check_name, check_rows, check_place}; /* each relies on those before, of all kinds */
    for (size_t n = 0; n < sizeof checks / sizeof *checks; n++)
        for (size_t i = 0; i < c->n_kinds; i++)
            GGDM_TRY(checks[n](c, c->kinds[i], err));
    if (!ggdm_catalogue_find(c, GGDM_FAMILY_STAGE, NULL))
        return GGDM_FAIL(err, GGDM_EINVAL, "a catalogue without the stage's kind");
    return GGDM_OK;
}
