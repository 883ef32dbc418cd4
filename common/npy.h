/* Header of NumPy's .npy format, version 1.0: magic "\x93NUMPY", 1, 0, u16 little-endian length of
 * the text, the text as a Python dict, padded with spaces to a multiple of 64 bytes and closed by a
 * line feed; then the elements in C order, little-endian. */
#ifndef GGDM_COMMON_NPY_H
#define GGDM_COMMON_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

typedef enum ggdm_npy_type { GGDM_NPY_U8, GGDM_NPY_I64, GGDM_NPY_F32 } ggdm_npy_type;

#define GGDM_NPY_MAX_HEADER 256 /* bytes */
#define GGDM_NPY_MAX_DIMS 8

/** Header of an array of this type and shape[n_dims] (elements); *header_size gets its bytes,
 *  *data_size the bytes of elements that have to follow.
 *  Errors: GGDM_EINVAL (n_dims outside [1, GGDM_NPY_MAX_DIMS], negative side), GGDM_ESHAPE (size
 *  overflows). */
ggdm_status ggdm_npy_header(ggdm_npy_type type, const int64_t *shape, int n_dims,
                            uint8_t header[GGDM_NPY_MAX_HEADER], size_t *header_size,
                            uint64_t *data_size, ggdm_error *err);

#endif
