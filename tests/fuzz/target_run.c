/* What the parts of a run write for each other: status, requests, owners, start-up, states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/owner.h"
#include "coordinator/run/request.h"
#include "coordinator/show/status_view.h"
#include "coordinator/world/world_status.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support/run_fixture.h"
#include "worker/startup.h"
#include "worker/walk.h"

/* ---- files below the run directory ---- */

bool ggdm_fuzz_status(const uint8_t *data, size_t size)
{
    ggdm_doc *doc;
    ggdm_error err = {0};
    ggdm_world_status world;
    ggdm_status st = ggdm_json_parse((const char *)data, size, size, "status.json", &doc, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK) {
        char *shown = NULL, *path = ggdm_fuzz_file("status.json", data, size);
        size_t n = 0;
        FILE *f = open_memstream(&shown, &n);
        assert_non_null(f);
        ggdm_status_print(f, doc->root, "RUN");
        ggdm_status_print_line(f, doc->root);
        fclose(f);
        assert_true(n > 0);
        ggdm_world_status_read(path, "token", &world);
        free(shown);
        free(path);
    }
    ggdm_doc_destroy(&doc);
    return st == GGDM_OK;
}

/* A coordinator that finds this as a request: it answers, and goes on. */
bool ggdm_fuzz_request(const uint8_t *data, size_t size)
{
    static run_fixture f; /* of the life of the program */
    ggdm_error err = {0};
    if (!f.store) {
        ggdm_fuzz_dir();
        run_fixture_open(&f);
    }
    char *request = ggdm_test_path(f.dir, GGDM_REQUEST_FILE);
    char *answer = ggdm_test_path(f.dir, GGDM_ANSWER_FILE);
    ggdm_test_write(request, data, size);
    struct stat info;
    assert_int_equal(stat(request, &info), 0);
    /* It looked a moment ago, and sees now that somebody waits. */
    ggdm_request_desk desk = {.file = (int64_t)info.st_ino, .looked = ggdm_now() - 0.5};
    ggdm_test_ok(ggdm_request_serve(&desk, f.store, &err), &err);
    assert_true(access(request, F_OK) != 0);
    char *text = ggdm_test_read(answer, NULL);
    bool done = strstr(text, "\"status\": 0") != NULL;
    free(text);
    free(answer);
    free(request);
    return done;
}

/* An owner finds this in the place of its record: either it is its own, or the run is another's. */
bool ggdm_fuzz_owner(const uint8_t *data, size_t size)
{
    const ggdm_owner_options options = {0};
    ggdm_owner *owner = NULL;
    ggdm_error err = {0};
    char *file = ggdm_fuzz_file("ggdm.db", "", 0);
    char *record = ggdm_test_path(ggdm_fuzz_dir(), "ggdm.db" GGDM_OWNER_SUFFIX);
    unlink(record);
    ggdm_test_ok(ggdm_owner_take(file, &options, &owner, &err), &err);
    ggdm_test_write(record, data, size);
    ggdm_status st = ggdm_owner_set_epoch(owner, 1, &err);
    assert_int_equal(st, GGDM_ESTATE);
    assert_true(ggdm_owner_is_lost(owner));
    ggdm_owner_release(&owner);
    free(record);
    free(file);
    return !strstr(err.msg, "an unknown host");
}

/* ---- start-up and states ---- */

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
    (void)t, (void)data, (void)size, (void)err;
    *out = "weights";
    *out_size = 7;
    *first = false;
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

/* The digest behind a unit's state, over what it depends on (worker/walk.h). */
static void put_digest(const ggdm_unit *unit, uint64_t seed, ggdm_wire *block)
{
    ggdm_wire tree;
    ggdm_hash h;
    uint8_t digest[GGDM_HASH_SIZE];
    ggdm_error err;
    ggdm_wire_init(&tree);
    ggdm_test_ok(ggdm_unit_pack(unit, &tree, &err), &err);
    ggdm_hash_init(&h);
    ggdm_hash_update(&h, tree.data, tree.size);
    ggdm_hash_u64(&h, seed);
    ggdm_hash_update(&h, block->data, block->size);
    ggdm_hash_final(&h, digest);
    ggdm_put_raw(block, digest, sizeof digest);
    ggdm_wire_deinit(&tree);
}

/* A unit's state without its digest, which is made to fit. */
bool ggdm_fuzz_walk(const uint8_t *data, size_t size)
{
    enum { STEPS = 12, ELEMENTS = 7, IMAGES = 3 };
    static ggdm_segment segments[] = {{-1, 0, 4, 0.5, 3, -1},
                                      {0, 4, STEPS, 0.5, 3, 2},
                                      {0, 4, STEPS, 0, -1, 1},
                                      {-1, 0, STEPS, 0, -1, 0}};
    static const ggdm_unit unit = {
        .id = 5, .image_first = 4, .image_count = IMAGES, .n_segments = 4, .segments = segments};
    static const ggdm_job job = {.seed = 9, .steps = STEPS};
    ggdm_error err = {0};
    ggdm_walk w;
    ggdm_wire block;
    ggdm_wire_init(&block);
    ggdm_put_raw(&block, data, size);
    put_digest(&unit, job.seed, &block);
    uint8_t *exact = (uint8_t *)ggdm_fuzz_text(block.data, block.size);
    ggdm_test_ok(ggdm_walk_init(&w, &unit, &job, ELEMENTS, &err), &err);
    ggdm_status st = ggdm_walk_restore(&w, exact, block.size, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK)
        assert_true(w.begun && w.step <= STEPS && w.done <= w.total);
    else
        assert_true(!w.begun && w.step == 0 && w.done == 0);
    ggdm_walk_deinit(&w);
    ggdm_wire_deinit(&block);
    free(exact);
    return st == GGDM_OK;
}
