/* The tokenizer: ids as OpenAI's are (tests/golden/make_tokens.py is the second implementation),
 * vocabularies of any size from each kind of file, and what is refused. */
#include "models/io/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "common/fs.h"
#include "common/hash.h"
#include "common/json.h"
#include "models/io/clean_text.h"
#include "tests/support/ggdm_test.h"

#define CLIP "models/zoo/faces-clip"
#define SPECIALS "\"<|startoftext|>\": 5, \"<|endoftext|>\": 6}"
#define SMALL "{\"a\": 0, \"b\": 1, \"a</w>\": 2, \"b</w>\": 3, \"ab</w>\": 4, " SPECIALS

enum { CONTEXT = 77 }; /* that of CLIP */

static ggdm_tokenizer *clip; /* the real one, for all tests */

static int open_clip(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_tokenizer_open(CLIP, &clip, &err), &err);
    assert_non_null(clip);
    return 0;
}

static int close_clip(void **state)
{
    (void)state;
    ggdm_tokenizer_destroy(&clip);
    return 0;
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char *path = ggdm_test_path(dir, name);
    ggdm_test_write(path, text, strlen(text));
    free(path);
}

static ggdm_tokenizer *open_dir(const char *dir)
{
    ggdm_error err = {0};
    ggdm_tokenizer *t;
    ggdm_test_ok(ggdm_tokenizer_open(dir, &t, &err), &err);
    return t;
}

/* "5 4 6", without the padding. */
static const char *ids_text(const ggdm_tokenizer *t, const char *text)
{
    static char out[1000];
    int32_t ids[CONTEXT];
    int n;
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_tokenizer_encode(t, text, CONTEXT, false, ids, &n, &err), &err);
    *out = '\0';
    for (int i = 0; i < n; i++)
        sprintf(out + strlen(out), "%s%d", i ? " " : "", ids[i]);
    return out;
}

/* ---- CLIP's ---- */

static void test_tokenizer_ids_are_those_of_openai(void **state)
{
    (void)state;
    size_t size, n = 0;
    char *lines = ggdm_test_read("tests/golden/data/tokens.jsonl", &size);
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"), n++) {
        ggdm_error err = {0};
        ggdm_doc *doc;
        char want[1000] = "";
        ggdm_test_ok(ggdm_json_parse(line, strlen(line), size, "tokens.jsonl", &doc, &err), &err);
        const ggdm_node *ids = ggdm_node_get(doc->root, "ids");
        for (const ggdm_node *id = ids->first; id; id = id->next)
            sprintf(want + strlen(want), "%s%s", *want ? " " : "", id->text);
        const char *text = ggdm_node_get(doc->root, "text")->text;
        if (strcmp(ids_text(clip, text), want) != 0)
            ggdm_test_fail("'%s': %s, expected %s", text, ids_text(clip, text), want);
        ggdm_doc_destroy(&doc);
    }
    assert_true(n > 50);
    free(lines);
}

static void test_tokenizer_published_ids(void **state)
{
    (void)state;
    assert_int_equal(ggdm_tokenizer_size(clip), 49408);
    assert_int_equal(ggdm_tokenizer_end(clip), 49407);
    assert_string_equal(ids_text(clip, "a photo of a cat"), "49406 320 1125 539 320 2368 49407");
    assert_string_equal(ids_text(clip, "Hello, world!  2023"),
                        "49406 3306 267 1002 256 273 271 273 274 49407");
}

