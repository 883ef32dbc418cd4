#include "worker/walk.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "states are saved as they are");

#define MAGIC 0x57474447u /* "GDGW" */
#define VERSION 1
#define HEAD_BYTES 28
#define LIVE_BYTES 5 /* of an image without its x */

ggdm_status ggdm_walk_init(ggdm_walk *w, const ggdm_unit *unit, const ggdm_job *job,
                           int64_t elements, ggdm_error *err)
{
    size_t images = (size_t)unit->image_count, lives = (size_t)unit->n_segments * images;
    *w = (ggdm_walk){.unit = unit, .steps = job->steps, .elements = elements, .seed = job->seed};
    for (int32_t i = 0; i < unit->n_segments; i++)
        w->total += (int64_t)(unit->segments[i].end - unit->segments[i].begin) * unit->image_count;
    GGDM_TRY(ggdm_alloc(&w->states, lives, (size_t)elements * sizeof *w->states, err));
    GGDM_TRY(ggdm_alloc(&w->lives, lives, sizeof *w->lives, err));
    for (size_t i = 0; i < lives; i++) {
        ggdm_live_image *live = &w->lives[i];
        live->x = w->states + i * (size_t)elements;
        live->image = (int32_t)(i % images);
        live->segment = (int32_t)(i / images);
        live->diverged_step = -1;
        live->next = unit->segments[live->segment].begin;
    }
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
    return w->step < w->steps ? s->begin <= w->step && w->step < s->end : s->end == w->steps;
}

/* ---- saving ---- */

static size_t block_size(const ggdm_walk *w)
{
    size_t open = 0;
    for (int32_t i = 0; i < w->unit->n_segments; i++)
        open += ggdm_walk_is_open(w, i);
    return HEAD_BYTES +
           open * (size_t)w->unit->image_count *
               (LIVE_BYTES + (size_t)w->elements * sizeof(float)) +
           GGDM_HASH_SIZE;
}

/* Of everything the states depend on that is the unit's own, and of the block. */
static ggdm_status block_digest(const ggdm_walk *w, const void *data, size_t size,
                                uint8_t digest[GGDM_HASH_SIZE], ggdm_error *err)
{
    ggdm_unit unit = *w->unit;
    ggdm_wire tree;
    ggdm_hash h;
    unit.attempt = 0;
    ggdm_wire_init(&tree);
    ggdm_status st = ggdm_unit_pack(&unit, &tree, err);
    if (st == GGDM_OK) {
        ggdm_hash_init(&h);
        ggdm_hash_update(&h, tree.data, tree.size);
        ggdm_hash_u64(&h, w->seed);
        ggdm_hash_update(&h, data, size);
        ggdm_hash_final(&h, digest);
    }
    ggdm_wire_deinit(&tree);
    return st;
}

static void put_head(const ggdm_walk *w, ggdm_wire *out)
{
    ggdm_put_u32(out, MAGIC);
    ggdm_put_u32(out, VERSION);
    ggdm_put_i64(out, w->unit->id);
    ggdm_put_i32(out, w->step);
    ggdm_put_i32(out, (int32_t)w->elements);
    ggdm_put_i32(out, w->unit->n_segments);
}

static void put_segment(const ggdm_walk *w, int32_t segment, ggdm_wire *out)
{
    int32_t images = w->unit->image_count;
    const ggdm_live_image *lives = w->lives + (int64_t)segment * images;
    for (int32_t i = 0; i < images; i++) {
        ggdm_put_u8(out, lives[i].next > w->step);
        ggdm_put_i32(out, lives[i].diverged_step);
    }
    ggdm_put_raw(out, lives->x, (size_t)images * (size_t)w->elements * sizeof *lives->x);
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
    GGDM_TRY(block_digest(w, out->data + start, out->size - start, digest, err));
    ggdm_put_raw(out, digest, sizeof digest);
    return ggdm_wire_status(out, "checkpoint", err);
}

/* ---- restoring ---- */

