#include "common/argmax.h"

#include <math.h>

int32_t ggdm_argmax(const float *values, int32_t n)
{
    int32_t best = -1;
    for (int32_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return -1;
        else if (best < 0 || values[i] > values[best])
            best = i;
    return best;
}
