/* Results made by hand, without a store: the product of some axes, 10 images a cell of which as
 * many are right as a test says, seen by a guide and a judge, and their saturation. */
#ifndef GGDM_TESTS_SUPPORT_PAPER_RESULTS_H
#define GGDM_TESTS_SUPPORT_PAPER_RESULTS_H

#include "jobs/results.h"
#include "tests/support/ggdm_test.h"

enum { PAPER_AXES = 4, PAPER_N = 10, PAPER_GUIDE = 0, PAPER_JUDGE, PAPER_SATURATION };

typedef struct paper_axis {
    const char *name, *label;
    ggdm_param_type type;
    bool aim;
    const char *values[24]; /* as they are printed; NULL ends them */
} paper_axis;

typedef struct paper {
    ggdm_results r;
    ggdm_run_info info;
    ggdm_store_column columns[PAPER_AXES + 1]; /* the axes, then `steps`, which is 100 everywhere */
    int32_t varying[PAPER_AXES];
    ggdm_measure measures[3];
    int32_t shown[3];
    ggdm_results_panel panel;
    int64_t scorers[3];
    int32_t measure[3];
} paper;

/** The first axis is the slowest.  An axis of one value does not vary. */
void paper_open(paper *p, const paper_axis *axes, int n);
void paper_close(paper *p);

/** So many of the n images are right; n 0: the measure says nothing. */
void paper_say(paper *p, int32_t row, int32_t measure, int32_t right, int32_t n);

#endif
