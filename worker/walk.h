/* A unit on its way through the trajectory tree: the state of every image on every segment, and how
 * to save it and to take it up again (the block: walk.c).
 *
 * A live image is a (segment, image index) pair with a state of its own.  A step of a segment is
 * made of ticks, one evaluation of the diffusion network each.  Whoever walks (worker/executor.c)
 * makes a tick of all images that are due, in any order; between two of them the walk can be
 * saved. */
#ifndef GGDM_WORKER_WALK_H
#define GGDM_WORKER_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/wire.h"
#include "jobs/messages.h"

/* The state of one image: x, the history, the kept arrays and what is carried, one behind the
 * other, all f32.  The first images of the block have a record, too. */
typedef struct ggdm_state_shape {
    int64_t elements; /* of x, and of each array like it */
    int32_t history;  /* arrays of earlier steps, newest first */
    int32_t keeps;    /* arrays between the ticks of a step */
    int64_t carried;  /* floats: what a guidance takes from step to step */
    int64_t record;   /* floats: what an image notes on its way */
    int32_t recorded; /* images that do */
} ggdm_state_shape;

/** Floats of a state without a record. */
int64_t ggdm_state_floats(const ggdm_state_shape *shape);

/* One image on one segment. */
typedef struct ggdm_live {
    float *x;              /* [elements] the beginning of its state */
    float *history;        /* [history, elements] of it */
    float *kept;           /* [keeps, elements] of it */
    float *carried;        /* [carried] of it */
    float *record;         /* [record]; NULL: the image has none */
    int32_t image;         /* index in the unit's block */
    int32_t segment;       /* index in the unit */
    int32_t filled;        /* arrays of the history that are valid */
    int32_t diverged_step; /* -1 while finite */
    int32_t step, tick;    /* that it makes next */
} ggdm_live;

typedef struct ggdm_walk {
    const ggdm_unit *unit; /* borrowed */
    const int32_t *ticks;  /* [segments] of a step; borrowed */
    ggdm_state_shape shape;
    float *states;       /* [segments] of images' states [images, floats], and their records
                            [recorded, record] */
    ggdm_live *lives;    /* [segments, images] */
    int32_t step, tick;  /* that are being made; step = the unit's steps: all are made */
    bool begun;          /* the segments that begin at this step have their states */
    int64_t done, total; /* ticks, of one image each */
} ggdm_walk;

/** Memory for a unit whose segments fit each other; everything at its beginning.
 *  Owned: ggdm_walk_deinit (safe on zeros).  Errors: GGDM_ENOMEM, GGDM_ESHAPE. */
ggdm_status ggdm_walk_init(ggdm_walk *walk, const ggdm_unit *unit, const int32_t *ticks,
                           const ggdm_state_shape *shape, ggdm_error *err);
void ggdm_walk_deinit(ggdm_walk *walk);

/** Is this segment open at the walk's step? */
bool ggdm_walk_is_open(const ggdm_walk *walk, int32_t segment);
/** Has the image yet to make the walk's tick? */
bool ggdm_walk_is_due(const ggdm_walk *walk, const ggdm_live *live);

/** Begin the walk's step, once: segments that begin at it get their parents' whole states; of those
 *  without a parent x is the caller's to fill. */
void ggdm_walk_begin(ggdm_walk *walk);
/** The image has made its tick. */
void ggdm_walk_made(ggdm_walk *walk, ggdm_live *live);
/** On to the next tick, or the next step: all that was due is made. */
void ggdm_walk_next(ggdm_walk *walk);

/** Append the block to out; the walk must be begun.  Errors: GGDM_ESHAPE above
 *  GGDM_MAX_CHECKPOINT bytes, GGDM_ENOMEM. */
ggdm_status ggdm_walk_save(const ggdm_walk *walk, ggdm_wire *out, ggdm_error *err);

/** Take up a walk that is at its beginning where a block was saved.  Errors: GGDM_EFORMAT when the
 *  block is damaged, of another unit, or of another version; the walk is then at its beginning as
 *  before. */
ggdm_status ggdm_walk_restore(ggdm_walk *walk, const void *data, size_t size, ggdm_error *err);

#endif
