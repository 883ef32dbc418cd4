/* Pictures of any size and colours as a network takes them. */
#ifndef GGDM_MODELS_TRAIN_FIT_H
#define GGDM_MODELS_TRAIN_FIT_H

#include "common/png_image.h"
#include "models/train/images.h"

/** Put a picture into out [want->size, want->size, want->channels].
 *
 *  GGDM_CROP_NONE: it must have this size; a grey one serves a network of colours, not the other
 *  way round.
 *  GGDM_CROP_CENTER: scaled until its shorter side has want->shorter pixels (0: want->size), of
 *  which the middle is taken; colours become grey by luma (ITU-R BT.601) where the network takes
 *  grey.  Scaling is the PIL's, bicubic with antialiasing, to the bit.
 *
 *  Errors: GGDM_ESHAPE saying what it is and what is taken; GGDM_ENOMEM. */
ggdm_status ggdm_picture_fit(const ggdm_pixels *picture, const ggdm_image_want *want, uint8_t *out,
                             ggdm_error *err);

#endif
