/* A worker's life, with the engine of runs, as the coordinator sees it: units done and failed,
 * checkpoints, and how it leaves. */
#include "worker/worker_loop.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"
#include "tests/support/tiny_unit.h"
#include "worker/protocol.h"

enum { STEPS = GGDM_TINY_STEPS, IMAGES = 3 };

/* A world of two: this thread is the coordinator. */
typedef struct world {
    char *dir;
    ggdm_transport *t[2];
    pthread_t thread;
    ggdm_outfit outfit;
    ggdm_packet packet;
    ggdm_report report; /* the last one */
    ggdm_arena arena;
    char head[200], scorer[100];
} world;

static void *worker(void *context)
{
    world *w = context;
    ggdm_error err;
    ggdm_status st = ggdm_worker_run(w->t[1], &ggdm_engine_sampler, &err);
    ggdm_transport_close(&w->t[1]);
    if (st != GGDM_OK)
        fprintf(stderr, "worker: %s\n", err.msg);
    return st == GGDM_OK ? w : NULL;
}

static void open_model(world *w, const char *name, const char *config, int i)
{
    ggdm_error err;
    char *path = ggdm_tiny_model_write(w->dir, name, config, (uint64_t)i);
    ggdm_test_ok(ggdm_model_files_open(path, &w->outfit.models[i], &err), &err);
    free(path);
}

static void world_open(world *w, double checkpoint)
{
    ggdm_error err;
    char hex[2][GGDM_HASH_TEXT_SIZE];
    *w = (world){.dir = ggdm_test_mkdtemp()};
    w->outfit = (ggdm_outfit){.job = {.precision = GGDM_PRECISION_FP32,
                                      .batch = 4,
                                      .threads = 1,
                                      .checkpoint = checkpoint},
                              .models = ggdm_test_alloc(2, sizeof(ggdm_model_files)),
                              .n_models = 2};
    open_model(w, "unet", ggdm_tiny_unet_config, 0);
    open_model(w, "guide", ggdm_tiny_cnn_config, 1);
    for (int i = 0; i < 2; i++)
        ggdm_hash_hex(w->outfit.models[i].digest, hex[i]);
    snprintf(w->head, sizeof w->head,
             "{\"model\":\"%s\",\"sampler\":{\"kind\":\"ddpm\",\"steps\":%d}}", hex[0], STEPS);
    snprintf(w->scorer, sizeof w->scorer, "{\"model\":\"%s\"}", hex[1]);
    ggdm_test_ok(ggdm_isa_pinned(&w->outfit.isa, &err), &err);
    ggdm_test_ok(ggdm_startup_bits(w->outfit.job.precision, w->outfit.bits, &err), &err);
    ggdm_test_ok(ggdm_transport_loop_open(2, w->t, &err), &err);
    assert_int_equal(pthread_create(&w->thread, NULL, worker, w), 0);
    ggdm_test_ok(ggdm_startup_give(w->t[0], &w->outfit, &err), &err);
}

static void world_close(world *w)
{
    void *left = NULL;
    pthread_join(w->thread, &left);
    assert_non_null(left);
    ggdm_transport_close(&w->t[0]);
    ggdm_report_deinit(&w->report);
    ggdm_packet_deinit(&w->packet);
    ggdm_outfit_deinit(&w->outfit);
    ggdm_arena_deinit(&w->arena);
    ggdm_test_rmdir(w->dir);
}

/* The next packet that is no heartbeat. */
static ggdm_tag next(world *w)
{
    ggdm_error err;
    for (;;) {
        bool got = false;
        ggdm_test_ok(ggdm_transport_receive(w->t[0], GGDM_TAG_ANY, 60, &w->packet, &got, &err),
                     &err);
        assert_true(got);
        ggdm_report_deinit(&w->report);
        ggdm_test_ok(ggdm_report_unpack(&w->packet, &w->report, &err), &err);
        if (w->packet.tag != GGDM_TAG_BEAT)
            return w->packet.tag;
    }
}

static void unit_of(world *w, const char *head, ggdm_tiny_unit *u)
{
    ggdm_tiny_unit_init(u, &w->arena, head, 0, IMAGES);
    u->scorers[0].text = w->scorer;
    u->unit.n_scorers = u->unit.n_scores = 1;
    ggdm_tiny_unit_add(u, -1, STEPS, "{}", 4);
}

