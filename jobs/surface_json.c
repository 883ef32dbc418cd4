#include "jobs/surface_json.h"

#include "jobs/findings.h"

static void put_axes(ggdm_json *j, const ggdm_surface *s)
{
    ggdm_json_begin_array(j, "axes");
    for (int i = 0; i < s->n_axes; i++) {
        const ggdm_surface_axis *axis = &s->axes[i];
        ggdm_json_begin_object(j, NULL);
        ggdm_json_put_string(j, "name", axis->column->name);
        ggdm_json_put_bool(j, "log", axis->log);
        ggdm_json_put_double(j, "from", axis->lo);
        ggdm_json_put_double(j, "to", axis->hi);
        ggdm_json_put_double(j, "length", axis->length);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
}

static void put_numbers(ggdm_json *j, const ggdm_surface *s, const ggdm_surface_place *p)
{
    for (int i = 0; i < s->n_axes; i++)
        ggdm_json_put_double(j, s->axes[i].column->name, p->at[i]);
    ggdm_json_put_double(j, "accuracy", p->p);
    ggdm_json_put_double(j, "accuracy_lo", p->lo);
    ggdm_json_put_double(j, "accuracy_hi", p->hi);
}

static void put_optimum(ggdm_json *j, const ggdm_surface *s)
{
    ggdm_json_begin_object(j, "optimum");
    put_numbers(j, s, &s->grid[s->best]);
    ggdm_json_begin_object(j, "within");
    for (int i = 0; i < s->n_axes; i++) {
        ggdm_json_begin_array(j, s->axes[i].column->name);
        ggdm_json_put_double(j, NULL, s->axes[i].from);
        ggdm_json_put_double(j, NULL, s->axes[i].to);
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
    ggdm_json_put_double(j, "share", s->may_share);
    ggdm_json_end(j);
}

static void put_surface(ggdm_json *j, const ggdm_surface *s)
{
    ggdm_json_begin_object(j, "surface");
    ggdm_json_put_string(j, "measure", s->measure);
    ggdm_json_put_int(j, "places", s->n_places);
    ggdm_json_put_double(j, "deviation", s->deviation);
    put_axes(j, s);
    put_optimum(j, s);
    ggdm_json_begin_array(j, "next");
    for (int32_t i = 0; i < s->n_next; i++) {
        ggdm_json_begin_object(j, NULL);
        put_numbers(j, s, &s->next[i]);
        ggdm_json_put_string(j, "why", s->next[i].unsure ? "least known" : "may be better");
        ggdm_json_end(j);
    }
    ggdm_json_end(j);
    ggdm_json_end(j);
}

static void put_front(ggdm_json *j, const ggdm_results *r)
{
    const ggdm_front *front = r->front;
    ggdm_json_begin_object(j, "front");
    ggdm_json_begin_array(j, "goals");
    ggdm_json_put_string(j, NULL, "accuracy");
    if (front->diversity >= 0)
        ggdm_json_put_string(j, NULL, r->metrics[front->diversity].name);
    if (front->cost)
        ggdm_json_put_string(j, NULL, "operations");
    ggdm_json_end(j);
    ggdm_json_begin_array(j, "cells");
    for (int32_t i = 0; i < front->n; i++)
        ggdm_json_put_string(j, NULL, r->rows[front->rows[i]].cell.name);
    ggdm_json_end(j);
    ggdm_json_end(j);
}

void ggdm_surface_put(ggdm_json *j, const ggdm_results *r)
{
    if (r->surface)
        put_surface(j, r->surface);
    if (r->front)
        put_front(j, r);
}
