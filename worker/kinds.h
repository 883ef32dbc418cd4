/* What a file in worker/samplers, guidance, losses and scorers provides: its rows and its
 * functions. worker/methods.c has a line for each. */
#ifndef GGDM_WORKER_KINDS_H
#define GGDM_WORKER_KINDS_H

#include <math.h>

#include "jobs/catalogue.h"
#include "jobs/messages.h"
#include "jobs/record.h"
#include "worker/chain.h"
#include "worker/emit.h"
#include "worker/timesteps.h"

#define GGDM_FAMILY_TERM "term"
#define GGDM_FAMILY_LOSS "loss"
#define GGDM_FAMILY_SOURCE "eps"

/* One step of one image: a linear sampler leaves it to ggdm_step_linear. */
typedef struct ggdm_sampler_io {
    float *x;               /* [n] in: x_t, out: x_{t-1} */
    const float *eps;       /* [n] */
    const float *x0_change; /* [n] what the guidance adds to x0-hat; NULL: nothing */
    float *x0;  /* [n] x0-hat, limited as the chain says, and changed: ggdm_sampler_step fills it */
    bool moved; /* x0 is not what x and eps say */
    const float *variance; /* [n] the network's (ggdm_ports.variance); NULL: none */
    float *range;          /* [n] of a step with log_range the share of its variance that each
                              element has: filled like x0, else NULL */
    const float *z; /* [noises][n] standard normal, counter-based; not read where sigma is 0 */
    const float *history; /* [kind->history][n] of the steps before, newest first */
    int32_t filled;       /* how many of them are valid */
    float *kept;    /* [kind->keeps][n] what a tick keeps for the next of this step; after the last
                       the walk puts the first of them into the history */
    float *shifted; /* [n] what the step's shifts are subtracted from: x, unless the step says that
                       it is another, which becomes x in a later tick with factor 1 */
    int64_t n;
} ggdm_sampler_io;

/* A key of scheduler_config.json: the row of a sampler that says the same, or (NULL) the one value
 * with which the sampler does what the scheduler of its name in diffusers does.  Both: of that
 * scheduler alone, too, and if it is true the row is this. */
typedef struct ggdm_sampler_said {
    const char *file, *row, *only;
} ggdm_sampler_said;

typedef struct ggdm_sampler_kind {
    ggdm_kind kind;
    int32_t history;     /* arrays like x that it remembers of earlier steps; with it, keeps >= 1 */
    int32_t keeps;       /* arrays like x between the ticks of a step */
    int32_t noises;      /* draws a step */
    int32_t evaluations; /* ticks a step */
    int32_t spared;      /* of these, at the end of the last step, that are not made: idle */
    const char *scheduler;         /* "_class_name" of it in diffusers */
    const ggdm_sampler_said *said; /* beside what all have (worker/said.c); ended by {NULL} */
    /** Whether its steps have a Sigma; NULL: where it has noises. */
    bool (*draws)(const ggdm_item *sampler);
    /** Fill out->step[steps, evaluations], which is there, with coefficients; t of the first tick
     *  of each step is filled in (worker/timesteps.h), where the kind does not choose another.
     *  Errors: GGDM_EINVAL at the row that does not fit. */
    ggdm_status (*chain)(const ggdm_item *sampler, const ggdm_noise_levels *levels, ggdm_chain *out,
                         ggdm_error *err);
    /** NULL: ggdm_step_linear.  Returns whether all of x is finite. */
    bool (*step)(const ggdm_chain *chain, int32_t step, int32_t tick, const ggdm_item *sampler,
                 ggdm_sampler_io *io);
} ggdm_sampler_kind;

typedef struct ggdm_guidance_kind {
    ggdm_kind kind;
    /** What acts in one step, eps and x0-hat included; NULL for presets, which are expanded. */
    void (*emit)(ggdm_emit *e, const ggdm_item *guidance);
} ggdm_guidance_kind;

/** Does a setting (NULL: unguided) act with this sampler?  Errors: GGDM_EINVAL at what would do
 *  nothing. */
ggdm_status ggdm_guidance_check(const ggdm_item *sampler, const ggdm_item *setting,
                                ggdm_error *err);
/** What is to be said of a setting (NULL: unguided) with this sampler, though it is allowed: a
 * line; NULL: nothing. */
const char *ggdm_guidance_note(const ggdm_item *sampler, const ggdm_item *setting);
/** How often a step is made with a setting (NULL: unguided), with fresh noise between. */
int32_t ggdm_guidance_repeats(const ggdm_item *setting);
/** Arrays like x that a setting (NULL: unguided) takes from step to step: 0 or 1. */
int32_t ggdm_guidance_carries(const ggdm_item *setting);
/** What people call the terms of a setting (NULL: unguided), in its order: by the kind of the loss,
 *  "classifier"; the second of that loss is "classifier-2".  later: of those alone that act in a
 *  step's evaluations after the first, too.  Returns how many there are. */
int32_t ggdm_guidance_term_names(const ggdm_item *setting, bool later,
                                 ggdm_term_name names[GGDM_MAX_TERMS]);
