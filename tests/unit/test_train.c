/* Whole trainings of tiny networks: they learn, and an interrupted one ends in the same bits. */
#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/owner.h"
#include "models/model.h"
#include "models/train/objective.h"
#include "models/train/train.h"
#include "tests/support/tiny_data.h"
#include "tests/support/tiny_model.h"

enum { SIDE = 8, TRAIN = 100, TEST = 50 };

typedef struct fixture {
    char *dir;
    ggdm_world *world;
    ggdm_recipe recipe;
    ggdm_train_progress last;
} fixture;

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

static void write_text(const char *dir, const char *name, const char *text)
{
    char *path = ggdm_test_path(dir, name);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

static void begin(fixture *f, const char *recipe, const char *config)
{
    ggdm_error err = {0};
    char text[2000];
    *f = (fixture){.dir = ggdm_test_mkdtemp()};
    ggdm_tiny_data_write(f->dir, SIDE, TRAIN, TEST, 9);
    write_text(f->dir, "net.json", config);
    snprintf(text, sizeof text, "%sdata: {dir: %s}\n", recipe, f->dir);
    write_text(f->dir, "r.yaml", text);
    char *path = ggdm_test_path(f->dir, "r.yaml");
    ggdm_test_ok(ggdm_recipe_read(path, &f->recipe, &err), &err);
    free(path);
    ggdm_test_ok(ggdm_world_open(&f->world, &err), &err);
}

static void end(fixture *f)
{
    ggdm_world_close(&f->world);
    ggdm_recipe_deinit(&f->recipe);
    ggdm_test_rmdir(f->dir);
}

static void keep_evaluation(void *context, const ggdm_train_progress *p)
{
    fixture *f = context;
    if (p->evaluated)
        f->last = *p;
}

static ggdm_status train(fixture *f, const char *out, int64_t stop_after, ggdm_error *err)
{
    char *path = ggdm_test_path(f->dir, out);
    const ggdm_train_options o = {.out = path,
                                  .command = "test",
                                  .threads = 1,
                                  .stop_after = stop_after,
                                  .progress = keep_evaluation,
                                  .context = f};
    ggdm_status st = ggdm_train(&f->recipe, &o, f->world, err);
    free(path);
    return st;
}

static char *read_out(const fixture *f, const char *out, const char *name, size_t *size)
{
    char file[200];
    snprintf(file, sizeof file, "%s/%s", out, name);
    char *path = ggdm_test_path(f->dir, file), *bytes = ggdm_test_read(path, size);
    free(path);
    return bytes;
}

static void same_file(const fixture *f, const char *a, const char *b, const char *name)
{
    size_t na, nb;
    char *x = read_out(f, a, name, &na), *y = read_out(f, b, name, &nb);
    if (na != nb || memcmp(x, y, na))
        ggdm_test_fail("%s/%s and %s/%s differ", a, name, b, name);
    free(x);
    free(y);
}

/* Uninterrupted in "a"; stopped twice in "b". */
static void check_resume(fixture *f, const char *weights)
{
    ggdm_error err = {0};
    ggdm_test_ok(train(f, "a", 0, &err), &err);
    ggdm_test_error(train(f, "b", 3, &err), &err, GGDM_ECANCELLED, "stopped at step 3");
    ggdm_test_error(train(f, "b", 4, &err), &err, GGDM_ECANCELLED, "stopped at step 7");
    ggdm_test_ok(train(f, "b", 0, &err), &err);
    same_file(f, "a", "b", weights);
    same_file(f, "a", "b", "config.json");
    ggdm_test_ok(train(f, "b", 0, &err), &err); /* once more: nothing to do, nothing changes */
    same_file(f, "a", "b", weights);
}

static void check_model(const fixture *f, ggdm_arch_role role)
{
    ggdm_error err = {0};
    ggdm_model_files files;
    ggdm_model *model = NULL;
    char *path = ggdm_test_path(f->dir, "a");
    ggdm_test_ok(ggdm_model_files_open(path, &files, &err), &err);
    ggdm_test_ok(ggdm_model_create(&files, &model, &err), &err);
    assert_int_equal(model->info.role, role);
    assert_true((files.scheduler != NULL) == (role == GGDM_DIFFUSION));
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    free(path);
}

static void test_train_classifier_learns_and_resumes_to_the_bit(void **state)
{
    (void)state;
    fixture f;
    begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    check_resume(&f, "model.safetensors");
    check_model(&f, GGDM_CLASSIFIER);
    assert_true(f.last.val_accuracy > 0.9); /* chance: 0.1 */
    char *card = read_out(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "test accuracy"));
    assert_non_null(strstr(card, "parameters (f32)"));
    free(card);
    end(&f);
}

