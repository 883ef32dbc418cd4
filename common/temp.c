#include "common/temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/process.h"

/* Of a host or PID namespace that is not ours: nobody writes one file for so long. */
#define SURELY_DEAD_SECONDS 86400.0

/* ---- names ---------------------------------------------------------------------------------- */

/* Where our process ids mean something. */
static uint32_t home_of(const ggdm_process *p)
{
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash h;
    ggdm_hash_init(&h);
    ggdm_hash_text(&h, p->host);
    ggdm_hash_text(&h, p->space);
    ggdm_hash_final(&h, digest);
    return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
           digest[3];
}

/* Whose is it?  What other programs put beside it (NAME-journal) counts as well. */
static bool parse_name(const char *name, uint32_t *home, int64_t *pid, int64_t *started)
{
    const char *at = strstr(name, ".tmp-");
    int used = 0;
    return at &&
           sscanf(at, ".tmp-%8" SCNx32 "-%" SCNd64 "-%" SCNd64 "-%*u%n", home, pid, started,
                  &used) == 3 &&
           used > 0 && (at[used] == '\0' || at[used] == '-');
}

bool ggdm_is_temp_name(const char *name)
{
    uint32_t home;
    int64_t pid, started;
    return parse_name(name, &home, &pid, &started);
}

/* ---- those of the dead ---------------------------------------------------------------------- */

static bool is_dead(const char *name, const struct stat *info, const ggdm_process *self)
{
    uint32_t home;
    int64_t pid, started;
    if (!parse_name(name, &home, &pid, &started) || info->st_uid != geteuid())
        return false;
    if (home == home_of(self))
        return ggdm_process_started(pid) != started;
    return ggdm_wall_clock() - (double)info->st_mtime > SURELY_DEAD_SECONDS;
}

static void sweep_dir(const char *dir, const ggdm_process *self)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (const struct dirent *e; (e = readdir(d));) {
        struct stat info;
        char *path = NULL;
        if (!strstr(e->d_name, ".tmp-") ||
            fstatat(dirfd(d), e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !is_dead(e->d_name, &info, self))
            continue;
        if (!S_ISDIR(info.st_mode))
            unlinkat(dirfd(d), e->d_name, 0);
        else if (ggdm_path_join(dir, e->d_name, &path, NULL) == GGDM_OK)
            ggdm_remove_tree(path);
        free(path);
    }
    closedir(d);
}

/* Once for a directory, however many files are written there one after the other. */
static void sweep_once(const char *path, const ggdm_process *self)
{
    static _Thread_local char last[PATH_MAX];
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX];
    int n = slash ? (int)(slash - path) + (slash == path) : 1;
    if (snprintf(dir, sizeof dir, "%.*s", n, slash ? path : ".") >= PATH_MAX ||
        strcmp(dir, last) == 0)
        return;
    strcpy(last, dir);
    sweep_dir(dir, self);
}

ggdm_status ggdm_temp_name(const char *path, char **out, ggdm_error *err)
{
    static atomic_uint count;
    ggdm_process self;
    ggdm_process_self(&self);
    sweep_once(path, &self);
    return ggdm_asprintf(out, err, "%s.tmp-%08" PRIx32 "-%" PRId64 "-%" PRId64 "-%u", path,
                         home_of(&self), self.pid, self.started, atomic_fetch_add(&count, 1));
}

/* ---- files ---------------------------------------------------------------------------------- */

static ggdm_status fail_temp(const ggdm_temp *t, ggdm_error *err)
{
    return GGDM_FAIL_ERRNO(err, errno, "cannot write %s", t->path);
}

ggdm_status ggdm_temp_open(const char *path, ggdm_temp *out, ggdm_error *err)
{
    ggdm_temp t = {.fd = -1};
    ggdm_status st;
    *out = (ggdm_temp){.fd = -1};
    GGDM_TRY_GOTO(st, ggdm_strdup(path, &t.path, err), done);
    do { /* a name that is taken already is not ours */
        free(t.name);
        t.name = NULL;
        GGDM_TRY_GOTO(st, ggdm_temp_name(path, &t.name, err), done);
        t.fd = open(t.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (t.fd < 0 && errno == EEXIST);
    if (t.fd < 0) {
        st = fail_temp(&t, err);
        goto done;
    }
    *out = t;
    return GGDM_OK;
done:
    free(t.path);
    free(t.name);
    return st;
}

void ggdm_temp_abort(ggdm_temp *t)
{
    int why = errno;
    if (t->fd >= 0 && t->name)
        close(t->fd);
    if (t->name)
        unlink(t->name);
    free(t->path);
    free(t->name);
    *t = (ggdm_temp){.fd = -1};
    errno = why;
}

/* Through a descriptor of our own where others wrote. */
static bool sync_and_close(ggdm_temp *t)
{
    int fd = t->fd >= 0 ? t->fd : open(t->name, O_RDONLY | O_CLOEXEC);
    t->fd = -1;
    bool good = fd >= 0 && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && good) {
        good = false;
        why = errno;
    }
    errno = why;
    return good;
}

ggdm_status ggdm_temp_commit(ggdm_temp *t, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    if (!sync_and_close(t) || rename(t->name, t->path) != 0) {
        st = fail_temp(t, err);
    } else {
        st = ggdm_sync_dir_of(t->path, err);
        free(t->name); /* there is nothing under it any more */
        t->name = NULL;
    }
    ggdm_temp_abort(t);
    return st;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

ggdm_status ggdm_replace_file(const char *path, const void *data, size_t size, ggdm_error *err)
{
    ggdm_temp t;
    GGDM_TRY(ggdm_temp_open(path, &t, err));
    if (write_all(t.fd, data, size))
        return ggdm_temp_commit(&t, err);
    ggdm_status st = fail_temp(&t, err);
    ggdm_temp_abort(&t);
    return st;
}

ggdm_status ggdm_replace_file_in(const char *dir, const char *name, const void *data, size_t size,
                                 ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(dir, name, &path, err));
    ggdm_status st = ggdm_replace_file(path, data, size, err);
    free(path);
    return st;
}

/* ---- directories ---------------------------------------------------------------------------- */

ggdm_status ggdm_make_temp_dir(const char *name, char **out, ggdm_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(tmp && *tmp ? tmp : "/tmp", name, &path, err));
    ggdm_status st = ggdm_temp_name(path, out, err);
    free(path);
    if (st != GGDM_OK || mkdir(*out, 0700) == 0)
        return st;
    st = GGDM_FAIL_ERRNO(err, errno, "cannot create directory %s", *out);
    free(*out);
    *out = NULL;
    return st;
}
