/* `ggdm run`: creates a run or continues it.
 *
 * Started bare, everything that can be wrong is checked here first, before anything is written or
 * started; then this process launches an MPI world of itself and watches it (launch.c).  In a
 * world it is a rank (run_rank.c). */
#include <stdlib.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/limits.h"
#include "common/log.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/evaluations.h"
#include "coordinator/cmd/run_rank.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/finish.h"
#include "coordinator/world/hosts.h"
#include "coordinator/world/relay.h"
#include "coordinator/world/supervise.h"

#define MAX_WORKERS_PER_CORE 64 /* on this machine */

/* ---- started bare ---- */

/* All units are at rest: what is left to do needs no world, but images that are traced may have
 * one. */
static ggdm_status finish_here(const ggdm_setup *setup, ggdm_run_state state,
                               const ggdm_launch *trace, int *code, ggdm_error *err)
{
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    ggdm_store *store = NULL;
    GGDM_TRY(ggdm_store_open(setup->run_dir, &inspect, &store, err));
    const bool products = state == GGDM_RUN_UNITS_DONE; /* are missing */
    if (products)
        ggdm_store_publish(store);
    const bool evaluates = ggdm_run_evaluates(setup);
    ggdm_status st = ggdm_finish_run(
        store, setup->run_dir,
        (products ? GGDM_FINISH_WRITE : 0) | (evaluates ? 0 : GGDM_FINISH_TELL), err);
    if (st == GGDM_OK && products)
        st = ggdm_progress_note(store, err); /* their world may have been killed */
    *code = ggdm_rest_exit_code(store);
    ggdm_store_close(&store);
    if (st == GGDM_OK && evaluates)
        st = ggdm_evaluations_run(&setup->spec, setup->run_dir, NULL, trace, code, err);
    return st;
}

/* The hosts to run on; none: this machine alone. */
static ggdm_status find_hosts(const ggdm_run_options *options, int threads, ggdm_hosts *out,
                              ggdm_error *err)
{
    if (options->hosts)
        GGDM_TRY(ggdm_hosts_parse(options->hosts, out, err));
    else if (options->hostfile)
        GGDM_TRY(ggdm_hosts_read(options->hostfile, out, err));
    else
        GGDM_TRY(ggdm_hosts_of_slurm(out, err));
    int each = ggdm_usable_cores() / threads;
    if (options->workers > 0 && out->n)
        each = (options->workers + (int)out->n - 1) / (int)out->n;
    if (out->slurm && options->workers > ggdm_hosts_slots(out))
        ggdm_hosts_raise_slots(out, each); /* asked for more than the job's tasks */
    ggdm_hosts_default_slots(out, each > 0 ? each : 1);
    return GGDM_OK;
}

static int count_workers(const ggdm_run_options *options, int threads, const ggdm_hosts *hosts)
{
    int most = hosts->n ? ggdm_hosts_slots(hosts) : ggdm_usable_cores() / threads;
    if (options->workers > 0 && (!hosts->n || options->workers < most))
        return options->workers;
    return most > 0 ? most : 1;
}

/* What a user calls a host may be misspelt; mpirun would say so in many lines, world after world.
 */
static ggdm_status check_hosts(ggdm_hosts *hosts, ggdm_error *err)
{
    if (!hosts->n || hosts->slurm)
        return GGDM_OK;
    ggdm_launch_probe(hosts);
    if (ggdm_hosts_in(hosts))
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_ECOMM,
                     "host %s%s: no answer, expected %s that ssh reaches without a password",
                     hosts->list[0].name, hosts->n > 1 ? " and the others" : "",
                     hosts->n > 1 ? "names" : "a name");
}

static ggdm_status prepare_log(const char *dir, char **out, ggdm_error *err)
{
    char *logs = NULL;
    GGDM_TRY(ggdm_path_join(dir, "log", &logs, err));
    ggdm_status st = ggdm_make_dirs(logs, err);
    free(logs);
    return st == GGDM_OK ? ggdm_path_join(dir, GGDM_RELAY_LOG, out, err) : st;
}

/* Worlds of this run. */
typedef struct worlds {
    ggdm_hosts hosts;
    ggdm_launch launch;
    char *log;
} worlds;

static void free_worlds(worlds *w)
{
    ggdm_hosts_deinit(&w->hosts);
    free(w->log);
}

/* *out must stay where it is; owned: free_worlds, also after an error. */
static ggdm_status prepare_worlds(const ggdm_run_options *options, const ggdm_setup *setup,
                                  char **argv, worlds *out, ggdm_error *err)
{
    const int threads = setup->outfit.job.threads;
    *out = (worlds){.log = NULL};
    GGDM_TRY(find_hosts(options, threads, &out->hosts, err));
    GGDM_TRY(check_hosts(&out->hosts, err));
    GGDM_TRY(prepare_log(setup->run_dir, &out->log, err));
    out->launch = (ggdm_launch){.workers = count_workers(options, threads, &out->hosts),
                                .threads = threads,
                                .run_dir = setup->run_dir,
                                .log = out->log,
                                .args = argv,
                                .hosts = &out->hosts};
    return GGDM_OK;
}

