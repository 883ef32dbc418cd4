/* Temporaries: those of killed processes go, those of living ones stay, links are not followed;
 * files are replaced as a whole. */
#include "common/temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

/* What a process that is killed leaves: a file, what another program put beside it, a folder. */
static void leave(const char *target)
{
    ggdm_temp t;
    char *place, name[400];
    if (ggdm_temp_open(target, &t, NULL) != GGDM_OK ||
        ggdm_temp_name(target, &place, NULL) != GGDM_OK || mkdir(place, 0700) != 0)
        _exit(1);
    snprintf(name, sizeof name, "%s-journal", t.name);
    close(open(name, O_CREAT | O_WRONLY, 0600));
    snprintf(name, sizeof name, "%s/inside", place);
    close(open(name, O_CREAT | O_WRONLY, 0600));
}

static int count_temps(const char *dir)
{
    char command[300], text[20];
    snprintf(command, sizeof command, "ls %s | grep -c '[.]tmp-'", dir);
    FILE *f = popen(command, "r");
    assert_non_null(fgets(text, sizeof text, f));
    pclose(f);
    return atoi(text);
}

/* Somewhere else, so that the next temporary in the directory of the test looks at it again. */
static void look_away(void)
{
    char *other = ggdm_test_mkdtemp(), *target = ggdm_test_path(other, "x");
    ggdm_test_ok(ggdm_replace_file(target, "", 0, &err), &err);
    ggdm_test_rmdir(other);
    free(target);
}

static void test_temp_of_a_killed_process_is_removed(void **state)
{
    char *target = ggdm_test_path(*state, "x"), *other = ggdm_test_path(*state, "y");
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        leave(target);
        raise(SIGKILL);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(count_temps(*state), 3);
    ggdm_test_ok(ggdm_replace_file(other, "new", 3, &err), &err);
    assert_int_equal(count_temps(*state), 0);
    free(target);
    free(other);
}

static void test_temp_of_a_living_process_stays(void **state)
{
    char *target = ggdm_test_path(*state, "x"), c;
    int ready[2], status;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        leave(target);
        assert_int_equal(write(ready[1], "r", 1), 1);
        pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    ggdm_test_ok(ggdm_replace_file(target, "new", 3, &err), &err);
    assert_int_equal(count_temps(*state), 3);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    look_away();
    ggdm_test_ok(ggdm_replace_file(target, "new", 3, &err), &err);
    assert_int_equal(count_temps(*state), 0);
    close(ready[0]);
    close(ready[1]);
    free(target);
}

/* Of another host nothing is known but how old they are. */
static void test_temp_of_another_host_goes_after_a_day(void **state)
{
    char *target = ggdm_test_path(*state, "x"), *young, *old, *alike;
    young = ggdm_test_path(*state, "x.tmp-0badcafe-1-1-0");
    old = ggdm_test_path(*state, "x.tmp-0badcafe-1-1-1");
    alike = ggdm_test_path(*state, "x.tmp-1");
    const char *const all[] = {young, old, alike};
    const struct timespec at = {.tv_sec = (time_t)ggdm_wall_clock() - 90000};
    for (int i = 0; i < 3; i++)
        ggdm_test_write(all[i], "z", 1);
    for (int i = 1; i < 3; i++)
        assert_int_equal(utimensat(AT_FDCWD, all[i], (struct timespec[]){at, at}, 0), 0);
    ggdm_test_ok(ggdm_replace_file(target, "new", 3, &err), &err);
    assert_true(ggdm_exists(young) && !ggdm_exists(old) && ggdm_exists(alike));
    for (int i = 0; i < 3; i++)
        free((char *)all[i]);
    free(target);
}

/* The name of the next temporary can be guessed; a link there must not be written through. */
static void test_temp_does_not_write_through_links(void **state)
{
    char *target = ggdm_test_path(*state, "x"), *precious = ggdm_test_path(*state, "precious");
    ggdm_test_write(precious, "keep", 4);
    for (int hard = 0; hard < 2; hard++) {
        char *name, next[400];
        struct stat info;
        size_t size;
        ggdm_test_ok(ggdm_temp_name(target, &name, &err), &err);
        char *dash = strrchr(name, '-');
        snprintf(next, sizeof next, "%.*s-%d", (int)(dash - name), name, atoi(dash + 1) + 1);
        assert_int_equal(hard ? link(precious, next) : symlink(precious, next), 0);
        ggdm_test_ok(ggdm_replace_file(target, "new", 3, &err), &err);
        char *text = ggdm_test_read(precious, &size);
        assert_int_equal(size, 4);
        assert_memory_equal(text, "keep", 4);
        assert_int_equal(lstat(target, &info), 0);
        assert_true(S_ISREG(info.st_mode) && info.st_nlink == 1 && info.st_size == 3);
        unlink(next);
        free(text);
        free(name);
    }
    free(target);
    free(precious);
}

