/* Every target on its corpus (tests/fuzz/corpus/TARGET) and on seeded mutations of it: what must
 * hold is asserted in the target, and memory is bounded.  $GGDM_FUZZ=100 gives a hundred times the
 * time, $GGDM_TEST=png one target; `make fuzz` looks further. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/fs.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_SEEDS = 256, MAX_TARGETS = 64 };
#define CORPUS "tests/fuzz/corpus"
#define MEMORY ((rlim_t)1 << 30) /* bytes that any input may need */

#ifndef __has_feature
#define __has_feature(name) 0
#endif

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

typedef struct corpus {
    bytes seeds[MAX_SEEDS];
    int n;
    int accepted, refused;
} corpus;

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_corpus(const char *name, corpus *c)
{
    struct dirent **names = NULL;
    char *dir = ggdm_test_path(CORPUS, name);
    int n = scandir(dir, &names, is_file, alphasort);
    if (n < 1 || n > MAX_SEEDS)
        ggdm_test_fail("%s: %d inputs, expected 1 to %d", dir, n, MAX_SEEDS);
    for (int i = 0; i < n; i++) {
        char *path = ggdm_test_path(dir, names[i]->d_name);
        bytes *seed = &c->seeds[c->n++];
        seed->data = (uint8_t *)ggdm_test_read(path, &seed->size);
        free(path);
        free(names[i]);
    }
    free(names);
    free(dir);
}

/* In memory of just this size, so that a sanitizer sees a read past the end. */
static void run(const ggdm_fuzz_target *target, corpus *c, const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, data, size);
    bool accepted = target->run(exact, size);
    c->accepted += accepted;
    c->refused += !accepted;
    free(exact);
}

/* ---- mutations ---- */

/* What means something to one parser or another. */
static const char *const pieces[] = {"0",
                                     "-1",
                                     "1",
                                     "7",
                                     "64",
                                     "8192",
                                     "2147483648",
                                     "1e308",
                                     "1e-300",
                                     "1e999",
                                     "0.5",
                                     "null",
                                     "true",
                                     "[]",
                                     "{}",
                                     "\"\"",
                                     "[[[[",
                                     "]",
                                     "{",
                                     "}",
                                     ",",
                                     ": ",
                                     "\n",
                                     "\n  ",
                                     "\t",
                                     "-",
                                     "&a ",
                                     "*a",
                                     "<<: ",
                                     "!!int ",
                                     "~",
                                     "'",
                                     "\"",
                                     "\\u0000",
                                     "\xff",
                                     "\xC3",
                                     "---\n",
                                     "|\n",
                                     "? ",
                                     "#",
                                     "\r",
                                     ".nan",
                                     ".inf",
                                     "-0.0",
                                     "NaN",
                                     "18446744073709551615",
                                     "9223372036854775807",
                                     "-9223372036854775808",
                                     "\xEF\xBB\xBF",
                                     "%YAML 9",
                                     "1000001"};
enum { N_PIECES = sizeof pieces / sizeof *pieces };

static int64_t below(ggdm_test_rng *rng, size_t n)
{
    return ggdm_test_below(rng, (int64_t)n);
}

/* Put n bytes in the place of cut bytes. */
static void splice(bytes *b, size_t cap, size_t at, size_t cut, const void *with, size_t n)
{
    char copy[256];
    n = n < sizeof copy ? n : sizeof copy;
    if (b->size - cut + n > cap)
        return;
    memcpy(copy, with, n); /* it may be a piece of the same text */
    memmove(b->data + at + n, b->data + at + cut, b->size - at - cut);
    memcpy(b->data + at, copy, n);
    b->size += n - cut;
}

/* The word or number around at, or one byte. */
static size_t word(const bytes *b, size_t *at)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t end = *at;
    while (*at > 0 && memchr(set, b->data[*at - 1], sizeof set - 1))
        --*at;
    while (end < b->size && memchr(set, b->data[end], sizeof set - 1))
        end++;
    return end > *at ? end - *at : 1;
}

