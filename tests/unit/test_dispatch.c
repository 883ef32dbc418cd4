/* The coordinator's loop and the workers' loop against each other: real store, real protocol, the
 * in-process world; only the engine is a stand-in that paints patterns. */
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"
#include "coordinator/world/world_status.h"
#include "tests/support/run_fixture.h"
#include "tests/support/tiny_model.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/transport.h"
#include "coordinator/run/dispatch.h"
#include "coordinator/world/stop.h"
#include "models/model.h"
#include "worker/engine.h"
#include "worker/protocol.h"
#include "worker/startup.h"
#include "worker/worker_loop.h"

/* ---- the stand-in ---- */

static struct {
    int64_t bad_unit; /* -1: none */
    int bad_attempts; /* so many attempts of it go wrong ... */
    enum { FAILS, WRONG_INDEX, LEAVES_ONE_OUT, ONE_TOO_MANY } how; /* ... in this way */
    bool cannot_build;
    int stop_after;    /* raise SIGUSR1 when so many units have begun; 0: never */
    double checkpoint; /* of the job */
    atomic_int begun, cancelled, saved, resumed;
} fake;

static ggdm_status fake_create(void *context, const ggdm_outfit *outfit, void **self,
                               ggdm_error *err)
{
    (void)context;
    *self = &fake;
    if (fake.cannot_build)
        return GGDM_FAIL(err, GGDM_ESHAPE, "it does not fit");
    if (outfit->job.batch != 4 || outfit->n_models != 1 || !outfit->models[0].config)
        return GGDM_FAIL(err, GGDM_EINTERNAL, "job or model did not arrive");
    return GGDM_OK;
}

static void fake_destroy(void **self)
{
    *self = NULL;
}

static ggdm_status give(const ggdm_executor_sink *sink, const ggdm_unit *unit, int64_t trajectory,
                        int32_t index, ggdm_error *err)
{
    ggdm_sample sample;
    run_fixture_sample(unit, trajectory, index, 1, &sample);
    ggdm_status st = sink->sample(sink->context, &sample, err);
    ggdm_sample_deinit(&sample);
    return st;
}

static ggdm_status fake_run(void *self, const ggdm_unit *unit, const ggdm_executor_sink *sink,
                            ggdm_error *err)
{
    (void)self;
    if (unit->state) {
        bool good = unit->state_size == 4 && memcmp(unit->state, "half", 4) == 0 && unit->step == 7;
        if (!good)
            return GGDM_FAIL(err, GGDM_EINTERNAL, "the state did not arrive");
        atomic_fetch_add(&fake.resumed, 1);
    }
    bool bad = unit->id == fake.bad_unit && unit->attempt <= fake.bad_attempts;
    if (atomic_fetch_add(&fake.begun, 1) + 1 == fake.stop_after)
        raise(SIGUSR1);
    bool waits = fake.stop_after && atomic_load(&fake.begun) >= fake.stop_after;
    double deadline = ggdm_now() + 20;
    for (int64_t i = 1; i <= 10 || (waits && ggdm_now() < deadline); i++) {
        if (!sink->step(sink->context, i < 10 ? i : 10, 10)) {
            atomic_fetch_add(&fake.cancelled, 1);
            return GGDM_FAIL(err, GGDM_ECANCELLED, "stopped");
        }
        if (waits)
            ggdm_sleep(0.002);
    }
    if (bad && fake.how == FAILS)
        return GGDM_FAIL(err, GGDM_ENUMERIC, "made to fail");
    bool first = true;
    for (int32_t s = 0; s < unit->n_segments; s++)
        for (int32_t i = 0; i < unit->image_count && unit->segments[s].trajectory >= 0; i++) {
            int32_t index = unit->image_first + i;
            if (bad && first && fake.how == WRONG_INDEX)
                index = (index + 5) % RUN_SAMPLES;
            if (!(bad && first && fake.how == LEAVES_ONE_OUT))
                GGDM_TRY(give(sink, unit, unit->segments[s].trajectory, index, err));
            if (bad && first && fake.how == ONE_TOO_MANY)
                GGDM_TRY(give(sink, unit, unit->segments[s].trajectory, index, err));
            first = false;
        }
    return GGDM_OK;
}

static ggdm_status fake_save(void *self, ggdm_wire *out, int32_t *step, ggdm_error *err)
{
    (void)self;
    *step = 7;
    ggdm_put_raw(out, "half", 4);
    atomic_fetch_add(&fake.saved, 1);
    return ggdm_wire_status(out, "state", err);
}

