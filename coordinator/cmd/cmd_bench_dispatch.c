/* `ggdm bench dispatch`: what the coordinator costs.  Started bare it launches an MPI world of
 * itself, as `ggdm run` does; rank 0 measures and leaves its figures in a file.  With --ranks the
 * workers are simulated (bench_scale.h). */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/fs.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/temp.h"
#include "coordinator/cmd/bench_load.h"
#include "coordinator/cmd/bench_scale.h"
#include "coordinator/cmd/command.h"
#include "coordinator/world/world.h"
#include "coordinator/run/progress.h"

static const struct {
    const char *key, *what, *unit, *bar;
    double scale; /* from the key's unit to the printed one */
} figures[GGDM_BENCH_FIGURES] = {
    [GGDM_BENCH_PLAN_SECONDS] = {"plan_seconds", "expand and store the sweep", "s", "15", 1},
    [GGDM_BENCH_DATABASE_BYTES] = {"database_bytes", "database", "MB", "200", 1e-6},
    [GGDM_BENCH_STORE_RATE] = {"store_units_per_second", "claim + finish, store alone", "units/s",
                               "", 1},
    [GGDM_BENCH_STORE_CPU] = {"store_cpu_us_per_unit", "  its CPU time for a unit", "us", "", 1},
    [GGDM_BENCH_EVENT_BYTES] = {"bytes_per_unit_done", "database growth for a unit done", "B", "",
                                1},
    [GGDM_BENCH_RESUME_SECONDS] = {"resume_seconds", "first dispatch on resuming, 90 % done", "s",
                                   "2", 1},
    [GGDM_BENCH_RATE] = {"units_per_second", "durable claim + finish, no-op units", "units/s",
                         ">= 20000", 1},
    [GGDM_BENCH_CPU] = {"coordinator_cpu_us_per_unit", "  the coordinator's CPU time for a unit",
                        "us", "", 1},
    [GGDM_BENCH_OVERHEAD] = {"overhead_percent", "overhead with units that sleep", "%", "3", 1},
    [GGDM_BENCH_IDLE_CPU] = {"idle_cpu_percent", "idle coordinator, of a core", "%", "2", 1},
    [GGDM_BENCH_RSS_BYTES] = {"coordinator_rss_bytes", "coordinator memory above MPI's", "MiB",
                              "64", 1.0 / (1 << 20)},
    [GGDM_BENCH_STATUS_SECONDS] = {"status_seconds", "ggdm status", "s", "1", 1},
};

typedef struct bench_options {
    ggdm_bench_load load;
    ggdm_bench_scale scale;
    int workers; /* -1: not given */
    bool json;
} bench_options;

/* ---- ranks ---- */

/* The status file of this world: where the launching process looks for its end. */
static ggdm_status write_figures(const char *dir, const double values[], ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_string(&j, "launch", getenv(GGDM_LAUNCH_ENV));
    ggdm_json_put_int(&j, "exit_code", GGDM_EXIT_OK);
    for (int i = 0; i < GGDM_BENCH_FIGURES; i++)
        ggdm_json_put_double(&j, figures[i].key, values[i]);
    ggdm_json_end(&j);
    return ggdm_json_finish_in(&j, dir, GGDM_STATUS_FILE, err);
}

static ggdm_status bench_coordinator(ggdm_transport *t, const bench_options *o, ggdm_error *err)
{
    double values[GGDM_BENCH_FIGURES] = {0};
    GGDM_TRY(ggdm_bench_coordinate(t, &o->load, values, err));
    return write_figures(o->load.dir, values, err);
}

static int bench_rank(const bench_options *o)
{
    ggdm_error err = {0};
    ggdm_transport *t = NULL;
    ggdm_status st = ggdm_transport_mpi_open(&t, &err);
    if (st == GGDM_OK && ggdm_transport_rank(t) == 0)
        st = bench_coordinator(t, o, &err);
    else if (st == GGDM_OK)
        st = ggdm_bench_work(t, &o->load, &err);
    if (st != GGDM_OK)
        ggdm_command_fail("bench", &err);
    if (st != GGDM_OK && t)
        ggdm_transport_abort(t, ggdm_exit_code(st));
    ggdm_transport_close(&t);
    return GGDM_EXIT_OK;
}

/* ---- without MPI: the workers are threads ---- */

typedef struct thread_context {
    ggdm_transport *t;
    const bench_options *options;
} thread_context;

