/* mpirun runs in a process group of its own, so that Ctrl-C reaches only this process: mpirun would
 * kill its ranks one second after a SIGINT, whatever they are doing.  Here the first signal becomes
 * SIGUSR1, which mpirun forwards and the coordinator takes as "stop between steps". */
#include "coordinator/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/fs.h"
#include "coordinator/command.h"
#include "coordinator/progress.h"

#define EXEC_FAILED 127

/* ---- the environment of the ranks ---- */

/* Settings of Open MPI that a user may have set otherwise stay as they are. */
static const struct {
    const char *name, *value, *why;
} environment[] = {
    {"OMPI_MCA_hwloc_base_binding_policy", "none", "threads of a rank may use all cores"},
    {"OMPI_MCA_rmaps_base_oversubscribe", "1", "one rank more than cores: the coordinator sleeps"},
    {"OMPI_MCA_mpi_yield_when_idle", "1", "start-up collectives on a full machine"},
    {"OMPI_MCA_btl_vader_single_copy_mechanism", "none", "no warnings where ptrace is barred"},
    {"OMPI_MCA_btl_base_warn_component_unused", "0", "no warnings about absent networks"},
    {"PMIX_MCA_gds", "hash", "no warnings about shared memory of the launcher"},
    {"OPENBLAS_NUM_THREADS", "1", "OpenMP threads are ours"},
};

/* One machine: nothing but shared memory is needed, and nothing else is looked for. */
static const struct {
    const char *name, *value;
} local_environment[] = {{"OMPI_MCA_pml", "ob1"}, {"OMPI_MCA_btl", "self,vader"}};

static void set_number(const char *name, int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    setenv(name, text, 1);
}

static void set_progress(void)
{
    struct winsize size = {0};
    char text[32] = "plain";
    if (isatty(STDERR_FILENO)) {
        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
            size.ws_col = 80;
        snprintf(text, sizeof text, "line:%d", size.ws_col);
    }
    setenv(GGDM_PROGRESS_ENV, text, 1);
}

static void set_environment(const ggdm_launch *launch, const char *token)
{
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++)
        setenv(environment[i].name, environment[i].value, 0);
    if (!getenv("SLURM_JOB_ID"))
        for (size_t i = 0; i < sizeof local_environment / sizeof *local_environment; i++)
            setenv(local_environment[i].name, local_environment[i].value, 0);
    if (geteuid() == 0) { /* containers and CI */
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    }
    set_number("OMP_NUM_THREADS", launch->threads);
    if (launch->workers * launch->threads > ggdm_usable_cores())
        setenv("OMP_WAIT_POLICY", "passive", 0); /* spinning would keep the others from working */
    setenv(GGDM_LAUNCH_ENV, token, 1);
    set_progress();
}

/* ---- the child ---- */

static const char *const mpirun_args[] = {"mpirun",          "-n",        "RANKS",
                                          "--oversubscribe", "--bind-to", "none"};
enum { ARG_RANKS = 2, N_MPIRUN_ARGS = sizeof mpirun_args / sizeof *mpirun_args };

/* mpirun's command line, all but the number of ranks; *out is owned, its texts are borrowed. */
static ggdm_status make_command(const ggdm_launch *launch, const char *program, const char ***out,
                                ggdm_error *err)
{
    size_t n = 0;
    while (launch->args[n])
        n++;
    const char **argv;
    GGDM_TRY(ggdm_alloc(&argv, N_MPIRUN_ARGS + 1 + n + 1, sizeof *argv, err));
    memcpy(argv, mpirun_args, sizeof mpirun_args);
    argv[N_MPIRUN_ARGS] = program;
    memcpy(argv + N_MPIRUN_ARGS + 1, launch->args, n * sizeof *argv);
    *out = argv;
    return GGDM_OK;
}

static void exec_mpirun(const ggdm_launch *launch, const char *token, const char **argv,
                        const sigset_t *mask, pid_t parent)
{
    char ranks[16];
    snprintf(ranks, sizeof ranks, "%d", launch->workers + 1);
    argv[ARG_RANKS] = ranks;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXEC_FAILED);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    set_environment(launch, token);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], (char **)argv);
    _exit(EXEC_FAILED);
}

