/* `ggdm status`: one run, again and again with --watch; or all runs. */
#include <stdio.h>

#include "coordinator/cmd/command.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/show/run_list.h"
#include "coordinator/show/status_file.h"
#include "coordinator/show/status_jobs.h"
#include "coordinator/show/status_view.h"
#include "coordinator/show/status_watch.h"

typedef struct status_options {
    ggdm_dir_options where;
    bool json, watch;
} status_options;

static ggdm_status show_status(const status_options *o, ggdm_error *err)
{
    ggdm_run_status s = {0};
    ggdm_status st = ggdm_run_status_look(o->where.dir, &s, err);
    if (st != GGDM_OK && !o->json && ggdm_status_is_submitted(o->where.dir)) {
        ggdm_status_print_waiting(stdout, o->where.dir);
        return GGDM_OK;
    }
    if (st != GGDM_OK)
        return st;
    if (o->json) {
        fwrite(s.text, 1, s.size, stdout);
    } else {
        ggdm_status_print(stdout, s.doc->root, o->where.dir);
        ggdm_status_print_jobs(stdout, o->where.dir);
    }
    ggdm_run_status_free(&s);
    return GGDM_OK;
}

static const struct argp_option arguments[] = {
    {"json", 'j', NULL, 0, "print the status as JSON", 0},
    {"watch", 'w', NULL, 0, "show it again and again until the run rests; Ctrl-C leaves", 0},
    {0},
};

static error_t parse_status(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    status_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'j':
        o->json = true;
        break;
    case 'w':
        o->watch = true;
        break;
    case ARGP_KEY_END:
        if (o->json && o->watch)
            argp_error(state, "--json and --watch: expected one of them");
        if (o->watch && !o->where.dir)
            argp_error(state, "--watch: expected a run directory");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_status(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_status,
        "[DIR]",
        "Show how far the run in DIR is: totals, failures, cells with their accuracy so far, and "
        "whether a coordinator works on it or what command continues it.  Never disturbs a "
        "running coordinator.  Without DIR: all runs below runs, a line each.\v"
        "Example:\n  ggdm status runs/figure4 --watch",
        ggdm_dir_children,
        NULL,
        NULL};
    status_options options = {.where.optional = true};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    ggdm_status st = !options.where.dir ? ggdm_run_list_print("runs", options.json, &err)
                     : options.watch    ? ggdm_status_watch(options.where.dir, &err)
                                        : show_status(&options, &err);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("status", &err);
}
