/* Models and their training. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "models/arch/arch.h"
#include "models/io/tokenizer.h"
#include "models/io/weights.h"
#include "models/train/adamw.h"
#include "models/train/checkpoint.h"
#include "models/train/curve.h"
#include "models/train/train_recipe.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/tiny_model.h"

/* The one form of a config means itself (which has one layer more, where a classifier's last is not
 * written: too many for the longest). */
static void check_text(const ggdm_arch *arch)
{
    ggdm_error err = {0};
    ggdm_arch *again = NULL;
    const char *text = ggdm_arch_text(arch);
    ggdm_status st = ggdm_arch_parse(text, strlen(text), "text", &again, &err);
    if (st == GGDM_OK)
        assert_string_equal(ggdm_arch_text(again), text);
    else if (!strstr(err.msg, "expected a list of at most"))
        ggdm_test_fail("%s: %s", text, err.msg);
    ggdm_arch_destroy(&again);
}

bool ggdm_fuzz_config(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_arch *arch = NULL;
    ggdm_status st = ggdm_arch_parse((const char *)data, size, "fuzz.json", &arch, &err);
    ggdm_fuzz_clean(st, &err);
    if (st != GGDM_OK)
        return false;
    ggdm_graph *g = NULL;
    ggdm_test_ok(ggdm_arch_set_schedule(arch, (const double[]){0.5}, 1, &err), &err);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
    ggdm_ports p = ggdm_arch_inputs(arch, g, 1);
    if (ggdm_arch_emit(arch, g, &p) < 0)
        ggdm_test_fail("accepted, but cannot be built: %.*s", (int)size, (const char *)data);
    check_text(arch);
    ggdm_graph_destroy(&g);
    ggdm_arch_destroy(&arch);
    return true;
}

bool ggdm_fuzz_safetensors(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_safetensors *file = NULL;
    ggdm_status st = ggdm_safetensors_parse(data, size, "fuzz", &file, &err);
    ggdm_fuzz_clean(st, &err);
    for (size_t i = 0; st == GGDM_OK && i < file->n_tensors; i++) {
        const ggdm_st_tensor *t = &file->tensors[i];
        const uint8_t *inside = t->data;
        assert_true(inside >= data && inside <= data + size);
        assert_true(t->size <= (size_t)(data + size - inside));
        assert_non_null(ggdm_safetensors_find(file, t->name));
        if (ggdm_safetensors_check_float(t, "fuzz", NULL) == GGDM_OK) {
            float *widened = ggdm_test_alloc(t->size, 2); /* F16: twice the bytes */
            ggdm_safetensors_to_f32(t, widened);
            free(widened);
        }
    }
    ggdm_safetensors_destroy(&file);
    return st == GGDM_OK;
}

/* An index of two files that are there, a.safetensors and b.safetensors; or one file. */
bool ggdm_fuzz_weights(const uint8_t *data, size_t size)
{
    static float numbers[] = {1, 2, 3};
    const ggdm_tensor a = {"a", GGDM_F32, GGDM_SHAPE1(3), numbers};
    const ggdm_tensor b = {"b", GGDM_F32, GGDM_SHAPE1(2), numbers};
    ggdm_error err = {0};
    ggdm_weights w;
    const bool index = size > 0 && data[0] == '{';
    char *dir = ggdm_test_path(ggdm_fuzz_dir(), "weights");
    char *shards[] = {ggdm_test_path(dir, "a.safetensors"), ggdm_test_path(dir, "b.safetensors")};
    if (!ggdm_is_dir(dir)) {
        ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
        ggdm_test_ok(ggdm_safetensors_write(shards[0], &a, 1, NULL, 0, &err), &err);
        ggdm_test_ok(ggdm_safetensors_write(shards[1], &b, 1, NULL, 0, &err), &err);
    }
    char *path = ggdm_fuzz_file(
        index ? "weights/m.safetensors.index.json" : "weights/m.safetensors", data, size);
    ggdm_status st = ggdm_weights_open(dir, "m.safetensors", &w, &err);
    if (st == GGDM_OK)
        st = ggdm_weights_load(&w, &err);
    if (st != GGDM_EIO) /* a file that the index names and that is not there */
        ggdm_fuzz_clean(st, &err);
    assert_true(st != GGDM_OK || w.data);
    ggdm_weights_close(&w);
    unlink(path);
    free(path);
    free(shards[0]);
    free(shards[1]);
    free(dir);
    return st == GGDM_OK;
}

