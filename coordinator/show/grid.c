#include "coordinator/show/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static int compare_groups(const ggdm_axes *a, int32_t x, int32_t y)
{
    int32_t p = ggdm_axes_rank(a, a->aim, x), q = ggdm_axes_rank(a, a->aim, y);
    return p != q ? (p > q) - (p < q) : ggdm_axes_compare(a, x, y);
}

static int by_group(const void *a, const void *b, void *context)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    int order = compare_groups(context, x, y);
    return order ? order : (x > y) - (x < y);
}

/* ---- layout ---------------------------------------------------------------------------------- */

/* The ranks that cells of a grid have on an axis, in their order, at most max; whether these are
 * all.  place (of a rank): -1, or its index. */
static bool find_ranks(const ggdm_grid *g, int32_t axis, int32_t max, int32_t *ranks, int32_t *n,
                       int32_t *place)
{
    const int32_t values = axis < 0 ? 1 : g->axes->axes[axis].n;
    bool all = true;
    for (int32_t i = 0; i < values; i++)
        place[i] = -1;
    for (int32_t i = 0; i < g->n; i++)
        place[ggdm_axes_rank(g->axes, axis, g->rows[i])] = 0;
    *n = 0;
    for (int32_t i = 0; i < values; i++) {
        if (place[i] < 0)
            continue;
        place[i] = *n < max ? *n : -1;
        all = all && *n < max;
        if (*n < max)
            ranks[(*n)++] = i;
    }
    return all;
}

/* Arrays of a layout, as long as the axes ask for. */
typedef struct space {
    int32_t *xs, *ys, *x_place, *y_place, *cells;
} space;

static void swap(int32_t *a, int32_t *b)
{
    const int32_t was = *a;
    *a = *b;
    *b = was;
}

/* What is too long to go across goes down, where what goes down is not; so do texts. */
static void choose_axes(ggdm_grid *g, const ggdm_grid_limits *limits, space *room)
{
    g->x = g->axes->x;
    g->y = g->axes->curve;
    if (!find_ranks(g, g->x, limits->columns, room->xs, &g->n_xs, room->x_place) &&
        find_ranks(g, g->y, limits->columns, room->xs, &g->n_xs, room->x_place))
        swap(&g->x, &g->y);
    else if (ggdm_axes_is_text(g->axes, g->x) && !ggdm_axes_is_text(g->axes, g->y))
        swap(&g->x, &g->y);
}

/* Whether all cells fit.  Of cells that are there again, in a sweep that was added, the one with
 * most images is shown. */
static bool lay_out(ggdm_grid *g, const ggdm_grid_limits *limits, space *room)
{
    choose_axes(g, limits, room);
    bool all = find_ranks(g, g->x, limits->columns, room->xs, &g->n_xs, room->x_place);
    all = find_ranks(g, g->y, limits->rows, room->ys, &g->n_ys, room->y_place) && all;
    for (int32_t i = 0; i < g->n_xs * g->n_ys; i++)
        room->cells[i] = -1;
    g->xs = room->xs;
    g->ys = room->ys;
    g->cells = room->cells;
    g->note = NULL;
    g->n_noted = 0;
    g->notes_differ = false;
    for (int32_t i = 0; i < g->n; i++) {
        const int32_t row = g->rows[i];
        const char *note = ggdm_quantity_note(g->what, &g->r->rows[row]);
        g->n_noted += *note != '\0';
        g->note = *note && !g->note ? note : g->note;
        g->notes_differ = g->notes_differ || (*note && strcmp(note, g->note) != 0);
        const int32_t x = room->x_place[ggdm_axes_rank(g->axes, g->x, row)];
        const int32_t y = room->y_place[ggdm_axes_rank(g->axes, g->y, row)];
        const int64_t n = ggdm_quantity_value(g->r, g->what, &g->r->rows[row]).n;
        g->n_least = i == 0 || n < g->n_least ? n : g->n_least;
        g->n_most = i == 0 || n > g->n_most ? n : g->n_most;
        if (x < 0 || y < 0)
            continue;
        int32_t *place = &g->cells[y * g->n_xs + x];
        if (*place < 0 || g->r->rows[row].n > g->r->rows[*place].n)
            *place = row;
    }
    return all;
}

