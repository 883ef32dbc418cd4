/* Records of images as bytes, untrusted ones too; the points of a chain; what the records of a
 * cell's images say together, against quantiles by hand. */
#include "jobs/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ggdm_test.h"

/* ---- points --------------------------------------------------------------------------------- */

static void test_record_points_are_even_and_found_by_their_step(void **state)
{
    (void)state;
    static const int32_t chains[] = {1, 2, 3, 49, 50, 51, 250, 999, 1000, 99999};
    static const int32_t wished[] = {1, 2, 3, 50, 1000};
    for (int c = 0; c < 10; c++)
        for (int w = 0; w < 5; w++) {
            const int32_t steps = chains[c], n = ggdm_record_points(steps, wished[w]);
            int32_t found = 0;
            assert_int_equal(n, steps < wished[w] ? steps : wished[w]);
            for (int32_t s = 0; s < steps; s++) {
                const int32_t i = ggdm_record_point_at(steps, n, s);
                assert_true(i == -1 || (i == found && ggdm_record_step(steps, n, i) == s));
                found += i >= 0;
            }
            assert_int_equal(found, n);
            for (int32_t i = 1; i < n; i++) { /* even: two distances, which differ by 1 */
                const int32_t d = ggdm_record_step(steps, n, i) - ggdm_record_step(steps, n, i - 1);
                assert_in_range(d, (steps - 1) / (n - 1), (steps - 1 + n - 2) / (n - 1));
            }
            if (n > 1)
                assert_int_equal(ggdm_record_step(steps, n, n - 1), steps - 1);
        }
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static ggdm_record make(int32_t n_terms, int32_t n_points, bool diverged)
{
    static const char *const names[] = {"classifier", "tv-2"};
    ggdm_record r = {.diverged = diverged, .n_terms = n_terms, .n_points = n_points};
    const int32_t width = ggdm_record_width(n_terms);
    for (int32_t k = 0; k < n_terms; k++)
        strcpy(r.terms[k], names[k]);
    r.points = ggdm_test_alloc((size_t)(n_points * width) + 1, sizeof *r.points);
    for (int32_t i = 0; i < n_points; i++) {
        r.points[i * width] = (float)(3 * i);
        r.points[i * width + 1] = (float)i / 100;
        for (int32_t k = 2; k < width; k++)
            r.points[i * width + k] = i == 1 ? NAN : (float)(100 * k + i);
    }
    return r;
}

static void write(const ggdm_record *r, ggdm_wire *out)
{
    ggdm_error err;
    ggdm_wire_init(out);
    ggdm_record_write(r, out);
    ggdm_test_ok(ggdm_wire_status(out, "record", &err), &err);
}

static void test_record_comes_back_from_its_bytes(void **state)
{
    (void)state;
    for (int32_t terms = 0; terms <= 2; terms++)
        for (int32_t points = 0; points <= 4; points += 2) {
            ggdm_record r = make(terms, points, points == 2), back;
            ggdm_wire w;
            ggdm_error err;
            write(&r, &w);
            ggdm_test_ok(ggdm_record_read(w.data, w.size, &back, &err), &err);
            assert_int_equal(back.diverged, r.diverged);
            assert_int_equal(back.n_terms, terms);
            assert_int_equal(back.n_points, points);
            for (int32_t k = 0; k < terms; k++)
                assert_string_equal(back.terms[k], r.terms[k]);
            assert_memory_equal(back.points, r.points,
                                sizeof(float) * (size_t)(points * ggdm_record_width(terms)));
            ggdm_wire_deinit(&w);
            ggdm_record_deinit(&back);
            ggdm_record_deinit(&r);
        }
}

/* Change one byte, or one number of a point, and see it refused. */
static void refused(size_t at, const void *bytes, size_t n, size_t size, const char *why)
{
    ggdm_record r = make(1, 3, false), back;
    ggdm_wire w;
    ggdm_error err = {0};
    write(&r, &w);
    assert_true(at + n <= w.size);
    memcpy(w.data + at, bytes, n);
    ggdm_test_error(ggdm_record_read(w.data, size ? size : w.size, &back, &err), &err, GGDM_EFORMAT,
                    why);
    assert_null(back.points);
    ggdm_record_deinit(&r);
    ggdm_wire_deinit(&w);
}

static void test_record_bytes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    enum { NAME = 4, POINTS = NAME + 10, POINT = 5 * 4 };
    static const float twice = 0, fraction = 1.5F, far = 100000, none = NAN, more = 1.01F;
    refused(0, "\2", 1, 0, "version 2");
    refused(1, "\2", 1, 0, "diverged 2");
    refused(2, "\21", 1, 0, "17 terms");
    refused(3, "\0", 1, 0, "a name of 0 bytes");
    refused(3, "\20", 1, 0, "a name of 16 bytes");
    refused(NAME, "<", 1, 0, "a name that is none");
    refused(NAME + 2, "\0", 1, 0, "a name that is none");
    refused(POINTS + POINT, &twice, 4, 0, "point 1 of step 0");
    refused(POINTS + POINT, &fraction, 4, 0, "point 1 of step 1.5");
    refused(POINTS + 2 * POINT, &far, 4, 0, "point 2 of step 100000");
    refused(POINTS + POINT, &none, 4, 0, "point 1 of step");
    refused(POINTS + 4, &more, 4, 0, "a share of 1.01");
    refused(POINTS + 4, &none, 4, 0, "clamped");
    refused(0, "\1", 1, POINTS + POINT + 1, "bytes of points");
    refused(0, "\1", 1, 2, "record");
    refused(0, "\1", 1, NAME + 3, "record");
}

