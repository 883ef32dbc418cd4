#include "jobs/cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/aims.h"

/* ---- names to digests ---------------------------------------------------------------------- */

/* What a parameter's values mean, beside what stands in the sweep. */
typedef struct meaning {
    const char **digests; /* [count]; NULL: its values mean themselves */
    int32_t *classes;     /* [count] of models */
    int32_t of;           /* CLASS: the parameter that is its model, -1: none */
} meaning;

typedef struct expansion {
    ggdm_spec *spec;
    const ggdm_resolver *resolver;
    ggdm_cells *out;
    meaning *meanings; /* [n_parameters], the arena's */
    int32_t *numbers;  /* of each value that is aimed at, as classifiers count; -1; the arena's */
    ggdm_panels panels;
    ggdm_intern trajectories; /* head and runs as texts */
    ggdm_arena scratch;       /* of one cell */
    size_t cap;               /* of trajectories */
} expansion;

static bool is_named_thing(const ggdm_param *row)
{
    return row->type == GGDM_PARAM_MODEL || row->type == GGDM_PARAM_FILE;
}

static ggdm_status resolve_parameter(expansion *e, int32_t i, ggdm_error *err)
{
    const ggdm_parameter *p = &e->spec->parameters[i];
    meaning *m = &e->meanings[i];
    if (!e->resolver || !p->known || !is_named_thing(p->row))
        return GGDM_OK;
    GGDM_TRY(
        ggdm_arena_alloc(&e->out->arena, (size_t)p->count * sizeof *m->digests, &m->digests, err));
    GGDM_TRY(
        ggdm_arena_alloc(&e->out->arena, (size_t)p->count * sizeof *m->classes, &m->classes, err));
    for (int32_t v = 0; v < p->count; v++)
        GGDM_TRY(ggdm_resolve(e->resolver, p->row, p->values[v].text, p->at[v], &m->digests[v],
                              &m->classes[v], err));
    return GGDM_OK;
}

/* The model that a class is of: a row beside it, else one of the stage. */
static int32_t find_model_of(const ggdm_spec *s, const ggdm_parameter *p)
{
    const char *dot = strrchr(p->path, '.');
    size_t n = dot ? (size_t)(dot - p->path) + 1 : 0;
    for (; p->row->type == GGDM_PARAM_CLASS && p->judge < 0; n = 0) {
        for (int32_t i = 0; i < s->n_parameters; i++)
            if (strncmp(s->parameters[i].path, p->path, n) == 0 &&
                strcmp(s->parameters[i].path + n, p->row->of) == 0)
                return i;
        if (n == 0)
            break;
    }
    return -1;
}

static ggdm_status resolve_names(expansion *e, ggdm_error *err)
{
    ggdm_spec *s = e->spec;
    /* One more: what cells aim at as numbers may be added (keep_aim). */
    const size_t n = (size_t)s->n_parameters + 1;
    GGDM_TRY(ggdm_arena_alloc(&e->out->arena, n * sizeof *e->meanings, &e->meanings, err));
    e->meanings[n - 1].of = -1;
    const size_t aims =
        s->class_parameter < 0 ? 0 : (size_t)s->parameters[s->class_parameter].count;
    GGDM_TRY(ggdm_arena_alloc(&e->out->arena, aims * sizeof *e->numbers, &e->numbers, err));
    for (size_t i = 0; i < aims; i++)
        e->numbers[i] = -1;
    for (int32_t i = 0; i < s->n_parameters; i++) {
        e->meanings[i].of = find_model_of(s, &s->parameters[i]);
        GGDM_TRY(resolve_parameter(e, i, err));
    }
    return GGDM_OK;
}

/* ---- one cell ------------------------------------------------------------------------------ */

static ggdm_status check_class(const ggdm_parameter *p, int64_t cell, const char *model,
                               int32_t classes, ggdm_error *err)
{
    const int64_t v = ggdm_parameter_index(p, cell), target = p->values[v].whole;
    char text[400];
    if (classes == 0 || target < classes)
        return GGDM_OK;
    snprintf(text, sizeof text, "value '%lld', expected a class of model '%s', 0 to %d",
             (long long)target, model, classes - 1);
    if (p->at[v])
        return ggdm_node_fail(p->at[v], err, "%s", text);
    return GGDM_FAIL(err, GGDM_EINVAL, "%s: %s", p->path, text);
}

/* The number of a class that the sweep has by name. */
static ggdm_status put_class(const expansion *e, const ggdm_parameter *p, int64_t cell,
                             const char *digest, const char *model, ggdm_error *err)
{
    const int64_t v = ggdm_parameter_index(p, cell);
    int32_t number = 0;
    if (!p->values[v].text)
        return GGDM_OK;
    GGDM_TRY(
        ggdm_class_number(e->resolver, digest, model, p->values[v].text, p->at[v], &number, err));
    p->slot->scalar = (ggdm_scalar){.whole = number};
    return GGDM_OK;
}

