#include "models/schedule_config.h"

#include <string.h>

#include "common/fields_write.h"
#include "common/json.h"

#define MAX_JSON (1u << 20)
#define MAX_TRAIN_STEPS 100000

/* Where the file says nothing: what diffusers' DDPMScheduler takes. */
static const ggdm_schedule_config defaults = {.train_steps = 1000,
                                              .beta_start = 1e-4,
                                              .beta_end = 0.02,
                                              .betas = GGDM_BETAS_LINEAR,
                                              .spacing = GGDM_SPACING_LEADING,
                                              .clip_range = 1,
                                              .threshold_ratio = 0.995,
                                              .threshold_most = 1,
                                              .variance = -1};

const char *const ggdm_prediction_names[] = {[GGDM_PREDICT_EPSILON] = "epsilon",
                                             [GGDM_PREDICT_SAMPLE] = "sample",
                                             [GGDM_PREDICT_V] = "v_prediction",
                                             NULL};
const char *const ggdm_schedule_spacings[] = {[GGDM_SPACING_LEADING] = "leading",
                                              [GGDM_SPACING_LINSPACE] = "linspace",
                                              [GGDM_SPACING_TRAILING] = "trailing",
                                              NULL};
/* "learned" is one thing in OpenAI's programs, its logarithm, and another in diffusers. */
const char *const ggdm_schedule_variances[] = {
    "fixed_large", "fixed_small", "fixed_large_log", "fixed_small_log", "learned_range", NULL};

#define AT(member) offsetof(ggdm_schedule_config, member)
const ggdm_field ggdm_schedule_fields[] = {
    {"num_train_timesteps", GGDM_FIELD_INT32, AT(train_steps), .lo = 1, .hi = MAX_TRAIN_STEPS},
    {"beta_start", GGDM_FIELD_DOUBLE, AT(beta_start), .lo = 1e-12, .hi = 0.999},
    {"beta_end", GGDM_FIELD_DOUBLE, AT(beta_end), .lo = 1e-12, .hi = 0.999},
    {"beta_schedule", GGDM_FIELD_CHOICE, AT(betas), .choices = ggdm_beta_schedules},
    {"prediction_type", GGDM_FIELD_CHOICE, AT(prediction), .choices = ggdm_prediction_names},
    {"timestep_spacing", GGDM_FIELD_CHOICE, AT(spacing), .choices = ggdm_schedule_spacings},
    {"steps_offset", GGDM_FIELD_INT32, AT(offset), .lo = 0, .hi = MAX_TRAIN_STEPS},
    {"clip_sample", GGDM_FIELD_BOOL, .offset = AT(clip)},
    {"clip_sample_range", GGDM_FIELD_DOUBLE, AT(clip_range), .lo = 0, .hi = 1e300},
    {"variance_type", GGDM_FIELD_CHOICE, AT(variance), .choices = ggdm_schedule_variances},
    {"trained_betas", GGDM_FIELD_DOUBLES, AT(trained), .lo = 1e-12, .hi = 0.9999},
    {"rescale_betas_zero_snr", GGDM_FIELD_BOOL, .offset = AT(zero_snr)},
    {"thresholding", GGDM_FIELD_BOOL, .offset = AT(threshold)},
    {"dynamic_thresholding_ratio", GGDM_FIELD_DOUBLE, AT(threshold_ratio), .lo = 0, .hi = 1},
    {"sample_max_value", GGDM_FIELD_DOUBLE, AT(threshold_most), .lo = 1e-9, .hi = 1e300},
    {"use_flow_sigmas", GGDM_FIELD_NODE, .offset = AT(neutral[0])},
    {"predict_epsilon", GGDM_FIELD_NODE, .offset = AT(neutral[1])},
    {0}};

/* Keys that change the mathematics: only the value with which they do not is accepted. */
static const struct {
    ggdm_node_kind kind;
    bool boolean;
    const char *expected;
} neutral[GGDM_SCHEDULE_NEUTRAL] = {
    {GGDM_NODE_BOOL, false, "false"},
    {GGDM_NODE_BOOL, true, "true (before prediction_type: the network predicts eps)"}};

/* What diffusers' schedulers also write, and what changes nothing of a DDPM chain (docs/MODELS.md).
 */
