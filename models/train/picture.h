/* Pictures in files, as a network takes them. */
#ifndef GGDM_MODELS_TRAIN_PICTURE_H
#define GGDM_MODELS_TRAIN_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"
#include "models/train/images.h"

#define GGDM_PICTURE_MAX_FILE ((size_t)64 << 20) /* bytes */
#define GGDM_PICTURE_MAX_SIDE 8192               /* pixels */

/** Does the name end like that of one? */
bool ggdm_picture_is_one(const char *name);

/** Bytes that ggdm_picture_take may need for the picture in these bytes, by what its header says;
 *  0: it has none that can be read. */
size_t ggdm_picture_memory(const void *bytes, size_t size);

/** The picture in these bytes, whose begin says what it is, upright and made to fit (fit.h): out
 *  [size, size, channels] of want.  Errors: GGDM_EFORMAT, GGDM_ESHAPE, GGDM_EUNSUPPORTED,
 *  GGDM_ENOMEM, with where in front. */
ggdm_status ggdm_picture_take(const void *bytes, size_t size, const char *where,
                              const ggdm_image_want *want, uint8_t *out, ggdm_error *err);

#endif
