/* What the supervisor decides by: what mpirun says when a world dies (as Open MPI 4.1.4 prints it),
 * blame, hosts, limits of silence. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"

#include "common/temp.h"
#include "coordinator/world/blame.h"
#include "coordinator/world/hosts.h"
#include "coordinator/world/obituary.h"
#include "coordinator/world/silence.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

/* Fed in pieces of n bytes, as a pipe gives them. */
static ggdm_obituary feed(const char *text, size_t n)
{
    ggdm_obituary o;
    ggdm_obituary_init(&o);
    for (size_t at = 0, len = strlen(text); at < len; at += n)
        ggdm_obituary_feed(&o, text + at, at + n < len ? n : len - at);
    return o;
}

static void test_obituary_signal_names_rank_host_and_signal(void **state)
{
    (void)state;
    for (size_t n = 1; n < 200; n += 33) {
        ggdm_obituary o = feed("\r[####....] 10 %\033[K\n"
                               "-------------\nPrimary job  terminated normally, but 1 process "
                               "returned\na non-zero exit code.\n"
                               "mpirun noticed that process rank 3 with PID 0 on node node7 exited "
                               "on signal 11 (Segmentation fault).\n"
                               "mpirun noticed that process rank 1 with PID 0 on node node8 exited "
                               "on signal 9 (Killed).\n",
                               n);
        assert_int_equal(o.rank, 3);
        assert_int_equal(o.signal, 11);
        assert_string_equal(o.host, "node7");
        assert_false(o.aborted);
    }
}

static void test_obituary_exit_and_abort_give_the_code(void **state)
{
    (void)state;
    ggdm_obituary o = feed("  Process name: [[20094,1],2]\n  Exit code:    75\n", 7);
    assert_int_equal(o.rank, 2);
    assert_int_equal(o.exit_code, 75);
    assert_false(o.aborted);
    o = feed("MPI_ABORT was invoked on rank 0 in communicator MPI COMMUNICATOR 3 DUP FROM 0\n"
             "with errorcode 70.\n",
             1000);
    assert_int_equal(o.rank, 0);
    assert_true(o.aborted);
    assert_int_equal(o.exit_code, 70);
}

static void test_obituary_lost_daemon_names_the_host(void **state)
{
    (void)state;
    ggdm_obituary o = feed("ORTE has lost communication with a remote daemon.\n\n"
                           "  HNP daemon   : [[31084,0],0] on node vm\n"
                           "  Remote daemon: [[31084,0],1] on node gg431h1\n",
                           5);
    assert_true(o.host_lost);
    assert_string_equal(o.host, "gg431h1");
    assert_int_equal(o.rank, -1);
}

static void test_obituary_reads_what_srun_says(void **state)
{
    (void)state;
    for (size_t n = 1; n < 100; n += 13) {
        ggdm_obituary o = feed("srun: launch/slurm: _step_signal: Terminating StepId=1.2\n"
                               "srun: error: node2: task 3: Segmentation fault (core dumped)\n"
                               "srun: error: node2: task 4: Killed\n",
                               n);
        assert_int_equal(o.rank, 3);
        assert_int_equal(o.signal, 11);
        assert_string_equal(o.host, "node2");
    }
    ggdm_obituary o = feed("srun: error: node1: tasks 0-2: Killed\n"
                           "srun: error: node1: task 0: Exited with exit code 75\n",
                           50);
    assert_int_equal(o.rank, 0);
    assert_int_equal(o.signal, 0);
    assert_int_equal(o.exit_code, 75);
}

static void test_obituary_other_text_says_nothing(void **state)
{
    (void)state;
    char line[4000];
    memset(line, 'x', sizeof line - 2);
    memcpy(line + sizeof line - 2, "\n", 2);
    ggdm_obituary o = feed(line, 100);
    assert_int_equal(o.rank, -1);
    assert_int_equal(o.n, 0);
    assert_false(o.host_lost);
}

