#include "models/train/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/io/safetensors.h"

enum { N_ARRAYS = 4, N_META = 7, N_REQUIRED = 6 };
static const char *const prefixes[N_ARRAYS] = {"param", "m", "v", "ema"};

static void flat_arrays(const ggdm_flat *f, float *out[N_ARRAYS])
{
    out[0] = f->w;
    out[1] = f->m;
    out[2] = f->v;
    out[3] = f->ema;
}

ggdm_status ggdm_checkpoint_write(const char *path, const ggdm_flat *flat,
                                  const ggdm_train_state *state, ggdm_error *err)
{
    size_t n = 0, total = (size_t)flat->n_params * N_ARRAYS;
    ggdm_tensor *tensors = NULL;
    float *arrays[N_ARRAYS];
    char step[32], loss[40], seconds[40], ranks[16], threads[16];
    ggdm_status st;
    flat_arrays(flat, arrays);
    snprintf(step, sizeof step, "%" PRId64, state->step);
    snprintf(loss, sizeof loss, "%a", state->loss);
    snprintf(seconds, sizeof seconds, "%.3f", state->seconds);
    snprintf(ranks, sizeof ranks, "%d", state->ranks);
    snprintf(threads, sizeof threads, "%d", state->threads);
    const ggdm_st_meta meta[N_META] = {
        {"step", step},   {"recipe", state->recipe}, {"loss", loss},     {"seconds", seconds},
        {"ranks", ranks}, {"threads", threads},      {"isa", state->isa}};
    GGDM_TRY_GOTO(st, ggdm_alloc(&tensors, total, sizeof *tensors, err), done);
    for (int a = 0; a < N_ARRAYS; a++)
        for (int i = 0; i < flat->n_params; i++, n++) {
            char *name = NULL;
            GGDM_TRY_GOTO(st, ggdm_asprintf(&name, err, "%s/%s", prefixes[a], flat->items[i].name),
                          done);
            tensors[n] = flat->items[i];
            tensors[n].name = name;
            tensors[n].data = arrays[a] + flat->offset[i];
        }
    st = ggdm_safetensors_write(path, tensors, n, meta, N_META, err);
done:
    for (size_t i = 0; i < n; i++)
        free((char *)tensors[i].name);
    free(tensors);
    return st;
}

/* Copy one tensor of the file into the flat arrays. */
static ggdm_status read_tensor(const ggdm_safetensors *file, const char *path, const char *prefix,
                               const ggdm_flat *flat, int i, float *array, ggdm_error *err)
{
    char *name = NULL, found[128], expected[128];
    GGDM_TRY(ggdm_asprintf(&name, err, "%s/%s", prefix, flat->items[i].name));
    const ggdm_shape *want = &flat->items[i].shape;
    const ggdm_st_tensor *t = ggdm_safetensors_find(file, name);
    ggdm_status st = GGDM_OK;
    if (!t)
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s: tensor '%s' is missing", path, name);
    else if (!ggdm_shape_equal(&t->shape, want))
        st = GGDM_FAIL(err, GGDM_ESHAPE, "%s: tensor '%s' has shape %s, expected %s", path, name,
                       ggdm_shape_text(&t->shape, found, sizeof found),
                       ggdm_shape_text(want, expected, sizeof expected));
    else
        st = ggdm_safetensors_as_f32(t, path, err);
    if (st == GGDM_OK)
        memcpy(array + flat->offset[i], t->data, t->size);
    free(name);
    return st;
}

static ggdm_status read_state(const ggdm_safetensors *file, const char *path,
                              ggdm_train_state *state, ggdm_error *err)
{
    static const char *const keys[N_META] = {"step",  "recipe",  "loss", "seconds",
                                             "ranks", "threads", "isa"};
    const char *values[N_META];
    for (int i = 0; i < N_META; i++) {
        values[i] = ggdm_safetensors_meta(file, keys[i]);
        if (!values[i] && i < N_REQUIRED)
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: metadata '%s' is missing, expected a training checkpoint", path,
                             keys[i]);
    }
    char *end;
    state->step = strtoll(values[0], &end, 10);
    if (*end || end == values[0] || state->step < 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: step '%.40s', expected an integer >= 0", path,
                         values[0]);
    snprintf(state->recipe, sizeof state->recipe, "%s", values[1]);
    state->loss = strtod(values[2], NULL);
    state->seconds = strtod(values[3], &end);
    if (*end || end == values[3] || !isfinite(state->seconds) || state->seconds < 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: seconds '%.40s', expected a number >= 0", path,
                         values[3]);
    state->ranks = atoi(values[4]);
    state->threads = atoi(values[5]);
    snprintf(state->isa, sizeof state->isa, "%s", values[6] ? values[6] : "");
    return GGDM_OK;
}

ggdm_status ggdm_checkpoint_read(const char *path, ggdm_flat *flat, ggdm_train_state *state,
                                 bool *found, ggdm_error *err)
{
    ggdm_st_file in;
    float *arrays[N_ARRAYS];
    ggdm_status st;
    *found = ggdm_exists(path);
    if (!*found)
        return GGDM_OK;
    flat_arrays(flat, arrays);
    GGDM_TRY(ggdm_st_file_open(path, &in, err));
    const ggdm_safetensors *file = in.parsed;
    GGDM_TRY_GOTO(st, ggdm_st_file_read(&in, err), done);
    GGDM_TRY_GOTO(st, read_state(file, path, state, err), done);
    if (file->n_tensors != (size_t)flat->n_params * N_ARRAYS) {
        st = GGDM_FAIL(err, GGDM_EFORMAT, "%s: %zu tensors, expected %zu for this network", path,
                       file->n_tensors, (size_t)flat->n_params * N_ARRAYS);
        goto done;
    }
    for (int a = 0; a < N_ARRAYS; a++)
        for (int i = 0; i < flat->n_params; i++)
            GGDM_TRY_GOTO(st, read_tensor(file, path, prefixes[a], flat, i, arrays[a], err), done);
done:
    ggdm_st_file_close(&in);
    return st;
}
