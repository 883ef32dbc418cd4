#include "jobs/cell_select.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_write.h"
#include "common/mem.h"
#include "common/nearest.h"

/* holds[1 + sign of (value of the cell - number)], apart: where they cannot be compared.  Longer
 * ones first: "<=" begins with "<". */
static const struct {
    const char *text;
    bool holds[3], apart;
} ops[] = {
    {"<=", {true, true, false}, false}, {">=", {false, true, true}, false},
    {"!=", {true, false, true}, true},  {"<", {true, false, false}, false},
    {">", {false, false, true}, false}, {"=", {false, true, false}, false},
};
enum { N_OPS = sizeof ops / sizeof *ops };

static bool is_order(int op)
{
    return ops[op].holds[0] != ops[op].holds[2];
}

/* ---- parsing -------------------------------------------------------------------------------- */

typedef struct parser {
    const char *text, *at;
    const ggdm_store_column *columns; /* [n_columns] */
    int32_t n_columns, n_cells;
    ggdm_cell_select *out;
    ggdm_error *err;
} parser;

static int column_at(const parser *p, const char *at)
{
    return (int)(at - p->text) + 1;
}

static ggdm_status fail_at(const parser *p, const char *at, const char *expected)
{
    return GGDM_FAIL(
        p->err, GGDM_EINVAL, "cell expression '%.200s', column %d: %s%.20s%s, expected %s", p->text,
        column_at(p, at), *at ? "found '" : "it ends here", at, *at ? "'" : "", expected);
}

