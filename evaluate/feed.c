#include "evaluate/feed.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/png_image.h"

enum { MAX_IMAGE = 30 << 20 }; /* bytes: a block of them is less than 2 GiB */

/* In front of each image, in a rank's piece of a round. */
typedef struct header {
    int32_t index;
    int32_t height, width, channels;
    uint64_t size;
} header;

/* A round is a block of images for each rank; at its end rank 0 says: */
typedef struct round_end {
    int32_t last; /* no other follows */
    int64_t n;    /* images of it */
} round_end;

typedef struct piece {
    char *data; /* headers and images */
    size_t size, cap;
} piece;

struct ggdm_feed {
    ggdm_world *world;
    ggdm_features *features;
    ggdm_rows *rows; /* [layers] */
    piece mine;      /* this rank's block of the round */
    piece filling;   /* rank 0: that of another */
    int64_t n;       /* rank 0: images of the round so far */
    ggdm_status st;  /* of the rounds so far, the same on all ranks */
    ggdm_error why;
};

ggdm_status ggdm_feed_open(ggdm_world *world, ggdm_features *features, ggdm_rows *rows,
                           ggdm_feed **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    ggdm_feed *f = *out;
    f->world = world;
    f->features = features;
    f->rows = rows;
    for (int32_t k = 0; k < ggdm_features_layers(features); k++) {
        ggdm_feature_rows_clear(&rows[k].own);
        rows[k].world = world;
        rows[k].n = rows[k].d = 0;
    }
    return GGDM_OK;
}

void ggdm_feed_close(ggdm_feed **feed)
{
    if (!*feed)
        return;
    free((*feed)->mine.data);
    free((*feed)->filling.data);
    free(*feed);
    *feed = NULL;
}

/* ---- what a rank does with its piece ---- */

static ggdm_status decode(const header *h, const void *data, ggdm_pixels *out, ggdm_error *err)
{
    if (h->height == 0)
        return ggdm_png_decode(data, h->size, GGDM_PNG_MAX_SIDE, out, err);
    GGDM_TRY(ggdm_pixels_init(out, h->height, h->width, h->channels, err));
    memcpy(out->data, data, h->size);
    return GGDM_OK;
}

static ggdm_status add_image(ggdm_feed *f, const header *h, const void *data,
                             ggdm_feature_rows *own, ggdm_error *err)
{
    ggdm_pixels image = {0};
    ggdm_status st = decode(h, data, &image, err);
    if (st == GGDM_OK)
        st = ggdm_features_add(f->features, &image, h->index, own, err);
    ggdm_pixels_deinit(&image);
    if (st == GGDM_OK || st == GGDM_ENUMERIC)
        return st;
    return ggdm_error_prefix(err, "image %d", h->index);
}

static ggdm_status add_piece(ggdm_feed *f, ggdm_feature_rows *own, ggdm_error *err)
{
    for (size_t at = 0; at < f->mine.size;) {
        header h;
        memcpy(&h, f->mine.data + at, sizeof h);
        GGDM_TRY(add_image(f, &h, f->mine.data + at + sizeof h, own, err));
        at += sizeof h + h.size;
    }
    return ggdm_features_flush(f->features, own, err);
}

/* Into the sets of this rank, of which each layer is one. */
static ggdm_status use_piece(ggdm_feed *f, ggdm_error *err)
{
    ggdm_feature_rows own[GGDM_MAX_LAYERS] = {0};
    const int32_t layers = ggdm_features_layers(f->features);
    for (int32_t k = 0; k < layers; k++)
        own[k] = f->rows[k].own;
    ggdm_status st = add_piece(f, own, err);
    for (int32_t k = 0; k < layers; k++)
        f->rows[k].own = own[k];
    return st;
}

/* All ranks know how wide rows are, also those that have none. */
static ggdm_status agree_on_width(ggdm_feed *f, int64_t n, ggdm_error *err)
{
    for (int32_t k = 0; k < ggdm_features_layers(f->features); k++) {
        ggdm_rows *rows = &f->rows[k];
        int64_t d = rows->own.d;
        GGDM_TRY(ggdm_world_broadcast(f->world, 0, &d, sizeof d, err));
        const ggdm_status st =
            rows->own.d == d || rows->own.n == 0
                ? GGDM_OK
                : GGDM_FAIL(err, GGDM_ESHAPE, "image %d: %lld features, others have %lld",
                            rows->own.images[0], (long long)rows->own.d, (long long)d);
        GGDM_TRY(ggdm_world_agree(f->world, st, err));
        rows->d = d;
        rows->n += n;
    }
    return GGDM_OK;
}

