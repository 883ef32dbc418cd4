/* What both metrics of the kernel inception distance share. */
#ifndef GGDM_EVALUATE_KID_H
#define GGDM_EVALUATE_KID_H

#include "evaluate/pairs.h"
#include "evaluate/reference.h"

/** k of two images whose d features have the product dot. */
static inline double ggdm_kid_kernel(double dot, double d)
{
    const double v = dot / d + 1;
    return v * v * v;
}

#endif
