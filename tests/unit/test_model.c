#include "tests/support/ggdm_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "models/io/safetensors.h"
#include "models/model.h"
#include "tests/support/tiny_model.h"

static char *dir;

static int setup(void **state)
{
    (void)state;
    dir = ggdm_test_mkdtemp();
    free(ggdm_tiny_model_write(dir, "cnn", ggdm_tiny_cnn_config, 1));
    free(ggdm_tiny_model_write(dir, "unet", ggdm_tiny_unet_config, 2));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("GGDM_ZOO");
    ggdm_test_rmdir(dir);
    return 0;
}

static ggdm_status open_model(const char *name, ggdm_error *err)
{
    ggdm_model_files files = {0};
    ggdm_model *model = NULL;
    char *path = ggdm_test_path(dir, name);
    ggdm_status st = ggdm_model_files_open(path, &files, err);
    if (st == GGDM_OK)
        st = ggdm_model_create(&files, &model, err);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    free(path);
    return st;
}

static void test_model_good_directory_opens(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_test_ok(open_model("cnn", &err), &err);
    ggdm_test_ok(open_model("unet", &err), &err);
}

static void test_model_name_is_found_in_zoo(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_model_files files;
    setenv("GGDM_ZOO", dir, 1);
    ggdm_test_ok(ggdm_model_files_open("cnn", &files, &err), &err);
    assert_non_null(strstr(files.path, dir));
    assert_int_equal((uintptr_t)files.weights % 64, 0);
    ggdm_model_files_close(&files);
}

static void test_model_unknown_name_says_where_it_looked(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_model_files files;
    setenv("GGDM_ZOO", "/some/zoo", 1);
    ggdm_test_error(ggdm_model_files_open("no-such", &files, &err), &err, GGDM_EINVAL, "/some/zoo");
    assert_non_null(strstr(err.msg, "models/zoo/no-such"));
    ggdm_test_error(ggdm_model_files_open("", &files, &err), &err, GGDM_EINVAL, "empty");
    ggdm_test_error(ggdm_model_files_open("/nonexistent/x", &files, &err), &err, GGDM_EINVAL,
                    "'/nonexistent/x'");
}

/* Rewrite the CNN's weights: tensor i is dropped, renamed or reshaped. */
enum change { DROP, RENAME, RESHAPE, ADD };

static void change_weights(enum change change, char *name)
{
    ggdm_error err = {0};
    ggdm_safetensors *st = NULL;
    ggdm_tensor items[64];
    size_t size, n = 0;
    static const float extra = 1;
    char *path = ggdm_test_path(dir, "cnn/model.safetensors"), *bytes = ggdm_test_read(path, &size);
    ggdm_test_ok(ggdm_safetensors_parse(bytes, size, path, &st, &err), &err);
    strcpy(name, st->tensors[1].name);
    for (size_t i = 0; i < st->n_tensors; i++) {
        const ggdm_st_tensor *t = &st->tensors[i];
        ggdm_tensor item = {t->name, GGDM_F32, t->shape, t->data};
        if (i == 1 && change == DROP)
            continue;
        if (i == 1 && change == RENAME)
            item.name = "other";
        if (i == 1 && change == RESHAPE)
            item.shape = GGDM_SHAPE2(ggdm_shape_count(&t->shape), 1);
        items[n++] = item;
    }
    if (change == ADD)
        items[n++] = (ggdm_tensor){"extra", GGDM_F32, GGDM_SHAPE1(1), &extra};
    ggdm_test_ok(ggdm_safetensors_write(path, items, n, NULL, 0, &err), &err);
    ggdm_safetensors_destroy(&st);
    free(bytes);
    free(path);
}

