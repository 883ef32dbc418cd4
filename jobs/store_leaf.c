/* One image of a trajectory alone: the unit that makes it again, from the stored recipe. */
#include "jobs/store_grow.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* The place of a setting among the unit's, where it is put if it is new. */
static ggdm_status place_setting(ggdm_unit *u, const char *text, int32_t *out, ggdm_error *err)
{
    int32_t k = 0;
    while (k < u->n_settings && strcmp(u->settings[k], text) != 0)
        k++;
    *out = k;
    if (k < u->n_settings)
        return GGDM_OK;
    GGDM_TRY(ggdm_strdup(text, &u->settings[k], err));
    u->n_settings++;
    return GGDM_OK;
}

static ggdm_status make_leaf(const ggdm_recipe *recipe, int64_t trajectory, ggdm_unit *u,
                             ggdm_error *err)
{
    const size_t n = (size_t)recipe->n_runs;
    GGDM_TRY(ggdm_strdup(recipe->head, &u->head, err));
    GGDM_TRY(ggdm_alloc(&u->settings, n, sizeof *u->settings, err));
    GGDM_TRY(ggdm_alloc(&u->segments, n, sizeof *u->segments, err));
    for (int32_t i = 0; i < recipe->n_runs; i++) {
        ggdm_segment *s = &u->segments[i];
        *s = (ggdm_segment){.parent = i - 1,
                            .begin = i ? recipe->runs[i - 1].end : 0,
                            .end = recipe->runs[i].end,
                            .trajectory = i + 1 == recipe->n_runs ? trajectory : -1};
        GGDM_TRY(place_setting(u, recipe->runs[i].setting, &s->setting, err));
        u->n_segments++;
    }
    return GGDM_OK;
}

ggdm_status ggdm_store_leaf(ggdm_store *store, int64_t trajectory, int32_t index, ggdm_unit *out,
                            ggdm_error *err)
{
    ggdm_store_parts p;
    *out = (ggdm_unit){.kind = GGDM_UNIT_GENERATE, .image_first = index, .image_count = 1};
    ggdm_status st = ggdm_store_get_parts(store, trajectory, &p, err);
    out->steps = p.recipe.steps;
    if (st == GGDM_OK)
        st = make_leaf(&p.recipe, trajectory, out, err);
    ggdm_arena_deinit(&p.arena);
    if (st != GGDM_OK)
        ggdm_unit_deinit(out);
    return st;
}
