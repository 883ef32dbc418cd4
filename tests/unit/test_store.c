/* The life of units and images in the job store. */
#include "jobs/store.h"

#include <stdlib.h>
#include <string.h>

#include "jobs/store_record.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

static void begin(run_fixture *f, double now)
{
    ggdm_test_ok(ggdm_store_begin(f->store, now, &err), &err);
}

static void commit(run_fixture *f)
{
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
}

/* One unit in a turn that stays open; its id, or -1. */
static int64_t claim(run_fixture *f, ggdm_claim_kind kind, int32_t *attempt)
{
    ggdm_unit unit;
    int32_t n;
    ggdm_test_ok(ggdm_store_claim(f->store, 7, kind, 1, &unit, &n, &err), &err);
    if (n == 0)
        return -1;
    int64_t id = unit.id;
    *attempt = unit.attempt;
    ggdm_unit_deinit(&unit);
    return id;
}

static const ggdm_store_counts *counts(run_fixture *f)
{
    return ggdm_store_counts_get(f->store);
}

static void test_store_open_after_create_gives_what_was_put(void **state)
{
    run_fixture *f = *state;
    const ggdm_run_info *info = ggdm_store_run_info(f->store);
    ggdm_store_cell cell;
    assert_string_equal(info->name, f->info.name);
    assert_string_equal(info->processor, f->info.processor);
    assert_int_equal(info->precision, GGDM_PRECISION_FP32);
    assert_int_equal(ggdm_store_n_cells(f->store), RUN_CELLS);
    ggdm_test_ok(ggdm_store_cell_get(f->store, 5, &cell, &err), &err);
    assert_string_equal(cell.name, "c0005");
    assert_int_equal(cell.index, 5);
    assert_int_equal(cell.sweep, 1);
    assert_int_equal(cell.wanted, RUN_SAMPLES);
    assert_int_equal(cell.done, 0);
    assert_int_equal(cell.trajectory, 2);
    assert_memory_equal(cell.key, f->sweep.cells.trajectories[2].key, sizeof cell.key);
    assert_int_equal(counts(f)->units[GGDM_UNIT_READY], RUN_UNITS);
    assert_int_equal(counts(f)->images_total, RUN_TRAJECTORIES * RUN_SAMPLES);
    assert_int_equal(counts(f)->images_asked, RUN_CELLS * RUN_SAMPLES);
    assert_string_equal(ggdm_store_journal(f->store), "wal");
    ggdm_test_error(ggdm_store_cell_get(f->store, RUN_CELLS, &cell, &err), &err, GGDM_EINVAL,
                    "cell 9");
}

static void test_store_claim_two_workers_gives_different_units(void **state)
{
    run_fixture *f = *state;
    ggdm_unit a[4], b[8];
    int32_t na, nb;
    begin(f, 10);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 4, a, &na, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 2, GGDM_CLAIM_ANY, 8, b, &nb, &err), &err);
    commit(f);
    assert_int_equal(na, 4);
    assert_int_equal(nb, RUN_UNITS - 4);
    assert_int_equal(a[3].id, 3);
    assert_int_equal(a[3].attempt, 1);
    assert_int_equal(a[3].n_segments, 3);
    assert_int_equal(a[3].segments[2].trajectory, 2);
    assert_int_equal(a[3].kind, GGDM_UNIT_GENERATE);
    assert_int_equal(a[3].steps, RUN_STEPS);
    assert_true(a[3].cost == f->tree[1].cost);
    assert_string_equal(a[3].head, f->sweep.cells.heads[0]);
    assert_int_equal(a[3].n_settings, 2);
    for (int i = 0; i < 3; i++)
        assert_string_equal(a[3].settings[a[3].segments[i].setting],
                            f->sweep.cells.settings[f->segment[1][i].setting]);
    assert_int_equal(a[3].n_scorers, 3);
    assert_int_equal(a[3].segments[0].score_count, 0);
    assert_int_equal(a[3].segments[2].score_count, 3);
    assert_int_equal(b[0].id, 4);
    assert_int_equal(b[0].image_first, 4);
    assert_int_equal(b[0].image_count, 4);
    assert_int_equal(counts(f)->units[GGDM_UNIT_RUNNING], RUN_UNITS);
    for (int i = 0; i < na; i++)
        ggdm_unit_deinit(&a[i]);
    for (int i = 0; i < nb; i++)
        ggdm_unit_deinit(&b[i]);
}

