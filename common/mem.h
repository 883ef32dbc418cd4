/* Checked and aligned allocation; numbers that must not overflow.  All size products go through
 * ggdm_mul_size, all numbers that others wrote go through ggdm_to_int before they are integers. */
#ifndef GGDM_COMMON_MEM_H
#define GGDM_COMMON_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"

#define GGDM_ALIGN 64u /* bytes: a cache line and an AVX-512 register */

/** *out = a * b; false when it overflows. */
bool ggdm_mul_size(size_t a, size_t b, size_t *out);

/** The integer part of v, at least lo and at most hi; lo where v is not a number. */
int64_t ggdm_to_int(double v, int64_t lo, int64_t hi);

/** Round n up to a multiple of GGDM_ALIGN. */
size_t ggdm_align_up(size_t n);

/** Zeroed, 64-byte aligned memory of count * size bytes in *out (owned: free()).
 *  A count of 0 gives a valid pointer.  Errors: GGDM_ENOMEM, GGDM_ESHAPE on overflow. */
ggdm_status ggdm_alloc(void *out, size_t count, size_t size, ggdm_error *err);

/** Grow the array at *array (pointer to T*) so that it holds at least need elements of size bytes;
 *  *cap is updated, amortised doubling.  Errors: GGDM_ENOMEM, GGDM_ESHAPE. */
ggdm_status ggdm_grow(void *array, size_t *cap, size_t need, size_t size, ggdm_error *err);

/** Owned copy of a string in *out.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_strdup(const char *text, char **out, ggdm_error *err);

/** Owned formatted string in *out.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_asprintf(char **out, ggdm_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
