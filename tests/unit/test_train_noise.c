/* Trainings with labels and noise: of diffusion models that are told a class or none, and of
 * classifiers that are told the timestep. */
#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/tiny_model.h"
#include "tests/support/train_fixture.h"

static const char ddpm_recipe[] = "name: tiny\nobjective: ddpm\nconfig: net.json\n"
                                  "images: 320\nbatch: 16\nseed: 4\n"
                                  "optimizer: {lr: 0.003, warmup_steps: 3, ema: 0.9}\n"
                                  "diffusion: {timesteps: 50, beta_end: 0.2}\n"
                                  "curve_steps: 5\nevaluate_steps: 10\n";

static void test_train_class_conditional_resumes_to_the_bit(void **state)
{
    (void)state;
    ggdm_train_fixture f;
    ggdm_train_begin(&f, ddpm_recipe, ggdm_tiny_labels_config);
    ggdm_train_check_resume(&f, "diffusion_pytorch_model.safetensors");
    ggdm_train_check_model(&f, GGDM_DIFFUSION);
    assert_true(f.last.val_loss < 0.9);
    char *card = ggdm_train_file(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "conditional on a class"));
    free(card);
    ggdm_train_end(&f);
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

/* The graph of a recipe's steps.  The last layer begins at 0, where it lets no gradient by. */
static void open_steps(const ggdm_train_fixture *f, int batch, bool gradients, ggdm_train_steps *s)
{
    ggdm_train_steps_open(f, &ggdm_train_labelled, s);
    ggdm_train_steps_build(f, NULL, batch, gradients, s);
    for (size_t i = 0; i < s->flat->n; i++)
        s->flat->w[i] += 0.01f;
    ggdm_graph_params_changed(s->o->g);
}

static void test_train_class_conditional_learns_the_rows_of_its_labels(void **state)
{
    (void)state;
    enum { BATCH = 4 };
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_steps s;
    int32_t label[BATCH];
    ggdm_train_begin(&f, ddpm_recipe, ggdm_tiny_labels_config);
    open_steps(&f, BATCH, true, &s);
    ggdm_test_ok(ggdm_objective_fill(s.o, &f.recipe, &s.data.train, &s.order, 0, &err), &err);
    for (int i = 0; i < BATCH; i++)
        label[i] = ggdm_dataset_label(&s.data.train, ggdm_order_at(&s.order, i));
    assert_memory_equal(ggdm_graph_data(s.o->g, s.o->in.label), label, sizeof label);
    ggdm_graph_run(s.o->g);
    check_rows(s.o, label);
    ggdm_train_steps_close(&s);
    ggdm_train_end(&f);
}

/* --- the null label --- */

static const char dropout_recipe[] = "name: tiny\nobjective: ddpm\nconfig: net.json\n"
                                     "images: 320\nbatch: 16\nseed: 4\nlabel_dropout: 0.25\n"
                                     "optimizer: {lr: 0.003, warmup_steps: 3, ema: 0.9}\n"
                                     "diffusion: {timesteps: 50, beta_end: 0.2}\n"
                                     "curve_steps: 5\nevaluate_steps: 10\n";

static void test_train_label_dropout_resumes_to_the_bit(void **state)
{
    (void)state;
    ggdm_train_fixture f;
    ggdm_train_begin(&f, dropout_recipe, ggdm_tiny_null_config);
    ggdm_train_check_resume(&f, "diffusion_pytorch_model.safetensors");
    ggdm_train_check_model(&f, GGDM_DIFFUSION);
    assert_true(f.last.val_loss < 0.9);
    char *card = ggdm_train_file(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "conditional on a class or on none"));
    free(card);
    ggdm_train_end(&f);
}

/* The labels that samples first .. first + n - 1 of the run are told, in batches of this size. */
static void told_labels(const ggdm_train_fixture *f, int batch, int64_t first, int n, int32_t *out)
{
    ggdm_train_steps s;
    ggdm_error err = {0};
    open_steps(f, batch, true, &s);
    for (int i = 0; i < n; i += batch) {
        ggdm_test_ok(ggdm_objective_fill(s.o, &f->recipe, &s.data.train, &s.order, first + i, &err),
                     &err);
        memcpy(out + i, ggdm_graph_data(s.o->g, s.o->in.label), sizeof *out * (size_t)batch);
    }
    ggdm_train_steps_close(&s);
}

