/* The supervisor, with a shell script in mpirun's place that ends, dies or hangs as it is told.
 * Waiting takes a fortieth of its time: poll() is the one below, which notes what was asked for. */
#include "coordinator/world/supervise.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/mem.h"
#include "tests/support/ggdm_test.h"

#define FASTER 40
#define LONG_WAIT 500 /* ms: a pause, no look at a world */

static struct {
    int list[64]; /* ms */
    int n;
} pauses;
static bool stop_in_pause;
static long clock_rate = 1;

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    if (timeout > LONG_WAIT && pauses.n < 64) {
        pauses.list[pauses.n++] = timeout;
        if (stop_in_pause)
            kill(getpid(), SIGTERM);
    }
    const struct timespec t = {.tv_nsec = timeout * (1000000L / FASTER)};
    return ppoll(fds, n, &t, NULL);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    const int rc = (int)syscall(SYS_clock_gettime, id, t);
    if (id == CLOCK_MONOTONIC && clock_rate > 1) {
        const long nanoseconds = t->tv_nsec * clock_rate;
        t->tv_sec = t->tv_sec * clock_rate + nanoseconds / 1000000000;
        t->tv_nsec = nanoseconds % 1000000000;
    }
    return rc;
}

/* ---- worlds -------------------------------------------------------------------------------- */

static char *dir, *run_dir, *path_was;

/* In mpirun's place: world N does what DIR/world-N says, or else DIR/world. */
static const char stand_in[] =
    "#!/bin/sh\n"
    "dir=${0%/bin/mpirun}\n"
    "host= last=\n"
    "for word; do\n"
    "    [ \"$last\" = --host ] && host=$word\n"
    "    last=$word\n"
    "done\n"
    "if [ \"$last\" = true ]; then\n" /* does the host answer? */
    "    [ ! -e \"$dir/gone-${host%:*}\" ]\n"
    "    exit\n"
    "fi\n"
    "while [ \"$1\" != -n ]; do shift; done\n"
    "echo \"$GGDM_LOSS $2 $host\" >>\"$dir/started\"\n"
    "n=0; while read -r line; do n=$((n + 1)); done <\"$dir/started\"\n"
    /* status PHASE EXIT_CODE IMAGES UNITS_ENDED UNITS_LEFT [LOST_RANK] */
    "status() {\n"
    "    printf '{\"launch\": \"%s\", \"phase\": \"%s\", \"exit_code\": %s, \"images\": "
    "{\"done\": %s}, \"units\": {\"done\": %s, \"ready\": %s}, \"message\": \"so it said\", "
    "\"lost\": {\"rank\": %s}}' \"$GGDM_LAUNCH\" \"$1\" $2 $3 $4 $5 ${6:-null} >\"$dir/new\"\n"
    "    mv \"$dir/new\" \"$dir/run/status.json\"\n"
    "}\n"
    "running() { status running null \"$@\"; }\n"
    "died() {\n"
    "    echo \"mpirun noticed that process rank $1 with PID 0 on node n$1 exited on signal 9 "
    "(Killed).\" >&2\n"
    "    exit 137\n"
    "}\n"
    "[ -e \"$dir/world-$n\" ] || n=\n"
    ". \"$dir/world${n:+-$n}\"\n";

#define DONE "status done 0 9 9 0"

