#include "common/hash.h"

#include <string.h>

#include <nettle/sha2.h>

#include "common/fs.h"

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(ggdm_hash), "ggdm_hash is too small");
_Static_assert(GGDM_HASH_SIZE == SHA256_DIGEST_SIZE, "digest size");

static struct sha256_ctx *context(ggdm_hash *h)
{
    return (struct sha256_ctx *)(void *)h->state;
}

void ggdm_hash_init(ggdm_hash *h)
{
    memset(h, 0, sizeof *h);
    sha256_init(context(h));
}

void ggdm_hash_update(ggdm_hash *h, const void *data, size_t size)
{
    sha256_update(context(h), size, data);
}

void ggdm_hash_u64(ggdm_hash *h, uint64_t v)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    ggdm_hash_update(h, bytes, sizeof bytes);
}

void ggdm_hash_text(ggdm_hash *h, const char *text)
{
    size_t size = strlen(text);
    ggdm_hash_u64(h, size);
    ggdm_hash_update(h, text, size);
}

void ggdm_hash_final(ggdm_hash *h, uint8_t digest[GGDM_HASH_SIZE])
{
    sha256_digest(context(h), GGDM_HASH_SIZE, digest); /* also initialises again */
}

void ggdm_hash_buffer(const void *data, size_t size, uint8_t digest[GGDM_HASH_SIZE])
{
    ggdm_hash h;
    ggdm_hash_init(&h);
    ggdm_hash_update(&h, data, size);
    ggdm_hash_final(&h, digest);
}

ggdm_status ggdm_hash_file(const char *path, char text[GGDM_HASH_TEXT_SIZE], ggdm_error *err)
{
    uint8_t piece[1 << 16], digest[GGDM_HASH_SIZE];
    ggdm_file file;
    ggdm_hash h;
    GGDM_TRY(ggdm_file_open(path, &file, err));
    ggdm_hash_init(&h);
    ggdm_status st = GGDM_OK;
    for (size_t at = 0, n; at < file.size && st == GGDM_OK; at += n) {
        n = file.size - at < sizeof piece ? file.size - at : sizeof piece;
        st = ggdm_file_read(&file, at, piece, n, err);
        ggdm_hash_update(&h, piece, n);
    }
    ggdm_file_close(&file);
    ggdm_hash_final(&h, digest);
    ggdm_hash_hex(digest, text);
    return st;
}

void ggdm_hash_hex(const uint8_t digest[GGDM_HASH_SIZE], char text[GGDM_HASH_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < GGDM_HASH_SIZE; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * GGDM_HASH_SIZE] = '\0';
}
