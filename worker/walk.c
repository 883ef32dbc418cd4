/* The block that says where a unit stands (docs/decisions/005, 018), little-endian:
 *
 *    offset  size
 *         0     4  magic u32, "GDGW"
 *         4     4  version u32
 *         8     8  unit i64
 *        16     4  step i32 that is being made, 0 .. steps; steps: all are made
 *        20     4  tick i32 of it
 *        24     4  segments i32
 *        28     4  history i32, arrays of a state
 *        32     4  keeps i32, arrays of a state
 *        36     8  floats i64 of a state without a record
 *        44     8  floats i64 of a record
 *        52     4  recorded i32, images that have one
 *        56        for each segment that is open at the step, by number:
 *                    for each image of the block:
 *                      0  4  step i32, that it makes next
 *                      4  4  tick i32
 *                      8  4  filled i32, arrays of its history that are valid
 *                     12  4  diverged step i32, -1 while it is finite
 *                    the states, [images, floats] f32: x, history, kept arrays, what is carried
 *                    the records, [recorded, floats] f32 (worker/recorder.c)
 *   size-32    32  SHA-256 of the unit as far as states depend on it, and of all bytes before
 *
 * Open at a step are the segments that contain it; when all steps are made, those that end there.
 * An image either has yet to make the walk's tick, or has made it and stands at the one behind; so
 * a block can be made between two batches of any tick, which is what stopping in time asks for.
 * filled is at most the arrays there are and the steps that are made.  Whole states are saved, kept
 * arrays also between steps, where nobody reads them: one form for every moment.
 *
 * All else follows from the unit, so that a block never says how much memory is needed: the sizes
 * in it are compared, not believed.  The digest covers block, head, settings and segments, but
 * neither attempt nor trajectories and scorers: a judge that joins the run costs no unit its
 * checkpoint. */
#include "worker/walk.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "states are saved as they are");

#define MAGIC 0x57474447u
#define VERSION 3
#define HEAD_BYTES 56
#define LIVE_BYTES 16 /* of an image without its state */

int64_t ggdm_state_floats(const ggdm_state_shape *s)
{
    return s->elements * (1 + s->history + s->keeps) + s->carried;
}

/* Of all states and records of a segment. */
static size_t segment_floats(const ggdm_walk *w)
{
    return (size_t)w->unit->image_count * (size_t)ggdm_state_floats(&w->shape) +
           (size_t)w->shape.recorded * (size_t)w->shape.record;
}

/* ---- the walk ---- */

static ggdm_live *lives_of(const ggdm_walk *w, int32_t segment)
{
    return w->lives + (int64_t)segment * w->unit->image_count;
}

static void to_beginning(ggdm_walk *w)
{
    int64_t n = (int64_t)w->unit->n_segments * w->unit->image_count;
    int64_t elements = w->shape.elements, floats = ggdm_state_floats(&w->shape);
    w->step = w->tick = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t segment = (int32_t)(i / w->unit->image_count);
        int32_t image = (int32_t)(i % w->unit->image_count);
        float *states = w->states + (size_t)segment * segment_floats(w),
              *x = states + image * floats;
        float *records = states + w->unit->image_count * floats;
        w->lives[i] = (ggdm_live){
            .x = x,
            .history = x + elements,
            .kept = x + elements * (1 + w->shape.history),
            .carried = x + elements * (1 + w->shape.history + w->shape.keeps),
            .record = image < w->shape.recorded ? records + image * w->shape.record : NULL,
            .image = image,
            .segment = segment,
            .diverged_step = -1,
            .step = w->unit->segments[segment].begin};
    }
}

ggdm_status ggdm_walk_init(ggdm_walk *w, const ggdm_unit *unit, const int32_t *ticks,
                           const ggdm_state_shape *shape, ggdm_error *err)
{
    size_t lives = (size_t)unit->n_segments * (size_t)unit->image_count;
    *w = (ggdm_walk){.unit = unit, .ticks = ticks, .shape = *shape};
    for (int32_t i = 0; i < unit->n_segments; i++)
        w->total += (int64_t)(unit->segments[i].end - unit->segments[i].begin) * ticks[i] *
                    unit->image_count;
    GGDM_TRY(ggdm_alloc(&w->states, (size_t)unit->n_segments, segment_floats(w) * sizeof *w->states,
                        err));
    GGDM_TRY(ggdm_alloc(&w->lives, lives, sizeof *w->lives, err));
    to_beginning(w);
    return GGDM_OK;
}

