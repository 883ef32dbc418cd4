#include "evaluate/partners.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/cell_select.h"

/* A cell of one side.  What sorting puts side by side is a group: cells of equal values, or of
 * equal keys. */
typedef struct member {
    int32_t side, row; /* side: 0 of a, 1 of b */
} member;

typedef struct matching {
    const ggdm_results *table[2];
    ggdm_partners *out;
    bool by_key;
    bool all; /* of one run: everybody in a group with everybody */
    size_t cap;
} matching;

static const ggdm_row *row_of(const matching *m, const member *x)
{
    return &m->table[x->side]->rows[x->row];
}

static ggdm_alone *alone_of(const matching *m, const member *x)
{
    return (x->side ? m->out->alone_b : m->out->alone_a) + x->row;
}

static const char *text_of(const matching *m, const member *x, int32_t i)
{
    const ggdm_matched_column *c = &m->out->columns[i];
    return ggdm_results_value(m->table[x->side], row_of(m, x), x->side ? c->b : c->a).text;
}

static int compare_groups(const matching *m, const member *x, const member *y)
{
    if (m->by_key)
        return memcmp(row_of(m, x)->cell.key, row_of(m, y)->cell.key, GGDM_HASH_SIZE);
    for (int32_t i = 0; i < m->out->n_columns; i++) {
        const int order = strcmp(text_of(m, x, i), text_of(m, y, i));
        if (order)
            return order;
    }
    return 0;
}

/* By all values of their own, of two cells of one side. */
static int compare_values(const matching *m, const member *x, const member *y)
{
    const ggdm_results *r = m->table[x->side];
    for (int32_t i = 0; i < r->n_varying; i++) {
        const int order = strcmp(ggdm_results_value(r, row_of(m, x), r->varying[i]).text,
                                 ggdm_results_value(r, row_of(m, y), r->varying[i]).text);
        if (order)
            return order;
    }
    return 0;
}

/* Within a group by side; then what shows the same images, the one with most of them first. */
static int by_group(const void *a, const void *b, void *context)
{
    const member *x = a, *y = b;
    const ggdm_store_cell *p = &row_of(context, x)->cell, *q = &row_of(context, y)->cell;
    int order = compare_groups(context, x, y);
    if (!order)
        order = x->side - y->side;
    if (!order)
        order = (p->trajectory > q->trajectory) - (p->trajectory < q->trajectory);
    if (!order)
        order = compare_values(context, x, y);
    if (!order)
        order = (p->wanted < q->wanted) - (p->wanted > q->wanted);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* ---- a group ---- */

static ggdm_status add_pair(matching *m, const member *a, const member *b, ggdm_error *err)
{
    ggdm_partners *out = m->out;
    if ((size_t)out->n == m->cap) { /* the arena keeps the old ones: once more as much at most */
        ggdm_partner *more = NULL;
        m->cap = m->cap ? 2 * m->cap : 64;
        GGDM_TRY(ggdm_arena_alloc(&out->arena, m->cap * sizeof *more, &more, err));
        if (out->n)
            memcpy(more, out->pairs, (size_t)out->n * sizeof *more);
        out->pairs = more;
    }
    out->pairs[out->n++] = (ggdm_partner){a->row, b->row, m->by_key};
    *alone_of(m, a) = *alone_of(m, b) = GGDM_ALONE_NOT;
    return GGDM_OK;
}

/* Of cells that a sweep was added for once more only the first stays.  Returns how many are left.
 */
static int32_t drop_repeated(const matching *m, member *x, int32_t n)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++)
        if (kept && row_of(m, &x[kept - 1])->cell.trajectory == row_of(m, &x[i])->cell.trajectory &&
            compare_values(m, &x[kept - 1], &x[i]) == 0)
            *alone_of(m, &x[i]) = GGDM_ALONE_AGAIN;
        else
            x[kept++] = x[i];
    return kept;
}

