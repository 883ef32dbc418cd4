/* Images, one by one and as data sets. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/jpeg_image.h"
#include "common/png_image.h"
#include "evaluate/reference_file.h"
#include "models/train/idx.h"
#include "models/train/images.h"
#include "models/train/orientation.h"
#include "models/train/words_file.h"
#include "tests/fuzz/fuzz.h"

/* What the network of these data sets takes. */
static const ggdm_image_want want = {.size = 2, .channels = 1, .n_classes = 10};

static void check_images(const ggdm_images *images)
{
    assert_true(images->n > 0 && images->pixels);
    for (int32_t i = 0; i < images->n && images->labels; i++)
        assert_in_range(images->labels[i], 0, want.n_classes - 1);
}

/* Images or labels, packed or not: the first byte says which. */
bool ggdm_fuzz_idx(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_source *source = NULL;
    ggdm_images images = {0};
    ggdm_idx idx;
    ggdm_status st;
    if (size == 0)
        return false;
    const bool labels = data[0] % 2;
    char *path = ggdm_fuzz_file("idx", data + 1, size - 1);
    GGDM_TRY_GOTO(st, ggdm_source_open(path, &source, &err), done);
    GGDM_TRY_GOTO(
        st, ggdm_idx_read(source, labels ? &ggdm_idx_labels : &ggdm_idx_images, &idx, &err), done);
    const int64_t shape[4] = {idx.dims[0], labels ? 2 : idx.dims[1], labels ? 2 : idx.dims[2],
                              idx.n_dims == 4 ? idx.dims[3] : 1};
    GGDM_TRY_GOTO(st, ggdm_images_init(&images, shape, &want, path, &err), done);
    if (labels)
        st = ggdm_images_read_labels(&images, source, idx.dims[0], (int)idx.bytes, idx.is_signed,
                                     true, &want, &err);
    else
        st = ggdm_source_read(source, images.pixels, idx.size, &err);
    if (st == GGDM_OK)
        st = ggdm_source_end(source, &err);
    if (st == GGDM_OK)
        check_images(&images);
done:
    ggdm_fuzz_clean(st, &err);
    ggdm_images_deinit(&images);
    ggdm_source_close(&source);
    free(path);
    return st == GGDM_OK;
}

bool ggdm_fuzz_npz(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_images images = {0};
    char *path = ggdm_fuzz_file("data.npz", data, size);
    ggdm_status st = ggdm_format_npz.read(path, GGDM_SPLIT_TRAIN, &want, &images, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        check_images(&images);
    ggdm_images_deinit(&images);
    free(path);
    return st == GGDM_OK;
}

/* Checksums of the headers are made to fit, or mutations would not get past them. */
static void mend_tar(uint8_t *tar, size_t size)
{
    enum { BLOCK = 512, AT = 148, DIGITS = 8 };
    for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
        unsigned sum = 0;
        char text[DIGITS + 1];
        if (memcmp(tar + at + 257, "ustar", 5) != 0)
            continue;
        memset(tar + at + AT, ' ', DIGITS);
        for (size_t i = 0; i < BLOCK; i++)
            sum += tar[at + i];
        snprintf(text, sizeof text, "%06o%c ", sum & 0777777, 0);
        memcpy(tar + at + AT, text, DIGITS);
    }
}

static void check_captions(const ggdm_images *images)
{
    const ggdm_captions *c = &images->captions;
    assert_true(c->n >= images->n && c->first[images->n] == c->n);
    for (int32_t i = 0; i < images->n; i++)
        assert_true(c->first[i] < c->first[i + 1] && *c->texts[c->first[i]]);
}