/* Digests in place of names, and classes that their models have. */
static ggdm_status put_meanings(expansion *e, int64_t cell, ggdm_error *err)
{
    const ggdm_spec *s = e->spec;
    for (int32_t i = 0; i < s->n_parameters; i++) {
        const ggdm_parameter *p = &s->parameters[i];
        const meaning *m = &e->meanings[i];
        if (m->digests)
            p->slot->scalar.text = m->digests[ggdm_parameter_index(p, cell)];
        if (m->of < 0 || !p->known || !e->meanings[m->of].classes)
            continue;
        const ggdm_parameter *model = &s->parameters[m->of];
        const int64_t v = ggdm_parameter_index(model, cell);
        GGDM_TRY(put_class(e, p, cell, e->meanings[m->of].digests[v], model->values[v].text, err));
        GGDM_TRY(check_class(p, cell, model->values[v].text, e->meanings[m->of].classes[v], err));
    }
    return GGDM_OK;
}

/* Every judge of a cell must know the class it aims at. */
static ggdm_status check_judges(const expansion *e, int64_t cell, ggdm_error *err)
{
    const ggdm_spec *s = e->spec;
    if (s->class_parameter < 0)
        return GGDM_OK;
    for (int32_t i = 0; i < e->panels.n_judges; i++)
        if (e->panels.judges[i].fits)
            GGDM_TRY(check_class(&s->parameters[s->class_parameter], cell,
                                 e->panels.judges[i].model, e->panels.judges[i].classes, err));
    return GGDM_OK;
}

/* A line where the cell asks for another class, too, than the one that its accuracy is about. */
static ggdm_status note_other_classes(const expansion *e, int64_t cell, ggdm_error *err)
{
    const ggdm_spec *s = e->spec;
    const int32_t aim = s->class_parameter;
    for (int32_t i = 0, number; aim >= 0 && i < s->n_parameters; i++) {
        const ggdm_parameter *p = &s->parameters[i];
        char text[400];
        if (p->row->type != GGDM_PARAM_CLASS || !p->known || i == s->class_numbers ||
            ggdm_scalar_equal(GGDM_PARAM_CLASS, ggdm_spec_value(s, i, cell),
                              ggdm_spec_value(s, aim, cell)))
            continue;
        snprintf(text, sizeof text,
                 "accuracy is about the class of %.150s; that of %.150s is another in some cells",
                 s->parameters[aim].path, p->path);
        GGDM_TRY(ggdm_intern_text(&e->out->texts[GGDM_NOTE_TEXTS], text, &number, err));
    }
    return GGDM_OK;
}

/* Do models, guidance and conditions of a recipe go together? */
static ggdm_status check_steps(const expansion *e, const ggdm_recipe *recipe, ggdm_error *err)
{
    const ggdm_resolver *r = e->resolver;
    for (int32_t i = 0; r && r->check_step && i < recipe->n_runs; i++)
        GGDM_TRY(r->check_step(r->context, e->spec->stage, recipe->runs[i].tree, err));
    return GGDM_OK;
}

/* Head and runs of a recipe by number, as a text that tells trajectories apart. */
static ggdm_status add_runs(expansion *e, const ggdm_recipe *r, ggdm_trajectory *t,
                            const char **text, ggdm_error *err)
{
    const size_t size = 16 + 28 * (size_t)r->n_runs;
    char *out = NULL;
    GGDM_TRY(ggdm_intern_text(&e->out->texts[GGDM_HEAD_TEXTS], r->head, &t->head, err));
    GGDM_TRY(ggdm_arena_alloc(&e->scratch, size, &out, err));
    GGDM_TRY(ggdm_arena_alloc(&e->scratch, (size_t)r->n_runs * sizeof *t->runs, &t->runs, err));
    t->n_runs = r->n_runs;
    *text = out;
    int n = snprintf(out, size, "%d", (int)t->head);
    for (int32_t i = 0; i < r->n_runs; i++) {
        t->runs[i].end = r->runs[i].end;
        GGDM_TRY(ggdm_intern_text(&e->out->texts[GGDM_SETTING_TEXTS], r->runs[i].setting,
                                  &t->runs[i].setting, err));
        n += snprintf(out + n, size - (size_t)n, ",%d:%d", (int)t->runs[i].setting,
                      (int)r->runs[i].end);
    }
    return GGDM_OK;
}

