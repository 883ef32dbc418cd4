/* Who judges: a name, a map, or a list of them. */
#include <string.h>

#include "jobs/spec_internal.h"

#define MAX_JUDGES 16

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* The first model among an item's rows: what a judge that is only a name means. */
static const ggdm_param *model_row(const ggdm_kind *kind)
{
    for (size_t i = 0; i < kind->n_params; i++)
        if (kind->params[i].type == GGDM_PARAM_MODEL)
            return &kind->params[i];
    return NULL;
}

static ggdm_status read_plain_judge(ggdm_spec *s, const ggdm_node *node, ggdm_judge *out,
                                    ggdm_error *err)
{
    const ggdm_kind *kind = ggdm_catalogue_find(s->catalogue, GGDM_FAMILY_SCORER, NULL);
    const ggdm_param *row = kind ? model_row(kind) : NULL;
    ggdm_scalar model;
    if (!row)
        return ggdm_node_expected(node, err, "a map {kind: ...}");
    if (node->kind != GGDM_NODE_STRING || !*node->text)
        return ggdm_node_expected(node, err, "the name of a classifier or a directory");
    GGDM_TRY(ggdm_scalar_read(&s->arena, row, node, GGDM_OF_SWEEP, &model, err));
    GGDM_TRY(ggdm_item_create(&s->arena, kind, &out->item, err));
    ggdm_item_set(out->item, row->key, model);
    ggdm_item_value(out->item, row->key)->at = node;
    return GGDM_OK;
}

static ggdm_status read_judge(ggdm_spec *s, const ggdm_node *node, ggdm_judge *out, ggdm_error *err)
{
    static const char *const ignore[] = {"name", NULL};
    const ggdm_node *name = ggdm_node_get(node, "name");
    if (node->kind != GGDM_NODE_MAP)
        return read_plain_judge(s, node, out, err);
    GGDM_TRY(ggdm_item_read(s->catalogue, &s->arena, GGDM_FAMILY_SCORER, node, ignore,
                            GGDM_OF_SWEEP, &out->item, err));
    GGDM_TRY(ggdm_item_check(out->item, err));
    if (!name)
        return GGDM_OK;
    if (name->kind != GGDM_NODE_STRING || !ggdm_item_is_name(name->text))
        return ggdm_node_expected(name, err, "letters, digits, '_' and '-'");
    return ggdm_arena_text(&s->arena, name->text, &out->name, err);
}

/* The name in results, where none was given: that of the model, but of the first who judges, so
 * that a list may begin with who judged alone before. */
static const char *judge_name(const ggdm_judge *j, bool first)
{
    const ggdm_param *row = model_row(j->item->kind);
    if (!row)
        return j->item->kind->name;
    return first ? "judge" : base_name(ggdm_item_text(j->item, row->key));
}

ggdm_status ggdm_spec_read_judges(ggdm_spec *s, const ggdm_node *node, ggdm_error *err)
{
    bool list = node && node->kind == GGDM_NODE_LIST;
    if (!node)
        return GGDM_OK;
    if (list && (node->count == 0 || node->count > MAX_JUDGES))
        return ggdm_node_expected(node, err, "from 1 to %d judges", MAX_JUDGES);
    s->n_judges = list ? (int32_t)node->count : 1;
    GGDM_TRY(ggdm_arena_alloc(&s->arena, (size_t)s->n_judges * sizeof *s->judges, &s->judges, err));
    if (!list)
        GGDM_TRY(read_judge(s, node, &s->judges[0], err));
    for (const ggdm_node *n = list ? node->first : NULL; n; n = n->next)
        GGDM_TRY(read_judge(s, n, &s->judges[n->index], err));
    for (int32_t i = 0; i < s->n_judges; i++) {
        if (!s->judges[i].name)
            s->judges[i].name = judge_name(&s->judges[i], i == 0);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(s->judges[i].name, s->judges[k].name) == 0)
                return ggdm_node_fail(node, err, "two judges are called '%s', expected other names",
                                      s->judges[i].name);
    }
    return GGDM_OK;
}