bool ggdm_fuzz_tar(const uint8_t *data, size_t size)
{
    const ggdm_image_want tar_want = {
        .size = 2, .channels = 3, .captions = true, .crop = GGDM_CROP_CENTER};
    ggdm_error err = {0};
    ggdm_images images = {0};
    uint8_t *tar = (uint8_t *)ggdm_fuzz_text(data, size);
    if (size % 4)
        mend_tar(tar, size);
    char *path = ggdm_fuzz_file("data.tar", tar, size);
    ggdm_status st = ggdm_format_tar.read(path, GGDM_SPLIT_TRAIN, &tar_want, &images, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK && images.n > 0)
        check_captions(&images);
    ggdm_images_deinit(&images);
    free(path);
    free(tar);
    return st == GGDM_OK;
}

/* Lines of JSON, or else a csv, about two pictures. */
bool ggdm_fuzz_words(const uint8_t *data, size_t size)
{
    static const char *const pictures[] = {"a.png", "b/c.jpg"};
    const ggdm_image_want words_want = {.captions = true};
    const char *name = size > 0 && data[0] == '{' ? "metadata.jsonl" : "captions.csv";
    ggdm_error err = {0};
    ggdm_words words;
    ggdm_intern names = {0};
    int32_t i;
    char *path = ggdm_fuzz_file(name, data, size);
    for (size_t k = 0; k < 2; k++)
        ggdm_test_ok(ggdm_intern_text(&names, pictures[k], &i, NULL), NULL);
    ggdm_test_ok(ggdm_words_begin("", &words_want, &words, NULL), NULL);
    ggdm_status st = ggdm_words_file_read(&words, path, &names, &err);
    ggdm_fuzz_clean(st, &err);
    ggdm_words_deinit(&words);
    ggdm_intern_deinit(&names);
    free(path);
    return st == GGDM_OK;
}

/* What images are compared with: whatever is accepted is finite. */
bool ggdm_fuzz_reference(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_reference_file file;
    ggdm_source *activations = NULL;
    char *path = ggdm_fuzz_file("reference.npz", data, size);
    ggdm_status st = ggdm_reference_file_read(path, &file, &err);
    ggdm_fuzz_clean(st, &err);
    for (int k = 0; st == GGDM_OK && k < GGDM_N_MOMENTS; k++) {
        const ggdm_moments *m = &file.moments[k];
        assert_true(!m->mu == !m->sigma && (!m->mu || m->d > 0));
        for (int64_t i = 0; m->mu && i < m->d * m->d; i++)
            assert_true(isfinite(m->sigma[i]) && isfinite(m->mu[i % m->d]));
    }
    if (st == GGDM_OK && file.rows)
        ggdm_fuzz_clean(ggdm_reference_file_activations(path, &file, &activations, &err), &err);
    ggdm_source_close(&activations);
    ggdm_reference_file_deinit(&file);
    free(path);
    return st == GGDM_OK;
}

bool ggdm_fuzz_jpeg(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_pixels pixels;
    ggdm_status st = ggdm_jpeg_decode(data, size, 1024, &pixels, &err);
    assert_in_range(ggdm_jpeg_orientation(data, size), 1, 8);
    ggdm_fuzz_clean(st, &err);
    assert_true((st == GGDM_OK) == (pixels.data != NULL));
    ggdm_pixels_deinit(&pixels);
    return st == GGDM_OK;
}

/* Checksums of the chunks are made to fit, or mutations would not get past them. */
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

bool ggdm_fuzz_png(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_pixels pixels;
    uint8_t *png = (uint8_t *)ggdm_fuzz_text(data, size);
    if (size % 4)
        mend(png, size);
    ggdm_status st = ggdm_png_decode(png, size, 1024, &pixels, &err);
    ggdm_fuzz_clean(st, &err);
    assert_true((st == GGDM_OK) == (pixels.data != NULL));
    ggdm_pixels_deinit(&pixels);
    const ggdm_status any = ggdm_png_decode_any(png, size, 1024, &pixels, &err);
    ggdm_fuzz_clean(any, &err);
    assert_true((any == GGDM_OK) == (pixels.data != NULL) && (st != GGDM_OK || any == GGDM_OK));
    ggdm_pixels_deinit(&pixels);
    free(png);
    return any == GGDM_OK;
}
