/* Pages of the sheet over all cells.  Blocks are composed in a picture of their own, whose border
 * is white: gnuplot blends the outermost pixels of a picture with what is around it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"
#include "jobs/archive.h"
#include "jobs/mosaic_internal.h"

enum {
    GAP = GGDM_MOSAIC_GAP,
    MAX_SIDE = 4096, /* pixels of a generated image */
    EMPTY = 240      /* grey where an image is missing */
};

typedef struct painter {
    const ggdm_mosaic *m;
    ggdm_mosaic_page *p;
    const ggdm_row *row;
    int32_t left, top; /* of its block */
    bool *frames;      /* [GGDM_FRAMES] which there are */
} painter;

/* ---- tiles ----------------------------------------------------------------------------------- */

/* Of the image with this index in its block, inside of its frame. */
static int32_t box_left(const ggdm_mosaic_size *s, int32_t image)
{
    return image % s->across * (s->box_w + 2 * GGDM_FRAME) + GGDM_FRAME;
}

static int32_t box_top(const ggdm_mosaic_size *s, int32_t image)
{
    return image / s->across * (s->box_h + 2 * GGDM_FRAME) + GGDM_FRAME;
}

/* Where everything is. */
static ggdm_status measure_page(const ggdm_mosaic *m, ggdm_mosaic_page *p, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&p->tops, (size_t)(p->l1 - p->l0), sizeof *p->tops, err));
    p->w = ggdm_mosaic_left(m, p, p->c1);
    p->h = GAP;
    for (int32_t l = p->l0; l < p->l1; l++) {
        p->h += ggdm_mosaic_has_heading(m, p, l) ? GGDM_MOSAIC_TEXT_H + GAP : 0;
        p->tops[l - p->l0] = p->h;
        p->h += m->size.block_h + GAP;
    }
    GGDM_TRY(ggdm_pixels_init(&p->out, p->w, p->h, 3, err));
    memset(p->out.data, 255, (size_t)p->w * (size_t)p->h * 3);
    return GGDM_OK;
}

/* Grey where an image is missing. */
static void fill_boxes(const ggdm_mosaic *m, ggdm_mosaic_page *p, int32_t left, int32_t top)
{
    const ggdm_mosaic_size *s = &m->size;
    for (int32_t i = 0; i < s->per_cell; i++) {
        const int32_t x = left + box_left(s, i), y = top + box_top(s, i);
        for (int32_t k = 0; k < s->box_h; k++)
            memset(p->out.data + ((size_t)(y + k) * (size_t)p->w + (size_t)x) * 3, EMPTY,
                   (size_t)s->box_w * 3);
    }
}

static void fill_page(const ggdm_mosaic *m, ggdm_mosaic_page *p)
{
    for (int32_t l = p->l0; l < p->l1; l++)
        for (int32_t c = p->c0; c < p->c1; c++)
            fill_boxes(m, p, ggdm_mosaic_left(m, p, c), p->tops[l - p->l0]);
}

/* An image of another size than the first, by another model, fits into the same box. */
static ggdm_tile tile_in(const ggdm_mosaic_size *s, const ggdm_pixels *image)
{
    const int32_t up_w = s->box_w / image->width, up_h = s->box_h / image->height;
    const int32_t up = up_w < up_h ? up_w : up_h;
    const int32_t down_w = (image->width + s->box_w - 1) / s->box_w;
    const int32_t down_h = (image->height + s->box_h - 1) / s->box_h;
    return ggdm_tile_make(image->width, image->height, image->channels, up > 1 ? up : 1,
                          down_w > down_h ? down_w : down_h);
}

