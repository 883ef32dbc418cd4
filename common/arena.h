/* Memory that is freed all at once: many small things of one life (the nodes of a document, the
 * items of a recipe).  What was given out is never moved.  Used by one thread. */
#ifndef GGDM_COMMON_ARENA_H
#define GGDM_COMMON_ARENA_H

#include <stddef.h>

#include "common/status.h"

/* Empty when zeroed. */
typedef struct ggdm_arena {
    struct ggdm_arena_chunk *chunks;
} ggdm_arena;

/** Zeroed memory of size bytes in *out, aligned for any type; the arena's.  Errors: GGDM_ENOMEM,
 *  GGDM_ESHAPE. */
ggdm_status ggdm_arena_alloc(ggdm_arena *arena, size_t size, void *out, ggdm_error *err);
/** A copy of a text in *out; the arena's. */
ggdm_status ggdm_arena_text(ggdm_arena *arena, const char *text, const char **out, ggdm_error *err);
/** Forget all that was given out, but keep some memory for what comes next. */
void ggdm_arena_reset(ggdm_arena *arena);
/** Free everything. */
void ggdm_arena_deinit(ggdm_arena *arena);

#endif