static void test_record_of_too_many_points_is_refused(void **state)
{
    (void)state;
    for (int32_t points = GGDM_MAX_RECORD_POINTS + 1; points <= GGDM_MAX_RECORD_POINTS + 2;
         points++) {
        ggdm_record r = make(0, points, false), back;
        ggdm_wire w;
        ggdm_error err = {0};
        for (int32_t i = 0; i < points; i++)
            r.points[2 * i + 1] = 0;
        write(&r, &w);
        ggdm_status st = ggdm_record_read(w.data, w.size, &back, &err);
        assert_int_equal(st, points > GGDM_MAX_RECORD_POINTS + 1 ? GGDM_EFORMAT : GGDM_OK);
        ggdm_record_deinit(&back);
        ggdm_record_deinit(&r);
        ggdm_wire_deinit(&w);
    }
}

/* ---- bands ---------------------------------------------------------------------------------- */

/* A record of clamped and one loss, at steps 0, 3, 6, ... */
static ggdm_record of_loss(const char *term, int32_t points, bool diverged, float loss)
{
    ggdm_record r = make(1, points, diverged);
    snprintf(r.terms[0], sizeof r.terms[0], "%s", term);
    for (int32_t i = 0; i < points; i++) {
        r.points[5 * i + 2] = loss + (float)i;
        r.points[5 * i + 4] = NAN;
    }
    return r;
}

static void assert_band(ggdm_band b, double low, double middle, double high)
{
    assert_true(fabs(b.low - low) < 1e-6);
    assert_true(fabs(b.middle - middle) < 1e-6);
    assert_true(fabs(b.high - high) < 1e-6);
}

static void test_record_bands_are_quantiles_over_images(void **state)
{
    (void)state;
    ggdm_record records[5];
    ggdm_record_bands b;
    ggdm_error err;
    static const float losses[] = {30, 10, 50, 20, 40}; /* 10 %: 14, 50 %: 30, 90 %: 46 */
    for (int i = 0; i < 5; i++)
        records[i] = of_loss("classifier", 3, false, losses[i]);
    ggdm_test_ok(ggdm_record_bands_make(records, 5, &b, &err), &err);
    assert_int_equal(b.n, 5);
    assert_int_equal(b.n_points, 3);
    assert_int_equal(b.n_terms, 1);
    assert_int_equal(b.n_diverged, 0);
    for (int32_t p = 0; p < 3; p++) {
        assert_int_equal(b.steps[p], 3 * p);
        assert_int_equal(b.counts[p], 5);
        assert_band(b.clamped[p], p / 100.0, p / 100.0, p / 100.0);
        assert_band(b.of_terms[p], 14 + p, 30 + p, 46 + p);
        assert_true(isnan(b.of_terms[2 * 3 + p].middle)); /* no cosine anywhere */
    }
    ggdm_record_bands_deinit(&b);
    for (int i = 0; i < 5; i++)
        ggdm_record_deinit(&records[i]);
}

static void test_record_bands_end_images_where_they_diverged(void **state)
{
    (void)state;
    ggdm_record records[3] = {of_loss("tv", 4, false, 1), of_loss("tv", 3, true, 5),
                              of_loss("classifier", 2, false, 7)};
    ggdm_record_bands b;
    ggdm_error err;
    records[1].points[2 * 5] = 5; /* between the others */
    ggdm_test_ok(ggdm_record_bands_make(records, 3, &b, &err), &err);
    assert_int_equal(b.n_points, 4);
    assert_int_equal(b.n_diverged, 1);
    assert_int_equal(b.diverged[0], 5);
    assert_int_equal(b.counts[1], 3);
    assert_int_equal(b.counts[2], 1);
    assert_int_equal(b.n_terms, 2);
    assert_string_equal(b.terms[0], "tv");
    assert_band(b.of_terms[0], 1.4, 3, 4.6); /* 1 and 5 */
    assert_band(b.of_terms[2], 3, 3, 3);
    assert_band(b.of_terms[3 * 4], 7, 7, 7);
    assert_true(isnan(b.of_terms[3 * 4 + 2].middle));
    ggdm_record_bands_deinit(&b);
    ggdm_test_ok(ggdm_record_bands_make(records, 0, &b, &err), &err);
    assert_int_equal(b.n_points, 0);
    ggdm_record_bands_deinit(&b);
    for (int i = 0; i < 3; i++)
        ggdm_record_deinit(&records[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_points_are_even_and_found_by_their_step),
        cmocka_unit_test(test_record_comes_back_from_its_bytes),
        cmocka_unit_test(test_record_bytes_that_do_not_fit_are_refused),
        cmocka_unit_test(test_record_of_too_many_points_is_refused),
        cmocka_unit_test(test_record_bands_are_quantiles_over_images),
        cmocka_unit_test(test_record_bands_end_images_where_they_diverged),
    };
    return ggdm_test_main(tests);
}
