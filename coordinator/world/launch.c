/* mpirun runs in a process group of its own, so that Ctrl-C reaches only the supervisor: mpirun
 * would kill its ranks one second after a SIGINT, whatever they are doing. */
#include "coordinator/world/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/environment.h"
#include "common/log.h"
#include "common/mem.h"
#include "coordinator/world/blame.h"
#include "coordinator/world/walltime.h"

#define PROBE_SECONDS 10.0 /* for a host to answer */

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

typedef struct setting {
    const char *name, *value;
} setting;

/* One machine: nothing but shared memory is needed, and nothing else is looked for. */
static const setting local_environment[] = {
    {"OMPI_MCA_pml", "ob1"},
    {"OMPI_MCA_btl", "self,vader"},
    {"OMPI_MCA_ras", "^slurm,tm,lsf,gridengine,alps,loadleveler"}, /* a job's other nodes */
    {"OMPI_MCA_orte_default_hostfile", "none"},
    {NULL, NULL}};

/* Several: a host that is cut off is missed after 5 s; by default mpirun would hang for minutes. */
static const setting hosts_environment[] = {{"OMPI_MCA_oob_tcp_keepalive_time", "2"},
                                            {"OMPI_MCA_oob_tcp_keepalive_intvl", "1"},
                                            {"OMPI_MCA_oob_tcp_keepalive_probes", "3"},
                                            {NULL, NULL}};

/* What ranks on other hosts must have of it (OMPI_* goes there by itself). */
static const char *const exported[] = {GGDM_LAUNCH_ENV,
                                       GGDM_LOSS_ENV,
                                       GGDM_PROGRESS_ENV,
                                       GGDM_DEADLINE_ENV,
                                       "GGDM_ISA",
                                       "SLURM_RESTART_COUNT",
                                       "GGDM_ZOO",
                                       "GGDM_LOG",
                                       "GGDM_SHARE",
                                       "OMP_WAIT_POLICY",
                                       "OPENBLAS_NUM_THREADS",
                                       "LD_LIBRARY_PATH"};
enum { N_EXPORTED = sizeof exported / sizeof *exported };

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

static void set_all(const setting *settings)
{
    for (; settings->name; settings++)
        setenv(settings->name, settings->value, 0);
}

static void set_environment(const ggdm_launch *launch)
{
    ggdm_environment_remove(GGDM_VARIABLE_RANK);
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++)
        setenv(environment[i].name, environment[i].value, 0);
    set_all(launch->hosts->n ? hosts_environment : local_environment);
    if (geteuid() == 0) { /* containers and CI */
        setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
        setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    }
    int here = launch->hosts->n ? launch->hosts->list[0].slots : launch->workers;
    if (here * launch->threads > ggdm_usable_cores())
        setenv("OMP_WAIT_POLICY", "passive", 0); /* spinning would keep the others from working */
    set_progress();
}

/* ---- the child ---- */

typedef struct command {
    const char **argv; /* NULL-terminated, owned; the texts are not, but for host */
    size_t n, cap;
    bool srun;
    char *host; /* argument of --host or --nodelist, owned; NULL: all there are */
    char ranks[16], program[PATH_MAX];
} command;

static void command_deinit(command *c)
{
    free(c->argv);
    free(c->host);
}

static void push(command *c, const char *word)
{
    if (c->n + 1 < c->cap)
        c->argv[c->n++] = word;
}

static void push_all(command *c, const char *const *words)
{
    for (; *words; words++)
        push(c, *words);
}

/* In an allocation GGDM_LAUNCHER=srun starts the ranks as a step of the job. */
static bool by_srun(const ggdm_hosts *hosts)
{
    const char *launcher = getenv(GGDM_LAUNCHER_ENV);
    return hosts->slurm && launcher && strcmp(launcher, "srun") == 0;
}

