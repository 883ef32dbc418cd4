/* `ggdm doctor`: is this machine, are these libraries, this file system, this run directory fit for
 * a run?  Every check is one line: ok, warn or FAIL, what was looked at, and what was found. */
#include <errno.h>
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
#include "common/plural.h"
#include "common/version.h"
#include "coordinator/cmd/command.h"
#include "coordinator/cmd/core_use.h"
#include "coordinator/cmd/disk_check.h"
#include "coordinator/cmd/doctor.h"
#include "models/nn/selfcheck.h"

#define GIB (1.0 / (1 << 30))
#define MIN_SHM ((uint64_t)64 << 20) /* bytes: weights of a small model */
#define MIN_FREE ((uint64_t)1 << 30) /* bytes */
#define SLOW_FSYNC 0.1               /* seconds: every turn of the coordinator pays one */

/* ---- machine and libraries ---- */

static void check_isa(ggdm_doctor *d)
{
    ggdm_isa isa;
    ggdm_error err = {0};
    if (ggdm_isa_choose(&isa, &err) != GGDM_OK || ggdm_isa_pin(isa, &err) != GGDM_OK) {
        ggdm_doctor_say(d, GGDM_FOUND_BAD, "instructions", "%s", err.msg);
        return;
    }
    char processor[GGDM_PROCESSOR_SIZE];
    ggdm_processor_name(processor);
    ggdm_doctor_say(d, GGDM_FOUND_OK, "processor", "%s", processor);
    ggdm_doctor_say(d, GGDM_FOUND_OK, "instructions", "%s", ggdm_isa_name(isa));
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
            ggdm_doctor_say(
                d, GGDM_FOUND_OK, kinds[i].topic,
                "%.16s: an image's bits do not depend on batch and threads; machines that say the "
                "same compute alike",
                hex);
        else if (st == GGDM_EUNSUPPORTED)
            ggdm_doctor_say(d, GGDM_FOUND_OK, kinds[i].topic, "not on this machine");
        else
            ggdm_doctor_say(d, GGDM_FOUND_BAD, kinds[i].topic, "%s; do not use precision %s here",
                            err.msg, kinds[i].name);
    }
}

static void check_memory(ggdm_doctor *d)
{
    struct sysinfo info;
    struct statvfs fs;
    if (sysinfo(&info) == 0)
        ggdm_doctor_say(d, GGDM_FOUND_OK, "memory",
                        "%.1f GiB usable (machine, control groups), %.1f GiB of the machine free",
                        (double)ggdm_usable_memory() * GIB,
                        (double)info.freeram * info.mem_unit * GIB);
    if (statvfs("/dev/shm", &fs) != 0) {
        ggdm_doctor_say(d, GGDM_FOUND_WARN, "/dev/shm",
                        "cannot be looked at: each worker will hold its own weights");
        return;
    }
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    ggdm_doctor_say(
        d, room < MIN_SHM ? GGDM_FOUND_WARN : GGDM_FOUND_OK, "/dev/shm",
        room < MIN_SHM
            ? "%.2f GiB free, expected room for the weights: each worker may hold its own"
            : "%.2f GiB free",
        (double)room * GIB);
}

static void check_cores(ggdm_doctor *d)
{
    ggdm_core_use use;
    ggdm_error err = {0};
    if (ggdm_core_use_measure(&use, &err) != GGDM_OK) {
        ggdm_doctor_say(d, GGDM_FOUND_WARN, "workers", "not measured: %s", err.msg);
        return;
    }
    ggdm_doctor_say(
        d, GGDM_FOUND_OK, "workers",
        "%d of 1 thread: %.2f times the images/s of one; 1 of %d threads: %.2f times; %d NUMA "
        "node%s; best: --threads %d",
        use.cores, use.apart / use.alone, use.cores, use.together / use.alone, use.memories,
        ggdm_plural(use.memories), use.apart >= use.together ? 1 : use.cores);
}

