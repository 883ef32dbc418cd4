/* The class that a classifier answers with. */
#ifndef GGDM_COMMON_ARGMAX_H
#define GGDM_COMMON_ARGMAX_H

#include <stdint.h>

/** Index of the largest of n values, the first one of equals; NaN is passed over.  -1 where there
 *  is none. */
int32_t ggdm_argmax(const float *values, int32_t n);

#endif
