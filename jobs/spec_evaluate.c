/* What is to be evaluated when all images are there: a map, or a list of them. */
#include <string.h>

#include "jobs/spec_internal.h"

#define MAX_EVALUATIONS 16
#define MAX_METRICS 512 /* bytes of their names */

static const ggdm_field table[] = {
    {.key = "metrics", .type = GGDM_FIELD_NODE, .offset = offsetof(ggdm_evaluation, at)},
    {.key = "features", .type = GGDM_FIELD_STRING, .offset = offsetof(ggdm_evaluation, features)},
    {.key = "reference", .type = GGDM_FIELD_STRING, .offset = offsetof(ggdm_evaluation, reference)},
    {.key = NULL}};

static ggdm_status add_name(const ggdm_node *node, char names[MAX_METRICS], ggdm_error *err)
{
    if (node->kind != GGDM_NODE_STRING || !ggdm_item_is_name(node->text))
        return ggdm_node_expected(node, err, "the name of a metric (`ggdm methods metric')");
    if (strlen(names) + strlen(node->text) + 2 > MAX_METRICS)
        return ggdm_node_fail(node, err, "too many metrics");
    strcat(strcat(names, *names ? "," : ""), node->text);
    return GGDM_OK;
}

static ggdm_status read_evaluation(ggdm_spec *s, const ggdm_node *node, ggdm_evaluation *out,
                                   ggdm_error *err)
{
    char names[MAX_METRICS] = "";
    if (node->kind != GGDM_NODE_MAP)
        return ggdm_node_expected(node, err, "a map {metrics: [...], features: ...}");
    GGDM_TRY(ggdm_fields_read(node, table, NULL, out, err));
    if (!out->at)
        return ggdm_node_fail(node, err, "missing field 'metrics'");
    for (const ggdm_node *n = out->at->kind == GGDM_NODE_LIST ? out->at->first : out->at; n;
         n = out->at->kind == GGDM_NODE_LIST ? n->next : NULL)
        GGDM_TRY(add_name(n, names, err));
    if (!*names)
        return ggdm_node_expected(out->at, err, "the name of a metric, or a list of them");
    return ggdm_arena_text(&s->arena, names, &out->metrics, err);
}

ggdm_status ggdm_spec_read_evaluations(ggdm_spec *s, const ggdm_node *node, ggdm_error *err)
{
    const bool list = node && node->kind == GGDM_NODE_LIST;
    if (!node)
        return GGDM_OK;
    if (list && (node->count == 0 || node->count > MAX_EVALUATIONS))
        return ggdm_node_expected(node, err, "from 1 to %d maps", MAX_EVALUATIONS);
    const size_t n = list ? node->count : 1;
    GGDM_TRY(ggdm_arena_alloc(&s->arena, n * sizeof *s->evaluations, &s->evaluations, err));
    s->n_evaluations = (int32_t)n;
    if (!list)
        return read_evaluation(s, node, &s->evaluations[0], err);
    for (const ggdm_node *k = node->first; k; k = k->next)
        GGDM_TRY(read_evaluation(s, k, &s->evaluations[k->index], err));
    return GGDM_OK;
}

const char *ggdm_evaluation_features(const ggdm_evaluation *e)
{
    return e->features ? e->features : "pixels";
}
