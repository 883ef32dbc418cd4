#include "coordinator/run/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/run/model_paths.h"
#include "coordinator/world/walltime.h"
#include "slurm/queue.h"

#define WAIT_SECONDS 20.0 /* for the rest of a world to go away */
#define LOCK_SECONDS 0.5  /* between two tries to lock the directory */
#define MAX_PATIENCE 1e7  /* seconds */
#define ENDED_SECONDS 8.0 /* of silence, until an owner whose world was ended counts as dead */

/* Try to make something in dir: permissions, read-only mounts and odd file systems all show here,
 * for root too. */
static ggdm_status probe_write(const char *dir, const char *wanted, ggdm_error *err)
{
    char *probe = NULL, *path = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "ggdm-probe", &probe, err), done);
    GGDM_TRY_GOTO(st, ggdm_temp_name(probe, &path, err), done);
    if (mkdir(path, 0700) == 0)
        rmdir(path);
    else
        st = GGDM_FAIL_ERRNO(err, errno,
                             "run directory %s: cannot write in %s, expected a writable directory",
                             wanted, dir);
done:
    free(probe);
    free(path);
    return st;
}

/* The directory in which dir would be made: its nearest parent that exists. */
static ggdm_status probe_parent(const char *dir, ggdm_error *err)
{
    char parent[PATH_MAX];
    if (!*dir || strlen(dir) >= sizeof parent)
        return GGDM_FAIL(err, GGDM_EINVAL, "run directory '%.100s': expected a path", dir);
    snprintf(parent, sizeof parent, "%s", dir);
    do {
        char *slash = strrchr(parent, '/');
        if (!slash)
            snprintf(parent, sizeof parent, ".");
        else if (slash == parent)
            parent[1] = '\0';
        else
            *slash = '\0';
    } while (!ggdm_exists(parent) && strcmp(parent, "/") != 0);
    if (!ggdm_is_dir(parent))
        return GGDM_FAIL(err, GGDM_EIO, "run directory %s: %s is not a directory", dir, parent);
    return probe_write(parent, dir, err);
}

/* What an empty directory has, `ggdm submit` prepares, or a start that was killed leaves behind. */
static bool is_ours(const char *name)
{
    static const char *const prepared[] = {".",
                                           "..",
                                           "log",
                                           "shards",
                                           "merging",
                                           "sweep.yaml",
                                           GGDM_MODEL_PATHS_FILE,
                                           GGDM_SLURM_JOBS_FILE,
                                           GGDM_SLURM_SCRIPT_FILE,
                                           GGDM_SLURM_STATE_FILE};
    for (size_t i = 0; i < sizeof prepared / sizeof *prepared; i++)
        if (strcmp(name, prepared[i]) == 0)
            return true;
    return strncmp(name, GGDM_STORE_FILE, strlen(GGDM_STORE_FILE)) == 0 || ggdm_is_temp_name(name);
}

/* The first entry of something else. */
static ggdm_status find_foreign(const char *dir, char *name, size_t size, ggdm_error *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return GGDM_FAIL_ERRNO(err, errno, "run directory %s", dir);
    *name = '\0';
    for (struct dirent *e; (e = readdir(d)) && !*name;)
        if (!is_ours(e->d_name))
            snprintf(name, size, "%s", e->d_name);
    closedir(d);
    return GGDM_OK;
}

ggdm_status ggdm_run_dir_check(const char *dir, bool *present, ggdm_error *err)
{
    *present = false;
    GGDM_TRY(ggdm_store_fits(dir, err));
    if (!ggdm_exists(dir))
        return probe_parent(dir, err);
    if (!ggdm_is_dir(dir))
        return GGDM_FAIL(err, GGDM_EIO, "run directory %s: is a file, expected a directory", dir);
    GGDM_TRY(ggdm_store_present(dir, present, err));
    if (!*present) {
        char foreign[256];
        GGDM_TRY(find_foreign(dir, foreign, sizeof foreign, err));
        if (*foreign)
            return GGDM_FAIL(err, GGDM_ESTATE,
                             "run directory %s: is not empty (%s) and holds no %s, expected a new, "
                             "an empty, or a run directory",
                             dir, foreign, GGDM_STORE_FILE);
    }
    return probe_write(dir, dir, err);
}

/* Seconds to wait for who holds the run: a job that Slurm has started again waits for its earlier
 * life, if that still works (only Slurm's own daemon died there), as long as it can make use of
 * what comes out. */
static double patience(void)
{
    double left = ggdm_walltime_left() - 2 * GGDM_STOP_MARGIN;
    return !ggdm_slurm_restarted() ? 0 : left < MAX_PATIENCE ? left : MAX_PATIENCE;
}

