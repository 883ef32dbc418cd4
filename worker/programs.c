#include "worker/programs.h"

#include <stdlib.h>
#include <string.h>

#include "common/intern.h"
#include "common/mem.h"
#include "jobs/recipe.h"
#include "models/nn/packs.h"
#include "worker/kinds.h"

#define MAX_SIZES 16 /* batch sizes 1, 2, 4, ... */

/* Graphs that are kept: what they cost is their arenas, of which some MiB to some GiB are needed
 * for a graph, so these are bounded by bytes.  A step takes several graphs in turn (guided,
 * unguided, the rest of a batch): so many are kept in any case, for dropping one of them would mean
 * to compile it again in every step. */
#define KEPT_BYTES ((size_t)1 << 30)
#define KEPT_GRAPHS 8

typedef struct graph_slot {
    ggdm_program *program; /* NULL: not compiled, or dropped */
    uint64_t used;         /* time of the last use */
} graph_slot;

/* What has one text. */
typedef struct entry {
    ggdm_item *head, *setting; /* the trees of whoever came first; setting: also a scorer */
    ggdm_image_shape shape;    /* of a score; 0: a tick */
    graph_slot sizes[MAX_SIZES];
} entry;

struct ggdm_programs {
    const ggdm_catalogue *catalogue;
    ggdm_models models; /* items borrowed */
    ggdm_precision precision;
    int32_t batch;
    ggdm_intern keys;   /* texts of programs; their numbers are those of entries */
    ggdm_arena arena;   /* of trees */
    ggdm_arena scratch; /* of texts in the making */
    ggdm_prompts *prompts;
    ggdm_packs *packs; /* of all graphs: batch sizes and programs share packed weights */
    entry *entries;
    size_t n, cap;
    uint64_t clock;
    size_t bytes, n_graphs; /* of the graphs that are there */
};

ggdm_status ggdm_programs_create(const ggdm_catalogue *catalogue, const ggdm_models *models,
                                 ggdm_precision precision, int32_t batch, ggdm_programs **out,
                                 ggdm_error *err)
{
    *out = NULL;
    if (batch < 1 || batch > 1 << (MAX_SIZES - 1))
        return GGDM_FAIL(err, GGDM_EINVAL, "batch %d, expected 1 to %d", batch,
                         1 << (MAX_SIZES - 1));
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->catalogue = catalogue;
    (*out)->models = *models;
    (*out)->precision = precision;
    (*out)->batch = batch;
    ggdm_status st = ggdm_packs_create(&(*out)->packs, err);
    if (st == GGDM_OK)
        st = ggdm_prompts_create(GGDM_PROMPTS_BYTES, &(*out)->prompts, err);
    if (st != GGDM_OK)
        ggdm_programs_destroy(out);
    return st;
}

size_t ggdm_programs_packed_bytes(const ggdm_programs *p)
{
    return ggdm_packs_bytes(p->packs);
}

static void drop_graph(ggdm_programs *p, graph_slot *slot)
{
    if (!slot->program)
        return;
    p->bytes -= ggdm_graph_arena_bytes(slot->program->graph);
    p->n_graphs--;
    ggdm_graph_destroy(&slot->program->graph);
    free(slot->program);
    slot->program = NULL;
}

void ggdm_programs_destroy(ggdm_programs **programs)
{
    ggdm_programs *p = *programs;
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        for (int s = 0; s < MAX_SIZES; s++)
            drop_graph(p, &p->entries[i].sizes[s]);
    free(p->entries);
    ggdm_packs_destroy(&p->packs);
    ggdm_prompts_destroy(&p->prompts);
    ggdm_intern_deinit(&p->keys);
    ggdm_arena_deinit(&p->arena);
    ggdm_arena_deinit(&p->scratch);
    free(p);
    *programs = NULL;
}

/* ---- texts --------------------------------------------------------------------------------- */