void ggdm_walk_deinit(ggdm_walk *w)
{
    free(w->states);
    free(w->lives);
    *w = (ggdm_walk){0};
}

bool ggdm_walk_is_open(const ggdm_walk *w, int32_t segment)
{
    const ggdm_segment *s = &w->unit->segments[segment];
    int32_t steps = w->unit->steps;
    return w->step < steps ? s->begin <= w->step && w->step < s->end : s->end == steps;
}

bool ggdm_walk_is_due(const ggdm_walk *w, const ggdm_live *live)
{
    return live->step == w->step && live->tick == w->tick;
}

void ggdm_walk_begin(ggdm_walk *w)
{
    size_t bytes = (size_t)ggdm_state_floats(&w->shape) * sizeof(float);
    for (int32_t s = 0; s < w->unit->n_segments; s++) {
        int32_t parent = w->unit->segments[s].parent;
        if (w->unit->segments[s].begin != w->step || parent < 0)
            continue;
        for (int32_t i = 0; i < w->unit->image_count; i++) {
            ggdm_live *live = lives_of(w, s) + i;
            const ggdm_live *from = lives_of(w, parent) + i;
            memcpy(live->x, from->x, bytes);
            if (live->record)
                memcpy(live->record, from->record, sizeof(float) * (size_t)w->shape.record);
            live->filled = from->filled;
            live->diverged_step = from->diverged_step;
        }
    }
    w->begun = true;
}

/* The history moves on by one, and its newest is what the step kept first. */
static void remember(const ggdm_state_shape *shape, ggdm_live *live)
{
    size_t array = (size_t)shape->elements * sizeof(float);
    if (shape->history == 0)
        return;
    memmove(live->history + shape->elements, live->history, array * (size_t)(shape->history - 1));
    memcpy(live->history, live->kept, array);
    live->filled += live->filled < shape->history;
}

void ggdm_walk_made(ggdm_walk *w, ggdm_live *live)
{
    w->done++;
    if (++live->tick < w->ticks[live->segment])
        return;
    live->tick = 0;
    live->step++;
    remember(&w->shape, live);
}

/* Of the walk's step: the most that an open segment makes; behind the last step 1. */
static int32_t step_ticks(const ggdm_walk *w)
{
    int32_t ticks = 1;
    for (int32_t i = 0; w->step < w->unit->steps && i < w->unit->n_segments; i++)
        if (ggdm_walk_is_open(w, i) && w->ticks[i] > ticks)
            ticks = w->ticks[i];
    return ticks;
}

void ggdm_walk_next(ggdm_walk *w)
{
    if (++w->tick < step_ticks(w))
        return;
    w->tick = 0;
    w->step++;
    w->begun = w->step == w->unit->steps; /* nothing begins there */
}

/* ---- saving ---- */

static size_t block_size(const ggdm_walk *w)
{
    size_t open = 0;
    for (int32_t i = 0; i < w->unit->n_segments; i++)
        open += ggdm_walk_is_open(w, i);
    return HEAD_BYTES +
           open * ((size_t)w->unit->image_count * LIVE_BYTES + segment_floats(w) * sizeof(float)) +
           GGDM_HASH_SIZE;
}

/* Everything of the unit that its states depend on. */
static void hash_unit(ggdm_hash *h, const ggdm_unit *u)
{
    ggdm_hash_u64(h, (uint64_t)u->image_first);
    ggdm_hash_u64(h, (uint64_t)u->image_count);
    ggdm_hash_u64(h, (uint64_t)u->steps);
    ggdm_hash_text(h, u->head);
    ggdm_hash_u64(h, (uint64_t)u->n_settings);
    for (int32_t i = 0; i < u->n_settings; i++)
        ggdm_hash_text(h, u->settings[i]);
    for (int32_t i = 0; i < u->n_segments; i++) {
        const ggdm_segment *s = &u->segments[i];
        const int32_t numbers[] = {s->parent, s->begin, s->end, s->setting};
        for (int k = 0; k < 4; k++)
            ggdm_hash_u64(h, (uint64_t)numbers[k]);
    }
}

