/* Layers as PyTorch prints them:
 *
 *   layer     = [ "(" name "):" ] kind "(" [ argument { "," argument } ] ")"
 *   argument  = [ name "=" ] value
 *   value     = number | word | "(" number "," number ")"      (words with quotes or without)
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nearest.h"
#include "models/arch/sequential.h"

/* What is left of a text, and where it stands. */
typedef struct reader {
    const ggdm_node *node;
    const char *at;
    ggdm_error *err;
} reader;

static ggdm_status fail(const reader *r, const char *expected)
{
    return ggdm_node_fail(r->node, r->err, "value '%.200s', at '%.40s': expected %s", r->node->text,
                          r->at, expected);
}

static void skip_space(reader *r)
{
    r->at += strspn(r->at, " ");
}

/* A character where it is the next one. */
static bool take(reader *r, char c)
{
    skip_space(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

/* A word of letters, digits and some others, shorter than size; 0: there is none. */
static size_t take_word(reader *r, const char *others, char *out, size_t size)
{
    size_t n = 0;
    skip_space(r);
    while (isalnum((unsigned char)r->at[n]) || (r->at[n] && strchr(others, r->at[n])))
        n++;
    if (n == 0 || n >= size)
        return 0;
    memcpy(out, r->at, n);
    out[n] = '\0';
    r->at += n;
    return n;
}

/* ---- values ---- */

static bool take_number(reader *r, double *out)
{
    char *end;
    skip_space(r);
    if (!isdigit((unsigned char)*r->at) && *r->at != '-' && *r->at != '.')
        return false;
    *out = strtod(r->at, &end) + 0.0; /* -0 is 0 */
    const bool good = end > r->at && isfinite(*out);
    r->at = end;
    return good;
}

/* Where there are words, their values are none that a number may have. */
static bool is_number(const ggdm_seq_argument *a, const double value[2])
{
    return !a->words || (a->type != GGDM_SEQ_WORD && value[0] >= 0 && value[1] >= 0);
}

/* Number, (number, number), None, True, False, or one of words. */
static bool take_value(reader *r, const ggdm_seq_argument *a, double value[2])
{
    char word[24];
    if (take(r, '(')) {
        if (!take_number(r, &value[0]) || !take(r, ','))
            return false;
        value[1] = value[0];
        return (take(r, ')') || (take_number(r, &value[1]) && take(r, ')'))) && is_number(a, value);
    }
    if (take_number(r, &value[0])) {
        value[1] = value[0];
        return is_number(a, value);
    }
    const bool quoted = take(r, '\'') || take(r, '"');
    if (!take_word(r, "_", word, sizeof word))
        return false;
    if (quoted && !take(r, '\'') && !take(r, '"'))
        return false;
    value[0] = value[1] = strcmp(word, "True") == 0 ? 1 : strcmp(word, "False") == 0 ? 0 : NAN;
    if (strcmp(word, "None") == 0)
        value[0] = value[1] = GGDM_SEQ_NONE;
    for (int i = 0; a->words && a->words[i]; i++)
        if (strcmp(word, a->words[i]) == 0)
            value[0] = value[1] = a->type == GGDM_SEQ_WORD ? i : -1 - i;
    return !isnan(value[0]);
}

static bool is_whole(double v)
{
    return v == floor(v);
}

static bool is_good(const ggdm_seq_argument *a, const double value[2])
{
    if (value[0] == GGDM_SEQ_NONE)
        return a->value == GGDM_SEQ_NONE;
    if (a->words && a->type != GGDM_SEQ_WORD && value[0] < 0)
        return true;
    for (int i = 0; i < 2; i++)
        if (value[i] < a->lo || value[i] > a->hi ||
            (a->type != GGDM_SEQ_REAL && !is_whole(value[i])))
            return false;
    return a->type == GGDM_SEQ_PAIR || value[0] == value[1];
}

static ggdm_status fail_value(const reader *r, const ggdm_seq_argument *a)
{
    char text[120];
    if (a->words)
        snprintf(text, sizeof text, "'%s' (of '%s')", a->name, a->words[0]);
    else if (a->lo == a->hi)
        snprintf(text, sizeof text, "'%s' %g: others are not supported", a->name, a->lo);
    else
        snprintf(text, sizeof text, "'%s' %g to %g%s", a->name, a->lo, a->hi,
                 a->type == GGDM_SEQ_REAL ? "" : ", whole");
    return fail(r, text);
}

/* ---- arguments ---- */

static int find_argument(const ggdm_seq_kind *kind, const char *name)
{
    for (int i = 0; kind->arguments[i].name; i++)
        if (strcmp(kind->arguments[i].name, name) == 0)
            return i;
    return -1;
}

static int count_arguments(const ggdm_seq_kind *kind)
{
    int n = 0;
    while (kind->arguments[n].name)
        n++;
    return n;
}

/* Which argument comes next: by name, or the next one in order. */
static ggdm_status take_argument(reader *r, const ggdm_seq_kind *kind, int next, int *out)
{
    char name[24];
    const char *begin = r->at;
    *out = next;
    if (take_word(r, "_", name, sizeof name) && take(r, '=')) {
        *out = find_argument(kind, name);
        if (*out < 0) {
            r->at = begin;
            return fail(r, "an argument of that layer");
        }
        return GGDM_OK;
    }
    r->at = begin;
    return next < count_arguments(kind) ? GGDM_OK : fail(r, "no more arguments");
}

static ggdm_status read_arguments(reader *r, const ggdm_seq_kind *kind, ggdm_seq_layer *out)
{
    bool said[GGDM_SEQ_ARGUMENTS] = {false};
    for (int next = 0; !take(r, ')'); next++) {
        int i;
        if (next > 0 && !take(r, ','))
            return fail(r, "',' or ')'");
        GGDM_TRY(take_argument(r, kind, next, &i));
        const ggdm_seq_argument *a = &kind->arguments[i];
        const char *begin = r->at;
        if (said[i])
            return fail(r, "each argument once");
        if (!take_value(r, a, out->value[i]) ||
            (a->type != GGDM_SEQ_ANY && !is_good(a, out->value[i]))) {
            r->at = begin;
            return fail_value(r, a);
        }
        said[i] = true;
    }
    for (int i = 0; kind->arguments[i].name; i++) {
        char text[60];
        snprintf(text, sizeof text, "'%s', which is missing", kind->arguments[i].name);
        if (!said[i] && isnan(kind->arguments[i].value))
            return fail(r, text);
    }
    return GGDM_OK;
}

/* ---- layers ---- */

static ggdm_status find_kind(reader *r, const char *name, int *out)
{
    const ggdm_seq_kind *kinds = ggdm_seq_kinds;
    ggdm_nearest near = {.word = name};
    char known[400] = "";
    size_t used = 0;
    for (*out = 0; kinds[*out].name; ++*out) {
        if (strcmp(kinds[*out].name, name) == 0)
            return GGDM_OK;
        ggdm_nearest_try(&near, kinds[*out].name);
        if (used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", *out ? ", " : "",
                                     kinds[*out].name);
    }
    if (near.name)
        return ggdm_node_fail(r->node, r->err, "layer '%s', did you mean '%s'?", name, near.name);
    return ggdm_node_fail(r->node, r->err, "layer '%s', expected one of %s", name, known);
}

/* "(name):", if it is there. */
static ggdm_status read_name(reader *r, ggdm_seq_layer *out)
{
    if (!take(r, '('))
        return GGDM_OK;
    if (!take_word(r, "_.", out->name, sizeof out->name) || !take(r, ')') || !take(r, ':'))
        return fail(r, "a name of letters, digits, '_' and '.', at most 47 of them, in (): ");
    return GGDM_OK;
}

ggdm_status ggdm_seq_read(const ggdm_node *node, ggdm_seq_layer *out, ggdm_error *err)
{
    reader r = {node, node->text, err};
    char name[32];
    if (node->kind != GGDM_NODE_STRING)
        return ggdm_node_expected(node, err, "a layer as PyTorch prints it, \"Conv2d(1, 6, 5)\"");
    GGDM_TRY(read_name(&r, out));
    if (!take_word(&r, "", name, sizeof name))
        return fail(&r, "the name of a layer");
    GGDM_TRY(find_kind(&r, name, &out->kind));
    const ggdm_seq_kind *kind = &ggdm_seq_kinds[out->kind];
    for (int i = 0; kind->arguments[i].name; i++)
        out->value[i][0] = out->value[i][1] = kind->arguments[i].value;
    if (!take(&r, '('))
        return fail(&r, "its arguments in ()");
    GGDM_TRY(read_arguments(&r, kind, out));
    skip_space(&r);
    return *r.at ? fail(&r, "no more") : GGDM_OK;
}

/* ---- writing ---- */

static void print_value(const ggdm_seq_argument *a, const double value[2], char *out, size_t size)
{
    char first[GGDM_NUMBER_SIZE], second[GGDM_NUMBER_SIZE];
    ggdm_number_text(value[0], first);
    ggdm_number_text(value[1], second);
    if (a->type == GGDM_SEQ_FLAG)
        snprintf(out, size, "%s", value[0] != 0 ? "True" : "False");
    else if (a->type == GGDM_SEQ_WORD)
        snprintf(out, size, "'%s'", a->words[(int)value[0]]);
    else if (a->words && value[0] < 0)
        snprintf(out, size, "'%s'", a->words[-1 - (int)value[0]]);
    else if (a->type == GGDM_SEQ_PAIR && value[0] != value[1])
        snprintf(out, size, "(%s, %s)", first, second);
    else
        snprintf(out, size, "%s", first);
}

void ggdm_seq_write(ggdm_json *json, const ggdm_seq_layer *layer)
{
    char text[600];
    const ggdm_seq_kind *kind = &ggdm_seq_kinds[layer->kind];
    const char *comma = "";
    int used = snprintf(text, sizeof text, "(%s): %s(", layer->name, kind->name);
    for (int i = 0; kind->arguments[i].name; i++) {
        const ggdm_seq_argument *a = &kind->arguments[i];
        const double *v = layer->value[i];
        char value[2 * GGDM_NUMBER_SIZE + 8];
        if (a->type == GGDM_SEQ_ANY || (v[0] == a->value && v[1] == a->value))
            continue;
        print_value(a, v, value, sizeof value);
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s=%s", comma, a->name, value);
        comma = ", ";
    }
    snprintf(text + used, sizeof text - (size_t)used, ")");
    ggdm_json_put_string(json, NULL, text);
}