static ggdm_status draw_image(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    painter *d = context;
    const ggdm_mosaic_size *s = &d->m->size;
    const ggdm_results_panel *panel = ggdm_results_panel_of(d->m->r, d->row);
    ggdm_pixels image;
    if (sample->index >= s->per_cell)
        return GGDM_OK;
    if (ggdm_png_decode(sample->data, sample->size, MAX_SIDE, &image, err) != GGDM_OK)
        return ggdm_error_prefix(err, "cell %s, image %d", d->row->cell.name, sample->index);
    const ggdm_tile tile = tile_in(s, &image);
    const ggdm_frame frame = ggdm_frame_of(sample, panel, d->row->aim);
    const int32_t x = d->left + box_left(s, sample->index) + (s->box_w - tile.tile_w) / 2;
    const int32_t y = d->top + box_top(s, sample->index) + (s->box_h - tile.tile_h) / 2;
    ggdm_tile_draw(&tile, image.data, frame, &d->p->out, x - GGDM_FRAME, y - GGDM_FRAME);
    d->frames[frame] = true;
    ggdm_pixels_deinit(&image);
    return GGDM_OK;
}

static ggdm_status draw_cells(const ggdm_mosaic *m, ggdm_mosaic_page *p, bool *frames,
                              ggdm_error *err)
{
    const ggdm_results *r = m->r;
    for (int32_t l = p->l0; l < p->l1; l++)
        for (int32_t i = m->lines[l].first; i < m->lines[l].end; i++) {
            const ggdm_row *row = &r->rows[m->rows[i]];
            const int32_t column = ggdm_axes_rank(&m->axes, m->axes.x, m->rows[i]);
            const ggdm_results_panel *panel = ggdm_results_panel_of(r, row);
            painter d = {.m = m,
                         .p = p,
                         .row = row,
                         .left = ggdm_mosaic_left(m, p, column),
                         .top = p->tops[l - p->l0],
                         .frames = frames};
            const int32_t n =
                m->size.per_cell < row->cell.wanted ? m->size.per_cell : row->cell.wanted;
            if (column >= p->c0 && column < p->c1)
                GGDM_TRY(ggdm_store_each_sample(r->store, row->cell.trajectory, n, true,
                                                panel->scorers, panel->n, draw_image, &d, err));
        }
    return GGDM_OK;
}

static ggdm_status write_tiles(const ggdm_mosaic_page *p, const char *figures, ggdm_error *err)
{
    char name[GGDM_GNUPLOT_NAME_SIZE];
    uint8_t *png = NULL;
    size_t size = 0;
    GGDM_TRY(ggdm_png_encode(p->out.data, p->w, p->h, 3, &png, &size, err));
    ggdm_gnuplot_page(GGDM_MOSAIC_TILES, p->number, "png", name);
    ggdm_status st = ggdm_replace_file_in(figures, name, png, size, err);
    free(png);
    return st;
}

/* ---- all pages ------------------------------------------------------------------------------- */

static ggdm_status draw_page(const ggdm_mosaic *m, ggdm_mosaic_page *p, const char *figures,
                             FILE *script, ggdm_error *err)
{
    bool frames[GGDM_FRAMES] = {false};
    ggdm_status st;
    GGDM_TRY_GOTO(st, measure_page(m, p, err), done);
    fill_page(m, p);
    GGDM_TRY_GOTO(st, draw_cells(m, p, frames, err), done);
    GGDM_TRY_GOTO(st, write_tiles(p, figures, err), done);
    ggdm_mosaic_put_page(script, m, p, frames);
done:
    free(p->tops);
    ggdm_pixels_deinit(&p->out);
    return st;
}

static ggdm_status draw_pages(const ggdm_mosaic *m, const char *figures, int pages, FILE *script,
                              ggdm_error *err)
{
    const int32_t per_line = (m->n_columns + m->size.columns - 1) / m->size.columns;
    ggdm_gnuplot_names(script, GGDM_MOSAIC_FIGURE, pages);
    fputs("set encoding utf8\nunset border\nunset tics\nunset key\n", script);
    for (int i = 0; i < pages; i++) {
        const int32_t c0 = i % per_line * m->size.columns, l0 = i / per_line * m->size.lines;
        const int32_t c1 = c0 + m->size.columns, l1 = l0 + m->size.lines;
        ggdm_mosaic_page p = {.number = i + 1,
                              .of = pages,
                              .c0 = c0,
                              .l0 = l0,
                              .c1 = c1 < m->n_columns ? c1 : m->n_columns,
                              .l1 = l1 < m->n_lines ? l1 : m->n_lines};
        GGDM_TRY(draw_page(m, &p, figures, script, err));
    }
    return GGDM_OK;
}

