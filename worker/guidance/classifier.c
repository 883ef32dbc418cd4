/* Classifier guidance (Dhariwal and Nichol 2021): the gradient of a classifier of x_t that is told
 * t.  Their Algorithm 1 moves the mean of a step, Algorithm 2 eps, for samplers without noise. */
#include "worker/guidance/preset.h"

static const ggdm_param rows[] = {
    GGDM_CLASSIFIER_MODEL("A classifier of noisy images, which is told the timestep.", "t"),
    GGDM_CLASSIFIER_TARGET,
    {.key = "s",
     .type = GGDM_PARAM_REAL,
     .fallback = GGDM_REAL(1),
     .neutral = GGDM_REAL(0),
     .help = "Strength of the guidance; 1 is Bayes' rule."},
    GGDM_PRESET_WINDOW,
};

static const ggdm_parts loss = {.kind = "classifier",
                                .rows = {{"model", "model"}, {"target", "target"}}};

#define TERM(place)                                                                                \
    {                                                                                              \
        .name = "classifier", .rows = {                                                            \
            {"loss", .node = &loss},                                                               \
            {"at", .fixed = GGDM_WHOLE(GGDM_AT_XT)},                                               \
            {"apply", .fixed = GGDM_WHOLE(place)},                                                 \
            {"weight", "s"},                                                                       \
            {"window", "window"}                                                                   \
        }                                                                                          \
    }

static const ggdm_parts mean_term = TERM(GGDM_APPLY_MEAN), eps_term = TERM(GGDM_APPLY_EPS);
static const ggdm_parts of_mean = {.rows = {{"terms", .node = &mean_term}}};
static const ggdm_parts of_eps = {.rows = {{"terms", .node = &eps_term}}};

static ggdm_status mean_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                               ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &of_mean, out, err);
}

static ggdm_status eps_expand(const ggdm_catalogue *c, ggdm_arena *arena, const ggdm_item *preset,
                              ggdm_item **out, ggdm_error *err)
{
    return ggdm_preset_expand(c, arena, preset, &of_eps, out, err);
}

const ggdm_guidance_kind ggdm_guidance_classifier = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "classifier",
             .help = "A noise-aware classifier moves the mean of each step.",
             .equation = "x' <- x' + s Sigma grad log p(target | x_t, t)",
             GGDM_PARAMS(rows),
             .scorer = "classifier",
             .measure = "guide",
             .expand = mean_expand}};

const ggdm_guidance_kind ggdm_guidance_classifier_score = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "classifier-score",
             .help = "A noise-aware classifier moves eps, so that any sampler follows it.",
             .equation = "eps <- eps - s sqrt(1 - ab) grad log p(target | x_t, t)",
             GGDM_PARAMS(rows),
             .scorer = "classifier",
             .measure = "guide",
             .expand = eps_expand}};
