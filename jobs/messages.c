/* Layouts, little-endian, in the order of the struct members; enums and booleans as u8, sizes as
 * in common/wire.h.  Limits protect the reader: a message is never trusted. */
#include "jobs/messages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define MAX_SEGMENTS (1 << 20)
#define MAX_STEPS 100000
#define SEGMENT_BYTES 32 /* of one segment on the wire */

const char *const ggdm_variance_names[] = {"fixed_large", "fixed_small", NULL};
const char *const ggdm_gradient_names[] = {"xt-full", "xt-affine", "x0", NULL};
const char *const ggdm_loss_form_names[] = {"nll", "prob", NULL};
const char *const ggdm_precision_names[] = {"auto", "fp32", "bf16", NULL};

/* Fail the wire unless the value just read is possible. */
static void check(ggdm_wire *w, bool ok)
{
    if (w->status == GGDM_OK && !ok)
        w->status = GGDM_EFORMAT;
}

/* u8 in [lo, hi]. */
static unsigned get_enum(ggdm_wire *w, unsigned lo, unsigned hi)
{
    unsigned v = ggdm_get_u8(w);
    check(w, v >= lo && v <= hi);
    return w->status == GGDM_OK ? v : lo;
}

ggdm_status ggdm_job_pack(const ggdm_job *job, ggdm_wire *w, ggdm_error *err)
{
    ggdm_put_u64(w, job->seed);
    ggdm_put_i32(w, job->steps);
    ggdm_put_u8(w, (uint8_t)job->variance);
    ggdm_put_u8(w, job->clip_x0);
    ggdm_put_u8(w, (uint8_t)job->gradient);
    ggdm_put_u8(w, (uint8_t)job->form);
    ggdm_put_u8(w, (uint8_t)job->precision);
    ggdm_put_i32(w, job->batch);
    ggdm_put_i32(w, job->threads);
    ggdm_put_f64(w, job->checkpoint);
    return ggdm_wire_status(w, "job", err);
}

ggdm_status ggdm_job_unpack(ggdm_job *job, ggdm_wire *w, ggdm_error *err)
{
    memset(job, 0, sizeof *job);
    job->seed = ggdm_get_u64(w);
    job->steps = ggdm_get_i32(w);
    check(w, job->steps >= 1 && job->steps <= MAX_STEPS);
    job->variance = (ggdm_variance)get_enum(w, 0, GGDM_FIXED_SMALL);
    job->clip_x0 = get_enum(w, 0, 1);
    job->gradient = (ggdm_gradient)get_enum(w, 0, GGDM_X0);
    job->form = (ggdm_loss_form)get_enum(w, 0, GGDM_PROB);
    job->precision = (ggdm_precision)get_enum(w, GGDM_PRECISION_FP32, GGDM_PRECISION_BF16);
    job->batch = ggdm_get_i32(w);
    job->threads = ggdm_get_i32(w);
    job->checkpoint = ggdm_get_f64(w);
    check(w, job->batch >= 1 && job->threads >= 1 && isfinite(job->checkpoint) &&
                 job->checkpoint >= 0);
    return ggdm_wire_status(w, "job", err);
}

ggdm_status ggdm_unit_pack(const ggdm_unit *unit, ggdm_wire *w, ggdm_error *err)
{
    ggdm_put_i64(w, unit->id);
    ggdm_put_i32(w, unit->attempt);
    ggdm_put_i32(w, unit->image_first);
    ggdm_put_i32(w, unit->image_count);
    ggdm_put_i32(w, unit->n_segments);
    for (int32_t i = 0; i < unit->n_segments; i++) {
        const ggdm_segment *s = &unit->segments[i];
        ggdm_put_i32(w, s->parent);
        ggdm_put_i32(w, s->begin);
        ggdm_put_i32(w, s->end);
        ggdm_put_f64(w, s->kappa);
        ggdm_put_i32(w, s->target);
        ggdm_put_i64(w, s->trajectory);
    }
    return ggdm_wire_status(w, "unit", err);
}

static bool segment_fits(const ggdm_segment *all, int32_t i)
{
    const ggdm_segment *s = &all[i];
    return s->parent >= -1 && s->parent < i &&
           s->begin == (s->parent < 0 ? 0 : all[s->parent].end) && s->end > s->begin &&
           s->end <= MAX_STEPS && isfinite(s->kappa) && s->kappa >= 0 && s->target >= -1 &&
           s->target < GGDM_MAX_CLASSES && (s->kappa == 0 || s->target >= 0) && s->trajectory >= -1;
}