static void mutate(ggdm_test_rng *rng, const corpus *c, bytes *b, size_t cap)
{
    const bytes *other = &c->seeds[below(rng, (size_t)c->n)];
    const char *piece = pieces[below(rng, N_PIECES)];
    if (b->size == 0)
        b->data[b->size++] = '{';
    size_t at = (size_t)below(rng, b->size), cut = 1 + (size_t)below(rng, 20), from, n;
    cut = cut < b->size - at ? cut : b->size - at;
    switch (below(rng, 8)) {
    case 0:
        b->data[at] ^= (uint8_t)(1U << below(rng, 8));
        break;
    case 1:
        b->data[at] = (uint8_t)ggdm_test_bits(rng);
        break;
    case 2:
        splice(b, cap, at, 0, piece, strlen(piece));
        break;
    case 3: /* another value: most often this stays well-formed */
        cut = word(b, &at);
        splice(b, cap, at, cut, piece, strlen(piece));
        break;
    case 4:
        splice(b, cap, at, cut, "", 0);
        break;
    case 5: /* a stretch once more */
        splice(b, cap, at, 0, b->data + at, cut);
        break;
    case 6: /* a stretch of another input, in place or between */
        if (other->size == 0)
            break;
        from = (size_t)below(rng, other->size);
        n = 1 + (size_t)below(rng, 64);
        n = n < other->size - from ? n : other->size - from;
        splice(b, cap, at, below(rng, 2) ? cut : 0, other->data + from, n);
        break;
    default:
        if (below(rng, 4) == 0)
            b->size = at;
    }
}

static double effort(void)
{
    const char *text = getenv("GGDM_FUZZ");
    return text ? strtod(text, NULL) : 1;
}

static void run_mutations(const ggdm_fuzz_target *target, corpus *c)
{
    bytes b = {.data = ggdm_test_alloc(target->max_size, 1)};
    double end = ggdm_now() + target->seconds * effort();
    for (int64_t round = 0; ggdm_now() < end; round++) {
        ggdm_test_rng rng =
            ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), target->name, round));
        const bytes *seed = &c->seeds[round % c->n];
        b.size = seed->size < target->max_size ? seed->size : target->max_size;
        memcpy(b.data, seed->data, b.size);
        for (int64_t k = below(&rng, 5); k >= 0; k--)
            mutate(&rng, c, &b, target->max_size);
        run(target, c, b.data, b.size);
    }
    free(b.data);
}

/* ---- the tests ---- */

static void test_fuzz_target(void **state)
{
    const ggdm_fuzz_target *target = *state;
    corpus c = {.n = 0};
    read_corpus(target->name, &c);
    for (int i = 0; i < c.n; i++)
        run(target, &c, c.seeds[i].data, c.seeds[i].size);
    for (size_t size = 0; size < c.seeds[0].size; size += 1 + c.seeds[0].size / 64)
        run(target, &c, c.seeds[0].data, size);
    run_mutations(target, &c);
    for (int i = 0; i < c.n; i++)
        free(c.seeds[i].data);
    if (c.accepted == 0 || c.refused == 0)
        ggdm_test_fail("%d accepted, %d refused: expected some of both", c.accepted, c.refused);
}

static void test_fuzz_every_corpus_has_a_target(void **state)
{
    (void)state;
    struct dirent **names = NULL;
    int n = scandir(CORPUS, &names, is_file, alphasort);
    for (int i = 0; i < n; i++) {
        const ggdm_fuzz_target *t = ggdm_fuzz_targets;
        while (t->name && strcmp(t->name, names[i]->d_name) != 0)
            t++;
        if (!t->name)
            ggdm_test_fail(CORPUS "/%s: no such target", names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

/* What would be allocated beyond fails, and that is no clean refusal (not under the address
 * sanitizer, which reserves terabytes: libFuzzer has a limit of its own). */
static void limit_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) /* gcc, clang */
    setrlimit(RLIMIT_DATA, &(struct rlimit){MEMORY, MEMORY});
#endif
}

int main(void)
{
    struct CMUnitTest tests[MAX_TARGETS + 1] = {
        cmocka_unit_test(test_fuzz_every_corpus_has_a_target)};
    size_t n = 1;
    for (const ggdm_fuzz_target *t = ggdm_fuzz_targets; t->name && n <= MAX_TARGETS; t++)
        tests[n++] = (struct CMUnitTest){
            .name = t->name, .test_func = test_fuzz_target, .initial_state = (void *)(uintptr_t)t};
    setenv("GGDM_LOG", "error", 0);
    limit_memory();
    return ggdm_test_run(__FILE__, tests, n);
}
