/* Animations as GIF, in memory, and small letters to draw into pictures: what giflib has. */
#ifndef GGDM_COMMON_GIF_IMAGE_H
#define GGDM_COMMON_GIF_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/png_image.h"
#include "common/status.h"

typedef struct ggdm_gif ggdm_gif;

/** An animation of width x height pixels that begins anew for ever.  Grey ones (channels 1) are
 *  exact; of RGB ones (3) each pixel takes one of 252 colours, dithered.  Equal frames give equal
 *  bytes.  Owned: ggdm_gif_destroy.  Errors: GGDM_EINVAL as ggdm_pixels_init, GGDM_ENOMEM. */
ggdm_status ggdm_gif_create(int32_t width, int32_t height, int32_t channels, ggdm_gif **out,
                            ggdm_error *err);
/** The next frame, pixels [height, width, channels] u8, shown for so many hundredths of a second.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_gif_add(ggdm_gif *gif, const uint8_t *pixels, int32_t hundredths, ggdm_error *err);
/** No frame comes any more: the file, *data (owned: free()) of *size bytes.  Errors: GGDM_ENOMEM.
 */
ggdm_status ggdm_gif_finish(ggdm_gif *gif, uint8_t **data, size_t *size, ggdm_error *err);
/** Safe on NULL and twice. */
void ggdm_gif_destroy(ggdm_gif **gif);

#define GGDM_LETTER 8 /* pixels: width and height of a letter */

/** Write a text of ASCII in black into out, the first letter's corner at (left, top); what lies
 *  outside is left out. */
void ggdm_draw_text(ggdm_pixels *out, int32_t left, int32_t top, const char *text);

#endif
