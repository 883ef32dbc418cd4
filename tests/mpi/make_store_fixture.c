/* make_store_fixture FILE: the database of a run in the middle, as this program writes it.  Kept
 * for every schema version in tests/support/data/store-vN.db, so that it is tested on what users
 * have who looks at them (tests/unit/test_store_older.c). */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/run_fixture.h"

/* 3 units done, number 3 failed, number 4 lost once, number 5 running, the others ready. */
static void half_way(run_fixture *f)
{
    ggdm_unit unit[3];
    int32_t n;
    ggdm_error err;
    run_fixture_work(f, 3, 1);
    ggdm_test_ok(ggdm_store_begin(f->store, 2000, &err), &err);
    ggdm_test_ok(ggdm_store_claim(f->store, 1, GGDM_CLAIM_ANY, 3, unit, &n, &err), &err);
    assert_int_equal(n, 3);
    ggdm_test_ok(ggdm_store_fail(f->store, unit[0].id, unit[0].attempt, "made to fail", NULL, &err),
                 &err);
    ggdm_test_ok(
        ggdm_store_lose(f->store, unit[1].id, unit[1].attempt, "made to be lost", NULL, &err),
        &err);
    ggdm_test_ok(ggdm_store_commit(f->store, &err), &err);
    while (n > 0)
        ggdm_unit_deinit(&unit[--n]);
}

int main(int argc, char **argv)
{
    run_fixture f;
    size_t size;
    if (argc != 2) {
        fprintf(stderr, "usage: make_store_fixture FILE\n");
        return 2;
    }
    run_fixture_open(&f);
    half_way(&f);
    ggdm_store_close(&f.store);
    char *path = ggdm_test_path(f.dir, GGDM_STORE_FILE), *bytes = ggdm_test_read(path, &size);
    ggdm_test_write(argv[1], bytes, size);
    free(bytes);
    free(path);
    run_fixture_close(&f);
    return 0;
}
