/* Units of work from trajectories.
 *
 * A trajectory is a run-length list of settings; trajectories of one head form trees by common
 * prefix.  A unit is a tree times a block of image indices.  A function of the sweep and the
 * options alone: the number of workers changes nothing. */
#ifndef GGDM_JOBS_PLANNER_H
#define GGDM_JOBS_PLANNER_H

#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/cells.h"
#include "jobs/step_cost.h"
#include "jobs/messages.h"

typedef struct ggdm_plan_options {
    double unit_cost;         /* operations that a unit should cost about */
    int32_t min_units;        /* smaller blocks, down to min_block, until there are so many units */
    int32_t min_block;        /* images that keep a batch efficient */
    int32_t max_trajectories; /* in one unit: larger trees are cut, their common prefix computed
                                 again; 1: nothing is shared */
    size_t max_state_bytes;   /* bound of a unit's states: segments x images x bytes of a state */
} ggdm_plan_options;

/** Constants for real runs. */
ggdm_plan_options ggdm_plan_options_default(void);

/* A tree of trajectories, of one head and one range of images. */
typedef struct ggdm_tree {
    int32_t head, steps;
    int32_t image_first, image_count; /* of all its trajectories */
    int32_t n_segments;
    ggdm_segment *segments; /* [n_segments], parents first; .setting indexes ggdm_cells.settings,
                               .trajectory counts from first_trajectory, no scores */
    int32_t n_trajectories;
    int64_t first_trajectory; /* the lowest */
    double cost;              /* operations of one image */
    size_t state_bytes;       /* of one image: all its segments */
} ggdm_tree;

typedef struct ggdm_plan_unit {
    int32_t tree;
    int32_t image_first, image_count;
    double cost; /* estimated operations */
    double draw; /* place in the order `shuffle`; 0 in the order `cost` */
} ggdm_plan_unit;

/* Work for all images of a sweep. */
typedef struct ggdm_plan_count {
    int64_t evaluations; /* of diffusion networks: of one image each */
    int64_t guided;      /* of these, in settings other than "{}" */
    double operations;
    double guided_operations; /* of these, in such settings */
} ggdm_plan_count;

typedef struct ggdm_plan {
    ggdm_tree *trees; /* [n_trees], owned, in order of first cell */
    int32_t n_trees;
    ggdm_plan_unit *units; /* [n_units], owned, in the order they should run (spec.order) */
    int32_t n_units;
    double *alone; /* [n_trajectories of the cells], owned: operations of one image of each on its
                      own; 0: it has none to make; NULL: nobody has counted */
    ggdm_plan_count naive;  /* every cell on its own */
    ggdm_plan_count shared; /* this plan */
    int64_t n_images;       /* distinct images: trajectories times samples */
    double cost;            /* of the shared plan, operations */
    int32_t shard, shards;  /* of the units, those with number = shard modulo shards; 0, 0: all */
} ggdm_plan;

/** Plan a sweep's cells; options NULL: default.  The coster is asked once for each setting below
 *  each head.  *out is owned: ggdm_plan_deinit.  Errors: those of the coster; GGDM_ESHAPE for a
 * cell whose texts no message holds (GGDM_MAX_TREE), or too many units; GGDM_ENOMEM. */
ggdm_status ggdm_plan_make(const ggdm_cells *cells, const ggdm_coster *coster,
                           const ggdm_plan_options *options, ggdm_plan *out, ggdm_error *err);
void ggdm_plan_deinit(ggdm_plan *plan);

/** Keep the units of one shard, [0, shards), and count n_images and cost of these.
 *  Errors: GGDM_EINVAL where a shard would be without units. */
ggdm_status ggdm_plan_keep_shard(ggdm_plan *plan, int32_t shard, int32_t shards, ggdm_error *err);

/** The number of units[i] among those of all shards. */
int64_t ggdm_plan_unit_number(const ggdm_plan *plan, int32_t i);

/** The part of a tree's cost that is before a step, [0, 1], by its steps. */
double ggdm_segments_part(const ggdm_segment *segments, int32_t n, int32_t step);

/** Bytes of the states of the largest unit. */
size_t ggdm_plan_state_bytes(const ggdm_plan *plan);

#endif
