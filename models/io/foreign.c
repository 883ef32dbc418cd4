#include "models/io/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"

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
    char *end = strstr(name, ".safetensors" GGDM_INDEX_END);
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

/* The file at path (borrowed) behind those that are open, with its first dict. */
static ggdm_status add_torch(ggdm_foreign *f, const char *path, ggdm_error *err)
{
    ggdm_torch_file *t = &f->torch[f->n_torch++];
    GGDM_TRY(ggdm_torch_open(path, t, err));
    return ggdm_torch_choose(t, 0, err);
}

/* The tensors of all files, in their order. */
static ggdm_status list_torch(ggdm_foreign *f, ggdm_error *err)
{
    size_t n = 0;
    for (size_t k = 0; k < f->n_torch; k++)
        n += f->torch[k].n_tensors;
    if (n > GGDM_ST_MAX_TENSORS)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: %zu tensors, at most %u are supported",
                         f->path, n, GGDM_ST_MAX_TENSORS);
    free(f->tensors);
    f->tensors = NULL;
    f->n_tensors = 0;
    GGDM_TRY(ggdm_alloc(&f->tensors, n, sizeof *f->tensors, err));
    for (size_t k = 0; k < f->n_torch; k++)
        for (size_t i = 0; i < f->torch[k].n_tensors; i++)
            f->tensors[f->n_tensors++] = f->torch[k].tensors[i].is;
    return GGDM_OK;
}

static ggdm_status open_torch(ggdm_foreign *f, bool zip, ggdm_error *err)
{
    f->form = zip ? "PyTorch (zip)" : "PyTorch (legacy)";
    GGDM_TRY(ggdm_alloc(&f->torch, 1, sizeof *f->torch, err));
    GGDM_TRY(add_torch(f, f->path, err));
    return list_torch(f, err);
}

/* Which tensor is in which file is as the index says. */
static ggdm_status check_shards(const ggdm_foreign *f, ggdm_error *err)
{
    ggdm_shard_tensor *there = NULL;
    size_t n = 0;
    GGDM_TRY(ggdm_alloc(&there, f->n_tensors, sizeof *there, err));
    for (size_t k = 0; k < f->n_torch; k++)
        for (size_t i = 0; i < f->torch[k].n_tensors; i++, n++)
            there[n] = (ggdm_shard_tensor){f->tensors[n].name, f->shards.files[k].name};
    ggdm_status st = ggdm_shards_check(&f->shards, there, n, err);
    free(there);
    return st;
}

static ggdm_status open_torch_index(ggdm_foreign *f, ggdm_error *err)
{
    f->form = "PyTorch (several files)";
    GGDM_TRY(ggdm_shards_open(f->path, &f->shards, err));
    GGDM_TRY(ggdm_alloc(&f->torch, f->shards.n_files, sizeof *f->torch, err));
    for (size_t i = 0; i < f->shards.n_files; i++) {
        const ggdm_shard *s = &f->shards.files[i];
        if (add_torch(f, s->path, err) != GGDM_OK)
            return ggdm_error_prefix(err, "%s: tensor '%.200s'", f->path, s->some);
        if (f->torch[i].n_states != 1)
            return GGDM_FAIL(err, GGDM_EUNSUPPORTED,
                             "%s: %s has %zu dicts of tensors, expected one", f->path, s->name,
                             f->torch[i].n_states);
    }
    GGDM_TRY(list_torch(f, err));
    return check_shards(f, err);
}

ggdm_status ggdm_foreign_open(const char *path, ggdm_foreign *out, ggdm_error *err)
{
    unsigned char begin[N_BEGIN];
    size_t n = 0;
    *out = (ggdm_foreign){0};
    GGDM_TRY(ggdm_strdup(path, &out->path, err));
    GGDM_TRY(read_begin(path, begin, &n, err));
    const bool zip = ggdm_torch_is_zip(begin, n);
    if (zip || ggdm_torch_is_legacy(begin, n))
        return open_torch(out, zip, err);
    if (ggdm_ends_with(path, ".bin" GGDM_INDEX_END))
        return open_torch_index(out, err);
    if (ggdm_ends_with(path, ".safetensors" GGDM_INDEX_END) || (n > 8 && begin[8] == '{'))
        return open_safetensors(out, err);
    return fail_stranger(path, begin, n, err);
}

void ggdm_foreign_close(ggdm_foreign *f)
{
    for (size_t i = 0; i < f->n_torch; i++)
        ggdm_torch_close(&f->torch[i]);
    free(f->torch);
    ggdm_shards_close(&f->shards);
    ggdm_weights_close(&f->weights);
    free(f->tensors);
    free(f->path);
    *f = (ggdm_foreign){0};
}

/* ---- what is in it ---- */

/* Several files are one dict. */
static bool has_states(const ggdm_foreign *f)
{
    return f->n_torch == 1 && f->shards.n_files == 0;
}

size_t ggdm_foreign_n_states(const ggdm_foreign *f)
{
    return has_states(f) ? f->torch->n_states : 1;
}

const char *ggdm_foreign_state(const ggdm_foreign *f, size_t i)
{
    return has_states(f) ? f->torch->states[i].name : "";
}

ggdm_status ggdm_foreign_choose(ggdm_foreign *f, size_t state, ggdm_error *err)
{
    if (!has_states(f))
        return GGDM_OK;
    GGDM_TRY(ggdm_torch_choose(f->torch, state, err));
    return list_torch(f, err);
}

size_t ggdm_foreign_n_files(const ggdm_foreign *f)
{
    return f->n_torch ? f->n_torch : ggdm_weights_n_files(&f->weights);
}

const char *ggdm_foreign_file(const ggdm_foreign *f, size_t i)
{
    return f->n_torch ? f->torch[i].file.path : ggdm_weights_path(&f->weights, i);
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

/* Of several files: what their tensors are called with. */
typedef struct shifted {
    ggdm_torch_take take;
    void *context;
    size_t first; /* tensors of the files before */
} shifted;

static ggdm_status give_shifted(void *context, size_t i, const float *data, ggdm_error *err)
{
    const shifted *s = context;
    return s->take(s->context, s->first + i, data, err);
}

ggdm_status ggdm_foreign_load(ggdm_foreign *f, ggdm_torch_take take, void *context, ggdm_error *err)
{
    giving g = {f, take, context};
    shifted s = {take, context, 0};
    for (size_t k = 0; k < f->n_torch; s.first += f->torch[k++].n_tensors)
        GGDM_TRY(ggdm_torch_load(&f->torch[k], give_shifted, &s, err));
    return f->n_torch ? GGDM_OK : ggdm_weights_each(&f->weights, give, &g, err);
}
