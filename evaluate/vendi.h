/* The Vendi score (Friedman and Dieng 2023): how many different images a set is worth, from 1 (all
 * alike) to n (no two alike in anything). */
#ifndef GGDM_EVALUATE_VENDI_H
#define GGDM_EVALUATE_VENDI_H

#include "jobs/results.h"

/** Of n things whose similarities are k [n, n]: symmetric, positive semidefinite, 1 on the
 * diagonal; row i is read from column i on; k is overwritten.  Errors: those of ggdm_eigen. */
ggdm_status ggdm_vendi_of_kernel(double *k, int64_t n, ggdm_metric_value *out, ggdm_error *err);

#endif