static void *bench_worker_thread(void *context)
{
    thread_context *c = context;
    ggdm_error err = {0};
    if (ggdm_bench_work(c->t, &c->options->load, &err) != GGDM_OK)
        ggdm_transport_abort(c->t, ggdm_command_fail("bench", &err));
    ggdm_transport_close(&c->t);
    return NULL;
}

static ggdm_status bench_alone(const bench_options *o, ggdm_error *err)
{
    ggdm_transport *t[2];
    pthread_t thread;
    GGDM_TRY(ggdm_transport_loop_open(2, t, err));
    thread_context context = {t[1], o};
    if (pthread_create(&thread, NULL, bench_worker_thread, &context) != 0)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "cannot start a thread");
    ggdm_status st = bench_coordinator(t[0], o, err);
    pthread_join(thread, NULL);
    ggdm_transport_close(&t[0]);
    return st;
}

/* ---- the launching process ---- */

static ggdm_status run_world(const bench_options *o, ggdm_error *err)
{
    char name[] = "bench", action[] = "dispatch", dir[PATH_MAX], units[32], ms[64];
    snprintf(dir, sizeof dir, "--dir=%s", o->load.dir);
    snprintf(units, sizeof units, "--units=%d", o->load.units);
    snprintf(ms, sizeof ms, "--unit-ms=%.9g", o->load.unit_ms);
    char *args[] = {name, action, dir, units, ms, NULL};
    const ggdm_hosts here = {0};
    const ggdm_launch launch = {.workers = o->workers,
                                .threads = 1,
                                .run_dir = o->load.dir,
                                .args = args,
                                .hosts = &here,
                                .may_be_silent = true};
    return ggdm_world_once(&launch, err);
}