static void block_digest(const ggdm_walk *w, const void *data, size_t size,
                         uint8_t digest[GGDM_HASH_SIZE])
{
    ggdm_hash h;
    ggdm_hash_init(&h);
    hash_unit(&h, w->unit);
    ggdm_hash_update(&h, data, size);
    ggdm_hash_final(&h, digest);
}

static void put_head(const ggdm_walk *w, ggdm_wire *out)
{
    ggdm_put_u32(out, MAGIC);
    ggdm_put_u32(out, VERSION);
    ggdm_put_i64(out, w->unit->id);
    ggdm_put_i32(out, w->step);
    ggdm_put_i32(out, w->tick);
    ggdm_put_i32(out, w->unit->n_segments);
    ggdm_put_i32(out, w->shape.history);
    ggdm_put_i32(out, w->shape.keeps);
    ggdm_put_i64(out, ggdm_state_floats(&w->shape));
    ggdm_put_i64(out, w->shape.record);
    ggdm_put_i32(out, w->shape.recorded);
}

static void put_segment(const ggdm_walk *w, int32_t segment, ggdm_wire *out)
{
    const ggdm_live *lives = lives_of(w, segment);
    for (int32_t i = 0; i < w->unit->image_count; i++) {
        ggdm_put_i32(out, lives[i].step);
        ggdm_put_i32(out, lives[i].tick);
        ggdm_put_i32(out, lives[i].filled);
        ggdm_put_i32(out, lives[i].diverged_step);
    }
    ggdm_put_raw(out, lives->x, segment_floats(w) * sizeof(float));
}

ggdm_status ggdm_walk_save(const ggdm_walk *w, ggdm_wire *out, ggdm_error *err)
{
    size_t size = block_size(w), start = out->size;
    uint8_t digest[GGDM_HASH_SIZE];
    if (size > GGDM_MAX_CHECKPOINT)
        return GGDM_FAIL(err, GGDM_ESHAPE,
                         "unit %lld: its state has %zu bytes, expected at most %zu",
                         (long long)w->unit->id, size, GGDM_MAX_CHECKPOINT);
    put_head(w, out);
    for (int32_t i = 0; i < w->unit->n_segments; i++)
        if (ggdm_walk_is_open(w, i))
            put_segment(w, i, out);
    GGDM_TRY(ggdm_wire_status(out, "checkpoint", err));
    block_digest(w, out->data + start, out->size - start, digest);
    ggdm_put_raw(out, digest, sizeof digest);
    return ggdm_wire_status(out, "checkpoint", err);
}

/* ---- restoring ---- */

static ggdm_status get_head(ggdm_walk *w, ggdm_wire *in, ggdm_error *err)
{
    uint32_t magic = ggdm_get_u32(in), version = ggdm_get_u32(in);
    int64_t unit = ggdm_get_i64(in);
    w->step = ggdm_get_i32(in);
    w->tick = ggdm_get_i32(in);
    int32_t segments = ggdm_get_i32(in), history = ggdm_get_i32(in), keeps = ggdm_get_i32(in);
    int64_t floats = ggdm_get_i64(in), expected = ggdm_state_floats(&w->shape);
    int64_t record = ggdm_get_i64(in);
    int32_t recorded = ggdm_get_i32(in);
    GGDM_TRY(ggdm_wire_status(in, "checkpoint", err));
    if (magic != MAGIC || version != VERSION)
        return GGDM_FAIL(err, GGDM_EFORMAT, "magic 0x%x, version %u, expected 0x%x, %d", magic,
                         version, MAGIC, VERSION);
    if (unit != w->unit->id || segments != w->unit->n_segments)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "it is of unit %lld with %d segments, expected %lld, %d", (long long)unit,
                         segments, (long long)w->unit->id, w->unit->n_segments);
    if (history != w->shape.history || keeps != w->shape.keeps || floats != expected)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "states of %lld numbers, %d arrays of history, %d kept, expected %lld, "
                         "%d, %d",
                         (long long)floats, history, keeps, (long long)expected, w->shape.history,
                         w->shape.keeps);
    if (record != w->shape.record || recorded != w->shape.recorded)
        return GGDM_FAIL(
            err, GGDM_EFORMAT, "records of %lld numbers of %d images, expected %lld of %d",
            (long long)record, recorded, (long long)w->shape.record, w->shape.recorded);
    if (w->step < 0 || w->step > w->unit->steps || w->tick < 0 || w->tick >= step_ticks(w))
        return GGDM_FAIL(err, GGDM_EFORMAT, "step %d, tick %d, expected step 0 to %d", w->step,
                         w->tick, w->unit->steps);
    return GGDM_OK;
}

