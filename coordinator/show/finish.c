#include "coordinator/show/finish.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plural.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/report.h"
#include "jobs/archive.h"
#include "jobs/plot.h"
#include "jobs/summary.h"

#define MAX_COLUMNS 11 /* windows in one printed table */
#define MAX_ROWS 40    /* kappas */

/* A summary that is there says that all products are (ggdm_run_dir_has_products): one of fewer
 * cells or images must not stay when this process is killed before it has written its own. */
static ggdm_status forget_summary(const char *dir, ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(dir, "summary.csv", &path, err));
    ggdm_status st = GGDM_OK;
    if (unlink(path) != 0 && errno != ENOENT)
        st = GGDM_FAIL_ERRNO(err, errno, "%s: cannot be removed", path);
    free(path);
    return st;
}

ggdm_status ggdm_finish_products(ggdm_store *store, const char *dir, ggdm_error *err)
{
    int32_t written = 0, incomplete = 0;
    if (ggdm_store_run_info(store)->shards)
        return GGDM_OK;
    GGDM_TRY(forget_summary(dir, err));
    GGDM_TRY(ggdm_archive_run(store, dir, false, &written, &incomplete, err));
    if (incomplete)
        ggdm_log(GGDM_LOG_WARN, "%d cell%s %s incomplete and not archived", incomplete,
                 ggdm_plural(incomplete), ggdm_is(incomplete));
    GGDM_TRY(ggdm_plot_run(store, dir, NULL, err));
    GGDM_TRY(ggdm_report_write(store, dir, err));
    return ggdm_summary_write(store, dir, err); /* last: see ggdm_run_dir_has_products */
}

/* ---- the table ---- */

typedef struct cell_view {
    double kappa;
    int32_t index, start, duration, target;
    ggdm_share accuracy;
    int32_t n, diverged;
    bool known;
} cell_view;

typedef struct table {
    const cell_view *cells; /* [n], of one target */
    int32_t n;
    double kappas[MAX_ROWS];
    int n_kappas;
    const cell_view *windows[MAX_COLUMNS]; /* a cell of each */
    int n_windows;
    bool cut; /* not all rows and columns fit */
} table;

/* What is said of all cells. */
typedef struct totals {
    bool judge;
    int64_t images, guide_unscored, judge_unscored; /* of all cells */
} totals;

static ggdm_status load(ggdm_store *store, cell_view *views, totals *all, ggdm_error *err)
{
    *all = (totals){0};
    for (int32_t i = 0; i < ggdm_store_n_cells(store); i++) {
        ggdm_cell_summary s;
        GGDM_TRY(ggdm_cell_summarise(store, i, &s, err));
        const ggdm_scores *scores = s.judge.known ? &s.judge : &s.guide;
        all->judge = all->judge || s.judge.known;
        all->images += s.n;
        all->guide_unscored += s.guide.unscored;
        all->judge_unscored += s.judge.unscored;
        views[i] = (cell_view){.index = i,
                               .kappa = s.cell.cell.kappa,
                               .start = s.cell.cell.start,
                               .duration = s.cell.cell.duration,
                               .target = s.cell.cell.target,
                               .accuracy = scores->accuracy,
                               .n = s.n,
                               .diverged = s.diverged,
                               .known = scores->has_accuracy};
        ggdm_cell_summary_deinit(&s);
    }
    return GGDM_OK;
}

static bool same_window(const cell_view *a, const cell_view *b)
{
    return a->start == b->start && a->duration == b->duration;
}

/* Rows and columns in order of first appearance. */
static void lay_out(table *t)
{
    t->n_kappas = t->n_windows = 0;
    for (int32_t i = 0; i < t->n; i++) {
        int k = 0, d = 0;
        while (k < t->n_kappas && t->kappas[k] != t->cells[i].kappa)
            k++;
        while (d < t->n_windows && !same_window(t->windows[d], &t->cells[i]))
            d++;
        t->cut = t->cut || k == MAX_ROWS || d == MAX_COLUMNS;
        if (k == t->n_kappas && k < MAX_ROWS)
            t->kappas[t->n_kappas++] = t->cells[i].kappa;
        if (d == t->n_windows && d < MAX_COLUMNS)
            t->windows[t->n_windows++] = &t->cells[i];
    }
}