/* The command line of mpirun or srun up to the program; more words may be pushed. */
static ggdm_status command_init(command *c, int ranks, const ggdm_hosts *hosts, size_t more,
                                ggdm_error *err)
{
    static const char *const mpirun[] = {
        "mpirun", "--oversubscribe", "--bind-to", "none", "--map-by", "slot", "-n", NULL};
    /* A node more than once in the list: so many ranks there. */
    static const char *const srun[] = {"srun",
                                       "--mpi=pmix",
                                       "--overlap",
                                       "--overcommit",
                                       "--cpu-bind=none",
                                       "--kill-on-bad-exit=1",
                                       "--distribution=arbitrary",
                                       "--ntasks",
                                       NULL};
    *c = (command){.cap = 16 + 2 * N_EXPORTED + more, .srun = by_srun(hosts)};
    GGDM_TRY(ggdm_alloc(&c->argv, c->cap, sizeof *c->argv, err));
    push_all(c, c->srun ? srun : mpirun);
    snprintf(c->ranks, sizeof c->ranks, "%d", ranks);
    push(c, c->ranks);
    if (c->srun) {
        GGDM_TRY(ggdm_hosts_of_ranks(hosts, ranks, &c->host, err));
        push(c, "--nodelist");
        push(c, c->host);
    } else if (hosts->n && !(hosts->slurm && ggdm_hosts_in(hosts) == hosts->n)) {
        /* (A whole Slurm allocation needs no list.) */
        GGDM_TRY(ggdm_hosts_argument(hosts, &c->host, err));
        push(c, "--host");
        push(c, c->host);
    }
    return GGDM_OK;
}

/* In the child: exported variables are known, then the program. */
static void finish_command(command *c, char *const *args)
{
    for (int i = 0; i < N_EXPORTED && !c->srun; i++) /* (srun exports all) */
        if (getenv(exported[i])) {
            push(c, "-x");
            push(c, exported[i]);
        }
    push(c, c->program);
    for (; *args; args++)
        push(c, *args);
    c->argv[c->n] = NULL;
}

/* Become mpirun.  output, errors: what its standard output and error will be. */
static void become(const command *c, int output, int errors, pid_t parent)
{
    sigset_t none;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(GGDM_EXEC_FAILED);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    signal(SIGUSR1, SIG_DFL); /* by which the supervisor speaks, whoever ignored it before */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(c->argv[0], (char **)c->argv);
    _exit(GGDM_EXEC_FAILED);
}

ggdm_status ggdm_launch_possible(ggdm_error *err)
{
    const char *path = getenv("PATH"), *launcher = getenv(GGDM_LAUNCHER_ENV);
    if (getenv("SLURM_JOB_ID") && launcher && strcmp(launcher, "srun") == 0)
        return GGDM_OK;
    while (path && *path) {
        const char *end = strchrnul(path, ':');
        char file[PATH_MAX];
        snprintf(file, sizeof file, "%.*s/mpirun", (int)(end - path), path);
        if (access(file, X_OK) == 0)
            return GGDM_OK;
        path = *end ? end + 1 : end;
    }
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "no mpirun in PATH, expected Open MPI (Debian package openmpi-bin); or use "
                     "--workers 0");
}

/* ---- the parent ---- */

static ggdm_status own_program(char *out, size_t size, ggdm_error *err)
{
    ssize_t len = readlink("/proc/self/exe", out, size - 1);
    if (len <= 0)
        return GGDM_FAIL_ERRNO(err, errno, "/proc/self/exe");
    out[len] = '\0';
    return GGDM_OK;
}

