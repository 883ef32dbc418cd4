#include "jobs/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
#include "jobs/summary.h"

extern char **environ;

/* Accuracy of one classifier at one (kappa, window): over all cells and targets there. */
typedef struct plot_share {
    bool known;
    double p_sum, lo, hi;
    int32_t cells;
    int32_t n; /* images of distinct trajectories that it is of */
} plot_share;

typedef struct plot_point {
    double kappa;
    int32_t start, duration, target;
    double x; /* the duration; where windows start at different steps: the window's place */
    int64_t trajectory;
    int32_t n, diverged; /* images of distinct trajectories */
    int32_t cells;
    plot_share judge, guide;
} plot_point;

typedef struct plot_data {
    plot_point *points; /* owned, by kappa, then window */
    size_t n_points, cap;
    const plot_point **windows; /* [n_windows], owned: a point of each, in order; NULL: all
                                   windows start at step 0 */
    int32_t n_windows;
    int32_t n_curves, n_targets;
    int32_t n_min, n_max; /* images per point */
    bool any_diverged;
} plot_data;

/* ---- points --------------------------------------------------------------------------------- */

static int compare_windows(const plot_point *x, const plot_point *y)
{
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return (x->duration > y->duration) - (x->duration < y->duration);
}

static int by_window(const void *a, const void *b)
{
    return compare_windows(*(const plot_point *const *)a, *(const plot_point *const *)b);
}

static int by_place(const void *a, const void *b)
{
    const plot_point *x = a, *y = b;
    if (x->kappa != y->kappa)
        return x->kappa < y->kappa ? -1 : 1;
    int order = compare_windows(x, y);
    if (order == 0)
        order = (x->trajectory > y->trajectory) - (x->trajectory < y->trajectory);
    return order ? order : (x->target > y->target) - (x->target < y->target);
}

static plot_share share_of(const ggdm_scores *s)
{
    return (plot_share){.known = s->has_accuracy, .p_sum = s->accuracy.p, .cells = 1, .n = s->n};
}

static ggdm_status collect(ggdm_store *store, plot_data *d, ggdm_error *err)
{
    for (int32_t i = 0; i < ggdm_store_n_cells(store); i++) {
        ggdm_cell_summary s;
        GGDM_TRY(ggdm_cell_summarise(store, i, &s, err));
        const ggdm_cell *c = &s.cell.cell;
        plot_point p = {.kappa = c->kappa,
                        .start = c->start,
                        .duration = c->duration,
                        .x = c->duration,
                        .target = c->target,
                        .trajectory = c->trajectory,
                        .n = s.n,
                        .diverged = s.diverged,
                        .cells = 1,
                        .judge = share_of(&s.judge),
                        .guide = share_of(&s.guide)};
        ggdm_cell_summary_deinit(&s);
        if (p.n == 0 || !(p.judge.known || p.guide.known))
            continue;
        GGDM_TRY(ggdm_grow(&d->points, &d->cap, d->n_points + 1, sizeof *d->points, err));
        d->points[d->n_points++] = p;
    }
    return GGDM_OK;
}

/* Different targets, counted before the points of one place are merged. */
static int32_t count_targets(const plot_data *d)
{
    bool seen[GGDM_MAX_CLASSES] = {false};
    int32_t n = 0;
    for (size_t i = 0; i < d->n_points; i++) {
        n += !seen[d->points[i].target];
        seen[d->points[i].target] = true;
    }
    return n;
}

static void add_share(plot_share *into, const plot_share *more, bool distinct)
{
    into->known = into->known && more->known;
    into->p_sum += more->p_sum;
    into->cells += more->cells;
    into->n += distinct ? more->n : 0;
}

/* A cell that is there again (a sweep that was added may have it, too) says nothing new. */
static bool is_repeated(const plot_point *p, const plot_point *before)
{
    return p->kappa == before->kappa && compare_windows(p, before) == 0 &&
           p->trajectory == before->trajectory && p->target == before->target;
}