ggdm_status ggdm_program_text(const ggdm_models *models, ggdm_arena *arena, const ggdm_item *head,
                              const ggdm_item *setting, const char **out, ggdm_error *err)
{
    const ggdm_item *condition = ggdm_item_child(head, "condition");
    const char *given = "", *text = "{}", *shapes;
    char *key = NULL;
    if (condition)
        GGDM_TRY(ggdm_recipe_print(arena, condition, true, &given, err));
    if (setting)
        GGDM_TRY(ggdm_recipe_print(arena, setting, true, &text, err));
    GGDM_TRY(ggdm_pictures_shapes(models->pictures, arena, setting, &shapes, err));
    GGDM_TRY(
        ggdm_asprintf(&key, err, "%s %s %s%s", ggdm_item_text(head, "model"), given, text, shapes));
    ggdm_status st = ggdm_arena_text(arena, key, out, err);
    free(key);
    return st;
}

static ggdm_status score_key(const ggdm_models *models, ggdm_arena *arena, const ggdm_item *scorer,
                             ggdm_image_shape s, const char **out, ggdm_error *err)
{
    const char *text, *shapes;
    char *key = NULL;
    GGDM_TRY(ggdm_recipe_print(arena, scorer, true, &text, err));
    GGDM_TRY(ggdm_pictures_shapes(models->pictures, arena, scorer, &shapes, err));
    GGDM_TRY(ggdm_asprintf(&key, err, "score %dx%dx%d %s%s", s.height, s.width, s.channels, text,
                           shapes));
    ggdm_status st = ggdm_arena_text(arena, key, out, err);
    free(key);
    return st;
}

/* A copy of a tree that needs nothing of its original. */
static ggdm_status keep_tree(ggdm_programs *p, const char *family, const ggdm_item *tree,
                             ggdm_item **out, ggdm_error *err)
{
    const char *text;
    *out = NULL;
    if (!tree)
        return GGDM_OK;
    GGDM_TRY(ggdm_recipe_print(&p->scratch, tree, false, &text, err));
    return ggdm_recipe_parse(p->catalogue, &p->arena, family, text, out, err);
}

/* The entry of a key, which is new where no other has it. */
static ggdm_status intern(ggdm_programs *p, const char *key, const ggdm_item *head,
                          const char *family, const ggdm_item *setting, ggdm_image_shape shape,
                          int32_t *out, ggdm_error *err)
{
    entry e = {.shape = shape};
    GGDM_TRY(ggdm_intern_text(&p->keys, key, out, err));
    GGDM_TRY(ggdm_grow(&p->entries, &p->cap, (size_t)*out + 1, sizeof *p->entries, err));
    while (p->n <= (size_t)*out)
        p->entries[p->n++] = (entry){.head = NULL};
    if (p->entries[*out].head || p->entries[*out].setting)
        return GGDM_OK;
    GGDM_TRY(keep_tree(p, GGDM_FAMILY_STAGE, head, &e.head, err));
    GGDM_TRY(keep_tree(p, family, setting, &e.setting, err));
    p->entries[*out] = e;
    return GGDM_OK;
}

ggdm_status ggdm_programs_tick(ggdm_programs *programs, const ggdm_item *head,
                               const ggdm_item *setting, int32_t *out, ggdm_error *err)
{
    const char *key;
    ggdm_arena_reset(&programs->scratch);
    GGDM_TRY(ggdm_program_text(&programs->models, &programs->scratch, head, setting, &key, err));
    return intern(programs, key, head, GGDM_FAMILY_GUIDANCE, setting, (ggdm_image_shape){0}, out,
                  err);
}

ggdm_status ggdm_programs_score(ggdm_programs *programs, const ggdm_item *scorer,
                                ggdm_image_shape shape, int32_t *out, ggdm_error *err)
{
    const char *key;
    ggdm_arena_reset(&programs->scratch);
    GGDM_TRY(score_key(&programs->models, &programs->scratch, scorer, shape, &key, err));
    return intern(programs, key, NULL, GGDM_FAMILY_SCORER, scorer, shape, out, err);
}

ggdm_status ggdm_head_shape(const ggdm_models *models, const ggdm_item *head, ggdm_image_shape *out,
                            ggdm_error *err)
{
    const char *digest = ggdm_item_text(head, "model");
    const ggdm_model *model = ggdm_models_find(models, digest);
    if (!model)
        return GGDM_FAIL(err, GGDM_EINVAL, "there is no model %s", digest);
    *out = (ggdm_image_shape){model->info.size, model->info.size, model->info.channels};
    return GGDM_OK;
}

