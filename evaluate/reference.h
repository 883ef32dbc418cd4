/* What images are compared with: the features of a data set, or what a file says of them. */
#ifndef GGDM_EVALUATE_REFERENCE_H
#define GGDM_EVALUATE_REFERENCE_H

#include "evaluate/rows.h"

typedef struct ggdm_reference {
    char *name;     /* for results, with digits of a digest; owned */
    int64_t n, d;   /* images (0: not said), features */
    ggdm_rows rows; /* of all ranks; rows.n 0: only mu and sigma are known */
    double *mu;     /* [d] mean, on every rank; NULL: not computed yet */
    double *sigma;  /* [d, d] covariance, divided by n - 1, on every rank; NULL */
} ggdm_reference;

#endif
