#include "coordinator/cmd/report_watch.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "coordinator/show/report.h"
#include "coordinator/show/report_surface.h"
#include "coordinator/show/status_file.h"
#include "coordinator/show/status_view.h"
#include "coordinator/world/stop.h"

#define BUSY_SHARE 0.1 /* of the time, at most */
#define POLITE 10      /* nice: workers of this machine come first */

static double number_of(const ggdm_node *root, const char *key)
{
    const ggdm_node *n = ggdm_node_get(root, key);
    return n && (n->kind == GGDM_NODE_INT || n->kind == GGDM_NODE_REAL) ? n->real : (double)NAN;
}

/* Does it go on, and how far is it? */
static ggdm_status look(const char *run_dir, bool *goes_on, ggdm_report_live *live, ggdm_error *err)
{
    ggdm_run_status status;
    ggdm_status st = ggdm_run_status_look(run_dir, &status, err);
    if (st == GGDM_OK) {
        *goes_on = ggdm_status_liveness(status.doc->root) != GGDM_AT_REST;
        live->fraction = number_of(status.doc->root, "fraction");
        live->eta_seconds = number_of(status.doc->root, "eta");
    }
    ggdm_run_status_free(&status);
    return st;
}

static ggdm_status write_page(const char *run_dir, const char *dir, const char *name,
                              const ggdm_report_live *live, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_results r = {0};
    const ggdm_report_options options = {.live = live};
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_store_read(run_dir, &store, err), done);
    GGDM_TRY_GOTO(st, ggdm_results_read(store, &r, err), done);
    GGDM_TRY_GOTO(st, ggdm_surface_find_all(&r, err), done);
    GGDM_TRY_GOTO(st, ggdm_store_check_unchanged(store, err), done);
    st = ggdm_report_write(&r, dir, name, &options, err);
done:
    ggdm_results_deinit(&r);
    ggdm_store_close(&store);
    return st;
}

/* In slices, as a signal may come before one sleeps. */
static void wait(double seconds)
{
    const double until = ggdm_now() + seconds;
    for (double left; ggdm_stop_count() == 0 && (left = until - ggdm_now()) > 0;)
        ggdm_sleep(fmin(left, 0.2));
}

ggdm_status ggdm_report_watch(const char *run_dir, const char *dir, const char *name, double every,
                              ggdm_error *err)
{
    bool goes_on = true;
    if (nice(POLITE) < 0) {
        /* It is a wish. */
    }
    ggdm_stop_install();
    while (goes_on) {
        const double begun = ggdm_now();
        ggdm_report_live live = {.every = every};
        GGDM_TRY(look(run_dir, &goes_on, &live, err));
        goes_on = goes_on && ggdm_stop_count() == 0;
        ggdm_status st = write_page(run_dir, dir, name, goes_on ? &live : NULL, err);
        if (st == GGDM_ESTATE) { /* it was changed while it was read: once more */
            *err = (ggdm_error){0};
            goes_on = ggdm_stop_count() == 0;
            st = GGDM_OK;
        }
        GGDM_TRY(st);
        if (goes_on)
            wait(fmax(every, (ggdm_now() - begun) / BUSY_SHARE));
    }
    return GGDM_OK;
}
