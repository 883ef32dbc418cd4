#include "tests/support/tiny_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/container.h"
#include "common/npy.h"

#include "tests/support/ggdm_test.h"

static void put(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static void write_split(const char *dir, const char *prefix, int side, int n, uint64_t seed)
{
    size_t pixels = (size_t)side * (size_t)side, size = 16 + (size_t)n * pixels;
    uint8_t *images = ggdm_test_alloc(size, 1), *labels = ggdm_test_alloc(8 + (size_t)n, 1);
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(seed, prefix, n));
    put(images, 0x803);
    put(images + 4, (uint32_t)n);
    put(images + 8, (uint32_t)side);
    put(images + 12, (uint32_t)side);
    put(labels, 0x801);
    put(labels + 4, (uint32_t)n);
    for (int i = 0; i < n; i++) {
        int label = i % 10, line = label % 5 * side / 5;
        uint8_t *image = images + 16 + (size_t)i * pixels;
        labels[8 + i] = (uint8_t)label;
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                bool bright = (label < 5 ? y : x) == line; /* five rows, five columns */
                image[y * side + x] = (uint8_t)((bright ? 200 : 0) + ggdm_test_below(&rng, 50));
            }
    }
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
    char *path = ggdm_test_path(dir, name);
    ggdm_test_write(path, images, size);
    free(path);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    path = ggdm_test_path(dir, name);
    ggdm_test_write(path, labels, 8 + (size_t)n);
    free(path);
    free(images);
    free(labels);
}

void ggdm_tiny_data_write(const char *dir, int side, int n_train, int n_test, uint64_t seed)
{
    write_split(dir, "train", side, n_train, seed);
    write_split(dir, "t10k", side, n_test, seed);
}

/* --- with words --- */

static const char *const ways[][2] = {{"row", "low"}, {"column", "left"}}; /* and another word */
static const char *const places[] = {"zero", "one", "two", "three", "four"};

static void put_text(const char *dir, const char *name, const char *text, size_t size)
{
    char *path = ggdm_test_path(dir, name);
    ggdm_test_write(path, text, size);
    free(path);
}

static void write_npz(const char *dir, const char *name, int side, int n, const uint8_t *pixels)
{
    const int64_t shape[] = {n, side, side, 3};
    ggdm_container *c = NULL;
    ggdm_error err = {0};
    char *path = ggdm_test_path(dir, name);
    ggdm_test_ok(ggdm_container_create(GGDM_ZIP, path, &c, &err), &err);
    ggdm_test_ok(ggdm_container_begin_array(c, "arr_0.npy", GGDM_NPY_U8, shape, 4, &err), &err);
    ggdm_test_ok(ggdm_container_write(c, pixels, (size_t)n * side * side * 3, &err), &err);
    ggdm_test_ok(ggdm_container_commit(&c, &err), &err);
    free(path);
}

static void write_words(const char *dir, const char *split, int side, int n, uint64_t seed)
{
    uint8_t *pixels = ggdm_test_alloc((size_t)(n * side * side), 3), *p = pixels;
    char *lines = ggdm_test_alloc((size_t)n, 200), *line = lines, name[64];
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(seed, split, n));
    for (int i = 0; i < n; i++) {
        const int way = i / 5 % 2, place = i % 5;
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++)
                for (int k = 0; k < 3; k++) {
                    const bool bright = (way ? x : y) == place * side / 5;
                    *p++ = (uint8_t)((bright ? 150 + 30 * k : 0) + ggdm_test_below(&rng, 50));
                }
        line += sprintf(line,
                        "{\"caption\": [\"bar %s %s\", \"%s %s\"], \"attributes\": {\"way\": "
                        "\"%s\", \"place\": \"%s\"}}\n",
                        ways[way][1], places[place], places[place], ways[way][0], ways[way][0],
                        places[place]);
    }
    snprintf(name, sizeof name, "%s.npz", split);
    write_npz(dir, name, side, n, pixels);
    snprintf(name, sizeof name, "%s.jsonl", split);
    put_text(dir, name, lines, (size_t)(line - lines));
    free(lines);
    free(pixels);
}

/* a to z, each also at the end of a word, and the two ends of a text. */
static void write_tokenizer(const char *dir)
{
    static const char merges[] = "#version: 0.2\n";
    char vocab[2000] = "{", *words = ggdm_test_path(dir, "words");
    int n = 1;
    for (int i = 0; i < 52; i++)
        n += snprintf(vocab + n, sizeof vocab - (size_t)n, "\"%c%s\": %d, ", 'a' + i % 26,
                      i < 26 ? "" : "</w>", i);
    n += snprintf(vocab + n, sizeof vocab - (size_t)n,
                  "\"<|startoftext|>\": 52, \"<|endoftext|>\": 53}");
    if (mkdir(words, 0777) != 0)
        ggdm_test_fail("cannot make %s", words);
    put_text(words, "vocab.json", vocab, (size_t)n);
    put_text(words, "merges.txt", merges, sizeof merges - 1);
    free(words);
}

void ggdm_tiny_words_write(const char *dir, int side, int n_train, int n_test, uint64_t seed)
{
    static const char groups[] =
        "{\"attributes\": [{\"name\": \"way\", \"classes\": [\"row\", \"column\"]}, {\"name\": "
        "\"place\", \"classes\": [\"zero\", \"one\", \"two\", \"three\", \"four\"]}]}";
    write_words(dir, "train", side, n_train, seed);
    write_words(dir, "test", side, n_test, seed);
    put_text(dir, "attributes.json", groups, sizeof groups - 1);
    write_tokenizer(dir);
}
