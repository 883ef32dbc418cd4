/* `ggdm status`: from RUN/status.json alone; the database of a running coordinator is never
 * touched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/json.h"
#include "coordinator/command.h"
#include "coordinator/progress.h"

#define MAX_STATUS ((size_t)64 << 20) /* bytes */
#define STALE_SECONDS 30.0            /* a coordinator writes at least every 2 s */

typedef struct status_options {
    const char *dir;
    bool json;
} status_options;

static int64_t get_int(const ggdm_node *map, const char *key)
{
    int64_t v = 0;
    const ggdm_node *n = map ? ggdm_node_get(map, key) : NULL;
    if (n && n->kind == GGDM_NODE_INT && ggdm_node_int(n, 0, 0, &v, NULL) == GGDM_OK)
        return v;
    return 0;
}

/* Not there or null: missing. */
static double get_real(const ggdm_node *map, const char *key, double missing)
{
    const ggdm_node *n = map ? ggdm_node_get(map, key) : NULL;
    return n && (n->kind == GGDM_NODE_INT || n->kind == GGDM_NODE_REAL) ? n->real : missing;
}

static const char *get_text(const ggdm_node *map, const char *key)
{
    const ggdm_node *n = map ? ggdm_node_get(map, key) : NULL;
    return n && n->kind == GGDM_NODE_STRING ? n->text : "";
}

static void print_head(const ggdm_node *root)
{
    char elapsed[16], eta[16];
    const char *phase = get_text(root, "phase");
    double age = ggdm_wall_clock() - get_real(root, "updated", 0);
    bool live = strcmp(phase, "running") == 0 || strcmp(phase, "finishing") == 0;
    printf("%s: %s", get_text(root, "name"), phase);
    const ggdm_node *code = ggdm_node_get(root, "exit_code");
    if (code && code->kind == GGDM_NODE_INT)
        printf(" (exit code %s)", code->text);
    if (live && age > STALE_SECONDS)
        printf(", but nothing was heard for %.0f s: the same `ggdm run` command continues it", age);
    printf("\n");
    if (*get_text(root, "message"))
        printf("  %s\n", get_text(root, "message"));
    const ggdm_node *images = ggdm_node_get(root, "images");
    printf("  images    %lld of %lld (%.1f %% of the work), %lld diverged\n",
           (long long)get_int(images, "done"), (long long)get_int(images, "total"),
           100 * get_real(root, "fraction", 0), (long long)get_int(images, "diverged"));
    printf("  time      %s elapsed, ETA %s, %.3g images/s\n",
           ggdm_duration_text(get_real(root, "elapsed", -1), elapsed),
           ggdm_duration_text(live ? get_real(root, "eta", -1) : -1, eta),
           get_real(root, "rate", 0));
    const ggdm_node *workers = ggdm_node_get(root, "workers");
    printf("  workers   %lld, %lld busy; instruction set %s; host %s\n",
           (long long)get_int(workers, "total"), (long long)get_int(workers, "busy"),
           get_text(root, "isa"), get_text(root, "host"));
}

static void print_units(const ggdm_node *root)
{
    const ggdm_node *units = ggdm_node_get(root, "units");
    printf("  units     %lld:", (long long)get_int(units, "total"));
    for (const ggdm_node *n = units ? units->first : NULL; n; n = n->next)
        if (strcmp(n->key, "total") != 0 && n->kind == GGDM_NODE_INT && n->magnitude)
            printf(" %s %s", n->text, n->key);
    printf("\n");
    const ggdm_node *troubles = ggdm_node_get(root, "troubles");
    for (const ggdm_node *n = troubles ? troubles->first : NULL; n; n = n->next)
        printf("    unit %lld %s: %s\n", (long long)get_int(n, "unit"), get_text(n, "state"),
               get_text(n, "message"));
}

static void print_cells(const ggdm_node *root)
{
    const ggdm_node *cells = ggdm_node_get(root, "cells");
    if (!cells || !cells->first)
        return;
    printf("\n  %-8s %10s %9s %7s %12s %9s\n", "cell", "kappa", "duration", "target", "done",
           "diverged");
    long long samples = (long long)get_int(root, "samples");
    for (const ggdm_node *n = cells->first; n; n = n->next)
        printf("  %-8s %10g %9lld %7lld %6lld/%-5lld %9lld\n", get_text(n, "cell"),
               get_real(n, "kappa", 0), (long long)get_int(n, "duration"),
               (long long)get_int(n, "target"), (long long)get_int(n, "done"), samples,
               (long long)get_int(n, "diverged"));
}

static ggdm_status show(const status_options *o, ggdm_error *err)
{
    char *path = NULL, *text = NULL;
    size_t size = 0;
    ggdm_doc *doc = NULL;
    ggdm_status st;
    if (!ggdm_is_dir(o->dir))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: no such run directory", o->dir);
    GGDM_TRY_GOTO(st, ggdm_path_join(o->dir, GGDM_STATUS_FILE, &path, err), done);
    if (!ggdm_exists(path)) {
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s: no %s in it, expected a run directory", o->dir,
                       GGDM_STATUS_FILE);
        goto done;
    }
    GGDM_TRY_GOTO(st, ggdm_read_file(path, MAX_STATUS, &text, &size, err), done);
    GGDM_TRY_GOTO(st, ggdm_json_parse(text, size, MAX_STATUS, path, &doc, err), done);
    if (doc->root->kind != GGDM_NODE_MAP) {
        st = ggdm_node_expected(doc->root, err, "an object");
    } else if (o->json) {
        fwrite(text, 1, size, stdout);
    } else {
        print_head(doc->root);
        print_units(doc->root);
        print_cells(doc->root);
    }
done:
    ggdm_doc_destroy(&doc);
    free(text);
    free(path);
    return st;
}

static const struct argp_option arguments[] = {
    {"json", 'j', NULL, 0, "print the status file", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    status_options *o = state->input;
    switch (key) {
    case 'j':
        o->json = true;
        break;
    case ARGP_KEY_ARG:
        if (o->dir)
            argp_error(state, "more than one run directory: %s", arg);
        o->dir = arg;
        break;
    case ARGP_KEY_END:
        if (!o->dir)
            argp_error(state, "expected a run directory");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_status(int argc, char **argv)
{
    static const struct argp argp = {
        arguments, parse, "DIR", "Show how far the run in DIR is.  Never disturbs it.",
        NULL,      NULL,  NULL};
    status_options options = {0};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    return show(&options, &err) == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("status", &err);
}
