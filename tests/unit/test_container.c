/* Archives: deterministic bytes, atomic appearance; npy headers. */
#include "common/container.h"
#include "common/npy.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"
#include "tests/support/ggdm_test.h"

static ggdm_error err;

static void write_two(ggdm_container_kind kind, const char *path)
{
    ggdm_container *c = NULL;
    ggdm_test_ok(ggdm_container_create(kind, path, &c, &err), &err);
    ggdm_test_ok(ggdm_container_add(c, "000000.json", "{}", 2, &err), &err);
    ggdm_test_ok(ggdm_container_begin(c, "b/data", 6, &err), &err);
    ggdm_test_ok(ggdm_container_write(c, "abc", 3, &err), &err);
    assert_false(ggdm_exists(path)); /* not before commit */
    ggdm_test_ok(ggdm_container_write(c, "def", 3, &err), &err);
    ggdm_test_ok(ggdm_container_commit(&c, &err), &err);
    assert_null(c);
}

static void check_read_back(const char *path)
{
    static const char *const names[] = {"000000.json", "b/data"};
    static const char *const texts[] = {"{}", "abcdef"};
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_format_all(a);
    assert_int_equal(archive_read_open_filename(a, path, 10240), ARCHIVE_OK);
    for (int i = 0; i < 2; i++) {
        char text[10] = "";
        assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(entry), names[i]);
        assert_int_equal(archive_entry_uid(entry), 0);
        assert_int_equal(archive_read_data(a, text, sizeof text), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
    }
    assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
    archive_read_free(a);
}

static void test_container_written_twice_gives_equal_bytes(void **state)
{
    (void)state;
    static const char *const zones[] = {"UTC", "America/Los_Angeles", "Asia/Tokyo"};
    for (int kind = GGDM_TAR; kind <= GGDM_ZIP; kind++) {
        char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "x");
        char *first = NULL;
        size_t first_size = 0;
        for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
            size_t size;
            setenv("TZ", zones[i], 1);
            tzset();
            write_two((ggdm_container_kind)kind, path);
            check_read_back(path);
            char *bytes = ggdm_test_read(path, &size);
            unlink(path);
            if (!first) {
                first = bytes;
                first_size = size;
                continue;
            }
            assert_int_equal(size, first_size);
            assert_memory_equal(bytes, first, size);
            free(bytes);
        }
        free(first);
        free(path);
        ggdm_test_rmdir(dir);
    }
    unsetenv("TZ");
}

/* A zip reader must find the stored bytes where the directory says; no time leaks in. */
static void test_container_zip_entries_are_stored(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "x.zip");
    size_t size;
    write_two(GGDM_ZIP, path);
    unsigned char *b = (unsigned char *)ggdm_test_read(path, &size);
    assert_memory_equal(b, "PK\3\4", 4);
    assert_int_equal(b[8] | b[9] << 8, 0); /* method: stored */
    unsigned dos_date = b[12] | (unsigned)b[13] << 8, dos_time = b[10] | (unsigned)b[11] << 8;
    assert_int_equal(dos_date, (1 << 5) | 1); /* 1980-01-01, the earliest there is */
    assert_int_equal(dos_time, 0);
    free(b);
    free(path);
    ggdm_test_rmdir(dir);
}

static void test_container_abort_leaves_nothing(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "x.tar");
    ggdm_container *c = NULL;
    ggdm_test_ok(ggdm_container_create(GGDM_TAR, path, &c, &err), &err);
    ggdm_test_ok(ggdm_container_begin(c, "a", 5, &err), &err);
    ggdm_container_abort(&c);
    ggdm_container_abort(&c);
    assert_int_equal(rmdir(dir), 0); /* it is empty */
    free(path);
    free(dir);
}

