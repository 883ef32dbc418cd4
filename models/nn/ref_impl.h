/* What the files of the references share. */
#ifndef GGDM_MODELS_NN_REF_IMPL_H
#define GGDM_MODELS_NN_REF_IMPL_H

#include <math.h>

#include "models/nn/ref.h"

/* How to read the magnitudes: an intermediate value v with magnitude m_v that enters y by the
 * factor f contributes |f| m_v.  put() stores both results. */

static inline void put(double *y, double *mag, int64_t at, double value, double magnitude)
{
    y[at] = value;
    if (mag)
        mag[at] = fabs(value) + magnitude;
}

#endif
