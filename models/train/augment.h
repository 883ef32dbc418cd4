/* Random changes to training images that keep their class.  Pure functions of (seed, sample of the
 * run).  Order: mirroring, affine warp, blur, contrast, noise. */
#ifndef GGDM_MODELS_TRAIN_AUGMENT_H
#define GGDM_MODELS_TRAIN_AUGMENT_H

#include <stdint.h>

/* Strengths: each image draws its own, uniform within the bound. 0 switches a part off. */
typedef struct ggdm_augment {
    double rotate;      /* degrees, +- */
    double scale;       /* relative, +-: factor exp(u), |u| <= scale, per axis */
    double shear;       /* tangent of the angle, +- */
    double shift;       /* pixels, +- in each direction */
    double blur;        /* standard deviation of the Gaussian, pixels, 0.. */
    double blur_share;  /* share of the images that are blurred, 0..1 */
    double noise;       /* standard deviation, in units of the [-1, 1] range, 0.. */
    double noise_share; /* share of the images that get noise, 0..1 */
    double flip;        /* share of the images that are mirrored left to right, 0..1 */
    double contrast;    /* amplitude factor about mid-grey in [1 - contrast, 1 + contrast] */
} ggdm_augment;

/** Change image [H, W, C] f32 in [-1, 1] in place; beyond its border the warp sees -1.  sample is
 *  the position in the stream of training images.  scratch: [H, W, C] floats. */
void ggdm_augment_image(const ggdm_augment *a, uint64_t seed, uint64_t sample, int height,
                        int width, int channels, float *image, float *scratch);

#endif
