#include "coordinator/run/tally.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "jobs/summary.h"

#define MAX_IMAGES 5000 /* of a cell that is looked at while others are waited for */

typedef struct tally_cell {
    ggdm_store_cell now;
    bool cancelled;
    int32_t scored; /* images when its scores were read */
    struct {
        bool known;
        int32_t unscored;
        ggdm_share accuracy; /* of scored images */
    } guide, judge;
} tally_cell;

struct ggdm_tally {
    ggdm_store *store;
    tally_cell *cells; /* [n], owned; NULL: too many */
    int32_t n;
    int32_t next; /* to look at first */
};

ggdm_status ggdm_tally_create(ggdm_store *store, ggdm_tally **out, ggdm_error *err)
{
    ggdm_tally *t = NULL;
    *out = NULL;
    GGDM_TRY(ggdm_alloc(&t, 1, sizeof *t, err));
    t->store = store;
    t->n = ggdm_store_n_cells(store);
    ggdm_status st = GGDM_OK;
    if (t->n <= GGDM_TALLY_MAX_CELLS)
        st = ggdm_alloc(&t->cells, (size_t)t->n, sizeof *t->cells, err);
    if (st == GGDM_OK)
        *out = t;
    else
        free(t);
    return st;
}

void ggdm_tally_destroy(ggdm_tally **tally)
{
    if (*tally)
        free((*tally)->cells);
    free(*tally);
    *tally = NULL;
}

static ggdm_status count_cells(ggdm_tally *t, ggdm_error *err)
{
    bool *cancelled = NULL;
    ggdm_status st = ggdm_store_cancelled_cells(t->store, &cancelled, err);
    for (int32_t i = 0; i < t->n && st == GGDM_OK; i++) {
        st = ggdm_store_cell_get(t->store, i, &t->cells[i].now, err);
        t->cells[i].cancelled = cancelled && cancelled[i];
    }
    free(cancelled);
    return st;
}

static ggdm_status score_cell(ggdm_tally *t, int32_t i, ggdm_error *err)
{
    tally_cell *c = &t->cells[i];
    ggdm_cell_summary s;
    GGDM_TRY(ggdm_cell_summarise(t->store, i, &s, err));
    c->guide.known = s.guide.has_accuracy;
    c->guide.accuracy = s.guide.accuracy;
    c->guide.unscored = s.guide.unscored;
    c->judge.known = s.judge.has_accuracy;
    c->judge.accuracy = s.judge.accuracy;
    c->judge.unscored = s.judge.unscored;
    c->scored = s.n;
    ggdm_cell_summary_deinit(&s);
    return GGDM_OK;
}

ggdm_status ggdm_tally_refresh(ggdm_tally *tally, double seconds, ggdm_error *err)
{
    ggdm_tally *t = tally;
    if (!t->cells)
        return GGDM_OK;
    const double begun = ggdm_now();
    const int32_t samples = ggdm_store_run_info(t->store)->samples;
    GGDM_TRY(count_cells(t, err));
    for (int32_t k = 0; k < t->n && ggdm_now() - begun < seconds; k++) {
        int32_t i = t->next;
        t->next = (i + 1) % t->n;
        const tally_cell *c = &t->cells[i];
        int32_t done = c->now.images_done;
        if (done != c->scored && (done <= MAX_IMAGES || done == samples))
            GGDM_TRY(score_cell(t, i, err));
    }
    return GGDM_OK;
}

static const char *state_of(const tally_cell *c, int32_t samples)
{
    return c->now.images_done == samples ? "done"
           : c->cancelled                ? "cancelled"
           : c->now.images_done          ? "started"
                                         : "waiting";
}

static void put_accuracy(ggdm_json *j, const char *name, const ggdm_share *share)
{
    char key[40];
    ggdm_json_put_double(j, name, share->p);
    snprintf(key, sizeof key, "%s_lo", name);
    ggdm_json_put_double(j, key, share->lo);
    snprintf(key, sizeof key, "%s_hi", name);
    ggdm_json_put_double(j, key, share->hi);
}

void ggdm_tally_put(const ggdm_tally *tally, ggdm_json *j)
{
    const int32_t samples = ggdm_store_run_info(tally->store)->samples;
    if (!tally->cells)
        return;
    ggdm_json_begin_array(j, "cells");
    for (int32_t i = 0; i < tally->n; i++) {
        const tally_cell *c = &tally->cells[i];
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "cell", c->now.name);
        ggdm_json_put_double(j, "kappa", c->now.cell.kappa);
        ggdm_json_put_int(j, "start", c->now.cell.start);
        ggdm_json_put_int(j, "duration", c->now.cell.duration);
        ggdm_json_put_int(j, "target", c->now.cell.target);
        ggdm_json_put_string(j, "state", state_of(c, samples));
        ggdm_json_put_int(j, "done", c->now.images_done);
        ggdm_json_put_int(j, "diverged", c->now.images_diverged);
        ggdm_json_put_bool(j, "archived", c->now.archived);
        ggdm_json_put_int(j, "n", c->scored);
        if (c->guide.known)
            put_accuracy(j, "guide_accuracy", &c->guide.accuracy);
        if (c->judge.known)
            put_accuracy(j, "judge_accuracy", &c->judge.accuracy);
        if (c->guide.unscored)
            ggdm_json_put_int(j, "guide_unscored", c->guide.unscored);
        if (c->judge.unscored)
            ggdm_json_put_int(j, "judge_unscored", c->judge.unscored);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}
