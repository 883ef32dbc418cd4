/* "GaussianMixture" and "GaussianMixtureClassifier": images that are normal distributions, of which
 * eps and p(y given x_t, t) are known exactly (docs/MODELS.md has the language).
 *
 * Covariances are diagonal: as cheap as a number for each component, and enough for axes of their
 * own.  All is in config.json, also for 28x28; the noise levels are those of the schedule beside
 * it. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields_write.h"
#include "common/mem.h"
#include "models/arch/arch_kind.h"
#include "models/nn/ops.h"

enum { MAX_NUMBERS = 1 << 20 }; /* components times elements */

#define MIN_VARIANCE 1e-6 /* images without noise have a density */
#define MAX_VARIANCE 1e6

typedef struct raw_config {
    int32_t sample_size, in_channels;
    bool conditional; /* diffusion: takes a label */
    bool noisy;       /* classifier: takes a timestep */
    const ggdm_node *components;
} raw_config;

typedef struct raw_component {
    double weight;
    const ggdm_node *mean, *variance;
} raw_component;

typedef struct config {
    ggdm_mixture mixture; /* views into the owned lists below */
    double *numbers;      /* weights, means, variances */
    double *alpha_bar;
} config;

static const raw_config defaults = {.in_channels = 1};
static const raw_component component_defaults = {.weight = 1};

static const char *const ignored[] = {"_class_name", "_name_or_path", NULL};