static ggdm_status check_digest(const ggdm_walk *w, const uint8_t *data, size_t size,
                                ggdm_error *err)
{
    uint8_t digest[GGDM_HASH_SIZE];
    block_digest(w, data, size - sizeof digest, digest);
    if (memcmp(digest, data + size - sizeof digest, sizeof digest) != 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "its checksum is wrong");
    return GGDM_OK;
}

/* Is the image at the walk's tick, or right behind it? */
static bool walk_fits(const ggdm_walk *w, const ggdm_live *live)
{
    int32_t ticks = w->ticks[live->segment];
    if (w->step == w->unit->steps)
        return live->step == w->step && live->tick == 0;
    if (ggdm_walk_is_due(w, live))
        return w->tick < ticks;
    if (w->tick + 1 < ticks)
        return live->step == w->step && live->tick == w->tick + 1;
    return live->step == w->step + 1 && live->tick == 0;
}

static ggdm_status get_live(const ggdm_walk *w, ggdm_live *live, ggdm_wire *in, ggdm_error *err)
{
    live->step = ggdm_get_i32(in);
    live->tick = ggdm_get_i32(in);
    live->filled = ggdm_get_i32(in);
    live->diverged_step = ggdm_get_i32(in);
    if (!walk_fits(w, live) || live->filled < 0 || live->filled > w->shape.history ||
        live->filled > live->step || live->diverged_step < -1 ||
        live->diverged_step >= w->unit->steps)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "segment %d, image %d: step %d, tick %d, %d arrays of history, diverged "
                         "step %d do not fit step %d, tick %d",
                         live->segment, live->image, live->step, live->tick, live->filled,
                         live->diverged_step, w->step, w->tick);
    return GGDM_OK;
}

/* Ticks made, from where the images are. */
static int64_t count_done(const ggdm_walk *w)
{
    int64_t done = 0;
    for (int32_t i = 0; i < w->unit->n_segments; i++) {
        const ggdm_segment *s = &w->unit->segments[i];
        for (int32_t k = 0; k < w->unit->image_count; k++) {
            const ggdm_live *live = lives_of(w, i) + k;
            int32_t step = s->end <= w->step ? s->end : live->step;
            done += (int64_t)(step - s->begin) * w->ticks[i] + live->tick;
        }
    }
    return done;
}

static ggdm_status get_block(ggdm_walk *w, const void *data, size_t size, ggdm_error *err)
{
    ggdm_wire in;
    ggdm_wire_read(&in, data, size);
    GGDM_TRY(get_head(w, &in, err));
    if (size != block_size(w))
        return GGDM_FAIL(err, GGDM_EFORMAT, "%zu bytes, expected %zu", size, block_size(w));
    GGDM_TRY(check_digest(w, data, size, err));
    for (int32_t i = 0; i < w->unit->n_segments; i++) {
        if (!ggdm_walk_is_open(w, i))
            continue;
        for (int32_t k = 0; k < w->unit->image_count; k++)
            GGDM_TRY(get_live(w, lives_of(w, i) + k, &in, err));
        ggdm_get_raw(&in, lives_of(w, i)->x, segment_floats(w) * sizeof(float));
    }
    return ggdm_wire_status(&in, "checkpoint", err);
}

ggdm_status ggdm_walk_restore(ggdm_walk *w, const void *data, size_t size, ggdm_error *err)
{
    ggdm_status st = get_block(w, data, size, err);
    if (st == GGDM_OK) {
        w->begun = true;
        w->done = count_done(w);
    } else {
        memset(w->states, 0, segment_floats(w) * sizeof(float) * (size_t)w->unit->n_segments);
        to_beginning(w);
    }
    return st;
}
