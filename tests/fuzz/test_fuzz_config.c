/* Mutated config.json texts: the parser never crashes, and what it accepts can be emitted. */
#include "models/arch/arch.h"
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 20000, MAX_TEXT = 4096 };

static const char *const seeds[] = {
    "{\"_class_name\": \"UNet2DModel\", \"sample_size\": 32, \"in_channels\": 3, \"out_channels\": "
    "3, \"block_out_channels\": [32, 64], \"down_block_types\": [\"DownBlock2D\", "
    "\"AttnDownBlock2D\"], \"up_block_types\": [\"AttnUpBlock2D\", \"UpBlock2D\"], "
    "\"layers_per_block\": 1, \"norm_num_groups\": 8, \"norm_eps\": 1e-06, "
    "\"attention_head_dim\": null, \"downsample_padding\": 0, \"flip_sin_to_cos\": false, "
    "\"freq_shift\": 1, \"num_class_embeds\": 10, \"mid_block_scale_factor\": 1.5, "
    "\"center_input_sample\": true, \"resnet_time_scale_shift\": \"scale_shift\"}",
    "{\"_class_name\": \"UNet2DModel\", \"sample_size\": [64, 64]}",
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 28, \"in_channels\": 1, \"num_classes\": 10, "
    "\"layers\": [{\"conv\": 32, \"kernel\": 3, \"stride\": 2, \"norm_groups\": 4, \"act\": "
    "\"silu\"}, {\"pool\": \"max\", \"size\": 2}, {\"flatten\": true}, {\"linear\": 64, \"act\": "
    "\"relu\"}]}",
    "{\"_class_name\": \"GgdmCNN\", \"sample_size\": 9, \"in_channels\": 3, \"num_classes\": 2, "
    "\"layers\": [{\"conv\": 8}, {\"pool\": \"avg\"}, {\"global_avg_pool\": true}]}",
};
enum { N_SEEDS = sizeof seeds / sizeof seeds[0] };

/* Pieces that are put in the place of others. */
static const char *const pieces[] = {"0",
                                     "-1",
                                     "1",
                                     "2",
                                     "3",
                                     "7",
                                     "64",
                                     "4096",
                                     "4097",
                                     "8192",
                                     "2147483648",
                                     "1e308",
                                     "0.5",
                                     "null",
                                     "[]",
                                     "{}",
                                     "\"\"",
                                     "true",
                                     "false",
                                     "[[[[",
                                     "]",
                                     "}",
                                     ",",
                                     ":",
                                     "\"silu\"",
                                     "9223372036854775808",
                                     "[8, 8, 8, 8, 8, 8, 8, 8]",
                                     "{\"conv\": 8192}",
                                     "{\"pool\": \"max\"}",
                                     "\"relu\"",
                                     "\xff\xfe",
                                     "\\u0000",
                                     "\"conv\"",
                                     "\"linear\"",
                                     "AttnUpBlock2D"};
enum { N_PIECES = sizeof pieces / sizeof pieces[0] };

/* Replace `cut` bytes at `at` by n bytes. */
static void splice(char *text, size_t *size, size_t at, size_t cut, const char *with, size_t n)
{
    if (*size - cut + n >= MAX_TEXT)
        return;
    memmove(text + at + n, text + at + cut, *size - at - cut);
    memcpy(text + at, with, n);
    *size += n - cut;
}

/* The extent of the number or word that stands around `at`, at least one byte. */
static size_t token(const char *text, size_t size, size_t *at)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t end = *at;
    while (*at > 0 && memchr(set, text[*at - 1], sizeof set - 1))
        --*at;
    while (end < size && memchr(set, text[end], sizeof set - 1))
        end++;
    return end > *at ? end - *at : 1;
}

static void mutate(ggdm_test_rng *rng, char *text, size_t *size)
{
    size_t at = (size_t)ggdm_test_below(rng, (int64_t)*size);
    const char *piece = pieces[ggdm_test_below(rng, N_PIECES)];
    char byte = (char)ggdm_test_below(rng, 256);
    size_t other;
    switch (ggdm_test_below(rng, 6)) {
    case 0:
        text[at] = byte;
        break;
    case 1:
        splice(text, size, at, 0, piece, strlen(piece));
        break;
    case 2: /* cut out a stretch */
        other = (size_t)ggdm_test_below(rng, 20) + 1;
        splice(text, size, at, other < *size - at ? other : *size - at, "", 0);
        break;
    case 3: /* repeat a stretch */
        other = (size_t)ggdm_test_below(rng, 60) + 1;
        if (at + other < *size && *size + other < MAX_TEXT) {
            char copy[64];
            memcpy(copy, text + at, other);
            splice(text, size, at, 0, copy, other);
        }
        break;
    default: /* another value: the mutation that stays valid JSON most often */
        other = token(text, *size, &at);
        splice(text, size, at, other, piece, strlen(piece));
    }
    if (*size == 0)
        text[(*size)++] = '{';
}

/* Parse; emit what was accepted.  Returns whether it was. */
static bool try_config(const char *text, size_t size)
{
    ggdm_error err = {0};
    ggdm_arch *arch = NULL;
    char *exact = malloc(size); /* so that the sanitizer sees a read past the end */
    assert_non_null(exact);
    memcpy(exact, text, size);
    ggdm_status st = ggdm_arch_parse(exact, size, "fuzz.json", &arch, &err);
    free(exact);
    if (st != GGDM_OK) {
        assert_null(arch);
        assert_true(err.msg[0] != '\0');
        return false;
    }
    ggdm_graph *g = NULL;
    ggdm_arch_info info = ggdm_arch_get_info(arch);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_val x =
        ggdm_graph_input(g, "x", GGDM_F32, GGDM_SHAPE4(1, info.size, info.size, info.channels));
    ggdm_val t = ggdm_graph_input(g, "t", GGDM_F32, GGDM_SHAPE1(1));
    ggdm_val label = ggdm_graph_input(g, "label", GGDM_I32, GGDM_SHAPE1(1));
    ggdm_val y = ggdm_arch_emit(arch, g, x, t, label);
    if (y < 0)
        ggdm_test_fail("accepted, but cannot be built: %.*s", (int)size, text);
    ggdm_graph_destroy(&g);
    ggdm_arch_destroy(&arch);
    return true;
}

static void test_fuzz_config_mutated_texts_are_refused_or_built(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_seed());
    int accepted = 0;
    for (int round = 0; round < ROUNDS; round++) {
        char text[MAX_TEXT];
        const char *seed = seeds[round % N_SEEDS];
        size_t size = strlen(seed);
        memcpy(text, seed, size);
        for (int64_t n = ggdm_test_below(&rng, 4); n >= 0; n--)
            mutate(&rng, text, &size);
        accepted += try_config(text, size);
    }
    /* The mutations neither break everything nor leave everything valid. */
    assert_in_range(accepted, ROUNDS / 100, ROUNDS / 2);
}

static void test_fuzz_config_truncated_texts_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < N_SEEDS; i++)
        for (size_t size = 0; size < strlen(seeds[i]); size++)
            assert_false(try_config(seeds[i], size));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fuzz_config_mutated_texts_are_refused_or_built),
        cmocka_unit_test(test_fuzz_config_truncated_texts_are_refused),
    };
    return ggdm_test_main(tests);
}
