/* One owner in the whole cluster: records of other hosts are made here by editing ours. */
#include "common/owner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

typedef struct place {
    char *dir, *file, *record;
} place;

static place place_make(void)
{
    place p = {.dir = ggdm_test_mkdtemp()};
    p.file = ggdm_test_path(p.dir, "some.db");
    p.record = ggdm_test_path(p.dir, "some.db" GGDM_OWNER_SUFFIX);
    ggdm_test_write(p.file, "x", 1);
    return p;
}

static void place_free(place *p)
{
    free(p->file);
    free(p->record);
    ggdm_test_rmdir(p->dir);
}

static const ggdm_owner_options at_once = {.silence = 30};

static ggdm_owner *take(const place *p)
{
    ggdm_owner *o = NULL;
    ggdm_test_ok(ggdm_owner_take(p->file, &at_once, &o, &err), &err);
    return o;
}

/* A record of a process that took ownership and was killed, with one line replaced: "host other".
 */
static void leave_record(const place *p, const char *line)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        ggdm_owner *o;
        _exit(ggdm_owner_take(p->file, &at_once, &o, NULL) != GGDM_OK);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    if (!line)
        return;
    size_t size, n = strcspn(line, " ") + 1;
    char *old = ggdm_test_read(p->record, &size), *key = strndup(line, n), *new = NULL;
    char *at = strstr(old, key);
    assert_non_null(at);
    assert_true(asprintf(&new, "%.*s%s%s", (int)(at - old), old, line, strchr(at, '\n')) > 0);
    ggdm_test_write(p->record, new, strlen(new));
    free(new);
    free(key);
    free(old);
}

static double seconds_to_take(const place *p, const ggdm_owner_options *options)
{
    ggdm_owner *o = NULL;
    double begun = ggdm_now();
    ggdm_test_ok(ggdm_owner_take(p->file, options, &o, &err), &err);
    double seconds = ggdm_now() - begun;
    ggdm_test_ok(ggdm_owner_beat(o, &err), &err);
    ggdm_owner_release(&o);
    assert_false(ggdm_exists(p->record));
    return seconds;
}

static void test_owner_that_lives_is_named(void **state)
{
    (void)state;
    place p = place_make();
    ggdm_owner *first = take(&p), *second = NULL;
    char text[64];
    ggdm_test_ok(ggdm_owner_set_epoch(first, 7, &err), &err);
    snprintf(text, sizeof text, "on this host, process %d, epoch 7", (int)getpid());
    ggdm_test_error(ggdm_owner_take(p.file, &at_once, &second, &err), &err, GGDM_ESTATE, text);
    const ggdm_owner_options force = {.take_over = true}; /* a live process is never robbed */
    ggdm_test_error(ggdm_owner_take(p.file, &force, &second, &err), &err, GGDM_ESTATE, text);
    ggdm_test_ok(ggdm_owner_beat(first, &err), &err);
    ggdm_owner_release(&first);
    ggdm_owner_release(&first);
    second = take(&p);
    ggdm_owner_release(&second);
    place_free(&p);
}

static void test_owner_that_is_dead_for_sure_is_replaced_at_once(void **state)
{
    (void)state;
    static const char *const dead[] = {
        NULL, "boot 00000000-another-boot", "started 1", "file 1", "at 99999999999", "at 0"};
    char self[64];
    place p = place_make();
    for (size_t i = 0; i < sizeof dead / sizeof *dead; i++) {
        leave_record(&p, dead[i]);
        assert_true(seconds_to_take(&p, &at_once) < 15);
    }
    /* Our process number, but of an earlier process. */
    snprintf(self, sizeof self, "pid %d", (int)getpid());
    leave_record(&p, self);
    assert_true(seconds_to_take(&p, &at_once) < 15);
    place_free(&p);
}

static void test_owner_elsewhere_is_replaced_after_silence_or_on_demand(void **state)
{
    (void)state;
    static const char *const elsewhere[] = {"host another-host", "space pid:[1]"};
    const ggdm_owner_options soon = {.silence = 0.4};
    const ggdm_owner_options known_dead = {.silence = 1000, .take_over = true};
    place p = place_make();
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        leave_record(&p, elsewhere[i]);
        assert_true(seconds_to_take(&p, &soon) >= 0.4);
        leave_record(&p, elsewhere[i]);
        assert_true(seconds_to_take(&p, &known_dead) < 100);
    }
    ggdm_test_write(p.record, "garbage", 7);
    assert_true(seconds_to_take(&p, &soon) >= 0.4);
    place_free(&p);
}