/* Which labels are dropped is of the sample: batches and ranks only cut the stream into pieces. */
static void test_train_label_dropout_is_a_property_of_the_sample(void **state)
{
    (void)state;
    enum { N = 1200 };
    static int32_t one[N], other[N];
    ggdm_train_fixture f;
    ggdm_train_steps s;
    int dropped = 0;
    ggdm_train_begin(&f, dropout_recipe, ggdm_tiny_null_config);
    told_labels(&f, 100, 0, N, one);
    told_labels(&f, 12, 0, N, other);
    assert_memory_equal(one, other, sizeof one);
    told_labels(&f, 30, 600, N / 2, other);
    assert_memory_equal(one + 600, other, sizeof one / 2);
    open_steps(&f, 1, true, &s);
    for (int i = 0; i < N; i++) {
        const int32_t label = ggdm_dataset_label(&s.data.train, ggdm_order_at(&s.order, i));
        assert_true(one[i] == label || one[i] == 10);
        dropped += one[i] == 10;
    }
    ggdm_train_steps_close(&s);
    assert_in_range(dropped, 225, 375); /* 300, and five standard deviations of 15 */
    ggdm_train_end(&f);
}

static void test_train_label_dropout_is_not_in_evaluations(void **state)
{
    (void)state;
    enum { BATCH = 25 };
    ggdm_train_fixture f;
    ggdm_train_steps s;
    ggdm_train_begin(&f, dropout_recipe, ggdm_tiny_null_config);
    open_steps(&f, BATCH, false, &s);
    ggdm_evaluation e;
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_objective_evaluate(s.o, &f.recipe, &s.data.test, BATCH, &e, &err), &err);
    const int32_t *label = ggdm_graph_data(s.o->g, s.o->in.label);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(label[i], ggdm_dataset_label(&s.data.test, i));
    ggdm_train_steps_close(&s);
    ggdm_train_end(&f);
}

/* --- classifiers that are told the timestep --- */

static const char noisy_recipe[] = "name: tiny\nobjective: noisy-classifier\nconfig: net.json\n"
                                   "images: 1600\nbatch: 20\nseed: 3\n"
                                   "optimizer: {lr: 0.01, warmup_steps: 5, ema: 0.9}\n"
                                   "augment: {shift: 0.3}\nlabel_smoothing: 0.01\n"
                                   "diffusion: {timesteps: 50, beta_end: 0.2}\n"
                                   "curve_steps: 10\nevaluate_steps: 40\n";

/* A column of the last row of curve.csv. */
static double last_of(const char *curve, int column)
{
    const char *row = curve + strlen(curve) - 1;
    while (row[-1] != '\n')
        row--;
    for (; column > 0; column--)
        row = strchr(row, ',') + 1;
    return strtod(row, NULL);
}

static void test_train_noisy_classifier_learns_and_resumes_to_the_bit(void **state)
{
    (void)state;
    enum { FIRST_BAND = 7 };
    ggdm_train_fixture f;
    ggdm_train_begin(&f, noisy_recipe, ggdm_tiny_noisy_config);
    ggdm_train_check_resume(&f, "model.safetensors");
    ggdm_train_check_model(&f, GGDM_CLASSIFIER);
    assert_true(f.last.val_accuracy >
                0.3); /* chance: 0.1; at the last timesteps there is no more */
    char *curve = ggdm_train_file(&f, "b", "curve.csv", NULL);
    assert_non_null(strstr(curve, ",val_accuracy,accuracy_t0,accuracy_t5,"));
    const double clean = last_of(curve, FIRST_BAND), noise = last_of(curve, FIRST_BAND + 9);
    assert_true(clean > 0.7);
    assert_true(noise < clean);
    char *scheduler = ggdm_train_file(&f, "a", "scheduler_config.json", NULL);
    assert_non_null(strstr(scheduler, "\"num_train_timesteps\": 50"));
    char *card = ggdm_train_file(&f, "a", "README.md", NULL);
    assert_non_null(strstr(card, "| 45 to 49 | "));
    free(card);
    free(scheduler);
    free(curve);
    ggdm_train_end(&f);
}

/* x_t = sqrt(ab_t) x_0 + sqrt(1 - ab_t) eps: where almost nothing is left of x_0, the moments of
 * noise; at the first timestep, the image. */