static ggdm_status match_group(matching *m, member *x, int32_t n, ggdm_error *err)
{
    int32_t n_a = 0;
    while (n_a < n && x[n_a].side == 0)
        n_a++;
    member *b = x + n_a;
    int32_t n_b = n - n_a;
    if (n_a == 0 || n_b == 0)
        return GGDM_OK;
    if (m->by_key) {
        for (int32_t i = 0; i < n_a && i < n_b; i++)
            GGDM_TRY(add_pair(m, &x[i], &b[i], err));
        return GGDM_OK;
    }
    n_a = drop_repeated(m, x, n_a);
    n_b = drop_repeated(m, b, n_b);
    const bool clear = m->all || n_a == 1 || n_b == 1;
    for (int32_t i = 0; i < n_a; i++)
        for (int32_t k = 0; k < n_b; k++)
            if (clear)
                GGDM_TRY(add_pair(m, &x[i], &b[k], err));
            else
                *alone_of(m, &x[i]) = *alone_of(m, &b[k]) = GGDM_ALONE_SEVERAL;
    return GGDM_OK;
}

/* members [n] are sorted here. */
static ggdm_status match_groups(matching *m, member *members, int32_t n, ggdm_error *err)
{
    qsort_r(members, (size_t)n, sizeof *members, by_group, m);
    for (int32_t i = 0, size; i < n; i += size) {
        for (size = 1; i + size < n && compare_groups(m, &members[i], &members[i + size]) == 0;)
            size++;
        GGDM_TRY(match_group(m, &members[i], size, err));
    }
    return GGDM_OK;
}

/* ---- all cells ---- */

static int by_rows(const void *a, const void *b)
{
    const ggdm_partner *x = a, *y = b;
    return x->a != y->a ? (x->a > y->a) - (x->a < y->a) : (x->b > y->b) - (x->b < y->b);
}

static int by_rows_of_b(const void *a, const void *b)
{
    const ggdm_partner *x = a, *y = b;
    return x->b != y->b ? (x->b > y->b) - (x->b < y->b) : (x->a > y->a) - (x->a < y->a);
}

static ggdm_status prepare(matching *m, ggdm_error *err)
{
    ggdm_partners *out = m->out;
    const size_t n_a = (size_t)m->table[0]->n_rows, n_b = (size_t)m->table[1]->n_rows;
    GGDM_TRY(ggdm_arena_alloc(&out->arena, n_a * sizeof *out->alone_a, &out->alone_a, err));
    GGDM_TRY(ggdm_arena_alloc(&out->arena, n_b * sizeof *out->alone_b, &out->alone_b, err));
    for (size_t i = 0; i < n_a; i++)
        out->alone_a[i] = GGDM_ALONE_NONE;
    for (size_t i = 0; i < n_b; i++)
        out->alone_b[i] = GGDM_ALONE_NONE;
    return GGDM_OK;
}

int32_t ggdm_partners_column(const ggdm_results *r, const ggdm_store_column *c)
{
    for (int32_t i = 0; i < r->n_columns; i++)
        if (strcmp(r->columns[i].path, c->path) == 0)
            return i;
    for (int32_t i = 0; i < r->n_columns; i++)
        if (strcmp(r->columns[i].name, c->name) == 0)
            return i;
    return -1;
}

static ggdm_status find_columns(matching *m, ggdm_error *err)
{
    const ggdm_results *a = m->table[0], *b = m->table[1];
    ggdm_partners *out = m->out;
    GGDM_TRY(ggdm_arena_alloc(&out->arena, (size_t)a->n_columns * sizeof *out->columns,
                              &out->columns, err));
    for (int32_t i = 0; i < a->n_columns; i++) {
        const int32_t k = ggdm_partners_column(b, &a->columns[i]);
        if (k >= 0 && (a->columns[i].varies || b->columns[k].varies))
            out->columns[out->n_columns++] = (ggdm_matched_column){i, k};
    }
    return GGDM_OK;
}

