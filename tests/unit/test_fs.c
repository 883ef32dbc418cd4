#include "tests/support/ggdm_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fs.h"

static void test_fs_read_gives_content_and_nul(void **state)
{
    char *path = ggdm_test_path(*state, "a"), *text;
    size_t size;
    ggdm_error err;
    ggdm_test_write(path, "one\0two", 7);
    ggdm_test_ok(ggdm_read_file(path, 7, &text, &size, &err), &err);
    assert_int_equal(size, 7);
    assert_memory_equal(text, "one\0two", 8);
    free(text);
    free(path);
}

static void test_fs_read_of_a_text_refuses_nul(void **state)
{
    char *path = ggdm_test_path(*state, "text"), *text;
    ggdm_error err;
    ggdm_test_write(path, "one", 3);
    ggdm_test_ok(ggdm_read_text(path, 3, &text, &err), &err);
    assert_string_equal(text, "one");
    free(text);
    ggdm_test_write(path, "o\0e", 3);
    ggdm_test_error(ggdm_read_text(path, 3, &text, &err), &err, GGDM_EFORMAT,
                    "text: contains a NUL byte");
    assert_null(text);
    free(path);
}

static void test_fs_ends_of_names(void **state)
{
    (void)state;
    assert_true(ggdm_ends_with("a/b.bin", ".bin") && ggdm_ends_with(".bin", ".bin"));
    assert_false(ggdm_ends_with("bin", ".bin") || ggdm_ends_with("a.bin.txt", ".bin"));
}

static void test_fs_read_over_the_limit_names_file_and_sizes(void **state)
{
    char *path = ggdm_test_path(*state, "big"), *text;
    ggdm_error err;
    ggdm_test_write(path, "12345", 5);
    ggdm_test_error(ggdm_read_file(path, 4, &text, NULL, &err), &err, GGDM_EINVAL,
                    "big has 5 bytes, expected at most 4");
    assert_null(text);
    free(path);
}

static void test_fs_read_of_what_is_no_file_fails(void **state)
{
    char *path = ggdm_test_path(*state, "none"), *fifo = ggdm_test_path(*state, "fifo"), *text;
    ggdm_error err;
    ggdm_file file;
    ggdm_test_error(ggdm_read_file(path, 9, &text, NULL, &err), &err, GGDM_EIO, "none: No such");
    ggdm_test_error(ggdm_read_file(*state, 9, &text, NULL, &err), &err, GGDM_EINVAL,
                    "is a directory, expected a regular file");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    ggdm_test_error(ggdm_read_file(fifo, 9, &text, NULL, &err), &err, GGDM_EINVAL, "special file");
    ggdm_test_error(ggdm_file_open(*state, &file, &err), &err, GGDM_EINVAL, "is a directory");
    free(path);
    free(fifo);
}

static ggdm_status load_file(const char *path, ggdm_bytes *out, ggdm_error *err)
{
    ggdm_file file;
    *out = (ggdm_bytes){0};
    GGDM_TRY(ggdm_file_open(path, &file, err));
    ggdm_status st = ggdm_bytes_reserve(&file, out, err);
    if (st == GGDM_OK)
        st = ggdm_bytes_read(&file, 0, out, err);
    if (st != GGDM_OK)
        ggdm_bytes_deinit(out);
    ggdm_file_close(&file);
    return st;
}

/* Whoever else may write a file can cut it at any moment: that is an error, or nothing. */
static void test_fs_file_that_is_cut_is_an_error_or_harmless(void **state)
{
    char *path = ggdm_test_path(*state, "c"), text[3 * 4096];
    ggdm_bytes bytes;
    ggdm_file file;
    ggdm_error err;
    memset(text, 7, sizeof text);
    ggdm_test_write(path, text, sizeof text);
    ggdm_test_ok(load_file(path, &bytes, &err), &err);
    ggdm_test_ok(ggdm_file_open(path, &file, &err), &err);
    assert_int_equal(truncate(path, 5000), 0);
    assert_memory_equal(bytes.data, text, sizeof text);
    ggdm_bytes_deinit(&bytes);
    ggdm_test_error(ggdm_file_read(&file, 0, text, file.size, &err), &err, GGDM_EIO,
                    "changed while it was read: 5000 bytes, expected 12288");
    ggdm_file_close(&file);
    free(path);
}