static const cell_view *find(const table *t, double kappa, const cell_view *window)
{
    for (int32_t i = 0; i < t->n; i++)
        if (t->cells[i].kappa == kappa && same_window(&t->cells[i], window))
            return &t->cells[i];
    return NULL;
}

static void print_table(const table *t)
{
    printf("    %10s", "kappa \\ t~");
    for (int d = 0; d < t->n_windows; d++) {
        char label[GGDM_WINDOW_LABEL_SIZE];
        ggdm_window_label(t->windows[d]->start, t->windows[d]->duration, label);
        printf(" %7s", label);
    }
    printf("\n");
    for (int k = 0; k < t->n_kappas; k++) {
        printf("    %10g", t->kappas[k]);
        for (int d = 0; d < t->n_windows; d++) {
            const cell_view *c = find(t, t->kappas[k], t->windows[d]);
            if (c && c->known)
                printf(" %7.1f", 100 * c->accuracy.p);
            else
                printf(" %7s", "-");
        }
        printf("\n");
    }
}

static int by_target(const void *a, const void *b)
{
    const cell_view *x = a, *y = b;
    if (x->target != y->target)
        return x->target < y->target ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* One table per target. */
static void print_tables(cell_view *views, int32_t n, bool judge, int32_t samples)
{
    table t = {0};
    int64_t diverged = 0, images = 0;
    qsort(views, (size_t)n, sizeof *views, by_target);
    for (int32_t i = 0; i < n; i += t.n) {
        t.cells = &views[i];
        for (t.n = 0; i + t.n < n && t.cells[t.n].target == t.cells->target; t.n++) {
            diverged += t.cells[t.n].diverged;
            images += t.cells[t.n].n;
        }
        if (t.cells->target < 0)
            continue;
        lay_out(&t);
        printf("\n  accuracy by the %s for target %d, %% of n = %d image%s (diverged ones count as "
               "wrong)\n",
               judge ? "judge" : "guide", t.cells->target, samples, ggdm_plural(samples));
        print_table(&t);
    }
    if (diverged)
        printf("    diverged: %lld of %lld images\n", (long long)diverged, (long long)images);
    if (t.cut)
        printf("    (not all cells fit here: see summary.csv)\n");
}

/* Scores that are not finite are missing, not wrong. */
static void warn_of_unscored(const char *who, const char *model, int64_t unscored, int64_t images)
{
    if (unscored)
        ggdm_log(GGDM_LOG_WARN,
                 "%s '%s' gave no finite score to %lld of %lld images of the cells: they are in no "
                 "figure (see %s_unscored in summary.csv)",
                 who, model, (long long)unscored, (long long)images, who);
}

static void print_place(const char *what, const char *dir, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!strchr(name, '*') && !ggdm_exists(path))
        return;
    printf("  %-15s%s\n", what, path);
}

ggdm_status ggdm_finish_report(ggdm_store *store, const char *dir, ggdm_error *err)
{
    int32_t n = ggdm_store_n_cells(store);
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    cell_view *views = NULL;
    totals all;
    const ggdm_run_info *info = ggdm_store_run_info(store);
    if (info->shards) {
        printf("%s: shard %d of %d, %lld image%s; `ggdm merge` joins the shards\n", info->name,
               info->shard, info->shards, (long long)c->images_done, ggdm_plural(c->images_done));
        return GGDM_OK;
    }
    GGDM_TRY(ggdm_alloc(&views, (size_t)n, sizeof *views, err));
    ggdm_status st = load(store, views, &all, err);
    if (st == GGDM_OK) {
        printf("%s: %d cell%s, %lld %simage%s\n", info->name, n, ggdm_plural(n),
               (long long)c->images_done, c->images_asked > c->images_total ? "distinct " : "",
               ggdm_plural(c->images_done));
        print_place("archive", dir, "archive/c*/samples.tar");
        print_place("contact sheets", dir, "archive/c*/sheet.png");
        print_place("summary", dir, "summary.csv");
        print_place("plot", dir, "figures/accuracy.png");
        print_place("report", dir, GGDM_REPORT_FILE);
        print_tables(views, n, all.judge, info->samples);
        fflush(stdout);
        warn_of_unscored("guide", info->guide, all.guide_unscored, all.images);
        warn_of_unscored("judge", info->judge, all.judge_unscored, all.images);
    }
    free(views);
    return st;
}