static void close_all(const int *fds, int n)
{
    for (int i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* mpirun holds two descriptors for each rank here and some 24 of its own (measured with 2 and 22
 * ranks, Open MPI 4.1.4); where there are too few it waits for ever. */
static ggdm_status check_open_files(const ggdm_launch *launch, ggdm_error *err)
{
    const int64_t most = ggdm_raise_open_files(), ranks = launch->workers + 1;
    const int64_t wanted = 32 + 2 * ranks;
    if (most >= wanted || (launch->hosts && launch->hosts->n > 0))
        return GGDM_OK;
    return GGDM_FAIL(err, GGDM_EINVAL,
                     "%" PRId64 " ranks want about %" PRId64 " open files, but a process may have "
                     "%" PRId64 " (ulimit -Hn); expected fewer --workers or a higher limit",
                     ranks, wanted, most);
}

ggdm_status ggdm_launch_world(const ggdm_launch *launch, const char *token, const char *loss,
                              pid_t *mpirun, int *output, int *errors, ggdm_error *err)
{
    command c;
    ggdm_status st;
    int out[2] = {-1, -1}, errs[2] = {-1, -1};
    size_t n = 0;
    while (launch->args[n])
        n++;
    GGDM_TRY(check_open_files(launch, err));
    GGDM_TRY_GOTO(st, command_init(&c, launch->workers + 1, launch->hosts, n, err), done);
    GGDM_TRY_GOTO(st, own_program(c.program, sizeof c.program, err), done);
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(errs, O_CLOEXEC) != 0) {
        st = GGDM_FAIL_ERRNO(err, errno, "pipe");
        goto done;
    }
    fflush(NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        set_environment(launch);
        setenv(GGDM_LAUNCH_ENV, token, 1);
        setenv(GGDM_LOSS_ENV, loss, 1);
        finish_command(&c, launch->args);
        become(&c, out[1], errs[1], parent);
    }
    if (child < 0) {
        st = GGDM_FAIL_ERRNO(err, errno, "fork");
        goto done;
    }
    *mpirun = child;
    *output = out[0];
    *errors = errs[0];
    out[0] = errs[0] = -1;
done:
    close_all((const int[]){out[0], out[1], errs[0], errs[1]}, 4);
    command_deinit(&c);
    return st;
}

/* ---- do hosts answer? ---- */

static pid_t start_probe(const ggdm_host *host)
{
    ggdm_host one = *host;
    one.left_out = false;
    const ggdm_hosts hosts = {.list = &one, .n = 1};
    const ggdm_launch launch = {.workers = 1, .threads = 1, .hosts = &hosts};
    static char *const nothing[] = {NULL};
    command c;
    pid_t parent = getpid(), child = -1;
    if (command_init(&c, 1, &hosts, 0, NULL) == GGDM_OK)
        child = fork();
    if (child == 0) {
        set_environment(&launch);
        snprintf(c.program, sizeof c.program, "true");
        finish_command(&c, nothing);
        int null = open("/dev/null", O_WRONLY);
        become(&c, null, null, parent);
    }
    command_deinit(&c);
    return child;
}

/* Does the process end well until then?  (One look after that, too: it may be over because of
 * another host.) */
static bool ends_well(pid_t child, double deadline)
{
    int status = -1;
    pid_t done = 0;
    while (child > 0 && (done = waitpid(child, &status, WNOHANG)) == 0 && ggdm_now() < deadline)
        ggdm_sleep(0.02);
    if (child > 0 && done == 0) {
        kill(-child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return done > 0 && status == 0;
}

/* Who has changed.  Where none is left the caller has more to say. */
static void tell_change(const ggdm_host *host, bool was_out, size_t left)
{
    if (was_out != host->left_out && left)
        ggdm_log(GGDM_LOG_WARN, "host %s %s", host->name,
                 host->left_out ? "does not answer and is left out" : "answers again");
}

bool ggdm_launch_probe(ggdm_hosts *hosts)
{
    struct {
        pid_t child;
        bool was_out;
    } * probes;
    bool lost = false;
    if (ggdm_alloc(&probes, hosts->n, sizeof *probes, NULL) != GGDM_OK)
        return false;
    for (size_t i = 0; i < hosts->n; i++)
        probes[i].child = start_probe(&hosts->list[i]);
    double deadline = ggdm_now() + PROBE_SECONDS;
    for (size_t i = 0; i < hosts->n; i++) {
        ggdm_host *host = &hosts->list[i];
        probes[i].was_out = host->left_out;
        host->left_out = !ends_well(probes[i].child, deadline);
        lost |= host->left_out && !probes[i].was_out;
    }
    size_t left = ggdm_hosts_in(hosts);
    for (size_t i = 0; i < hosts->n; i++)
        tell_change(&hosts->list[i], probes[i].was_out, left);
    free(probes);
    return lost;
}
