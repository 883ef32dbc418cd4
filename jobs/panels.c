#include "jobs/panels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/recipe.h"

#define MAX_ENTRIES 64 /* of a panel */

ggdm_status ggdm_panels_begin(ggdm_panels *p, const ggdm_spec *spec, ggdm_arena *arena,
                              ggdm_intern *scorers, ggdm_error *err)
{
    *p =
        (ggdm_panels){.spec = spec, .arena = arena, .scorers = scorers, .n_judges = spec->n_judges};
    GGDM_TRY(ggdm_arena_alloc(arena, (size_t)p->n_judges * sizeof *p->judges, &p->judges, err));
    for (int32_t i = 0; i < p->n_judges; i++)
        GGDM_TRY(ggdm_item_expand(spec->catalogue, arena, spec->judges[i].item, &p->judges[i].item,
                                  err));
    return GGDM_OK;
}

void ggdm_panels_deinit(ggdm_panels *p)
{
    free(p->outputs);
    free(p->panels);
    ggdm_intern_deinit(&p->texts);
}

typedef struct resolving {
    const ggdm_resolver *resolver;
    ggdm_panel_judge *judge;
} resolving;

static ggdm_status resolve_row(void *context, const ggdm_item *item, const ggdm_param *row,
                               ggdm_value *value, const char *path, ggdm_error *err)
{
    resolving *r = context;
    const char *name = value->scalar.text;
    int32_t classes = 0;
    (void)item, (void)path;
    if (!name || (row->type != GGDM_PARAM_MODEL && row->type != GGDM_PARAM_FILE))
        return GGDM_OK;
    GGDM_TRY(ggdm_resolve(r->resolver, row, name, value->at, &value->scalar.text, &classes, err));
    if (classes) {
        r->judge->model = name;
        r->judge->classes = classes;
    }
    return GGDM_OK;
}

ggdm_status ggdm_panels_resolve(ggdm_panels *p, int32_t i, const ggdm_resolver *resolver,
                                ggdm_error *err)
{
    resolving r = {resolver, &p->judges[i]};
    return ggdm_item_visit(p->judges[i].item, resolve_row, &r, err);
}

/* ---- the panel of one cell ----------------------------------------------------------------- */

typedef struct listing {
    ggdm_panels *p;
    ggdm_arena *scratch;
    ggdm_panel_entry entries[MAX_ENTRIES];
    int32_t n;
    ggdm_error *err;
} listing;

static bool is_taken(const listing *l, const char *name)
{
    for (int32_t i = 0; i < l->n; i++)
        if (strcmp(l->entries[i].name, name) == 0)
            return true;
    return false;
}

/* A scorer, under a name of its own: where that is another's, under the name of what it is in
 * (owner, or NULL).  One that is there already is not taken twice. */
static ggdm_status add_entry(listing *l, const ggdm_item *item, const char *name, const char *owner)
{
    ggdm_panels *p = l->p;
    const char *text = NULL;
    char unique[160];
    int32_t scorer = 0, before = p->scorers->n;
    GGDM_TRY(ggdm_recipe_print(l->scratch, item, false, &text, l->err));
    GGDM_TRY(ggdm_intern_text(p->scorers, text, &scorer, l->err));
    if (scorer == before) {
        GGDM_TRY(ggdm_grow(&p->outputs, &p->outputs_cap, (size_t)before + 1, sizeof *p->outputs,
                           l->err));
        p->outputs[scorer] = item->kind->output;
    }
    for (int32_t i = 0; i < l->n; i++)
        if (l->entries[i].scorer == scorer && strcmp(l->entries[i].name, name) == 0)
            return GGDM_OK;
    if (owner && is_taken(l, name))
        name = owner;
    if (l->n == MAX_ENTRIES)
        return GGDM_FAIL(l->err, GGDM_EINVAL, "more than %d scorers for a cell", MAX_ENTRIES);
    snprintf(unique, sizeof unique, "%.100s", name);
    for (int number = 2; is_taken(l, unique); number++)
        snprintf(unique, sizeof unique, "%.100s-%d", name, number);
    ggdm_panel_entry *entry = &l->entries[l->n];
    entry->scorer = scorer;
    GGDM_TRY(ggdm_arena_text(l->scratch, unique, &entry->name, l->err));
    l->n++;
    return GGDM_OK;
}

/* The scorer that measures a node: rows of equal keys are copied, its row `of` is the node, which
 * is measured as it is, whatever its weight. */
