#include "jobs/panels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/aims.h"
#include "jobs/recipe.h"

#define MAX_ENTRIES 64 /* of a panel */

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

/* A judge with presets expanded, and digests in place of names. */
static ggdm_status begin_judge(ggdm_panels *p, int32_t i, ggdm_error *err)
{
    resolving r = {p->resolver, &p->judges[i]};
    GGDM_TRY(ggdm_item_expand(p->spec->catalogue, p->arena, p->spec->judges[i].item,
                              &p->judges[i].item, err));
    return p->resolver ? ggdm_item_visit(p->judges[i].item, resolve_row, &r, err) : GGDM_OK;
}

ggdm_status ggdm_panels_begin(ggdm_panels *p, const ggdm_spec *spec, const ggdm_resolver *resolver,
                              ggdm_arena *arena, ggdm_intern *scorers, ggdm_intern *notes,
                              ggdm_error *err)
{
    *p = (ggdm_panels){.spec = spec,
                       .resolver = resolver,
                       .arena = arena,
                       .scorers = scorers,
                       .notes = notes,
                       .n_judges = spec->n_judges};
    GGDM_TRY(ggdm_arena_alloc(arena, (size_t)p->n_judges * sizeof *p->judges, &p->judges, err));
    for (int32_t i = 0; i < p->n_judges; i++)
        GGDM_TRY(begin_judge(p, i, err));
    return GGDM_OK;
}

void ggdm_panels_deinit(ggdm_panels *p)
{
    free(p->outputs);
    free(p->panels);
    free(p->fits);
    ggdm_intern_deinit(&p->texts);
    ggdm_intern_deinit(&p->pairs);
}

ggdm_status ggdm_panels_check(const ggdm_panels *p, ggdm_error *err)
{
    for (int32_t i = 0; i < p->n_judges; i++)
        if (!p->judges[i].ever)
            return p->resolver->check_scorer(p->resolver->context, p->spec->stage,
                                             p->judges[i].item, err);
    return GGDM_OK;
}

/* ---- the panel of one cell ----------------------------------------------------------------- */

typedef struct listing {
    ggdm_panels *p;
    ggdm_arena *scratch;
    int32_t place; /* of the cell */
    ggdm_panel_entry entries[MAX_ENTRIES];
    int32_t n;
    bool fits;   /* what was added last */
    int32_t aim; /* what the cell aims at; -1 */
    ggdm_error *err;
} listing;

static bool is_taken(const listing *l, const char *name)
{
    for (int32_t i = 0; i < l->n; i++)
        if (strcmp(l->entries[i].name, name) == 0)
            return true;
    return false;
}

/* Does a scorer take the cell's samples?  Asked once for each model. */
static ggdm_status check_fit(listing *l, const ggdm_item *item, const char *text)
{
    ggdm_panels *p = l->p;
    const ggdm_resolver *r = p->resolver;
    const char *model = ggdm_item_text(p->spec->stage, "model");
    const size_t size = strlen(model) + strlen(text) + 2;
    const int32_t before = p->pairs.n;
    char *pair = NULL;
    int32_t number = 0;
    ggdm_error why = {0};
    l->fits = true;
    if (!r || !r->check_scorer)
        return GGDM_OK;
    GGDM_TRY(ggdm_arena_alloc(l->scratch, size, &pair, l->err));
    snprintf(pair, size, "%s %s", model, text);
    GGDM_TRY(ggdm_intern_text(&p->pairs, pair, &number, l->err));
    GGDM_TRY(ggdm_grow(&p->fits, &p->fits_cap, (size_t)number + 1, sizeof *p->fits, l->err));
    if (number == before) {
        ggdm_status st = r->check_scorer(r->context, p->spec->stage, item, &why);
        if (st != GGDM_OK && st != GGDM_ESHAPE)
            return GGDM_FAIL(l->err, st, "%s", why.msg);
        p->fits[number] = st == GGDM_OK;
    }
    l->fits = p->fits[number];
    return GGDM_OK;
}

/* A line that the cell's model has none of this scorer's figures. */
static ggdm_status note_misfit(listing *l, const char *name)
{
    const ggdm_spec *s = l->p->spec;
    char text[400];
    int32_t i = 0, number;
    while (strcmp(s->parameters[i].path, "model") != 0)
        i++;
    snprintf(text, sizeof text,
             "scorer '%.100s' does not take the images of model '%.200s' and is missing there",
             name, ggdm_spec_value(s, i, l->place)->text);
    return ggdm_intern_text(l->p->notes, text, &number, l->err);
}

/* The number of a scorer. */
static ggdm_status take_scorer(listing *l, const ggdm_item *item, const char *text, int32_t *out)
{
    ggdm_panels *p = l->p;
    const int32_t before = p->scorers->n;
    GGDM_TRY(ggdm_intern_text(p->scorers, text, out, l->err));
    if (*out < before)
        return GGDM_OK;
    GGDM_TRY(
        ggdm_grow(&p->outputs, &p->outputs_cap, (size_t)before + 1, sizeof *p->outputs, l->err));
    p->outputs[*out] = item->kind->output;
    return GGDM_OK;
}

/* Is the scorer there already?  One that measures a guidance is not taken twice, under whatever
 * name; a judge is what the sweep calls it. */
static bool is_listed(const listing *l, int32_t scorer, const char *name, bool judge)
{
    for (int32_t i = 0; i < l->n; i++)
        if (l->entries[i].scorer == scorer && (!judge || strcmp(l->entries[i].name, name) == 0))
            return true;
    return false;
}

/* A scorer, under a name of its own: where that is another's, under the name of what it is in
 * (owner, or NULL).  One that does not fit is not taken. */
