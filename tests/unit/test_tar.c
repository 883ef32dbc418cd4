/* Tar archives in WebDataset's way, and what may be wrong with them. */
#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/container.h"
#include "common/png_image.h"
#include "models/train/dataset.h"

enum { SIDE = 2, MOST = 16 };

/* A file of an archive; text NULL: a picture all of this grey. */
typedef struct member {
    const char *name, *text;
    uint8_t grey;
} member;

static void put(const char *name, const member members[MOST])
{
    char *path = ggdm_test_path(ggdm_test_dir, name);
    ggdm_container *c = NULL;
    ggdm_test_ok(ggdm_container_create(GGDM_TAR, path, &c, NULL), NULL);
    for (const member *m = members; m < members + MOST && m->name; m++) {
        uint8_t pixels[SIDE * SIDE], *png = NULL;
        size_t size = m->text ? strlen(m->text) : 0;
        memset(pixels, m->grey, sizeof pixels);
        if (!m->text)
            ggdm_test_ok(ggdm_png_encode(pixels, SIDE, SIDE, 1, &png, &size, NULL), NULL);
        ggdm_test_ok(
            ggdm_container_add(c, m->name, m->text ? (const void *)m->text : png, size, NULL),
            NULL);
        free(png);
    }
    ggdm_test_ok(ggdm_container_commit(&c, NULL), NULL);
    free(path);
}

static const ggdm_image_want plain = {.size = SIDE, .channels = 1},
                             captions = {.size = SIDE, .channels = 1, .captions = true},
                             labels = {.size = SIDE, .channels = 1, .n_classes = 3};

static ggdm_status open_as(const char *name, const ggdm_image_want *want, ggdm_data *out,
                           ggdm_error *err)
{
    char *path = ggdm_test_path(ggdm_test_dir, name);
    const ggdm_data_spec spec = {.dir = path, .test_share = 0.5, .want = *want};
    ggdm_status st = ggdm_data_open(&spec, out, err);
    free(path);
    return st;
}

static void refused(const ggdm_image_want *want, const char *text)
{
    ggdm_error err = {0};
    ggdm_data data;
    if (open_as("", want, &data, &err) == GGDM_OK)
        ggdm_test_fail("accepted, expected: %s", text);
    if (!strstr(err.msg, text))
        ggdm_test_fail("'%s', expected '%s'", err.msg, text);
}

static void refused_archive(const ggdm_image_want *want, const member members[MOST],
                            const char *text)
{
    put("a.tar", members);
    refused(want, text);
}

static void test_tar_shards_are_read_in_order(void **state)
{
    (void)state;
    static const member first[MOST] = {
        {"x/a.png", NULL, 1},  {"x/a.cls", "2\n", 0},
        {"x/a.txt", "one", 0}, {"x/a.json", "{\"caption\": \"n\"}", 0},
        {"b.cls", "0", 0},     {"b.txt", "two\n", 0},
        {"b.PNG", NULL, 2},    {".hidden", "?", 0}};
    static const member second[MOST] = {{"x/a.cls", "1", 0},
                                        {"x/a.jpg", NULL, 3},
                                        {"x/a.json", "{\"text\": [\"three\", \"3\"]}", 0}};
    static const member test[MOST] = {{"t.png", NULL, 9}, {"t.txt", "test", 0}};
    ggdm_error err = {0};
    ggdm_data data;
    put("train-0.tar", first);
    put("train-1.tar", second);
    put("val.tar", test);
    ggdm_test_ok(open_as("", &captions, &data, &err), &err);
    const ggdm_images *images = &data.images[0];
    assert_int_equal(images->n, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(images->pixels[i * SIDE * SIDE], i + 1);
    assert_int_equal(images->labels[0], 2);
    assert_int_equal(images->labels[2], 1);
    assert_int_equal(images->captions.n, 4); /* that of a .json counts where there is no .txt */
    assert_string_equal(images->captions.texts[0], "one");
    assert_string_equal(images->captions.texts[3], "3");
    assert_int_equal(data.test.n, 1);
    assert_null(data.images[1].labels);
    ggdm_data_close(&data);
    ggdm_test_ok(open_as("train-0.tar", &plain, &data, &err), &err); /* an archive alone */
    assert_int_equal(data.images[0].n, 2);
    ggdm_data_close(&data);
}

static void test_tar_that_is_wrong_is_told_all_at_once(void **state)
{
    (void)state;
    refused_archive(&plain,
                    (member[MOST]){{"a.png", NULL, 1},
                                   {"b.txt", "?", 0},
                                   {"c.png", NULL, 1},
                                   {"c.jpg", NULL, 1},
                                   {"a.json", "{}", 0},
                                   {"d.gif", "?", 0}},
                    ": 4 of 5 cannot be used:\n  ");
    refused(&plain, "a.tar: c: two pictures, expected one\n");
    refused(&plain, "a.tar: a: its files are not one behind the other\n");
    refused(&plain, "a.tar: d.gif: expected NAME.png, .jpg, .jpeg, .txt, .json or .cls\n");
    refused(&plain, "a.tar: b: no picture, expected .png, .jpg or .jpeg");
    refused_archive(&plain, (member[MOST]){{"a.png", "?", 0}, {"b.png", "!", 0}},
                    "a.tar: b.png: expected a PNG or JPEG image");
    refused_archive(&captions, (member[MOST]){{"a.png", NULL, 1}, {"a.json", "{", 0}},
                    "a.tar: a.json:1:1: ");
    refused_archive(&captions,
                    (member[MOST]){{"a.png", NULL, 1}, {"b.png", NULL, 1}, {"b.txt", "b", 0}},
                    ": no caption of 1 of 2 images: a");
}

static void test_tar_labels_are_checked(void **state)
{
    (void)state;
    refused_archive(&labels, (member[MOST]){{"a.png", NULL, 1}, {"b.png", NULL, 1}},
                    "images without labels");
    refused_archive(&plain,
                    (member[MOST]){{"a.png", NULL, 1}, {"b.png", NULL, 1}, {"b.cls", "1", 0}},
                    "a.tar: a: no .cls, which others have");
    static const char *const bad[] = {"3", "-1", "", "1x", "99999999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused_archive(&labels, (member[MOST]){{"a.png", NULL, 1}, {"a.cls", bad[i], 0}},
                        "expected a label, 0..2");
}

/* Cut at any byte, an archive is an error or says less, and nothing worse happens. */
static void test_tar_that_is_cut_is_refused(void **state)
{
    (void)state;
    static const member members[MOST] = {
        {"a.png", NULL, 1}, {"a.txt", "a caption", 0}, {"b.png", NULL, 2}, {"b.txt", "another", 0}};
    char *path = ggdm_test_path(ggdm_test_dir, "a.tar");
    ggdm_error err = {0};
    ggdm_data data;
    put("a.tar", members);
    for (int size = 4 * 1024 - 100; size > 0; size -= 97) {
        assert_int_equal(truncate(path, size), 0);
        if (open_as("", &captions, &data, &err) == GGDM_OK)
            ggdm_data_close(&data);
        else
            assert_true(err.code == GGDM_EFORMAT || err.code == GGDM_EINVAL);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ggdm_test_in_dir(test_tar_shards_are_read_in_order),
        ggdm_test_in_dir(test_tar_that_is_wrong_is_told_all_at_once),
        ggdm_test_in_dir(test_tar_labels_are_checked),
        ggdm_test_in_dir(test_tar_that_is_cut_is_refused),
    };
    return ggdm_test_main(tests);
}
