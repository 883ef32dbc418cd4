/* What the parts of a run write for each other: status, requests, owners. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/owner.h"
#include "coordinator/run/request.h"
#include "coordinator/show/status_view.h"
#include "coordinator/world/world_status.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support/run_fixture.h"

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
