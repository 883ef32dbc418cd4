/* Folders of people's own pictures: of any size, with captions in each way that is read, and
 * everything that is wrong with them told at once. */
#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/png_image.h"
#include "models/train/dataset.h"

enum { SIDE = 4 };

static void put(const char *name, const void *bytes, size_t size)
{
    char *path = ggdm_test_path(ggdm_test_dir, name), *slash = strrchr(path, '/');
    *slash = '\0';
    ggdm_test_ok(ggdm_make_dirs(path, NULL), NULL);
    *slash = '/';
    ggdm_test_write(path, bytes, size);
    free(path);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void drop(const char *name)
{
    char *path = ggdm_test_path(ggdm_test_dir, name);
    assert_int_equal(unlink(path), 0);
    free(path);
}

/* A picture all of one grey, or of its red alone. */
static void put_picture(const char *name, int32_t width, int32_t height, int32_t channels,
                        uint8_t value)
{
    ggdm_pixels p;
    uint8_t *png;
    size_t size;
    ggdm_test_ok(ggdm_pixels_init(&p, width, height, channels, NULL), NULL);
    for (int32_t i = 0; i < width * height; i++)
        p.data[i * channels] = value;
    ggdm_test_ok(ggdm_png_encode(p.data, width, height, channels, &png, &size, NULL), NULL);
    put(name, png, size);
    ggdm_pixels_deinit(&p);
    free(png);
}

/* Three pictures that fit. */
static void put_three(const char *folder)
{
    for (int i = 0; i < 3; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s%d.png", folder, i);
        put_picture(name, SIDE, SIDE, 1, (uint8_t)(10 * i));
    }
}

static const ggdm_image_want captions = {.size = SIDE, .channels = 1, .captions = true},
                             center = {.size = SIDE, .channels = 1, .crop = GGDM_CROP_CENTER};

static ggdm_status read_tree(const ggdm_image_want *want, ggdm_images *out, ggdm_error *err)
{
    return ggdm_data_read_split(ggdm_test_dir, GGDM_SPLIT_TRAIN, want, out, err);
}

static void refused(const ggdm_image_want *want, const char *text)
{
    ggdm_error err = {0};
    ggdm_images images;
    if (read_tree(want, &images, &err) == GGDM_OK)
        ggdm_test_fail("accepted, expected: %s", text);
    if (!strstr(err.msg, text))
        ggdm_test_fail("'%s', expected '%s'", err.msg, text);
}

/* The captions of the three: "zero", "one", "two" and "deux". */
static void check_captions(void)
{
    static const char *const want[] = {"zero", "one, or so", "two"};
    ggdm_error err = {0};
    ggdm_images images;
    ggdm_test_ok(read_tree(&captions, &images, &err), &err);
    assert_int_equal(images.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(images.captions.texts[images.captions.first[i]], want[i]);
        assert_int_equal(images.pixels[i * SIDE * SIDE], 10 * i);
    }
    ggdm_images_deinit(&images);
}

static void test_tree_takes_captions_from_texts_beside_pictures(void **state)
{
    (void)state;
    put_three("");
    put_text("0.txt", "zero\n");
    put_text("1.txt", "one,\nor so");
    put_text("2.txt", " two ");
    check_captions();
    drop("1.txt");
    drop("2.txt");
    refused(&captions, ": no caption of 2 of 3 images: 1.png, 2.png");
    put_text("1.txt", "");
    put_text("2.txt", "a\a");
    put_text("3.txt", "of none");
    refused(&captions, ": 3 of 7 cannot be used:\n  ");
    refused(&captions, "1.txt: caption of 0 bytes");
    refused(&captions, "2.txt: caption: text, byte 2: control character U+0007");
    refused(&captions, "3.txt: no picture of this name is beside it");
    drop("3.txt");
    ggdm_error err = {0};
    ggdm_images images;
    ggdm_test_ok(read_tree(&center, &images, &err), &err); /* nobody wants the words */
    ggdm_images_deinit(&images);
}

static void test_tree_takes_captions_from_a_file_that_names_pictures(void **state)
{
    (void)state;
    static const char *const ways[][2] = {
        {"captions.csv", "file_name,caption\n1.png,\"one, or so\"\n0.png,zero\n./2.png,two\n"},
        {"metadata.csv", "id,text,file_name\r\n7,two,2.png\r\n8,zero,0.png\r\n9,\"one,\n or so\","
                         "1.png\r\n"},
        {"captions.jsonl", "{\"file_name\": \"0.png\", \"caption\": \"zero\"}\n"
                           "{\"file_name\": \"2.png\", \"caption\": [\"two\", \"deux\"]}\n"
                           "{\"file_name\": \"1.png\", \"caption\": \"one, or so\"}\n"},
        {"metadata.jsonl", "{\"text\": \"zero\", \"file_name\": \"0.png\"}\n"
                           "{\"text\": \"one, or so\", \"file_name\": \"1.png\", \"x\": 1}\n"
                           "{\"text\": \"two\", \"file_name\": \"2.png\"}\n"}};
    put_three("");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        put_text(ways[i][0], ways[i][1]);
        check_captions();
        drop(ways[i][0]);
    }
    put_text(ways[0][0], ways[0][1]);
    put_text(ways[3][0], ways[3][1]);
    refused(&captions, "metadata.jsonl are both there, expected one of them");
}