static void test_train_noisy_classifier_sees_the_forward_process(void **state)
{
    (void)state;
    ggdm_error err = {0};
    enum { BATCH = 100, PIXELS = GGDM_TRAIN_SIDE * GGDM_TRAIN_SIDE };
    ggdm_train_fixture f;
    ggdm_train_steps s;
    ggdm_train_begin(&f, noisy_recipe, ggdm_tiny_noisy_config);
    f.recipe.augment = (ggdm_augment){0};
    open_steps(&f, BATCH, true, &s);
    ggdm_test_ok(ggdm_objective_fill(s.o, &f.recipe, &s.data.train, &s.order, 0, &err), &err);
    const float *x = ggdm_graph_data(s.o->g, s.o->in.x), *t = ggdm_graph_data(s.o->g, s.o->in.t);
    double sum = 0, squares = 0;
    int64_t n = 0;
    for (int i = 0; i < BATCH; i++) {
        float image[PIXELS];
        ggdm_dataset_image(&s.data.train, ggdm_order_at(&s.order, i), image);
        const int at = (int)t[i];
        assert_true(t[i] == (float)at && at >= 0 && at < 50);
        for (int k = 0; k < PIXELS; k++, n++) {
            const double eps = (x[i * PIXELS + k] - s.o->noising.sqrt_ab[at] * image[k]) /
                               s.o->noising.sqrt_1mab[at];
            sum += eps;
            squares += eps * eps;
        }
    }
    assert_true(fabs(sum / (double)n) < 5 / sqrt((double)n));
    assert_true(fabs(squares / (double)n - 1) < 5 * sqrt(2 / (double)n));
    ggdm_train_steps_close(&s);
    ggdm_train_end(&f);
}

/* --- what is predicted --- */

/* The target against its definition, with a schedule of another form; x_t and v give the image
 * back. */
static void test_train_target_is_what_the_recipe_predicts(void **state)
{
    (void)state;
    ggdm_error err = {0};
    enum { BATCH = 20, PIXELS = GGDM_TRAIN_SIDE * GGDM_TRAIN_SIDE };
    ggdm_train_fixture f;
    ggdm_train_begin(&f, ddpm_recipe, ggdm_tiny_labels_config);
    f.recipe.betas = GGDM_BETAS_SQUAREDCOS;
    f.recipe.zero_snr = true;
    for (int k = 0; k < GGDM_N_PREDICTIONS; k++) {
        ggdm_train_steps s;
        f.recipe.prediction = k;
        open_steps(&f, BATCH, true, &s);
        ggdm_test_ok(ggdm_objective_fill(s.o, &f.recipe, &s.data.train, &s.order, 0, &err), &err);
        const float *x = ggdm_graph_data(s.o->g, s.o->in.x),
                    *t = ggdm_graph_data(s.o->g, s.o->in.t);
        const float *target = ggdm_graph_data(s.o->g, s.o->target);
        for (int i = 0; i < BATCH * PIXELS; i++) {
            float image[PIXELS];
            if (i % PIXELS == 0)
                ggdm_dataset_image(&s.data.train, ggdm_order_at(&s.order, i / PIXELS), image);
            const int at = (int)t[i / PIXELS];
            const double a = s.o->noising.sqrt_ab[at], b = s.o->noising.sqrt_1mab[at];
            const double x0 = image[i % PIXELS], eps = (x[i] - a * x0) / b;
            const double want[] = {eps, x0, a * eps - b * x0};
            assert_true(fabs(target[i] - want[k]) < 1e-6 * (1 + fabs(want[k])) / b);
        }
        assert_true(s.o->noising.sqrt_ab[49] == 0x1p-12f);
        ggdm_train_steps_close(&s);
    }
    ggdm_train_end(&f);
}

static const char v_recipe[] =
    "name: tiny\nobjective: ddpm\nconfig: net.json\nimages: 32\nbatch: 16\n"
    "diffusion: {timesteps: 50, beta_schedule: squaredcos_cap_v2, prediction_type: v_prediction, "
    "rescale_betas_zero_snr: true}\n";

/* What it has learnt stands beside it, and is read there. */
static void test_train_model_of_v_says_so(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_model_files files;
    ggdm_train_begin(&f, v_recipe, ggdm_tiny_unet_config);
    ggdm_test_ok(ggdm_train_into(&f, "a", 0, &err), &err);
    char *card = ggdm_train_file(&f, "a", "README.md", NULL), *path = ggdm_test_path(f.dir, "a");
    assert_non_null(strstr(card, "Diffusion model (predicts v, unconditional), 8 x 8"));
    assert_non_null(strstr(card, "mean squared error of v "));
    ggdm_model *model = ggdm_tiny_model_open(path, &files);
    assert_int_equal(model->prediction, GGDM_PREDICT_V);
    assert_non_null(strstr(files.scheduler, "\"rescale_betas_zero_snr\": true"));
    assert_non_null(strstr(files.scheduler, "\"beta_schedule\": \"squaredcos_cap_v2\""));
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    free(path);
    free(card);
    ggdm_train_end(&f);
}

/* --- what does not fit --- */

static void refused(const char *recipe, const char *config, const char *message)
{
    ggdm_error err = {0};
    ggdm_train_fixture f;
    ggdm_train_begin(&f, recipe, config);
    ggdm_test_error(ggdm_train_into(&f, "a", 0, &err), &err, GGDM_EINVAL, message);
    ggdm_train_end(&f);
}

