/* Images from rank 0 to features on all ranks: it reads them, in their order, and deals them in
 * blocks; who gets one decodes it and runs the network.
 *
 *     rank 0:                                  the others:
 *     ggdm_feed_put(feed, ...) for each        st = ggdm_feed_serve(feed, err);
 *     st = ggdm_feed_end(feed, st, err);
 *
 * Where anything fails anywhere, all return the same status and message. */
#ifndef GGDM_EVALUATE_FEED_H
#define GGDM_EVALUATE_FEED_H

#include "evaluate/rows.h"

typedef struct ggdm_feed ggdm_feed;

/* An image as rank 0 has it: a PNG, or its pixels [height, width, channels]. */
typedef struct ggdm_feed_image {
    int32_t index; /* for messages */
    const void *data;
    size_t size;
    int32_t height, width, channels; /* 0: a PNG */
} ggdm_feed_image;

/** rows [layers of the source] are filled; both are borrowed until ggdm_feed_close. */
ggdm_status ggdm_feed_open(ggdm_world *world, ggdm_features *features, ggdm_rows *rows,
                           ggdm_feed **out, ggdm_error *err);
void ggdm_feed_close(ggdm_feed **feed);

/** On rank 0: one more.  Errors: GGDM_ECANCELLED: another rank failed, which ggdm_feed_end says;
 *  GGDM_ENOMEM. */
ggdm_status ggdm_feed_put(ggdm_feed *feed, const ggdm_feed_image *image, ggdm_error *err);
/** On rank 0: there are no more, or reading them failed (st, *err).  Errors: st; on any rank those
 *  of decoding and of ggdm_features_add, naming the image. */
ggdm_status ggdm_feed_end(ggdm_feed *feed, ggdm_status st, ggdm_error *err);
/** On the other ranks: until rank 0 ends. */
ggdm_status ggdm_feed_serve(ggdm_feed *feed, ggdm_error *err);

#endif
