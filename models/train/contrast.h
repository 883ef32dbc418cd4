/* Pairs of images and texts, compared all with all: the loss by which CLIP learns (symmetric
 * InfoNCE; Radford et al. 2021, figure 3) and its gradients, and retrieval.
 *
 * With normalised embeddings u_i of images, v_j of texts and a scale s, l_ij = s u_i . v_j, and
 *
 *     L = sum_i L_i / n,  L_i = (log sum_j exp l_ij + log sum_j exp l_ji) / 2 - l_ii
 */
#ifndef GGDM_MODELS_TRAIN_CONTRAST_H
#define GGDM_MODELS_TRAIN_CONTRAST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"

typedef struct ggdm_contrast {
    int n, width;         /* pairs; numbers of an embedding */
    float *pairs;         /* [2, n, width] embeddings of images, then of texts; owned */
    float *logits;        /* [n, n] l; owned */
    double *row, *column; /* [n] log sums over the texts of an image, the images of a text; owned */
} ggdm_contrast;

ggdm_status ggdm_contrast_init(int n, int width, ggdm_contrast *out, ggdm_error *err);
/** Safe on a zeroed struct and twice. */
void ggdm_contrast_deinit(ggdm_contrast *c);

/** From pairs: logits and log sums.  The same for every number of threads. */
void ggdm_contrast_compare(ggdm_contrast *c, double scale);
/** After that: the sum of L_i / n over pairs first .. first + count - 1, and of L the gradients
 * with respect to their embeddings, images and texts [count, width], and their share of that with
 *  respect to the scale (the shares of all pairs add up to it). */
double ggdm_contrast_gradient(const ggdm_contrast *c, double scale, int first, int count,
                              float *images, float *texts, double *scale_gradient);
/** L. */
double ggdm_contrast_loss(const ggdm_contrast *c);
/** How many texts that are wrong for image i are at least as near to it as the nearest that is
 * right (0: the first is right); with texts set the same of text i and images.  same(context, i,
 * j): do captions i and j say the same? */
int ggdm_contrast_ahead(const ggdm_contrast *c, int i, bool texts,
                        bool (*same)(const void *context, int i, int j), const void *context);

#endif
