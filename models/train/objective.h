/* What one training step computes on one rank: the graph from a batch to the gradients, and the
 * batches that are put into it.  A batch is a pure function of (recipe, step, rank, ranks).
 * Each objective is one file objective_*.c and one row of the table in objective.c. */
#ifndef GGDM_MODELS_TRAIN_OBJECTIVE_H
#define GGDM_MODELS_TRAIN_OBJECTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/collective.h"
#include "common/status.h"
#include "models/arch/arch.h"
#include "models/nn/graph.h"
#include "models/train/adamw.h"
#include "models/train/contrast.h"
#include "models/train/dataset.h"
#include "models/train/train_measures.h"
#include "models/train/noising.h"
#include "models/train/text_condition.h"
#include "models/train/train_recipe.h"

enum { GGDM_OBJECTIVE_Y = 3 };

typedef struct ggdm_objective_graph {
    const struct ggdm_objective_kind *kind;
    ggdm_graph *g;
    ggdm_arch_info info;
    int batch;                    /* images of this rank */
    int global_batch;             /* of all ranks: losses and gradients are divided by it */
    ggdm_ports in;                /* inputs of the network, and what it gives */
    ggdm_val y[GGDM_OBJECTIVE_Y]; /* [n_y] what gradients begin at: ddpm: squared error [B];
                                     classifiers: log probabilities [B, K]; contrastive: normalised
                                     embeddings of images and texts [B, E], scale [1] */
    int n_y;
    ggdm_val seed[GGDM_OBJECTIVE_Y]; /* d(total)/d(y) */
    ggdm_val target;                 /* ddpm: what is to be found [B, H, W, C] */
    ggdm_val *grads;                 /* [n_params] owned; NULL where built without gradients */
    int n_params;
    ggdm_text_condition *texts; /* of networks that look at them; NULL; borrowed */
    int32_t *told;              /* [batch] which of them each image is told; owned */
    ggdm_noising noising;       /* of objectives whose network sees x_t */
    ggdm_contrast contrast;     /* contrastive: of the batch of all ranks */
    double loss;                /* contrastive: this rank's share */
    float *scratch;             /* [batch, H, W, C], owned: of augmentation, then of noise */
    int32_t *index;             /* [batch] of the images in the batch, owned */
} ggdm_objective_graph;

/** Which data the network needs for the objective. */
ggdm_image_want ggdm_objective_want(const ggdm_recipe *recipe, const ggdm_arch_info *info);
/** What evaluations of it measure. */
void ggdm_objective_measures(const ggdm_recipe *recipe, const ggdm_arch_info *info,
                             ggdm_measures *out);

/** What the accuracy of an evaluation is called. */
const char *ggdm_objective_accuracy_name(const ggdm_recipe *recipe);

/** Build the graph for batches of batch images of this rank; with gradients to all parameters, or
 *  without for evaluation.  texts: for networks that look at them, else NULL; borrowed.  Compile it
 * with ggdm_graph_compile when the parameters exist. Errors: GGDM_ESHAPE, GGDM_EINVAL where the
 * network does not fit the objective. */
ggdm_status ggdm_objective_create(const ggdm_recipe *recipe, const ggdm_arch *arch,
                                  ggdm_text_condition *texts, int batch, int global_batch,
                                  bool gradients, ggdm_objective_graph **out, ggdm_error *err);
void ggdm_objective_destroy(ggdm_objective_graph **o);

/** Fill the inputs with the training images at positions first, first + 1, .. of the run's stream.
 *  Errors: those of ggdm_text_condition_get. */
ggdm_status ggdm_objective_fill(ggdm_objective_graph *o, const ggdm_recipe *recipe,
                                const ggdm_dataset *set, ggdm_order *order, int64_t first,
                                ggdm_error *err);

/** Run the graph, forward and backward.  Collective where the objective has the ranks compare what
 *  they found.  Errors: those of ggdm_world_sum. */
ggdm_status ggdm_objective_run(ggdm_objective_graph *o, ggdm_world *world, ggdm_error *err);

/** After a run: the sum of the losses of this rank's images divided by global_batch, and the
 *  gradients in flat->g (padding untouched). */
double ggdm_objective_collect(const ggdm_objective_graph *o, ggdm_flat *flat);

/** After a step of the optimiser: bring weights back into the bounds that the objective has. */
void ggdm_objective_limit(const ggdm_objective_graph *o, ggdm_flat *flat);

/** Mean loss and the measures over images 0..n-1 of set (of some objectives fewer), without
 *  augmentation and with their own labels; timesteps and noise depend on the image index only.  o
 *  is a graph without gradients, compiled.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_objective_evaluate(ggdm_objective_graph *o, const ggdm_recipe *recipe,
                                    const ggdm_dataset *set, int64_t n, ggdm_evaluation *out,
                                    ggdm_error *err);

#endif
