#include "models/model_check.h"

#include "models/nn/selfcheck.h"

static ggdm_val emit(const void *with, ggdm_graph *g, int batch, ggdm_val in[GGDM_CHECK_INPUTS])
{
    const ggdm_model *m = with;
    const ggdm_arch_info *info = &m->info;
    in[0] = ggdm_graph_input(g, "x", GGDM_F32,
                             GGDM_SHAPE4(batch, info->size, info->size, info->channels));
    if (info->role == GGDM_DIFFUSION) {
        in[1] = ggdm_graph_input(g, "t", GGDM_F32, GGDM_SHAPE1(batch));
        if (info->n_classes > 0)
            in[2] = ggdm_graph_input(g, "label", GGDM_I32, GGDM_SHAPE1(batch));
    }
    return ggdm_arch_emit(m->arch, g, in[0], in[1], in[2]);
}

ggdm_status ggdm_model_check(const ggdm_model *model, ggdm_dtype dtype, ggdm_error *err)
{
    const ggdm_check_subject subject = {emit, model, &model->params};
    return ggdm_nn_check(&subject, dtype, NULL, err);
}
