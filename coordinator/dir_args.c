#include "coordinator/dir_args.h"

#include "common/fs.h"

#define BUSY_MILLISECONDS 500 /* longer than another short look takes */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    ggdm_dir_options *o = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (o->dir)
            argp_error(state, "more than one run directory: %s", arg);
        o->dir = arg;
        break;
    case ARGP_KEY_END:
        if (!o->dir && !o->optional)
            argp_error(state, "expected a run directory");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp parser = {.parser = parse};

const struct argp_child ggdm_dir_children[] = {{&parser, 0, NULL, 0}, {0}};

ggdm_status ggdm_dir_open(const char *dir, ggdm_store **out, ggdm_error *err)
{
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT,
                                        .busy_timeout = BUSY_MILLISECONDS};
    *out = NULL;
    if (!ggdm_is_dir(dir))
        return GGDM_FAIL(err, GGDM_EINVAL, "%s: no such run directory", dir);
    return ggdm_store_open(dir, &inspect, out, err);
}