static void test_tree_of_classes_takes_captions_by_path(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_images images;
    put_three("train/cat/");
    put_picture("train/dog/a.png", SIDE, SIDE, 1, 99);
    put_text("train/metadata.csv", "file_name,text\ncat/1.png,b\ncat/0.png,a\ncat/2.png,c\n"
                                   "dog/a.png,d\n");
    ggdm_test_ok(read_tree(&captions, &images, &err), &err);
    assert_string_equal(images.captions.texts[3], "d");
    assert_int_equal(images.labels[3], 1);
    ggdm_images_deinit(&images);
}

static void test_tree_tells_which_captions_are_wrong(void **state)
{
    (void)state;
    put_three("");
    put_text("captions.csv", "file_name,caption\n0.png,a\n7.png,b\n0.png,c\n1.png\n2.png,\n");
    refused(&captions, "captions.csv: 4 of 5 cannot be used:\n  ");
    refused(&captions, "captions.csv:3: no picture '7.png' is here\n  ");
    refused(&captions, "captions.csv:4: '0.png' is there twice");
    refused(&captions, "captions.csv:5: 1 fields, expected 2\n  ");
    refused(&captions, "captions.csv:6: caption of 0 bytes");
    put_text("captions.csv", "file_name,caption\n1.png,a\n");
    refused(&captions, "captions.csv: no caption of 2 of 3 images: 0.png, 2.png");
    put_text("captions.csv", "1.png,a\n");
    refused(&captions, "captions.csv:1: expected names of the columns, file_name and caption");
    drop("captions.csv");
    put_text("captions.jsonl",
             "{\"caption\": \"a\"}\n{\"file_name\": \"9.png\", \"caption\": \"b\"}"
             "\n{");
    refused(&captions, "captions.jsonl: 3 of 3 cannot be used:\n  ");
    refused(&captions, "captions.jsonl:1: expected {\"file_name\": \"...\", \"caption\": \"...\"}");
    refused(&captions, "captions.jsonl:2: no picture '9.png' is here");
    drop("captions.jsonl");
    put_text("words.jsonl", "{}\n");
    refused(&captions,
            "/words.jsonl: expected images here, .png, .jpg or .jpeg (with captions of the "
            "same name, .txt, or all of them in captions.csv or captions.jsonl)");
    drop("words.jsonl");
}

static void test_tree_makes_pictures_fit_where_the_recipe_says_so(void **state)
{
    (void)state;
    ggdm_image_want want = center;
    ggdm_error err = {0};
    ggdm_images images;
    put_picture("a.png", 9, 5, 3, 200);
    put_picture("b.png", 3, 2, 1, 100);
    ggdm_test_ok(read_tree(&want, &images, &err), &err);
    assert_int_equal(images.pixels[0], 60); /* 0.299 of red */
    assert_int_equal(images.pixels[SIDE * SIDE], 100);
    ggdm_images_deinit(&images);
    want.crop = GGDM_CROP_NONE;
    refused(&want, ": 2 of 2 cannot be used:\n  ");
    refused(&want, "a.png: 5 x 9 RGB, the network takes 4 x 4 grey");
    refused(&want, "b.png: 2 x 3 grey, the network takes");
}

static void test_tree_names_all_bad_files_up_to_some(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        char name[20];
        snprintf(name, sizeof name, "%03d.jpg", i);
        put_text(name, i % 10 ? "?" : "");
    }
    refused(&center, ": 300 of 300 cannot be used:\n  ");
    refused(&center, "/000.jpg: expected a PNG or JPEG image\n  ");
    refused(&center, " more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ggdm_test_in_dir(test_tree_takes_captions_from_texts_beside_pictures),
        ggdm_test_in_dir(test_tree_takes_captions_from_a_file_that_names_pictures),
        ggdm_test_in_dir(test_tree_of_classes_takes_captions_by_path),
        ggdm_test_in_dir(test_tree_tells_which_captions_are_wrong),
        ggdm_test_in_dir(test_tree_makes_pictures_fit_where_the_recipe_says_so),
        ggdm_test_in_dir(test_tree_names_all_bad_files_up_to_some),
    };
    return ggdm_test_main(tests);
}
