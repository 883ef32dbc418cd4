/* Files of torch.save, in both forms, as tests/fuzz/seeds.py writes them without PyTorch (that
 * PyTorch writes them so: tests/cli/import.sh); and what is refused, with its reason. */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/io/torch_file.h"

#define CORPUS "tests/fuzz/corpus/torch/"

/* ---- good files ---- */

typedef struct taken {
    const ggdm_torch_file *f;
    int n;
    float weight[4], bias[2], half[4];
} taken;

static ggdm_status take(void *context, size_t i, const float *data, ggdm_error *err)
{
    taken *t = context;
    const ggdm_st_tensor *is = &t->f->tensors[i].is;
    (void)err;
    float *to = !strcmp(is->name, "conv.weight") ? t->weight
                : !strcmp(is->name, "conv.bias") ? t->bias
                : !strcmp(is->name, "half")      ? t->half
                                                 : NULL;
    assert_non_null(to);
    memcpy(to, data, (size_t)ggdm_shape_count(&is->shape) * sizeof *data);
    t->n++;
    return GGDM_OK;
}

/* The state dict of seeds.py: strides, offsets, a parameter, a shared storage, half precision; the
 * integer is listed, and its numbers are not asked for. */
static void check_state(ggdm_torch_file *f, size_t state)
{
    ggdm_error err;
    taken t = {.f = f};
    ggdm_test_ok(ggdm_torch_choose(f, state, &err), &err);
    assert_int_equal(f->n_tensors, 4);
    for (int again = 0; again < 2; again++)
        ggdm_test_ok(ggdm_torch_load(f, take, &t, &err), &err);
    assert_int_equal(t.n, 6);
    assert_memory_equal(t.weight, ((float[]){1, 3, 2, 4}), sizeof t.weight);
    assert_memory_equal(t.bias, ((float[]){4, 5}), sizeof t.bias);
    assert_memory_equal(t.half, ((float[]){0, 1, -2, 65504}), sizeof t.half);
}

static void test_torch_file_state_dict_is_read(void **state)
{
    static const char *const files[] = {CORPUS "zip-state-dict", CORPUS "legacy-state-dict"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ggdm_torch_file f;
        ggdm_error err;
        ggdm_test_ok(ggdm_torch_open(files[i], &f, &err), &err);
        assert_int_equal(f.n_states, 1);
        assert_string_equal(f.states[0].name, "");
        check_state(&f, 0);
        ggdm_torch_close(&f);
    }
}

static void test_torch_file_state_dicts_of_a_training_are_found(void **state)
{
    static const char *const files[] = {CORPUS "zip-training", CORPUS "legacy-training"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ggdm_torch_file f;
        ggdm_error err;
        ggdm_test_ok(ggdm_torch_open(files[i], &f, &err), &err);
        assert_int_equal(f.n_states, 2); /* the optimizer's have no names */
        assert_string_equal(f.states[0].name, "model");
        assert_string_equal(f.states[1].name, "ema");
        check_state(&f, 0);
        ggdm_torch_close(&f);
    }
}

/* ---- bad files ---- */

static void refuse(const char *path, ggdm_status code, const char *text)
{
    ggdm_torch_file f;
    ggdm_error err = {0};
    ggdm_status st = ggdm_torch_open(path, &f, &err);
    if (st == GGDM_OK)
        st = ggdm_torch_choose(&f, 0, &err);
    taken t = {.f = &f};
    if (st == GGDM_OK)
        st = ggdm_torch_load(&f, take, &t, &err);
    ggdm_test_error(st, &err, code, text);
    ggdm_torch_close(&f);
}

static void test_torch_file_what_cannot_be_is_refused(void **state)
{
    (void)state;
    refuse(CORPUS "zip-foreign-global", GGDM_EUNSUPPORTED,
           "it asks for types.SimpleNamespace, which is not among");
    refuse(CORPUS "legacy-foreign-global", GGDM_EUNSUPPORTED, "nothing was run");
    refuse(CORPUS "zip-script", GGDM_EUNSUPPORTED, "a TorchScript archive");
    refuse(CORPUS "zip-beyond-its-storage", GGDM_EFORMAT,
           "tensor 'a': it is larger than its storage");
    refuse(CORPUS "legacy-beyond-its-storage", GGDM_EFORMAT, "larger than its storage");
    refuse(CORPUS "zip-storage-is-missing", GGDM_EFORMAT,
           "tensor 'half': its storage '1' is missing");
    refuse("tests/fuzz/corpus/safetensors/mixed", GGDM_EFORMAT, "not a file of torch.save");
    refuse("tests/fuzz/corpus/npz/plain", GGDM_EFORMAT, "a zip archive without ROOT/data.pkl");
}

/* Cut anywhere, a file is refused with a message, and never read beyond. */
static void test_torch_file_cut_is_refused(void **state)
{
    static const char *const files[] = {CORPUS "zip-state-dict", CORPUS "legacy-state-dict"};
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "cut.pt");
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t size;
        char *bytes = ggdm_test_read(files[i], &size);
        for (size_t n = 0; n < size; n += 7) {
            ggdm_torch_file f;
            ggdm_error err = {0};
            ggdm_test_write(path, bytes, n);
            assert_int_not_equal(ggdm_torch_open(path, &f, &err), GGDM_OK);
            assert_true(err.msg[0]);
            ggdm_torch_close(&f);
        }
        free(bytes);
    }
    free(path);
    ggdm_test_rmdir(dir);
}

