/* slurm/: settings from the command line and site.yaml, and the batch script made from them.  The
 * real thing is in tests/slurm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/temp.h"
#include "slurm/nodelist.h"
#include "slurm/queue_text.h"
#include "slurm/script.h"
#include "slurm/settings.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

static ggdm_status join(void *context, const char *name, ggdm_error *e)
{
    (void)e;
    strcat(strcat(context, name), " ");
    return GGDM_OK;
}

static void test_nodelist_gives_names_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *list, *names;
    } cases[] = {{"n1", "n1 "},
                 {"login,n[1-3]", "login n1 n2 n3 "},
                 {"n[008-010,2],x", "n008 n009 n010 n2 x "},
                 {"r[0-1]n[1,3]-ib,r2", "r0n1-ib r0n3-ib r1n1-ib r1n3-ib r2 "},
                 {"", NULL},
                 {"n[1-", NULL},
                 {"n[1-2]x]", NULL},
                 {"n[a-b]", NULL},
                 {"n[3-1]", NULL},
                 {"n[1-99999999]", NULL},
                 {"n1,,n2", NULL},
                 {"n1;reboot", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char names[100] = "";
        ggdm_status st = ggdm_slurm_each_node(cases[i].list, join, names, &err);
        if (!cases[i].names) {
            ggdm_test_error(st, &err, GGDM_EINVAL, cases[i].list);
            continue;
        }
        ggdm_test_ok(st, &err);
        assert_string_equal(names, cases[i].names);
    }
}

static void test_seconds_reads_what_slurm_reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"90", 5400},     {"1:30", 90},      {"2:00:05", 7205},
                 {"1-0", 86400},   {"1-2:03", 93780}, {"1-02:03:04", 93784},
                 {"", -1},         {"1h", -1},        {"-5", -1},
                 {"1:2:3:4", -1},  {"5 ", -1},        {"1-", -1},
                 {"99999999", -1}, {"12:", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ggdm_slurm_seconds(cases[i].text), cases[i].seconds);
}

static void test_set_bad_values_are_refused(void **state)
{
    (void)state;
    ggdm_slurm_job job = {{0}};
    static const struct {
        ggdm_slurm_key key;
        const char *value, *text;
    } cases[] = {{GGDM_SLURM_NODES, "0", "integer from 1"},
                 {GGDM_SLURM_NODES, "2x", "integer from 1"},
                 {GGDM_SLURM_TIME, "0:30", "at least a minute"},
                 {GGDM_SLURM_LAUNCHER, "ssh", "mpirun or srun"},
                 {GGDM_SLURM_PARTITION, "a b", "a word"},
                 {GGDM_SLURM_PARTITION, "a\n#SBATCH --uid=0", "a word"},
                 {GGDM_SLURM_QOS, "", "a word"},
                 {GGDM_SLURM_MEMORY, "lots", "a size such as 16G"},
                 {GGDM_SLURM_MEMORY, "16 G", "a size such as 16G"},
                 {GGDM_SLURM_MEMORY, "1.5G", "a size such as 16G"},
                 {GGDM_SLURM_MEMORY, "G", "a size such as 16G"},
                 {GGDM_SLURM_MEMORY, "16GiB", "a size such as 16G"},
                 {GGDM_SLURM_MAIL, "foo", "an address such as name@example.org"},
                 {GGDM_SLURM_MAIL, "a@", "an address such as name@example.org"},
                 {GGDM_SLURM_MAIL, "a@b@c", "an address such as name@example.org"},
                 {GGDM_SLURM_CONTAINER, "/nowhere/ggdm.sif", "the file of an image"},
                 {GGDM_SLURM_SETUP, "", "a text"},
                 {GGDM_SLURM_SBATCH, "exclusive", "begins with `--'"},
                 {GGDM_SLURM_SBATCH, "-x node1", "begins with `--'"},
                 {GGDM_SLURM_SBATCH, "--", "begins with `--'"},
                 {GGDM_SLURM_SBATCH, "--exclusive\n#SBATCH --uid=0", "begins with `--'"},
                 {GGDM_SLURM_SBATCH, "--nodes=3", "none of its nodes"},
                 {GGDM_SLURM_SBATCH, "--output x", "none of its nodes"},
                 {GGDM_SLURM_SBATCH, "--no-requeue", "none of its nodes"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ggdm_test_error(ggdm_slurm_job_set(&job, cases[i].key, cases[i].value, &err), &err,
                        GGDM_EINVAL, cases[i].text);
    ggdm_slurm_job_deinit(&job);
}

/* Read a site file with this text into *job. */
static ggdm_status read_site(ggdm_slurm_job *job, const char *text)
{
    char *dir = ggdm_test_mkdtemp(), *path;
    ggdm_test_ok(ggdm_replace_file_in(dir, "site.yaml", text, strlen(text), &err), &err);
    ggdm_test_ok(ggdm_path_join(dir, "site.yaml", &path, &err), &err);
    ggdm_status st = ggdm_slurm_job_read(job, path, &err);
    free(path);
    ggdm_test_rmdir(dir);
    return st;
}