/* Mean over the cells of a place; the interval is that of its distinct images: one set of unguided
 * images shown for ten targets is not ten times as much evidence. */
static void close_share(plot_share *s)
{
    double p = s->p_sum / s->cells;
    ggdm_share w = ggdm_wilson((int64_t)llround(p * s->n), s->n);
    s->p_sum = p;
    s->cells = 1;
    s->lo = w.lo < p ? w.lo : p;
    s->hi = w.hi > p ? w.hi : p;
}

static void merge(plot_data *d)
{
    size_t n = 0;
    plot_point last = {.trajectory = -1};
    qsort(d->points, d->n_points, sizeof *d->points, by_place);
    d->n_targets = count_targets(d);
    for (size_t i = 0; i < d->n_points; i++) {
        plot_point p = d->points[i];
        plot_point *into = n ? &d->points[n - 1] : NULL;
        if (is_repeated(&p, &last))
            continue;
        if (into && into->kappa == p.kappa && compare_windows(into, &p) == 0) {
            bool distinct = p.trajectory != last.trajectory;
            into->n += distinct ? p.n : 0;
            into->diverged += distinct ? p.diverged : 0;
            add_share(&into->judge, &p.judge, distinct);
            add_share(&into->guide, &p.guide, distinct);
        } else {
            d->points[n++] = p;
        }
        last = p;
    }
    d->n_points = n;
    d->n_min = INT32_MAX;
    for (size_t i = 0; i < n; i++) {
        plot_point *p = &d->points[i];
        close_share(&p->judge);
        close_share(&p->guide);
        d->n_curves += i == 0 || p->kappa != p[-1].kappa;
        d->n_min = p->n < d->n_min ? p->n : d->n_min;
        d->n_max = p->n > d->n_max ? p->n : d->n_max;
        d->any_diverged = d->any_diverged || p->diverged > 0;
    }
}

/* Windows that start at different steps have no one axis: they stand side by side. */
static ggdm_status place_windows(plot_data *d, ggdm_error *err)
{
    bool any = false;
    for (size_t i = 0; i < d->n_points; i++)
        any = any || d->points[i].start > 0;
    if (!any)
        return GGDM_OK;
    GGDM_TRY(ggdm_alloc(&d->windows, d->n_points, sizeof *d->windows, err));
    for (size_t i = 0; i < d->n_points; i++)
        d->windows[i] = &d->points[i];
    qsort(d->windows, d->n_points, sizeof *d->windows, by_window);
    for (size_t i = 0; i < d->n_points; i++) {
        const plot_point *p = d->windows[i];
        if (i == 0 || compare_windows(d->windows[d->n_windows - 1], p) != 0)
            d->windows[d->n_windows++] = p;
        d->points[p - d->points].x = d->n_windows - 1;
    }
    return GGDM_OK;
}

/* ---- accuracy.dat --------------------------------------------------------------------------- */

static void put_share(FILE *f, const plot_share *s)
{
    if (s->known)
        fprintf(f, " %.6g %.6g %.6g", s->p_sum, s->lo, s->hi);
    else
        fputs(" ? ? ?", f);
}

/* One block per kappa, two empty lines between: gnuplot's `index`. */
static void put_data(FILE *f, const plot_data *d)
{
    fprintf(f,
            "# %s judge_accuracy judge_accuracy_lo judge_accuracy_hi guide_accuracy "
            "guide_accuracy_lo guide_accuracy_hi diverged_share diverged_share_lo "
            "diverged_share_hi n start duration\n",
            d->windows ? "place" : "duration");
    for (size_t i = 0; i < d->n_points; i++) {
        const plot_point *p = &d->points[i];
        ggdm_share diverged = ggdm_wilson(p->diverged, p->n);
        if (i == 0 || p->kappa != p[-1].kappa)
            fprintf(f, "%s# kappa %.6g\n", i ? "\n\n" : "", p->kappa);
        fprintf(f, "%g", p->x);
        put_share(f, &p->judge);
        put_share(f, &p->guide);
        fprintf(f, " %.6g %.6g %.6g %d %d %d\n", diverged.p, diverged.lo, diverged.hi, p->n,
                p->start, p->duration);
    }
}

