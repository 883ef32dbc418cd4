#include "coordinator/run/progress.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/run/progress_line.h"
#include "coordinator/run/tally.h"
#include "coordinator/world/launch.h"
#include "coordinator/world/world_status.h"

#define RECORD_SECONDS 1.0     /* between two status files */
#define CELL_SECONDS 2.0       /* between two looks at the cells ... */
#define TALLY_SECONDS 0.02     /* ... for so long ... */
#define TALLY_SECONDS_LAST 0.5 /* ... and in the last status file */
#define MAX_TROUBLES 20
#define SNAPSHOT_SECONDS 20.0 /* between two copies of the database for readers ... */
#define SNAPSHOT_SHARE 0.005  /* ... which may take this share of the time */
#define WINDOW 64             /* samples of the rate ... */
#define SAMPLE_SECONDS 2.0    /* ... and their distance: about two minutes */

typedef struct rate_sample {
    double time, cost;
} rate_sample;

struct ggdm_progress {
    ggdm_store *store; /* borrowed */
    char *path;        /* of the status file */
    char *launch;      /* token of the launching process, or NULL */
    double begun, begun_wall;
    ggdm_progress_state state;
    rate_sample window[WINDOW]; /* ring */
    int n_window, first;
    ggdm_progress_line line;
    double last_record, last_cells;
    ggdm_tally *tally;
    int lost_rank;   /* -1: none by name */
    char *lost_host; /* owned; NULL: nothing was lost */
    bool touching;   /* the thread runs */
    pthread_t toucher;
    double last_snapshot, snapshot_seconds; /* when it was made, how long it took */
};

ggdm_status ggdm_progress_create(ggdm_store *store, ggdm_progress **out, ggdm_error *err)
{
    ggdm_progress *p = NULL;
    ggdm_status st;
    GGDM_TRY(ggdm_alloc(&p, 1, sizeof *p, err));
    p->store = store;
    p->lost_rank = -1;
    p->begun = ggdm_now();
    p->begun_wall = ggdm_wall_clock();
    p->last_snapshot = p->begun;
    ggdm_progress_line_init(&p->line, p->begun);
    const char *launch = getenv(GGDM_LAUNCH_ENV);
    if (launch)
        GGDM_TRY_GOTO(st, ggdm_strdup(launch, &p->launch, err), fail);
    GGDM_TRY_GOTO(st, ggdm_tally_create(store, &p->tally, err), fail);
    GGDM_TRY_GOTO(st, ggdm_path_join(ggdm_store_dir(store), GGDM_STATUS_FILE, &p->path, err), fail);
    *out = p;
    return GGDM_OK;
fail:
    ggdm_progress_destroy(&p);
    return st;
}

static void stop_touching(ggdm_progress *p)
{
    if (!p->touching)
        return;
    pthread_cancel(p->toucher);
    pthread_join(p->toucher, NULL);
    p->touching = false;
}

void ggdm_progress_destroy(ggdm_progress **progress)
{
    ggdm_progress *p = *progress;
    *progress = NULL;
    if (!p)
        return;
    stop_touching(p);
    free(p->path);
    free(p->launch);
    ggdm_tally_destroy(&p->tally);
    free(p->lost_host);
    free(p);
}

/* ---- rate ---- */

static void sample_rate(ggdm_progress *p, double now)
{
    if (p->n_window) {
        const rate_sample *last = &p->window[(p->first + p->n_window - 1) % WINDOW];
        if (now - last->time < SAMPLE_SECONDS)
            return;
    }
    if (p->n_window == WINDOW) {
        p->first = (p->first + 1) % WINDOW;
        p->n_window--;
    }
    p->window[(p->first + p->n_window++) % WINDOW] =
        (rate_sample){now, p->state.cost_done - p->state.cost_resumed};
}

/* Cost per second over the window; 0: not known. */
static double cost_rate(const ggdm_progress *p, double now)
{
    if (!p->n_window)
        return 0;
    const rate_sample *old = &p->window[p->first];
    double cost = p->state.cost_done - p->state.cost_resumed - old->cost;
    return now - old->time > 0.5 && cost > 0 ? cost / (now - old->time) : 0;
}

static ggdm_progress_view look_at_run(const ggdm_progress *p, double now)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(p->store);
    ggdm_progress_view v = {.eta = -1};
    const double rate = cost_rate(p, now), total = ggdm_store_cost(p->store);
    /* What is cancelled is nobody's work; units cost about the same each. */
    double wanted =
        c->units_total ? 1 - (double)c->units[GGDM_UNIT_CANCELLED] / (double)c->units_total : 1;
    double cost = total * wanted;
    if (total > 0)
        v.fraction = cost > 0 ? p->state.cost_done / cost : 1;
    else
        v.fraction = (double)c->images_done / (double)c->images_total;
    if (v.fraction > 1 || c->images_done == c->images_total)
        v.fraction = 1;
    if (rate > 0) {
        v.rate = rate / total * (double)c->images_total;
        v.eta = (1 - v.fraction) * cost / rate;
    }
    if (v.fraction >= 1)
        v.eta = 0;
    return v;
}

