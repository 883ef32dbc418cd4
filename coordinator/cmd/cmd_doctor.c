/* `ggdm doctor`: is this machine, are these libraries, this file system, this run directory fit for
 * a run?  Every check is one line: ok, warn or FAIL, what was looked at, and what was found. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/fs.h"
#include "common/isa.h"
#include "common/json_write.h"
#include "common/mem.h"
#include "common/plural.h"
#include "common/version.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/core_use.h"
#include "coordinator/run/dir_args.h"
#include "coordinator/cmd/disk_check.h"
#include "coordinator/run/progress.h"
#include "coordinator/run/request.h"
#include "jobs/store_audit.h"
#include "models/model_check.h"
#include "models/nn/selfcheck.h"

#define GIB (1.0 / (1 << 30))
#define MIN_SHM ((uint64_t)64 << 20) /* bytes: weights of a small model */
#define MIN_FREE ((uint64_t)1 << 30) /* bytes */
#define SLOW_FSYNC 0.1               /* seconds: every turn of the coordinator pays one */

typedef enum level { OK, WARN, BAD } level;
static const char *const level_names[] = {"ok", "warn", "FAIL"};

typedef struct doctor {
    ggdm_dir_options where;
    bool json;
    ggdm_json j;
    int found[3]; /* by level */
} doctor;

