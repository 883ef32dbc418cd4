#include "worker/schedule.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/betas.h"

#define MAX_JSON (1u << 20)
#define MAX_TRAIN_STEPS 100000

enum { N_NEUTRAL = 5 };

typedef enum spacing { LEADING, LINSPACE, TRAILING } spacing;

typedef struct config {
    int32_t train_steps;
    double beta_start, beta_end;
    int kind, prediction;
    /* Of the chain: only checked. */
    int spacing;
    int32_t offset;
    bool clip;
    double clip_range;
    int variance;
    const ggdm_node *neutral[N_NEUTRAL]; /* see `neutral` */
} config;

/* Where the file says nothing: what diffusers' DDPMScheduler takes. */
static const config defaults = {.train_steps = 1000,
                                .beta_start = 1e-4,
                                .beta_end = 0.02,
                                .kind = GGDM_BETAS_LINEAR,
                                .spacing = LEADING,
                                .clip_range = 1,
                                .variance = -1};

static const char *const kind_names[] = {
    [GGDM_BETAS_LINEAR] = "linear", [GGDM_BETAS_SCALED_LINEAR] = "scaled_linear", NULL};
static const char *const prediction_names[] = {"epsilon", NULL};
static const char *const spacing_names[] = {
    [LEADING] = "leading", [LINSPACE] = "linspace", [TRAILING] = "trailing", NULL};
/* As ggdm_variance; the second pair differs from the first in how it is computed.  Learned variance
 * needs a network with twice the outputs. */
static const char *const variance_names[] = {"fixed_large", "fixed_small", "fixed_large_log",
                                             "fixed_small_log", NULL};

#define AT(member) offsetof(config, member)
static const ggdm_field fields[] = {
    {"num_train_timesteps", GGDM_FIELD_INT32, AT(train_steps), .lo = 1, .hi = MAX_TRAIN_STEPS},
    {"beta_start", GGDM_FIELD_DOUBLE, AT(beta_start), .lo = 1e-12, .hi = 0.999},
    {"beta_end", GGDM_FIELD_DOUBLE, AT(beta_end), .lo = 1e-12, .hi = 0.999},
    {"beta_schedule", GGDM_FIELD_CHOICE, AT(kind), .choices = kind_names},
    {"prediction_type", GGDM_FIELD_CHOICE, AT(prediction), .choices = prediction_names},
    {"timestep_spacing", GGDM_FIELD_CHOICE, AT(spacing), .choices = spacing_names},
    {"steps_offset", GGDM_FIELD_INT32, AT(offset), .lo = 0, .hi = MAX_TRAIN_STEPS},
    {"clip_sample", GGDM_FIELD_BOOL, .offset = AT(clip)},
    {"clip_sample_range", GGDM_FIELD_DOUBLE, AT(clip_range), .lo = 0, .hi = 1e300},
    {"variance_type", GGDM_FIELD_CHOICE, AT(variance), .choices = variance_names},
    {"trained_betas", GGDM_FIELD_NODE, .offset = AT(neutral[0])},
    {"rescale_betas_zero_snr", GGDM_FIELD_NODE, .offset = AT(neutral[1])},
    {"thresholding", GGDM_FIELD_NODE, .offset = AT(neutral[2])},
    {"use_flow_sigmas", GGDM_FIELD_NODE, .offset = AT(neutral[3])},
    {"predict_epsilon", GGDM_FIELD_NODE, .offset = AT(neutral[4])},
    {0}};

/* Keys that change the mathematics: only the value with which they do not is accepted. */
static const struct {
    ggdm_node_kind kind;
    bool boolean;
    const char *expected;
} neutral[N_NEUTRAL] = {
    {GGDM_NODE_NULL, false, "null (betas given by beta_schedule)"},
    {GGDM_NODE_BOOL, false, "false"},
    {GGDM_NODE_BOOL, false, "false"},
    {GGDM_NODE_BOOL, false, "false"},
    {GGDM_NODE_BOOL, true, "true (before prediction_type: the network predicts eps)"}};

/* What diffusers' schedulers also write, and what changes nothing of a DDPM chain (docs/MODELS.md).
 */
