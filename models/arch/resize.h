/* Images of any size as a network takes them that was made for one size: resized as the programs do
 * it whose figures are to be compared with ours. */
#ifndef GGDM_MODELS_ARCH_RESIZE_H
#define GGDM_MODELS_ARCH_RESIZE_H

#include <stdint.h>

typedef enum ggdm_resize {
    GGDM_RESIZE_NONE, /* images have the size of the network */
    /* Bilinear between the pixels' centres, without antialiasing, then 2 x / 255 - 1: F.interpolate
     * of PyTorch with align_corners=False. */
    GGDM_RESIZE_PYTORCH_FID,
    /* Bilinear between the pixels' corners, as TensorFlow 1 has it, then (x - 128) / 128: what the
     * graph of 2015 does before its first convolution. */
    GGDM_RESIZE_TENSORFLOW
} ggdm_resize;

extern const char
    *const ggdm_resize_names[]; /* "none", "pytorch-fid", "tensorflow"; NULL at the end */

/** image [height, width, channels], 0 to 255, channels 1 (its value is that of red, green and blue)
 *  or 3 -> out [size, size, 3] f32 in [-1, 1] units.  how is not GGDM_RESIZE_NONE.  In f32 with the
 *  roundings of the originals in where pixels lie, so that large images agree with them, too. */
void ggdm_resize_image(ggdm_resize how, const uint8_t *image, int height, int width, int channels,
                       int size, float *out);

#endif