/* A trajectory that no cell before has. */
static ggdm_status keep_trajectory(expansion *e, const ggdm_recipe *r, ggdm_trajectory t,
                                   int32_t cell, ggdm_error *err)
{
    ggdm_cells *c = e->out;
    const ggdm_run_of_steps *runs = t.runs;
    const size_t bytes = (size_t)t.n_runs * sizeof *runs;
    GGDM_TRY(ggdm_grow(&c->trajectories, &e->cap, (size_t)c->n_trajectories + 1,
                       sizeof *c->trajectories, err));
    GGDM_TRY(ggdm_arena_alloc(&c->arena, bytes, &t.runs, err));
    memcpy(t.runs, runs, bytes);
    t.first_cell = cell;
    t.image_count = e->spec->samples;
    ggdm_recipe_key(r, ggdm_precision_names[e->resolver ? e->resolver->precision : 0],
                    e->resolver ? e->resolver->isa : "", t.key);
    c->trajectories[c->n_trajectories++] = t;
    return GGDM_OK;
}

/* What the cell aims at as a number, where that is not what the sweep says. */
static ggdm_status keep_aim(expansion *e, int32_t place, int32_t number, ggdm_error *err)
{
    ggdm_spec *s = e->spec;
    if (number < 0)
        return GGDM_OK;
    const ggdm_parameter *aim = &s->parameters[s->class_parameter];
    const int64_t v = ggdm_parameter_index(aim, place);
    if (e->numbers[v] >= 0 && e->numbers[v] != number)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s: what it says is class %d in some cells and %d in others, expected "
                         "classifiers with classes in the same order",
                         aim->path, e->numbers[v], number);
    e->numbers[v] = number;
    if (s->class_numbers < 0 && aim->values[v].whole == number)
        return GGDM_OK;
    if (s->class_numbers < 0)
        GGDM_TRY(ggdm_spec_add_numbers(s, err));
    s->parameters[s->class_numbers].values[v].whole = number;
    return GGDM_OK;
}

static ggdm_status expand_cell(expansion *e, int32_t place, ggdm_error *err)
{
    ggdm_cell *cell = &e->out->cells[place];
    ggdm_trajectory t = {.head = 0};
    ggdm_recipe recipe;
    const char *text = NULL;
    int32_t number = 0, aim = -1;
    ggdm_arena_reset(&e->scratch);
    ggdm_spec_put_cell(e->spec, place);
    GGDM_TRY(ggdm_item_check(e->spec->stage, err));
    GGDM_TRY(put_meanings(e, place, err));
    if (e->resolver && e->resolver->complete)
        GGDM_TRY(e->resolver->complete(e->resolver->context, e->spec->stage, err));
    GGDM_TRY(ggdm_resolve_prompts(e->resolver, e->spec->stage, e->spec->stage, err));
    GGDM_TRY(ggdm_panels_add(&e->panels, &e->scratch, place, &cell->panel, &aim, err));
    GGDM_TRY(keep_aim(e, place, aim, err));
    GGDM_TRY(check_judges(e, place, err));
    GGDM_TRY(note_other_classes(e, place, err));
    GGDM_TRY(ggdm_recipe_make(e->spec->catalogue, &e->scratch, e->spec->stage, &recipe, err));
    GGDM_TRY(add_runs(e, &recipe, &t, &text, err));
    GGDM_TRY(ggdm_intern_text(&e->trajectories, text, &number, err));
    if (number == e->out->n_trajectories) {
        GGDM_TRY(check_steps(e, &recipe, err));
        GGDM_TRY(keep_trajectory(e, &recipe, t, place, err));
    }
    cell->place = place;
    cell->trajectory = number;
    return GGDM_OK;
}

/* ---- all cells ----------------------------------------------------------------------------- */

static ggdm_status take_panels(expansion *e, ggdm_error *err)
{
    ggdm_cells *c = e->out;
    c->n_scorers = e->panels.scorers->n;
    c->n_panels = e->panels.texts.n;
    GGDM_TRY(
        ggdm_arena_alloc(&c->arena, (size_t)c->n_scorers * sizeof *c->scorers, &c->scorers, err));
    for (int32_t i = 0; i < c->n_scorers; i++)
        c->scorers[i] = (ggdm_scorer_text){e->panels.scorers->texts[i], e->panels.outputs[i]};
    GGDM_TRY(ggdm_arena_alloc(&c->arena, (size_t)c->n_panels * sizeof *c->panels, &c->panels, err));
    if (c->n_panels)
        memcpy(c->panels, e->panels.panels, (size_t)c->n_panels * sizeof *c->panels);
    return GGDM_OK;
}

