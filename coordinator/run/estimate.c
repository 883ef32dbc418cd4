#include "coordinator/run/estimate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/threads.h"
#include "worker/kinds.h"
#include "worker/programs.h"

#define MEASURE_SECONDS 0.5
#define MAX_PROGRAMS 16 /* that are built to see what they need */
#define MAX_PAIRS                                                                                  \
    2000 /* of head and setting that are looked at for programs, and of trajectories */
#define MIB ((uint64_t)1 << 20)
#define PROGRAM_BYTES (48 * MIB)  /* of a rank: MPI, oneDNN's code, the heap */
#define ADDRESS_BYTES (512 * MIB) /* libraries and stacks, of which little is in memory */

/* Best time of a run, after one that warms up. */
static double time_program(const ggdm_program *p)
{
    double begun = ggdm_now(), best = 0;
    for (int i = 0; i == 0 || ggdm_now() - begun < MEASURE_SECONDS; i++) {
        double t = ggdm_now();
        ggdm_graph_run(p->graph);
        t = ggdm_now() - t;
        if (best == 0 || t < best)
            best = t;
    }
    return best;
}

typedef struct survey {
    const ggdm_setup *setup;
    ggdm_programs *programs;
    ggdm_estimate *out;
    ggdm_arena arena;
    bool seen[MAX_PROGRAMS]; /* by the number of a program */
    int pairs;
} survey;

/* A program that is new: its memory, and its time where it is the first of its kind. */
static ggdm_status look_at_program(survey *s, int32_t program, ggdm_estimate_tick *tick,
                                   ggdm_error *err)
{
    const ggdm_program *p = NULL;
    if (program >= MAX_PROGRAMS || s->seen[program])
        return GGDM_OK;
    s->seen[program] = true;
    GGDM_TRY(ggdm_programs_get(s->programs, program, s->setup->outfit.job.batch, &p, err));
    s->out->arenas += ggdm_graph_arena_bytes(p->graph);
    if (!tick || tick->operations > 0)
        return GGDM_OK;
    tick->operations = ggdm_graph_flops(p->graph) / p->batch;
    tick->seconds = time_program(p) / p->batch;
    return GGDM_OK;
}

static ggdm_status look_at_tick(survey *s, const ggdm_item *stage, const ggdm_item *guidance,
                                ggdm_error *err)
{
    int32_t program = 0;
    GGDM_TRY(ggdm_programs_tick(s->programs, stage, guidance, &program, err));
    return look_at_program(s, program, guidance ? &s->out->guided : &s->out->plain, err);
}

/* The ticks of a head with a setting. */
static ggdm_status look_at_pair(survey *s, const char *head, const char *setting, ggdm_error *err)
{
    ggdm_item *stage = NULL, *guidance = NULL;
    if (s->pairs++ >= MAX_PAIRS)
        return GGDM_OK;
    ggdm_arena_reset(&s->arena);
    GGDM_TRY(ggdm_recipe_parse(&ggdm_methods, &s->arena, GGDM_FAMILY_STAGE, head, &stage, err));
    GGDM_TRY(
        ggdm_recipe_parse(&ggdm_methods, &s->arena, GGDM_FAMILY_GUIDANCE, setting, &guidance, err));
    GGDM_TRY(look_at_tick(s, stage, guidance, err));
    if (((const ggdm_sampler_kind *)ggdm_item_child(stage, "sampler")->kind)->evaluations == 1)
        return GGDM_OK;
    GGDM_TRY(ggdm_guidance_later(&s->arena, guidance, &guidance, err));
    return look_at_tick(s, stage, guidance, err);
}