/* Tiles of pages that an earlier, larger sheet had. */
static void remove_rest(const char *figures, int pages)
{
    for (int i = pages + 1; i <= GGDM_GNUPLOT_PAGES; i++) {
        char name[GGDM_GNUPLOT_NAME_SIZE], *path = NULL;
        ggdm_gnuplot_page(GGDM_MOSAIC_TILES, i, "png", name);
        if (ggdm_path_join(figures, name, &path, NULL) == GGDM_OK)
            unlink(path);
        free(path);
    }
}

static ggdm_status draw_all(const ggdm_mosaic *m, const char *figures, bool *drawn, ggdm_error *err)
{
    const int64_t all = ggdm_mosaic_pages(&m->size, m->n_columns, m->n_lines);
    const int pages = all < GGDM_GNUPLOT_PAGES ? (int)all : GGDM_GNUPLOT_PAGES;
    char *text = NULL, name[GGDM_GNUPLOT_NAME_SIZE];
    size_t size = 0;
    if (all > pages)
        ggdm_log(GGDM_LOG_WARN,
                 "the sheet over all cells shows %d of %lld pages: each cell has its "
                 "own in archive/",
                 pages, (long long)all);
    ggdm_gnuplot_page(GGDM_MOSAIC_FIGURE, 1, "gp", name);
    FILE *script = open_memstream(&text, &size);
    if (!script)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    ggdm_status st = draw_pages(m, figures, pages, script, err);
    const bool bad = ferror(script) != 0;
    if ((fclose(script) != 0 || bad) && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(figures, name, text, size, err);
    free(text);
    GGDM_TRY(st);
    remove_rest(figures, pages);
    return ggdm_gnuplot_draw(figures, GGDM_MOSAIC_FIGURE, pages, drawn, err);
}

static ggdm_status keep_size(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    return ggdm_png_decode(sample->data, sample->size, MAX_SIDE, context, err);
}

/* The first image that there is; no pixels: none. */
static ggdm_status find_size(const ggdm_results *r, ggdm_pixels *out, ggdm_error *err)
{
    *out = (ggdm_pixels){0};
    for (int32_t i = 0; i < r->n_rows && !out->data; i++)
        if (r->rows[i].cell.done)
            GGDM_TRY(ggdm_store_each_sample(r->store, r->rows[i].cell.trajectory, 1, true, NULL, 0,
                                            keep_size, out, err));
    return GGDM_OK;
}

/* As many as asked for, where a cell has so many. */
static int32_t images_of(const ggdm_results *r, int32_t per_cell)
{
    const int32_t asked = per_cell ? per_cell : r->info->sheet ? r->info->sheet : 1;
    int32_t most = 1;
    for (int32_t i = 0; i < r->n_rows; i++)
        most = r->rows[i].cell.wanted > most ? r->rows[i].cell.wanted : most;
    return asked < most ? asked : most;
}

ggdm_status ggdm_mosaic_run(const ggdm_results *r, const char *dir, int32_t per_cell, bool *drawn,
                            ggdm_error *err)
{
    ggdm_mosaic m = {0};
    ggdm_pixels first;
    char *figures = NULL;
    bool done = false;
    ggdm_status st;
    GGDM_TRY_GOTO(st, find_size(r, &first, err), done);
    if (!first.data || r->n_rows < 2)
        goto done;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "figures", &figures, err), done);
    GGDM_TRY_GOTO(st, ggdm_make_dirs(figures, err), done);
    GGDM_TRY_GOTO(
        st, ggdm_mosaic_lay_out(r, images_of(r, per_cell), first.width, first.height, &m, err),
        done);
    st = draw_all(&m, figures, &done, err);
done:
    ggdm_pixels_deinit(&first);
    ggdm_mosaic_deinit(&m);
    free(figures);
    if (drawn)
        *drawn = done;
    return st;
}
