/* Autoguidance (Karras et al. 2024): from a weaker network, which errs in the same way but more,
 * towards the diffusion model and beyond. */
#include "worker/noise_levels.h"
#include "worker/sources/sources.h"

static const ggdm_param rows[] = {
    {.key = "s",
     .type = GGDM_PARAM_REAL,
     .required = true,
     .neutral = GGDM_REAL(1),
     .help = "How far: 0 is the weak model, 1 the diffusion model."},
    {.key = "weak",
     .type = GGDM_PARAM_MODEL,
     .required = true,
     .structure = true,
     .port = "eps",
     .help = "A smaller or less trained diffusion model of the same images."},
    GGDM_SOURCE_WINDOW,
};

/* Is the weak model one of the same images, with the same noise at each timestep? */
static void check_weak(ggdm_emit *e, const ggdm_item *source)
{
    const ggdm_model *weak = ggdm_models_find(e->models, ggdm_item_text(source, "weak"));
    const ggdm_model *model = ggdm_models_find(e->models, ggdm_item_text(e->head, "model"));
    ggdm_error why = {0};
    bool same = false;
    if (!weak || !model)
        return; /* who emits them says so */
    const ggdm_arch_info *w = &weak->info, *m = &model->info;
    if (w->size != m->size || w->channels != m->channels)
        ggdm_emit_fail_at(e, GGDM_ESHAPE, source, "weak",
                          "model '%s' makes images of %dx%dx%d, expected %dx%dx%d as model '%s'",
                          ggdm_models_name(e->models, weak), w->size, w->size, w->channels, m->size,
                          m->size, m->channels, ggdm_models_name(e->models, model));
    else if (ggdm_noise_levels_same(weak->files, model->files, &same, &why) != GGDM_OK)
        ggdm_emit_fail_at(e, why.code, source, "weak", "%s", why.msg);
    else if (!same)
        ggdm_emit_fail_at(e, GGDM_EINVAL, source, "weak",
                          "model '%s' was trained with other noise, expected that of model '%s'",
                          ggdm_models_name(e->models, weak), ggdm_models_name(e->models, model));
}

static ggdm_val autoguidance_emit(ggdm_emit *e, const ggdm_item *source)
{
    check_weak(e, source);
    ggdm_val strong = ggdm_emit_network(e, e->head, "model", GGDM_GIVEN_CONDITION);
    ggdm_val weak = ggdm_emit_network(e, source, "weak", GGDM_GIVEN_CONDITION);
    return ggdm_source_towards(e, weak, strong, ggdm_emit_value(e, source, "s"));
}

const ggdm_source_kind ggdm_source_autoguidance = {
    .kind = {.family = GGDM_FAMILY_SOURCE,
             .name = "autoguidance",
             .help = "From a weaker diffusion model towards the diffusion model, and beyond.",
             .equation = "eps = eps_weak + s (eps - eps_weak)",
             GGDM_PARAMS(rows)},
    .emit = autoguidance_emit};
