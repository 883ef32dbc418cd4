/* The record of an image: what was noted on its way, at points spread evenly over the steps of its
 * chain; and what the records of a cell's images say together.
 *
 * As bytes, little-endian (the column `data` of table record, docs/DATABASE.md):
 *
 *    0  1  version u8, 1
 *    1  1  diverged u8: 1: the last point is the step that left x not finite, after which nothing
 *          is noted; it may lie between the points of the others
 *    2  1  terms u8, at most 16
 *    3     for each term: u8 length of its name (1 to 15), the name
 *          for each point, up to the end: f32 step, f32 clamped, and for each term f32 loss,
 *          f32 norm, f32 cosine; NAN: it did not act in this step
 *
 * step counts from 0 (x_T).  clamped: share of x0-hat's values beyond [-1, 1].  loss is without its
 * weights, norm the L2 norm of its gradient in data units, cosine that of the angle between the
 * gradient and eps; terms that share a backward pass have one gradient, that of their weighted
 * sum. */
#ifndef GGDM_JOBS_RECORD_H
#define GGDM_JOBS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/status.h"
#include "common/wire.h"

#define GGDM_MAX_RECORD_TERMS 16
#define GGDM_MAX_RECORD_IMAGES 1000 /* of a trajectory */
#define GGDM_MAX_RECORD_POINTS 1000
/* An image of more terms than two has fewer points than are asked for, so that its record is at
 * most 2 kB where 50 are: so many numbers for each point that is asked for. */
#define GGDM_RECORD_FLOATS 8

#define GGDM_MAX_RECORD ((size_t)32 << 10) /* bytes */

/* With its NUL. */
typedef char ggdm_term_name[16];

/* Of how many images, at how many points.  images 0: nothing is noted. */
typedef struct ggdm_record_wish {
    int32_t images; /* the first of each trajectory */
    int32_t points;
} ggdm_record_wish;

/* What holds where a sweep says nothing. */
#define GGDM_RECORD_IMAGES 8
#define GGDM_RECORD_POINTS 50

/** Points of a chain of so many steps, of so many wished. */
int32_t ggdm_record_points(int32_t steps, int32_t wished);
/** The step of point i of n. */
int32_t ggdm_record_step(int32_t steps, int32_t n, int32_t i);
/** The point of n at a step; -1: there is none. */
int32_t ggdm_record_point_at(int32_t steps, int32_t n, int32_t step);

/* Numbers of a point: step, clamped, and of each term loss, norm, cosine. */
enum { GGDM_RECORD_STEP, GGDM_RECORD_CLAMPED, GGDM_RECORD_HEAD };
enum { GGDM_RECORD_LOSS, GGDM_RECORD_NORM, GGDM_RECORD_COSINE, GGDM_RECORD_OF_TERM };

typedef struct ggdm_record {
    bool diverged;
    int32_t n_terms, n_points;
    ggdm_term_name terms[GGDM_MAX_RECORD_TERMS];
    float *points; /* [n_points][2 + 3 n_terms], owned */
} ggdm_record;

/** Append the bytes. */
void ggdm_record_write(const ggdm_record *record, ggdm_wire *out);
/** Read bytes, untrusted; owned: ggdm_record_deinit (safe on zeros and after an error).
 *  Errors: GGDM_EFORMAT, GGDM_ENOMEM. */
ggdm_status ggdm_record_read(const void *data, size_t size, ggdm_record *out, ggdm_error *err);
void ggdm_record_deinit(ggdm_record *record);
/** Numbers of a point. */
int32_t ggdm_record_width(int32_t n_terms);

/* 10 % quantile, median, 90 % quantile; NAN: there is none. */
typedef struct ggdm_band {
    double low, middle, high;
} ggdm_band;

/* Of the records of a cell's images. */
typedef struct ggdm_record_bands {
    int32_t n;          /* records */
    int32_t n_points;   /* the steps at which images were noted that got so far */
    int32_t *steps;     /* [n_points] ascending */
    int32_t *counts;    /* [n_points] of images noted there */
    ggdm_band *clamped; /* [n_points] */
    int32_t n_terms;    /* of any of the records */
    ggdm_term_name terms[GGDM_MAX_RECORD_TERMS];
    ggdm_band *of_terms; /* [n_terms][3][n_points]: loss, norm, cosine */
    int32_t n_diverged;
    int32_t *diverged; /* [n_diverged] steps at which images diverged, as the records come */
} ggdm_record_bands;

/** Quantiles over images at each step, linear between neighbours, of those that have a number
 *  there; where an image diverged is no point.  Owned: ggdm_record_bands_deinit (safe on zeros and
 *  after an error).  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_record_bands_make(const ggdm_record *records, int32_t n, ggdm_record_bands *out,
                                   ggdm_error *err);
void ggdm_record_bands_deinit(ggdm_record_bands *bands);

#endif
