#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "jobs/mosaic_internal.h"

enum {
    SMALL = 64,    /* pixels: smaller images are magnified, not beyond that */
    LARGE = 128,   /* larger ones are averaged down to at most this */
    PAGE_W = 1800, /* pixels of all blocks of a page; gnuplot takes 64 bytes for each */
    PAGE_H = 1800
};

ggdm_mosaic_size ggdm_mosaic_size_of(int32_t per_cell, int32_t width, int32_t height, bool in_rows)
{
    const int32_t side = width > height ? width : height;
    const int32_t up = side < SMALL ? SMALL / side : 1, down = (side + LARGE - 1) / LARGE;
    ggdm_mosaic_size s = {.per_cell = per_cell,
                          .across = (int32_t)ceil(sqrt(per_cell)),
                          .box_w = (width + down - 1) / down * up,
                          .box_h = (height + down - 1) / down * up};
    if (in_rows && per_cell * (s.box_w + 2 * GGDM_FRAME) <= PAGE_W - 2 * GGDM_MOSAIC_GAP)
        s.across = per_cell;
    s.down = (per_cell + s.across - 1) / s.across;
    s.block_w = s.across * (s.box_w + 2 * GGDM_FRAME);
    s.block_h = s.down * (s.box_h + 2 * GGDM_FRAME);
    s.columns = PAGE_W / (s.block_w + GGDM_MOSAIC_GAP);
    s.lines = PAGE_H / (s.block_h + GGDM_MOSAIC_GAP);
    return s;
}

void ggdm_mosaic_pixels(const ggdm_mosaic_size *size, int32_t columns, int32_t lines,
                        int32_t *width, int32_t *height)
{
    *width = GGDM_MOSAIC_GAP + columns * (size->block_w + GGDM_MOSAIC_GAP);
    *height = GGDM_MOSAIC_GAP + lines * (size->block_h + GGDM_MOSAIC_GAP);
}

int64_t ggdm_mosaic_pages(const ggdm_mosaic_size *size, int64_t columns, int64_t lines)
{
    return (columns + size->columns - 1) / size->columns *
           ((lines + size->lines - 1) / size->lines);
}

/* ---- layout ---------------------------------------------------------------------------------- */

static int compare_groups(const ggdm_mosaic *m, int32_t a, int32_t b)
{
    const int32_t aim = m->aim_groups ? m->axes.aim : -1;
    const int32_t x = ggdm_axes_rank(&m->axes, aim, a), y = ggdm_axes_rank(&m->axes, aim, b);
    return x != y ? (x > y) - (x < y) : ggdm_axes_compare(&m->axes, a, b);
}

static int compare_lines(const ggdm_mosaic *m, int32_t a, int32_t b)
{
    const int order = compare_groups(m, a, b);
    const int32_t x = ggdm_axes_rank(&m->axes, m->y, a), y = ggdm_axes_rank(&m->axes, m->y, b);
    return order ? order : (x > y) - (x < y);
}

static int by_place(const void *a, const void *b, void *context)
{
    const ggdm_mosaic *m = context;
    const int32_t i = *(const int32_t *)a, k = *(const int32_t *)b;
    const int32_t x = ggdm_axes_rank(&m->axes, m->axes.x, i);
    const int32_t y = ggdm_axes_rank(&m->axes, m->axes.x, k);
    const int order = compare_lines(m, i, k);
    return order ? order : x != y ? (x > y) - (x < y) : (i > k) - (i < k);
}

static void find_lines(ggdm_mosaic *m)
{
    for (int32_t i = 0; i < m->r->n_rows; i++) {
        const int32_t row = m->rows[i], before = i ? m->rows[i - 1] : row;
        if (i == 0 || compare_groups(m, before, row) != 0)
            m->n_groups++;
        if (i == 0 || compare_lines(m, before, row) != 0)
            m->lines[m->n_lines++] = (ggdm_mosaic_line){.first = i, .group = m->n_groups - 1};
        m->lines[m->n_lines - 1].end = i + 1;
    }
}

ggdm_status ggdm_mosaic_lay_out(const ggdm_results *r, int32_t per_cell, int32_t width,
                                int32_t height, ggdm_mosaic *out, ggdm_error *err)
{
    const size_t n = (size_t)r->n_rows;
    *out = (ggdm_mosaic){.r = r};
    ggdm_axes *a = &out->axes;
    GGDM_TRY(ggdm_axes_find(r, a, err));
    if (a->curve < 0 && ggdm_axes_is_text(a, a->x)) {
        a->curve = a->x;
        a->x = -1;
    }
    out->y = a->curve >= 0 ? a->curve : a->aim;
    out->aim_groups = a->curve >= 0 && a->aim >= 0;
    out->size = ggdm_mosaic_size_of(per_cell, width, height, ggdm_axes_is_text(a, out->y));
    out->n_columns = a->x < 0 ? 1 : a->axes[a->x].n;
    GGDM_TRY(ggdm_arena_alloc(&a->arena, n * sizeof *out->rows, &out->rows, err));
    GGDM_TRY(ggdm_arena_alloc(&a->arena, n * sizeof *out->lines, &out->lines, err));
    for (int32_t i = 0; i < r->n_rows; i++)
        out->rows[i] = i;
    qsort_r(out->rows, n, sizeof *out->rows, by_place, out);
    find_lines(out);
    return GGDM_OK;
}

void ggdm_mosaic_deinit(ggdm_mosaic *mosaic)
{
    ggdm_axes_deinit(&mosaic->axes);
    *mosaic = (ggdm_mosaic){0};
}

int32_t ggdm_mosaic_left(const ggdm_mosaic *m, const ggdm_mosaic_page *p, int32_t column)
{
    return GGDM_MOSAIC_GAP + (column - p->c0) * (m->size.block_w + GGDM_MOSAIC_GAP);
}

bool ggdm_mosaic_has_heading(const ggdm_mosaic *m, const ggdm_mosaic_page *p, int32_t line)
{
    return m->n_groups > 1 && (line == p->l0 || m->lines[line].group != m->lines[line - 1].group);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static const char *text_of(const ggdm_mosaic *m, int32_t axis, int32_t row)
{
    const ggdm_axis *a = &m->axes.axes[axis];
    return ggdm_axis_text(a, a->rank[row]);
}

void ggdm_mosaic_heading(const ggdm_mosaic *m, int32_t line, char *text, size_t size)
{
    const int32_t row = m->rows[m->lines[line].first];
    size_t n = 0;
    text[0] = '\0';
    for (int32_t i = m->aim_groups ? -1 : 0; i < m->axes.n_others && n < size; i++) {
        const int32_t axis = i < 0 ? m->axes.aim : m->axes.others[i];
        n += (size_t)snprintf(text + n, size - n, "%s%s = %s", n ? ", " : "",
                              m->axes.axes[axis].column->label, text_of(m, axis, row));
    }
}

const char *ggdm_mosaic_column_text(const ggdm_mosaic *m, int32_t column)
{
    return m->axes.x < 0 ? "" : ggdm_axis_text(&m->axes.axes[m->axes.x], column);
}

const char *ggdm_mosaic_line_text(const ggdm_mosaic *m, int32_t line)
{
    return m->y < 0 ? "" : text_of(m, m->y, m->rows[m->lines[line].first]);
}
