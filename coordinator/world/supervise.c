#include "coordinator/world/supervise.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/log.h"
#include "common/plural.h"
#include "coordinator/world/blame.h"
#include "coordinator/world/world.h"

/* Worlds in a row without progress until the supervisor gives up.  Where a worker was to blame its
 * unit comes nearer to quarantine each time, which is progress of a kind. */
#define MAX_FRUITLESS 5
#define MAX_FRUITLESS_BLAMED 30
#define STEADY_SECONDS 150.0   /* of work count as progress: checkpoints were written */
#define MAX_PAUSE_SECONDS 30.0 /* between two worlds */
#define MAX_LOOKS 3            /* for hosts, when none answers */
#define LOOK_AGAIN_SECONDS 10.0

typedef struct supervisor {
    const ggdm_supervision *s;
    ggdm_launch launch;
    ggdm_stop_watch stops;
    ggdm_blame blame;      /* of the losses that the next world will find */
    int culprit;           /* BLAME_WORKER */
    int64_t images, units; /* done at best so far */
    int fruitless, blamed; /* worlds in a row without progress, of these with a culprit */
    int worlds;
} supervisor;

/* ---- what happened ---- */

/* Rank 0 ended by itself, with a code and a message of its own, but could not write it down: it
 * refused the run before it had opened it, or its disk is full. */
static bool has_spoken(const ggdm_world_end *end, int *exit_code)
{
    static const int codes[] = {GGDM_EXIT_USAGE, GGDM_EXIT_INTERNAL, GGDM_EXIT_INTERRUPTED};
    const ggdm_obituary *o = &end->obituary;
    if (end->hung[0] || strcmp(end->status.phase, "lost") == 0 || !WIFEXITED(end->wait_status) ||
        (o->rank > 0) || o->signal)
        return false;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (WEXITSTATUS(end->wait_status) == codes[i]) {
            *exit_code = codes[i];
            return true;
        }
    return false;
}

/* mpirun ends a broken world with SIGTERM, which its coordinator may take for a wish to stop. */
static bool was_broken_off(const ggdm_world_end *end)
{
    const ggdm_obituary *o = &end->obituary;
    return strcmp(end->status.phase, "interrupted") == 0 &&
           (o->rank > 0 || o->host_lost || end->hung[0] || WIFSIGNALED(end->wait_status));
}

static bool has_result(const ggdm_world_end *end, bool stopped, int *exit_code)
{
    if (end->status.ours && end->status.exit_code >= 0 && strcmp(end->status.phase, "lost") != 0 &&
        (stopped || !was_broken_off(end))) {
        *exit_code = end->status.exit_code;
        return true;
    }
    return has_spoken(end, exit_code);
}

