/* The owner's record: FILE.owner, or DIR/ggdm.owner, RECORD_SIZE bytes of text.
 *
 *   token 5c1f...         16 random bytes in hex: a new one for each owner, never used again
 *   host node07           gethostname
 *   boot 0f6a...          /proc/sys/kernel/random/boot_id
 *   space pid:[4026531]   PID namespace: where process ids mean the same
 *   pid 4711
 *   started 891234        clock ticks from boot to its start, plus 1: tells it from a later process
 *                         of the same number
 *   job 12                SLURM_JOB_ID, or "-"
 *   epoch 3               fencing epoch of the run; 0: not known yet
 *   file 1310724          inode of the file that is owned; 0: it was not there yet
 *   beat 17               signs of life so far
 *   at 1764489600         wall clock at the last one, for people: nothing is decided by it
 *
 * All lines in this order, each "KEY VALUE" with a value of 1 to TEXT - 1 bytes without white space
 * ("-" where the system does not tell); behind them spaces, and a line feed at the end.  The size
 * is fixed so that a sign of life is one write over the old record: readers see no length change,
 * and no second file is needed.  A text that is not this is a record all the same, of an unknown
 * owner with the token "": it is waited for like one on another host, never taken for none.
 *
 * How it changes, so that of many processes one wins:
 *
 *   appears   written and synced as a temporary file, then link(2), which fails where there is one.
 *             Without links: O_EXCL, and whoever looks too early sees an unknown owner
 *   beats     by its owner, after it has read its own token: when the last sign is GGDM_OWNER_BEAT
 *             seconds old, or the epoch is new
 *   is taken  by a challenger to whom it is dead (owner.h): rename(2) to a temporary name, then
 * read again; another token or beat means that it lived, and it is linked back goes      by its
 * owner, if the token is its own
 *
 * An owner that finds no record writes it again; one that finds another token has lost, and stops.
 * docs/decisions/009-one-owner-in-the-cluster.md has the reasons. */
#include "common/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/process.h"
#include "common/temp.h"

#define LOOK_SECONDS 0.05 /* between two looks at another's record */
enum { RECORD_SIZE = 640, TEXT = GGDM_PROCESS_TEXT };

typedef struct record {
    char token[TEXT];
    ggdm_process who;
    char job[TEXT];
    int64_t epoch, file, beat, at;
} record;

struct ggdm_owner {
    char *file, *path;
    record mine;
    double last_beat; /* by alive_clock */
    bool lost;
};

/* Goes on while the machine sleeps: a lease must not stand still then. */
static double alive_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- who am I ------------------------------------------------------------------------------- */

static int64_t inode_of(const char *file)
{
    struct stat info;
    return stat(file, &info) == 0 ? (int64_t)info.st_ino : 0;
}

static ggdm_status record_path(const char *file, char **out, ggdm_error *err)
{
    const char *own = ggdm_is_dir(file) ? "/ggdm" : "";
    return ggdm_asprintf(out, err, "%s%s" GGDM_OWNER_SUFFIX, file, own);
}

static ggdm_status describe_self(record *r, ggdm_error *err)
{
    const char *job = getenv("SLURM_JOB_ID");
    uint8_t random[16];
    *r = (record){0};
    ggdm_process_self(&r->who);
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return GGDM_FAIL_ERRNO(err, errno, "getrandom");
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(r->token + 2 * i, 3, "%02x", random[i]);
    snprintf(r->job, TEXT, "%.40s", job && *job && !strpbrk(job, " \n") ? job : "-");
    return GGDM_OK;
}

/* ---- the file ------------------------------------------------------------------------------- */

