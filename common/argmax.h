/* The class that a classifier answers with. */
#ifndef GGDM_COMMON_ARGMAX_H
#define GGDM_COMMON_ARGMAX_H

#include <stdint.h>

/** Index of the largest of n values, the first one of equals.  -1, which is no answer and never a
 *  wrong one, where there is none, or one that is not finite. */
int32_t ggdm_argmax(const float *values, int32_t n);

#endif