static void test_store_whole_run_makes_every_image_once(void **state)
{
    run_fixture *f = *state;
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS);
    for (int again = 0; again < 2; again++) {
        ggdm_store_cell cell;
        assert_int_equal(counts(f)->units[GGDM_UNIT_DONE], RUN_UNITS);
        assert_int_equal(counts(f)->images_done, RUN_TRAJECTORIES * RUN_SAMPLES);
        assert_int_equal(counts(f)->images_diverged, 3);
        ggdm_test_ok(ggdm_store_cell_get(f->store, 8, &cell, &err), &err);
        assert_int_equal(cell.done, RUN_SAMPLES);
        assert_int_equal(cell.diverged, 3);
        run_fixture_reopen(f, NULL); /* the counters are those in the database */
    }
}

static void test_store_has_the_records_of_the_first_images(void **state)
{
    run_fixture *f = *state;
    ggdm_record *records;
    int32_t n;
    ggdm_test_ok(ggdm_store_records(f->store, 2, 100, &records, &n, &err), &err);
    assert_true(n == 0 && !records);
    run_fixture_work(f, 100, 1);
    for (int64_t t = 0; t < RUN_TRAJECTORIES; t++)
        run_fixture_check_records(f->store, t);
    ggdm_test_ok(ggdm_store_records(f->store, 2, 3, &records, &n, &err), &err);
    assert_int_equal(n, 3);
    ggdm_store_records_free(&records, n);
    ggdm_store_close(&f->store);
    run_fixture_sql(f->dir, "UPDATE record SET data = X'02' WHERE trajectory = 2 AND idx = 1");
    ggdm_test_ok(ggdm_store_read(f->dir, &f->store, &err), &err);
    ggdm_test_error(ggdm_store_records(f->store, 2, 100, &records, &n, &err), &err, GGDM_EFORMAT,
                    "is damaged: record of an image");
    assert_null(records);
}

/* The measures of all cells, by their place in the panel. */
enum { GUIDE, JUDGE, SATURATION, MEASURES };

typedef struct check_samples {
    int64_t trajectory;
    int32_t next;
    bool with_data;
    ggdm_unit unit; /* that would make them */
} check_samples;

static ggdm_status check_sample(void *context, const ggdm_sample *sample, ggdm_error *e)
{
    (void)e;
    check_samples *c = context;
    ggdm_sample want;
    run_fixture_sample(&c->unit, c->trajectory, c->next, 1, &want);
    assert_int_equal(sample->index, c->next++);
    assert_int_equal(sample->trajectory, want.trajectory);
    assert_int_equal(sample->diverged, want.diverged);
    assert_int_equal(sample->diverged_step, want.diverged_step);
    assert_int_equal(sample->n_scores, MEASURES + 1);
    for (int i = 0; i < MEASURES; i++) {
        assert_int_equal(sample->scores[i].n, i == SATURATION ? 1 : RUN_CLASSES);
        assert_memory_equal(sample->scores[i].data, want.scores[i].data,
                            (size_t)want.scores[i].n * sizeof(float));
    }
    assert_int_equal(sample->scores[MEASURES].n, 0); /* of a scorer that there is not */
    if (c->with_data) {
        assert_int_equal(sample->size, want.size);
        assert_memory_equal(sample->data, want.data, want.size);
    } else {
        assert_null(sample->data);
    }
    ggdm_sample_deinit(&want);
    return GGDM_OK;
}