static void test_blame_text_to_store_options(void **state)
{
    (void)state;
    static const struct {
        ggdm_blame blame;
        bool count, spare;
        int culprit;
    } cases[] = {
        {GGDM_BLAME_UNKNOWN, true, false, 0},
        {GGDM_BLAME_OUTSIDE, true, true, 0},
        {GGDM_BLAME_NOBODY, false, false, 0},
        {GGDM_BLAME_WORKER, true, false, 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[GGDM_BLAME_TEXT];
        ggdm_store_options o = {.mode = GGDM_STORE_RUN};
        ggdm_blame_to_store(ggdm_blame_text(cases[i].blame, 12, text), &o);
        assert_int_equal(o.count_losses, cases[i].count);
        assert_int_equal(o.spare, cases[i].spare);
        assert_int_equal(o.culprit, cases[i].culprit);
    }
    ggdm_store_options bare = {.mode = GGDM_STORE_RUN};
    ggdm_blame_to_store(NULL, &bare);
    assert_true(bare.count_losses && !bare.spare && bare.culprit == 0);
}

static void test_hosts_parse_adds_up_slots(void **state)
{
    (void)state;
    ggdm_hosts h;
    char *text = NULL;
    ggdm_test_ok(ggdm_hosts_parse("a,b:4,c.d-e:1,b:2", &h, &err), &err);
    assert_int_equal(h.n, 3);
    ggdm_hosts_default_slots(&h, 8);
    assert_int_equal(ggdm_hosts_slots(&h), 15);
    h.list[0].left_out = true;
    assert_int_equal(ggdm_hosts_in(&h), 2);
    ggdm_test_ok(ggdm_hosts_argument(&h, &text, &err), &err);
    assert_string_equal(text, "b:7,c.d-e:1"); /* one slot more for the coordinator */
    free(text);
    ggdm_hosts_deinit(&h);
}

static void test_hosts_of_ranks_lists_a_host_for_each(void **state)
{
    (void)state;
    static const struct {
        int ranks;
        const char *list;
    } cases[] = {{1, "a"}, {2, "a,a"}, {4, "a,a,b,b"}, {7, "a,a,b,b,d,a,b"}};
    ggdm_hosts h;
    ggdm_test_ok(ggdm_hosts_parse("a:1,b:2,c:5,d:1", &h, &err), &err);
    h.list[2].left_out = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = NULL;
        ggdm_test_ok(ggdm_hosts_of_ranks(&h, cases[i].ranks, &text, &err), &err);
        assert_string_equal(text, cases[i].list);
        free(text);
    }
    ggdm_hosts_deinit(&h);
}

static void test_hosts_sums_of_slots_end_at_the_largest_int(void **state)
{
    (void)state;
    ggdm_hosts h;
    ggdm_test_ok(ggdm_hosts_parse("a:90000,a:90000,a:90000", &h, &err), &err);
    assert_int_equal(ggdm_hosts_slots(&h), 100000);
    ggdm_hosts_deinit(&h);
    h.n = 30000;
    h.list = ggdm_test_alloc(h.n, sizeof *h.list);
    for (size_t i = 0; i < h.n; i++)
        h.list[i].slots = 100000;
    assert_int_equal(ggdm_hosts_slots(&h), INT32_MAX);
    ggdm_hosts_deinit(&h);
}

static void test_hosts_parse_bad_text_fails(void **state)
{
    (void)state;
    static const char *const bad[] = {"",          "a,,b", "a:0", "a:", "a:x",
                                      "a:1000000", "-x",   "a b", "a;b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_hosts h;
        ggdm_test_error(ggdm_hosts_parse(bad[i], &h, &err), &err, GGDM_EINVAL, "expected");
        assert_null(h.list);
    }
}

