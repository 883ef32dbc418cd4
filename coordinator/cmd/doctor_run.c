/* `ggdm doctor DIR`: the run in it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "coordinator/cmd/doctor.h"
#include "coordinator/run/request.h"
#include "jobs/store_audit.h"
#include "models/model_check.h"

bool ggdm_doctor_holds_run(const char *dir)
{
    char *path = NULL;
    bool yes = ggdm_path_join(dir, GGDM_STORE_FILE, &path, NULL) == GGDM_OK && ggdm_exists(path);
    free(path);
    return yes;
}

static void say_damage(void *context, const char *text)
{
    ggdm_doctor_say(context, GGDM_FOUND_BAD, "database", "%s", text);
}

static void check_counts(ggdm_doctor *d, ggdm_store *store)
{
    const ggdm_store_counts *c = ggdm_store_counts_get(store);
    char text[300] = "";
    for (int s = 0; s < GGDM_UNIT_STATES; s++) {
        size_t n = strlen(text);
        if (c->units[s])
            snprintf(text + n, sizeof text - n, ", %lld %s", (long long)c->units[s],
                     ggdm_unit_state_names[s]);
    }
    bool bad = c->units[GGDM_UNIT_FAILED] + c->units[GGDM_UNIT_QUARANTINED] > 0;
    ggdm_doctor_say(d, bad ? GGDM_FOUND_WARN : GGDM_FOUND_OK, "units", "%lld%s%s",
                    (long long)c->units_total, text, bad ? ": see `ggdm introspect`" : "");
    ggdm_doctor_say(d, GGDM_FOUND_OK, "images", "%lld of %lld, %lld diverged",
                    (long long)c->images_done, (long long)c->images_total,
                    (long long)c->images_diverged);
}

static void check_database(ggdm_doctor *d, ggdm_store *store)
{
    ggdm_error err = {0};
    int before = d->found[GGDM_FOUND_BAD];
    ggdm_doctor_say(d, GGDM_FOUND_OK, "run", "%s, made by ggdm %s, session %lld",
                    ggdm_store_run_info(store)->name, ggdm_store_run_info(store)->version,
                    (long long)ggdm_store_epoch(store));
    if (ggdm_store_older_version(store))
        ggdm_doctor_say(
            d, GGDM_FOUND_OK, "schema",
            "version %lld, of an older ggdm: who continues the run brings it up to date, and mends "
            "what that one left",
            (long long)ggdm_store_older_version(store));
    if (ggdm_store_audit_integrity(store, say_damage, d, &err) != GGDM_OK)
        ggdm_doctor_say(d, GGDM_FOUND_BAD, "database", "%s", err.msg);
    else if (d->found[GGDM_FOUND_BAD] == before)
        ggdm_doctor_say(d, GGDM_FOUND_OK, "database", "every page, reference and count is sound");
    check_counts(d, store);
}

/* Files of the archive that no cell has, and cells whose archive is gone. */
static bool is_cell(ggdm_store *store, const char *name)
{
    char *end;
    ggdm_store_cell cell;
    long i = name[0] == 'c' ? strtol(name + 1, &end, 10) : -1;
    return i >= 0 && i < ggdm_store_n_cells(store) && *end == '\0' &&
           ggdm_store_cell_get(store, (int32_t)i, &cell, NULL) == GGDM_OK &&
           strcmp(cell.name, name) == 0;
}

static void check_orphans(ggdm_doctor *d, ggdm_store *store, const char *path)
{
    DIR *dir = opendir(path);
    int orphans = 0;
    char first[256] = "";
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            is_cell(store, e->d_name))
            continue;
        if (!orphans++)
            snprintf(first, sizeof first, "%s", e->d_name);
    }
    if (dir)
        closedir(dir);
    if (orphans)
        ggdm_doctor_say(d, GGDM_FOUND_WARN, "archive", "%d %s to no cell of this run (%s)", orphans,
                        orphans == 1 ? "entry belongs" : "entries belong", first);
}