static void test_store_each_sample_gives_them_in_index_order(void **state)
{
    run_fixture *f = *state;
    int32_t n;
    run_fixture_work(f, 100, 1);
    const ggdm_store_measure *panel = ggdm_store_panel(f->store, 0, &n);
    assert_int_equal(n, MEASURES);
    assert_string_equal(panel[GUIDE].name, "guide");
    assert_string_equal(panel[JUDGE].name, "judge");
    assert_int_equal(panel[JUDGE].output, GGDM_OUTPUT_CLASSES);
    assert_int_equal(panel[SATURATION].output, GGDM_OUTPUT_NUMBER);
    const int64_t scorers[MEASURES + 1] = {panel[0].scorer, panel[1].scorer, panel[2].scorer, 999};
    ggdm_segment segment = {.trajectory = 4, .score_count = MEASURES};
    ggdm_scorer_ref refs[MEASURES];
    int32_t scores[MEASURES];
    for (int i = 0; i < MEASURES; i++) {
        scores[i] = i;
        refs[i] = (ggdm_scorer_ref){panel[i].scorer, (char *)(uintptr_t)panel[i].text};
    }
    for (int data = 0; data < 2; data++) {
        check_samples c = {
            .trajectory = 4,
            .with_data = data,
            .unit = {
                .segments = &segment, .scorers = refs, .scores = scores, .n_scores = MEASURES}};
        ggdm_test_ok(ggdm_store_each_sample(f->store, 4, 100, data, scorers, MEASURES + 1,
                                            check_sample, &c, &err),
                     &err);
        assert_int_equal(c.next, RUN_SAMPLES);
        c.next = 0;
        ggdm_test_ok(ggdm_store_each_sample(f->store, 4, 6, data, scorers, MEASURES + 1,
                                            check_sample, &c, &err),
                     &err);
        assert_int_equal(c.next, 6);
    }
}

static ggdm_status count_sample(void *context, const ggdm_sample *sample, ggdm_error *e)
{
    (void)sample;
    (void)e;
    ++*(int *)context;
    return GGDM_OK;
}

/* Claim one unit and give its images back after a change. */
static ggdm_status finish_changed(run_fixture *f, void (*change)(ggdm_sample *, int32_t *))
{
    ggdm_unit unit;
    int32_t n, claimed;
    bool accepted;
    begin(f, 1);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &claimed, &err), &err);
    ggdm_sample *samples = run_fixture_samples(&unit, 1, &n);
    int32_t sent = n;
    change(samples, &sent);
    ggdm_status st =
        ggdm_store_finish(f->store, unit.id, unit.attempt, samples, sent, &accepted, &err);
    assert_true(st != GGDM_OK);
    assert_false(accepted);
    commit(f);
    assert_int_equal(counts(f)->images_done, 0);
    assert_int_equal(counts(f)->units[GGDM_UNIT_RUNNING], 1);
    run_fixture_free_samples(samples, n);
    ggdm_unit_deinit(&unit);
    return st;
}

static void one_less(ggdm_sample *samples, int32_t *n)
{
    (void)samples;
    --*n;
}

static void one_twice(ggdm_sample *samples, int32_t *n)
{
    samples[*n - 1].index = samples[0].index;
}

static void foreign_index(ggdm_sample *samples, int32_t *n)
{
    samples[*n - 1].index = 9;
}

static void foreign_trajectory(ggdm_sample *samples, int32_t *n)
{
    samples[*n - 1].trajectory = 3;
}

static void no_data(ggdm_sample *samples, int32_t *n)
{
    samples[*n - 1].size = 0;
}

static void other_scorer(ggdm_sample *samples, int32_t *n)
{
    samples[*n - 1].scores[0].scorer = 999;
}

static void fewer_numbers(ggdm_sample *samples, int32_t *n)
{
    samples[*n - 1].scores[0].n--;
}

static void test_store_finish_with_wrong_samples_stores_nothing(void **state)
{
    static void (*const changes[])(ggdm_sample *, int32_t *) = {
        one_less, one_twice,    foreign_index, foreign_trajectory,
        no_data,  other_scorer, fewer_numbers};
    run_fixture *f = *state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        assert_int_equal(finish_changed(f, changes[i]), GGDM_EFORMAT);
        run_fixture_reopen(f, NULL);
        assert_int_equal(counts(f)->images_done, 0);
        int stored = 0;
        ggdm_test_ok(
            ggdm_store_each_sample(f->store, 0, 100, false, NULL, 0, count_sample, &stored, &err),
            &err);
        assert_int_equal(stored, 0);
    }
}

