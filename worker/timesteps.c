#include "worker/timesteps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const ggdm_spacing_names[] = {"leading", "trailing", "linspace", "karras", NULL};

/* Timestep number k from 0 upwards: the chain goes down. */
static void put(ggdm_chain *out, int32_t k, int32_t t)
{
    out->step[(int64_t)(out->steps - 1 - k) * out->evaluations].t = t;
}

/* ---- diffusers ------------------------------------------------------------------------------- */

/* Step i of n over T timesteps.  rint is half to even, as numpy's round; trailing is numpy's arange
 * to the bit, whose increment is the difference of its first two values. */
static int32_t timestep(int64_t spacing, int32_t i, int32_t n, int32_t T)
{
    const double first = T, second = first - first / n;
    switch (spacing) {
    case GGDM_TRAILING:
        return (int32_t)rint(first + i * (second - first)) - 1;
    case GGDM_LINSPACE:
        return n == 1 ? 0 : (int32_t)rint((n - 1 - i) * ((double)(T - 1) / (n - 1)));
    default:
        return (n - 1 - i) * (T / n);
    }
}

/* By how much the leading timesteps are moved, which must leave them below T. */
static ggdm_status find_offset(const ggdm_item *sampler, int64_t spacing, int32_t n, int32_t T,
                               int32_t *out, ggdm_error *err)
{
    const int32_t most = spacing == GGDM_LEADING ? T - 1 - timestep(GGDM_LEADING, 0, n, T) : 0;
    const int64_t offset = ggdm_item_whole(sampler, "steps_offset");
    if (offset > most)
        return ggdm_item_fail(sampler, "steps_offset", err,
                              "value '%lld', expected at most %d with spacing %s and %d steps",
                              (long long)offset, most, ggdm_spacing_names[spacing], n);
    *out = (int32_t)offset;
    return GGDM_OK;
}

/* ---- EDM ------------------------------------------------------------------------------------- */

static double log_sigma(const ggdm_noise_levels *levels, int32_t t)
{
    return 0.5 * log((1.0 - levels->alpha_bar[t]) / levels->alpha_bar[t]);
}

/* Noise levels even in their 7th roots, from the model's largest to its least (Karras et al. 2022,
 * equation 5), each at the timestep that is nearest in log sigma.  Where these are denser than
 * timesteps, a step takes the next that is free below, or above where the rest would not fit. */
static void space_karras(const ggdm_noise_levels *levels, ggdm_chain *out)
{
    const double rho = 7.0;
    const int32_t n = out->steps;
    const double most = exp(log_sigma(levels, levels->train_steps - 1) / rho);
    const double least = exp(log_sigma(levels, 0) / rho);
    int32_t nearest = levels->train_steps - 1, t = nearest;
    put(out, n - 1, t);
    for (int32_t i = 1; i < n; i++) {
        const int32_t follow = n - 1 - i; /* steps, and so timesteps below */
        const double sought = rho * log(most + (double)i / (n - 1) * (least - most));
        while (nearest > 0 &&
               log_sigma(levels, nearest) + log_sigma(levels, nearest - 1) > 2.0 * sought)
            nearest--;
        t = nearest < t ? nearest : t - 1;
        t = t > follow ? t : follow;
        put(out, follow, t);
    }
}

/* ---- OpenAI ---------------------------------------------------------------------------------- */

#define DDIM "ddim"

/* A number at *text, which moves behind it; -1: there is none. */
static int64_t read_number(const char **text)
{
    const size_t digits = strspn(*text, "0123456789");
    const int64_t v = digits == 0 || digits > 9 ? -1 : strtoll(*text, NULL, 10);
    *text += digits;
    return v;
}

static bool is_ddim(const char *text)
{
    return strncmp(text, DDIM, strlen(DDIM)) == 0;
}

int64_t ggdm_respacing_steps(const char *text)
{
    const bool ddim = is_ddim(text);
    int64_t sum = 0;
    if (ddim)
        text += strlen(DDIM);
    for (;; text++) {
        int64_t n = read_number(&text);
        if (n < 0)
            return -1;
        sum += n;
        if (ddim || *text != ',')
            return *text ? -1 : sum;
    }
}