static void skip_spaces(parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

/* "c0007" or "7". */
static ggdm_status parse_cell(parser *p, int32_t *index)
{
    const char *from = p->at, *digits = from + (*from == 'c');
    if (!isdigit((unsigned char)*digits))
        return fail_at(p, from, "a cell (7 or c0007)");
    char *end;
    unsigned long long v = strtoull(digits, &end, 10); /* ULLONG_MAX when too large */
    if (v >= (unsigned long long)p->n_cells)
        return GGDM_FAIL(p->err, GGDM_EINVAL,
                         "cell expression '%.200s', column %d: cell '%.*s', expected 0 to %d",
                         p->text, column_at(p, from), (int)(end - from), from, p->n_cells - 1);
    *index = (int32_t)v;
    p->at = end;
    skip_spaces(p);
    return GGDM_OK;
}

static ggdm_status parse_range(parser *p)
{
    ggdm_cell_range range;
    const char *from = p->at;
    GGDM_TRY(parse_cell(p, &range.first));
    range.last = range.first;
    if (*p->at == '-') {
        p->at++;
        skip_spaces(p);
        GGDM_TRY(parse_cell(p, &range.last));
    }
    if (range.last < range.first)
        return fail_at(p, from, "a range from a lower to a higher cell");
    p->out->ranges[p->out->n_ranges++] = range;
    return GGDM_OK;
}

static ggdm_status parse_number(parser *p, double *out)
{
    char *end;
    *out = strtod(p->at, &end);
    if (end == p->at || !isfinite(*out))
        return fail_at(p, p->at, "a number");
    p->at = end;
    skip_spaces(p);
    return GGDM_OK;
}

/* 'a text', with its quote doubled where it holds one. */
static ggdm_status parse_quoted(parser *p, char *text, size_t size)
{
    const char *from = p->at;
    const char quote = *p->at++;
    size_t n = 0;
    for (; *p->at && (*p->at != quote || p->at[1] == quote) && n + 1 < size; p->at++) {
        p->at += *p->at == quote;
        text[n++] = *p->at;
    }
    text[n] = '\0';
    if (*p->at != quote)
        return fail_at(p, from, "a text with a quote at its end");
    p->at++;
    skip_spaces(p);
    return GGDM_OK;
}

static ggdm_status parse_word(parser *p, char *text, size_t size)
{
    size_t n = strcspn(p->at, ",");
    if (n >= size)
        return fail_at(p, p->at, "a shorter text");
    while (n > 0 && isspace((unsigned char)p->at[n - 1]))
        n--;
    if (n == 0)
        return fail_at(p, p->at, "a text");
    memcpy(text, p->at, n);
    text[n] = '\0';
    p->at += strcspn(p->at, ",");
    return GGDM_OK;
}

/* A number, or a window's start and length: as it is printed, or, at step 0, its length. */
static ggdm_status parse_amount(parser *p, const ggdm_store_column *column, ggdm_cell_condition *c,
                                char *text, size_t size)
{
    const char *from = p->at;
    GGDM_TRY(parse_number(p, &c->number));
    if (column->type != GGDM_PARAM_WINDOW || *p->at != '+')
        return GGDM_OK;
    if (is_order(c->op))
        return fail_at(p, from, "a number behind <, <=, > or >= (a window behind = or !=)");
    char start[GGDM_NUMBER_SIZE], length[GGDM_NUMBER_SIZE];
    ggdm_number_text(c->number, start);
    bool first = c->number == 0;
    p->at++;
    skip_spaces(p);
    GGDM_TRY(parse_number(p, &c->number));
    if (first)
        return GGDM_OK;
    ggdm_number_text(c->number, length);
    snprintf(text, size, "%s+%s", start, length);
    c->number = (double)NAN;
    return GGDM_OK;
}

static bool is_numeric(ggdm_param_type type)
{
    return type == GGDM_PARAM_REAL || type == GGDM_PARAM_WHOLE || type == GGDM_PARAM_CLASS ||
           type == GGDM_PARAM_WINDOW;
}

static ggdm_status parse_condition(parser *p, int32_t column)
{
    ggdm_cell_condition c = {.column = column, .number = (double)NAN};
    char text[GGDM_MAX_TEXT] = "";
    const bool numeric = is_numeric(p->columns[column].type);
    const char *expected = numeric ? "=, !=, <, <=, > or >=" : "= or != (it is a text)";
    while (c.op < N_OPS && strncmp(p->at, ops[c.op].text, strlen(ops[c.op].text)) != 0)
        c.op++;
    if (c.op == N_OPS || (!numeric && is_order(c.op)))
        return fail_at(p, p->at, expected);
    p->at += strlen(ops[c.op].text);
    skip_spaces(p);
    if ((*p->at == '\'' || *p->at == '"') && !is_order(c.op))
        GGDM_TRY(parse_quoted(p, text, sizeof text));
    else if (numeric && !(p->columns[column].type == GGDM_PARAM_CLASS &&
                          isalpha((unsigned char)*p->at) && !is_order(c.op)))
        GGDM_TRY(parse_amount(p, &p->columns[column], &c, text, sizeof text));
    else
        GGDM_TRY(parse_word(p, text, sizeof text));
    GGDM_TRY(ggdm_arena_text(&p->out->arena, text, &c.text, p->err));
    p->out->conditions[p->out->n_conditions++] = c;
    return GGDM_OK;
}

/* A name that no column has. */
static ggdm_status refuse_name(const parser *p, const char *word)
{
    char known[600] = "";
    ggdm_nearest meant = {.word = word};
    for (int32_t i = 0; i < p->n_columns; i++) {
        const char *name = p->columns[i].name;
        size_t n = strlen(known);
        ggdm_nearest_try(&meant, name);
        ggdm_nearest_try(&meant, p->columns[i].path);
        if (n + strlen(name) + 8 < sizeof known)
            snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", name);
        else if (n < sizeof known - 5 && known[n - 1] != '.')
            strcat(known, " ...");
    }
    if (meant.name)
        return GGDM_FAIL(p->err, GGDM_EINVAL,
                         "cell expression '%.200s', column %d: found '%s', did you mean '%s'?",
                         p->text, column_at(p, p->at), word, meant.name);
    char expected[700];
    snprintf(expected, sizeof expected,
             "a cell (7 or c0007), a range (3-9), or a condition on one of %s", known);
    return fail_at(p, p->at, expected);
}

static size_t name_length(const char *at)
{
    size_t n = 0;
    if (isalpha((unsigned char)*at) || *at == '_')
        while (isalnum((unsigned char)at[n]) || (at[n] && strchr("_.-", at[n])))
            n++;
    return n;
}

static ggdm_status parse_term(parser *p)
{
    char word[256];
    skip_spaces(p);
    const size_t length = name_length(p->at);
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : 0), p->at);
    for (int32_t i = 0; i < p->n_columns; i++) {
        if (strcmp(p->columns[i].name, word) != 0 && strcmp(p->columns[i].path, word) != 0)
            continue;
        p->at += length;
        skip_spaces(p);
        return parse_condition(p, i);
    }
    if (isdigit((unsigned char)*p->at) ||
        (*word == 'c' && (isdigit((unsigned char)word[1]) || length == 1)))
        return parse_range(p);
    return refuse_name(p, word);
}

