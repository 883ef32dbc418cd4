#include "models/train/noising.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/philox.h"
#include "models/schedule_config.h"
#include "models/train/objective_kind.h"

ggdm_status ggdm_noising_init(const ggdm_recipe *r, ggdm_noising *out, ggdm_error *err)
{
    const size_t n = (size_t)r->timesteps;
    const ggdm_schedule_config c = {.train_steps = r->timesteps,
                                    .beta_start = r->beta_start,
                                    .beta_end = r->beta_end,
                                    .betas = r->betas,
                                    .zero_snr = r->zero_snr};
    double *bar;
    out->recipe = r;
    GGDM_TRY(ggdm_alloc(&out->sqrt_ab, n, sizeof *out->sqrt_ab, err));
    GGDM_TRY(ggdm_alloc(&out->sqrt_1mab, n, sizeof *out->sqrt_1mab, err));
    GGDM_TRY(ggdm_alloc(&bar, n, sizeof *bar, err));
    ggdm_schedule_alpha_bar(&c, bar);
    for (size_t t = 0; t < n; t++) {
        out->sqrt_ab[t] = (float)sqrt(bar[t]);
        out->sqrt_1mab[t] = (float)sqrt(1.0 - bar[t]);
    }
    free(bar);
    return GGDM_OK;
}

void ggdm_noising_deinit(ggdm_noising *noising)
{
    free(noising->sqrt_ab);
    free(noising->sqrt_1mab);
    *noising = (ggdm_noising){0};
}

/* Sample i of the golden-ratio sequence in [0, 1): each i alone is as good as uniform (the images
 * come in random order), and any run of them covers the timesteps evenly, which takes most of the
 * timestep's variance out of a batch's loss (Kingma et al. 2021, Variational Diffusion Models, use
 * such a sampler). */
static double golden_uniform(uint64_t i)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u; /* 2^64 (sqrt(5) - 1) / 2 */
    return (double)((i * golden) >> 11) * 0x1p-53;
}

/* Of a sample of the run, or of an evaluation. */
static int timestep_of(const ggdm_recipe *r, uint64_t sample)
{
    return (int)(golden_uniform(sample) * r->timesteps); /* < timesteps */
}

int ggdm_noising_apply(const ggdm_noising *noising, uint64_t sample, bool training, int64_t n,
                       float *x, float *target)
{
    const ggdm_recipe *r = noising->recipe;
    const int t = timestep_of(r, sample);
    const float a = noising->sqrt_ab[t], b = noising->sqrt_1mab[t];
    ggdm_normals(r->seed, GGDM_STREAM_TRAIN, (uint32_t)sample,
                 (uint32_t)(sample >> 32) | GGDM_DRAW_NOISE |
                     (training ? 0 : (uint32_t)GGDM_DRAW_VALIDATION),
                 n, target);
    for (int64_t k = 0; k < n; k++) {
        const float image = x[k], noise = target[k];
        x[k] = a * image + b * noise;
        if (r->prediction == GGDM_PREDICT_V)
            target[k] = a * noise - b * image;
        else if (r->prediction == GGDM_PREDICT_SAMPLE)
            target[k] = image;
    }
    return t;
}

int32_t ggdm_band_begin(int32_t timesteps, int band)
{
    return (int32_t)(((int64_t)timesteps * band + GGDM_T_BANDS - 1) / GGDM_T_BANDS);
}

int ggdm_band_of(const ggdm_recipe *r, uint64_t sample)
{
    return (int)((int64_t)timestep_of(r, sample) * GGDM_T_BANDS / r->timesteps);
}
