/* "GgdmCNN": a convolutional classifier, layer by layer as its config.json lists them
 * (docs/MODELS.md has the language). */
#ifndef GGDM_MODELS_ARCH_CNN_H
#define GGDM_MODELS_ARCH_CNN_H

#include "common/class_groups.h"
#include "common/fields.h"
#include "models/nn/graph.h"

#define GGDM_CNN_LAYERS 64

typedef enum ggdm_cnn_kind {
    GGDM_CNN_CONV,
    GGDM_CNN_MAX_POOL,
    GGDM_CNN_AVG_POOL,
    GGDM_CNN_GLOBAL_AVG,
    GGDM_CNN_FLATTEN,
    GGDM_CNN_LINEAR
} ggdm_cnn_kind;

typedef enum ggdm_cnn_act { GGDM_CNN_NONE, GGDM_CNN_SILU, GGDM_CNN_RELU } ggdm_cnn_act;

typedef struct ggdm_cnn_layer {
    ggdm_cnn_kind kind;
    int32_t width;       /* output channels of a convolution, features of a linear layer */
    int32_t kernel;      /* of a convolution (odd), window and stride of a pool; pixels */
    int32_t stride;      /* of a convolution: 1 or 2 */
    int32_t norm_groups; /* group norm between convolution and activation; 0: none */
    int act;             /* ggdm_cnn_act */
} ggdm_cnn_layer;

typedef struct ggdm_cnn {
    int32_t size;     /* height and width, pixels */
    int32_t channels; /* of the image */
    int32_t n_classes;
    ggdm_class_groups classes; /* names; n = 0: none.  Each group is normalised by itself */
    int32_t time_dim;          /* of the embedding of the timestep; 0: the network takes none */
    int32_t n_layers;          /* the implicit last linear layer included */
    ggdm_cnn_layer layers[GGDM_CNN_LAYERS];
} ggdm_cnn;

/* The keys of each kind of entry of "layers"; NULL at the end. */
extern const ggdm_field *const ggdm_cnn_layer_fields[];

/** Emit the network: x [N, size, size, channels], with time_dim t [N] f32 (else ignored) ->
 *  [N, n_classes] f32, before they are normalised; *features: what the last layer makes them of,
 *  or what a layer gives.  inner: nothing behind these, and the result is -1. */
ggdm_val ggdm_cnn_emit(const ggdm_cnn *net, ggdm_graph *g, ggdm_val x, ggdm_val t,
                       const char *layer, bool inner, ggdm_val *features);
/** The number of an inner layer by the name of its parameters ("layers.3"), the last one not among
 * them; -1: there is none. */
int ggdm_cnn_find_layer(const ggdm_cnn *net, const char *name);

#endif
