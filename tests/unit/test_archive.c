/* Archives of cells: a function of the store, to the byte. */
#include "jobs/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/png_image.h"
#include "jobs/sheet.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;
static const char *const files[] = {"archive/c0008/samples.tar", "archive/c0008/samples.npz",
                                    "archive/c0008/sheet.png"};

static char *read_file(const run_fixture *f, const char *name, size_t *size)
{
    char *path = ggdm_test_path(f->dir, name);
    char *bytes = ggdm_test_read(path, size);
    free(path);
    return bytes;
}

static bool there(const run_fixture *f, const char *name)
{
    char *path = ggdm_test_path(f->dir, name);
    bool yes = ggdm_exists(path);
    free(path);
    return yes;
}

static ggdm_status archive_cell(const run_fixture *f, int32_t cell)
{
    ggdm_results r;
    ggdm_test_ok(ggdm_results_open(f->store, &r, &err), &err);
    ggdm_status st = ggdm_archive_cell(&r, f->dir, cell, &err);
    ggdm_results_deinit(&r);
    return st;
}

/* Archive what is complete: how many were written, how many are incomplete. */
static int32_t archive_run(const run_fixture *f, bool force, int32_t *incomplete)
{
    ggdm_results r;
    int32_t written;
    ggdm_test_ok(ggdm_results_open(f->store, &r, &err), &err);
    ggdm_test_ok(ggdm_archive_run(&r, f->dir, force, &written, incomplete, &err), &err);
    ggdm_results_deinit(&r);
    return written;
}

static void test_archive_of_incomplete_cell_is_refused(void **state)
{
    run_fixture *f = *state;
    int32_t incomplete;
    run_fixture_work(f, 4, 1); /* the unguided images and four of the first tree */
    ggdm_test_error(archive_cell(f, 4), &err, GGDM_ESTATE, "4 of 10 images");
    assert_int_equal(archive_run(f, false, &incomplete),
                     5); /* kappa 0 and duration 0 share one trajectory */
    assert_int_equal(incomplete, 4);
    assert_true(there(f, "archive/c0003/samples.tar"));
    assert_false(there(f, "archive/c0004"));
}

static void test_archive_twice_gives_equal_bytes(void **state)
{
    run_fixture *f = *state;
    char *first[3];
    size_t sizes[3];
    run_fixture_work(f, 100, 1);
    assert_int_equal(archive_run(f, false, NULL), RUN_CELLS);
    for (int i = 0; i < 3; i++)
        first[i] = read_file(f, files[i], &sizes[i]);
    run_fixture_reopen(f, NULL);
    assert_int_equal(archive_run(f, false, NULL), 0);
    char *path = ggdm_test_path(f->dir, files[2]);
    unlink(path);
    free(path);
    assert_int_equal(archive_run(f, false, NULL), 1);
    assert_int_equal(archive_run(f, true, NULL), RUN_CELLS);
    for (int i = 0; i < 3; i++) {
        size_t size;
        char *again = read_file(f, files[i], &size);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(again, first[i], size);
        free(again);
        free(first[i]);
    }
}

