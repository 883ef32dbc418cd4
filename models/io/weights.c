#include "models/io/weights.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/io/shards.h"

struct ggdm_weights_file {
    char *name; /* below the directory; owned */
    char *path; /* owned */
    ggdm_st_file file;
};

/* Integers that PyTorch stores with the weights and no result depends on: how many batches a batch
 * norm was trained with, and the numbers 0, 1, 2 ... of CLIP's positions. */
static bool is_counter(const char *tensor)
{
    return ggdm_ends_with(tensor, ".num_batches_tracked") ||
           ggdm_ends_with(tensor, ".position_ids");
}

static ggdm_status open_file(const char *dir, const char *name, struct ggdm_weights_file *f,
                             ggdm_error *err)
{
    GGDM_TRY(ggdm_strdup(name, &f->name, err));
    GGDM_TRY(ggdm_path_join(dir, name, &f->path, err));
    return ggdm_st_file_open(f->path, &f->file, err);
}

static void close_file(struct ggdm_weights_file *f)
{
    ggdm_st_file_close(&f->file);
    free(f->name);
    free(f->path);
    *f = (struct ggdm_weights_file){0};
}

/* --- several files with an index --- */

static ggdm_status open_shards(const ggdm_shards *s, ggdm_weights *w, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&w->files, s->n_files, sizeof *w->files, err));
    for (size_t i = 0; i < s->n_files; i++)
        if (open_file(s->dir, s->files[i].name, &w->files[w->n_files++], err) != GGDM_OK)
            return ggdm_error_prefix(err, "%s: tensor '%.200s'", w->where, s->files[i].some);
    return GGDM_OK;
}

static bool holds(const struct ggdm_weights_file *f, const ggdm_st_tensor *t)
{
    const char *begin = f->file.bytes.data, *data = t->data;
    return data >= begin && data <= begin + f->file.bytes.size;
}

static const struct ggdm_weights_file *file_of(const ggdm_weights *w, const ggdm_st_tensor *t)
{
    size_t i = 0;
    while (!holds(&w->files[i], t))
        i++;
    return &w->files[i];
}

/* The index and the files must agree. */
static ggdm_status check_index(const ggdm_weights *w, const ggdm_shards *s, ggdm_error *err)
{
    ggdm_shard_tensor *there = NULL;
    GGDM_TRY(ggdm_alloc(&there, w->n_tensors, sizeof *there, err));
    for (size_t i = 0; i < w->n_tensors; i++)
        there[i] = (ggdm_shard_tensor){w->tensors[i].name, file_of(w, &w->tensors[i])->name};
    ggdm_status st = ggdm_shards_check(s, there, w->n_tensors, err);
    free(there);
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ggdm_st_tensor *)a)->name, ((const ggdm_st_tensor *)b)->name);
}

static ggdm_status list_tensors(ggdm_weights *w, ggdm_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_files; i++)
        n += w->files[i].file.parsed->n_tensors;
    if (n > GGDM_ST_MAX_TENSORS)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "%s: %zu tensors, at most %u are supported",
                         w->where, n, GGDM_ST_MAX_TENSORS);
    GGDM_TRY(ggdm_alloc(&w->tensors, n, sizeof *w->tensors, err));
    for (size_t i = 0; i < w->n_files; i++) {
        const ggdm_safetensors *st = w->files[i].file.parsed;
        for (size_t k = 0; k < st->n_tensors; k++)
            w->tensors[w->n_tensors++] = st->tensors[k];
    }
    return GGDM_OK;
}

/* A mixture has none, and qsort wants an array also of no elements. */
static void sort_tensors(ggdm_weights *w)
{
    if (w->n_tensors)
        qsort(w->tensors, w->n_tensors, sizeof *w->tensors, by_name);
}

static ggdm_status open_index(ggdm_weights *w, ggdm_error *err)
{
    ggdm_shards s;
    ggdm_status st = ggdm_shards_open(w->where, &s, err);
    if (st == GGDM_OK)
        st = open_shards(&s, w, err);
    if (st == GGDM_OK)
        st = list_tensors(w, err);
    if (st == GGDM_OK)
        st = check_index(w, &s, err);
    sort_tensors(w);
    ggdm_shards_close(&s);
    return st;
}

/* --- the whole --- */

ggdm_status ggdm_weights_list(const char *dir, const char *name, ggdm_weights *out, ggdm_error *err)
{
    char *index = NULL;
    ggdm_status st;
    *out = (ggdm_weights){0};
    GGDM_TRY(ggdm_path_join(dir, name, &out->where, err));
    GGDM_TRY(ggdm_asprintf(&index, err, "%s" GGDM_INDEX_END, out->where));
    bool one = ggdm_exists(out->where), several = ggdm_exists(index);
    if (one && several) {
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "%s and %s" GGDM_INDEX_END " are both there, expected one of them",
                       out->where, name);
    } else if (several) {
        free(out->where);
        out->where = index;
        return open_index(out, err);
    } else if (!one) {
        st = ggdm_weights_missing(dir, out->where, err);
    } else {
        GGDM_TRY_GOTO(st, ggdm_alloc(&out->files, 1, sizeof *out->files, err), done);
        out->n_files = 1;
        GGDM_TRY_GOTO(st, open_file(dir, name, out->files, err), done);
        st = list_tensors(out, err);
    }
