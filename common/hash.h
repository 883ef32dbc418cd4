/* SHA-256 (FIPS 180-4), incremental, and the little-endian typed puts from which keys are made. */
#ifndef GGDM_COMMON_HASH_H
#define GGDM_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

#define GGDM_HASH_SIZE 32                            /* bytes of a digest */
#define GGDM_HASH_TEXT_SIZE (2 * GGDM_HASH_SIZE + 1) /* bytes of its hex text with the NUL */

typedef struct ggdm_hash {
    uint64_t state[16]; /* opaque */
} ggdm_hash;

void ggdm_hash_init(ggdm_hash *h);
void ggdm_hash_update(ggdm_hash *h, const void *data, size_t size);
/** Integer as 8 little-endian bytes. */
void ggdm_hash_u64(ggdm_hash *h, uint64_t v);
/** Length (u64), then the bytes: no two sequences of texts hash alike by concatenation. */
void ggdm_hash_text(ggdm_hash *h, const char *text);
/** Digest of everything so far; h is then initialised again. */
void ggdm_hash_final(ggdm_hash *h, uint8_t digest[GGDM_HASH_SIZE]);

/** Digest of one buffer. */
void ggdm_hash_buffer(const void *data, size_t size, uint8_t digest[GGDM_HASH_SIZE]);
/** Hex text of the digest of a file.  Errors: those of ggdm_file_read. */
ggdm_status ggdm_hash_file(const char *path, char text[GGDM_HASH_TEXT_SIZE], ggdm_error *err);
/** Lower-case hex text of a digest. */
void ggdm_hash_hex(const uint8_t digest[GGDM_HASH_SIZE], char text[GGDM_HASH_TEXT_SIZE]);

#endif
