#include "tests/support/ggdm_test.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void ggdm_test_fail(const char *format, ...)
{
    char text[2000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fail_msg("%s", text);
}

void ggdm_test_ok_at(ggdm_status st, const ggdm_error *err, const char *file, int line)
{
    if (st != GGDM_OK) {
        print_error("%s (%s:%d)\n", ggdm_status_text(st), err ? err->file : "?",
                    err ? err->line : 0);
        print_error("%s\n", err ? err->msg : "no message");
        _fail(file, line);
    }
}

void ggdm_test_error_at(ggdm_status st, const ggdm_error *err, ggdm_status code, const char *text,
                        const char *file, int line)
{
    const char *msg = st == GGDM_OK ? "(success)" : err->msg;
    if (st != code || !strstr(msg, text)) {
        print_error("got status %d \"%s\", expected %d with \"%s\"\n", (int)st, msg, (int)code,
                    text);
        _fail(file, line);
    }
}

int ggdm_test_run(const char *group, const struct CMUnitTest *tests, size_t n)
{
    const char *filter = getenv("GGDM_TEST");
    if (filter && *filter)
        cmocka_set_test_filter(filter);
    return _cmocka_run_group_tests(group, tests, n, NULL, NULL);
}

uint64_t ggdm_test_seed(void)
{
    const char *text = getenv("GGDM_TEST_SEED");
    return text && *text ? strtoull(text, NULL, 0) : 1;
}

/* splitmix64 (Steele, Lea, Flood 2014): a counter through a mixing function. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t ggdm_test_mix(uint64_t seed, const char *text, int64_t number)
{
    uint64_t h = mix(seed + 0x9e3779b97f4a7c15u);
    for (; *text; text++)
        h = mix(h ^ (unsigned char)*text);
    return mix(h ^ (uint64_t)number);
}

ggdm_test_rng ggdm_test_rng_init(uint64_t seed)
{
    return (ggdm_test_rng){seed};
}

uint64_t ggdm_test_bits(ggdm_test_rng *rng)
{
    rng->state += 0x9e3779b97f4a7c15u;
    return mix(rng->state);
}

double ggdm_test_uniform(ggdm_test_rng *rng, double lo, double hi)
{
    return lo + (hi - lo) * ((double)(ggdm_test_bits(rng) >> 11) * 0x1p-53);
}

double ggdm_test_normal(ggdm_test_rng *rng)
{
    double u = 1.0 - ggdm_test_uniform(rng, 0, 1), v = ggdm_test_uniform(rng, 0, 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

int64_t ggdm_test_below(ggdm_test_rng *rng, int64_t n)
{
    return (int64_t)(ggdm_test_bits(rng) % (uint64_t)n);
}

void ggdm_test_fill_normal(ggdm_test_rng *rng, float *x, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * ggdm_test_normal(rng));
}

void *ggdm_test_alloc(size_t count, size_t size)
{
    size_t bytes = (count * size + 63) / 64 * 64;
    void *p = aligned_alloc(64, bytes ? bytes : 64);
    assert_non_null(p);
    return memset(p, 0, bytes ? bytes : 64);
}

int64_t ggdm_test_ulps(float a, float b)
{
    int32_t i, j;
    if (isnan(a) || isnan(b))
        return INT64_MAX;
    memcpy(&i, &a, sizeof i);
    memcpy(&j, &b, sizeof j);
    /* order the bit patterns like the numbers */
    int64_t x = i < 0 ? (int64_t)INT32_MIN - i : i, y = j < 0 ? (int64_t)INT32_MIN - j : j;
    return x > y ? x - y : y - x;
}

void ggdm_test_close(const char *what, const float *got, const double *want, const double *tol,
                     size_t n, uint64_t seed)
{
    size_t worst = 0, wrong = 0;
    double ratio = -1;
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)got[i] - want[i]);
        double r = error / tol[i];
        if (!(error <= tol[i])) {
            wrong++;
            if (isnan(r))
                r = INFINITY;
        }
        if (r > ratio) {
            ratio = r;
            worst = i;
        }
    }
    if (wrong)
        ggdm_test_fail("%s: %zu of %zu outside the tolerance; worst at [%zu]: got %.9g, want %.9g, "
                       "error %.3g, tolerance %.3g, %lld ulp; seed %llu",
                       what, wrong, n, worst, (double)got[worst], want[worst],
                       fabs((double)got[worst] - want[worst]), tol[worst],
                       (long long)ggdm_test_ulps(got[worst], (float)want[worst]),
                       (unsigned long long)seed);
}

void ggdm_test_same_bits(const char *what, const float *got, const float *want, size_t n,
                         uint64_t seed)
{
    if (!memcmp(got, want, n * sizeof *got))
        return;
    size_t first = n, wrong = 0;
    for (size_t i = 0; i < n; i++) {
        if (memcmp(got + i, want + i, sizeof *got)) {
            wrong++;
            first = first == n ? i : first;
        }
    }
    ggdm_test_fail("%s: %zu of %zu differ in their bits; first at [%zu]: got %.9g, want %.9g, "
                   "%lld ulp; seed %llu",
                   what, wrong, n, first, (double)got[first], (double)want[first],
                   (long long)ggdm_test_ulps(got[first], want[first]), (unsigned long long)seed);
}

char *ggdm_test_path(const char *dir, const char *name)
{
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = malloc(size);
    assert_non_null(path);
    snprintf(path, size, "%s/%s", dir, name);
    return path;
}

char *ggdm_test_mkdtemp(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = ggdm_test_path(base && *base ? base : "/tmp", "ggdm-test-XXXXXX");
    if (!mkdtemp(dir))
        ggdm_test_fail("mkdtemp %s: %s", dir, strerror(errno));
    return dir;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void ggdm_test_rmdir(char *dir)
{
    assert_non_null(strstr(dir, "ggdm-test-"));
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

char *ggdm_test_dir;

int ggdm_test_dir_make(void **state)
{
    *state = ggdm_test_dir = ggdm_test_mkdtemp();
    return 0;
}

int ggdm_test_dir_remove(void **state)
{
    (void)state;
    ggdm_test_rmdir(ggdm_test_dir);
    return 0;
}

void ggdm_test_write(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f))
        ggdm_test_fail("write %s: %s", path, strerror(errno));
}

char *ggdm_test_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        ggdm_test_fail("read %s: %s", path, strerror(errno));
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *text = ggdm_test_alloc((size_t)n + 1, 1);
    if (n < 0 || fread(text, 1, (size_t)n, f) != (size_t)n)
        ggdm_test_fail("read %s: %s", path, strerror(errno));
    fclose(f);
    text[n] = 0;
    if (size)
        *size = (size_t)n;
    return text;
}

uint32_t ggdm_test_crc32(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0U;
    while (n--) {
        crc ^= *p++;
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

int ggdm_test_stderr_to(const char *path)
{
    fflush(stderr);
    int old = dup(STDERR_FILENO), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(old >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    return old;
}

void ggdm_test_stderr_back(int old)
{
    fflush(stderr);
    dup2(old, STDERR_FILENO);
    close(old);
}

void ggdm_test_limit_files(size_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == SIZE_MAX ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