static ggdm_status check_archive(ggdm_doctor *d, ggdm_store *store, const char *dir,
                                 ggdm_error *err)
{
    static const char *const files[] = {"samples.tar", "samples.npz", "sheet.png"};
    int32_t archived = 0, missing = 0;
    char *path = NULL;
    for (int32_t i = 0; i < ggdm_store_n_cells(store); i++) {
        ggdm_store_cell cell;
        bool all = true;
        GGDM_TRY(ggdm_store_cell_get(store, i, &cell, err));
        for (size_t k = 0; cell.archived && k < sizeof files / sizeof *files; k++) {
            GGDM_TRY(ggdm_asprintf(&path, err, "%s/archive/%s/%s", dir, cell.name, files[k]));
            all = all && ggdm_exists(path);
            free(path);
        }
        archived += cell.archived;
        missing += !all;
    }
    ggdm_doctor_say(d, missing ? GGDM_FOUND_WARN : GGDM_FOUND_OK, "archives",
                    missing ? "%d of %d written ones lack files: the same "
                              "`ggdm run` command writes them anew"
                            : "%d missing of %d written",
                    missing, archived);
    GGDM_TRY(ggdm_path_join(dir, "archive", &path, err));
    check_orphans(d, store, path);
    free(path);
    GGDM_TRY(ggdm_path_join(dir, GGDM_REQUEST_FILE, &path, err));
    if (ggdm_exists(path) && ggdm_store_snapshot_time(store) == 0)
        ggdm_doctor_say(d, GGDM_FOUND_WARN, "request",
                        "%s was left behind: the next coordinator drops it", path);
    free(path);
    return GGDM_OK;
}

/* The frozen texts beside the database are for people, and for who continues the run. */
static ggdm_status check_sweeps(ggdm_doctor *d, ggdm_store *store, const char *dir, ggdm_error *err)
{
    int32_t n = 0;
    GGDM_TRY(ggdm_store_n_sweeps(store, &n, err));
    for (int32_t i = 1; i <= n; i++) {
        char name[GGDM_SWEEP_NAME_SIZE], *path = NULL, *stored = NULL, *found = NULL;
        ggdm_error why = {0};
        ggdm_sweep_file_name(i, name);
        ggdm_status st = ggdm_store_sweep_text(store, i, &stored, err);
        if (st == GGDM_OK)
            st = ggdm_path_join(dir, name, &path, err);
        if (st == GGDM_OK && ggdm_read_file(path, strlen(stored), &found, NULL, &why) != GGDM_OK)
            ggdm_doctor_say(d, GGDM_FOUND_WARN, "sweep", "%s", why.msg);
        else if (st == GGDM_OK && strcmp(found, stored) != 0)
            ggdm_doctor_say(d, GGDM_FOUND_WARN, "sweep",
                            "%s is not the text in the database, which holds", path);
        free(path);
        free(stored);
        free(found);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

/* The networks of a run at their own sizes, in its precision. */
static void check_network(ggdm_doctor *d, const char *name, ggdm_dtype dtype)
{
    ggdm_model_files files = {0};
    ggdm_model *model = NULL;
    ggdm_error err = {0};
    ggdm_status st = ggdm_model_files_open(name, &files, &err);
    if (st == GGDM_OK)
        st = ggdm_model_create(&files, &model, &err);
    if (st != GGDM_OK)
        ggdm_doctor_say(d, GGDM_FOUND_WARN, "network", "%s: not looked at: %s", name, err.msg);
    else if (ggdm_model_check(model, dtype, &err) == GGDM_OK)
        ggdm_doctor_say(d, GGDM_FOUND_OK, "network",
                        "%s: an image's bits do not depend on batch and threads", name);
    else
        ggdm_doctor_say(d, GGDM_FOUND_BAD, "network", "%s: %s", name, err.msg);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
}

static void check_networks(ggdm_doctor *d, const ggdm_store *store)
{
    const bool bf16 = ggdm_store_run_info(store)->precision == GGDM_PRECISION_BF16;
    int32_t n = 0;
    const ggdm_store_model *models = ggdm_store_models(store, &n);
    for (int32_t i = 0; i < n; i++)
        check_network(d, models[i].name, bf16 ? GGDM_BF16 : GGDM_F32);
}

void ggdm_doctor_run(ggdm_doctor *d, const char *dir)
{
    ggdm_store *store = NULL;
    ggdm_error err = {0};
    if (!ggdm_doctor_holds_run(dir)) {
        ggdm_doctor_say(d, GGDM_FOUND_OK, "run", "none in %s", dir);
        return;
    }
    ggdm_status st = ggdm_dir_read(dir, &store, &err);
    if (st == GGDM_OK) {
        check_database(d, store);
        check_networks(d, store);
        st = check_archive(d, store, dir, &err);
    }
    if (st == GGDM_OK)
        st = check_sweeps(d, store, dir, &err);
    st = ggdm_dir_done(&store, st, &err);
    if (st != GGDM_OK)
        ggdm_doctor_say(d, st == GGDM_ESTATE ? GGDM_FOUND_WARN : GGDM_FOUND_BAD, "database", "%s",
                        err.msg);
}
