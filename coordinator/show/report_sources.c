#include "coordinator/show/report_sources.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "coordinator/run/model_paths.h"

enum { MOST_CARDS = 50 };

static ggdm_status put_model(ggdm_json *j, const ggdm_results *r, int32_t i, ggdm_error *err)
{
    char *card = NULL;
    if (i < MOST_CARDS)
        GGDM_TRY(ggdm_model_card(ggdm_store_dir(r->store), r->models[i].name, &card, err));
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "name", r->models[i].name);
    ggdm_json_put_string(j, "digest", r->models[i].digest);
    ggdm_json_put_string(j, "card", card);
    ggdm_json_end(j);
    free(card);
    return GGDM_OK;
}

/* The sweep that the run was made from, and those that were added. */
static ggdm_status put_sweep(ggdm_json *j, ggdm_store *store, int32_t i, ggdm_error *err)
{
    char name[GGDM_SWEEP_NAME_SIZE], *text = NULL, *digest = NULL;
    ggdm_sweep_file_name(i, name);
    ggdm_status st = ggdm_store_sweep_text(store, i, &text, err);
    if (st == GGDM_OK)
        st = ggdm_store_sweep_digest(store, i, &digest, err);
    if (st == GGDM_OK) {
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", name);
        ggdm_json_put_string(j, "digest", digest);
        ggdm_json_put_string(j, "text", text);
        ggdm_json_end(j);
    }
    free(text);
    free(digest);
    return st;
}

ggdm_status ggdm_report_put_sources(ggdm_json *j, const ggdm_results *r, ggdm_error *err)
{
    int32_t n = 0;
    ggdm_json_begin_array(j, "models");
    for (int32_t i = 0; i < r->n_models; i++)
        GGDM_TRY(put_model(j, r, i, err));
    ggdm_json_end(j);
    GGDM_TRY(ggdm_store_n_sweeps(r->store, &n, err));
    ggdm_json_begin_array(j, "sweeps");
    for (int32_t i = 1; i <= n; i++)
        GGDM_TRY(put_sweep(j, r->store, i, err));
    ggdm_json_end(j);
    return GGDM_OK;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool is_there(const char *dir, const char *name)
{
    char path[PATH_MAX];
    const int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && n < (int)sizeof path && ggdm_exists(path);
}

static void put_file(ggdm_json *j, const char *dir, const char *name, bool certain)
{
    if (certain || is_there(dir, name))
        ggdm_json_put_string(j, NULL, name);
}

/* Pictures of the first images of a cell on their way (`trace:` of a sweep). */
static void put_traces(ggdm_json *j, const ggdm_row *row, const char *dir)
{
    char name[100];
    bool any = false;
    for (int32_t i = 0; i < row->cell.wanted; i++) {
        snprintf(name, sizeof name, "archive/%s/trace/%06d.png", row->cell.name, i);
        if (!is_there(dir, name))
            break;
        if (!any)
            ggdm_json_begin_array(j, row->cell.name);
        any = true;
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_int(j, "image", i);
        ggdm_json_put_string(j, "file", name);
        ggdm_json_end(j);
    }
    if (any)
        ggdm_json_end(j);
}

static ggdm_status put_sweep_files(ggdm_json *j, const ggdm_results *r, const char *dir,
                                   ggdm_error *err)
{
    char name[GGDM_SWEEP_NAME_SIZE];
    int32_t n = 0;
    GGDM_TRY(ggdm_store_n_sweeps(r->store, &n, err));
    for (int32_t i = 1; i <= n; i++) {
        ggdm_sweep_file_name(i, name);
        put_file(j, dir, name, false);
    }
    return GGDM_OK;
}

ggdm_status ggdm_report_put_files(ggdm_json *j, const ggdm_results *r, const char *dir,
                                  bool summary, ggdm_error *err)
{
    static const char *const summaries[] = {"summary.csv", "summary.json"};
    static const char *const others[] = {"next.yaml",
                                         "figures/accuracy.png",
                                         "figures/accuracy.svg",
                                         "figures/accuracy.pdf",
                                         "figures/surface.png",
                                         "figures/surface.svg",
                                         "figures/surface.pdf",
                                         "figures/sheet.png",
                                         "figures/sheet.pdf"};
    static const char *const of_cell[] = {"samples.tar", "samples.npz", "sheet.png"};
    char name[100];
    ggdm_json_begin_object(j, "traces");
    for (int32_t i = 0; i < r->n_rows; i++)
        put_traces(j, &r->rows[i], dir);
    ggdm_json_end(j);
    ggdm_json_begin_array(j, "files");
    for (size_t i = 0; i < sizeof summaries / sizeof *summaries; i++)
        put_file(j, dir, summaries[i], summary);
    GGDM_TRY(put_sweep_files(j, r, dir, err));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put_file(j, dir, others[i], false);
    for (int32_t i = 0; i < r->n_rows; i++)
        for (size_t k = 0; k < sizeof of_cell / sizeof *of_cell; k++) {
            snprintf(name, sizeof name, "archive/%s/%s", r->rows[i].cell.name, of_cell[k]);
            put_file(j, dir, name, false);
        }
    ggdm_json_end(j);
    return GGDM_OK;
}
