/* What packed messages and blobs are made of.  Fields follow each other without padding, alignment,
 * tags or names: both sides call the same functions in the same order, and what carries the bytes
 * (a message's tag, a database's version) says which order that is.
 *
 *   put and get   bytes   what
 *   u8            1
 *   i32, u32      4       little-endian, two's complement
 *   i64           8       the same
 *   f32, f64      4, 8    the bits of IEEE 754, as unsigned integers: NaN and -0 arrive as they
 * were sent raw           n       bytes, as many as both sides know bytes         4 + n   u32 n,
 * then n bytes count         4       an i32 before that many items; written with ggdm_put_i32
 *
 * Bytes that are read are somebody else's:
 *
 *   - no field goes beyond the end;
 *   - a count is in [0, max], and its items, at their least size, fit in what is left: memory that
 *     is allocated by it is bounded by bytes that did arrive;
 *   - the first failure stays: all that is read after it is 0, so that a loop by it ends at once.
 *
 * Whether bytes may be left behind the last field is its reader's to say, and so is what values
 * mean.  There is no checksum: transports and files have their own. */
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void ggdm_wire_init(ggdm_wire *w)
{
    memset(w, 0, sizeof *w);
}

void ggdm_wire_read(ggdm_wire *w, const void *data, size_t size)
{
    memset(w, 0, sizeof *w);
    w->data = (uint8_t *)data; /* never written: every put fails on a borrowed buffer */
    w->size = size;
}

void ggdm_wire_deinit(ggdm_wire *w)
{
    if (w->cap)
        free(w->data);
    memset(w, 0, sizeof *w);
}

void ggdm_wire_reset(ggdm_wire *w)
{
    w->size = w->pos = 0;
    w->status = GGDM_OK;
}

/* Room for size more bytes, or NULL (also for none: there may be no memory yet to point into). */
static uint8_t *put_space(ggdm_wire *w, size_t size)
{
    if (w->status == GGDM_OK && w->data && !w->cap)
        w->status = GGDM_EINTERNAL;
    if (w->status == GGDM_OK && size > SIZE_MAX - w->size)
        w->status = GGDM_ESHAPE;
    if (w->status == GGDM_OK)
        w->status = ggdm_grow(&w->data, &w->cap, w->size + size, 1, NULL);
    if (w->status != GGDM_OK || size == 0)
        return NULL;
    uint8_t *p = w->data + w->size;
    w->size += size;
    return p;
}

static void put_le(ggdm_wire *w, uint64_t v, size_t size)
{
    uint8_t *p = put_space(w, size);
    for (size_t i = 0; p && i < size; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* The next size bytes, or NULL (also for none). */
static const uint8_t *get_space(ggdm_wire *w, size_t size)
{
    if (w->status == GGDM_OK && size > w->size - w->pos)
        w->status = GGDM_EFORMAT;
    if (w->status != GGDM_OK || size == 0)
        return NULL;
    const uint8_t *p = w->data + w->pos;
    w->pos += size;
    return p;
}

static uint64_t get_le(ggdm_wire *w, size_t size)
{
    const uint8_t *p = get_space(w, size);
    uint64_t v = 0;
    for (size_t i = 0; p && i < size; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

void ggdm_put_u8(ggdm_wire *w, uint8_t v)
{
    put_le(w, v, 1);
}

void ggdm_put_i32(ggdm_wire *w, int32_t v)
{
    put_le(w, (uint32_t)v, 4);
}

void ggdm_put_u32(ggdm_wire *w, uint32_t v)
{
    put_le(w, v, 4);
}

void ggdm_put_i64(ggdm_wire *w, int64_t v)
{
    put_le(w, (uint64_t)v, 8);
}

void ggdm_put_f32(ggdm_wire *w, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_le(w, bits, 4);
}

void ggdm_put_f64(ggdm_wire *w, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_le(w, bits, 8);
}

void ggdm_put_raw(ggdm_wire *w, const void *data, size_t size)
{
    uint8_t *p = put_space(w, size);
    if (p)
        memcpy(p, data, size);
}

void ggdm_put_bytes(ggdm_wire *w, const void *data, size_t size)
{
    if (size > UINT32_MAX) {
        w->status = w->status == GGDM_OK ? GGDM_ESHAPE : w->status;
        return;
    }
    ggdm_put_u32(w, (uint32_t)size);
    uint8_t *p = put_space(w, size);
    if (p)
        memcpy(p, data, size);
}

uint8_t ggdm_get_u8(ggdm_wire *w)
{
    return (uint8_t)get_le(w, 1);
}

int32_t ggdm_get_i32(ggdm_wire *w)
{
    return (int32_t)(uint32_t)get_le(w, 4);
}

uint32_t ggdm_get_u32(ggdm_wire *w)
{
    return (uint32_t)get_le(w, 4);
}

int64_t ggdm_get_i64(ggdm_wire *w)
{
    return (int64_t)get_le(w, 8);
}

float ggdm_get_f32(ggdm_wire *w)
{
    uint32_t bits = (uint32_t)get_le(w, 4);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

double ggdm_get_f64(ggdm_wire *w)
{
    uint64_t bits = get_le(w, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

const uint8_t *ggdm_get_bytes(ggdm_wire *w, size_t *size)
{
    static const uint8_t none;
    size_t n = ggdm_get_u32(w);
    const uint8_t *p = get_space(w, n);
    *size = w->status == GGDM_OK ? n : 0;
    return p ? p : w->status == GGDM_OK ? &none : NULL;
}

void ggdm_get_raw(ggdm_wire *w, void *out, size_t size)
{
    const uint8_t *p = get_space(w, size);
    if (p)
        memcpy(out, p, size);
    else if (size)
        memset(out, 0, size);
}

int32_t ggdm_get_count(ggdm_wire *w, int32_t max, size_t item_bytes)
{
    int32_t n = ggdm_get_i32(w);
    size_t bytes;
    if (w->status != GGDM_OK)
        return 0;
    if (n < 0 || n > max || !ggdm_mul_size((size_t)n, item_bytes, &bytes) ||
        bytes > w->size - w->pos) {
        w->status = GGDM_EFORMAT;
        return 0;
    }
    return n;
}

ggdm_status ggdm_wire_status(const ggdm_wire *w, const char *what, ggdm_error *err)
{
    switch (w->status) {
    case GGDM_OK:
        return GGDM_OK;
    case GGDM_EFORMAT:
        return GGDM_FAIL(err, GGDM_EFORMAT, "message '%s' is malformed near byte %zu of %zu", what,
                         w->pos, w->size);
    case GGDM_ENOMEM:
        return GGDM_FAIL(err, GGDM_ENOMEM, "message '%s': out of memory", what);
    default:
        return GGDM_FAIL(err, w->status, "message '%s': %s", what, ggdm_status_text(w->status));
    }
}