/* ---- pickles ---- */

static ggdm_pickle read_pickle(const char *bytes, size_t size)
{
    ggdm_pickle p;
    ggdm_error err;
    ggdm_test_ok(ggdm_pickle_read(bytes, size, ggdm_torch_globals, "p", &p, &err), &err);
    return p;
}

static void test_pickle_numbers_and_texts(void **state)
{
    /* {'a': -3, 'b': [70000, 300, 7, -1, 2^40], 'c': (1.5, None, True)} by Python */
    static const char bytes[] =
        "\x80\x02}q\x00(X\x01\x00\x00\x00"
        "aJ\xfd\xff\xff\xffX\x01\x00\x00\x00"
        "b]q\x01(Jp\x11\x01\x00M,\x01K\x07J\xff\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01"
        "eX\x01\x00\x00\x00"
        "cG?\xf8\x00\x00\x00\x00\x00\x00N\x88\x87q\x02u.rest";
    static const int64_t numbers[] = {70000, 300, 7, -1, (int64_t)1 << 40};
    (void)state;
    ggdm_pickle p = read_pickle(bytes, sizeof bytes - 1);
    assert_int_equal(p.used, sizeof bytes - 1 - 4);
    assert_int_equal(ggdm_pickle_get(p.root, "a")->integer, -3);
    const ggdm_pickle_value *b = ggdm_pickle_get(p.root, "b"), *c = ggdm_pickle_get(p.root, "c");
    assert_int_equal(b->n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(b->items[i]->integer, numbers[i]);
    assert_int_equal(c->kind, GGDM_PICKLE_TUPLE);
    assert_true(c->items[0]->real == 1.5);
    assert_int_equal(c->items[1]->kind, GGDM_PICKLE_NONE);
    assert_int_equal(c->items[2]->integer, true);
    assert_null(ggdm_pickle_get(p.root, "d"));
    ggdm_pickle_close(&p);
}

static void test_pickle_bad_ones_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *text;
    } rows[] = {
#define ROW(bytes, text) {bytes, sizeof bytes - 1, text}
        ROW("cos\nsystem\n(U\x02lstR.", "byte 0 of the pickle: it asks for os.system, which"),
        ROW("c__builtin__\neval\n.", "__builtin__.eval"),
        ROW("ctorch\nload\n.", "torch.load"),
        ROW("ctorch\nFloatStorag\n.", "torch.FloatStorag,"),
        ROW("cos\nsystem", "a name without end"),
        ROW("(U\x02lsios\nsystem\n.", "instruction 0x69"),
        ROW("ctorch\nSize\n)\x81.", "instruction 0x81"),
        ROW("\x82\x01.", "instruction 0x82"),
        ROW("\x95\x01\x00\x00\x00\x00\x00\x00\x00.", "instruction 0x95"),
        ROW("", "it ends here"),
        ROW("X\xff\xff\xff\xff", "it ends here, expected 4294967295 bytes more"),
        ROW("\x8a\xff", "an integer of 255 bytes"),
        ROW("h\x00.", "memo 0 of 0"),
        ROW("Nq\x01.", "memo 1, expected at most 0"),
        ROW("t.", "an end without a begin"),
        ROW("N(a.", "nothing is there"),
        ROW("NNa.", "items for what is no list"),
        ROW("}(Nu.", "a key without a value"),
        ROW("NN.", "left over"),
        ROW("N)R.", "a call of what is no name"),
        ROW("ccollections\nOrderedDict\n(NtR.", "OrderedDict of something"),
        ROW("]Nb.", "attributes of what is no object"),
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_pickle p;
        ggdm_error err = {0};
        ggdm_status st =
            ggdm_pickle_read(rows[i].bytes, rows[i].size, ggdm_torch_globals, "p", &p, &err);
        assert_int_not_equal(st, GGDM_OK);
        ggdm_test_error(st, &err, st, rows[i].text);
    }
}

/* Limits hold before memory does. */
static void test_pickle_limits(void **state)
{
    const size_t n = GGDM_PICKLE_VALUES + 10;
    char *bytes = ggdm_test_alloc(n, 1);
    ggdm_pickle p;
    ggdm_error err = {0};
    (void)state;
    memset(bytes, 'N', n);
    ggdm_test_error(ggdm_pickle_read(bytes, n, ggdm_torch_globals, "p", &p, &err), &err,
                    GGDM_EUNSUPPORTED, "values");
    memset(bytes, '(', n);
    ggdm_test_error(ggdm_pickle_read(bytes, n, ggdm_torch_globals, "p", &p, &err), &err,
                    GGDM_EUNSUPPORTED, "nested more than 256 deep");
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch_file_state_dict_is_read),
        cmocka_unit_test(test_torch_file_state_dicts_of_a_training_are_found),
        cmocka_unit_test(test_torch_file_what_cannot_be_is_refused),
        cmocka_unit_test(test_torch_file_cut_is_refused),
        cmocka_unit_test(test_pickle_numbers_and_texts),
        cmocka_unit_test(test_pickle_bad_ones_are_refused),
        cmocka_unit_test(test_pickle_limits),
    };
    return ggdm_test_main(tests);
}
