#include "common/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)16 << 10)

struct ggdm_arena_chunk {
    struct ggdm_arena_chunk *next;
    size_t used, size;
    max_align_t data[];
};

ggdm_status ggdm_arena_alloc(ggdm_arena *arena, size_t size, void *out, ggdm_error *err)
{
    struct ggdm_arena_chunk *c = arena->chunks;
    const size_t align = sizeof(max_align_t);
    if (size > SIZE_MAX / 2)
        return GGDM_FAIL(err, GGDM_ESHAPE, "size of %zu bytes overflows", size);
    size = (size + align - 1) / align * align;
    if (!c || c->size - c->used < size) {
        size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        c = malloc(sizeof *c + bytes);
        if (!c)
            return GGDM_FAIL(err, GGDM_ENOMEM, "cannot allocate %zu bytes", bytes);
        *c = (struct ggdm_arena_chunk){.next = arena->chunks, .size = bytes};
        arena->chunks = c;
    }
    void *p = (char *)c->data + c->used;
    c->used += size;
    memset(p, 0, size);
    memcpy(out, &p, sizeof p);
    return GGDM_OK;
}

ggdm_status ggdm_arena_text(ggdm_arena *arena, const char *text, const char **out, ggdm_error *err)
{
    size_t size = strlen(text) + 1;
    char *copy = NULL;
    GGDM_TRY(ggdm_arena_alloc(arena, size, &copy, err));
    memcpy(copy, text, size);
    *out = copy;
    return GGDM_OK;
}

static void free_chunks(struct ggdm_arena_chunk *c)
{
    struct ggdm_arena_chunk *next;
    for (; c; c = next) {
        next = c->next;
        free(c);
    }
}

void ggdm_arena_reset(ggdm_arena *arena)
{
    if (!arena->chunks)
        return;
    free_chunks(arena->chunks->next);
    arena->chunks->next = NULL;
    arena->chunks->used = 0;
}

void ggdm_arena_deinit(ggdm_arena *arena)
{
    free_chunks(arena->chunks);
    arena->chunks = NULL;
}
