/* A sweep's cells in their fixed order, their recipes, and the distinct trajectories behind them.
 */
#ifndef GGDM_JOBS_CELLS_H
#define GGDM_JOBS_CELLS_H

#include <stdint.h>

#include "common/hash.h"
#include "common/intern.h"
#include "common/status.h"
#include "jobs/panels.h"
#include "jobs/recipe.h"
#include "jobs/resolver.h"
#include "jobs/spec.h"

#define GGDM_CELL_NAME_SIZE 16 /* bytes, with the NUL */

/* Runs of settings: indices into ggdm_cells.settings. */
typedef struct ggdm_run_of_steps {
    int32_t end; /* sampler step where it ends; of the last: the chain's length */
    int32_t setting;
} ggdm_run_of_steps;

/* What is really computed. */
typedef struct ggdm_trajectory {
    uint8_t key[GGDM_HASH_SIZE];
    int32_t head; /* index into ggdm_cells.heads */
    int32_t n_runs;
    ggdm_run_of_steps *runs;          /* [n_runs], borrowed from ggdm_cells */
    int32_t image_first, image_count; /* that are to be made: 0 and the samples, or what a run that
                                         has it already still lacks */
    int32_t first_cell;               /* lowest index of the cells that show it */
} ggdm_trajectory;

typedef struct ggdm_cell {
    int32_t place; /* in the sweep's product of axes: gives its values */
    int64_t
        trajectory; /* number: index into trajectories plus first_trajectory, or one of a store */
    int32_t panel;  /* index into ggdm_cells.panels */
} ggdm_cell;

/* What the texts of a sweep's cells are of. */
enum { GGDM_HEAD_TEXTS, GGDM_SETTING_TEXTS, GGDM_SCORER_TEXTS, GGDM_NOTE_TEXTS, GGDM_CELL_TEXTS };

typedef struct ggdm_cells {
    ggdm_arena arena;                   /* of all lists */
    ggdm_intern texts[GGDM_CELL_TEXTS]; /* owners of what the next five point to */
    const ggdm_spec *spec;              /* borrowed: parameters and their values */
    ggdm_cell *cells;                   /* [n_cells], owned, by place */
    int32_t n_cells;
    ggdm_trajectory *trajectories; /* [n_trajectories], owned, by first_cell */
    int32_t n_trajectories;
    int64_t first_trajectory;  /* number of trajectories[0]: 0, or where a store went on from */
    const char **heads;        /* [n_heads] distinct texts */
    const char **settings;     /* [n_settings] */
    ggdm_scorer_text *scorers; /* [n_scorers] */
    ggdm_panel *panels;        /* [n_panels] distinct */
    const char **notes;        /* [n_notes] lines for the user: which scorer is missing where, what
                                  accuracy is about */
    int32_t n_heads, n_settings, n_scorers, n_panels, n_notes;
} ggdm_cells;

/** Expand the product of the axes, first axis slowest.  resolver NULL: names stand for digests, the
 *  keys are only good for telling cells of this sweep apart.
 *  *out is owned: ggdm_cells_deinit.  Errors: those of the resolver and of ggdm_recipe_make, with
 *  position; GGDM_ENOMEM. */
ggdm_status ggdm_cells_expand(ggdm_spec *spec, const ggdm_resolver *resolver, ggdm_cells *out,
                              ggdm_error *err);
void ggdm_cells_deinit(ggdm_cells *cells);

/** The recipe of a trajectory: texts borrowed from cells, *runs owned by the arena. */
ggdm_status ggdm_cells_recipe(const ggdm_cells *cells, ggdm_arena *arena,
                              const ggdm_trajectory *trajectory, ggdm_recipe *out, ggdm_error *err);

/** "c0007": padded to the digits of the last index, at least 4. */
void ggdm_cell_name(int32_t n_cells, int32_t index, char name[GGDM_CELL_NAME_SIZE]);

#endif