static void test_tokenizer_pads_and_cuts(void **state)
{
    (void)state;
    int32_t ids[CONTEXT];
    int n;
    char text[400] = "";
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_tokenizer_encode(clip, "a dog", CONTEXT, false, ids, &n, &err), &err);
    assert_int_equal(n, 4);
    for (int i = 3; i < CONTEXT; i++)
        assert_int_equal(ids[i], 49407); /* as special_tokens_map.json has it */
    for (int i = 0; i < CONTEXT - 2; i++)
        strcat(text, "dog ");
    ggdm_test_ok(ggdm_tokenizer_encode(clip, text, CONTEXT, false, ids, &n, &err), &err);
    assert_int_equal(n, CONTEXT);
    strcat(text, "cat");
    ggdm_test_error(ggdm_tokenizer_encode(clip, text, CONTEXT, false, ids, &n, &err), &err,
                    GGDM_EINVAL, "has 78 tokens with those of start and end, expected at most 77");
    ggdm_test_ok(ggdm_tokenizer_encode(clip, text, CONTEXT, true, ids, &n, &err), &err);
    assert_int_equal(n, CONTEXT);
    assert_int_equal(ids[CONTEXT - 2], 1929);
    assert_int_equal(ids[CONTEXT - 1], 49407);
}

static void test_tokenizer_refuses_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"a\x07", "byte 2: control character U+0007"},
        {"\x1b[1mred", "byte 1: control character U+001B"},
        {"caf\xc3\xa9 \x7f", "byte 7: control character U+007F"},
        {"\xc2\x85", "byte 1: control character U+0085"},
        {"abc\xff", "byte 4 (0xff): not valid UTF-8"},
        {"caf\xe9 noir", "byte 4 (0xe9): not valid UTF-8"},
        {"\xc0\xaf", "byte 1 (0xc0): not valid UTF-8"},
        {"\xed\xa0\x80", "byte 1 (0xed): not valid UTF-8"},
        {"cut \xf0\x9f\x98", "byte 5 (0xf0): not valid UTF-8"},
    };
    int32_t ids[CONTEXT];
    int n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_error err = {0};
        ggdm_test_error(ggdm_tokenizer_encode(clip, bad[i].text, CONTEXT, true, ids, &n, &err),
                        &err, GGDM_EINVAL, bad[i].message);
    }
    ggdm_error err = {0};
    char *longest = ggdm_test_alloc(GGDM_TOKENIZER_MOST + 2, 1);
    memset(longest, 'x', GGDM_TOKENIZER_MOST);
    ggdm_test_ok(ggdm_tokenizer_encode(clip, longest, CONTEXT, true, ids, &n, &err), &err);
    longest[GGDM_TOKENIZER_MOST] = 'x';
    ggdm_test_error(ggdm_tokenizer_encode(clip, longest, CONTEXT, true, ids, &n, &err), &err,
                    GGDM_EINVAL, "a text of 16385 bytes, expected at most 16384");
    free(longest);
}

/* OpenAI's file is a list of merges with a title; packed or not, the ids are the same. */
static void test_tokenizer_reads_openai_files(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "bpe_simple_vocab_16e6.txt");
    char *merges = ggdm_test_read(CLIP "/merges.txt", NULL), packed[600];
    const char *text = "a photo of a woman with blond hair, it\xe2\x80\x99s caf\xc3\xa9";
    char *want = strdup(ids_text(clip, text));
    int32_t ids[CONTEXT];
    int n;
    ggdm_error err = {0};
    memcpy(merges, "\"title", 6);
    /* What is behind the merges that OpenAI uses does not count. */
    char *more = ggdm_test_alloc(strlen(merges) + 20, 1);
    sprintf(more, "%szz zz\nzzzz zz\n", merges);
    ggdm_test_write(path, more, strlen(more));
    ggdm_tokenizer *t = open_dir(dir);
    assert_int_equal(ggdm_tokenizer_size(t), 49408);
    assert_string_equal(ids_text(t, text), want);
    ggdm_test_ok(ggdm_tokenizer_encode(t, "a dog", CONTEXT, false, ids, &n, &err), &err);
    assert_int_equal(ids[n], 0); /* OpenAI's padding */
    remove(path);
    snprintf(packed, sizeof packed, "%s.gz", path);
    gzFile gz = gzopen(packed, "wb");
    assert_int_equal(gzwrite(gz, more, (unsigned)strlen(more)), (int)strlen(more));
    gzclose(gz);
    ggdm_tokenizer *again = open_dir(dir);
    assert_memory_equal(ggdm_tokenizer_digest(t), ggdm_tokenizer_digest(again), GGDM_HASH_SIZE);
    assert_true(memcmp(ggdm_tokenizer_digest(t), ggdm_tokenizer_digest(clip), GGDM_HASH_SIZE));
    ggdm_tokenizer_destroy(&t);
    ggdm_tokenizer_destroy(&again);
    free(merges);
    free(more);
    free(want);
    free(path);
    ggdm_test_rmdir(dir);
}

