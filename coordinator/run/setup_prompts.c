/* The prompts of a sweep: who reads them, and whether they can be read. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coordinator/run/setup_models.h"
#include "worker/kinds.h"
#include "worker/prompts.h"

#define ENCODER "text_encoder" /* of a pipeline of diffusers */

/* What the sweep would call the text encoder of a pipeline that it calls so, or by its unet/. */
static ggdm_status encoder_name(const char *model, char **out, ggdm_error *err)
{
    static const char unet[] = "/unet";
    size_t n = strlen(model);
    if (n > strlen(unet) && strcmp(model + n - strlen(unet), unet) == 0)
        n -= strlen(unet);
    return ggdm_asprintf(out, err, "%.*s/%s", (int)n, model, ENCODER);
}

ggdm_status ggdm_setup_complete_condition(ggdm_setup *s, ggdm_item *stage, ggdm_error *err)
{
    ggdm_item *condition = ggdm_item_child(stage, "condition");
    char *name = NULL;
    const char *digest = NULL;
    int32_t classes;
    if (!condition || !ggdm_item_value(condition, "prompt")->set ||
        ggdm_item_value(condition, "encoder")->set)
        return GGDM_OK;
    const ggdm_model_ref *model = ggdm_models_ref(&s->known, ggdm_item_text(stage, "model"));
    const char *called = model->name;
    if (!ggdm_arch_has_port(&model->model->info, "context"))
        return ggdm_item_fail(condition, "prompt", err,
                              "model '%s' takes no prompt, expected no condition, or one that it "
                              "takes",
                              called);
    ggdm_error why = {0};
    const ggdm_param *row = ggdm_kind_param(condition->kind, "encoder");
    GGDM_TRY(encoder_name(called, &name, err)); /* (The list of models may move.) */
    ggdm_status st = ggdm_setup_resolve_model(s, row, name, &digest, &classes, &why);
    free(name);
    if (st != GGDM_OK)
        return ggdm_item_fail(condition, "prompt", err,
                              "there is no `encoder` beside it, and none in the directory of model "
                              "'%s': %s",
                              called, why.msg);
    ggdm_item_set(condition, "encoder", (ggdm_scalar){.text = digest});
    return GGDM_OK;
}

/* Each prompt is asked for once, however many cells it has. */
ggdm_status ggdm_setup_check_prompt(void *context, const char *digest, const char *text,
                                    bool truncate, ggdm_error *err)
{
    ggdm_setup *s = context;
    const int32_t before = s->prompts.n;
    char *key = NULL;
    int32_t number = 0;
    GGDM_TRY(ggdm_asprintf(&key, err, "%s %d %s", digest, truncate, text));
    ggdm_status st = ggdm_intern_text(&s->prompts, key, &number, err);
    free(key);
    if (st != GGDM_OK || number < before)
        return st;
    return ggdm_prompt_tokens(ggdm_models_find(&s->known, digest), text, truncate, NULL, err);
}
