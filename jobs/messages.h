/* What the coordinator and the workers say to each other, as structs.
 *
 * A run is one `ggdm_job` (sent once, at start-up) and many `ggdm_unit`s.  A unit is a tree of
 * trajectory segments times a block of image indices; a worker answers with one `ggdm_sample` per
 * (trajectory that ends in the unit, image index).  What is computed stands in texts
 * (jobs/recipe.h): one head for the tree, and each distinct setting once. */
#ifndef GGDM_JOBS_MESSAGES_H
#define GGDM_JOBS_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/wire.h"
#include "jobs/record.h"

typedef enum ggdm_precision {
    GGDM_PRECISION_AUTO,
    GGDM_PRECISION_FP32,
    GGDM_PRECISION_BF16
} ggdm_precision;

/* In sweep files, indexed by value, NULL-terminated. */
extern const char *const ggdm_precision_names[];

#define GGDM_MAX_RECIPE ((size_t)64 << 10) /* bytes of a text, with its NUL */
#define GGDM_MAX_STEPS 100000              /* of a chain */

/* What is the same for every unit of a run. */
typedef struct ggdm_job {
    ggdm_precision precision; /* resolved: never GGDM_PRECISION_AUTO on the wire */
    int32_t batch;            /* images advanced together at most */
    int32_t threads;          /* OpenMP threads of a worker */
    double checkpoint;        /* seconds between two checkpoints of a unit; 0: none */
    ggdm_record_wish record;
} ggdm_job;

/* A run of sampler steps with equal settings; steps count from 0 (x_T) to the unit's steps (x_0).
 */
typedef struct ggdm_segment {
    int32_t parent;     /* index of the segment it continues (smaller than its own), -1: from x_T */
    int32_t begin, end; /* sampler steps [begin, end); begin = parent's end, or 0 */
    int32_t setting;    /* index into the unit's settings; -1: SCORE */
    int64_t trajectory; /* the store's trajectory that ends here (end == steps), or -1 */
    int32_t score_first, score_count; /* of that trajectory: its scorers, a part of unit.scores */
} ggdm_segment;

/* A scorer by the store's number, and its text (jobs/recipe.h, GGDM_FAMILY_SCORER). */
typedef struct ggdm_scorer_ref {
    int64_t id;
    char *text; /* owned */
} ggdm_scorer_ref;

typedef enum ggdm_unit_kind {
    GGDM_UNIT_GENERATE,
    GGDM_UNIT_SCORE /* samples that are there (in `state`: packed ggdm_sample without scores): each
                       segment is a trajectory, of no steps */
} ggdm_unit_kind;

typedef struct ggdm_unit {
    int64_t id;
    int32_t attempt;
    ggdm_unit_kind kind;
    int32_t image_first, image_count; /* block of image indices */
    int32_t steps;                    /* of the chain; 0: SCORE */
    char *head;                       /* owned; "": SCORE */
    int32_t n_settings;
    char **settings; /* [n_settings], owned, distinct; "{}": unguided */
    int32_t n_segments;
    ggdm_segment *segments; /* [n_segments], owned, parents first */
    int32_t n_scorers;
    ggdm_scorer_ref *scorers; /* [n_scorers], owned, distinct */
    int32_t n_scores;
    int32_t *scores; /* [n_scores], owned: indices into scorers */
    double cost;     /* operations of one image of its tree; not packed: the store knows */
    /* Where to go on (worker/walk.h), or what is to be scored; not packed with the unit. */
    int32_t step;      /* sampler step of the state; 0 where there is none */
    uint8_t *state;    /* [state_size], owned; NULL: from the beginning */
    size_t state_size; /* at most GGDM_MAX_CHECKPOINT */
} ggdm_unit;

/* Bytes of the state of a unit in the middle; a larger one is not saved. */
#define GGDM_MAX_CHECKPOINT ((size_t)192 << 20)
/* Bytes of a packed unit without scorers and state: larger trees are cut by the planner. */
#define GGDM_MAX_TREE ((size_t)1 << 20)
/* Bytes of a packed unit without its state. */
#define GGDM_MAX_UNIT ((size_t)4 << 20)
/* What a packed unit takes: of itself and its head, and for each text (beside its bytes) and
 * segment. */
enum { GGDM_UNIT_BYTES = 45, GGDM_TEXT_BYTES = 4, GGDM_SEGMENT_BYTES = 32 };

/* What a scorer said of one sample. */
typedef struct ggdm_score {
    int64_t scorer; /* ggdm_scorer_ref.id */
    int32_t n;      /* numbers; 1 .. GGDM_MAX_SCORE */
    float *data;    /* [n], owned */
} ggdm_score;

#define GGDM_MAX_SCORE 65536

/* The media that samples can have. */
typedef enum ggdm_media { GGDM_MEDIA_PNG, GGDM_MEDIAS } ggdm_media;
extern const char *const ggdm_media_names[]; /* "image/png" */

/* One finished sample. */
typedef struct ggdm_sample {
    int64_t trajectory;
    int32_t index;
    bool diverged;         /* not finite, or > 5 % of values beyond 1.5 times the data range */
    int32_t diverged_step; /* sampler step (from 0) after which x_t was first not finite, or -1 */
    ggdm_media media;
    uint32_t size;        /* bytes; 0 from a SCORE unit */
    uint8_t *data;        /* owned */
    uint32_t record_size; /* bytes, at most GGDM_MAX_RECORD; 0: it has none */
    uint8_t *record;      /* jobs/record.h, owned */
    int32_t n_scores;
    ggdm_score *scores; /* [n_scores], owned */
} ggdm_sample;

/* Pack into / unpack from a bounded little-endian cursor (common/wire.h).  Unpack validates every
 * count and reference and allocates the arrays (owned: the _deinit functions; safe on zeroed
 * structs); texts are checked by who parses them.  Errors: GGDM_EFORMAT, GGDM_ENOMEM; packing:
 * GGDM_ESHAPE beyond the bounds above. */
ggdm_status ggdm_job_pack(const ggdm_job *job, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_job_unpack(ggdm_job *job, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_unit_pack(const ggdm_unit *unit, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_unit_unpack(ggdm_unit *unit, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_sample_pack(const ggdm_sample *sample, ggdm_wire *w, ggdm_error *err);
ggdm_status ggdm_sample_unpack(ggdm_sample *sample, ggdm_wire *w, ggdm_error *err);
void ggdm_unit_deinit(ggdm_unit *unit);
void ggdm_sample_deinit(ggdm_sample *sample);

#endif
