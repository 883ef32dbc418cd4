#include "jobs/cell_select.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nearest.h"

/* ---- columns and comparisons ---------------------------------------------------------------- */

static double kappa_of(const ggdm_cell *c)
{
    return c->kappa;
}

static double duration_of(const ggdm_cell *c)
{
    return c->duration;
}

static double start_of(const ggdm_cell *c)
{
    return c->start;
}

static double target_of(const ggdm_cell *c)
{
    return c->target;
}

static const struct {
    const char *name;
    double (*value)(const ggdm_cell *c);
} columns[] = {
    {"kappa", kappa_of}, {"start", start_of}, {"duration", duration_of}, {"target", target_of}};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* holds[1 + sign of (value of the cell - number)].  Longer ones first: "<=" begins with "<". */
static const struct {
    const char *text;
    bool holds[3];
} ops[] = {
    {"<=", {true, true, false}}, {">=", {false, true, true}}, {"!=", {true, false, true}},
    {"<", {true, false, false}}, {">", {false, false, true}}, {"=", {false, true, false}},
};
enum { N_OPS = sizeof ops / sizeof *ops };

/* ---- parsing -------------------------------------------------------------------------------- */

typedef struct parser {
    const char *text, *at;
    int32_t n_cells;
    ggdm_cell_select *out;
    ggdm_error *err;
} parser;

static ggdm_status complain(const parser *p, const char *at, const char *expected)
{
    return GGDM_FAIL(
        p->err, GGDM_EINVAL, "cell expression '%.200s', column %d: %s%.20s%s, expected %s", p->text,
        (int)(at - p->text) + 1, *at ? "found '" : "it ends here", at, *at ? "'" : "", expected);
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
        return complain(p, from, "a cell (7 or c0007)");
    char *end;
    unsigned long long v = strtoull(digits, &end, 10); /* ULLONG_MAX when too large */
    if (v >= (unsigned long long)p->n_cells)
        return GGDM_FAIL(p->err, GGDM_EINVAL,
                         "cell expression '%.200s', column %d: cell '%.*s', expected 0 to %d",
                         p->text, (int)(from - p->text) + 1, (int)(end - from), from,
                         p->n_cells - 1);
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
        return complain(p, from, "a range from a lower to a higher cell");
    p->out->ranges[p->out->n_ranges++] = range;
    return GGDM_OK;
}

static int find_op(const char *text)
{
    int i = 0;
    while (i < N_OPS && strncmp(text, ops[i].text, strlen(ops[i].text)) != 0)
        i++;
    return i;
}

static ggdm_status parse_number(parser *p, double *out)
{
    char *end;
    *out = strtod(p->at, &end);
    if (end == p->at || !isfinite(*out))
        return complain(p, p->at, "a number");
    p->at = end;
    skip_spaces(p);
    return GGDM_OK;
}

static ggdm_status parse_condition(parser *p, int column)
{
    ggdm_cell_condition c = {.column = column};
    p->at += strlen(columns[column].name);
    skip_spaces(p);
    c.op = find_op(p->at);
    if (c.op == N_OPS)
        return complain(p, p->at, "=, !=, <, <=, > or >=");
    p->at += strlen(ops[c.op].text);
    skip_spaces(p);
    const char *number = p->at;
    GGDM_TRY(parse_number(p, &c.value));
    if (*p->at == '+' && columns[column].value == duration_of) {
        if (ops[c.op].holds[0] != ops[c.op].holds[2])
            return complain(p, number, "a number behind <, <=, > or >= (a window behind = or !=)");
        p->at++;
        skip_spaces(p);
        c.window = true;
        c.start = c.value;
        GGDM_TRY(parse_number(p, &c.value));
    }
    p->out->conditions[p->out->n_conditions++] = c;
    return GGDM_OK;
}

static ggdm_status parse_term(parser *p)
{
    skip_spaces(p);
    size_t length = 0;
    while (isalpha((unsigned char)p->at[length]))
        length++;
    for (int i = 0; i < N_COLUMNS; i++)
        if (strlen(columns[i].name) == length && strncmp(p->at, columns[i].name, length) == 0)
            return parse_condition(p, i);
    if (isdigit((unsigned char)*p->at) || (length == 1 && *p->at == 'c'))
        return parse_range(p);
    char word[16];
    snprintf(word, sizeof word, "%.*s", (int)length, p->at);
    ggdm_nearest meant = {.word = word};
    for (int i = 0; i < N_COLUMNS; i++)
        ggdm_nearest_try(&meant, columns[i].name);
    if (meant.name)
        return GGDM_FAIL(p->err, GGDM_EINVAL,
                         "cell expression '%.200s', column %d: found '%s', did you mean '%s'?",
                         p->text, (int)(p->at - p->text) + 1, word, meant.name);
    return complain(p, p->at,
                    "a cell (7 or c0007), a range (3-9), or a condition on kappa, start, duration "
                    "or target (kappa>=0.1)");
}

ggdm_status ggdm_cell_select_parse(const char *text, int32_t n_cells, ggdm_cell_select *out,
                                   ggdm_error *err)
{
    parser p = {.text = text, .at = text, .n_cells = n_cells, .out = out, .err = err};
    out->n_ranges = out->n_conditions = 0;
    for (;;) {
        if (out->n_ranges + out->n_conditions == GGDM_CELL_SELECT_TERMS)
            return GGDM_FAIL(err, GGDM_EINVAL, "cell expression: more than %d terms",
                             GGDM_CELL_SELECT_TERMS);
        GGDM_TRY(parse_term(&p));
        if (!*p.at)
            return GGDM_OK;
        if (*p.at != ',')
            return complain(&p, p.at, "',' or the end");
        p.at++;
    }
}

bool ggdm_cell_select_has(const ggdm_cell_select *select, const ggdm_cell *cell)
{
    bool named = select->n_ranges == 0;
    for (int i = 0; i < select->n_ranges && !named; i++)
        named = cell->index >= select->ranges[i].first && cell->index <= select->ranges[i].last;
    for (int i = 0; i < select->n_conditions && named; i++) {
        const ggdm_cell_condition *c = &select->conditions[i];
        double v = columns[c->column].value(cell);
        int sign = (v > c->value) - (v < c->value);
        if (c->window && cell->start != c->start)
            sign = 1;
        named = ops[c->op].holds[1 + sign];
    }
    return named;
}

ggdm_status ggdm_cell_select_in(ggdm_store *store, const char *text, bool **out, ggdm_error *err)
{
    ggdm_cell_select select;
    const int32_t n = ggdm_store_n_cells(store);
    bool any = false;
    GGDM_TRY(ggdm_cell_select_parse(text, n, &select, err));
    GGDM_TRY(ggdm_alloc(out, (size_t)n, sizeof **out, err));
    ggdm_status st = GGDM_OK;
    for (int32_t i = 0; i < n && st == GGDM_OK; i++) {
        ggdm_store_cell cell;
        st = ggdm_store_cell_get(store, i, &cell, err);
        (*out)[i] = st == GGDM_OK && ggdm_cell_select_has(&select, &cell.cell);
        any = any || (*out)[i];
    }
    if (st == GGDM_OK && !any)
        st = GGDM_FAIL(err, GGDM_EINVAL, "cell expression '%.200s': none of the %d cells is meant",
                       text, n);
    if (st != GGDM_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}
