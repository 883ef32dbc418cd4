#include "coordinator/cmd/bench_scale.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json_write.h"
#include "common/limits.h"
#include "common/plural.h"
#include "coordinator/cmd/bench_run.h"
#include "coordinator/cmd/command.h"
#include "coordinator/run/dispatch.h"
#include "coordinator/run/progress.h"
#include "coordinator/world/orphan.h"
#include "coordinator/world/walltime.h"

#define MAX_FRUITLESS 5 /* worlds in a row that bring nothing, as of the supervisor */
#define UNITS_EACH 20   /* of a worker, where nobody says how many */

typedef struct bench {
    const ggdm_bench_scale *scale;
    ggdm_bench_run run;
    ggdm_swarm_sums sums;
    double plan_seconds, bytes, load;
} bench;

/* ---- one world, in a process of its own ---- */

static ggdm_status dispatch(ggdm_transport *t, ggdm_store *store, bool *finished, ggdm_error *err)
{
    ggdm_progress *progress = NULL;
    ggdm_dispatch_end end;
    bool clean;
    GGDM_TRY(ggdm_progress_create(store, &progress, err));
    ggdm_status st = ggdm_dispatch_run(t, store, NULL, progress, &end, &clean, err);
    *finished = st == GGDM_OK;
    if (st == GGDM_ECOMM) /* a host is silent: the world is given up, the run goes on */
        st = ggdm_progress_record(progress, "lost", GGDM_EXIT_INTERNAL, NULL, err);
    else if (st == GGDM_OK && end != GGDM_DISPATCH_FINISHED)
        st = GGDM_FAIL(err, GGDM_ECANCELLED, "stopped");
    ggdm_progress_destroy(&progress);
    return st;
}

static ggdm_status run_world(bench *b, int fd, bool *finished, ggdm_error *err)
{
    ggdm_transport *t = NULL;
    ggdm_store *store = NULL;
    const ggdm_store_options blame = {.count_losses = b->sums.culprit > 0,
                                      .culprit = b->sums.culprit};
    GGDM_TRY(ggdm_swarm_open(&b->scale->load, &b->sums, fd, &t, err));
    ggdm_status st = ggdm_store_open(b->run.dir, &blame, &store, err);
    if (st == GGDM_OK) {
        ggdm_store_publish(store); /* for readers, as at every start of a run */
        st = dispatch(t, store, finished, err);
    }
    ggdm_store_close(&store);
    if (st == GGDM_OK)
        st = ggdm_swarm_end(t, err);
    ggdm_transport_close(&t);
    return st;
}

/* The exit code says whether units are left.  Progress is for a terminal only: there may be many
 * worlds. */
static void be_world(bench *b, int fd)
{
    ggdm_error err = {0};
    bool finished = false;
    const int errors = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    ggdm_end_with_parent();
    if (!isatty(STDERR_FILENO))
        dup2(nowhere, STDERR_FILENO);
    ggdm_status st = run_world(b, fd, &finished, &err);
    dup2(errors, STDERR_FILENO);
    if (st != GGDM_OK)
        _exit(ggdm_command_fail("bench", &err));
    _exit(finished ? GGDM_EXIT_OK : GGDM_EXIT_INTERRUPTED);
}

/* A pipe may hand over less than was asked for. */
static bool read_sums(int fd, ggdm_swarm_sums *sums)
{
    size_t done = 0;
    for (ssize_t n = 1; n > 0 && done<sizeof *sums; done += n> 0 ? (size_t)n : 0)
        n = read(fd, (char *)sums + done, sizeof *sums - done);
    return done == sizeof *sums;
}