/* Another order of work, other units lost on the way: the same shard. */
static void test_archive_after_trouble_gives_equal_bytes(void **state)
{
    run_fixture *f = *state, *calm = ggdm_test_alloc(1, sizeof *calm);
    ggdm_unit lost;
    int32_t n;
    char *bytes[2];
    size_t sizes[2];
    run_fixture_open(calm);
    run_fixture_work(calm, 100, 1);
    ggdm_test_ok(archive_cell(calm, 8), &err);
    bytes[0] = read_file(calm, files[0], &sizes[0]);
    run_fixture_close(calm);
    free(calm);
    for (int i = 0; i < 3; i++) {
        ggdm_test_ok(ggdm_store_begin(f->store, i, &err), &err);
        ggdm_test_ok(ggdm_store_claim(f->store, i, GGDM_CLAIM_ANY, 1, &lost, &n, &err), &err);
        ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
        ggdm_unit_deinit(&lost);
        run_fixture_work(f, 2, 1);
        run_fixture_reopen(f, NULL);
    }
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(archive_cell(f, 8), &err);
    bytes[1] = read_file(f, files[0], &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}

/* The stored picture, byte for byte behind its header, and in between what it says of itself. */
static void check_picture(const char *png, size_t size, const ggdm_sample *want)
{
    enum { HEADER = 33 };
    char index[40];
    int n = snprintf(index, sizeof index, "ggdm:image%c%d", 0, want->index);
    assert_true(size > want->size);
    const size_t texts = size - want->size;
    assert_memory_equal(png, want->data, HEADER);
    assert_memory_equal(png + HEADER + texts, want->data + HEADER, want->size - HEADER);
#define SAYS(text) assert_non_null(memmem(png + HEADER, texts, text, sizeof text - 1))
    assert_non_null(memmem(png + HEADER, texts, index, (size_t)n));
    SAYS("Software\0ggdm test");
    SAYS("ggdm:sweep\0fixture \"one\"");
    SAYS("ggdm:cell\0c0008");
    SAYS("ggdm:seed\0"
         "0");
    SAYS("ggdm:precision\0fp32");
    SAYS("ggdm:isa\0avx2");
    SAYS("zTXtggdm:recipe\0");
}

static void check_tar(const char *path, int64_t trajectory)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_format_tar(a);
    assert_int_equal(archive_read_open_filename(a, path, 10240), ARCHIVE_OK);
    for (int32_t i = 0; i < RUN_SAMPLES; i++) {
        char name[32], bytes[4000];
        ggdm_sample want;
        run_fixture_sample(NULL, trajectory, i, 1, &want);
        snprintf(name, sizeof name, "c0008_%06d.png", i);
        assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(entry), name);
        la_ssize_t n = archive_read_data(a, bytes, sizeof bytes);
        assert_true(n > 0);
        check_picture(bytes, (size_t)n, &want);
        ggdm_sample_deinit(&want);
        snprintf(name, sizeof name, "c0008_%06d.json", i);
        assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(entry), name);
        n = archive_read_data(a, bytes, sizeof bytes - 1);
        assert_true(n > 0);
        bytes[n] = '\0';
        assert_non_null(strstr(bytes, "\"cell\": \"c0008\""));
        assert_non_null(strstr(bytes, i < 3 ? "\"diverged\": true" : "\"diverged\": false"));
        assert_non_null(strstr(bytes, "\"parameters\": {\"model\": \"mnist-ddpm\", "));
        assert_non_null(strstr(bytes, "\"kappa\": 1, \"duration\": 1000"));
        assert_non_null(strstr(bytes, "\"target\": 3"));
        assert_non_null(strstr(bytes, "\"judge\": {\"label\": 3, \"probability\": 0.8, "
                                      "\"aim_probability\": 0.8}"));
        assert_non_null(strstr(bytes, i < 3 ? "\"saturation\": 0.5}" : "\"saturation\": 0}"));
    }
    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
    archive_read_free(a);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The shards of a run, read together as WebDataset does, hold no name twice. */
static void test_archive_names_are_unique_in_the_run(void **state)
{
    enum { N = 2 * RUN_CELLS * RUN_SAMPLES };
    run_fixture *f = *state;
    char *names[N];
    int n = 0;
    run_fixture_work(f, 100, 1);
    archive_run(f, false, NULL);
    for (int i = 0; i < RUN_CELLS; i++) {
        struct archive *a = archive_read_new();
        struct archive_entry *entry;
        char path[300];
        snprintf(path, sizeof path, "%s/archive/c%04d/samples.tar", f->dir, i);
        archive_read_support_format_tar(a);
        assert_int_equal(archive_read_open_filename(a, path, 10240), ARCHIVE_OK);
        while (archive_read_next_header(a, &entry) == ARCHIVE_OK && n < N)
            ggdm_test_ok(ggdm_strdup(archive_entry_pathname(entry), &names[n++], &err), &err);
        archive_read_free(a);
    }
    assert_int_equal(n, N);
    qsort(names, N, sizeof *names, by_text);
    for (int i = 1; i < N; i++)
        assert_string_not_equal(names[i - 1], names[i]);
    while (n > 0)
        free(names[--n]);
}