/* How long `ggdm status` takes. */
static ggdm_status time_status(const char *dir, double *seconds, ggdm_error *err)
{
    extern char **environ;
    char *run = NULL;
    GGDM_TRY(ggdm_path_join(dir, GGDM_BENCH_RUN, &run, err));
    char program[] = "ggdm", command[] = "status";
    char *args[] = {program, command, run, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child;
    int status = 0;
    double begun = ggdm_now();
    ggdm_status st = GGDM_OK;
    if (posix_spawn(&child, "/proc/self/exe", &actions, NULL, args, environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0)
        st = GGDM_FAIL(err, GGDM_EINTERNAL, "ggdm status %s failed", run);
    *seconds = ggdm_now() - begun;
    posix_spawn_file_actions_destroy(&actions);
    free(run);
    return st;
}

static ggdm_status read_figures(const char *dir, double values[], ggdm_error *err)
{
    char *path = NULL;
    ggdm_doc *doc = NULL;
    GGDM_TRY(ggdm_path_join(dir, GGDM_STATUS_FILE, &path, err));
    ggdm_status st = ggdm_json_read(path, 1 << 20, &doc, err);
    for (int i = 0; i < GGDM_BENCH_FIGURES && st == GGDM_OK; i++) {
        const ggdm_node *n = ggdm_node_get(doc->root, figures[i].key);
        values[i] = n ? n->real : 0;
    }
    ggdm_doc_destroy(&doc);
    free(path);
    return st;
}

static ggdm_status print_figures_json(const bench_options *o, const double values[], double load,
                                      ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_int(&j, "units", o->load.units);
    ggdm_json_put_double(&j, "unit_ms", o->load.unit_ms);
    ggdm_json_put_int(&j, "workers", o->workers);
    ggdm_json_put_double(&j, "load_average", load);
    for (int i = 0; i < GGDM_BENCH_FIGURES; i++)
        ggdm_json_put_double(&j, figures[i].key, values[i]);
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}

static void print_figures(const bench_options *o, const double values[], double load)
{
    printf("%d units; %s; load average before: %.1f on %d core%s\n", o->load.units,
           o->workers ? "MPI world" : "threads of one process", load, ggdm_usable_cores(),
           ggdm_plural(ggdm_usable_cores()));
    printf("workers %d; units that sleep: %g ms\n", o->workers ? o->workers : 1, o->load.unit_ms);
    printf("%-40s %12s %-8s %s\n", "", "measured", "", "bar");
    for (int i = 0; i < GGDM_BENCH_FIGURES; i++)
        printf("%-40s %12.4g %-8s %s\n", figures[i].what, values[i] * figures[i].scale,
               figures[i].unit, figures[i].bar);
}

static ggdm_status bench_here(const bench_options *o, ggdm_error *err)
{
    double values[GGDM_BENCH_FIGURES] = {0}, load = 0;
    getloadavg(&load, 1);
    GGDM_TRY(o->workers ? run_world(o, err) : bench_alone(o, err));
    GGDM_TRY(read_figures(o->load.dir, values, err));
    GGDM_TRY(time_status(o->load.dir, &values[GGDM_BENCH_STATUS_SECONDS], err));
    if (o->json)
        return print_figures_json(o, values, load, err);
    print_figures(o, values, load);
    return GGDM_OK;
}

static int bench_bare(bench_options *o)
{
    ggdm_error err = {0};
    char *dir = NULL;
    if (o->workers < 0)
        o->workers = ggdm_usable_cores();
    ggdm_status st = ggdm_make_temp_dir("ggdm-bench", &dir, &err);
    o->load.dir = o->scale.dir = dir;
    if (st == GGDM_OK)
        st = o->scale.load.ranks ? ggdm_bench_scale_run(&o->scale, &err) : bench_here(o, &err);
    if (dir)
        ggdm_remove_tree(dir);
    free(dir);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("bench", &err);
}

/* ---- arguments ---- */

enum { KEY_DIR = 256 };

static const struct argp_option arguments[] = {
    {"units", 'n', "N", 0, "units of the sweep (default: 100000)", 0},
    {"unit-ms", 'm', "X", 0, "milliseconds of the units that measure the overhead (default: 100)",
     0},
    {"workers", 'w', "W", 0,
     "worker ranks (default: one per core; 0: no MPI, one worker in this process)", 0},
    {"json", 'j', NULL, 0, "print one JSON object", 0},
    {"dir", KEY_DIR, "DIR", OPTION_HIDDEN, "where rank 0 puts the runs", 0},
    {0},
};

static error_t parse_bench_dispatch(int key, char *arg, struct argp_state *state)
{
    bench_options *o = state->input;
    switch (key) {
    case 'n':
        o->load.units = o->scale.units = ggdm_command_int(state, "--units", arg, 10, 100000000);
        break;
    case 'm':
        o->load.unit_ms = ggdm_command_real(state, "--unit-ms", arg, 0, 3600000);
        o->scale.load.unit_seconds = 1e-3 * o->load.unit_ms;
        break;
    case 'w':
        o->workers = ggdm_command_int(state, "--workers", arg, 0, 10000);
        break;
    case 'j':
        o->json = o->scale.json = true;
        break;
    case KEY_DIR:
        o->load.dir = arg;
        break;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->scale;
        break;
    case ARGP_KEY_END:
        if (o->scale.load.ranks && o->workers >= 0)
            argp_error(state, "--workers starts workers, --ranks simulates them: give one of them");
        break;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", arg);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

int ggdm_cmd_bench_dispatch(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&ggdm_bench_scale_argp, 0, "Simulated workers:", 0}, {0}};
    static const struct argp argp = {
        arguments,
        parse_bench_dispatch,
        NULL,
        "Measure the coordinator: a sweep of N units that do nothing goes through the real "
        "planner, store, dispatch loop, transport and worker loop; each unit hands in one image of "
        "one pixel.\v"
        "9 of 10 units are done by the store alone, the rest by the workers, which is what "
        "resuming measures too.  The runs are made below $TMPDIR (default /tmp), whose disk "
        "counts.\n\n"
        "With --ranks the workers are simulated, by a clock that goes on where the coordinator "
        "would wait, so that hours take minutes; store, dispatch loop and messages are the real "
        "ones, and a world that is lost is a process that is killed (docs/SCALE.md).  Example: "
        "ggdm bench dispatch --ranks 10000 --host-deaths 2",
        children,
        NULL,
        NULL};
    bench_options options = {.load = {.units = 100000, .unit_ms = 100},
                             .scale = {.load = {.unit_seconds = 30,
                                                .images = 8,
                                                .image_bytes = 2500,
                                                .per_host = 64,
                                                .start_seconds = 30}},
                             .workers = -1};
    if (ggdm_command_parse(&argp, argc, argv, &options))
        return GGDM_EXIT_USAGE;
    return options.load.dir ? bench_rank(&options) : bench_bare(&options);
}
