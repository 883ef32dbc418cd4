#include "slurm/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/environment.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/temp.h"
#include "slurm/queue_text.h"

#define MAX_OUTPUT ((size_t)1 << 20) /* bytes */

/* Standard output of a command without shell, in *out (owned).  Its messages go where ours go,
 * unless quiet.  *code: its exit code. */
static ggdm_status run_command(const char *const *argv, bool quiet, char **out, int *code,
                               ggdm_error *err)
{
    int ends[2];
    size_t n = 0, cap = 0;
    *out = NULL;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return GGDM_FAIL_ERRNO(err, errno, "pipe");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        if (quiet)
            dup2(null, STDERR_FILENO);
        ggdm_environment_remove(GGDM_VARIABLE_QUESTION);
        execvp(argv[0], (char **)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    ggdm_status st = child > 0 ? GGDM_OK : GGDM_FAIL_ERRNO(err, errno, "fork");
    while (st == GGDM_OK) {
        st = ggdm_grow(out, &cap, n + 4096, 1, err);
        ssize_t got = st == GGDM_OK ? read(ends[0], *out + n, 4095) : 0;
        if (got <= 0 || n > MAX_OUTPUT)
            break;
        n += (size_t)got;
    }
    close(ends[0]);
    int status = 0;
    if (child > 0)
        waitpid(child, &status, 0);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    if (st == GGDM_OK)
        (*out)[n] = '\0';
    else {
        free(*out);
        *out = NULL;
    }
    return st;
}

/* ---- a run's jobs --------------------------------------------------------------------------- */

static ggdm_status note_job(const char *dir, const char *job, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(dir, GGDM_SLURM_JOBS_FILE, &path, err));
    FILE *f = fopen(path, "a");
    bool good = f && fprintf(f, "%s\n", job) > 0;
    if (f)
        good = fclose(f) == 0 && good;
    ggdm_status st =
        good ? GGDM_OK : GGDM_FAIL_ERRNO(err, errno, "%s: cannot note job %s", path, job);
    free(path);
    return st;
}

/* The run's jobs as " 12 15 "; "" for none. */
static ggdm_status list_jobs(const char *dir, char **out, ggdm_error *err)
{
    char *path = NULL;
    *out = NULL;
    GGDM_TRY(ggdm_path_join(dir, GGDM_SLURM_JOBS_FILE, &path, err));
    ggdm_status st = GGDM_OK;
    char *text = NULL;
    if (ggdm_exists(path))
        st = ggdm_read_file(path, MAX_OUTPUT, &text, NULL, err);
    if (st == GGDM_OK)
        st = ggdm_slurm_list_jobs(text ? text : "", out, err);
    free(path);
    free(text);
    return st;
}

ggdm_status ggdm_slurm_submit(const char *dir, const char *script, char **job, ggdm_error *err)
{
    const char *const argv[] = {"sbatch", "--parsable", script, NULL};
    int code;
    GGDM_TRY(run_command(argv, false, job, &code, err));
    (*job)[strspn(*job, "0123456789")] = '\0'; /* "12;CLUSTER" */
    if (code != 0 || !**job) {
        free(*job);
        *job = NULL;
        return GGDM_FAIL(err, GGDM_EIO, "sbatch %s: %s (exit code %d)", script,
                         code == 127 ? "Slurm's commands are not in PATH" : "not accepted", code);
    }
    char *seen = NULL;
    if (ggdm_path_join(dir, GGDM_SLURM_STATE_FILE, &seen, NULL) == GGDM_OK)
        unlink(seen); /* what Slurm said before is old */
    free(seen);
    return note_job(dir, *job, err);
}

/* The run's jobs, and what is in the queue of this user, lines that begin with a job's number; both
 * owned, NULL when none was ever submitted. */