static void test_fs_load_gives_content(void **state)
{
    char *path = ggdm_test_path(*state, "m"), *empty = ggdm_test_path(*state, "e");
    ggdm_bytes map;
    ggdm_error err;
    ggdm_test_write(path, "mapped", 6);
    ggdm_test_write(empty, "", 0);
    ggdm_test_ok(load_file(path, &map, &err), &err);
    assert_int_equal(map.size, 6);
    assert_memory_equal(map.data, "mapped", 6);
    ggdm_bytes_deinit(&map);
    ggdm_bytes_deinit(&map);
    ggdm_test_ok(load_file(empty, &map, &err), &err);
    assert_int_equal(map.size, 0);
    assert_non_null(map.data);
    ggdm_bytes_deinit(&map);
    free(path);
    free(empty);
}

static void test_fs_make_dirs_makes_parents_and_repeats(void **state)
{
    char *path = ggdm_test_path(*state, "x/y//z/");
    ggdm_error err;
    ggdm_test_ok(ggdm_make_dirs(path, &err), &err);
    assert_true(ggdm_is_dir(path));
    ggdm_test_ok(ggdm_make_dirs(path, &err), &err);
    free(path);
}

static void test_fs_make_dirs_through_a_file_fails(void **state)
{
    char *file = ggdm_test_path(*state, "f"), *below = ggdm_test_path(*state, "f/d");
    ggdm_error err;
    ggdm_test_write(file, "", 0);
    ggdm_test_error(ggdm_make_dirs(below, &err), &err, GGDM_EIO, "Not a directory");
    ggdm_test_error(ggdm_make_dirs(file, &err), &err, GGDM_EIO, "Not a directory");
    free(file);
    free(below);
}

static void test_fs_sync_of_no_directory_names_it(void **state)
{
    char *file = ggdm_test_path(*state, "f");
    ggdm_error err;
    ggdm_test_write(file, "x", 1);
    ggdm_test_ok(ggdm_sync_dir(*state, &err), &err);
    ggdm_test_error(ggdm_sync_dir(file, &err), &err, GGDM_EIO, file);
    free(file);
}

static void test_fs_path_join_puts_one_slash(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"a", "/b", "/b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path;
        ggdm_error err;
        ggdm_test_ok(ggdm_path_join(cases[i][0], cases[i][1], &path, &err), &err);
        assert_string_equal(path, cases[i][2]);
        free(path);
    }
}

static void test_fs_directories_that_were_made_can_be_taken_back(void **state)
{
    const char *dir = *state;
    static const char *const wanted[] = {"a", "a/b/c", "a/b/c/"};
    ggdm_error err;
    char *first;
    ggdm_test_ok(ggdm_missing_dir(dir, &first, &err), &err);
    assert_null(first);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char *path = ggdm_test_path(dir, wanted[i]), *top = ggdm_test_path(dir, "a");
        ggdm_test_ok(ggdm_missing_dir(path, &first, &err), &err);
        assert_string_equal(first, top);
        ggdm_test_ok(ggdm_make_dirs(path, &err), &err);
        ggdm_remove_empty_dirs(path, first);
        assert_false(ggdm_exists(top));
        assert_true(ggdm_is_dir(dir));
        free(first), free(path), free(top);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ggdm_test_in_dir(test_fs_read_gives_content_and_nul),
        ggdm_test_in_dir(test_fs_read_of_a_text_refuses_nul),
        ggdm_test_in_dir(test_fs_ends_of_names),
        ggdm_test_in_dir(test_fs_read_over_the_limit_names_file_and_sizes),
        ggdm_test_in_dir(test_fs_read_of_what_is_no_file_fails),
        ggdm_test_in_dir(test_fs_file_that_is_cut_is_an_error_or_harmless),
        ggdm_test_in_dir(test_fs_load_gives_content),
        ggdm_test_in_dir(test_fs_make_dirs_makes_parents_and_repeats),
        ggdm_test_in_dir(test_fs_make_dirs_through_a_file_fails),
        ggdm_test_in_dir(test_fs_directories_that_were_made_can_be_taken_back),
        ggdm_test_in_dir(test_fs_sync_of_no_directory_names_it),
        cmocka_unit_test(test_fs_path_join_puts_one_slash),
    };
    return ggdm_test_main(tests);
}
