#include "evaluate/neighbours.h"

#include <math.h>
#include <stdlib.h>

#include "evaluate/kept.h"
#include "evaluate/pairs.h"

/* ---- distances ---- */

/* Squares of two matrices' rows, on every rank. */
typedef struct squares {
    double *a, *b; /* owned; b may be a */
} squares;

static void free_squares(squares *s)
{
    if (s->b != s->a)
        free(s->b);
    free(s->a);
}

/* In the order of the features, as products are added. */
static ggdm_status square(const ggdm_rows *rows, double **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_world_alloc(rows->world, out, (size_t)rows->n, sizeof **out, err));
    for (int64_t p = 0; p < ggdm_rows_blocks(rows); p++) {
        const float *x = ggdm_rows_own(rows, p);
        double *v = *out + p * GGDM_ROWS_BLOCK;
        for (int64_t i = 0; x && i < ggdm_rows_count(rows, p); i++)
            for (int64_t k = 0; k < rows->d; k++)
                v[i] += (double)x[i * rows->d + k] * x[i * rows->d + k];
    }
    return ggdm_rows_share(rows, *out, err);
}

static ggdm_status square_both(const ggdm_rows *a, const ggdm_rows *b, squares *s, ggdm_error *err)
{
    GGDM_TRY(square(a, &s->a, err));
    s->b = s->a;
    return a == b ? GGDM_OK : square(b, &s->b, err);
}

static double distance(const squares *s, const ggdm_tile *t, int64_t i, int64_t j)
{
    return fmax(s->a[t->row + i] + s->b[t->column + j] - 2 * t->dots[i * GGDM_ROWS_BLOCK + j], 0);
}

/* ---- the nearest ---- */

typedef struct nearest {
    squares squares;
    int32_t k;
    int64_t n;
    double *out; /* [k][n] */
} nearest;

static void insert(const nearest *c, int64_t i, double v)
{
    int32_t q = c->k - 1;
    if (!(v < c->out[q * c->n + i]))
        return;
    for (; q > 0 && v < c->out[(q - 1) * c->n + i]; q--)
        c->out[q * c->n + i] = c->out[(q - 1) * c->n + i];
    c->out[q * c->n + i] = v;
}

static void visit_nearest(void *context, const ggdm_tile *t)
{
    const nearest *c = context;
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++)
            if (t->row + i != t->column + j)
                insert(c, t->row + i, distance(&c->squares, t, i, j));
}

ggdm_status ggdm_nearest_others(ggdm_rows *rows, int32_t k, double *out, ggdm_error *err)
{
    nearest c = {.k = k, .n = rows->n, .out = out};
    for (int64_t i = 0; i < k * rows->n; i++)
        out[i] = INFINITY;
    ggdm_status st = square_both(rows, rows, &c.squares, err);
    if (st == GGDM_OK)
        st = ggdm_pairs_each(rows, rows, visit_nearest, &c, err);
    for (int32_t q = 0; q < k && st == GGDM_OK; q++)
        st = ggdm_rows_share(rows, out + q * rows->n, err);
    free_squares(&c.squares);
    return st;
}

static ggdm_status find_radii(ggdm_reference *r, double *out, ggdm_error *err)
{
    return ggdm_nearest_others(&r->rows, GGDM_MAX_NEAREST, out, err);
}

ggdm_status ggdm_reference_radii(ggdm_reference *r, int32_t k, const double **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_kept_get(r, find_radii, (size_t)(GGDM_MAX_NEAREST * r->rows.n), out, err));
    *out += (k - 1) * r->rows.n;
    return GGDM_OK;
}

/* ---- who is near ---- */

typedef struct counting {
    squares squares;
    const ggdm_near *near;
} counting;

static void visit_near(void *context, const ggdm_tile *t)
{
    const counting *c = context;
    const ggdm_near *near = c->near;
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++) {
            const int64_t row = t->row + i, column = t->column + j;
            const double d = distance(&c->squares, t, i, j);
            const double radius = near->radii[near->of_b ? column : row];
            if (near->strict ? d >= radius : d > radius)
                continue;
            near->count[row]++;
            if (near->last)
                near->last[row] = (double)column;
        }
}

ggdm_status ggdm_count_near(const ggdm_near *near, ggdm_error *err)
{
    counting c = {.near = near};
    for (int64_t i = 0; i < near->a->n; i++)
        near->count[i] = 0;
    ggdm_status st = square_both(near->a, near->b, &c.squares, err);
    if (st == GGDM_OK)
        st = ggdm_pairs_each(near->a, near->b, visit_near, &c, err);
    if (st == GGDM_OK)
        st = ggdm_rows_share(near->a, near->count, err);
    if (st == GGDM_OK && near->last)
        st = ggdm_rows_share(near->a, near->last, err);
    free_squares(&c.squares);
    return st;
}
