/* The files of a folder of images. */
#ifndef GGDM_MODELS_TRAIN_PICTURE_H
#define GGDM_MODELS_TRAIN_PICTURE_H

#include <stdbool.h>

#include "common/png_image.h"
#include "common/status.h"

/** Does the name end like one? */
bool ggdm_picture_is_one(const char *name);

/** Read the picture at path, whose content says what it is; *out is initialised here.
 *  Errors: those of ggdm_png_decode and ggdm_read_file, with the path. */
ggdm_status ggdm_picture_read(const char *path, int32_t max_side, ggdm_pixels *out,
                              ggdm_error *err);

#endif
