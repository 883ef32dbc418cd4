/* An image in a frame, as contact sheets show it. */
#ifndef GGDM_JOBS_TILE_H
#define GGDM_JOBS_TILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/png_image.h"

typedef enum ggdm_frame {
    GGDM_FRAME_NONE,     /* nothing to judge by */
    GGDM_FRAME_RIGHT,    /* green: the judge sees what was aimed at */
    GGDM_FRAME_WRONG,    /* red: it sees something else */
    GGDM_FRAME_DIVERGED, /* dark, and the image struck through */
    GGDM_FRAMES
} ggdm_frame;

/* R, G, B. */
extern const uint8_t ggdm_frame_colors[GGDM_FRAMES][3];

#define GGDM_FRAME 2 /* pixels: its width */

typedef struct ggdm_tile {
    int32_t width, height, channels; /* of the image; channels 1 or 3 */
    int32_t up, down;                /* times magnified, averaged down; one of them is 1 */
    int32_t tile_w, tile_h;          /* pixels inside the frame */
} ggdm_tile;

ggdm_tile ggdm_tile_make(int32_t width, int32_t height, int32_t channels, int32_t up, int32_t down);

/** Draw pixels [height, width, channels] with their frame into out (RGB), whose pixel (left, top)
 *  is the frame's corner; all of it is inside of out. */
void ggdm_tile_draw(const ggdm_tile *tile, const uint8_t *pixels, ggdm_frame frame,
                    ggdm_pixels *out, int32_t left, int32_t top);

#endif