/* ---- accuracy.gp ---------------------------------------------------------------------------- */

typedef struct plot_panel {
    const char *label;
    int column; /* of the share in accuracy.dat, the interval behind it */
} plot_panel;

static int choose_panels(const plot_data *d, plot_panel out[3])
{
    bool judge = false, guide = false;
    int n = 0;
    for (size_t i = 0; i < d->n_points; i++) {
        judge = judge || d->points[i].judge.known;
        guide = guide || d->points[i].guide.known;
    }
    if (judge)
        out[n++] = (plot_panel){"accuracy (judge)", 2};
    if (guide)
        out[n++] = (plot_panel){"accuracy (guide)", 5};
    if (d->any_diverged)
        out[n++] = (plot_panel){"diverged (share)", 8};
    return n;
}

/* Text in single quotes, where gnuplot knows no escapes but the doubled quote. */
static void put_quoted(FILE *f, const char *text)
{
    fputc('\'', f);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', f);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
    }
    fputc('\'', f);
}

/* Unguided is grey; the others run through viridis from dark to light as kappa grows. */
static unsigned curve_color(int32_t i, int32_t n, double kappa)
{
    static const double anchors[][3] = {
        {68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {214, 186, 0}};
    enum { LAST = sizeof anchors / sizeof *anchors - 1 };
    if (kappa == 0)
        return 0x888888;
    double at = n > 1 ? (double)i / (n - 1) * LAST : 0;
    int k = (int)at < LAST ? (int)at : LAST - 1;
    unsigned color = 0;
    for (int c = 0; c < 3; c++)
        color = color << 8 |
                (unsigned)lround(anchors[k][c] + (at - k) * (anchors[k + 1][c] - anchors[k][c]));
    return color;
}

/* shift: on the x axis from curve to curve, so that their error bars do not hide each other. */
static void put_panel(FILE *f, const plot_data *d, const plot_panel *panel, double shift,
                      bool is_first)
{
    int32_t curve = 0, first = d->points[0].kappa == 0; /* the first guided curve */
    fprintf(f, "set ylabel '%s'\n%s\nplot", panel->label,
            is_first ? "set key at screen 0.5, screen 0.02 center bottom horizontal maxrows 2"
                     : "set key off");
    for (size_t i = 0; i < d->n_points; i++) {
        const plot_point *p = &d->points[i];
        if (i > 0 && p->kappa == p[-1].kappa)
            continue;
        int c = panel->column;
        fprintf(f,
                "%s \\\n  'accuracy.dat' index %d using ($1+%.6g):%d:%d:%d title 'kappa = %.6g' "
                "lc rgb '#%06x' lw 1.5 pt 7 ps 0.7",
                curve ? "," : "", curve, shift * (curve - 0.5 * (d->n_curves - 1)), c, c + 1, c + 2,
                p->kappa, curve_color(curve - first, d->n_curves - first, p->kappa));
        curve++;
    }
    fputs("\n", f);
}

static void put_title(FILE *f, const plot_data *d, const ggdm_run_info *info)
{
    char text[400], n[60], targets[60] = "";
    if (d->n_min == d->n_max)
        snprintf(n, sizeof n, "n = %d", d->n_max);
    else
        snprintf(n, sizeof n, "n = %d to %d", d->n_min, d->n_max);
    if (d->n_targets > 1)
        snprintf(targets, sizeof targets, ", mean over %d targets", d->n_targets);
    else
        snprintf(targets, sizeof targets, ", target %d", d->points[0].target);
    snprintf(text, sizeof text, "%.120s: %s images per point%s, %s, Wilson 95 %%", info->name, n,
             targets, ggdm_gradient_names[info->job.gradient]);
    put_quoted(f, text);
}

static void put_figure(FILE *f, const plot_data *d, const ggdm_run_info *info, const char *terminal,
                       const char *output)
{
    plot_panel panels[3];
    int n = choose_panels(d, panels);
    fprintf(f, "set terminal %s size %d,480 noenhanced\nset output %s\n", terminal, 80 + n * 520,
            output);
    double left = 95.0 / (80 + n * 520);
    fprintf(f, "set multiplot layout 1,%d margins %.4f,0.985,0.25,0.90 spacing %.4f,0 title ", n,
            left, left);
    put_title(f, d, info);
    fputs("\n", f);
    for (int i = 0; i < n; i++)
        put_panel(f, d, &panels[i], 0.004 * (d->windows ? d->n_windows : info->job.steps), i == 0);
    fputs("unset multiplot\nset output\n", f);
}

static void put_x_axis(FILE *f, const plot_data *d, int32_t steps)
{
    if (!d->windows) {
        fprintf(f,
                "set xlabel 'conditioning duration t~ (steps)'\n"
                "set xrange [%d:%d]\n",
                -steps / 50 - 1, steps + steps / 50 + 1);
        return;
    }
    fprintf(f,
            "set xlabel 'guidance window (start+length, steps)'\n"
            "set xrange [-0.5:%d.5]\nset xtics rotate by -45 (",
            d->n_windows - 1);
    for (int32_t i = 0; i < d->n_windows; i++) {
        char label[GGDM_WINDOW_LABEL_SIZE];
        ggdm_window_label(d->windows[i]->start, d->windows[i]->duration, label);
        fprintf(f, "%s'%s' %d", i ? ", " : "", label, i);
    }
    fputs(")\n", f);
}

static void put_script(FILE *f, const plot_data *d, const ggdm_run_info *info)
{
    fprintf(f, "if (!exists('png')) png = 'accuracy.png'\n"
               "if (!exists('svg')) svg = 'accuracy.svg'\n"
               "set encoding utf8\n"
               "set datafile missing '?'\n"
               "set style data yerrorlines\n"
               "set errorbars small\n"
               "set grid ytics lt 1 lc rgb '#cccccc'\n"
               "set border 3\n"
               "set tics nomirror out\n"
               "set yrange [-0.02:1.02]\n");
    put_x_axis(f, d, info->job.steps);
    put_figure(f, d, info, "pngcairo background 'white'", "png");
    put_figure(f, d, info, "svg background 'white'", "svg");
}

/* ---- gnuplot -------------------------------------------------------------------------------- */

static ggdm_status write_text(const char *dir, const char *name, const plot_data *d,
                              const ggdm_run_info *info, ggdm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name);
    if (info)
        put_script(f, d, info);
    else
        put_data(f, d);
    bool bad = ferror(f) != 0;
    ggdm_status st = fclose(f) != 0 || bad
                         ? GGDM_FAIL(err, GGDM_ENOMEM, "out of memory for %s", name)
                         : ggdm_replace_file_in(dir, name, text, size, err);
    free(text);
    return st;
}

