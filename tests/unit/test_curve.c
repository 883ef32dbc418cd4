#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "models/train/curve.h"

static void add(ggdm_curve *c, int64_t step, double val_loss, double val_accuracy)
{
    ggdm_error err = {0};
    const ggdm_curve_row row = {step, step * 10, 1.0 / (double)step, 1e-3,
                                50,   val_loss,  val_accuracy};
    ggdm_test_ok(ggdm_curve_add(c, &row, &err), &err);
}

static void test_curve_resumed_run_drops_rows_after_its_step(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_curve c;
    char *dir = ggdm_test_mkdtemp(), *path = ggdm_test_path(dir, "curve.csv");
    ggdm_test_ok(ggdm_curve_open(path, 0, &c, &err), &err);
    add(&c, 5, -1, -1);
    add(&c, 10, 0.25, 0.5);
    add(&c, 15, 0.125, -1);
    ggdm_curve_close(&c);
    ggdm_test_ok(ggdm_curve_open(path, 10, &c, &err), &err); /* killed after 15, saved at 10 */
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
    ggdm_test_ok(ggdm_curve_open(path, 100, &c, &err), &err); /* nothing in it can be understood */
    assert_int_equal(c.n, 0);
    add(&c, 1, -1, -1);
    ggdm_curve_close(&c);
    ggdm_test_ok(ggdm_curve_open(path, 0, &c, &err), &err);
    assert_int_equal(c.n, 0);
    ggdm_curve_close(&c);
    free(path);
    ggdm_test_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curve_resumed_run_drops_rows_after_its_step),
        cmocka_unit_test(test_curve_new_run_starts_anew),
    };
    return ggdm_test_main(tests);
}
