/* What the coordinator and the workers send each other: jobs, units, samples, packets. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/protocol.h"

typedef ggdm_status (*repack_fn)(ggdm_wire *in, ggdm_wire *out, ggdm_error *err);

static ggdm_status repack_job(ggdm_wire *in, ggdm_wire *out, ggdm_error *err)
{
    ggdm_job job;
    GGDM_TRY(ggdm_job_unpack(&job, in, err));
    return ggdm_job_pack(&job, out, err);
}

static ggdm_status repack_unit(ggdm_wire *in, ggdm_wire *out, ggdm_error *err)
{
    ggdm_unit unit;
    ggdm_status st = ggdm_unit_unpack(&unit, in, err);
    if (st == GGDM_OK)
        st = ggdm_unit_pack(&unit, out, err);
    ggdm_unit_deinit(&unit);
    return st;
}

static ggdm_status repack_sample(ggdm_wire *in, ggdm_wire *out, ggdm_error *err)
{
    ggdm_sample sample;
    ggdm_status st = ggdm_sample_unpack(&sample, in, err);
    if (st == GGDM_OK)
        st = ggdm_sample_pack(&sample, out, err);
    ggdm_sample_deinit(&sample);
    return st;
}

/* What is accepted as a job, unit or sample is packed to the same bytes again. */
static ggdm_status repack(int kind, const uint8_t *data, size_t size, ggdm_error *err)
{
    static const repack_fn kinds[] = {repack_job, repack_unit, repack_sample};
    ggdm_wire in, out;
    ggdm_wire_read(&in, data, size);
    ggdm_wire_init(&out);
    ggdm_status st = kinds[kind](&in, &out, err);
    if (st == GGDM_OK) {
        assert_int_equal(out.size, in.pos);
        assert_memory_equal(out.data, data, out.size);
    }
    ggdm_wire_deinit(&out);
    return st;
}

/* The first byte says what it is: a packet's tag, or a struct. */
bool ggdm_fuzz_wire(const uint8_t *data, size_t size)
{
    enum { TAGS = 16 };
    ggdm_error err = {0};
    if (size == 0)
        return false;
    int kind = data[0] % (TAGS + 4);
    data++, size--;
    ggdm_packet packet = {.from = 1, .size = size};
    packet.data = (uint8_t *)ggdm_fuzz_text(data, size);
    ggdm_status st;
    if (kind < 3) {
        st = repack(kind, data, size, &err);
    } else if (kind == 3) {
        ggdm_unit unit = {0};
        st = ggdm_unit_receive(&packet, &unit, &err);
        ggdm_unit_deinit(&unit);
    } else {
        ggdm_report report;
        packet.tag = (ggdm_tag)(kind - 4);
        st = ggdm_report_unpack(&packet, &report, &err);
        ggdm_report_deinit(&report);
    }
    ggdm_fuzz_clean(st, &err);
    free(packet.data);
    return st == GGDM_OK;
}

/* What was read is written again as it was, and has bands. */
bool ggdm_fuzz_record(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_record r;
    uint8_t *exact = (uint8_t *)ggdm_fuzz_text(data, size);
    ggdm_status st = ggdm_record_read(exact, size, &r, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK) {
        const ggdm_record twice[] = {r, r};
        ggdm_record_bands bands;
        ggdm_wire out;
        ggdm_wire_init(&out);
        ggdm_record_write(&r, &out);
        assert_int_equal(out.size, size);
        ggdm_test_ok(ggdm_record_bands_make(twice, 2, &bands, &err), &err);
        assert_true(bands.n_points <= r.n_points && bands.n_terms <= r.n_terms);
        for (int32_t i = 0; i < bands.n_points; i++)
            assert_true(bands.counts[i] == 2 && bands.clamped[i].low <= bands.clamped[i].high);
        ggdm_record_bands_deinit(&bands);
        ggdm_wire_deinit(&out);
    }
    ggdm_record_deinit(&r);
    free(exact);
    return st == GGDM_OK;
}
