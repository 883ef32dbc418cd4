/* An image's way as an animation: x_t and x0-hat side by side, at some 60 of the steps, then the
 * finished image for a while. */
#ifndef GGDM_COORDINATOR_ANIMATION_H
#define GGDM_COORDINATOR_ANIMATION_H

#include "common/gif_image.h"
#include "jobs/tile.h"
#include "worker/executor.h"

typedef struct ggdm_animation {
    ggdm_gif *gif;
    ggdm_pixels page; /* RGB */
    ggdm_tile tile;
    int32_t every;
    uint8_t *pixels; /* [H, W, C]: scratch */
    uint8_t *grey;   /* [page]: of grey images */
} ggdm_animation;

/** *out is owned: ggdm_animation_deinit (safe on zeros). */
ggdm_status ggdm_animation_init(ggdm_image_shape shape, int32_t steps, ggdm_animation *out,
                                ggdm_error *err);
void ggdm_animation_deinit(ggdm_animation *animation);

/** A frame, where this tick is the first of a step that has one.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_animation_see(ggdm_animation *animation, const ggdm_tick_view *view,
                               ggdm_error *err);
/** The last frame has the finished image, a PNG of ours.  *gif (owned: free()) is the file. */
ggdm_status ggdm_animation_end(ggdm_animation *animation, const ggdm_sample *sample, uint8_t **gif,
                               size_t *size, ggdm_error *err);

#endif
