#include "models/train/warm_start.h"

#include <string.h>

#include "models/model.h"

static void take_tensors(const ggdm_params *params, ggdm_flat *flat, ggdm_warm_start *out)
{
    for (int i = 0; i < flat->n_params; i++) {
        const ggdm_tensor *own = &flat->items[i], *t = ggdm_params_find(params, own->name);
        const size_t at = flat->offset[i], bytes = flat->size[i] * sizeof(float);
        const bool fits = t && ggdm_shape_equal(&t->shape, &own->shape);
        out->taken += fits;
        out->fresh += !fits;
        if (!fits)
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