ggdm_status ggdm_scorer_check(const ggdm_models *models, const ggdm_item *head,
                              const ggdm_item *scorer, ggdm_error *err)
{
    ggdm_emit e = {.batch = 1, .models = models, .setting = scorer};
    ggdm_image_shape shape;
    if (!((const ggdm_scorer_kind *)scorer->kind)->emit) /* of whatever sample */
        return GGDM_OK;
    GGDM_TRY(ggdm_head_shape(models, head, &shape, err));
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &e.graph, err));
    ggdm_emit_score(&e, shape);
    ggdm_status st = ggdm_emit_status(&e, err);
    ggdm_graph_destroy(&e.graph);
    return st;
}

/* ---- graphs -------------------------------------------------------------------------------- */

static ggdm_status compile(const ggdm_programs *p, const ggdm_emit *e, ggdm_error *err)
{
    ggdm_slot slots[GGDM_MAX_SLOTS];
    for (int32_t i = 0; i < e->n_slots; i++)
        slots[i] = (ggdm_slot){e->slots[i]->digest, &e->slots[i]->model->params};
    GGDM_TRY(ggdm_emit_status(e, err));
    return ggdm_graph_compile_slots(e->graph, slots, e->n_slots, p->packs, err);
}

static void take_ports(const ggdm_emit *e, ggdm_program *out)
{
    out->n_ports = e->n_ports;
    for (int32_t i = 0; i < e->n_ports; i++) {
        const ggdm_port *p = &e->ports[i];
        out->ports[i] = (ggdm_program_port){.data = ggdm_graph_data(e->graph, p->value),
                                            .index = p->source ? p->index : -1,
                                            .copies = p->copies,
                                            .of_head = p->of_head,
                                            .is_class = p->is_class,
                                            .paired = p->paired,
                                            .other = p->other,
                                            .scale = p->scale};
    }
    out->n_noises = e->n_noises;
    for (int32_t i = 0; i < e->n_noises; i++)
        out->noises[i] = (ggdm_program_noise){ggdm_graph_data(e->graph, e->noises[i].value),
                                              e->noises[i].samples};
    out->n_windows = e->n_windows;
    for (int32_t i = 0; i < e->n_windows; i++)
        out->windows[i] = (ggdm_program_windows){ggdm_graph_data(e->graph, e->windows[i].value),
                                                 e->windows[i].windows, e->windows[i].power};
    out->known = e->models->pictures;
    out->n_pictures = e->n_pictures;
    for (int32_t i = 0; i < e->n_pictures; i++) {
        const ggdm_picture_port *port = &e->pictures[i];
        out->pictures[i] = (ggdm_program_picture){
            ggdm_graph_data(e->graph, port->value),
            ggdm_shape_count(ggdm_graph_shape(e->graph, port->value)) / e->batch, port->index,
            port->channels, port->mask};
    }
    out->n_prompts = e->n_texts;
    for (int32_t i = 0; i < e->n_texts; i++) {
        const ggdm_text_port *port = &e->texts[i];
        const int64_t rows = (int64_t)e->batch * port->copies;
        out->prompts[i] = (ggdm_program_prompt){
            .data = ggdm_graph_data(e->graph, port->value),
            .numbers = (size_t)(ggdm_shape_count(ggdm_graph_shape(e->graph, port->value)) / rows),
            .reader = port->reader->model,
            .form = port->form,
            .truncate = port->truncate,
            .of_head = port->of_head,
            .copies = port->copies,
            .indices = {port->indices[0], port->indices[1]}};
    }
    out->n_terms = e->n_terms;
    for (int32_t i = 0; i < e->n_terms; i++)
        out->terms[i] = (ggdm_program_shift){ggdm_graph_data(e->graph, e->terms[i].grad),
                                             ggdm_graph_data(e->graph, e->terms[i].loss),
                                             e->terms[i].weight, e->terms[i].scale};
    out->n_shifts = e->n_shifts;
    for (int32_t i = 0; i < e->n_shifts; i++)
        out->shifts[i] = (ggdm_program_shift){ggdm_graph_data(e->graph, e->shifts[i].grad),
                                              ggdm_graph_data(e->graph, e->shifts[i].loss),
                                              e->shifts[i].weight, e->shifts[i].scale};
}

