/* Photographs that are stored lying on their side, as Exif says. */
#ifndef GGDM_MODELS_TRAIN_ORIENTATION_H
#define GGDM_MODELS_TRAIN_ORIENTATION_H

#include "common/png_image.h"

/** The orientation that the Exif data of a JPEG have: 1 to 8; 1 (as it is stored) where there are
 *  none, or nothing that is right.  Safe on any bytes. */
int ggdm_jpeg_orientation(const void *jpeg, size_t size);

/** Turn and mirror pixels until they stand upright.  Errors: GGDM_ENOMEM (they are as before). */
ggdm_status ggdm_pixels_turn(ggdm_pixels *pixels, int orientation, ggdm_error *err);

#endif
