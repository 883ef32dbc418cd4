/* What the pickle of torch.save says: storages, tensors in them, and dicts of these. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "models/io/torch_file.h"

enum { MAX_STATES = 64, MAX_NESTED = 8 };

/* ---- names ---- */

/* The storages first: a name's row is its dtype's. */
static const ggdm_st_dtype dtypes[] = {GGDM_ST_F32, GGDM_ST_F16, GGDM_ST_BF16, GGDM_ST_F64,
                                       GGDM_ST_I64, GGDM_ST_I32, GGDM_ST_I16,  GGDM_ST_I8,
                                       GGDM_ST_U8,  GGDM_ST_BOOL};
enum {
    N_STORAGES = sizeof dtypes / sizeof *dtypes,
    TENSOR = N_STORAGES, /* rows: calls that stand for a tensor */
    TENSOR_V2,
    PARAMETER
};

const ggdm_pickle_global ggdm_torch_globals[] = {
    {"torch", "FloatStorage", GGDM_PICKLE_CALL},
    {"torch", "HalfStorage", GGDM_PICKLE_CALL},
    {"torch", "BFloat16Storage", GGDM_PICKLE_CALL},
    {"torch", "DoubleStorage", GGDM_PICKLE_CALL},
    {"torch", "LongStorage", GGDM_PICKLE_CALL},
    {"torch", "IntStorage", GGDM_PICKLE_CALL},
    {"torch", "ShortStorage", GGDM_PICKLE_CALL},
    {"torch", "CharStorage", GGDM_PICKLE_CALL},
    {"torch", "ByteStorage", GGDM_PICKLE_CALL},
    {"torch", "BoolStorage", GGDM_PICKLE_CALL},
    {"torch._utils", "_rebuild_tensor", GGDM_PICKLE_CALL},
    {"torch._utils", "_rebuild_tensor_v2", GGDM_PICKLE_CALL},
    {"torch._utils", "_rebuild_parameter", GGDM_PICKLE_CALL},
    {"collections", "OrderedDict", GGDM_PICKLE_DICT},
    /* Beside weights: numbers of NumPy, counters of schedules, sizes and places. */
    {"collections", "Counter", GGDM_PICKLE_CALL},
    {"torch", "Size", GGDM_PICKLE_CALL},
    {"torch", "device", GGDM_PICKLE_CALL},
    {"numpy", "dtype", GGDM_PICKLE_CALL},
    {"numpy.core.multiarray", "scalar", GGDM_PICKLE_CALL},
    {"numpy._core.multiarray", "scalar", GGDM_PICKLE_CALL},
    {"_codecs", "encode", GGDM_PICKLE_CALL},
    {0}};

/* The arguments of a call of this row, at least n of them; NULL: it is no such call. */
static ggdm_pickle_value *const *arguments(const ggdm_pickle_value *v, int row, size_t n)
{
    if (v->kind != GGDM_PICKLE_CALL || v->items[0]->integer != row || v->items[1]->n < n)
        return NULL;
    return v->items[1]->items;
}

/* The arguments of the tensor that v is, perhaps as a parameter: storage, offset, shape, strides;
 * NULL: it is none. */
static ggdm_pickle_value *const *tensor_arguments(const ggdm_pickle_value *v)
{
    ggdm_pickle_value *const *parameter = arguments(v, PARAMETER, 1);
    const ggdm_pickle_value *tensor = parameter ? parameter[0] : v;
    ggdm_pickle_value *const *args = arguments(tensor, TENSOR_V2, 4);
    return args ? args : arguments(tensor, TENSOR, 4);
}

/* ---- storages ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const ggdm_torch_storage *)a)->key, ((const ggdm_torch_storage *)b)->key);
}

ggdm_torch_storage *ggdm_torch_find_storage(const ggdm_torch_file *f, const char *key)
{
    const ggdm_torch_storage wanted = {.key = key};
    return f->n_storages ? bsearch(&wanted, f->storages, f->n_storages, sizeof wanted, by_key)
                         : NULL;
}

/* ('storage', torch.FloatStorage, key, location, elements[, None]) */
static ggdm_status read_storage(const ggdm_torch_file *f, const ggdm_pickle_value *persistent,
                                ggdm_torch_storage *s, ggdm_error *err)
{
    const ggdm_pickle_value *id = persistent->items[0], *const *i = NULL;
    bool good = id->kind == GGDM_PICKLE_TUPLE && (id->n == 5 || id->n == 6);
    if (good) {
        i = (const ggdm_pickle_value *const *)id->items;
        good = i[0]->kind == GGDM_PICKLE_TEXT && strcmp(i[0]->text, "storage") == 0 &&
               i[1]->kind == GGDM_PICKLE_GLOBAL && i[1]->integer < N_STORAGES &&
               i[2]->kind == GGDM_PICKLE_TEXT && strlen(i[2]->text) == i[2]->n && i[2]->n > 0 &&
               i[4]->kind == GGDM_PICKLE_INT && i[4]->integer >= 0;
    }
    if (!good)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: a reference to a storage that is none, expected ('storage', type, "
                         "key, place, elements)",
                         f->file.path);
    if (id->n == 6 && i[5]->kind != GGDM_PICKLE_NONE)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s: storage '%.40s' is a part of another (PyTorch before 0.4): save it "
                         "again with a later one",
                         f->file.path, i[2]->text);
    *s = (ggdm_torch_storage){.key = i[2]->text, .dtype = dtypes[i[1]->integer]};
    size_t size = ggdm_safetensors_dtype_size(s->dtype);
    if ((uint64_t)i[4]->integer > f->file.size / size)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: storage '%.40s' of %lld elements, %zu bytes each, in a file of %zu "
                         "(is it truncated?)",
                         f->file.path, s->key, (long long)i[4]->integer, size, f->file.size);
    s->count = (size_t)i[4]->integer;
    return GGDM_OK;
}

