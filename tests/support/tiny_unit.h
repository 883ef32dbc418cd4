/* Units of the tiny models, built segment by segment, and what an executor makes of them. */
#ifndef GGDM_TESTS_SUPPORT_TINY_UNIT_H
#define GGDM_TESTS_SUPPORT_TINY_UNIT_H

#include "tests/support/tiny_methods.h"
#include "worker/executor.h"

enum { GGDM_TINY_STEPS = 12 };

/* A unit with its lists.  Every trajectory wants all scorers: the guide G (id 10), the judge J
 * (11), a loss of the guide's (12), saturation (13). */
typedef struct ggdm_tiny_unit {
    ggdm_unit unit;
    ggdm_segment segments[16];
    char *settings[16]; /* borrowed from the arena */
    ggdm_scorer_ref scorers[4];
    int32_t scores[4];
    ggdm_arena *arena; /* of all texts */
} ggdm_tiny_unit;

/** The canonical text of what a user writes (tests/support/tiny_methods.h). */
char *ggdm_tiny_text(ggdm_arena *arena, const char *family, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** A guidance of class 3 by G with this kappa; 0: unguided. */
char *ggdm_tiny_guidance(ggdm_arena *arena, const char *gradient, const char *form, double kappa);

/** A unit without segments of images [first, first + count). */
void ggdm_tiny_unit_init(ggdm_tiny_unit *u, ggdm_arena *arena, const char *head, int32_t first,
                         int32_t count);
/** Add a segment behind another (-1: from x_T) up to a step; where that is the last one, trajectory
 *  ends there.  Returns its number. */
int32_t ggdm_tiny_unit_add(ggdm_tiny_unit *u, int32_t parent, int32_t end, const char *setting,
                           int64_t trajectory);

/* What a run hands over. */
typedef struct ggdm_tiny_run {
    ggdm_sample samples[64];
    int n;
    int64_t last_done, total;
    int batches;
    int stop_after; /* batches until the sink says stop; 0: never */
    void (*watch)(void *context, const ggdm_tick_view *view);
    void *watcher;
    ggdm_executor *executor;
    ggdm_wire state; /* saved when the sink said stop */
    int32_t step;
} ggdm_tiny_run;

/** An executor of the real methods on these models (borrowed); owned. */
ggdm_executor *ggdm_tiny_executor(const ggdm_job *job, const ggdm_models *models);
/** Run a unit as a worker gets it: packed and unpacked. */
ggdm_status ggdm_tiny_run_on(ggdm_executor *e, const ggdm_unit *unit, ggdm_tiny_run *r,
                             ggdm_error *err);
/** Forget what was handed over. */
void ggdm_tiny_run_deinit(ggdm_tiny_run *r);

/** The sample of a trajectory and index; it must be there. */
const ggdm_sample *ggdm_tiny_sample(const ggdm_tiny_run *r, int64_t trajectory, int32_t index);
/** The first number of a scorer. */
const ggdm_score *ggdm_tiny_score(const ggdm_sample *sample, int64_t scorer);
/** Are they the same in everything: bytes, scores, divergence? */
bool ggdm_tiny_same(const ggdm_sample *a, const ggdm_sample *b);
/** Are all samples of two runs the same, in whatever order? */
void ggdm_tiny_assert_same(const ggdm_tiny_run *a, const ggdm_tiny_run *b);

/** Run a unit in pieces of so many batches, on two executors in turn, until it is done; *got is
 *  what the last one handed over.  Returns the number of pieces. */
int ggdm_tiny_run_in_pieces(ggdm_executor *const e[2], ggdm_unit *unit, int batches,
                            ggdm_tiny_run *got);

#endif
