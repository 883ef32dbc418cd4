#include "evaluate/eigen.h"

#include <dlfcn.h>
#include <lapacke.h>
#include <stddef.h>

#define MAX_SIDE 20000 /* LAPACK counts its workspace, 2 n^2 and more, in 32 bits */

void ggdm_blas_use_one_thread(void)
{
    const union {
        void *address;
        void (*set)(int n);
    } openblas = {.address = dlsym(RTLD_DEFAULT, "openblas_set_num_threads")};
    if (openblas.address)
        openblas.set(1);
}

/* (By columns, so that LAPACK sees the rows' ends as its lower triangle and gives vectors as
 * columns, which are rows here.) */
static ggdm_status decompose(char job, double *a, int64_t n, double *lambda, ggdm_error *err)
{
    if (n > MAX_SIDE)
        return GGDM_FAIL(err, GGDM_ESHAPE, "a matrix of %lld rows, expected at most %d",
                         (long long)n, MAX_SIDE);
    ggdm_blas_use_one_thread();
    const int side = (int)n;
    const int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, job, 'L', side, a, side, lambda);
    if (info == LAPACK_WORK_MEMORY_ERROR)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for the eigenvalues of %d rows", side);
    if (info != 0)
        return GGDM_FAIL(err, GGDM_ENUMERIC, "LAPACK's dsyevd gives %d for a matrix of %d rows",
                         info, side);
    return GGDM_OK;
}

ggdm_status ggdm_eigen(double *a, int64_t n, double *lambda, ggdm_error *err)
{
    return decompose('V', a, n, lambda, err);
}

ggdm_status ggdm_eigenvalues(double *a, int64_t n, double *lambda, ggdm_error *err)
{
    return decompose('N', a, n, lambda, err);
}

ggdm_status ggdm_eigenvalues_of_three(double *d, double *e, int64_t n, ggdm_error *err)
{
    const int info = LAPACKE_dsterf((int)n, d, e);
    if (info != 0)
        return GGDM_FAIL(err, GGDM_ENUMERIC, "LAPACK's dsterf gives %d for a matrix of %lld rows",
                         info, (long long)n);
    return GGDM_OK;
}
