/* The name that was meant by one that is not known, for "did you mean 'NAME'?".
 *
 *     ggdm_nearest n = {.word = word};
 *     for (each name)
 *         ggdm_nearest_try(&n, name);
 *     if (n.name) ...
 */
#ifndef GGDM_COMMON_NEAREST_H
#define GGDM_COMMON_NEAREST_H

#include <stddef.h>

typedef struct ggdm_nearest {
    const char *word; /* as it was written */
    const char *name; /* the nearest name so far, borrowed; NULL: none is near enough */
    size_t steps;     /* from word to name */
} ggdm_nearest;

/** Take name where it is nearer to the word than all before: at most 2 letters changed, added, left
 *  out or swapped with their neighbour (upper and lower case are one letter), and fewer than half
 * of the name's. */
void ggdm_nearest_try(ggdm_nearest *nearest, const char *name);

#endif