/* What a worker will have in memory to score images of a head. */
static ggdm_status look_at_panel(survey *s, const char *head, const ggdm_panel *panel,
                                 ggdm_error *err)
{
    const ggdm_cells *c = &s->setup->cells;
    ggdm_image_shape shape;
    ggdm_item *stage = NULL;
    ggdm_arena_reset(&s->arena);
    GGDM_TRY(ggdm_recipe_parse(&ggdm_methods, &s->arena, GGDM_FAMILY_STAGE, head, &stage, err));
    GGDM_TRY(ggdm_head_shape(&s->setup->known, stage, &shape, err));
    for (int32_t i = 0; i < panel->n; i++) {
        ggdm_item *scorer = NULL;
        int32_t program = 0;
        GGDM_TRY(ggdm_recipe_parse(&ggdm_methods, &s->arena, GGDM_FAMILY_SCORER,
                                   c->scorers[panel->entries[i].scorer].text, &scorer, err));
        if (!((const ggdm_scorer_kind *)scorer->kind)->emit)
            continue;
        GGDM_TRY(ggdm_programs_score(s->programs, scorer, shape, &program, err));
        GGDM_TRY(look_at_program(s, program, NULL, err));
    }
    return GGDM_OK;
}

static ggdm_status survey_plan(survey *s, ggdm_error *err)
{
    const ggdm_plan *plan = &s->setup->plan;
    const ggdm_cells *c = &s->setup->cells;
    for (int32_t i = 0; i < plan->n_trees; i++)
        for (int32_t k = 0; k < plan->trees[i].n_segments; k++)
            GGDM_TRY(look_at_pair(s, c->heads[plan->trees[i].head],
                                  c->settings[plan->trees[i].segments[k].setting], err));
    for (int32_t i = 0; i < c->n_trajectories && i < MAX_PAIRS; i++) {
        const ggdm_trajectory *t = &c->trajectories[i];
        GGDM_TRY(
            look_at_panel(s, c->heads[t->head], &c->panels[c->cells[t->first_cell].panel], err));
    }
    return GGDM_OK;
}

/* Time goes with the operations; a kind that was not measured takes what the other does. */
static double seconds_of(const ggdm_estimate_tick *tick, const ggdm_estimate_tick *other,
                         double operations)
{
    const ggdm_estimate_tick *t = tick->operations > 0 ? tick : other;
    return t->operations > 0 ? operations / t->operations * t->seconds : 0;
}

double ggdm_estimate_seconds(const ggdm_estimate *e, const ggdm_plan_count *work)
{
    return seconds_of(&e->plain, &e->guided, work->operations - work->guided_operations) +
           seconds_of(&e->guided, &e->plain, work->guided_operations);
}

ggdm_status ggdm_estimate_make(const ggdm_setup *s, ggdm_estimate *out, ggdm_error *err)
{
    survey look = {.setup = s, .out = out};
    *out = (ggdm_estimate){.states = ggdm_plan_state_bytes(&s->plan)};
    for (int32_t i = 0; i < s->outfit.n_models; i++)
        out->weights += s->outfit.models[i].weights_size;
    ggdm_use_threads(s->outfit.job.threads);
    ggdm_status st = ggdm_programs_create(&ggdm_methods, &s->known, s->outfit.job.precision,
                                          s->outfit.job.batch, &look.programs, err);
    if (st == GGDM_OK)
        st = survey_plan(&look, err);
    if (st == GGDM_OK)
        out->packed = ggdm_programs_packed_bytes(look.programs);
    ggdm_programs_destroy(&look.programs);
    ggdm_arena_deinit(&look.arena);
    return st;
}

uint64_t ggdm_estimate_worker_bytes(const ggdm_estimate *e)
{
    return (uint64_t)e->arenas + e->states + e->packed + PROGRAM_BYTES;
}

int ggdm_estimate_room(const ggdm_estimate *e)
{
    const uint64_t all = ggdm_usable_memory(), worker = ggdm_estimate_worker_bytes(e);
    if (all < e->weights || ggdm_address_space() < worker + e->weights + ADDRESS_BYTES)
        return 0;
    const uint64_t n = (all - e->weights) / worker;
    return n < INT_MAX ? (int)n : INT_MAX;
}
