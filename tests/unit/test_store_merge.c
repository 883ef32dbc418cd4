/* The shards of a run become one store. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/store_audit.h"
#include "tests/support/run_fixture.h"

static ggdm_error err;

enum { SHARDS = 2 };

/* A shard of the fixture's run, worked on to the end. */
static void make_shard(run_fixture *f, int32_t shard)
{
    run_fixture_plan(f);
    ggdm_plan_unit units[RUN_UNITS];
    int32_t n = 0, images = 0;
    for (int32_t i = shard; i < RUN_UNITS; i += SHARDS) {
        images += f->unit[i].image_count * f->tree[f->unit[i].tree].n_trajectories;
        units[n++] = f->unit[i];
    }
    memcpy(f->unit, units, (size_t)n * sizeof *units);
    f->plan.n_units = n;
    f->plan.shard = shard;
    f->plan.shards = SHARDS;
    f->plan.n_images = images;
    run_fixture_create(f);
    assert_int_equal(run_fixture_work(f, 100, 1), n);
    assert_int_equal(ggdm_store_counts_get(f->store)->images_done, images);
    assert_int_equal(ggdm_store_counts_get(f->store)->images_total, images);
}

static void listen(void *context, const char *text)
{
    (void)context;
    ggdm_test_fail("%s", text);
}

static ggdm_status count_scored(void *context, const ggdm_sample *sample, ggdm_error *e)
{
    (void)e;
    *(int *)context += sample->scores[0].n == RUN_CLASSES;
    return GGDM_OK;
}

/* Everything of the run is in dir's store; units: RUN_UNITS, and those that only score. */
static void assert_whole(const char *dir, int units, const char *judge, bool scored)
{
    ggdm_store *s;
    ggdm_store_cell cell;
    ggdm_test_ok(ggdm_store_read(dir, &s, &err), &err);
    const ggdm_store_counts *c = ggdm_store_counts_get(s);
    assert_int_equal(c->units[GGDM_UNIT_DONE], RUN_UNITS);
    assert_int_equal(c->units_total, units);
    assert_int_equal(c->images_done, RUN_TRAJECTORIES * RUN_SAMPLES);
    assert_int_equal(c->images_diverged, 3);
    assert_int_equal(ggdm_store_run_info(s)->shards, 0);
    ggdm_test_ok(ggdm_store_audit_integrity(s, listen, NULL, &err), &err);
    for (int64_t t = 0; t < RUN_TRAJECTORIES; t++)
        run_fixture_check_records(s, t);
    for (int32_t i = 0; i < ggdm_store_n_cells(s); i++) {
        int32_t n;
        ggdm_test_ok(ggdm_store_cell_get(s, i, &cell, &err), &err);
        assert_int_equal(cell.done, RUN_SAMPLES);
        const ggdm_store_measure *m = ggdm_store_panel(s, cell.panel, &n);
        for (int32_t k = 0; k < n; k++) {
            int found = 0;
            if (strcmp(m[k].name, judge) != 0)
                continue;
            ggdm_test_ok(ggdm_store_each_sample(s, cell.trajectory, 100, false, &m[k].scorer, 1,
                                                count_scored, &found, &err),
                         &err);
            assert_int_equal(found, scored ? RUN_SAMPLES : 0);
        }
    }
    ggdm_store_close(&s);
}

static void test_merge_of_shards_is_the_whole_run(void **state)
{
    (void)state;
    run_fixture f[SHARDS];
    char *dirs[SHARDS], *dir = ggdm_test_mkdtemp();
    for (int i = 0; i < SHARDS; i++) {
        make_shard(&f[i], i);
        dirs[SHARDS - 1 - i] = f[i].dir;
        ggdm_store_close(&f[i].store);
    }
    ggdm_test_ok(ggdm_store_merge(dir, dirs, SHARDS, &err), &err);
    assert_whole(dir, RUN_UNITS, "judge", true);
    ggdm_test_rmdir(dir);
    for (int i = 0; i < SHARDS; i++)
        run_fixture_close(&f[i]);
}

