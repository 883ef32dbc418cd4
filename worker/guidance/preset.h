/* What presets stand for, as data: a tree of nodes whose rows are those of the preset, or fixed. */
#ifndef GGDM_WORKER_GUIDANCE_PRESET_H
#define GGDM_WORKER_GUIDANCE_PRESET_H

#include <math.h>

#include "worker/guidance/terms.h"

#define GGDM_MAX_PARTS 12

/* One row of a node: one of the first three says what it is. */
typedef struct ggdm_part {
    const char *key;
    const char *from; /* the preset's row of this name: its value or a copy of its node, with the
                         place; left out where the preset has none */
    const struct ggdm_parts *node; /* a node; a list gets one more */
    const ggdm_scalar *fixed;
    const char *times; /* of a REAL from: times this row */
} ggdm_part;

/* A node. */
typedef struct ggdm_parts {
    const char *kind; /* NULL: the family's implied one */
    const char *name; /* of a member of a list */
    ggdm_part rows[GGDM_MAX_PARTS];
} ggdm_parts;

/** The guidance (general form) that a preset stands for. */
ggdm_status ggdm_preset_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                               const ggdm_parts *parts, ggdm_item **out, ggdm_error *err);

/* Rows that presets share. */
#define GGDM_PRESET_WINDOW                                                                         \
    {                                                                                              \
        .key = "window", .type = GGDM_PARAM_WINDOW,                                                \
        .help = "Steps that are guided; the whole chain if absent."                                \
    }
#define GGDM_PRESET_WEIGHT(standard)                                                               \
    {                                                                                              \
        .key = "weight", .type = GGDM_PARAM_REAL, .fallback = GGDM_REAL(standard),                 \
        .neutral = GGDM_REAL(0), .help = "Strength of the guidance."                               \
    }
#define GGDM_PRESET_REPEATS                                                                        \
    {.key = "repeats",                                                                             \
     .type = GGDM_PARAM_WHOLE,                                                                     \
     .lo = 1,                                                                                      \
     .hi = GGDM_MAX_REPEATS,                                                                       \
     .fallback = GGDM_WHOLE(1),                                                                    \
     .help = "How often each step is made, with fresh noise back to x_t between."},                \
    {                                                                                              \
        .key = "repeats_window", .type = GGDM_PARAM_WINDOW,                                        \
        .help = "Steps that are made so often; the whole chain if absent."                         \
    }

/* And the node that repeats them. */
extern const ggdm_parts ggdm_preset_recurrence;

#endif
