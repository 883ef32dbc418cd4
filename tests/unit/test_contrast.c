/* The contrastive loss against its definition, its gradients against differences of it. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <string.h>

#include "models/train/contrast.h"

enum { N = 5, WIDTH = 3 };

static void random_pairs(ggdm_contrast *c, uint64_t seed)
{
    ggdm_error err = {0};
    ggdm_test_rng rng = ggdm_test_rng_init(seed);
    ggdm_test_ok(ggdm_contrast_init(N, WIDTH, c, &err), &err);
    for (int i = 0; i < 2 * N * WIDTH; i++)
        c->pairs[i] = (float)ggdm_test_uniform(&rng, -1, 1);
}

/* By the definition: mean of the cross entropies of rows and columns. */
static double by_hand(const float *pairs, double scale)
{
    double l[N][N], loss = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            l[i][j] = 0;
            for (int k = 0; k < WIDTH; k++)
                l[i][j] += scale * (double)pairs[i * WIDTH + k] * pairs[(N + j) * WIDTH + k];
        }
    for (int i = 0; i < N; i++) {
        double row = 0, column = 0;
        for (int j = 0; j < N; j++) {
            row += exp(l[i][j]);
            column += exp(l[j][i]);
        }
        loss += (log(row) + log(column)) / 2 - l[i][i];
    }
    return loss / N;
}

static void test_contrast_gradients_are_those_of_the_loss(void **state)
{
    (void)state;
    const double scale = 2.5, h = 1e-3;
    float gradient[2 * N * WIDTH], moved[2 * N * WIDTH];
    double of_scale, share;
    ggdm_contrast c;
    random_pairs(&c, 7);
    ggdm_contrast_compare(&c, scale);
    assert_true(fabs(ggdm_contrast_loss(&c) - by_hand(c.pairs, scale)) < 1e-5);
    const double loss =
        ggdm_contrast_gradient(&c, scale, 0, N, gradient, gradient + N * WIDTH, &of_scale);
    assert_true(fabs(loss - by_hand(c.pairs, scale)) < 1e-5);
    for (int i = 0; i < 2 * N * WIDTH; i++) {
        memcpy(moved, c.pairs, sizeof moved);
        moved[i] = c.pairs[i] + (float)h;
        const double up = by_hand(moved, scale), above = moved[i];
        moved[i] = c.pairs[i] - (float)h;
        const double slope = (up - by_hand(moved, scale)) / (above - (double)moved[i]);
        assert_true(fabs(slope - (double)gradient[i]) < 1e-5);
    }
    const double slope = (by_hand(c.pairs, scale + h) - by_hand(c.pairs, scale - h)) / (2 * h);
    assert_true(fabs(slope - of_scale) < 1e-5);
    /* in two pieces, as two ranks do it */
    float piece[2 * N * WIDTH];
    double sum = 0, sum_scale = 0;
    for (int first = 0, count; first < N; first += count) {
        count = first == 0 ? 2 : N - 2;
        sum += ggdm_contrast_gradient(&c, scale, first, count, piece, piece + N * WIDTH, &share);
        sum_scale += share;
        for (int side = 0; side < 2; side++)
            assert_memory_equal(piece + side * N * WIDTH, gradient + (side * N + first) * WIDTH,
                                sizeof(float) * (size_t)(count * WIDTH));
    }
    assert_true(fabs(sum - loss) < 1e-12 && fabs(sum_scale - of_scale) < 1e-12);
    ggdm_contrast_deinit(&c);
}

/* Captions 1 and 3 say the same. */
static bool same(const void *context, int i, int j)
{
    (void)context;
    return i == j || (i % 2 == 1 && j % 2 == 1);
}

static void test_contrast_counts_who_is_ahead(void **state)
{
    (void)state;
    static const float logits[N][N] = {{5, 1, 2, 3, 4}, /* the right one is first */
                                       {9, 1, 2, 7, 8}, /* a caption that says the same is third */
                                       {3, 3, 3, 3, 3}, /* a tie is not right */
                                       {0, 9, 1, 1, 1},
                                       {6, 7, 8, 9, 5}};
    static const int texts_ahead[N] = {0, 2, 4, 0, 4};
    static const int images_ahead[N] = {2, 0, 1, 1, 1};
    ggdm_error err = {0};
    ggdm_contrast c;
    ggdm_test_ok(ggdm_contrast_init(N, WIDTH, &c, &err), &err);
    memcpy(c.logits, logits, sizeof logits);
    for (int i = 0; i < N; i++) {
        assert_int_equal(ggdm_contrast_ahead(&c, i, false, same, NULL), texts_ahead[i]);
        assert_int_equal(ggdm_contrast_ahead(&c, i, true, same, NULL), images_ahead[i]);
    }
    ggdm_contrast_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contrast_gradients_are_those_of_the_loss),
        cmocka_unit_test(test_contrast_counts_who_is_ahead),
    };
    return ggdm_test_main(tests);
}
