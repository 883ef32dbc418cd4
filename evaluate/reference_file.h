/* What an npz file says of a set of images: arrays of
 *
 *   mu [d], sigma [d, d]      f32 or f64: mean and covariance of their features (pytorch-fid, EDM)
 *   mu_s, sigma_s             the same of spatial features (the evaluator of OpenAI)
 *   arr_0 [N, H, W, C]        u8: the images themselves
 *
 * and, in files of ours, of
 *
 *   n [1]                     i64: how many images
 *   features [bytes]          u8: what they are features of, as ggdm_features_name has it
 *   activations [n, d]        f32: the features of each image */
#ifndef GGDM_EVALUATE_REFERENCE_FILE_H
#define GGDM_EVALUATE_REFERENCE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/source.h"

typedef struct ggdm_moments {
    double *mu;    /* [d]; NULL: there are none; owned */
    double *sigma; /* [d, d]; owned */
    int64_t d;
} ggdm_moments;

enum { GGDM_MOMENTS, GGDM_MOMENTS_SPATIAL, GGDM_N_MOMENTS };

typedef struct ggdm_reference_file {
    ggdm_moments moments[GGDM_N_MOMENTS];
    int64_t n;      /* 0: not said */
    char *features; /* NULL: not said; owned */
    bool images;
    int64_t rows, d; /* of activations; 0: there are none */
} ggdm_reference_file;

/** Read all but images and activations.
 *  Errors: those of the source and of ggdm_npy_read; GGDM_EUNSUPPORTED (dtype), GGDM_ESHAPE,
 *  GGDM_EFORMAT (not finite, not symmetric, nothing to compare with), naming file and array. */
ggdm_status ggdm_reference_file_read(const char *path, ggdm_reference_file *out, ggdm_error *err);
void ggdm_reference_file_deinit(ggdm_reference_file *file);

/** Open it before the first element of its activations [file->rows, file->d]. */
ggdm_status ggdm_reference_file_activations(const char *path, const ggdm_reference_file *file,
                                            ggdm_source **out, ggdm_error *err);

#endif
