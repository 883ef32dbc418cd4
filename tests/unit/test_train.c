/* Whole trainings of tiny networks: they learn, and an interrupted one ends in the same bits. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/owner.h"
#include "models/io/safetensors.h"
#include "models/train/train.h"
#include "tests/support/tiny_data.h"
#include "tests/support/tiny_model.h"
#include "tests/support/train_fixture.h"

static const char classifier_recipe[] = "name: tiny\nobjective: classifier\nconfig: net.json\n"
                                        "images: 1200\nbatch: 20\nseed: 3\n"
                                        "optimizer: {lr: 0.01, warmup_steps: 5, ema: 0.9}\n"
                                        "augment: {shift: 0.3, noise: 0.2, noise_share: 0.5}\n"
                                        "curve_steps: 10\nevaluate_steps: 30\n";
static const char ddpm_recipe[] = "name: tiny\nobjective: ddpm\nconfig: net.json\n"
                                  "images: 320\nbatch: 16\nseed: 4\n"
                                  "optimizer: {lr: 0.003, warmup_steps: 3, ema: 0.9}\n"
                                  "diffusion: {timesteps: 50, beta_end: 0.2}\n"
                                  "curve_steps: 5\nevaluate_steps: 10\n";

static void test_train_classifier_learns_and_resumes_to_the_bit(void **state)
{
    (void)state;
    ggdm_train_fixture f;
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_train_check_resume(&f, "model.safetensors");
    ggdm_train_check_model(&f, GGDM_CLASSIFIER);
    assert_true(f.last.val_accuracy > 0.9); /* chance: 0.1 */
    char *card = ggdm_train_file(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "test accuracy"));
    assert_non_null(strstr(card, "parameters (f32)"));
    free(card);
    ggdm_train_end(&f);
}

static void test_train_ddpm_learns_and_resumes_to_the_bit(void **state)
{
    (void)state;
    ggdm_train_fixture f;
    ggdm_train_begin(&f, ddpm_recipe, ggdm_tiny_unet_config);
    ggdm_train_check_resume(&f, "diffusion_pytorch_model.safetensors");
    ggdm_train_check_model(&f, GGDM_DIFFUSION);
    assert_true(f.last.val_loss < 0.9); /* eps = 0 gives 1 */
    char *scheduler = ggdm_train_file(&f, "a", "scheduler_config.json", NULL);
    assert_non_null(strstr(scheduler, "\"num_train_timesteps\": 50"));
    free(scheduler);
    char *curve = ggdm_train_file(&f, "b", "curve.csv", NULL);
    int lines = 0;
    for (const char *p = curve; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 1 + 4); /* no row twice, none lost */
    free(curve);
    ggdm_train_end(&f);
}

/* A training that goes on from another's weights: those of equal name and shape. */
static const char warm_recipe[] = "name: tiny\nobjective: classifier\nconfig: net.json\n"
                                  "images: 60\nbatch: 20\nseed: 8\nweights: f16\n"
                                  "optimizer: {lr: 1e-9, warmup_steps: 0, ema: 0}\n"
                                  "evaluate_steps: 30\ncurve_steps: 10\nfrom: %s\n";

static void check_warm(const ggdm_train_fixture *f, const ggdm_train_fixture *from)
{
    size_t size, half_size;
    char *bytes = ggdm_train_file(from, "a", "model.safetensors", &size);
    char *half = ggdm_train_file(f, "a", "model.safetensors", &half_size);
    ggdm_safetensors *a = NULL, *b = NULL;
    ggdm_error err = {0};
    int taken = 0;
    ggdm_test_ok(ggdm_safetensors_parse(bytes, size, "a", &a, &err), &err);
    ggdm_test_ok(ggdm_safetensors_parse(half, half_size, "b", &b, &err), &err);
    assert_int_equal(a->n_tensors + 2, b->n_tensors);
    for (size_t i = 0; i < a->n_tensors; i++) {
        const ggdm_st_tensor *t = &a->tensors[i], *u = ggdm_safetensors_find(b, t->name);
        float worst = 0, v[4000], w[4000];
        assert_int_equal(u->dtype, GGDM_ST_F16);
        if (!ggdm_shape_equal(&t->shape, &u->shape)) /* of a last layer that is not the last */
            continue;
        ggdm_safetensors_to_f32(t, v);
        ggdm_safetensors_to_f32(u, w);
        for (int64_t k = 0; k < ggdm_shape_count(&u->shape); k++)
            worst = fmaxf(worst, fabsf(v[k] - w[k]));
        assert_true(worst < 2e-3f);
        taken++;
    }
    assert_int_equal(taken, 4);
    assert_non_null(ggdm_safetensors_meta(b, "ggdm_from"));
    ggdm_safetensors_destroy(&a);
    ggdm_safetensors_destroy(&b);
    free(bytes);
    free(half);
}