/* *b and the clock are as the world has left them. */
static ggdm_status run_child(bench *b, bool *finished, ggdm_error *err)
{
    int fds[2], status = 0;
    fflush(NULL);
    if (pipe(fds) != 0)
        return GGDM_FAIL_ERRNO(err, errno, "pipe");
    const pid_t child = fork();
    if (child == 0)
        be_world(b, fds[1]);
    close(fds[1]);
    const bool got = child > 0 && read_sums(fds[0], &b->sums);
    close(fds[0]);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return GGDM_FAIL_ERRNO(err, errno, "cannot start a process");
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!got || !(killed || WIFEXITED(status)))
        return GGDM_FAIL(err, GGDM_EINTERNAL, "a simulated world failed (wait status %d)", status);
    ggdm_clock_skip(b->sums.now - ggdm_now());
    *finished = !killed && WEXITSTATUS(status) == GGDM_EXIT_OK;
    return GGDM_OK;
}

static ggdm_status run_worlds(bench *b, ggdm_error *err)
{
    bool finished = false;
    for (int fruitless = 0; !finished; fruitless++) {
        const int64_t done = b->sums.done;
        GGDM_TRY(run_child(b, &finished, err));
        if (b->sums.done > done)
            fruitless = -1;
        if (fruitless >= MAX_FRUITLESS || b->sums.ranks < 1)
            return GGDM_FAIL(err, GGDM_EINVAL, "%s after %d world%s: they die too often",
                             b->sums.ranks < 1 ? "no host is left" : "no unit was done",
                             b->sums.worlds, ggdm_plural(b->sums.worlds));
        if (finished)
            break;
        ggdm_clock_skip(b->scale->load.start_seconds);
        b->sums.restart += b->sums.ranks * b->scale->load.start_seconds;
    }
    return GGDM_OK;
}

/* ---- figures ---- */

static double seconds_of(const bench *b)
{
    return b->sums.now - b->sums.begun;
}

/* While there was work for all; over all where that was too short. */
static double units_per_second(const bench *b)
{
    const double seconds = b->sums.last_sent - b->sums.first_done;
    return b->sums.done_then > b->sums.ranks && seconds > 0 ? (double)b->sums.done_then / seconds
                                                            : (double)b->sums.done / seconds_of(b);
}

static double images_per_hour(const bench *b)
{
    return 3600 * b->scale->load.images * units_per_second(b);
}

static double percent(const bench *b, double seconds)
{
    return 100 * seconds / (b->sums.available + b->sums.restart);
}

static double images_of(const bench *b)
{
    return (double)b->scale->units * b->scale->load.images;
}

/* Rows of the table: every figure is a function of what was measured. */
#define FIGURE(name, expression)                                                                   \
    static double name(const bench *b)                                                             \
    {                                                                                              \
        return expression;                                                                         \
    }
FIGURE(ideal, b->scale->load.ranks / b->scale->load.unit_seconds)
FIGURE(wait_median, 1e3 * ggdm_swarm_wait(&b->sums, 0.5))
FIGURE(wait_99, 1e3 * ggdm_swarm_wait(&b->sums, 0.99))
FIGURE(wait_worst, 1e3 * b->sums.worst)
FIGURE(fill, b->sums.fill)
FIGURE(cpu_share, 100 * b->sums.cpu / seconds_of(b))
FIGURE(busy_share, 100 * b->sums.busy / seconds_of(b))
FIGURE(cpu_each, 1e6 * b->sums.cpu / (double)b->sums.done)
FIGURE(memory, b->sums.memory)
FIGURE(plan, b->plan_seconds)
FIGURE(bytes, b->bytes)
FIGURE(bytes_beside, b->bytes / images_of(b) - b->scale->load.image_bytes)
FIGURE(checkpoints, (double)b->sums.checkpoints)
FIGURE(worlds_lost, b->sums.worlds - 1)
FIGURE(hosts_lost, b->sums.lost_hosts)
FIGURE(units_lost, (double)b->sums.lost_units)
FIGURE(useful, percent(b, b->sums.useful))
FIGURE(waited, percent(b, b->sums.waited))
FIGURE(lost, percent(b, b->sums.lost))
FIGURE(silent, percent(b, b->sums.silent))
FIGURE(restart, percent(b, b->sums.restart))
FIGURE(rest, 100 - useful(b) - waited(b) - lost(b) - silent(b) - restart(b))

