#include "coordinator/run/strip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gif_image.h"
#include "common/mem.h"
#include "worker/sampler.h"

enum {
    LEAST = 56,   /* pixels of a tile's width, about: a label fits over it */
    MOST = 128,   /* the same, of large images */
    WIDTH = 1600, /* of a page, about; what is wider goes on below */
    EDGE = 4,
    LABELS = EDGE + 7 * GGDM_LETTER, /* of a row: "x0-hat " */
    LINE = GGDM_LETTER + 4,          /* a label's height */
    BETWEEN = 8                      /* blocks of rows */
};

ggdm_tile ggdm_way_tile(ggdm_image_shape shape, int32_t least, int32_t most)
{
    const int32_t side = shape.width;
    const int32_t up = side < least ? (least + side - 1) / side : 1;
    const int32_t down = side > most ? (side + most - 1) / most : 1;
    return ggdm_tile_make(shape.width, shape.height, shape.channels, up, down);
}

static int32_t column_width(const ggdm_strip *s)
{
    return s->tile.tile_w + 2 * GGDM_FRAME;
}

static int32_t row_height(const ggdm_strip *s)
{
    return s->tile.tile_h + 2 * GGDM_FRAME;
}

static int32_t block_height(const ggdm_strip *s)
{
    return LINE + 2 * row_height(s) + BETWEEN;
}

/* Steps with a column: every so many, and the last. */
static int32_t shown_steps(const ggdm_strip *s)
{
    return 1 + (s->steps - 1 + s->every - 1) / s->every;
}

static int32_t column_of(const ggdm_strip *s, int32_t step)
{
    if (step == s->steps - 1)
        return shown_steps(s) - 1;
    return step % s->every == 0 ? step / s->every : -1;
}

/* The corner of a column. */
static void place(const ggdm_strip *s, int32_t column, int32_t *left, int32_t *top)
{
    *left = LABELS + column % s->across * column_width(s);
    *top = column / s->across * block_height(s);
}

static void write_over(ggdm_strip *s, int32_t column, const char *text)
{
    int32_t left, top;
    place(s, column, &left, &top);
    left += (column_width(s) - (int32_t)strlen(text) * GGDM_LETTER) / 2;
    ggdm_draw_text(&s->page, left, top + 2, text);
}

static void draw(ggdm_strip *s, int32_t column, int32_t row, const uint8_t *pixels)
{
    int32_t left, top;
    place(s, column, &left, &top);
    ggdm_tile_draw(&s->tile, pixels, GGDM_FRAME_NONE, &s->page, left,
                   top + LINE + row * row_height(s));
}

/* White, with the names of the rows, and grey where no image will come if it diverges. */
static void draw_empty(ggdm_strip *s)
{
    static const char *const rows[] = {"x_t", "x0-hat"};
    const ggdm_pixels *p = &s->page;
    memset(p->data, 255, (size_t)p->width * (size_t)p->height * 3);
    for (int32_t c = 0; c < s->columns; c += s->across) {
        int32_t left, top;
        place(s, c, &left, &top);
        for (int32_t row = 0; row < 2; row++)
            ggdm_draw_text(&s->page, EDGE,
                           top + LINE + row * row_height(s) + (row_height(s) - GGDM_LETTER) / 2,
                           rows[row]);
    }
    memset(s->pixels, 208,
           (size_t)s->tile.width * (size_t)s->tile.height * (size_t)s->tile.channels);
    for (int32_t c = 0; c + 1 < s->columns; c++)
        for (int32_t row = 0; row < 2; row++)
            draw(s, c, row, s->pixels);
}

/* As many side by side as a page is wide, or as it takes for those below each other to fit. */
static void lay_out(ggdm_strip *s)
{
    const int32_t fit = (WIDTH - LABELS) / column_width(s);
    const int32_t down = GGDM_PNG_MAX_SIDE / block_height(s);
    s->columns = shown_steps(s) + 1;
    const int32_t least = (s->columns + down - 1) / down;
    s->across = fit > least ? fit : least;
    s->across = s->across < s->columns ? s->across : s->columns;
}

static ggdm_status init_page(ggdm_strip *s, ggdm_image_shape shape, ggdm_error *err)
{
    lay_out(s);
    const int32_t blocks = (s->columns + s->across - 1) / s->across;
    if (s->across > (GGDM_PNG_MAX_SIDE - LABELS) / column_width(s))
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "a column every %d of %d steps are %d columns, more than a picture of %d "
                         "pixels' sides holds",
                         s->every, s->steps, s->columns, GGDM_PNG_MAX_SIDE);
    GGDM_TRY(ggdm_alloc(&s->pixels, (size_t)shape.height * (size_t)shape.width,
                        (size_t)shape.channels, err));
    GGDM_TRY(ggdm_pixels_init(&s->page, LABELS + s->across * column_width(s),
                              blocks * block_height(s) - BETWEEN, 3, err));
    draw_empty(s);
    return GGDM_OK;
}

ggdm_status ggdm_strip_init(ggdm_image_shape shape, int32_t steps, int32_t every, ggdm_strip *out,
                            ggdm_error *err)
{
    *out = (ggdm_strip){.tile = ggdm_way_tile(shape, LEAST, MOST), .steps = steps, .every = every};
    ggdm_status st = init_page(out, shape, err);
    if (st != GGDM_OK)
        ggdm_strip_deinit(out);
    return st;
}

void ggdm_strip_deinit(ggdm_strip *s)
{
    ggdm_pixels_deinit(&s->page);
    free(s->pixels);
    s->pixels = NULL;
}

void ggdm_strip_see(ggdm_strip *s, const ggdm_tick_view *view)
{
    const int32_t column = column_of(s, view->step);
    char text[16];
    if (view->tick > 0 || column < 0)
        return;
    ggdm_sampler_quantise(view->x, s->pixels, view->elements);
    draw(s, column, 0, s->pixels);
    ggdm_sampler_quantise(view->x0, s->pixels, view->elements);
    draw(s, column, 1, s->pixels);
    snprintf(text, sizeof text, "t=%d", view->t);
    write_over(s, column, text);
}

ggdm_status ggdm_strip_end(ggdm_strip *s, const ggdm_sample *sample, ggdm_error *err)
{
    ggdm_pixels p = {0};
    GGDM_TRY(ggdm_png_decode(sample->data, sample->size, GGDM_PNG_MAX_SIDE, &p, err));
    draw(s, s->columns - 1, 0, p.data);
    write_over(s, s->columns - 1, "image");
    ggdm_pixels_deinit(&p);
    return GGDM_OK;
}

ggdm_status ggdm_strip_encode(const ggdm_strip *s, uint8_t **png, size_t *size, ggdm_error *err)
{
    return ggdm_png_encode(s->page.data, s->page.width, s->page.height, 3, png, size, err);
}
