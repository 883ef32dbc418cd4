/* How a run grows while it runs, and how sweeps end themselves: what files of the job store share
 * beside jobs/store_internal.h.  Only jobs/store*.c include this. */
#ifndef GGDM_JOBS_STORE_GROW_H
#define GGDM_JOBS_STORE_GROW_H

#include "jobs/recipe.h"
#include "jobs/store_internal.h"
#include "jobs/store_until.h"

/* ---- store_recipe.c ---- */

/* What stands in a trajectory's row. */
typedef struct ggdm_store_parts {
    ggdm_arena arena;   /* of the recipe */
    ggdm_recipe recipe; /* without trees */
    uint8_t key[GGDM_HASH_SIZE];
} ggdm_store_parts;
/** *out is owned, also after an error: ggdm_arena_deinit(&out->arena).  Errors: GGDM_EFORMAT where
 *  the texts are not those of the key. */
ggdm_status ggdm_store_get_parts(ggdm_store *store, int64_t trajectory, ggdm_store_parts *out,
                                 ggdm_error *err);

/* ---- store_create.c ---- */

/** As ggdm_store_put_batch, of further images alone: cells without a cell, whose trajectories are
 *  there. */
ggdm_status ggdm_store_put_images(ggdm_store *store, const ggdm_cells *cells, const ggdm_plan *plan,
                                  ggdm_error *err);

/* What a change of the plan changes in memory beside counters, to be put back where it fails. */
typedef struct ggdm_store_totals {
    int32_t n_cells, n_trajectories;
    int64_t images_wanted, images_asked;
    double cost;
} ggdm_store_totals;
ggdm_store_totals ggdm_store_totals_of(const ggdm_store *store);
void ggdm_store_put_back(ggdm_store *store, const ggdm_store_totals *totals);

/* ---- store_grow.c ---- */

/* Further images of a trajectory that is there: those from its `wanted` on. */
typedef struct ggdm_more_images {
    int64_t trajectory;
    int32_t first, count;
} ggdm_more_images;
/** Plan them from the stored recipes, together, and put the plan; inside a transaction.
 *  Errors: GGDM_EFORMAT (damaged recipe), those of planning. */
ggdm_status ggdm_store_grow(ggdm_store *store, const ggdm_growth *how, const ggdm_more_images *more,
                            int32_t n, ggdm_error *err);

/* ---- store_until.c ---- */

/** The rule of a sweep that is put, and its cells from first_cell on, which are open; nothing where
 *  it has none. */
ggdm_status ggdm_store_put_until(ggdm_store *store, int32_t sweep, const ggdm_spec *spec,
                                 int32_t first_cell, ggdm_error *err);
/** Those of the sweeps in the sheet. */
ggdm_status ggdm_store_load_untils(ggdm_store *store, ggdm_error *err);
/** In place of what was said of the cell before. */
ggdm_status ggdm_store_put_verdict(ggdm_store *store, const ggdm_store_verdict *verdict,
                                   ggdm_error *err);

#endif
