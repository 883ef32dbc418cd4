/* What images are compared with: data sets, and files of several makers. */
#include "evaluate/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/fs.h"
#include "common/npy.h"
#include "tests/support/ggdm_test.h"

enum { D = 4, N = 70 }; /* images of 2 x 2; two blocks */

static ggdm_error err;
static ggdm_world *world;
static ggdm_features *pixels;

typedef struct array {
    const char *name;
    ggdm_npy_type type;
    const void *data;
    int64_t shape[4];
    int n_dims;
} array;

static char *write_npz(const char *dir, const char *name, const array *a, int n)
{
    char *path = ggdm_test_path(dir, name);
    ggdm_container *c = NULL;
    ggdm_test_ok(ggdm_container_create(GGDM_ZIP, path, &c, &err), &err);
    for (int i = 0; i < n; i++) {
        uint8_t header[GGDM_NPY_MAX_HEADER];
        size_t head;
        uint64_t size;
        ggdm_test_ok(
            ggdm_npy_header(a[i].type, a[i].shape, a[i].n_dims, header, &head, &size, &err), &err);
        ggdm_test_ok(ggdm_container_begin(c, a[i].name, head + size, &err), &err);
        ggdm_test_ok(ggdm_container_write(c, header, head, &err), &err);
        ggdm_test_ok(ggdm_container_write(c, a[i].data, (size_t)size, &err), &err);
    }
    ggdm_test_ok(ggdm_container_commit(&c, &err), &err);
    return path;
}

