/* Stored images computed again: each alone, from its stored recipe, as a tree of one leaf (promise
 * 6 of docs/DESIGN.md).
 *
 *     ggdm_replay_open(dir, threads, &replay, err);
 *     ggdm_replay_image(replay, trajectory, index, watch, context, &out, err);    // any number
 *     ggdm_replayed_deinit(&out);
 *     ggdm_replay_done(&replay, st, err); */
#ifndef GGDM_COORDINATOR_REPLAY_H
#define GGDM_COORDINATOR_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "jobs/store.h"
#include "worker/executor.h"

typedef struct ggdm_replay ggdm_replay;

/** Look at the run in dir, finished or not, whoever owns it (ggdm_dir_read), and get ready to
 *  compute as it does: its precision, and its instruction set, which is pinned for this process.
 *  threads: of OpenMP; they change no bit.  Owned: ggdm_replay_done.
 *  Errors: those of ggdm_dir_read; GGDM_EUNSUPPORTED naming both where this machine, or GGDM_ISA,
 *  does not have the run's. */
ggdm_status ggdm_replay_open(const char *dir, int32_t threads, ggdm_replay **out, ggdm_error *err);
/** Close it.  Returns st or, where that is GGDM_OK, whether the run's database was still as it was
 *  (ggdm_dir_done).  Safe on NULL and twice. */
ggdm_status ggdm_replay_done(ggdm_replay **replay, ggdm_status st, ggdm_error *err);

/** The run's store; borrowed. */
ggdm_store *ggdm_replay_store(const ggdm_replay *replay);

/* An image that is computed again. */
typedef struct ggdm_replayed {
    ggdm_sample made;   /* now; without scores */
    ggdm_sample stored; /* as the run has it */
    bool same;          /* pixels to the bit, and where it diverged */
    int64_t values;     /* of pixels */
    int64_t differing;  /* values of pixels that are not; -1: the stored ones are no such
                          image at all */
} ggdm_replayed;

void ggdm_replayed_deinit(ggdm_replayed *replayed);

#define GGDM_REPLAYED_SIZE 96 /* bytes */
/** How it compares, in words: "the same to the bit", "12 of 784 values of pixels differ", ... */
void ggdm_replayed_text(const ggdm_replayed *replayed, char *text, size_t size);

/** Compute one stored image again.  Models are found as `ggdm run' finds them, must have the
 *  recipe's digests, and stay loaded; judges are not needed.
 *  watch  (may be NULL) sees each of its ticks, in one thread
 *  *out   owned: ggdm_replayed_deinit; also where it is not the same, which is no error
 *  Errors: GGDM_EINVAL where the image is not there; those of finding models, GGDM_ESTATE where one
 *  is another by now; those of ggdm_executor_run. */
ggdm_status ggdm_replay_image(ggdm_replay *replay, int64_t trajectory, int32_t index,
                              void (*watch)(void *context, const ggdm_tick_view *view),
                              void *context, ggdm_replayed *out, ggdm_error *err);

#endif
