#include "tests/support/tiny_data.h"

#include <stdio.h>
#include <stdlib.h>

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
