/* Plans of cells that are made by hand, without a sweep; and the laws of all plans. */
#ifndef GGDM_TESTS_SUPPORT_PLAN_FIXTURE_H
#define GGDM_TESTS_SUPPORT_PLAN_FIXTURE_H

#include "jobs/planner.h"
#include "tests/support/ggdm_test.h"

enum { PLAN_HEADS = 4, PLAN_SETTINGS = 64 }; /* at most */

typedef struct plan_fixture {
    ggdm_spec spec;
    ggdm_cells cells;
    ggdm_coster coster; /* says what stands in cost, and counts how often it is asked */
    ggdm_step_cost cost[PLAN_HEADS][PLAN_SETTINGS];
    int asked[PLAN_HEADS][PLAN_SETTINGS];
    ggdm_step_cost unguided, guided; /* those of the shipped U-Net, and about what its guide adds */
    ggdm_plan plan;
    const char *heads[PLAN_HEADS], *settings[PLAN_SETTINGS];
    size_t cell_cap, trajectory_cap;
} plan_fixture;

/* Only what trajectories have in common makes the trees. */
extern const ggdm_plan_options plan_unbounded;

void plan_fixture_init(plan_fixture *f, ggdm_order order);
void plan_fixture_release(plan_fixture *f);

/* Texts are borrowed, and different ones. */
void plan_fixture_add_head(plan_fixture *f, const char *text);
/** Its number; the first is "{}".  cost: below every head. */
int32_t plan_fixture_add_setting(plan_fixture *f, const char *text, ggdm_step_cost cost);
/** A cell of a trajectory by number. */
void plan_fixture_add_cell(plan_fixture *f, int64_t trajectory);
/** A cell of t (copied); where there is one of that head and runs already, of that. */
void plan_fixture_add_trajectory(plan_fixture *f, ggdm_trajectory t);
/** A cell that has a setting in a window, the first in the rest of the steps. */
void plan_fixture_add_window(plan_fixture *f, int32_t steps, int32_t samples, int32_t setting,
                             int32_t start, int32_t length);
/** The runs of a chain whose steps have these settings; returns how many. */
int32_t plan_fixture_encode(const int32_t *setting, int32_t steps, ggdm_run_of_steps *runs);
int32_t plan_fixture_setting_at(const ggdm_trajectory *t, int32_t step);
int32_t plan_fixture_steps(const ggdm_trajectory *t);

/** f->plan */
void plan_fixture_plan(plan_fixture *f, const ggdm_plan_options *options);

/** Every trajectory's steps are covered once, for each of its images; what goes on from one place
 *  goes on differently; bounds are kept; counts are those of the segments, at most naive; each
 * price was asked for once.  Image indices are below 100. */
void plan_fixture_check(const plan_fixture *f, const ggdm_plan_options *options);
void plan_fixture_check_same(const ggdm_plan *a, const ggdm_plan *b);
/** Every unit is in one of so many shards, under its number; images and cost add up. */
void plan_fixture_check_shards(plan_fixture *f, const ggdm_plan_options *options, int32_t shards);

#endif
