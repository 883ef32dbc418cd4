#include "coordinator/show/finish.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/plural.h"
#include "coordinator/run/run_dir.h"
#include "coordinator/show/report.h"
#include "coordinator/show/report_surface.h"
#include "coordinator/show/tables.h"
#include "evaluate/next_sweep.h"
#include "jobs/archive.h"
#include "jobs/mosaic.h"
#include "jobs/plot.h"
#include "jobs/plot_surface.h"
#include "jobs/results_until.h"
#include "jobs/summary.h"

/* ---- products -------------------------------------------------------------------------------- */

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

static ggdm_status write_products(ggdm_results *r, const char *dir, ggdm_error *err)
{
    int32_t written = 0, incomplete = 0;
    GGDM_TRY(forget_summary(dir, err));
    GGDM_TRY(ggdm_archive_run(r, dir, false, &written, &incomplete, err));
    if (incomplete)
        ggdm_log(GGDM_LOG_WARN, "%d cell%s %s incomplete and not archived", incomplete,
                 ggdm_plural(incomplete), ggdm_is(incomplete));
    GGDM_TRY(ggdm_plot_run(r, dir, NULL, err));
    GGDM_TRY(ggdm_mosaic_run(r, dir, 0, NULL, err));
    GGDM_TRY(ggdm_surface_products(r, dir, err));
    GGDM_TRY(
        ggdm_report_write(r, dir, GGDM_REPORT_FILE, &(ggdm_report_options){.summary = true}, err));
    return ggdm_summary_write(r, dir, err); /* last: see ggdm_run_dir_has_products */
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* Scores that are not finite are missing, not wrong. */
static void warn_of_unscored(const ggdm_results *r)
{
    for (int32_t k = 0; k < r->n_measures; k++) {
        int64_t unscored = 0, images = 0;
        const char *name = r->measures[k].name, *model = NULL;
        for (int32_t i = 0; i < r->n_rows; i++) {
            const ggdm_row *row = &r->rows[i];
            images += row->measured[k].known ? row->n : 0;
            unscored += row->measured[k].unscored;
            if (row->measured[k].unscored && !model)
                model = ggdm_results_model(r, row, k);
        }
        if (unscored)
            ggdm_log(GGDM_LOG_WARN,
                     "%s%s%s%s gave no finite score to %lld of %lld images of the cells: they are "
                     "in no figure (see %s_unscored in summary.csv)",
                     name, model ? " '" : "", model ? model : "", model ? "'" : "",
                     (long long)unscored, (long long)images, name);
    }
}

static void print_diverged(const ggdm_results *r)
{
    int64_t diverged = 0, images = 0;
    for (int32_t i = 0; i < r->n_rows; i++) {
        diverged += r->rows[i].diverged;
        images += r->rows[i].n;
    }
    if (diverged)
        printf("    diverged: %lld of %lld images\n", (long long)diverged, (long long)images);
}

static void print_until(const ggdm_results *r)
{
    char text[400];
    ggdm_results_verdicts_text(r, text, sizeof text);
    if (*text)
        printf("  %-15s%s\n", "until", text);
}

static void print_place(const char *what, const char *dir, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!strchr(name, '*') && !ggdm_exists(path))
        return;
    printf("  %-15s%s\n", what, path);
}

static void print_shard(ggdm_store *store)
{
    const ggdm_run_info *info = ggdm_store_run_info(store);
    const int64_t images = ggdm_store_counts_get(store)->images_done;
    printf("%s: shard %d of %d, %lld image%s; `ggdm merge` joins the shards\n", info->name,
           info->shard, info->shards, (long long)images, ggdm_plural(images));
}

ggdm_status ggdm_finish_print(const ggdm_results *r, const char *dir, ggdm_error *err)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(r->store);
    if (r->info->shards) {
        print_shard(r->store);
        return GGDM_OK;
    }
    printf("%s: %d cell%s, %lld %simage%s\n", r->info->name, r->n_rows, ggdm_plural(r->n_rows),
           (long long)c->images_done, c->images_asked > c->images_total ? "distinct " : "",
           ggdm_plural(c->images_done));
    print_place("archive", dir, "archive/c*/samples.tar");
    print_place("contact sheets", dir, "archive/c*/sheet.png");
    print_place("all cells", dir, "figures/" GGDM_MOSAIC_FIGURE ".png");
    print_place("summary", dir, "summary.csv");
    print_place("plot", dir, "figures/" GGDM_PLOT_FIGURE ".png");
    if (r->surface) {
        print_place("fitted", dir, "figures/" GGDM_SURFACE_FIGURE ".png");
        print_place("to try next", dir, GGDM_NEXT_FILE);
    }
    print_place("report", dir, GGDM_REPORT_FILE);
    print_until(r);
    GGDM_TRY(ggdm_tables_print(stdout, r, err));
    print_diverged(r);
    fflush(stdout);
    warn_of_unscored(r);
    return GGDM_OK;
}

/* ---- both ------------------------------------------------------------------------------------ */

ggdm_status ggdm_finish_run(ggdm_store *store, const char *dir, int what, ggdm_error *err)
{
    ggdm_results r;
    if (ggdm_store_run_info(store)->shards) {
        print_shard(store);
        return GGDM_OK;
    }
    ggdm_status st = ggdm_results_read(store, &r, err);
    if (st == GGDM_OK && what & GGDM_FINISH_WRITE)
        st = write_products(&r, dir, err);
    if (st == GGDM_OK && what & GGDM_FINISH_TELL)
        st = ggdm_finish_print(&r, dir, err);
    ggdm_results_deinit(&r);
    return st;
}
