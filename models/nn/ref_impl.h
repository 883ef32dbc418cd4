/* What the files of the references share. */
#ifndef GGDM_MODELS_NN_REF_IMPL_H
#define GGDM_MODELS_NN_REF_IMPL_H

#include <math.h>

#include "models/nn/ops.h"
#include "models/nn/ref.h"

/* How to read the magnitudes: an intermediate value v with magnitude m_v that enters y by the
 * factor f contributes |f| m_v.  put() stores both results. */

static inline void put(double *y, double *mag, int64_t at, double value, double magnitude)
{
    y[at] = value;
    if (mag)
        mag[at] = fabs(value) + magnitude;
}

/* Adds the magnitude of the errors of a 3x3 convolution of stride 1 by Winograd's method: every
 * result comes from all pixels of its tile.  mag [n, oh, ow, oc] has the shape out. */
void ggdm_ref_winograd_mag(const ggdm_conv *c, const ggdm_shape *shape, const double *x,
                           const double *w, const ggdm_shape *out, double *mag);

#endif