/* The second unit asked for has a tree that cannot be read: the first is not claimed either. */
static void test_store_claim_of_damaged_tree_claims_nothing(void **state)
{
    run_fixture *f = *state;
    ggdm_unit units[5];
    int32_t n;
    run_fixture_close(f);
    run_fixture_plan(f);
    f->segment[1][0].end = RUN_STEPS + 1;
    run_fixture_create(f);
    begin(f, 1);
    ggdm_test_error(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 5, units, &n, &err), &err,
                    GGDM_EFORMAT, "tree 1");
    assert_int_equal(n, 0);
    assert_int_equal(counts(f)->units[GGDM_UNIT_READY], RUN_UNITS);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 3, units, &n, &err), &err);
    assert_int_equal(n, 3);
    commit(f);
    for (int i = 0; i < n; i++)
        ggdm_unit_deinit(&units[i]);
}

/* Claim units, each for a worker of its own, until it is this one's turn.  Owned. */
static ggdm_unit take_unit(run_fixture *f, int64_t id)
{
    for (int32_t worker = 100;; worker++) {
        ggdm_unit unit = {.id = -1};
        int32_t n = 0;
        ggdm_test_ok(ggdm_store_claim(f->store, worker, GGDM_CLAIM_ANY, 1, &unit, &n, &err), &err);
        assert_int_equal(n, 1);
        if (unit.id == id)
            return unit;
        ggdm_unit_deinit(&unit);
    }
}

/* The same; returns its attempt. */
static int32_t claim_unit(run_fixture *f, int64_t id)
{
    ggdm_unit unit = take_unit(f, id);
    int32_t attempt = unit.attempt;
    ggdm_unit_deinit(&unit);
    return attempt;
}

static void test_store_finish_late_is_dropped(void **state)
{
    run_fixture *f = *state;
    ggdm_unit unit;
    int32_t n, claimed, attempt = 0;
    bool accepted = true;
    begin(f, 1);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &claimed, &err), &err);
    ggdm_test_ok(ggdm_store_lose(f->store, unit.id, unit.attempt, "silent", NULL, &err), &err);
    ggdm_sample *samples = run_fixture_samples(&unit, 1, &n);
    /* Not running any more; running under another attempt; running in another epoch. */
    ggdm_test_ok(ggdm_store_finish(f->store, unit.id, unit.attempt, samples, n, &accepted, &err),
                 &err);
    assert_false(accepted);
    attempt = claim_unit(f, unit.id);
    assert_int_equal(attempt, 2);
    ggdm_test_ok(ggdm_store_finish(f->store, unit.id, unit.attempt, samples, n, &accepted, &err),
                 &err);
    assert_false(accepted);
    commit(f);
    run_fixture_reopen(f, NULL);
    assert_int_equal(ggdm_store_requeued(f->store), RUN_UNITS);
    begin(f, 2);
    ggdm_test_ok(ggdm_store_finish(f->store, unit.id, 2, samples, n, &accepted, &err), &err);
    assert_false(accepted);
    /* The right one, then once more. */
    claim_unit(f, unit.id);
    ggdm_test_ok(ggdm_store_finish(f->store, unit.id, 3, samples, n, &accepted, &err), &err);
    assert_true(accepted);
    ggdm_test_ok(ggdm_store_finish(f->store, unit.id, 3, samples, n, &accepted, &err), &err);
    assert_false(accepted);
    commit(f);
    assert_int_equal(counts(f)->images_done, 4);
    run_fixture_free_samples(samples, n);
    ggdm_unit_deinit(&unit);
}

static void test_store_finish_of_unknown_unit_fails(void **state)
{
    run_fixture *f = *state;
    bool accepted;
    begin(f, 1);
    ggdm_test_error(ggdm_store_finish(f->store, 99, 1, NULL, 0, &accepted, &err), &err,
                    GGDM_EFORMAT, "no unit 99");
    commit(f);
}

