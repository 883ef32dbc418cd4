/* The pictures of a run: files that a sweep names, known by the digest of their pixels and shape,
 * which is what stands in recipes.  Rank 0 decodes them (coordinator/run/setup_assets.c) or has
 * them from the store; workers get them at start-up, once per node. */
#ifndef GGDM_WORKER_PICTURES_H
#define GGDM_WORKER_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/hash.h"
#include "common/status.h"
#include "jobs/item.h"

#define GGDM_MAX_PICTURES 10000
#define GGDM_MAX_PICTURE_SIDE 2048                /* pixels */
#define GGDM_MAX_PICTURE_BYTES ((size_t)16 << 20) /* of one */
#define GGDM_MAX_PICTURES_BYTES ((size_t)256 << 20)

typedef struct ggdm_picture {
    char digest[GGDM_HASH_TEXT_SIZE]; /* hex */
    int32_t height, width, channels;  /* 1 grey, 3 RGB */
    const uint8_t *data;              /* [height, width, channels] */
    uint8_t *owned;                   /* data, or NULL: borrowed */
} ggdm_picture;

/* In the order of their digests. */
typedef struct ggdm_pictures {
    ggdm_picture *items; /* [n], owned */
    size_t n, cap;
    size_t bytes; /* of all pixels */
} ggdm_pictures;

/** Of the pixels and the shape. */
void ggdm_picture_digest(const ggdm_picture *picture, char hex[GGDM_HASH_TEXT_SIZE]);
size_t ggdm_picture_bytes(const ggdm_picture *picture);
/** Are the pixels those of the digest?  Errors: GGDM_EFORMAT. */
ggdm_status ggdm_picture_check(const ggdm_picture *picture, ggdm_error *err);
/** In data units (u8 / 127.5 - 1), or as a mask from 0 (black) to 1 (white), with so many channels:
 *  one of the picture stands for all. */
void ggdm_picture_fill(const ggdm_picture *picture, int32_t channels, bool mask, float *out);

/** Add a picture, whose pixels are then the list's; one that is there already goes.  Only its
 *  shape is looked at.  Errors: GGDM_EINVAL beyond the bounds above, GGDM_ENOMEM; the picture is
 *  the caller's still. */
ggdm_status ggdm_pictures_add(ggdm_pictures *pictures, const ggdm_picture *picture,
                              ggdm_error *err);
/** NULL: there is none.  pictures may be NULL. */
const ggdm_picture *ggdm_pictures_find(const ggdm_pictures *pictures, const char *digest);
void ggdm_pictures_deinit(ggdm_pictures *pictures);

/** The shapes of the pictures in the FILE rows of a tree, in order of visit, as a text (the
 *  arena's): " 28x28x1 -" (-: none is given); they decide graphs as structure does.
 *  Errors: GGDM_EINVAL where one is not there, at its place. */
ggdm_status ggdm_pictures_shapes(const ggdm_pictures *pictures, ggdm_arena *arena,
                                 const ggdm_item *tree, const char **out, ggdm_error *err);

#endif
