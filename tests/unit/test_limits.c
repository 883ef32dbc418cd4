/* Limits of control groups, from trees of files like those of the kernel. */
#include "common/limits.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/fs.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

/* name: "proc/self/cgroup" */
static void put(const char *root, const char *name, const char *text)
{
    char *path = ggdm_test_path(root, name), *dir = strdup(path);
    *strrchr(dir, '/') = '\0';
    ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
    ggdm_test_write(path, text, strlen(text));
    free(path);
    free(dir);
}

static void check(const char *root, double cores, uint64_t memory)
{
    ggdm_group_limits l;
    ggdm_group_limits_read(root, &l);
    assert_true(l.cores == cores);
    assert_int_equal(l.memory, memory);
}

static void test_limits_without_groups_are_none(void **state)
{
    (void)state;
    char *root = ggdm_test_mkdtemp();
    check(root, HUGE_VAL, UINT64_MAX);
    put(root, "proc/self/cgroup", "0::/\n");
    put(root, "proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    check(root, HUGE_VAL, UINT64_MAX);
    put(root, "sys/fs/cgroup/cpu.max", "max 100000\n");
    put(root, "sys/fs/cgroup/memory.max", "max\n");
    check(root, HUGE_VAL, UINT64_MAX);
    ggdm_test_rmdir(root);
}

static void test_limits_of_version_2_are_the_tightest_on_the_way_up(void **state)
{
    (void)state;
    char *root = ggdm_test_mkdtemp();
    put(root, "proc/self/cgroup", "0::/slurm/job_7/step_0\n");
    put(root, "proc/self/mountinfo",
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    put(root, "sys/fs/cgroup/slurm/cpu.max", "800000 100000\n");
    put(root, "sys/fs/cgroup/slurm/job_7/cpu.max", "150000 100000\n");
    put(root, "sys/fs/cgroup/slurm/job_7/step_0/cpu.max", "max 100000\n");
    put(root, "sys/fs/cgroup/slurm/job_7/memory.max", "8589934592\n");
    put(root, "sys/fs/cgroup/slurm/job_7/step_0/memory.max", "4294967296\n");
    check(root, 1.5, UINT64_C(4294967296));
    ggdm_test_rmdir(root);
}

static void test_limits_of_version_1_are_in_two_hierarchies(void **state)
{
    (void)state;
    char *root = ggdm_test_mkdtemp();
    put(root, "proc/self/cgroup", "5:memory:/user/me\n3:cpuset:/x\n2:cpu,cpuacct:/batch\n0::/\n");
    put(root, "proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    put(root, "sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_quota_us", "200000\n");
    put(root, "sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_period_us", "50000\n");
    put(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put(root, "sys/fs/cgroup/memory/user/me/memory.limit_in_bytes", "9223372036854771712\n");
    put(root, "sys/fs/cgroup/memory/user/memory.limit_in_bytes", "1073741824\n");
    check(root, 4, UINT64_C(1073741824));
    ggdm_test_rmdir(root);
}

/* A container that sees its own part of the tree alone, and one with a name space of its own. */
static void test_limits_in_a_container_are_at_the_mount(void **state)
{
    (void)state;
    char *root = ggdm_test_mkdtemp();
    put(root, "proc/self/cgroup", "0::/docker/abc\n");
    put(root, "proc/self/mountinfo",
        "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    put(root, "sys/fs/cgroup/cpu.max", "50000 100000\n");
    check(root, 0.5, UINT64_MAX);
    put(root, "proc/self/cgroup", "0::/../other\n");
    check(root, 0.5, UINT64_MAX);
    ggdm_test_rmdir(root);
}

static void test_limits_count_affinity_and_address_space(void **state)
{
    (void)state;
    cpu_set_t all, one;
    struct rlimit old, limit;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    assert_int_equal(ggdm_usable_cores(), 1);
    sched_setaffinity(0, sizeof all, &all);
    assert_true(ggdm_usable_memory() > 1 << 20);
    getrlimit(RLIMIT_AS, &old);
    limit = (struct rlimit){(rlim_t)1 << 40, old.rlim_max};
    setrlimit(RLIMIT_AS, &limit);
    assert_int_equal(ggdm_address_space(), UINT64_C(1) << 40);
    setrlimit(RLIMIT_AS, &old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_without_groups_are_none),
        cmocka_unit_test(test_limits_of_version_2_are_the_tightest_on_the_way_up),
        cmocka_unit_test(test_limits_of_version_1_are_in_two_hierarchies),
        cmocka_unit_test(test_limits_in_a_container_are_at_the_mount),
        cmocka_unit_test(test_limits_count_affinity_and_address_space),
    };
    return ggdm_test_main(tests);
}
