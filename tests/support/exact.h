/* A world in closed form: images of four pixels from two normal distributions, as models on disk
 * and as plain functions in double. */
#ifndef GGDM_TESTS_SUPPORT_EXACT_H
#define GGDM_TESTS_SUPPORT_EXACT_H

#include "tests/support/tiny_methods.h"

enum { GGDM_EXACT_D = 4, GGDM_EXACT_K = 2, GGDM_EXACT_STEPS = 1000 };

typedef struct ggdm_exact {
    /* The caller's. */
    double weight[GGDM_EXACT_K];
    double mean[GGDM_EXACT_K][GGDM_EXACT_D], variance[GGDM_EXACT_K][GGDM_EXACT_D];
    int train_steps; /* T, at most GGDM_EXACT_STEPS; betas are linear */
    double beta_start, beta_end;
    bool conditional; /* the diffusion model takes a label: a component, or (2) none */

    double alpha_bar[GGDM_EXACT_STEPS];
    char *dir;
    ggdm_model_files files[3];
    ggdm_model_ref refs[3];
    ggdm_models models; /* in texts: U draws, G classifies x_t, J classifies images */
    ggdm_arena arena;   /* of items and texts */
} ggdm_exact;

void ggdm_exact_open(ggdm_exact *w);
void ggdm_exact_close(ggdm_exact *w);

/** p(k given x) of images noised to alpha_bar. */
void ggdm_exact_posterior(const ggdm_exact *w, const double *x, double ab, double *p);
/** eps of all images (only < 0), or of those of a component. */
void ggdm_exact_eps(const ggdm_exact *w, const double *x, double ab, int only, double *out);
/** The gradient of log p(k given x). */
void ggdm_exact_slope(const ggdm_exact *w, const double *x, double ab, int k, double *out);

#endif