static void format_record(const record *r, char out[RECORD_SIZE])
{
    char text[RECORD_SIZE];
    int n = snprintf(text, sizeof text,
                     "token %s\nhost %s\nboot %s\nspace %s\npid %" PRId64 "\nstarted %" PRId64
                     "\njob %s\nepoch %" PRId64 "\nfile %" PRId64 "\nbeat %" PRId64 "\nat %" PRId64
                     "\n",
                     r->token, r->who.host, r->who.boot, r->who.space, r->who.pid, r->who.started,
                     r->job, r->epoch, r->file, r->beat, r->at);
    memset(out, ' ', RECORD_SIZE);
    memcpy(out, text, (size_t)(n < RECORD_SIZE ? n : RECORD_SIZE - 1));
    out[RECORD_SIZE - 1] = '\n';
}

/* What cannot be read is somebody's all the same: its token is "". */
static void parse_record(const char *text, record *r)
{
    *r = (record){.job = "-"};
    if (sscanf(text,
               "token %79s host %79s boot %79s space %79s pid %" SCNd64 " started %" SCNd64
               " job %79s epoch %" SCNd64 " file %" SCNd64 " beat %" SCNd64 " at %" SCNd64,
               r->token, r->who.host, r->who.boot, r->who.space, &r->who.pid, &r->who.started,
               r->job, &r->epoch, &r->file, &r->beat, &r->at) != 11)
        *r = (record){.who.host = "an unknown host", .job = "-"};
}

/* Opened each time: only then do network file systems look at what the server has. */
static bool read_record(const char *path, int flags, int *fd, record *r)
{
    char text[RECORD_SIZE + 1];
    *fd = open(path, flags | O_CLOEXEC);
    if (*fd < 0)
        return false;
    ssize_t n = pread(*fd, text, RECORD_SIZE, 0);
    text[n > 0 ? n : 0] = '\0';
    parse_record(text, r);
    return true;
}

static bool look_at_record(const char *path, record *r)
{
    int fd;
    bool there = read_record(path, O_RDONLY, &fd, r);
    if (there)
        close(fd);
    return there;
}

static bool write_record(int fd, record *r)
{
    char text[RECORD_SIZE];
    r->beat++;
    r->at = (int64_t)ggdm_wall_clock();
    format_record(r, text);
    return pwrite(fd, text, RECORD_SIZE, 0) == RECORD_SIZE;
}

static bool write_new(const char *path, record *r)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool good = fd >= 0 && write_record(fd, r);
    if (good) /* after a power cut it must tell whose it was: what cannot be read is waited for */
        fsync(fd);
    if (fd >= 0)
        good = close(fd) == 0 && good;
    return good;
}

/* Make the record; *made = false when there is one.  It appears whole, but on file systems without
 * links. */
static ggdm_status create_record(ggdm_owner *o, bool *made, ggdm_error *err)
{
    char *temp = NULL;
    GGDM_TRY(ggdm_temp_name(o->path, &temp, err));
    bool good = write_new(temp, &o->mine) && link(temp, o->path) == 0;
    if (!good && (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS))
        good = write_new(o->path, &o->mine);
    int why = errno;
    *made = good;
    unlink(temp);
    free(temp);
    if (good || why == EEXIST)
        return GGDM_OK;
    return GGDM_FAIL_ERRNO(err, why, "%s: cannot note the owner", o->path);
}

/* ---- is the other one alive ----------------------------------------------------------------- */

static ggdm_life judge_owner(const ggdm_owner *o, const record *r)
{
    int64_t file = inode_of(o->file);
    if (r->file && r->file != file)
        return GGDM_DEAD; /* of the file that this one was copied from, or that was here before */
    return *r->token ? ggdm_process_life(&r->who, &o->mine.who) : GGDM_LIFE_UNKNOWN;
}

