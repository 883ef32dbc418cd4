/* What images are compared by. */
#include "evaluate/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/threads.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_model.h"

enum { SIDE = 8, WIDTH = 16, CLASSES = 10, IMAGES = 40 };

static ggdm_error err;

/* A folder of models. */
static ggdm_status find(void *dir, const char *model, char **path, ggdm_error *why)
{
    return ggdm_asprintf(path, why, "%s/%s", (const char *)dir, model);
}

static int setup(void **state)
{
    char *dir = ggdm_test_mkdtemp();
    free(ggdm_tiny_model_write(dir, "cnn", ggdm_tiny_cnn_config, 3));
    free(ggdm_tiny_model_write(dir, "noisy", ggdm_tiny_noisy_config, 3));
    free(ggdm_tiny_model_write(dir, "unet", ggdm_tiny_unet_config, 3));
    free(ggdm_tiny_model_write(dir, "clip", ggdm_tiny_clip_config, 3));
    free(ggdm_tiny_model_write(dir, "texts", ggdm_tiny_texts_config, 3));
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    ggdm_test_rmdir(*state);
    return 0;
}

static ggdm_features *open_source(void *dir, const char *text)
{
    ggdm_features *f;
    ggdm_test_ok(ggdm_features_open(text, false, find, dir, &f, &err), &err);
    return f;
}

static void make_image(int i, ggdm_pixels *out)
{
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "image", i));
    ggdm_test_ok(ggdm_pixels_init(out, SIDE, SIDE, 1, &err), &err);
    for (int k = 0; k < SIDE * SIDE; k++)
        out->data[k] = (uint8_t)ggdm_test_below(&rng, 256);
}

