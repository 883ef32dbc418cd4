/* What is said of images: captions and attributes beside them, and each way in which they may be
 * wrong or missing. */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/json.h"
#include "common/npy.h"
#include "models/train/captions.h"

/* 3 grey images of 2 x 2. */
enum { SIDE = 2, N = 3 };

static const char groups_text[] =
    "{\"attributes\": [{\"name\": \"glasses\", \"classes\": [\"no\", \"yes\"]},"
    " {\"name\": \"hair\", \"classes\": [\"blond\", \"black\", \"red\"]}]}";
static const char lines_text[] =
    "{\"caption\": \" a  person\\nwith glasses \", \"attributes\": {\"glasses\": \"yes\", "
    "\"hair\": \"red\"}, \"more\": 1}\n"
    "{\"text\": [\"one\", \"two\"], \"attributes\": {\"hair\": \"blond\", \"glasses\": \"no\"}}\r\n"
    "{\"caption\": \"gr\xc3\xbcn\", \"attributes\": {\"glasses\": \"no\", \"hair\": \"black\"}}\n";

static char *dir;

static void put(const char *name, const char *text)
{
    char *path = ggdm_test_path(dir, name);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

static int setup(void **state)
{
    (void)state;
    static const int64_t shape[] = {N, SIDE, SIDE};
    static const uint8_t pixels[N * SIDE * SIDE] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint8_t header[GGDM_NPY_MAX_HEADER];
    size_t n;
    uint64_t size;
    ggdm_container *c = NULL;
    dir = ggdm_test_mkdtemp();
    char *path = ggdm_test_path(dir, "train.npz");
    ggdm_test_ok(ggdm_container_create(GGDM_ZIP, path, &c, NULL), NULL);
    ggdm_test_ok(ggdm_npy_header(GGDM_NPY_U8, shape, 3, header, &n, &size, NULL), NULL);
    ggdm_test_ok(ggdm_container_begin(c, "arr_0.npy", n + size, NULL), NULL);
    ggdm_test_ok(ggdm_container_write(c, header, n, NULL), NULL);
    ggdm_test_ok(ggdm_container_write(c, pixels, (size_t)size, NULL), NULL);
    ggdm_test_ok(ggdm_container_commit(&c, NULL), NULL);
    free(path);
    put("attributes.json", groups_text);
    put("train.jsonl", lines_text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ggdm_test_rmdir(dir);
    return 0;
}

static ggdm_status read_as(bool captions, const ggdm_class_groups *attributes, ggdm_images *out,
                           ggdm_error *err)
{
    const ggdm_image_want want = {SIDE, 1, 0, .captions = captions, .attributes = attributes};
    return ggdm_data_read_split(dir, GGDM_SPLIT_TRAIN, &want, out, err);
}

/* A network's groups: fewer than the data's, their classes in another order. */
static ggdm_class_groups network_groups(void)
{
    static const char text[] =
        "{\"a\": [{\"name\": \"hair\", \"classes\": [\"red\", \"black\", \"blond\", \"grey\"]}]}";
    ggdm_class_groups groups = {0};
    ggdm_doc *doc = NULL;
    ggdm_test_ok(ggdm_json_parse(text, strlen(text), sizeof text, "config", &doc, NULL), NULL);
    ggdm_test_ok(ggdm_class_groups_read(ggdm_node_get(doc->root, "a"), &groups, NULL), NULL);
    ggdm_doc_destroy(&doc);
    return groups;
}

static void refused(const char *name, const char *text, ggdm_status code, const char *words)
{
    ggdm_class_groups groups = network_groups();
    ggdm_error err = {0};
    ggdm_images images;
    put(name, text);
    ggdm_test_error(read_as(true, &groups, &images, &err), &err, code, words);
    ggdm_class_groups_deinit(&groups);
}

static void test_words_are_those_of_each_image(void **state)
{
    (void)state;
    ggdm_class_groups groups = network_groups();
    ggdm_error err = {0};
    ggdm_images images;
    ggdm_test_ok(read_as(true, &groups, &images, &err), &err);
    const ggdm_captions *c = &images.captions;
    assert_int_equal(c->n, 4);
    assert_string_equal(c->texts[c->first[0]], "a person with glasses");
    assert_int_equal(c->first[2] - c->first[1], 2);
    assert_string_equal(c->texts[c->first[1] + 1], "two");
    assert_string_equal(c->texts[c->first[2]], "gr\xc3\xbcn");
    assert_int_equal(c->first[3], 4);
    assert_int_equal(images.attributes.groups.n, 2);
    static const int32_t of[] = {1, 2, 0, 0, 0, 1}, targets[] = {0, 2, 1};
    assert_memory_equal(images.attributes.of, of, sizeof of);
    assert_memory_equal(images.targets, targets, sizeof targets);
    ggdm_images_deinit(&images);
    ggdm_class_groups_deinit(&groups);
}

static void test_words_that_no_network_reads_are_all_told(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_images images;
    ggdm_tokenizer *t;
    ggdm_test_ok(ggdm_tokenizer_parse("ggdm tokenizer 1\n3 0 0 1 1 2\nS\nE\n?\n", "t", &t, &err),
                 &err);
    ggdm_test_ok(read_as(true, NULL, &images, &err), &err);
    ggdm_test_error(ggdm_captions_encode(&images, t, 4, &err), &err, GGDM_EINVAL,
                    "train.npz: 4 of 4 cannot be used:\n  ");
    assert_non_null(strstr(err.msg, "caption of image 2: text 'gr"));
    ggdm_test_ok(ggdm_captions_encode(&images, t, 30, &err), &err);
    ggdm_images_deinit(&images);
    ggdm_tokenizer_destroy(&t);
}

/* What is not wanted is not looked at, and does not change what the data are. */
static void test_words_that_nobody_wants_do_not_matter(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_images images;
    char with[GGDM_HASH_TEXT_SIZE], without[GGDM_HASH_TEXT_SIZE];
    ggdm_test_ok(read_as(false, NULL, &images, &err), &err);
    memcpy(without, images.sha256, sizeof without);
    assert_true(images.captions.n == 0 && images.attributes.groups.n == 0);
    ggdm_images_deinit(&images);
    ggdm_test_ok(read_as(true, NULL, &images, &err), &err);
    memcpy(with, images.sha256, sizeof with);
    ggdm_images_deinit(&images);
    assert_string_not_equal(with, without);
    put("train.jsonl", "?");
    put("attributes.json", "?");
    ggdm_test_ok(read_as(false, NULL, &images, &err), &err);
    assert_string_equal(images.sha256, without);
    ggdm_images_deinit(&images);
}

static void test_words_that_are_missing_are_counted(void **state)
{
    (void)state;
#define LINE "{\"caption\": \"x\", \"attributes\": {\"glasses\": \"no\", \"hair\": \"red\"}}\n"
    refused("train.jsonl", LINE LINE, GGDM_EFORMAT,
            "train.jsonl: 2 lines for 3 images, expected one for each");
    refused("train.jsonl", "\xEF\xBB\xBF" LINE LINE, GGDM_EFORMAT, /* the mark says nothing */
            "train.jsonl: 2 lines for 3 images, expected one for each");
    refused("train.jsonl", LINE LINE LINE LINE, GGDM_EFORMAT,
            "train.jsonl:4: more lines than there are images (3)");
    refused("train.jsonl", LINE "\n" LINE, GGDM_EFORMAT, "train.jsonl:2: an empty line");
    refused("train.jsonl", LINE "{\"attributes\": {\"glasses\": \"no\", \"hair\": \"red\"}}\n{}",
            GGDM_EINVAL, "train.jsonl: no caption of 2 of 3 images: line 2, line 3");
    refused("train.jsonl", LINE "{\"caption\": \"x\"}\n" LINE, GGDM_EINVAL,
            "train.jsonl: no attributes of 1 of 3 images: line 2");
}

static void test_words_that_are_wrong_are_named(void **state)
{
    (void)state;
    refused("train.jsonl", LINE "{\n", GGDM_EFORMAT, "train.jsonl:2:1:");
    refused("train.jsonl", LINE "[]\n", GGDM_EINVAL, "train.jsonl:2: ");
    refused("train.jsonl", LINE "{\"caption\": 3}\n", GGDM_EINVAL,
            "train.jsonl:2: field 'caption': value '3', expected a caption, or a list of captions");
    refused("train.jsonl", LINE "{\"caption\": \" \\t\"}\n", GGDM_EFORMAT,
            "train.jsonl:2: caption of 0 bytes");
    refused("train.jsonl", LINE "{\"caption\": \"a\\u0007\"}\n", GGDM_EINVAL,
            "train.jsonl:2: caption: text, byte 2: control character U+0007");
    refused("train.jsonl", LINE "{\"caption\": \"a\xff\"}\n", GGDM_EFORMAT, "train.jsonl:2:");
    refused("train.jsonl", LINE "{\"attributes\": {\"glasses\": \"no\"}}\n", GGDM_EINVAL,
            "train.jsonl:2: field 'attributes': no 'hair', expected a class of each group");
    refused("train.jsonl", "{\"attributes\": {\"glasses\": true, \"hair\": \"red\"}}\n",
            GGDM_EINVAL,
            "field 'attributes.glasses': value 'true', expected a class that 'glasses'");
    refused("train.jsonl", "{\"attributes\": {\"glasses\": \"no\", \"hair\": \"pink\"}}\n",
            GGDM_EINVAL, "field 'attributes.hair': value 'pink', expected a class that 'hair' has");
    refused("attributes.json", "{}", GGDM_EINVAL, "attributes.json: no \"attributes\"");
    refused("attributes.json", "{\"attributes\": 3}", GGDM_EINVAL, "attributes.json: field");
}

static void test_words_files_that_are_not_there_are_named(void **state)
{
    (void)state;
    char *path = ggdm_test_path(dir, "train.jsonl");
    remove(path);
    refused("other.jsonl", lines_text, GGDM_EINVAL,
            "train.jsonl: not there, and the network wants captions");
    free(path);
    path = ggdm_test_path(dir, "attributes.json");
    remove(path);
    refused("train.jsonl", lines_text, GGDM_EINVAL,
            "attributes.json: not there, and the network has attributes");
    free(path);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_words_are_those_of_each_image),
        T(test_words_that_no_network_reads_are_all_told),
        T(test_words_that_nobody_wants_do_not_matter),
        T(test_words_that_are_missing_are_counted),
        T(test_words_that_are_wrong_are_named),
        T(test_words_files_that_are_not_there_are_named),
    };
    return ggdm_test_main(tests);
}
