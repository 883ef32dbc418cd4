/* All methods: a line for each. */
#include "jobs/recipe.h"
#include "worker/kinds.h"

#define METHODS(X)                                                                                 \
    X(sampler, ddpm)                                                                               \
    X(sampler, ddim)                                                                               \
    X(sampler, euler)                                                                              \
    X(sampler, heun)                                                                               \
    X(sampler, dpmpp_2m)                                                                           \
    X(sampler, langevin)                                                                           \
    X(guidance, gradient)                                                                          \
    X(guidance, one_of)                                                                            \
    X(guidance, classifier)                                                                        \
    X(guidance, classifier_score)                                                                  \
    X(guidance, dps)                                                                               \
    X(guidance, mpgd)                                                                              \
    X(guidance, freedom)                                                                           \
    X(guidance, universal)                                                                         \
    X(guidance, lgd)                                                                               \
    X(guidance, elucd)                                                                             \
    X(guidance, tfg)                                                                               \
    X(guidance, terms)                                                                             \
    X(guidance, classifier_free)                                                                   \
    X(source, classifier_free)                                                                     \
    X(source, apg)                                                                                 \
    X(source, cfg_zero)                                                                            \
    X(source, autoguidance)                                                                        \
    X(loss, classifier)                                                                            \
    X(loss, tv)                                                                                    \
    X(loss, range)                                                                                 \
    X(loss, l2)                                                                                    \
    X(loss, perceptual)                                                                            \
    X(loss, clip)                                                                                  \
    X(loss, sum)                                                                                   \
    X(scorer, classifier)                                                                          \
    X(scorer, loss)                                                                                \
    X(scorer, clip)                                                                                \
    X(scorer, saturation)

#define DECLARE(family, name) extern const ggdm_##family##_kind ggdm_##family##_##name;
#define LIST(family, name) &ggdm_##family##_##name.kind,

METHODS(DECLARE)

static const ggdm_kind *const kinds[] = {&ggdm_kind_stage,      &ggdm_kind_condition,
                                         &ggdm_kind_term,       &ggdm_kind_smoothing,
                                         &ggdm_kind_recurrence, METHODS(LIST)};

const ggdm_catalogue ggdm_methods = {kinds, sizeof kinds / sizeof *kinds};