static void test_store_fail_backs_off_then_quarantines(void **state)
{
    run_fixture *f = *state;
    int32_t attempt = 0;
    double due = 0;
    ggdm_unit_state now;
    ggdm_store_options options = {.mode = GGDM_STORE_RUN, .backoff = 10};
    run_fixture_reopen(f, &options);
    static const double back_off[] = {10, 20};
    double t = 100;
    for (int i = 0; i < 2; i++) {
        begin(f, t);
        int64_t id = claim(f, GGDM_CLAIM_ANY, &attempt);
        assert_int_equal(id, 0);
        ggdm_test_ok(ggdm_store_fail(f->store, id, attempt, "no luck", &now, &err), &err);
        assert_int_equal(now, GGDM_UNIT_FAILED);
        ggdm_test_ok(ggdm_store_next_due(f->store, &due, &err), &err);
        assert_true(due == t + back_off[i]);
        assert_int_not_equal(claim(f, GGDM_CLAIM_ANY, &attempt), 0); /* not before its time */
        commit(f);
        t = due;
    }
    begin(f, t);
    assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), 0);
    ggdm_test_ok(ggdm_store_fail(f->store, 0, attempt, "no luck", &now, &err), &err);
    assert_int_equal(now, GGDM_UNIT_QUARANTINED);
    ggdm_test_ok(ggdm_store_fail(f->store, 0, attempt, "again", &now, &err), &err);
    assert_int_equal(now, GGDM_UNIT_STATES);
    commit(f);
    assert_int_equal(counts(f)->units[GGDM_UNIT_QUARANTINED], 1);
    assert_int_equal(counts(f)->units[GGDM_UNIT_FAILED], 0);
}

static ggdm_status note_trouble(void *context, const ggdm_store_trouble *t, ggdm_error *e)
{
    (void)e;
    int *seen = context;
    assert_int_equal(t->unit, 2);
    assert_int_equal(t->state, GGDM_UNIT_QUARANTINED);
    assert_int_equal(t->losses, 3);
    assert_int_equal(t->attempt, 3);
    assert_string_equal(t->message, "worker died");
    ++*seen;
    return GGDM_OK;
}

static void test_store_lose_thrice_quarantines_and_retry_puts_back(void **state)
{
    run_fixture *f = *state;
    int32_t attempt = 0;
    ggdm_unit_state now = GGDM_UNIT_READY;
    int seen = 0;
    begin(f, 1);
    assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), 0);
    assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), 1);
    for (int i = 0; i < 3; i++) {
        /* A first loss is chance, and only puts the unit behind the others. */
        assert_int_equal(claim(f, GGDM_CLAIM_SUSPECT, &attempt), i < 2 ? -1 : 2);
        attempt = i < 2 ? claim_unit(f, 2) : attempt;
        ggdm_test_ok(ggdm_store_lose(f->store, 2, attempt, "worker died", &now, &err), &err);
        assert_int_equal(now, i < 2 ? GGDM_UNIT_READY : GGDM_UNIT_QUARANTINED);
        assert_int_equal(counts(f)->suspects, i == 1);
    }
    assert_int_equal(claim(f, GGDM_CLAIM_SUSPECT, &attempt), -1);
    commit(f);
    ggdm_test_ok(ggdm_store_each_trouble(f->store, 10, note_trouble, &seen, &err), &err);
    assert_int_equal(seen, 1);
    int64_t changed;
    const bool elsewhere[RUN_CELLS] = {[7] = true, [8] = true}, here[RUN_CELLS] = {true};
    begin(f, 2);
    ggdm_test_ok(ggdm_store_retry(f->store, elsewhere, false, &changed, &err), &err);
    assert_int_equal(changed, 0);
    ggdm_test_ok(ggdm_store_retry(f->store, here, true, &changed, &err), &err);
    assert_int_equal(changed, 1);
    assert_int_equal(claim(f, GGDM_CLAIM_INNOCENT, &attempt), 2);
    assert_int_equal(attempt, 4);
    commit(f);
}

static void test_store_suspects_come_after_innocents(void **state)
{
    run_fixture *f = *state;
    int32_t attempt = 0;
    begin(f, 1);
    assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), 0);
    ggdm_test_ok(ggdm_store_lose(f->store, 0, attempt, "died", NULL, &err), &err);
    for (int i = 1; i < RUN_UNITS; i++)
        assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), i);
    assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), 0);
    assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), -1);
    commit(f);
}

static void test_store_release_counts_nothing(void **state)
{
    run_fixture *f = *state;
    int32_t attempt = 0;
    ggdm_unit_state now;
    begin(f, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(claim(f, GGDM_CLAIM_INNOCENT, &attempt), 0);
        ggdm_test_ok(ggdm_store_release(f->store, 0, attempt, &now, &err), &err);
        assert_int_equal(now, GGDM_UNIT_READY);
    }
    commit(f);
    assert_int_equal(counts(f)->suspects, 0);
}