static void test_read_site_fills_what_is_not_set(void **state)
{
    (void)state;
    ggdm_slurm_job job = {{0}};
    ggdm_test_ok(ggdm_slurm_job_set(&job, GGDM_SLURM_PARTITION, "short", &err), &err);
    ggdm_test_ok(ggdm_slurm_job_set(&job, GGDM_SLURM_SETUP, "last", &err), &err);
    ggdm_test_ok(ggdm_slurm_job_set(&job, GGDM_SLURM_SBATCH, "--exclusive", &err), &err);
    ggdm_test_ok(read_site(&job, "partition: long\nnodes: 4\ntime: 12:00:00\n"
                                 "setup: [first, second]\n"
                                 "sbatch: [\"--constraint=zen4\", --qos=long]\n"),
                 &err);
    assert_string_equal(job.value[GGDM_SLURM_PARTITION], "short");
    assert_string_equal(job.value[GGDM_SLURM_TIME], "12:00:00");
    assert_string_equal(job.value[GGDM_SLURM_SETUP], "first\nsecond\nlast");
    assert_string_equal(job.value[GGDM_SLURM_SBATCH],
                        "--constraint=zen4\n#SBATCH --qos=long\n#SBATCH --exclusive");
    assert_int_equal(ggdm_slurm_job_number(&job, GGDM_SLURM_NODES), 4);
    assert_null(job.value[GGDM_SLURM_TASKS]);
    ggdm_slurm_job_deinit(&job);
}

static void test_read_site_without_a_setting_is_as_good_as_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# account: mine\n# partition: long\n", "---\n",
                                        "{}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ggdm_slurm_job job = {{0}};
        ggdm_test_ok(read_site(&job, texts[i]), &err);
        for (int k = 0; k < GGDM_SLURM_N_KEYS; k++)
            assert_null(job.value[k]);
        ggdm_slurm_job_deinit(&job);
    }
}

static void test_set_good_values_are_taken(void **state)
{
    (void)state;
    static const struct {
        ggdm_slurm_key key;
        const char *value;
    } cases[] = {{GGDM_SLURM_MEMORY, "16G"},
                 {GGDM_SLURM_MEMORY, "4000"},
                 {GGDM_SLURM_MEMORY, "4000mb"},
                 {GGDM_SLURM_MEMORY, "0"},
                 {GGDM_SLURM_MAIL, "name@example.org"},
                 {GGDM_SLURM_CONTAINER, "docker://ghcr.io/lab/ggdm"},
                 {GGDM_SLURM_CONTAINER, "/dev/null"},
                 {GGDM_SLURM_SBATCH, "--constraint=zen4"},
                 {GGDM_SLURM_SBATCH, "--nodelist=node[1-4]"},
                 {GGDM_SLURM_SBATCH, "--comment=\"a b\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_slurm_job job = {{0}};
        ggdm_test_ok(ggdm_slurm_job_set(&job, cases[i].key, cases[i].value, &err), &err);
        assert_string_equal(job.value[cases[i].key], cases[i].value);
        ggdm_slurm_job_deinit(&job);
    }
}

static void test_read_site_errors_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
    } cases[] = {{"nodes: 2\nparition: x\n", "site.yaml:2:1: field 'parition'"},
                 {"nodes: many\n", "site.yaml:1:8: field 'nodes': value 'many', expected an int"},
                 {"partition: [a, b]\n", "expected a text or a number"},
                 {"setup: {a: b}\n", "expected a text or a number"},
                 {"memory: lots\n", "site.yaml:1:9: field 'memory': value 'lots', expected a size"},
                 {"sbatch:\n  - --exclusive\n  - exclusive\n", "site.yaml:3:5: "},
                 {"- nodes\n", "expected a map"},
                 {"nodes: [\n", "site.yaml:"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ggdm_slurm_job job = {{0}};
        ggdm_status st = read_site(&job, cases[i].text);
        assert_true(st == GGDM_EINVAL || st == GGDM_EFORMAT);
        ggdm_test_error(st, &err, st, cases[i].what);
        for (int k = 0; k < GGDM_SLURM_N_KEYS; k++)
            assert_null(job.value[k]);
    }
}

