/* The formats of training data: what is the same data is the same, and each bad file is named. */
#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "common/container.h"
#include "common/fs.h"
#include "common/npy.h"
#include "common/png_image.h"
#include "models/train/dataset.h"

/* 8 grey or coloured images of 4 x 4, of 2 classes, all different. */
enum { SIDE = 4, N = 8, CLASSES = 2 };

static uint8_t pixel(int image, int k)
{
    return (uint8_t)(image * 29 + k * 7);
}

static ggdm_status open_as(const char *name, int channels, int classes, ggdm_data *out,
                           ggdm_error *err)
{
    char *path = ggdm_test_path(ggdm_test_dir, name);
    const ggdm_data_spec spec = {
        .dir = path, .test_share = 0.25, .want = {SIDE, channels, classes}};
    ggdm_status st = ggdm_data_open(&spec, out, err);
    free(path);
    return st;
}

/* The sum of what is below NAME; a failure is one of the test. */
static void sum_of(const char *name, int channels, char text[GGDM_HASH_TEXT_SIZE])
{
    ggdm_error err = {0};
    ggdm_data data;
    ggdm_test_ok(open_as(name, channels, CLASSES, &data, &err), &err);
    memcpy(text, data.images[0].sha256, GGDM_HASH_TEXT_SIZE);
    ggdm_data_close(&data);
}

static void refused(const char *name, int channels, ggdm_status code, const char *text)
{
    ggdm_error err = {0};
    ggdm_data data;
    ggdm_test_error(open_as(name, channels, CLASSES, &data, &err), &err, code, text);
}

/* A file DIR/NAME with its folders. */
static void put(const char *name, const void *bytes, size_t size, bool packed)
{
    char *path = ggdm_test_path(ggdm_test_dir, name), *slash = strrchr(path, '/');
    *slash = '\0';
    ggdm_test_ok(ggdm_make_dirs(path, NULL), NULL);
    *slash = '/';
    if (packed) {
        gzFile f = gzopen(path, "wb");
        assert_int_equal(gzwrite(f, bytes, (unsigned)size), (int)size);
        gzclose(f);
    } else {
        ggdm_test_write(path, bytes, size);
    }
    free(path);
}