static void say(doctor *d, level l, const char *topic, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(doctor *d, level l, const char *topic, const char *format, ...)
{
    char text[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    d->found[l]++;
    if (!d->json) {
        printf("%-4s  %-16s %s\n", level_names[l], topic, text);
        return;
    }
    ggdm_json_begin_object(&d->j, NULL);
    ggdm_json_put_string(&d->j, "level", level_names[l]);
    ggdm_json_put_string(&d->j, "topic", topic);
    ggdm_json_put_string(&d->j, "text", text);
    ggdm_json_end(&d->j);
}

/* ---- machine and libraries ---- */

static void check_isa(doctor *d)
{
    ggdm_isa isa;
    ggdm_error err = {0};
    if (ggdm_isa_choose(&isa, &err) != GGDM_OK || ggdm_isa_pin(isa, &err) != GGDM_OK) {
        say(d, BAD, "instructions", "%s", err.msg);
        return;
    }
    char processor[GGDM_PROCESSOR_SIZE];
    ggdm_processor_name(processor);
    say(d, OK, "processor", "%s", processor);
    say(d, OK, "instructions", "%s", ggdm_isa_name(isa));
    static const struct {
        ggdm_dtype dtype;
        const char *topic, *name;
    } kinds[] = {{GGDM_F32, "bits, f32", "f32"}, {GGDM_BF16, "bits, bf16", "bf16"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint8_t digest[GGDM_HASH_SIZE];
        char hex[GGDM_HASH_TEXT_SIZE];
        ggdm_status st = ggdm_nn_selfcheck(kinds[i].dtype, true, digest, &err);
        ggdm_hash_hex(digest, hex);
        if (st == GGDM_OK)
            say(d, OK, kinds[i].topic,
                "%.16s: an image's bits do not depend on batch and threads; machines that say the "
                "same compute alike",
                hex);
        else if (st == GGDM_EUNSUPPORTED)
            say(d, OK, kinds[i].topic, "not on this machine");
        else
            say(d, BAD, kinds[i].topic, "%s; do not use precision %s here", err.msg, kinds[i].name);
    }
}

static void check_memory(doctor *d)
{
    struct sysinfo info;
    struct statvfs fs;
    if (sysinfo(&info) == 0)
        say(d, OK, "memory",
            "%.1f GiB usable (machine, control groups), %.1f GiB of the machine free",
            (double)ggdm_usable_memory() * GIB, (double)info.freeram * info.mem_unit * GIB);
    if (statvfs("/dev/shm", &fs) != 0) {
        say(d, WARN, "/dev/shm", "cannot be looked at: each worker will hold its own weights");
        return;
    }
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    say(d, room < MIN_SHM ? WARN : OK, "/dev/shm",
        room < MIN_SHM
            ? "%.2f GiB free, expected room for the weights: each worker may hold its own"
            : "%.2f GiB free",
        (double)room * GIB);
}

static void check_cores(doctor *d)
{
    ggdm_core_use use;
    ggdm_error err = {0};
    if (ggdm_core_use_measure(&use, &err) != GGDM_OK) {
        say(d, WARN, "workers", "not measured: %s", err.msg);
        return;
    }
    say(d, OK, "workers",
        "%d of 1 thread: %.2f times the images/s of one; 1 of %d threads: %.2f times; %d NUMA "
        "node%s; best: --threads %d",
        use.cores, use.apart / use.alone, use.cores, use.together / use.alone, use.memories,
        ggdm_plural(use.memories), use.apart >= use.together ? 1 : use.cores);
}

static void say_library(void *context, const char *name, const char *version)
{
    bool linked = strcmp(version, "not linked") != 0;
    say(context, linked ? OK : BAD, name, "%s", version);
}

static void check_machine(doctor *d)
{
    say(d, OK, "ggdm", "%s, compiler %s", ggdm_version, __VERSION__);
    say(d, OK, "cores", "%d usable", ggdm_usable_cores());
    check_memory(d);
    ggdm_each_library(say_library, d);
    check_isa(d);
    check_cores(d);
}

/* ---- the file system ---- */

static bool holds_run(const char *dir)
{
    char *path = NULL;
    bool yes = ggdm_path_join(dir, GGDM_STORE_FILE, &path, NULL) == GGDM_OK && ggdm_exists(path);
    free(path);
    return yes;
}

static void check_disk(doctor *d, const char *dir)
{
    ggdm_disk disk;
    ggdm_error err = {0};
    if (holds_run(dir) && access(dir, W_OK) != 0) {
        say(d, OK, "file system", "%s: the run can be looked at, not continued", strerror(errno));
        return;
    }
    if (ggdm_disk_look(dir, &disk, &err) != GGDM_OK) {
        say(d, BAD, "file system", "%s", err.msg);
        return;
    }
    say(d, disk.network ? WARN : OK, "file system", "%s%s", disk.type,
        disk.network ? ": a network file system; the database falls back from its write-ahead log "
                       "where it must, commits are slower"
                     : "");
    say(d, disk.locks ? OK : BAD, "locks",
        disk.locks ? "granted" : "refused: two coordinators could own one run");
    say(d, disk.maps ? OK : WARN, "shared mapping",
        disk.maps ? "works" : "refused: weights are read, not mapped");
    say(d, disk.sync_seconds > SLOW_FSYNC ? WARN : OK, "fsync", "%.2f ms for 4 KiB, median of %d",
        1e3 * disk.sync_seconds, GGDM_DISK_SYNCS);
    say(d, disk.free_bytes < MIN_FREE ? WARN : OK, "free space", "%.2f GiB",
        (double)disk.free_bytes * GIB);
}

/* ---- the run directory ---- */

static void say_damage(void *context, const char *text)
{
    say(context, BAD, "database", "%s", text);
}

static void check_counts(doctor *d, ggdm_store *store)
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
    say(d, bad ? WARN : OK, "units", "%lld%s%s", (long long)c->units_total, text,
        bad ? ": see `ggdm introspect`" : "");
    say(d, OK, "images", "%lld of %lld, %lld diverged", (long long)c->images_done,
        (long long)c->images_total, (long long)c->images_diverged);
}

static void check_database(doctor *d, ggdm_store *store)
{
    ggdm_error err = {0};
    int before = d->found[BAD];
    say(d, OK, "run", "%s, made by ggdm %s, session %lld", ggdm_store_run_info(store)->name,
        ggdm_store_run_info(store)->version, (long long)ggdm_store_epoch(store));
    if (ggdm_store_older_version(store))
        say(d, OK, "schema",
            "version %lld, of an older ggdm: who continues the run brings it up to date, and mends "
            "what that one left",
            (long long)ggdm_store_older_version(store));
    if (ggdm_store_audit_integrity(store, say_damage, d, &err) != GGDM_OK)
        say(d, BAD, "database", "%s", err.msg);
    else if (d->found[BAD] == before)
        say(d, OK, "database", "every page, reference and count is sound");
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

static void check_orphans(doctor *d, ggdm_store *store, const char *path)
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
        say(d, WARN, "archive", "%d %s to no cell of this run (%s)", orphans,
            orphans == 1 ? "entry belongs" : "entries belong", first);
}

static ggdm_status check_archive(doctor *d, ggdm_store *store, const char *dir, ggdm_error *err)
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
    say(d, missing ? WARN : OK, "archives",
        missing ? "%d of %d written ones lack files: the same "
                  "`ggdm run` command writes them anew"
                : "%d missing of %d written",
        missing, archived);
    GGDM_TRY(ggdm_path_join(dir, "archive", &path, err));
    check_orphans(d, store, path);
    free(path);
    GGDM_TRY(ggdm_path_join(dir, GGDM_REQUEST_FILE, &path, err));
    if (ggdm_exists(path) && ggdm_store_snapshot_time(store) == 0)
        say(d, WARN, "request", "%s was left behind: the next coordinator drops it", path);
    free(path);
    return GGDM_OK;
}

/* The frozen texts beside the database are for people, and for who continues the run. */
static ggdm_status check_sweeps(doctor *d, ggdm_store *store, const char *dir, ggdm_error *err)
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
            say(d, WARN, "sweep", "%s", why.msg);
        else if (st == GGDM_OK && strcmp(found, stored) != 0)
            say(d, WARN, "sweep", "%s is not the text in the database, which holds", path);
        free(path);
        free(stored);
        free(found);
        GGDM_TRY(st);
    }
    return GGDM_OK;
}

