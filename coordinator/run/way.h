/* What is kept of an image's way from noise, for people: a strip, an animation, a table of its
 * steps.
 *
 *     ggdm_way way = {.every = 50};
 *     ggdm_replay_image(replay, trajectory, index, ggdm_way_watch, &way, &image, err);
 *     ggdm_way_files files;
 *     ggdm_way_finish(&way, &image.made, &files, err);
 *     ...
 *     ggdm_way_files_deinit(&files); */
#ifndef GGDM_COORDINATOR_WAY_H
#define GGDM_COORDINATOR_WAY_H

#include "coordinator/run/animation.h"
#include "coordinator/run/step_table.h"
#include "coordinator/run/strip.h"

typedef struct ggdm_way {
    /* The caller's: */
    int32_t every; /* steps between two columns of the strip; 0: a tenth of them all */
    bool animated;
    /* Of the way: */
    bool begun;
    ggdm_strip strip;
    ggdm_animation animation;
    ggdm_step_table table;
    ggdm_status status; /* the first failure while watching */
    ggdm_error error;
} ggdm_way;

/** What ggdm_replay_image calls at each tick; context: the ggdm_way. */
void ggdm_way_watch(void *context, const ggdm_tick_view *view);

typedef struct ggdm_way_files {
    uint8_t *strip; /* PNG, owned */
    uint8_t *gif;   /* owned; NULL: not animated */
    char *csv;      /* owned */
    size_t strip_size, gif_size, csv_size;
} ggdm_way_files;

/** The files, of the sample that came of it; way is over, whatever comes of this.
 *  *out is owned: ggdm_way_files_deinit, also after an error.
 *  Errors: those while watching (GGDM_EINVAL: columns that are too many, GGDM_ENOMEM). */
ggdm_status ggdm_way_finish(ggdm_way *way, const ggdm_sample *sample, ggdm_way_files *out,
                            ggdm_error *err);
/** Forget the way, where no files are wanted of it after all.  Safe on a new one, and twice. */
void ggdm_way_deinit(ggdm_way *way);
void ggdm_way_files_deinit(ggdm_way_files *files);

#endif
