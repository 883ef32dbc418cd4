/* A model's identity: what can change a result, not the bytes of its files.  It is hashed
 *
 *   "ggdm model 1\n"
 *   text    config.json in one form (ggdm_arch_text)
 *   text    scheduler_config.json in one form, "{}" without one; "" of what takes no timestep
 *   text    how pixels are normalised, of a network that does that (models/preprocessor_config.h)
 *   u64     number of tensors; then of each, in the order of their canonical names (as bytes):
 *     text    name
 *     u64     number of dimensions, and each
 *     f32...  values, row-major, little-endian
 *   text    where it has a tokenizer: the one text of that (models/io/tokenizer.h)
 *
 * with texts and numbers as in common/hash.h. */
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"
#include "models/model.h"
#include "models/preprocessor_config.h"
#include "models/schedule_config.h"

#define VERSION "ggdm model 1\n"

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const ggdm_tensor *const *)a)->name, (*(const ggdm_tensor *const *)b)->name);
}

static void hash_tensor(ggdm_hash *h, const ggdm_tensor *t)
{
    ggdm_hash_text(h, t->name);
    ggdm_hash_u64(h, (uint64_t)t->shape.n);
    for (int i = 0; i < t->shape.n; i++)
        ggdm_hash_u64(h, (uint64_t)t->shape.d[i]);
    ggdm_hash_update(h, t->data, (size_t)ggdm_shape_count(&t->shape) * sizeof(float));
}

static ggdm_status hash_params(ggdm_hash *h, const ggdm_params *params, ggdm_error *err)
{
    const ggdm_tensor **sorted = NULL;
    GGDM_TRY(ggdm_alloc(&sorted, params->n, sizeof *sorted, err));
    for (size_t i = 0; i < params->n; i++)
        sorted[i] = &params->items[i];
    qsort(sorted, params->n, sizeof *sorted, by_name);
    ggdm_hash_u64(h, params->n);
    for (size_t i = 0; i < params->n; i++)
        hash_tensor(h, sorted[i]);
    free(sorted);
    return GGDM_OK;
}

static ggdm_status hash_schedule(ggdm_hash *h, const ggdm_model *m, ggdm_error *err)
{
    const ggdm_model_files *f = m->files;
    char *text = NULL;
    if (m->info.ports & GGDM_PORT_T)
        GGDM_TRY(ggdm_schedule_config_text(
            f->scheduler, f->scheduler_path ? f->scheduler_path : f->path, &text, err));
    ggdm_hash_text(h, text ? text : "");
    free(text);
    return GGDM_OK;
}

static ggdm_status hash_normal(ggdm_hash *h, const ggdm_normal *normal, ggdm_error *err)
{
    char *text = NULL;
    if (!normal->n)
        return GGDM_OK;
    GGDM_TRY(ggdm_preprocessor_config_text(normal, &text, err));
    ggdm_hash_text(h, text);
    free(text);
    return GGDM_OK;
}

ggdm_status ggdm_model_files_digest(const ggdm_model_files *files, uint8_t digest[32],
                                    ggdm_error *err)
{
    ggdm_model *m = NULL;
    ggdm_hash h;
    GGDM_TRY(ggdm_model_create(files, &m, err));
    ggdm_hash_init(&h);
    ggdm_hash_update(&h, VERSION, sizeof VERSION - 1);
    ggdm_hash_text(&h, ggdm_arch_text(m->arch));
    ggdm_status st = hash_schedule(&h, m, err);
    if (st == GGDM_OK)
        st = hash_normal(&h, &m->info.normal, err);
    if (st == GGDM_OK)
        st = hash_params(&h, &m->params, err);
    if (files->tokenizer)
        ggdm_hash_text(&h, files->tokenizer);
    ggdm_hash_final(&h, digest);
    ggdm_model_destroy(&m);
    return st;
}
