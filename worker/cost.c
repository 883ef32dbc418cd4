#include "worker/cost.h"

#include <stdlib.h>

#include "common/intern.h"
#include "common/mem.h"
#include "jobs/recipe.h"
#include "worker/kinds.h"
#include "worker/programs.h"
#include "worker/walk.h"

/* What one image costs in one tick; operations 0: not counted yet. */
typedef struct tick_cost {
    double operations;
    int32_t evaluations;
} tick_cost;

struct ggdm_costs {
    const ggdm_models *models;
    ggdm_arena scratch;   /* of one question */
    ggdm_intern programs; /* texts, whose numbers are indices of ticks */
    tick_cost *ticks;     /* [n] */
    size_t n, cap;
};

/* A program at batch 1; the graph is not compiled, so no weights are needed. */
static ggdm_status count(const ggdm_costs *c, const ggdm_item *head, const ggdm_item *setting,
                         tick_cost *out, ggdm_error *err)
{
    ggdm_emit e = {.batch = 1, .models = c->models, .head = head, .setting = setting};
    GGDM_TRY(ggdm_graph_create(GGDM_F32, &e.graph, err));
    ggdm_emit_tick(&e);
    ggdm_status st = ggdm_emit_status(&e, err);
    if (st == GGDM_OK)
        *out = (tick_cost){ggdm_graph_flops(e.graph), e.evaluations};
    ggdm_graph_destroy(&e.graph);
    return st;
}

static ggdm_status cost_of_tick(ggdm_costs *c, const ggdm_item *head, const ggdm_item *setting,
                                tick_cost *out, ggdm_error *err)
{
    const char *text;
    int32_t number;
    GGDM_TRY(ggdm_program_text(c->models, &c->scratch, head, setting, &text, err));
    GGDM_TRY(ggdm_intern_text(&c->programs, text, &number, err));
    GGDM_TRY(ggdm_grow(&c->ticks, &c->cap, (size_t)number + 1, sizeof *c->ticks, err));
    while (c->n <= (size_t)number)
        c->ticks[c->n++] = (tick_cost){0};
    if (c->ticks[number].operations == 0)
        GGDM_TRY(count(c, head, setting, &c->ticks[number], err));
    *out = c->ticks[number];
    return GGDM_OK;
}

static ggdm_status cost(void *context, const char *head_text, const char *setting_text,
                        ggdm_step_cost *out, ggdm_error *err)
{
    ggdm_costs *c = context;
    ggdm_item *head, *setting;
    ggdm_image_shape shape;
    tick_cost first, later = {0};
    ggdm_arena_reset(&c->scratch);
    GGDM_TRY(
        ggdm_recipe_parse(&ggdm_methods, &c->scratch, GGDM_FAMILY_STAGE, head_text, &head, err));
    GGDM_TRY(ggdm_recipe_parse(&ggdm_methods, &c->scratch, GGDM_FAMILY_GUIDANCE, setting_text,
                               &setting, err));
    GGDM_TRY(ggdm_head_shape(c->models, head, &shape, err));
    GGDM_TRY(cost_of_tick(c, head, setting, &first, err));
    const ggdm_sampler_kind *kind =
        (const ggdm_sampler_kind *)ggdm_item_child(head, "sampler")->kind;
    const int64_t elements = (int64_t)shape.height * shape.width * shape.channels;
    const ggdm_state_shape state = {.elements = elements,
                                    .carried = ggdm_guidance_carries(setting) * elements,
                                    .history = kind->history,
                                    .keeps = kind->keeps};
    const int32_t evaluations = kind->evaluations, repeats = ggdm_guidance_repeats(setting);
    if (evaluations > 1) {
        ggdm_item *rest;
        GGDM_TRY(ggdm_guidance_later(&c->scratch, setting, &rest, err));
        GGDM_TRY(cost_of_tick(c, head, rest, &later, err));
    }
    const int32_t rest_of_step = evaluations - 1;
    *out = (ggdm_step_cost){
        .operations = repeats * (first.operations + rest_of_step * later.operations),
        .evaluations = repeats * (first.evaluations + rest_of_step * later.evaluations),
        .spared_operations = repeats * kind->spared * later.operations,
        .spared_evaluations = repeats * kind->spared * later.evaluations,
        .state_bytes = (size_t)ggdm_state_floats(&state) * sizeof(float)};
    return GGDM_OK;
}

ggdm_status ggdm_costs_check(ggdm_costs *costs, const ggdm_item *stage, const ggdm_item *setting,
                             ggdm_error *err)
{
    tick_cost counted;
    GGDM_TRY(ggdm_guidance_check(ggdm_item_child(stage, "sampler"), setting, err));
    ggdm_arena_reset(&costs->scratch);
    return cost_of_tick(costs, stage, setting, &counted, err);
}

ggdm_status ggdm_costs_create(const ggdm_models *models, ggdm_costs **out, ggdm_coster *coster,
                              ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    (*out)->models = models;
    *coster = (ggdm_coster){*out, cost};
    return GGDM_OK;
}

void ggdm_costs_destroy(ggdm_costs **costs)
{
    if (!*costs)
        return;
    free((*costs)->ticks);
    ggdm_intern_deinit(&(*costs)->programs);
    ggdm_arena_deinit(&(*costs)->scratch);
    free(*costs);
    *costs = NULL;
}