static const ggdm_engine fake_engine = {
    .create = fake_create, .destroy = fake_destroy, .run = fake_run, .save = fake_save};

/* ---- a world of threads ---- */

enum { MAX_WORLD = 5 };

typedef struct outcome {
    ggdm_status status;
    ggdm_error err;
    ggdm_dispatch_end end;
    bool clean, workers_ok;
} outcome;

typedef struct worker_thread {
    ggdm_transport *t;
    ggdm_status status;
} worker_thread;

static void *worker_main(void *context)
{
    worker_thread *w = context;
    ggdm_error err;
    ggdm_isa isa;
    w->status = ggdm_startup_isa(w->t, &isa, &err);
    if (w->status == GGDM_OK)
        w->status = ggdm_worker_run(w->t, &fake_engine, &err);
    ggdm_transport_close(&w->t);
    return NULL;
}

static ggdm_status coordinate(ggdm_transport *t, run_fixture *f, ggdm_outfit *outfit, outcome *out)
{
    ggdm_isa isa;
    ggdm_progress *progress = NULL;
    ggdm_error *err = &out->err;
    GGDM_TRY(ggdm_startup_isa(t, &isa, err));
    GGDM_TRY(ggdm_progress_create(f->store, &progress, err));
    GGDM_TRY(ggdm_startup_give(t, outfit, err));
    ggdm_status st =
        ggdm_dispatch_run(t, f->store, f->growth, progress, &out->end, &out->clean, err);
    if (ggdm_progress_record(progress, "done", 0, NULL, NULL) != GGDM_OK)
        st = GGDM_EINTERNAL;
    ggdm_progress_destroy(&progress);
    return st;
}

/* Run what is left of the fixture with so many workers. */
static outcome run(run_fixture *f, int workers)
{
    ggdm_transport *t[MAX_WORLD];
    worker_thread w[MAX_WORLD];
    pthread_t threads[MAX_WORLD];
    outcome out = {.workers_ok = true};
    ggdm_error err;
    ggdm_outfit outfit = {.n_models = 1,
                          .job = {.precision = GGDM_PRECISION_FP32,
                                  .batch = 4,
                                  .threads = 1,
                                  .checkpoint = fake.checkpoint}};
    static int runs;
    char name[24];
    snprintf(name, sizeof name, "tiny-%d", runs++);
    char *dir = ggdm_tiny_model_write(f->dir, name, ggdm_tiny_unet_config, 1);
    ggdm_test_ok(ggdm_isa_pinned(&outfit.isa, &err), &err);
    ggdm_test_ok(ggdm_startup_bits(outfit.job.precision, outfit.bits, &err), &err);
    outfit.models = ggdm_test_alloc(1, sizeof *outfit.models);
    ggdm_test_ok(ggdm_model_files_open(dir, &outfit.models[0], &err), &err);
    ggdm_test_ok(ggdm_transport_loop_open(workers + 1, t, &err), &err);
    ggdm_stop_install();
    for (int i = 1; i <= workers; i++) {
        w[i].t = t[i];
        assert_int_equal(pthread_create(&threads[i], NULL, worker_main, &w[i]), 0);
    }
    out.status = coordinate(t[0], f, &outfit, &out);
    for (int i = 1; i <= workers; i++) {
        pthread_join(threads[i], NULL);
        out.workers_ok = out.workers_ok && w[i].status == GGDM_OK;
    }
    ggdm_transport_close(&t[0]);
    ggdm_outfit_deinit(&outfit);
    free(dir);
    return out;
}

static void open_fixture(run_fixture *f)
{
    const ggdm_store_options options = {.backoff = 0.01};
    memset(&fake, 0, sizeof fake);
    fake.bad_unit = -1;
    run_fixture_open(f);
    run_fixture_reopen(f, &options);
}

static int64_t units(const run_fixture *f, ggdm_unit_state state)
{
    return ggdm_store_counts_get(f->store)->units[state];
}

static void assert_finished(const outcome *o)
{
    ggdm_test_ok(o->status, &o->err);
    assert_true(o->clean);
    assert_true(o->workers_ok);
    assert_int_equal(o->end, GGDM_DISPATCH_FINISHED);
}

/* ---- tests ---- */