static ggdm_status add_entry(listing *l, const ggdm_item *item, const char *name, const char *owner,
                             bool judge)
{
    const char *text = NULL;
    char unique[160];
    int32_t scorer = 0;
    GGDM_TRY(ggdm_recipe_print(l->scratch, item, false, &text, l->err));
    GGDM_TRY(check_fit(l, item, text));
    if (!l->fits)
        return note_misfit(l, name);
    GGDM_TRY(take_scorer(l, item, text, &scorer));
    if (is_listed(l, scorer, name, judge))
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

/* Does the sweep say it, and not a cell before this one? */
static bool is_said(const ggdm_value *v)
{
    return v->set && v->at;
}

/* A classifier of several questions is asked the one that the cell's aim answers, if not another.
 */
static ggdm_status aim_classifier(listing *l, ggdm_item *scorer, const char *name)
{
    const ggdm_panels *p = l->p;
    ggdm_value *group = ggdm_item_value(scorer, "group");
    ggdm_aim aim;
    if (!group || is_said(group) || !p->resolver || p->spec->class_parameter < 0)
        return GGDM_OK;
    GGDM_TRY(ggdm_aim_at(p->spec, p->resolver, l->place, ggdm_item_text(scorer, "model"), name,
                         &aim, l->err));
    *group = (ggdm_value){.set = aim.group != NULL, .scalar.text = aim.group};
    if (l->aim >= 0 && aim.number >= 0 && l->aim != aim.number)
        return GGDM_FAIL(l->err, GGDM_EINVAL,
                         "what the cells aim at is class %d of '%s' but %d of another classifier, "
                         "expected classes in the same order",
                         aim.number, name, l->aim);
    l->aim = aim.number;
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
    GGDM_TRY(aim_classifier(l, scorer, "the guide's model"));
    const char *usual = node->kind->measure ? node->kind->measure : node->kind->name;
    /* A guidance's name says which it is, not what is measured of it. */
    if (strcmp(node->kind->family, GGDM_FAMILY_GUIDANCE) == 0)
        return add_entry(l, scorer, usual, node->named ? node->name : owner, false);
    return add_entry(l, scorer, node->named ? node->name : usual, owner, false);
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

/* The prompt of a cell: of its guidance, else of its condition. */
static const ggdm_value *prompt_of(const ggdm_spec *s)
{
    static const char *const where[] = {"guidance.", "condition."};
    for (size_t w = 0; w < sizeof where / sizeof *where; w++)
        for (int32_t i = 0; i < s->n_parameters; i++) {
            const ggdm_parameter *p = &s->parameters[i];
            if (p->row->type == GGDM_PARAM_TEXT && p->row->of && p->slot->set &&
                strncmp(p->path, where[w], strlen(where[w])) == 0)
                return p->slot;
        }
    return NULL;
}

/* A judge of a prompt that says none judges by the cell's. */
static ggdm_status ask_cells_prompt(listing *l, ggdm_item *judge)
{
    for (size_t i = 0; i < judge->kind->n_params; i++) {
        const ggdm_param *row = &judge->kind->params[i];
        ggdm_value *v = &judge->values[i];
        if (row->type != GGDM_PARAM_TEXT || !row->of || is_said(v))
            continue;
        const ggdm_value *cells = prompt_of(l->p->spec);
        if (!cells)
            return ggdm_item_fail(
                judge, NULL, l->err,
                "required field '%s' is missing, expected a text here, or a prompt "
                "in guidance or condition",
                row->key);
        *v = (ggdm_value){.set = true, .scalar = cells->scalar};
    }
    return ggdm_resolve_prompts(l->p->resolver, NULL, judge, l->err);
}

static ggdm_status list_judges(listing *l)
{
    for (int32_t i = 0; i < l->p->n_judges; i++) {
        ggdm_panel_judge *j = &l->p->judges[i];
        GGDM_TRY(aim_classifier(l, j->item, j->model ? j->model : "of the judge"));
        GGDM_TRY(ask_cells_prompt(l, j->item));
        GGDM_TRY(add_entry(l, j->item, l->p->spec->judges[i].name, NULL, true));
        j->fits = l->fits;
        j->ever |= l->fits;
    }
    return GGDM_OK;
}

static ggdm_status list_entries(listing *l)
{
    const ggdm_spec *s = l->p->spec;
    const ggdm_item *guidance = ggdm_item_child(s->stage, "guidance");
    if (guidance)
        GGDM_TRY(measure_tree(l, guidance, NULL));
    GGDM_TRY(list_judges(l));
    for (size_t i = 0; i < s->catalogue->n_kinds; i++) {
        const ggdm_kind *kind = s->catalogue->kinds[i];
        ggdm_item *item = NULL;
        if (!kind->always)
            continue;
        GGDM_TRY(ggdm_item_create(l->scratch, kind, &item, l->err));
        GGDM_TRY(add_entry(l, item, kind->name, NULL, true));
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

ggdm_status ggdm_panels_add(ggdm_panels *p, ggdm_arena *scratch, int32_t place, int32_t *out,
                            int32_t *aim, ggdm_error *err)
{
    listing l = {.p = p, .scratch = scratch, .place = place, .aim = -1, .err = err};
    const char *text = NULL;
    int32_t before = p->texts.n;
    GGDM_TRY(list_entries(&l));
    *aim = l.aim;
    GGDM_TRY(panel_text(&l, &text));
    GGDM_TRY(ggdm_intern_text(&p->texts, text, out, err));
    return *out == before ? keep_panel(p, &l, *out, err) : GGDM_OK;
}
