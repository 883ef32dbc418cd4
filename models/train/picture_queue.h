/* Pictures whose bytes come one after the other, decoded by all threads once there are some. */
#ifndef GGDM_MODELS_TRAIN_PICTURE_QUEUE_H
#define GGDM_MODELS_TRAIN_PICTURE_QUEUE_H

#include "models/train/faults.h"
#include "models/train/images.h"

typedef struct ggdm_queued {
    char *bytes, *where; /* owned */
    size_t size;
    int32_t i;
} ggdm_queued;

/* Empty when zeroed, but for the first three. */
typedef struct ggdm_picture_queue {
    const ggdm_image_want *want;
    ggdm_images *images; /* with room for all */
    ggdm_faults *faults; /* of those that cannot be used, in the order in which they came */
    ggdm_queued *items;  /* [n]; owned */
    size_t n, cap;
    size_t bytes; /* of all in it */
    int32_t done; /* pictures that were decoded */
    double told;  /* when that was said, seconds; 0: not yet */
} ggdm_picture_queue;

/** The picture in these bytes (owned from here on, also after a failure) becomes image i.
 *  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_picture_queue_add(ggdm_picture_queue *q, int32_t i, char *bytes, size_t size,
                                   const char *where, ggdm_error *err);
/** Decode what is in it.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_picture_queue_flush(ggdm_picture_queue *q, ggdm_error *err);
void ggdm_picture_queue_deinit(ggdm_picture_queue *q);

#endif
