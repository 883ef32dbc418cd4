/* `ggdm trace`: how the first images of each cell came about. */
#include <stdio.h>

#include "common/log.h"
#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/trace.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/report.h"
#include "coordinator/show/report_surface.h"

typedef struct trace_options {
    ggdm_dir_options where;
    ggdm_spec_trace settings;
    ggdm_traced done;
} trace_options;

static void tell(const trace_options *o, const ggdm_traced *t)
{
    if (t->incomplete)
        ggdm_log(GGDM_LOG_WARN, "%lld cell%s %s incomplete and not traced",
                 (long long)t->incomplete, ggdm_plural(t->incomplete), ggdm_is(t->incomplete));
    if (t->differing)
        ggdm_log(GGDM_LOG_ERROR, "%lld image%s %s not what the run has stored",
                 (long long)t->differing, ggdm_plural(t->differing), ggdm_is(t->differing));
    ggdm_log(GGDM_LOG_INFO,
             "%lld image%s of %lld cell%s traced, %lld cell%s there already: %s/archive/c*/trace",
             (long long)t->images, ggdm_plural(t->images), (long long)t->cells,
             ggdm_plural(t->cells), (long long)t->kept, ggdm_plural(t->kept), o->where.dir);
}

/* The report shows them. */
static ggdm_status write_report(const char *dir, ggdm_error *err)
{
    ggdm_store *store = NULL;
    ggdm_results r = {0};
    GGDM_TRY(ggdm_dir_read(dir, &store, err));
    ggdm_status st = ggdm_results_read(store, &r, err);
    if (st == GGDM_OK)
        st = ggdm_surface_products(&r, dir, err);
    if (st == GGDM_OK)
        st = ggdm_report_write(&r, dir, GGDM_REPORT_FILE, NULL, err);
    ggdm_results_deinit(&r);
    return ggdm_dir_done(&store, st, err);
}

static ggdm_status trace(void *options, ggdm_world *world, ggdm_error *err)
{
    trace_options *o = options;
    GGDM_TRY(ggdm_trace_run(world, o->where.dir, &o->settings, &o->done, err));
    if (ggdm_world_rank(world) > 0)
        return GGDM_OK;
    tell(o, &o->done);
    return write_report(o->where.dir, err);
}

static const struct argp_option arguments[] = {
    {"images", 'i', "N", 0, "of the first N images of each cell (default: 4)", 0},
    {"every", 'e', "K", 0,
     "K steps between two columns of a picture (default: a tenth of them all)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    trace_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'i':
        o->settings.images = ggdm_command_int(state, "--images", arg, 1, GGDM_MAX_TRACED);
        break;
    case 'e':
        o->settings.every = ggdm_command_int(state, "--every", arg, 1, GGDM_MAX_STEPS);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_trace(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse,
        "DIR",
        "Show how the first images of each complete cell of the run in DIR came about: for each a "
        "picture, x_t above and x0-hat below, and a table of losses and gradients at every step, "
        "in "
        "archive/CELL/trace and in the report.  They are computed again, each from its stored "
        "recipe, and must be the stored images to the bit, or the exit code is 1.\v"
        "`trace: {images: 4, every: 50}' in a sweep does the same at the end of `ggdm run'.  What "
        "is there of the same settings stays, so that the same command goes on where it stopped.  "
        "Under mpirun or srun all ranks share the work that have memory for the models.\n\n"
        "Example:\n  ggdm trace runs/figure4 --images 2 --every 100\n"
        "  mpirun -n 8 ggdm trace runs/night",
        ggdm_dir_children,
        NULL,
        NULL};
    trace_options o = {.settings = {.images = 4}};
    if (ggdm_command_parse(&argp, argc, argv, &o))
        return GGDM_EXIT_USAGE;
    const int code = ggdm_command_together("trace", trace, &o);
    return code == GGDM_EXIT_OK && o.done.differing ? GGDM_EXIT_FAILED_UNITS : code;
}
