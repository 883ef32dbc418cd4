/* `ggdm retry` and `ggdm cancel`: two directions of one request (coordinator/run/request.h). */
#include <stdio.h>

#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/request.h"
#include "jobs/cell_select.h"

typedef struct retry_options {
    ggdm_dir_options where;
    ggdm_request request;
    bool sent; /* a coordinator did it */
} retry_options;

static ggdm_status ask_coordinator(retry_options *o, int64_t *units, ggdm_store_counts *counts,
                                   ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_status st = ggdm_dir_open(o->where.dir, &store, err);
    o->sent = st == GGDM_ESTATE;
    if (o->sent)
        return ggdm_request_send(o->where.dir, &o->request, units, err);
    if (st == GGDM_OK)
        st = ggdm_request_apply(store, &o->request, units, err);
    if (st == GGDM_OK) {
        *counts = *ggdm_store_counts_get(store);
        st = ggdm_progress_note(store, err);
    }
    ggdm_store_close(&store);
    return st;
}

static void print_retried(const retry_options *o, int64_t units, const ggdm_store_counts *counts)
{
    int64_t ready = counts->units[GGDM_UNIT_READY];
    printf("%lld unit%s back%s\n", (long long)units, units == 1 ? " goes" : "s go",
           units ? "" : ": nothing of these cells has failed or was cancelled");
    if (o->sent && units)
        printf("the running coordinator has taken %s up\n", units == 1 ? "it" : "them");
    else if (ready)
        printf("%lld unit%s %s ready; continue with\n  ggdm run %s/sweep.yaml --run %s\n",
               (long long)ready, ggdm_plural(ready), ggdm_is(ready), o->where.dir, o->where.dir);
}

static void print_cancelled(const retry_options *o, int64_t units, const ggdm_store_counts *counts)
{
    printf("%lld unit%s %s cancelled%s\n", (long long)units, ggdm_plural(units), ggdm_is(units),
           units ? "" : ": these cells are done, running, or share their units with wanted cells");
    if (o->sent && units)
        printf("the running coordinator knows; what runs now is finished\n");
    else if (!o->sent && counts->units[GGDM_UNIT_READY] + counts->units[GGDM_UNIT_FAILED] == 0)
        printf("no unit is left; archives and summary: ggdm run %s/sweep.yaml --run %s\n",
               o->where.dir, o->where.dir);
    if (units)
        printf("to have them after all: ggdm retry %s\n", o->where.dir);
}

static const struct argp_option retry_arguments[] = {
    {"failed", 'f', NULL, 0, "failed and quarantined units only, not cancelled ones", 0},
    {"cell", 'c', "EXPR", 0, "of these cells only", 0},
    {0},
};
static const struct argp_option cancel_arguments[] = {
    {"cell", 'c', "EXPR", 0, "these cells only", 0},
    {0},
};

static error_t parse_retry(int key, char *arg, struct argp_state *state)
{
    retry_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'f':
        o->request.failed_only = true;
        break;
    case 'c':
        o->request.cells = arg;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* Both commands from here on. */
static int run_request(const struct argp *argp, ggdm_request_kind kind, int argc, char **argv)
{
    retry_options o = {.request.kind = kind};
    ggdm_store_counts counts = {0};
    ggdm_error err = {0};
    int64_t units = 0;
    if (ggdm_command_parse(argp, argc, argv, &o))
        return GGDM_EXIT_USAGE;
    if (ask_coordinator(&o, &units, &counts, &err) != GGDM_OK)
        return ggdm_command_fail("retry", &err);
    if (kind == GGDM_REQUEST_RETRY)
        print_retried(&o, units, &counts);
    else
        print_cancelled(&o, units, &counts);
    return GGDM_EXIT_OK;
}

int ggdm_cmd_retry(int argc, char **argv)
{
    static const struct argp argp = {
        retry_arguments,
        parse_retry,
        "DIR",
        "Put failed, quarantined and cancelled units of the run in DIR back, their counters "
        "cleared.  A running coordinator is asked to do it.\v" GGDM_CELL_SELECT_HELP
        "Example:\n  ggdm retry runs/figure4 --failed --cell 'steps=50,seed<3'",
        ggdm_dir_children,
        NULL,
        NULL};
    return run_request(&argp, GGDM_REQUEST_RETRY, argc, argv);
}

int ggdm_cmd_cancel(int argc, char **argv)
{
    static const struct argp argp = {
        cancel_arguments,
        parse_retry,
        "DIR",
        "Cancel what is not yet running of the run in DIR.  A running coordinator is asked to do "
        "it.\vCells share trajectories, and units hold cells with a common beginning: a unit is "
        "cancelled when no cell that is still wanted needs it.\n\n" GGDM_CELL_SELECT_HELP
        "Example:\n  ggdm cancel runs/figure4 --cell 'seed>=3'",
        ggdm_dir_children,
        NULL,
        NULL};
    return run_request(&argp, GGDM_REQUEST_CANCEL, argc, argv);
}