/* ---- small ones ---- */

static void test_tokenizer_small_vocabulary(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp();
    int32_t ids[8];
    int n;
    ggdm_error err = {0};
    write_file(dir, "vocab.json", SMALL);
    write_file(dir, "merges.txt", "#version: 0.2\r\na b</w>\r\n\n");
    ggdm_tokenizer *t = open_dir(dir);
    assert_int_equal(ggdm_tokenizer_size(t), 7);
    assert_string_equal(ids_text(t, "AB b aab"), "5 4 3 0 4 6");
    ggdm_test_error(ggdm_tokenizer_encode(t, "abc", 8, false, ids, &n, &err), &err, GGDM_EINVAL,
                    "word 'abc' has the byte 0x63, for which the vocabulary has no token at a "
                    "word's end");
    uint8_t before[GGDM_HASH_SIZE];
    memcpy(before, ggdm_tokenizer_digest(t), sizeof before);
    ggdm_tokenizer_destroy(&t);

    write_file(dir, "special_tokens_map.json",
               "{\"unk_token\": {\"content\": \"b\"}, \"pad_token\": \"a\"}");
    t = open_dir(dir);
    assert_string_equal(ids_text(t, "abc"), "5 0 1 1 6");
    ggdm_test_ok(ggdm_tokenizer_encode(t, "b", 8, false, ids, &n, &err), &err);
    assert_int_equal(ids[7], 0);
    assert_true(memcmp(before, ggdm_tokenizer_digest(t), sizeof before));
    ggdm_tokenizer_destroy(&t);
    ggdm_test_rmdir(dir);
}