static void test_train_ddpm_learns_and_resumes_to_the_bit(void **state)
{
    (void)state;
    fixture f;
    begin(&f, ddpm_recipe, ggdm_tiny_unet_config);
    check_resume(&f, "diffusion_pytorch_model.safetensors");
    check_model(&f, GGDM_DIFFUSION);
    assert_true(f.last.val_loss < 0.9); /* eps = 0 gives 1 */
    char *scheduler = read_out(&f, "a", "scheduler_config.json", NULL);
    assert_non_null(strstr(scheduler, "\"num_train_timesteps\": 50"));
    free(scheduler);
    char *curve = read_out(&f, "b", "curve.csv", NULL);
    int lines = 0;
    for (const char *p = curve; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 1 + 4); /* no row twice, none lost */
    free(curve);
    end(&f);
}

static char *conditional_config(void)
{
    const size_t body = strlen(ggdm_tiny_unet_config) - 1; /* without the last brace */
    char *config = ggdm_test_alloc(body + 40, 1);
    sprintf(config, "%.*s, \"num_class_embeds\": 10}", (int)body, ggdm_tiny_unet_config);
    return config;
}

static void test_train_class_conditional_resumes_to_the_bit(void **state)
{
    (void)state;
    fixture f;
    char *config = conditional_config();
    begin(&f, ddpm_recipe, config);
    check_resume(&f, "diffusion_pytorch_model.safetensors");
    check_model(&f, GGDM_DIFFUSION);
    assert_true(f.last.val_loss < 0.9);
    char *card = read_out(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "conditional on a class"));
    free(card);
    free(config);
    end(&f);
}

/* The rows of the table of labels that the batch's images have get a gradient, the others none. */
static void check_rows(const ggdm_objective_graph *o, const int32_t *label)
{
    int i = 0;
    while (strcmp(ggdm_graph_param_info(o->g, i).name, "class_embedding.weight") != 0)
        i++;
    const ggdm_shape shape = ggdm_graph_param_info(o->g, i).shape;
    const float *grad = ggdm_graph_data(o->g, o->grads[i]);
    for (int32_t row = 0; row < 10; row++) {
        bool in_batch = false, moves = false;
        for (int n = 0; n < o->batch; n++)
            in_batch = in_batch || label[n] == row;
        for (int64_t k = 0; k < shape.d[1]; k++)
            moves = moves || grad[row * shape.d[1] + k] != 0;
        assert_int_equal(moves, in_batch);
    }
}

static void test_train_class_conditional_learns_the_rows_of_its_labels(void **state)
{
    (void)state;
    enum { BATCH = 4 };
    ggdm_error err = {0};
    fixture f;
    ggdm_arch *arch;
    ggdm_data data;
    ggdm_order order;
    ggdm_objective_graph *o;
    ggdm_flat *flat;
    char *config = conditional_config();
    begin(&f, ddpm_recipe, config);
    ggdm_test_ok(ggdm_arch_parse(config, strlen(config), "net.json", &arch, &err), &err);
    const ggdm_data_spec spec = {.dir = f.dir, .want = {SIDE, 1, 10}};
    ggdm_test_ok(ggdm_data_open(&spec, &data, &err), &err);
    ggdm_test_ok(ggdm_order_init(&order, f.recipe.seed, data.train.n, &err), &err);
    ggdm_test_ok(ggdm_objective_create(&f.recipe, arch, BATCH, BATCH, true, &o, &err), &err);
    ggdm_test_ok(ggdm_flat_create(o->g, f.recipe.seed, &flat, &err), &err);
    const ggdm_params params = {.items = flat->items, .n = (size_t)flat->n_params};
    for (size_t i = 0; i < flat->n; i++) /* the last layer begins at 0 and lets no gradient by */
        flat->w[i] += 0.01f;
    ggdm_test_ok(ggdm_graph_compile(o->g, &params, &err), &err);
    ggdm_objective_fill(o, &f.recipe, &data.train, &order, 0);
    int32_t label[BATCH];
    for (int i = 0; i < BATCH; i++)
        label[i] = ggdm_dataset_label(&data.train, ggdm_order_at(&order, i));
    assert_memory_equal(ggdm_graph_data(o->g, o->in.label), label, sizeof label);
    ggdm_graph_run(o->g);
    check_rows(o, label);
    ggdm_flat_destroy(&flat);
    ggdm_objective_destroy(&o);
    ggdm_order_deinit(&order);
    ggdm_data_close(&data);
    ggdm_arch_destroy(&arch);
    free(config);
    end(&f);
}

static void test_train_checkpoint_of_another_recipe_is_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    fixture f;
    begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    f.recipe.digest[0] ^= 1;
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ESTATE, "another recipe");
    end(&f);
}