/* What both kinds say, and a flag of their own. */
#define FIELDS(flag)                                                                               \
    {                                                                                              \
        {.key = "sample_size",                                                                     \
         .type = GGDM_FIELD_INT32,                                                                 \
         .offset = offsetof(raw_config, sample_size),                                              \
         .required = true,                                                                         \
         .lo = 1,                                                                                  \
         .hi = GGDM_ARCH_MAX_SIZE},                                                                \
            {.key = "in_channels",                                                                 \
             .type = GGDM_FIELD_INT32,                                                             \
             .offset = offsetof(raw_config, in_channels),                                          \
             .lo = 1,                                                                              \
             .hi = GGDM_ARCH_MAX_WIDTH},                                                           \
            {.key = "components",                                                                  \
             .type = GGDM_FIELD_NODE,                                                              \
             .offset = offsetof(raw_config, components),                                           \
             .required = true},                                                                    \
            {.key = #flag, .type = GGDM_FIELD_BOOL, .offset = offsetof(raw_config, flag)},         \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

static const ggdm_field fields[] = FIELDS(conditional);
static const ggdm_field classifier_fields[] = FIELDS(noisy);

static const ggdm_field component_fields[] = {
    {"weight", GGDM_FIELD_DOUBLE, offsetof(raw_component, weight), .lo = 1e-12, .hi = 1e12},
    {"mean", GGDM_FIELD_NODE, offsetof(raw_component, mean), .required = true},
    {"variance", GGDM_FIELD_NODE, offsetof(raw_component, variance), .required = true},
    {0}};

/* One number for all elements, or a list of one for each. */
static ggdm_status read_elements(const ggdm_node *node, double lo, double hi, int64_t size,
                                 double *out, ggdm_error *err)
{
    if (node->kind != GGDM_NODE_LIST) {
        GGDM_TRY(ggdm_node_double(node, lo, hi, out, err));
        for (int64_t i = 1; i < size; i++)
            out[i] = out[0];
        return GGDM_OK;
    }
    if ((int64_t)node->count != size)
        return ggdm_node_fail(node, err, "has %zu numbers, expected one or %lld (of an image)",
                              node->count, (long long)size);
    for (const ggdm_node *n = node->first; n; n = n->next)
        GGDM_TRY(ggdm_node_double(n, lo, hi, out++, err));
    return GGDM_OK;
}

static ggdm_status read_component(const ggdm_node *node, double *weight, double *mean,
                                  double *variance, int64_t size, ggdm_error *err)
{
    raw_component raw = component_defaults;
    GGDM_TRY(ggdm_fields_read(node, component_fields, NULL, &raw, err));
    *weight = raw.weight;
    GGDM_TRY(read_elements(raw.mean, 0, 0, size, mean, err));
    return read_elements(raw.variance, MIN_VARIANCE, MAX_VARIANCE, size, variance, err);
}

/* Weights as they stand: shares, rounded, would not add up to 1. */
static void write_components(ggdm_json *text, const ggdm_mixture *m, const double *weight)
{
    ggdm_json_begin_array(text, "components");
    for (int k = 0; k < m->n; k++) {
        ggdm_json_begin_object(text, NULL);
        ggdm_json_put_double(text, "weight", weight[k]);
        ggdm_json_put_doubles(text, "mean", m->mean + k * m->size, m->size);
        ggdm_json_put_doubles(text, "variance", m->variance + k * m->size, m->size);
        ggdm_json_end(text);
    }
    ggdm_json_end(text);
}

static ggdm_status read_components(const ggdm_node *list, config *c, ggdm_json *text,
                                   ggdm_error *err)
{
    ggdm_mixture *m = &c->mixture;
    double sum = 0;
    const size_t n = (size_t)m->n, size = (size_t)m->size;
    GGDM_TRY(ggdm_alloc(&c->numbers, n + 2 * n * size, sizeof *c->numbers, err));
    double *weight = c->numbers, *mean = weight + n, *variance = mean + n * size;
    size_t k = 0;
    for (const ggdm_node *node = list->first; node; node = node->next, k++) {
        GGDM_TRY(
            read_component(node, &weight[k], mean + k * size, variance + k * size, m->size, err));
        sum += weight[k];
    }
    m->mean = mean;
    m->variance = variance;
    m->log_weight = weight;
    write_components(text, m, weight);
    for (k = 0; k < n; k++)
        weight[k] = log(weight[k] / sum);
    return GGDM_OK;
}

static ggdm_status fill(const ggdm_node *root, void *raw, void *out, ggdm_arch_info *info,
                        ggdm_json *text, ggdm_error *err)
{
    (void)root;
    raw_config *r = raw;
    config *c = out;
    const ggdm_node *list = r->components;
    if (list->kind != GGDM_NODE_LIST || list->count < 1 || list->count > GGDM_MIXTURE_COMPONENTS)
        return ggdm_node_fail(list, err, "expected a list of 1 to %d components",
                              GGDM_MIXTURE_COMPONENTS);
    c->mixture.n = (int)list->count;
    c->mixture.size = (int64_t)r->sample_size * r->sample_size * r->in_channels;
    if (c->mixture.n * c->mixture.size > MAX_NUMBERS)
        return ggdm_node_fail(list, err,
                              "%d components of %lld elements, expected at most %d in all",
                              c->mixture.n, (long long)c->mixture.size, MAX_NUMBERS);
    GGDM_TRY(read_components(list, c, text, err));
    r->components = NULL; /* said */
    info->size = r->sample_size;
    info->channels = r->in_channels;
    if (r->noisy)
        info->ports |= GGDM_PORT_T;
    if (r->conditional) {
        info->ports |= GGDM_PORT_LABEL;
        info->null_label = c->mixture.n;
    }
    if (r->conditional || info->role == GGDM_CLASSIFIER)
        info->n_classes = c->mixture.n;
    return GGDM_OK;
}

static void release(void *at)
{
    config *c = at;
    free(c->numbers);
    free(c->alpha_bar);
}

static ggdm_status schedule(void *at, const double *alpha_bar, int32_t n, ggdm_error *err)
{
    config *c = at;
    free(c->alpha_bar);
    c->alpha_bar = NULL;
    GGDM_TRY(ggdm_alloc(&c->alpha_bar, (size_t)n, sizeof *c->alpha_bar, err));
    memcpy(c->alpha_bar, alpha_bar, (size_t)n * sizeof *alpha_bar);
    c->mixture.alpha_bar = c->alpha_bar;
    c->mixture.levels = n;
    return GGDM_OK;
}

static void emit(const void *at, ggdm_graph *g, ggdm_ports *p)
{
    p->eps = ggdm_mixture_eps(g, p->x, p->t, p->label, &((const config *)at)->mixture);
}

static void emit_classifier(const void *at, ggdm_graph *g, ggdm_ports *p)
{
    p->raw = p->logits = ggdm_mixture_logp(g, p->x, p->t, &((const config *)at)->mixture);
}

const ggdm_arch_kind ggdm_arch_mixture = {
    .class_name = "GaussianMixture",
    .role = GGDM_DIFFUSION,
    .ports = GGDM_PORT_X | GGDM_PORT_T | GGDM_PORT_EPS,
    .fields = fields,
    .ignored = ignored,
    .defaults = &defaults,
    .raw_size = sizeof(raw_config),
    .config_size = sizeof(config),
    .fill = fill,
    .release = release,
    .schedule = schedule,
    .emit = emit,
};

const ggdm_arch_kind ggdm_arch_mixture_classifier = {
    .class_name = "GaussianMixtureClassifier",
    .role = GGDM_CLASSIFIER,
    .ports = GGDM_PORT_X | GGDM_PORT_LOGITS,
    .fields = classifier_fields,
    .ignored = ignored,
    .defaults = &defaults,
    .raw_size = sizeof(raw_config),
    .config_size = sizeof(config),
    .fill = fill,
    .release = release,
    .schedule = schedule,
    .emit = emit_classifier,
};
