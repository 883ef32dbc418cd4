/* Requests to a running coordinator: answered, withdrawn, or dropped; never done for nobody. */
#include "coordinator/run/request.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;
static const ggdm_request cancel = {.kind = GGDM_REQUEST_CANCEL};

static bool is_there(const run_fixture *f, const char *name)
{
    char *path = ggdm_test_path(f->dir, name);
    bool there = ggdm_exists(path);
    free(path);
    return there;
}

static void leave(const run_fixture *f, const char *name, const char *text)
{
    char *path = ggdm_test_path(f->dir, name);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

/* A `ggdm cancel`: a process that asks and ends with the status of the answer. */
static pid_t ask(const run_fixture *f)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int64_t units = 0;
        ggdm_error why;
        ggdm_status st = ggdm_request_send(f->dir, &cancel, &units, &why);
        if (st == GGDM_OK && units != RUN_UNITS)
            st = GGDM_EINTERNAL;
        _exit((int)st);
    }
    for (int i = 0; i < 500 && !is_there(f, GGDM_REQUEST_FILE); i++)
        ggdm_sleep(0.01);
    assert_true(is_there(f, GGDM_REQUEST_FILE));
    return child;
}

static int end_of(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The coordinator's turns for some time, or until the request is gone. */
static void serve(const run_fixture *f, ggdm_request_desk *desk, double seconds)
{
    for (double begun = ggdm_now(); ggdm_now() - begun < seconds;) {
        ggdm_test_ok(ggdm_request_serve(desk, f->store, &err), &err);
        if (!is_there(f, GGDM_REQUEST_FILE))
            return;
        ggdm_sleep(0.05);
    }
}

static int64_t cancelled(const run_fixture *f)
{
    return ggdm_store_counts_get(f->store)->units[GGDM_UNIT_CANCELLED];
}

/* As if the desk had watched for so long already. */
static void let_pass(ggdm_request_desk *desk, double seconds)
{
    desk->since -= seconds;
    if (desk->answered > 0)
        desk->answered -= seconds;
}

static void test_request_of_who_waits_is_done_and_answered(void **state)
{
    run_fixture *f = *state;
    ggdm_request_desk desk = {0};
    leave(f, GGDM_ANSWER_FILE, "{\"id\": \"of an earlier life\"}");
    serve(f, &desk, 1);
    assert_false(is_there(f, GGDM_ANSWER_FILE));
    pid_t asker = ask(f);
    serve(f, &desk, 20);
    assert_int_equal(end_of(asker), GGDM_OK);
    assert_int_equal(cancelled(f), RUN_UNITS);
    assert_false(is_there(f, GGDM_REQUEST_FILE));
    assert_false(is_there(f, GGDM_ANSWER_FILE));
}

static void test_request_of_the_dead_is_dropped(void **state)
{
    run_fixture *f = *state;
    ggdm_request_desk desk = {0};
    serve(f, &desk, 1); /* it lives already when the request comes */
    pid_t asker = ask(f);
    kill(asker, SIGKILL);
    assert_int_equal(end_of(asker), -SIGKILL);
    serve(f, &desk, 0.5);
    assert_true(is_there(f, GGDM_REQUEST_FILE)); /* he might only be slow */
    let_pass(&desk, 5);
    serve(f, &desk, 5);
    assert_false(is_there(f, GGDM_REQUEST_FILE));
    assert_int_equal(cancelled(f), 0);
    asker = ask(f); /* there is room for another */
    serve(f, &desk, 20);
    assert_int_equal(end_of(asker), GGDM_OK);
    assert_int_equal(cancelled(f), RUN_UNITS);
}

/* The coordinator was held up while the request came and its asker died. */
static void test_request_that_moved_while_nobody_looked_is_not_done(void **state)
{
    run_fixture *f = *state;
    ggdm_request_desk desk = {0};
    pid_t asker = ask(f);
    ggdm_test_ok(ggdm_request_serve(&desk, f->store, &err), &err);
    ggdm_sleep(0.5);
    kill(asker, SIGKILL);
    assert_int_equal(end_of(asker), -SIGKILL);
    desk.looked -= 60;
    serve(f, &desk, 0.5);
    assert_int_equal(cancelled(f), 0);
}

static void test_request_is_withdrawn_by_who_is_stopped(void **state)
{
    run_fixture *f = *state;
    ggdm_request_desk desk = {0};
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        pid_t asker = ask(f);
        kill(asker, signals[i]);
        assert_int_equal(end_of(asker), GGDM_ECANCELLED);
        assert_false(is_there(f, GGDM_REQUEST_FILE));
    }
    serve(f, &desk, 0.5);
    assert_int_equal(cancelled(f), 0);
}

