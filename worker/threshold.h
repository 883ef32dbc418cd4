/* Dynamic thresholding of x0-hat (Saharia et al. 2022, Imagen, section 2.3). */
#ifndef GGDM_WORKER_THRESHOLD_H
#define GGDM_WORKER_THRESHOLD_H

#include <stdint.h>

/** The quantile of |x|, linear between its two neighbours as torch.quantile has it; of an image
 * that has NaN, these are larger than all else.  ratio from 0 to 1. */
float ggdm_quantile_of_size(const float *x, int64_t n, double ratio);

/** x0[n] <- x0 held in [-s, s], over s, with s the quantile of |x0|, at least 1, at most `most`. */
void ggdm_threshold(float *x0, int64_t n, double ratio, double most);

#endif
