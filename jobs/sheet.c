#include "jobs/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum {
    SMALL = 64,  /* pixels: images up to this side are magnified */
    LARGE = 160, /* larger ones are averaged down to at most this */
    MAGNIFY = 2, /* times */
    GAP = 2      /* pixels between frames and at the border */
};

struct ggdm_sheet {
    ggdm_pixels out; /* RGB */
    ggdm_tile tile;
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
    s->count = count < GGDM_SHEET_MAX ? count : GGDM_SHEET_MAX;
    s->tile = ggdm_tile_make(width, height, channels, side <= SMALL ? MAGNIFY : 1,
                             (side + LARGE - 1) / LARGE);
    s->columns = (int32_t)ceil(sqrt(2.0 * s->count)); /* twice as wide as high */
    if (s->columns > s->count)
        s->columns = s->count;
    int32_t rows = (s->count + s->columns - 1) / s->columns;
    ggdm_status st =
        ggdm_pixels_init(&s->out, s->columns * (s->tile.tile_w + 2 * GGDM_FRAME + GAP) + GAP,
                         rows * (s->tile.tile_h + 2 * GGDM_FRAME + GAP) + GAP, 3, err);
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

void ggdm_sheet_add(ggdm_sheet *sheet, const uint8_t *pixels, ggdm_frame frame)
{
    ggdm_sheet *s = sheet;
    if (s->added >= s->count)
        return;
    int32_t left = GAP + s->added % s->columns * (s->tile.tile_w + 2 * GGDM_FRAME + GAP);
    int32_t top = GAP + s->added / s->columns * (s->tile.tile_h + 2 * GGDM_FRAME + GAP);
    s->added++;
    ggdm_tile_draw(&s->tile, pixels, frame, &s->out, left, top);
}

ggdm_status ggdm_sheet_encode(const ggdm_sheet *sheet, uint8_t **png, size_t *size, ggdm_error *err)
{
    const ggdm_pixels *p = &sheet->out;
    return ggdm_png_encode(p->data, p->width, p->height, p->channels, png, size, err);
}