/** What of a setting acts in a step's evaluations after the first: what moves eps and x0-hat, but
 *  not the terms that are subtracted from the step's result.  The arena's; *out NULL: nothing. */
ggdm_status ggdm_guidance_later(ggdm_arena *arena, const ggdm_item *setting, ggdm_item **out,
                                ggdm_error *err);

/* Where eps comes from, if not from the diffusion model alone. */
typedef struct ggdm_source_kind {
    ggdm_kind kind;
    /** eps [N, H, W, C] of the tick's x and t. */
    ggdm_val (*emit)(ggdm_emit *e, const ggdm_item *source);
    /** Arrays like x, 0 or 1, that an image takes from step to step (ggdm_emit_carried); NULL: 0.
     */
    int32_t (*carries)(const ggdm_item *source);
} ggdm_source_kind;

/* Outside of it there is no source but the diffusion model. */
#define GGDM_SOURCE_WINDOW                                                                         \
    {                                                                                              \
        .key = "window", .type = GGDM_PARAM_WINDOW,                                                \
        .help = "Steps in which it acts; the whole chain if absent."                               \
    }

/* Of classifier-free guidance. */
#define GGDM_SOURCE_RESCALE                                                                        \
    {                                                                                              \
        .key = "rescale", .label = "\u03c6", .type = GGDM_PARAM_REAL, .structure = true, .lo = 0,  \
        .hi = 1, .fallback = GGDM_REAL(0),                                                         \
        .help =                                                                                    \
            "Share in which eps is scaled to the standard deviation of that with the condition."   \
    }

typedef struct ggdm_loss_kind {
    ggdm_kind kind; /* its first row is GGDM_LOSS_WEIGHT */
    /** The loss of x0 [N, H, W, C], data units -> [N]; without the weight.  In a guidance x0 is
     *  x0-hat, not clamped; where a scorer measures it, the archived image, which is. */
    ggdm_val (*emit)(ggdm_emit *e, const ggdm_item *loss, ggdm_val x0);
} ggdm_loss_kind;

/* With respect to what a term's gradient is taken, and how it reaches x. */
typedef enum ggdm_gradient {
    GGDM_XT_FULL,
    GGDM_XT_AFFINE,
    GGDM_X0,
    GGDM_N_GRADIENTS
} ggdm_gradient;

/* What the loss `classifier` is of the logits. */
enum { GGDM_FORM_NLL, GGDM_FORM_PROB, GGDM_FORM_LOGIT, GGDM_FORM_ELUCD };

/* "xt-full", "xt-affine", "x0", NULL: the choices of a row. */
extern const char *const ggdm_gradient_names[];

/* Rows that several kinds have: of every sampler, of guidances that are terms, ... */
#define GGDM_SAMPLER_STEPS                                                                         \
    {                                                                                              \
        .key = "steps", .type = GGDM_PARAM_WHOLE, .structure = true, .lo = 1,                      \
        .hi = GGDM_MAX_STEPS, .fallback = GGDM_WHOLE(1000),                                        \
        .help = "Steps of the chain, at most as many as the model was trained with."               \
    }
#define GGDM_SAMPLER_SPACING(standard)                                                             \
    {                                                                                              \
        .key = "spacing", .type = GGDM_PARAM_CHOICE, .structure = true,                            \
        .choices = ggdm_spacing_names, .fallback = GGDM_WHOLE(standard),                           \
        .help = "Which timesteps are visited: every (T / steps)-th from 0, every one from T - 1 "  \
                "down, evenly from 0 to T - 1, or as the noise levels of EDM say."                 \
    }
#define GGDM_SAMPLER_OFFSET                                                                        \
    {                                                                                              \
        .key = "steps_offset", .type = GGDM_PARAM_WHOLE, .structure = true, .lo = 0,               \
        .hi = GGDM_MAX_STEPS, .fallback = GGDM_WHOLE(0), .help = "Added to leading timesteps."     \
    }
#define GGDM_SAMPLER_RESPACING                                                                     \
    {                                                                                              \
        .key = "respacing", .type = GGDM_PARAM_TEXT, .structure = true,                            \
        .help = "Instead of a spacing, as OpenAI's programs say it: \"10,15,20\" steps of equal "  \
                "parts of the timesteps, or \"ddim50\"; their sum is `steps`."                     \
    }
#define GGDM_SAMPLER_CLIP                                                                          \
    {                                                                                              \
        .key = "clip_x0", .type = GGDM_PARAM_FLAG, .structure = true,                              \
        .fallback = GGDM_WHOLE(false),                                                             \
        .help = "Whether x0-hat is clipped to the range of images; eps follows it."                \
    }
/* Levels of noise that diffusers can choose otherwise (ggdm_sampler_said). */
#define GGDM_SAID_SIGMAS                                                                           \
    {"use_karras_sigmas", "spacing", "karras"}, {"use_exponential_sigmas", NULL, "false"},         \
    {                                                                                              \
        "use_beta_sigmas", NULL, "false"                                                           \
    }
