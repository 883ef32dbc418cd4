#include "tests/support/ggdm_test.h"

#include <stdlib.h>
#include <string.h>

#include "models/train/train_recipe.h"
#include "tests/support/tiny_model.h"

static char *dir;

static int setup(void **state)
{
    (void)state;
    dir = ggdm_test_mkdtemp();
    char *path = ggdm_test_path(dir, "net.json");
    ggdm_test_write(path, ggdm_tiny_cnn_config, strlen(ggdm_tiny_cnn_config));
    free(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ggdm_test_rmdir(dir);
    return 0;
}

static ggdm_status read_text(const char *text, ggdm_recipe *r, ggdm_error *err)
{
    char *path = ggdm_test_path(dir, "r.yaml");
    ggdm_test_write(path, text, strlen(text));
    ggdm_status st = ggdm_recipe_read(path, r, err);
    free(path);
    return st;
}

#define HEAD "name: x\nobjective: classifier\nconfig: net.json\nimages: 100\nbatch: 8\n"

static void test_recipe_good_file_is_read(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_recipe r, other;
    ggdm_test_ok(read_text(HEAD "seed: 5\ndata: {dir: d, part: second}\n"
                                "optimizer: {lr: 0.5, weight_decay: 0.1}\n"
                                "augment: {rotate: 10}\nlabel_smoothing: 0.1\n",
                           &r, &err),
                 &err);
    assert_int_equal(r.objective, GGDM_OBJECTIVE_CLASSIFIER);
    assert_int_equal(r.part, GGDM_PART_SECOND);
    assert_int_equal(r.seed, 5);
    assert_string_equal(r.data_dir, "d");
    assert_string_equal(r.config, ggdm_tiny_cnn_config);
    assert_true(r.optim.lr == 0.5 && r.optim.weight_decay == 0.1 && r.augment.rotate == 10);
    assert_true(r.optim.beta2 == 0.999); /* default */
    assert_int_equal(ggdm_recipe_steps(&r), 13);
    ggdm_test_ok(read_text(HEAD "seed: 6\n", &other, &err), &err);
    assert_string_equal(other.data_dir, "data/mnist");
    assert_string_not_equal(r.digest, other.digest);
    ggdm_recipe_deinit(&r);
    ggdm_recipe_deinit(&other);
}

static void test_recipe_data_beside_it_are_found(void **state)
{
    (void)state;
    ggdm_error err = {0};
    ggdm_recipe r;
    char *data = ggdm_test_path(dir, "pictures");
    ggdm_test_write(data, "", 0);
    ggdm_test_ok(read_text(HEAD "data: {dir: pictures}\n", &r, &err), &err);
    assert_string_equal(r.data_dir, data);
    ggdm_recipe_deinit(&r);
    free(data);
}

static const struct {
    const char *text;
    ggdm_status code;
    const char *message;
} bad[] = {
    {"", GGDM_EINVAL, "r.yaml:1:1: the file is empty"},
    {"name: [", GGDM_EFORMAT, "r.yaml:2:1"},
    {HEAD "lr: 1\n", GGDM_EINVAL, "r.yaml:6"},
    {HEAD "optimizer: {learning_rate: 1}\n", GGDM_EINVAL, "learning_rate"},
    {HEAD "optimizer: 3\n", GGDM_EINVAL, "optimizer"},
    {HEAD "optimizer: {lr: fast}\n", GGDM_EINVAL, "'fast'"},
    {HEAD "optimizer: {lr: 0.1, lr_floor: 0.2}\n", GGDM_EINVAL, "expected at most lr"},
    {HEAD "data: {part: third}\n", GGDM_EINVAL, "'third'"},
    {HEAD "data: {test_share: 2}\n", GGDM_EINVAL, "test_share"},
    {HEAD "diffusion: {timesteps: 10}\n", GGDM_EINVAL, "no meaning for objective 'classifier'"},
    {"name: x\nobjective: gan\nconfig: net.json\nimages: 1\nbatch: 1\n", GGDM_EINVAL, "'gan'"},
    {"name: x\nobjective: ddpm\nconfig: net.json\nimages: 1\nbatch: 1\nlabel_smoothing: 0.1\n",
     GGDM_EINVAL, "label_smoothing': has no meaning for objective 'ddpm'"},
    {"name: x\nobjective: ddpm\nconfig: net.json\nimages: 1\nbatch: 0\n", GGDM_EINVAL, "batch"},
    {"name: x\nobjective: ddpm\nconfig: none.json\nimages: 1\nbatch: 1\n", GGDM_EIO, "none.json"},
#define NOISY "name: x\nobjective: ddpm\nconfig: net.json\nimages: 1\nbatch: 1\n"
    {NOISY "diffusion: {beta_schedule: cosine}\n", GGDM_EINVAL, "'cosine', expected linear"},
    {NOISY "diffusion: {beta_schedule: squaredcos_cap_v2, beta_end: 0.02}\n", GGDM_EINVAL,
     "'diffusion.beta_end': has no meaning for beta_schedule 'squaredcos_cap_v2'"},
    {NOISY "diffusion: {rescale_betas_zero_snr: true}\n", GGDM_EINVAL,
     "'true', expected false with prediction_type epsilon"},
    {NOISY "diffusion: {rescale_betas_zero_snr: true, timesteps: 1, prediction_type: sample}\n",
     GGDM_EINVAL, "'true', expected false with timesteps 1"},
    {"objective: ddpm\nconfig: net.json\nimages: 1\nbatch: 1\n", GGDM_EINVAL, "name"},
};

static void test_recipe_bad_file_is_error_with_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ggdm_error err = {0};
        ggdm_recipe r;
        ggdm_status st = read_text(bad[i].text, &r, &err);
        if (st != bad[i].code || !strstr(err.msg, bad[i].message))
            ggdm_test_fail("%s\ngives %d '%s', expected %d '%s'", bad[i].text, st, err.msg,
                           bad[i].code, bad[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_recipe_good_file_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recipe_data_beside_it_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recipe_bad_file_is_error_with_place, setup, teardown),
    };
    return ggdm_test_main(tests);
}
