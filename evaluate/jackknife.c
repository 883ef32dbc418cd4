#include "evaluate/jackknife.h"

#include <math.h>

double ggdm_jackknife(const double *v, int64_t n)
{
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        mean += v[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (v[i] - mean) * (v[i] - mean);
    return sqrt(squares * (double)(n - 1) / (double)n);
}
