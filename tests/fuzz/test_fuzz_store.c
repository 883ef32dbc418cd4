/* Damaged databases and PNGs: whatever the bytes, an answer or an error, never a crash. */
#include "jobs/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/png_image.h"
#include "jobs/summary.h"
#include "tests/support/run_fixture.h"

/* Rounds are counted, so that a seed says all; the clock stops a slow machine.  $GGDM_FUZZ=100
 * gives a hundred times the rounds and the time. */
enum { STORE_ROUNDS = 400, PNG_ROUNDS = 10000 };
#define STORE_SECONDS 1.6
#define PNG_SECONDS 0.8

static double effort(void)
{
    const char *text = getenv("GGDM_FUZZ");
    return text ? strtod(text, NULL) : 1;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A few mutations: bits, bytes, runs, a piece copied elsewhere, a cut. */
static void mutate(ggdm_test_rng *rng, uint8_t *bytes, size_t *size)
{
    int64_t n = 1 + ggdm_test_below(rng, 8);
    while (n-- > 0 && *size > 1) {
        size_t at = (size_t)ggdm_test_below(rng, (int64_t)*size);
        size_t from = (size_t)ggdm_test_below(rng, (int64_t)*size);
        size_t run = 1 + (size_t)ggdm_test_below(rng, 200);
        run = run < *size - at ? run : *size - at;
        run = run < *size - from ? run : *size - from;
        switch (ggdm_test_below(rng, 20)) {
        case 0:
            *size = at + 1;
            break;
        case 1:
            memmove(bytes + at, bytes + from, run);
            break;
        case 2:
            memset(bytes + at, (int)ggdm_test_below(rng, 2) * 255, run);
            break;
        case 3:
        case 4:
        case 5:
            bytes[at] = (uint8_t)(bytes[at] + 1 - 2 * ggdm_test_below(rng, 2));
            break;
        case 6:
        case 7:
            bytes[at] = (uint8_t)ggdm_test_bits(rng);
            break;
        default:
            bytes[at] ^= (uint8_t)(1U << ggdm_test_below(rng, 8));
        }
    }
}

static ggdm_status look_at(void *context, const ggdm_image *image, ggdm_error *err)
{
    ggdm_pixels pixels;
    int64_t *n = context;
    ++*n;
    if (ggdm_png_decode(image->png, image->png_size, 100, &pixels, err) == GGDM_OK)
        ggdm_pixels_deinit(&pixels);
    return GGDM_OK;
}

static ggdm_status look_at_trouble(void *context, const ggdm_store_trouble *t, ggdm_error *err)
{
    (void)err;
    *(size_t *)context += strlen(t->message);
    return GGDM_OK;
}

/* Everything a coordinator and the commands do with a store. */
static void use_store(ggdm_store *store)
{
    ggdm_unit units[4];
    int32_t n = 0, n_images;
    size_t text = 0;
    int64_t seen = 0;
    double due;
    bool accepted;
    for (int32_t i = 0; i < ggdm_store_n_cells(store) && i < 20; i++) {
        ggdm_cell_summary s;
        if (ggdm_cell_summarise(store, i, &s, NULL) == GGDM_OK)
            ggdm_cell_summary_deinit(&s);
        ggdm_store_each_image(store, i, true, look_at, &seen, NULL);
    }
    ggdm_store_each_trouble(store, 10, look_at_trouble, &text, NULL);
    ggdm_store_next_due(store, &due, NULL);
    if (ggdm_store_begin(store, 1e10, NULL) != GGDM_OK)
        return;
    ggdm_store_cancel(store, NULL, NULL, NULL);
    ggdm_store_retry(store, NULL, false, NULL, NULL);
    ggdm_store_claim(store, 1, GGDM_CLAIM_ANY, 4, units, &n, NULL);
    for (int32_t i = 0; i < n; i++) {
        /* A damaged tree may name other trajectories than the fixture has images for. */
        bool known = units[i].image_count <= RUN_SAMPLES && units[i].n_segments <= 10;
        for (int32_t k = 0; known && k < units[i].n_segments; k++)
            known = units[i].segments[k].trajectory < RUN_TRAJECTORIES;
        if (known) {
            ggdm_image *images = run_fixture_images(&units[i], 1, &n_images);
            ggdm_store_finish(store, units[i].id, units[i].attempt, images, n_images, &accepted,
                              NULL);
            run_fixture_free_images(images, n_images);
        }
        ggdm_store_fail(store, units[i].id, units[i].attempt, "x", NULL, NULL);
        ggdm_unit_deinit(&units[i]);
    }
    if (ggdm_store_commit(store, NULL) != GGDM_OK)
        assert_false(ggdm_store_in_turn(store));
}

static void test_store_damaged_database_gives_error_or_answer(void **state)
{
    (void)state;
    run_fixture f;
    size_t size;
    int opened = 0, refused = 0;
    const ggdm_store_options options = {.mode = GGDM_STORE_RUN, .force_rollback_journal = true};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "store", 0));
    run_fixture_open(&f);
    run_fixture_work(&f, 5, 1);
    run_fixture_reopen(&f, &options);
    ggdm_store_close(&f.store);
    char *path = ggdm_test_path(f.dir, GGDM_STORE_FILE), *good = ggdm_test_read(path, &size);
    double start = seconds();
    for (int i = 0; i < STORE_ROUNDS * effort() && seconds() < start + STORE_SECONDS * effort();
         i++) {
        ggdm_error err = {0};
        size_t n = size;
        uint8_t *bytes = ggdm_test_alloc(size, 1);
        memcpy(bytes, good, size);
        mutate(&rng, bytes, &n);
        ggdm_test_write(path, bytes, n);
        free(bytes);
        ggdm_status st = ggdm_store_open(f.dir, &options, &f.store, &err);
        if (st == GGDM_OK) {
            opened++;
            use_store(f.store);
        } else {
            refused++;
            assert_null(f.store);
            assert_true(err.msg[0] != '\0');
        }
        ggdm_store_close(&f.store);
    }
    assert_true(opened > 0);
    assert_true(refused > 0);
    free(good);
    free(path);
    run_fixture_close(&f);
}

