/* Samples that are there get the scores that they lack: they come packed in the unit's state, one
 * behind the other, and each names its trajectory, a segment of the unit. */
#include <math.h>
#include <stdlib.h>

#include "worker/generate.h"
#include "worker/present.h"
#include "worker/scores.h"

typedef struct run {
    const ggdm_unit *unit;
    const ggdm_executor_sink *sink;
    ggdm_scores *scores;
    ggdm_wire in;
} run;

/* NULL: the sample is none of the unit's. */
static const ggdm_segment *segment_of(const ggdm_unit *unit, const ggdm_sample *sample)
{
    if (sample->index < unit->image_first || sample->index - unit->image_first >= unit->image_count)
        return NULL;
    for (int32_t i = 0; i < unit->n_segments; i++)
        if (unit->segments[i].trajectory == sample->trajectory)
            return &unit->segments[i];
    return NULL;
}

/* Score those that wait, and get ready for images of this shape. */
static ggdm_status make_room(run *r, ggdm_image_shape shape, ggdm_error *err)
{
    GGDM_TRY(ggdm_scores_flush(r->scores, r->sink, err));
    if (!r->sink->step(r->sink->context, (int64_t)r->in.pos, (int64_t)r->in.size))
        return GGDM_FAIL(err, GGDM_ECANCELLED, "stopped");
    return ggdm_scores_shape(r->scores, shape, err);
}

static ggdm_status read_sample(run *r, ggdm_finished *f, ggdm_error *err)
{
    ggdm_image_shape shape;
    GGDM_TRY(ggdm_sample_unpack(&f->sample, &r->in, err));
    const ggdm_segment *segment = segment_of(r->unit, &f->sample);
    if (!segment || f->sample.n_scores > 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "sample %d of trajectory %lld %s", f->sample.index,
                         (long long)f->sample.trajectory,
                         segment ? "has scores already" : "is none of this unit");
    if (ggdm_present_read(&f->sample, &shape, &f->seen, err) != GGDM_OK)
        return ggdm_error_prefix(err, "sample %d of trajectory %lld", f->sample.index,
                                 (long long)f->sample.trajectory);
    free(f->sample.data);
    f->sample.data = NULL;
    f->sample.size = 0;
    if (!ggdm_scores_take(r->scores, shape))
        GGDM_TRY(make_room(r, shape, err));
    ggdm_scores_add(r->scores, segment, f);
    return GGDM_OK;
}

ggdm_status ggdm_rescore(const ggdm_tools *tools, const ggdm_unit *unit,
                         const ggdm_executor_sink *sink, ggdm_error *err)
{
    run r = {.unit = unit, .sink = sink};
    ggdm_wire_read(&r.in, unit->state, unit->state_size);
    ggdm_status st = ggdm_scores_create(tools, unit, &r.scores, err);
    while (st == GGDM_OK && r.in.pos < r.in.size) {
        ggdm_finished f = {.saturated = NAN};
        st = read_sample(&r, &f, err);
        ggdm_sample_deinit(&f.sample);
        free(f.seen);
    }
    if (st == GGDM_OK)
        st = ggdm_scores_flush(r.scores, sink, err);
    ggdm_scores_destroy(&r.scores);
    return st;
}
