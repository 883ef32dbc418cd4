#include "coordinator/show/status_view.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/utf8.h"
#include "coordinator/run/progress.h"
#include "coordinator/show/status_parts.h"

#define STALE_SECONDS 30.0 /* a coordinator writes every second */
#define FRESH_SECONDS 3.0  /* whatever its process looks like from here */
#define BAR 30             /* columns */

/* ---- is anybody there ---- */

ggdm_liveness ggdm_status_liveness(const ggdm_node *root)
{
    char host[256] = "";
    const char *phase = ggdm_status_text_of(root, "phase");
    double age = ggdm_wall_clock() - ggdm_status_real(root, "updated", 0);
    if (strcmp(phase, "running") != 0 && strcmp(phase, "stopping") != 0 &&
        strcmp(phase, "finishing") != 0)
        return GGDM_AT_REST;
    if (age > STALE_SECONDS)
        return GGDM_AT_REST;
    gethostname(host, sizeof host - 1);
    long long pid = ggdm_status_int(root, "pid");
    bool here = strcmp(host, ggdm_status_text_of(root, "host")) == 0;
    bool gone = here && pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
    return gone && age > FRESH_SECONDS ? GGDM_LOST : GGDM_LIVE;
}

/* ---- the head ---- */

static void print_state(FILE *out, const ggdm_node *root, ggdm_liveness live)
{
    const ggdm_node *code = ggdm_node_get(root, "exit_code");
    double age = ggdm_wall_clock() - ggdm_status_real(root, "updated", 0);
    fprintf(out, "  state      ");
    if (live == GGDM_LIVE)
        fprintf(out, "%s: coordinator on %s, process %lld, heard %.0f s ago\n",
                ggdm_status_text_of(root, "phase"), ggdm_status_text_of(root, "host"),
                ggdm_status_int(root, "pid"), age > 0 ? age : 0);
    else if (live == GGDM_LOST)
        fprintf(out, "its coordinator (process %lld) is gone since %.0f s at most\n",
                ggdm_status_int(root, "pid"), age);
    else if (code && code->kind == GGDM_NODE_INT)
        fprintf(out, "at rest: %s (exit code %s)\n", ggdm_status_text_of(root, "phase"),
                code->text);
    else
        fprintf(out, "at rest: nothing was heard of its coordinator for %.0f s\n", age);
    if (*ggdm_status_text_of(root, "message"))
        fprintf(out, "             %s\n", ggdm_status_text_of(root, "message"));
}

static void print_session(FILE *out, const ggdm_node *root)
{
    char when[40] = "";
    long long session = ggdm_status_int(root, "session"),
              requeued = ggdm_status_int(root, "requeued");
    time_t started = ggdm_to_int(ggdm_status_real(root, "started", 0), 0, GGDM_LAST_SECOND);
    struct tm local;
    if (session < 1)
        return;
    if (started > 0 && localtime_r(&started, &local))
        strftime(when, sizeof when, ", since %Y-%m-%d %H:%M:%S", &local);
    fprintf(out, "  session    %lld%s", session, when);
    if (session > 1)
        fprintf(out, ": restarted %lld time%s", session - 1, ggdm_plural(session - 1));
    if (requeued)
        fprintf(out, ", the last time with %lld unit%s under way", requeued, ggdm_plural(requeued));
    fprintf(out, "\n");
}

static const char *images_of(const ggdm_node *root, char text[96])
{
    const ggdm_node *images = ggdm_node_get(root, "images");
    return ggdm_images_text(ggdm_status_int(images, "done"), ggdm_status_int(images, "total"),
                            ggdm_status_int(images, "asked"), text);
}

static void print_images(FILE *out, const ggdm_node *root, bool live)
{
    char elapsed[16], eta[16], text[96];
    const ggdm_node *images = ggdm_node_get(root, "images");
    fprintf(out, "  images     %s", images_of(root, text));
    if (ggdm_status_int(images, "diverged"))
        fprintf(out, ", %lld diverged", ggdm_status_int(images, "diverged"));
    if (live)
        fprintf(out, "; %.3g images/s, %s elapsed, ETA %s", ggdm_status_real(root, "rate", 0),
                ggdm_duration_text(ggdm_status_real(root, "elapsed", -1), elapsed),
                ggdm_duration_text(ggdm_status_real(root, "eta", -1), eta));
    fprintf(out, "\n");
    const long long open = ggdm_status_int(root, "cells_open");
    if (open)
        fprintf(out,
                "  until      %lld cell%s open: images, bar and ETA are of the rounds so far\n",
                open, ggdm_plural(open));
    const ggdm_node *workers = ggdm_node_get(root, "workers");
    if (live) {
        fprintf(out, "  workers    %lld of %lld busy", ggdm_status_int(workers, "busy"),
                ggdm_status_int(workers, "total"));
        if (ggdm_status_int(workers, "lost"))
            fprintf(out, ", %lld lost", ggdm_status_int(workers, "lost"));
        fprintf(out, " (%s)\n", ggdm_status_text_of(root, "isa"));
    }
}

