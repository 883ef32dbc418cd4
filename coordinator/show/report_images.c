#include "coordinator/show/report_images.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/argmax.h"
#include "common/mem.h"

enum { DIGITS = 3 }; /* of what was said of an image: enough to look at */

/* ---- what was said of each image ------------------------------------------------------------- */

typedef struct view {
    ggdm_json *j;
    const ggdm_row *row; /* the first that shows the trajectory with this aim and panel */
    ggdm_output output;
    int32_t next, shown; /* index expected, images that are shown */
} view;

static void put_class(ggdm_json *j, const ggdm_score *score, int32_t aim)
{
    const int32_t best = ggdm_argmax(score->data, score->n);
    if (best < 0) {
        ggdm_json_put_null(j, NULL);
        return;
    }
    ggdm_json_begin_array(j, NULL);
    ggdm_json_put_int(j, NULL, best);
    ggdm_json_put_rounded(j, NULL, exp((double)score->data[best]), DIGITS);
    if (aim >= 0 && aim < score->n)
        ggdm_json_put_rounded(j, NULL, exp((double)score->data[aim]), DIGITS);
    ggdm_json_end(j);
}

/* Null for images that are not there. */
static ggdm_status put_score(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    (void)err;
    view *v = context;
    if (sample->index >= v->shown)
        return GGDM_OK;
    for (; v->next < sample->index; v->next++)
        ggdm_json_put_null(v->j, NULL);
    v->next++;
    if (v->output == GGDM_OUTPUT_CLASSES)
        put_class(v->j, sample->scores, v->row->aim);
    else if (sample->scores->n == 1)
        ggdm_json_put_rounded(v->j, NULL, (double)sample->scores->data[0], DIGITS);
    else
        ggdm_json_put_null(v->j, NULL);
    return GGDM_OK;
}

/* ---- trajectories ---------------------------------------------------------------------------- */

/* Rows by trajectory, then by what they make of it. */
typedef struct shower {
    int64_t trajectory;
    int32_t panel, aim, row;
} shower;

static int by_view(const void *a, const void *b)
{
    const shower *x = a, *y = b;
    if (x->trajectory != y->trajectory)
        return x->trajectory < y->trajectory ? -1 : 1;
    if (x->panel != y->panel)
        return x->panel < y->panel ? -1 : 1;
    if (x->aim != y->aim)
        return x->aim < y->aim ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static ggdm_status list_showers(const ggdm_results *r, shower **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, (size_t)r->n_rows, sizeof **out, err));
    for (int32_t i = 0; i < r->n_rows; i++)
        (*out)[i] = (shower){r->rows[i].cell.trajectory, r->rows[i].cell.panel, r->rows[i].aim, i};
    qsort(*out, (size_t)r->n_rows, sizeof **out, by_view);
    return GGDM_OK;
}

/* How many of them show the trajectory with the aim and panel of the first. */
static int32_t count_alike(const shower *showers, int32_t n)
{
    int32_t alike = 1;
    while (alike < n && showers[alike].trajectory == showers->trajectory &&
           showers[alike].panel == showers->panel && showers[alike].aim == showers->aim)
        alike++;
    return alike;
}

/* showers [n]: that show the trajectory with the same aim and panel. */
static ggdm_status put_view(ggdm_json *j, const ggdm_results *r, const ggdm_sprite *s,
                            const shower *showers, int32_t n, ggdm_error *err)
{
    const ggdm_row *row = &r->rows[showers->row];
    const ggdm_results_panel *panel = ggdm_results_panel_of(r, row);
    ggdm_json_begin_object(j, NULL);
    ggdm_json_begin_array(j, "cells");
    for (int32_t i = 0; i < n; i++)
        ggdm_json_put_string(j, NULL, r->rows[showers[i].row].cell.name);
    ggdm_json_end(j);
    ggdm_json_begin_object(j, "measures");
    for (int32_t k = 0; k < panel->n; k++) {
        const ggdm_measure *m = &r->measures[panel->measure[k]];
        view v = {.j = j, .row = row, .output = m->output, .shown = s->shown};
        ggdm_json_begin_array(j, m->name);
        GGDM_TRY(ggdm_store_each_sample(r->store, s->trajectory, s->shown, false,
                                        &panel->scorers[k], 1, put_score, &v, err));
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
    ggdm_json_end(j);
    return GGDM_OK;
}

static void put_pair(ggdm_json *j, int32_t a, int32_t b)
{
    ggdm_json_begin_array(j, NULL);
    ggdm_json_put_int(j, NULL, a);
    ggdm_json_put_int(j, NULL, b);
    ggdm_json_end(j);
}

static void put_images(ggdm_json *j, const ggdm_sprite *s)
{
    ggdm_json_put_int(j, "id", s->trajectory);
    ggdm_json_put_int(j, "images", s->images);
    ggdm_json_put_int(j, "shown", s->shown);
    ggdm_json_begin_array(j, "tile");
    ggdm_json_put_int(j, NULL, s->width);
    ggdm_json_put_int(j, NULL, s->height);
    ggdm_json_end(j);
    ggdm_json_put_int(j, "columns", s->columns);
    ggdm_json_begin_array(j, "missing");
    for (int32_t i = 0; i < s->n_missing; i++)
        ggdm_json_put_int(j, NULL, s->missing[i]);
    ggdm_json_end(j);
    ggdm_json_begin_array(j, "diverged");
    for (int32_t i = 0; i < s->diverged; i++)
        put_pair(j, s->diverged_images[i], s->diverged_steps[i]);
    ggdm_json_end(j);
}

/* showers [n]: of the trajectory. */
static ggdm_status put_scores(ggdm_json *j, const ggdm_results *r, const ggdm_sprite *s,
                              const shower *showers, int32_t n, ggdm_error *err)
{
    ggdm_json_begin_array(j, "scores");
    for (int32_t i = 0, alike; i < n; i += alike) {
        alike = count_alike(&showers[i], n - i);
        GGDM_TRY(put_view(j, r, s, &showers[i], alike, err));
    }
    ggdm_json_end(j);
    return GGDM_OK;
}

/* Scores that there would be of each measure. */
static int64_t count_scores(const ggdm_results *r, const shower *showers)
{
    int64_t scores = 0;
    for (int32_t i = 0; i < r->n_rows; i += count_alike(&showers[i], r->n_rows - i))
        scores += r->rows[showers[i].row].n;
    return scores;
}

static ggdm_status put_all(ggdm_json *j, const ggdm_results *r, const ggdm_sprites *sprites,
                           const shower *showers, ggdm_error *err)
{
    const bool scored = count_scores(r, showers) <= GGDM_REPORT_MOST_SCORED;
    int32_t first = 0;
    for (int32_t i = 0; i < sprites->n; i++) {
        const ggdm_sprite *s = &sprites->sprites[i];
        int32_t n = 0;
        while (first + n < r->n_rows && showers[first + n].trajectory == s->trajectory)
            n++;
        ggdm_json_begin_object(j, NULL);
        put_images(j, s);
        if (scored && s->shown)
            GGDM_TRY(put_scores(j, r, s, &showers[first], n, err));
        ggdm_json_end(j);
        first += n;
    }
    return GGDM_OK;
}

ggdm_status ggdm_report_put_trajectories(ggdm_json *j, const ggdm_results *r,
                                         const ggdm_sprites *sprites, ggdm_error *err)
{
    shower *showers = NULL;
    GGDM_TRY(list_showers(r, &showers, err));
    ggdm_json_begin_array(j, "trajectories");
    ggdm_status st = put_all(j, r, sprites, showers, err);
    ggdm_json_end(j);
    free(showers);
    return st;
}