ggdm_status ggdm_unit_unpack(ggdm_unit *unit, ggdm_wire *w, ggdm_error *err)
{
    memset(unit, 0, sizeof *unit);
    unit->id = ggdm_get_i64(w);
    unit->attempt = ggdm_get_i32(w);
    unit->image_first = ggdm_get_i32(w);
    unit->image_count = ggdm_get_i32(w);
    check(w, unit->id >= 0 && unit->attempt >= 0 && unit->image_first >= 0 &&
                 unit->image_count >= 1 && unit->image_count <= INT32_MAX - unit->image_first);
    int32_t n = ggdm_get_count(w, MAX_SEGMENTS, SEGMENT_BYTES);
    check(w, n >= 1);
    if (w->status != GGDM_OK)
        return ggdm_wire_status(w, "unit", err);

    GGDM_TRY(ggdm_alloc(&unit->segments, (size_t)n, sizeof *unit->segments, err));
    unit->n_segments = n;
    for (int32_t i = 0; i < n && w->status == GGDM_OK; i++) {
        ggdm_segment *s = &unit->segments[i];
        s->parent = ggdm_get_i32(w);
        s->begin = ggdm_get_i32(w);
        s->end = ggdm_get_i32(w);
        s->kappa = ggdm_get_f64(w);
        s->target = ggdm_get_i32(w);
        s->trajectory = ggdm_get_i64(w);
        check(w, segment_fits(unit->segments, i));
    }
    if (w->status != GGDM_OK)
        ggdm_unit_deinit(unit);
    return ggdm_wire_status(w, "unit", err);
}

static void put_floats(ggdm_wire *w, int32_t n, const float *v)
{
    ggdm_put_i32(w, n);
    for (int32_t i = 0; i < n; i++)
        ggdm_put_f32(w, v[i]);
}

ggdm_status ggdm_image_pack(const ggdm_image *image, ggdm_wire *w, ggdm_error *err)
{
    ggdm_put_i64(w, image->trajectory);
    ggdm_put_i32(w, image->index);
    ggdm_put_u8(w, image->diverged);
    ggdm_put_i32(w, image->diverged_step);
    ggdm_put_f32(w, image->saturated);
    put_floats(w, image->n_guide, image->guide_logp);
    put_floats(w, image->n_judge, image->judge_logp);
    ggdm_put_bytes(w, image->png, image->png_size);
    return ggdm_wire_status(w, "image", err);
}

/* NULL where there are none, or after a failure. */
static float *get_floats(ggdm_wire *w, int32_t *n)
{
    float *v = NULL;
    *n = ggdm_get_count(w, GGDM_MAX_CLASSES, sizeof *v);
    if (w->status != GGDM_OK || *n == 0)
        return NULL;
    w->status = ggdm_alloc(&v, (size_t)*n, sizeof *v, NULL);
    for (int32_t i = 0; i < *n && w->status == GGDM_OK; i++)
        v[i] = ggdm_get_f32(w);
    return v;
}

ggdm_status ggdm_image_unpack(ggdm_image *image, ggdm_wire *w, ggdm_error *err)
{
    memset(image, 0, sizeof *image);
    image->trajectory = ggdm_get_i64(w);
    image->index = ggdm_get_i32(w);
    image->diverged = get_enum(w, 0, 1);
    image->diverged_step = ggdm_get_i32(w);
    image->saturated = ggdm_get_f32(w);
    check(w, image->trajectory >= 0 && image->index >= 0 && image->diverged_step >= -1 &&
                 image->diverged_step < MAX_STEPS && image->saturated >= 0 &&
                 image->saturated <= 1);
    image->guide_logp = get_floats(w, &image->n_guide);
    image->judge_logp = get_floats(w, &image->n_judge);
    size_t size = 0;
    const uint8_t *png = ggdm_get_bytes(w, &size);
    if (png && size) {
        image->png_size = (uint32_t)size;
        w->status = ggdm_alloc(&image->png, size, 1, NULL);
        if (w->status == GGDM_OK)
            memcpy(image->png, png, size);
    }
    if (w->status != GGDM_OK)
        ggdm_image_deinit(image);
    return ggdm_wire_status(w, "image", err);
}

void ggdm_unit_deinit(ggdm_unit *unit)
{
    free(unit->segments);
    free(unit->state);
    memset(unit, 0, sizeof *unit);
}

void ggdm_image_deinit(ggdm_image *image)
{
    free(image->guide_logp);
    free(image->judge_logp);
    free(image->png);
    memset(image, 0, sizeof *image);
}
