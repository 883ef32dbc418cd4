#include "worker/guidance/preset.h"

const ggdm_parts ggdm_preset_recurrence = {
    .rows = {{"repeats", "repeats"}, {"window", "repeats_window"}}};

typedef struct expansion {
    const ggdm_catalogue *c;
    ggdm_arena *arena;
    const ggdm_item *preset;
} expansion;

static const ggdm_param *row_of(const ggdm_item *item, const ggdm_value *value)
{
    return &item->kind->params[value - item->values];
}

/* The value of a row of the preset, as if it had been given. */
static ggdm_value take(const ggdm_item *preset, const ggdm_part *part)
{
    const ggdm_value *value = ggdm_item_value(preset, part->from);
    ggdm_value taken = *value;
    taken.set = value->set || row_of(preset, value)->fallback;
    if (part->times)
        taken.scalar.real *= ggdm_item_real(preset, part->times);
    return taken;
}

static ggdm_status make(const expansion *x, const char *family, const ggdm_parts *parts,
                        ggdm_item **out, ggdm_error *err);

/* A node behind those that the row has. */
static ggdm_status append(const expansion *x, const char *family, ggdm_value *value,
                          const ggdm_parts *parts, ggdm_error *err)
{
    ggdm_item **end = &value->items;
    while (*end)
        end = &(*end)->next;
    value->set = true;
    return make(x, family, parts, end, err);
}

static ggdm_status fill(const expansion *x, ggdm_item *item, const ggdm_part *part, ggdm_error *err)
{
    ggdm_value *value = ggdm_item_value(item, part->key);
    if (part->node)
        return append(x, row_of(item, value)->family, value, part->node, err);
    if (part->fixed) {
        ggdm_item_set(item, part->key, *part->fixed);
        return GGDM_OK;
    }
    *value = take(x->preset, part);
    return value->items ? ggdm_item_copy(x->arena, value->items, &value->items, err) : GGDM_OK;
}

static ggdm_status make(const expansion *x, const char *family, const ggdm_parts *parts,
                        ggdm_item **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_item_create(x->arena, ggdm_catalogue_find(x->c, family, parts->kind), out, err));
    (*out)->name = parts->name;
    (*out)->at = x->preset->at; /* what is wrong with it is said of the preset */
    for (const ggdm_part *p = parts->rows; p < parts->rows + GGDM_MAX_PARTS && p->key; p++)
        GGDM_TRY(fill(x, *out, p, err));
    return GGDM_OK;
}

ggdm_status ggdm_preset_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                               const ggdm_parts *parts, ggdm_item **out, ggdm_error *err)
{
    const expansion x = {c, arena, preset};
    return make(&x, preset->kind->family, parts, out, err);
}
