/* Seeded mutations of messages: never a crash, and what is accepted packs again to the same. */
#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "jobs/messages.h"

static ggdm_segment segments[] = {{-1, 0, 10, 0.5, 3, -1},
                                  {0, 10, 100, 0, -1, 7},
                                  {0, 10, 50, 0.5, 3, -1},
                                  {2, 50, 100, 0, -1, 8}};
static float logp[] = {-0.1f, -2.5f, -7};
static uint8_t png[40] = "\x89PNG";

typedef ggdm_status (*repack_fn)(ggdm_wire *in, ggdm_wire *out);

static ggdm_status repack_job(ggdm_wire *in, ggdm_wire *out)
{
    ggdm_job job;
    GGDM_TRY(ggdm_job_unpack(&job, in, NULL));
    return ggdm_job_pack(&job, out, NULL);
}

static ggdm_status repack_unit(ggdm_wire *in, ggdm_wire *out)
{
    ggdm_unit unit;
    ggdm_status st = ggdm_unit_unpack(&unit, in, NULL);
    if (st == GGDM_OK)
        st = ggdm_unit_pack(&unit, out, NULL);
    ggdm_unit_deinit(&unit);
    return st;
}

static ggdm_status repack_image(ggdm_wire *in, ggdm_wire *out)
{
    ggdm_image image;
    ggdm_status st = ggdm_image_unpack(&image, in, NULL);
    if (st == GGDM_OK)
        st = ggdm_image_pack(&image, out, NULL);
    ggdm_image_deinit(&image);
    return st;
}

static void pack_sample(int kind, ggdm_wire *w)
{
    const ggdm_job job = {.steps = 100, .precision = GGDM_PRECISION_FP32, .batch = 8, .threads = 1};
    const ggdm_unit unit = {
        .id = 5, .image_first = 4, .image_count = 4, .n_segments = 4, .segments = segments};
    const ggdm_image image = {.trajectory = 8,
                              .diverged_step = -1,
                              .n_guide = 3,
                              .guide_logp = logp,
                              .n_judge = 2,
                              .judge_logp = logp,
                              .png_size = sizeof png,
                              .png = png};
    ggdm_error err;
    ggdm_test_ok(kind == 0   ? ggdm_job_pack(&job, w, &err)
                 : kind == 1 ? ggdm_unit_pack(&unit, w, &err)
                             : ggdm_image_pack(&image, w, &err),
                 &err);
}

static void test_fuzz_wire_mutations_give_clean_statuses(void **state)
{
    (void)state;
    static const repack_fn repack[] = {repack_job, repack_unit, repack_image};
    static const uint8_t edges[] = {0, 1, 0x7F, 0x80, 0xFF};
    ggdm_test_rng rng = ggdm_test_rng_init(ggdm_test_mix(ggdm_test_seed(), "fuzz wire", 0));
    int accepted = 0;
    for (int i = 0; i < 20000; i++) {
        int kind = (int)ggdm_test_below(&rng, 3);
        ggdm_wire w, in, out;
        ggdm_wire_init(&w);
        ggdm_wire_init(&out);
        pack_sample(kind, &w);
        for (int64_t k = ggdm_test_below(&rng, 4); k >= 0; k--)
            w.data[ggdm_test_below(&rng, (int64_t)w.size)] = ggdm_test_below(&rng, 2)
                                                                 ? edges[ggdm_test_below(&rng, 5)]
                                                                 : (uint8_t)ggdm_test_bits(&rng);
        size_t n =
            ggdm_test_below(&rng, 4) ? w.size : (size_t)ggdm_test_below(&rng, (int64_t)w.size + 1);
        uint8_t *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, w.data, n);
        ggdm_wire_read(&in, exact, n);
        ggdm_status st = repack[kind](&in, &out);
        assert_true(st == GGDM_OK || st == GGDM_EFORMAT);
        if (st == GGDM_OK) {
            accepted++;
            assert_int_equal(out.size, in.pos);
            assert_memory_equal(out.data, exact, out.size);
        }
        free(exact);
        ggdm_wire_deinit(&w);
        ggdm_wire_deinit(&out);
    }
    assert_true(accepted > 1000 && accepted < 19000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fuzz_wire_mutations_give_clean_statuses),
    };
    return ggdm_test_main(tests);
}
