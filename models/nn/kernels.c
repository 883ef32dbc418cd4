#include "models/nn/kernels.h"

#include <math.h>
#include <pthread.h>

#include "common/isa.h"

static const ggdm_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose_kernels(void)
{
    ggdm_isa isa;
    if (ggdm_isa_pinned(&isa, NULL) != GGDM_OK)
        isa = GGDM_ISA_REF;
    chosen = isa >= GGDM_ISA_AVX512 ? ggdm_kernels_avx512
             : isa == GGDM_ISA_AVX2 ? ggdm_kernels_avx2
                                    : ggdm_kernels_ref;
}

const ggdm_kernels *ggdm_kernels_of(ggdm_dtype dtype)
{
    pthread_once(&once, choose_kernels);
    return &chosen[dtype == GGDM_BF16];
}

double ggdm_k_log_sum_exp(const float *x, int64_t c)
{
    double max = x[0];
    for (int64_t j = 1; j < c; j++)
        max = x[j] > max ? x[j] : max;
    double sum = exp(x[0] - max);
    for (int64_t j = 1; j < c; j++)
        sum += exp(x[j] - max);
    return max + log(sum);
}

void ggdm_k_log_softmax(const float *x, float *y, int64_t c)
{
    const double shift = ggdm_k_log_sum_exp(x, c);
    for (int64_t j = 0; j < c; j++)
        y[j] = (float)(x[j] - shift);
}
