#include "worker/engine.h"

#include <stdlib.h>

#include "common/mem.h"
#include "models/model.h"
#include "worker/kinds.h"

typedef struct sampler {
    int32_t n;
    ggdm_model **models;                  /* [n] */
    char (*digests)[GGDM_HASH_TEXT_SIZE]; /* [n] */
    ggdm_model_ref *refs;                 /* [n] */
    ggdm_models list;
    ggdm_executor *executor;
} sampler;

static void engine_destroy(void **self)
{
    sampler *s = *self;
    *self = NULL;
    if (!s)
        return;
    ggdm_executor_destroy(&s->executor);
    for (int32_t i = 0; i < s->n; i++)
        ggdm_model_destroy(&s->models[i]);
    free(s->models);
    free(s->digests);
    free(s->refs);
    free(s);
}

static ggdm_status engine_create(void *context, const ggdm_outfit *outfit, void **self,
                                 ggdm_error *err)
{
    (void)context;
    sampler *s = NULL;
    size_t n = (size_t)outfit->n_models;
    GGDM_TRY(ggdm_alloc(&s, 1, sizeof *s, err));
    *self = s;
    GGDM_TRY(ggdm_alloc(&s->models, n, sizeof *s->models, err));
    GGDM_TRY(ggdm_alloc(&s->digests, n, sizeof *s->digests, err));
    GGDM_TRY(ggdm_alloc(&s->refs, n, sizeof *s->refs, err));
    for (; s->n < outfit->n_models; s->n++) {
        const ggdm_model_files *files = &outfit->models[s->n];
        GGDM_TRY(ggdm_model_create(files, &s->models[s->n], err));
        ggdm_hash_hex(files->digest, s->digests[s->n]);
        s->refs[s->n] = (ggdm_model_ref){.digest = s->digests[s->n], .model = s->models[s->n]};
    }
    s->list = (ggdm_models){s->refs, n, &outfit->pictures};
    return ggdm_executor_create(&outfit->job, &ggdm_methods, &s->list, &s->executor, err);
}

static ggdm_status engine_run(void *self, const ggdm_unit *unit, const ggdm_executor_sink *sink,
                              ggdm_error *err)
{
    return ggdm_executor_run(((sampler *)self)->executor, unit, sink, err);
}

static ggdm_status engine_save(void *self, ggdm_wire *out, int32_t *step, ggdm_error *err)
{
    return ggdm_executor_save(((sampler *)self)->executor, out, step, err);
}

const ggdm_engine ggdm_engine_sampler = {
    .create = engine_create, .destroy = engine_destroy, .run = engine_run, .save = engine_save};
