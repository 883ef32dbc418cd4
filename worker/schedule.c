#include "worker/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/betas.h"

#define MAX_JSON (1u << 20)
#define MAX_TRAIN_STEPS 100000

enum { N_NEUTRAL = 5 };

typedef struct config {
    int32_t train_steps;
    double beta_start, beta_end;
    int kind, prediction;
    const ggdm_node *neutral[N_NEUTRAL]; /* see `neutral` */
} config;

static const char *const kind_names[] = {
    [GGDM_BETAS_LINEAR] = "linear", [GGDM_BETAS_SCALED_LINEAR] = "scaled_linear", NULL};
static const char *const prediction_names[] = {"epsilon", NULL};

static const ggdm_field fields[] = {
    {"num_train_timesteps", GGDM_FIELD_INT32, offsetof(config, train_steps), .lo = 1,
     .hi = MAX_TRAIN_STEPS},
    {"beta_start", GGDM_FIELD_DOUBLE, offsetof(config, beta_start), .lo = 1e-12, .hi = 0.999},
    {"beta_end", GGDM_FIELD_DOUBLE, offsetof(config, beta_end), .lo = 1e-12, .hi = 0.999},
    {"beta_schedule", GGDM_FIELD_CHOICE, offsetof(config, kind), .choices = kind_names},
    {"prediction_type", GGDM_FIELD_CHOICE, offsetof(config, prediction),
     .choices = prediction_names},
    {"trained_betas", GGDM_FIELD_NODE, .offset = offsetof(config, neutral[0])},
    {"rescale_betas_zero_snr", GGDM_FIELD_NODE, .offset = offsetof(config, neutral[1])},
    {"thresholding", GGDM_FIELD_NODE, .offset = offsetof(config, neutral[2])},
    {"use_flow_sigmas", GGDM_FIELD_NODE, .offset = offsetof(config, neutral[3])},
    {"predict_epsilon", GGDM_FIELD_NODE, .offset = offsetof(config, neutral[4])},
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

/* What diffusers' schedulers also write.  How the chain is run (variance, clipping, spacing, the
 * solver) is the sweep's business, not the file's. */
static const char *const ignored[] = {
    "_class_name", "_diffusers_version", "tensor_format",
    /* variance and clipping; the next two count only with thresholding */
    "variance_type", "clip_sample", "clip_sample_range", "dynamic_thresholding_ratio",
    "sample_max_value",
    /* which timesteps, and where the chain ends */
    "timestep_spacing", "timestep_type", "timestep_values", "timesteps", "steps_offset",
    "set_alpha_to_one", "skip_prk_steps",
    /* solvers */
    "algorithm_type", "solver_order", "solver_type", "solver_p", "lower_order_final",
    "euler_at_final", "final_sigmas_type", "interpolation_type", "use_karras_sigmas",
    "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "lambda_min_clipped",
    "predict_x0", "disable_corrector", NULL};

static ggdm_status read_config(const char *json, const char *where, config *c, ggdm_error *err)
{
    ggdm_doc *doc = NULL;
    ggdm_status st = ggdm_json_parse(json, strlen(json), MAX_JSON, where, &doc, err);
    if (st == GGDM_OK)
        st = ggdm_fields_read(doc->root, fields, ignored, c, err);
    for (size_t i = 0; st == GGDM_OK && i < N_NEUTRAL; i++) {
        const ggdm_node *n = c->neutral[i];
        if (n && (n->kind != neutral[i].kind || n->boolean != neutral[i].boolean))
            st = ggdm_node_expected(n, err, "%s", neutral[i].expected);
    }
    ggdm_doc_destroy(&doc);
    return st;
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

ggdm_status ggdm_schedule_create(const char *json, const char *where, int32_t steps,
                                 ggdm_variance variance, ggdm_schedule *out, ggdm_error *err)
{
    config c = {.train_steps = 1000, .beta_start = 1e-4, .beta_end = 0.02};
    *out = (ggdm_schedule){0};
    if (json)
        GGDM_TRY(read_config(json, where, &c, err));
    if (steps < 1 || steps > c.train_steps)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "field 'sampler.steps': value %d, expected 1 to %d (num_train_timesteps "
                         "of %s)",
                         steps, c.train_steps, where);
    double *bar = NULL;
    ggdm_status st = ggdm_alloc(&bar, (size_t)c.train_steps, sizeof *bar, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&out->step, (size_t)steps, sizeof *out->step, err);
    if (st == GGDM_OK) {
        ggdm_alpha_bar((ggdm_beta_schedule)c.kind, c.beta_start, c.beta_end, c.train_steps, bar);
        out->train_steps = c.train_steps;
        out->steps = steps;
        int32_t stride = c.train_steps / steps;
        for (int32_t i = 0; i < steps; i++) {
            int32_t t = (steps - 1 - i) * stride;
            fill_step(&out->step[i], t, bar[t], t >= stride ? bar[t - stride] : 1.0, variance);
        }
        out->step[steps - 1].sigma = 0.0f;
    }
    free(bar);
    return st;
}

void ggdm_schedule_deinit(ggdm_schedule *schedule)
{
    free(schedule->step);
    schedule->step = NULL;
}