#define GGDM_SAMPLER_THRESHOLDING                                                                  \
    {.key = "thresholding",                                                                        \
     .type = GGDM_PARAM_FLAG,                                                                      \
     .structure = true,                                                                            \
     .fallback = GGDM_WHOLE(false),                                                                \
     .help = "Whether x0-hat is held within a quantile of its own values and divided by it, "      \
             "instead of clip_x0."},                                                               \
        {.key = "dynamic_thresholding_ratio",                                                      \
         .type = GGDM_PARAM_REAL,                                                                  \
         .lo = 0,                                                                                  \
         .hi = 1,                                                                                  \
         .fallback = GGDM_REAL(0.995),                                                             \
         .help = "That quantile of the absolute values of an image; below 1 it counts as 1."},     \
    {                                                                                              \
        .key = "sample_max_value", .type = GGDM_PARAM_REAL, .lo = 0, .hi = INFINITY,               \
        .above = true, .fallback = GGDM_REAL(1),                                                   \
        .help = "What it is at most; with 1, the default of diffusers, thresholding is clip_x0."   \
    }
#define GGDM_TERM_LOSS                                                                             \
    {                                                                                              \
        .key = "loss", .type = GGDM_PARAM_NODE, .required = true, .family = GGDM_FAMILY_LOSS,      \
        .help = "What is to become small."                                                         \
    }
#define GGDM_TERM_GRADIENT                                                                         \
    {                                                                                              \
        .key = "gradient", .type = GGDM_PARAM_CHOICE, .structure = true,                           \
        .choices = ggdm_gradient_names, .fallback = GGDM_WHOLE(GGDM_XT_FULL),                      \
        .help = "With respect to x_t through the network, to x_t with eps held fixed, or to "      \
                "x0-hat."                                                                          \
    }

/* A classifier (input: what it must take, NULL: images alone), and a class of it. */
#define GGDM_CLASSIFIER_MODEL(words, input)                                                        \
    {                                                                                              \
        .key = "model", .type = GGDM_PARAM_MODEL, .required = true, .structure = true,             \
        .port = "logits", .takes = (input), .help = (words)                                        \
    }
#define GGDM_CLASSIFIER_TARGET                                                                     \
    {                                                                                              \
        .key = "target", .type = GGDM_PARAM_CLASS, .required = true, .of = "model",                \
        .help = "The class that the images are to show."                                           \
    }

/* A network of images and texts, a prompt that it reads, and what is done with a long one. */
#define GGDM_PROMPT_MODEL(words)                                                                   \
    {                                                                                              \
        .key = "model", .type = GGDM_PARAM_MODEL, .required = true, .structure = true,             \
        .port = "embedding", .takes = "text", .help = (words)                                      \
    }
#define GGDM_PROMPT(words)                                                                         \
    {                                                                                              \
        .key = "prompt", .type = GGDM_PARAM_TEXT, .required = true, .filled = true, .of = "model", \
        .help = (words)                                                                            \
    }
#define GGDM_PROMPT_TRUNCATE                                                                       \
    {                                                                                              \
        .key = "truncate", .type = GGDM_PARAM_FLAG, .structure = true,                             \
        .fallback = GGDM_WHOLE(false),                                                             \
        .help = "Whether a prompt of more tokens than its model takes is cut; an error if not."    \
    }

/* ... and the one that every loss begins with: its factor in a sum. */
#define GGDM_LOSS_WEIGHT                                                                           \
    {                                                                                              \
        .key = "weight", .axis = "loss_weight", .type = GGDM_PARAM_REAL, .lo = -1e9, .hi = 1e9,    \
        .fallback = GGDM_REAL(1), .neutral = GGDM_REAL(0), .help = "Factor of this loss."          \
    }

/* Samples of a batch, as a scorer sees them. */
typedef struct ggdm_scoring {
    const float *x;         /* [n, H, W, C] the archived pixels in data units (u8 / 127.5 - 1) */
    const float *saturated; /* [n] share of values beyond 1.5 times the data range before that;
                               NULL: not known (scored later) */
    int32_t n;
} ggdm_scoring;

typedef struct ggdm_scorer_kind {
    ggdm_kind kind;
    /** The graph that makes [N, K] or [N] of x [N, H, W, C]; NULL: `plain`. */
    ggdm_val (*emit)(ggdm_emit *e, const ggdm_item *scorer, ggdm_val x);
    /** One number a sample without a graph; false where it cannot be known. */
    bool (*plain)(const ggdm_scoring *s, int32_t i, float *out);
} ggdm_scorer_kind;

/** The check of every sampler with the rows above: one limit of x0-hat, and what belongs to it. */
ggdm_status ggdm_sampler_check(const ggdm_item *sampler, ggdm_error *err);

/* Parts that other kinds build on: what the diffusion model is given (worker/condition.c), a term
 * of a guidance (worker/guidance/terms.c). */
extern const ggdm_kind ggdm_kind_condition, ggdm_kind_term, ggdm_kind_smoothing,
    ggdm_kind_recurrence;

/* All there is; the struct behind a kind of a family is the one above. */
extern const ggdm_catalogue ggdm_methods;

#endif
