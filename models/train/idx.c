#include "models/train/idx.h"

#include "common/mem.h"

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

ggdm_status ggdm_idx_parse(const void *bytes, size_t size, int n_dims, const char *where,
                           ggdm_idx *out, ggdm_error *err)
{
    const uint8_t *p = bytes;
    size_t header = 4 + 4 * (size_t)n_dims;
    if (size < 4)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %zu bytes, expected an IDX file", where, size);
    uint32_t magic = big_endian(p), expected = 0x0800u | (uint32_t)n_dims;
    if (magic != expected)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: magic number 0x%08x, expected 0x%08x (IDX, u8, %d dimensions)%s",
                         where, magic, expected, n_dims,
                         magic >> 16 == 0x1f8b ? "; this is a gzip file: unpack it first" : "");
    if (size < header)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: truncated: %zu bytes, the header has %zu", where,
                         size, header);
    ggdm_idx idx = {.n_dims = n_dims, .count = 1, .data = p + header};
    for (int i = 0; i < n_dims; i++) {
        idx.dims[i] = big_endian(p + 4 + 4 * i);
        if (idx.dims[i] == 0 || !ggdm_mul_size(idx.count, idx.dims[i], &idx.count))
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: extent %u of dimension %d, expected at least 1%s", where,
                             idx.dims[i], i, idx.dims[i] ? " and no overflow" : "");
    }
    if (idx.count != size - header)
        return GGDM_FAIL(
            err, GGDM_EFORMAT, "%s: %zu bytes of data after the header, expected %zu (%s)", where,
            size - header, idx.count, size - header < idx.count ? "truncated" : "trailing bytes");
    *out = idx;
    return GGDM_OK;
}