static const char *const ignored[] = {
    "_class_name", "_diffusers_version", "tensor_format",
    /* only with thresholding, only with flow sigmas */
    "dynamic_thresholding_ratio", "sample_max_value", "flow_shift",
    /* fields that other schedulers fill while they run, and how they end their chains */
    "timestep_type", "timestep_values", "timesteps", "set_alpha_to_one", "skip_prk_steps",
    /* solvers */
    "algorithm_type", "solver_order", "solver_type", "solver_p", "lower_order_final",
    "euler_at_final", "final_sigmas_type", "interpolation_type", "use_karras_sigmas",
    "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "lambda_min_clipped",
    "sigma_min", "sigma_max", "predict_x0", "disable_corrector", NULL};

/* *doc (owned) is the file, for messages about its nodes; NULL without one. */
static ggdm_status read_config(const char *json, const char *where, config *c, ggdm_doc **doc,
                               ggdm_error *err)
{
    *c = defaults;
    *doc = NULL;
    if (!json)
        return GGDM_OK;
    ggdm_status st = ggdm_json_parse(json, strlen(json), MAX_JSON, where, doc, err);
    if (st == GGDM_OK)
        st = ggdm_fields_read((*doc)->root, fields, ignored, c, err);
    for (size_t i = 0; st == GGDM_OK && i < N_NEUTRAL; i++) {
        const ggdm_node *n = c->neutral[i];
        if (n && (n->kind != neutral[i].kind || n->boolean != neutral[i].boolean))
            st = ggdm_node_expected(n, err, "%s", neutral[i].expected);
    }
    if (st != GGDM_OK)
        ggdm_doc_destroy(doc);
    return st;
}

/* Which timesteps a shorter chain visits: ours are the leading ones. */
static ggdm_status check_spacing(const config *c, const ggdm_doc *doc, int32_t steps,
                                 ggdm_error *err)
{
    const char *key = c->spacing != LEADING ? "timestep_spacing" : "steps_offset";
    if (steps == c->train_steps || (c->spacing == LEADING && c->offset == 0))
        return GGDM_OK;
    return ggdm_node_expected(ggdm_node_get(doc->root, key), err,
                              "%s, or a chain of all %d timesteps (sampler.steps is %d), to which "
                              "it makes no difference",
                              c->spacing != LEADING ? "leading" : "0", c->train_steps, steps);
}

static void fill_step(ggdm_step *s, int32_t t, double bar, double bar_next, ggdm_variance variance)
{
    double alpha = bar / bar_next, beta = 1.0 - alpha;
    double posterior = beta * (1.0 - bar_next) / (1.0 - bar);
    *s = (ggdm_step){
        .t = t,
        .alpha_bar = bar,
        .x0_x = (float)(1.0 / sqrt(bar)),
        .x0_eps = (float)(-sqrt(1.0 - bar) / sqrt(bar)),
        .mean_x = (float)(1.0 / sqrt(alpha)),
        .mean_eps = (float)(-beta / (sqrt(1.0 - bar) * sqrt(alpha))),
        .clip_x = (float)(sqrt(alpha) * (1.0 - bar_next) / (1.0 - bar)),
        .clip_x0 = (float)(sqrt(bar_next) * beta / (1.0 - bar)),
        .sigma = (float)sqrt(variance == GGDM_FIXED_SMALL ? fmax(posterior, 1e-20) : beta),
    };
}

ggdm_status ggdm_schedule_train_steps(const char *json, const char *where, int32_t *out,
                                      ggdm_error *err)
{
    config c;
    ggdm_doc *doc;
    GGDM_TRY(read_config(json, where, &c, &doc, err));
    *out = c.train_steps;
    ggdm_doc_destroy(&doc);
    return GGDM_OK;
}

static ggdm_status fill(const config *c, int32_t steps, ggdm_variance variance, ggdm_schedule *out,
                        ggdm_error *err)
{
    double *bar = NULL;
    ggdm_status st = ggdm_alloc(&bar, (size_t)c->train_steps, sizeof *bar, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&out->step, (size_t)steps, sizeof *out->step, err);
    if (st == GGDM_OK) {
        ggdm_alpha_bar((ggdm_beta_schedule)c->kind, c->beta_start, c->beta_end, c->train_steps,
                       bar);
        out->train_steps = c->train_steps;
        out->steps = steps;
        int32_t stride = c->train_steps / steps;
        for (int32_t i = 0; i < steps; i++) {
            int32_t t = (steps - 1 - i) * stride;
            fill_step(&out->step[i], t, bar[t], t >= stride ? bar[t - stride] : 1.0, variance);
        }
        out->step[steps - 1].sigma = 0.0f;
    }
    free(bar);
    return st;
}

