/* Parameters of a sweep's tree: which there are, what they are called, which one a name means. */
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"
#include "jobs/spec_internal.h"

static ggdm_status count_parameter(void *context, const ggdm_item *item, const ggdm_param *row,
                                   ggdm_value *value, const char *path, ggdm_error *err)
{
    (void)item, (void)row, (void)value, (void)path, (void)err;
    ++*(int32_t *)context;
    return GGDM_OK;
}

static ggdm_status add_parameter(void *context, const ggdm_item *item, const ggdm_param *row,
                                 ggdm_value *value, const char *path, ggdm_error *err)
{
    ggdm_spec *s = context;
    (void)item;
    if (row->shorthand)
        return GGDM_OK;
    ggdm_parameter *p = &s->parameters[s->n_parameters++];
    *p = (ggdm_parameter){.row = row,
                          .slot = value,
                          .stride = 1,
                          .count = 1,
                          .known = value->set || row->fallback,
                          .judge = -1};
    GGDM_TRY(ggdm_arena_text(&s->arena, path, &p->path, err));
    p->name = p->label = p->path;
    return GGDM_OK;
}

/* The short name and its label, where it is no other's; a path of one word is nobody else's either.
 */
static void name_parameter(const ggdm_spec *s, ggdm_parameter *p)
{
    const char *name = ggdm_param_axis(p->row);
    for (int32_t i = 0; i < s->n_parameters; i++) {
        const ggdm_parameter *other = &s->parameters[i];
        if (other != p &&
            (strcmp(ggdm_param_axis(other->row), name) == 0 || strcmp(other->path, name) == 0))
            return;
    }
    p->name = name;
    p->label = ggdm_param_label(p->row);
}

ggdm_status ggdm_spec_list_parameters(ggdm_spec *s, ggdm_error *err)
{
    int32_t n = 0;
    GGDM_TRY(ggdm_item_visit(s->stage, count_parameter, &n, err));
    n += s->n_judges + 1; /* their targets, and what a cell aims at as a number */
    GGDM_TRY(ggdm_arena_alloc(&s->arena, (size_t)n * sizeof *s->parameters, &s->parameters, err));
    GGDM_TRY(ggdm_item_visit(s->stage, add_parameter, s, err));
    GGDM_TRY(ggdm_spec_list_targets(s, err));
    for (int32_t i = 0; i < s->n_parameters; i++)
        name_parameter(s, &s->parameters[i]);
    return GGDM_OK;
}

/* Nothing of this tree is called so. */
static ggdm_status fail_name(const ggdm_spec *s, const char *name, const ggdm_node *node,
                             ggdm_error *err)
{
    char names[400] = "";
    size_t n = 0;
    ggdm_nearest meant = {.word = name};
    if (strcmp(name, "zip") == 0)
        return ggdm_node_fail_key(node, err, "a zip within another, expected parameters");
    for (int32_t i = 0; i < s->n_parameters && n < sizeof names; i++) {
        ggdm_nearest_try(&meant, s->parameters[i].name);
        n += (size_t)snprintf(names + n, sizeof names - n, "%s, ", s->parameters[i].name);
    }
    ggdm_nearest_try(&meant, "zip");
    if (meant.name)
        return ggdm_node_fail_key(node, err, "this sweep has no parameter '%s', did you mean '%s'?",
                                  name, meant.name);
    return ggdm_node_fail_key(
        node, err, "this sweep has no parameter '%s', expected one of %szip%s", name, names,
        ggdm_item_child(s->stage, "guidance") ? ""
                                              : " (a sweep without guidance has none of guidance)");
}

/* The path of a shorthand, and then of what it stands for. */
typedef struct meant_path {
    const char *name;
    char path[128]; /* "": it is no shorthand */
} meant_path;

static ggdm_status match_shorthand(void *context, const ggdm_item *item, const ggdm_param *row,
                                   ggdm_value *value, const char *path, ggdm_error *err)
{
    meant_path *m = context;
    (void)item, (void)value, (void)err;
    if (row->shorthand && strcmp(path, m->name) == 0)
        snprintf(m->path, sizeof m->path, "%s.%s", row->shorthand, row->key);
    return GGDM_OK;
}

ggdm_status ggdm_spec_find(const ggdm_spec *s, const char *name, const ggdm_node *node,
                           ggdm_parameter **out, ggdm_error *err)
{
    char paths[400] = "";
    size_t n = 0;
    int found = 0;
    meant_path meant = {.name = name};
    GGDM_TRY(ggdm_item_visit(s->stage, match_shorthand, &meant, err));
    if (*meant.path)
        name = meant.path;
    for (int32_t i = 0; i < s->n_parameters; i++) {
        ggdm_parameter *p = &s->parameters[i];
        if (strcmp(p->path, name) == 0) {
            *out = p;
            return GGDM_OK;
        }
        if (strcmp(ggdm_param_axis(p->row), name) != 0)
            continue;
        found++;
        *out = p;
        if (n < sizeof paths)
            n += (size_t)snprintf(paths + n, sizeof paths - n, "%s%s", n ? ", " : "", p->path);
    }
    if (found == 1)
        return GGDM_OK;
    if (found == 0)
        return fail_name(s, name, node, err);
    return ggdm_node_fail_key(node, err, "'%s' could be any of %s: expected one of these paths",
                              name, paths);
}
