#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static ggdm_status open_part(const char *dir, ggdm_part part, ggdm_data *out, ggdm_error *err)
{
    const ggdm_data_spec spec = {
        .dir = dir, .part = part, .test_share = 0.25, .want = {SIDE, 1, 10}};
    return ggdm_data_open(&spec, out, err);
}

static void test_dataset_images_are_scaled_to_plus_minus_one(void **state)
{
    ggdm_error err = {0};
    ggdm_data data;
    float image[SIDE * SIDE];
    ggdm_test_ok(open_part(*state, GGDM_PART_ALL, &data, &err), &err);
    const ggdm_dataset *set = &data.test;
    assert_int_equal(set->n, TEST);
    assert_int_equal(set->from->height, SIDE);
    for (int32_t i = 0; i < set->n; i++) {
        assert_int_equal(ggdm_dataset_label(set, i), i % 10);
        ggdm_dataset_image(set, i, image);
        for (int k = 0; k < SIDE * SIDE; k++)
            assert_true(image[k] == (float)set->from->pixels[i * SIDE * SIDE + k] / 127.5f - 1.0f);
    }
    assert_int_equal(strlen(data.sha256), 64);
    ggdm_data_close(&data);
    ggdm_data_close(&data);
}

static void test_dataset_halves_are_disjoint_and_complete(void **state)
{
    ggdm_error err = {0};
    ggdm_data half[2];
    int seen[TRAIN] = {0};
    ggdm_test_ok(open_part(*state, GGDM_PART_FIRST, &half[0], &err), &err);
    ggdm_test_ok(open_part(*state, GGDM_PART_SECOND, &half[1], &err), &err);
    assert_int_equal(half[0].train.n, TRAIN / 2);
    assert_int_equal(half[1].train.n, TRAIN - TRAIN / 2);
    for (int h = 0; h < 2; h++)
        for (int32_t i = 0; i < half[h].train.n; i++)
            seen[half[h].train.index[i]]++;
    for (int i = 0; i < TRAIN; i++)
        assert_int_equal(seen[i], 1);
    ggdm_data_close(&half[0]);
    ggdm_data_close(&half[1]);
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

/* Images without a test set: a share is held out, the same each time and for each half. */
static void test_dataset_without_a_test_set_holds_some_out(void **state)
{
    static const char *const names[] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    ggdm_error err = {0};
    ggdm_data data[3];
    int seen[TRAIN] = {0};
    for (int i = 0; i < 2; i++) {
        char *path = ggdm_test_path(*state, names[i]);
        assert_int_equal(unlink(path), 0);
        free(path);
    }
    for (ggdm_part part = GGDM_PART_ALL; part <= GGDM_PART_SECOND; part++)
        ggdm_test_ok(open_part(*state, part, &data[part], &err), &err);
    assert_int_equal(data[0].test.n, TRAIN / 4);
    assert_int_equal(data[0].train.n + data[0].test.n, TRAIN);
    assert_int_equal(data[1].train.n + data[2].train.n, data[0].train.n);
    for (int i = 0; i < 3; i++) {
        for (int32_t k = 0; k < data[i].train.n; k++)
            seen[data[i].train.index[k]] |= 1 << i;
        for (int32_t k = 0; k < data[i].test.n; k++)
            seen[data[i].test.index[k]] |= 8 << i;
        ggdm_data_close(&data[i]);
    }
    for (int i = 0; i < TRAIN; i++)
        assert_true(seen[i] == 7 << 3 || seen[i] == (1 | 2) || seen[i] == (1 | 4));
}

static void test_dataset_share_that_leaves_nothing_is_refused(void **state)
{
    ggdm_error err = {0};
    ggdm_data data;
    char *path = ggdm_test_path(*state, "t10k-images-idx3-ubyte");
    assert_int_equal(unlink(path), 0);
    free(path);
    const ggdm_data_spec spec = {.dir = *state, .test_share = 0.01, .want = {SIDE, 1, 10}};
    ggdm_test_error(ggdm_data_open(&spec, &data, &err), &err, GGDM_EINVAL,
                    "a share of 0.01 of its 31 images is 0 of them, expected 1 to 30");
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
        cmocka_unit_test_setup_teardown(test_dataset_without_a_test_set_holds_some_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_dataset_share_that_leaves_nothing_is_refused, setup,
                                        teardown),
        cmocka_unit_test(test_order_each_epoch_is_another_permutation),
    };
    return ggdm_test_main(tests);
}
