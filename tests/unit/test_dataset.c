#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "models/train/dataset.h"
#include "tests/support/tiny_data.h"

enum { SIDE = 4, TRAIN = 31, TEST = 12 };

static int setup(void **state)
{
    char *dir = ggdm_test_mkdtemp();
    ggdm_tiny_data_write(dir, SIDE, TRAIN, TEST, 1);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    ggdm_test_rmdir(*state);
    return 0;
}

static void test_dataset_images_are_scaled_to_plus_minus_one(void **state)
{
    ggdm_error err = {0};
    ggdm_dataset set;
    float image[SIDE * SIDE];
    ggdm_test_ok(ggdm_dataset_open(*state, GGDM_SPLIT_TEST, GGDM_PART_ALL, &set, &err), &err);
    assert_int_equal(set.n, TEST);
    assert_int_equal(set.height, SIDE);
    for (int32_t i = 0; i < set.n; i++) {
        assert_int_equal(ggdm_dataset_label(&set, i), i % 10);
        ggdm_dataset_image(&set, i, image);
        for (int k = 0; k < SIDE * SIDE; k++)
            assert_true(image[k] == (float)set.images[i * SIDE * SIDE + k] / 127.5f - 1.0f);
    }
    assert_int_equal(strlen(set.image_sha256), 64);
    ggdm_dataset_close(&set);
}

static void test_dataset_halves_are_disjoint_and_complete(void **state)
{
    ggdm_error err = {0};
    ggdm_dataset half[2];
    int seen[TRAIN] = {0};
    ggdm_test_ok(ggdm_dataset_open(*state, GGDM_SPLIT_TRAIN, GGDM_PART_FIRST, &half[0], &err),
                 &err);
    ggdm_test_ok(ggdm_dataset_open(*state, GGDM_SPLIT_TRAIN, GGDM_PART_SECOND, &half[1], &err),
                 &err);
    assert_int_equal(half[0].n, TRAIN / 2);
    assert_int_equal(half[1].n, TRAIN - TRAIN / 2);
    for (int h = 0; h < 2; h++)
        for (int32_t i = 0; i < half[h].n; i++)
            seen[half[h].index[i]]++;
    for (int i = 0; i < TRAIN; i++)
        assert_int_equal(seen[i], 1);
    ggdm_dataset_close(&half[0]);
    ggdm_dataset_close(&half[1]);
}

static void test_dataset_halves_never_change(void **state)
{
    (void)state;
    int32_t perm[10];
    ggdm_permutation(28, 0, 10, perm); /* cuts the halves of a set of 10 */
    char text[64] = "";
    for (int i = 0; i < 10; i++)
        text[i] = (char)('0' + perm[i]);
    assert_string_equal(text, "8479210653");
}

static void test_dataset_missing_file_names_the_command(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_dataset set;
    ggdm_test_error(ggdm_dataset_open("/nonexistent", GGDM_SPLIT_TRAIN, GGDM_PART_ALL, &set, &err),
                    &err, GGDM_EINVAL, "ggdm data mnist");
}

/* Overwrite one byte of a file. */
static void poke(const char *dir, const char *name, size_t at, char value)
{
    size_t size;
    char *path = ggdm_test_path(dir, name), *bytes = ggdm_test_read(path, &size);
    assert_true(at < size);
    bytes[at] = value;
    ggdm_test_write(path, bytes, size);
    free(bytes);
    free(path);
}

static void test_dataset_bad_files_are_errors(void **state)
{
    ggdm_error err = {0};
    ggdm_dataset set;
    poke(*state, "train-labels-idx1-ubyte", 8 + 5, 10);
    ggdm_test_error(ggdm_dataset_open(*state, GGDM_SPLIT_TRAIN, GGDM_PART_ALL, &set, &err), &err,
                    GGDM_EFORMAT, "label 10 of image 5, expected 0..9");
    poke(*state, "train-labels-idx1-ubyte", 8 + 5, 5);
    poke(*state, "t10k-images-idx3-ubyte", 3, 1);
    ggdm_test_error(ggdm_dataset_open(*state, GGDM_SPLIT_TEST, GGDM_PART_ALL, &set, &err), &err,
                    GGDM_EFORMAT, "t10k-images-idx3-ubyte: magic number");
    char *path = ggdm_test_path(*state, "train-labels-idx1-ubyte");
    const char two[] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 2};
    ggdm_test_write(path, two, sizeof two);
    free(path);
    ggdm_test_error(ggdm_dataset_open(*state, GGDM_SPLIT_TRAIN, GGDM_PART_ALL, &set, &err), &err,
                    GGDM_ESHAPE, "31 images");
}

static void test_order_each_epoch_is_another_permutation(void **state)
{
    (void)state;
    enum { N = 50 };
    ggdm_error err = {0};
    ggdm_order a, b;
    int same = 0;
    ggdm_test_ok(ggdm_order_init(&a, 7, N, &err), &err);
    ggdm_test_ok(ggdm_order_init(&b, 7, N, &err), &err);
    int32_t first[N];
    for (int64_t epoch = 0; epoch < 2; epoch++) {
        int seen[N] = {0};
        for (int64_t k = 0; k < N; k++) {
            int32_t i = ggdm_order_at(&a, epoch * N + k);
            seen[i]++;
            if (epoch == 0)
                first[k] = i;
            else
                same += first[k] == i;
        }
        for (int i = 0; i < N; i++)
            assert_int_equal(seen[i], 1);
    }
    assert_true(same < N / 4);
    for (int64_t k = 2 * N - 1; k >= 0; k -= 7) /* a pure function: any access order */
        assert_int_equal(ggdm_order_at(&a, k), ggdm_order_at(&b, k));
    ggdm_order_deinit(&a);
    ggdm_order_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dataset_images_are_scaled_to_plus_minus_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_dataset_halves_are_disjoint_and_complete, setup,
                                        teardown),
        cmocka_unit_test(test_dataset_halves_never_change),
        cmocka_unit_test(test_dataset_missing_file_names_the_command),
        cmocka_unit_test_setup_teardown(test_dataset_bad_files_are_errors, setup, teardown),
        cmocka_unit_test(test_order_each_epoch_is_another_permutation),
    };
    return ggdm_test_main(tests);
}