static ggdm_status compare_sample(void *context, const ggdm_sample *sample, ggdm_error *err)
{
    ggdm_sample want;
    run_fixture_sample(NULL, sample->trajectory, sample->index, 1, &want);
    bool same = want.size == sample->size && memcmp(want.data, sample->data, want.size) == 0 &&
                want.diverged == sample->diverged;
    ggdm_sample_deinit(&want);
    ++*(int *)context;
    return same ? GGDM_OK : GGDM_FAIL(err, GGDM_EINTERNAL, "sample %d differs", sample->index);
}

static void test_dispatch_three_workers_do_every_unit(void **state)
{
    (void)state;
    run_fixture f;
    open_fixture(&f);
    outcome o = run(&f, 3);
    assert_finished(&o);
    assert_int_equal(units(&f, GGDM_UNIT_DONE), RUN_UNITS);
    assert_int_equal(atomic_load(&fake.begun), RUN_UNITS); /* each once */
    int images = 0;
    ggdm_error err;
    for (int t = 0; t < RUN_TRAJECTORIES; t++)
        ggdm_test_ok(ggdm_store_each_sample(f.store, t, INT32_MAX, true, NULL, 0, compare_sample,
                                            &images, &err),
                     &err);
    assert_int_equal(images, RUN_TRAJECTORIES * RUN_SAMPLES);
    run_fixture_close(&f);
}

static void test_dispatch_one_worker_writes_status_file(void **state)
{
    (void)state;
    run_fixture f;
    open_fixture(&f);
    outcome o = run(&f, 1);
    assert_finished(&o);
    char *path = ggdm_test_path(f.dir, GGDM_STATUS_FILE), *text = ggdm_test_read(path, NULL);
    assert_non_null(strstr(text, "\"exit_code\": 0"));
    assert_non_null(strstr(text, "\"fraction\": 1"));
    free(text);
    free(path);
    run_fixture_close(&f);
}

static void fail_once(int how)
{
    run_fixture f;
    open_fixture(&f);
    fake.bad_unit = 4;
    fake.bad_attempts = 1;
    fake.how = how;
    outcome o = run(&f, 2);
    assert_finished(&o);
    assert_int_equal(units(&f, GGDM_UNIT_DONE), RUN_UNITS);
    assert_int_equal(atomic_load(&fake.begun), RUN_UNITS + 1);
    run_fixture_close(&f);
}

static void test_dispatch_failing_unit_is_tried_again(void **state)
{
    (void)state;
    fail_once(FAILS);
}

static void test_dispatch_wrong_images_fail_the_unit(void **state)
{
    (void)state;
    fail_once(WRONG_INDEX);
    fail_once(LEAVES_ONE_OUT);
    fail_once(ONE_TOO_MANY);
}

static void test_dispatch_hopeless_unit_is_quarantined(void **state)
{
    (void)state;
    run_fixture f;
    open_fixture(&f);
    fake.bad_unit = 0;
    fake.bad_attempts = 1000;
    outcome o = run(&f, 2);
    assert_finished(&o);
    assert_int_equal(units(&f, GGDM_UNIT_DONE), RUN_UNITS - 1);
    assert_int_equal(units(&f, GGDM_UNIT_QUARANTINED), 1);
    run_fixture_close(&f);
}

static void test_dispatch_stop_gives_units_back_and_next_run_finishes(void **state)
{
    (void)state;
    run_fixture f;
    open_fixture(&f);
    fake.stop_after = 5;
    outcome o = run(&f, 2);
    ggdm_test_ok(o.status, &o.err);
    assert_true(o.clean);
    assert_true(o.workers_ok);
    assert_int_equal(o.end, GGDM_DISPATCH_INTERRUPTED);
    assert_true(atomic_load(&fake.cancelled) > 0);
    assert_int_equal(units(&f, GGDM_UNIT_RUNNING), 0);
    assert_int_equal(units(&f, GGDM_UNIT_FAILED), 0);
    assert_true(units(&f, GGDM_UNIT_READY) > 0);
    fake.stop_after = 0;
    run_fixture_reopen(&f, NULL);
    o = run(&f, 1);
    assert_finished(&o);
    assert_int_equal(units(&f, GGDM_UNIT_DONE), RUN_UNITS);
    run_fixture_close(&f);
}