ggdm_status ggdm_cell_select_parse(const char *text, const ggdm_store_column *columns,
                                   int32_t n_columns, int32_t n_cells, ggdm_cell_select *out,
                                   ggdm_error *err)
{
    parser p = {.text = text,
                .at = text,
                .columns = columns,
                .n_columns = n_columns,
                .n_cells = n_cells,
                .out = out,
                .err = err};
    out->arena = (ggdm_arena){0};
    out->n_ranges = out->n_conditions = 0;
    for (;;) {
        if (out->n_ranges + out->n_conditions == GGDM_CELL_SELECT_TERMS)
            return GGDM_FAIL(err, GGDM_EINVAL, "cell expression: more than %d terms",
                             GGDM_CELL_SELECT_TERMS);
        GGDM_TRY(parse_term(&p));
        if (!*p.at)
            return GGDM_OK;
        if (*p.at != ',')
            return fail_at(&p, p.at, "',' or the end");
        p.at++;
    }
}

void ggdm_cell_select_deinit(ggdm_cell_select *select)
{
    ggdm_arena_deinit(&select->arena);
}

/* ---- choosing -------------------------------------------------------------------------------- */

static bool condition_holds(const ggdm_cell_condition *c, ggdm_store_value v)
{
    if (isnan(c->number))
        return ops[c->op].holds[1 + (strcmp(v.text, c->text) != 0)];
    if (isnan(v.number))
        return ops[c->op].apart;
    return ops[c->op].holds[1 + (v.number > c->number) - (v.number < c->number)];
}

bool ggdm_cell_select_has(const ggdm_cell_select *select, int32_t cell,
                          const ggdm_store_value *values)
{
    bool named = select->n_ranges == 0;
    for (int i = 0; i < select->n_ranges && !named; i++)
        named = cell >= select->ranges[i].first && cell <= select->ranges[i].last;
    for (int i = 0; i < select->n_conditions && named; i++)
        named = condition_holds(&select->conditions[i], values[i]);
    return named;
}

static ggdm_status choose_cells(ggdm_store *store, const ggdm_cell_select *select, bool *chosen,
                                bool *any, ggdm_error *err)
{
    ggdm_store_value values[GGDM_CELL_SELECT_TERMS];
    for (int32_t i = 0; i < ggdm_store_n_cells(store); i++) {
        ggdm_store_cell cell;
        GGDM_TRY(ggdm_store_cell_get(store, i, &cell, err));
        for (int k = 0; k < select->n_conditions; k++)
            values[k] = ggdm_store_value_of(store, &cell, select->conditions[k].column);
        chosen[i] = ggdm_cell_select_has(select, i, values);
        *any = *any || chosen[i];
    }
    return GGDM_OK;
}

ggdm_status ggdm_cell_select_in(ggdm_store *store, const char *text, bool **out, ggdm_error *err)
{
    ggdm_cell_select select;
    const int32_t n = ggdm_store_n_cells(store);
    int32_t n_columns = 0;
    bool any = false;
    ggdm_status st;
    *out = NULL;
    const ggdm_store_column *columns = ggdm_store_columns(store, &n_columns);
    GGDM_TRY_GOTO(st, ggdm_cell_select_parse(text, columns, n_columns, n, &select, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(out, (size_t)n, sizeof **out, err), done);
    st = choose_cells(store, &select, *out, &any, err);
    if (st == GGDM_OK && !any)
        st = GGDM_FAIL(err, GGDM_EINVAL, "cell expression '%.200s': none of the %d cells is meant",
                       text, n);
done:
    if (st != GGDM_OK) {
        free(*out);
        *out = NULL;
    }
    ggdm_cell_select_deinit(&select);
    return st;
}
