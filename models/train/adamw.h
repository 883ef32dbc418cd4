/* Parameters and their optimiser state as flat arrays, AdamW, EMA, clipping and the schedule.
 *
 * All parameters of a model lie in one array, each beginning at a multiple of 16 elements (64
 * bytes, zero padding between): reduction, clipping and update are single loops over it. */
#ifndef GGDM_MODELS_TRAIN_ADAMW_H
#define GGDM_MODELS_TRAIN_ADAMW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "models/nn/graph.h"

typedef struct ggdm_optim {
    double lr, lr_floor; /* peak and final learning rate */
    int64_t warmup;      /* steps of linear rise */
    double beta1, beta2, eps;
    double weight_decay; /* decoupled: w -= lr * weight_decay * w, matrices and kernels only */
    double clip;         /* largest global gradient norm; 0: no clipping */
    double ema;          /* decay of the running average of the weights; 0: none */
} ggdm_optim;

typedef struct ggdm_flat {
    int n_params;
    ggdm_tensor *items;         /* views into w, names owned */
    size_t *offset;             /* [n_params] elements from the beginning of the flat arrays */
    size_t *size;               /* [n_params] elements */
    bool *decay;                /* [n_params] weight decay applies (2 or more dimensions) */
    size_t n;                   /* elements of each flat array, padding included */
    int64_t n_values;           /* parameters proper, without padding */
    float *w, *g, *m, *v, *ema; /* [n]; g is [n + GGDM_FLAT_EXTRA] */
} ggdm_flat;

/* Slots after the gradient that travel with it through the reduction. */
#define GGDM_FLAT_EXTRA 4

/** Flat arrays for the declared parameters of a graph, initialised as the graph asks for from
 *  (seed, parameter index); ema = w, m = v = 0.  Owned: ggdm_flat_destroy. */
ggdm_status ggdm_flat_create(const ggdm_graph *g, uint64_t seed, ggdm_flat **out, ggdm_error *err);
void ggdm_flat_destroy(ggdm_flat **flat);

/** Learning rate of a step (from 0): linear warm-up, then half a cosine down to lr_floor at total.
 */
double ggdm_learning_rate(const ggdm_optim *o, int64_t step, int64_t total);

/** Euclidean norm of flat->g; the same for every number of threads. */
double ggdm_gradient_norm(const ggdm_flat *flat);

/** One AdamW step (Loshchilov & Hutter 2019, algorithm 2) with the gradient flat->g scaled by
 *  scale, then the EMA with decay min(ema, (1 + step) / (10 + step)).  step from 0.
 *  Element-wise: the same for every number of threads. */
void ggdm_adamw_step(const ggdm_optim *o, ggdm_flat *flat, int64_t step, double lr, double scale);

#endif
