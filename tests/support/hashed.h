/* Weights and images out of nothing: numbers that are hashes of a name and a place, which scripts
 * in Python make, too (number() of tests/golden/make_inception.py), so that no file has to hold
 * them. */
#ifndef GGDM_TESTS_SUPPORT_HASHED_H
#define GGDM_TESTS_SUPPORT_HASHED_H

#include "models/arch/arch.h"
#include "models/io/safetensors.h"

/** Of the text of a and b together. */
uint32_t ggdm_hashed_seed(const char *a, const char *b);
uint32_t ggdm_hashed_bits(uint32_t seed, int64_t i);
/** In [-1, 1), exact in f32. */
double ggdm_hashed_number(uint32_t seed, int64_t i);

/* A network with such weights, named as it declares them. */
typedef struct ggdm_hashed {
    ggdm_arch *arch;
    ggdm_graph *names; /* of the parameters */
    float *weights;
    ggdm_params params;
    int64_t count; /* numbers in all of them */
} ggdm_hashed;

/** Each number of a parameter is at + by * ggdm_hashed_number, as scale says of it. */
void ggdm_hashed_open(const char *config,
                      void (*scale)(const ggdm_param_info *p, double *at, double *by),
                      ggdm_hashed *out);
void ggdm_hashed_close(ggdm_hashed *net);

/** How far the n numbers got are from NAME of a file that has every so-manyth of them, in
 * tolerances: "stride" and "tol" of the file have both for each of its tensors. */
double ggdm_hashed_error(const ggdm_safetensors *file, const char *name, const float *got,
                         int64_t n);

#endif
