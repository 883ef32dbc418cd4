#include "common/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

static ggdm_status fail_errno(ggdm_error *err, const char *what, const char *path)
{
    return GGDM_FAIL_ERRNO(err, errno, "cannot %s %s", what, path);
}

/* O_NONBLOCK so that a FIFO does not hang us before the check. */
ggdm_status ggdm_file_open(const char *path, ggdm_file *out, ggdm_error *err)
{
    struct stat sb;
    *out = (ggdm_file){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (out->fd < 0)
        return fail_errno(err, "open", path);
    ggdm_status st = GGDM_OK;
    if (fstat(out->fd, &sb) != 0)
        st = fail_errno(err, "stat", path);
    else if (!S_ISREG(sb.st_mode))
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s is %s, expected a regular file", path,
                       S_ISDIR(sb.st_mode) ? "a directory" : "a special file");
    else
        out->size = (size_t)sb.st_size;
    if (st != GGDM_OK)
        ggdm_file_close(out);
    return st;
}

void ggdm_file_close(ggdm_file *file)
{
    if (file->path && file->fd >= 0)
        close(file->fd);
    *file = (ggdm_file){0};
}

/* Up to size bytes, less only at the end of the file; -1: errno. */
static ssize_t read_up_to(int fd, size_t at, char *out, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = pread(fd, out + got, size - got, (off_t)(at + got));
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

ggdm_status ggdm_file_read(const ggdm_file *file, size_t at, void *out, size_t size,
                           ggdm_error *err)
{
    ssize_t got = read_up_to(file->fd, at, out, size);
    if (got < 0)
        return fail_errno(err, "read", file->path);
    if ((size_t)got != size)
        return GGDM_FAIL(err, GGDM_EIO, "%s changed while it was read: %zu bytes, expected %zu",
                         file->path, at + (size_t)got, file->size);
    return GGDM_OK;
}

ggdm_status ggdm_read_file(const char *path, size_t max, char **out, size_t *size, ggdm_error *err)
{
    ggdm_file file;
    char *text = NULL;
    *out = NULL;
    if (size)
        *size = 0;
    GGDM_TRY(ggdm_file_open(path, &file, err));
    ggdm_status st = GGDM_OK;
    if (file.size > max) {
        st = GGDM_FAIL(err, GGDM_EINVAL, "%s has %zu bytes, expected at most %zu", path, file.size,
                       max);
        goto done;
    }
    GGDM_TRY_GOTO(st, ggdm_alloc(&text, file.size + 1, 1, err), done);
    GGDM_TRY_GOTO(st, ggdm_file_read(&file, 0, text, file.size, err), done);
    /* One byte more than stat said: a file that grows meanwhile is noticed. */
    if (read_up_to(file.fd, file.size, text + file.size, 1) != 0) {
        st = GGDM_FAIL(err, GGDM_EIO, "%s changed while it was read", path);
        goto done;
    }
    text[file.size] = '\0';
    *out = text;
    text = NULL;
    if (size)
        *size = file.size;
done:
    free(text);
    ggdm_file_close(&file);
    return st;
}

ggdm_status ggdm_read_text(const char *path, size_t max, char **out, ggdm_error *err)
{
    size_t size = 0;
    GGDM_TRY(ggdm_read_file(path, max, out, &size, err));
    if (strlen(*out) == size)
        return GGDM_OK;
    free(*out);
    *out = NULL;
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s: contains a NUL byte", path);
}

ggdm_status ggdm_bytes_reserve(const ggdm_file *file, ggdm_bytes *out, ggdm_error *err)
{
    *out = (ggdm_bytes){.data = (void *)""};
    if (file->size == 0)
        return GGDM_OK;
    void *p = mmap(NULL, file->size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: no memory for its %zu bytes", file->path,
                         file->size);
    *out = (ggdm_bytes){p, file->size};
    return GGDM_OK;
}

ggdm_status ggdm_bytes_read(const ggdm_file *file, size_t at, ggdm_bytes *bytes, ggdm_error *err)
{
    size_t memory = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    if (bytes->size > memory)
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s has %zu bytes, more than the memory of this machine",
                         file->path, bytes->size);
    return ggdm_file_read(file, at, (char *)bytes->data + at, bytes->size - at, err);
}

void ggdm_bytes_deinit(ggdm_bytes *bytes)
{
    if (bytes->data && bytes->size)
        munmap(bytes->data, bytes->size);
    *bytes = (ggdm_bytes){0};
}

ggdm_status ggdm_make_dirs(const char *path, ggdm_error *err)
{
    char *copy;
    GGDM_TRY(ggdm_strdup(path, &copy, err));
    ggdm_status st = GGDM_OK;
    for (char *p = copy + (*copy == '/');; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char stop = *p;
        *p = '\0';
        if (*copy && mkdir(copy, 0777) != 0 && (errno != EEXIST || !ggdm_is_dir(copy))) {
            if (errno == EEXIST)
                errno = ENOTDIR;
            st = fail_errno(err, "create directory", copy);
            break;
        }
        *p = stop;
        if (stop == '\0')
            break;
    }
    free(copy);
    return st;
}

ggdm_status ggdm_missing_dir(const char *path, char **out, ggdm_error *err)
{
    char *at;
    GGDM_TRY(ggdm_strdup(path, out, err));
    if (ggdm_exists(path)) {
        free(*out);
        *out = NULL;
        return GGDM_OK;
    }
    while ((at = strrchr(*out, '/')) && at > *out) {
        *at = '\0';
        if (!ggdm_exists(*out))
            continue;
        *at = '/';
        break;
    }
    return GGDM_OK;
}

void ggdm_remove_empty_dirs(const char *path, const char *first)
{
    char *copy, *at;
    if (ggdm_strdup(path, &copy, NULL) != GGDM_OK)
        return;
    for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
        copy[n - 1] = '\0';
    while (rmdir(copy) == 0 && strlen(copy) > strlen(first) && (at = strrchr(copy, '/')))
        *at = '\0';
    free(copy);
}

ggdm_status ggdm_sync_dir(const char *dir, ggdm_error *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, "open directory", dir);
    ggdm_status st = GGDM_OK;
    if (fsync(fd) != 0 && errno != EINVAL)
        st = fail_errno(err, "sync directory", dir);
    close(fd);
    return st;
}

ggdm_status ggdm_sync_dir_of(const char *path, ggdm_error *err)
{
    char *dir;
    GGDM_TRY(ggdm_folder_of(path, &dir, err));
    ggdm_status st = ggdm_sync_dir(dir, err);
    free(dir);
    return st;
}

bool ggdm_ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

bool ggdm_exists(const char *path)
{
    struct stat sb;
    return stat(path, &sb) == 0;
}

bool ggdm_is_dir(const char *path)
{
    struct stat sb;
    return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

ggdm_status ggdm_path_join(const char *dir, const char *name, char **out, ggdm_error *err)
{
    size_t n = strlen(dir);
    if (n == 0 || name[0] == '/')
        return ggdm_strdup(name, out, err);
    return ggdm_asprintf(out, err, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

ggdm_status ggdm_folder_of(const char *path, char **out, ggdm_error *err)
{
    const char *slash = strrchr(path, '/');
    int n = slash && slash != path ? (int)(slash - path) : 1;
    return ggdm_asprintf(out, err, "%.*s", n, slash ? path : ".");
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info, (void)type, (void)place;
    return remove(path);
}

void ggdm_remove_tree(const char *dir)
{
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