static void test_request_of_an_earlier_life_is_dropped(void **state)
{
    run_fixture *f = *state;
    ggdm_request_desk desk = {0};
    leave(f, GGDM_REQUEST_FILE,
          "{\"id\": \"1-2.0\", \"request\": \"cancel\", \"failed_only\": false, \"cells\": null}");
    serve(f, &desk, 0.5);
    let_pass(&desk, 5);
    serve(f, &desk, 5);
    assert_false(is_there(f, GGDM_REQUEST_FILE));
    assert_false(is_there(f, GGDM_ANSWER_FILE));
    assert_int_equal(cancelled(f), 0);
}

static void touch(const run_fixture *f)
{
    char *path = ggdm_test_path(f->dir, GGDM_REQUEST_FILE);
    utimensat(AT_FDCWD, path, NULL, 0);
    free(path);
}

/* Whatever lies there, the run goes on. */
static void test_request_that_is_none_stops_nothing(void **state)
{
    run_fixture *f = *state;
    static const char *const texts[] = {"", "{", "[]", "{\"id\": [1], \"request\": \"cancel\"}",
                                        "{\"id\": \"a\", \"request\": \"burn\"}"};
    char *path = ggdm_test_path(f->dir, GGDM_REQUEST_FILE);
    for (int kind = 0; kind < 2; kind++) {
        ggdm_request_desk desk = {0};
        assert_int_equal(kind ? mkfifo(path, 0666) : mkdir(path, 0777), 0);
        serve(f, &desk, 0.5);
        let_pass(&desk, 60);
        serve(f, &desk, 0.5);
        assert_int_equal(remove(path), 0);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ggdm_request_desk desk = {0};
        leave(f, GGDM_REQUEST_FILE, texts[i]);
        ggdm_test_ok(ggdm_request_serve(&desk, f->store, &err), &err);
        ggdm_sleep(0.11);
        touch(f);
        ggdm_test_ok(ggdm_request_serve(&desk, f->store, &err), &err);
        assert_false(is_there(f, GGDM_REQUEST_FILE));
        assert_true(is_there(f, GGDM_ANSWER_FILE)); /* with the error */
        let_pass(&desk, 60);
        ggdm_sleep(0.11);
        ggdm_test_ok(ggdm_request_serve(&desk, f->store, &err), &err);
        assert_false(is_there(f, GGDM_ANSWER_FILE)); /* nobody fetched it */
    }
    assert_int_equal(cancelled(f), 0);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_request_of_who_waits_is_done_and_answered),
        RUN_FIXTURE_TEST(test_request_of_the_dead_is_dropped),
        RUN_FIXTURE_TEST(test_request_that_moved_while_nobody_looked_is_not_done),
        RUN_FIXTURE_TEST(test_request_is_withdrawn_by_who_is_stopped),
        RUN_FIXTURE_TEST(test_request_of_an_earlier_life_is_dropped),
        RUN_FIXTURE_TEST(test_request_that_is_none_stops_nothing),
    };
    setenv("GGDM_LOG", "error", 1);
    return ggdm_test_main(tests);
}
