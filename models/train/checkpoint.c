/* A training's state: one safetensors file (models/io/safetensors.c has that format), replaced as a
 * whole, so that there is always a complete one.
 *
 * Tensors, F32, for the parameters of the network in its order, first all of param:
 *
 *   param/NAME   the weights
 *   m/NAME       AdamW's running mean of the gradient
 *   v/NAME       AdamW's running mean of its square
 *   ema/NAME     the running average of the weights
 *
 * Metadata, all texts:
 *
 *   step      steps done, decimal, at most MAX_STEP
 *   recipe    digest of the recipe's text and the network's config.json
 *   data      digest of the training data
 *   loss      smoothed loss as a hexadecimal float ("%a"), so that it goes on with the same bits
 *   seconds   of training so far
 *   ranks, threads, isa   by what it was made: sums depend on them to the last bit
 *   from      "DIGEST TAKEN FRESH" of the model whose weights it began with, and of how many
 *             tensors it took; only where there is one
 *   sha256    of the values of all the above in this order, each behind its length as u64, then of
 *             the tensors' bytes in the order of the file
 *
 * A file is gone on from if all of this holds, asked in this order:
 *
 *   1. it is a safetensors file with all these keys (others are ignored); one from before a key
 *      was there is refused, since it cannot be checked;
 *   2. recipe and data are those of the training that asks, else it is another's (GGDM_ESTATE);
 *   3. it has these tensors and no other, in these shapes;
 *   4. sha256 is right: a damaged checkpoint would otherwise train on, and show nowhere;
 *   5. step and seconds are in range.
 *
 * ranks, threads and isa may differ: the trainer warns.  Nothing else is kept: which images come
 * next, their augmentation and noise are functions of the recipe's seed and the step. */
#include "models/train/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "models/io/safetensors.h"

enum { N_ARRAYS = 4 };
static const char *const prefixes[N_ARRAYS] = {"param", "m", "v", "ema"};

static void flat_arrays(const ggdm_flat *f, float *out[N_ARRAYS])
{
    out[0] = f->w;
    out[1] = f->m;
    out[2] = f->v;
    out[3] = f->ema;
}

/* ---- the state as metadata ------------------------------------------------------------------ */

#define MAX_STEP INT64_C(1000000000000) /* so that images can be counted */

enum { STEP, RECIPE, DATA, LOSS, SECONDS, RANKS, THREADS, ISA, FROM, SHA256, N_META, TEXT = 120 };
static const char *const keys[N_META] = {"step",  "recipe",  "data", "loss", "seconds",
                                         "ranks", "threads", "isa",  "from", "sha256"};

static void print_state(const ggdm_train_state *s, char text[SHA256][TEXT])
{
    snprintf(text[STEP], TEXT, "%" PRId64, s->step);
    snprintf(text[RECIPE], TEXT, "%s", s->recipe);
    snprintf(text[DATA], TEXT, "%s", s->data);
    snprintf(text[LOSS], TEXT, "%a", s->loss);
    snprintf(text[SECONDS], TEXT, "%.3f", s->seconds);
    snprintf(text[RANKS], TEXT, "%d", s->ranks);
    snprintf(text[THREADS], TEXT, "%d", s->threads);
    snprintf(text[ISA], TEXT, "%s", s->isa);
    text[FROM][0] = '\0';
    if (*s->from.digest)
        snprintf(text[FROM], TEXT, "%s %d %d", s->from.digest, (int)s->from.taken,
                 (int)s->from.fresh);
}

/* Of everything a training goes on from. */
static void digest_of(const ggdm_flat *flat, const char *const values[SHA256],
                      char text[GGDM_HASH_TEXT_SIZE])
{
    float *arrays[N_ARRAYS];
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash h;
    flat_arrays(flat, arrays);
    ggdm_hash_init(&h);
    for (int i = 0; i < SHA256; i++)
        if (i != FROM || *values[i])
            ggdm_hash_text(&h, values[i]);
    for (int a = 0; a < N_ARRAYS; a++)
        for (int i = 0; i < flat->n_params; i++)
            ggdm_hash_update(&h, arrays[a] + flat->offset[i], sizeof(float) * flat->size[i]);
    ggdm_hash_final(&h, digest);
    ggdm_hash_hex(digest, text);
}

/* ---- writing -------------------------------------------------------------------------------- */