/* The features of images first, first + 1, ... */
static ggdm_feature_rows rows_of(ggdm_features *f, int first, int n)
{
    ggdm_feature_rows rows = {0};
    for (int i = first; i < first + n; i++) {
        ggdm_pixels image;
        make_image(i, &image);
        ggdm_test_ok(ggdm_features_add(f, &image, i, &rows, &err), &err);
        ggdm_pixels_deinit(&image);
    }
    ggdm_test_ok(ggdm_features_flush(f, &rows, &err), &err);
    assert_int_equal(rows.n, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(rows.images[i], first + i);
    return rows;
}

static void test_features_pixels_are_shares_of_white(void **state)
{
    ggdm_features *f = open_source(*state, "pixels");
    ggdm_feature_rows rows = rows_of(f, 0, 3);
    ggdm_pixels image;
    assert_string_equal(ggdm_features_name(f, 0), "pixels");
    assert_int_equal(rows.d, SIDE * SIDE);
    make_image(2, &image);
    for (int k = 0; k < SIDE * SIDE; k++)
        assert_true(rows.x[2 * SIDE * SIDE + k] == (float)image.data[k] / 255.0f);
    ggdm_pixels_deinit(&image);
    ggdm_feature_rows_deinit(&rows);
    ggdm_features_close(&f);
}

static const float *weights_of(const ggdm_model *model, const char *name)
{
    for (size_t i = 0; i < model->params.n; i++)
        if (strcmp(model->params.items[i].name, name) == 0)
            return model->params.items[i].data;
    ggdm_test_fail("no tensor %s", name);
    return NULL;
}

/* logits = log softmax(W features + b): that of two classes differs by what W and b say. */
static void test_features_of_a_classifier_are_what_its_last_layer_takes(void **state)
{
    ggdm_features *inner = open_source(*state, "cnn"), *outer = open_source(*state, "cnn:logits");
    ggdm_feature_rows x = rows_of(inner, 0, 5), y = rows_of(outer, 0, 5);
    ggdm_model_files files;
    char *path = ggdm_test_path(*state, "cnn");
    ggdm_model *model = ggdm_tiny_model_open(path, &files);
    const float *w = weights_of(model, "layers.4.weight"), *b = weights_of(model, "layers.4.bias");
    assert_int_equal(x.d, WIDTH);
    assert_int_equal(y.d, CLASSES);
    assert_int_equal(strncmp(ggdm_features_name(inner, 0), "cnn:features@", 13), 0);
    for (int i = 0; i < 5; i++)
        for (int c = 1; c < CLASSES; c++) {
            double want = (double)b[c] - b[0], size = 1;
            for (int k = 0; k < WIDTH; k++) {
                want += ((double)w[c * WIDTH + k] - w[k]) * x.x[i * WIDTH + k];
                size += fabs((double)w[c * WIDTH + k] * x.x[i * WIDTH + k]);
            }
            const double got = (double)y.x[i * CLASSES + c] - y.x[i * CLASSES];
            assert_true(fabs(got - want) < 1e-5 * size);
        }
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    free(path);
    ggdm_feature_rows_deinit(&x);
    ggdm_feature_rows_deinit(&y);
    ggdm_features_close(&inner);
    ggdm_features_close(&outer);
}

/* The last inner layer is what the last one takes. */
static void test_features_of_an_inner_layer_are_what_it_gives(void **state)
{
    ggdm_features *f = open_source(*state, "cnn"), *inner = open_source(*state, "cnn:layers.3");
    ggdm_features *first = open_source(*state, "cnn:layers.0");
    ggdm_feature_rows x = rows_of(f, 0, 3), y = rows_of(inner, 0, 3), z = rows_of(first, 0, 3);
    assert_int_equal(strncmp(ggdm_features_name(inner, 0), "cnn:layers.3@", 13), 0);
    assert_int_equal(y.d, x.d);
    assert_memory_equal(y.x, x.x, (size_t)(x.n * x.d) * sizeof *x.x);
    assert_int_equal(z.d % (SIDE * SIDE / 4), 0);
    ggdm_feature_rows_deinit(&x);
    ggdm_feature_rows_deinit(&y);
    ggdm_feature_rows_deinit(&z);
    ggdm_features_close(&f);
    ggdm_features_close(&inner);
    ggdm_features_close(&first);
}

/* Whatever the batch, the threads and the neighbours. */
static void test_features_have_the_same_bits(void **state)
{
    ggdm_features *f = open_source(*state, "noisy");
    ggdm_feature_rows all = rows_of(f, 0, IMAGES);
    const int before = ggdm_use_threads(1);
    ggdm_features *one = open_source(*state, "noisy");
    for (int i = 0; i < IMAGES; i += 13) {
        ggdm_feature_rows alone = rows_of(one, i, 1);
        assert_memory_equal(alone.x, all.x + i * WIDTH, WIDTH * sizeof *all.x);
        ggdm_feature_rows_deinit(&alone);
    }
    ggdm_use_threads(before);
    ggdm_features_close(&one);
    ggdm_feature_rows_deinit(&all);
    ggdm_features_close(&f);
}

/* An image of one brightness is that at any size. */
static void make_flat(int width, int height, ggdm_pixels *out)
{
    ggdm_test_ok(ggdm_pixels_init(out, width, height, 1, &err), &err);
    memset(out->data, 100, (size_t)width * (size_t)height);
}

/* An encoder sees images at its own size, whatever sizes come one behind the other. */
static void test_features_of_an_encoder_are_of_images_of_any_size(void **state)
{
    static const int sizes[][2] = {{SIDE, SIDE}, {3 * SIDE, 2 * SIDE}, {SIDE, SIDE}, {5, 7}};
    ggdm_features *f = open_source(*state, "clip");
    ggdm_feature_rows flat = {0}, mixed = {0}, own = rows_of(f, 0, 1);
    ggdm_pixels image;
    int size, channels;
    ggdm_features_takes(f, &size, &channels);
    assert_true(size == 0 && channels == 0);
    for (int i = 0; i < 4; i++) {
        make_flat(sizes[i][0], sizes[i][1], &image);
        ggdm_test_ok(ggdm_features_add(f, &image, i, &flat, &err), &err);
        ggdm_pixels_deinit(&image);
    }
    ggdm_test_ok(ggdm_features_flush(f, &flat, &err), &err);
    assert_int_equal(flat.n, 4);
    for (int64_t j = 0; j < flat.d; j++)
        for (int i = 1; i < 4; i++)
            assert_true(fabsf(flat.x[i * flat.d + j] - flat.x[j]) < 1e-5f * (1 + fabsf(flat.x[j])));
    make_flat(2 * SIDE, SIDE, &image);
    ggdm_test_ok(ggdm_features_add(f, &image, 0, &mixed, &err), &err);
    ggdm_pixels_deinit(&image);
    make_image(0, &image);
    ggdm_test_ok(ggdm_features_add(f, &image, 1, &mixed, &err), &err);
    ggdm_test_ok(ggdm_features_flush(f, &mixed, &err), &err);
    assert_memory_equal(mixed.x + mixed.d, own.x, (size_t)own.d * sizeof *own.x);
    assert_true(mixed.images[0] == 0 && mixed.images[1] == 1);
    ggdm_pixels_deinit(&image);
    ggdm_feature_rows_deinit(&flat);
    ggdm_feature_rows_deinit(&mixed);
    ggdm_feature_rows_deinit(&own);
    ggdm_features_close(&f);
}

static void test_features_of_another_size_are_refused(void **state)
{
    ggdm_features *f = open_source(*state, "cnn"), *pixels = open_source(*state, "pixels");
    ggdm_feature_rows rows = {0};
    ggdm_pixels wide, image;
    make_image(0, &image);
    ggdm_test_ok(ggdm_pixels_init(&wide, 2 * SIDE, SIDE, 1, &err), &err);
    ggdm_test_error(ggdm_features_add(f, &wide, 0, &rows, &err), &err, GGDM_ESHAPE,
                    "8 x 16 x 1, expected 8 x 8 x 1, as cnn takes them");
    ggdm_test_ok(ggdm_features_add(pixels, &image, 0, &rows, &err), &err);
    ggdm_test_error(ggdm_features_add(pixels, &wide, 1, &rows, &err), &err, GGDM_ESHAPE,
                    "128 features, the images before it have 64");
    ggdm_pixels_deinit(&wide);
    ggdm_pixels_deinit(&image);
    ggdm_feature_rows_deinit(&rows);
    ggdm_features_close(&f);
    ggdm_features_close(&pixels);
}

static void test_features_of_what_has_none_are_refused(void **state)
{
    ggdm_features *f;
    ggdm_test_error(ggdm_features_open("unet", false, find, *state, &f, &err), &err, GGDM_EINVAL,
                    "features 'unet': unet is a UNet2DModel, which gives no features of images, "
                    "expected a classifier");
    assert_null(f);
    ggdm_test_error(ggdm_features_open("texts", false, find, *state, &f, &err), &err, GGDM_EINVAL,
                    "texts is a CLIPTextModel, which gives no features of images");
    ggdm_test_error(ggdm_features_open("cnn:pool3", false, find, *state, &f, &err), &err,
                    GGDM_EINVAL, "cnn has no layer 'pool3', expected features or logits");
    ggdm_test_error(ggdm_features_open("absent", false, find, *state, &f, &err), &err, GGDM_EINVAL,
                    "no such directory with a config.json in it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features_pixels_are_shares_of_white),
        cmocka_unit_test(test_features_of_a_classifier_are_what_its_last_layer_takes),
        cmocka_unit_test(test_features_of_an_inner_layer_are_what_it_gives),
        cmocka_unit_test(test_features_have_the_same_bits),
        cmocka_unit_test(test_features_of_an_encoder_are_of_images_of_any_size),
        cmocka_unit_test(test_features_of_another_size_are_refused),
        cmocka_unit_test(test_features_of_what_has_none_are_refused),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
