#include "jobs/resolver.h"

/* An error of who knows no positions, at its place. */
static ggdm_status blame_value(const ggdm_node *at, ggdm_status st, ggdm_error *err)
{
    ggdm_error why = *err;
    if (at) {
        ggdm_node_fail(at, err, "%s", why.msg);
        err->code = st;
    }
    return st;
}

ggdm_status ggdm_resolve(const ggdm_resolver *r, const ggdm_param *row, const char *name,
                         const ggdm_node *at, const char **digest, int32_t *classes,
                         ggdm_error *err)
{
    ggdm_error why = {0};
    ggdm_status st = row->type == GGDM_PARAM_MODEL
                         ? r->model(r->context, row, name, digest, classes, &why)
                         : r->file(r->context, row, name, digest, &why);
    if (st == GGDM_OK)
        return st;
    if (err)
        *err = why;
    return err ? blame_value(at, st, err) : st;
}

typedef struct prompts {
    const ggdm_resolver *resolver;
    const ggdm_item *stage;
} prompts;

static ggdm_status ask_prompt(void *context, const ggdm_item *item, const ggdm_param *row,
                              ggdm_value *value, const char *path, ggdm_error *err)
{
    const prompts *p = context;
    const char *text = value->scalar.text, *model;
    ggdm_error why = {0};
    (void)path;
    if (row->type != GGDM_PARAM_TEXT || !row->of || !text)
        return GGDM_OK;
    model = ggdm_item_model_of(item, p->stage, row);
    if (!model)
        return ggdm_item_fail(item, row->key, err, "there is no %s that reads it", row->of);
    ggdm_status st =
        p->resolver->text(p->resolver->context, model, text, ggdm_item_truncates(item), &why);
    if (st == GGDM_OK)
        return st;
    ggdm_item_fail(item, row->key, err, "%s", why.msg);
    return err ? (err->code = st) : st;
}

ggdm_status ggdm_resolve_prompts(const ggdm_resolver *r, const ggdm_item *stage, ggdm_item *tree,
                                 ggdm_error *err)
{
    prompts p = {r, stage};
    return r && r->text && tree ? ggdm_item_visit(tree, ask_prompt, &p, err) : GGDM_OK;
}
