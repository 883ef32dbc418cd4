#include "jobs/axes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"

#define MAX_LABEL 40 /* letters */

/* ---- values ---------------------------------------------------------------------------------- */

typedef struct place {
    ggdm_store_value value;
    int32_t row;
    int32_t first; /* row where the value appears first */
} place;

static int by_value(const void *a, const void *b)
{
    const place *x = a, *y = b;
    const bool x_text = isnan(x->value.number), y_text = isnan(y->value.number);
    if (x_text != y_text)
        return x_text ? 1 : -1;
    if (!x_text && x->value.number != y->value.number)
        return x->value.number < y->value.number ? -1 : 1;
    int order = x_text ? strcmp(x->value.text, y->value.text) : 0;
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int by_appearance(const void *a, const void *b)
{
    const place *x = a, *y = b;
    const bool x_text = isnan(x->value.number), y_text = isnan(y->value.number);
    if (!x_text || !y_text || x->first == y->first)
        return by_value(a, b);
    return x->first < y->first ? -1 : 1;
}

static bool same_value(ggdm_store_value a, ggdm_store_value b)
{
    return isnan(a.number) ? isnan(b.number) && strcmp(a.text, b.text) == 0 : a.number == b.number;
}

/* Places in the order of their values, equal ones together. */
static void sort_places(place *places, int32_t n)
{
    qsort(places, (size_t)n, sizeof *places, by_value);
    for (int32_t i = 0; i < n; i++)
        places[i].first = i && same_value(places[i - 1].value, places[i].value)
                              ? places[i - 1].first
                              : places[i].row;
    qsort(places, (size_t)n, sizeof *places, by_appearance);
}

static ggdm_status find_values(const ggdm_results *r, int32_t column, place *places, ggdm_axes *out,
                               ggdm_error *err)
{
    ggdm_axis *axis = &out->axes[out->n];
    const size_t n = (size_t)r->n_rows;
    *axis = (ggdm_axis){.column = &r->columns[column], .numeric = true};
    for (int32_t i = 0; i < r->n_rows; i++)
        places[i] = (place){.value = ggdm_results_value(r, &r->rows[i], column), .row = i};
    sort_places(places, r->n_rows);
    for (int32_t i = 0; i < r->n_rows; i++)
        axis->n += i == 0 || !same_value(places[i - 1].value, places[i].value);
    GGDM_TRY(ggdm_arena_alloc(&out->arena, n * sizeof *axis->rank, &axis->rank, err));
    GGDM_TRY(
        ggdm_arena_alloc(&out->arena, (size_t)axis->n * sizeof *axis->values, &axis->values, err));
    int32_t rank = -1;
    for (int32_t i = 0; i < r->n_rows; i++) {
        if (i == 0 || !same_value(places[i - 1].value, places[i].value))
            axis->values[++rank] = places[i].value;
        axis->rank[places[i].row] = rank;
        axis->numeric = axis->numeric && !isnan(places[i].value.number);
    }
    out->n += axis->n > 1;
    return GGDM_OK;
}

/* ---- layout ---------------------------------------------------------------------------------- */

static bool is_scale(const ggdm_axis *axis)
{
    return axis->numeric || axis->column->type == GGDM_PARAM_WINDOW;
}

/* Of those that are free the one with most values, of equals the last. */
static int32_t choose_axis(const ggdm_axes *a, const bool *taken, bool scales)
{
    int32_t best = -1;
    for (int32_t i = 0; i < a->n; i++)
        if (!taken[i] && (!scales || is_scale(&a->axes[i])) &&
            (best < 0 || a->axes[i].n >= a->axes[best].n))
            best = i;
    return best;
}

/* Does the value of b follow from that of a, in every row? */
static bool follows(const ggdm_axis *a, const ggdm_axis *b, int32_t n_rows, int32_t *seen)
{
    for (int32_t i = 0; i < a->n; i++)
        seen[i] = -1;
    for (int32_t i = 0; i < n_rows; i++) {
        int32_t *was = &seen[a->rank[i]];
        if (*was >= 0 && *was != b->rank[i])
            return false;
        *was = b->rank[i];
    }
    return true;
}

static int32_t take_axis(ggdm_axes *a, int32_t chosen, bool *taken, int32_t n_rows, int32_t *seen)
{
    if (chosen < 0)
        return chosen;
    taken[chosen] = true;
    for (int32_t i = 0; i < a->n; i++)
        taken[i] = taken[i] || follows(&a->axes[chosen], &a->axes[i], n_rows, seen);
    return chosen;
}

/* A number that is zipped with a text says less than the text. */
static void leave_zipped_numbers(const ggdm_axes *a, bool *taken, int32_t n_rows, int32_t *seen)
{
    for (int32_t i = 0; i < a->n; i++)
        for (int32_t k = 0; k < a->n && !taken[i] && is_scale(&a->axes[i]); k++)
            taken[i] = !is_scale(&a->axes[k]) && follows(&a->axes[k], &a->axes[i], n_rows, seen);
}

static ggdm_status lay_out(ggdm_axes *a, int32_t aim_column, const ggdm_results *r, ggdm_error *err)
{
    bool *taken = NULL;
    int32_t *seen = NULL;
    const size_t n = (size_t)a->n;
    GGDM_TRY(ggdm_arena_alloc(&a->arena, n * sizeof *taken, &taken, err));
    GGDM_TRY(ggdm_arena_alloc(&a->arena, n * sizeof *a->others, &a->others, err));
    GGDM_TRY(ggdm_arena_alloc(&a->arena, (size_t)r->n_rows * sizeof *seen, &seen, err));
    a->aim = -1;
    for (int32_t i = 0; i < a->n && a->n > 1; i++)
        if (aim_column >= 0 && a->axes[i].column == &r->columns[aim_column])
            a->aim = i;
    if (a->aim >= 0)
        taken[a->aim] = true;
    leave_zipped_numbers(a, taken, r->n_rows, seen);
    a->x = choose_axis(a, taken, true);
    if (a->x < 0)
        a->x = choose_axis(a, taken, false);
    take_axis(a, a->x, taken, r->n_rows, seen);
    a->curve = take_axis(a, choose_axis(a, taken, false), taken, r->n_rows, seen);
    if (a->aim >= 0 &&
        ((a->x >= 0 && follows(&a->axes[a->x], &a->axes[a->aim], r->n_rows, seen)) ||
         (a->curve >= 0 && follows(&a->axes[a->curve], &a->axes[a->aim], r->n_rows, seen))))
        a->aim = -1; /* a prompt says what it aims at */
    for (int32_t i; (i = choose_axis(a, taken, false)) >= 0;)
        a->others[a->n_others++] = take_axis(a, i, taken, r->n_rows, seen);
    return GGDM_OK;
}

ggdm_status ggdm_axes_find(const ggdm_results *r, ggdm_axes *out, ggdm_error *err)
{
    place *places = NULL;
    ggdm_status st;
    *out = (ggdm_axes){.x = -1, .curve = -1, .aim = -1};
    GGDM_TRY(
        ggdm_arena_alloc(&out->arena, (size_t)r->n_varying * sizeof *out->axes, &out->axes, err));
    GGDM_TRY(ggdm_alloc(&places, (size_t)r->n_rows, sizeof *places, err));
    for (int32_t i = 0; i < r->n_varying; i++)
        GGDM_TRY_GOTO(st, find_values(r, r->varying[i], places, out, err), done);
    st = lay_out(out, r->aim_column, r, err);
done:
    free(places);
    return st;
}

void ggdm_axes_deinit(ggdm_axes *axes)
{
    ggdm_arena_deinit(&axes->arena);
    *axes = (ggdm_axes){0};
}

bool ggdm_axes_is_text(const ggdm_axes *axes, int32_t axis)
{
    return axis >= 0 && axes->axes[axis].column->type == GGDM_PARAM_TEXT;
}

int32_t ggdm_axes_rank(const ggdm_axes *axes, int32_t axis, int32_t row)
{
    return axis < 0 ? 0 : axes->axes[axis].rank[row];
}

int ggdm_axes_compare(const ggdm_axes *axes, int32_t x, int32_t y)
{
    for (int32_t i = 0; i < axes->n_others; i++) {
        const int32_t *rank = axes->axes[axes->others[i]].rank;
        if (rank[x] != rank[y])
            return rank[x] < rank[y] ? -1 : 1;
    }
    return 0;
}

const char *ggdm_axis_text(const ggdm_axis *axis, int32_t rank)
{
    const char *text = axis->values[rank].text;
    return *text ? text : "-";
}

const char *ggdm_axis_label(const ggdm_axis *axis, int32_t rank, char text[GGDM_LABEL_SIZE])
{
    ggdm_utf8_shorten(ggdm_axis_text(axis, rank), MAX_LABEL, text, GGDM_LABEL_SIZE);
    return text;
}