static void test_train_begins_with_the_weights_of_a_model(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture from, f;
    char text[600], config[600];
    ggdm_train_begin(&from, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_ok(ggdm_train_into(&from, "a", 0, &err), &err);
    char *model = ggdm_test_path(from.dir, "a");
    snprintf(text, sizeof text, warm_recipe, model);
    snprintf(config, sizeof config, "%.*s", (int)strlen(ggdm_tiny_cnn_config) - 2,
             ggdm_tiny_cnn_config);
    strcat(config, ", {\"linear\": 12, \"act\": \"silu\"}]}");
    ggdm_train_begin(&f, text, config);
    ggdm_test_ok(ggdm_train_into(&f, "a", 0, &err), &err);
    check_warm(&f, &from);
    char *card = ggdm_train_file(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "4 tensors began with its weights, 4 anew"));
    assert_non_null(strstr(card, "parameters (f16)"));
    free(card);
    /* the source is not needed any more, and what was taken is still known */
    ggdm_test_error(ggdm_train_into(&f, "b", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    ggdm_train_end(&from);
    ggdm_test_ok(ggdm_train_into(&f, "b", 0, &err), &err);
    char *again = ggdm_train_file(&f, "b", "README.md", NULL);
    assert_non_null(strstr(again, "4 tensors began with its weights, 4 anew"));
    free(again);
    ggdm_test_error(ggdm_train_into(&f, "c", 0, &err), &err, GGDM_EINVAL, model);
    free(model);
    ggdm_train_end(&f);
}

static void test_train_checkpoint_of_another_recipe_is_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    f.recipe.digest[0] ^= 1;
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ESTATE, "another recipe");
    ggdm_train_end(&f);
}

/* Change one bit of a file, at a share of its length. */
static void flip(const ggdm_train_fixture *f, const char *name, double where)
{
    size_t size;
    char *path = ggdm_test_path(f->dir, name), *bytes = ggdm_test_read(path, &size);
    bytes[(size_t)(where * (double)size)] ^= 1;
    ggdm_test_write(path, bytes, size);
    free(bytes);
    free(path);
}

/* Of the tensors and of the numbers beside them: loss, ranks, isa ... */
static void test_train_checkpoint_with_a_flipped_bit_is_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    size_t size;
    char *bytes = ggdm_train_file(&f, "a", "checkpoint.safetensors", &size), *path;
    char *loss = memmem(bytes, size, "\"loss\": \"0x", 11);
    assert_non_null(loss);
    const double places[] = {0.5, 0.999, ((double)(loss - bytes) + 13.5) / (double)size};
    path = ggdm_test_path(f.dir, "a/checkpoint.safetensors");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        flip(&f, "a/checkpoint.safetensors", places[i]);
        ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_EFORMAT,
                        "is damaged: the SHA-256");
        ggdm_test_write(path, bytes, size);
    }
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 4");
    free(bytes);
    free(path);
    ggdm_train_end(&f);
}

static void test_train_goes_on_only_with_the_same_data(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    flip(&f, "t10k-images-idx3-ubyte", 0.5);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ESTATE,
                    "was trained on data of SHA-256");
    flip(&f, "t10k-images-idx3-ubyte", 0.5);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 4");
    ggdm_train_end(&f);
}

/* A model of something else, and a note of somebody. */
static void test_train_overwrites_nothing_that_is_not_its_own(void **state)
{
    (void)state;
    static const char *const names[] = {"a/model.safetensors", "b/README.md"};
    static const char *const dirs[] = {"a", "b"};
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    for (int i = 0; i < 2; i++) {
        size_t size;
        char *dir = ggdm_test_path(f.dir, dirs[i]), *path = ggdm_test_path(f.dir, names[i]);
        assert_int_equal(mkdir(dir, 0777), 0);
        ggdm_test_write(path, "precious", 8);
        ggdm_test_error(ggdm_train_into(&f, dirs[i], 0, &err), &err, GGDM_ESTATE, names[i] + 2);
        char *text = ggdm_test_read(path, &size);
        assert_int_equal(size, 8);
        assert_memory_equal(text, "precious", 8);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0); /* nothing was left there */
        free(text);
        free(path);
        free(dir);
    }
    ggdm_train_end(&f);
}

