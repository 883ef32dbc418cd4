/* What images are compared by: their pixels, or what a layer of a network makes of them.  A source
 * is named by a text: "pixels", "MODEL" or "MODEL:LAYER"; a layer is one of the ports that the
 * network gives, or an inner layer (models/arch/arch.h).  Networks are run in f32, so that features
 * have the same bits whatever the batch and the number of threads. */
#ifndef GGDM_EVALUATE_FEATURES_H
#define GGDM_EVALUATE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/png_image.h"
#include "common/status.h"

/* A row for each image.  Empty when zeroed. */
typedef struct ggdm_feature_rows {
    float *x;        /* [n, d], owned */
    int32_t *images; /* [n] their indices, owned */
    int64_t n, d;
    size_t x_cap, images_cap;
} ggdm_feature_rows;

/** Take the rows out, to be filled anew. */
void ggdm_feature_rows_clear(ggdm_feature_rows *rows);
void ggdm_feature_rows_deinit(ggdm_feature_rows *rows);

typedef struct ggdm_features ggdm_features;

#define GGDM_MAX_LAYERS 2 /* taken of an image at once */

/** The directory of a model, for ggdm_model_files_open, in *path (owned). */
typedef ggdm_status (*ggdm_feature_finder)(void *context, const char *model, char **path,
                                           ggdm_error *err);

/** Open the source called text; the instruction set is pinned before.
 *  logits: what the network says of classes is wanted, too, as the last layer.
 *  Errors: GGDM_EINVAL where the network has no such layer; those of the model's files. */
ggdm_status ggdm_features_open(const char *text, bool logits, ggdm_feature_finder find,
                               void *context, ggdm_features **out, ggdm_error *err);
void ggdm_features_close(ggdm_features **features);

/** How many matrices images give: the layer asked for, and logits where they are another. */
int32_t ggdm_features_layers(const ggdm_features *f);
/** What a layer is, for results: "pixels", or "MODEL:LAYER@DIGEST" with the first digits of the
 *  model's. */
const char *ggdm_features_name(const ggdm_features *f, int32_t layer);

/** How many numbers the layer has of an image; 0: as many as the image. */
int64_t ggdm_features_width(const ggdm_features *f, int32_t layer);
/** The size x size pixels and the channels of an image; 0: any. */
void ggdm_features_takes(const ggdm_features *f, int *size, int *channels);

/** Add an image, which may wait for others, to rows [layers].  index: for messages.
 *  An encoder (CLIP) sees it resized as its scorer does (worker/scorers/clip.c), a grey one in
 * three channels.  Errors: GGDM_ESHAPE where it has not the size that the network takes, which does
 * not resize images, or not that of the others; those of ggdm_features_flush. */
ggdm_status ggdm_features_add(ggdm_features *f, const ggdm_pixels *image, int32_t index,
                              ggdm_feature_rows *rows, ggdm_error *err);
/** Now all that were added are in rows.  Errors: GGDM_ENUMERIC naming the image whose features are
 *  not finite; none waits after an error. */
ggdm_status ggdm_features_flush(ggdm_features *f, ggdm_feature_rows *rows, ggdm_error *err);

#endif
