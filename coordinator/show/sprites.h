/* The images of a run as pictures of many: for each trajectory one PNG, its images side by side in
 * their order, pixel by pixel as they are.  They are kept in a temporary file until it is known
 * where they go, so that a large run takes no memory. */
#ifndef GGDM_COORDINATOR_SPRITES_H
#define GGDM_COORDINATOR_SPRITES_H

#include <stdio.h>

#include "common/temp.h"
#include "jobs/results.h"

#define GGDM_SPRITE_COLUMNS 20
/* Pixels of a sprite at most (and no phone shows more): of larger trajectories it has the first
 * images. */
#define GGDM_SPRITE_PIXELS ((int64_t)8 << 20)

typedef struct ggdm_sprite {
    int64_t trajectory;
    int32_t wanted;                     /* images that cells show of it, at most */
    int32_t width, height, channels;    /* of an image; 0: there is none */
    int32_t columns, shown;             /* tiles: images 0 .. shown - 1 */
    int32_t images, diverged;           /* that are there, and of them */
    int32_t *missing, *diverged_images; /* [shown - those], [diverged], owned: their indices */
    int32_t *diverged_steps;            /* [diverged], owned */
    int32_t n_missing;
    long at;     /* of its PNG in the file */
    size_t size; /* bytes */
} ggdm_sprite;

typedef struct ggdm_sprites {
    ggdm_temp temp;       /* owned */
    FILE *file;           /* of it, owned */
    ggdm_sprite *sprites; /* [n], owned, by trajectory; those without images, too */
    int32_t n;
    int64_t images; /* of all */
    size_t bytes;   /* of all, as base64 */
} ggdm_sprites;

/** Make those of all trajectories that cells show.  *out is owned: ggdm_sprites_deinit, also after
 *  an error.
 *  dir  where the temporary file may be
 *  Errors: GGDM_EFORMAT (damaged image), GGDM_ESHAPE (images of unequal size), GGDM_EIO, those of
 *  the store. */
ggdm_status ggdm_sprites_make(const ggdm_results *r, const char *dir, ggdm_sprites *out,
                              ggdm_error *err);
/** Write one as base64. */
ggdm_status ggdm_sprite_put_base64(const ggdm_sprites *s, int32_t i, FILE *f, ggdm_error *err);
/** Write all as files TRAJECTORY.png into a directory, which is made. */
ggdm_status ggdm_sprites_write(const ggdm_sprites *s, const char *dir, ggdm_error *err);
/** Safe on a zeroed struct and twice. */
void ggdm_sprites_deinit(ggdm_sprites *s);

#endif
