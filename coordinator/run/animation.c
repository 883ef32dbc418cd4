#include "coordinator/run/animation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/run/strip.h"
#include "worker/sampler.h"

enum {
    FRAMES = 60,
    LEAST = 112, /* pixels of a tile's width, about */
    MOST = 256,
    LINE = GGDM_LETTER + 4,
    HUNDREDTHS = 8, /* of a second, for a frame */
    LAST_HUNDREDTHS = 250
};

static int32_t tile_width(const ggdm_animation *a)
{
    return a->tile.tile_w + 2 * GGDM_FRAME;
}

static ggdm_status init(ggdm_animation *a, ggdm_image_shape shape, ggdm_error *err)
{
    GGDM_TRY(ggdm_pixels_init(&a->page, 2 * tile_width(a), a->tile.tile_h + 2 * GGDM_FRAME + LINE,
                              3, err));
    const size_t area = (size_t)a->page.width * (size_t)a->page.height;
    GGDM_TRY(ggdm_alloc(&a->pixels, (size_t)shape.height * (size_t)shape.width,
                        (size_t)shape.channels, err));
    GGDM_TRY(ggdm_alloc(&a->grey, area, 1, err));
    return ggdm_gif_create(a->page.width, a->page.height, shape.channels, &a->gif, err);
}

ggdm_status ggdm_animation_init(ggdm_image_shape shape, int32_t steps, ggdm_animation *out,
                                ggdm_error *err)
{
    *out = (ggdm_animation){.tile = ggdm_way_tile(shape, LEAST, MOST),
                            .every = (steps + FRAMES - 1) / FRAMES};
    ggdm_status st = init(out, shape, err);
    if (st != GGDM_OK)
        ggdm_animation_deinit(out);
    return st;
}

void ggdm_animation_deinit(ggdm_animation *a)
{
    ggdm_gif_destroy(&a->gif);
    ggdm_pixels_deinit(&a->page);
    free(a->pixels);
    free(a->grey);
    a->pixels = a->grey = NULL;
}

/* What stands over the tiles, which are drawn over. */
static void write_over(ggdm_animation *a, const char *left)
{
    memset(a->page.data, 255, (size_t)a->page.width * LINE * 3);
    ggdm_draw_text(&a->page, GGDM_FRAME, 2, left);
    ggdm_draw_text(&a->page, tile_width(a) + GGDM_FRAME, 2, "x0-hat");
}

static void draw(ggdm_animation *a, int32_t column, const uint8_t *pixels)
{
    ggdm_tile_draw(&a->tile, pixels, GGDM_FRAME_NONE, &a->page, column * tile_width(a), LINE);
}

static ggdm_status end_frame(ggdm_animation *a, int32_t hundredths, ggdm_error *err)
{
    const size_t area = (size_t)a->page.width * (size_t)a->page.height;
    if (a->tile.channels == 3)
        return ggdm_gif_add(a->gif, a->page.data, hundredths, err);
    for (size_t i = 0; i < area; i++)
        a->grey[i] = a->page.data[3 * i];
    return ggdm_gif_add(a->gif, a->grey, hundredths, err);
}

ggdm_status ggdm_animation_see(ggdm_animation *a, const ggdm_tick_view *view, ggdm_error *err)
{
    char text[24];
    if (view->tick > 0 || view->step % a->every != 0)
        return GGDM_OK;
    snprintf(text, sizeof text, "x_t, t=%d", view->t);
    write_over(a, text);
    ggdm_sampler_quantise(view->x, a->pixels, view->elements);
    draw(a, 0, a->pixels);
    ggdm_sampler_quantise(view->x0, a->pixels, view->elements);
    draw(a, 1, a->pixels);
    return end_frame(a, HUNDREDTHS, err);
}

ggdm_status ggdm_animation_end(ggdm_animation *a, const ggdm_sample *sample, uint8_t **gif,
                               size_t *size, ggdm_error *err)
{
    ggdm_pixels p = {0};
    GGDM_TRY(ggdm_png_decode(sample->data, sample->size, GGDM_PNG_MAX_SIDE, &p, err));
    write_over(a, "image");
    draw(a, 0, p.data);
    ggdm_pixels_deinit(&p);
    GGDM_TRY(end_frame(a, LAST_HUNDREDTHS, err));
    return ggdm_gif_finish(a->gif, gif, size, err);
}
