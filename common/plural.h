/* Numbers in sentences. */
#ifndef GGDM_COMMON_PLURAL_H
#define GGDM_COMMON_PLURAL_H

#include <stdint.h>

/** What n ends its noun with: printf("%d image%s", n, ggdm_plural(n)). */
static inline const char *ggdm_plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/** "is" or "are". */
static inline const char *ggdm_is(int64_t n)
{
    return n == 1 ? "is" : "are";
}

#endif