static ggdm_status make_room(const ggdm_axes *a, const ggdm_grid_limits *limits, ggdm_arena *arena,
                             space *out, ggdm_error *err)
{
    const size_t nx = a->x < 0 ? 1 : (size_t)a->axes[a->x].n;
    const size_t ny = a->curve < 0 ? 1 : (size_t)a->axes[a->curve].n;
    const size_t n = nx > ny ? nx : ny;
    int32_t **const arrays[] = {&out->xs, &out->ys, &out->x_place, &out->y_place};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        GGDM_TRY(ggdm_arena_alloc(arena, n * sizeof **arrays[i], arrays[i], err));
    const size_t columns = n < (size_t)limits->columns ? n : (size_t)limits->columns;
    const size_t rows = n < (size_t)limits->rows ? n : (size_t)limits->rows;
    return ggdm_arena_alloc(arena, columns * rows * sizeof *out->cells, &out->cells, err);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static ggdm_status visit_groups(ggdm_grid *g, int32_t *rows, int32_t n,
                                const ggdm_grid_limits *limits, space *room,
                                ggdm_grid_visitor visit, void *context, bool *cut, ggdm_error *err)
{
    int32_t grids = 0;
    for (int32_t i = 0; i < n; i += g->n) {
        g->rows = &rows[i];
        for (g->n = 0; i + g->n < n && compare_groups(g->axes, rows[i], rows[i + g->n]) == 0;
             g->n++)
            ;
        if (grids++ == limits->grids) {
            *cut = true;
            return GGDM_OK;
        }
        *cut = !lay_out(g, limits, room) || *cut;
        GGDM_TRY(visit(context, g, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_each_grid(const ggdm_results *r, const ggdm_axes *axes, ggdm_quantity what,
                           const ggdm_grid_limits *limits, ggdm_grid_visitor visit, void *context,
                           bool *found, bool *cut, ggdm_error *err)
{
    ggdm_grid g = {.r = r, .axes = axes, .what = what};
    ggdm_arena arena = {0};
    space room = {0};
    int32_t *rows = NULL, n = 0;
    bool is_cut = false;
    ggdm_status st;
    GGDM_TRY_GOTO(st, make_room(axes, limits, &arena, &room, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&rows, (size_t)r->n_rows, sizeof *rows, err), done);
    for (int32_t i = 0; i < r->n_rows; i++)
        if (ggdm_quantity_applies(r, what, &r->rows[i]))
            rows[n++] = i;
    qsort_r(rows, (size_t)n, sizeof *rows, by_group, (void *)axes);
    st = visit_groups(&g, rows, n, limits, &room, visit, context, &is_cut, err);
done:
    free(rows);
    ggdm_arena_deinit(&arena);
    if (found)
        *found = n > 0;
    if (cut)
        *cut = is_cut;
    return st;
}

/* ---- texts ----------------------------------------------------------------------------------- */

const ggdm_row *ggdm_grid_row(const ggdm_grid *grid, int32_t y, int32_t x)
{
    const int32_t row = grid->cells[y * grid->n_xs + x];
    return row < 0 ? NULL : &grid->r->rows[row];
}

/* Is it what the cells aim at? */
static bool aims(const ggdm_axes *a, int32_t axis, const ggdm_results *r)
{
    return axis >= 0 && a->axes[axis].column == &r->columns[r->aim_column];
}

static const char *aim_text(const ggdm_grid *grid, int32_t i)
{
    const ggdm_results *r = grid->r;
    return ggdm_results_value(r, &r->rows[grid->rows[i]], r->aim_column).text;
}

static bool one_aim(const ggdm_grid *grid)
{
    int32_t i = 0;
    while (i < grid->n && strcmp(aim_text(grid, 0), aim_text(grid, i)) == 0)
        i++;
    return i == grid->n;
}

void ggdm_grid_group(const ggdm_grid *grid, char *text, size_t size)
{
    const ggdm_results *r = grid->r;
    const ggdm_axes *a = grid->axes;
    size_t n = 0;
    text[0] = '\0';
    if (r->aim_column >= 0 && !aims(a, grid->x, r) && !aims(a, grid->y, r))
        n = (size_t)snprintf(text, size, one_aim(grid) ? " for %s %s" : " for the %s of each cell",
                             ggdm_results_aim_name(r), aim_text(grid, 0));
    for (int32_t i = 0; i < a->n_others && n < size; i++) {
        const ggdm_axis *axis = &a->axes[a->others[i]];
        n += (size_t)snprintf(text + n, size - n, ", %s %s", axis->column->name,
                              ggdm_axis_text(axis, axis->rank[grid->rows[0]]));
    }
}

void ggdm_grid_n(const ggdm_grid *grid, char text[64])
{
    if (grid->n_least == grid->n_most)
        snprintf(text, 64, "n = %lld", (long long)grid->n_least);
    else
        snprintf(text, 64, "n = %lld to %lld", (long long)grid->n_least, (long long)grid->n_most);
}

void ggdm_grid_note(const ggdm_grid *grid, char text[160])
{
    text[0] = '\0';
    if (grid->n_noted && grid->n_noted == grid->n && !grid->notes_differ)
        snprintf(text, 160, "%.100s", grid->note);
    else if (grid->n_noted)
        snprintf(text, 160, "%d of %d%s: %.100s", grid->n_noted, grid->n,
                 grid->notes_differ ? ", such as" : "", grid->note);
}
