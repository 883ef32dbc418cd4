/* What one training step computes on one rank: the graph from a batch to the gradients, and the
 * batches that are put into it.  A batch is a pure function of (recipe, step, rank, ranks). */
#ifndef GGDM_MODELS_TRAIN_OBJECTIVE_H
#define GGDM_MODELS_TRAIN_OBJECTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "models/arch/arch.h"
#include "models/nn/graph.h"
#include "models/train/adamw.h"
#include "models/train/curve.h"
#include "models/train/dataset.h"
#include "models/train/train_recipe.h"

typedef struct ggdm_objective_graph {
    ggdm_graph *g;
    ggdm_arch_info info;
    int batch;             /* images of this rank */
    int global_batch;      /* of all ranks: losses and gradients are divided by it */
    ggdm_ports in;         /* inputs of the network */
    ggdm_val target, loss; /* ddpm: what is to be found [B, H, W, C], mean squared error [B] */
    ggdm_val logp;         /* classifiers: log probabilities [B, K] */
    ggdm_val seed;         /* ddpm [B]: d(total)/d(loss); classifiers [B, K]: d(total)/d(logp) */
    ggdm_val *grads;       /* [n_params] owned; NULL where built without gradients */
    int n_params;
    float *sqrt_ab, *sqrt_1mab; /* [timesteps] sqrt(alpha_bar), sqrt(1 - alpha_bar); owned */
    float *scratch;             /* [batch, H, W, C], owned: of augmentation, then of noise */
    int32_t *index;             /* [batch] of the images in the batch, owned */
} ggdm_objective_graph;

/** Build the graph for batches of batch images of this rank; with gradients to all parameters, or
 *  without for evaluation.  Compile it with ggdm_graph_compile when the parameters exist.
 *  Errors: GGDM_ESHAPE, GGDM_EINVAL where the network does not fit the objective. */
ggdm_status ggdm_objective_create(const ggdm_recipe *recipe, const ggdm_arch *arch, int batch,
                                  int global_batch, bool gradients, ggdm_objective_graph **out,
                                  ggdm_error *err);
void ggdm_objective_destroy(ggdm_objective_graph **o);

/** Fill the inputs with the training images at positions first, first + 1, .. of the run's stream.
 */
void ggdm_objective_fill(ggdm_objective_graph *o, const ggdm_recipe *recipe,
                         const ggdm_dataset *set, ggdm_order *order, int64_t first);

/** After a run: the sum of the losses of this rank's images divided by global_batch, and the
 *  gradients in flat->g (padding untouched). */
double ggdm_objective_collect(const ggdm_objective_graph *o, ggdm_flat *flat);

typedef struct ggdm_evaluation {
    int64_t n;                 /* images */
    double loss;               /* mean: squared error, or nats (without label smoothing) */
    double accuracy;           /* 0..1, or -1 for ddpm */
    double by_t[GGDM_T_BANDS]; /* noisy-classifier: of the images in each band; -1: none is there */
} ggdm_evaluation;

/** Mean loss (and accuracy) over images 0..n-1 of set, without augmentation and with their own
 *  labels; timesteps and noise depend on the image index only.  o is a graph without gradients,
 *  compiled. */
ggdm_evaluation ggdm_objective_evaluate(ggdm_objective_graph *o, const ggdm_recipe *recipe,
                                        const ggdm_dataset *set, int64_t n);

#endif