static ggdm_status supervise(const ggdm_run_options *options, const ggdm_setup *setup,
                             const ggdm_store_counts *counts, char **argv, int *code,
                             ggdm_error *err)
{
    bool at_rest;
    ggdm_run_state state;
    worlds w;
    ggdm_status st;
    GGDM_TRY_GOTO(st, prepare_worlds(options, setup, argv, &w, err), done);
    const ggdm_supervision s = {
        .launch = w.launch, .hosts = &w.hosts, .images_done = counts->images_done};
    GGDM_TRY_GOTO(st, ggdm_supervise(&s, code, &at_rest, err), done);
    if (at_rest) {
        GGDM_TRY_GOTO(st, ggdm_setup_run_state(setup, &state, NULL, err), done);
        st = finish_here(setup, state, &w.launch, code, err);
    } else if (ggdm_run_evaluates(setup) &&
               (*code == GGDM_EXIT_OK || *code == GGDM_EXIT_FAILED_UNITS)) {
        st = ggdm_evaluations_run(&setup->spec, setup->run_dir, &w.launch, &w.launch, code, err);
    }
done:
    free_worlds(&w);
    return st;
}

/* A run whose images are all there. */
static ggdm_status finish(const ggdm_run_options *options, const ggdm_setup *setup,
                          ggdm_run_state state, char **argv, int *code, ggdm_error *err)
{
    worlds w = {.log = NULL};
    const bool launch = options->workers != 0 && ggdm_run_evaluates(setup) &&
                        ggdm_evaluations_untraced(&setup->spec, setup->run_dir);
    ggdm_status st = launch ? ggdm_launch_possible(err) : GGDM_OK;
    if (st == GGDM_OK && launch)
        st = prepare_worlds(options, setup, argv, &w, err);
    if (st == GGDM_OK)
        st = finish_here(setup, state, launch ? &w.launch : NULL, code, err);
    free_worlds(&w);
    return st;
}

/* Something is left to do. */
static int run_started(const ggdm_run_options *options, const ggdm_setup *setup,
                       const ggdm_store_counts *counts, char **argv, ggdm_error *err)
{
    char name[] = "run";
    int code = GGDM_EXIT_OK;
    argv[0] = name;
    if (options->workers == 0)
        return ggdm_run_alone(options, err);
    ggdm_status st = ggdm_launch_possible(err);
    if (st == GGDM_OK)
        st = supervise(options, setup, counts, argv, &code, err);
    return st == GGDM_OK ? code : ggdm_command_fail("run", err);
}

static int run_locked(const ggdm_run_options *options, const ggdm_setup *setup, char **argv,
                      ggdm_error *err)
{
    ggdm_run_state state = GGDM_RUN_NEW;
    ggdm_store_counts counts = {0};
    char text[96];
    int code = GGDM_EXIT_OK;
    ggdm_status st = ggdm_run_take_over(options, setup->run_dir, err);
    if (st == GGDM_OK)
        st = ggdm_run_dir_forget_jobs(setup->run_dir, err);
    if (st == GGDM_OK)
        st = ggdm_run_dir_wait(setup->run_dir, false, err);
    if (st == GGDM_OK)
        st = ggdm_setup_run_state(setup, &state, &counts, err);
    if (st != GGDM_OK)
        return ggdm_command_fail("run", err);
    if (state == GGDM_RUN_UNITS_DONE || state == GGDM_RUN_COMPLETE) {
        if (finish(options, setup, state, argv, &code, err) != GGDM_OK)
            return ggdm_command_fail("run", err);
        return code;
    }
    if (state == GGDM_RUN_STARTED)
        ggdm_log(
            GGDM_LOG_INFO, "continuing the run in %s: %s are done", setup->run_dir,
            ggdm_images_text(counts.images_done, counts.images_total, counts.images_asked, text));
    return run_started(options, setup, &counts, argv, err);
}

static int run_checked(const ggdm_run_options *options, const ggdm_setup *setup, char **argv,
                       ggdm_error *err)
{
    int lock = -1;
    ggdm_status st = GGDM_OK;
    const bool fresh = !ggdm_exists(setup->run_dir);
    if (fresh) {
        /* Nothing is made before it is certain that it can be used. */
        ggdm_run_state state;
        st = ggdm_setup_run_state(setup, &state, NULL, err);
        if (st == GGDM_OK && options->workers != 0)
            st = ggdm_launch_possible(err);
        if (st == GGDM_OK)
            st = ggdm_make_dirs(setup->run_dir, err);
    }
    if (st == GGDM_OK)
        st = ggdm_run_dir_lock(setup->run_dir, &lock, err);
    int code =
        st == GGDM_OK ? run_locked(options, setup, argv, err) : ggdm_command_fail("run", err);
    if (fresh)
        rmdir(setup->run_dir); /* where nothing has come into it */
    if (lock >= 0)
        close(lock);
    return code;
}

