/* An image's way as a picture: x_t in one row, what x0-hat was of it in the row below, a column
 * each so many steps, and the finished image behind the last (Figures 1 and 2 of the GGDM paper).
 * Values beyond [-1, 1] are shown as if they were at its ends; small images are magnified, large
 * ones averaged down. */
#ifndef GGDM_COORDINATOR_STRIP_H
#define GGDM_COORDINATOR_STRIP_H

#include "common/png_image.h"
#include "jobs/tile.h"
#include "worker/executor.h"

typedef struct ggdm_strip {
    ggdm_pixels page; /* RGB */
    ggdm_tile tile;
    int32_t steps, every;
    int32_t columns, across; /* all; side by side */
    uint8_t *pixels;         /* [H, W, C]: scratch */
} ggdm_strip;

/** For a chain of so many steps, a column every so many.  *out is owned: ggdm_strip_deinit (safe on
 *  zeros).  Errors: GGDM_EINVAL where there would be too many columns for one picture. */
ggdm_status ggdm_strip_init(ggdm_image_shape shape, int32_t steps, int32_t every, ggdm_strip *out,
                            ggdm_error *err);
void ggdm_strip_deinit(ggdm_strip *strip);

/** Draw a tick of the image where it is the first of a step that has a column. */
void ggdm_strip_see(ggdm_strip *strip, const ggdm_tick_view *view);
/** Draw the finished image, a PNG of ours.  Errors: GGDM_EFORMAT. */
ggdm_status ggdm_strip_end(ggdm_strip *strip, const ggdm_sample *sample, ggdm_error *err);
/** The picture, a PNG: *png owned: free(). */
ggdm_status ggdm_strip_encode(const ggdm_strip *strip, uint8_t **png, size_t *size,
                              ggdm_error *err);

/** The tile in which way pictures show an image, about least to most pixels wide. */
ggdm_tile ggdm_way_tile(ggdm_image_shape shape, int32_t least, int32_t most);

#endif
