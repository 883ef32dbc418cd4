#include "tests/support/ggdm_test.h"

#include <string.h>

#include "common/hash.h"

static void test_hash_known_text_gives_published_digest(void **state)
{
    (void)state;
    /* FIPS 180-4 examples. */
    static const struct {
        const char *text, *hex;
    } cases[] = {{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                 {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                 {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t digest[GGDM_HASH_SIZE];
        char hex[GGDM_HASH_TEXT_SIZE];
        ggdm_hash_buffer(cases[i].text, strlen(cases[i].text), digest);
        ggdm_hash_hex(digest, hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

static void test_hash_in_pieces_equals_whole(void **state)
{
    (void)state;
    uint8_t data[300], whole[GGDM_HASH_SIZE], pieces[GGDM_HASH_SIZE];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    ggdm_hash_buffer(data, sizeof data, whole);
    ggdm_hash h;
    ggdm_hash_init(&h);
    for (int round = 0; round < 2; round++) { /* final starts afresh */
        for (size_t at = 0, n = 1; at < sizeof data; at += n, n = n % 90 + 13)
            ggdm_hash_update(&h, data + at, n < sizeof data - at ? n : sizeof data - at);
        ggdm_hash_final(&h, pieces);
        assert_memory_equal(pieces, whole, GGDM_HASH_SIZE);
    }
}

static void test_hash_text_keeps_borders(void **state)
{
    (void)state;
    uint8_t a[GGDM_HASH_SIZE], b[GGDM_HASH_SIZE];
    ggdm_hash h;
    ggdm_hash_init(&h);
    ggdm_hash_text(&h, "ab");
    ggdm_hash_text(&h, "c");
    ggdm_hash_final(&h, a);
    ggdm_hash_text(&h, "a");
    ggdm_hash_text(&h, "bc");
    ggdm_hash_final(&h, b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_known_text_gives_published_digest),
        cmocka_unit_test(test_hash_in_pieces_equals_whole),
        cmocka_unit_test(test_hash_text_keeps_borders),
    };
    return ggdm_test_main(tests);
}
