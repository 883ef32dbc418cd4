/* The points of the accuracy figure: cells of one place merged. */
#ifndef GGDM_JOBS_PLOT_POINTS_H
#define GGDM_JOBS_PLOT_POINTS_H

#include "jobs/axes.h"

/* A share at one place, over all cells there; in the end its mean with an interval. */
typedef struct ggdm_plot_share {
    bool known;
    double p_sum, lo, hi; /* lo, hi: sums until it is whole */
    bool sequence;        /* a confidence sequence: its cells ended themselves */
    int32_t cells;
    int32_t n; /* images of distinct trajectories that it is of */
} ggdm_plot_share;

typedef struct ggdm_plot_point {
    int32_t group, curve, x; /* group: combination of the other axes; curve, x: ranks, 0 */
    int32_t row;             /* of the table: one of its cells */
    int32_t n, diverged;     /* images of distinct trajectories */
    ggdm_plot_share *shares; /* [n_measures of the table] */
} ggdm_plot_point;

typedef struct ggdm_plot_points {
    ggdm_arena arena;
    const ggdm_results *r;
    const ggdm_axes *axes;
    ggdm_plot_point *points; /* [n] by group, curve, x */
    int32_t n, n_groups;
    int32_t *shown; /* [n_shown] measures that have an accuracy somewhere, the judges first */
    int32_t n_shown;
    int32_t n_min, n_max; /* images per point */
    bool any_diverged;
} ggdm_plot_points;

/** *out is owned: ggdm_plot_points_deinit, also after an error. */
ggdm_status ggdm_plot_points_find(const ggdm_results *r, const ggdm_axes *axes,
                                  ggdm_plot_points *out, ggdm_error *err);
void ggdm_plot_points_deinit(ggdm_plot_points *points);

#endif
