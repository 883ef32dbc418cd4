/* `ggdm report`: what a run has come to, for others. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/report_watch.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/paper.h"
#include "coordinator/show/report.h"
#include "jobs/mosaic.h"
#include "coordinator/show/report_surface.h"
#include "jobs/plot.h"

enum { EVERY = 10 }; /* seconds, with --watch */
enum { HTML, MD, TEX };
static const char *const formats[] = {[HTML] = "html", [MD] = "md", [TEX] = "tex", NULL};
static const ggdm_markup *const markups[] = {[MD] = &ggdm_markdown, [TEX] = &ggdm_latex};

typedef struct options {
    ggdm_dir_options where;
    const char *out;
    int format, sheet;
    bool watch;
    int every; /* seconds; 0: not said */
} options;

/* Where --out says: a file where it ends as the format does, else a directory. */
typedef struct report_place {
    char *dir;        /* owned; NULL: not said */
    const char *name; /* of the file */
} report_place;

static ggdm_status find_place(const options *o, char name[32], report_place *out, ggdm_error *err)
{
    snprintf(name, 32, "report.%s", formats[o->format]);
    out->name = name;
    if (!o->out)
        return GGDM_OK;
    const char *dot = strrchr(o->out, '.'), *slash = strrchr(o->out, '/');
    if (!dot || dot < slash || strcmp(dot + 1, formats[o->format]) != 0)
        return ggdm_strdup(o->out, &out->dir, err);
    out->name = slash ? slash + 1 : o->out;
    if (!slash)
        return ggdm_strdup(".", &out->dir, err);
    return ggdm_asprintf(&out->dir, err, "%.*s", (int)(slash - o->out + 1), o->out);
}

static void print_place(const char *dir, const char *name)
{
    printf("%s%s%s\n", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
    fflush(stdout);
}

static ggdm_status write_report(ggdm_results *r, const options *o, const char *dir,
                                const char *name, ggdm_error *err)
{
    GGDM_TRY(ggdm_plot_run(r, dir, NULL, err));
    GGDM_TRY(ggdm_mosaic_run(r, dir, o->sheet, NULL, err));
    GGDM_TRY(ggdm_surface_products(r, dir, err));
    if (o->format == HTML)
        GGDM_TRY(ggdm_report_write(r, dir, name, NULL, err));
    else
        GGDM_TRY(ggdm_paper_write(r, markups[o->format], dir, name, err));
    print_place(dir, name);
    return GGDM_OK;
}

static ggdm_status watch_run(const options *o, ggdm_error *err)
{
    report_place place = {0};
    char name[32];
    const char *dir;
    ggdm_status st = find_place(o, name, &place, err);
    if (st == GGDM_OK && !ggdm_is_dir(o->where.dir))
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s: no such run directory", o->where.dir);
    if (st == GGDM_OK)
        st = ggdm_dir_to_write(o->where.dir, place.dir, place.name, &dir, err);
    if (st == GGDM_OK) {
        print_place(dir, place.name);
        st = ggdm_report_watch(o->where.dir, dir, place.name, o->every ? o->every : EVERY, err);
    }
    free(place.dir);
    return st;
}

static ggdm_status report_run(const options *o, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_results r = {0};
    report_place place = {0};
    char name[32];
    const char *dir;
    ggdm_status st;
    GGDM_TRY_GOTO(st, find_place(o, name, &place, err), done);
    GGDM_TRY_GOTO(st, ggdm_dir_read(o->where.dir, &store, err), done);
    GGDM_TRY_GOTO(st, ggdm_dir_to_write(o->where.dir, place.dir, place.name, &dir, err), done);
    GGDM_TRY_GOTO(st, ggdm_results_read(store, &r, err), done);
    st = write_report(&r, o, dir, place.name, err);
done:
    ggdm_results_deinit(&r);
    free(place.dir);
    return ggdm_dir_done(&store, st, err);
}

static const struct argp_option arguments[] = {
    {"format", 'f', "html|md|tex", 0,
     "html: one page that needs no other file, with images and all numbers (default); md: tables "
     "as GitHub shows them; tex: tables with booktabs, for \\input",
     0},
    {"out", 'o', "PATH", 0,
     "write this file, where PATH ends in .html, .md or .tex as the format does, with figures/ "
     "beside it, or report.FORMAT and figures/ below this directory (default: the run directory)",
     0},
    {"sheet", 's', "N", 0,
     "N images of each cell on the sheet over all cells, figures/sheet.png (default: what the "
     "sweep "
     "says, else 1)",
     0},
    {"watch", 'w', "SECONDS", OPTION_ARG_OPTIONAL,
     "write the page anew every so many seconds (default: 10) until the run rests, from its "
     "snapshots, without its figures; the page follows by itself, Ctrl-C leaves",
     0},
    {0},
};

/* SECONDS may stand behind DIR, too. */
static bool is_seconds(const options *o, const char *arg)
{
    return o->watch && !o->every && o->where.dir && strspn(arg, "0123456789") == strlen(arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'f':
        o->format = ggdm_command_choice(state, "--format", arg, formats);
        break;
    case 'o':
        o->out = arg;
        break;
    case 's':
        o->sheet = ggdm_command_int(state, "--sheet", arg, 1, GGDM_MAX_SHEET);
        break;
    case 'w':
        o->watch = true;
        o->every = arg ? ggdm_command_int(state, "--watch", arg, 1, 86400) : 0;
        break;
    case ARGP_KEY_ARG:
        if (!is_seconds(o, arg))
            return ARGP_ERR_UNKNOWN;
        o->every = ggdm_command_int(state, "--watch", arg, 1, 86400);
        break;
    case ARGP_KEY_END:
        if (o->watch && (o->format != HTML || o->sheet))
            argp_error(state, "--watch writes the page alone, expected neither --sheet nor another "
                              "--format than html");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_report(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse,
        "DIR",
        "Write the report of the run in DIR anew from its database, or, while it runs, from its "
        "latest snapshot, its figures as PNG, SVG and PDF, and, where one or two numbers vary, "
        "what "
        "to try next, next.yaml.\v"
        "Example:\n  ggdm report runs/figure4\n"
        "  ggdm report runs/figure4 --watch\n"
        "  ggdm report runs/figure4 --format tex --out paper/figure4.tex",
        ggdm_dir_children,
        NULL,
        NULL};
    options o = {.format = HTML};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &o))
        return GGDM_EXIT_USAGE;
    ggdm_status st = o.watch ? watch_run(&o, &err) : report_run(&o, &err);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("report", &err);
}
