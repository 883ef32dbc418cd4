#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Arrays of so many bytes twice are in pages of that size, which the processor need not look up one
 * by one: the images of a batch are read and written at hundreds of places at a time. */
#define HUGE_PAGE ((size_t)2 << 20)

bool ggdm_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

int64_t ggdm_to_int(double v, int64_t lo, int64_t hi)
{
    return !(v > (double)lo) ? lo : v >= (double)hi ? hi : (int64_t)v;
}

size_t ggdm_align_up(size_t n)
{
    return (n + GGDM_ALIGN - 1) / GGDM_ALIGN * GGDM_ALIGN;
}

ggdm_status ggdm_alloc(void *out, size_t count, size_t size, ggdm_error *err)
{
    size_t bytes;
    if (!ggdm_mul_size(count, size, &bytes) || bytes > SIZE_MAX - 2 * HUGE_PAGE)
        return GGDM_FAIL(err, GGDM_ESHAPE, "size of %zu x %zu bytes overflows", count, size);
    const bool huge = bytes >= 2 * HUGE_PAGE;
    const size_t align = huge ? HUGE_PAGE : GGDM_ALIGN;
    bytes = (bytes + !bytes + align - 1) / align * align;
    void *p = aligned_alloc(align, bytes);
    if (!p)
        return GGDM_FAIL(err, GGDM_ENOMEM, "cannot allocate %zu bytes", bytes);
    if (huge)
        (void)madvise(p, bytes, MADV_HUGEPAGE); /* where there are none, small ones will do */
    memset(p, 0, bytes);
    memcpy(out, &p, sizeof p); /* out is a T ** of any T */
    // cppcheck-suppress memleak
    return GGDM_OK;
}

ggdm_status ggdm_grow(void *array, size_t *cap, size_t need, size_t size, ggdm_error *err)
{
    if (need <= *cap)
        return GGDM_OK;
    size_t n = *cap < 8 ? 8 : *cap;
    while (n < need && n <= SIZE_MAX / 2)
        n *= 2;
    size_t bytes;
    if (n < need || !ggdm_mul_size(n, size, &bytes))
        return GGDM_FAIL(err, GGDM_ESHAPE, "size of %zu x %zu bytes overflows", need, size);
    void *old, *p;
    memcpy(&old, array, sizeof old);
    p = realloc(old, bytes);
    if (!p)
        return GGDM_FAIL(err, GGDM_ENOMEM, "cannot allocate %zu bytes", bytes);
    memcpy(array, &p, sizeof p);
    *cap = n;
    return GGDM_OK;
}

ggdm_status ggdm_strdup(const char *text, char **out, ggdm_error *err)
{
    *out = strdup(text);
    return *out ? GGDM_OK : GGDM_FAIL(err, GGDM_ENOMEM, "cannot copy a string");
}

ggdm_status ggdm_asprintf(char **out, ggdm_error *err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(out, format, ap);
    va_end(ap);
    if (n >= 0)
        return GGDM_OK;
    *out = NULL;
    return GGDM_FAIL(err, GGDM_ENOMEM, "cannot format a string");
}
