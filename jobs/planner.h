/* Units of work from trajectories (docs/DESIGN.md, "Trajectory tree").
 *
 * A trajectory is a run-length list of step settings (unguided, or guided to a target by kappa);
 * trajectories form trees by common prefix, whatever their windows: one unguided head for all that
 * start later, one guided prefix for all lengths.  A unit is a tree times a block of image indices.
 * A function of the sweep and the options alone: the number of workers changes nothing. */
#ifndef GGDM_JOBS_PLANNER_H
#define GGDM_JOBS_PLANNER_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/cells.h"
#include "jobs/messages.h"
#include "jobs/sweep.h"

/* Costs are in U-Net forward evaluations of one image. */
#define GGDM_FULL_STEP_COST 2.2  /* guided through the U-Net (xt-full), as measured */
#define GGDM_GUIDE_STEP_COST 1.2 /* guided through the guide alone (xt-affine, x0) */

typedef struct ggdm_plan_options {
    double unit_cost;         /* a unit should cost about this */
    int32_t min_units;        /* smaller blocks, down to min_block, until there are so many units */
    int32_t min_block;        /* images that keep a batch efficient */
    int32_t max_trajectories; /* in one unit: larger trees are cut, their common prefix computed
                                 again; 1: nothing is shared */
    size_t image_bytes;       /* of the state of one image; 0: not known, memory is not bounded */
    size_t max_state_bytes;   /* bound of a unit's states: segments x images x image_bytes */
} ggdm_plan_options;

/** Constants for real runs; image_bytes is 0. */
ggdm_plan_options ggdm_plan_options_default(void);

/* A tree of trajectories. */
typedef struct ggdm_family {
    int32_t n_segments;
    ggdm_segment *segments; /* [n_segments], parents first; .trajectory counts from
                               ggdm_cells.first_trajectory */
    int32_t n_trajectories;
    int64_t first_trajectory; /* the lowest */
    double cost;              /* of one image */
    int64_t guided, plain;    /* sampler steps of one image with and without guidance */
} ggdm_family;

typedef struct ggdm_plan_unit {
    int32_t family;
    int32_t image_first, image_count;
    double cost; /* estimated */
    double draw; /* place in the order `shuffle`; 0 in the order `cost` */
} ggdm_plan_unit;

/* Evaluations for all images of a sweep. */
typedef struct ggdm_plan_count {
    int64_t forwards;  /* U-Net forward: sampler steps */
    int64_t guided;    /* of these, guided ones: guide forward and backward */
    int64_t backwards; /* U-Net backward to the input: guided with xt-full, else 0 */
} ggdm_plan_count;

typedef struct ggdm_plan {
    ggdm_family *families; /* [n_families], owned, in order of first cell */
    int32_t n_families;
    ggdm_plan_unit *units; /* [n_units], owned, in the order they should run (sweep.order) */
    int32_t n_units;
    ggdm_plan_count naive;  /* every cell on its own */
    ggdm_plan_count shared; /* this plan */
    int64_t n_images;       /* distinct images: trajectories times samples */
    double cost;            /* of the shared plan */
    int32_t shard, shards;  /* of the units, those with number = shard modulo shards; 0, 0: all */
} ggdm_plan;

/** Plan a sweep's cells; options NULL: default.  *out is owned: ggdm_plan_deinit.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_plan_make(const ggdm_sweep *sweep, const ggdm_cells *cells,
                           const ggdm_plan_options *options, ggdm_plan *out, ggdm_error *err);
void ggdm_plan_deinit(ggdm_plan *plan);

/** Keep the units of one shard, [0, shards), and count n_images and cost of these.
 *  Errors: GGDM_EINVAL where a shard would be without units. */
ggdm_status ggdm_plan_keep_shard(ggdm_plan *plan, int32_t shard, int32_t shards, ggdm_error *err);

/** The number of units[i] among those of all shards. */
int64_t ggdm_plan_unit_number(const ggdm_plan *plan, int32_t i);

/** The cost of one image of a tree. */
double ggdm_segments_cost(const ggdm_segment *segments, int32_t n, ggdm_gradient gradient);

/** The part of a tree's steps that are before a step, [0, 1]. */
double ggdm_segments_part(const ggdm_segment *segments, int32_t n, int32_t step);

/** Bytes of the states of the largest unit. */
size_t ggdm_plan_state_bytes(const ggdm_plan *plan, size_t image_bytes);

#endif
