#include "models/train/picture.h"

#include <string.h>
#include <strings.h>

#include "common/jpeg_image.h"
#include "common/png_image.h"
#include "models/train/fit.h"
#include "models/train/orientation.h"

/* Of its header, which a PNG begins with. */
static uint64_t png_area(const void *bytes, size_t size)
{
    enum { WIDTH = 16, HEIGHT = 20, END = 24 }; /* where they are, big-endian */
    const uint8_t *b = bytes;
    uint64_t width = 0, height = 0;
    for (int i = 0; size >= END && i < 4; i++) {
        width = width << 8 | b[WIDTH + i];
        height = height << 8 | b[HEIGHT + i];
    }
    return width * height;
}

typedef struct picture_kind {
    const char *begin; /* of the content */
    ggdm_status (*decode)(const void *bytes, size_t size, int32_t max_side, ggdm_pixels *out,
                          ggdm_error *err);
    uint64_t (*area)(const void *bytes, size_t size); /* pixels; 0: unknown */
    size_t per_pixel; /* bytes at most: colours and transparency, and the colours on white;
                       * coefficients of a progressive one, and colours */
} picture_kind;

static const picture_kind kinds[] = {{"\x89PNG\r\n\x1a\n", ggdm_png_decode_any, png_area, 4 + 3},
                                     {"\xff\xd8\xff", ggdm_jpeg_decode, ggdm_jpeg_area, 6 + 3}};
static const char *const endings[] = {".png", ".jpg", ".jpeg"};

bool ggdm_picture_is_one(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

static const picture_kind *kind_of(const void *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].begin);
        if (size >= n && memcmp(bytes, kinds[i].begin, n) == 0)
            return &kinds[i];
    }
    return NULL;
}

size_t ggdm_picture_memory(const void *bytes, size_t size)
{
    const uint64_t most = (uint64_t)GGDM_PICTURE_MAX_SIDE * GGDM_PICTURE_MAX_SIDE;
    const picture_kind *kind = kind_of(bytes, size);
    const uint64_t area = kind ? kind->area(bytes, size) : 0;
    return kind ? (size_t)(area < most ? area : most) * kind->per_pixel : 0;
}

static ggdm_status decode_picture(const void *bytes, size_t size, ggdm_pixels *out, ggdm_error *err)
{
    const picture_kind *kind = kind_of(bytes, size);
    return kind ? kind->decode(bytes, size, GGDM_PICTURE_MAX_SIDE, out, err)
                : GGDM_FAIL(err, GGDM_EFORMAT, "expected a PNG or JPEG image");
}

ggdm_status ggdm_picture_take(const void *bytes, size_t size, const char *where,
                              const ggdm_image_want *want, uint8_t *out, ggdm_error *err)
{
    ggdm_pixels pixels = {0};
    ggdm_status st = decode_picture(bytes, size, &pixels, err);
    if (st == GGDM_OK)
        st = ggdm_pixels_turn(&pixels, ggdm_jpeg_orientation(bytes, size), err);
    if (st == GGDM_OK)
        st = ggdm_picture_fit(&pixels, want, out, err);
    ggdm_pixels_deinit(&pixels);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "%s", where);
}
