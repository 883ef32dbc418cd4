/* Ticks of guided chains by their definition in double (docs/GUIDANCE.md), on a world in closed
 * form (exact.h).  Nothing of the program is asked but the rows of the tree and the noise by its
 * names.
 */
#ifndef GGDM_TESTS_SUPPORT_BY_HAND_H
#define GGDM_TESTS_SUPPORT_BY_HAND_H

#include "tests/support/exact.h"

/* Chains have BY_HAND_STEPS of BY_HAND_T timesteps; images are of BY_HAND_SEED, with this label
 * where the model takes one. */
enum {
    BY_HAND_D = GGDM_EXACT_D,
    BY_HAND_STEPS = 5,
    BY_HAND_T = 10,
    BY_HAND_SEED = 7,
    BY_HAND_LABEL = 0
};

/* Where a tick is. */
typedef struct by_hand_tick {
    const ggdm_exact *w;
    const ggdm_item *sampler, *setting; /* setting NULL: unguided */
    int image, step, repeat, evaluation;
    double carried[BY_HAND_D]; /* by apg's momentum, of the step before */
} by_hand_tick;

typedef struct by_hand_outcome {
    double eps[BY_HAND_D], x0[BY_HAND_D]; /* after what moves eps */
    double change[BY_HAND_D];             /* of x0-hat, for the sampler */
    double shift[BY_HAND_D];              /* that is subtracted from the step's result */
    double carry[BY_HAND_D];              /* for the next step */
    double size;                          /* sum of the magnitudes of what guidance adds */
} by_hand_outcome;

/* What a step remembers: dpmpp-2m of the step before, heun of its first evaluation. */
typedef struct by_hand_memory {
    double old[BY_HAND_D];   /* x0-hat of the step before */
    double now[BY_HAND_D];   /* of this one */
    double half[BY_HAND_D];  /* what is known after one evaluation */
    double carry[BY_HAND_D]; /* what the last evaluation carries on */
} by_hand_memory;

/* How many gradients were too short to be scaled since it was set to 0. */
extern int by_hand_faint;

bool by_hand_is_kind(const ggdm_item *item, const char *name);
/* alpha of a step. */
double by_hand_alpha(const by_hand_tick *k, int step);
/* v of a schedule by its name. */
double by_hand_schedule(const by_hand_tick *k, const char *name);
/* The tick's noise of a stream. */
void by_hand_normals(const by_hand_tick *k, uint32_t stream, double *out);
/* Sum of the squares of an image. */
double by_hand_square(const double *v);
/* What guidance makes of x. */
void by_hand_guided(const by_hand_tick *k, const double *x, by_hand_outcome *o);
/* The step's result, which is x of the next tick unless the step is made again. */
void by_hand_step(const by_hand_tick *k, const double *x, const by_hand_outcome *o,
                  by_hand_memory *m, double *out);

#endif
