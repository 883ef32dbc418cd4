/* Tensors of several files of torch.save, with their index (of safetensors: test_weights.c). */
#include "models/io/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "tests/support/ggdm_test.h"

#define CORPUS "tests/fuzz/corpus/torch/"
#define FIRST "pytorch_model-00001-of-00002.bin"
#define SECOND "pytorch_model-00002-of-00002.bin"
#define INDEX "pytorch_model.bin.index.json"

static ggdm_error err;

static void copy(const char *from, const char *name)
{
    size_t size;
    char *bytes = ggdm_test_read(from, &size), *path = ggdm_test_path(ggdm_test_dir, name);
    ggdm_test_write(path, bytes, size);
    free(bytes);
    free(path);
}

/* Two files, in both forms, and an index that says this of them. */
static ggdm_status open_index(const char *map, ggdm_foreign *f)
{
    char text[600], *path = ggdm_test_path(ggdm_test_dir, INDEX);
    snprintf(text, sizeof text, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {%s}}", map);
    ggdm_test_write(path, text, strlen(text));
    copy(CORPUS "legacy-state-dict", FIRST);
    copy(CORPUS "zip-other-names", SECOND);
    ggdm_status st = ggdm_foreign_open(path, f, &err);
    free(path);
    return st;
}

#define ALL_OF_FIRST                                                                               \
    "\"conv.weight\": \"" FIRST "\", \"conv.bias\": \"" FIRST "\", \"half\": \"" FIRST             \
    "\", \"n\": \"" FIRST "\""
#define ALL ALL_OF_FIRST ", \"fc.weight\": \"" SECOND "\", \"fc.bias\": \"" SECOND "\""

typedef struct taken {
    const ggdm_foreign *f;
    int n;
} taken;

static ggdm_status take(void *context, size_t i, const float *data, ggdm_error *e)
{
    static const struct {
        const char *name;
        float data[6];
    } wanted[] = {{"conv.weight", {1, 3, 2, 4}},
                  {"conv.bias", {4, 5}},
                  {"half", {0, 1, -2, 65504}},
                  {"fc.weight", {0, 1, 2, 3, 4, 5}},
                  {"fc.bias", {1, 65504}}};
    taken *t = context;
    const ggdm_st_tensor *is = &t->f->tensors[i];
    (void)e;
    size_t k = 0;
    while (strcmp(wanted[k].name, is->name) != 0)
        assert_true(++k < sizeof wanted / sizeof *wanted);
    assert_memory_equal(data, wanted[k].data, (size_t)ggdm_shape_count(&is->shape) * sizeof *data);
    t->n++;
    return GGDM_OK;
}

static void test_foreign_several_files_are_one(void **state)
{
    (void)state;
    ggdm_foreign f;
    taken t = {.f = &f};
    ggdm_test_ok(open_index(ALL, &f), &err);
    assert_int_equal(f.n_tensors, 6);
    assert_string_equal(f.form, "PyTorch (several files)");
    assert_int_equal(ggdm_foreign_n_states(&f), 1);
    assert_string_equal(ggdm_foreign_state(&f, 0), "");
    assert_int_equal(ggdm_foreign_n_files(&f), 2);
    assert_true(ggdm_ends_with(ggdm_foreign_file(&f, 1), SECOND));
    ggdm_test_ok(ggdm_foreign_choose(&f, 0, &err), &err);
    ggdm_test_ok(ggdm_foreign_load(&f, take, &t, &err), &err);
    assert_int_equal(t.n, 5); /* all but the integer */
    ggdm_foreign_close(&f);
}

static void test_foreign_index_and_files_must_agree(void **state)
{
    (void)state;
    static const struct {
        const char *map, *text;
    } rows[] = {
        {ALL_OF_FIRST, "does not name " SECOND},
        {ALL ", \"more\": \"" SECOND "\"", "tensor 'more' is not in " SECOND},
        {ALL_OF_FIRST ", \"fc.weight\": \"" SECOND "\"", "'fc.bias' of " SECOND " is not in the"},
        {ALL_OF_FIRST ", \"fc.weight\": \"" SECOND "\", \"fc.bias\": \"" FIRST "\"",
         "tensor 'fc.bias' is in " SECOND ", the index says " FIRST},
        {"\"a\": \"none.bin\"", INDEX ": tensor 'a': cannot open"},
        {"\"a\": \"x.safetensors\"", "expected the name of a .bin file beside the index"},
        {"\"a\": \"../x.bin\"", "beside the index"},
        {"", "no 'weight_map'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_foreign f;
        ggdm_status st = open_index(rows[i].map, &f);
        ggdm_test_error(st, &err, st, rows[i].text);
        ggdm_foreign_close(&f);
    }
}

/* Which of the dicts of a training would be meant is not known. */
static void test_foreign_file_of_several_dicts_is_no_part(void **state)
{
    (void)state;
    ggdm_foreign f;
    char *path = ggdm_test_path(ggdm_test_dir, "w.bin.index.json");
    static const char text[] = "{\"weight_map\": {\"a\": \"training.bin\"}}";
    copy(CORPUS "zip-training", "training.bin");
    ggdm_test_write(path, text, strlen(text));
    ggdm_test_error(ggdm_foreign_open(path, &f, &err), &err, GGDM_EUNSUPPORTED,
                    "training.bin has 2 dicts of tensors, expected one");
    ggdm_foreign_close(&f);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ggdm_test_in_dir(test_foreign_several_files_are_one),
        ggdm_test_in_dir(test_foreign_index_and_files_must_agree),
        ggdm_test_in_dir(test_foreign_file_of_several_dicts_is_no_part),
    };
    return ggdm_test_main(tests);
}
