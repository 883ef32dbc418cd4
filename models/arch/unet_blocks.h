/* Blocks of U-Nets, as the networks of several people are made of them: in what they differ is said
 * by a struct.  All return -1 after an error (sticky, see models/nn/graph.h). */
#ifndef GGDM_MODELS_ARCH_UNET_BLOCKS_H
#define GGDM_MODELS_ARCH_UNET_BLOCKS_H

#include "models/arch/arch.h"

/* How the layers of a time embedding are called. */
typedef struct ggdm_time_names {
    const char *first, *second;
    const char *labels; /* table of the classes */
} ggdm_time_names;

/** SiLU(second(SiLU(first(features))) + class embedding): features of the timestep [N, F], label
 * [N] i32 of one of n_labels, or -1 (always where n_labels is 0): none -> [N, dim]. */
ggdm_val ggdm_time_embedding_emit(const ggdm_time_names *names, ggdm_graph *g, ggdm_val features,
                                  int dim, int n_labels, ggdm_val label);

/** What a U-Net gives [N, H, W, channels, or twice as many], to ports: eps, and behind it the
 *  learned variance where there is one. */
void ggdm_unet_outputs(ggdm_graph *g, ggdm_val out, int channels, ggdm_ports *ports);

/* How the parts of a residual block are called, behind its prefix. */
typedef struct ggdm_residual_names {
    const char *norm1, *conv1, *embedding, *norm2, *conv2, *shortcut;
} ggdm_residual_names;

/* What is done to the size of the image before the first convolution, and on the way past it. */
typedef enum ggdm_residual_size {
    GGDM_RESIDUAL_KEEP,
    GGDM_RESIDUAL_HALVE, /* mean of 2 x 2 pixels */
    GGDM_RESIDUAL_DOUBLE /* nearest */
} ggdm_residual_size;

typedef struct ggdm_residual {
    const ggdm_residual_names *names;
    int groups; /* of the norms */
    double eps;
    bool scale_shift; /* the embedding scales and shifts behind the second norm (FiLM), instead of
                         being added in front of it */
    ggdm_residual_size size;
} ggdm_residual;

/** conv2(SiLU(norm2(conv1(SiLU(norm1(x))) + linear(embedding)))) + x, of which the shortcut is a
 *  convolution of one pixel where the width changes: [N, H, W, C] -> [N, H', W', out].
 *  embedding: SiLU of that of the timestep (and class), [N, E]. */
ggdm_val ggdm_residual_emit(const ggdm_residual *block, ggdm_graph *g, ggdm_val x,
                            ggdm_val embedding, const char *prefix, int out);

/* Attention whose queries, keys and values come from one layer. */
typedef struct ggdm_fused_attention {
    const char *norm, *qkv, *out; /* names behind the prefix */
    bool norm_unused;             /* the norm has parameters, but is not applied */
    bool pointwise;               /* weights [O, I, 1], of convolutions of one pixel */
    bool heads_first;             /* q, k, v of each head, one head behind the other; else of all
                                     heads together the queries, the keys, the values */
    int heads;
    int groups; /* of the norm */
    double eps;
} ggdm_fused_attention;

/** x + out(attention(qkv(norm(x)))), x [N, H, W, C]. */
ggdm_val ggdm_fused_attention_emit(const ggdm_fused_attention *block, ggdm_graph *g, ggdm_val x,
                                   const char *prefix);
/** attention(qkv(x)) of tokens or images alone, no norm, no sum: [..., C] -> [..., C]. */
ggdm_val ggdm_fused_attention_core(const ggdm_fused_attention *block, ggdm_graph *g, ggdm_val x,
                                   const char *prefix);

#endif