/* The index of a pipeline whose U-Net and scheduler are there. */
bool ggdm_fuzz_pipeline(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_model_files files = {0};
    char *dir = ggdm_test_path(ggdm_fuzz_dir(), "pipeline");
    if (!ggdm_is_dir(dir)) {
        char *scheduler = ggdm_test_path(dir, "scheduler");
        ggdm_test_ok(ggdm_make_dirs(scheduler, &err), &err);
        free(ggdm_fuzz_file("pipeline/scheduler/scheduler_config.json", "{}", 2));
        free(ggdm_tiny_model_write(dir, "unet", ggdm_tiny_unet_config, 1));
        free(scheduler);
    }
    free(ggdm_fuzz_file("pipeline/model_index.json", data, size));
    ggdm_status st = ggdm_model_files_open(dir, &files, &err);
    ggdm_fuzz_clean(st, &err);
    ggdm_model_files_close(&files);
    free(dir);
    return st == GGDM_OK;
}

/* What holds for any text that a vocabulary takes. */
static void check_encoding(const ggdm_tokenizer *t, const char *text)
{
    enum { CONTEXT = 9 };
    int32_t ids[CONTEXT];
    int n;
    ggdm_error err = {0};
    ggdm_status st = ggdm_tokenizer_encode(t, text, CONTEXT, true, ids, &n, &err);
    ggdm_fuzz_clean(st, &err);
    for (int i = 0; st == GGDM_OK && i < CONTEXT; i++)
        assert_in_range(ids[i], 0, ggdm_tokenizer_size(t) - 1);
    if (st == GGDM_OK)
        assert_int_equal(ids[n - 1], ggdm_tokenizer_end(t));
}

/* vocab.json, merges.txt and a text with form feeds between, or the one text of a tokenizer and a
 * text. */
bool ggdm_fuzz_tokenizer(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_tokenizer *t = NULL;
    ggdm_status st;
    char *parts = ggdm_fuzz_text(data, size), *rest = parts;
    const char *first = strsep(&rest, "\f"), *second = rest ? strsep(&rest, "\f") : "";
    if (*first == '{') {
        char *dir = ggdm_test_path(ggdm_fuzz_dir(), "tokenizer");
        ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
        free(ggdm_fuzz_file("tokenizer/vocab.json", first, strlen(first)));
        free(ggdm_fuzz_file("tokenizer/merges.txt", second, strlen(second)));
        st = ggdm_tokenizer_open(dir, &t, &err);
        free(dir);
        second = rest ? rest : "";
    } else {
        st = ggdm_tokenizer_parse(first, "fuzz", &t, &err);
    }
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        check_encoding(t, second);
    ggdm_tokenizer_destroy(&t);
    free(parts);
    return st == GGDM_OK;
}

bool ggdm_fuzz_training(const uint8_t *data, size_t size)
{
    ggdm_recipe r;
    ggdm_error err = {0};
    free(ggdm_fuzz_file("config.json", "{}", 2));
    char *path = ggdm_fuzz_file("recipe.yaml", data, size);
    ggdm_status st = ggdm_recipe_read(path, &r, &err);
    if (st != GGDM_EIO) /* it may name any file as its config */
        ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        assert_true(ggdm_recipe_steps(&r) > 0);
    ggdm_recipe_deinit(&r);
    free(path);
    return st == GGDM_OK;
}

/* A network of one layer, whose training goes on from the file. */
bool ggdm_fuzz_checkpoint(const uint8_t *data, size_t size)
{
    static ggdm_flat *flat; /* of the life of the program */
    ggdm_error err = {0};
    ggdm_train_state state = {0};
    bool found = false;
    if (!flat) {
        ggdm_graph *g = NULL;
        ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
        ggdm_graph_param(g, "weight", GGDM_SHAPE2(2, 3), (ggdm_init){.kind = GGDM_INIT_ZERO});
        ggdm_graph_param(g, "bias", GGDM_SHAPE1(2), (ggdm_init){.kind = GGDM_INIT_ZERO});
        ggdm_test_ok(ggdm_flat_create(g, 1, &flat, &err), &err);
        ggdm_graph_destroy(&g);
    }
    char *path = ggdm_fuzz_file("checkpoint.safetensors", data, size);
    ggdm_status st = ggdm_checkpoint_read(path, flat, &state, &found, &err);
    ggdm_fuzz_clean(st, &err);
    free(path);
    return st == GGDM_OK;
}

bool ggdm_fuzz_curve(const uint8_t *data, size_t size)
{
    ggdm_curve c;
    ggdm_error err = {0};
    char *path = ggdm_fuzz_file("curve.csv", data, size);
    ggdm_test_ok(ggdm_curve_open(path, 1000, &(ggdm_measures){0}, &c, &err), &err);
    bool any = c.n > 0;
    ggdm_curve_close(&c);
    free(path);
    return any;
}
