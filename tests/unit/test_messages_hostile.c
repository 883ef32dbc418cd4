/* Messages that somebody cut or changed: an error, or what their bytes say. */
#include "tests/support/message_fixture.h"

#include <string.h>

static void test_messages_truncated_at_every_byte_fail(void **state)
{
    (void)state;
    for (message_kind k = MESSAGE_JOB; k < MESSAGE_KINDS; k++) {
        ggdm_wire w = message_pack(k);
        ggdm_error err;
        ggdm_test_ok(message_unpack(k, w.data, w.size, &err), &err);
        for (size_t cut = 0; cut < w.size; cut++)
            ggdm_test_error(message_unpack(k, w.data, cut, &err), &err, GGDM_EFORMAT, "malformed");
        ggdm_wire_deinit(&w);
    }
}

/* message_unpack checks what was accepted. */
static void test_messages_with_any_changed_bit_fail_or_say_what_their_bytes_say(void **state)
{
    (void)state;
    for (message_kind k = MESSAGE_JOB; k < MESSAGE_KINDS; k++) {
        ggdm_wire w = message_pack(k);
        ggdm_error err;
        int accepted = 0, refused = 0;
        for (size_t bit = 0; bit < 8 * w.size; bit++) {
            w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            ggdm_status st = message_unpack(k, w.data, w.size, &err);
            if (st != GGDM_OK)
                ggdm_test_error(st, &err, GGDM_EFORMAT, "malformed");
            *(st == GGDM_OK ? &accepted : &refused) += 1;
            w.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_true(accepted > 0 && refused > 0);
        ggdm_wire_deinit(&w);
    }
}

/* Every byte of the messages is any byte: nothing but an error or a message. */
static void test_messages_of_random_bytes_never_crash(void **state)
{
    (void)state;
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "messages", 0));
    for (int round = 0; round < 20000; round++) {
        message_kind k = (message_kind)ggdm_test_below(&rng, MESSAGE_KINDS);
        ggdm_wire w = message_pack(k);
        ggdm_error err;
        for (int64_t n = 1 + ggdm_test_below(&rng, 4); n > 0; n--) {
            size_t at = (size_t)ggdm_test_below(&rng, (int64_t)w.size);
            w.data[at] = ggdm_test_below(&rng, 2) ? (uint8_t)ggdm_test_bits(&rng)
                                                  : (uint8_t)ggdm_test_below(&rng, 4);
        }
        ggdm_status st = message_unpack(k, w.data, w.size, &err);
        assert_true(st == GGDM_OK || st == GGDM_EFORMAT);
        ggdm_wire_deinit(&w);
    }
}

/* Wherever four bytes are a count, any count: refused before memory is taken for it (a limit of the
 * address space would be met otherwise; ASAN refuses what is larger than all memory). */
static void test_messages_with_huge_counts_fail_without_allocating(void **state)
{
    (void)state;
    static const uint32_t counts[] = {UINT32_MAX, INT32_MAX, 1u << 20, 1u << 31};
    for (message_kind k = MESSAGE_UNIT; k < MESSAGE_KINDS; k++)
        for (size_t i = 0; i < 4; i++) {
            ggdm_wire w = message_pack(k);
            for (size_t at = 0; at + 4 <= w.size; at++) {
                uint8_t old[4];
                ggdm_error err;
                memcpy(old, w.data + at, 4);
                for (int b = 0; b < 4; b++)
                    w.data[at + (size_t)b] = (uint8_t)(counts[i] >> (8 * b));
                ggdm_status st = message_unpack(k, w.data, w.size, &err);
                assert_true(st == GGDM_OK || st == GGDM_EFORMAT); /* never GGDM_ENOMEM */
                memcpy(w.data + at, old, 4);
            }
            ggdm_wire_deinit(&w);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_truncated_at_every_byte_fail),
        cmocka_unit_test(test_messages_with_any_changed_bit_fail_or_say_what_their_bytes_say),
        cmocka_unit_test(test_messages_of_random_bytes_never_crash),
        cmocka_unit_test(test_messages_with_huge_counts_fail_without_allocating),
    };
    return ggdm_test_main(tests);
}