ggdm_status ggdm_torch_list_storages(ggdm_torch_file *f, ggdm_error *err)
{
    const ggdm_pickle_value *all = f->pickle.persistent;
    GGDM_TRY(ggdm_alloc(&f->storages, all->n, sizeof *f->storages, err));
    for (size_t i = 0; i < all->n; i++)
        GGDM_TRY(read_storage(f, all->items[i], &f->storages[i], err));
    qsort(f->storages, all->n, sizeof *f->storages, by_key);
    for (size_t i = 0; i < all->n; i++) {
        const ggdm_torch_storage s = f->storages[i];
        const ggdm_torch_storage *last = i > 0 ? &f->storages[f->n_storages - 1] : NULL;
        if (!last || strcmp(last->key, s.key) != 0)
            f->storages[f->n_storages++] = s;
        else if (last->dtype != s.dtype || last->count != s.count)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: storage '%.40s' is said to be of two kinds",
                             f->file.path, s.key);
    }
    return GGDM_OK;
}

/* ---- tensors ---- */

static ggdm_status bad_tensor(const ggdm_torch_file *f, const char *name, const char *what,
                              ggdm_error *err)
{
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%.200s': %s", f->file.path, name, what);
}

/* n integers >= 0 of a tuple (or, from before torch.Size was one, a list). */
static bool read_naturals(const ggdm_pickle_value *v, int64_t *out)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->items[i]->kind != GGDM_PICKLE_INT || v->items[i]->integer < 0)
            return false;
        out[i] = v->items[i]->integer;
    }
    return true;
}

/* Within its storage, and no element of it more often than the storage has elements: views that
 * repeat (torch.expand) would be of any size. */
static bool fits(const ggdm_torch_tensor *t, size_t count)
{
    uint64_t last = (uint64_t)t->offset, elements = 1, reach;
    for (int k = 0; k < t->is.shape.n; k++) {
        const uint64_t d = (uint64_t)t->is.shape.d[k];
        if (__builtin_mul_overflow(elements, d, &elements))
            return false;
        if (d > 0 && (__builtin_mul_overflow(d - 1, (uint64_t)t->stride[k], &reach) ||
                      __builtin_add_overflow(last, reach, &last)))
            return false;
    }
    return elements == 0 || (last < count && elements <= count);
}

static ggdm_status read_tensor(const ggdm_torch_file *f, const char *name,
                               ggdm_pickle_value *const *args, ggdm_torch_tensor *t,
                               ggdm_error *err)
{
    const ggdm_pickle_value *shape = args[2], *stride = args[3];
    const bool lists = (shape->kind == GGDM_PICKLE_TUPLE || shape->kind == GGDM_PICKLE_LIST) &&
                       (stride->kind == GGDM_PICKLE_TUPLE || stride->kind == GGDM_PICKLE_LIST);
    if (args[0]->kind != GGDM_PICKLE_PERSISTENT || args[1]->kind != GGDM_PICKLE_INT ||
        args[1]->integer < 0 || !lists || shape->n != stride->n)
        return bad_tensor(f, name, "expected a storage, an offset, a shape and strides", err);
    if (shape->n > GGDM_MAX_DIMS)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                         "%s: tensor '%.200s': %zu dimensions, at most %d are supported",
                         f->file.path, name, shape->n, GGDM_MAX_DIMS);
    const ggdm_torch_storage *s =
        ggdm_torch_find_storage(f, args[0]->items[0]->items[2]->text); /* every one is listed */
    *t = (ggdm_torch_tensor){
        .is = {.name = name, .dtype = s->dtype, .shape = {(int)shape->n, {1, 1, 1, 1}}},
        .storage = (size_t)(s - f->storages),
        .offset = args[1]->integer};
    if (!read_naturals(shape, t->is.shape.d) || !read_naturals(stride, t->stride))
        return bad_tensor(f, name, "extents and strides that are no integers >= 0", err);
    if (!fits(t, s->count))
        return bad_tensor(f, name, "it is larger than its storage", err);
    t->is.size = (size_t)ggdm_shape_count(&t->is.shape) * ggdm_safetensors_dtype_size(s->dtype);
    return GGDM_OK;
}

