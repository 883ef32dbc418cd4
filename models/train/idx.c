#include "models/train/idx.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/mem.h"

const ggdm_idx_kinds ggdm_idx_images = {{0x803, 0x804}, "u8, 3 or 4 dimensions"};
const ggdm_idx_kinds ggdm_idx_labels = {{0x801, 0x901, 0xb01, 0xc01}, "integers, 1 dimension"};

/* Third byte of the magic number. */
static const struct {
    uint8_t code, bytes;
    bool is_signed;
} types[] = {{0x08, 1, false}, {0x09, 1, true}, {0x0b, 2, true}, {0x0c, 4, true}};

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static ggdm_status read_magic(ggdm_source *s, const ggdm_idx_kinds *kinds, ggdm_idx *out,
                              ggdm_error *err)
{
    uint8_t bytes[4];
    char expected[80] = "";
    GGDM_TRY(ggdm_source_read(s, bytes, sizeof bytes, err));
    uint32_t magic = big_endian(bytes);
    int n = 0;
    bool known = false;
    for (int i = 0; kinds->magic[i]; i++) {
        known |= magic == kinds->magic[i];
        n += snprintf(expected + n, sizeof expected - (size_t)n, "%s0x%08x", i ? " or " : "",
                      kinds->magic[i]);
    }
    if (!known)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: magic number 0x%08x, expected %s (IDX, %s)",
                         ggdm_source_where(s), magic, expected, kinds->what);
    int t = 0;
    while (types[t].code != bytes[2])
        t++;
    *out = (ggdm_idx){.n_dims = bytes[3],
                      .bytes = types[t].bytes,
                      .is_signed = types[t].is_signed,
                      .size = types[t].bytes};
    return GGDM_OK;
}

ggdm_status ggdm_idx_read(ggdm_source *s, const ggdm_idx_kinds *kinds, ggdm_idx *out,
                          ggdm_error *err)
{
    uint8_t extent[4];
    GGDM_TRY(read_magic(s, kinds, out, err));
    for (int i = 0; i < out->n_dims; i++) {
        GGDM_TRY(ggdm_source_read(s, extent, sizeof extent, err));
        out->dims[i] = big_endian(extent);
        if (out->dims[i] == 0 || !ggdm_mul_size(out->size, out->dims[i], &out->size))
            return GGDM_FAIL(
                err, GGDM_EFORMAT, "%s: extent %u of dimension %d, expected at least 1%s",
                ggdm_source_where(s), out->dims[i], i, out->dims[i] ? " and no overflow" : "");
    }
    if (out->size > ggdm_source_most(s))
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: truncated: %zu bytes of data by its header, at most %" PRIu64
                         " are there",
                         ggdm_source_where(s), out->size, ggdm_source_most(s));
    return GGDM_OK;
}
