#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "models/train/curve.h"
#include "models/train/noising.h"

static const ggdm_measures none;

static void add(ggdm_curve *c, int64_t step, double val_loss, double val_accuracy)
{
    ggdm_error err = {0};
    const ggdm_curve_row row = {step, step * 10, 1.0 / (double)step, 1e-3,
                                50,   val_loss,  val_accuracy,       {0}};
    ggdm_test_ok(ggdm_curve_add(c, &row, &err), &err);
}

static void test_curve_resumed_run_drops_rows_after_its_step(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_curve c;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "curve.csv");
    ggdm_test_ok(ggdm_curve_open(path, 0, &none, &c, &err), &err);
    add(&c, 5, -1, -1);
    add(&c, 10, 0.25, 0.5);
    add(&c, 15, 0.125, -1);
    ggdm_curve_close(&c);
    ggdm_test_ok(ggdm_curve_open(path, 10, &none, &c, &err),
                 &err); /* killed after 15, saved at 10 */
    assert_int_equal(c.n, 2);
    assert_int_equal(c.rows[0].images, 50);
    assert_true(c.rows[0].val_loss < 0 && c.rows[0].val_accuracy < 0);
    assert_true(c.rows[1].val_loss == 0.25 && c.rows[1].val_accuracy == 0.5);
    add(&c, 15, 0.5, -1);
    ggdm_curve_close(&c);
    char *text = ggdm_test_read(path, NULL);
    assert_string_equal(text, "step,images,loss,lr,images_per_second,val_loss,val_accuracy\n"
                              "5,50,0.200000,0.001,50.0,,\n"
                              "10,100,0.100000,0.001,50.0,0.250000,0.500000\n"
                              "15,150,0.066667,0.001,50.0,0.500000,\n");
    free(text);
    free(path);
    ggdm_test_rmdir(dir);
}

static void test_curve_new_run_starts_anew(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_curve c;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "curve.csv");
    ggdm_test_write(path, "rubbish\n1,2\n5,50,nonsense\n", 27);
    ggdm_test_ok(ggdm_curve_open(path, 100, &none, &c, &err),
                 &err); /* nothing in it can be understood */
    assert_int_equal(c.n, 0);
    add(&c, 1, -1, -1);
    ggdm_curve_close(&c);
    ggdm_test_ok(ggdm_curve_open(path, 0, &none, &c, &err), &err);
    assert_int_equal(c.n, 0);
    ggdm_curve_close(&c);
    free(path);
    ggdm_test_rmdir(dir);
}

/* Of a network that is told the timestep: a column for each band, kept over an interruption. */
static void test_curve_has_a_column_for_each_band_of_timesteps(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_curve c;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "curve.csv");
    ggdm_measures bands = none;
    for (int i = 0; i < GGDM_T_BANDS; i++)
        ggdm_measures_add(&bands, "accuracy_t%d", (int)ggdm_band_begin(25, i));
    ggdm_curve_row rows[2] = {{5, 50, 0.5, 1e-3, 50, -1, -1, {0}},
                              {10, 100, 0.25, 1e-3, 50, 0.5, 0.75, {0}}};
    for (int i = 0; i < GGDM_MEASURES; i++) {
        rows[0].measured[i] = -1;
        rows[1].measured[i] =
            i == 1 || i >= GGDM_T_BANDS ? -1 : 1 - i / 16.0; /* no image in the second */
    }
    ggdm_test_ok(ggdm_curve_open(path, 0, &bands, &c, &err), &err);
    for (int i = 0; i < 2; i++)
        ggdm_test_ok(ggdm_curve_add(&c, &rows[i], &err), &err);
    ggdm_curve_close(&c);
    char *written = ggdm_test_read(path, NULL);
    assert_string_equal(written,
                        "step,images,loss,lr,images_per_second,val_loss,val_accuracy,accuracy_t0,"
                        "accuracy_t3,accuracy_t5,accuracy_t8,accuracy_t10,accuracy_t13,"
                        "accuracy_t15,accuracy_t18,accuracy_t20,accuracy_t23\n"
                        "5,50,0.500000,0.001,50.0,,,,,,,,,,,,\n"
                        "10,100,0.250000,0.001,50.0,0.500000,0.750000,1.000000,,0.875000,0.812500,"
                        "0.750000,0.687500,0.625000,0.562500,0.500000,0.437500\n");
    ggdm_test_ok(ggdm_curve_open(path, 10, &bands, &c, &err), &err);
    assert_int_equal(c.n, 2);
    assert_memory_equal(c.rows[1].measured, rows[1].measured, GGDM_T_BANDS * sizeof(double));
    ggdm_curve_close(&c);
    char *again = ggdm_test_read(path, NULL);
    assert_string_equal(again, written);
    free(again);
    free(written);
    free(path);
    ggdm_test_rmdir(dir);
}

static void test_curve_bands_divide_the_timesteps(void **state)
{
    (void)state;
    static const int32_t timesteps[] = {1, 7, 10, 50, 1000, 100000};
    for (size_t k = 0; k < sizeof timesteps / sizeof *timesteps; k++) {
        const int32_t n = timesteps[k];
        assert_int_equal(ggdm_band_begin(n, 0), 0);
        assert_int_equal(ggdm_band_begin(n, GGDM_T_BANDS), n);
        for (int i = 0; i < GGDM_T_BANDS; i++)
            for (int32_t t = ggdm_band_begin(n, i); t < ggdm_band_begin(n, i + 1); t++)
                assert_int_equal((int64_t)t * GGDM_T_BANDS / n, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curve_resumed_run_drops_rows_after_its_step),
        cmocka_unit_test(test_curve_new_run_starts_anew),
        cmocka_unit_test(test_curve_has_a_column_for_each_band_of_timesteps),
        cmocka_unit_test(test_curve_bands_divide_the_timesteps),
    };
    return ggdm_test_main(tests);
}
