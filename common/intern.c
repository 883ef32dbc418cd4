#include "common/intern.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define FIRST_SLOTS 64 /* a power of two */

/* FNV-1a. */
static size_t hash_text(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        h = (h ^ *c) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

/* The slot where a text stands, or would. */
static size_t find_slot(const ggdm_intern *in, const char *text)
{
    size_t i = hash_text(text) & (in->n_slots - 1);
    while (in->slots[i] >= 0 && strcmp(in->texts[in->slots[i]], text) != 0)
        i = (i + 1) & (in->n_slots - 1);
    return i;
}

/* At most half of the slots are taken. */
static ggdm_status make_room(ggdm_intern *in, ggdm_error *err)
{
    int32_t *slots = NULL;
    size_t n = in->n_slots ? in->n_slots : FIRST_SLOTS;
    while (n < 2 * ((size_t)in->n + 1))
        n *= 2;
    if (n == in->n_slots)
        return GGDM_OK;
    GGDM_TRY(ggdm_alloc(&slots, n, sizeof *slots, err));
    memset(slots, 0xFF, n * sizeof *slots);
    free(in->slots);
    in->slots = slots;
    in->n_slots = n;
    for (int32_t i = 0; i < in->n; i++)
        slots[find_slot(in, in->texts[i])] = i;
    return GGDM_OK;
}

ggdm_status ggdm_intern_text(ggdm_intern *in, const char *text, int32_t *out, ggdm_error *err)
{
    GGDM_TRY(make_room(in, err));
    size_t slot = find_slot(in, text);
    if (in->slots[slot] < 0) {
        GGDM_TRY(ggdm_grow(&in->texts, &in->cap, (size_t)in->n + 1, sizeof *in->texts, err));
        GGDM_TRY(ggdm_arena_text(&in->arena, text, &in->texts[in->n], err));
        in->slots[slot] = in->n++;
    }
    *out = in->slots[slot];
    return GGDM_OK;
}

int32_t ggdm_intern_find(const ggdm_intern *in, const char *text)
{
    return in->n ? in->slots[find_slot(in, text)] : -1;
}

void ggdm_intern_deinit(ggdm_intern *in)
{
    free(in->texts);
    free(in->slots);
    ggdm_arena_deinit(&in->arena);
    *in = (ggdm_intern){0};
}