static void test_store_open_requeues_and_counts_losses_when_told(void **state)
{
    run_fixture *f = *state;
    int32_t attempt = 0;
    const ggdm_store_options blame = {.mode = GGDM_STORE_RUN, .count_losses = true};
    const ggdm_store_options inspect = {.mode = GGDM_STORE_INSPECT};
    for (int i = 0; i < 6; i++) {
        begin(f, 1);
        assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), 0);
        commit(f);
        int64_t epoch = ggdm_store_epoch(f->store);
        run_fixture_reopen(f, &inspect);
        assert_int_equal(counts(f)->units[GGDM_UNIT_RUNNING], 1);
        assert_int_equal(ggdm_store_epoch(f->store), epoch);
        run_fixture_reopen(f, NULL); /* a user's kill -9 punishes nobody, however often */
        assert_int_equal(ggdm_store_epoch(f->store), epoch + 1);
        assert_int_equal(ggdm_store_requeued(f->store), 1);
        assert_int_equal(counts(f)->units[GGDM_UNIT_READY], RUN_UNITS);
    }
    for (int i = 0; i < 3; i++) {
        begin(f, 1);
        if (i < 2)
            claim_unit(f, 0);
        else
            assert_int_equal(claim(f, GGDM_CLAIM_SUSPECT, &attempt), 0);
        commit(f);
        run_fixture_reopen(f, &blame);
    }
    assert_int_equal(counts(f)->units[GGDM_UNIT_QUARANTINED], 1);
}

/* Worker 1 gets units 0 and 1, worker 2 the next. */
static void claim_for_two(run_fixture *f)
{
    ggdm_unit units[3];
    int32_t n = 0, m = 0;
    begin(f, 1);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 2, units, &n, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 2, GGDM_CLAIM_ANY, 1, units + n, &m, &err), &err);
    assert_int_equal(n + m, 3);
    for (int i = 0; i < 3; i++)
        ggdm_unit_deinit(&units[i]);
    commit(f);
}

static void test_store_open_blames_the_culprit_alone(void **state)
{
    run_fixture *f = *state;
    const ggdm_store_options worker_2 = {
        .mode = GGDM_STORE_RUN, .count_losses = true, .culprit = 2, .max_losses = 1};
    claim_for_two(f);
    run_fixture_reopen(f, &worker_2);
    assert_int_equal(counts(f)->units[GGDM_UNIT_QUARANTINED], 1);
    assert_int_equal(counts(f)->units[GGDM_UNIT_READY], RUN_UNITS - 1);
}

static void test_store_open_sparing_never_quarantines(void **state)
{
    run_fixture *f = *state;
    const ggdm_store_options outside = {
        .mode = GGDM_STORE_RUN, .count_losses = true, .spare = true};
    for (int i = 0; i < 5; i++) {
        begin(f, 1);
        if (counts(f)->suspects == 0)
            claim_unit(f, 0);
        int32_t attempt;
        while (claim(f, GGDM_CLAIM_SUSPECT, &attempt) >= 0)
            ;
        commit(f);
        run_fixture_reopen(f, &outside);
        assert_int_equal(counts(f)->units[GGDM_UNIT_READY], RUN_UNITS);
    }
    assert_int_equal(counts(f)->suspects, 1);
}

static void test_store_rollback_restores_counts_and_units(void **state)
{
    run_fixture *f = *state;
    int32_t attempt = 0;
    int64_t changed;
    begin(f, 1);
    claim(f, GGDM_CLAIM_ANY, &attempt);
    ggdm_test_ok(ggdm_store_cancel(f->store, NULL, &changed, &err), &err);
    assert_int_equal(changed, RUN_UNITS - 1);
    ggdm_store_rollback(f->store);
    assert_false(ggdm_store_in_turn(f->store));
    assert_int_equal(counts(f)->units[GGDM_UNIT_READY], RUN_UNITS);
    assert_int_equal(run_fixture_work(f, 100, 1), RUN_UNITS);
}