/* Is the classifier in this panel, or which ones are (in others)? */
static bool has_measure(const ggdm_cells *c, const ggdm_panel *panel, const char *measure,
                        char others[300])
{
    size_t used = 0;
    others[0] = '\0';
    for (int32_t i = 0; i < panel->n; i++) {
        const ggdm_panel_entry *entry = &panel->entries[i];
        if (c->scorers[entry->scorer].output != GGDM_OUTPUT_CLASSES)
            continue;
        if (strcmp(entry->name, measure) == 0)
            return true;
        if (used < 300)
            used +=
                (size_t)snprintf(others + used, 300 - used, "%s%s", used ? ", " : "", entry->name);
    }
    return false;
}

static ggdm_status check_until(const expansion *e, ggdm_error *err)
{
    const ggdm_cells *c = e->out;
    const ggdm_until *rule = &e->spec->until;
    char others[300];
    for (int32_t i = 0; rule->at_most && i < c->n_cells; i++) {
        if (has_measure(c, &c->panels[c->cells[i].panel], rule->measure, others))
            continue;
        GGDM_FAIL(err, GGDM_EINVAL,
                  "value '%s', expected a classifier that scores the images of every cell, as "
                  "`judge:' is; some have %s",
                  rule->measure, *others ? others : "none");
        return ggdm_spec_blame(e->spec, "until.measure", err);
    }
    return GGDM_OK;
}

static ggdm_status expand_all(expansion *e, ggdm_error *err)
{
    ggdm_cells *c = e->out;
    GGDM_TRY(resolve_names(e, err));
    GGDM_TRY(ggdm_panels_begin(&e->panels, e->spec, e->resolver, &c->arena,
                               &c->texts[GGDM_SCORER_TEXTS], &c->texts[GGDM_NOTE_TEXTS], err));
    GGDM_TRY(ggdm_alloc(&c->cells, (size_t)e->spec->n_cells, sizeof *c->cells, err));
    for (int32_t i = 0; i < e->spec->n_cells; i++, c->n_cells++)
        GGDM_TRY(expand_cell(e, i, err));
    GGDM_TRY(ggdm_panels_check(&e->panels, err));
    c->heads = c->texts[GGDM_HEAD_TEXTS].texts;
    c->n_heads = c->texts[GGDM_HEAD_TEXTS].n;
    c->settings = c->texts[GGDM_SETTING_TEXTS].texts;
    c->n_settings = c->texts[GGDM_SETTING_TEXTS].n;
    c->notes = c->texts[GGDM_NOTE_TEXTS].texts;
    c->n_notes = c->texts[GGDM_NOTE_TEXTS].n;
    GGDM_TRY(take_panels(e, err));
    return check_until(e, err);
}

ggdm_status ggdm_cells_expand(ggdm_spec *spec, const ggdm_resolver *resolver, ggdm_cells *out,
                              ggdm_error *err)
{
    memset(out, 0, sizeof *out);
    out->spec = spec;
    expansion e = {.spec = spec, .resolver = resolver, .out = out};
    ggdm_status st = expand_all(&e, err);
    ggdm_panels_deinit(&e.panels);
    ggdm_intern_deinit(&e.trajectories);
    ggdm_arena_deinit(&e.scratch);
    ggdm_spec_put_cell(spec, 0); /* names again in place of digests */
    if (st != GGDM_OK)
        ggdm_cells_deinit(out);
    return st;
}

void ggdm_cells_deinit(ggdm_cells *cells)
{
    for (int i = 0; i < GGDM_CELL_TEXTS; i++)
        ggdm_intern_deinit(&cells->texts[i]);
    ggdm_arena_deinit(&cells->arena);
    free(cells->cells);
    free(cells->trajectories);
    memset(cells, 0, sizeof *cells);
}

ggdm_status ggdm_cells_recipe(const ggdm_cells *cells, ggdm_arena *arena,
                              const ggdm_trajectory *trajectory, ggdm_recipe *out, ggdm_error *err)
{
    const int32_t n = trajectory->n_runs;
    *out = (ggdm_recipe){
        .head = cells->heads[trajectory->head], .steps = trajectory->runs[n - 1].end, .n_runs = n};
    GGDM_TRY(ggdm_arena_alloc(arena, (size_t)n * sizeof *out->runs, &out->runs, err));
    for (int32_t i = 0; i < n; i++)
        out->runs[i] = (ggdm_run_text){.end = trajectory->runs[i].end,
                                       .setting = cells->settings[trajectory->runs[i].setting]};
    return GGDM_OK;
}

void ggdm_cell_name(int32_t n_cells, int32_t index, char name[GGDM_CELL_NAME_SIZE])
{
    int width = 1;
    for (int32_t last = n_cells - 1; last >= 10; last /= 10)
        width++;
    snprintf(name, GGDM_CELL_NAME_SIZE, "c%0*d", width < 4 ? 4 : width, (int)index);
}
