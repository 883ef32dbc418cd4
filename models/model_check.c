#include "models/model_check.h"

#include "models/nn/selfcheck.h"

static ggdm_val emit_model(const void *with, ggdm_graph *g, int batch,
                           ggdm_val in[GGDM_CHECK_INPUTS])
{
    const ggdm_model *m = with;
    ggdm_ports p = ggdm_arch_inputs(m->arch, g, batch);
    in[0] = p.x;
    in[1] = p.t;
    in[2] = p.label;
    in[3] = p.text;
    in[4] = p.context;
    return ggdm_arch_emit(m->arch, g, &p);
}

ggdm_status ggdm_model_check(const ggdm_model *model, ggdm_dtype dtype, ggdm_error *err)
{
    const ggdm_check_subject subject = {emit_model, model, &model->params};
    return ggdm_nn_check(&subject, dtype, NULL, err);
}
