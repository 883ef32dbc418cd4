/* Guidance in general: where eps comes from, losses whose gradients move the step, and how often
 * the step is made.  What the terms emit: term_gradients.c. */
#include <math.h>
#include <stdio.h>

#include "worker/guidance/terms.h"

const char *const ggdm_gradient_names[] = {
    [GGDM_XT_FULL] = "xt-full", [GGDM_XT_AFFINE] = "xt-affine", [GGDM_X0] = "x0", NULL};

static const char *const places[] = {"x0", "xt", NULL};
static const char *const applied[] = {[GGDM_APPLY_PREVIOUS] = "previous",
                                      [GGDM_APPLY_CURRENT] = "current",
                                      [GGDM_APPLY_MEAN] = "mean",
                                      [GGDM_APPLY_EPS] = "eps",
                                      [GGDM_APPLY_X0] = "x0",
                                      [GGDM_APPLY_X0_EPS] = "x0-eps",
                                      NULL};
static const char *const norms[] = {[GGDM_NORM_NONE] = "none",
                                    [GGDM_NORM_UNIT] = "unit",
                                    [GGDM_NORM_RMS] = "rms",
                                    [GGDM_NORM_EPS] = "eps",
                                    NULL};
const char *const ggdm_mean_names[] = {
    [GGDM_MEAN_LIKELIHOOD] = "likelihood", [GGDM_MEAN_LOSS] = "loss", NULL};

/* ---- a smoothed loss ----------------------------------------------------------------------- */

static const ggdm_param smoothing_rows[] = {
    GGDM_SMOOTHING_SAMPLES(4),
    {.key = "deviation",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .fallback = GGDM_REAL(0.01),
     .neutral = GGDM_REAL(0),
     .help = "Standard deviation of the noise by which they differ from it."},
    {.key = "schedule",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = ggdm_schedule_names,
     .fallback = GGDM_WHOLE(GGDM_SCHEDULE_NOISE),
     .help = "What the deviation is multiplied by in each step."},
    GGDM_SMOOTHING_MEAN,
};

const ggdm_kind ggdm_kind_smoothing = {.family = GGDM_FAMILY_SMOOTHING,
                                       .name = "gaussian",
                                       .implied = true,
                                       .help = "A loss around an image instead of at it.",
                                       .equation = "-log mean_m exp(-loss(x0hat + deviation n_m))",
                                       GGDM_PARAMS(smoothing_rows)};

/* ---- a term -------------------------------------------------------------------------------- */

static const ggdm_param term_rows[] = {
    GGDM_TERM_LOSS,
    {.key = "at",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = places,
     .fallback = GGDM_WHOLE(GGDM_AT_X0),
     .help = "What the loss is of: x0-hat, or x_t (which asks for a network that knows noise)."},
    {.key = "clamp",
     .type = GGDM_PARAM_FLAG,
     .structure = true,
     .fallback = GGDM_WHOLE(false),
     .help = "Whether the loss sees x0-hat clamped to the range of images; a value beyond it has "
             "no gradient then, but where x0-hat itself moves: the clamped image does."},
    GGDM_TERM_GRADIENT,
    {.key = "apply",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = applied,
     .fallback = GGDM_WHOLE(GGDM_APPLY_PREVIOUS),
     .help = "What the gradient is subtracted from: the sample of the previous timestep, of the "
             "current one, the mean (times its variance), eps (added, times sqrt(1 - ab)), x0-hat "
             "alone, or x0-hat with its eps."},
    {.key = "weight",
     .type = GGDM_PARAM_REAL,
     .fallback = GGDM_REAL(1),
     .neutral = GGDM_REAL(0),
     .help = "Factor of the gradient."},
    {.key = "schedule",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = ggdm_schedule_names,
     .fallback = GGDM_WHOLE(GGDM_SCHEDULE_CONSTANT),
     .help = "What the weight is multiplied by in each step."},
    {.key = "window",
     .type = GGDM_PARAM_WINDOW,
     .help = "Steps in which the term acts; the whole chain if absent."},
    {.key = "norm",
     .type = GGDM_PARAM_CHOICE,
     .structure = true,
     .choices = norms,
     .fallback = GGDM_WHOLE(GGDM_NORM_NONE),
     .help = "What the gradient of an image is scaled to: length 1, root mean square 1, or that "
             "of eps."},
    {.key = "clip",
     .type = GGDM_PARAM_REAL,
     .lo = 0,
     .hi = INFINITY,
     .above = true,
     .structure = true,
     .help = "Root mean square that the gradient of an image has at most."},
    {.key = "smoothing",
     .type = GGDM_PARAM_NODE,
     .family = GGDM_FAMILY_SMOOTHING,
     .help = "The loss around the image instead of at it."},
    {.key = "iterations",
     .type = GGDM_PARAM_WHOLE,
     .structure = true,
     .lo = 1,
     .hi = 16,
     .fallback = GGDM_WHOLE(1),
     .help = "Steps down the loss from x0-hat, each with the weight."},
};

