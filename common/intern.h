/* Distinct texts by number: each new text gets the next one. */
#ifndef GGDM_COMMON_INTERN_H
#define GGDM_COMMON_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"

/* Empty when zeroed. */
typedef struct ggdm_intern {
    const char **texts; /* [n], by number */
    int32_t n;
    size_t cap;
    int32_t *slots; /* hash table of numbers, -1: free */
    size_t n_slots;
    ggdm_arena arena; /* of the texts */
} ggdm_intern;

/** The number of a text, which is copied where it is new.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_intern_text(ggdm_intern *intern, const char *text, int32_t *out, ggdm_error *err);
/** The number of a text that is there, or -1. */
int32_t ggdm_intern_find(const ggdm_intern *intern, const char *text);
void ggdm_intern_deinit(ggdm_intern *intern);

#endif