/* The first column of the first row of the database, owned. */
static char *ask_text(run_fixture *f, const char *sql)
{
    char *path = ggdm_test_path(f->dir, GGDM_STORE_FILE), *out = NULL;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    ggdm_error err;
    ggdm_store_close(&f->store);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    ggdm_test_ok(ggdm_strdup((const char *)sqlite3_column_text(stmt, 0), &out, &err), &err);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    free(path);
    run_fixture_reopen(f, NULL);
    return out;
}

static int64_t ask(run_fixture *f, const char *sql)
{
    char *text = ask_text(f, sql);
    int64_t v = strtoll(text, NULL, 10);
    free(text);
    return v;
}

/* A stop in the middle: the units that ran are saved, go out with their state at the next start,
 * and leave none when they are done. */
static void test_dispatch_stopped_units_go_on_from_their_checkpoints(void **state)
{
    (void)state;
    run_fixture f;
    open_fixture(&f);
    fake.stop_after = 5;
    fake.checkpoint = 1000;
    outcome o = run(&f, 2);
    ggdm_test_ok(o.status, &o.err);
    assert_true(o.clean);
    int cancelled = atomic_load(&fake.cancelled);
    assert_true(cancelled > 0);
    assert_int_equal(atomic_load(&fake.saved), cancelled);
    assert_int_equal(ask(&f, "SELECT count(*) FROM checkpoint WHERE step = 7"), cancelled);
    fake.stop_after = 0;
    o = run(&f, 1);
    assert_finished(&o);
    assert_int_equal(atomic_load(&fake.resumed), cancelled);
    assert_int_equal(units(&f, GGDM_UNIT_DONE), RUN_UNITS);
    assert_int_equal(ask(&f, "SELECT count(*) FROM checkpoint"), 0);
    assert_int_equal(ask(&f, "SELECT count(*) FROM event WHERE message = 'goes on at step 7'"),
                     cancelled);
    run_fixture_close(&f);
}

/* With a short interval every unit is saved as it runs. */
static void test_dispatch_checkpoints_come_in_the_interval(void **state)
{
    (void)state;
    run_fixture f;
    open_fixture(&f);
    fake.checkpoint = 1e-9;
    outcome o = run(&f, 2);
    assert_finished(&o);
    assert_true(atomic_load(&fake.saved) >= RUN_UNITS);
    assert_int_equal(atomic_load(&fake.resumed), 0);
    assert_int_equal(ask(&f, "SELECT count(*) FROM checkpoint"), 0);
    run_fixture_close(&f);
}

/* All that a run with `until` has decided, and its cells; owned. */
static char *decisions(run_fixture *f)
{
    return ask_text(f, "SELECT (SELECT group_concat(to_state || message, x'0a') FROM (SELECT * "
                       "FROM event WHERE unit = -1 ORDER BY id)) || (SELECT "
                       "group_concat(idx || ' ' || wanted) FROM cell) || (SELECT "
                       "group_concat(trajectory || ' ' || idx) FROM (SELECT * FROM sample ORDER BY "
                       "trajectory, idx))");
}

/* Rounds until the sweep is done: whoever works, in whatever order, with whatever interruptions. */
static void test_dispatch_until_decides_the_same_however_it_is_run(void **state)
{
    (void)state;
    static const char rule[] = "{halfwidth: 0.2, at_most: 50, block: 10}";
    char *want = NULL;
    for (int i = 0; i < 4; i++) {
        run_fixture f;
        memset(&fake, 0, sizeof fake);
        fake.bad_unit = i == 2 ? 12 : -1; /* tried again */
        fake.bad_attempts = 1;
        run_fixture_open_until(&f, rule);
        const ggdm_store_options options = {.backoff = 0.01};
        run_fixture_reopen(&f, &options);
        outcome o = {.end = GGDM_DISPATCH_INTERRUPTED};
        for (int tries = 0; o.end == GGDM_DISPATCH_INTERRUPTED; tries++) {
            assert_true(tries < 40);
            atomic_store(&fake.begun, 0);
            fake.stop_after = i == 3 && tries < 6 ? 5 : 0;
            o = run(&f, i == 0 ? 1 : i == 3 ? 1 + tries % 3 : 3);
            ggdm_test_ok(o.status, &o.err);
            run_fixture_reopen(&f, &options);
        }
        assert_finished(&o);
        char *got = decisions(&f);
        assert_non_null(strstr(got, "narrowuntil: cell c0005, judge 35 of 50: 0.7000 [0.4829, "));
        if (want)
            assert_string_equal(got, want);
        else
            assert_int_equal(ggdm_strdup(got, &want, NULL), GGDM_OK);
        free(got);
        run_fixture_close(&f);
    }
    free(want);
}