static ggdm_status term_check(const ggdm_item *t, ggdm_error *err)
{
    const int64_t apply = ggdm_item_whole(t, "apply");
    const bool at_x0 = ggdm_item_whole(t, "at") == GGDM_AT_X0;
    const bool of_x0 = ggdm_item_whole(t, "gradient") == GGDM_X0;
    if (!at_x0 && ggdm_item_whole(t, "gradient") != GGDM_XT_FULL)
        return ggdm_item_fail(t, "gradient", err,
                              "value '%s', expected xt-full with at: xt, where there is no x0-hat",
                              ggdm_item_text(t, "gradient"));
    if (!at_x0 && ggdm_item_flag(t, "clamp"))
        return ggdm_item_fail(t, "clamp", err, "value 'true', expected at: x0 with it");
    if (ggdm_item_whole(t, "iterations") > 1 &&
        !(of_x0 && (apply == GGDM_APPLY_X0 || apply == GGDM_APPLY_X0_EPS)))
        return ggdm_item_fail(t, "iterations", err,
                              "value '%lld', expected 1, or gradient: x0 with apply: x0 or x0-eps",
                              (long long)ggdm_item_whole(t, "iterations"));
    return GGDM_OK;
}

const ggdm_kind ggdm_kind_term = {.family = GGDM_FAMILY_TERM,
                                  .name = "term",
                                  .implied = true,
                                  .help = "A loss whose gradient moves the step.",
                                  .equation = "x' <- x' - weight grad loss(x0hat)",
                                  GGDM_PARAMS(term_rows),
                                  .check = term_check};

/* ---- recurrence ---------------------------------------------------------------------------- */

static const ggdm_param recurrence_rows[] = {
    {.key = "repeats",
     .type = GGDM_PARAM_WHOLE,
     .required = true,
     .lo = 1,
     .hi = GGDM_MAX_REPEATS,
     .neutral = GGDM_WHOLE(1),
     .help = "How often each step is made, with fresh noise back to x_t between."},
    {.key = "window",
     .type = GGDM_PARAM_WINDOW,
     .help = "Steps that are made so often; the whole chain if absent."},
};

const ggdm_kind ggdm_kind_recurrence = {.family = GGDM_FAMILY_RECURRENCE,
                                        .name = "renoise",
                                        .implied = true,
                                        .help = "Steps are made more than once.",
                                        .equation = "x <- sqrt(alpha) x' + sqrt(1 - alpha) n",
                                        GGDM_PARAMS(recurrence_rows)};

/* ---- with a sampler ------------------------------------------------------------------------ */

static bool draws_noise(const ggdm_item *sampler)
{
    const ggdm_sampler_kind *kind = (const ggdm_sampler_kind *)sampler->kind;
    return kind->draws ? kind->draws(sampler) : kind->noises > 0;
}

ggdm_status ggdm_guidance_check(const ggdm_item *sampler, const ggdm_item *setting, ggdm_error *err)
{
    const ggdm_item *t = setting ? ggdm_item_child(setting, "terms") : NULL;
    if (draws_noise(sampler))
        return GGDM_OK;
    for (; t; t = t->next) {
        const bool mean = ggdm_item_whole(t, "apply") == GGDM_APPLY_MEAN;
        if (mean || ggdm_item_whole(t, "schedule") == GGDM_SCHEDULE_SINE)
            return ggdm_item_fail(
                t, mean ? "apply" : "schedule", err,
                "%s does nothing with sampler '%s', which draws no noise here, so that Sigma is 0: "
                "expected one that does (ddpm, ddim with eta), or apply: eps (classifier-score)",
                mean ? "apply: mean" : "schedule: sine", sampler->kind->name);
    }
    return GGDM_OK;
}

/* Is the sampler one that keeps eps where x0-hat is limited, and limits it? */
static bool keeps_eps(const ggdm_item *sampler)
{
    return ggdm_item_value(sampler, "eps_follows_x0") &&
           !ggdm_item_flag(sampler, "eps_follows_x0") &&
           (ggdm_item_flag(sampler, "clip_x0") || ggdm_item_flag(sampler, "thresholding"));
}