static ggdm_status in_use(const ggdm_owner *o, const record *r, ggdm_error *err)
{
    char job[TEXT + 16] = "", epoch[32] = "";
    if (r->epoch)
        snprintf(epoch, sizeof epoch, ", epoch %" PRId64, r->epoch);
    if (strcmp(r->job, "-") != 0)
        snprintf(job, sizeof job, ", Slurm job %s", r->job);
    bool here = strcmp(r->who.host, o->mine.who.host) == 0;
    return GGDM_FAIL(err, GGDM_ESTATE,
                     "%s: in use by another ggdm process: %s, process %" PRId64 "%s%s%s", o->file,
                     here ? "on this host" : r->who.host, r->who.pid, job, epoch,
                     here ? "" : "; if it is surely dead, use --take-over");
}

/* Move a dead record out of the way, unless it has just become another one's. */
static ggdm_status bury_record(ggdm_owner *o, const record *dead, ggdm_error *err)
{
    char *grave = NULL;
    record moved;
    GGDM_TRY(ggdm_temp_name(o->path, &grave, err));
    ggdm_status st = GGDM_OK;
    if (rename(o->path, grave) == 0) {
        if (look_at_record(grave, &moved) &&
            (strcmp(moved.token, dead->token) != 0 || moved.beat != dead->beat))
            link(grave, o->path);
        unlink(grave);
    } else if (errno != ENOENT) {
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot remove a dead owner's record", o->path);
    }
    free(grave);
    return st;
}

/* One try.  seen: the record that is watched, and since when it did not change. */
typedef struct watch {
    record seen;
    double begun, since;
    bool moved; /* its owner gave a sign */
} watch;

/* Does Slurm say that its job has ended, or has it started that again, as us? */
static bool job_is_over(const ggdm_owner *o, const ggdm_owner_options *options, const record *r)
{
    char word[TEXT + 3];
    snprintf(word, sizeof word, " %s ", r->job);
    return strcmp(r->job, "-") != 0 &&
           (strcmp(r->job, o->mine.job) == 0 || (options->over && strstr(options->over, word)));
}

static ggdm_status try_once(ggdm_owner *o, const ggdm_owner_options *options, watch *w, bool *made,
                            ggdm_error *err)
{
    record r;
    double now = ggdm_now(), silence = options->silence > 0 ? options->silence : GGDM_OWNER_SILENCE;
    if (!look_at_record(o->path, &r))
        return create_record(o, made, err);
    if (job_is_over(o, options, &r))
        silence = fmin(silence, GGDM_OWNER_SILENCE_JOB);
    if (strcmp(r.token, w->seen.token) != 0 || r.beat != w->seen.beat || w->since == 0) {
        w->moved = w->since > 0 && strcmp(r.token, w->seen.token) == 0;
        w->seen = r;
        w->since = now;
    }
    ggdm_life l = judge_owner(o, &r);
    bool silent = now - w->since >= silence;
    if (l == GGDM_DEAD || (l == GGDM_LIFE_UNKNOWN && (silent || options->take_over))) {
        if (l == GGDM_LIFE_UNKNOWN)
            ggdm_log(GGDM_LOG_WARN, "%s: taking over from process %" PRId64 " on %s", o->file,
                     r.who.pid, r.who.host);
        return bury_record(o, &r, err);
    }
    if ((l == GGDM_ALIVE || w->moved) && now - w->begun >= options->patience)
        return in_use(o, &r, err);
    return GGDM_OK;
}

static ggdm_status take_record(ggdm_owner *o, const ggdm_owner_options *options, ggdm_error *err)
{
    watch w = {.begun = ggdm_now()};
    bool made = false, told = false;
    for (;;) {
        GGDM_TRY(try_once(o, options, &w, &made, err));
        if (made)
            return GGDM_OK;
        if (!told && ggdm_now() - w.begun > GGDM_OWNER_BEAT) {
            told = true;
            ggdm_log(GGDM_LOG_INFO,
                     "%s: waiting for a sign of its owner, process %" PRId64 " on %s", o->file,
                     w.seen.who.pid, w.seen.who.host);
        }
        ggdm_sleep(LOOK_SECONDS);
    }
}