static void test_store_cancel_then_retry_gives_all_back(void **state)
{
    run_fixture *f = *state;
    int64_t changed;
    int32_t attempt = 0;
    begin(f, 1);
    ggdm_test_ok(ggdm_store_cancel(f->store, NULL, NULL, &err), &err);
    assert_int_equal(claim(f, GGDM_CLAIM_ANY, &attempt), -1);
    ggdm_test_ok(ggdm_store_retry(f->store, NULL, false, &changed, &err), &err);
    assert_int_equal(changed, RUN_UNITS);
    commit(f);
}

/* Units 3..5 hold cells 4 and 5 (kappa 0.1), 6..8 cells 7 and 8; 0..2 the unguided rest. */
static void test_store_cancel_takes_units_that_no_wanted_cell_needs(void **state)
{
    run_fixture *f = *state;
    int64_t changed;
    bool *cancelled = NULL;
    int n;
    const bool four[RUN_CELLS] = {[4] = true}, five[RUN_CELLS] = {[5] = true};
    begin(f, 1);
    ggdm_test_ok(ggdm_store_cancel(f->store, four, &changed, &err), &err);
    assert_int_equal(changed, 0); /* cell 5 still wants the shared prefix */
    ggdm_test_ok(ggdm_store_cancel(f->store, five, &changed, &err), &err);
    assert_int_equal(changed, 3);
    commit(f);
    run_fixture_reopen(f, NULL);
    cancelled = run_fixture_cancelled(f->store, NULL);
    for (int i = 0; i < RUN_CELLS; i++)
        assert_int_equal(cancelled[i], i == 4 || i == 5);
    free(cancelled);
    begin(f, 2);
    ggdm_test_ok(ggdm_store_retry(f->store, NULL, true, &changed, &err), &err);
    assert_int_equal(changed, 0); /* --failed leaves cancelled ones alone */
    ggdm_test_ok(ggdm_store_retry(f->store, four, false, &changed, &err), &err);
    assert_int_equal(changed, 3);
    ggdm_test_ok(ggdm_store_cancel(f->store, four, &changed, &err), &err);
    assert_int_equal(changed, 3); /* five is cancelled still */
    ggdm_test_ok(ggdm_store_retry(f->store, NULL, false, &changed, &err), &err);
    assert_int_equal(changed, 3);
    free(run_fixture_cancelled(f->store, &n));
    assert_int_equal(n, 0);
    commit(f);
}

static void test_store_change_outside_turn_fails(void **state)
{
    run_fixture *f = *state;
    ggdm_unit unit;
    int32_t n;
    ggdm_test_error(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 1, &unit, &n, &err), &err,
                    GGDM_EINTERNAL, "outside of a turn");
    ggdm_test_error(ggdm_store_commit(f->store, &err), &err, GGDM_EINTERNAL, "outside of a turn");
    begin(f, 1);
    ggdm_test_error(ggdm_store_begin(f->store, 1, &err), &err, GGDM_EINTERNAL, "a turn inside");
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static ggdm_unit claim_again(run_fixture *f)
{
    begin(f, 1000);
    ggdm_unit unit = take_unit(f, 0);
    commit(f);
    return unit;
}

static void put_checkpoint(run_fixture *f, const ggdm_unit *unit, int32_t step, const char *text)
{
    ggdm_error e;
    ggdm_test_ok(ggdm_store_begin(f->store, 1000, &e), &e);
    ggdm_test_ok(
        ggdm_store_checkpoint(f->store, unit->id, unit->attempt, step, text, strlen(text), &e), &e);
    ggdm_test_ok(ggdm_store_commit(f->store, &e), &e);
}

static ggdm_unit_state lose_it(run_fixture *f, ggdm_unit *unit)
{
    ggdm_error e;
    ggdm_unit_state state;
    ggdm_test_ok(ggdm_store_begin(f->store, 1000, &e), &e);
    ggdm_test_ok(ggdm_store_lose(f->store, unit->id, unit->attempt, "lost", &state, &e), &e);
    ggdm_test_ok(ggdm_store_commit(f->store, &e), &e);
    ggdm_unit_deinit(unit);
    return state;
}

/* Lost again and again, each time a little further: never quarantined.  Stuck at one place: after
 * three losses. */
