/* The IDX format of MNIST: u16 zero, u8 element type, u8 number of dimensions, one u32 big-endian
 * extent per dimension, then the elements, big-endian, last index fastest. */
#ifndef GGDM_MODELS_TRAIN_IDX_H
#define GGDM_MODELS_TRAIN_IDX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/source.h"

#define GGDM_IDX_MAX_DIMS 4

/* What a file may hold: its first four bytes. */
typedef struct ggdm_idx_kinds {
    uint32_t magic[5]; /* 0 ends them */
    const char *what;  /* in words */
} ggdm_idx_kinds;
extern const ggdm_idx_kinds ggdm_idx_images; /* u8; count, height, width, or with channels behind */
extern const ggdm_idx_kinds ggdm_idx_labels; /* u8, i8, i16, i32; count */

typedef struct ggdm_idx {
    int n_dims;
    uint32_t dims[GGDM_IDX_MAX_DIMS];
    size_t bytes; /* of an element; integers, signed but for u8 */
    bool is_signed;
    size_t size; /* bytes of data that follow */
} ggdm_idx;

/** Read the header; the data follow in the source.
 *  Errors: GGDM_EFORMAT: another kind, an extent of 0, more data than the source can hold. */
ggdm_status ggdm_idx_read(ggdm_source *source, const ggdm_idx_kinds *kinds, ggdm_idx *out,
                          ggdm_error *err);

#endif
