#include "coordinator/world/world.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"
#include "coordinator/world/relay.h"
#include "coordinator/world/silence.h"
#include "coordinator/world/stop.h"
#include "coordinator/world/world_status.h"

#define LOOK_SECONDS 0.25 /* between two looks at mpirun and the status file */
#define TERM_SECONDS 4.0  /* for mpirun to end its ranks, before it is killed */
#define SWEEP_SECONDS 5.0 /* for killed processes to vanish */
#define ASK_SECONDS 1.0   /* until a wish to stop that was not heard is said again */
#define HEAR_SECONDS 30.0 /* for the coordinator to hear it, before the world is ended */

/* ---- signals ---- */

ggdm_status ggdm_stop_watch_begin(ggdm_stop_watch *w, ggdm_error *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!ggdm_stop_ignored(numbers[i]))
            sigaddset(&set, numbers[i]);
    w->stops = 0;
    sigprocmask(SIG_BLOCK, &set, &w->old);
    w->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (w->fd >= 0)
        return GGDM_OK;
    sigprocmask(SIG_SETMASK, &w->old, NULL);
    return GGDM_FAIL_ERRNO(err, errno, "signalfd");
}

void ggdm_stop_watch_end(ggdm_stop_watch *w)
{
    close(w->fd);
    sigprocmask(SIG_SETMASK, &w->old, NULL);
}

/* Signals that have come since the last call. */
static int new_stops(ggdm_stop_watch *w)
{
    struct signalfd_siginfo info;
    int n = 0;
    while (read(w->fd, &info, sizeof info) == (ssize_t)sizeof info)
        n++;
    w->stops += n;
    return n;
}

void ggdm_stop_watch_sleep(ggdm_stop_watch *w, double seconds)
{
    struct pollfd fd = {.fd = w->fd, .events = POLLIN};
    poll(&fd, 1, (int)(1000 * seconds));
    new_stops(w);
}

typedef struct world {
    pid_t mpirun;
    bool ended; /* mpirun has been waited for */
    ggdm_relay relay;
    const char *token;
    char *status_path;
    struct timespec written; /* when the status file was, as last seen */
    bool at_work;            /* the status file is of this world */
    double begun, last_sign, longest_gap, last_look, deadline;
    double stop_since, last_asked; /* there is a wish to stop; it was said last; 0: none, never */
    bool heard;                    /* the coordinator knows it */
    ggdm_world_end *end;
} world;

/* ---- is it alive? ---- */

/* Has the coordinator written the status file since the last look?  (Opening asks a network file
 * system for the truth.) */
static bool see_sign(world *w)
{
    struct stat info;
    int fd = open(w->status_path, O_RDONLY | O_CLOEXEC);
    bool seen = fd >= 0 && fstat(fd, &info) == 0;
    if (fd >= 0)
        close(fd);
    if (!seen ||
        (info.st_mtim.tv_sec == w->written.tv_sec && info.st_mtim.tv_nsec == w->written.tv_nsec))
        return false;
    w->written = info.st_mtim;
    if (!w->at_work) {
        ggdm_world_status_read(w->status_path, w->token, &w->end->status);
        w->at_work = w->end->status.ours;
        w->begun = ggdm_now();
    }
    return w->at_work;
}

static void check_silence(world *w)
{
    double now = ggdm_now();
    bool was_at_work = w->at_work;
    if (see_sign(w)) {
        if (was_at_work && now - w->last_sign > w->longest_gap)
            w->longest_gap = now - w->last_sign;
        w->last_sign = now;
    }
    if (now - w->last_look > GGDM_PAUSE_SECONDS)
        w->last_sign = now; /* this process was stopped itself */
    w->last_look = now;
    /* The file is written every second: there is no need to know a gap first. */
    double limit = ggdm_silence_limit(w->at_work && w->longest_gap <= 0 ? 1 : w->longest_gap);
    if (now - w->last_sign <= limit || w->end->hung[0])
        return;
    snprintf(w->end->hung, sizeof w->end->hung,
             w->at_work ? "its coordinator was silent for %.0f s"
                        : "it did not come to work within %.0f s",
             now - w->last_sign);
    w->deadline = now;
}

/* ---- its end ---- */

static bool reaped(world *w)
{
    if (!w->ended)
        w->ended = waitpid(w->mpirun, &w->end->wait_status, WNOHANG) == w->mpirun;
    return w->ended;
}

/* mpirun first gets the chance to end ranks on other hosts, too. */
static void end_mpirun(world *w)
{
    kill(w->mpirun, SIGTERM);
    kill(w->mpirun, SIGCONT);
    for (double begun = ggdm_now(); !reaped(w) && ggdm_now() < begun + TERM_SECONDS;) {
        ggdm_relay_pass(&w->relay);
        ggdm_sleep(0.02);
    }
    kill(-w->mpirun, SIGKILL);
    if (!w->ended)
        waitpid(w->mpirun, &w->end->wait_status, 0);
    w->ended = true;
}

