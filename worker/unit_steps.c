#include "worker/unit_steps.h"

#include <stdlib.h>

#include "jobs/recipe.h"
#include "worker/model_rows.h"

static ggdm_status read_head(const ggdm_tools *tools, const ggdm_unit *unit, const ggdm_head **out,
                             ggdm_error *err)
{
    if (ggdm_head_cache_get(tools->heads, unit->head, out, err) != GGDM_OK)
        return ggdm_error_prefix(err, "head");
    if ((*out)->chain.steps != unit->steps)
        return GGDM_FAIL(err, GGDM_EINVAL, "the head's chain has %d steps, expected %d",
                         (*out)->chain.steps, unit->steps);
    return GGDM_OK;
}

static ggdm_status read_evaluation(const ggdm_tools *tools, const ggdm_head *head,
                                   ggdm_arena *arena, const ggdm_item *item,
                                   ggdm_unit_evaluation *out, ggdm_error *err)
{
    GGDM_TRY(ggdm_values_of(arena, item, &out->values, err));
    return ggdm_programs_tick(tools->programs, head->item, item, &out->program, err);
}

static ggdm_status name_terms(ggdm_arena *arena, const ggdm_item *setting, bool later,
                              ggdm_unit_evaluation *out, ggdm_error *err)
{
    ggdm_term_name *names;
    GGDM_TRY(ggdm_arena_alloc(arena, GGDM_MAX_TERMS * sizeof *names, &names, err));
    out->n_terms = ggdm_guidance_term_names(setting, later, names);
    out->terms = names;
    return GGDM_OK;
}

static ggdm_status read_setting(const ggdm_tools *tools, const ggdm_head *head, ggdm_arena *arena,
                                const char *text, ggdm_unit_setting *out, ggdm_error *err)
{
    ggdm_item *item = NULL, *rest;
    GGDM_TRY(ggdm_recipe_parse(tools->catalogue, arena, GGDM_FAMILY_GUIDANCE, text, &item, err));
    GGDM_TRY(ggdm_model_rows_check(tools->models, head->item, item, err));
    GGDM_TRY(ggdm_guidance_later(arena, item, &rest, err));
    out->repeats = ggdm_guidance_repeats(item);
    out->carries = ggdm_guidance_carries(item);
    GGDM_TRY(name_terms(arena, item, false, &out->first, err));
    GGDM_TRY(name_terms(arena, item, true, &out->later, err));
    GGDM_TRY(read_evaluation(tools, head, arena, item, &out->first, err));
    return read_evaluation(tools, head, arena, rest, &out->later, err);
}

static int by_program(const void *a, const void *b)
{
    const ggdm_unit_place *x = a, *y = b;
    return x->program != y->program ? (x->program > y->program) - (x->program < y->program)
                                    : (x->segment > y->segment) - (x->segment < y->segment);
}

/* Ticks of the segments, and their order. */
static ggdm_status place_segments(const ggdm_unit *u, ggdm_arena *arena, ggdm_unit_steps *out,
                                  ggdm_error *err)
{
    const size_t n = (size_t)u->n_segments;
    GGDM_TRY(ggdm_arena_alloc(arena, n * sizeof *out->ticks, &out->ticks, err));
    GGDM_TRY(ggdm_arena_alloc(arena, n * sizeof *out->first, &out->first, err));
    GGDM_TRY(ggdm_arena_alloc(arena, n * sizeof *out->later, &out->later, err));
    for (int32_t i = 0; i < u->n_segments; i++) {
        const ggdm_unit_setting *s = &out->settings[u->segments[i].setting];
        out->ticks[i] = out->head->kind->evaluations * s->repeats;
        out->first[i] = (ggdm_unit_place){s->first.program, i};
        out->later[i] = (ggdm_unit_place){s->later.program, i};
    }
    qsort(out->first, n, sizeof *out->first, by_program);
    qsort(out->later, n, sizeof *out->later, by_program);
    return GGDM_OK;
}

/* Which of the unit's images note what happens to them, and how much that is. */
static void plan_records(const ggdm_record_wish *wish, const ggdm_unit *unit, ggdm_unit_steps *out)
{
    const int32_t images = wish->points > 0 ? wish->images - unit->image_first : 0;
    if (images <= 0)
        return;
    ggdm_recorder *r = &out->recorder;
    *r = (ggdm_recorder){.wished = wish->points,
                         .points = ggdm_record_points(unit->steps, wish->points)};
    for (int32_t i = 0; i < unit->n_settings; i++)
        if (out->settings[i].first.n_terms > r->terms)
            r->terms = out->settings[i].first.n_terms;
    out->state.recorded = images < unit->image_count ? images : unit->image_count;
    out->state.record = (int64_t)(r->points + 1) * GGDM_RECORDER_ROW(r->terms);
}

ggdm_status ggdm_unit_steps_read(const ggdm_tools *tools, const ggdm_unit *unit, ggdm_arena *arena,
                                 ggdm_unit_steps *out, ggdm_error *err)
{
    *out = (ggdm_unit_steps){.head = NULL};
    GGDM_TRY(read_head(tools, unit, &out->head, err));
    GGDM_TRY(ggdm_arena_alloc(arena, (size_t)unit->n_settings * sizeof *out->settings,
                              &out->settings, err));
    out->state = out->head->state;
    for (int32_t i = 0; i < unit->n_settings; i++) {
        ggdm_unit_setting *s = &out->settings[i];
        if (read_setting(tools, out->head, arena, unit->settings[i], s, err) != GGDM_OK)
            return ggdm_error_prefix(err, "setting %d", i);
        if (s->carries)
            out->state.carried = s->carries * out->state.elements;
    }
    plan_records(&tools->job.record, unit, out);
    return place_segments(unit, arena, out, err);
}
