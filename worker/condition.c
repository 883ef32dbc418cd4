/* What the diffusion model itself is given (worker/emit.c hands it to its ports). */
#include "worker/kinds.h"

static const ggdm_param rows[] = {
    {.key = "label",
     .type = GGDM_PARAM_CLASS,
     .required = true,
     .of = "model",
     .help = "The class that a class-conditional diffusion model draws."},
};

const ggdm_kind ggdm_kind_condition = {.family = GGDM_FAMILY_CONDITION,
                                       .name = "given",
                                       .implied = true,
                                       .help = "Inputs of the diffusion model.",
                                       GGDM_PARAMS(rows)};