/* Every rank has its piece: what comes of it.  end: in, on rank 0; out, on all. */
static ggdm_status end_round(ggdm_feed *f, round_end *end, ggdm_error *err)
{
    const ggdm_status st = use_piece(f, err);
    GGDM_TRY(ggdm_world_broadcast(f->world, 0, end, sizeof *end, err));
    GGDM_TRY(ggdm_world_agree(f->world, st, err));
    return end->n > 0 ? agree_on_width(f, end->n, err) : GGDM_OK;
}

/* ---- rank 0 ---- */

/* To its rank, unless that is this one, who keeps it until the round's end. */
static ggdm_status send_block(ggdm_feed *f, int to, ggdm_error *err)
{
    const size_t size = f->filling.size;
    f->filling.size = 0;
    return to == 0 ? GGDM_OK : ggdm_world_send(f->world, to, f->filling.data, size, err);
}

/* What was begun, nothing for those who have no block, and the end. */
static ggdm_status finish_round(ggdm_feed *f, round_end end, ggdm_error *err)
{
    const int first = (int)(f->n / GGDM_ROWS_BLOCK);
    ggdm_status st = GGDM_OK;
    for (int r = first; r < ggdm_world_size(f->world) && st == GGDM_OK; r++)
        st = send_block(f, r, err);
    end.n = f->n;
    if (st == GGDM_OK)
        st = end_round(f, &end, err);
    f->n = 0;
    f->mine.size = 0;
    return st;
}

static ggdm_status append(piece *p, const ggdm_feed_image *image, ggdm_error *err)
{
    const header h = {.index = image->index,
                      .height = image->height,
                      .width = image->width,
                      .channels = image->channels,
                      .size = image->size};
    const size_t size = p->size + sizeof h + image->size;
    GGDM_TRY(ggdm_grow(&p->data, &p->cap, size, 1, err));
    memcpy(p->data + p->size, &h, sizeof h);
    memcpy(p->data + p->size + sizeof h, image->data, image->size);
    p->size = size;
    return GGDM_OK;
}

ggdm_status ggdm_feed_put(ggdm_feed *f, const ggdm_feed_image *image, ggdm_error *err)
{
    const int ranks = ggdm_world_size(f->world);
    /* (A round that is full ends when one more comes, so that the last knows that it is.) */
    if (f->st == GGDM_OK && f->n == (int64_t)ranks * GGDM_ROWS_BLOCK)
        f->st = finish_round(f, (round_end){0}, &f->why);
    if (f->st != GGDM_OK)
        return GGDM_FAIL(err, GGDM_ECANCELLED, "the features of an earlier image failed");
    if (image->size > MAX_IMAGE)
        return GGDM_FAIL(err, GGDM_EUNSUPPORTED, "image %d: %zu bytes, expected at most %d",
                         image->index, image->size, MAX_IMAGE);
    const int to = (int)(f->n / GGDM_ROWS_BLOCK);
    GGDM_TRY(append(to == 0 ? &f->mine : &f->filling, image, err));
    return ++f->n % GGDM_ROWS_BLOCK == 0 ? send_block(f, to, err) : GGDM_OK;
}

ggdm_status ggdm_feed_end(ggdm_feed *f, ggdm_status st, ggdm_error *err)
{
    if (f->st == GGDM_OK)
        f->st = finish_round(f, (round_end){.last = 1}, &f->why);
    if (f->st == GGDM_OK)
        return ggdm_world_agree(f->world, st, err);
    *err = f->why;
    return f->st;
}

/* ---- the others ---- */

ggdm_status ggdm_feed_serve(ggdm_feed *f, ggdm_error *err)
{
    round_end end = {0};
    while (!end.last) {
        GGDM_TRY(ggdm_world_receive(f->world, 0, &f->mine.data, &f->mine.cap, &f->mine.size, err));
        GGDM_TRY(end_round(f, &end, err));
    }
    return ggdm_world_agree(f->world, GGDM_OK, err);
}
