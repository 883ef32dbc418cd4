#include "worker/noise_levels.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/betas.h"
#include "worker/kinds.h"

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
/* The second pair differs from the first in how it is computed.  Learned variance
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

/* ---- the levels ------------------------------------------------------------------------------ */

ggdm_status ggdm_noise_levels_read(const char *json, const char *where, ggdm_noise_levels *out,
                                   ggdm_error *err)
{
    config c;
    ggdm_doc *doc;
    *out = (ggdm_noise_levels){0};
    GGDM_TRY(read_config(json, where, &c, &doc, err));
    ggdm_doc_destroy(&doc);
    GGDM_TRY(ggdm_alloc(&out->alpha_bar, (size_t)c.train_steps, sizeof *out->alpha_bar, err));
    out->train_steps = c.train_steps;
    ggdm_alpha_bar((ggdm_beta_schedule)c.kind, c.beta_start, c.beta_end, c.train_steps,
                   out->alpha_bar);
    return GGDM_OK;
}

void ggdm_noise_levels_deinit(ggdm_noise_levels *levels)
{
    free(levels->alpha_bar);
    levels->alpha_bar = NULL;
}

/* ---- what the file says beside a sampler ----------------------------------------------------- */

/* The row of a sampler, NULL where its kind has none. */
static const ggdm_param *find_row(const ggdm_item *sampler, const char *key)
{
    const ggdm_value *v = ggdm_item_value(sampler, key);
    return v ? &sampler->kind->params[v - sampler->values] : NULL;
}

/* Which timesteps a shorter chain visits: by a row of the sampler, else the leading ones. */
static ggdm_status check_spacing(const config *c, const ggdm_doc *doc, const ggdm_item *sampler,
                                 ggdm_error *err)
{
    const bool chosen = find_row(sampler, "spacing") != NULL;
    const int64_t steps = ggdm_item_whole(sampler, "steps");
    const bool leading =
        !chosen || strcmp(ggdm_item_text(sampler, "spacing"), spacing_names[LEADING]) == 0;
    const char *expected;
    if (steps == c->train_steps)
        return GGDM_OK;
    if (c->spacing != LEADING && !chosen)
        expected = "leading";
    else if (c->offset != 0 && leading)
        expected = "0";
    else
        return GGDM_OK;
    return ggdm_node_expected(
        ggdm_node_get(doc->root, *expected == '0' ? "steps_offset" : "timestep_spacing"), err,
        "%s, or a chain of all %d timesteps (sampler.steps is %lld), to which it makes no "
        "difference",
        expected, c->train_steps, (long long)steps);
}

static ggdm_status check_clipping(const config *c, const ggdm_doc *doc, const ggdm_item *sampler,
                                  ggdm_error *err)
{
    if (!find_row(sampler, "clip_x0") || !ggdm_item_flag(sampler, "clip_x0") || c->clip_range == 1)
        return GGDM_OK;
    return ggdm_node_expected(ggdm_node_get(doc->root, "clip_sample_range"), err,
                              "1, the range of images, with sampler.clip_x0: true");
}

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

/* Where the sweep leaves a row to its default and the file says otherwise.  What the file adds to
 * the row's word ("_log") is another way to compute the same. */
static ggdm_status note_said(const ggdm_doc *doc, const char *where, const ggdm_item *sampler,
                             const ggdm_sampler_said *said, char **notes, ggdm_error *err)
{
    const ggdm_node *node = doc ? ggdm_node_get(doc->root, said->file) : NULL;
    const ggdm_value *v = ggdm_item_value(sampler, said->row);
    char text[80];
    if (!node || node->kind == GGDM_NODE_NULL || v->set)
        return GGDM_OK;
    ggdm_scalar_text(find_row(sampler, said->row), &v->scalar, text, sizeof text);
    if (strncmp(node->text, text, strlen(text)) == 0)
        return GGDM_OK;
    return add_note(notes, err, "%s says %s %s, the sweep does not set sampler.%s: it is %s", where,
                    said->file, node->text, said->row, text);
}

ggdm_status ggdm_noise_levels_review(const char *json, const char *where, const ggdm_item *sampler,
                                     char **notes, ggdm_error *err)
{
    const ggdm_sampler_said *said = ((const ggdm_sampler_kind *)sampler->kind)->said;
    config c;
    ggdm_doc *doc;
    *notes = NULL;
    GGDM_TRY(read_config(json, where, &c, &doc, err));
    ggdm_status st = note_assumed(doc, where, notes, err);
    if (st == GGDM_OK)
        st = check_spacing(&c, doc, sampler, err);
    if (st == GGDM_OK)
        st = check_clipping(&c, doc, sampler, err);
    for (; st == GGDM_OK && said->file; said++)
        st = note_said(doc, where, sampler, said, notes, err);
    ggdm_doc_destroy(&doc);
    if (st != GGDM_OK) {
        free(*notes);
        *notes = NULL;
    }
    return st;
}
