/* What evaluate/surface.c finds out about a run's parameters, for tables, figures and files: how
 * the accuracy changes over one or two numbers, and which cells no other one beats. */
#ifndef GGDM_JOBS_FINDINGS_H
#define GGDM_JOBS_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "jobs/store.h"

enum { GGDM_SURFACE_AXES = 2, GGDM_SURFACE_NEXT = 6 };

typedef struct ggdm_surface_axis {
    const ggdm_store_column *column;
    bool log;    /* values go by their logarithm; where they begin at 0 by log(1 + x / unit) */
    double unit; /* the smallest value above 0, where they begin there; else 0 */
    bool whole;
    double lo, hi;   /* that were swept */
    int32_t n;       /* of the grid */
    double *values;  /* [n] */
    double from, to; /* where the optimum may lie */
    double length;   /* of the fit, in shares of the axis */
} ggdm_surface_axis;

/* A place, and the accuracy there with its 95 % interval; in [0, 1]. */
typedef struct ggdm_surface_place {
    double at[GGDM_SURFACE_AXES]; /* values */
    double x[GGDM_SURFACE_AXES];  /* the same on the scale of its axis, in [0, 1] */
    double p, lo, hi;
    bool unsure; /* of those to try next: chosen as little is known, not as it may be better */
} ggdm_surface_place;

typedef struct ggdm_surface {
    const char *measure; /* whose accuracy it is */
    int n_axes;
    ggdm_surface_axis axes[GGDM_SURFACE_AXES];
    ggdm_surface_place *places; /* [n_places] that it is fitted to: shares, Wilson's intervals */
    int32_t n_places;
    int32_t n_least, n_most;  /* images of one */
    double deviation;         /* of the fit, log odds */
    int32_t n;                /* of the grid, the first axis fastest */
    ggdm_surface_place *grid; /* [n] medians and bands */
    bool *may_be_best;        /* [n] its upper bound reaches the highest lower bound */
    double may_share;         /* of the grid */
    int32_t best;             /* of the grid: where the median is highest */
    ggdm_surface_place next[GGDM_SURFACE_NEXT]; /* what to try next */
    int32_t n_next;
} ggdm_surface;

/* Cells that no other one beats in all that counts. */
typedef struct ggdm_front {
    int32_t diversity; /* the metric that is one of the goals; -1: no Vendi score is there */
    bool cost;         /* operations are another one */
    int32_t *rows;     /* [n] of the results, best accuracy first */
    int32_t n;
} ggdm_front;

#endif
