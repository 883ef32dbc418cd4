/* A small finished-or-not run without models: kappa {0, 0.1, 1} x duration {0, 500, 1000}, target
 * 3, 10 images per cell of 28 x 28 pixels, 9 cells, 5 trajectories, 3 trees, 9 units.  Measures:
 * guide, judge, saturation. */
#ifndef GGDM_TESTS_SUPPORT_RUN_FIXTURE_H
#define GGDM_TESTS_SUPPORT_RUN_FIXTURE_H

#include "jobs/store_until.h"
#include "tests/support/ggdm_test.h"

enum {
    RUN_CELLS = 9,
    RUN_TRAJECTORIES = 5, /* 0: unguided; 1, 2: kappa 0.1; 3, 4: kappa 1 (duration 500, 1000) */
    RUN_TREES = 3,
    RUN_UNITS = 9,
    RUN_SAMPLES = 10,
    RUN_STEPS = 1000,
    RUN_TARGET = 3,
    RUN_CLASSES = 10,
    RUN_SIDE = 28,
    RUN_RECORDS = 8 /* images of a trajectory that have one */
};

#define RUN_GUIDED_COST 2.2 /* of a guided step; of others 1 */

/* The axes of a fixture's sweep, as they stand in its file, and its judges. */
#define RUN_AXES "{kappa: [0, 0.1, 1], duration: [0, 500, 1000]}"
#define RUN_JUDGES "mnist-judge"

/* A sweep of such a run, expanded. */
typedef struct run_sweep {
    char *text; /* owned */
    char digest[GGDM_HASH_TEXT_SIZE];
    ggdm_spec spec;
    ggdm_cells cells;
} run_sweep;

/** axes: YAML, perhaps with another target; samples: per cell; judges: YAML. */
void run_sweep_init(run_sweep *s, const char *axes, int samples, const char *judges);
void run_sweep_deinit(run_sweep *s);

typedef struct run_fixture {
    char *dir; /* a new directory */
    ggdm_store *store;
    ggdm_run_info info; /* borrowed texts */
    run_sweep sweep;
    ggdm_plan plan;            /* of the tables below */
    ggdm_store_batch batch;    /* of all this */
    const ggdm_growth *growth; /* NULL */
    ggdm_tree tree[RUN_TREES];
    ggdm_segment segment[RUN_TREES][3];
    ggdm_plan_unit unit[RUN_UNITS];
} run_fixture;

/** The plan and an empty directory; nothing is created. */
void run_fixture_plan(run_fixture *f);
/** The store of the plan, as it stands in f, created and opened. */
void run_fixture_create(run_fixture *f);
/** run_fixture_plan, run_fixture_create. */
void run_fixture_open(run_fixture *f);
/** The same of a sweep that ends itself by a rule, "{halfwidth: 0.1, at_most: 50}". */
void run_fixture_open_until(run_fixture *f, const char *rule);
extern const ggdm_growth run_fixture_growth;
/** Close the store and open it again. */
void run_fixture_reopen(run_fixture *f, const ggdm_store_options *options);
void run_fixture_close(run_fixture *f);

/** The run's models, and a batch of a sweep with a plan. */
ggdm_store_batch run_fixture_batch(const run_sweep *sweep, const ggdm_plan *plan);

/** Statements on the database of a closed store, as somebody else would make them. */
void run_fixture_sql(const char *dir, const char *text);

/* For cmocka, with a fixture as the test's state: opened, or planned only. */
int run_fixture_setup(void **state);
int run_fixture_setup_plan(void **state);
int run_fixture_teardown(void **state);
#define RUN_FIXTURE_TEST(name)                                                                     \
    cmocka_unit_test_setup_teardown(name, run_fixture_setup, run_fixture_teardown)

/** What an image of a trajectory has noted; owned. */
ggdm_record run_fixture_record(int64_t trajectory, int32_t index);
/** Fail unless the store has just these of a trajectory whose images are there. */
void run_fixture_check_records(ggdm_store *store, int64_t trajectory);
/** The sample a worker would send, a function of trajectory and index; owned.  Its scores are those
 *  that the unit asks for of the trajectory; unit NULL: none. */
void run_fixture_sample(const ggdm_unit *unit, int64_t trajectory, int32_t index, int32_t channels,
                        ggdm_sample *out);

/** All samples of a unit, owned: run_fixture_free_samples. */
ggdm_sample *run_fixture_samples(const ggdm_unit *unit, int32_t channels, int32_t *n);
void run_fixture_free_samples(ggdm_sample *samples, int32_t n);

/** Which cells are cancelled, [n_cells], owned; *n (may be NULL): how many. */
bool *run_fixture_cancelled(ggdm_store *store, int *n);

/** Claim and finish up to max units, one turn each; returns how many. */
int run_fixture_work(run_fixture *f, int max, int32_t channels);

#endif
