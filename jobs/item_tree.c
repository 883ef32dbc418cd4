/* What is done to trees of items: visits, reduction, expansion of presets. */
#include <stdio.h>
#include <string.h>

#include "jobs/item.h"

#define MAX_PRESETS 8 /* one that stands for another that stands for another ... */

/* ---- visits -------------------------------------------------------------------------------- */

typedef struct visit {
    ggdm_value_visitor visitor;
    void *context;
    ggdm_error *err;
    char path[512];
} visit;

static ggdm_status visit_item(visit *v, ggdm_item *item, size_t length);

/* Go into an item under a further word of the path. */
static ggdm_status visit_child(visit *v, ggdm_item *child, const char *word, size_t length)
{
    size_t n = (size_t)snprintf(v->path + length, sizeof v->path - length, "%s%s",
                                length ? "." : "", word);
    if (n >= sizeof v->path - length)
        return GGDM_FAIL(v->err, GGDM_ESHAPE, "path %s... is too long", v->path);
    return visit_item(v, child, length + n);
}

static ggdm_status visit_item(visit *v, ggdm_item *item, size_t length)
{
    for (size_t i = 0; i < item->kind->n_params; i++) {
        const ggdm_param *p = &item->kind->params[i];
        ggdm_value *value = &item->values[i];
        if (p->type == GGDM_PARAM_NODE || p->type == GGDM_PARAM_NODES) {
            for (ggdm_item *c = value->items; c; c = c->next)
                GGDM_TRY(visit_child(v, c, p->type == GGDM_PARAM_NODE ? p->key : c->name, length));
            continue;
        }
        size_t n = (size_t)snprintf(v->path + length, sizeof v->path - length, "%s%s",
                                    length ? "." : "", p->key);
        if (n >= sizeof v->path - length)
            return GGDM_FAIL(v->err, GGDM_ESHAPE, "path %s... is too long", v->path);
        GGDM_TRY(v->visitor(v->context, item, p, value, v->path, v->err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_item_visit(ggdm_item *root, ggdm_value_visitor visitor, void *context,
                            ggdm_error *err)
{
    visit v = {.visitor = visitor, .context = context, .err = err};
    return visit_item(&v, root, 0);
}

void ggdm_item_forget_places(ggdm_item *item)
{
    item->at = NULL;
    for (size_t i = 0; i < item->kind->n_params; i++) {
        item->values[i].at = NULL;
        for (ggdm_item *c = item->values[i].items; c; c = c->next)
            ggdm_item_forget_places(c);
    }
}

/* ---- what is required ---------------------------------------------------------------------- */

static ggdm_status fail_missing(const ggdm_item *item, const ggdm_param *p, ggdm_error *err)
{
    char expected[300];
    ggdm_param_expected(p, expected, sizeof expected);
    return ggdm_item_fail(item, NULL, err, "required field '%s' is missing, expected %s%s", p->key,
                          expected, p->family ? "" : ", here or as an axis of the sweep");
}

ggdm_status ggdm_item_check(const ggdm_item *item, ggdm_error *err)
{
    const ggdm_kind *k = item->kind;
    for (size_t i = 0; i < k->n_params; i++) {
        const ggdm_param *p = &k->params[i];
        const ggdm_value *v = &item->values[i];
        if (p->required && !v->set)
            return fail_missing(item, p, err);
        for (const ggdm_item *c = v->items; c; c = c->next)
            GGDM_TRY(ggdm_item_check(c, err));
    }
    return k->check ? k->check(item, err) : GGDM_OK;
}

/* ---- reduction ----------------------------------------------------------------------------- */

static bool is_neutral(const ggdm_item *item)
{
    for (size_t i = 0; i < item->kind->n_params; i++) {
        const ggdm_param *p = &item->kind->params[i];
        const ggdm_value *v = &item->values[i];
        if (p->neutral && (v->set || p->fallback) &&
            ggdm_scalar_equal(p->type, &v->scalar, p->neutral))
            return true;
    }
    return false;
}

/* The items of a row without those that do nothing. */
static ggdm_item *reduce_list(ggdm_arena *arena, ggdm_item *first)
{
    ggdm_item *kept = NULL, **end = &kept;
    for (ggdm_item *i = first, *next; i; i = next) {
        next = i->next;
        i->next = NULL;
        *end = ggdm_item_reduce(arena, i);
        if (*end)
            end = &(*end)->next;
    }
    return kept;
}

ggdm_item *ggdm_item_reduce(ggdm_arena *arena, ggdm_item *item)
{
    for (size_t i = 0; i < item->kind->n_params; i++) {
        ggdm_value *v = &item->values[i];
        if (!v->items)
            continue;
        v->items = reduce_list(arena, v->items);
        if (!v->items && item->kind->params[i].required)
            return NULL;
    }
    if (is_neutral(item))
        return NULL;
    if (!item->kind->reduce)
        return item;
    ggdm_item *simpler = item->kind->reduce(arena, item);
    return simpler == item || !simpler ? simpler : ggdm_item_reduce(arena, simpler);
}

/* ---- presets ------------------------------------------------------------------------------- */

ggdm_status ggdm_item_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *item,
                             ggdm_item **out, ggdm_error *err)
{
    ggdm_item *now = NULL;
    GGDM_TRY(ggdm_item_copy(arena, item, &now, err));
    for (int i = 0; now->kind->expand; i++) {
        if (i == MAX_PRESETS)
            return GGDM_FAIL(err, GGDM_EINTERNAL, "%s '%s' does not end to expand",
                             item->kind->family, item->kind->name);
        GGDM_TRY(now->kind->expand(c, arena, now, &now, err));
    }
    for (size_t i = 0; i < now->kind->n_params; i++) {
        ggdm_item **end = &now->values[i].items;
        for (const ggdm_item *child = *end; child; child = child->next) {
            GGDM_TRY(ggdm_item_expand(c, arena, child, end, err));
            end = &(*end)->next;
        }
    }
    *out = now;
    return GGDM_OK;
}