/* The networks of a run at their own sizes, in its precision. */
static void check_network(doctor *d, const char *name, ggdm_dtype dtype)
{
    ggdm_model_files files = {0};
    ggdm_model *model = NULL;
    ggdm_error err = {0};
    ggdm_status st = ggdm_model_files_open(name, &files, &err);
    if (st == GGDM_OK)
        st = ggdm_model_create(&files, &model, &err);
    if (st != GGDM_OK)
        say(d, WARN, "network", "%s: not looked at: %s", name, err.msg);
    else if (ggdm_model_check(model, dtype, &err) == GGDM_OK)
        say(d, OK, "network", "%s: an image's bits do not depend on batch and threads", name);
    else
        say(d, BAD, "network", "%s: %s", name, err.msg);
    ggdm_model_destroy(&model);
    ggdm_model_files_close(&files);
}

static void check_networks(doctor *d, const ggdm_store *store)
{
    const bool bf16 = ggdm_store_run_info(store)->precision == GGDM_PRECISION_BF16;
    int32_t n = 0;
    const ggdm_store_model *models = ggdm_store_models(store, &n);
    for (int32_t i = 0; i < n; i++)
        check_network(d, models[i].name, bf16 ? GGDM_BF16 : GGDM_F32);
}

/* Looks only: what is to be mended or migrated is left to who continues the run. */
static void check_run(doctor *d, const char *dir)
{
    ggdm_store *store = NULL;
    ggdm_error err = {0};
    if (!holds_run(dir)) {
        say(d, OK, "run", "none in %s", dir);
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
        say(d, st == GGDM_ESTATE ? WARN : BAD, "database", "%s", err.msg);
}

/* ---- the command ---- */

static const struct argp_option arguments[] = {
    {"json", 'j', NULL, 0, "print one JSON object", 0},
    {0},
};

static error_t parse_doctor(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    doctor *d = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &d->where;
        break;
    case 'j':
        d->json = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static ggdm_status print_json(doctor *d, ggdm_error *err)
{
    char *text = NULL;
    ggdm_json_end(&d->j);
    ggdm_json_put_int(&d->j, "warnings", d->found[WARN]);
    ggdm_json_put_int(&d->j, "problems", d->found[BAD]);
    ggdm_json_end(&d->j);
    GGDM_TRY(ggdm_json_finish(&d->j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}

int ggdm_cmd_doctor(int argc, char **argv)
{
    static const struct argp argp = {
        arguments,
        parse_doctor,
        "[DIR]",
        "Check this machine, its libraries, the file system of DIR (default: the working "
        "directory), and the run in DIR: its database in full, and its archives.\v"
        "Exit code 0: all well; 1: warnings or problems.\n\n"
        "Example:\n  ggdm doctor runs/figure4",
        ggdm_dir_children,
        NULL,
        NULL};
    doctor d = {.where.optional = true};
    ggdm_error err = {0};
    if (ggdm_command_parse(&argp, argc, argv, &d))
        return GGDM_EXIT_USAGE;
    if (d.where.dir && !ggdm_is_dir(d.where.dir)) {
        GGDM_FAIL(&err, GGDM_EINVAL, "%s: no such directory", d.where.dir);
        return ggdm_command_fail("doctor", &err);
    }
    ggdm_json_init(&d.j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&d.j, NULL);
    ggdm_json_begin_array(&d.j, "checks");
    check_machine(&d);
    check_disk(&d, d.where.dir ? d.where.dir : ".");
    if (d.where.dir)
        check_run(&d, d.where.dir);
    if (d.json && print_json(&d, &err) != GGDM_OK)
        return ggdm_command_fail("doctor", &err);
    if (!d.json) {
        ggdm_json_deinit(&d.j);
        printf("%d warning%s, %d problem%s\n", d.found[WARN], ggdm_plural(d.found[WARN]),
               d.found[BAD], ggdm_plural(d.found[BAD]));
    }
    return d.found[WARN] + d.found[BAD] ? GGDM_EXIT_FAILED_UNITS : GGDM_EXIT_OK;
}