static void print_units(FILE *out, const ggdm_node *root)
{
    const ggdm_node *units = ggdm_node_get(root, "units");
    const char *separator = ":";
    fprintf(out, "  units      %lld", ggdm_status_int(units, "total"));
    for (const ggdm_node *n = ggdm_node_entries(units); n; n = n->next) {
        if (strcmp(n->key, "total") == 0 || n->kind != GGDM_NODE_INT || !n->magnitude)
            continue;
        fprintf(out, "%s %s %s", separator, n->text, n->key);
        separator = ",";
    }
    fprintf(out, "\n");
    const ggdm_node *troubles = ggdm_node_get(root, "troubles");
    for (const ggdm_node *n = troubles ? troubles->first : NULL; n; n = n->next)
        fprintf(out, "             unit %lld %s (%lld failure%s, %lld loss%s): %s\n",
                ggdm_status_int(n, "unit"), ggdm_status_text_of(n, "state"),
                ggdm_status_int(n, "failures"), ggdm_plural(ggdm_status_int(n, "failures")),
                ggdm_status_int(n, "losses"), ggdm_status_int(n, "losses") == 1 ? "" : "es",
                ggdm_status_text_of(n, "message"));
}

/* What to do next, where a run rests. */
static void print_next(FILE *out, const ggdm_node *root, const char *dir)
{
    const ggdm_node *units = ggdm_node_get(root, "units");
    long long bad = ggdm_status_int(units, "quarantined");
    long long left = ggdm_status_int(units, "ready") + ggdm_status_int(units, "running") +
                     ggdm_status_int(units, "failed");
    if (left || strcmp(ggdm_status_text_of(root, "phase"), "done") != 0)
        fprintf(out, "  continue   ggdm run %s/sweep.yaml --run %s\n", dir, dir);
    if (bad)
        fprintf(out,
                "  %lld unit%s given up: `ggdm introspect %s` tells which, `ggdm retry %s "
                "--failed` puts %s back\n",
                bad, bad == 1 ? " was" : "s were", dir, dir, bad == 1 ? "it" : "them");
}

/* ---- all of it ---- */

void ggdm_status_print_head(FILE *out, const ggdm_node *root, const char *dir)
{
    ggdm_liveness live = ggdm_status_liveness(root);
    double fraction = ggdm_status_real(root, "fraction", 0);
    fprintf(out, "%s  ", ggdm_status_text_of(root, "name"));
    ggdm_status_print_bar(out, fraction, BAR);
    fprintf(out, " %5.1f %%\n", 100 * fraction);
    print_state(out, root, live);
    print_session(out, root);
    print_images(out, root, live != GGDM_AT_REST);
    print_units(out, root);
    if (live == GGDM_AT_REST)
        print_next(out, root, dir);
}

void ggdm_status_print(FILE *out, const ggdm_node *root, const char *dir)
{
    ggdm_status_print_head(out, root, dir);
    ggdm_status_print_cells(out, root);
}

static const char *state_of(const ggdm_node *root)
{
    return ggdm_status_liveness(root) == GGDM_LOST ? "its coordinator is gone"
                                                   : ggdm_status_text_of(root, "phase");
}

void ggdm_status_print_brief(FILE *out, const ggdm_node *root)
{
    const ggdm_node *images = ggdm_node_get(root, "images"), *units = ggdm_node_get(root, "units");
    const ggdm_node *workers = ggdm_node_get(root, "workers");
    const long long bad = ggdm_status_int(units, "failed") + ggdm_status_int(units, "quarantined");
    char eta[16];
    fprintf(out, "%s  %.1f %%, %s\n", ggdm_status_text_of(root, "name"),
            100 * ggdm_status_real(root, "fraction", 0), state_of(root));
    fprintf(out, "%lld/%lld images", ggdm_status_int(images, "done"),
            ggdm_status_int(images, "total"));
    if (ggdm_status_liveness(root) != GGDM_AT_REST)
        fprintf(out, "  %.3g/s  ETA %s  workers %lld/%lld", ggdm_status_real(root, "rate", 0),
                ggdm_duration_text(ggdm_status_real(root, "eta", -1), eta),
                ggdm_status_int(workers, "busy"), ggdm_status_int(workers, "total"));
    if (ggdm_status_int(images, "diverged"))
        fprintf(out, "  diverged %lld", ggdm_status_int(images, "diverged"));
    if (bad)
        fprintf(out, "  units failed %lld", bad);
    fprintf(out, "\n");
}

void ggdm_status_print_line(FILE *out, const ggdm_node *root)
{
    const ggdm_node *units = ggdm_node_get(root, "units");
    long long bad = ggdm_status_int(units, "failed") + ggdm_status_int(units, "quarantined");
    char text[96];
    ggdm_status_print_bar(out, ggdm_status_real(root, "fraction", 0), BAR);
    fprintf(out, " %5.1f %%  %s, %s", 100 * ggdm_status_real(root, "fraction", 0),
            images_of(root, text), state_of(root));
    if (bad)
        fprintf(out, ", %lld unit%s failed", bad, ggdm_plural(bad));
    fprintf(out, "\n");
}

void ggdm_status_put_line(ggdm_json *j, const ggdm_node *root)
{
    const ggdm_node *images = ggdm_node_get(root, "images"), *units = ggdm_node_get(root, "units");
    ggdm_json_put_string(j, "name", ggdm_status_text_of(root, "name"));
    ggdm_json_put_string(j, "state", state_of(root));
    ggdm_json_put_double(j, "fraction", ggdm_status_real(root, "fraction", 0));
    ggdm_json_put_int(j, "images", ggdm_status_int(images, "done"));
    ggdm_json_put_int(j, "images_total", ggdm_status_int(images, "total"));
    ggdm_json_put_int(j, "units_failed",
                      ggdm_status_int(units, "failed") + ggdm_status_int(units, "quarantined"));
}
