#include "models/train/picture.h"

#include <string.h>
#include <strings.h>

#include "common/jpeg_image.h"
#include "common/png_image.h"
#include "models/train/fit.h"
#include "models/train/orientation.h"

static const struct {
    const char *begin; /* of the content */
    ggdm_status (*decode)(const void *bytes, size_t size, int32_t max_side, ggdm_pixels *out,
                          ggdm_error *err);
} kinds[] = {{"\x89PNG\r\n\x1a\n", ggdm_png_decode_any}, {"\xff\xd8\xff", ggdm_jpeg_decode}};
static const char *const endings[] = {".png", ".jpg", ".jpeg"};

bool ggdm_picture_is_one(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

static ggdm_status decode_picture(const void *bytes, size_t size, ggdm_pixels *out, ggdm_error *err)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].begin);
        if (size >= n && memcmp(bytes, kinds[i].begin, n) == 0)
            return kinds[i].decode(bytes, size, GGDM_PICTURE_MAX_SIDE, out, err);
    }
    return GGDM_FAIL(err, GGDM_EFORMAT, "expected a PNG or JPEG image");
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