static void test_container_wrong_sizes_fail_and_leave_nothing(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "x.tar");
    ggdm_container *c = NULL;
    ggdm_test_ok(ggdm_container_create(GGDM_TAR, path, &c, &err), &err);
    ggdm_test_ok(ggdm_container_begin(c, "a", 5, &err), &err);
    ggdm_test_error(ggdm_container_write(c, "123456", 6, &err), &err, GGDM_EINTERNAL, "5 left");
    ggdm_test_error(ggdm_container_add(c, "b", "", 0, &err), &err, GGDM_EINTERNAL, "too early");
    ggdm_test_error(ggdm_container_commit(&c, &err), &err, GGDM_EINTERNAL, "lacks 5");
    assert_null(c);
    assert_int_equal(rmdir(dir), 0);
    ggdm_test_error(ggdm_container_create(GGDM_TAR, path, &c, &err), &err, GGDM_EIO,
                    "No such file");
    free(path);
    free(dir);
}

/* The library writes in blocks: room ends while an entry is written, or when it is completed. */
static void test_container_without_room_says_so(void **state)
{
    (void)state;
    static const char bytes[30000];
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "x");
    for (int kind = GGDM_TAR; kind <= GGDM_ZIP; kind++)
        for (size_t size = 5000; size <= sizeof bytes; size += 25000) {
            ggdm_container *c = NULL;
            ggdm_test_ok(ggdm_container_create((ggdm_container_kind)kind, path, &c, &err), &err);
            ggdm_test_limit_files(1024);
            ggdm_status st = ggdm_container_add(c, "a", bytes, size, &err);
            if (st == GGDM_OK)
                st = ggdm_container_commit(&c, &err);
            ggdm_test_limit_files(SIZE_MAX);
            ggdm_test_error(st, &err, GGDM_EFULL, "/x: cannot ");
            ggdm_container_abort(&c);
        }
    assert_int_equal(rmdir(dir), 0);
    free(path);
    free(dir);
}

static void test_npy_header_is_numpys(void **state)
{
    (void)state;
    uint8_t header[GGDM_NPY_MAX_HEADER];
    size_t size;
    uint64_t bytes;
    const int64_t shape[] = {200, 28, 28, 1}, one[] = {7};
    ggdm_test_ok(ggdm_npy_header(GGDM_NPY_U8, shape, 4, header, &size, &bytes, &err), &err);
    assert_int_equal(size % 64, 0);
    assert_memory_equal(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    assert_memory_equal(
        header + 10, "{'descr': '|u1', 'fortran_order': False, 'shape': (200, 28, 28, 1), }", 69);
    assert_int_equal(header[size - 1], '\n');
    assert_int_equal(bytes, 200 * 28 * 28);
    ggdm_test_ok(ggdm_npy_header(GGDM_NPY_I64, one, 1, header, &size, &bytes, &err), &err);
    assert_memory_equal(header + 10, "{'descr': '<i8', 'fortran_order': False, 'shape': (7,), }",
                        57);
    assert_int_equal(bytes, 56);
}

static void test_npy_header_bad_shapes_fail(void **state)
{
    (void)state;
    uint8_t header[GGDM_NPY_MAX_HEADER];
    size_t size;
    uint64_t bytes;
    const int64_t huge[] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                            INT64_MAX, INT64_MAX, INT64_MAX, 0};
    const int64_t negative[] = {-1};
    ggdm_test_error(ggdm_npy_header(GGDM_NPY_U8, huge, 8, header, &size, &bytes, &err), &err,
                    GGDM_ESHAPE, "npy");
    ggdm_test_error(ggdm_npy_header(GGDM_NPY_U8, negative, 1, header, &size, &bytes, &err), &err,
                    GGDM_EINVAL, "-1");
    ggdm_test_error(ggdm_npy_header(GGDM_NPY_U8, huge, 0, header, &size, &bytes, &err), &err,
                    GGDM_EINVAL, "0 dimensions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container_written_twice_gives_equal_bytes),
        cmocka_unit_test(test_container_zip_entries_are_stored),
        cmocka_unit_test(test_container_abort_leaves_nothing),
        cmocka_unit_test(test_container_wrong_sizes_fail_and_leave_nothing),
        cmocka_unit_test(test_container_without_room_says_so),
        cmocka_unit_test(test_npy_header_is_numpys),
        cmocka_unit_test(test_npy_header_bad_shapes_fail),
    };
    return ggdm_test_main(tests);
}