/* Cells that are compared with none so far. */
static int32_t collect(const matching *m, member *members)
{
    int32_t n = 0;
    for (int32_t side = 0; side < 2; side++)
        for (int32_t i = 0; i < m->table[side]->n_rows; i++) {
            const member x = {side, i};
            if (*alone_of(m, &x) == GGDM_ALONE_NONE || *alone_of(m, &x) == GGDM_ALONE_SEVERAL)
                members[n++] = x;
        }
    return n;
}

ggdm_status ggdm_partners_of_runs(const ggdm_results *a, const ggdm_results *b, ggdm_partners *out,
                                  ggdm_error *err)
{
    matching m = {.table = {a, b}, .out = out};
    member *members = NULL;
    ggdm_status st;
    *out = (ggdm_partners){0};
    GGDM_TRY(prepare(&m, err));
    GGDM_TRY(find_columns(&m, err));
    GGDM_TRY(ggdm_alloc(&members, (size_t)a->n_rows + (size_t)b->n_rows, sizeof *members, err));
    GGDM_TRY_GOTO(st, match_groups(&m, members, collect(&m, members), err), done);
    m.by_key = true;
    GGDM_TRY_GOTO(st, match_groups(&m, members, collect(&m, members), err), done);
    if (out->n)
        qsort(out->pairs, (size_t)out->n, sizeof *out->pairs, by_rows);
done:
    free(members);
    return st;
}

/* ---- one run ---- */

/* Columns that vary and of which the expression says nothing. */
static ggdm_status find_other_columns(matching *m, const char *against, int32_t chosen,
                                      ggdm_error *err)
{
    const ggdm_results *r = m->table[0];
    ggdm_partners *out = m->out;
    ggdm_cell_select select;
    ggdm_status st;
    GGDM_TRY_GOTO(
        st, ggdm_cell_select_parse(against, r->columns, r->n_columns, r->n_rows, &select, err),
        done);
    GGDM_TRY_GOTO(st,
                  ggdm_arena_alloc(&out->arena, (size_t)r->n_varying * sizeof *out->columns,
                                   &out->columns, err),
                  done);
    for (int32_t i = 0; i < r->n_varying && chosen > 1 && select.n_conditions > 0; i++) {
        bool said = false;
        for (int k = 0; k < select.n_conditions; k++)
            said = said || select.conditions[k].column == r->varying[i];
        if (!said)
            out->columns[out->n_columns++] = (ggdm_matched_column){r->varying[i], r->varying[i]};
    }
done:
    ggdm_cell_select_deinit(&select);
    return st;
}

ggdm_status ggdm_partners_of_run(const ggdm_results *r, const char *against, ggdm_partners *out,
                                 ggdm_error *err)
{
    matching m = {.table = {r, r}, .out = out, .all = true};
    member *members = NULL;
    bool *chosen = NULL;
    int32_t n_chosen = 0;
    ggdm_status st;
    *out = (ggdm_partners){0};
    GGDM_TRY(ggdm_cell_select_in(r->store, against, &chosen, err));
    GGDM_TRY_GOTO(st, prepare(&m, err), done);
    for (int32_t i = 0; i < r->n_rows; i++) {
        const member other = {chosen[i], i};
        *alone_of(&m, &other) = GGDM_ALONE_OUTSIDE;
        n_chosen += chosen[i];
    }
    if (n_chosen == r->n_rows) {
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "cell expression '%.200s': all %d cells are meant, expected others that are "
                       "compared with them",
                       against, n_chosen);
        goto done;
    }
    GGDM_TRY_GOTO(st, find_other_columns(&m, against, n_chosen, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&members, 2 * (size_t)r->n_rows, sizeof *members, err), done);
    GGDM_TRY_GOTO(st, match_groups(&m, members, collect(&m, members), err), done);
    if (out->n)
        qsort(out->pairs, (size_t)out->n, sizeof *out->pairs, by_rows_of_b);
done:
    free(members);
    free(chosen);
    return st;
}

void ggdm_partners_deinit(ggdm_partners *partners)
{
    ggdm_arena_deinit(&partners->arena);
    *partners = (ggdm_partners){0};
}