void ggdm_progress_settle(ggdm_progress *p, const ggdm_progress_state *state)
{
    p->state = *state;
}

void ggdm_progress_clear(ggdm_progress *p)
{
    ggdm_progress_line_end(&p->line);
}

/* ---- the status file ---- */

static void *touch(void *context)
{
    const ggdm_progress *p = context;
    for (;;) {
        utimensat(AT_FDCWD, p->path, NULL, 0);
        ggdm_sleep(RECORD_SECONDS);
    }
    return NULL;
}

ggdm_status ggdm_progress_keep_fresh(ggdm_progress *p, ggdm_error *err)
{
    if (p->touching || pthread_create(&p->toucher, NULL, touch, p) == 0) {
        p->touching = true;
        return GGDM_OK;
    }
    return GGDM_FAIL(err, GGDM_EINTERNAL, "cannot start a thread");
}

void ggdm_progress_lost(ggdm_progress *p, int rank, const char *host)
{
    p->lost_rank = rank;
    free(p->lost_host);
    p->lost_host = NULL;
    ggdm_strdup(host, &p->lost_host, NULL);
}

static ggdm_status put_trouble(void *context, const ggdm_store_trouble *trouble, ggdm_error *err)
{
    (void)err;
    ggdm_json *j = context;
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_int(j, "unit", trouble->unit);
    ggdm_json_put_string(j, "state", ggdm_unit_state_names[trouble->state]);
    ggdm_json_put_int(j, "failures", trouble->failures);
    ggdm_json_put_int(j, "losses", trouble->losses);
    ggdm_json_put_string(j, "message", trouble->message);
    ggdm_json_end(j);
    return GGDM_OK;
}

static void put_counts(const ggdm_progress *p, ggdm_json *j)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(p->store);
    ggdm_json_begin_object(j, "images");
    ggdm_json_put_int(j, "done", c->images_done);
    ggdm_json_put_int(j, "total", c->images_total);
    ggdm_json_put_int(j, "asked", c->images_asked);
    ggdm_json_put_int(j, "diverged", c->images_diverged);
    ggdm_json_end(j);
    ggdm_json_put_int(j, "cells_open", c->cells_open);
    ggdm_json_begin_object(j, "units");
    ggdm_json_put_int(j, "total", c->units_total);
    for (int s = 0; s < GGDM_UNIT_STATES; s++)
        ggdm_json_put_int(j, ggdm_unit_state_names[s], c->units[s]);
    ggdm_json_end(j);
    ggdm_json_begin_object(j, "workers");
    ggdm_json_put_int(j, "total", p->state.workers);
    ggdm_json_put_int(j, "busy", p->state.busy);
    ggdm_json_put_int(j, "lost", p->state.lost);
    ggdm_json_end(j);
}

static ggdm_status put_cells(ggdm_progress *p, ggdm_json *j, double now, bool last, ggdm_error *err)
{
    if (last || p->last_cells == 0 || now - p->last_cells >= CELL_SECONDS) {
        GGDM_TRY(ggdm_tally_refresh(p->tally, last ? TALLY_SECONDS_LAST : TALLY_SECONDS, err));
        p->last_cells = now;
    }
    ggdm_tally_put(p->tally, j);
    return GGDM_OK;
}