/* A judge that was added to each shard: its scores are there, the units that made them are not. */
static void test_merge_takes_scores_that_were_made_later(void **state)
{
    (void)state;
    run_fixture f[SHARDS];
    char *dirs[SHARDS], *dir = ggdm_test_mkdtemp();
    const ggdm_plan nothing = {0};
    for (int i = 0; i < SHARDS; i++) {
        run_sweep sweep;
        ggdm_store_matched m;
        make_shard(&f[i], i);
        run_sweep_init(&sweep, RUN_AXES, RUN_SAMPLES, "[mnist-judge, mnist-other]");
        ggdm_test_ok(ggdm_store_match(f[i].store, &sweep.cells, &m, &err), &err);
        ggdm_store_batch batch = run_fixture_batch(&sweep, &nothing);
        ggdm_test_ok(ggdm_store_add(f[i].store, 1, &batch, &err), &err);
        run_sweep_deinit(&sweep);
        assert_true(run_fixture_work(&f[i], 100, 1) >= RUN_TRAJECTORIES);
        dirs[i] = f[i].dir;
        ggdm_store_close(&f[i].store);
    }
    ggdm_test_ok(ggdm_store_merge(dir, dirs, SHARDS, &err), &err);
    assert_whole(dir, RUN_UNITS, "mnist-other", true);
    ggdm_test_rmdir(dir);
    for (int i = 0; i < SHARDS; i++)
        run_fixture_close(&f[i]);
}

/* What the images took adds up where all shards had as many threads. */
static void test_merge_keeps_the_threads_of_shards(void **state)
{
    (void)state;
    for (int other = 3; other <= 4; other++) {
        run_fixture f[SHARDS];
        char *dirs[SHARDS], *dir = ggdm_test_mkdtemp();
        ggdm_store *s;
        ggdm_time_audit time;
        for (int i = 0; i < SHARDS; i++) {
            char sql[200];
            make_shard(&f[i], i);
            dirs[i] = f[i].dir;
            ggdm_store_close(&f[i].store);
            snprintf(sql, sizeof sql,
                     "INSERT INTO run VALUES ('threads 1', '%d'); UPDATE event SET at = id",
                     i ? other : 3);
            run_fixture_sql(f[i].dir, sql);
        }
        ggdm_test_ok(ggdm_store_merge(dir, dirs, SHARDS, &err), &err);
        ggdm_test_ok(ggdm_store_read(dir, &s, &err), &err);
        ggdm_test_ok(ggdm_store_audit_time(s, &time, &err), &err);
        assert_true(time.worker_seconds == RUN_UNITS);
        assert_true(other == 3 ? time.core_seconds == 3 * RUN_UNITS : isnan(time.core_seconds));
        ggdm_store_close(&s);
        ggdm_test_rmdir(dir);
        for (int i = 0; i < SHARDS; i++)
            run_fixture_close(&f[i]);
    }
}

static void test_merge_refuses_what_does_not_belong_together(void **state)
{
    (void)state;
    static const struct {
        const char *change;
        ggdm_status code;
        const char *said;
    } cases[] = {
        {"UPDATE run SET value = 'avx512' WHERE key = 'isa'", GGDM_ESTATE,
         "the instruction set is 'avx512', in "},
        {"UPDATE run SET value = 'bf16' WHERE key = 'precision'", GGDM_ESTATE, "the precision is"},
        {"UPDATE model SET digest = 'xx' WHERE name = 'mnist-judge'", GGDM_ESTATE,
         "the model mnist-judge is 'xx'"},
        {"UPDATE sweep SET digest = 'xx'", GGDM_ESTATE, "the sweep is 'xx'"},
        {"UPDATE setting SET text = text || ' ' WHERE id = 2", GGDM_ESTATE,
         "planned in another way"},
        {"UPDATE run SET value = '0/2 5' WHERE key = 'shard'", GGDM_EINVAL, "was there before"},
    };
    run_fixture f[SHARDS];
    char *dirs[SHARDS], *dir = ggdm_test_mkdtemp();
    for (int i = 0; i < SHARDS; i++) {
        make_shard(&f[i], i);
        dirs[i] = f[i].dir;
        ggdm_store_close(&f[i].store);
    }
    char *path = ggdm_test_path(dirs[1], GGDM_STORE_FILE);
    size_t size;
    char *whole = ggdm_test_read(path, &size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool there;
        run_fixture_sql(dirs[1], cases[i].change);
        ggdm_test_error(ggdm_store_merge(dir, dirs, SHARDS, &err), &err, cases[i].code,
                        cases[i].said);
        ggdm_test_ok(ggdm_store_present(dir, &there, &err), &err);
        assert_false(there);
        ggdm_test_write(path, whole, size);
    }
    free(whole);
    free(path);
    ggdm_test_rmdir(dir);
    for (int i = 0; i < SHARDS; i++)
        run_fixture_close(&f[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_of_shards_is_the_whole_run),
        cmocka_unit_test(test_merge_takes_scores_that_were_made_later),
        cmocka_unit_test(test_merge_keeps_the_threads_of_shards),
        cmocka_unit_test(test_merge_refuses_what_does_not_belong_together),
    };
    return ggdm_test_main(tests);
}
