#include "coordinator/show/report_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/store_audit.h"

enum { MOST_FAILURES = 50 };

/* ---- counts ---------------------------------------------------------------------------------- */

static int64_t given_up(const ggdm_store_counts *c)
{
    return c->units[GGDM_UNIT_FAILED] + c->units[GGDM_UNIT_QUARANTINED];
}

static void put_counts(ggdm_json *j, const ggdm_results *r)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(r->store);
    ggdm_json_begin_object(j, "counts");
    ggdm_json_put_int(j, "cells", r->n_rows);
    ggdm_json_put_int(j, "images_asked", c->images_asked);
    ggdm_json_put_int(j, "images_total", c->images_total);
    ggdm_json_put_int(j, "images_done", c->images_done);
    ggdm_json_put_int(j, "diverged", c->images_diverged);
    ggdm_json_put_int(j, "units_done", c->units[GGDM_UNIT_DONE]);
    ggdm_json_put_int(j, "units_total", c->units_total);
    ggdm_json_put_int(j, "units_given_up", given_up(c));
    ggdm_json_end(j);
}

/* ---- failures -------------------------------------------------------------------------------- */

typedef struct failures {
    ggdm_json *j;
    const ggdm_results *r;
    ggdm_tree_audit *trees; /* [n], owned */
    int32_t n;
} failures;

/* The cells that show what a tree makes. */
static void put_cells_of(const failures *f, int64_t tree)
{
    const ggdm_tree_audit *t = tree >= 0 && tree < f->n ? &f->trees[tree] : NULL;
    ggdm_json_begin_array(f->j, "cells");
    for (int32_t i = 0; t && i < f->r->n_rows; i++) {
        bool shows = false;
        for (int32_t k = 0; k < t->n && !shows; k++)
            shows = t->trajectories[k] == f->r->rows[i].cell.trajectory;
        if (shows)
            ggdm_json_put_string(f->j, NULL, f->r->rows[i].cell.name);
    }
    ggdm_json_end(f->j);
}

static ggdm_status put_failure(void *context, const ggdm_store_trouble *trouble, ggdm_error *err)
{
    (void)err;
    const failures *f = context;
    ggdm_json_begin_object(f->j, NULL);
    ggdm_json_put_int(f->j, "unit", trouble->unit);
    ggdm_json_put_string(f->j, "state", ggdm_unit_state_names[trouble->state]);
    ggdm_json_put_string(f->j, "error", trouble->message);
    put_cells_of(f, trouble->tree);
    ggdm_json_end(f->j);
    return GGDM_OK;
}

static ggdm_status put_failures(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    const int64_t total = given_up(ggdm_store_counts_get(r->store));
    failures f = {.j = j, .r = r};
    ggdm_status st = total ? ggdm_store_audit_trees(r->store, &f.trees, &f.n, err) : GGDM_OK;
    ggdm_json_begin_array(j, "failures");
    if (st == GGDM_OK && total)
        st = ggdm_store_each_trouble(r->store, MOST_FAILURES, put_failure, &f, err);
    ggdm_json_end(j);
    ggdm_json_put_int(j, "failures_total", total);
    ggdm_tree_audits_free(&f.trees, f.n);
    return st;
}

/* ---- time ------------------------------------------------------------------------------------ */

typedef struct timeline {
    ggdm_json *j;
    double first, wall;
} timeline;

static ggdm_status put_session(void *context, const ggdm_session_audit *s, ggdm_error *err)
{
    (void)err;
    timeline *t = context;
    t->first = isnan(t->first) || s->first < t->first ? s->first : t->first;
    t->wall += s->last - s->first;
    ggdm_json_begin_object(t->j, NULL);
    ggdm_json_put_int(t->j, "session", s->session);
    ggdm_json_put_double(t->j, "first", s->first);
    ggdm_json_put_double(t->j, "last", s->last);
    ggdm_json_put_int(t->j, "done", s->done);
    ggdm_json_put_int(t->j, "failed", s->failed);
    ggdm_json_put_int(t->j, "requeued", s->requeued);
    ggdm_json_end(t->j);
    return GGDM_OK;
}

/* No time at all is not what it took, but what nobody has noted. */
static void put_hours(ggdm_json *j, const char *key, double seconds)
{
    ggdm_json_put_double(j, key, seconds > 0 ? seconds / 3600 : (double)NAN);
}

