/* The part of the command line that all commands with a sweep file share. */
#include "coordinator/cmd/command.h"
#include "coordinator/run/setup.h"

static const struct argp_option options[] = {
    {"run", 'r', "DIR", 0,
     "run directory (default: that of a run whose sweep.yaml this is, else runs/NAME with the name "
     "in the sweep file)",
     0},
    {"set", 's', "PATH=VALUE", 0,
     "set a parameter (by short name or path: steps, sampler.steps) or a key such as samples, in "
     "place of what the file says; of an axis: one value.  May be given again",
     0},
    {"threads", 't', "M", 0, "OpenMP threads of each worker (default: 1)", 0},
    {"no-share", 'n', NULL, 0,
     "compute every trajectory on its own, without common prefixes: the same images, for measuring",
     0},
    {"batch", 'b', "B", 0, "images advanced together at most (default: 8 per thread)", 0},
    {0},
};

static error_t parse_setup(int key, char *arg, struct argp_state *state)
{
    ggdm_setup_options *o = state->input;
    switch (key) {
    case 'r':
        o->run = arg;
        break;
    case 's':
        if (o->n_sets == GGDM_MAX_SETS)
            argp_error(state, "--set: more than %d", GGDM_MAX_SETS);
        o->sets[o->n_sets++] = arg;
        break;
    case 't':
        o->threads = ggdm_command_int(state, "--threads", arg, 1, 1024);
        break;
    case 'b':
        o->batch = ggdm_command_int(state, "--batch", arg, 1, 4096);
        break;
    case 'n':
        o->no_share = true;
        break;
    case ARGP_KEY_ARG:
        if (o->sweep)
            argp_error(state, "more than one sweep file: %s", arg);
        o->sweep = arg;
        break;
    case ARGP_KEY_END:
        if (!o->sweep)
            argp_error(state, "expected a sweep file");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp parser = {.options = options, .parser = parse_setup};

const struct argp_child ggdm_setup_children[] = {{&parser, 0, NULL, 0}, {0}};