static void test_tokenizer_refuses_broken_files(void **state)
{
    (void)state;
    static const struct {
        const char *vocab, *merges, *specials, *message;
    } bad[] = {
        {"{", "", NULL, "vocab.json"},
        {"[1]", "", NULL, "expected an object of tokens and their ids"},
        {"{}", "", NULL, "expected an object of tokens and their ids"},
        {"{\"a\": 0, \"b\": 0}", "", NULL, "id 0 is also that of 'a'"},
        {"{\"a\": 0, \"b\": 2}", "", NULL, "field 'b': value '2', expected an id below"},
        {"{\"a\": 5}", "", NULL, "field 'a': value '5', expected an id below the number of"},
        {"{\"a\": 0, \"b\": -1}", "", NULL, "field 'b': value '-1', expected"},
        {"{\"a\": 0, \"b\\nc\": 1}", "", NULL, "a token that is empty or of several lines"},
        {"{\"a\": 0}", "", NULL, "no token '<|startoftext|>', with which a text starts"},
        {"{\"<|startoftext|>\": 0}", "", NULL, "no token '<|endoftext|>', with which a text ends"},
        {SMALL, "a b</w>\na", NULL, "merge 2 is 'a', expected two symbols"},
        {SMALL, "a b c", NULL, "merge 1 is 'a b c', expected two symbols"},
        {SMALL, "a b", NULL, "merge 1 is of 'a' and 'b', but the vocabulary has no 'ab'"},
        {SMALL, "c b</w>", NULL, "merge 1 is of 'c' and 'b</w>', but the vocabulary has no 'c'"},
        {SMALL, "a b</w>\na b</w>", NULL, "merge 2, 'a b</w>', is merge 1 again"},
        {SMALL, "", "{\"pad_token\": \"!\"}", "field 'pad_token': value '!', expected a token of"},
        {SMALL, "", "{\"eos_token\": 7}", "field 'eos_token': value '7', expected a token"},
        {SMALL, NULL, NULL, "there is vocab.json but not merges.txt, expected both"},
        {NULL, "a b</w>", NULL, "there is merges.txt but not vocab.json, expected both"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *dir = ggdm_test_mkdtemp();
        ggdm_error err = {0};
        ggdm_tokenizer *t;
        if (bad[i].vocab)
            write_file(dir, "vocab.json", bad[i].vocab);
        if (bad[i].merges)
            write_file(dir, "merges.txt", bad[i].merges);
        if (bad[i].specials)
            write_file(dir, "tokenizer_config.json", bad[i].specials);
        const ggdm_status st = ggdm_tokenizer_open(dir, &t, &err);
        assert_true(st == GGDM_EFORMAT || st == GGDM_EINVAL);
        ggdm_test_error(st, &err, st, bad[i].message);
        assert_null(t);
        ggdm_test_rmdir(dir);
    }
}

/* A worker takes the one text from elsewhere: a start that is empty would be found in a text again
 * and again; long tokens take the square of their length. */
static void test_tokenizer_refuses_tokens_without_measure(void **state)
{
    (void)state;
    char text[2000], token[1026] = "";
    memset(token, 'a', sizeof token - 1);
    const char *const tokens[] = {"", token};
    for (size_t i = 0; i < 2; i++) {
        ggdm_error err = {0};
        ggdm_tokenizer *t;
        snprintf(text, sizeof text, "ggdm tokenizer 1\n2 0 0 1 1 -1\n%s\nb\n", tokens[i]);
        ggdm_test_error(ggdm_tokenizer_parse(text, "t", &t, &err), &err, GGDM_EFORMAT,
                        i == 0 ? "t: token 0 has 0 bytes, expected 1 to 1024"
                               : "t: token 0 has 1025 bytes, expected 1 to 1024");
        assert_null(t);
    }
}

/* Entities in entities are undone as often as anyone means it, not without an end: that would take
 * the square of a text's length. */
static void test_tokenizer_entities_end(void **state)
{
    (void)state;
    char text[9000] = "&", *to = text + 1, *clean;
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_clean_text("&amp;amp;amp;lt;", &clean, &err), &err);
    assert_string_equal(clean, "<");
    free(clean);
    for (int i = 0; i < 2000; i++)
        to = stpcpy(to, "amp;");
    strcpy(to, "thetasym; a");
    ggdm_test_ok(ggdm_clean_text(text, &clean, &err), &err);
    assert_int_equal(strncmp(clean, "&amp;amp;", 9), 0);
    free(clean);
    ggdm_test_ok(ggdm_clean_text("&thetasym; a", &clean, &err), &err);
    assert_string_equal(clean, "\xCF\x91 a");
    free(clean);
}

/* What is copied is what was read, and all of it. */
static void check_copy(const char *dir, const ggdm_tokenizer *t)
{
    char *to = ggdm_test_mkdtemp();
    ggdm_error err = {0};
    ggdm_test_ok(ggdm_tokenizer_copy(dir, to, &err), &err);
    ggdm_tokenizer *copy = open_dir(to);
    assert_true((copy != NULL) == (t != NULL));
    if (t)
        assert_memory_equal(ggdm_tokenizer_digest(copy), ggdm_tokenizer_digest(t), 32);
    ggdm_tokenizer_destroy(&copy);
    ggdm_test_rmdir(to);
}

