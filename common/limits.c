#include "common/limits.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- control groups ------------------------------------------------------------------------- */

/* "max", or no number: false. */
static bool read_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *out >= 0;
}

/* The first line of a file; "" where there is none. */
static void read_line(const char *dir, const char *name, char *line, int size)
{
    char path[PATH_MAX];
    *line = '\0';
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return;
    FILE *f = fopen(path, "re");
    if (f && !fgets(line, size, f))
        *line = '\0';
    if (f)
        fclose(f);
}

static void limit_cores(ggdm_group_limits *l, const char *quota, const char *period)
{
    double q, p;
    if (read_number(quota, &q) && read_number(period, &p) && q > 0 && p > 0)
        l->cores = fmin(l->cores, q / p);
}

static void limit_memory(ggdm_group_limits *l, const char *text)
{
    double bytes;
    if (read_number(text, &bytes) && bytes > 0 && bytes < (double)l->memory)
        l->memory = (uint64_t)bytes;
}

/* What one group says, in the files of either version. */
static void read_group(const char *dir, ggdm_group_limits *l)
{
    char quota[64], period[64];
    read_line(dir, "cpu.max", quota, sizeof quota); /* "150000 100000" */
    char *second = strchr(quota, ' ');
    if (second)
        limit_cores(l, quota, second + 1);
    read_line(dir, "cpu.cfs_quota_us", quota, sizeof quota);
    read_line(dir, "cpu.cfs_period_us", period, sizeof period);
    limit_cores(l, quota, period);
    read_line(dir, "memory.max", quota, sizeof quota);
    limit_memory(l, quota);
    read_line(dir, "memory.limit_in_bytes", quota, sizeof quota);
    limit_memory(l, quota);
}

/* The group below its mount point, then those above it. */
static void read_groups(const char *mount, const char *below, ggdm_group_limits *l)
{
    char dir[PATH_MAX];
    if (snprintf(dir, sizeof dir, "%s%s", mount, below) >= (int)sizeof dir)
        return;
    for (size_t least = strlen(mount); strlen(dir) >= least;) {
        read_group(dir, l);
        char *slash = strrchr(dir, '/');
        if (!slash)
            return;
        *slash = '\0';
    }
}

/* Is a word in a list with commas? */
static bool in_list(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

/* The path of this process's group in a hierarchy: that of a controller of version 1, NULL: of
 * version 2.  Lines are "4:cpu,cpuacct:/path" and "0::/path". */
static bool find_group(const char *root, const char *controller, char *out, size_t size)
{
    char line[PATH_MAX + 256];
    bool found = false;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *f = fopen(line, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        found = controller ? in_list(names + 1, controller) : names[1] == '\0';
        if (found)
            snprintf(out, size, "%s", path);
    }
    if (f)
        fclose(f);
    return found;
}

/* A mounted hierarchy.  A container may see a part of it alone, the mount's root. */
static void read_hierarchy(const char *root, const char *part, const char *mount,
                           const char *controller, ggdm_group_limits *l)
{
    char group[PATH_MAX], place[PATH_MAX];
    if (!find_group(root, controller, group, sizeof group))
        return;
    size_t n = strcmp(part, "/") == 0 ? 0 : strlen(part);
    const char *below = strncmp(group, part, n) == 0 && !strstr(group, "/..") ? group + n : "";
    if (snprintf(place, sizeof place, "%s%s", root, mount) < (int)sizeof place)
        read_groups(place, strcmp(below, "/") == 0 ? "" : below, l);
}

void ggdm_group_limits_read(const char *root, ggdm_group_limits *out)
{
    char line[4 * PATH_MAX], part[PATH_MAX], mount[PATH_MAX], type[32], options[PATH_MAX];
    *out = (ggdm_group_limits){.cores = HUGE_VAL, .memory = UINT64_MAX};
    snprintf(line, sizeof line, "%s/proc/self/mountinfo", root);
    FILE *f = fopen(line, "re");
    while (f && fgets(line, sizeof line, f)) {
        /* 35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory */
        const char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*d %*d %*s %4095s %4095s", part, mount) != 2 ||
            sscanf(rest, " - %31s %*s %4095s", type, options) != 2)
            continue;
        if (strcmp(type, "cgroup2") == 0)
            read_hierarchy(root, part, mount, NULL, out);
        else if (strcmp(type, "cgroup") == 0 && in_list(options, "cpu"))
            read_hierarchy(root, part, mount, "cpu", out);
        else if (strcmp(type, "cgroup") == 0 && in_list(options, "memory"))
            read_hierarchy(root, part, mount, "memory", out);
    }
    if (f)
        fclose(f);
}

/* ---- all together --------------------------------------------------------------------------- */

int ggdm_usable_cores(void)
{
    cpu_set_t set;
    ggdm_group_limits groups;
    ggdm_group_limits_read("", &groups);
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                        : (int)sysconf(_SC_NPROCESSORS_ONLN);
    double cores = fmin(n, ceil(groups.cores));
    return cores >= 1 ? (int)cores : 1;
}

uint64_t ggdm_usable_memory(void)
{
    ggdm_group_limits groups;
    ggdm_group_limits_read("", &groups);
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return groups.memory < machine ? groups.memory : machine;
}

uint64_t ggdm_address_space(void)
{
    struct rlimit limit;
    bool none = getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY;
    return none ? UINT64_MAX : limit.rlim_cur;
}

int64_t ggdm_raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return INT64_MAX;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max == RLIM_INFINITY ? INT64_MAX : (int64_t)limit.rlim_max;
}
