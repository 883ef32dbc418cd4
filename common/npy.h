/* Headers of arrays in NumPy's npy format, which npy.c specifies. */
#ifndef GGDM_COMMON_NPY_H
#define GGDM_COMMON_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/source.h"

typedef enum ggdm_npy_type { GGDM_NPY_U8, GGDM_NPY_I64, GGDM_NPY_F32, GGDM_NPY_F64 } ggdm_npy_type;

#define GGDM_NPY_MAX_HEADER 256 /* bytes */
#define GGDM_NPY_MAX_DIMS 8

/** Header of an array of this type and shape[n_dims] (elements); *header_size gets its bytes,
 *  *data_size the bytes of elements that have to follow.
 *  Errors: GGDM_EINVAL (n_dims outside [1, GGDM_NPY_MAX_DIMS], negative side), GGDM_ESHAPE (size
 *  overflows). */
ggdm_status ggdm_npy_header(ggdm_npy_type type, const int64_t *shape, int n_dims,
                            uint8_t header[GGDM_NPY_MAX_HEADER], size_t *header_size,
                            uint64_t *data_size, ggdm_error *err);

/* A header that was read.  Elements: kind 'u', 'i', 'f', 'b' ..., bytes each. */
typedef struct ggdm_npy {
    char kind;
    int bytes;
    bool big_endian;
    int n_dims;
    int64_t shape[GGDM_NPY_MAX_DIMS];
    uint64_t size; /* bytes of elements that follow */
} ggdm_npy;

/** Read a header (version 1 to 3, at most 64 KiB); the elements follow in the source.
 *  Errors: GGDM_EFORMAT, GGDM_EUNSUPPORTED (records, Fortran order, too many dimensions), also when
 *  the source cannot hold so much. */
ggdm_status ggdm_npy_read(ggdm_source *source, ggdm_npy *out, ggdm_error *err);

#endif