/* Why the world was lost, in words, and whose fault it was. */
static ggdm_blame judge_end(const ggdm_world_end *end, int *culprit, char *why, size_t size)
{
    const ggdm_obituary *o = &end->obituary;
    const ggdm_world_status *s = &end->status;
    int status = end->wait_status;
    if (strcmp(s->phase, "lost") == 0) {
        snprintf(why, size, "%s", s->message);
        *culprit = s->lost_rank;
        return s->lost_rank > 0 ? GGDM_BLAME_WORKER : GGDM_BLAME_NOBODY;
    }
    if (end->hung[0]) {
        snprintf(why, size, "%s", end->hung);
        return GGDM_BLAME_NOBODY;
    }
    if (o->rank >= 0) {
        char who[96];
        snprintf(who, sizeof who, o->rank ? "worker %d%s%s" : "its coordinator%.0d%s%s", o->rank,
                 o->host[0] ? " on " : "", o->host);
        if (o->signal)
            snprintf(why, size, "%s died of signal %d (%s)", who, o->signal, strsignal(o->signal));
        else
            snprintf(why, size, "%s %s with code %d", who, o->aborted ? "gave up" : "exited",
                     o->exit_code);
        *culprit = o->rank;
        return o->rank > 0 && !o->aborted ? GGDM_BLAME_WORKER : GGDM_BLAME_NOBODY;
    }
    if (o->host_lost) {
        snprintf(why, size, "host %s was lost", o->host);
        return GGDM_BLAME_NOBODY;
    }
    if (WIFSIGNALED(status)) {
        snprintf(why, size, "mpirun died of signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        return GGDM_BLAME_NOBODY;
    }
    snprintf(why, size, "mpirun ended with code %d", WEXITSTATUS(status));
    return GGDM_BLAME_UNKNOWN;
}

/* ---- what now ---- */

/* Remember for the next world whose fault it was.  A world that did not open the run leaves what
 * the one before it had to say. */
static void remember_blame(supervisor *v, const ggdm_world_end *end, ggdm_blame blame, int culprit)
{
    if (!end->status.ours)
        return;
    v->blame = blame;
    v->culprit = culprit;
}

static void count_progress(supervisor *v, const ggdm_world_end *end)
{
    const ggdm_world_status *s = &end->status;
    bool progress = s->images_done > v->images || s->units_ended > v->units;
    if (s->ours && progress) {
        v->images = s->images_done;
        v->units = s->units_ended;
    }
    if ((s->ours && progress) || end->seconds >= STEADY_SECONDS) {
        v->fruitless = v->blamed = 0;
        return;
    }
    v->fruitless++;
    v->blamed += s->ours && v->blame == GGDM_BLAME_WORKER;
}

/* Pause before the next world: none at first, then 1, 2, 4 ... s. */
static double pause_seconds(const supervisor *v)
{
    int n = v->fruitless - v->blamed;
    double seconds = n < 2 ? 0 : n < 7 ? 1 << (n - 2) : MAX_PAUSE_SECONDS;
    return seconds < MAX_PAUSE_SECONDS ? seconds : MAX_PAUSE_SECONDS;
}

/* Which hosts are left?  True when one that was used does not answer any more.  A network that is
 * away for a moment gets a second and a third look. */
static bool look_at_hosts(supervisor *v)
{
    ggdm_hosts *h = v->s->hosts;
    if (h->n < 2)
        return false;
    bool lost = ggdm_launch_probe(h);
    for (int i = 1; i < MAX_LOOKS && ggdm_hosts_in(h) == 0 && v->stops.stops == 0; i++) {
        ggdm_stop_watch_sleep(&v->stops, LOOK_AGAIN_SECONDS);
        ggdm_launch_probe(h);
    }
    int slots = ggdm_hosts_slots(h);
    v->launch.workers = slots < v->s->launch.workers ? slots : v->s->launch.workers;
    return lost;
}

static ggdm_status prepare_next(supervisor *v, const ggdm_world_end *end, ggdm_error *err)
{
    char why[700];
    int culprit = -1;
    ggdm_blame blame = judge_end(end, &culprit, why, sizeof why);
    if (end->kept_words && blame == GGDM_BLAME_UNKNOWN) { /* mpirun's, which may say more */
        size_t n = strlen(why);
        snprintf(why + n, sizeof why - n, " (see %s)", v->s->launch.log);
    }
    if (look_at_hosts(v))
        blame = GGDM_BLAME_NOBODY; /* who died there died with the host */
    remember_blame(v, end, blame, culprit);
    count_progress(v, end);
    if (v->s->hosts->n && ggdm_hosts_in(v->s->hosts) == 0)
        return GGDM_FAIL(err, GGDM_ECOMM,
                         "%s; no host is left that answers; the same command continues the run",
                         why);
    if (v->fruitless - v->blamed >= MAX_FRUITLESS || v->fruitless >= MAX_FRUITLESS_BLAMED)
        return GGDM_FAIL(err, GGDM_ECOMM,
                         "%s; giving up after %d worlds in a row without progress; the same "
                         "command continues the run",
                         why, v->fruitless);
    static const char *const pays[] = {
        [GGDM_BLAME_UNKNOWN] = "every unit that ran counts a loss",
        [GGDM_BLAME_OUTSIDE] = "every unit that ran counts a loss",
        [GGDM_BLAME_NOBODY] = "no unit is to blame",
        [GGDM_BLAME_WORKER] = "the unit it ran counts a loss",
    };
    double pause = pause_seconds(v);
    char when[32] = "now";
    if (pause > 0)
        snprintf(when, sizeof when, "in %.0f s", pause);
    ggdm_log(GGDM_LOG_WARN, "world %d was lost: %s; %s; starting again %s with %d worker%s",
             v->worlds, why, end->status.ours ? pays[blame] : "no unit had begun", when,
             v->launch.workers, ggdm_plural(v->launch.workers));
    ggdm_stop_watch_sleep(&v->stops, pause);
    return GGDM_OK;
}

static ggdm_status cancelled(const ggdm_world_end *end, ggdm_error *err)
{
    return GGDM_FAIL(err, GGDM_ECANCELLED, "stopped%s; the same command continues the run",
                     end->status.ours ? "" : " before the run was opened");
}

static ggdm_status run_worlds(supervisor *v, int *exit_code, bool *at_rest, ggdm_error *err)
{
    for (;;) {
        char loss[GGDM_BLAME_TEXT];
        ggdm_world_end end;
        v->worlds++;
        ggdm_blame_text(v->blame, v->culprit, loss);
        GGDM_TRY(ggdm_world_run(&v->launch, loss, &v->stops, &end, err));
        if (has_result(&end, v->stops.stops > 0, exit_code))
            return GGDM_OK;
        if (v->stops.stops)
            return cancelled(&end, err);
        if (WIFEXITED(end.wait_status) && WEXITSTATUS(end.wait_status) == GGDM_EXEC_FAILED)
            return GGDM_FAIL(err, GGDM_EIO, "cannot start mpirun");
        if (end.status.ours && end.status.units_left == 0) {
            *at_rest = true;
            return GGDM_OK;
        }
        GGDM_TRY(prepare_next(v, &end, err));
        if (v->stops.stops)
            return cancelled(&end, err);
    }
}

ggdm_status ggdm_supervise(const ggdm_supervision *s, int *exit_code, bool *at_rest,
                           ggdm_error *err)
{
    supervisor v = {.s = s,
                    .launch = s->launch,
                    .blame = GGDM_BLAME_OUTSIDE, /* units still running: all of it was killed */
                    .images = s->images_done};
    *at_rest = false;
    GGDM_TRY(ggdm_stop_watch_begin(&v.stops, err));
    ggdm_status st = run_worlds(&v, exit_code, at_rest, err);
    ggdm_stop_watch_end(&v.stops);
    return st;
}
