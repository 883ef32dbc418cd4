#include "models/nn/shape.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"

int64_t ggdm_shape_count(const ggdm_shape *s)
{
    return s->d[0] * s->d[1] * s->d[2] * s->d[3];
}

bool ggdm_shape_bytes(const ggdm_shape *s, size_t element, size_t *out)
{
    size_t n = element;
    for (int i = 0; i < s->n; i++)
        if ((uint64_t)s->d[i] > SIZE_MAX || !ggdm_mul_size(n, (size_t)s->d[i], &n))
            return false;
    *out = n;
    return true;
}

int64_t ggdm_shape_inner(const ggdm_shape *s)
{
    return s->d[1] * s->d[2] * s->d[3];
}

bool ggdm_shape_equal(const ggdm_shape *a, const ggdm_shape *b)
{
    return a->n == b->n && memcmp(a->d, b->d, sizeof a->d) == 0;
}

const char *ggdm_shape_text(const ggdm_shape *s, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < s->n && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)s->d[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
    return text;
}

size_t ggdm_dtype_size(ggdm_dtype dtype)
{
    return dtype == GGDM_BF16 ? 2 : 4;
}
