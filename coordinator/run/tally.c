#include "coordinator/run/tally.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "jobs/results_until.h"

#define MAX_IMAGES 5000 /* of a cell that is looked at while others are waited for */

struct ggdm_tally {
    ggdm_store *store;
    bool few;             /* cells enough to be listed */
    ggdm_results results; /* rows[i].n: images when its scores were read */
    ggdm_store_cell *now; /* [results.n_rows], owned: counters */
    int32_t next;         /* to look at first */
};

ggdm_status ggdm_tally_create(ggdm_store *store, ggdm_tally **out, ggdm_error *err)
{
    ggdm_tally *t = NULL;
    *out = NULL;
    GGDM_TRY(ggdm_alloc(&t, 1, sizeof *t, err));
    t->store = store;
    t->few = ggdm_store_n_cells(store) <= GGDM_TALLY_MAX_CELLS;
    ggdm_status st = GGDM_OK;
    if (t->few)
        st = ggdm_results_open(store, &t->results, err);
    if (st == GGDM_OK && t->few)
        st = ggdm_alloc(&t->now, (size_t)t->results.n_rows, sizeof *t->now, err);
    if (st == GGDM_OK)
        *out = t;
    else
        ggdm_tally_destroy(&t);
    return st;
}

void ggdm_tally_destroy(ggdm_tally **tally)
{
    if (*tally) {
        ggdm_results_deinit(&(*tally)->results);
        free((*tally)->now);
    }
    free(*tally);
    *tally = NULL;
}

ggdm_status ggdm_tally_refresh(ggdm_tally *t, double seconds, ggdm_error *err)
{
    const double begun = ggdm_now();
    const int32_t n = t->results.n_rows;
    for (int32_t i = 0; t->few && i < n; i++)
        GGDM_TRY(ggdm_store_cell_get(t->store, i, &t->now[i], err));
    if (t->few)
        GGDM_TRY(ggdm_results_read_verdicts(&t->results, err));
    for (int32_t k = 0; t->few && k < n && ggdm_now() - begun < seconds; k++) {
        const int32_t i = t->next, done = t->now[i].done;
        t->next = (i + 1) % n;
        if (done != t->results.rows[i].n && (done <= MAX_IMAGES || done == t->now[i].wanted))
            GGDM_TRY(ggdm_results_read_cell(&t->results, i, err));
    }
    return GGDM_OK;
}

static const char *state_of(const ggdm_store_cell *c)
{
    return c->done == c->wanted ? "done"
           : c->cancelled       ? "cancelled"
           : c->done            ? "started"
                                : "waiting";
}

static void put_measure(const char *name, const ggdm_measured *m, ggdm_json *j)
{
    ggdm_json_begin_object(j, name);
    if (m->n) {
        ggdm_json_put_double(j, "accuracy", m->accuracy.p);
        ggdm_json_put_double(j, "accuracy_lo", m->accuracy.lo);
        ggdm_json_put_double(j, "accuracy_hi", m->accuracy.hi);
    }
    ggdm_json_put_int(j, "unscored", m->unscored);
    ggdm_json_end(j);
}

/* What was decided last. */
static void put_until(const ggdm_row *row, ggdm_json *j)
{
    const ggdm_store_verdict *v = &row->verdict;
    ggdm_json_begin_object(j, "until");
    ggdm_json_put_string(j, "state", ggdm_until_state_names[v->state]);
    ggdm_json_put_int(j, "n", v->n);
    if (v->n) {
        ggdm_json_put_double(j, "share", v->share.p);
        ggdm_json_put_double(j, "halfwidth", ggdm_share_halfwidth(v->share));
    }
    ggdm_json_end(j);
}

static void put_cell(const ggdm_tally *t, int32_t i, ggdm_json *j)
{
    const ggdm_results *r = &t->results;
    const ggdm_row *row = &r->rows[i];
    const ggdm_store_cell *c = &t->now[i];
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "cell", row->cell.name);
    ggdm_json_begin_object(j, "parameters");
    for (int32_t k = 0; k < r->n_varying; k++)
        ggdm_results_put_value(j, &r->columns[r->varying[k]],
                               ggdm_results_value(r, row, r->varying[k]));
    ggdm_json_end(j);
    ggdm_json_put_string(j, "state", state_of(c));
    ggdm_json_put_int(j, "wanted", c->wanted);
    ggdm_json_put_int(j, "done", c->done);
    ggdm_json_put_int(j, "diverged", c->diverged);
    ggdm_json_put_bool(j, "archived", c->archived);
    ggdm_json_put_int(j, "n", row->n);
    if (row->until)
        put_until(row, j);
    ggdm_json_begin_object(j, "measures");
    for (int32_t m = 0; row->aim >= 0 && m < r->n_measures; m++)
        if (r->measures[m].output == GGDM_OUTPUT_CLASSES && row->measured[m].known)
            put_measure(r->measures[m].name, &row->measured[m], j);
    ggdm_json_end(j);
    ggdm_json_end(j);
}

void ggdm_tally_put(const ggdm_tally *tally, ggdm_json *j)
{
    if (!tally->few)
        return;
    ggdm_json_begin_array(j, "cells");
    for (int32_t i = 0; i < tally->results.n_rows; i++)
        put_cell(tally, i, j);
    ggdm_json_end(j);
}