/* Is this a process of the world, by the token in its environment? */
static bool belongs(const char *pid, const char *token)
{
    char path[64], bytes[65536], word[GGDM_TOKEN_SIZE + 32];
    snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t n = 0;
    for (ssize_t got; n < sizeof bytes && (got = read(fd, bytes + n, sizeof bytes - n)) > 0;)
        n += (size_t)got;
    close(fd);
    int len = snprintf(word, sizeof word, GGDM_LAUNCH_ENV "=%s", token);
    return n && memmem(bytes, n, word, (size_t)len + 1) != NULL;
}

/* Kill what is left of the world on this host; returns how many there were. */
static int sweep_host(const world *w)
{
    int n = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));)
        if (isdigit((unsigned char)e->d_name[0]) && belongs(e->d_name, w->token)) {
            kill((pid_t)atoi(e->d_name), SIGKILL);
            n++;
        }
    if (proc)
        closedir(proc);
    return n;
}

static void clear_away(world *w)
{
    for (double begun = ggdm_now(); sweep_host(w) > 0 && ggdm_now() < begun + SWEEP_SECONDS;)
        ggdm_sleep(0.05);
    ggdm_relay_close(&w->relay);
    w->end->kept_words = w->relay.kept;
}

/* ---- its life ---- */

static void take_stops(world *w, ggdm_stop_watch *stops)
{
    new_stops(stops);
    if (stops->stops == 0)
        return;
    if (w->stop_since == 0) {
        w->stop_since = ggdm_now();
        fprintf(stderr, "\n");
        ggdm_log(GGDM_LOG_INFO, "stopping; once more to end at once");
    }
    if (stops->stops > 1 && w->deadline == 0)
        w->deadline = ggdm_now();
}

/* A signal may get lost on its way, while mpirun or the coordinator start: it is said again until
 * the status file tells that it was heard.  Where no unit runs there is nothing to save: before the
 * run was opened, and when images are done. */
static void pass_stop(world *w)
{
    ggdm_world_status s;
    double now = ggdm_now();
    if (w->stop_since == 0 || w->heard || w->deadline > 0)
        return;
    ggdm_world_status_read(w->status_path, w->token, &s);
    bool at_work = s.ours && strcmp(s.phase, "running") == 0;
    bool nothing_to_save = !s.ours || strcmp(s.phase, "finishing") == 0;
    w->heard = !at_work && !nothing_to_save;
    if (nothing_to_save || (at_work && now - w->stop_since > HEAR_SECONDS))
        w->deadline = now;
    if (at_work && now - w->last_asked > ASK_SECONDS) {
        w->last_asked = now;
        kill(w->mpirun, SIGUSR1);
    }
}

static void watch_world(world *w, ggdm_stop_watch *stops, bool may_be_silent)
{
    while (!reaped(w)) {
        struct pollfd fds[] = {{.fd = w->relay.errors, .events = POLLIN},
                               {.fd = w->relay.output, .events = POLLIN},
                               {.fd = stops->fd, .events = POLLIN}};
        poll(fds, sizeof fds / sizeof *fds, (int)(1000 * LOOK_SECONDS));
        ggdm_relay_pass(&w->relay);
        take_stops(w, stops);
        pass_stop(w);
        if (!may_be_silent)
            check_silence(w);
        if (w->deadline > 0)
            end_mpirun(w);
    }
}

ggdm_status ggdm_world_run(const ggdm_launch *launch, const char *loss, ggdm_stop_watch *stops,
                           ggdm_world_end *out, ggdm_error *err)
{
    char token[GGDM_TOKEN_SIZE];
    world w = {.token = token, .end = out};
    int output, errors;
    *out = (ggdm_world_end){0};
    ggdm_obituary_init(&out->obituary);
    snprintf(token, sizeof token, "%d-%.3f", (int)getpid(), ggdm_wall_clock());
    GGDM_TRY(ggdm_path_join(launch->run_dir, GGDM_STATUS_FILE, &w.status_path, err));
    ggdm_status st = ggdm_launch_world(launch, token, loss, &w.mpirun, &output, &errors, err);
    if (st == GGDM_OK) {
        ggdm_relay_init(&w.relay, output, errors, launch->log, &out->obituary);
        w.begun = w.last_sign = w.last_look = ggdm_now();
        watch_world(&w, stops, launch->may_be_silent);
        clear_away(&w);
        ggdm_world_status_read(w.status_path, token, &out->status);
        out->seconds = w.at_work ? ggdm_now() - w.begun : 0;
    }
    free(w.status_path);
    return st;
}

ggdm_status ggdm_world_once(const ggdm_launch *launch, ggdm_error *err)
{
    ggdm_stop_watch stops;
    ggdm_world_end end;
    GGDM_TRY(ggdm_launch_possible(err));
    GGDM_TRY(ggdm_stop_watch_begin(&stops, err));
    ggdm_status st = ggdm_world_run(launch, "nobody", &stops, &end, err);
    ggdm_stop_watch_end(&stops);
    if (st == GGDM_OK && !(end.status.ours && end.status.exit_code == 0))
        st = GGDM_FAIL(err, stops.stops ? GGDM_ECANCELLED : GGDM_ECOMM,
                       "the MPI world ended before its work was done (mpirun: wait status %d)",
                       end.wait_status);
    return st;
}
