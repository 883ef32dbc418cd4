#include "worker/present.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/png_image.h"
#include "worker/sampler.h"

#define SATURATED 0.05f /* share of values from which on an image has diverged */

ggdm_status ggdm_present(const float *x, ggdm_image_shape shape, ggdm_sample *sample, float *seen,
                         float *saturated, ggdm_error *err)
{
    int64_t n = (int64_t)shape.height * shape.width * shape.channels;
    uint8_t *pixels = NULL;
    size_t size = 0;
    GGDM_TRY(ggdm_alloc(&pixels, (size_t)n, 1, err));
    *saturated = ggdm_sampler_quantise(x, pixels, n);
    ggdm_pixels_dequantise(pixels, seen, n);
    ggdm_status st = ggdm_png_encode(pixels, shape.width, shape.height, shape.channels,
                                     &sample->data, &size, err);
    free(pixels);
    sample->media = GGDM_MEDIA_PNG;
    sample->size = (uint32_t)size;
    sample->diverged = sample->diverged_step >= 0 || *saturated > SATURATED;
    return st;
}

static ggdm_status read_png(const ggdm_sample *sample, ggdm_image_shape *shape, float **seen,
                            ggdm_error *err)
{
    ggdm_pixels pixels = {0};
    GGDM_TRY(ggdm_png_decode(sample->data, sample->size, GGDM_PNG_MAX_SIDE, &pixels, err));
    *shape = (ggdm_image_shape){pixels.height, pixels.width, pixels.channels};
    size_t n = (size_t)pixels.height * (size_t)pixels.width * (size_t)pixels.channels;
    ggdm_status st = ggdm_alloc(seen, n, sizeof **seen, err);
    if (st == GGDM_OK)
        ggdm_pixels_dequantise(pixels.data, *seen, (int64_t)n);
    ggdm_pixels_deinit(&pixels);
    return st;
}

ggdm_status ggdm_present_read(const ggdm_sample *sample, ggdm_image_shape *shape, float **seen,
                              ggdm_error *err)
{
    static ggdm_status (*const readers[GGDM_MEDIAS])(const ggdm_sample *, ggdm_image_shape *,
                                                     float **,
                                                     ggdm_error *) = {[GGDM_MEDIA_PNG] = read_png};
    return readers[sample->media](sample, shape, seen, err);
}