static int run_bare(const ggdm_run_options *options, char **argv)
{
    ggdm_error err = {0};
    ggdm_isa isa;
    ggdm_setup setup;
    ggdm_status st = ggdm_isa_choose(&isa, &err);
    if (st == GGDM_OK)
        st = ggdm_setup_make(&options->setup, isa, &setup, &err);
    if (st != GGDM_OK)
        return ggdm_command_fail("run", &err);
    st = ggdm_evaluations_check(&setup.spec, setup.run_dir, &err);
    if (st == GGDM_OK)
        ggdm_evaluations_warn(&setup.spec);
    const int code =
        st == GGDM_OK ? run_checked(options, &setup, argv, &err) : ggdm_command_fail("run", &err);
    ggdm_setup_deinit(&setup);
    return code;
}

/* ---- arguments ---- */

static const struct argp_option arguments[] = {
    {"workers", 'w', "N", 0,
     "worker ranks beside the coordinator (default: one per core; 0: no MPI, one worker in this "
     "process); in a world that mpirun or srun started, its size counts",
     0},
    {"add", 'a', NULL, 0,
     "add the cells of this sweep to the run in --run DIR; what is there is not computed again", 0},
    {"shard", 'S', "I/N", 0,
     "run part I of N of the units, from 0, in a directory of its own (default: "
     "runs/NAME/shards/I); `ggdm merge' joins them",
     0},
    {"take-over", 'T', NULL, 0,
     "the coordinator on another host that owns the run is dead: do not wait until it was silent "
     "for 60 s",
     0},
    {"hosts", 'H', "NAME[:N],...", 0,
     "run on these hosts, with N workers each (default: under Slurm the job's nodes, else here)",
     0},
    {"hostfile", 'F', "FILE", 0, "the same from a file with lines such as `node1 slots=4'", 0},
    {0},
};

static void parse_shard(const struct argp_state *state, const char *text, ggdm_setup_options *o)
{
    char *end;
    long shard = strtol(text, &end, 10);
    long shards = *end == '/' ? strtol(end + 1, &end, 10) : 0;
    if (*end || shard < 0 || shard >= shards || shards > GGDM_MAX_SHARDS)
        argp_error(state, "--shard: value '%s', expected I/N with I from 0 to N - 1, N at most %d",
                   text, GGDM_MAX_SHARDS);
    o->shard = (int)shard;
    o->shards = (int)shards;
}

/* Too many for one machine are a slip of the finger that would bring it down. */
static void check_workers(const struct argp_state *state, const ggdm_run_options *o)
{
    int most = MAX_WORKERS_PER_CORE * ggdm_usable_cores();
    bool here = !o->hosts && !o->hostfile && !getenv("SLURM_JOB_ID") && !ggdm_launched_by_mpi();
    if (here && o->workers > most)
        argp_error(state, "--workers: value %d, expected at most %d, %d for each core", o->workers,
                   most, MAX_WORKERS_PER_CORE);
}

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
    ggdm_run_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->setup;
        break;
    case 'w':
        o->workers = ggdm_command_int(state, "--workers", arg, 0, 100000);
        break;
    case 'T':
        o->take_over = true;
        break;
    case 'a':
        o->setup.add = true;
        break;
    case 'S':
        parse_shard(state, arg, &o->setup);
        break;
    case 'H':
        o->hosts = arg;
        break;
    case 'F':
        o->hostfile = arg;
        break;
    case ARGP_KEY_END:
        if (o->hosts && o->hostfile)
            argp_error(state, "--hosts and --hostfile: expected one of them");
        if (o->setup.add && o->setup.shards)
            argp_error(state, "--add and --shard: expected one of them");
        check_workers(state, o);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_run(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_run,
        "SWEEP.yaml",
        "Run a sweep, or continue it: the same command again goes on where it stopped, and ends at "
        "once when nothing is left.\v"
        "Results are in RUN/archive, RUN/summary.csv and RUN/report.html.  Ctrl-C stops between "
        "two sampler steps; whatever was done is kept.  When a worker, mpirun or a host dies or "
        "hangs, the run goes on by itself on what is left.\n"
        "GGDM_ISA=ref|avx2|avx512|avx512_bf16|amx pins the instruction set, on which the bits of "
        "images depend.\n\n"
        "Example:\n  ggdm run examples/mnist-demo.yaml --run runs/demo",
        ggdm_setup_children,
        NULL,
        NULL};
    ggdm_run_options options = {.workers = -1};
    int rc = ggdm_command_parse(&argp, argc, argv, &options);
    if (rc)
        return GGDM_EXIT_USAGE;
    return ggdm_launched_by_mpi() ? ggdm_run_rank(&options) : run_bare(&options, argv);
}
