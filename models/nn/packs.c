#include "models/nn/packs.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

typedef struct packed_weights {
    const void *plain;
    ggdm_pack_form form;
    size_t bytes;
    void *data; /* owned */
} packed_weights;

struct ggdm_packs {
    packed_weights *items;
    size_t n, cap;
};

ggdm_status ggdm_packs_create(ggdm_packs **out, ggdm_error *err)
{
    return ggdm_alloc(out, 1, sizeof **out, err);
}

void ggdm_packs_destroy(ggdm_packs **packs)
{
    if (!*packs)
        return;
    for (size_t i = 0; i < (*packs)->n; i++)
        free((*packs)->items[i].data);
    free((*packs)->items);
    free(*packs);
    *packs = NULL;
}

size_t ggdm_packs_bytes(const ggdm_packs *packs)
{
    size_t bytes = 0;
    for (size_t i = 0; i < packs->n; i++)
        bytes += packs->items[i].bytes;
    return bytes;
}

static bool same_form(const ggdm_pack_form *a, const ggdm_pack_form *b)
{
    return a->n == b->n && memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v) == 0;
}

static void *find_pack(const ggdm_packs *packs, const void *plain, const ggdm_pack_form *form)
{
    for (size_t i = 0; i < packs->n; i++)
        if (packs->items[i].plain == plain && same_form(&packs->items[i].form, form))
            return packs->items[i].data;
    return NULL;
}

ggdm_status ggdm_pack_place(ggdm_packs *packs, const void *plain, const ggdm_pack_form *form,
                            size_t bytes, ggdm_pack *out, bool *filled, ggdm_error *err)
{
    *out = (ggdm_pack){packs ? find_pack(packs, plain, form) : NULL, packs != NULL};
    *filled = out->data != NULL;
    if (*filled)
        return GGDM_OK;
    if (packs)
        GGDM_TRY(ggdm_grow(&packs->items, &packs->cap, packs->n + 1, sizeof *packs->items, err));
    GGDM_TRY(ggdm_alloc(&out->data, bytes, 1, err));
    if (packs)
        packs->items[packs->n++] = (packed_weights){plain, *form, bytes, out->data};
    return GGDM_OK;
}

void ggdm_pack_drop(ggdm_pack *pack)
{
    if (!pack->shared)
        free(pack->data);
    *pack = (ggdm_pack){0};
}