/* A process "on another host" that gives signs of life until it is killed. */
static void test_owner_elsewhere_that_gives_signs_is_named(void **state)
{
    (void)state;
    place p = place_make();
    ggdm_owner *o = NULL;
    leave_record(&p, "host another-host");
    pid_t pid = fork();
    assert_true(pid >= 0);
    for (int i = 0; pid == 0; i++) {
        size_t size;
        char *bytes = ggdm_test_read(p.record, &size);
        strstr(bytes, "beat ")[5] = (char)('0' + i % 10); /* one digit in a new record */
        FILE *f = fopen(p.record, "r+");
        fwrite(bytes, 1, size, f);
        fclose(f);
        free(bytes);
        ggdm_sleep(0.02);
    }
    const ggdm_owner_options wait = {.silence = 60};
    ggdm_status st = ggdm_owner_take(p.file, &wait, &o, &err);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ggdm_test_error(st, &err, GGDM_ESTATE, "another-host, process ");
    place_free(&p);
}

/* It was silent for too long: another one has taken over, and it must see that. */
static void test_owner_that_was_replaced_is_told(void **state)
{
    (void)state;
    place p = place_make();
    ggdm_owner *old = take(&p);
    size_t size;
    char *bytes = ggdm_test_read(p.record, &size);
    memcpy(strstr(bytes, "token ") + 6, "0123456789abcdef", 16);
    ggdm_test_write(p.record, bytes, size);
    ggdm_test_error(ggdm_owner_set_epoch(old, 3, &err), &err, GGDM_ESTATE, "in use by another");
    assert_true(ggdm_owner_is_lost(old));
    ggdm_test_error(ggdm_owner_beat(old, &err), &err, GGDM_ESTATE, "taken over");
    ggdm_owner_release(&old);
    assert_true(ggdm_exists(p.record)); /* of the other one */
    free(bytes);
    place_free(&p);
}

static void test_owner_whose_record_was_removed_writes_it_again(void **state)
{
    (void)state;
    place p = place_make();
    ggdm_owner *o = take(&p);
    assert_int_equal(unlink(p.record), 0);
    ggdm_test_ok(ggdm_owner_set_epoch(o, 1, &err), &err);
    assert_true(ggdm_exists(p.record));
    ggdm_owner_release(&o);
    place_free(&p);
}

static void test_owner_of_missing_directory_is_error(void **state)
{
    (void)state;
    ggdm_owner *o = NULL;
    ggdm_test_error(ggdm_owner_take("/nonexistent/run/x.db", &at_once, &o, &err), &err, GGDM_EIO,
                    "/nonexistent/run/x.db.owner");
    assert_null(o);
}

/* Many find the same dead record: one of them wins. */
static void test_owner_one_of_many_takes_over(void **state)
{
    (void)state;
    enum { MANY = 8 };
    place p = place_make();
    for (int round = 0; round < 5; round++) {
        int winners = 0, go[2], done[2];
        char byte;
        pid_t pids[MANY];
        leave_record(&p, NULL);
        assert_int_equal(pipe(go) | pipe(done), 0);
        for (int i = 0; i < MANY; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i])
                continue;
            ggdm_owner *o = NULL;
            close(go[1]);
            if (read(go[0], &byte, 1) != 0) /* all start when the other end closes */
                _exit(2);
            ggdm_status st = ggdm_owner_take(p.file, &at_once, &o, NULL);
            if (st == GGDM_OK && write(done[1], "w", 1) == 1)
                pause();
            _exit(st == GGDM_ESTATE ? 1 : 2);
        }
        close(go[0]), close(go[1]);
        assert_int_equal(read(done[0], &byte, 1), 1);
        for (int left = MANY; left > 1; left--) { /* all but the winner end by themselves */
            int status;
            assert_true(waitpid(-1, &status, 0) > 0);
            assert_int_equal(WEXITSTATUS(status), 1);
        }
        for (int i = 0; i < MANY; i++)
            if (waitpid(pids[i], NULL, WNOHANG) == 0) {
                winners++;
                kill(pids[i], SIGKILL);
                waitpid(pids[i], NULL, 0);
            }
        close(done[0]), close(done[1]);
        assert_int_equal(winners, 1);
    }
    place_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owner_that_lives_is_named),
        cmocka_unit_test(test_owner_that_is_dead_for_sure_is_replaced_at_once),
        cmocka_unit_test(test_owner_elsewhere_is_replaced_after_silence_or_on_demand),
        cmocka_unit_test(test_owner_elsewhere_that_gives_signs_is_named),
        cmocka_unit_test(test_owner_that_was_replaced_is_told),
        cmocka_unit_test(test_owner_whose_record_was_removed_writes_it_again),
        cmocka_unit_test(test_owner_of_missing_directory_is_error),
        cmocka_unit_test(test_owner_one_of_many_takes_over),
    };
    setenv("GGDM_LOG", "error", 1);
    return ggdm_test_main(tests);
}