/* The stored npy arrays, found by their magic. */
static void check_npz(const run_fixture *f, int32_t channels)
{
    size_t size;
    char *bytes = read_file(f, files[1], &size), text[100];
    char *arr_0 = memmem(bytes, size, "\x93NUMPY", 6);
    assert_non_null(arr_0);
    snprintf(text, sizeof text, "'shape': (10, 28, 28, %d), }", channels);
    assert_non_null(strstr(arr_0 + 10, text));
    const uint8_t *data = (uint8_t *)arr_0 + 128;
    size_t image_size = (size_t)(RUN_SIDE * RUN_SIDE * channels);
    for (int32_t i = 0; i < RUN_SAMPLES; i++) {
        ggdm_sample want;
        ggdm_pixels pixels;
        run_fixture_sample(NULL, 4, i, channels, &want);
        ggdm_test_ok(ggdm_png_decode(want.data, want.size, 100, &pixels, &err), &err);
        assert_memory_equal(data + (size_t)i * image_size, pixels.data, image_size);
        ggdm_pixels_deinit(&pixels);
        ggdm_sample_deinit(&want);
    }
    const char *after = (const char *)data + RUN_SAMPLES * image_size;
    char *arr_1 = memmem(after, size - (size_t)(after - bytes), "\x93NUMPY", 6);
    assert_non_null(arr_1);
    assert_non_null(strstr(arr_1 + 10, "'<i8', 'fortran_order': False, 'shape': (10,), }"));
    for (int i = 0; i < 8 * RUN_SAMPLES; i++)
        assert_int_equal(arr_1[128 + i], i % 8 ? 0 : RUN_TARGET);
    free(bytes);
}

static void test_archive_holds_the_images_of_the_cell(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(archive_cell(f, 8), &err);
    char *path = ggdm_test_path(f->dir, files[0]);
    check_tar(path, 4);
    free(path);
    check_npz(f, 1);
    const char *keep = getenv("GGDM_KEEP"); /* to look at by hand */
    for (int i = 0; keep && i < 3; i++) {
        size_t size;
        char *bytes = read_file(f, files[i], &size);
        char *out = ggdm_test_path(keep, strrchr(files[i], '/') + 1);
        ggdm_test_write(out, bytes, size);
        free(out);
        free(bytes);
    }
}

static void test_archive_of_rgb_images_keeps_channels(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 3);
    ggdm_test_ok(archive_cell(f, 8), &err);
    check_npz(f, 3);
}

static void test_archive_in_turn_is_refused(void **state)
{
    run_fixture *f = *state;
    run_fixture_work(f, 100, 1);
    ggdm_test_ok(ggdm_store_begin(f->store, 1, &err), &err);
    ggdm_test_error(archive_cell(f, 0), &err, GGDM_ESTATE, "turn");
}

static void test_sheet_frames_and_pixels_are_in_place(void **state)
{
    (void)state;
    uint8_t pixels[4] = {0, 50, 100, 150}, *png;
    size_t size;
    ggdm_sheet *s;
    ggdm_pixels out;
    ggdm_test_ok(ggdm_sheet_create(4, 2, 2, 1, &s, &err), &err);
    for (int i = 0; i < 6; i++) /* two too many */
        ggdm_sheet_add(s, pixels, (ggdm_frame)(i % 4));
    ggdm_test_ok(ggdm_sheet_encode(s, &png, &size, &err), &err);
    ggdm_test_ok(ggdm_png_decode(png, size, 1000, &out, &err), &err);
    /* 3 columns, 2 rows of tiles of 2 * 2 + 2 * 2 pixels with gaps of 2. */
    assert_int_equal(out.width, 3 * 10 + 2);
    assert_int_equal(out.height, 2 * 10 + 2);
#define AT(x, y) (out.data + ((y)*out.width + (x)) * 3)
    assert_int_equal(AT(2, 2)[0], 255);   /* no frame */
    assert_int_equal(AT(4, 4)[0], 0);     /* the first pixel, */
    assert_int_equal(AT(5, 5)[0], 0);     /* magnified */
    assert_int_equal(AT(6, 4)[2], 50);    /* the second */
    assert_int_equal(AT(12, 2)[1], 158);  /* green */
    assert_int_equal(AT(22, 2)[0], 213);  /* vermilion */
    assert_int_equal(AT(2, 12)[0], 50);   /* dark */
    assert_int_equal(AT(4, 14)[0], 128);  /* struck through */
    assert_int_equal(AT(15, 15)[0], 255); /* no fifth image */
    ggdm_pixels_deinit(&out);
    free(png);
    ggdm_sheet_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_archive_of_incomplete_cell_is_refused),
        RUN_FIXTURE_TEST(test_archive_twice_gives_equal_bytes),
        RUN_FIXTURE_TEST(test_archive_after_trouble_gives_equal_bytes),
        RUN_FIXTURE_TEST(test_archive_holds_the_images_of_the_cell),
        RUN_FIXTURE_TEST(test_archive_names_are_unique_in_the_run),
        RUN_FIXTURE_TEST(test_archive_of_rgb_images_keeps_channels),
        RUN_FIXTURE_TEST(test_archive_in_turn_is_refused),
        cmocka_unit_test(test_sheet_frames_and_pixels_are_in_place),
    };
    return ggdm_test_main(tests);
}
