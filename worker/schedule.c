#include "worker/schedule.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "models/schedule_config.h"

/* Which timesteps a shorter chain visits: ours are the leading ones. */
static ggdm_status check_spacing(const ggdm_schedule_config *c, const ggdm_doc *doc, int32_t steps,
                                 ggdm_error *err)
{
    const char *key = c->spacing != GGDM_SPACING_LEADING ? "timestep_spacing" : "steps_offset";
    if (steps == c->train_steps || (c->spacing == GGDM_SPACING_LEADING && c->offset == 0))
        return GGDM_OK;
    return ggdm_node_expected(ggdm_node_get(doc->root, key), err,
                              "%s, or a chain of all %d timesteps (sampler.steps is %d), to which "
                              "it makes no difference",
                              c->spacing != GGDM_SPACING_LEADING ? "leading" : "0", c->train_steps,
                              steps);
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
    ggdm_schedule_config c;
    ggdm_doc *doc;
    GGDM_TRY(ggdm_schedule_config_read(json, where, &c, &doc, err));
    *out = c.train_steps;
    ggdm_doc_destroy(&doc);
    return GGDM_OK;
}

static ggdm_status fill(const ggdm_schedule_config *c, int32_t steps, ggdm_variance variance,
                        ggdm_schedule *out, ggdm_error *err)
{
    double *bar = NULL;
    ggdm_status st = ggdm_alloc(&bar, (size_t)c->train_steps, sizeof *bar, err);
    if (st == GGDM_OK)
        st = ggdm_alloc(&out->step, (size_t)steps, sizeof *out->step, err);
    if (st == GGDM_OK) {
        ggdm_alpha_bar((ggdm_beta_schedule)c->betas, c->beta_start, c->beta_end, c->train_steps,
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
    ggdm_schedule_config c;
    ggdm_doc *doc;
    *out = (ggdm_schedule){0};
    GGDM_TRY(ggdm_schedule_config_read(json, where, &c, &doc, err));
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
    const char *key, *value; /* of models/schedule_config.c */
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
    ggdm_schedule_config c;
    ggdm_doc *doc;
    ggdm_status st;
    *notes = NULL;
    GGDM_TRY(ggdm_schedule_config_read(json, where, &c, &doc, err));
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
                      where, ggdm_schedule_variances[c.variance],
                      ggdm_variance_names[use->variance]);
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
