/* The forward process of training: images at random timesteps, with noise. */
#ifndef GGDM_MODELS_TRAIN_NOISING_H
#define GGDM_MODELS_TRAIN_NOISING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/status.h"
#include "models/train/train_measures.h"
#include "models/train/train_recipe.h"

/* Parts of the timesteps, by which networks of noisy images are measured. */
enum { GGDM_T_BANDS = 10 };

typedef struct ggdm_noising {
    const ggdm_recipe *recipe;  /* borrowed: schedule, seed, what is to be found */
    float *sqrt_ab, *sqrt_1mab; /* [timesteps] sqrt(alpha_bar), sqrt(1 - alpha_bar); owned */
} ggdm_noising;

ggdm_status ggdm_noising_init(const ggdm_recipe *recipe, ggdm_noising *out, ggdm_error *err);
/** Safe on a zeroed struct and twice. */
void ggdm_noising_deinit(ggdm_noising *noising);

/** x [n] becomes x_t = sqrt(ab_t) x + sqrt(1 - ab_t) eps; target [n] what of it is to be found;
 *  returns t.  training: as against an evaluation, whose noise is another. */
int ggdm_noising_apply(const ggdm_noising *noising, uint64_t sample, bool training, int64_t n,
                       float *x, float *target);

/** The first timestep of a band of 0 .. timesteps - 1; of GGDM_T_BANDS: timesteps. */
int32_t ggdm_band_begin(int32_t timesteps, int band);
/** The band of the timestep of a sample of an evaluation. */
int ggdm_band_of(const ggdm_recipe *recipe, uint64_t sample);

#endif
