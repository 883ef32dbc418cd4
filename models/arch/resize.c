#include "models/arch/resize.h"

#include <stddef.h>

const char *const ggdm_resize_names[] = {"none", "pytorch-fid", "tensorflow", NULL};

/* A place between two of the pixels of an axis. */
typedef struct place {
    int low, high;
    float part; /* of the way from low to high */
} place;

/* Of pixel i of size in an axis of n pixels. */
static place place_of(ggdm_resize how, int i, int n, int size)
{
    const float scale = (float)n / (float)size;
    float at = how == GGDM_RESIZE_TENSORFLOW ? (float)i * scale : scale * ((float)i + 0.5f) - 0.5f;
    at = at > 0.0f ? at : 0.0f;
    const int low = (int)at < n - 1 ? (int)at : n - 1;
    return (place){low, low < n - 1 ? low + 1 : low, at - (float)low};
}

static float between(float a, float b, float part)
{
    return a + (b - a) * part;
}

void ggdm_resize_image(ggdm_resize how, const uint8_t *image, int height, int width, int channels,
                       int size, float *out)
{
    const float middle = how == GGDM_RESIZE_TENSORFLOW ? 128.0f : 127.5f;
    for (int i = 0; i < size; i++) {
        const place row = place_of(how, i, height, size);
        const uint8_t *top = image + (size_t)row.low * (size_t)width * (size_t)channels;
        const uint8_t *bottom = image + (size_t)row.high * (size_t)width * (size_t)channels;
        for (int j = 0; j < size; j++) {
            const place column = place_of(how, j, width, size);
            for (int c = 0; c < 3; c++) {
                const int at = column.low * channels + c % channels;
                const int next = column.high * channels + c % channels;
                const float above = between(top[at], top[next], column.part);
                const float below = between(bottom[at], bottom[next], column.part);
                *out++ = (between(above, below, row.part) - middle) / middle;
            }
        }
    }
}