static ggdm_status measure_node(listing *l, const ggdm_item *node, const char *owner)
{
    const ggdm_kind *kind =
        ggdm_catalogue_find(l->p->spec->catalogue, GGDM_FAMILY_SCORER, node->kind->scorer);
    ggdm_item *scorer = NULL, *copy = NULL;
    GGDM_TRY(ggdm_item_create(l->scratch, kind, &scorer, l->err));
    for (size_t i = 0; i < kind->n_params; i++) {
        const ggdm_param *row = &kind->params[i];
        const ggdm_value *v = ggdm_item_value(node, row->key);
        if (row->type != GGDM_PARAM_NODE) {
            if (v && v->set)
                ggdm_item_set(scorer, row->key, v->scalar);
            continue;
        }
        GGDM_TRY(ggdm_item_expand(l->p->spec->catalogue, l->scratch, node, &copy, l->err));
        for (size_t k = 0; k < copy->kind->n_params; k++)
            if (copy->kind->params[k].neutral && copy->kind->params[k].fallback)
                copy->values[k].scalar = *copy->kind->params[k].fallback;
        ggdm_item_set_child(scorer, row->key, copy);
    }
    const char *usual = node->kind->measure ? node->kind->measure : node->kind->name;
    return add_entry(l, scorer, node->named ? node->name : usual, owner);
}

static ggdm_status measure_tree(listing *l, const ggdm_item *node, const char *owner)
{
    if (node->kind->scorer)
        return measure_node(l, node, owner);
    for (size_t i = 0; i < node->kind->n_params; i++)
        for (const ggdm_item *c = node->values[i].items; c; c = c->next)
            GGDM_TRY(measure_tree(l, c, node->named ? node->name : owner));
    return GGDM_OK;
}

static ggdm_status list_entries(listing *l, const ggdm_item *stage)
{
    const ggdm_spec *s = l->p->spec;
    const ggdm_item *guidance = ggdm_item_child(stage, "guidance");
    if (guidance)
        GGDM_TRY(measure_tree(l, guidance, NULL));
    for (int32_t i = 0; i < l->p->n_judges; i++)
        GGDM_TRY(add_entry(l, l->p->judges[i].item, s->judges[i].name, NULL));
    for (size_t i = 0; i < s->catalogue->n_kinds; i++) {
        const ggdm_kind *kind = s->catalogue->kinds[i];
        ggdm_item *item = NULL;
        if (!kind->always)
            continue;
        GGDM_TRY(ggdm_item_create(l->scratch, kind, &item, l->err));
        GGDM_TRY(add_entry(l, item, kind->name, NULL));
    }
    return GGDM_OK;
}

/* Entries as a text that tells panels apart. */
static ggdm_status panel_text(listing *l, const char **out)
{
    char *text = NULL;
    size_t size = 1, n = 0;
    for (int32_t i = 0; i < l->n; i++)
        size += strlen(l->entries[i].name) + 16;
    GGDM_TRY(ggdm_arena_alloc(l->scratch, size, &text, l->err));
    for (int32_t i = 0; i < l->n; i++)
        n += (size_t)snprintf(text + n, size - n, "%s=%d;", l->entries[i].name,
                              (int)l->entries[i].scorer);
    *out = text;
    return GGDM_OK;
}

static ggdm_status keep_panel(ggdm_panels *p, const listing *l, int32_t number, ggdm_error *err)
{
    GGDM_TRY(ggdm_grow(&p->panels, &p->panels_cap, (size_t)number + 1, sizeof *p->panels, err));
    ggdm_panel *panel = &p->panels[number];
    panel->n = l->n;
    GGDM_TRY(
        ggdm_arena_alloc(p->arena, (size_t)l->n * sizeof *panel->entries, &panel->entries, err));
    for (int32_t i = 0; i < l->n; i++) {
        panel->entries[i].scorer = l->entries[i].scorer;
        GGDM_TRY(ggdm_arena_text(p->arena, l->entries[i].name, &panel->entries[i].name, err));
    }
    return GGDM_OK;
}

ggdm_status ggdm_panels_add(ggdm_panels *p, ggdm_arena *scratch, const ggdm_item *stage,
                            int32_t *out, ggdm_error *err)
{
    listing l = {.p = p, .scratch = scratch, .err = err};
    const char *text = NULL;
    int32_t before = p->texts.n;
    GGDM_TRY(list_entries(&l, stage));
    GGDM_TRY(panel_text(&l, &text));
    GGDM_TRY(ggdm_intern_text(&p->texts, text, out, err));
    return *out == before ? keep_panel(p, &l, *out, err) : GGDM_OK;
}
