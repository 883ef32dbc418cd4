/* What the coordinator and the workers say to each other, as structs.
 *
 * A run is one `ggdm_job` (sent once, at start-up) and many `ggdm_unit`s.  A unit is a tree of
 * trajectory segments times a block of image indices (docs/DESIGN.md, "Trajectory tree"); a worker
 * answers with one `ggdm_image` per (trajectory that ends in the unit, image index).  */
#ifndef GGDM_JOBS_MESSAGES_H
#define GGDM_JOBS_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/wire.h"

typedef enum ggdm_variance { GGDM_FIXED_LARGE, GGDM_FIXED_SMALL } ggdm_variance;
typedef enum ggdm_gradient { GGDM_XT_FULL, GGDM_XT_AFFINE, GGDM_X0 } ggdm_gradient;
typedef enum ggdm_loss_form { GGDM_NLL, GGDM_PROB } ggdm_loss_form;
typedef enum ggdm_precision {
    GGDM_PRECISION_AUTO,
    GGDM_PRECISION_FP32,
    GGDM_PRECISION_BF16
} ggdm_precision;

/* The names of these in sweep files, indexed by value, NULL-terminated. */
extern const char *const ggdm_variance_names[];
extern const char *const ggdm_gradient_names[];
extern const char *const ggdm_loss_form_names[];
extern const char *const ggdm_precision_names[];

/* What is the same for every unit of a run. */
typedef struct ggdm_job {
    uint64_t seed;
    int32_t steps; /* sampler steps, T for the full chain */
    ggdm_variance variance;
    bool clip_x0; /* clamp x0-hat to the data range before the posterior mean */
    ggdm_gradient gradient;
    ggdm_loss_form form;
    ggdm_precision precision; /* resolved: never GGDM_PRECISION_AUTO on the wire */
    int32_t batch;            /* images advanced together at most */
    int32_t threads;          /* OpenMP threads of a worker */
    double checkpoint;        /* seconds between two checkpoints of a unit; 0: none */
} ggdm_job;

/* A run of sampler steps with equal settings; steps count from 0 (x_T) to job.steps (x_0). */
typedef struct ggdm_segment {
    int32_t parent;     /* index of the segment it continues (smaller than its own), -1: from x_T */
    int32_t begin, end; /* sampler steps [begin, end); begin = parent's end, or 0 */
    double kappa;       /* guidance strength; 0: unguided */
    int32_t target;     /* class guided to; -1 when unguided */
    int64_t trajectory; /* the store's trajectory that ends here (end == job.steps), or -1 */
} ggdm_segment;

typedef struct ggdm_unit {
    int64_t id;
    int32_t attempt;
    int32_t image_first, image_count; /* block of image indices */
    int32_t n_segments;
    ggdm_segment *segments; /* [n_segments], parents first */
    /* Where to go on (worker/walk.h); not packed with the unit. */
    int32_t step;      /* sampler step of the state; 0 where there is none */
    uint8_t *state;    /* [state_size], owned; NULL: from the beginning */
    size_t state_size; /* at most GGDM_MAX_CHECKPOINT */
} ggdm_unit;

/* Bytes of the state of a unit in the middle; a larger one is not saved. */
#define GGDM_MAX_CHECKPOINT ((size_t)192 << 20)

#define GGDM_MAX_CLASSES 1000

/* One finished image.  Log probabilities are in nats; n = 0 where there is no such classifier. */
typedef struct ggdm_image {
    int64_t trajectory;
    int32_t index;
    bool diverged;         /* not finite, or > 5 % of pixels beyond 1.5 times the data range */
    int32_t diverged_step; /* sampler step (from 0) after which x_t was first not finite, or -1 */
    float saturated;       /* share of pixels beyond 1.5 times the data range before clamping */
    int32_t n_guide, n_judge;
    float *guide_logp; /* [n_guide] */
    float *judge_logp; /* [n_judge] */
    uint32_t png_size; /* bytes */
    uint8_t *png;
} ggdm_image;

/* Pack into / unpack from a bounded little-endian cursor (common/wire.h).  Unpack validates every
 * count and reference and allocates the arrays (owned: the _deinit functions; safe on zeroed
 * structs).  Errors: GGDM_EFORMAT, GGDM_ENOMEM. */
ggdm_status ggdm_job_pack(const ggdm_job *job, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_job_unpack(ggdm_job *job, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_unit_pack(const ggdm_unit *unit, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_unit_unpack(ggdm_unit *unit, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_image_pack(const ggdm_image *image, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_image_unpack(ggdm_image *image, ggdm_wire *w, ggdm_error *err);
void ggdm_unit_deinit(ggdm_unit *unit);
void ggdm_image_deinit(ggdm_image *image);

#endif