static void test_store_checkpoint_further_forgives_losses(void **state)
{
    run_fixture *f = *state;
    ggdm_unit unit = claim_again(f);
    for (int32_t i = 1; i <= 8; i++) {
        put_checkpoint(f, &unit, 10 * i, i % 2 ? "odd" : "even");
        assert_int_equal(lose_it(f, &unit), GGDM_UNIT_READY);
        unit = claim_again(f);
        assert_int_equal(unit.id, 0);
        assert_int_equal(unit.step, 10 * i);
        assert_int_equal(unit.state_size, i % 2 ? 3 : 4);
        assert_memory_equal(unit.state, i % 2 ? "odd" : "even", unit.state_size);
    }
    put_checkpoint(f, &unit, 80, "no further");
    assert_int_equal(lose_it(f, &unit), GGDM_UNIT_READY);
    unit = claim_again(f);
    put_checkpoint(f, &unit, 80, "no further");
    assert_int_equal(lose_it(f, &unit), GGDM_UNIT_QUARANTINED);
}

/* A checkpoint of an attempt that is over changes nothing; retry by hand keeps what there is. */
static void test_store_checkpoint_late_is_dropped(void **state)
{
    run_fixture *f = *state;
    ggdm_error e;
    ggdm_unit first = claim_again(f), late = first;
    put_checkpoint(f, &first, 10, "good");
    lose_it(f, &first);
    ggdm_unit unit = claim_again(f);
    put_checkpoint(f, &late, 20, "late");
    run_fixture_reopen(f, NULL);
    put_checkpoint(f, &unit, 30, "of another epoch");
    ggdm_unit_deinit(&unit);
    ggdm_test_ok(ggdm_store_begin(f->store, 1000, &e), &e);
    ggdm_test_ok(ggdm_store_retry(f->store, NULL, false, NULL, &e), &e);
    ggdm_test_ok(ggdm_store_commit(f->store, &e), &e);
    unit = claim_again(f);
    assert_int_equal(unit.step, 10);
    assert_memory_equal(unit.state, "good", 4);
    ggdm_test_error(ggdm_store_checkpoint(f->store, unit.id, unit.attempt, 1, "", 0, &e), &e,
                    GGDM_EINVAL, "0 bytes");
    ggdm_unit_deinit(&unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FIXTURE_TEST(test_store_open_after_create_gives_what_was_put),
        RUN_FIXTURE_TEST(test_store_claim_two_workers_gives_different_units),
        RUN_FIXTURE_TEST(test_store_whole_run_makes_every_image_once),
        RUN_FIXTURE_TEST(test_store_has_the_records_of_the_first_images),
        RUN_FIXTURE_TEST(test_store_each_sample_gives_them_in_index_order),
        RUN_FIXTURE_TEST(test_store_finish_with_wrong_samples_stores_nothing),
        RUN_FIXTURE_TEST(test_store_claim_of_damaged_tree_claims_nothing),
        RUN_FIXTURE_TEST(test_store_finish_late_is_dropped),
        RUN_FIXTURE_TEST(test_store_finish_of_unknown_unit_fails),
        RUN_FIXTURE_TEST(test_store_fail_backs_off_then_quarantines),
        RUN_FIXTURE_TEST(test_store_lose_thrice_quarantines_and_retry_puts_back),
        RUN_FIXTURE_TEST(test_store_suspects_come_after_innocents),
        RUN_FIXTURE_TEST(test_store_release_counts_nothing),
        RUN_FIXTURE_TEST(test_store_open_requeues_and_counts_losses_when_told),
        RUN_FIXTURE_TEST(test_store_open_blames_the_culprit_alone),
        RUN_FIXTURE_TEST(test_store_open_sparing_never_quarantines),
        RUN_FIXTURE_TEST(test_store_rollback_restores_counts_and_units),
        RUN_FIXTURE_TEST(test_store_cancel_then_retry_gives_all_back),
        RUN_FIXTURE_TEST(test_store_cancel_takes_units_that_no_wanted_cell_needs),
        RUN_FIXTURE_TEST(test_store_change_outside_turn_fails),
        RUN_FIXTURE_TEST(test_store_checkpoint_further_forgives_losses),
        RUN_FIXTURE_TEST(test_store_checkpoint_late_is_dropped),
    };
    return ggdm_test_main(tests);
}