static const char *const ignored[] = {
    "_class_name", "_diffusers_version", "tensor_format",
    /* only with flow sigmas */
    "flow_shift",
    /* fields that other schedulers fill while they run, and how they end their chains */
    "timestep_type", "timestep_values", "timesteps", "set_alpha_to_one", "skip_prk_steps",
    /* solvers */
    "algorithm_type", "solver_order", "solver_type", "solver_p", "lower_order_final",
    "euler_at_final", "final_sigmas_type", "interpolation_type", "use_karras_sigmas",
    "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "lambda_min_clipped",
    "sigma_min", "sigma_max", "predict_x0", "disable_corrector", NULL};

/* Of a list there is one beta a timestep; an empty list is none. */
static ggdm_status check_trained(const ggdm_schedule_config *c, const ggdm_doc *doc,
                                 ggdm_error *err)
{
    const ggdm_node *n = ggdm_node_get(doc->root, "trained_betas");
    if (!n || n->kind == GGDM_NODE_NULL || n->count == (size_t)c->train_steps)
        return GGDM_OK;
    return ggdm_node_fail(n, err, "a list of %zu, expected %d (num_train_timesteps)", n->count,
                          c->train_steps);
}

/* x0-hat from noise alone: eps says nothing about it, and a chain of one timestep has no signal to
 * keep. */
static ggdm_status check_zero_snr(const ggdm_schedule_config *c, const ggdm_doc *doc,
                                  ggdm_error *err)
{
    const ggdm_node *n = ggdm_node_get(doc->root, "rescale_betas_zero_snr");
    if (!c->zero_snr || (c->prediction != GGDM_PREDICT_EPSILON && c->train_steps > 1))
        return GGDM_OK;
    if (c->train_steps == 1)
        return ggdm_node_expected(n, err, "false with num_train_timesteps 1");
    return ggdm_node_expected(n, err,
                              "false with prediction_type epsilon: in noise alone eps says nothing "
                              "of the image (sample or v_prediction does)");
}

ggdm_status ggdm_schedule_config_read(const char *json, const char *where, ggdm_schedule_config *c,
                                      ggdm_doc **doc, ggdm_error *err)
{
    *c = defaults;
    *doc = NULL;
    if (!json)
        return GGDM_OK;
    ggdm_status st = ggdm_json_parse(json, strlen(json), MAX_JSON, where, doc, err);
    if (st == GGDM_OK)
        st = ggdm_fields_read((*doc)->root, ggdm_schedule_fields, ignored, c, err);
    for (size_t i = 0; st == GGDM_OK && i < GGDM_SCHEDULE_NEUTRAL; i++) {
        const ggdm_node *n = c->neutral[i];
        if (n && (n->kind != neutral[i].kind || n->boolean != neutral[i].boolean))
            st = ggdm_node_expected(n, err, "%s", neutral[i].expected);
        c->neutral[i] = NULL;
    }
    if (st == GGDM_OK)
        st = check_trained(c, *doc, err);
    if (st == GGDM_OK)
        st = check_zero_snr(c, *doc, err);
    if (st != GGDM_OK)
        ggdm_schedule_config_release(c, doc);
    return st;
}

void ggdm_schedule_config_release(ggdm_schedule_config *c, ggdm_doc **doc)
{
    ggdm_fields_release(ggdm_schedule_fields, c);
    ggdm_doc_destroy(doc);
}

void ggdm_schedule_alpha_bar(const ggdm_schedule_config *c, double *alpha_bar)
{
    if (c->trained.count > 0)
        ggdm_alpha_bar_trained(c->trained.data, c->train_steps, alpha_bar);
    else
        ggdm_alpha_bar((ggdm_beta_schedule)c->betas, c->beta_start, c->beta_end, c->train_steps,
                       alpha_bar);
    if (c->zero_snr)
        ggdm_alpha_bar_zero_snr(c->train_steps, alpha_bar);
}

ggdm_status ggdm_schedule_config_text(const char *json, const char *where, char **out,
                                      ggdm_error *err)
{
    ggdm_schedule_config c;
    ggdm_doc *doc;
    ggdm_json j;
    *out = NULL;
    GGDM_TRY(ggdm_schedule_config_read(json, where, &c, &doc, err));
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    ggdm_fields_write(&j, ggdm_schedule_fields, &c, &defaults);
    ggdm_json_end(&j);
    ggdm_schedule_config_release(&c, &doc);
    return ggdm_json_finish(&j, out, NULL, err);
}