static void write_text(const char *name, const char *text)
{
    char *path = ggdm_test_path(dir, name);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

static char *read_text(const char *name)
{
    char *path = ggdm_test_path(dir, name), *text = NULL, *bytes;
    ggdm_error err;
    size_t size = 0;
    assert_int_equal(ggdm_read_file(path, 1 << 20, &bytes, &size, &err), GGDM_OK);
    ggdm_test_ok(ggdm_asprintf(&text, &err, "%.*s", (int)size, bytes), &err);
    free(bytes);
    free(path);
    return text;
}

static int setup(void **state)
{
    (void)state;
    char *folder, *program, *path = NULL;
    ggdm_error err;
    dir = ggdm_test_mkdtemp();
    run_dir = ggdm_test_path(dir, "run");
    folder = ggdm_test_path(dir, "bin");
    program = ggdm_test_path(folder, "mpirun");
    ggdm_test_ok(ggdm_make_dirs(run_dir, &err), &err);
    ggdm_test_ok(ggdm_make_dirs(folder, &err), &err);
    ggdm_test_write(program, stand_in, sizeof stand_in - 1);
    assert_int_equal(chmod(program, 0755), 0);
    path_was = strdup(getenv("PATH"));
    ggdm_test_ok(ggdm_asprintf(&path, &err, "%s:%s", folder, path_was), &err);
    setenv("PATH", path, 1);
    pauses.n = 0;
    clock_rate = 1;
    free(folder);
    free(program);
    free(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_rate = 1;
    setenv("PATH", path_was, 1);
    free(path_was);
    free(run_dir);
    ggdm_test_rmdir(dir);
    return 0;
}

typedef struct outcome {
    ggdm_status status;
    ggdm_error err;
    int exit_code;
    bool at_rest;
    char *started; /* a line for each world: whose fault the last one was, ranks, hosts */
    char *said;    /* on standard error */
} outcome;

/* Supervise worlds, of which the last is repeated. */
static outcome supervise(ggdm_hosts *hosts, const char *const *worlds)
{
    ggdm_hosts here = {0};
    char *args[] = {"run", NULL}, name[24], *said = ggdm_test_path(dir, "said");
    outcome o = {.exit_code = -1};
    for (int i = 0; worlds[i]; i++) {
        snprintf(name, sizeof name, worlds[i + 1] ? "world-%d" : "world", i + 1);
        write_text(name, worlds[i]);
    }
    const ggdm_supervision s = {.launch = {.workers = 3,
                                           .threads = 1,
                                           .run_dir = run_dir,
                                           .args = args,
                                           .hosts = hosts ? hosts : &here},
                                .hosts = hosts ? hosts : &here,
                                .images_done = 1};
    int old = ggdm_test_stderr_to(said);
    o.status = ggdm_supervise(&s, &o.exit_code, &o.at_rest, &o.err);
    ggdm_test_stderr_back(old);
    write_text("world", "");
    o.said = read_text("said");
    o.started = read_text("started");
    free(said);
    return o;
}

static outcome of_worlds(const char *const *worlds)
{
    return supervise(NULL, worlds);
}
#define WORLDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect(const outcome *o, const char *started, const char *said)
{
    if (strcmp(o->started, started) != 0 || !strstr(o->said, said))
        ggdm_test_fail("worlds:\n%s, expected\n%ssaid:\n%s, expected %s", o->started, started,
                       o->said, said);
}

static void end(outcome *o)
{
    free(o->started);
    free(o->said);
}

static void expect_done(outcome *o, const char *started, const char *said)
{
    ggdm_test_ok(o->status, &o->err);
    assert_int_equal(o->exit_code, 0);
    assert_false(o->at_rest);
    expect(o, started, said);
    end(o);
}

/* ---- results ------------------------------------------------------------------------------- */

static void test_supervise_a_world_with_a_result_is_the_last(void **state)
{
    (void)state;
    outcome o = of_worlds(WORLDS(DONE));
    expect_done(&o, "outside 4 \n", "");
}

static void test_supervise_takes_the_code_of_a_world(void **state)
{
    (void)state;
    static const struct {
        const char *world;
        int code;
    } rows[] = {{"status done 1 9 9 0; exit 1", 1}, /* as its file says */
                {"status interrupted 75 2 2 7; exit 75", 75},
                {"exit 2", 2}, /* refused before it had opened the run */
                {"running 2 2 7; exit 70", 70}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_text("started", "");
        outcome o = of_worlds(WORLDS(rows[i].world));
        ggdm_test_ok(o.status, &o.err);
        assert_int_equal(o.exit_code, rows[i].code);
        expect(&o, "outside 4 \n", "");
        end(&o);
    }
}

static void test_supervise_a_world_lost_after_the_last_unit_leaves_the_rest(void **state)
{
    (void)state;
    outcome o = of_worlds(WORLDS("status finishing null 9 9 0; died 0"));
    ggdm_test_ok(o.status, &o.err);
    assert_true(o.at_rest);
    expect(&o, "outside 4 \n", "");
    end(&o);
}

static void test_supervise_without_mpirun_ends_at_once(void **state)
{
    (void)state;
    setenv("PATH", dir, 1);
    write_text("started", "");
    outcome o = of_worlds(WORLDS(DONE));
    ggdm_test_error(o.status, &o.err, GGDM_EIO, "cannot start mpirun");
    end(&o);
}

/* ---- whose fault --------------------------------------------------------------------------- */

static void test_supervise_tells_the_next_world_whose_fault_it_was(void **state)
{
    (void)state;
    static const struct {
        const char *world, *blame, *said;
    } rows[] = {
        {"running 2 2 7; died 2", "worker:2",
         "world 1 was lost: worker 2 on n2 died of signal 9 (Killed); the unit it ran counts a "
         "loss; starting again now with 3 workers"},
        {"running 2 2 7; died 0", "nobody",
         "its coordinator on n0 died of signal 9 (Killed); no unit is to blame"},
        {"running 2 2 7; echo 'MPI_ABORT was invoked on rank 1 in communicator X' >&2; exit 1",
         "nobody", "worker 1 gave up with code"},
        {"running 2 2 7; exit 3", "unknown",
         "mpirun ended with code 3; every unit that ran counts a loss"},
        {"running 2 2 7; kill -9 $$", "nobody", "mpirun died of signal 9 (Killed)"},
        {"running 2 2 7; echo 'ORTE has lost communication with a remote daemon.' >&2; echo '  "
         "Remote daemon: [[1,0],1] on node far' >&2; exit 1",
         "nobody", "host far was lost"},
        {"status lost 70 2 2 7 3; exit 70", "worker:3", "so it said; the unit it ran"},
        {"status lost 70 2 2 7; exit 70", "nobody", "so it said; no unit is to blame"},
        /* mpirun ends a broken world with SIGTERM: no wish of the user's. */
        {"status interrupted 75 2 2 7; died 1", "worker:1", "worker 1 on n1 died"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char started[64];
        write_text("started", "");
        outcome o = of_worlds(WORLDS(rows[i].world, DONE));
        snprintf(started, sizeof started, "outside 4 \n%s 4 \n", rows[i].blame);
        expect_done(&o, started, rows[i].said);
    }
    assert_int_equal(pauses.n, 0);
}

static void test_supervise_a_world_that_opened_nothing_passes_the_blame_on(void **state)
{
    (void)state;
    outcome o = of_worlds(WORLDS("running 2 2 7; died 2", "exit 1", DONE));
    expect_done(&o, "outside 4 \nworker:2 4 \nworker:2 4 \n",
                "world 2 was lost: mpirun ended with code 1; no unit had begun");
}

/* ---- giving up ----------------------------------------------------------------------------- */

static void test_supervise_gives_up_after_worlds_without_progress(void **state)
{
    (void)state;
    outcome o = of_worlds(WORLDS("running 1 0 9; died 0"));
    ggdm_test_error(o.status, &o.err, GGDM_ECOMM,
                    "its coordinator on n0 died of signal 9 (Killed); giving up after 5 worlds in "
                    "a row without progress; the same command continues the run");
    expect(&o, "outside 4 \nnobody 4 \nnobody 4 \nnobody 4 \nnobody 4 \n", "world 4 was lost");
    assert_int_equal(pauses.n, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pauses.list[i], 1000 << i);
    end(&o);
}

static void test_supervise_progress_begins_the_count_anew(void **state)
{
    (void)state;
    static const char none[] = "running 1 0 9; died 0", image[] = "running 5 0 9; died 0",
                      unit[] = "running 5 1 8; died 0";
    outcome o = of_worlds(WORLDS(none, none, none, image, image, image, image, unit, DONE));
    ggdm_test_ok(o.status, &o.err);
    assert_int_equal(o.exit_code, 0);
    assert_int_equal(pauses.n, 2 + 2); /* 1 and 2 s, twice */
    end(&o);
}

/* Its unit comes nearer to quarantine each time. */
static void test_supervise_bears_more_where_a_worker_is_to_blame(void **state)
{
    (void)state;
    outcome o = of_worlds(WORLDS("running 1 0 9; died 3"));
    ggdm_test_error(o.status, &o.err, GGDM_ECOMM, "giving up after 30 worlds in a row");
    assert_int_equal(pauses.n, 0);
    end(&o);
}

/* ---- silence ------------------------------------------------------------------------------- */

static void test_supervise_ends_a_world_that_is_silent(void **state)
{
    (void)state;
    clock_rate = FASTER;
    outcome o = of_worlds(WORLDS("running 2 2 7; exec sleep 100", DONE));
    expect_done(&o, "outside 4 \nnobody 4 \n", "world 1 was lost: its coordinator was silent for ");
}

/* ---- stops --------------------------------------------------------------------------------- */

static void test_supervise_a_stop_is_passed_on_and_its_result_taken(void **state)
{
    (void)state;
    outcome o = of_worlds(WORLDS("trap 'status interrupted 75 3 3 6; exit 75' USR1\n"
                                 "running 2 2 7; kill -TERM $PPID\n"
                                 "while :; do sleep 0.02; done"));
    ggdm_test_ok(o.status, &o.err);
    assert_int_equal(o.exit_code, 75);
    expect(&o, "outside 4 \n", "stopping; once more to end at once");
    end(&o);
}

static void test_supervise_a_stop_before_the_run_is_open_ends_the_world(void **state)
{
    (void)state;
    outcome o = of_worlds(WORLDS("kill -TERM $PPID; exec sleep 100"));
    ggdm_test_error(o.status, &o.err, GGDM_ECANCELLED,
                    "stopped before the run was opened; the same command continues the run");
    expect(&o, "outside 4 \n", "");
    end(&o);
}

static void test_supervise_a_second_stop_ends_the_world_at_once(void **state)
{
    (void)state;
    double begun = ggdm_now();
    outcome o = of_worlds(WORLDS("trap '' USR1; running 2 2 7; kill -TERM $PPID\n"
                                 "sleep 0.05; kill -USR1 $PPID; exec sleep 100"));
    ggdm_test_error(o.status, &o.err, GGDM_ECANCELLED,
                    "stopped; the same command continues the run");
    expect(&o, "outside 4 \n", "");
    assert_true(ggdm_now() - begun < 10); /* the first alone leaves it 15 s */
    end(&o);
}

/* Also one that comes while it waits for the next world. */
static void test_supervise_a_stop_in_a_pause_ends_it(void **state)
{
    (void)state;
    stop_in_pause = true;
    outcome o = of_worlds(WORLDS("exit 1"));
    stop_in_pause = false;
    ggdm_test_error(o.status, &o.err, GGDM_ECANCELLED, "stopped before the run was opened");
    assert_int_equal(pauses.n, 1);
    end(&o);
}

/* ---- hosts --------------------------------------------------------------------------------- */

static void parse_hosts(ggdm_hosts *hosts)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_hosts_parse("a:1,b:2", hosts, &err), &err);
}

/* Who died there died with the host. */
static void test_supervise_leaves_out_a_host_that_does_not_answer(void **state)
{
    (void)state;
    ggdm_hosts hosts;
    parse_hosts(&hosts);
    outcome o = supervise(&hosts, WORLDS("running 2 2 7; : >$dir/gone-b; died 2",
                                         "running 3 3 6; rm $dir/gone-b; died 1", DONE));
    assert_non_null(strstr(o.said, "host b does not answer and is left out"));
    assert_non_null(strstr(o.said, "no unit is to blame; starting again now with 1 worker\n"));
    assert_non_null(strstr(o.said, "host b answers again"));
    expect_done(&o, "outside 4 a:2,b:2\nnobody 2 a:2\nworker:1 4 a:2,b:2\n", "");
    ggdm_hosts_deinit(&hosts);
}

static void test_supervise_ends_where_no_host_is_left(void **state)
{
    (void)state;
    ggdm_hosts hosts;
    parse_hosts(&hosts);
    outcome o = supervise(&hosts, WORLDS("running 2 2 7; : >$dir/gone-a; : >$dir/gone-b; died 2"));
    ggdm_test_error(o.status, &o.err, GGDM_ECOMM, "; no host is left that answers; the same");
    assert_true(pauses.n == 2 && pauses.list[0] == 10000); /* three looks */
    end(&o);
    ggdm_hosts_deinit(&hosts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_supervise_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_world_with_a_result_is_the_last),
        TEST(takes_the_code_of_a_world),
        TEST(a_world_lost_after_the_last_unit_leaves_the_rest),
        TEST(without_mpirun_ends_at_once),
        TEST(tells_the_next_world_whose_fault_it_was),
        TEST(a_world_that_opened_nothing_passes_the_blame_on),
        TEST(gives_up_after_worlds_without_progress),
        TEST(progress_begins_the_count_anew),
        TEST(bears_more_where_a_worker_is_to_blame),
        TEST(ends_a_world_that_is_silent),
        TEST(a_stop_is_passed_on_and_its_result_taken),
        TEST(a_stop_before_the_run_is_open_ends_the_world),
        TEST(a_second_stop_ends_the_world_at_once),
        TEST(a_stop_in_a_pause_ends_it),
        TEST(leaves_out_a_host_that_does_not_answer),
        TEST(ends_where_no_host_is_left),
    };
    return ggdm_test_main(tests);
}
