/* Files of torch.save. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/io/torch_file.h"
#include "tests/fuzz/fuzz.h"

/* Whatever a value holds is of the kinds that it may hold; it may hold itself. */
static void check_value(ggdm_pickle_value *v, int depth)
{
    if (v->seen || depth > 200)
        return;
    v->seen = true;
    assert_true(v->kind <= GGDM_PICKLE_PERSISTENT);
    if (v->kind == GGDM_PICKLE_TEXT) {
        assert_int_equal(v->text[v->n], '\0');
        return;
    }
    if (v->kind == GGDM_PICKLE_DICT)
        assert_int_equal(v->n % 2, 0);
    if (v->kind == GGDM_PICKLE_CALL) {
        assert_int_equal(v->n, 2);
        assert_int_equal(v->items[0]->kind, GGDM_PICKLE_GLOBAL);
        assert_int_equal(v->items[1]->kind, GGDM_PICKLE_TUPLE);
    }
    for (size_t i = 0; i < v->n; i++)
        check_value(v->items[i], depth + 1);
}

bool ggdm_fuzz_pickle(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_pickle p;
    ggdm_status st = ggdm_pickle_read(data, size, ggdm_torch_globals, "fuzz", &p, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK) {
        assert_true(p.used <= size);
        check_value(p.root, 0);
    }
    ggdm_pickle_close(&p);
    return st == GGDM_OK;
}

/* Each float tensor comes once. */
static ggdm_status count(void *context, size_t i, const float *data, ggdm_error *err)
{
    int *seen = context;
    (void)err;
    assert_non_null(data);
    assert_int_equal(seen[i]++, 0);
    return GGDM_OK;
}

bool ggdm_fuzz_torch(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_torch_file f;
    char *path = ggdm_fuzz_file("weights.pt", data, size);
    ggdm_status st = ggdm_torch_open(path, &f, &err);
    ggdm_fuzz_clean(st, &err);
    bool any = false;
    for (size_t i = 0; st == GGDM_OK && i < f.n_states; i++) {
        ggdm_status one = ggdm_torch_choose(&f, i, &err);
        ggdm_fuzz_clean(one, &err);
        if (one != GGDM_OK)
            continue;
        assert_int_equal(f.n_tensors, f.states[i].n_tensors);
        int *seen = ggdm_test_alloc(f.n_tensors, sizeof *seen);
        memset(seen, 0, f.n_tensors * sizeof *seen);
        one = ggdm_torch_load(&f, count, seen, &err);
        ggdm_fuzz_clean(one, &err);
        any = any || one == GGDM_OK;
        free(seen);
    }
    ggdm_torch_close(&f);
    unlink(path);
    free(path);
    return any;
}
