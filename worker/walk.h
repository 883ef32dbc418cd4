/* A unit on its way through the trajectory tree: the state of every image on every segment, and how
 * to save it and to take it up again.
 *
 * A live image is a (segment, image index) pair with its own x_t.  Whoever walks
 * (worker/executor.c) advances the images of a step in any order; between two of them the walk can
 * be saved:
 *
 *   magic u32, version u32, unit i64, step i32, elements i32, n_segments i32,
 *   then for each segment that is open at the step, for each image: next u8 (1: it has made this
 *   step already), diverged_step i32; then x [images, elements] f32,
 *   in the end the SHA-256 of the unit's tree and block, the seed, and all bytes before.
 *
 * Open at a step are the segments that contain it; when all steps are made, those that end there.
 * All else follows from the unit, so that a block never says how much memory is needed. */
#ifndef GGDM_WORKER_WALK_H
#define GGDM_WORKER_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/wire.h"
#include "jobs/messages.h"

/* One image on one segment. */
typedef struct ggdm_live_image {
    float *x;              /* [elements] */
    int32_t image;         /* index in the unit's block */
    int32_t segment;       /* index in the unit */
    int32_t diverged_step; /* -1 while finite */
    int32_t next;          /* step it makes next */
} ggdm_live_image;

typedef struct ggdm_walk {
    const ggdm_unit *unit; /* borrowed */
    int32_t steps;         /* of the chain */
    int64_t elements;      /* of an image */
    uint64_t seed;
    float *states;          /* [segments, images, elements] */
    ggdm_live_image *lives; /* [segments, images] */
    int32_t step;           /* that is being made; steps: all are made */
    bool begun;             /* the segments that begin at this step have their states */
    int64_t done, total;    /* image-steps */
} ggdm_walk;

/** Memory for a unit whose segments fit each other; everything at its beginning.
 *  Owned: ggdm_walk_deinit (safe on zeros).  Errors: GGDM_ENOMEM, GGDM_ESHAPE. */
ggdm_status ggdm_walk_init(ggdm_walk *walk, const ggdm_unit *unit, const ggdm_job *job,
                           int64_t elements, ggdm_error *err);
void ggdm_walk_deinit(ggdm_walk *walk);

/** Is this segment open at the walk's step? */
bool ggdm_walk_is_open(const ggdm_walk *walk, int32_t segment);

/** Append the block to out; the walk must be begun.  Errors: GGDM_ESHAPE above
 *  GGDM_MAX_CHECKPOINT bytes, GGDM_ENOMEM. */
ggdm_status ggdm_walk_save(const ggdm_walk *walk, ggdm_wire *out, ggdm_error *err);

/** Take up a walk that is at its beginning where a block was saved.  Errors: GGDM_EFORMAT when the
 *  block is damaged, of another unit, or of another version; the walk is then at its beginning as
 *  before. */
ggdm_status ggdm_walk_restore(ggdm_walk *walk, const void *data, size_t size, ggdm_error *err);

#endif