static const struct {
    double (*value)(const bench *b);
    const char *key, *what, *unit;
    double scale; /* from the key's unit to the printed one */
} figures[] = {
    {seconds_of, "simulated_seconds", "simulated time", "s", 1},
    {plan, "plan_seconds", "expand and store the sweep", "s", 1},
    {ideal, "ideal_units_per_second", "units, if no worker ever waited", "units/s", 1},
    {units_per_second, "units_per_second", "  measured", "units/s", 1},
    {images_per_hour, "images_per_hour", "  images", "1/h", 1},
    {fill, "fill_seconds", "until all workers had a unit, worst", "s", 1},
    {wait_median, "claim_median_ms", "a worker's wait for a unit, median", "ms", 1},
    {wait_99, "claim_p99_ms", "  of 99 %, at most", "ms", 1},
    {wait_worst, "claim_worst_ms", "  worst", "ms", 1},
    {cpu_share, "coordinator_cpu_percent", "coordinator's CPU time, of a core", "%", 1},
    {cpu_each, "coordinator_cpu_us_per_unit", "  of a unit", "us", 1},
    {busy_share, "coordinator_busy_percent", "  with what it waited for the disk", "%", 1},
    {memory, "coordinator_rss_bytes", "coordinator's memory, packets included", "MiB",
     1.0 / (1 << 20)},
    {bytes, "database_bytes", "database", "MB", 1e-6},
    {bytes_beside, "bytes_per_image", "  of an image, beside its own", "B", 1},
    {checkpoints, "checkpoints", "checkpoints", "", 1},
    {worlds_lost, "worlds_lost", "worlds that were lost", "", 1},
    {hosts_lost, "hosts_lost", "  by a host", "", 1},
    {units_lost, "units_lost", "units that were at work then", "", 1},
    {useful, "useful_percent", "workers' time: in results", "%", 1},
    {waited, "waited_percent", "  waiting for a unit", "%", 1},
    {lost, "lost_percent", "  lost with a world", "%", 1},
    {silent, "silent_percent", "  of dead hosts, until it was seen", "%", 1},
    {restart, "restart_percent", "  between two worlds", "%", 1},
    {rest, "rest_percent", "  first units, and the end of the sweep", "%", 1},
};

enum { N_FIGURES = sizeof figures / sizeof *figures };

static ggdm_status print_json(const bench *b, ggdm_error *err)
{
    const ggdm_swarm_load *l = &b->scale->load;
    ggdm_json j;
    char *text = NULL;
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_int(&j, "ranks", l->ranks);
    ggdm_json_put_int(&j, "ranks_per_host", l->per_host);
    ggdm_json_put_int(&j, "units", b->scale->units);
    ggdm_json_put_double(&j, "unit_ms", 1e3 * l->unit_seconds);
    ggdm_json_put_int(&j, "images_per_unit", l->images);
    ggdm_json_put_int(&j, "image_bytes", l->image_bytes);
    ggdm_json_put_double(&j, "rank_deaths_per_hour", l->rank_deaths);
    ggdm_json_put_double(&j, "host_deaths_per_hour", l->host_deaths);
    ggdm_json_put_double(&j, "restart_seconds", l->start_seconds);
    ggdm_json_put_double(&j, "load_average", b->load);
    for (int i = 0; i < N_FIGURES; i++)
        ggdm_json_put_double(&j, figures[i].key, figures[i].value(b));
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}

static void print_text(const bench *b)
{
    const ggdm_swarm_load *l = &b->scale->load;
    printf("%d simulated workers, %d on a host; %d units of %g s, %d image%s of %d B each; load "
           "average before: %.1f on %d core%s\n",
           l->ranks, l->per_host, b->scale->units, l->unit_seconds, l->images,
           ggdm_plural(l->images), l->image_bytes, b->load, ggdm_usable_cores(),
           ggdm_plural(ggdm_usable_cores()));
    printf("deaths an hour: %g worker%s, %g host%s; %g s until the next world\n", l->rank_deaths,
           l->rank_deaths == 1 ? "" : "s", l->host_deaths, l->host_deaths == 1 ? "" : "s",
           l->start_seconds);
    for (int i = 0; i < N_FIGURES; i++)
        printf("%-40s %12.4g %s\n", figures[i].what, figures[i].value(b) * figures[i].scale,
               figures[i].unit);
}

