#include "models/train/warm_start.h"

#include <string.h>

#include "models/model.h"

static const ggdm_tensor *find_tensor(const ggdm_params *params, const ggdm_tensor *like)
{
    for (size_t i = 0; i < params->n; i++)
        if (strcmp(params->items[i].name, like->name) == 0)
            return ggdm_shape_equal(&params->items[i].shape, &like->shape) ? &params->items[i]
                                                                           : NULL;
    return NULL;
}

static void take_tensors(const ggdm_params *params, ggdm_flat *flat, ggdm_warm_start *out)
{
    for (int i = 0; i < flat->n_params; i++) {
        const ggdm_tensor *t = find_tensor(params, &flat->items[i]);
        const size_t at = flat->offset[i], bytes = flat->size[i] * sizeof(float);
        out->taken += t != NULL;
        out->fresh += t == NULL;
        if (!t)
            continue;
        memcpy(flat->w + at, t->data, bytes);
        memcpy(flat->ema + at, t->data, bytes);
    }
}

ggdm_status ggdm_warm_start_from(const char *name, ggdm_flat *flat, ggdm_warm_start *out,
                                 ggdm_error *err)
{
    ggdm_model_files files;
    ggdm_model *model = NULL;
    ggdm_status st;
    *out = (ggdm_warm_start){.taken = 0};
    GGDM_TRY(ggdm_model_files_open(name, &files, err));
    GGDM_TRY_GOTO(st, ggdm_model_create(&files, &model, err), done);
    GGDM_TRY_GOTO(st, ggdm_model_check_finite(model, err), done);
    ggdm_hash_hex(files.digest, out->digest);
    take_tensors(&model->params, flat, out);
    if (out->taken == 0)
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "from: model '%s' is a %s without any tensor of a name and shape of this "
                       "network",
                       name, model->info.class_name);
done:
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
    return st;
}
