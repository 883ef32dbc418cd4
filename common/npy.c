#include "common/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *descr;
    uint64_t bytes;
} types[] = {
    [GGDM_NPY_U8] = {"|u1", 1},
    [GGDM_NPY_I64] = {"<i8", 8},
    [GGDM_NPY_F32] = {"<f4", 4},
};

ggdm_status ggdm_npy_header(ggdm_npy_type type, const int64_t *shape, int n_dims,
                            uint8_t header[GGDM_NPY_MAX_HEADER], size_t *header_size,
                            uint64_t *data_size, ggdm_error *err)
{
    enum { PREFIX = 10, ALIGN = 64 };
    char text[GGDM_NPY_MAX_HEADER];
    int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                     types[type].descr);
    uint64_t bytes = types[type].bytes;
    if (n_dims < 1 || n_dims > GGDM_NPY_MAX_DIMS)
        return GGDM_FAIL(err, GGDM_EINVAL, "npy: %d dimensions, expected [1, %d]", n_dims,
                         GGDM_NPY_MAX_DIMS);
    for (int i = 0; i < n_dims; i++) {
        if (shape[i] < 0)
            return GGDM_FAIL(err, GGDM_EINVAL, "npy: dimension %d is %" PRId64, i, shape[i]);
        if (__builtin_mul_overflow(bytes, (uint64_t)shape[i], &bytes))
            return GGDM_FAIL(err, GGDM_ESHAPE, "npy: the array's size overflows");
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%" PRId64, i ? ", " : "", shape[i]);
    }
    /* 8 dimensions of 20 characters fit: text holds at most 60 + 8 * 22 bytes here. */
    n += snprintf(text + n, sizeof text - (size_t)n, "%s), }", n_dims == 1 ? "," : "");
    size_t total = (PREFIX + (size_t)n + 1 + ALIGN - 1) / ALIGN * ALIGN;
    if (total > GGDM_NPY_MAX_HEADER)
        return GGDM_FAIL(err, GGDM_ESHAPE, "npy: header of %zu bytes", total);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (uint8_t)((total - PREFIX) & 0xff);
    header[9] = (uint8_t)((total - PREFIX) >> 8);
    memcpy(header + PREFIX, text, (size_t)n);
    memset(header + PREFIX + n, ' ', total - PREFIX - (size_t)n);
    header[total - 1] = '\n';
    *header_size = total;
    *data_size = bytes;
    return GGDM_OK;
}
