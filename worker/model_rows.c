#include "worker/model_rows.h"

#include <string.h>

typedef struct check {
    const ggdm_models *models;
    const ggdm_item *stage;
} check;

static ggdm_status check_model(const check *c, const ggdm_param *row, const char *digest,
                               const char *path, ggdm_error *err)
{
    const ggdm_model *model = ggdm_models_find(c->models, digest);
    if (!model)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: model %s is none of this run", path, digest);
    const char *name = ggdm_models_name(c->models, model);
    if (row->port && !ggdm_arch_has_port(&model->info, row->port))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: model '%s' is a %s, expected one that gives %s",
                         path, name, model->info.class_name, row->port);
    if (row->takes && !ggdm_arch_has_port(&model->info, row->takes))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: model '%s' is a %s, expected one that takes %s",
                         path, name, model->info.class_name, row->takes);
    return GGDM_OK;
}

static ggdm_status check_class(const check *c, const ggdm_item *item, const ggdm_param *row,
                               int64_t value, const char *path, ggdm_error *err)
{
    const char *digest = ggdm_item_model_of(item, c->stage, row);
    const ggdm_model *model = digest ? ggdm_models_find(c->models, digest) : NULL;
    if (model && value >= 0 && value < model->info.n_classes)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EINVAL, "%s: value '%lld', expected a class of %s (0 to %d)", path,
                     (long long)value, model ? ggdm_models_name(c->models, model) : "a model",
                     model ? model->info.n_classes - 1 : -1);
}

static ggdm_status check_prompt(const check *c, const ggdm_item *item, const ggdm_param *row,
                                const char *text, const char *path, ggdm_error *err)
{
    const char *digest = ggdm_item_model_of(item, c->stage, row);
    const ggdm_model *model = digest ? ggdm_models_find(c->models, digest) : NULL;
    if (!model)
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: a prompt without a model that reads it", path);
    ggdm_status st = ggdm_prompt_tokens(model, text, ggdm_item_truncates(item), NULL, err);
    return st == GGDM_OK ? st : ggdm_error_prefix(err, "%s", path);
}

static ggdm_status check_value(void *context, const ggdm_item *item, const ggdm_param *row,
                               ggdm_value *value, const char *path, ggdm_error *err)
{
    if (row->type == GGDM_PARAM_MODEL && value->scalar.text)
        return check_model(context, row, value->scalar.text, path, err);
    if (row->type == GGDM_PARAM_FILE && value->scalar.text &&
        !ggdm_pictures_find(((const check *)context)->models->pictures, value->scalar.text))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: picture %s is none of this run", path,
                         value->scalar.text);
    if (row->type == GGDM_PARAM_TEXT && row->of && value->scalar.text)
        return check_prompt(context, item, row, value->scalar.text, path, err);
    if (row->type == GGDM_PARAM_CLASS && value->set)
        return check_class(context, item, row, value->scalar.whole, path, err);
    return GGDM_OK;
}

ggdm_status ggdm_model_rows_check(const ggdm_models *models, const ggdm_item *stage,
                                  ggdm_item *tree, ggdm_error *err)
{
    check c = {models, stage};
    return tree ? ggdm_item_visit(tree, check_value, &c, err) : GGDM_OK;
}
