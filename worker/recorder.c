#include "worker/recorder.h"

#include <math.h>

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

static ggdm_term_numbers measure_term(const ggdm_tick_term *t, const float *eps, double of_eps,
                                      int64_t n)
{
    ggdm_term_numbers out = {.loss = t->loss, .norm = NAN, .cosine = NAN};
    if (!t->gradient || t->factor == 0.0f)
        return out;
    double length = sqrt(dot(t->gradient, t->gradient, n));
    double cosine = dot(t->gradient, eps, n) / (length * of_eps);
    out.norm = (float)(length / fabs((double)t->factor));
    out.cosine = (float)(t->factor < 0 ? -cosine : cosine);
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