static ggdm_status ask_queue(const char *dir, char **jobs, char **queue, ggdm_error *err)
{
    static const char *const argv[] = {"squeue", "-h", "--me", "-o", "%F %i %T %r %L %D", NULL};
    int code = 0;
    *queue = NULL;
    GGDM_TRY(list_jobs(dir, jobs, err));
    ggdm_status st = GGDM_OK;
    if (**jobs)
        st = run_command(argv, true, queue, &code, err);
    if (st == GGDM_OK && code != 0)
        st = GGDM_FAIL(err, GGDM_EIO, "Slurm does not tell about jobs%s(squeue: exit code %d%s)",
                       *jobs, code, code == 127 ? ", it is not in PATH" : "");
    if (st == GGDM_OK && *queue)
        return GGDM_OK;
    free(*jobs);
    free(*queue);
    *jobs = *queue = NULL;
    return st;
}

ggdm_status ggdm_slurm_jobs(const char *dir, char **lines, ggdm_error *err)
{
    char *jobs;
    GGDM_TRY(ask_queue(dir, &jobs, lines, err));
    if (*lines)
        ggdm_slurm_keep_lines(*lines, jobs);
    free(jobs);
    return GGDM_OK;
}

ggdm_status ggdm_slurm_jobs_over(const char *dir, char **jobs, ggdm_error *err)
{
    char *queue;
    GGDM_TRY(ask_queue(dir, jobs, &queue, err));
    if (*jobs)
        ggdm_slurm_drop_queued(*jobs, queue);
    free(queue);
    return GGDM_OK;
}

/* In the file of the last answer: that there was none, and why. */
#define NO_ANSWER '?'

static ggdm_status ask_and_keep(const char *dir, const char *path, char **lines, ggdm_error *err)
{
    ggdm_error why = {0};
    ggdm_status st = ggdm_slurm_jobs(dir, lines, &why);
    if (st != GGDM_OK && st != GGDM_EIO)
        return GGDM_FAIL(err, st, "%s", why.msg);
    if (st == GGDM_EIO)
        GGDM_TRY(ggdm_asprintf(lines, err, "%c%s", NO_ANSWER, why.msg));
    if (!*lines && !ggdm_exists(path))
        return GGDM_OK;
    const char *text = *lines ? *lines : "";
    return ggdm_replace_file(path, text, strlen(text), err);
}

ggdm_status ggdm_slurm_jobs_seen(const char *dir, char **lines, ggdm_error *err)
{
    char *path = NULL;
    struct stat info;
    GGDM_TRY(ggdm_path_join(dir, GGDM_SLURM_STATE_FILE, &path, err));
    double age = stat(path, &info) == 0 ? ggdm_wall_clock() - (double)info.st_mtim.tv_sec : -1;
    ggdm_status st = GGDM_OK;
    *lines = NULL;
    if ((age < 0 || age >= GGDM_SLURM_ASK_SECONDS) && access(dir, W_OK) == 0)
        st = ask_and_keep(dir, path, lines, err);
    else if (age >= 0)
        st = ggdm_read_file(path, MAX_OUTPUT, lines, NULL, err);
    free(path);
    if (st == GGDM_OK && *lines && **lines == NO_ANSWER)
        st = GGDM_FAIL(err, GGDM_EIO, "%s", *lines + 1);
    if (st != GGDM_OK) {
        free(*lines);
        *lines = NULL;
    }
    return st;
}

ggdm_status ggdm_slurm_node_cores(const char *partition, int *cores, ggdm_error *err)
{
    const char *const named[] = {"sinfo", "-h", "-o", "%c %P", "-p", partition, NULL};
    const char *const all[] = {"sinfo", "-h", "-o", "%c %P", NULL};
    char *text = NULL;
    int code;
    GGDM_TRY(run_command(partition ? named : all, true, &text, &code, err));
    *cores = ggdm_slurm_fewest_cores(text, partition != NULL);
    free(text);
    if (code == 0 && *cores > 0)
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EIO,
                     "Slurm does not tell how many cores a node of %s has (sinfo: exit code %d), "
                     "expected --tasks-per-node",
                     partition ? partition : "the default partition", code);
}
