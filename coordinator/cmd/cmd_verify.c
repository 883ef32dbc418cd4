/* `ggdm verify`: random stored images of a run, computed again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/philox.h"
#include "common/plural.h"
#include "coordinator/cmd/command.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/run/replay.h"

#define DEFAULT_SAMPLE 20
#define MAX_SAMPLE 1000000

typedef struct verify_options {
    ggdm_dir_options where;
    int sample, threads;
    int seed; /* -1: any */
} verify_options;

/* ---- which images -------------------------------------------------------------------------- */

/* A stored image, and the first cell that shows it. */
typedef struct pick {
    int64_t trajectory;
    int32_t index, cell;
} pick;

/* A sample of all images as they come by, each as likely as any other: image k (from 0) takes the
 * place of a random one of k + 1, where that is among the places there are. */
typedef struct reservoir {
    pick *picks; /* [most] */
    int32_t n, most;
    int64_t seen;
    uint64_t seed;
    int32_t cell; /* whose images come by */
} reservoir;

static ggdm_status see_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    reservoir *r = context;
    const pick p = {sample->trajectory, sample->index, r->cell};
    (void)err;
    if (r->n < r->most) {
        r->picks[r->n++] = p;
    } else {
        double u[2];
        ggdm_uniforms(r->seed, GGDM_STREAM_SHUFFLE, (uint32_t)r->seen, (uint32_t)(r->seen >> 32), 2,
                      u);
        const int64_t k = (int64_t)((u[0] + u[1] * 0x1p-32) * (double)(r->seen + 1));
        if (k < r->most)
            r->picks[k] = p;
    }
    r->seen++;
    return GGDM_OK;
}

static int by_trajectory(const void *a, const void *b)
{
    const pick *x = a, *y = b;
    if (x->trajectory != y->trajectory)
        return x->trajectory < y->trajectory ? -1 : 1;
    return x->index != y->index ? (x->index > y->index) - (x->index < y->index)
                                : (x->cell > y->cell) - (x->cell < y->cell);
}

/* The cells that show a trajectory first, [*n], sorted; owned: free(). */
static ggdm_status list_trajectories(ggdm_store *store, pick **out, int32_t *n, ggdm_error *err)
{
    const int32_t cells = ggdm_store_n_cells(store);
    int32_t k = 0;
    *n = 0;
    GGDM_TRY(ggdm_alloc(out, (size_t)cells, sizeof **out, err));
    for (int32_t i = 0; i < cells; i++) {
        ggdm_store_cell cell;
        GGDM_TRY(ggdm_store_cell_get(store, i, &cell, err));
        (*out)[i] = (pick){cell.trajectory, 0, i};
    }
    qsort(*out, (size_t)cells, sizeof **out, by_trajectory);
    for (int32_t i = 0; i < cells; i++)
        if (k == 0 || (*out)[i].trajectory != (*out)[k - 1].trajectory)
            (*out)[k++] = (*out)[i];
    *n = k;
    return GGDM_OK;
}

/* r->picks, sorted, so that images of one recipe follow each other. */
static ggdm_status pick_images(ggdm_store *store, reservoir *r, ggdm_error *err)
{
    pick *shown = NULL;
    int32_t n;
    GGDM_TRY(ggdm_alloc(&r->picks, (size_t)r->most, sizeof *r->picks, err));
    ggdm_status st = list_trajectories(store, &shown, &n, err);
    for (int32_t i = 0; i < n && st == GGDM_OK; i++) {
        r->cell = shown[i].cell;
        st = ggdm_store_each_sample(store, shown[i].trajectory, INT32_MAX, false, NULL, 0,
                                    see_sample, r, err);
    }
    free(shown);
    if (st == GGDM_OK)
        qsort(r->picks, (size_t)r->n, sizeof *r->picks, by_trajectory);
    return st;
}

/* ---- computing them ------------------------------------------------------------------------ */

static ggdm_status verify_image(ggdm_replay *replay, const pick *p, int32_t *differing,
                                ggdm_error *err)
{
    ggdm_store_cell cell;
    ggdm_replayed image;
    char what[GGDM_REPLAYED_SIZE];
    GGDM_TRY(ggdm_store_cell_get(ggdm_replay_store(replay), p->cell, &cell, err));
    if (ggdm_replay_image(replay, p->trajectory, p->index, NULL, NULL, &image, err) != GGDM_OK)
        return ggdm_error_prefix(err, "%s image %d", cell.name, p->index);
    if (!image.same) {
        ++*differing;
        ggdm_replayed_text(&image, what, sizeof what);
        printf("%s image %d: %s\n", cell.name, p->index, what);
    }
    ggdm_replayed_deinit(&image);
    return GGDM_OK;
}

