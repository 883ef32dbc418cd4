#include "jobs/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum {
    SMALL = 64,  /* pixels: images up to this side are magnified */
    LARGE = 160, /* larger ones are averaged down to at most this */
    MAGNIFY = 2, /* times */
    FRAME = 2,   /* pixels */
    GAP = 2,     /* pixels between frames and at the border */
    HATCH = 8    /* pixels between the lines through a diverged image */
};

/* Okabe and Ito's green and vermilion: told apart with any kind of colour vision. */
static const uint8_t colors[][3] = {
    [GGDM_FRAME_NONE] = {255, 255, 255},
    [GGDM_FRAME_RIGHT] = {0, 158, 115},
    [GGDM_FRAME_WRONG] = {213, 94, 0},
    [GGDM_FRAME_DIVERGED] = {50, 50, 50},
};
static const uint8_t hatch_color[3] = {128, 128, 128};

struct ggdm_sheet {
    ggdm_pixels out; /* RGB */
    int32_t width, height, channels;
    int32_t up, down; /* one of them is 1 */
    int32_t tile_w, tile_h;
    int32_t columns, count, added;
};

ggdm_status ggdm_sheet_create(int32_t count, int32_t width, int32_t height, int32_t channels,
                              ggdm_sheet **out, ggdm_error *err)
{
    *out = NULL;
    if (count < 1 || width < 1 || height < 1 || width > GGDM_PNG_MAX_SIDE ||
        height > GGDM_PNG_MAX_SIDE || (channels != 1 && channels != 3))
        return GGDM_FAIL(err, GGDM_EINVAL, "sheet of %d images of %d x %d pixels, %d channels",
                         count, width, height, channels);
    ggdm_sheet *s = NULL;
    GGDM_TRY(ggdm_alloc(&s, 1, sizeof *s, err));
    int32_t side = width > height ? width : height;
    s->width = width;
    s->height = height;
    s->channels = channels;
    s->count = count < GGDM_SHEET_MAX ? count : GGDM_SHEET_MAX;
    s->up = side <= SMALL ? MAGNIFY : 1;
    s->down = (side + LARGE - 1) / LARGE;
    s->tile_w = (width + s->down - 1) / s->down * s->up;
    s->tile_h = (height + s->down - 1) / s->down * s->up;
    s->columns = (int32_t)ceil(sqrt(2.0 * s->count)); /* twice as wide as high */
    if (s->columns > s->count)
        s->columns = s->count;
    int32_t rows = (s->count + s->columns - 1) / s->columns;
    ggdm_status st = ggdm_pixels_init(&s->out, s->columns * (s->tile_w + 2 * FRAME + GAP) + GAP,
                                      rows * (s->tile_h + 2 * FRAME + GAP) + GAP, 3, err);
    if (st != GGDM_OK) {
        ggdm_sheet_destroy(&s);
        return st;
    }
    memset(s->out.data, 255, (size_t)s->out.width * (size_t)s->out.height * 3);
    *out = s;
    return st;
}

void ggdm_sheet_destroy(ggdm_sheet **sheet)
{
    if (*sheet)
        ggdm_pixels_deinit(&(*sheet)->out);
    free(*sheet);
    *sheet = NULL;
}

/* A diverged image steps back behind its hatching. */
static uint8_t dimmed(uint8_t v, ggdm_frame frame)
{
    return frame == GGDM_FRAME_DIVERGED ? (uint8_t)(v / 2) : v;
}

/* Mean of the block of image pixels behind one tile pixel, or the pixel it magnifies. */
static uint8_t channel_of(const ggdm_sheet *s, const uint8_t *pixels, int32_t tx, int32_t ty,
                          int32_t c)
{
    int32_t x0 = tx / s->up * s->down, y0 = ty / s->up * s->down;
    int32_t x1 = x0 + s->down < s->width ? x0 + s->down : s->width;
    int32_t y1 = y0 + s->down < s->height ? y0 + s->down : s->height;
    int32_t sum = 0, n = (x1 - x0) * (y1 - y0);
    for (int32_t y = y0; y < y1; y++)
        for (int32_t x = x0; x < x1; x++)
            sum += pixels[((size_t)y * (size_t)s->width + (size_t)x) * (size_t)s->channels +
                          (size_t)c];
    return (uint8_t)((sum + n / 2) / n);
}

void ggdm_sheet_add(ggdm_sheet *sheet, const uint8_t *pixels, ggdm_frame frame)
{
    ggdm_sheet *s = sheet;
    if (s->added >= s->count)
        return;
    int32_t left = GAP + s->added % s->columns * (s->tile_w + 2 * FRAME + GAP);
    int32_t top = GAP + s->added / s->columns * (s->tile_h + 2 * FRAME + GAP);
    s->added++;
    for (int32_t y = 0; y < s->tile_h + 2 * FRAME; y++) {
        uint8_t *row = s->out.data + ((size_t)(top + y) * (size_t)s->out.width + (size_t)left) * 3;
        for (int32_t x = 0; x < s->tile_w + 2 * FRAME; x++) {
            int32_t tx = x - FRAME, ty = y - FRAME;
            bool inside = tx >= 0 && ty >= 0 && tx < s->tile_w && ty < s->tile_h;
            bool hatched = frame == GGDM_FRAME_DIVERGED && (tx + ty) % HATCH < 2;
            for (int32_t c = 0; c < 3; c++) {
                int32_t channel = s->channels == 1 ? 0 : c;
                row[3 * x + c] = !inside   ? colors[frame][c]
                                 : hatched ? hatch_color[c]
                                           : dimmed(channel_of(s, pixels, tx, ty, channel), frame);
            }
        }
    }
}

ggdm_status ggdm_sheet_encode(const ggdm_sheet *sheet, uint8_t **png, size_t *size, ggdm_error *err)
{
    const ggdm_pixels *p = &sheet->out;
    return ggdm_png_encode(p->data, p->width, p->height, p->channels, png, size, err);
}
