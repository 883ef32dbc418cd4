/* What the shapes of a U-Net of guided-diffusion or of its first half, a classifier, tell. */
#ifndef GGDM_MODELS_IMPORT_ADM_SHAPES_H
#define GGDM_MODELS_IMPORT_ADM_SHAPES_H

#include "models/import/layout.h"

enum { GGDM_ADM_MAX_LEVELS = 16, GGDM_ADM_MAX_BLOCKS = 256 };

typedef struct ggdm_adm_shapes {
    int blocks, levels, layers; /* input blocks; residual blocks of each level */
    int64_t base, channels;     /* model_channels; of the image */
    double mult[GGDM_ADM_MAX_LEVELS];
    bool attn[GGDM_ADM_MAX_LEVELS];
    bool scale_shift, updown, conv_resample;
    int64_t side; /* of the smallest image, by an attention pool; 0: not told */
} ggdm_adm_shapes;

/** layers: of each level, where the user says so, or 0.  Errors: GGDM_EFORMAT naming the tensor;
 *  GGDM_EINVAL where layers must be said. */
ggdm_status ggdm_adm_shapes_read(const ggdm_named *tensors, int layers, ggdm_adm_shapes *out,
                                 ggdm_error *err);
/** The size of images by the multipliers, as the scripts have it; 0: not a usual one. */
int ggdm_adm_usual_size(const ggdm_adm_shapes *shapes);

#endif
