/* Axes of a surface: values as numbers in [0, 1] and back. */
#ifndef GGDM_EVALUATE_SURFACE_SCALE_H
#define GGDM_EVALUATE_SURFACE_SCALE_H

#include "jobs/axes.h"
#include "jobs/findings.h"

/** Is it a quantity at all: a number that is neither a class nor a seed, of at least so many
 *  values? */
bool ggdm_surface_takes(const ggdm_axis *axis, int32_t values);
/** Its scale and range: logarithmic where values are positive, but for a 0, and the positive ones
 *  span a factor of 10. */
ggdm_surface_axis ggdm_surface_scale(const ggdm_axis *axis);

/** The place of a value on it, in [0, 1], and the value of a place. */
double ggdm_surface_place_of(const ggdm_surface_axis *axis, double value);
double ggdm_surface_value_at(const ggdm_surface_axis *axis, double place);

/** A value as people would write it: two digits, whole where it must be, in the range. */
double ggdm_surface_readable(const ggdm_surface_axis *axis, double value);

#endif
