/* Further images of trajectories that are there: planned as a sweep's are, but from the stored
 * recipes, so that a program that has learnt other defaults goes on with the old texts. */
#include "jobs/store_grow.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* Runs of a recipe by the numbers of its texts. */
static ggdm_status add_runs(ggdm_cells *c, const ggdm_recipe *recipe, ggdm_trajectory *t,
                            ggdm_error *err)
{
    t->n_runs = recipe->n_runs;
    GGDM_TRY(ggdm_intern_text(&c->texts[GGDM_HEAD_TEXTS], recipe->head, &t->head, err));
    GGDM_TRY(ggdm_arena_alloc(&c->arena, (size_t)t->n_runs * sizeof *t->runs, &t->runs, err));
    for (int32_t i = 0; i < t->n_runs; i++) {
        t->runs[i].end = recipe->runs[i].end;
        GGDM_TRY(ggdm_intern_text(&c->texts[GGDM_SETTING_TEXTS], recipe->runs[i].setting,
                                  &t->runs[i].setting, err));
    }
    return GGDM_OK;
}

static ggdm_status add_trajectory(ggdm_store *s, ggdm_cells *c, const ggdm_more_images *more,
                                  ggdm_error *err)
{
    ggdm_trajectory *t = &c->trajectories[c->n_trajectories++];
    ggdm_store_parts parts;
    ggdm_status st = ggdm_store_get_parts(s, more->trajectory, &parts, err);
    *t = (ggdm_trajectory){.image_first = more->first, .image_count = more->count};
    memcpy(t->key, parts.key, sizeof t->key);
    if (st == GGDM_OK)
        st = add_runs(c, &parts.recipe, t, err);
    ggdm_arena_deinit(&parts.arena);
    return st;
}

static ggdm_status make_cells(ggdm_store *s, const ggdm_more_images *more, int32_t n, ggdm_cells *c,
                              ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(&c->trajectories, (size_t)n, sizeof *c->trajectories, err));
    for (int32_t i = 0; i < n; i++)
        GGDM_TRY(add_trajectory(s, c, &more[i], err));
    c->heads = c->texts[GGDM_HEAD_TEXTS].texts;
    c->n_heads = c->texts[GGDM_HEAD_TEXTS].n;
    c->settings = c->texts[GGDM_SETTING_TEXTS].texts;
    c->n_settings = c->texts[GGDM_SETTING_TEXTS].n;
    return GGDM_OK;
}

ggdm_status ggdm_store_grow(ggdm_store *store, const ggdm_growth *how, const ggdm_more_images *more,
                            int32_t n, ggdm_error *err)
{
    const ggdm_spec spec = {.order = how->order}; /* all that planning asks of a sweep */
    ggdm_cells cells = {.spec = &spec, .first_trajectory = store->n_trajectories};
    ggdm_plan plan = {.n_trees = 0};
    if (n == 0)
        return GGDM_OK;
    ggdm_status st = make_cells(store, more, n, &cells, err);
    if (st == GGDM_OK)
        st = ggdm_plan_make(&cells, how->coster, &how->options, &plan, err);
    if (st == GGDM_OK)
        st = ggdm_store_put_images(store, &cells, &plan, err);
    ggdm_plan_deinit(&plan);
    ggdm_cells_deinit(&cells);
    return st;
}
