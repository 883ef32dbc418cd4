/* The condition where a sweep does not write it as a node: a label is enough, as a shorthand in the
 * guidance, as an axis, or by --set. */
#include <string.h>

#include "jobs/spec_internal.h"

/* The node of the stage under a key, which is made where there is none: of the implied kind, at the
 * place of who speaks of it. */
static ggdm_status node_under(ggdm_spec *s, const char *key, const ggdm_node *at, ggdm_item **out,
                              ggdm_error *err)
{
    const ggdm_value *value = ggdm_item_value(s->stage, key);
    const ggdm_param *p = &s->stage->kind->params[value - s->stage->values];
    *out = value->items;
    if (*out)
        return GGDM_OK;
    GGDM_TRY(
        ggdm_item_create(&s->arena, ggdm_catalogue_find(s->catalogue, p->family, NULL), out, err));
    (*out)->at = at;
    ggdm_item_set_child(s->stage, key, *out);
    return GGDM_OK;
}

typedef struct word {
    const char *text;
    size_t length;
    bool found;
} word;

static bool is_word(const word *w, const char *text)
{
    return strlen(text) == w->length && memcmp(text, w->text, w->length) == 0;
}

static ggdm_status look_for_word(void *context, const ggdm_item *item, const ggdm_param *row,
                                 ggdm_value *value, const char *path, ggdm_error *err)
{
    word *w = context;
    (void)item, (void)value, (void)err;
    w->found |= !row->shorthand && (is_word(w, path) || is_word(w, ggdm_param_axis(row)));
    return GGDM_OK;
}

/* Does an axis or a --set mean a row of the condition, where there need be none otherwise?  By its
 * path always, by a short name where nothing else of the tree is called so. */
static bool is_of_condition(const ggdm_spec *s, const char *name, size_t length)
{
    static const char path[] = GGDM_FAMILY_CONDITION ".";
    const ggdm_kind *kind = ggdm_catalogue_find(s->catalogue, GGDM_FAMILY_CONDITION, NULL);
    const size_t skip = strncmp(name, path, strlen(path)) == 0 ? strlen(path) : 0;
    word w = {.text = name + skip, .length = length - skip};
    bool row = false;
    for (size_t i = 0; kind && i < kind->n_params; i++)
        row |= is_word(&w, skip ? kind->params[i].key : ggdm_param_axis(&kind->params[i]));
    if (row && !skip)
        ggdm_item_visit(s->stage, look_for_word, &w, NULL);
    return row && !w.found;
}

static const ggdm_node *axis_of_condition(const ggdm_spec *s, const ggdm_node *axes)
{
    const ggdm_node *found = NULL;
    for (const ggdm_node *n = axes ? axes->first : NULL; n && !found; n = n->next)
        if (n->key)
            found = strcmp(n->key, "zip") == 0                   ? axis_of_condition(s, n)
                    : is_of_condition(s, n->key, strlen(n->key)) ? n
                                                                 : NULL;
    return found;
}

/* What is said by shorthand goes where it belongs: from here on there is one row.  The condition
 * comes before the guidance, so that a visit of the latter may make it. */
static ggdm_status move_shorthand(void *context, const ggdm_item *item, const ggdm_param *row,
                                  ggdm_value *value, const char *path, ggdm_error *err)
{
    ggdm_spec *s = context;
    ggdm_item *node = NULL;
    (void)path;
    if (!row->shorthand)
        return GGDM_OK;
    GGDM_TRY(node_under(s, row->shorthand, item->at, &node, err));
    ggdm_value *to = ggdm_item_value(node, row->key);
    if (value->set && to->set && !ggdm_scalar_equal(row->type, &value->scalar, &to->scalar)) {
        char text[80];
        ggdm_scalar_text(row, &to->scalar, text, sizeof text);
        return ggdm_node_expected(value->at, err, "that of %s.%s, which is %s, or none",
                                  row->shorthand, row->key, text);
    }
    if (value->set)
        *to = *value;
    *value = (ggdm_value){.set = false};
    return GGDM_OK;
}

ggdm_status ggdm_spec_add_condition(ggdm_spec *s, const char *const *sets,
                                    const ggdm_node *const *values, int n, const ggdm_node *axes,
                                    ggdm_error *err)
{
    ggdm_item *condition;
    const ggdm_node *at = axis_of_condition(s, axes);
    for (int i = 0; i < n && !at; i++)
        if (is_of_condition(s, sets[i], strcspn(sets[i], "=")))
            at = values[i];
    if (at)
        GGDM_TRY(node_under(s, GGDM_FAMILY_CONDITION, at, &condition, err));
    return ggdm_item_visit(s->stage, move_shorthand, s, err);
}