/* Change one bit of a file, at a share of its length. */
static void flip(const fixture *f, const char *name, double where)
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
    fixture f;
    begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    size_t size;
    char *bytes = read_out(&f, "a", "checkpoint.safetensors", &size), *path;
    char *loss = memmem(bytes, size, "\"loss\": \"0x", 11);
    assert_non_null(loss);
    const double places[] = {0.5, 0.999, ((double)(loss - bytes) + 13.5) / (double)size};
    path = ggdm_test_path(f.dir, "a/checkpoint.safetensors");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        flip(&f, "a/checkpoint.safetensors", places[i]);
        ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_EFORMAT, "is damaged: the SHA-256");
        ggdm_test_write(path, bytes, size);
    }
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 4");
    free(bytes);
    free(path);
    end(&f);
}

static void test_train_goes_on_only_with_the_same_data(void **state)
{
    (void)state;
    ggdm_error err = {0};
    fixture f;
    begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    flip(&f, "t10k-images-idx3-ubyte", 0.5);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ESTATE, "was trained on data of SHA-256");
    flip(&f, "t10k-images-idx3-ubyte", 0.5);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 4");
    end(&f);
}

/* A model of something else, and a note of somebody. */
static void test_train_overwrites_nothing_that_is_not_its_own(void **state)
{
    (void)state;
    static const char *const names[] = {"a/model.safetensors", "b/README.md"};
    static const char *const dirs[] = {"a", "b"};
    ggdm_error err = {0};
    fixture f;
    begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    for (int i = 0; i < 2; i++) {
        size_t size;
        char *dir = ggdm_test_path(f.dir, dirs[i]), *path = ggdm_test_path(f.dir, names[i]);
        assert_int_equal(mkdir(dir, 0777), 0);
        ggdm_test_write(path, "precious", 8);
        ggdm_test_error(train(&f, dirs[i], 0, &err), &err, GGDM_ESTATE, names[i] + 2);
        char *text = ggdm_test_read(path, &size);
        assert_int_equal(size, 8);
        assert_memory_equal(text, "precious", 8);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0); /* nothing was left there */
        free(text);
        free(path);
        free(dir);
    }
    end(&f);
}

static void test_train_folder_in_use_is_refused(void **state)
{
    (void)state;
    const ggdm_owner_options options = {0};
    ggdm_error err = {0};
    ggdm_owner *other = NULL;
    fixture f;
    begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    char *dir = ggdm_test_path(f.dir, "a");
    ggdm_test_ok(ggdm_owner_take(dir, &options, &other, &err), &err);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ESTATE, "in use by another ggdm process");
    ggdm_owner_release(&other);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 4");
    free(dir);
    end(&f);
}

static void test_train_malformed_checkpoint_is_error(void **state)
{
    (void)state;
    ggdm_error err = {0};
    fixture f;
    begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_ECANCELLED, "step 2");
    size_t size;
    char *bytes = read_out(&f, "a", "checkpoint.safetensors", &size);
    char *path = ggdm_test_path(f.dir, "a/checkpoint.safetensors");
    ggdm_test_write(path, bytes, size - 100);
    ggdm_test_error(train(&f, "a", 2, &err), &err, GGDM_EFORMAT, "checkpoint.safetensors");
    free(bytes);
    free(path);
    end(&f);
}

static void test_train_network_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    ggdm_error err = {0};
    fixture f;
    begin(&f, classifier_recipe, ggdm_tiny_unet_config);
    ggdm_test_error(train(&f, "a", 0, &err), &err, GGDM_EINVAL, "does not fit a UNet2DModel");
    end(&f);
    begin(&f, classifier_recipe, ggdm_tiny_cnn_config);
    char *data = ggdm_test_path(f.dir, "other");
    assert_int_equal(mkdir(data, 0777), 0);
    ggdm_tiny_data_write(data, 5, TRAIN, TEST, 9);
    free(f.recipe.data_dir);
    f.recipe.data_dir = data;
    ggdm_test_error(train(&f, "a", 0, &err), &err, GGDM_ESHAPE, "5 x 5 x 1, the network takes 8");
    end(&f);
}

static void test_train_exploding_loss_is_numeric_error(void **state)
{
    (void)state;
    ggdm_error err = {0};
    fixture f;
    begin(&f, ddpm_recipe, ggdm_tiny_unet_config);
    f.recipe.optim = (ggdm_optim){.lr = 1e30, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    ggdm_test_error(train(&f, "a", 0, &err), &err, GGDM_ENUMERIC, "gradient norm");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_classifier_learns_and_resumes_to_the_bit),
        cmocka_unit_test(test_train_ddpm_learns_and_resumes_to_the_bit),
        cmocka_unit_test(test_train_class_conditional_resumes_to_the_bit),
        cmocka_unit_test(test_train_class_conditional_learns_the_rows_of_its_labels),
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
