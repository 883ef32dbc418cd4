/* The compiled graphs of a job: one network per (purpose, batch size), made when first used.
 *
 * Purposes: eps (unguided step), guided (eps and the guidance gradient in one graph), and the score
 * of finished images by a classifier.  A batch of n images uses the smallest compiled size that
 * holds it; the images of the padding are ignored, and no image's bits depend on its neighbours. */
#ifndef GGDM_WORKER_NETWORKS_H
#define GGDM_WORKER_NETWORKS_H

#include "common/status.h"
#include "jobs/messages.h"
#include "models/model.h"

typedef enum ggdm_purpose {
    GGDM_NET_EPS,
    GGDM_NET_GUIDED,
    GGDM_NET_GUIDE_SCORE,
    GGDM_NET_JUDGE_SCORE,
    GGDM_NET_PURPOSES
} ggdm_purpose;

/* A compiled graph and the memory of its inputs and outputs; NULL where a purpose has none. */
typedef struct ggdm_network {
    ggdm_graph *graph; /* owned */
    int32_t batch;
    float *x;          /* [batch, H, W, C] in */
    float *t;          /* [batch] in: timestep */
    float *x0_x;       /* [batch] in: x0-hat = x0_x x + x0_eps eps */
    float *x0_eps;     /* [batch] in */
    int32_t *target;   /* [batch] in: class */
    const float *eps;  /* [batch, H, W, C] out */
    const float *grad; /* [batch, H, W, C] out: gradient of the loss as job.gradient says */
    const float *logp; /* [batch, K] out, scores */
} ggdm_network;

typedef struct ggdm_networks ggdm_networks;

/** The models are borrowed; guide and judge may be NULL.
 *  Errors: GGDM_ESHAPE where a classifier does not take the diffusion model's images. */
ggdm_status ggdm_networks_create(const ggdm_job *job, const ggdm_model *diffusion,
                                 const ggdm_model *guide, const ggdm_model *judge,
                                 ggdm_networks **out, ggdm_error *err);
void ggdm_networks_destroy(ggdm_networks **nets);

/** The network of a purpose for n images, 1 <= n <= job.batch; borrowed. */
ggdm_status ggdm_networks_get(ggdm_networks *nets, ggdm_purpose purpose, int32_t n,
                              ggdm_network **out, ggdm_error *err);

#endif
