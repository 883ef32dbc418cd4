#include "tests/support/train_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/model.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_data.h"
#include "tests/support/tiny_model.h"

static void write_text(const char *dir, const char *name, const char *text)
{
    char *path = ggdm_test_path(dir, name);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

/* The directory has data. */
static void begin(ggdm_train_fixture *f, const char *recipe, const char *config)
{
    ggdm_error err = {0};
    char text[2000];
    write_text(f->dir, "net.json", config);
    snprintf(text, sizeof text, "%sdata: {dir: %s}\n", recipe, f->dir);
    write_text(f->dir, "r.yaml", text);
    char *path = ggdm_test_path(f->dir, "r.yaml");
    ggdm_test_ok(ggdm_recipe_read(path, &f->recipe, &err), &err);
    free(path);
    ggdm_test_ok(ggdm_world_open(&f->world, &err), &err);
}

void ggdm_train_begin(ggdm_train_fixture *f, const char *recipe, const char *config)
{
    *f = (ggdm_train_fixture){.dir = ggdm_test_mkdtemp()};
    ggdm_tiny_data_write(f->dir, GGDM_TRAIN_SIDE, GGDM_TRAIN_IMAGES, GGDM_TEST_IMAGES, 9);
    begin(f, recipe, config);
}

void ggdm_train_begin_words(ggdm_train_fixture *f, const char *recipe, const char *config)
{
    *f = (ggdm_train_fixture){.dir = ggdm_test_mkdtemp()};
    ggdm_tiny_words_write(f->dir, GGDM_TRAIN_SIDE, GGDM_TRAIN_IMAGES, GGDM_TEST_IMAGES, 9);
    begin(f, recipe, config);
}

void ggdm_train_end(ggdm_train_fixture *f)
{
    ggdm_world_close(&f->world);
    ggdm_recipe_deinit(&f->recipe);
    ggdm_test_rmdir(f->dir);
}

static void keep_evaluation(void *context, const ggdm_train_progress *p)
{
    ggdm_train_fixture *f = context;
    if (p->evaluated)
        f->last = *p;
}

ggdm_status ggdm_train_into(ggdm_train_fixture *f, const char *out, int64_t stop_after,
                            ggdm_error *err)
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

char *ggdm_train_file(const ggdm_train_fixture *f, const char *out, const char *name, size_t *size)
{
    char file[200];
    snprintf(file, sizeof file, "%s/%s", out, name);
    char *path = ggdm_test_path(f->dir, file), *bytes = ggdm_test_read(path, size);
    free(path);
    return bytes;
}

static void same_file(const ggdm_train_fixture *f, const char *a, const char *b, const char *name)
{
    size_t na, nb;
    char *x = ggdm_train_file(f, a, name, &na), *y = ggdm_train_file(f, b, name, &nb);
    if (na != nb || memcmp(x, y, na))
        ggdm_test_fail("%s/%s and %s/%s differ", a, name, b, name);
    free(x);
    free(y);
}

void ggdm_train_check_resume(ggdm_train_fixture *f, const char *weights)
{
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_train_into(f, "a", 0, &err), &err);
    ggdm_test_error(ggdm_train_into(f, "b", 3, &err), &err, GGDM_ECANCELLED, "stopped at step 3");
    ggdm_test_error(ggdm_train_into(f, "b", 4, &err), &err, GGDM_ECANCELLED, "stopped at step 7");
    ggdm_test_ok(ggdm_train_into(f, "b", 0, &err), &err);
    char config[100];
    const char *slash = strrchr(weights, '/');
    snprintf(config, sizeof config, "%.*sconfig.json", slash ? (int)(slash + 1 - weights) : 0,
             weights);
    same_file(f, "a", "b", weights);
    same_file(f, "a", "b", config);
    /* once more: nothing to do, nothing changes */
    ggdm_test_ok(ggdm_train_into(f, "b", 0, &err), &err);
    same_file(f, "a", "b", weights);
}

void ggdm_train_check_model(const ggdm_train_fixture *f, ggdm_arch_role role)
{
    ggdm_model_files files;
    char *path = ggdm_test_path(f->dir, "a");
    ggdm_model *model = ggdm_tiny_model_open(path, &files);
    assert_int_equal(model->info.role, role);
    assert_true((files.scheduler != NULL) == ggdm_arch_has_port(&model->info, "t"));
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    free(path);
}

const ggdm_image_want ggdm_train_labelled = {
    .size = GGDM_TRAIN_SIDE, .channels = 1, .n_classes = 10};

void ggdm_train_steps_open(const ggdm_train_fixture *f, const ggdm_image_want *want,
                           ggdm_train_steps *s)
{
    ggdm_error err = {0};
    const ggdm_recipe *r = &f->recipe;
    ggdm_test_ok(ggdm_arch_parse(r->config, strlen(r->config), "net.json", &s->arch, &err), &err);
    const ggdm_arch_info info = ggdm_arch_get_info(s->arch);
    const ggdm_data_spec spec = {.dir = f->dir,
                                 .want = want ? *want : ggdm_objective_want(r, &info)};
    ggdm_test_ok(ggdm_data_open(&spec, &s->data, &err), &err);
    ggdm_test_ok(ggdm_order_init(&s->order, r->seed, s->data.train.n, &err), &err);
}

void ggdm_train_steps_build(const ggdm_train_fixture *f, ggdm_text_condition *texts, int batch,
                            bool gradients, ggdm_train_steps *s)
{
    ggdm_error err = {0};
    const ggdm_recipe *r = &f->recipe;
    ggdm_test_ok(ggdm_objective_create(r, s->arch, texts, batch, batch, gradients, &s->o, &err),
                 &err);
    ggdm_test_ok(ggdm_flat_create(s->o->g, r->seed, &s->flat, &err), &err);
    s->params = (ggdm_params){.items = s->flat->items, .n = (size_t)s->flat->n_params};
    ggdm_test_ok(ggdm_graph_compile(s->o->g, &s->params, &err), &err);
}

void ggdm_train_steps_close(ggdm_train_steps *s)
{
    ggdm_objective_destroy(&s->o);
    ggdm_flat_destroy(&s->flat);
    ggdm_order_deinit(&s->order);
    ggdm_data_close(&s->data);
    ggdm_arch_destroy(&s->arch);
}