static ggdm_status get_head(ggdm_walk *w, ggdm_wire *in, ggdm_error *err)
{
    uint32_t magic = ggdm_get_u32(in), version = ggdm_get_u32(in);
    int64_t unit = ggdm_get_i64(in);
    w->step = ggdm_get_i32(in);
    int32_t elements = ggdm_get_i32(in), segments = ggdm_get_i32(in);
    GGDM_TRY(ggdm_wire_status(in, "checkpoint", err));
    if (magic != MAGIC || version != VERSION)
        return GGDM_FAIL(err, GGDM_EFORMAT, "magic 0x%x, version %u, expected 0x%x, %d", magic,
                         version, MAGIC, VERSION);
    if (unit != w->unit->id || elements != w->elements || segments != w->unit->n_segments)
        return GGDM_FAIL(err, GGDM_EFORMAT,
                         "it is of unit %lld with %d elements, %d segments, expected %lld, %lld, "
                         "%d",
                         (long long)unit, elements, segments, (long long)w->unit->id,
                         (long long)w->elements, w->unit->n_segments);
    if (w->step < 0 || w->step > w->steps)
        return GGDM_FAIL(err, GGDM_EFORMAT, "step %d, expected 0 to %d", w->step, w->steps);
    return GGDM_OK;
}

static ggdm_status check_digest(const ggdm_walk *w, const uint8_t *data, size_t size,
                                ggdm_error *err)
{
    uint8_t digest[GGDM_HASH_SIZE];
    GGDM_TRY(block_digest(w, data, size - sizeof digest, digest, err));
    if (memcmp(digest, data + size - sizeof digest, sizeof digest) != 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "its checksum is wrong");
    return GGDM_OK;
}

static ggdm_status get_segment(ggdm_walk *w, int32_t segment, ggdm_wire *in, ggdm_error *err)
{
    int32_t images = w->unit->image_count;
    ggdm_live_image *lives = w->lives + (int64_t)segment * images;
    for (int32_t i = 0; i < images; i++) {
        uint8_t next = ggdm_get_u8(in);
        lives[i].diverged_step = ggdm_get_i32(in);
        if (next > 1 || (next && w->step == w->steps) || lives[i].diverged_step < -1 ||
            lives[i].diverged_step >= w->steps)
            return GGDM_FAIL(err, GGDM_EFORMAT, "segment %d, image %d: next %u, diverged step %d",
                             segment, i, next, lives[i].diverged_step);
        lives[i].next = w->step + next;
    }
    ggdm_get_raw(in, lives->x, (size_t)images * (size_t)w->elements * sizeof *lives->x);
    return GGDM_OK;
}

/* Image-steps made, from where the images are. */
static int64_t count_done(const ggdm_walk *w)
{
    int64_t done = 0;
    for (int32_t i = 0; i < w->unit->n_segments; i++) {
        const ggdm_segment *s = &w->unit->segments[i];
        for (int32_t k = 0; k < w->unit->image_count; k++) {
            int32_t next = w->lives[(int64_t)i * w->unit->image_count + k].next;
            done += s->end <= w->step ? s->end - s->begin : next - s->begin;
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
    for (int32_t i = 0; i < w->unit->n_segments; i++)
        if (ggdm_walk_is_open(w, i))
            GGDM_TRY(get_segment(w, i, &in, err));
    return ggdm_wire_status(&in, "checkpoint", err);
}

ggdm_status ggdm_walk_restore(ggdm_walk *w, const void *data, size_t size, ggdm_error *err)
{
    ggdm_status st = get_block(w, data, size, err);
    if (st == GGDM_OK) {
        w->begun = true;
        w->done = count_done(w);
        return st;
    }
    w->step = 0;
    for (int64_t i = 0; i < (int64_t)w->unit->n_segments * w->unit->image_count; i++) {
        w->lives[i].diverged_step = -1;
        w->lives[i].next = w->unit->segments[w->lives[i].segment].begin;
    }
    return st;
}