static bool is_name(const ggdm_pickle_value *key)
{
    return key->kind == GGDM_PICKLE_TEXT && key->n > 0 &&
           ggdm_utf8_plain(key->text, key->n) == key->n;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ggdm_torch_tensor *)a)->is.name, ((const ggdm_torch_tensor *)b)->is.name);
}

static int by_storage(const void *a, const void *b)
{
    const ggdm_torch_tensor *p = a, *q = b;
    return p->storage != q->storage ? (p->storage > q->storage) - (p->storage < q->storage)
                                    : by_name(a, b);
}

static ggdm_status check_names(const ggdm_torch_file *f, ggdm_error *err)
{
    qsort(f->tensors, f->n_tensors, sizeof *f->tensors, by_name);
    for (size_t i = 1; i < f->n_tensors; i++)
        if (by_name(&f->tensors[i - 1], &f->tensors[i]) == 0)
            return bad_tensor(f, f->tensors[i].is.name, "it is there twice", err);
    return GGDM_OK;
}

/* Each element of the file is used so often at most: one that is shared by all tensors would make
 * of a small file a large model. */
static ggdm_status check_sum(const ggdm_torch_file *f, ggdm_error *err)
{
    enum { OFTEN = 4 };
    size_t left = f->file.size;
    for (size_t i = 0; i < f->n_tensors; i++) {
        size_t share = f->tensors[i].is.size / OFTEN;
        if (share > left)
            return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                             "%s: its tensors share storages, and are more than %d times as large "
                             "as the file",
                             f->file.path, OFTEN);
        left -= share;
    }
    return GGDM_OK;
}

ggdm_status ggdm_torch_choose(ggdm_torch_file *f, size_t state, ggdm_error *err)
{
    const ggdm_pickle_value *dict = f->states[state].dict;
    const size_t n = f->states[state].n_tensors;
    free(f->tensors);
    f->tensors = NULL;
    f->n_tensors = 0;
    if (n > GGDM_ST_MAX_TENSORS)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: %zu tensors, at most %u are supported",
                         f->file.path, n, GGDM_ST_MAX_TENSORS);
    GGDM_TRY(ggdm_alloc(&f->tensors, n, sizeof *f->tensors, err));
    for (size_t i = 0; i < dict->n; i += 2) {
        ggdm_pickle_value *const *args = tensor_arguments(dict->items[i + 1]);
        if (args && is_name(dict->items[i]))
            GGDM_TRY(read_tensor(f, dict->items[i]->text, args, &f->tensors[f->n_tensors++], err));
    }
    GGDM_TRY(check_names(f, err));
    GGDM_TRY(check_sum(f, err));
    qsort(f->tensors, n, sizeof *f->tensors, by_storage);
    for (size_t i = 0; i < f->n_storages; i++)
        f->storages[i].n = 0;
    for (size_t i = 0; i < n; i++) {
        ggdm_torch_storage *s = &f->storages[f->tensors[i].storage];
        s->first = s->n++ == 0 ? i : s->first;
    }
    return GGDM_OK;
}

/* ---- state dicts ---- */

static size_t count_tensors(const ggdm_pickle_value *dict)
{
    size_t n = 0;
    for (size_t i = 0; i < dict->n; i += 2)
        n += is_name(dict->items[i]) && tensor_arguments(dict->items[i + 1]);
    return n;
}

static ggdm_status add_state(ggdm_torch_file *f, const char *name, const ggdm_pickle_value *dict,
                             size_t n, ggdm_error *err)
{
    if (f->n_states == MAX_STATES)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: more than %d dicts of tensors", f->file.path,
                         MAX_STATES);
    ggdm_torch_state *s = &f->states[f->n_states++];
    s->dict = dict;
    s->n_tensors = n;
    return ggdm_strdup(name, &s->name, err);
}

/* A dict with tensors is one; of others those in them, under names.  (The state of an optimizer has
 * numbers.) */
static ggdm_status find_in(ggdm_torch_file *f, const char *name, ggdm_pickle_value *v, int depth,
                           ggdm_error *err)
{
    if (v->kind != GGDM_PICKLE_DICT || v->seen || depth == MAX_NESTED)
        return GGDM_OK;
    v->seen = true;
    const size_t n = count_tensors(v);
    if (n)
        return add_state(f, name, v, n, err);
    ggdm_status st = GGDM_OK;
    for (size_t i = 0; i < v->n && st == GGDM_OK; i += 2) {
        char *path = NULL;
        if (!is_name(v->items[i]))
            continue;
        st = ggdm_asprintf(&path, err, "%s%s%.100s", name, *name ? "." : "", v->items[i]->text);
        if (st == GGDM_OK)
            st = find_in(f, path, v->items[i + 1], depth + 1, err);
        free(path);
    }
    return st;
}

ggdm_status ggdm_torch_find_states(ggdm_torch_file *f, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&f->states, MAX_STATES, sizeof *f->states, err));
    GGDM_TRY(find_in(f, "", f->pickle.root, 0, err));
    return f->n_states ? GGDM_OK
                       : GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                                   "%s: no weights in it, expected a dict of tensors under names "
                                   "(torch.save(model.state_dict(), ...))",
                                   f->file.path);
}
