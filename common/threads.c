#include "common/threads.h"

#include <omp.h>

int ggdm_use_threads(int n)
{
    const int before = omp_get_max_threads();
    if (n > 0)
        omp_set_num_threads(n);
    return before;
}

int ggdm_threads_for(int seats)
{
    return omp_get_max_threads() < seats ? omp_get_max_threads() : seats;
}