static void test_worker_does_units_and_lives_on_after_a_bad_one(void **state)
{
    (void)state;
    world w;
    ggdm_tiny_unit u;
    ggdm_error err;
    world_open(&w, 0);
    assert_int_equal(next(&w), GGDM_TAG_READY);
    unit_of(&w, "{\"model\":\"no\"}", &u);
    ggdm_test_ok(ggdm_send_unit(w.t[0], 1, &u.unit, &err), &err);
    assert_int_equal(next(&w), GGDM_TAG_FAILED);
    assert_int_equal(w.report.unit, 5);
    assert_non_null(strstr(w.report.message, "unit 5: head: "));
    unit_of(&w, w.head, &u);
    ggdm_test_ok(ggdm_send_unit(w.t[0], 1, &u.unit, &err), &err);
    assert_int_equal(next(&w), GGDM_TAG_SAMPLES);
    assert_int_equal(w.report.n_samples, IMAGES);
    for (int i = 0; i < IMAGES; i++) {
        const ggdm_sample *s = &w.report.samples[i];
        assert_int_equal(s->trajectory, 4);
        assert_int_equal(s->index, i);
        assert_true(s->size > 0 && s->n_scores == 1 && s->scores[0].n == 10);
    }
    assert_int_equal(next(&w), GGDM_TAG_DONE);
    ggdm_test_ok(ggdm_send_empty(w.t[0], 1, GGDM_TAG_STOP, &err), &err);
    assert_int_equal(next(&w), GGDM_TAG_BYE);
    world_close(&w);
}

/* STOP is there before the unit is done: it is given back with its state. */
static void test_worker_saves_what_it_leaves(void **state)
{
    (void)state;
    world w;
    ggdm_tiny_unit u;
    ggdm_error err;
    world_open(&w, 3600);
    assert_int_equal(next(&w), GGDM_TAG_READY);
    unit_of(&w, w.head, &u);
    u.unit.image_count = 32;
    ggdm_test_ok(ggdm_send_unit(w.t[0], 1, &u.unit, &err), &err);
    ggdm_test_ok(ggdm_send_empty(w.t[0], 1, GGDM_TAG_STOP, &err), &err);
    ggdm_tag tag = next(&w);
    if (tag == GGDM_TAG_CHECKPOINT) { /* else STOP came before the unit was begun */
        assert_true(w.report.state_size > 0 && w.report.step < STEPS);
        assert_int_equal(next(&w), GGDM_TAG_FAILED);
        assert_int_equal(w.report.status, GGDM_ECANCELLED);
        tag = next(&w);
    }
    assert_int_equal(tag, GGDM_TAG_BYE);
    world_close(&w);
}

/* Scores are soon made again: no checkpoint, though one is due after every batch. */
static void test_worker_saves_no_scores(void **state)
{
    (void)state;
    world w;
    ggdm_tiny_unit u;
    ggdm_wire packed;
    ggdm_error err;
    int samples = 0;
    world_open(&w, 1e-9);
    assert_int_equal(next(&w), GGDM_TAG_READY);
    unit_of(&w, w.head, &u);
    u.unit.image_count = 2 * IMAGES;
    ggdm_test_ok(ggdm_send_unit(w.t[0], 1, &u.unit, &err), &err);
    assert_int_equal(next(&w), GGDM_TAG_CHECKPOINT);
    while (next(&w) == GGDM_TAG_CHECKPOINT)
        assert_true(w.report.step <= STEPS);
    assert_int_equal(w.packet.tag, GGDM_TAG_SAMPLES);
    ggdm_wire_init(&packed);
    for (int i = 0; i < w.report.n_samples; i++) {
        ggdm_sample s = w.report.samples[i];
        s.n_scores = 0;
        ggdm_test_ok(ggdm_sample_pack(&s, &packed, &err), &err);
    }
    assert_int_equal(next(&w), GGDM_TAG_DONE);

    u.unit.kind = GGDM_UNIT_SCORE;
    u.unit.steps = u.unit.n_settings = 0;
    u.unit.head = "";
    u.segments[0] = (ggdm_segment){
        .parent = -1, .setting = -1, .trajectory = 4, .score_count = u.unit.n_scores};
    u.unit.state = packed.data;
    u.unit.state_size = packed.size;
    ggdm_test_ok(ggdm_send_unit(w.t[0], 1, &u.unit, &err), &err);
    for (; next(&w) == GGDM_TAG_SAMPLES; samples += w.report.n_samples)
        assert_int_equal(w.report.samples[0].n_scores, 1);
    assert_int_equal(w.packet.tag, GGDM_TAG_DONE);
    assert_int_equal(samples, 2 * IMAGES);
    ggdm_test_ok(ggdm_send_empty(w.t[0], 1, GGDM_TAG_STOP, &err), &err);
    assert_int_equal(next(&w), GGDM_TAG_BYE);
    ggdm_wire_deinit(&packed);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_does_units_and_lives_on_after_a_bad_one),
        cmocka_unit_test(test_worker_saves_what_it_leaves),
        cmocka_unit_test(test_worker_saves_no_scores),
    };
    setenv("GGDM_LOG", "error", 1);
    return ggdm_test_main(tests);
}
