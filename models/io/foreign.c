#include "models/io/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

#define INDEX ".index.json"

/* What else is found under such names, by its first bytes. */
static const struct {
    const char *begin;
    size_t size;
    const char *what;
} strangers[] = {
#define STRANGER(begin, what)                                                                      \
    {                                                                                              \
        begin, sizeof begin - 1, what                                                              \
    }
    STRANGER("version https://git-lfs", "a pointer of Git LFS: the file itself was not fetched "
                                        "(git lfs pull)"),
    STRANGER("<", "a page of the web: it was not what was to be downloaded"),
    STRANGER("\x89HDF", "HDF5 (Keras), expected safetensors or a file of torch.save"),
    STRANGER("GGUF", "GGUF, expected safetensors or a file of torch.save"),
    STRANGER("\x1f\x8b", "packed by gzip: unpack it first"),
    STRANGER("\x80", "a pickle, but not one of torch.save"),
#undef STRANGER
};
enum { N_BEGIN = 24 };

static ggdm_status fail_stranger(const char *path, const unsigned char *begin, size_t n,
                                 ggdm_error *err)
{
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (n >= strangers[i].size && memcmp(begin, strangers[i].begin, strangers[i].size) == 0)
            return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %s", path, strangers[i].what);
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s: neither safetensors nor a file of torch.save", path);
}

/* ---- opening ---- */

/* The file, or those that an index names: it goes by the name in front of INDEX. */
static ggdm_status open_safetensors(ggdm_foreign *f, ggdm_error *err)
{
    char *dir = NULL, *name = NULL;
    const char *slash = strrchr(f->path, '/');
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_folder_of(f->path, &dir, err), done);
    GGDM_TRY_GOTO(st, ggdm_strdup(slash ? slash + 1 : f->path, &name, err), done);
    char *end = strstr(name, ".safetensors" INDEX);
    if (end)
        end[strlen(".safetensors")] = '\0';
    GGDM_TRY_GOTO(st, ggdm_weights_list(dir, name, &f->weights, err), done);
    GGDM_TRY_GOTO(st, ggdm_alloc(&f->tensors, f->weights.n_tensors, sizeof *f->tensors, err), done);
    for (size_t i = 0; i < f->weights.n_tensors; i++) {
        f->tensors[i] = f->weights.tensors[i];
        f->tensors[i].data = NULL;
    }
    f->n_tensors = f->weights.n_tensors;
    f->form = "safetensors";
done:
    free(dir);
    free(name);
    return st;
}

static ggdm_status read_begin(const char *path, unsigned char begin[N_BEGIN], size_t *n,
                              ggdm_error *err)
{
    ggdm_file file;
    GGDM_TRY(ggdm_file_open(path, &file, err));
    *n = file.size < N_BEGIN ? file.size : N_BEGIN;
    ggdm_status st = ggdm_file_read(&file, 0, begin, *n, err);
    ggdm_file_close(&file);
    return st;
}

ggdm_status ggdm_foreign_open(const char *path, ggdm_foreign *out, ggdm_error *err)
{
    unsigned char begin[N_BEGIN];
    size_t n = 0;
    *out = (ggdm_foreign){0};
    GGDM_TRY(ggdm_strdup(path, &out->path, err));
    GGDM_TRY(read_begin(path, begin, &n, err));
    const bool zip = ggdm_torch_is_zip(begin, n);
    if (zip || ggdm_torch_is_legacy(begin, n)) {
        out->form = zip ? "PyTorch (zip)" : "PyTorch (legacy)";
        GGDM_TRY(ggdm_torch_open(out->path, &out->torch, err));
        return ggdm_foreign_choose(out, 0, err);
    }
    if (ggdm_ends_with(path, ".safetensors" INDEX) || (n > 8 && begin[8] == '{'))
        return open_safetensors(out, err);
    return fail_stranger(path, begin, n, err);
}

void ggdm_foreign_close(ggdm_foreign *f)
{
    ggdm_torch_close(&f->torch);
    ggdm_weights_close(&f->weights);
    free(f->tensors);
    free(f->path);
    *f = (ggdm_foreign){0};
}

/* ---- what is in it ---- */

static bool is_torch(const ggdm_foreign *f)
{
    return f->torch.n_states > 0;
}

size_t ggdm_foreign_n_states(const ggdm_foreign *f)
{
    return is_torch(f) ? f->torch.n_states : 1;
}

const char *ggdm_foreign_state(const ggdm_foreign *f, size_t i)
{
    return is_torch(f) ? f->torch.states[i].name : "";
}

ggdm_status ggdm_foreign_choose(ggdm_foreign *f, size_t state, ggdm_error *err)
{
    if (!is_torch(f))
        return GGDM_OK;
    free(f->tensors);
    f->tensors = NULL;
    f->n_tensors = 0;
    GGDM_TRY(ggdm_torch_choose(&f->torch, state, err));
    GGDM_TRY(ggdm_alloc(&f->tensors, f->torch.n_tensors, sizeof *f->tensors, err));
    for (; f->n_tensors < f->torch.n_tensors; f->n_tensors++)
        f->tensors[f->n_tensors] = f->torch.tensors[f->n_tensors].is;
    return GGDM_OK;
}

size_t ggdm_foreign_n_files(const ggdm_foreign *f)
{
    return is_torch(f) ? 1 : ggdm_weights_n_files(&f->weights);
}

const char *ggdm_foreign_file(const ggdm_foreign *f, size_t i)
{
    return is_torch(f) ? f->path : ggdm_weights_path(&f->weights, i);
}

/* ---- numbers ---- */

typedef struct giving {
    const ggdm_foreign *f;
    ggdm_torch_take take;
    void *context;
} giving;

/* A tensor of safetensors, widened. */
static ggdm_status give(void *context, size_t i, ggdm_error *err)
{
    const giving *g = context;
    const ggdm_st_tensor *t = &g->f->weights.tensors[i];
    float *wide = NULL;
    if (!ggdm_safetensors_is_float(t->dtype))
        return GGDM_OK;
    GGDM_TRY(ggdm_alloc(&wide, (size_t)ggdm_shape_count(&t->shape), sizeof *wide, err));
    ggdm_safetensors_to_f32(t, wide);
    ggdm_status st = g->take(g->context, i, wide, err);
    free(wide);
    return st;
}

ggdm_status ggdm_foreign_load(ggdm_foreign *f, ggdm_torch_take take, void *context, ggdm_error *err)
{
    giving g = {f, take, context};
    return is_torch(f) ? ggdm_torch_load(&f->torch, take, context, err)
                       : ggdm_weights_each(&f->weights, give, &g, err);
}
