/* `ggdm merge`: the shards of a run (`ggdm run --shard`) become one run, with its archives. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/temp.h"
#include "coordinator/cmd/command.h"
#include "coordinator/show/finish.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/run_dir.h"
#include "jobs/store.h"

#define PATIENCE 600.0   /* seconds for another one that merges the same */
#define LOOK_SECONDS 0.5 /* between two looks at it */

typedef struct merge_options {
    const char *dir;
    char **shards; /* borrowed */
    int32_t n;
} merge_options;

/* The last shards may end together, and merge together. */
static ggdm_status lock(const char *dir, int *fd, ggdm_error *err)
{
    double deadline = ggdm_now() + PATIENCE;
    ggdm_status st;
    while ((st = ggdm_run_dir_lock(dir, fd, err)) == GGDM_ESTATE && ggdm_now() < deadline)
        ggdm_sleep(LOOK_SECONDS);
    return st;
}

static ggdm_status write_sweep(ggdm_store *store, ggdm_error *err)
{
    char *text = NULL;
    GGDM_TRY(ggdm_store_sweep_text(store, 1, &text, err));
    ggdm_status st =
        ggdm_replace_file_in(ggdm_store_dir(store), "sweep.yaml", text, strlen(text), err);
    free(text);
    return st;
}

/* Were both made from one sweep? */
static ggdm_status same_sweep(ggdm_store *a, ggdm_store *b, bool *same, ggdm_error *err)
{
    char *digest = NULL;
    GGDM_TRY(ggdm_store_sweep_digest(a, 1, &digest, err));
    ggdm_status st = ggdm_store_has_sweep(b, digest, same, err);
    free(digest);
    return st;
}

/* A run that is there already must be the one that these shards make. */
static ggdm_status check_same(const merge_options *o, ggdm_store *store, ggdm_error *err)
{
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    ggdm_store *shard = NULL;
    bool same = false;
    GGDM_TRY(ggdm_store_open(o->shards[0], &inspect, &shard, err));
    ggdm_status st = same_sweep(store, shard, &same, err);
    ggdm_store_close(&shard);
    if (st != GGDM_OK || (same && !ggdm_store_run_info(store)->shards))
        return st;
    return GGDM_FAIL(err, GGDM_ESTATE, "%s holds another run, expected an empty directory", o->dir);
}

static ggdm_status finish_merge(const merge_options *o, bool merged, int *code, ggdm_error *err)
{
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    ggdm_store *store = NULL;
    bool products = false;
    GGDM_TRY(ggdm_store_open(o->dir, &inspect, &store, err));
    ggdm_status st = merged ? GGDM_OK : check_same(o, store, err);
    if (st == GGDM_OK)
        st = ggdm_run_dir_has_products(store, o->dir, &products, err);
    if (st == GGDM_OK && !products)
        st = write_sweep(store, err);
    if (st == GGDM_OK)
        st = ggdm_finish_run(store, o->dir, GGDM_FINISH_TELL | (products ? 0 : GGDM_FINISH_WRITE),
                             err);
    if (st == GGDM_OK && !products)
        st = ggdm_progress_note(store, err);
    *code = ggdm_rest_exit_code(store);
    ggdm_store_close(&store);
    return st;
}

static ggdm_status merge_in(const merge_options *o, int *code, ggdm_error *err)
{
    int fd = -1;
    bool present = false;
    GGDM_TRY(ggdm_make_dirs(o->dir, err));
    GGDM_TRY(lock(o->dir, &fd, err));
    ggdm_status st = ggdm_store_present(o->dir, &present, err);
    if (st == GGDM_OK && !present)
        st = ggdm_store_merge(o->dir, o->shards, o->n, err);
    if (st == GGDM_OK)
        st = finish_merge(o, !present, code, err);
    if (fd >= 0)
        close(fd);
    return st;
}

static ggdm_status merge_runs(const merge_options *o, int *code, ggdm_error *err)
{
    bool present = false;
    char *made = NULL;
    GGDM_TRY(ggdm_run_dir_check(o->dir, &present, err));
    GGDM_TRY(ggdm_missing_dir(o->dir, &made, err));
    ggdm_status st = merge_in(o, code, err);
    if (st != GGDM_OK && made)
        ggdm_remove_empty_dirs(o->dir, made);
    free(made);
    return st;
}

static error_t parse_merge(int key, char *arg, struct argp_state *state)
{
    merge_options *o = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (o->dir)
            return ARGP_ERR_UNKNOWN; /* the rest are shards */
        o->dir = arg;
        return 0;
    case ARGP_KEY_ARGS:
        o->shards = state->argv + state->next;
        o->n = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (!o->dir || o->n < 1)
            argp_error(state, "expected a run directory and its shards");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ggdm_cmd_merge(int argc, char **argv)
{
    static const struct argp argp = {
        NULL,
        parse_merge,
        "DIR SHARD...",
        "Join the shards of a run, made by `ggdm run --shard I/N', into a run in DIR, and write "
        "its "
        "archives, summary and report: the same as of one run.  All shards must be done; with one "
        "that is not, nothing is written and the exit code is 75.\v"
        "Example:\n  ggdm merge runs/big runs/big/shards/*",
        NULL,
        NULL,
        NULL};
    merge_options options = {0};
    ggdm_error err = {0};
    int code = GGDM_EXIT_OK;
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    ggdm_status st = merge_runs(&options, &code, &err);
    return st == GGDM_OK ? code : ggdm_command_fail("merge", &err);
}
