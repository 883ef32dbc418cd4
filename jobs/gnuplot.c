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
enum { LOG, MAX_OUTPUTS = 1 + GGDM_GNUPLOT_KINDS * GGDM_GNUPLOT_PAGES };

/* Pixels of the PNG are points of the others. */
static const struct {
    const char *ending, *terminal, *unit;
    double per_unit;
} kinds[GGDM_GNUPLOT_KINDS] = {
    {"png", "pngcairo background 'white'", "", 1},
    {"svg", "svg background 'white'", "", 1},
    {"pdf", "pdfcairo background 'white' fontscale 0.75 linewidth 1.5", "in", 72},
};

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

void ggdm_gnuplot_names(FILE *script, const char *figure, int pages)
{
    for (int page = 1; page <= pages; page++)
        for (int i = 0; i < GGDM_GNUPLOT_KINDS; i++) {
            char name[GGDM_GNUPLOT_NAME_SIZE];
            ggdm_gnuplot_page(figure, page, kinds[i].ending, name);
            fprintf(script, "if (!exists('%s%d')) %s%d = '%s'\n", kinds[i].ending, page,
                    kinds[i].ending, page, name);
        }
}

void ggdm_gnuplot_begin_page(FILE *script, int kind, int page, int width, int height)
{
    fprintf(script, "set terminal %s size %.6g%s,%.6g%s noenhanced\nset output %s%d\n",
            kinds[kind].terminal, width / kinds[kind].per_unit, kinds[kind].unit,
            height / kinds[kind].per_unit, kinds[kind].unit, kinds[kind].ending, page);
}

void ggdm_gnuplot_quoted(FILE *script, const char *text)
{
    for (; *text == '\''; text++) /* where a text begins so, its second quote ends it for gnuplot */
        fputs("\"'\".", script);
    fputc('\'', script);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', script);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, script);
    }
    fputc('\'', script);
}

static void output_name(const drawing *d, int output, char name[GGDM_GNUPLOT_NAME_SIZE])
{
    if (output == LOG)
        ggdm_gnuplot_page(d->figure, 1, "log", name);
    else
        ggdm_gnuplot_page(d->figure, 1 + (output - 1) / GGDM_GNUPLOT_KINDS,
                          kinds[(output - 1) % GGDM_GNUPLOT_KINDS].ending, name);
}

/* Where the script finds its outputs: "png1 = '/proc/self/fd/7'; svg1 = ...". */
static void output_variables(const drawing *d, char *text, size_t size)
{
    size_t n = 0;
    text[0] = '\0';
    for (int i = 1; i < d->n && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%d = '/proc/self/fd/%d'; ",
                              kinds[(i - 1) % GGDM_GNUPLOT_KINDS].ending,
                              1 + (i - 1) / GGDM_GNUPLOT_KINDS, d->fds[i]);
}

/* Our environment, in the time zone that a PDF is to name; owned, its texts are not. */
static ggdm_status make_environment(char ***out, ggdm_error *err)
{
    size_t n = 0, k = 0;
    while (environ[n])
        n++;
    GGDM_TRY(ggdm_alloc(out, n + 2, sizeof **out, err));
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "TZ=", 3) != 0)
            (*out)[k++] = environ[i];
    (*out)[k] = "TZ=UTC0";
    return GGDM_OK;
}

/* Run gnuplot on the script in dir, no shell between.  Returns 0, or why it did not work: what the
 * system says, -1 when gnuplot itself failed. */
static int run_gnuplot(const drawing *d, char **environment)
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
        code = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0)
        return code;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* A picture is a function of its script alone: the moment when a PDF was made is none of it.
 * (Since 1.18 cairo may write it compressed, where it is not found and stays.) */
static void forget_moment(ggdm_bytes *bytes)
{
    static const char key[] = "/CreationDate (D:", moment[] = "19700101000000";
    char *at = memmem(bytes->data, bytes->size, key, sizeof key - 1);
    if (!at || (size_t)(at - (char *)bytes->data) + sizeof key + sizeof moment > bytes->size)
        return;
    memcpy(at + sizeof key - 1, moment, sizeof moment - 1);
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
    forget_moment(&bytes);
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
    char **environment = NULL;
    GGDM_TRY(make_environment(&environment, err));
    const int code = run_gnuplot(d, environment);
    free(environment);
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
    drawing d = {.dir = dir, .figure = figure, .n = 1 + GGDM_GNUPLOT_KINDS * pages};
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
