#include "evaluate/cholesky.h"

#include <lapacke.h>

#include "common/mem.h"
#include "evaluate/eigen.h"

ggdm_status ggdm_cholesky(double *a, int64_t n, ggdm_error *err)
{
    ggdm_blas_use_one_thread();
    const int side = (int)n;
    const int info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', side, a, side);
    if (info != 0)
        return GGDM_FAIL(err, GGDM_ENUMERIC, "LAPACK's dpotrf gives %d for a matrix of %d rows",
                         info, side);
    return GGDM_OK;
}

ggdm_status ggdm_cholesky_solve(const double *l, int64_t n, bool transposed, double *b, int64_t m,
                                ggdm_error *err)
{
    ggdm_blas_use_one_thread();
    const int side = (int)n;
    const int info = LAPACKE_dtrtrs(LAPACK_COL_MAJOR, 'L', transposed ? 'T' : 'N', 'N', side,
                                    (int)m, l, side, b, side);
    if (info != 0)
        return GGDM_FAIL(err, GGDM_ENUMERIC, "LAPACK's dtrtrs gives %d for a matrix of %d rows",
                         info, side);
    return GGDM_OK;
}
