#include "jobs/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/temp.h"

extern char **environ;

/* What gnuplot writes stays in memory, and is put in place by us: it does not say when a disk is
 * full. */
enum { LOG, N_ENDINGS = 2, MAX_OUTPUTS = 1 + N_ENDINGS * GGDM_GNUPLOT_PAGES };
static const char *const endings[N_ENDINGS] = {"png", "svg"};

typedef struct drawing {
    const char *dir, *figure;
    int n; /* outputs: the log, then of each page its endings */
    int fds[MAX_OUTPUTS];
} drawing;

void ggdm_gnuplot_page(const char *figure, int page, const char *ending,
                       char name[GGDM_GNUPLOT_NAME_SIZE])
{
    if (page == 1)
        snprintf(name, GGDM_GNUPLOT_NAME_SIZE, "%.40s.%s", figure, ending);
    else
        snprintf(name, GGDM_GNUPLOT_NAME_SIZE, "%.40s-%d.%s", figure, page, ending);
}

static void output_name(const drawing *d, int output, char name[GGDM_GNUPLOT_NAME_SIZE])
{
    if (output == LOG)
        ggdm_gnuplot_page(d->figure, 1, "log", name);
    else
        ggdm_gnuplot_page(d->figure, 1 + (output - 1) / N_ENDINGS,
                          endings[(output - 1) % N_ENDINGS], name);
}

/* Where the script finds its outputs: "png1 = '/proc/self/fd/7'; svg1 = ...". */
static void output_variables(const drawing *d, char *text, size_t size)
{
    size_t n = 0;
    text[0] = '\0';
    for (int i = 1; i < d->n && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%d = '/proc/self/fd/%d'; ",
                              endings[(i - 1) % N_ENDINGS], 1 + (i - 1) / N_ENDINGS, d->fds[i]);
}

/* Run gnuplot on the script in dir, no shell between.  Returns 0, or why it did not work: what the
 * system says, -1 when gnuplot itself failed. */
static int run_gnuplot(const drawing *d)
{
    char variables[60 * MAX_OUTPUTS], script[GGDM_GNUPLOT_NAME_SIZE];
    output_variables(d, variables, sizeof variables);
    ggdm_gnuplot_page(d->figure, 1, "gp", script);
    char *const argv[] = {"gnuplot", "--default-settings", "-e", variables, script, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    int code = posix_spawn_file_actions_addchdir_np(&actions, d->dir);
    if (code == 0)
        code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    for (int to = STDOUT_FILENO; to <= STDERR_FILENO && code == 0; to++)
        code = posix_spawn_file_actions_adddup2(&actions, d->fds[LOG], to);
    for (int i = 1; i < d->n && code == 0; i++) /* (to itself: it is to stay open) */
        code = posix_spawn_file_actions_adddup2(&actions, d->fds[i], d->fds[i]);
    if (code == 0)
        code = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0)
        return code;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* A finished figure replaces the one before; after a failure the old one stays. */
static ggdm_status put_in_place(const drawing *d, int output, ggdm_error *err)
{
    char name[GGDM_GNUPLOT_NAME_SIZE];
    struct stat info;
    ggdm_bytes bytes;
    output_name(d, output, name);
    if (fstat(d->fds[output], &info) != 0)
        return GGDM_FAIL_ERRNO(err, errno, "%s/%s", d->dir, name);
    const ggdm_file file = {.path = name, .fd = d->fds[output], .size = (size_t)info.st_size};
    GGDM_TRY(ggdm_bytes_reserve(&file, &bytes, err));
    ggdm_status st = ggdm_bytes_read(&file, 0, &bytes, err);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(d->dir, name, bytes.data, bytes.size, err);
    ggdm_bytes_deinit(&bytes);
    return st;
}

/* What an earlier, larger figure or a failure has left. */
static ggdm_status remove_rest(const drawing *d, ggdm_error *err)
{
    drawing all = {.dir = d->dir, .figure = d->figure, .n = MAX_OUTPUTS};
    for (int i = 0; i < all.n; i++) {
        char name[GGDM_GNUPLOT_NAME_SIZE], *path = NULL;
        if (i > LOG && i < d->n)
            continue;
        output_name(&all, i, name);
        GGDM_TRY(ggdm_path_join(d->dir, name, &path, err));
        unlink(path);
        free(path);
    }
    return GGDM_OK;
}

static ggdm_status draw_to(const drawing *d, bool *drawn, ggdm_error *err)
{
    int code = run_gnuplot(d);
    if (code == ENOENT) {
        ggdm_log(GGDM_LOG_WARN,
                 "gnuplot is not installed, figures are left out: install the package gnuplot-nox, "
                 "remove summary.csv and run the same command again");
        return GGDM_OK;
    }
    if (code > 0)
        return GGDM_FAIL_ERRNO(err, code, "cannot start gnuplot");
    if (code < 0) {
        char name[GGDM_GNUPLOT_NAME_SIZE];
        output_name(d, LOG, name);
        GGDM_TRY(put_in_place(d, LOG, err));
        ggdm_log(GGDM_LOG_WARN, "gnuplot failed, figures are left out: see %s/%s", d->dir, name);
        return GGDM_OK;
    }
    for (int i = 1; i < d->n; i++)
        GGDM_TRY(put_in_place(d, i, err));
    *drawn = true;
    return remove_rest(d, err);
}

ggdm_status ggdm_gnuplot_draw(const char *dir, const char *figure, int pages, bool *drawn,
                              ggdm_error *err)
{
    drawing d = {.dir = dir, .figure = figure, .n = 1 + N_ENDINGS * pages};
    ggdm_status st = GGDM_OK;
    *drawn = false;
    for (int i = 0; i < MAX_OUTPUTS; i++)
        d.fds[i] = -1;
    for (int i = 0; i < d.n && st == GGDM_OK; i++) {
        d.fds[i] = memfd_create(figure, MFD_CLOEXEC);
        if (d.fds[i] < 0)
            st = GGDM_FAIL_ERRNO(err, errno, "no memory for the figure %s", figure);
    }
    if (st == GGDM_OK)
        st = draw_to(&d, drawn, err);
    for (int i = 0; i < MAX_OUTPUTS; i++)
        if (d.fds[i] >= 0)
            close(d.fds[i]);
    return st;
}