static void test_script_quotes_and_leaves_out(void **state)
{
    (void)state;
    ggdm_slurm_job job = {{0}};
    char *text = NULL;
    const ggdm_slurm_place places[] = {{"name", "n"},      {"output", "o"},     {"signal", "180"},
                                       {"array", NULL},    {"mail_type", NULL}, {"program", "it's"},
                                       {"directory", "/"}, {"run", "/a b"},     {"shards", NULL},
                                       {"threads", "1"},   {"batch", ""},       {"no_share", NULL},
                                       {NULL, NULL}};
    ggdm_test_ok(ggdm_slurm_job_set(&job, GGDM_SLURM_NODES, "3", &err), &err);
    ggdm_test_ok(
        ggdm_slurm_job_set(&job, GGDM_SLURM_SETUP, "module load \"x y\"\nulimit -c 0", &err), &err);
    ggdm_test_ok(ggdm_slurm_job_set(&job, GGDM_SLURM_SBATCH, "--exclusive", &err), &err);
    ggdm_test_ok(ggdm_slurm_job_set(&job, GGDM_SLURM_SBATCH, "--gres=lscratch:5", &err), &err);
    ggdm_test_ok(ggdm_slurm_script(&job, places, &text, &err), &err);
    static const char *const there[] = {
        "#!/bin/bash\n#SBATCH --job-name=n\n#SBATCH --nodes=3\n#SBATCH --output=o\n",
        "\n#SBATCH --signal=B:USR1@180\n",
        "\n#SBATCH --requeue\n",
        "\n#SBATCH --exclusive\n#SBATCH --gres=lscratch:5\n",
        "\n#SBATCH --no-kill\n",
        "\n#SBATCH --open-mode=append\n",
        "\nrun='/a b'\n",
        "\nggdm=('it'\\''s')\n",
        "\nmodule load \"x y\"\nulimit -c 0\n",
        "\nbatch=''\n"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        if (!strstr(text, there[i]))
            ggdm_test_fail("not in the script: %s", there[i]);
    assert_null(strstr(text, "{{"));
    assert_null(strstr(text, "#SBATCH --array"));
    assert_null(strstr(text, "#SBATCH --account"));
    free(text);
    const ggdm_slurm_place none[] = {{NULL, NULL}};
    ggdm_test_error(ggdm_slurm_script(&job, none, &text, &err), &err, GGDM_EINTERNAL, "{{name}}");
    ggdm_slurm_job_deinit(&job);
}

static void test_queue_texts_of_any_form_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *file, *jobs, *queue, *ours, *over;
    } cases[] = {
        {"12\n15\n", " 12 15 ", "12 RUNNING a\n99 PENDING b\n", "RUNNING a\n", " 15 "},
        {"12 15", " 12 15 ", "12 R\n15 P", "R\nP", " "},
        {"7", " 7 ", "", "", " 7 "},
        {"7", " 7 ", "77 R\n\n7\n 7 R\n", "", " 7 "},
        {"\n \n", "", "7 R\n", "", ""},
        {"1234567890123456789012345678901234567890", " 1234567890123456789012345678901234567890 ",
         "1234567890123456789012345678901234567890 R\n", "", " "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *jobs, queue[100];
        snprintf(queue, sizeof queue, "%s", cases[i].queue);
        ggdm_test_ok(ggdm_slurm_list_jobs(cases[i].file, &jobs, &err), &err);
        assert_string_equal(jobs, cases[i].jobs);
        ggdm_slurm_keep_lines(queue, jobs);
        assert_string_equal(queue, cases[i].ours);
        ggdm_slurm_drop_queued(jobs, cases[i].queue);
        assert_string_equal(jobs, cases[i].over);
        free(jobs);
    }
}

static void test_fewest_cores_of_the_partition_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        int any, of_default;
    } cases[] = {{"8 long\n4+ short*\n16 short*\n", 4, 4},
                 {"2 long\n4 short*", 2, 4},
                 {"\n\n-3 short*\nx y*\n", 0, 0},
                 {"", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int any = 0; any < 2; any++) {
            char text[100];
            snprintf(text, sizeof text, "%s", cases[i].lines);
            assert_int_equal(ggdm_slurm_fewest_cores(text, any),
                             any ? cases[i].any : cases[i].of_default);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodelist_gives_names_in_order),
        cmocka_unit_test(test_seconds_reads_what_slurm_reads),
        cmocka_unit_test(test_set_bad_values_are_refused),
        cmocka_unit_test(test_set_good_values_are_taken),
        cmocka_unit_test(test_read_site_fills_what_is_not_set),
        cmocka_unit_test(test_read_site_without_a_setting_is_as_good_as_none),
        cmocka_unit_test(test_read_site_errors_name_the_place),
        cmocka_unit_test(test_script_quotes_and_leaves_out),
        cmocka_unit_test(test_queue_texts_of_any_form_are_read),
        cmocka_unit_test(test_fewest_cores_of_the_partition_asked_for),
    };
    return ggdm_test_main(tests);
}
