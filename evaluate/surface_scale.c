#include "evaluate/surface_scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_SPAN 10. /* from this factor on an axis is logarithmic */

static bool is_whole(const ggdm_axis *axis)
{
    for (int32_t i = 0; i < axis->n; i++)
        if (axis->values[i].number != floor(axis->values[i].number))
            return false;
    return true;
}

/* A window is so many steps or a share of them: not both on one axis. */
bool ggdm_surface_takes(const ggdm_axis *axis, int32_t values)
{
    const ggdm_param_type type = axis->column->type;
    const bool window = type == GGDM_PARAM_WINDOW;
    if (!axis->numeric || axis->n < values || strcmp(axis->column->name, "seed") == 0)
        return false;
    if (window && !is_whole(axis))
        return axis->values[axis->n - 1].number <= 1;
    return window || type == GGDM_PARAM_REAL || type == GGDM_PARAM_WHOLE;
}

ggdm_surface_axis ggdm_surface_scale(const ggdm_axis *axis)
{
    ggdm_surface_axis s = {.column = axis->column,
                           .lo = axis->values[0].number,
                           .hi = axis->values[axis->n - 1].number};
    s.whole = axis->column->type != GGDM_PARAM_REAL && is_whole(axis);
    const double least = axis->values[s.lo == 0].number;
    s.log = s.lo >= 0 && s.hi >= LOG_SPAN * least;
    s.unit = s.lo == 0 ? least : 0;
    return s;
}

/* Not yet in [0, 1]. */
static double stretch(const ggdm_surface_axis *axis, double value)
{
    return !axis->log ? value : axis->unit > 0 ? log1p(value / axis->unit) : log(value);
}

double ggdm_surface_place_of(const ggdm_surface_axis *axis, double value)
{
    const double lo = stretch(axis, axis->lo), hi = stretch(axis, axis->hi);
    return (stretch(axis, value) - lo) / (hi - lo);
}

double ggdm_surface_value_at(const ggdm_surface_axis *axis, double place)
{
    const double lo = stretch(axis, axis->lo), hi = stretch(axis, axis->hi);
    const double at = lo + place * (hi - lo);
    const double value = !axis->log ? at : axis->unit > 0 ? axis->unit * expm1(at) : exp(at);
    return fmin(fmax(value, axis->lo), axis->hi);
}

double ggdm_surface_readable(const ggdm_surface_axis *axis, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.1e", value);
    double near = strtod(text, NULL);
    if (axis->whole)
        near = round(near);
    return fmin(fmax(near, axis->lo), axis->hi);
}
