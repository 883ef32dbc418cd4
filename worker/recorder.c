#include "worker/recorder.h"

#include <math.h>
#include <string.h>

#include "common/mem.h"

/* ---- a tick --------------------------------------------------------------------------------- */

static float share_beyond(const float *x0, int64_t n)
{
    int64_t beyond = 0;
    for (int64_t i = 0; i < n; i++)
        beyond += !(fabsf(x0[i]) <= 1.0f);
    return (float)((double)beyond / (double)n);
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* One NAN of all: its sign depends on where it comes from. */
static float plain(double v)
{
    return isnan(v) ? NAN : (float)v;
}

static ggdm_term_numbers measure_term(const ggdm_tick_term *t, const float *eps, double of_eps,
                                      int64_t n)
{
    ggdm_term_numbers out = {.loss = plain((double)t->loss), .norm = NAN, .cosine = NAN};
    if (!t->gradient || t->factor == 0.0f)
        return out;
    double length = sqrt(dot(t->gradient, t->gradient, n));
    double cosine = dot(t->gradient, eps, n) / (length * of_eps);
    out.norm = plain(length / fabs((double)t->factor));
    out.cosine = plain(t->factor < 0 ? -cosine : cosine);
    return out;
}

void ggdm_tick_measure(const ggdm_tick_view *view, ggdm_tick_numbers *out)
{
    const int64_t n = view->elements;
    const double of_eps = view->n_terms > 0 ? sqrt(dot(view->eps, view->eps, n)) : 0;
    out->clamped = share_beyond(view->x0, n);
    out->n_terms = view->n_terms;
    for (int32_t k = 0; k < view->n_terms; k++)
        out->terms[k] = measure_term(&view->terms[k], view->eps, of_eps, n);
}

/* ---- on the way ----------------------------------------------------------------------------- */

static int32_t point_of(const ggdm_recorder *r, const ggdm_unit *unit, const ggdm_live *live)
{
    return live->tick == 0 ? ggdm_record_point_at(unit->steps, r->points, live->step) : -1;
}

bool ggdm_recorder_wants(const ggdm_recorder *r, const ggdm_unit *unit, const ggdm_live *live,
                         bool finite)
{
    return live->record && (!finite || point_of(r, unit, live) >= 0);
}

/* Where a name is among names; n: it is not there. */
static int32_t place_of(const char *name, const ggdm_term_name *names, int32_t n)
{
    int32_t k = 0;
    while (k < n && strcmp(names[k], name) != 0)
        k++;
    return k;
}

void ggdm_recorder_note(const ggdm_recorder *r, const ggdm_unit_evaluation *first,
                        const ggdm_unit *unit, const ggdm_live *live, const ggdm_tick_view *view,
                        bool finite)
{
    const int32_t row = finite ? point_of(r, unit, live) : r->points;
    float *out = live->record + (int64_t)row * GGDM_RECORDER_ROW(r->terms);
    ggdm_tick_numbers numbers;
    ggdm_tick_measure(view, &numbers);
    *out++ = numbers.clamped;
    for (int32_t k = 0; k < GGDM_RECORD_OF_TERM * r->terms; k++)
        out[k] = NAN;
    for (int32_t k = 0; k < numbers.n_terms; k++) {
        const int32_t place = place_of(view->terms[k].name, first->terms, first->n_terms);
        const ggdm_term_numbers *t = &numbers.terms[k];
        float *of_term = out + GGDM_RECORD_OF_TERM * place;
        if (place == first->n_terms)
            continue;
        of_term[GGDM_RECORD_LOSS] = t->loss;
        of_term[GGDM_RECORD_NORM] = t->norm;
        of_term[GGDM_RECORD_COSINE] = t->cosine;
    }
}

/* ---- at the end ----------------------------------------------------------------------------- */

/* A segment on the way to one, or that itself, that has this step. */
static int32_t segment_at(const ggdm_unit *unit, int32_t segment, int32_t step)
{
    while (unit->segments[segment].begin > step)
        segment = unit->segments[segment].parent;
    return segment;
}

static const ggdm_unit_evaluation *first_of(const ggdm_unit_steps *steps, const ggdm_unit *unit,
                                            int32_t segment)
{
    return &steps->settings[unit->segments[segment].setting].first;
}

/* All terms on the way, so that the record is the same whatever happened; as many as it can have.
 */
static void list_terms(const ggdm_unit_steps *steps, const ggdm_unit *unit, int32_t segment,
                       ggdm_record *out)
{
    for (int32_t s = segment; s >= 0; s = unit->segments[s].parent) {
        const ggdm_unit_evaluation *first = first_of(steps, unit, s);
        for (int32_t k = 0; k < first->n_terms && out->n_terms < GGDM_MAX_RECORD_TERMS; k++)
            if (place_of(first->terms[k], out->terms, out->n_terms) == out->n_terms)
                memcpy(out->terms[out->n_terms++], first->terms[k], sizeof *out->terms);
    }
}

/* A row of the state as the next point of the record. */
static void add_point(const ggdm_unit_steps *steps, const ggdm_unit *unit, const ggdm_live *live,
                      int32_t row, int32_t step, ggdm_record *out)
{
    const int32_t width = ggdm_record_width(out->n_terms);
    const float *in = live->record + (int64_t)row * GGDM_RECORDER_ROW(steps->recorder.terms);
    const ggdm_unit_evaluation *first =
        first_of(steps, unit, segment_at(unit, live->segment, step));
    float *point = out->points + (int64_t)out->n_points++ * width;
    point[GGDM_RECORD_STEP] = (float)step;
    point[GGDM_RECORD_CLAMPED] = *in++;
    for (int32_t k = GGDM_RECORD_HEAD; k < width; k++)
        point[k] = NAN;
    for (int32_t k = 0; k < first->n_terms; k++) {
        const int32_t place = place_of(first->terms[k], out->terms, out->n_terms);
        if (place < out->n_terms)
            memcpy(point + GGDM_RECORD_HEAD + GGDM_RECORD_OF_TERM * place,
                   in + GGDM_RECORD_OF_TERM * k, GGDM_RECORD_OF_TERM * sizeof *point);
    }
}

/* Of the points of the chain as many as fit, spread evenly; and where the image diverged. */
static void add_points(const ggdm_unit_steps *steps, const ggdm_unit *unit, const ggdm_live *live,
                       ggdm_record *out)
{
    const ggdm_recorder *r = &steps->recorder;
    int32_t n = GGDM_RECORD_FLOATS * r->wished / ggdm_record_width(out->n_terms);
    n = n < 1 ? 1 : n < r->points ? n : r->points;
    for (int32_t i = 0; i < n; i++) {
        const int32_t row = ggdm_record_step(r->points, n, i);
        const int32_t step = ggdm_record_step(unit->steps, r->points, row);
        if (live->diverged_step < 0 || step < live->diverged_step)
            add_point(steps, unit, live, row, step, out);
    }
    if (live->diverged_step >= 0)
        add_point(steps, unit, live, r->points, live->diverged_step, out);
}

ggdm_status ggdm_recorder_finish(const ggdm_unit_steps *steps, const ggdm_unit *unit,
                                 const ggdm_live *live, uint8_t **out, uint32_t *size,
                                 ggdm_error *err)
{
    ggdm_record record = {.diverged = live->diverged_step >= 0};
    ggdm_wire bytes;
    list_terms(steps, unit, live->segment, &record);
    GGDM_TRY(ggdm_alloc(&record.points, (size_t)(steps->recorder.points + 1),
                        (size_t)ggdm_record_width(record.n_terms) * sizeof *record.points, err));
    add_points(steps, unit, live, &record);
    ggdm_wire_init(&bytes);
    ggdm_record_write(&record, &bytes);
    ggdm_record_deinit(&record);
    ggdm_status st = ggdm_wire_status(&bytes, "record", err);
    if (st == GGDM_OK) { /* what was written is the caller's now */
        *out = bytes.data;
        *size = (uint32_t)bytes.size;
    } else {
        ggdm_wire_deinit(&bytes);
    }
    return st;
}
