/* What a worker is told at the start, and where it takes up a unit. */
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "tests/fuzz/fuzz.h"
#include "worker/startup.h"
#include "worker/walk.h"

/* A world in which rank 0 says this at the start. */
typedef struct heard {
    ggdm_transport base;
    const uint8_t *data;
    size_t size;
} heard;

static ggdm_status hear(ggdm_transport *t, void **data, size_t *size, ggdm_error *err)
{
    (void)err;
    *size = ((heard *)t)->size;
    *data = ggdm_fuzz_text(((heard *)t)->data, *size);
    return GGDM_OK;
}

static ggdm_status hear_weights(ggdm_transport *t, const void *data, size_t size, const void **out,
                                size_t *out_size, bool *first, ggdm_error *err)
{
    (void)data, (void)size, (void)err;
    *out = "weights";
    *out_size = 7;
    *first = ((heard *)t)->size % 2; /* it checks digests */
    return GGDM_OK;
}

bool ggdm_fuzz_startup(const uint8_t *data, size_t size)
{
    static const ggdm_transport_ops ops = {.broadcast = hear, .share = hear_weights};
    heard t = {{.ops = &ops, .rank = 1, .size = 2}, data, size};
    ggdm_error err = {0};
    ggdm_outfit outfit;
    bool work = false;
    ggdm_status st = ggdm_startup_take(&t.base, &outfit, &work, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        ggdm_outfit_deinit(&outfit);
    return st == GGDM_OK;
}

/* The digest behind a unit's state, over what it depends on (worker/walk.c). */
static void put_digest(const ggdm_unit *u, ggdm_wire *block)
{
    ggdm_hash h;
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_hash_init(&h);
    ggdm_hash_u64(&h, (uint64_t)u->image_first);
    ggdm_hash_u64(&h, (uint64_t)u->image_count);
    ggdm_hash_u64(&h, (uint64_t)u->steps);
    ggdm_hash_text(&h, u->head);
    ggdm_hash_u64(&h, (uint64_t)u->n_settings);
    for (int i = 0; i < u->n_settings; i++)
        ggdm_hash_text(&h, u->settings[i]);
    for (int i = 0; i < u->n_segments; i++) {
        ggdm_hash_u64(&h, (uint64_t)u->segments[i].parent);
        ggdm_hash_u64(&h, (uint64_t)u->segments[i].begin);
        ggdm_hash_u64(&h, (uint64_t)u->segments[i].end);
        ggdm_hash_u64(&h, (uint64_t)u->segments[i].setting);
    }
    ggdm_hash_update(&h, block->data, block->size);
    ggdm_hash_final(&h, digest);
    ggdm_put_raw(block, digest, sizeof digest);
}

/* A unit's state without its digest, which is made to fit. */
bool ggdm_fuzz_walk(const uint8_t *data, size_t size)
{
    enum { STEPS = 12, IMAGES = 3 };
    static ggdm_segment segments[] = {{-1, 0, 4, 0, -1, 0, 0},
                                      {0, 4, STEPS, 0, 2, 0, 0},
                                      {0, 4, STEPS, 1, 1, 0, 0},
                                      {-1, 0, STEPS, 1, 0, 0, 0}};
    static char *settings[] = {"{\"weight\":1}", "{}"};
    static const int32_t ticks[] = {2, 2, 1, 3};
    static const ggdm_state_shape shape = {
        .elements = 3, .history = 1, .keeps = 1, .carried = 1, .record = 2, .recorded = 1};
    static const ggdm_unit unit = {.id = 5,
                                   .image_first = 4,
                                   .image_count = IMAGES,
                                   .steps = STEPS,
                                   .head = "{}",
                                   .n_settings = 2,
                                   .settings = settings,
                                   .n_segments = 4,
                                   .segments = segments};
    ggdm_error err = {0};
    ggdm_walk w;
    ggdm_wire block;
    ggdm_wire_init(&block);
    ggdm_put_raw(&block, data, size);
    put_digest(&unit, &block);
    uint8_t *exact = (uint8_t *)ggdm_fuzz_text(block.data, block.size);
    ggdm_test_ok(ggdm_walk_init(&w, &unit, ticks, &shape, &err), &err);
    ggdm_status st = ggdm_walk_restore(&w, exact, block.size, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        assert_true(w.begun && w.step <= STEPS && w.tick < 3 && w.done <= w.total);
    else
        assert_true(!w.begun && w.step == 0 && w.tick == 0 && w.done == 0);
    ggdm_walk_deinit(&w);
    ggdm_wire_deinit(&block);
    free(exact);
    return st == GGDM_OK;
}
