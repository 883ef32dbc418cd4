/* Who judges: a name, a map, or a list of them. */
#include <stdio.h>
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

static const ggdm_param target_row = {.key = "target",
                                      .type = GGDM_PARAM_CLASS,
                                      .of = "model",
                                      .help = "The class that the judge is to see."};

static ggdm_status read_target(ggdm_spec *s, const ggdm_node *node, ggdm_judge *out,
                               ggdm_error *err)
{
    if (out->item->kind->output != GGDM_OUTPUT_CLASSES)
        return ggdm_node_fail_key(node, err, "scorer '%s' knows no classes, expected no target",
                                  out->item->kind->name);
    out->target.set = true;
    out->target.at = node;
    return ggdm_scalar_read(&s->arena, &target_row, node, GGDM_OF_SWEEP, &out->target.scalar, err);
}

static ggdm_status read_judge(ggdm_spec *s, const ggdm_node *node, ggdm_judge *out, ggdm_error *err)
{
    static const char *const ignore[] = {"name", "target", NULL};
    const ggdm_node *name = ggdm_node_get(node, "name"), *target = ggdm_node_get(node, "target");
    if (node->kind != GGDM_NODE_MAP)
        return read_plain_judge(s, node, out, err);
    GGDM_TRY(ggdm_item_read(s->catalogue, &s->arena, GGDM_FAMILY_SCORER, node, ignore,
                            GGDM_OF_SWEEP, &out->item, err));
    GGDM_TRY(ggdm_item_check(out->item, err));
    if (target)
        GGDM_TRY(read_target(s, target, out, err));
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

/* ---- what they are asked for ---------------------------------------------------------------- */

/* Does the tree have a target of its own? */
static bool has_target(const ggdm_spec *s)
{
    for (int32_t i = 0; i < s->n_parameters; i++)
        if (strcmp(ggdm_param_axis(s->parameters[i].row), target_row.key) == 0)
            return true;
    return false;
}

static ggdm_status list_target(ggdm_spec *s, int32_t judge, ggdm_error *err)
{
    ggdm_judge *j = &s->judges[judge];
    ggdm_parameter *p = &s->parameters[s->n_parameters++];
    char path[200];
    snprintf(path, sizeof path, "%.100s.%s", j->name, target_row.key);
    *p = (ggdm_parameter){.row = &target_row,
                          .slot = &j->target,
                          .stride = 1,
                          .count = 1,
                          .known = j->target.set,
                          .judge = judge};
    GGDM_TRY(ggdm_arena_text(&s->arena, path, &p->path, err));
    p->name = p->label = p->path;
    return GGDM_OK;
}

ggdm_status ggdm_spec_list_targets(ggdm_spec *s, ggdm_error *err)
{
    int32_t first = -1;
    bool given = false;
    for (int32_t i = 0; i < s->n_judges; i++) {
        if (s->judges[i].target.set && given)
            return ggdm_node_fail(s->judges[i].target.at, err,
                                  "a second target, expected one: accuracy is about one class");
        given |= s->judges[i].target.set;
        if (first < 0 && s->judges[i].item->kind->output == GGDM_OUTPUT_CLASSES)
            first = i;
    }
    const bool offered = !given && first >= 0 && !has_target(s);
    for (int32_t i = 0; i < s->n_judges; i++)
        if (s->judges[i].target.set || (offered && i == first))
            GGDM_TRY(list_target(s, i, err));
    return GGDM_OK;
}

ggdm_status ggdm_spec_add_numbers(ggdm_spec *s, ggdm_error *err)
{
    static const ggdm_param row = {
        .key = "class", .type = GGDM_PARAM_CLASS, .of = "model", .help = "Number of the class."};
    const ggdm_parameter *aim = &s->parameters[s->class_parameter];
    ggdm_parameter *p = &s->parameters[s->n_parameters];
    const size_t n = (size_t)aim->count;
    char path[300];
    snprintf(path, sizeof path, "%.250s.%s", aim->path, row.key);
    *p = *aim;
    p->row = &row;
    GGDM_TRY(ggdm_arena_alloc(&s->arena, sizeof *p->slot, &p->slot, err));
    GGDM_TRY(ggdm_arena_alloc(&s->arena, n * sizeof *p->values, &p->values, err));
    GGDM_TRY(ggdm_arena_text(&s->arena, path, &p->path, err));
    p->name = p->label = p->path;
    for (size_t i = 0; i < n; i++)
        p->values[i] = (ggdm_scalar){.whole = aim->values[i].whole};
    s->class_numbers = s->n_parameters++;
    return GGDM_OK;
}
