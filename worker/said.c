#include "worker/said.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields.h"
#include "common/mem.h"
#include "models/schedule_config.h"
#include "worker/kinds.h"

/* What is being asked for what. */
typedef struct asked {
    const ggdm_schedule_config *config;
    const ggdm_doc *doc; /* NULL: there is no text */
    const char *where;
    ggdm_item *sampler;
    char **notes; /* NULL: not asked for */
} asked;

static const ggdm_node *node_of(const asked *a, const char *key)
{
    const ggdm_node *node = a->doc ? ggdm_node_get(a->doc->root, key) : NULL;
    return node && node->kind != GGDM_NODE_NULL ? node : NULL;
}

/* A line behind those of the notes. */
static ggdm_status add_note(const asked *a, ggdm_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static ggdm_status add_note(const asked *a, ggdm_error *err, const char *format, ...)
{
    char line[600], *joined, *before;
    va_list args;
    if (!a->notes)
        return GGDM_OK;
    before = *a->notes;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    GGDM_TRY(ggdm_asprintf(&joined, err, "%s%s%s", before ? before : "", before ? "\n" : "", line));
    free(before);
    *a->notes = joined;
    return GGDM_OK;
}

/* ---- the noise ------------------------------------------------------------------------------- */

static const struct {
    const char *key, *value; /* of `defaults` */
    const char *older;       /* another key that says it; NULL: none */
} assumed[] = {{"num_train_timesteps", "1000", NULL},
               {"beta_schedule", "linear", NULL},
               {"beta_start", "0.0001", NULL},
               {"beta_end", "0.02", NULL},
               {"prediction_type", "epsilon", "predict_epsilon"}};

/* Is the default of a key not asked for, as betas are given one by one or have no ends? */
static bool needless(const ggdm_schedule_config *c, const char *key)
{
    return strncmp(key, "beta_", 5) == 0 &&
           (c->trained.count > 0 ||
            (c->betas == GGDM_BETAS_SQUAREDCOS && strcmp(key, "beta_schedule") != 0));
}

static bool says(const asked *a, const char *key)
{
    return a->doc && key && ggdm_node_get(a->doc->root, key);
}

static ggdm_status note_assumed(const asked *a, ggdm_error *err)
{
    char list[200] = "";
    for (size_t i = 0; i < sizeof assumed / sizeof *assumed; i++) {
        size_t n = strlen(list);
        if (!says(a, assumed[i].key) && !says(a, assumed[i].older) &&
            !needless(a->config, assumed[i].key))
            snprintf(list + n, sizeof list - n, "%s%s %s", n ? ", " : "", assumed[i].key,
                     assumed[i].value);
    }
    if (!*list)
        return GGDM_OK;
    return add_note(a, err, "%s %s: assumed are %s", a->where,
                    a->doc ? "does not say all of the noise schedule" : "is not there", list);
}

/* ---- the chain ------------------------------------------------------------------------------- */

/* What any scheduler says (after what one says alone, which goes before a timestep_spacing), in an
 * order in which a row comes after those that decide whether it counts. */
static const ggdm_sampler_said common[] = {
    {"timestep_spacing", "spacing", NULL},
    {"steps_offset", "steps_offset", NULL},
    {"thresholding", "thresholding", NULL},
    {"dynamic_thresholding_ratio", "dynamic_thresholding_ratio", NULL},
    {"sample_max_value", "sample_max_value", NULL},
    {"clip_sample", "clip_x0", NULL}};

static bool is_set(const ggdm_item *sampler, const char *key)
{
    return ggdm_item_value(sampler, key)->set;
}

/* Does what the text says make a difference beside what the sweep says? */
static bool counts(const asked *a, const char *row)
{
    const ggdm_item *s = a->sampler;
    if (strcmp(row, "thresholding") == 0)
        return !ggdm_item_flag(s, "clip_x0");
    if (strcmp(row, "dynamic_thresholding_ratio") == 0 || strcmp(row, "sample_max_value") == 0)
        return ggdm_item_flag(s, "thresholding");
    if (strcmp(row, "clip_x0") == 0) /* diffusers, too, does not clip what it thresholds */
        return !ggdm_item_flag(s, "thresholding");
    const bool offset = strcmp(row, "steps_offset") == 0;
    if (!offset && strcmp(row, "spacing") != 0)
        return true;
    const int64_t spacing = ggdm_item_whole(s, "spacing");
    return !is_set(s, "respacing") && ggdm_item_whole(s, "steps") != a->config->train_steps &&
           (offset ? spacing == GGDM_LEADING : spacing != GGDM_KARRAS);
}

/* The value as the row has it, of a word if there is one for it.  What diffusers adds to a word
 * ("_log") is another way to compute the same. */
static ggdm_status read_said(const ggdm_param *row, const char *word, const ggdm_node *node,
                             ggdm_scalar *out, ggdm_error *err)
{
    const char *text = word ? word : node->text;
    for (int i = 0; row->type == GGDM_PARAM_CHOICE && row->choices[i]; i++) {
        const size_t n = strlen(row->choices[i]);
        *out = (ggdm_scalar){.whole = i};
        if (strncmp(text, row->choices[i], n) == 0 && (!text[n] || strcmp(text + n, "_log") == 0))
            return GGDM_OK;
    }
    return ggdm_scalar_read(NULL, row, node, GGDM_OF_SWEEP, out, err);
}

static ggdm_status follow_row(const asked *a, const ggdm_sampler_said *said, ggdm_error *err)
{
    const ggdm_node *node = node_of(a, said->file);
    ggdm_value *v = ggdm_item_value(a->sampler, said->row);
    const ggdm_param *row = &a->sampler->kind->params[v - a->sampler->values];
    ggdm_scalar scalar;
    if (!node || v->set || !counts(a, said->row))
        return GGDM_OK;
    GGDM_TRY(read_said(row, said->only, node, &scalar, err));
    if (ggdm_scalar_equal(row->type, &v->scalar, &scalar))
        return GGDM_OK;
    v->scalar = scalar;
    return add_note(a, err, "%s says %s %s: so is sampler.%s%s%s, which the sweep does not set",
                    a->where, said->file, node->text, said->row, said->only ? " " : "",
                    said->only ? said->only : "");
}

/* What only the scheduler of this sampler says: the sampler does it in one way, or a row has it. */
static ggdm_status follow_only(const asked *a, const ggdm_sampler_said *said, ggdm_error *err)
{
    const ggdm_node *node = node_of(a, said->file), *class_name = node_of(a, "_class_name");
    const ggdm_sampler_kind *kind = (const ggdm_sampler_kind *)a->sampler->kind;
    if (!node || !class_name || strcmp(class_name->text, kind->scheduler) != 0)
        return GGDM_OK;
    if (said->row && node->kind != GGDM_NODE_BOOL)
        return ggdm_node_expected(node, err, "true or false");
    if (said->row)
        return node->boolean ? follow_row(a, said, err) : GGDM_OK;
    if (strcmp(node->text, said->only) == 0)
        return GGDM_OK;
    return ggdm_node_expected(node, err, "%s: sampler '%s' does nothing else", said->only,
                              kind->kind.name);
}

static ggdm_status check_clipping(const asked *a, ggdm_error *err)
{
    if (!ggdm_item_flag(a->sampler, "clip_x0") || a->config->clip_range == 1)
        return GGDM_OK;
    return ggdm_node_expected(node_of(a, "clip_sample_range"), err,
                              "1, the range of images, with sampler.clip_x0: true");
}

static ggdm_status follow(const asked *a, ggdm_error *err)
{
    const ggdm_sampler_said *said = ((const ggdm_sampler_kind *)a->sampler->kind)->said;
    for (; said->file; said++)
        GGDM_TRY(said->only ? follow_only(a, said, err) : follow_row(a, said, err));
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        GGDM_TRY(follow_row(a, &common[i], err));
    return check_clipping(a, err);
}

ggdm_status ggdm_said_follow(const char *json, const char *where, ggdm_item *sampler, char **notes,
                             ggdm_error *err)
{
    ggdm_schedule_config c;
    ggdm_doc *doc;
    if (notes)
        *notes = NULL;
    GGDM_TRY(ggdm_schedule_config_read(json, where, &c, &doc, err));
    const asked a = {&c, doc, where, sampler, notes};
    ggdm_status st = note_assumed(&a, err);
    if (st == GGDM_OK)
        st = follow(&a, err);
    ggdm_schedule_config_release(&c, &doc);
    if (st != GGDM_OK && notes) {
        free(*notes);
        *notes = NULL;
    }
    return st;
}
