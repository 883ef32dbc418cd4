/* Where a run's models are looked for, and in which order. */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "coordinator/run/model_paths.h"
#include "tests/support/tiny_model.h"

static char *dir, *was;

/* DIR/{here,beside,zoo,run}, and here is the working directory. */
static int setup(void **state)
{
    (void)state;
    static const char *const folders[] = {"here", "beside", "zoo", "run"};
    ggdm_error err;
    was = getcwd(NULL, 0);
    dir = ggdm_test_mkdtemp();
    for (int i = 0; i < 4; i++) {
        char *path = ggdm_test_path(dir, folders[i]);
        ggdm_test_ok(ggdm_make_dirs(path, &err), &err);
        free(path);
    }
    char *zoo = ggdm_test_path(dir, "zoo"), *here = ggdm_test_path(dir, "here");
    setenv("GGDM_ZOO", zoo, 1);
    assert_int_equal(chdir(here), 0);
    free(zoo);
    free(here);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(chdir(was), 0);
    unsetenv("GGDM_ZOO");
    ggdm_test_rmdir(dir);
    free(was);
    return 0;
}

static void make(const char *folder)
{
    char *path = ggdm_test_path(dir, folder);
    free(ggdm_tiny_model_write(path, "m", ggdm_tiny_cnn_config, 1));
    free(path);
}

static void expect(const char *name, const char *want)
{
    char *found;
    ggdm_error err;
    ggdm_test_ok(ggdm_model_path_find("../run", "../beside/s.yaml", name, &found, &err), &err);
    assert_string_equal(found, want);
    free(found);
}

static void record(const char *name, const char *path)
{
    ggdm_error err;
    ggdm_test_ok(ggdm_model_paths_write("../run", &name, &path, 1, &err), &err);
}

static void test_model_paths_are_looked_for_in_order(void **state)
{
    (void)state;
    expect("m", "m"); /* nowhere: opening it says where it was looked for */
    make("beside");
    expect("m", "../beside/m");
    expect("./m", "../beside/./m");
    make("zoo");
    expect("m", "m"); /* as before there were folders of sweeps */
    expect("./m", "../beside/./m");
    make("here");
    expect("./m", "./m");
    char *zoo = ggdm_test_path(dir, "zoo/m");
    record("m", zoo);
    record("./m", "m");
    expect("m", zoo);
    char *here = ggdm_test_path(dir, "here/m");
    expect("./m", here);
    assert_int_equal(chdir("../run"), 0);
    expect("./m", here);
    record("m", "/gone/m"); /* what is not there any more does not count */
    expect("m", "m");
    free(here);
    free(zoo);
}

/* A sweep in a folder that has a record, as a shard's does, uses it. */
static void test_model_paths_of_the_sweeps_folder_count(void **state)
{
    (void)state;
    make("zoo");
    char *zoo = ggdm_test_path(dir, "zoo/m"), *found;
    ggdm_error err;
    record("x", zoo);
    ggdm_test_ok(ggdm_model_path_find("../new", "../run/sweep.yaml", "x", &found, &err), &err);
    assert_string_equal(found, zoo);
    free(found);
    free(zoo);
}

static void test_model_paths_file_keeps_what_it_has(void **state)
{
    (void)state;
    ggdm_error err;
    size_t size;
    const char *names[] = {"b", NULL, "b"}, *paths[] = {"/x/b", NULL, "/x/b"};
    record("a", "/x/a");
    ggdm_test_ok(ggdm_model_paths_write("../run", names, paths, 3, &err), &err);
    char *text = ggdm_test_read("../run/" GGDM_MODEL_PATHS_FILE, &size);
    assert_int_equal(size, strlen("{\n  \"a\": \"/x/a\",\n  \"b\": \"/x/b\"\n}\n"));
    assert_memory_equal(text, "{\n  \"a\": \"/x/a\",\n  \"b\": \"/x/b\"\n}\n", size);
    free(text);
    ggdm_test_write("../run/" GGDM_MODEL_PATHS_FILE, "[", 1);
    expect("b", "b");
    record("b", "/x/b");
    text = ggdm_test_read("../run/" GGDM_MODEL_PATHS_FILE, &size);
    assert_memory_equal(text, "{\n  \"b\": \"/x/b\"\n}\n", size);
    free(text);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_model_paths_are_looked_for_in_order),
        T(test_model_paths_of_the_sweeps_folder_count),
        T(test_model_paths_file_keeps_what_it_has),
    };
    return ggdm_test_main(tests);
}