static bool have_mpirun(void)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        const char *end = strchrnul(path, ':');
        char file[PATH_MAX];
        snprintf(file, sizeof file, "%.*s/mpirun", (int)(end - path), path);
        if (access(file, X_OK) == 0)
            return true;
        path = *end ? end + 1 : end;
    }
    return false;
}

/* ---- the parent ---- */

static void pass_signal(pid_t mpirun, int *stops)
{
    (*stops)++;
    if (*stops == 1) {
        fprintf(stderr, "\n");
        ggdm_log(GGDM_LOG_INFO, "stopping; once more to end at once");
    }
    kill(mpirun, *stops == 1 ? SIGUSR1 : SIGTERM);
}

/* Wait for mpirun, passing on signals.  *stops: how many came.  Returns its wait status. */
static int watch(pid_t mpirun, const sigset_t *signals, int *stops)
{
    for (;;) {
        int status;
        if (waitpid(mpirun, &status, WNOHANG) == mpirun)
            return status;
        const struct timespec second = {.tv_sec = 1};
        int number = sigtimedwait(signals, NULL, &second);
        if (number > 0 && number != SIGCHLD)
            pass_signal(mpirun, stops);
    }
}

/* The exit code in the status file, when this launch wrote it.  *started: there is such a file. */
static bool read_result(const char *run_dir, const char *token, bool *started, int *exit_code)
{
    char *path = NULL;
    ggdm_doc *doc = NULL;
    bool known = false;
    *started = false;
    if (ggdm_path_join(run_dir, GGDM_STATUS_FILE, &path, NULL) == GGDM_OK &&
        ggdm_json_read(path, (size_t)64 << 20, &doc, NULL) == GGDM_OK) {
        const ggdm_node *launch = ggdm_node_get(doc->root, "launch");
        const ggdm_node *code = ggdm_node_get(doc->root, "exit_code");
        int64_t value;
        *started = launch && strcmp(launch->text, token) == 0;
        known = *started && code && code->kind == GGDM_NODE_INT &&
                ggdm_node_int(code, 0, 255, &value, NULL) == GGDM_OK;
        if (known)
            *exit_code = (int)value;
    }
    ggdm_doc_destroy(&doc);
    free(path);
    return known;
}

static ggdm_status judge(const ggdm_launch *launch, const char *token, int status, int stops,
                         int *exit_code, ggdm_error *err)
{
    bool started;
    int result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (read_result(launch->run_dir, token, &started, exit_code))
        return GGDM_OK;
    if (WIFEXITED(status) && result == EXEC_FAILED)
        return GGDM_FAIL(err, GGDM_EIO, "cannot start mpirun");
    if (stops || started)
        return GGDM_FAIL(err, stops ? GGDM_ECANCELLED : GGDM_ECOMM,
                         "the MPI world ended before its work was done (mpirun: %d); the same "
                         "command continues the run",
                         result);
    /* Rank 0 refused before it had a status file, and said why.  (1 would be mpirun's own.) */
    if (result == GGDM_EXIT_USAGE || result == GGDM_EXIT_INTERRUPTED) {
        *exit_code = result;
        return GGDM_OK;
    }
    return GGDM_FAIL(err, GGDM_EINTERNAL, "the MPI world did not start (mpirun: %d)", result);
}

ggdm_status ggdm_launch_world(const ggdm_launch *launch, int *exit_code, ggdm_error *err)
{
    if (!have_mpirun())
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "no mpirun in PATH, expected Open MPI (Debian package openmpi-bin); or "
                         "use --workers 0");
    char program[PATH_MAX], token[64];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len <= 0)
        return GGDM_FAIL(err, GGDM_EIO, "/proc/self/exe: %s", strerror(errno));
    program[len] = '\0';
    const char **command;
    GGDM_TRY(make_command(launch, program, &command, err));
    snprintf(token, sizeof token, "%d-%.3f", (int)getpid(), ggdm_wall_clock());
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD};
    sigset_t signals, old;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&signals, numbers[i]);
    sigprocmask(SIG_BLOCK, &signals, &old);
    fflush(NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        exec_mpirun(launch, token, command, &old, parent);
    int stops = 0;
    ggdm_status st = GGDM_OK;
    if (child < 0)
        st = GGDM_FAIL(err, GGDM_EIO, "fork: %s", strerror(errno));
    else {
        int status = watch(child, &signals, &stops);
        st = judge(launch, token, status, stops, exit_code, err);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    free(command);
    return st;
}