static void test_hosts_read_takes_an_open_mpi_hostfile(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "hosts");
    const char *text = "# all\nn1 slots=4\n\n  n2   slots=2 max_slots=8 # big\nn3:3\nn4\n";
    ggdm_test_ok(ggdm_replace_file(path, text, strlen(text), &err), &err);
    ggdm_hosts h;
    ggdm_test_ok(ggdm_hosts_read(path, &h, &err), &err);
    assert_int_equal(h.n, 4);
    assert_int_equal(ggdm_hosts_slots(&h), 9);
    assert_string_equal(h.list[3].name, "n4");
    ggdm_hosts_deinit(&h);
    text = "n1 slots=4\nn2 slot=2\n";
    ggdm_test_ok(ggdm_replace_file(path, text, strlen(text), &err), &err);
    ggdm_test_error(ggdm_hosts_read(path, &h, &err), &err, GGDM_EINVAL, "hosts:2: 'slot=2'");
    free(path);
    ggdm_test_rmdir(dir);
}

static void test_hosts_of_slurm_takes_the_tasks_of_each_node(void **state)
{
    (void)state;
    setenv("SLURM_JOB_ID", "7", 1);
    setenv("SLURM_JOB_NODELIST", "n[1-4]", 1);
    setenv("SLURM_TASKS_PER_NODE", "2(x3),1", 1);
    ggdm_hosts h;
    ggdm_test_ok(ggdm_hosts_of_slurm(&h, &err), &err);
    assert_int_equal(h.n, 4);
    assert_int_equal(ggdm_hosts_slots(&h), 7);
    assert_true(h.slurm);
    ggdm_hosts_raise_slots(&h, 2);
    assert_int_equal(ggdm_hosts_slots(&h), 8);
    ggdm_hosts_deinit(&h);
    setenv("SLURM_STEP_ID", "0", 1); /* srun --pty bash */
    ggdm_test_ok(ggdm_hosts_of_slurm(&h, &err), &err);
    assert_int_equal(h.n, 0);
    setenv("SLURM_STEP_ID", "4294967290", 1); /* the shell of salloc */
    ggdm_test_ok(ggdm_hosts_of_slurm(&h, &err), &err);
    assert_int_equal(h.n, 4);
    ggdm_hosts_deinit(&h);
    unsetenv("SLURM_STEP_ID");
    setenv("SLURM_JOB_NODELIST", "n[1-", 1);
    ggdm_test_error(ggdm_hosts_of_slurm(&h, &err), &err, GGDM_EINVAL, "Slurm job 7");
    unsetenv("SLURM_JOB_ID");
    ggdm_test_ok(ggdm_hosts_of_slurm(&h, &err), &err);
    assert_int_equal(h.n, 0);
}

static void test_silence_limit_follows_the_longest_gap(void **state)
{
    (void)state;
    assert_true(ggdm_silence_limit(0) >= 60);
    assert_true(ggdm_silence_limit(0.5) == 15);
    assert_true(ggdm_silence_limit(4) == 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_obituary_signal_names_rank_host_and_signal),
        cmocka_unit_test(test_obituary_exit_and_abort_give_the_code),
        cmocka_unit_test(test_obituary_lost_daemon_names_the_host),
        cmocka_unit_test(test_obituary_reads_what_srun_says),
        cmocka_unit_test(test_obituary_other_text_says_nothing),
        cmocka_unit_test(test_blame_text_to_store_options),
        cmocka_unit_test(test_hosts_parse_adds_up_slots),
        cmocka_unit_test(test_hosts_of_ranks_lists_a_host_for_each),
        cmocka_unit_test(test_hosts_sums_of_slots_end_at_the_largest_int),
        cmocka_unit_test(test_hosts_parse_bad_text_fails),
        cmocka_unit_test(test_hosts_read_takes_an_open_mpi_hostfile),
        cmocka_unit_test(test_hosts_of_slurm_takes_the_tasks_of_each_node),
        cmocka_unit_test(test_silence_limit_follows_the_longest_gap),
    };
    return ggdm_test_main(tests);
}