/* What gnuplot writes stays in memory, and is put in place by us: it does not say when a disk is
 * full. */
enum { PNG, SVG, LOG, N_OUTPUTS };
static const char *const outputs[N_OUTPUTS] = {"accuracy.png", "accuracy.svg", "accuracy.log"};

/* Run gnuplot on accuracy.gp in dir, no shell between.  Returns 0, or why it did not work: what
 * the system says, -1 when gnuplot itself failed. */
static int run_gnuplot(const char *dir, const int fds[N_OUTPUTS])
{
    char names[80];
    snprintf(names, sizeof names, "png = '/proc/self/fd/%d'; svg = '/proc/self/fd/%d'", fds[PNG],
             fds[SVG]);
    char *const argv[] = {"gnuplot", "--default-settings", "-e", names, "accuracy.gp", NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    int code = posix_spawn_file_actions_addchdir_np(&actions, dir);
    if (code == 0)
        code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    for (int to = STDOUT_FILENO; to <= STDERR_FILENO && code == 0; to++)
        code = posix_spawn_file_actions_adddup2(&actions, fds[LOG], to);
    for (int i = 0; i < LOG && code == 0; i++) /* (to itself: it is to stay open) */
        code = posix_spawn_file_actions_adddup2(&actions, fds[i], fds[i]);
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
static ggdm_status put_in_place(const char *dir, int output, int fd, ggdm_error *err)
{
    struct stat info;
    ggdm_bytes bytes;
    if (fstat(fd, &info) != 0)
        return GGDM_FAIL_ERRNO(err, errno, "%s/%s", dir, outputs[output]);
    const ggdm_file file = {.path = outputs[output], .fd = fd, .size = (size_t)info.st_size};
    GGDM_TRY(ggdm_bytes_reserve(&file, &bytes, err));
    ggdm_status st = ggdm_bytes_read(&file, 0, &bytes, err);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(dir, file.path, bytes.data, bytes.size, err);
    ggdm_bytes_deinit(&bytes);
    return st;
}

static ggdm_status draw_to(const char *dir, const int fds[N_OUTPUTS], bool *drawn, ggdm_error *err)
{
    char *log = NULL;
    int code = run_gnuplot(dir, fds);
    if (code == ENOENT) {
        ggdm_log(GGDM_LOG_WARN,
                 "gnuplot is not installed, figures are left out: install the package gnuplot-nox, "
                 "remove summary.csv and run the same command again");
        return GGDM_OK;
    }
    if (code > 0)
        return GGDM_FAIL_ERRNO(err, code, "cannot start gnuplot");
    if (code < 0) {
        GGDM_TRY(put_in_place(dir, LOG, fds[LOG], err));
        ggdm_log(GGDM_LOG_WARN, "gnuplot failed, figures are left out: see %s/%s", dir,
                 outputs[LOG]);
        return GGDM_OK;
    }
    for (int i = 0; i < LOG; i++)
        GGDM_TRY(put_in_place(dir, i, fds[i], err));
    *drawn = true;
    GGDM_TRY(ggdm_path_join(dir, outputs[LOG], &log, err));
    unlink(log);
    free(log);
    return GGDM_OK;
}

static ggdm_status draw(const char *dir, bool *drawn, ggdm_error *err)
{
    int fds[N_OUTPUTS] = {-1, -1, -1};
    ggdm_status st = GGDM_OK;
    for (int i = 0; i < N_OUTPUTS && st == GGDM_OK; i++) {
        fds[i] = memfd_create(outputs[i], MFD_CLOEXEC);
        if (fds[i] < 0)
            st = GGDM_FAIL_ERRNO(err, errno, "no memory for %s", outputs[i]);
    }
    if (st == GGDM_OK)
        st = draw_to(dir, fds, drawn, err);
    for (int i = 0; i < N_OUTPUTS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return st;
}

ggdm_status ggdm_plot_run(ggdm_store *store, const char *dir, bool *drawn, ggdm_error *err)
{
    plot_data d = {0};
    char *figures = NULL;
    ggdm_status st;
    bool done = false;
    GGDM_TRY_GOTO(st, collect(store, &d, err), done);
    if (d.n_points == 0) {
        ggdm_log(GGDM_LOG_INFO,
                 "no accuracy figure: no cell has a target and a classifier's score");
        goto done;
    }
    merge(&d);
    GGDM_TRY_GOTO(st, place_windows(&d, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(dir, "figures", &figures, err), done);
    GGDM_TRY_GOTO(st, ggdm_make_dirs(figures, err), done);
    GGDM_TRY_GOTO(st, write_text(figures, "accuracy.dat", &d, NULL, err), done);
    GGDM_TRY_GOTO(st, write_text(figures, "accuracy.gp", &d, ggdm_store_run_info(store), err),
                  done);
    st = draw(figures, &done, err);
done:
    free(figures);
    free(d.points);
    free(d.windows);
    if (drawn)
        *drawn = done;
    return st;
}
