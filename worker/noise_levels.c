#include "worker/noise_levels.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fields.h"
#include "common/json.h"
#include "common/mem.h"
#include "models/schedule_config.h"
#include "worker/kinds.h"

/* ---- the levels ------------------------------------------------------------------------------ */

ggdm_status ggdm_noise_levels_read(const char *json, const char *where, ggdm_noise_levels *out,
                                   ggdm_error *err)
{
    ggdm_schedule_config c;
    ggdm_doc *doc;
    *out = (ggdm_noise_levels){0};
    GGDM_TRY(ggdm_schedule_config_read(json, where, &c, &doc, err));
    out->train_steps = c.train_steps;
    ggdm_status st =
        ggdm_alloc(&out->alpha_bar, (size_t)c.train_steps, sizeof *out->alpha_bar, err);
    if (st == GGDM_OK)
        ggdm_schedule_alpha_bar(&c, out->alpha_bar);
    ggdm_schedule_config_release(&c, &doc);
    return st;
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

/* Does the sweep say which timesteps are visited, by this row or by a respacing? */
static bool chooses(const ggdm_item *sampler, const char *key)
{
    const ggdm_value *row = ggdm_item_value(sampler, key);
    const ggdm_value *all = ggdm_item_value(sampler, "respacing");
    return (row && row->set) || (all && all->set);
}

/* Which timesteps a shorter chain visits: as the sweep says, else by the sampler's default. */
static ggdm_status check_spacing(const ggdm_schedule_config *c, const ggdm_doc *doc,
                                 const ggdm_item *sampler, ggdm_error *err)
{
    const int64_t steps = ggdm_item_whole(sampler, "steps");
    const char *leading = ggdm_schedule_spacings[GGDM_SPACING_LEADING];
    const char *said = ggdm_schedule_spacings[c->spacing];
    const char *spacing =
        find_row(sampler, "spacing") ? ggdm_item_text(sampler, "spacing") : leading;
    const char *key, *row, *expected;
    if (steps == c->train_steps)
        return GGDM_OK;
    if (said != leading && strcmp(said, spacing) != 0 && !chooses(sampler, "spacing"))
        key = "timestep_spacing", row = "spacing", expected = spacing;
    else if (c->offset != 0 && strcmp(spacing, leading) == 0 && !chooses(sampler, "steps_offset"))
        key = row = "steps_offset", expected = "0";
    else
        return GGDM_OK;
    return ggdm_node_expected(
        ggdm_node_get(doc->root, key), err,
        "%s, or a chain of all %d timesteps (sampler.steps is %lld), to which it makes no "
        "difference%s%s",
        expected, c->train_steps, (long long)steps,
        find_row(sampler, row) ? ", or that the sweep sets sampler." : "",
        find_row(sampler, row) ? row : "");
}

static ggdm_status check_clipping(const ggdm_schedule_config *c, const ggdm_doc *doc,
                                  const ggdm_item *sampler, ggdm_error *err)
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

/* Is the default of a key not asked for, as betas are given one by one or have no ends? */
static bool needless(const ggdm_schedule_config *c, const char *key)
{
    return strncmp(key, "beta_", 5) == 0 &&
           (c->trained.count > 0 ||
            (c->betas == GGDM_BETAS_SQUAREDCOS && strcmp(key, "beta_schedule") != 0));
}

static ggdm_status note_assumed(const ggdm_schedule_config *c, const ggdm_doc *doc,
                                const char *where, char **notes, ggdm_error *err)
{
    char list[200] = "";
    for (size_t i = 0; i < sizeof assumed / sizeof *assumed; i++) {
        size_t n = strlen(list);
        if (!says(doc, assumed[i].key) && !says(doc, assumed[i].older) &&
            !needless(c, assumed[i].key))
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
    ggdm_schedule_config c;
    ggdm_doc *doc;
    *notes = NULL;
    GGDM_TRY(ggdm_schedule_config_read(json, where, &c, &doc, err));
    ggdm_status st = note_assumed(&c, doc, where, notes, err);
    if (st == GGDM_OK)
        st = check_spacing(&c, doc, sampler, err);
    if (st == GGDM_OK)
        st = check_clipping(&c, doc, sampler, err);
    for (; st == GGDM_OK && said->file; said++)
        st = note_said(doc, where, sampler, said, notes, err);
    ggdm_schedule_config_release(&c, &doc);
    if (st != GGDM_OK) {
        free(*notes);
        *notes = NULL;
    }
    return st;
}