static void test_tokenizer_is_found(void **state)
{
    (void)state;
    static const char *const places[] = {"", "/tokenizer", "/../tokenizer"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *dir = ggdm_test_mkdtemp(), *unet = ggdm_test_path(dir, "unet"), place[600];
        assert_int_equal(mkdir(unet, 0777), 0);
        snprintf(place, sizeof place, "%s%s", unet, places[i]);
        mkdir(place, 0777);
        write_file(place, "vocab.json", SMALL);
        write_file(place, "merges.txt", "");
        write_file(place, "tokenizer_config.json", "{\"pad_token\": \"a</w>\"}");
        ggdm_tokenizer *t = open_dir(unet);
        if (i == 2) { /* beside a model is only in pipelines that of the model */
            assert_null(t);
            check_copy(unet, NULL);
            write_file(dir, "model_index.json", "{}");
            t = open_dir(unet);
        }
        assert_non_null(t);
        check_copy(unet, t);
        ggdm_tokenizer_destroy(&t);
        t = open_dir("tests");
        assert_null(t);
        free(unet);
        ggdm_test_rmdir(dir);
    }
}

/* A training writes the tokenizer that it has read, and not another that is near. */
static void test_tokenizer_is_copied_from_where_it_is_read(void **state)
{
    (void)state;
    static const char *const others[] = {"clip/tokenizer", "tokenizer"};
    ggdm_error err = {0};
    char *dir = ggdm_test_mkdtemp(), *clip_dir = ggdm_test_path(dir, "clip");
    char *copy = ggdm_test_path(dir, "copy");
    assert_int_equal(mkdir(clip_dir, 0777), 0);
    assert_int_equal(mkdir(copy, 0777), 0);
    write_file(clip_dir, "bpe_simple_vocab_16e6.txt", "title\na b</w>\n");
    for (int i = 0; i < 2; i++) {
        char *other = ggdm_test_path(dir, others[i]);
        assert_int_equal(mkdir(other, 0777), 0);
        write_file(other, "vocab.json", SMALL);
        write_file(other, "merges.txt", "");
        free(other);
    }
    ggdm_test_ok(ggdm_tokenizer_copy(clip_dir, copy, &err), &err);
    ggdm_tokenizer *read = open_dir(clip_dir), *written = open_dir(copy);
    assert_non_null(written);
    assert_memory_equal(ggdm_tokenizer_digest(read), ggdm_tokenizer_digest(written), 32);
    ggdm_tokenizer_destroy(&read);
    ggdm_tokenizer_destroy(&written);
    free(copy);
    free(clip_dir);
    ggdm_test_rmdir(dir);
}

static void test_tokenizer_json_alone_is_refused(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp();
    ggdm_error err = {0};
    ggdm_tokenizer *t;
    write_file(dir, "tokenizer.json", "{}");
    ggdm_test_error(ggdm_tokenizer_open(dir, &t, &err), &err, GGDM_EUNSUPPORTED,
                    "there is only tokenizer.json, expected vocab.json and merges.txt");
    ggdm_test_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokenizer_ids_are_those_of_openai),
        cmocka_unit_test(test_tokenizer_published_ids),
        cmocka_unit_test(test_tokenizer_pads_and_cuts),
        cmocka_unit_test(test_tokenizer_refuses_texts),
        cmocka_unit_test(test_tokenizer_reads_openai_files),
        cmocka_unit_test(test_tokenizer_small_vocabulary),
        cmocka_unit_test(test_tokenizer_refuses_broken_files),
        cmocka_unit_test(test_tokenizer_refuses_tokens_without_measure),
        cmocka_unit_test(test_tokenizer_entities_end),
        cmocka_unit_test(test_tokenizer_is_found),
        cmocka_unit_test(test_tokenizer_is_copied_from_where_it_is_read),
        cmocka_unit_test(test_tokenizer_json_alone_is_refused),
    };
    open_clip(NULL);
    const int failed = ggdm_test_main(tests);
    close_clip(NULL);
    return failed;
}
