/* Units of work from trajectories (DESIGN.md 3.3): families of trajectories that share a guided
 * prefix, as trees of segments, times blocks of image indices.  A function of the sweep alone: the
 * number of workers changes nothing. */
#ifndef GGDM_JOBS_PLANNER_H
#define GGDM_JOBS_PLANNER_H

#include <stdint.h>

#include "common/status.h"
#include "jobs/cells.h"
#include "jobs/messages.h"
#include "jobs/sweep.h"

/* Costs are in U-Net forward evaluations of one image. */
#define GGDM_FULL_STEP_COST                                                                        \
    2.2 /* guided through the U-Net (xt-full): facts.md, "Shared prefixes" */
#define GGDM_GUIDE_STEP_COST 1.2 /* guided through the guide alone (xt-affine, x0) */

typedef struct ggdm_plan_options {
    double unit_cost;         /* a unit should cost about this */
    int32_t min_units;        /* smaller blocks, down to min_block, until there are so many units */
    int32_t min_block;        /* images that keep a batch efficient */
    int32_t max_trajectories; /* in one unit: larger families are split (prefix computed again) */
} ggdm_plan_options;

/** Constants for real runs. */
ggdm_plan_options ggdm_plan_options_default(void);

/* A tree: trajectories of one kappa and target, or the unguided one. */
typedef struct ggdm_family {
    int32_t n_segments;
    ggdm_segment *segments; /* [n_segments], parents first; .trajectory indexes ggdm_cells */
    int32_t n_trajectories;
    double cost;           /* of one image */
    int64_t guided, plain; /* sampler steps of one image with and without guidance */
} ggdm_family;

typedef struct ggdm_plan_unit {
    int32_t family;
    int32_t image_first, image_count;
    double cost; /* estimated */
} ggdm_plan_unit;

/* Evaluations for all images of a sweep. */
typedef struct ggdm_plan_count {
    int64_t forwards;  /* U-Net forward */
    int64_t backwards; /* U-Net backward to the input; guide forward and backward are as many */
} ggdm_plan_count;

typedef struct ggdm_plan {
    ggdm_family *families; /* [n_families], owned, in order of first cell */
    int32_t n_families;
    ggdm_plan_unit *units; /* [n_units], owned, in the order they should run: most costly first */
    int32_t n_units;
    ggdm_plan_count naive;  /* every cell on its own */
    ggdm_plan_count shared; /* this plan */
    int64_t n_images;       /* distinct images: trajectories times samples */
    double cost;            /* of the shared plan */
} ggdm_plan;

/** Plan a sweep's cells; options NULL: default.  *out is owned: ggdm_plan_deinit.
 *  Backwards are counted for the gradients that go through the U-Net (xt-full), the others need
 *  the guide only.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_plan_make(const ggdm_sweep *sweep, const ggdm_cells *cells,
                           const ggdm_plan_options *options, ggdm_plan *out, ggdm_error *err);
void ggdm_plan_deinit(ggdm_plan *plan);

#endif
