/* What every C test includes: cmocka, reproducible random arrays, comparisons that say where and by
 * how much two arrays differ, temporary directories.
 *
 * Random data follow from ggdm_test_seed(): 1, or $GGDM_TEST_SEED.  Failures print the seed.
 * Nothing here may be called inside an OpenMP region (cmocka's jump buffer is thread-local). */
#ifndef GGDM_TESTS_SUPPORT_GGDM_TEST_H
#define GGDM_TESTS_SUPPORT_GGDM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/status.h"

#define GGDM_TEST_EPS32 0x1p-24 /* unit roundoff of f32 */
#define GGDM_TEST_EPS64 0x1p-53 /* unit roundoff of f64 */

/** Fail the running test with the error's message unless st is GGDM_OK. */
#define ggdm_test_ok(st, err) ggdm_test_ok_at((st), (err), __FILE__, __LINE__)
void ggdm_test_ok_at(ggdm_status st, const ggdm_error *err, const char *file, int line);

/** Fail unless st is the expected code and err's message contains the text. */
#define ggdm_test_error(st, err, code, text)                                                       \
    ggdm_test_error_at((st), (err), (code), (text), __FILE__, __LINE__)
void ggdm_test_error_at(ggdm_status st, const ggdm_error *err, ggdm_status code, const char *text,
                        const char *file, int line);

/** Print a formatted message and fail the running test. */
void ggdm_test_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Run n tests built at run time; honours $GGDM_TEST, a pattern of names with * and ? ("*conv*").
 *  Returns the number of failures (main's return value).  For a static table use
 *  ggdm_test_main(tests). */
int ggdm_test_run(const char *group, const struct CMUnitTest *tests, size_t n);
#define ggdm_test_main(tests) ggdm_test_run(__FILE__, (tests), sizeof(tests) / sizeof((tests)[0]))

/* --- random ------------------------------------------------------------------------------- */

typedef struct ggdm_test_rng {
    uint64_t state;
} ggdm_test_rng;

/** 1, or $GGDM_TEST_SEED. */
uint64_t ggdm_test_seed(void);
/** A seed for one purpose: mixes a text and a number into seed. */
uint64_t ggdm_test_mix(uint64_t seed, const char *text, int64_t number);
ggdm_test_rng ggdm_test_rng_init(uint64_t seed);
uint64_t ggdm_test_bits(ggdm_test_rng *rng);
double ggdm_test_uniform(ggdm_test_rng *rng, double lo, double hi);
double ggdm_test_normal(ggdm_test_rng *rng);
int64_t ggdm_test_below(ggdm_test_rng *rng, int64_t n); /* 0 .. n - 1 */
/** n standard normals times scale, rounded to f32. */
void ggdm_test_fill_normal(ggdm_test_rng *rng, float *x, size_t n, double scale);

/** The checksum of a PNG chunk. */
uint32_t ggdm_test_crc32(const uint8_t *p, size_t n);

/* --- memory: fails the test instead of returning NULL; 64-byte aligned; free() ---------------- */

void *ggdm_test_alloc(size_t count, size_t size);

/* --- comparisons: print the worst index, both values, the tolerance, ulps and the seed -----------
 */

/** |got[i] - want[i]| <= tol[i] for all i; a NaN never passes. */
void ggdm_test_close(const char *what, const float *got, const double *want, const double *tol,
                     size_t n, uint64_t seed);
/** Equal bits. */
void ggdm_test_same_bits(const char *what, const float *got, const float *want, size_t n,
                         uint64_t seed);
/** Distance of two floats in units in the last place (INT64_MAX for a NaN). */
int64_t ggdm_test_ulps(float a, float b);

/* --- files ---------------------------------------------------------------------------------- */

/** A new directory below $TMPDIR or /tmp, as owned text; remove it with ggdm_test_rmdir. */
char *ggdm_test_mkdtemp(void);
/** Remove a directory made by ggdm_test_mkdtemp with all it holds, and free the text. */
void ggdm_test_rmdir(char *dir);
/** Setup and teardown of a test: such a directory, which is its *state, too. */
extern char *ggdm_test_dir;
int ggdm_test_dir_make(void **state);
int ggdm_test_dir_remove(void **state);
/** A test with them. */
#define ggdm_test_in_dir(f)                                                                        \
    cmocka_unit_test_setup_teardown(f, ggdm_test_dir_make, ggdm_test_dir_remove)
/** "dir/name" as owned text. */
char *ggdm_test_path(const char *dir, const char *name);
/** Write size bytes. */
void ggdm_test_write(const char *path, const void *bytes, size_t size);
/** The content of a file, NUL-terminated, owned; its length in *size (may be NULL). */
char *ggdm_test_read(const char *path, size_t *size);
/** From here on standard error goes to path, until ggdm_test_stderr_back is given the result. */
int ggdm_test_stderr_to(const char *path);
void ggdm_test_stderr_back(int old);
/** Files may have at most so many bytes, as on a full disk; SIZE_MAX: as many as before. */
void ggdm_test_limit_files(size_t bytes);

#endif