/* Make the checksums of the chunks fit again, or a mutation never gets past them. */
static void mend(uint8_t *png, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        size_t n = (size_t)png[at] << 24 | (size_t)png[at + 1] << 16 | (size_t)png[at + 2] << 8 |
                   png[at + 3];
        if (n > size - at - 12)
            return;
        uint32_t crc = ggdm_test_crc32(png + at + 4, n + 4);
        for (size_t i = 0; i < 4; i++)
            png[at + 8 + n + i] = (uint8_t)(crc >> (24 - 8 * i));
        at += n + 12;
    }
}

static void test_png_damaged_gives_error_or_pixels(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "png", 0));
    int decoded = 0, refused = 0;
    double start = seconds();
    for (int i = 0; i < PNG_ROUNDS * effort() && seconds() < start + PNG_SECONDS * effort(); i++) {
        ggdm_image image;
        ggdm_pixels pixels;
        run_fixture_image(i % RUN_TRAJECTORIES, i % RUN_SAMPLES, i % 2 ? 3 : 1, &image);
        size_t size = image.png_size;
        mutate(&rng, image.png, &size);
        if (i % 4)
            mend(image.png, size);
        ggdm_status st = ggdm_png_decode(image.png, size, 64, &pixels, NULL);
        decoded += st == GGDM_OK;
        refused += st != GGDM_OK;
        assert_true((st == GGDM_OK) == (pixels.data != NULL));
        ggdm_pixels_deinit(&pixels);
        ggdm_image_deinit(&image);
    }
    assert_true(refused > 0);
    assert_true(decoded > 0);
}

int main(void)
{
    /* Thousands of databases: in memory where there is one. */
    if (ggdm_is_dir("/dev/shm") && access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_damaged_database_gives_error_or_answer),
        cmocka_unit_test(test_png_damaged_gives_error_or_pixels),
    };
    return ggdm_test_main(tests);
}
