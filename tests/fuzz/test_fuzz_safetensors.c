/* Seeded mutations of a good file: the reader gives an error or a file whose tensors lie within the
 * bytes; the sanitizers watch the rest (make asan). */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "models/io/safetensors.h"

static const char header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"conv.weight\":{\"dtype\":\"F32\",\"shape\":[2,1,3,3],\"data_offsets\":[0,72]},"
    "\"conv.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[72,80]},"
    "\"t\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[80,88]},"
    "\"s\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[88,96]}}";
enum { HEADER = sizeof header - 1, DATA = 96, SIZE = 8 + HEADER + DATA, ROUNDS = 30000 };

/* Pieces that mean something to the parser. */
static const char *const tokens[] = {"[",
                                     "]",
                                     "{",
                                     "}",
                                     ",",
                                     ":",
                                     "\"",
                                     "0",
                                     "96",
                                     "-1",
                                     "1e9",
                                     "null",
                                     "true",
                                     "\\u00",
                                     "[[[[[[",
                                     "18446744073709551615",
                                     "\"F32\"",
                                     "\"F64\"",
                                     "9223372036854775807",
                                     "\"shape\""};

static size_t mutate(ggdm_test_rng *rng, char *file, size_t size)
{
    size_t at = (size_t)ggdm_test_below(rng, (int64_t)size);
    switch (ggdm_test_below(rng, 5)) {
    case 0: /* a byte */
        file[at] = (char)ggdm_test_below(rng, 256);
        return size;
    case 1: /* a bit */
        file[at] = (char)(file[at] ^ (1 << ggdm_test_below(rng, 8)));
        return size;
    case 2: /* cut */
        return at;
    case 3: { /* a token in place */
        const char *token = tokens[ggdm_test_below(rng, (int64_t)(sizeof tokens / sizeof *tokens))];
        size_t n = strlen(token) < size - at ? strlen(token) : size - at;
        memcpy(file + at, token, n);
        return size;
    }
    default: { /* copy a piece elsewhere */
        size_t from = (size_t)ggdm_test_below(rng, (int64_t)size);
        size_t n = (size_t)ggdm_test_below(rng, 24);
        if (n > size - at)
            n = size - at;
        if (n > size - from)
            n = size - from;
        memmove(file + at, file + from, n);
        return size;
    }
    }
}

static void check_inside(const ggdm_safetensors *st, const char *file, size_t size)
{
    for (size_t i = 0; i < st->n_tensors; i++) {
        const ggdm_st_tensor *t = &st->tensors[i];
        const char *data = t->data;
        assert_true(data >= file && data <= file + size);
        assert_true(t->size <= (size_t)(file + size - data));
        assert_non_null(ggdm_safetensors_find(st, t->name));
    }
}

static void test_safetensors_mutations_never_crash(void **state)
{
    (void)state;
    int accepted = 0;
    for (int round = 0; round < ROUNDS; round++) {
        ggdm_test_rng rng =
            ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "safetensors", round));
        char whole[SIZE] = {0};
        whole[0] = (char)(HEADER & 0xff);
        whole[1] = (char)(HEADER >> 8);
        memcpy(whole + 8, header, HEADER);
        size_t size = SIZE;
        for (int64_t k = round ? ggdm_test_below(&rng, 4) + 1 : 0; k > 0 && size > 0; k--)
            size = mutate(&rng, whole, size);
        char *file = ggdm_test_alloc(size, 1); /* exact size: reading past it is seen */
        memcpy(file, whole, size);
        ggdm_safetensors *st = NULL;
        ggdm_error err = {0};
        if (ggdm_safetensors_parse(file, size, "fuzz", &st, &err) == GGDM_OK) {
            check_inside(st, file, size);
            accepted++;
        } else {
            assert_null(st);
            assert_true(err.msg[0] != '\0');
        }
        ggdm_safetensors_destroy(&st);
        free(file);
    }
    assert_true(accepted > 10 && accepted < ROUNDS); /* both sides were visited */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_safetensors_mutations_never_crash)};
    return ggdm_test_main(tests);
}