static void fill_constants(const ggdm_emit *e)
{
    for (int32_t k = 0; k < e->n_constants; k++) {
        const ggdm_constant *c = &e->constants[k];
        void *data = ggdm_graph_data(e->graph, c->value);
        for (int64_t i = 0; i < c->count; i++)
            if (c->is_class)
                ((int32_t *)data)[i] = (int32_t)c->number;
            else
                ((float *)data)[i] = c->number;
    }
}

/* Where the values of a compiled graph are. */
static void take_places(const ggdm_emit *e, ggdm_program *out)
{
    const ggdm_shape *x = ggdm_graph_shape(e->graph, e->x);
    out->batch = e->batch;
    out->elements = ggdm_shape_count(x) / e->batch;
    out->x = ggdm_graph_data(e->graph, e->x);
    out->t = ggdm_graph_data(e->graph, e->t);
    out->x0_x = ggdm_graph_data(e->graph, e->x0_x);
    out->x0_eps = ggdm_graph_data(e->graph, e->x0_eps);
    out->eps = ggdm_graph_data(e->graph, e->eps);
    out->x0 = ggdm_graph_data(e->graph, e->x0);
    out->variance = ggdm_graph_data(e->graph, e->variance);
    out->x0_change = ggdm_graph_data(e->graph, e->x0_change);
    out->carried = ggdm_graph_data(e->graph, e->carried);
    out->carry = ggdm_graph_data(e->graph, e->carry);
    out->score = ggdm_graph_data(e->graph, e->score);
    if (e->score >= 0)
        out->width = (int32_t)(ggdm_shape_count(ggdm_graph_shape(e->graph, e->score)) / e->batch);
    fill_constants(e);
    take_ports(e, out);
}

static ggdm_status build_program(const ggdm_programs *p, const entry *of, int32_t n,
                                 ggdm_program *out, ggdm_error *err)
{
    const bool bf16 = of->head && p->precision == GGDM_PRECISION_BF16;
    ggdm_emit e = {.batch = n, .models = &p->models, .head = of->head, .setting = of->setting};
    GGDM_TRY(ggdm_graph_create(bf16 ? GGDM_BF16 : GGDM_F32, &e.graph, err));
    out->graph = e.graph;
    if (of->head)
        ggdm_emit_tick(&e);
    else
        ggdm_emit_score(&e, of->shape);
    GGDM_TRY(compile(p, &e, err));
    take_places(&e, out);
    out->cache = p->prompts;
    return GGDM_OK;
}

/* Drop what was used least recently, as long as there is more than is to be kept. */
static void make_room(ggdm_programs *p)
{
    while (p->bytes > KEPT_BYTES && p->n_graphs > KEPT_GRAPHS) {
        graph_slot *oldest = NULL;
        for (size_t i = 0; i < p->n; i++)
            for (int s = 0; s < MAX_SIZES; s++) {
                graph_slot *slot = &p->entries[i].sizes[s];
                if (slot->program && (!oldest || slot->used < oldest->used))
                    oldest = slot;
            }
        drop_graph(p, oldest);
    }
}

ggdm_status ggdm_programs_get(ggdm_programs *p, int32_t program, int32_t n,
                              const ggdm_program **out, ggdm_error *err)
{
    int i = 0;
    while ((1 << i) < n)
        i++;
    entry *e = &p->entries[program];
    graph_slot *slot = &e->sizes[i];
    slot->used = ++p->clock;
    if (!slot->program) {
        ggdm_program *made = NULL;
        GGDM_TRY(ggdm_alloc(&made, 1, sizeof *made, err));
        ggdm_status st = build_program(p, e, 1 << i < p->batch ? 1 << i : p->batch, made, err);
        if (st != GGDM_OK) {
            ggdm_graph_destroy(&made->graph);
            free(made);
            return st;
        }
        slot->program = made;
        p->bytes += ggdm_graph_arena_bytes(made->graph);
        p->n_graphs++;
        make_room(p);
    }
    *out = slot->program;
    return GGDM_OK;
}
