/* PNG images of 8 bits per channel, grey or RGB, from and to memory.  The settings are fixed, so
 * equal pixels give equal bytes (with one libpng and zlib).  Decoding is safe on any input. */
#ifndef GGDM_COMMON_PNG_IMAGE_H
#define GGDM_COMMON_PNG_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

#define GGDM_PNG_MAX_SIDE 16384 /* pixels */

/* Interleaved pixels: data [height, width, channels] u8, owned (ggdm_pixels_deinit). */
typedef struct ggdm_pixels {
    int32_t width, height;
    int32_t channels; /* 1 grey, 3 RGB */
    uint8_t *data;
} ggdm_pixels;

/** Zeroed pixels.  Errors: GGDM_EINVAL (sides outside [1, GGDM_PNG_MAX_SIDE], channels other than
 *  1 and 3), GGDM_ENOMEM. */
ggdm_status ggdm_pixels_init(ggdm_pixels *p, int32_t width, int32_t height, int32_t channels,
                             ggdm_error *err);
/** Safe on zeroed pixels and twice. */
void ggdm_pixels_deinit(ggdm_pixels *p);

/** The pixels in data units: x = u8 / 127.5 - 1. */
void ggdm_pixels_dequantise(const uint8_t *pixels, float *x, int64_t n);

/** Encode pixels [height, width, channels] u8.  *png (owned: free()) gets *size bytes.
 *  Errors: GGDM_EINVAL as ggdm_pixels_init, GGDM_ENOMEM. */
ggdm_status ggdm_png_encode(const uint8_t *pixels, int32_t width, int32_t height, int32_t channels,
                            uint8_t **png, size_t *size, ggdm_error *err);

/* A text in a picture.  key: 1 to 79 letters; text: UTF-8. */
typedef struct ggdm_png_text {
    const char *key, *text;
} ggdm_png_text;

/** The picture png with texts [n] behind its header (tEXt; zTXt where they are long; iTXt where
 *  they are not ASCII); all other bytes of it stay as they are, so that its compressed pixels do.
 *  *out (owned: free()) gets *out_size bytes.  Errors: GGDM_EFORMAT (no PNG), GGDM_ENOMEM. */
ggdm_status ggdm_png_label(const void *png, size_t size, const ggdm_png_text *texts, int n,
                           uint8_t **out, size_t *out_size, ggdm_error *err);

/** Decode a grey or RGB PNG of 8 bits per channel; *out is initialised here.
 *  max_side  pixels; larger images are refused before anything of their size is allocated
 *  Errors: GGDM_EFORMAT (malformed, truncated), GGDM_EUNSUPPORTED (palette, alpha, 16 bits),
 *  GGDM_ESHAPE (larger than max_side), GGDM_ENOMEM. */
ggdm_status ggdm_png_decode(const void *png, size_t size, int32_t max_side, ggdm_pixels *out,
                            ggdm_error *err);
/** The same of any PNG: palettes become colours, 16 bits 8, what is transparent is put on white. */
ggdm_status ggdm_png_decode_any(const void *png, size_t size, int32_t max_side, ggdm_pixels *out,
                                ggdm_error *err);

#endif