static void test_model_weights_that_do_not_fit_are_named(void **state)
{
    (void)state;
    static const struct {
        enum change change;
        ggdm_status code;
        const char *text;
        bool named;
    } rows[] = {{DROP, GGDM_EFORMAT, "is missing", true},
                {RENAME, GGDM_EFORMAT, "is missing", true},
                {RESHAPE, GGDM_ESHAPE, "has shape [", true},
                {ADD, GGDM_EFORMAT, "'extra' is unexpected", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_error err = {0};
        char name[200];
        teardown(state);
        setup(state);
        change_weights(rows[i].change, name);
        ggdm_test_error(open_model("cnn", &err), &err, rows[i].code, rows[i].text);
        assert_true(!rows[i].named || strstr(err.msg, name));
    }
}

static void test_model_truncated_weights_are_error(void **state)
{
    (void)state;
    ggdm_error err = {0};
    size_t size;
    char *path = ggdm_test_path(dir, "cnn/model.safetensors"), *bytes = ggdm_test_read(path, &size);
    ggdm_test_write(path, bytes, size - 4);
    ggdm_test_error(open_model("cnn", &err), &err, GGDM_EFORMAT, "model.safetensors");
    ggdm_test_write(path, bytes, 0);
    ggdm_test_error(open_model("cnn", &err), &err, GGDM_EFORMAT, "model.safetensors");
    free(bytes);
    free(path);
}

/* A file whose header fits its size but not the network: neither hashed nor copied.  It is sparse,
 * and reading it would take a minute. */
static void test_model_absurd_weights_are_refused_at_once(void **state)
{
    (void)state;
    static const uint64_t data = (uint64_t)256 << 30;
    char head[200], *path = ggdm_test_path(dir, "cnn/model.safetensors");
    for (int valid = 0; valid < 2; valid++) {
        ggdm_error err = {0};
        memset(head, 0, sizeof head);
        int n = snprintf(head + 8, sizeof head - 8,
                         "{\"x\":{\"dtype\":\"F16\",\"shape\":[%llu],\"data_offsets\":[0,%llu]}}",
                         (unsigned long long)data / 2, (unsigned long long)data);
        head[0] = valid ? (char)n : 0;
        ggdm_test_write(path, head, 8 + (size_t)n);
        assert_int_equal(truncate(path, (off_t)(8 + (uint64_t)n + data)), 0);
        ggdm_test_error(open_model("cnn", &err), &err, GGDM_EFORMAT,
                        valid ? "is missing, expected shape" : "does not begin with '{'");
    }
    free(path);
}

static void test_model_weights_that_are_not_finite_are_named(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    size_t size;
    char *path = ggdm_test_path(dir, "cnn/model.safetensors"), *bytes = ggdm_test_read(path, &size);
    char *model = ggdm_test_path(dir, "cnn");
    for (size_t i = 0; i < 3; i++) {
        ggdm_error err = {0};
        ggdm_model_files files;
        /* The last tensor of the file is the bias of 10 classes. */
        memcpy(bytes + size - 4 * (i + 1), &bad[i], 4);
        ggdm_test_write(path, bytes, size);
        ggdm_model *m = ggdm_tiny_model_open(model, &files);
        char want[60];
        snprintf(want, sizeof want, ".bias', element [%zu]: value %g", 9 - i, (double)bad[i]);
        ggdm_test_error(ggdm_model_check_finite(m, &err), &err, GGDM_EFORMAT, want);
        ggdm_model_destroy(&m);
        ggdm_model_files_close(&files);
    }
    free(model);
    free(bytes);
    free(path);
}

#define SCHEDULE "{\"beta_schedule\": \"scaled_linear\"}"

/* PIPE/{model_index.json,unet/,scheduler/scheduler_config.json}, or without the last. */
static void make_pipeline(const char *index, bool schedule)
{
    char *pipe = ggdm_test_path(dir, "pipe"), *path = ggdm_test_path(pipe, "model_index.json");
    char *folder = ggdm_test_path(pipe, "scheduler");
    ggdm_error err;
    ggdm_test_ok(ggdm_make_dirs(folder, &err), &err);
    free(ggdm_tiny_model_write(pipe, "unet", ggdm_tiny_unet_config, 2));
    ggdm_test_write(path, index, strlen(index));
    free(path);
    path = ggdm_test_path(folder, "scheduler_config.json");
    if (schedule)
        ggdm_test_write(path, SCHEDULE, strlen(SCHEDULE));
    free(path);
    free(folder);
    free(pipe);
}

#define PART(name, class) "\"" name "\": [\"diffusers\", \"" class "\"]"
#define PIPELINE                                                                                   \
    "{\"_class_name\": \"DDPMPipeline\", " PART("unet", "UNet2DModel") ", " PART(                  \
        "scheduler", "DDPMScheduler") "}"

/* Named by its own directory or by that of its U-Net, a pipeline is one model. */
static void test_model_pipeline_brings_its_scheduler(void **state)
{
    (void)state;
    static const char *const names[] = {"pipe", "pipe/unet"};
    uint8_t digest[2][32];
    make_pipeline(PIPELINE, true);
    for (int i = 0; i < 2; i++) {
        ggdm_error err;
        ggdm_model_files files;
        char *path = ggdm_test_path(dir, names[i]);
        ggdm_test_ok(ggdm_model_files_open(path, &files, &err), &err);
        assert_string_equal(files.scheduler, SCHEDULE);
        memcpy(digest[i], files.digest, sizeof digest[i]);
        ggdm_model_files_close(&files);
        free(path);
    }
    assert_memory_equal(digest[0], digest[1], 32);
    /* A classifier has no schedule, wherever it lies. */
    char *pipe = ggdm_test_path(dir, "pipe");
    free(ggdm_tiny_model_write(pipe, "guide", ggdm_tiny_cnn_config, 1));
    free(pipe);
    ggdm_error err;
    ggdm_model_files files;
    char *path = ggdm_test_path(dir, "pipe/guide");
    ggdm_test_ok(ggdm_model_files_open(path, &files, &err), &err);
    assert_null(files.scheduler);
    ggdm_model_files_close(&files);
    free(path);
}

static void test_model_pipeline_that_is_more_is_refused(void **state)
{
    static const struct {
        const char *index, *text;
        bool schedule;
    } rows[] = {
        {PIPELINE, "pipe/unet/../scheduler/scheduler_config.json", false},
        {"{" PART("unet", "UNet2DModel") ", " PART("vqvae", "VQModel") "}",
         "field 'vqvae': a pipeline with this component is not supported", true},
        {"{" PART("scheduler", "DDPMScheduler") "}", "no 'unet'", true},
        {"{\"unet\": [null, null]}", "no 'unet'", true},
        {"[]", "no 'unet'", true},
        {"[[\"diffusers\", \"UNet2DModel\"]]", "no 'unet'", true}, /* items have no keys */
        {"{", "model_index.json", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_error err = {0};
        teardown(state);
        setup(state);
        make_pipeline(rows[i].index, rows[i].schedule);
        ggdm_status st = open_model("pipe", &err);
        assert_int_not_equal(st, GGDM_OK);
        ggdm_test_error(st, &err, st, rows[i].text);
    }
    teardown(state);
    setup(state);
    make_pipeline("{" PART("unet", "UNet2DModel") ", \"safety_checker\": [null, null], "
                                                  "\"requires_safety_checker\": true}",
                  true);
    ggdm_error err;
    ggdm_test_ok(open_model("pipe", &err), &err);
}

static void test_model_legacy_attention_names_are_read(void **state)
{
    (void)state;
    static const char *const names[][2] = {{".to_q.", ".query."},
                                           {".to_k.", ".key."},
                                           {".to_v.", ".value."},
                                           {".to_out.0.", ".proj_attn."}};
    ggdm_error err = {0};
    ggdm_safetensors *st = NULL;
    ggdm_tensor items[256];
    char text[256][200];
    size_t size, changed = 0;
    char *path = ggdm_test_path(dir, "unet/diffusion_pytorch_model.safetensors");
    char *bytes = ggdm_test_read(path, &size);
    ggdm_test_ok(ggdm_safetensors_parse(bytes, size, path, &st, &err), &err);
    assert_true(st->n_tensors <= 256);
    for (size_t i = 0; i < st->n_tensors; i++) {
        const ggdm_st_tensor *t = &st->tensors[i];
        snprintf(text[i], sizeof text[i], "%s", t->name);
        for (size_t k = 0; k < 4; k++) {
            const char *at = strstr(t->name, names[k][0]);
            if (!at)
                continue;
            snprintf(text[i], sizeof text[i], "%.*s%s%s", (int)(at - t->name), t->name, names[k][1],
                     at + strlen(names[k][0]));
            changed++;
        }
        items[i] = (ggdm_tensor){text[i], GGDM_F32, t->shape, t->data};
    }
    assert_int_equal(changed, 8); /* weight and bias of each */
    ggdm_test_ok(ggdm_safetensors_write(path, items, st->n_tensors, NULL, 0, &err), &err);
    ggdm_test_ok(open_model("unet", &err), &err);
    ggdm_safetensors_destroy(&st);
    free(bytes);
    free(path);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_model_good_directory_opens),
        T(test_model_name_is_found_in_zoo),
        T(test_model_unknown_name_says_where_it_looked),
        T(test_model_weights_that_do_not_fit_are_named),
        T(test_model_truncated_weights_are_error),
        T(test_model_absurd_weights_are_refused_at_once),
        T(test_model_weights_that_are_not_finite_are_named),
        T(test_model_pipeline_brings_its_scheduler),
        T(test_model_pipeline_that_is_more_is_refused),
        T(test_model_legacy_attention_names_are_read),
    };
    return ggdm_test_main(tests);
}
