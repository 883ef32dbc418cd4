/* Bounded little-endian cursor: one buffer that grows while packing and is checked while
 * unpacking.  After the first failure every further call fails with the same status, so a
 * sequence of calls needs one check at its end (ggdm_wire_status). */
#ifndef GGDM_COMMON_WIRE_H
#define GGDM_COMMON_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

typedef struct ggdm_wire {
    uint8_t *data; /* owned when packing (ggdm_wire_deinit), borrowed when unpacking */
    size_t size;   /* bytes written, or bytes there are */
    size_t pos;    /* read position */
    size_t cap;    /* bytes allocated; 0: borrowed */
    ggdm_status status;
} ggdm_wire;

/** Empty wire for packing. */
void ggdm_wire_init(ggdm_wire *w);
/** Wire that reads size borrowed bytes. */
void ggdm_wire_read(ggdm_wire *w, const void *data, size_t size);
void ggdm_wire_deinit(ggdm_wire *w);
/** Forget the content, keep the memory (packing). */
void ggdm_wire_reset(ggdm_wire *w);

void ggdm_put_u8(ggdm_wire *w, uint8_t v);
void ggdm_put_i32(ggdm_wire *w, int32_t v);
void ggdm_put_u32(ggdm_wire *w, uint32_t v);
void ggdm_put_i64(ggdm_wire *w, int64_t v);
void ggdm_put_f32(ggdm_wire *w, float v);
void ggdm_put_f64(ggdm_wire *w, double v);
/** u32 length, then the bytes. */
void ggdm_put_bytes(ggdm_wire *w, const void *data, size_t size);
/** The bytes alone. */
void ggdm_put_raw(ggdm_wire *w, const void *data, size_t size);

uint8_t ggdm_get_u8(ggdm_wire *w);
int32_t ggdm_get_i32(ggdm_wire *w);
uint32_t ggdm_get_u32(ggdm_wire *w);
int64_t ggdm_get_i64(ggdm_wire *w);
float ggdm_get_f32(ggdm_wire *w);
double ggdm_get_f64(ggdm_wire *w);
/** Borrowed bytes inside the wire; *size gets their number.  NULL on failure. */
const uint8_t *ggdm_get_bytes(ggdm_wire *w, size_t *size);
/** Copy of the next size bytes; zeros on failure. */
void ggdm_get_raw(ggdm_wire *w, void *out, size_t size);
/** A count that must lie in [0, max], and for which count * item_bytes bytes must be left. */
int32_t ggdm_get_count(ggdm_wire *w, int32_t max, size_t item_bytes);

/** GGDM_OK, or an error that says what is wrong with the message named what. */
ggdm_status ggdm_wire_status(const ggdm_wire *w, const char *what, ggdm_error *err);

#endif
