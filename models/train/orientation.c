#include "models/train/orientation.h"

#include <stdbool.h>
#include <string.h>

enum { ORIENTATION = 0x0112, SHORT = 3, ENTRY = 12 /* bytes */ };

/* --- TIFF, as Exif has it --- */

typedef struct tiff {
    const uint8_t *data;
    size_t size;
    bool big_endian;
} tiff;

/* n bytes at `at`; 0 where there are not so many. */
static uint32_t number(const tiff *t, size_t at, int n)
{
    uint32_t v = 0;
    if (at > t->size || t->size - at < (size_t)n)
        return 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | t->data[at + (size_t)(t->big_endian ? i : n - 1 - i)];
    return v;
}

static int find_orientation(const uint8_t *data, size_t size)
{
    tiff t = {data, size, size > 0 && data[0] == 'M'};
    const size_t first = number(&t, 4, 4) + (size_t)2;
    const uint32_t n = number(&t, first - 2, 2);
    for (uint32_t i = 0; i < n; i++) {
        const size_t at = first + (size_t)i * ENTRY;
        const uint32_t value = number(&t, at + 8, 2);
        if (number(&t, at, 2) == ORIENTATION && number(&t, at + 2, 2) == SHORT)
            return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* --- JPEG --- */

int ggdm_jpeg_orientation(const void *jpeg, size_t size)
{
    static const char exif[6] = "Exif\0";
    const uint8_t *p = jpeg;
    size_t at = 2;
    while (at + 4 <= size && p[0] == 0xff && p[at] == 0xff &&
           p[at + 1] >= 0xe0) { /* APPn, and comments */
        const size_t n = (size_t)p[at + 2] << 8 | p[at + 3];
        if (n < 2 || n > size - at - 2)
            return 1;
        if (p[at + 1] == 0xe1 && n >= 2 + sizeof exif && memcmp(p + at + 4, exif, sizeof exif) == 0)
            return find_orientation(p + at + 4 + sizeof exif, n - 2 - sizeof exif);
        at += 2 + n;
    }
    return 1;
}

/* --- turning --- */

/* Where pixel (x, y) is taken from: (y, x) where sides are swapped; then counted from the other
 * end. */
static const struct {
    bool swap, flip_x, flip_y;
} turns[9] = {[2] = {0, 1, 0}, [3] = {0, 1, 1}, [4] = {0, 0, 1}, [5] = {1, 0, 0},
              [6] = {1, 0, 1}, [7] = {1, 1, 1}, [8] = {1, 1, 0}};

ggdm_status ggdm_pixels_turn(ggdm_pixels *p, int orientation, ggdm_error *err)
{
    const bool swap = turns[orientation].swap;
    const size_t c = (size_t)p->channels;
    ggdm_pixels out;
    if (orientation == 1)
        return GGDM_OK;
    GGDM_TRY(ggdm_pixels_init(&out, swap ? p->height : p->width, swap ? p->width : p->height,
                              p->channels, err));
    uint8_t *to = out.data;
    for (int32_t y = 0; y < out.height; y++)
        for (int32_t x = 0; x < out.width; x++, to += c) {
            int32_t from_x = swap ? y : x, from_y = swap ? x : y;
            from_x = turns[orientation].flip_x ? p->width - 1 - from_x : from_x;
            from_y = turns[orientation].flip_y ? p->height - 1 - from_y : from_y;
            memcpy(to, p->data + ((size_t)from_y * (size_t)p->width + (size_t)from_x) * c, c);
        }
    ggdm_pixels_deinit(p);
    *p = out;
    return GGDM_OK;
}