static ggdm_status fail_respacing(const ggdm_item *sampler, ggdm_error *err, const char *expected)
{
    return ggdm_item_fail(sampler, "respacing", err, "value '%.60s', expected %s",
                          ggdm_item_text(sampler, "respacing"), expected);
}

/* The least stride with which 0 .. T - 1 has so many multiples. */
static ggdm_status respace_ddim(const ggdm_item *sampler, int32_t T, ggdm_chain *out,
                                ggdm_error *err)
{
    int32_t stride = 1;
    while (stride < T && (T - 1) / stride + 1 != out->steps)
        stride++;
    if (stride >= T)
        return fail_respacing(sampler, err, "a number of steps that an integer stride makes");
    for (int32_t k = 0; k < out->steps; k++)
        put(out, k, k * stride);
    return GGDM_OK;
}

/* Parts of equal size, the first of them longer by one where T does not divide, each from its first
 * timestep to its last.  The stride is added up, as in the original: rounding depends on it. */
static ggdm_status respace_sections(const ggdm_item *sampler, int32_t T, ggdm_chain *out,
                                    ggdm_error *err)
{
    const char *text = ggdm_item_text(sampler, "respacing");
    int32_t sections = 1, first = 0, k = 0;
    for (const char *c = text; *c; c++)
        sections += *c == ',';
    for (int32_t s = 0; s < sections; s++, text++) {
        const int64_t count = read_number(&text);
        const int32_t size = T / sections + (s < T % sections);
        const double stride = count > 1 ? (size - 1.0) / ((double)count - 1.0) : 1.0;
        double at = 0.0;
        if (count > size)
            return fail_respacing(sampler, err, "no more steps than its part has timesteps");
        for (int64_t i = 0; i < count; i++, at += stride)
            put(out, k++, first + (int32_t)rint(at));
        first += size;
    }
    return GGDM_OK;
}

static ggdm_status respace(const ggdm_item *sampler, int32_t T, ggdm_chain *out, ggdm_error *err)
{
    const char *text = ggdm_item_text(sampler, "respacing");
    const int64_t steps = ggdm_respacing_steps(text);
    if (steps < 1)
        return fail_respacing(sampler, err, "steps of parts (\"10,15,20\") or \"ddim50\"");
    if (steps != out->steps)
        return ggdm_item_fail(sampler, "steps", err,
                              "value '%d', expected steps: %lld, the sum of respacing '%.60s'",
                              out->steps, (long long)steps, text);
    if (ggdm_item_value(sampler, "spacing")->set || ggdm_item_whole(sampler, "steps_offset") != 0)
        return fail_respacing(sampler, err, "none beside a spacing or a steps_offset");
    return is_ddim(text) ? respace_ddim(sampler, T, out, err)
                         : respace_sections(sampler, T, out, err);
}

/* ---- either ---------------------------------------------------------------------------------- */

ggdm_status ggdm_timesteps(const ggdm_item *sampler, const ggdm_noise_levels *levels,
                           ggdm_chain *out, ggdm_error *err)
{
    const int32_t n = out->steps, T = levels->train_steps;
    int64_t spacing = GGDM_LEADING;
    int32_t offset = 0;
    const ggdm_value *respacing = ggdm_item_value(sampler, "respacing");
    if (respacing && respacing->set)
        return respace(sampler, T, out, err);
    if (ggdm_item_value(sampler, "spacing"))
        spacing = ggdm_item_whole(sampler, "spacing");
    if (ggdm_item_value(sampler, "steps_offset"))
        GGDM_TRY(find_offset(sampler, spacing, n, T, &offset, err));
    if (spacing == GGDM_KARRAS)
        space_karras(levels, out);
    else
        for (int32_t i = 0; i < n; i++)
            put(out, n - 1 - i, timestep(spacing, i, n, T) + offset);
    return GGDM_OK;
}

double ggdm_alpha_bar_at(const ggdm_noise_levels *levels, const ggdm_chain *chain, int32_t i)
{
    return i < chain->steps ? levels->alpha_bar[chain->step[(int64_t)i * chain->evaluations].t]
                            : 1.0;
}