static ggdm_status put_status(ggdm_progress *p, ggdm_json *j, const char *phase, int exit_code,
                              const char *message, ggdm_error *err)
{
    double now = ggdm_now();
    ggdm_progress_view v = look_at_run(p, now);
    const ggdm_run_info *info = ggdm_store_run_info(p->store);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_int(j, "format", 1);
    ggdm_json_put_string(j, "name", info->name);
    ggdm_json_put_string(j, "phase", phase);
    if (exit_code >= 0)
        ggdm_json_put_int(j, "exit_code", exit_code);
    else
        ggdm_json_put_null(j, "exit_code");
    ggdm_json_put_string(j, "message", message);
    ggdm_json_put_string(j, "launch", p->launch);
    ggdm_json_put_string(j, "host", host);
    ggdm_json_put_int(j, "pid", getpid());
    ggdm_json_put_int(j, "session", ggdm_store_epoch(p->store));
    ggdm_json_put_int(j, "requeued", ggdm_store_requeued(p->store));
    ggdm_json_put_string(j, "isa", info->isa);
    ggdm_json_put_double(j, "started", floor(p->begun_wall));
    ggdm_json_put_double(j, "updated", floor(ggdm_wall_clock() * 10) / 10);
    ggdm_json_put_double(j, "elapsed", floor((now - p->begun) * 10) / 10);
    ggdm_json_put_double(j, "fraction", floor(v.fraction * 1e6) / 1e6);
    ggdm_json_put_double(j, "rate", v.rate);
    if (v.eta >= 0)
        ggdm_json_put_double(j, "eta", floor(v.eta * 10) / 10);
    else
        ggdm_json_put_null(j, "eta");
    put_counts(p, j);
    if (p->lost_host) {
        ggdm_json_begin_object(j, "lost");
        ggdm_json_put_int(j, "rank", p->lost_rank);
        ggdm_json_put_string(j, "host", p->lost_host);
        ggdm_json_end(j);
    }
    GGDM_TRY(put_cells(p, j, now, exit_code >= 0, err));
    ggdm_json_begin_array(j, "troubles");
    GGDM_TRY(ggdm_store_each_trouble(p->store, MAX_TROUBLES, put_trouble, j, err));
    ggdm_json_end(j);
    ggdm_json_end(j);
    return GGDM_OK;
}

static ggdm_status status_text(ggdm_progress *p, const char *phase, int exit_code,
                               const char *message, char **text, size_t *size, ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_status st = put_status(p, &j, phase, exit_code, message, err);
    if (st == GGDM_OK)
        return ggdm_json_finish(&j, text, size, err);
    ggdm_json_deinit(&j);
    return st;
}

ggdm_status ggdm_progress_record(ggdm_progress *p, const char *phase, int exit_code,
                                 const char *message, ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    ggdm_status st = status_text(p, phase, exit_code, message, &text, &size, err);
    if (st == GGDM_OK)
        st = ggdm_replace_file(p->path, text, size, err);
    free(text);
    p->last_record = ggdm_now();
    return st;
}

int ggdm_rest_exit_code(const ggdm_store *store)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    return c->units[GGDM_UNIT_DONE] + c->units[GGDM_UNIT_CANCELLED] == c->units_total
               ? GGDM_EXIT_OK
               : GGDM_EXIT_FAILED_UNITS;
}

ggdm_status ggdm_progress_at_rest(ggdm_store *store, char **text, size_t *size, ggdm_error *err)
{
    bool left = !ggdm_store_is_done(store);
    ggdm_progress *p = NULL;
    ggdm_store_work work;
    GGDM_TRY(ggdm_store_work_get(store, &work, err));
    GGDM_TRY(ggdm_progress_create(store, &p, err));
    p->begun_wall = 0; /* nobody has begun */
    p->state.cost_done = work.done + work.saved;
    ggdm_status st = status_text(p, left ? "interrupted" : "done",
                                 left ? GGDM_EXIT_INTERRUPTED : ggdm_rest_exit_code(store), NULL,
                                 text, size, err);
    ggdm_progress_destroy(&p);
    return st;
}

ggdm_status ggdm_progress_note(ggdm_store *store, ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    GGDM_TRY(ggdm_progress_at_rest(store, &text, &size, err));
    ggdm_status st = ggdm_replace_file_in(ggdm_store_dir(store), GGDM_STATUS_FILE, text, size, err);
    free(text);
    return st;
}

/* A copy of the database now and then: the coordinator's own cannot be opened by readers.  One of
 * many gigabytes takes longer than the supervisor lets a coordinator be silent. */
static void publish(ggdm_progress *p)
{
    double begun = ggdm_now();
    if (begun - p->last_snapshot < fmax(SNAPSHOT_SECONDS, p->snapshot_seconds / SNAPSHOT_SHARE))
        return;
    p->last_snapshot = begun;
    ggdm_progress_keep_fresh(p, NULL);
    ggdm_store_publish(p->store);
    stop_touching(p);
    p->snapshot_seconds = ggdm_now() - begun;
}

ggdm_status ggdm_progress_update(ggdm_progress *p, const ggdm_progress_state *state,
                                 ggdm_error *err)
{
    double now = ggdm_now();
    bool news = state->stopping != p->state.stopping;
    p->state = *state;
    sample_rate(p, now);
    ggdm_progress_view v = look_at_run(p, now);
    ggdm_progress_line_show(&p->line, &v, ggdm_store_counts_get(p->store), &p->state, now);
    if (p->last_record > 0 && now - p->last_record < RECORD_SECONDS && !news)
        return GGDM_OK;
    GGDM_TRY(ggdm_progress_record(p, state->stopping ? "stopping" : "running", -1, NULL, err));
    publish(p);
    return GGDM_OK;
}
