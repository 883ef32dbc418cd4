/* scheduler_config.json as diffusers writes it: the noise schedule with which a network was
 * trained, and the chain that its authors ran. */
#ifndef GGDM_MODELS_SCHEDULE_CONFIG_H
#define GGDM_MODELS_SCHEDULE_CONFIG_H

#include "common/fields.h"
#include "models/betas.h"

enum { GGDM_SCHEDULE_NEUTRAL = 2 };

/* What the network was trained to find in x_t. */
typedef enum ggdm_prediction {
    GGDM_PREDICT_EPSILON, /* the noise */
    GGDM_PREDICT_SAMPLE,  /* the image */
    GGDM_PREDICT_V,       /* v = sqrt(ab) eps - sqrt(1 - ab) x_0 (Salimans and Ho 2022) */
    GGDM_N_PREDICTIONS
} ggdm_prediction;
/* By ggdm_prediction, NULL at the end. */
extern const char *const ggdm_prediction_names[];

typedef enum ggdm_timestep_spacing {
    GGDM_SPACING_LEADING,
    GGDM_SPACING_LINSPACE,
    GGDM_SPACING_TRAILING
} ggdm_timestep_spacing;

typedef struct ggdm_schedule_config {
    int32_t train_steps; /* T */
    double beta_start, beta_end;
    int betas;            /* ggdm_beta_schedule */
    ggdm_doubles trained; /* [train_steps] instead of it; empty: none */
    int prediction;       /* ggdm_prediction */
    bool zero_snr; /* betas are rescaled so that the last timestep is noise alone (Lin et al. 2023)
                    */
    /* Of the chain. */
    int spacing; /* ggdm_timestep_spacing */
    int32_t offset;
    bool clip;
    double clip_range;
    bool threshold; /* dynamic thresholding, and its two numbers */
    double threshold_ratio, threshold_most;
    int variance; /* of ggdm_schedule_variances; -1: not said */
    /* Keys that are only known by the value with which they change nothing; NULL once read. */
    const ggdm_node *neutral[GGDM_SCHEDULE_NEUTRAL];
} ggdm_schedule_config;

/* The keys that count: what they say is in the digest of a model. */
extern const ggdm_field ggdm_schedule_fields[];

/* By ggdm_timestep_spacing, NULL at the end. */
extern const char *const ggdm_schedule_spacings[];

/* Two pairs as fixed_large and fixed_small, of which the second differs from the first in how it is
 * computed, and the network's own.  NULL at the end. */
extern const char *const ggdm_schedule_variances[];

/** Read a text (NULL: diffusers' DDPMScheduler by default: T = 1000, beta linear 1e-4 .. 0.02);
 *  where names it in errors.  *doc is the text, for messages about its nodes; NULL without one.
 *  Both are owned: ggdm_schedule_config_release.
 *  Errors, after which nothing is: GGDM_EINVAL with the field (a schedule or prediction type that
 *  is not supported, a key that is not known), GGDM_EFORMAT, GGDM_ENOMEM. */
ggdm_status ggdm_schedule_config_read(const char *json, const char *where,
                                      ggdm_schedule_config *out, ggdm_doc **doc, ggdm_error *err);

void ggdm_schedule_config_release(ggdm_schedule_config *config, ggdm_doc **doc);

/** alpha_bar [train_steps] of the schedule.  With zero_snr the last is 2^-24. */
void ggdm_schedule_alpha_bar(const ggdm_schedule_config *config, double *alpha_bar);

/** The meaning of such a text in one form, a JSON object in *out (owned).  Errors: as above. */
ggdm_status ggdm_schedule_config_text(const char *json, const char *where, char **out,
                                      ggdm_error *err);

#endif
