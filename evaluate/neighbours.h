/* Who is near whom: squared distances between the features of images, x^2 + y^2 - 2 x y in f64, so
 * that a copy is at distance 0 and the distance is the same seen from either side. */
#ifndef GGDM_EVALUATE_NEIGHBOURS_H
#define GGDM_EVALUATE_NEIGHBOURS_H

#include "evaluate/reference.h"

#define GGDM_MAX_NEAREST 5

/** Squared distances of each row to its k nearest others: out [k][n], from the nearest on (INFINITY
 *  where there are not as many), on every rank.  Collective. */
ggdm_status ggdm_nearest_others(ggdm_rows *rows, int32_t k, double *out, ggdm_error *err);

/** Those of a reference to its k-th nearest others, k <= GGDM_MAX_NEAREST: *out [n], borrowed from
 *  it.  Collective. */
ggdm_status ggdm_reference_radii(ggdm_reference *reference, int32_t k, const double **out,
                                 ggdm_error *err);

/* Which rows of b are near a row of a. */
typedef struct ggdm_near {
    ggdm_rows *a, *b;
    const double *radii; /* squared, on every rank: [a->n] or [b->n] ... */
    bool of_b;           /* ... of b: a row of b is near where the row of a is within its radius */
    bool strict;         /* a distance that equals the radius is not within */
    double *count;       /* [a->n] out: how many are, on every rank */
    double *last;        /* [a->n] out: the last that is, where one is; NULL: not wanted */
} ggdm_near;

/** Collective. */
ggdm_status ggdm_count_near(const ggdm_near *near, ggdm_error *err);

#endif
