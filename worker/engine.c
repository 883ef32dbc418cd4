#include "worker/engine.h"

#include <stdlib.h>

#include "common/mem.h"
#include "models/model.h"

typedef struct sampler {
    ggdm_model *models[GGDM_N_ROLES];
    ggdm_executor *executor;
} sampler;

static void destroy(void **self)
{
    sampler *s = *self;
    *self = NULL;
    if (!s)
        return;
    ggdm_executor_destroy(&s->executor);
    for (int i = 0; i < GGDM_N_ROLES; i++)
        ggdm_model_destroy(&s->models[i]);
    free(s);
}

static ggdm_status create(void *context, const ggdm_outfit *outfit, void **self, ggdm_error *err)
{
    (void)context;
    sampler *s = NULL;
    GGDM_TRY(ggdm_alloc(&s, 1, sizeof *s, err));
    *self = s;
    for (int i = 0; i < GGDM_N_ROLES; i++)
        if (outfit->files[i].config)
            GGDM_TRY(ggdm_model_create(&outfit->files[i], &s->models[i], err));
    return ggdm_executor_create(&outfit->job, s->models[GGDM_ROLE_DIFFUSION],
                                s->models[GGDM_ROLE_GUIDE], s->models[GGDM_ROLE_JUDGE],
                                &s->executor, err);
}

static ggdm_status run(void *self, const ggdm_unit *unit, const ggdm_executor_sink *sink,
                       ggdm_error *err)
{
    return ggdm_executor_run(((sampler *)self)->executor, unit, sink, err);
}

static ggdm_status save(void *self, ggdm_wire *out, int32_t *step, ggdm_error *err)
{
    return ggdm_executor_save(((sampler *)self)->executor, out, step, err);
}

const ggdm_engine ggdm_engine_sampler = {
    .create = create, .destroy = destroy, .run = run, .save = save};