const char *ggdm_guidance_note(const ggdm_item *sampler, const ggdm_item *setting)
{
    bool moves = setting && ggdm_item_child(setting, "eps");
    for (const ggdm_item *t = setting ? ggdm_item_child(setting, "terms") : NULL; t; t = t->next) {
        const int64_t apply = ggdm_item_whole(t, "apply");
        moves |= apply == GGDM_APPLY_EPS || apply == GGDM_APPLY_X0_EPS;
    }
    return moves && keeps_eps(sampler)
               ? "guidance moves eps, and the sampler keeps eps where it limits x0-hat: strong "
                 "guidance then works against itself, unless sampler.eps_follows_x0 is true"
               : NULL;
}

int32_t ggdm_guidance_repeats(const ggdm_item *setting)
{
    const ggdm_item *recurrence = setting ? ggdm_item_child(setting, "recurrence") : NULL;
    return recurrence ? (int32_t)ggdm_item_whole(recurrence, "repeats") : 1;
}

int32_t ggdm_guidance_carries(const ggdm_item *setting)
{
    const ggdm_item *source = setting ? ggdm_item_child(setting, "eps") : NULL;
    const ggdm_source_kind *kind = source ? (const ggdm_source_kind *)source->kind : NULL;
    return kind && kind->carries ? kind->carries(source) : 0;
}

/* ---- evaluations after a step's first ------------------------------------------------------ */

static bool moves_eps(void *context, const ggdm_item *item)
{
    (void)context;
    return item->kind != &ggdm_kind_term || ggdm_item_whole(item, "apply") > GGDM_APPLY_MEAN;
}

ggdm_status ggdm_guidance_later(ggdm_arena *arena, const ggdm_item *setting, ggdm_item **out,
                                ggdm_error *err)
{
    *out = NULL;
    if (!setting)
        return GGDM_OK;
    GGDM_TRY(ggdm_item_copy_kept(arena, setting, moves_eps, NULL, out, err));
    *out = ggdm_item_reduce(arena, *out);
    return GGDM_OK;
}

int32_t ggdm_guidance_term_names(const ggdm_item *setting, bool later,
                                 ggdm_term_name names[GGDM_MAX_TERMS])
{
    const ggdm_item *terms = setting ? ggdm_item_child(setting, "terms") : NULL;
    int32_t n = 0;
    for (const ggdm_item *t = terms; t && n < GGDM_MAX_TERMS; t = t->next) {
        const ggdm_kind *loss = ggdm_item_child(t, "loss")->kind;
        int same = 1;
        if (later && !moves_eps(NULL, t))
            continue;
        for (const ggdm_item *before = terms; before != t; before = before->next)
            same += ggdm_item_child(before, "loss")->kind == loss;
        if (same == 1)
            snprintf(names[n++], sizeof *names, "%.15s", loss->name);
        else
            snprintf(names[n++], sizeof *names, "%.12s-%u", loss->name, (unsigned)same % 100);
    }
    return n;
}

/* ---- all ----------------------------------------------------------------------------------- */

static const ggdm_param rows[] = {
    {.key = "eps",
     .type = GGDM_PARAM_NODE,
     .family = GGDM_FAMILY_SOURCE,
     .help = "Where eps comes from; from the diffusion model alone if absent."},
    {.key = "terms",
     .type = GGDM_PARAM_NODES,
     .lo = 1,
     .hi = GGDM_MAX_TERMS,
     .family = GGDM_FAMILY_TERM,
     .help = "Act together; those with respect to the same thing share one backward pass."},
    {.key = "recurrence",
     .type = GGDM_PARAM_NODE,
     .family = GGDM_FAMILY_RECURRENCE,
     .help = "Whether steps are made more than once."},
};

static ggdm_status check(const ggdm_item *guidance, ggdm_error *err)
{
    if (ggdm_item_child(guidance, "terms") || ggdm_item_child(guidance, "eps"))
        return GGDM_OK;
    return ggdm_item_fail(guidance, NULL, err, "expected terms: [...] or eps: {...}");
}

/* Nothing is left where neither a source nor a term acts. */
static ggdm_item *reduce(ggdm_arena *arena, ggdm_item *guidance)
{
    (void)arena;
    return ggdm_item_child(guidance, "terms") || ggdm_item_child(guidance, "eps") ? guidance : NULL;
}

const ggdm_guidance_kind ggdm_guidance_terms = {
    .kind = {.family = GGDM_FAMILY_GUIDANCE,
             .name = "terms",
             .implied = true,
             .help = "A list of terms: the general form.",
             GGDM_PARAMS(rows),
             .reduce = reduce,
             .check = check},
    .emit = ggdm_emit_guidance};