ggdm_status ggdm_schedule_create(const char *json, const char *where, int32_t steps,
                                 ggdm_variance variance, ggdm_schedule *out, ggdm_error *err)
{
    config c;
    ggdm_doc *doc;
    *out = (ggdm_schedule){0};
    GGDM_TRY(read_config(json, where, &c, &doc, err));
    ggdm_status st = GGDM_OK;
    if (steps < 1 || steps > c.train_steps)
        st = GGDM_FAIL(err, GGDM_EINVAL,
                       "field 'sampler.steps': value %d, expected 1 to %d (num_train_timesteps of "
                       "%s)",
                       steps, c.train_steps, where);
    if (st == GGDM_OK)
        st = check_spacing(&c, doc, steps, err);
    if (st == GGDM_OK)
        st = fill(&c, steps, variance, out, err);
    ggdm_doc_destroy(&doc);
    return st;
}

/* ---- what is taken where nobody said it ----------------------------------------------------- */

static const struct {
    const char *key, *value; /* of `defaults` */
    const char *older;       /* another key that says it; NULL: none */
} assumed[] = {{"num_train_timesteps", "1000", NULL},
               {"beta_schedule", "linear", NULL},
               {"beta_start", "0.0001", NULL},
               {"beta_end", "0.02", NULL},
               {"prediction_type", "epsilon", "predict_epsilon"}};

static bool says(const ggdm_doc *doc, const char *key)
{
    return doc && key && ggdm_node_get(doc->root, key);
}

/* A line behind those of *notes (owned). */
static ggdm_status add_note(char **notes, ggdm_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static ggdm_status add_note(char **notes, ggdm_error *err, const char *format, ...)
{
    char line[600], *joined;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    GGDM_TRY(ggdm_asprintf(&joined, err, "%s%s%s", *notes ? *notes : "", *notes ? "\n" : "", line));
    free(*notes);
    *notes = joined;
    return GGDM_OK;
}

static ggdm_status note_assumed(const ggdm_doc *doc, const char *where, char **notes,
                                ggdm_error *err)
{
    char list[200] = "";
    for (size_t i = 0; i < sizeof assumed / sizeof *assumed; i++) {
        size_t n = strlen(list);
        if (!says(doc, assumed[i].key) && !says(doc, assumed[i].older))
            snprintf(list + n, sizeof list - n, "%s%s %s", n ? ", " : "", assumed[i].key,
                     assumed[i].value);
    }
    if (!*list)
        return GGDM_OK;
    return add_note(notes, err, "%s %s: assumed are %s", where,
                    doc ? "does not say all of the noise schedule" : "is not there", list);
}

ggdm_status ggdm_schedule_review(const char *json, const char *where, const ggdm_schedule_use *use,
                                 char **notes, ggdm_error *err)
{
    config c;
    ggdm_doc *doc;
    ggdm_status st;
    *notes = NULL;
    GGDM_TRY(read_config(json, where, &c, &doc, err));
    GGDM_TRY_GOTO(st, note_assumed(doc, where, notes, err), done);
    if (use->clip_x0 && c.clip_range != 1)
        GGDM_TRY_GOTO(st,
                      ggdm_node_expected(ggdm_node_get(doc->root, "clip_sample_range"), err,
                                         "1, the range of images, with sampler.clip_x0: true"),
                      done);
    if (!use->clip_given && c.clip && !use->clip_x0)
        GGDM_TRY_GOTO(st,
                      add_note(notes, err,
                               "%s says clip_sample true, the sweep does not set sampler.clip_x0: "
                               "x0-hat is not clipped",
                               where),
                      done);
    if (!use->variance_given && c.variance >= 0 && c.variance % 2 != (int)use->variance)
        st = add_note(notes, err,
                      "%s says variance_type %s, the sweep does not set sampler.variance: it is %s",
                      where, variance_names[c.variance], ggdm_variance_names[use->variance]);
done:
    ggdm_doc_destroy(&doc);
    if (st != GGDM_OK) {
        free(*notes);
        *notes = NULL;
    }
    return st;
}

void ggdm_schedule_deinit(ggdm_schedule *schedule)
{
    free(schedule->step);
    schedule->step = NULL;
}