ggdm_status ggdm_checkpoint_write(const char *path, const ggdm_flat *flat,
                                  const ggdm_train_state *state, ggdm_error *err)
{
    size_t n = 0, total = (size_t)flat->n_params * N_ARRAYS;
    ggdm_tensor *tensors = NULL;
    float *arrays[N_ARRAYS];
    char text[SHA256][TEXT], digest[GGDM_HASH_TEXT_SIZE];
    const char *values[SHA256];
    ggdm_st_meta meta[N_META];
    ggdm_status st;
    flat_arrays(flat, arrays);
    print_state(state, text);
    for (int i = 0; i < SHA256; i++) {
        values[i] = text[i];
        meta[i] = (ggdm_st_meta){keys[i], text[i]};
    }
    digest_of(flat, values, digest);
    meta[SHA256] = (ggdm_st_meta){keys[SHA256], digest};
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

/* ---- reading -------------------------------------------------------------------------------- */

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

static ggdm_status read_tensors(const ggdm_safetensors *file, const char *path,
                                const ggdm_flat *flat, ggdm_error *err)
{
    float *arrays[N_ARRAYS];
    flat_arrays(flat, arrays);
    if (file->n_tensors != (size_t)flat->n_params * N_ARRAYS)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: %zu tensors, expected %zu for this network", path,
                         file->n_tensors, (size_t)flat->n_params * N_ARRAYS);
    for (int a = 0; a < N_ARRAYS; a++)
        for (int i = 0; i < flat->n_params; i++)
            GGDM_TRY(read_tensor(file, path, prefixes[a], flat, i, arrays[a], err));
    return GGDM_OK;
}

static ggdm_status read_meta(const ggdm_safetensors *file, const char *path,
                             const char *values[N_META], ggdm_error *err)
{
    for (int i = 0; i < N_META; i++) {
        values[i] = ggdm_safetensors_meta(file, keys[i]);
        if (!values[i] && i == FROM)
            values[i] = "";
        if (!values[i])
            return GGDM_FAIL(err, GGDM_EFORMAT,
                             "%s: metadata '%s' is missing, expected a training checkpoint of this "
                             "version; remove it to begin anew",
                             path, keys[i]);
    }
    return GGDM_OK;
}

/* Is it of the training that wants to go on? */
static ggdm_status check_identity(const char *path, const char *const values[N_META],
                                  const ggdm_train_state *want, ggdm_error *err)
{
    if (strcmp(values[RECIPE], want->recipe) != 0)
        return GGDM_FAIL(err, GGDM_ESTATE,
                         "%s is of another recipe or config; remove it or choose another --out",
                         path);
    if (strcmp(values[DATA], want->data) != 0)
        return GGDM_FAIL(err, GGDM_ESTATE,
                         "%s was trained on data of SHA-256 %.80s, which are now %s; bring them "
                         "back, remove it or choose another --out",
                         path, values[DATA], want->data);
    return GGDM_OK;
}

static ggdm_status scan_state(const char *path, const char *const values[N_META],
                              ggdm_train_state *s, ggdm_error *err)
{
    char *end;
    s->step = strtoll(values[STEP], &end, 10);
    if (*end || end == values[STEP] || s->step < 0 || s->step > MAX_STEP)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "%s: step '%.40s', expected an integer from 0 to %" PRId64, path,
                         values[STEP], MAX_STEP);
    s->from = (ggdm_warm_start){.taken = 0};
    if (*values[FROM] && sscanf(values[FROM], "%64[0-9a-f] %d %d", s->from.digest, &s->from.taken,
                                &s->from.fresh) != 3)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: from '%.80s', expected DIGEST TAKEN FRESH", path,
                         values[FROM]);
    s->loss = strtod(values[LOSS], NULL);
    s->seconds = strtod(values[SECONDS], &end);
    if (*end || end == values[SECONDS] || !isfinite(s->seconds) || s->seconds < 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: seconds '%.40s', expected a number >= 0", path,
                         values[SECONDS]);
    s->ranks = atoi(values[RANKS]);
    s->threads = atoi(values[THREADS]);
    snprintf(s->isa, sizeof s->isa, "%s", values[ISA]);
    return GGDM_OK;
}

ggdm_status ggdm_checkpoint_read(const char *path, ggdm_flat *flat, ggdm_train_state *state,
                                 bool *found, ggdm_error *err)
{
    ggdm_st_file file;
    const char *values[N_META];
    char digest[GGDM_HASH_TEXT_SIZE];
    ggdm_status st;
    *found = ggdm_exists(path);
    if (!*found)
        return GGDM_OK;
    GGDM_TRY(ggdm_st_file_open(path, &file, err));
    GGDM_TRY_GOTO(st, read_meta(file.parsed, path, values, err), done);
    GGDM_TRY_GOTO(st, check_identity(path, values, state, err), done);
    GGDM_TRY_GOTO(st, ggdm_st_file_read(&file, err), done);
    GGDM_TRY_GOTO(st, read_tensors(file.parsed, path, flat, err), done);
    digest_of(flat, values, digest);
    if (strcmp(digest, values[SHA256]) != 0) {
        st = GGDM_FAIL(err, GGDM_EFORMAT,
                       "%s is damaged: the SHA-256 of its content is %s, expected %.80s; remove it "
                       "to begin anew",
                       path, digest, values[SHA256]);
        goto done;
    }
    st = scan_state(path, values, state, err);
done:
    ggdm_st_file_close(&file);
    return st;
}
