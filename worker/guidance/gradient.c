/* Algorithm 1 of the GGDM paper: one term, whose weight is kappa and whose window the conditioning
 * duration. */
#include <math.h>

#include "worker/kinds.h"

static const ggdm_param rows[] = {
    GGDM_TERM_GRADIENT,
    GGDM_TERM_LOSS,
    {.key = "kappa",
     .label = "κ",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .lo = 0,
     .hi = INFINITY,
     .neutral = GGDM_REAL(0),
     .help = "Strength of the guidance."},
    {.key = "duration",
     .label = "t~",
     .type = GGDM_PARAM_WINDOW,
     .help = "Steps that are guided; the whole chain if absent."},
};

static ggdm_status gradient_expand(const ggdm_catalogue *c, ggdm_arena *arena,
                                   const ggdm_item *preset, ggdm_item **out, ggdm_error *err)
{
    static const char *const same[][2] = {
        {"gradient", "gradient"}, {"kappa", "weight"}, {"duration", "window"}};
    ggdm_item *term = NULL, *loss = NULL;
    GGDM_TRY(ggdm_item_create(arena, ggdm_catalogue_find(c, GGDM_FAMILY_GUIDANCE, NULL), out, err));
    GGDM_TRY(ggdm_item_create(arena, ggdm_catalogue_find(c, GGDM_FAMILY_TERM, NULL), &term, err));
    GGDM_TRY(ggdm_item_copy(arena, ggdm_item_child(preset, "loss"), &loss, err));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        *ggdm_item_value(term, same[i][1]) = *ggdm_item_value(preset, same[i][0]);
    term->name = "gradient";
    ggdm_item_set_child(term, "loss", loss);
    ggdm_item_set_child(*out, "terms", term);
    return GGDM_OK;
}

const ggdm_guidance_kind ggdm_guidance_gradient = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "gradient",
             .help = "Algorithm 1 of the GGDM paper.",
             .equation = "x' <- x' - kappa grad loss(x0hat)",
             GGDM_PARAMS(rows),
             .expand = gradient_expand}};