/* Lock it as soon as nobody else has it. */
static int lock_patiently(int fd, const char *dir)
{
    double deadline = ggdm_now() + patience();
    bool told = false;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || ggdm_now() >= deadline)
            return errno;
        if (!told)
            ggdm_log(GGDM_LOG_INFO, "the earlier life of this job still works on %s: waiting", dir);
        told = true;
        ggdm_sleep(LOCK_SECONDS);
    }
    return 0;
}

ggdm_status ggdm_run_dir_lock(const char *dir, int *fd, ggdm_error *err)
{
    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = *fd < 0 ? 0 : lock_patiently(*fd, dir);
    if (why == 0)
        return GGDM_OK;
    close(*fd);
    *fd = -1;
    if (why != EWOULDBLOCK)
        return GGDM_OK; /* no such locks here: the database has its own */
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "run directory %s: in use by another ggdm run, expected one at a time (`ggdm "
                     "status %s` shows how far it is)",
                     dir, dir);
}

ggdm_status ggdm_run_dir_forget_jobs(const char *dir, ggdm_error *err)
{
    char *jobs = NULL;
    ggdm_error why = {0};
    if (ggdm_slurm_jobs_over(dir, &jobs, &why) != GGDM_OK) {
        ggdm_log(GGDM_LOG_WARN, "%s", why.msg);
        return GGDM_OK;
    }
    ggdm_status st = jobs && *jobs ? ggdm_store_jobs_over(dir, jobs, err) : GGDM_OK;
    free(jobs);
    return st;
}

/* GGDM_ESTATE: in use.  Whatever else is wrong with the database shows when it is opened. */
static ggdm_status look_at_owner(const char *dir, bool successor, ggdm_error *err)
{
    bool present;
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT, .silence = ENDED_SECONDS};
    ggdm_store *store = NULL;
    if (!successor)
        return ggdm_store_present(dir, &present, err);
    ggdm_status st = ggdm_store_open(dir, &inspect, &store, err);
    ggdm_store_close(&store);
    return st == GGDM_ESTATE ? st : GGDM_OK;
}

ggdm_status ggdm_run_dir_wait(const char *dir, bool successor, ggdm_error *err)
{
    bool told = false;
    /* One that is cut off and lives ends itself when it has missed its workers for long enough. */
    double seconds = fmax(successor ? 2 * WAIT_SECONDS : WAIT_SECONDS, patience());
    double deadline = ggdm_now() + seconds;
    for (;;) {
        ggdm_status st = look_at_owner(dir, successor, err);
        if (st != GGDM_ESTATE || ggdm_now() > deadline)
            return st;
        if (!told)
            ggdm_log(GGDM_LOG_INFO,
                     "the database of %s is held by what is left of an earlier run, waiting up to "
                     "%.0f s for that to end",
                     dir, seconds);
        told = true;
    }
}

static bool has(const char *dir, const char *cell, const char *name)
{
    char path[PATH_MAX];
    int n = cell ? snprintf(path, sizeof path, "%s/archive/%s/%s", dir, cell, name)
                 : snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof path && ggdm_exists(path);
}

ggdm_status ggdm_run_dir_has_products(ggdm_store *store, const char *dir, bool *all,
                                      ggdm_error *err)
{
    *all = true;
    if (ggdm_store_run_info(store)->shards)
        return GGDM_OK; /* its products are those of the run that it becomes a part of */
    *all = has(dir, NULL, "summary.csv") && has(dir, NULL, "summary.json") &&
           has(dir, NULL, GGDM_REPORT_FILE);
    for (int32_t i = 0; *all && i < ggdm_store_n_cells(store); i++) {
        ggdm_store_cell cell;
        GGDM_TRY(ggdm_store_cell_get(store, i, &cell, err));
        if (cell.done == cell.wanted)
            *all = cell.archived && has(dir, cell.name, "samples.tar") &&
                   has(dir, cell.name, "samples.npz") && has(dir, cell.name, "sheet.png");
    }
    return GGDM_OK;
}

static ggdm_status freeze_sweep(ggdm_store *store, int32_t i, const char *dir, ggdm_error *err)
{
    char name[GGDM_SWEEP_NAME_SIZE], *path = NULL, *text = NULL;
    ggdm_status st = GGDM_OK;
    ggdm_sweep_file_name(i, name);
    GGDM_TRY(ggdm_path_join(dir, name, &path, err));
    if (!ggdm_exists(path)) {
        st = ggdm_store_sweep_text(store, i, &text, err);
        if (st == GGDM_OK)
            st = ggdm_replace_file(path, text, strlen(text), err);
    }
    free(path);
    free(text);
    return st;
}

ggdm_status ggdm_run_dir_freeze_sweeps(ggdm_store *store, const char *dir, ggdm_error *err)
{
    int32_t n = 0;
    GGDM_TRY(ggdm_store_n_sweeps(store, &n, err));
    for (int32_t i = 1; i <= n; i++)
        GGDM_TRY(freeze_sweep(store, i, dir, err));
    return GGDM_OK;
}
