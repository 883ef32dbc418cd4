#include "common/gif_image.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/wire.h"

struct ggdm_gif {
    GifFileType *file; /* NULL: finished */
    ggdm_wire bytes;
    GifPixelType *line; /* [width] */
    int32_t width, height, channels;
};

/* ---- colours ------------------------------------------------------------------------------- */

enum { GREYS = 256, LEVELS = 3 };

/* Of red, green, blue: the eye sees green best.  252 colours, the rest of 256 is black. */
static const int levels[LEVELS] = {6, 7, 6};

/* Which share of a level is rounded up at a pixel (Bayer's matrix, in sixteenths). */
static const int thresholds[4][4] = {{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}};

static void fill_colors(int32_t channels, GifColorType *colors)
{
    memset(colors, 0, GREYS * sizeof *colors);
    for (int i = 0; i < GREYS && channels == 1; i++)
        colors[i] = (GifColorType){(GifByteType)i, (GifByteType)i, (GifByteType)i};
    for (int i = 0; i < levels[0] * levels[1] * levels[2] && channels == 3; i++) {
        const int r = i / (levels[1] * levels[2]), g = i / levels[2] % levels[1], b = i % levels[2];
        colors[i] = (GifColorType){(GifByteType)(r * 255 / (levels[0] - 1)),
                                   (GifByteType)(g * 255 / (levels[1] - 1)),
                                   (GifByteType)(b * 255 / (levels[2] - 1))};
    }
}

/* A pixel's colour in that table. */
static GifPixelType color_of(const uint8_t *rgb, int32_t x, int32_t y)
{
    int color = 0;
    for (int c = 0; c < LEVELS; c++) {
        const int scaled = rgb[c] * (levels[c] - 1) * 16, up = thresholds[y % 4][x % 4];
        color = color * levels[c] + (scaled + up * 255 + 127) / (16 * 255);
    }
    return (GifPixelType)color;
}

/* ---- files --------------------------------------------------------------------------------- */

static int keep_bytes(GifFileType *file, const GifByteType *data, int n)
{
    ggdm_wire *w = file->UserData;
    ggdm_put_raw(w, data, (size_t)n);
    return w->status == GGDM_OK ? n : 0;
}

static bool put_header(GifFileType *f, const ggdm_gif *g)
{
    static const unsigned char for_ever[] = {1, 0, 0};
    GifColorType colors[GREYS];
    fill_colors(g->channels, colors);
    ColorMapObject *map = GifMakeMapObject(GREYS, colors);
    EGifSetGifVersion(f, true);
    const bool done = map && EGifPutScreenDesc(f, g->width, g->height, 8, 0, map) == GIF_OK &&
                      EGifPutExtensionLeader(f, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
                      EGifPutExtensionBlock(f, 11, "NETSCAPE2.0") == GIF_OK &&
                      EGifPutExtensionBlock(f, sizeof for_ever, for_ever) == GIF_OK &&
                      EGifPutExtensionTrailer(f) == GIF_OK;
    GifFreeMapObject(map);
    return done;
}

/* Nothing but memory can be wrong. */
static ggdm_status fail_memory(ggdm_error *err)
{
    return GGDM_FAIL(err, GGDM_ENOMEM, "no memory for an animation");
}

static ggdm_status begin(ggdm_gif *g, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&g->line, (size_t)g->width, sizeof *g->line, err));
    g->file = EGifOpen(&g->bytes, keep_bytes, NULL);
    return g->file && put_header(g->file, g) ? GGDM_OK : fail_memory(err);
}

ggdm_status ggdm_gif_create(int32_t width, int32_t height, int32_t channels, ggdm_gif **out,
                            ggdm_error *err)
{
    ggdm_pixels shape; /* whose bounds are these, too */
    GGDM_TRY(ggdm_pixels_init(&shape, width, height, channels, err));
    ggdm_pixels_deinit(&shape);
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->width = width;
    (*out)->height = height;
    (*out)->channels = channels;
    ggdm_wire_init(&(*out)->bytes);
    ggdm_status st = begin(*out, err);
    if (st != GGDM_OK)
        ggdm_gif_destroy(out);
    return st;
}

static bool put_line(ggdm_gif *g, const uint8_t *pixels, int32_t y)
{
    const uint8_t *row = pixels + (size_t)y * (size_t)g->width * (size_t)g->channels;
    for (int32_t x = 0; x < g->width; x++)
        g->line[x] = g->channels == 1 ? row[x] : color_of(row + 3 * (size_t)x, x, y);
    return EGifPutLine(g->file, g->line, g->width) == GIF_OK;
}

ggdm_status ggdm_gif_add(ggdm_gif *g, const uint8_t *pixels, int32_t hundredths, ggdm_error *err)
{
    const GraphicsControlBlock control = {.DisposalMode = DISPOSE_DO_NOT,
                                          .DelayTime = hundredths,
                                          .TransparentColor = NO_TRANSPARENT_COLOR};
    GifByteType packed[4];
    const size_t n = EGifGCBToExtension(&control, packed);
    bool done = EGifPutExtension(g->file, GRAPHICS_EXT_FUNC_CODE, (int)n, packed) == GIF_OK &&
                EGifPutImageDesc(g->file, 0, 0, g->width, g->height, false, NULL) == GIF_OK;
    for (int32_t y = 0; y < g->height && done; y++)
        done = put_line(g, pixels, y);
    return done ? GGDM_OK : fail_memory(err);
}

ggdm_status ggdm_gif_finish(ggdm_gif *g, uint8_t **data, size_t *size, ggdm_error *err)
{
    const bool done = EGifCloseFile(g->file, NULL) == GIF_OK;
    g->file = NULL;
    if (!done)
        return fail_memory(err);
    *data = g->bytes.data;
    *size = g->bytes.size;
    ggdm_wire_init(&g->bytes);
    return GGDM_OK;
}

void ggdm_gif_destroy(ggdm_gif **gif)
{
    ggdm_gif *g = *gif;
    if (!g)
        return;
    if (g->file)
        EGifCloseFile(g->file, NULL);
    ggdm_wire_deinit(&g->bytes);
    free(g->line);
    free(g);
    *gif = NULL;
}

/* ---- letters ------------------------------------------------------------------------------- */

static void draw_letter(ggdm_pixels *out, int32_t left, int32_t top, unsigned char letter)
{
    for (int32_t i = 0; i < GGDM_LETTER * GGDM_LETTER; i++) {
        const int32_t x = left + i % GGDM_LETTER, y = top + i / GGDM_LETTER;
        const bool ink = GifAsciiTable8x8[letter][i / GGDM_LETTER] << i % GGDM_LETTER & 0x80;
        if (ink && x >= 0 && y >= 0 && x < out->width && y < out->height)
            memset(out->data + ((size_t)y * (size_t)out->width + (size_t)x) * (size_t)out->channels,
                   0, (size_t)out->channels);
    }
}

void ggdm_draw_text(ggdm_pixels *out, int32_t left, int32_t top, const char *text)
{
    for (; *text; text++, left += GGDM_LETTER)
        if ((unsigned char)*text < 128)
            draw_letter(out, left, top, (unsigned char)*text);
}
