/* The IDX format of MNIST: u16 zero, u8 element type (8: u8), u8 number of dimensions, one u32
 * big-endian extent per dimension, then the elements, last index fastest. */
#ifndef GGDM_MODELS_TRAIN_IDX_H
#define GGDM_MODELS_TRAIN_IDX_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

#define GGDM_IDX_MAX_DIMS 4

typedef struct ggdm_idx {
    int n_dims;
    uint32_t dims[GGDM_IDX_MAX_DIMS];
    size_t count;        /* product of dims */
    const uint8_t *data; /* [dims...] u8, borrowed from the parsed bytes */
} ggdm_idx;

/** Parse the size bytes of a whole file that must be u8 with n_dims dimensions (images 3, labels
 * 1). bytes is borrowed; where names it in errors. Errors: GGDM_EFORMAT: wrong magic, truncated,
 * trailing bytes, an extent of 0. */
ggdm_status ggdm_idx_parse(const void *bytes, size_t size, int n_dims, const char *where,
                           ggdm_idx *out, ggdm_error *err);

#endif