ggdm_status ggdm_owner_take(const char *file, const ggdm_owner_options *options, ggdm_owner **out,
                            ggdm_error *err)
{
    ggdm_owner *o = NULL;
    ggdm_status st;
    *out = NULL;
    GGDM_TRY(ggdm_alloc(&o, 1, sizeof *o, err));
    GGDM_TRY_GOTO(st, ggdm_strdup(file, &o->file, err), fail);
    GGDM_TRY_GOTO(st, record_path(file, &o->path, err), fail);
    GGDM_TRY_GOTO(st, describe_self(&o->mine, err), fail);
    o->mine.file = inode_of(file);
    GGDM_TRY_GOTO(st, take_record(o, options, err), fail);
    o->last_beat = alive_clock();
    *out = o;
    return GGDM_OK;
fail:
    o->lost = true; /* whatever record there is, it is not ours */
    ggdm_owner_release(&o);
    return st;
}

ggdm_life ggdm_owner_look(const char *file)
{
    record r;
    ggdm_owner me = {.file = NULL};
    ggdm_life life = GGDM_DEAD;
    if (ggdm_strdup(file, &me.file, NULL) == GGDM_OK &&
        record_path(file, &me.path, NULL) == GGDM_OK && describe_self(&me.mine, NULL) == GGDM_OK &&
        look_at_record(me.path, &r))
        life = judge_owner(&me, &r);
    free(me.file);
    free(me.path);
    return life;
}

/* ---- staying it ----------------------------------------------------------------------------- */

/* Somebody removed our record: write it again, if nobody else is there. */
static ggdm_status restore_record(ggdm_owner *o, bool *made, ggdm_error *err)
{
    ggdm_status st = create_record(o, made, err);
    if (st == GGDM_OK && *made)
        ggdm_log(GGDM_LOG_WARN, "%s was removed while its owner lives: written again", o->path);
    return st;
}

static ggdm_status beat_now(ggdm_owner *o, ggdm_error *err)
{
    record r = {.token = ""};
    int fd;
    bool ours = false, known = read_record(o->path, O_RDWR, &fd, &r);
    if (!known && errno != ENOENT) /* not now (no descriptors, a server away): next time */
        return GGDM_OK;
    if (!known) {
        GGDM_TRY(restore_record(o, &ours, err));
        if (!ours)
            look_at_record(o->path, &r);
    } else {
        ours = strcmp(r.token, o->mine.token) == 0;
        if (ours)
            write_record(fd, &o->mine); /* fails: no sign this time */
        close(fd);
    }
    if (ours) {
        o->last_beat = alive_clock();
        return GGDM_OK;
    }
    o->lost = true;
    return in_use(o, &r, err);
}

ggdm_status ggdm_owner_beat(ggdm_owner *owner, ggdm_error *err)
{
    if (!owner) /* of a reader, who has nothing to lose */
        return GGDM_OK;
    if (owner->lost)
        return GGDM_FAIL(err, GGDM_ESTATE, "%s: another process has taken over", owner->file);
    double away = alive_clock() - owner->last_beat;
    return away >= 0 && away < GGDM_OWNER_BEAT ? GGDM_OK : beat_now(owner, err);
}

ggdm_status ggdm_owner_set_epoch(ggdm_owner *owner, int64_t epoch, ggdm_error *err)
{
    owner->mine.epoch = epoch;
    owner->mine.file = inode_of(owner->file);
    return beat_now(owner, err);
}

bool ggdm_owner_is_lost(const ggdm_owner *owner)
{
    return owner->lost;
}

void ggdm_owner_release(ggdm_owner **owner)
{
    ggdm_owner *o = *owner;
    record r;
    *owner = NULL;
    if (!o)
        return;
    if (!o->lost && o->path && look_at_record(o->path, &r) && strcmp(r.token, o->mine.token) == 0)
        unlink(o->path);
    free(o->file);
    free(o->path);
    free(o);
}