static ggdm_status verify_images(ggdm_replay *replay, const reservoir *r, int32_t *differing,
                                 ggdm_error *err)
{
    const bool live = isatty(STDERR_FILENO);
    for (int32_t i = 0; i < r->n; i++) {
        if (live)
            fprintf(stderr, "%d of %d images\r", i, r->n);
        GGDM_TRY(verify_image(replay, &r->picks[i], differing, err));
    }
    return GGDM_OK;
}

static void tell_all(const ggdm_replay *replay, const reservoir *r, int32_t differing)
{
    const ggdm_run_info *info = ggdm_store_run_info(ggdm_replay_store(replay));
    printf("%d of %" PRId64 " image%s computed again (%s, %s; --seed %" PRIu64 "): ", r->n, r->seen,
           ggdm_plural(r->seen), info->isa, ggdm_precision_names[info->precision], r->seed);
    if (differing)
        printf("%d differ%s\n", differing, differing == 1 ? "s" : "");
    else
        printf("all the same to the bit\n");
}

static ggdm_status verify(const verify_options *o, int32_t *differing, ggdm_error *err)
{
    ggdm_replay *replay = NULL;
    reservoir r = {.most = o->sample};
    ggdm_status st;
    r.seed = (uint64_t)(o->seed >= 0 ? o->seed : (int)((int64_t)ggdm_wall_clock() % INT32_MAX));
    GGDM_TRY(ggdm_replay_open(o->where.dir, o->threads, &replay, err));
    GGDM_TRY_GOTO(st, pick_images(ggdm_replay_store(replay), &r, err), done);
    if (r.n == 0)
        GGDM_TRY_GOTO(
            st, GGDM_FAIL(err, GGDM_EINVAL, "run directory %s: there are no images", o->where.dir),
            done);
    GGDM_TRY_GOTO(st, verify_images(replay, &r, differing, err), done);
    tell_all(replay, &r, *differing);
done:
    free(r.picks);
    return ggdm_replay_done(&replay, st, err);
}

/* ---- arguments ----------------------------------------------------------------------------- */

enum { KEY_SEED = 256 };

static const struct argp_option arguments[] = {
    {"sample", 'n', "N", 0,
     "N images, each as likely as any other (default: 20); all where there "
     "are not as many",
     0},
    {"seed", KEY_SEED, "S", 0,
     "the images that S chooses (default: others each time, which are "
     "said)",
     0},
    {"threads", 't', "M", 0, "OpenMP threads (default: 1)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    verify_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->where;
        break;
    case 'n':
        o->sample = ggdm_command_int(state, "--sample", arg, 1, MAX_SAMPLE);
        break;
    case 't':
        o->threads = ggdm_command_int(state, "--threads", arg, 1, 1024);
        break;
    case KEY_SEED:
        o->seed = ggdm_command_int(state, "--seed", arg, 0, INT32_MAX);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_verify(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse,
        "DIR",
        "Compute random images of the run in DIR again, each alone and from its stored recipe, and "
        "compare their pixels with the stored ones, to the bit.\v"
        "Models are found as `ggdm run' finds them, and must be those of the run.  The machine "
        "must "
        "have the run's instruction set.  Each image that differs is printed; the exit code is 0 "
        "where all are the same, 1 where one differs.\n\n"
        "Example:\n  ggdm verify runs/figure4 --sample 20",
        ggdm_dir_children,
        NULL,
        NULL};
    verify_options o = {.sample = DEFAULT_SAMPLE, .seed = -1, .threads = 1};
    ggdm_error err = {0};
    int32_t differing = 0;
    if (ggdm_command_parse(&argp, argc, argv, &o))
        return GGDM_EXIT_USAGE;
    if (verify(&o, &differing, &err) != GGDM_OK)
        return ggdm_command_fail("verify", &err);
    return differing ? GGDM_EXIT_FAILED_UNITS : GGDM_EXIT_OK;
}