static void test_dispatch_workers_that_cannot_build_end_the_run(void **state)
{
    (void)state;
    run_fixture f;
    open_fixture(&f);
    fake.cannot_build = true;
    outcome o = run(&f, 2);
    ggdm_test_error(o.status, &o.err, GGDM_ESHAPE, "it does not fit");
    assert_true(o.clean);
    assert_true(o.workers_ok);
    assert_int_equal(units(&f, GGDM_UNIT_READY), RUN_UNITS);
    run_fixture_close(&f);
}

static void test_worker_nothing_to_do_leaves(void **state)
{
    (void)state;
    ggdm_transport *t[2];
    worker_thread w;
    pthread_t thread;
    ggdm_error err;
    ggdm_isa isa;
    ggdm_test_ok(ggdm_transport_loop_open(2, t, &err), &err);
    w.t = t[1];
    assert_int_equal(pthread_create(&thread, NULL, worker_main, &w), 0);
    ggdm_status st = ggdm_startup_isa(t[0], &isa, &err);
    if (st == GGDM_OK)
        st = ggdm_startup_give(t[0], NULL, &err);
    pthread_join(thread, NULL);
    ggdm_transport_close(&t[0]);
    ggdm_test_ok(st, &err);
    assert_int_equal(w.status, GGDM_OK);
}

/* ---- the protocol ---- */

static void test_report_truncated_packet_is_error(void **state)
{
    (void)state;
    ggdm_transport *t[2];
    ggdm_packet packet = {0};
    ggdm_report report;
    ggdm_error err;
    ggdm_unit unit = {.id = 3, .attempt = 1};
    bool got;
    ggdm_test_ok(ggdm_transport_loop_open(2, t, &err), &err);
    ggdm_test_ok(ggdm_send_failed(t[1], &unit, GGDM_ENUMERIC, "not finite", &err), &err);
    ggdm_test_ok(ggdm_transport_receive(t[0], GGDM_TAG_ANY, 1, &packet, &got, &err), &err);
    assert_true(got);
    ggdm_test_ok(ggdm_report_unpack(&packet, &report, &err), &err);
    assert_int_equal(report.unit, 3);
    assert_int_equal(report.status, GGDM_ENUMERIC);
    assert_string_equal(report.message, "not finite");
    ggdm_report_deinit(&report);
    size_t whole = packet.size;
    for (packet.size = 0; packet.size < whole; packet.size++)
        assert_int_not_equal(ggdm_report_unpack(&packet, &report, &err), GGDM_OK);
    packet.size = whole;
    packet.tag = GGDM_TAG_DONE; /* shorter: bytes are left over */
    ggdm_test_error(ggdm_report_unpack(&packet, &report, &err), &err, GGDM_EFORMAT,
                    "behind the end");
    packet.tag = GGDM_TAG_STOP;
    ggdm_test_error(ggdm_report_unpack(&packet, &report, &err), &err, GGDM_EFORMAT, "tag 7");
    ggdm_packet_deinit(&packet);
    ggdm_transport_close(&t[0]);
    ggdm_transport_close(&t[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dispatch_three_workers_do_every_unit),
        cmocka_unit_test(test_dispatch_one_worker_writes_status_file),
        cmocka_unit_test(test_dispatch_failing_unit_is_tried_again),
        cmocka_unit_test(test_dispatch_wrong_images_fail_the_unit),
        cmocka_unit_test(test_dispatch_hopeless_unit_is_quarantined),
        cmocka_unit_test(test_dispatch_stop_gives_units_back_and_next_run_finishes),
        cmocka_unit_test(test_dispatch_stopped_units_go_on_from_their_checkpoints),
        cmocka_unit_test(test_dispatch_checkpoints_come_in_the_interval),
        cmocka_unit_test(test_dispatch_until_decides_the_same_however_it_is_run),
        cmocka_unit_test(test_dispatch_workers_that_cannot_build_end_the_run),
        cmocka_unit_test(test_worker_nothing_to_do_leaves),
        cmocka_unit_test(test_report_truncated_packet_is_error),
    };
    setenv("GGDM_LOG", "error", 1); /* failures made on purpose are no news */
    return ggdm_test_main(tests);
}