static ggdm_status put_time(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    timeline t = {.j = j, .first = (double)NAN};
    ggdm_time_audit time;
    GGDM_TRY(ggdm_store_audit_time(r->store, &time, err));
    ggdm_json_begin_array(j, "sessions");
    GGDM_TRY(ggdm_store_audit_sessions(r->store, put_session, &t, err));
    ggdm_json_end(j);
    ggdm_json_put_double(j, "started", t.first);
    ggdm_json_put_double(j, "wall_seconds", isnan(t.first) ? t.first : t.wall);
    put_hours(j, "worker_hours", time.worker_seconds);
    put_hours(j, "core_hours", time.core_seconds);
    return GGDM_OK;
}

/* ---- the run --------------------------------------------------------------------------------- */

static ggdm_status put_reproduce(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    int32_t n = 0;
    char name[GGDM_SWEEP_NAME_SIZE], line[200];
    GGDM_TRY(ggdm_store_n_sweeps(r->store, &n, err));
    ggdm_json_begin_array(j, "reproduce");
    for (int32_t i = 1; i <= n; i++) {
        ggdm_sweep_file_name(i, name);
        snprintf(line, sizeof line, "GGDM_ISA=%s ggdm run %s --run again%s", r->info->isa, name,
                 i > 1 ? " --add" : "");
        ggdm_json_put_string(j, NULL, line);
    }
    ggdm_json_put_string(j, NULL, "ggdm compare . again");
    ggdm_json_end(j);
    return GGDM_OK;
}

ggdm_status ggdm_report_put_run(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    const ggdm_run_info *info = r->info;
    ggdm_json_begin_object(j, "run");
    ggdm_json_put_string(j, "name", info->name);
    ggdm_json_put_string(j, "version", info->version);
    ggdm_json_put_string(j, "precision", ggdm_precision_names[info->precision]);
    ggdm_json_put_string(j, "isa", info->isa);
    ggdm_json_put_string(j, "processor", info->processor);
    ggdm_json_put_string(j, "library", info->library);
    ggdm_json_put_string(j, "notes", info->notes);
    put_counts(j, r);
    GGDM_TRY(put_failures(j, r, err));
    GGDM_TRY(put_time(j, r, err));
    GGDM_TRY(put_reproduce(j, r, err));
    ggdm_json_end(j);
    return GGDM_OK;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void put_pair(ggdm_json *j, const char *label, const char *value)
{
    if (!*value)
        return;
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "label", label);
    ggdm_json_put_string(j, "value", value);
    ggdm_json_end(j);
}

/* What a column says of all cells; "": there is none, or they have no such parameter. */
static const char *value_of(const ggdm_results *r, const char *path)
{
    for (int32_t i = 0; i < r->n_columns && r->n_rows; i++) {
        if (strcmp(r->columns[i].path, path) != 0)
            continue;
        const char *text = ggdm_results_value(r, r->rows, i).text;
        return r->columns[i].varies                    ? "varies"
               : r->columns[i].type != GGDM_PARAM_FLAG ? text
               : strcmp(text, "true") == 0             ? "on"
                                                       : "off";
    }
    return "";
}

/* What readers look for first, where a run has it. */
static const struct {
    const char *label, *path;
} heading[] = {
    {"diffusion model", "model"},
    {"steps", "sampler.steps"},
    {"variance", "sampler.variance"},
    {"η", "sampler.eta"},
    {"clipping of x0-hat", "sampler.clip_x0"},
    {"dynamic thresholding", "sampler.thresholding"},
    {"gradient", "guidance.gradient"},
    {"guiding model", "guidance.loss.model"},
    {"seed", "seed"},
};

static void put_chain(ggdm_json *j, const ggdm_results *r, const ggdm_report_recipes *recipes)
{
    ggdm_json_begin_array(j, "chain");
    put_pair(j, "sampler", recipes->samplers);
    for (size_t i = 0; i < sizeof heading / sizeof *heading; i++)
        put_pair(j, heading[i].label, value_of(r, heading[i].path));
    put_pair(j, "loss", recipes->losses);
    put_pair(j, "precision", ggdm_precision_names[r->info->precision]);
    ggdm_json_end(j);
}

void ggdm_report_put_parameters(ggdm_json *j, const ggdm_results *r,
                                const ggdm_report_recipes *recipes)
{
    put_chain(j, r, recipes);
    ggdm_json_begin_array(j, "constants");
    for (int32_t i = 0; i < r->n_columns && r->n_rows; i++) {
        const char *text = ggdm_results_value(r, r->rows, i).text;
        if (r->columns[i].varies || !*text)
            continue;
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "path", r->columns[i].path);
        ggdm_json_put_string(j, "label", r->columns[i].label);
        ggdm_json_put_string(j, "value", text);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}
