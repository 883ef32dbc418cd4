/* Forms of weights that graphs of the same parameters share: one copy for all batch sizes. */
#ifndef GGDM_MODELS_NN_PACKS_H
#define GGDM_MODELS_NN_PACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

/* What the weights were packed into, as numbers: who packs gives equal ones to equal forms only. */
#define GGDM_PACK_FORM_MAX 40
typedef struct ggdm_pack_form {
    int64_t v[GGDM_PACK_FORM_MAX];
    int n;
} ggdm_pack_form;

/* Packed weights of one op. */
typedef struct ggdm_pack {
    void *data;
    bool shared; /* data belongs to a ggdm_packs, else to this */
} ggdm_pack;

typedef struct ggdm_packs ggdm_packs;

ggdm_status ggdm_packs_create(ggdm_packs **out, ggdm_error *err);
void ggdm_packs_destroy(ggdm_packs **packs);
/** Bytes of all packed weights in it. */
size_t ggdm_packs_bytes(const ggdm_packs *packs);

/** Memory for the packed form of weights, 64-byte aligned; *filled: it holds them already.  With
 *  packs it belongs to packs, which finds it again by the address of the plain weights (kept, not
 *  looked at: they must stay where they are) and the form; with NULL it belongs to *out.
 *  Errors: GGDM_ENOMEM, GGDM_ESHAPE (too large). */
ggdm_status ggdm_pack_place(ggdm_packs *packs, const void *plain, const ggdm_pack_form *form,
                            size_t bytes, ggdm_pack *out, bool *filled, ggdm_error *err);
void ggdm_pack_drop(ggdm_pack *pack);

#endif