static void test_temp_that_is_aborted_leaves_the_old_file(void **state)
{
    char *target = ggdm_test_path(*state, "x");
    ggdm_temp t;
    size_t size;
    ggdm_test_write(target, "old", 3);
    ggdm_test_ok(ggdm_temp_open(target, &t, &err), &err);
    assert_int_equal(write(t.fd, "half", 4), 4);
    ggdm_temp_abort(&t);
    ggdm_temp_abort(&t);
    char *text = ggdm_test_read(target, &size);
    assert_int_equal(size, 3);
    assert_int_equal(count_temps(*state), 0);
    free(text);
    free(target);
}

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void test_temp_replace_replaces_and_leaves_no_other_file(void **state)
{
    char *path = ggdm_test_path(*state, "status"), *text;
    ggdm_test_ok(ggdm_replace_file(path, "old content", 11, &err), &err);
    ggdm_test_ok(ggdm_replace_file(path, "new", 3, &err), &err);
    text = ggdm_test_read(path, NULL);
    assert_string_equal(text, "new");
    assert_int_equal(entries(*state), 1);
    free(text);
    free(path);
}

static void test_temp_replace_that_fails_leaves_no_other_file(void **state)
{
    char *dir = ggdm_test_path(*state, "d"), *below = ggdm_test_path(*state, "none/f");
    ggdm_test_ok(ggdm_make_dirs(dir, &err), &err);
    ggdm_test_error(ggdm_replace_file(dir, "x", 1, &err), &err, GGDM_EIO, "cannot write");
    ggdm_test_error(ggdm_replace_file(below, "x", 1, &err), &err, GGDM_EIO, "none/f: No such");
    assert_int_equal(entries(*state), 1);
    assert_true(ggdm_is_dir(dir));
    free(dir);
    free(below);
}

/* What a full disk, a quota and a limit say is one thing. */
static void test_temp_replace_without_room_says_so_and_leaves_no_other_file(void **state)
{
    char *path = ggdm_test_path(*state, "f"), *text, many[4096] = {0};
    ggdm_test_ok(ggdm_replace_file(path, "old", 3, &err), &err);
    ggdm_test_limit_files(1024);
    ggdm_status st = ggdm_replace_file(path, many, sizeof many, &err);
    ggdm_test_limit_files(SIZE_MAX);
    ggdm_test_error(st, &err, GGDM_EFULL, "/f: File too large");
    assert_int_equal(ggdm_exit_code(st), GGDM_EXIT_INTERRUPTED);
    assert_int_equal(ggdm_errno_status(ENOSPC), GGDM_EFULL);
    assert_int_equal(ggdm_errno_status(EDQUOT), GGDM_EFULL);
    assert_int_equal(ggdm_errno_status(EROFS), GGDM_EIO);
    assert_int_equal(entries(*state), 1);
    text = ggdm_test_read(path, NULL);
    assert_string_equal(text, "old");
    free(text);
    free(path);
}

static void test_temp_where_nothing_can_be_made_is_an_error(void **state)
{
    (void)state;
    ggdm_temp t;
    ggdm_test_error(ggdm_temp_open("/nonexistent/x", &t, &err), &err, GGDM_EIO,
                    "cannot write /nonexistent/x: No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ggdm_test_in_dir(test_temp_of_a_killed_process_is_removed),
        ggdm_test_in_dir(test_temp_of_a_living_process_stays),
        ggdm_test_in_dir(test_temp_of_another_host_goes_after_a_day),
        ggdm_test_in_dir(test_temp_does_not_write_through_links),
        ggdm_test_in_dir(test_temp_that_is_aborted_leaves_the_old_file),
        ggdm_test_in_dir(test_temp_replace_replaces_and_leaves_no_other_file),
        ggdm_test_in_dir(test_temp_replace_that_fails_leaves_no_other_file),
        ggdm_test_in_dir(test_temp_replace_without_room_says_so_and_leaves_no_other_file),
        cmocka_unit_test(test_temp_where_nothing_can_be_made_is_an_error),
    };
    return ggdm_test_main(tests);
}
