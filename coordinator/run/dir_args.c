#include "coordinator/run/dir_args.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"

#define BUSY_MILLISECONDS 500 /* longer than another short look takes */

static error_t parse_dir(int key, char *arg, struct argp_state *state)
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

static const struct argp parser = {.parser = parse_dir};

const struct argp_child ggdm_dir_children[] = {{&parser, 0, NULL, 0}, {0}};

static ggdm_status check_dir(const char *dir, ggdm_error *err)
{
    return ggdm_is_dir(dir) ? GGDM_OK
                            : GGDM_FAIL(err, GGDM_EINVAL, "%s: no such run directory", dir);
}

ggdm_status ggdm_dir_read(const char *dir, ggdm_store **out, ggdm_error *err)
{
    *out = NULL;
    GGDM_TRY(check_dir(dir, err));
    GGDM_TRY(ggdm_store_read(dir, out, err));
    time_t made = (time_t)ggdm_store_snapshot_time(*out);
    char when[32] = "";
    struct tm local;
    if (made && localtime_r(&made, &local))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local);
    if (made)
        ggdm_log(GGDM_LOG_INFO, "%s: a coordinator owns the run; this is its snapshot of %s", dir,
                 when);
    return GGDM_OK;
}

ggdm_status ggdm_dir_done(ggdm_store **store, ggdm_status st, ggdm_error *err)
{
    if (*store && st == GGDM_OK)
        st = ggdm_store_check_unchanged(*store, err);
    ggdm_store_close(store);
    return st;
}

ggdm_status ggdm_dir_to_write(const char *dir, const char *out, const char *what,
                              const char **place, ggdm_error *err)
{
    *place = out ? out : dir;
    if (out)
        return ggdm_make_dirs(out, err);
    if (access(dir, W_OK) == 0)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EINVAL, "%s: %s cannot be written there (%s), expected --out DIR",
                     dir, what, strerror(errno));
}

ggdm_status ggdm_dir_open(const char *dir, ggdm_store **out, ggdm_error *err)
{
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT,
                                        .busy_timeout = BUSY_MILLISECONDS};
    *out = NULL;
    GGDM_TRY(check_dir(dir, err));
    return ggdm_store_open(dir, &inspect, out, err);
}