static void say_library(void *context, const char *name, const char *version)
{
    bool linked = strcmp(version, "not linked") != 0;
    ggdm_doctor_say(context, linked ? GGDM_FOUND_OK : GGDM_FOUND_BAD, name, "%s", version);
}

static void check_machine(ggdm_doctor *d)
{
    ggdm_doctor_say(d, GGDM_FOUND_OK, "ggdm", "%s, compiler %s", ggdm_version, __VERSION__);
    ggdm_doctor_say(d, GGDM_FOUND_OK, "cores", "%d usable", ggdm_usable_cores());
    check_memory(d);
    ggdm_each_library(say_library, d);
    check_isa(d);
    check_cores(d);
}

/* ---- the file system ---- */

static void check_disk(ggdm_doctor *d, const char *dir)
{
    ggdm_disk disk;
    ggdm_error err = {0};
    if (ggdm_doctor_holds_run(dir) && access(dir, W_OK) != 0) {
        ggdm_doctor_say(d, GGDM_FOUND_OK, "file system",
                        "%s: the run can be looked at, not continued", strerror(errno));
        return;
    }
    if (ggdm_disk_look(dir, &disk, &err) != GGDM_OK) {
        ggdm_doctor_say(d, GGDM_FOUND_BAD, "file system", "%s", err.msg);
        return;
    }
    ggdm_doctor_say(
        d, disk.network ? GGDM_FOUND_WARN : GGDM_FOUND_OK, "file system", "%s%s", disk.type,
        disk.network ? ": a network file system; the database falls back from its write-ahead log "
                       "where it must, commits are slower"
                     : "");
    ggdm_doctor_say(d, disk.locks ? GGDM_FOUND_OK : GGDM_FOUND_BAD, "locks",
                    disk.locks ? "granted" : "refused: two coordinators could own one run");
    ggdm_doctor_say(d, disk.maps ? GGDM_FOUND_OK : GGDM_FOUND_WARN, "shared mapping",
                    disk.maps ? "works" : "refused: weights are read, not mapped");
    ggdm_doctor_say(d, disk.sync_seconds > SLOW_FSYNC ? GGDM_FOUND_WARN : GGDM_FOUND_OK, "fsync",
                    "%.2f ms for 4 KiB, median of %d", 1e3 * disk.sync_seconds, GGDM_DISK_SYNCS);
    ggdm_doctor_say(d, disk.free_bytes < MIN_FREE ? GGDM_FOUND_WARN : GGDM_FOUND_OK, "free space",
                    "%.2f GiB", (double)disk.free_bytes * GIB);
}

/* ---- the command ---- */

static const struct argp_option arguments[] = {
    {"json", 'j', NULL, 0, "print one JSON object", 0},
    {0},
};

static error_t parse_doctor(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    ggdm_doctor *d = state->input;
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

static ggdm_status print_checks_json(ggdm_doctor *d, ggdm_error *err)
{
    char *text = NULL;
    ggdm_json_end(&d->j);
    ggdm_json_put_int(&d->j, "warnings", d->found[GGDM_FOUND_WARN]);
    ggdm_json_put_int(&d->j, "problems", d->found[GGDM_FOUND_BAD]);
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
    ggdm_doctor d = {.where.optional = true};
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
        ggdm_doctor_run(&d, d.where.dir);
    if (d.json && print_checks_json(&d, &err) != GGDM_OK)
        return ggdm_command_fail("doctor", &err);
    if (!d.json) {
        ggdm_json_deinit(&d.j);
        printf("%d warning%s, %d problem%s\n", d.found[GGDM_FOUND_WARN],
               ggdm_plural(d.found[GGDM_FOUND_WARN]), d.found[GGDM_FOUND_BAD],
               ggdm_plural(d.found[GGDM_FOUND_BAD]));
    }
    return d.found[GGDM_FOUND_WARN] + d.found[GGDM_FOUND_BAD] ? GGDM_EXIT_FAILED_UNITS
                                                              : GGDM_EXIT_OK;
}