done:
    free(index);
    return st;
}

ggdm_status ggdm_weights_open(const char *dir, const char *name, ggdm_weights *out, ggdm_error *err)
{
    size_t n = 0;
    *out = (ggdm_weights){0};
    if (!name)
        return ggdm_strdup(dir, &out->where, err);
    GGDM_TRY(ggdm_weights_list(dir, name, out, err));
    for (size_t i = 0; i < out->n_tensors; i++) {
        if (is_counter(out->tensors[i].name))
            continue;
        GGDM_TRY(ggdm_safetensors_check_float(&out->tensors[i],
                                              file_of(out, &out->tensors[i])->path, err));
        out->tensors[n++] = out->tensors[i];
    }
    out->n_tensors = n;
    return GGDM_OK;
}

static bool is_plain(const ggdm_weights *w)
{
    bool plain = w->n_files == 1 && w->n_tensors == w->files[0].file.parsed->n_tensors;
    for (size_t i = 0; i < w->n_tensors && plain; i++)
        plain = ggdm_safetensors_as_f32(&w->tensors[i], "", NULL) == GGDM_OK;
    return plain;
}

/* Put the tensors of one file where they belong: all of w are packed from to on, as they are
 * sorted. */
static void widen(const ggdm_weights *w, const struct ggdm_weights_file *file, char *to)
{
    for (size_t i = 0; i < w->n_tensors; i++) {
        const ggdm_st_tensor *t = &w->tensors[i];
        if (holds(file, t))
            ggdm_safetensors_to_f32(t, (float *)(void *)to);
        to += (size_t)ggdm_shape_count(&t->shape) * sizeof(float);
    }
}

/* File by file, so that beside the copy one of them is in memory. */
static ggdm_status copy_all(ggdm_weights *w, size_t data, ggdm_error *err)
{
    for (size_t i = 0; i < w->n_files; i++) {
        GGDM_TRY(ggdm_st_file_read(&w->files[i].file, err));
        widen(w, &w->files[i], (char *)w->copy + data);
        ggdm_bytes_deinit(&w->files[i].file.bytes);
    }
    w->data = w->copy;
    return GGDM_OK;
}

size_t ggdm_weights_n_files(const ggdm_weights *w)
{
    return w->n_files;
}

const char *ggdm_weights_path(const ggdm_weights *w, size_t file)
{
    return w->files[file].path;
}

ggdm_status ggdm_weights_each(ggdm_weights *w, ggdm_weights_take take, void *context,
                              ggdm_error *err)
{
    for (size_t k = 0; k < w->n_files; k++) {
        GGDM_TRY(ggdm_st_file_read(&w->files[k].file, err));
        for (size_t i = 0; i < w->n_tensors; i++)
            if (holds(&w->files[k], &w->tensors[i]))
                GGDM_TRY(take(context, i, err));
        ggdm_bytes_deinit(&w->files[k].file.bytes);
    }
    return GGDM_OK;
}

static ggdm_status load_copy(ggdm_weights *w, ggdm_error *err)
{
    ggdm_tensor *items = NULL;
    size_t data;
    sort_tensors(w);
    GGDM_TRY(ggdm_alloc(&items, w->n_tensors, sizeof *items, err));
    for (size_t i = 0; i < w->n_tensors; i++)
        items[i] = (ggdm_tensor){w->tensors[i].name, GGDM_F32, w->tensors[i].shape, NULL};
    ggdm_status st = ggdm_safetensors_layout(w->where, items, w->n_tensors, NULL, 0,
                                             (char **)&w->copy, &data, &w->size, err);
    free(items);
    return st == GGDM_OK ? copy_all(w, data, err) : st;
}

ggdm_status ggdm_weights_load(ggdm_weights *w, ggdm_error *err)
{
    if (!is_plain(w))
        return load_copy(w, err);
    GGDM_TRY(ggdm_st_file_read(&w->files[0].file, err));
    w->data = w->files[0].file.bytes.data;
    w->size = w->files[0].file.bytes.size;
    return GGDM_OK;
}

void ggdm_weights_close(ggdm_weights *w)
{
    for (size_t i = 0; i < w->n_files; i++)
        close_file(&w->files[i]);
    free(w->files);
    free(w->tensors);
    free(w->copy);
    free(w->where);
    *w = (ggdm_weights){0};
}
