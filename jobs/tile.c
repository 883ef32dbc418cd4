#include "jobs/tile.h"

enum { HATCH = 8 }; /* pixels between the lines through a diverged image */

/* Okabe and Ito's green and vermilion: told apart with any kind of colour vision. */
const uint8_t ggdm_frame_colors[GGDM_FRAMES][3] = {
    [GGDM_FRAME_NONE] = {255, 255, 255},
    [GGDM_FRAME_RIGHT] = {0, 158, 115},
    [GGDM_FRAME_WRONG] = {213, 94, 0},
    [GGDM_FRAME_DIVERGED] = {50, 50, 50},
};
static const uint8_t hatch_color[3] = {128, 128, 128};

ggdm_tile ggdm_tile_make(int32_t width, int32_t height, int32_t channels, int32_t up, int32_t down)
{
    return (ggdm_tile){.width = width,
                       .height = height,
                       .channels = channels,
                       .up = up,
                       .down = down,
                       .tile_w = (width + down - 1) / down * up,
                       .tile_h = (height + down - 1) / down * up};
}

/* A diverged image steps back behind its hatching. */
static uint8_t dimmed(uint8_t v, ggdm_frame frame)
{
    return frame == GGDM_FRAME_DIVERGED ? (uint8_t)(v / 2) : v;
}

/* Mean of the block of image pixels behind one tile pixel, or the pixel it magnifies. */
static uint8_t channel_of(const ggdm_tile *t, const uint8_t *pixels, int32_t tx, int32_t ty,
                          int32_t c)
{
    int32_t x0 = tx / t->up * t->down, y0 = ty / t->up * t->down;
    int32_t x1 = x0 + t->down < t->width ? x0 + t->down : t->width;
    int32_t y1 = y0 + t->down < t->height ? y0 + t->down : t->height;
    int32_t sum = 0, n = (x1 - x0) * (y1 - y0);
    for (int32_t y = y0; y < y1; y++)
        for (int32_t x = x0; x < x1; x++)
            sum += pixels[((size_t)y * (size_t)t->width + (size_t)x) * (size_t)t->channels +
                          (size_t)c];
    return (uint8_t)((sum + n / 2) / n);
}

void ggdm_tile_draw(const ggdm_tile *t, const uint8_t *pixels, ggdm_frame frame, ggdm_pixels *out,
                    int32_t left, int32_t top)
{
    for (int32_t y = 0; y < t->tile_h + 2 * GGDM_FRAME; y++) {
        uint8_t *row = out->data + ((size_t)(top + y) * (size_t)out->width + (size_t)left) * 3;
        for (int32_t x = 0; x < t->tile_w + 2 * GGDM_FRAME; x++) {
            int32_t tx = x - GGDM_FRAME, ty = y - GGDM_FRAME;
            bool inside = tx >= 0 && ty >= 0 && tx < t->tile_w && ty < t->tile_h;
            bool hatched = frame == GGDM_FRAME_DIVERGED && (tx + ty) % HATCH < 2;
            for (int32_t c = 0; c < 3; c++) {
                int32_t channel = t->channels == 1 ? 0 : c;
                row[3 * x + c] = !inside   ? ggdm_frame_colors[frame][c]
                                 : hatched ? hatch_color[c]
                                           : dimmed(channel_of(t, pixels, tx, ty, channel), frame);
            }
        }
    }
}