static void test_train_folder_in_use_is_refused(void **state)
{
    (void)state;
    const ggdm_owner_options options = {0};
    ggdm_error err = {0};
    ggdm_owner *other = NULL;
    ggdm_train_fixture f;
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    char *dir = ggdm_test_path(f.dir, "a");
    ggdm_test_ok(ggdm_owner_take(dir, &options, &other, &err), &err);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ESTATE,
                    "in use by another ggdm process");
    ggdm_owner_release(&other);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 4");
    free(dir);
    ggdm_train_end(&f);
}

static void test_train_malformed_checkpoint_is_error(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    size_t size;
    char *bytes = ggdm_train_file(&f, "a", "checkpoint.safetensors", &size);
    char *path = ggdm_test_path(f.dir, "a/checkpoint.safetensors");
    ggdm_test_write(path, bytes, size - 100);
    ggdm_test_error(ggdm_train_into(&f, "a", 2, &err), &err, GGDM_EFORMAT,
                    "checkpoint.safetensors");
    free(bytes);
    free(path);
    ggdm_train_end(&f);
}

static void test_train_network_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_unet_config);
    ggdm_test_error(ggdm_train_into(&f, "a", 0, &err), &err, GGDM_EINVAL,
                    "does not fit a UNet2DModel");
    ggdm_train_end(&f);
    ggdm_train_begin(&f, classifier_recipe,
                     "{\"_class_name\": \"GaussianMixtureClassifier\", \"sample_size\": 8, "
                     "\"components\": [{\"mean\": 0, \"variance\": 1}]}");
    ggdm_test_error(ggdm_train_into(&f, "a", 0, &err), &err, GGDM_EINVAL,
                    "a GaussianMixtureClassifier has no weights, expected a network to train");
    ggdm_train_end(&f);
    ggdm_train_begin(&f, classifier_recipe, "{\"_class_name\": \"FIDInceptionV3\"}");
    ggdm_test_error(ggdm_train_into(&f, "a", 0, &err), &err, GGDM_EINVAL,
                    "has batch norm with the statistics of its training and is not trained here");
    ggdm_train_end(&f);
    ggdm_train_begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    char *data = ggdm_test_path(f.dir, "other");
    assert_int_equal(mkdir(data, 0777), 0);
    ggdm_tiny_data_write(data, 5, GGDM_TRAIN_IMAGES, GGDM_TEST_IMAGES, 9);
    free(f.recipe.data_dir);
    f.recipe.data_dir = data;
    ggdm_test_error(ggdm_train_into(&f, "a", 0, &err), &err, GGDM_ESHAPE,
                    "5 x 5 x 1, the network takes 8");
    ggdm_train_end(&f);
}

static void test_train_exploding_loss_is_numeric_error(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin(&f, ddpm_recipe, ggdm_tiny_unet_config);
    f.recipe.optim = (ggdm_optim){.lr = 1e30, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    ggdm_test_error(ggdm_train_into(&f, "a", 0, &err), &err, GGDM_ENUMERIC, "gradient norm");
    ggdm_train_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_begins_with_the_weights_of_a_model),
        cmocka_unit_test(test_train_classifier_learns_and_resumes_to_the_bit),
        cmocka_unit_test(test_train_ddpm_learns_and_resumes_to_the_bit),
        cmocka_unit_test(test_train_checkpoint_of_another_recipe_is_refused),
        cmocka_unit_test(test_train_checkpoint_with_a_flipped_bit_is_refused),
        cmocka_unit_test(test_train_goes_on_only_with_the_same_data),
        cmocka_unit_test(test_train_overwrites_nothing_that_is_not_its_own),
        cmocka_unit_test(test_train_folder_in_use_is_refused),
        cmocka_unit_test(test_train_malformed_checkpoint_is_error),
        cmocka_unit_test(test_train_network_that_does_not_fit_is_refused),
        cmocka_unit_test(test_train_exploding_loss_is_numeric_error),
    };
    return ggdm_test_main(tests);
}