static void drop(const char *name)
{
    char *path = ggdm_test_path(ggdm_test_dir, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

static void put_idx(const char *images, const char *labels, bool packed)
{
    uint8_t image_bytes[16 + N * SIDE * SIDE] = {0, 0, 8, 3,    0, 0, 0, N,
                                                 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    uint8_t label_bytes[8 + N] = {0, 0, 8, 1, 0, 0, 0, N};
    for (int i = 0; i < N; i++) {
        label_bytes[8 + i] = (uint8_t)(i / (N / CLASSES));
        for (int k = 0; k < SIDE * SIDE; k++)
            image_bytes[16 + i * SIDE * SIDE + k] = pixel(i, k);
    }
    put(images, image_bytes, sizeof image_bytes, packed);
    put(labels, label_bytes, sizeof label_bytes, packed);
}

/* type of the labels: GGDM_NPY_I64 or _U8. */
static void put_npz(const char *name, const char *image_name, const char *label_name, int channels,
                    ggdm_npy_type type, bool labels_first)
{
    char *path = ggdm_test_path(ggdm_test_dir, name);
    ggdm_container *c = NULL;
    ggdm_error err = {0};
    uint8_t header[GGDM_NPY_MAX_HEADER], pixels[N * SIDE * SIDE * 3], small[N];
    int64_t wide[N];
    const int64_t shape[] = {N, SIDE, SIDE, channels};
    size_t n;
    uint64_t size;
    for (int i = 0; i < N * SIDE * SIDE * channels; i++)
        pixels[i] = pixel(i / (SIDE * SIDE * channels), i % (SIDE * SIDE * channels) / channels);
    for (int i = 0; i < N; i++)
        wide[i] = small[i] = (uint8_t)(i / (N / CLASSES));
    ggdm_test_ok(ggdm_container_create(GGDM_ZIP, path, &c, &err), &err);
    for (int i = 0; i < 2; i++) {
        bool labels = (i == 0) == labels_first;
        ggdm_test_ok(ggdm_npy_header(labels ? type : GGDM_NPY_U8, shape,
                                     labels          ? 1
                                     : channels == 1 ? 3
                                                     : 4,
                                     header, &n, &size, &err),
                     &err);
        const void *data = !labels ? pixels : type == GGDM_NPY_U8 ? (void *)small : (void *)wide;
        ggdm_test_ok(ggdm_container_begin(c, labels ? label_name : image_name, n + size, &err),
                     &err);
        ggdm_test_ok(ggdm_container_write(c, header, n, &err), &err);
        ggdm_test_ok(ggdm_container_write(c, data, (size_t)size, &err), &err);
    }
    ggdm_test_ok(ggdm_container_commit(&c, &err), &err);
    free(path);
}

/* NAME/CLASS/i.png, or grey pictures as they are; two folders "a", "b". */
static void put_tree(const char *name, int channels)
{
    for (int i = 0; i < N; i++) {
        uint8_t pixels[SIDE * SIDE * 3], *png;
        size_t size;
        char file[100];
        ggdm_error err = {0};
        for (int k = 0; k < SIDE * SIDE * channels; k++)
            pixels[k] = pixel(i, k / channels);
        ggdm_test_ok(ggdm_png_encode(pixels, SIDE, SIDE, channels, &png, &size, &err), &err);
        snprintf(file, sizeof file, "%s/%s/%d.PNG", name, i < N / CLASSES ? "a" : "b", i);
        put(file, png, size, false);
        free(png);
    }
}

static void test_formats_of_one_data_set_are_the_same(void **state)
{
    (void)state;
    static const char *const ways[] = {"plain", "packed", "dotted",   "torch", "emnist",
                                       "npz",   "keys",   "file.npz", "tree",  "split"};
    char first[GGDM_HASH_TEXT_SIZE], other[GGDM_HASH_TEXT_SIZE];
    put_idx("plain/train-images-idx3-ubyte", "plain/train-labels-idx1-ubyte", false);
    put_idx("packed/train-images-idx3-ubyte.gz", "packed/train-labels-idx1-ubyte.gz", true);
    put_idx("dotted/train-images.idx3-ubyte", "dotted/train-labels.idx1-ubyte", false);
    put_idx("torch/MNIST/raw/train-images-idx3-ubyte", "torch/MNIST/raw/train-labels-idx1-ubyte",
            false);
    put_idx("torch/MNIST/raw/train-images-idx3-ubyte.gz",
            "torch/MNIST/raw/train-labels-idx1-ubyte.gz", true); /* beside it: the same */
    put_idx("emnist/emnist-letters-train-images-idx3-ubyte.gz",
            "emnist/emnist-letters-train-labels-idx1-ubyte.gz", true);
    put("npz/x", "", 0, false); /* for the folders */
    put("keys/x", "", 0, false);
    put_npz("npz/train.npz", "arr_0.npy", "arr_1.npy", 1, GGDM_NPY_I64, false);
    put_npz("keys/train.npz", "images.npy", "labels.npy", 1, GGDM_NPY_U8, true);
    put_npz("file.npz", "x_train.npy", "y_train.npy", 1, GGDM_NPY_U8, false);
    put_tree("tree", 1);
    put_tree("split/train", 1);
    put_tree("split/val", 1);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        sum_of(ways[i], 1, i == 0 ? first : other);
        if (i > 0 && strcmp(first, other) != 0)
            ggdm_test_fail("%s is not what %s is", ways[i], ways[0]);
    }
}

static void test_formats_of_colours_are_the_same(void **state)
{
    (void)state;
    char npz[GGDM_HASH_TEXT_SIZE], tree[GGDM_HASH_TEXT_SIZE], grey[GGDM_HASH_TEXT_SIZE];
    put_npz("c.npz", "arr_0.npy", "arr_1.npy", 3, GGDM_NPY_I64, false);
    put_tree("tree", 3);
    put_tree("grey", 1);
    sum_of("c.npz", 3, npz);
    sum_of("tree", 3, tree);
    sum_of("grey", 3, grey); /* a grey picture is one of three equal channels */
    assert_string_equal(npz, tree);
    assert_string_equal(npz, grey);
    refused("tree", 1, GGDM_ESHAPE, "0.PNG: 4 x 4 RGB, the network takes 4 x 4 grey");
    refused("c.npz", 1, GGDM_ESHAPE, "arr_0.npy: images of 4 x 4 x 3, the network takes 4 x 4 x 1");
}

static void test_formats_of_classes_give_them_by_name(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_data data;
    put_tree("t/train", 1);
    put_tree("t/test", 1);
    ggdm_test_ok(open_as("t", 1, CLASSES, &data, &err), &err);
    assert_int_equal(data.images[0].n_classes, 2);
    assert_string_equal(data.images[1].classes[1], "b");
    assert_int_equal(data.train.n, N);
    assert_int_equal(ggdm_dataset_label(&data.test, N - 1), 1);
    ggdm_data_close(&data);
    ggdm_test_error(open_as("t", 1, 7, &data, &err), &err, GGDM_ESHAPE,
                    "2 class folders (a, ...), the network has 7 classes");
    ggdm_test_ok(open_as("t", 1, 0, &data, &err), &err); /* labels do not matter */
    ggdm_data_close(&data);
}

static void test_formats_without_labels_serve_diffusion_only(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_data data;
    put_idx("d/train-images-idx3-ubyte", "d/unlabelled", false);
    ggdm_test_ok(open_as("d", 1, 0, &data, &err), &err);
    ggdm_data_close(&data);
    refused("d", 1, GGDM_EINVAL, "images without labels");
}

static void test_formats_say_what_was_looked_for(void **state)
{
    (void)state;
    put("empty/.hidden", "", 0, false);
    refused("empty", 1, GGDM_EINVAL, "no images to train on; expected a folder of images for each");
    refused("empty", 1, GGDM_EINVAL, "arr_0 (uint8 [N, H, W, C])");
    refused("empty", 1, GGDM_EINVAL, "train-images-idx3-ubyte");
    refused("none", 1, GGDM_EINVAL, "none: no such directory");
    refused("none/mnist", 1, GGDM_EINVAL, "`ggdm data mnist` obtains it");
}

/* A label, a file, an array at a time. */
static void test_formats_name_each_bad_file(void **state)
{
    (void)state;
    static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, N, 0, 0, 0, 0, 1, 1, 1, 2};
    static const uint8_t two[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    put_idx("i/train-images-idx3-ubyte", "i/train-labels-idx1-ubyte", false);
    put("i/train-labels-idx1-ubyte", labels, sizeof labels, false);
    refused("i", 1, GGDM_EFORMAT, "train-labels-idx1-ubyte: label 2 of image 7, expected 0..1");
    put("i/train-labels-idx1-ubyte", two, sizeof two, false);
    refused("i", 1, GGDM_ESHAPE, "train-labels-idx1-ubyte: 2 labels for 8 images");
    put_idx("i/other-train-images-idx3-ubyte", "i/x", false);
    put_idx("i/more-train-images-idx3-ubyte", "i/x", false);
    drop("i/train-images-idx3-ubyte");
    refused("i", 1, GGDM_EINVAL, "are both there, expected one data set in a directory");

    put("z.npz", "PK\3\4", 4, false);
    refused("z.npz", 1, GGDM_EFORMAT, "z.npz: ");
    put_npz("z.npz", "pictures.npy", "arr_1.npy", 1, GGDM_NPY_I64, false);
    refused("z.npz", 1, GGDM_EFORMAT, "z.npz: no array arr_0, images or x_train");
    put_npz("z.npz", "x.npy", "arr_0.npy", 1, GGDM_NPY_I64, false);
    refused("z.npz", 1, GGDM_EUNSUPPORTED, "z.npz: arr_0.npy: elements 'i8', expected uint8");

    put_tree("t", 1);
    put("t/a/notes.txt", "?", 1, false);
    refused("t", 1, GGDM_EINVAL, "t/a/notes.txt: no picture of this name is beside it");
    put("t/a/notes.bmp", "?", 1, false);
    refused("t", 1, GGDM_EUNSUPPORTED, "t/a/notes.bmp: expected images here");
    drop("t/a/notes.txt");
    drop("t/a/notes.bmp");
    put("t/b/9.jpg", "no picture", 10, false);
    refused("t", 1, GGDM_EFORMAT, "t/b/9.jpg: expected a PNG or JPEG image");
    put("t/b/9.jpg", "\xff\xd8\xff\xe0 cut", 8, false);
    refused("t", 1, GGDM_EFORMAT, "t/b/9.jpg: JPEG: ");
    put("t/README", "?", 1, false);
    refused("t", 1, GGDM_EUNSUPPORTED, "t/README: expected only folders of classes");
}

/* An array that announces more than its archive can hold. */
static void test_formats_npz_that_lies_is_refused_without_memory(void **state)
{
    (void)state;
    char *path = ggdm_test_path(ggdm_test_dir, "b.npz");
    ggdm_container *c = NULL;
    ggdm_error err = {0};
    uint8_t header[GGDM_NPY_MAX_HEADER];
    const int64_t shape[] = {1 << 28, SIDE, SIDE};
    size_t n;
    uint64_t size;
    ggdm_test_ok(ggdm_container_create(GGDM_ZIP, path, &c, &err), &err);
    ggdm_test_ok(ggdm_npy_header(GGDM_NPY_U8, shape, 3, header, &n, &size, &err), &err);
    ggdm_test_ok(ggdm_container_add(c, "arr_0.npy", header, n, &err), &err);
    ggdm_test_ok(ggdm_container_commit(&c, &err), &err);
    refused("b.npz", 1, GGDM_EFORMAT, "truncated: 4294967296 bytes by its header");
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ggdm_test_in_dir(test_formats_of_one_data_set_are_the_same),
        ggdm_test_in_dir(test_formats_of_colours_are_the_same),
        ggdm_test_in_dir(test_formats_of_classes_give_them_by_name),
        ggdm_test_in_dir(test_formats_without_labels_serve_diffusion_only),
        ggdm_test_in_dir(test_formats_say_what_was_looked_for),
        ggdm_test_in_dir(test_formats_name_each_bad_file),
        ggdm_test_in_dir(test_formats_npz_that_lies_is_refused_without_memory),
    };
    return ggdm_test_main(tests);
}