static const double mu[D] = {1, 2, 3, 4},
                    sigma[D * D] = {4, 1, 0, 0, 1, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
static const double lopsided[D * D] = {4, 1, 0, 0, 2, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
static const double endless[D] = {1, 2, (double)INFINITY, 4};
static const double negative[D * D] = {4, 1, 0, 0, 1, 3, 0, 0, 0, 0, -2, 0, 0, 0, 0, 1};
static float mu_f32[D], x[N * D];
static uint8_t images[N * D];
static const int64_t n_images[] = {N};

#define MU                                                                                         \
    {                                                                                              \
        "mu.npy", GGDM_NPY_F64, mu, {D}, 1                                                         \
    }
#define SIGMA                                                                                      \
    {                                                                                              \
        "sigma.npy", GGDM_NPY_F64, sigma, {D, D}, 2                                                \
    }
#define ROWS                                                                                       \
    {                                                                                              \
        "activations.npy", GGDM_NPY_F32, x, {N, D}, 2                                              \
    }
#define COUNT                                                                                      \
    {                                                                                              \
        "n.npy", GGDM_NPY_I64, n_images, {1}, 1                                                    \
    }
#define IMAGES                                                                                     \
    {                                                                                              \
        "arr_0.npy", GGDM_NPY_U8, images, {N, 2, 2, 1}, 4                                          \
    }

static void fill(void)
{
    for (int i = 0; i < N * D; i++) {
        images[i] = (uint8_t)(i * 7);
        x[i] = (float)i / 8;
    }
    for (int i = 0; i < D; i++)
        mu_f32[i] = (float)mu[i];
}

static void test_reference_of_others_is_mean_and_covariance(void **state)
{
    const array arrays[] = {{"mu.npy", GGDM_NPY_F32, mu_f32, {D}, 1}, SIGMA};
    char *path = write_npz(*state, "fid.npz", arrays, 2);
    ggdm_reference r;
    ggdm_test_ok(ggdm_reference_open(world, path, pixels, NULL, &r, &err), &err);
    assert_true(r.n == 0 && r.d == D && r.rows.n == 0);
    assert_memory_equal(r.mu, mu, sizeof mu);
    assert_memory_equal(r.sigma, sigma, sizeof sigma);
    assert_true(strncmp(r.name, "fid.npz@", 8) == 0 && strlen(r.name) == 8 + 12);
    ggdm_reference_close(&r);
    ggdm_test_error(ggdm_reference_open(world, path, pixels, "kid", &r, &err), &err, GGDM_EINVAL,
                    "it has mean and covariance alone, and kid needs the features of each image");
    free(path);
}

static void test_reference_whose_activations_are_not_finite(void **state)
{
    const array arrays[] = {ROWS};
    x[66 * D + 3] = NAN;
    char *path = write_npz(*state, "nan.npz", arrays, 1);
    ggdm_reference r;
    ggdm_test_error(ggdm_reference_open(world, path, pixels, "kid", &r, &err), &err, GGDM_EFORMAT,
                    "activations: feature 3 of image 66 is ");
    fill();
    free(path);
}

/* Rows where they are needed, else only what is at hand. */
static void test_reference_of_ours_has_rows(void **state)
{
    static const char name[] = "pixels";
    const array arrays[] = {MU, SIGMA, COUNT, {"features.npy", GGDM_NPY_U8, name, {6}, 1}, ROWS};
    char *path = write_npz(*state, "ours.npz", arrays, 5);
    ggdm_reference r;
    ggdm_test_ok(ggdm_reference_open(world, path, pixels, "kid", &r, &err), &err);
    assert_true(r.n == N && r.d == D && r.rows.n == N && r.rows.d == D && r.rows.own.n == N);
    assert_memory_equal(r.rows.own.x, x, sizeof x);
    assert_true(r.rows.own.images[69] == 69);
    ggdm_reference_close(&r);
    ggdm_test_ok(ggdm_reference_open(world, path, pixels, NULL, &r, &err), &err);
    assert_true(r.n == N && r.rows.n == 0 && r.mu && r.sigma);
    ggdm_reference_close(&r);
    free(path);
}

static void check_images(ggdm_reference *r)
{
    assert_true(r->n == N && r->d == D && r->rows.n == N && !r->mu);
    for (int i = 0; i < N * D; i++)
        assert_true(r->rows.own.x[i] == (float)images[i] / 255.0f);
    ggdm_reference_close(r);
}

static void test_reference_of_images_is_their_features(void **state)
{
    const array arrays[] = {MU, SIGMA, IMAGES};
    ggdm_reference r;
    char *path = write_npz(*state, "openai.npz", arrays, 3);
    ggdm_test_ok(ggdm_reference_open(world, path, pixels, "kid", &r, &err), &err);
    check_images(&r);
    free(path);
    path = write_npz(*state, "samples.npz", arrays + 2, 1);
    ggdm_test_ok(ggdm_reference_open(world, path, pixels, NULL, &r, &err), &err);
    check_images(&r);
    free(path);
}

static void test_reference_is_a_split_of_a_data_set(void **state)
{
    const array arrays[] = {IMAGES};
    ggdm_reference r;
    char *dir = ggdm_test_path(*state, "toys"), *text = ggdm_test_path(*state, "toys-test");
    ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
    free(write_npz(dir, "train.npz", arrays, 1));
    ggdm_test_error(ggdm_reference_open(world, text, pixels, NULL, &r, &err), &err, GGDM_EINVAL,
                    "toys: no test images, expected some beside the others");
    free(write_npz(dir, "test.npz", arrays, 1));
    ggdm_test_ok(ggdm_reference_open(world, text, pixels, NULL, &r, &err), &err);
    assert_true(strncmp(r.name, "toys-test@", 10) == 0);
    check_images(&r);
    ggdm_test_error(ggdm_reference_open(world, "mnist", pixels, NULL, &r, &err), &err, GGDM_EINVAL,
                    "reference mnist: expected NAME-train or NAME-test of a data set");
    free(dir);
    free(text);
}

static void test_reference_that_cannot_be_has_a_reason(void **state)
{
    static const char other[] = "judge:features@0123";
    static const float nothing[D * D];
    static const struct {
        array arrays[3];
        ggdm_status code;
        const char *message;
    } cases[] = {
        {{MU}, GGDM_EFORMAT, "a mean (mu) without a covariance (sigma), expected both"},
        {{SIGMA}, GGDM_EFORMAT, "a covariance (sigma) without a mean (mu)"},
        {{{"x.npy", GGDM_NPY_F64, mu, {D}, 1}}, GGDM_EFORMAT, "nothing to compare with"},
        {{MU, {"sigma.npy", GGDM_NPY_F64, sigma, {2, 2}, 2}},
         GGDM_ESHAPE,
         "sigma.npy: of 2 features, mean and covariance differ (4)"},
        {{MU, {"sigma.npy", GGDM_NPY_F64, sigma, {2, 8}, 2}},
         GGDM_ESHAPE,
         "expected a covariance [d, d]"},
        {{{"mu.npy", GGDM_NPY_F64, mu, {2, 2}, 2}, SIGMA}, GGDM_ESHAPE, "expected a mean [d]"},
        {{{"mu.npy", GGDM_NPY_I64, mu, {D}, 1}, SIGMA},
         GGDM_EUNSUPPORTED,
         "mu.npy: elements 'i8', expected float32 or float64"},
        {{{"mu.npy", GGDM_NPY_F64, endless, {D}, 1}, SIGMA},
         GGDM_EFORMAT,
         "mu.npy: element 2 is inf, expected finite numbers"},
        {{MU, {"sigma.npy", GGDM_NPY_F64, lopsided, {D, D}, 2}},
         GGDM_EFORMAT,
         "elements [1, 0] and [0, 1] are 2 and 1, expected a symmetric matrix"},
        {{MU, {"sigma.npy", GGDM_NPY_F64, negative, {D, D}, 2}},
         GGDM_EFORMAT,
         "variance 2 is -2, expected none below zero"},
        {{MU, SIGMA, {"features.npy", GGDM_NPY_U8, other, {19}, 1}},
         GGDM_EINVAL,
         "it is of features judge:features@0123, expected pixels"},
        {{COUNT, {"activations.npy", GGDM_NPY_F32, nothing, {3, D}, 2}},
         GGDM_ESHAPE,
         "activations of 3 images, expected 70, as n says"},
        {{{"activations.npy", GGDM_NPY_F64, nothing, {2, D}, 2}},
         GGDM_EUNSUPPORTED,
         "activations.npy: elements 'f8', expected float32"},
    };
    ggdm_reference r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int n = 0;
        while (n < 3 && cases[i].arrays[n].name)
            n++;
        char *path = write_npz(*state, "bad.npz", cases[i].arrays, n);
        ggdm_test_error(ggdm_reference_open(world, path, pixels, NULL, &r, &err), &err,
                        cases[i].code, cases[i].message);
        assert_true(!r.name && !r.mu && strstr(err.msg, "bad.npz"));
        free(path);
    }
}

static int setup(void **state)
{
    *state = ggdm_test_mkdtemp();
    fill();
    return 0;
}

static int teardown(void **state)
{
    ggdm_test_rmdir(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reference_of_others_is_mean_and_covariance, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_reference_whose_activations_are_not_finite, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_reference_of_ours_has_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reference_of_images_is_their_features, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_reference_is_a_split_of_a_data_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reference_that_cannot_be_has_a_reason, setup,
                                        teardown),
    };
    ggdm_test_ok(ggdm_world_open(&world, &err), &err);
    ggdm_test_ok(ggdm_features_open("pixels", false, NULL, NULL, &pixels, &err), &err);
    const int failed = ggdm_test_main(tests);
    ggdm_features_close(&pixels);
    ggdm_world_close(&world);
    return failed;
}
