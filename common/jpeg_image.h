/* JPEG images, grey or RGB, from memory.  Decoding is safe on any input. */
#ifndef GGDM_COMMON_JPEG_IMAGE_H
#define GGDM_COMMON_JPEG_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/png_image.h"
#include "common/status.h"

/** Decode a JPEG; *out is initialised here.
 *  max_side  pixels; larger images are refused before anything of their size is allocated
 *  Errors: GGDM_EFORMAT (malformed, truncated), GGDM_EUNSUPPORTED (CMYK), GGDM_ESHAPE (larger than
 *  max_side), GGDM_ENOMEM. */
ggdm_status ggdm_jpeg_decode(const void *jpeg, size_t size, int32_t max_side, ggdm_pixels *out,
                             ggdm_error *err);

/** Pixels that it has by its header; 0: unknown. */
uint64_t ggdm_jpeg_area(const void *jpeg, size_t size);

#endif