static void test_train_network_without_the_inputs_of_its_objective_is_refused(void **state)
{
    (void)state;
    refused(noisy_recipe, ggdm_tiny_cnn_config,
            "objective 'noisy-classifier' does not fit a GgdmCNN without timesteps");
    refused(noisy_recipe, ggdm_tiny_unet_config, "does not fit a UNet2DModel");
    refused(ddpm_recipe, ggdm_tiny_noisy_config, "does not fit a GgdmCNN that takes timesteps");
    refused(dropout_recipe, ggdm_tiny_labels_config,
            "label_dropout 0.25, expected 0, as the network has no null label");
    refused(ddpm_recipe, ggdm_tiny_null_config,
            "label_dropout 0, expected more than 0, as the network has a null label");
    refused(ddpm_recipe, ggdm_tiny_range_config, "variances are not learned here");
}

static void test_train_keys_of_another_objective_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *objective, *key;
    } rows[] = {{"ddpm", "augment: {shift: 1}"},
                {"ddpm", "label_smoothing: 0.1"},
                {"classifier", "diffusion: {timesteps: 9}"},
                {"classifier", "label_dropout: 0.1"},
                {"noisy-classifier", "label_dropout: 0.1"},
                {"noisy-classifier", "diffusion: {prediction_type: sample}"}};
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "r.yaml");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_error err = {0};
        ggdm_recipe r;
        char text[300], message[100];
        snprintf(text, sizeof text,
                 "name: tiny\nobjective: %s\nconfig: net.json\nimages: 1\nbatch: 1\n%s\n",
                 rows[i].objective, rows[i].key);
        snprintf(message, sizeof message, "has no meaning for objective '%s'", rows[i].objective);
        ggdm_test_write(path, text, strlen(text));
        ggdm_test_error(ggdm_recipe_read(path, &r, &err), &err, GGDM_EINVAL, message);
    }
    free(path);
    ggdm_test_rmdir(dir);
}

/* --- the recipes of the zoo --- */

static int64_t parameters_of(const char *name)
{
    ggdm_error err = {0};
    ggdm_recipe r;
    ggdm_arch *arch;
    ggdm_objective_graph *o;
    int64_t sum = 0;
    char path[100];
    snprintf(path, sizeof path, "models/zoo/recipes/%s.yaml", name);
    ggdm_test_ok(ggdm_recipe_read(path, &r, &err), &err);
    assert_string_equal(r.name, name);
    ggdm_test_ok(ggdm_arch_parse(r.config, strlen(r.config), path, &arch, &err), &err);
    ggdm_test_ok(ggdm_objective_create(&r, arch, NULL, 1, 1, false, &o, &err), &err);
    for (int i = 0; i < ggdm_graph_param_count(o->g); i++) {
        const ggdm_shape shape = ggdm_graph_param_info(o->g, i).shape;
        sum += ggdm_shape_count(&shape);
    }
    ggdm_objective_destroy(&o);
    ggdm_arch_destroy(&arch);
    ggdm_recipe_deinit(&r);
    return sum;
}

static void test_train_recipes_of_the_zoo_fit_their_networks(void **state)
{
    (void)state;
    static const char *const names[] = {"mnist-cnn", "mnist-judge", "mnist-noisy-cnn"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_in_range(parameters_of(names[i]), 3e5, 1e6);
    const int64_t whole = parameters_of("mnist-ddpm"), weak = parameters_of("mnist-ddpm-weak");
    assert_in_range(weak * 100 / whole, 8, 12);                               /* a tenth */
    assert_int_equal(parameters_of("mnist-ddpm-class"), whole + 11 * 4 * 32); /* and the table */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_class_conditional_resumes_to_the_bit),
        cmocka_unit_test(test_train_class_conditional_learns_the_rows_of_its_labels),
        cmocka_unit_test(test_train_label_dropout_resumes_to_the_bit),
        cmocka_unit_test(test_train_label_dropout_is_a_property_of_the_sample),
        cmocka_unit_test(test_train_label_dropout_is_not_in_evaluations),
        cmocka_unit_test(test_train_noisy_classifier_learns_and_resumes_to_the_bit),
        cmocka_unit_test(test_train_noisy_classifier_sees_the_forward_process),
        cmocka_unit_test(test_train_network_without_the_inputs_of_its_objective_is_refused),
        cmocka_unit_test(test_train_recipes_of_the_zoo_fit_their_networks),
        cmocka_unit_test(test_train_target_is_what_the_recipe_predicts),
        cmocka_unit_test(test_train_model_of_v_says_so),
        cmocka_unit_test(test_train_keys_of_another_objective_are_refused),
    };
    return ggdm_test_main(tests);
}