/* ---- the whole ---- */

static ggdm_status measure(bench *b, ggdm_error *err)
{
    const ggdm_bench_scale *o = b->scale;
    const double begun = ggdm_now();
    GGDM_TRY(ggdm_bench_run_create(o->dir, "scale", o->units, o->load.images, &b->run, err));
    b->plan_seconds = ggdm_now() - begun;
    b->sums.ranks = o->load.ranks;
    b->sums.begun = ggdm_now();
    GGDM_TRY(run_worlds(b, err));
    b->bytes = ggdm_bench_run_bytes(&b->run);
    return GGDM_OK;
}

ggdm_status ggdm_bench_scale_run(ggdm_bench_scale *scale, ggdm_error *err)
{
    bench b = {.scale = scale};
    getloadavg(&b.load, 1);
    unsetenv(GGDM_DEADLINE_ENV); /* simulated hours are not those of the job */
    if (scale->units == 0)
        scale->units = UNITS_EACH * scale->load.ranks;
    ggdm_status st = measure(&b, err);
    ggdm_bench_run_deinit(&b.run);
    if (st == GGDM_OK && scale->json)
        return print_json(&b, err);
    if (st == GGDM_OK)
        print_text(&b);
    return st;
}

/* ---- arguments ---- */

enum {
    KEY_RANKS = 512,
    KEY_IMAGES,
    KEY_BYTES,
    KEY_HOST,
    KEY_RANK_DEATHS,
    KEY_HOST_DEATHS,
    KEY_START
};

static const struct argp_option arguments[] = {
    {"ranks", KEY_RANKS, "N", 0,
     "simulate N workers in this process: --units (default: 20 for each) of --unit-ms each on the "
     "average (default: 30000)",
     0},
    {"images", KEY_IMAGES, "K", 0, "images of a unit (default: 8)", 0},
    {"image-bytes", KEY_BYTES, "B", 0, "bytes of an image's PNG (default: 2500, 32 x 32 pixels)",
     0},
    {"ranks-per-host", KEY_HOST, "R", 0, "workers on a host (default: 64)", 0},
    {"rank-deaths", KEY_RANK_DEATHS, "X", 0, "workers that die in an hour, of all (default: 0)", 0},
    {"host-deaths", KEY_HOST_DEATHS, "X", 0,
     "hosts that die in an hour, of all, with their workers (default: 0)", 0},
    {"restart-seconds", KEY_START, "S", 0,
     "from the end of a world until the workers of the next one are ready: launch, weights, "
     "networks (default: 30)",
     0},
    {0},
};

static error_t parse_scale(int key, char *arg, struct argp_state *state)
{
    ggdm_bench_scale *o = state->input;
    switch (key) {
    case KEY_RANKS:
        o->load.ranks = ggdm_command_int(state, "--ranks", arg, 1, 1000000);
        break;
    case KEY_IMAGES:
        o->load.images = ggdm_command_int(state, "--images", arg, 1, 1000);
        break;
    case KEY_BYTES:
        o->load.image_bytes = ggdm_command_int(state, "--image-bytes", arg, 1, 10000000);
        break;
    case KEY_HOST:
        o->load.per_host = ggdm_command_int(state, "--ranks-per-host", arg, 1, 1000000);
        break;
    case KEY_RANK_DEATHS:
        o->load.rank_deaths = ggdm_command_real(state, "--rank-deaths", arg, 0, 3600);
        break;
    case KEY_HOST_DEATHS:
        o->load.host_deaths = ggdm_command_real(state, "--host-deaths", arg, 0, 3600);
        break;
    case KEY_START:
        o->load.start_seconds = ggdm_command_real(state, "--restart-seconds", arg, 0, 86400);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

const struct argp ggdm_bench_scale_argp = {.options = arguments, .parser = parse_scale};
