/* TorchSequential: layers as people write and as PyTorch prints them, in one form; and what cannot
 * be, named by its place.  (Its numbers are PyTorch's: tests/cli/import.sh.) */
#include "tests/support/ggdm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/arch/arch.h"

/* The network of these layers and other keys, ", \"prefix\": ...". */
static ggdm_status parse(const char *layers, const char *keys, ggdm_arch **out, ggdm_error *err)
{
    char text[2000];
    snprintf(text, sizeof text,
             "{\"_class_name\": \"TorchSequential\", \"sample_size\": 8, \"in_channels\": 2%s, "
             "\"layers\": [%s]}",
             keys, layers);
    return ggdm_arch_parse(text, strlen(text), "c.json", out, err);
}

#define END ", \"Flatten()\", \"Linear(128, 3)\""

static void same_text(const char *a, const char *b, const char *keys_a, const char *keys_b)
{
    ggdm_arch *first = NULL, *second = NULL;
    ggdm_error err = {0};
    ggdm_test_ok(parse(a, keys_a, &first, &err), &err);
    ggdm_test_ok(parse(b, keys_b, &second, &err), &err);
    assert_string_equal(ggdm_arch_text(first), ggdm_arch_text(second));
    ggdm_arch_destroy(&first);
    ggdm_arch_destroy(&second);
}

static void test_sequential_ways_to_write_are_one(void **state)
{
    (void)state;
    same_text("\"Conv2d(2, 2, 3, 1, 1)\"" END,
              "\"Conv2d(2, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\"" END, "", "");
    same_text("\"Conv2d(2,2,(1,1),padding='valid')\"" END, "\"(0): Conv2d(2, 2, 1)\"" END, "", "");
    same_text("\"Conv2d(2, 2, 3, padding=same)\"" END, "\"Conv2d(2, 2, 3, padding='same')\"" END,
              "", "");
    same_text("\"MaxPool2d(2)\", \"Flatten()\", \"Linear(32, 3, False)\"",
              "\"MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\", "
              "\"Flatten(start_dim=1, end_dim=-1)\", "
              "\"Linear(in_features=32, out_features=3, bias=False)\"",
              "", "");
    same_text("\"Dropout(p=0.5, inplace=False)\"" END, "\"Dropout()\"" END, "", "");
    same_text("\"ReLU()\", \"Flatten()\", \"Linear(128, 3)\"",
              "\"(net.0): ReLU()\", \"(net.1): Flatten()\", \"(net.2): Linear(128, 3)\"",
              ", \"prefix\": \"net.\"", "");
    same_text("\"ReLU()\"" END, "\"ReLU()\"" END,
              ", \"image_mean\": [0.5], \"image_std\": [0.25, 0.25]",
              ", \"image_mean\": [0.5, 0.5], \"image_std\": [0.25]");
}

/* The longest name that ImageNet has, which has two cranes, too. */
#define DRAGONFLY                                                                                  \
    "dragonfly, darning needle, devil's darning needle, sewing needle, snake feeder, snake "       \
    "doctor, mosquito hawk, skeeter hawk"

static void test_sequential_classes_may_be_called_alike(void **state)
{
    (void)state;
    ggdm_arch *arch = NULL;
    ggdm_error err = {0};
    ggdm_test_ok(parse("\"Flatten()\", \"Linear(128, 3)\"",
                       ", \"id2label\": {\"0\": \"crane\", \"1\": \"" DRAGONFLY
                       "\", \"2\": \"crane\"}",
                       &arch, &err),
                 &err);
    const ggdm_class_groups *classes = ggdm_arch_get_info(arch).classes;
    assert_int_equal(ggdm_class_find(classes, "crane", 0), 0);
    assert_int_equal(ggdm_class_find(classes, "crane", 1), 2);
    assert_int_equal(ggdm_class_find(classes, "crane", 3), -1);
    assert_int_equal(ggdm_class_find(classes, DRAGONFLY, 0), 1);
    ggdm_arch_destroy(&arch);
}

static void test_sequential_says_what_it_is(void **state)
{
    (void)state;
    ggdm_arch *arch = NULL;
    ggdm_error err = {0};
    ggdm_test_ok(parse("\"Conv2d(2, 4, 3)\", \"BatchNorm2d(4)\", \"AdaptiveAvgPool2d(1)\", "
                       "\"Flatten()\", \"(head): Linear(4, 2)\", \"Softmax(dim=-1)\"",
                       ", \"id2label\": {\"1\": \"cat\", \"0\": \"dog\"}", &arch, &err),
                 &err);
    const ggdm_arch_info info = ggdm_arch_get_info(arch);
    assert_int_equal(info.role, GGDM_CLASSIFIER);
    assert_int_equal(info.size, 8);
    assert_int_equal(info.channels, 2);
    assert_int_equal(info.n_classes, 2);
    assert_int_equal(ggdm_class_find(info.classes, "cat", 0), 1);
    assert_true(info.frozen);
    assert_int_equal(info.normal.n, 0);
    assert_true(ggdm_arch_has_layer(arch, "head"));
    assert_true(ggdm_arch_has_layer(arch, "1"));
    assert_false(ggdm_arch_has_layer(arch, "4"));
    ggdm_arch_destroy(&arch);
}

static void test_sequential_features_are_what_the_last_linear_layer_takes(void **state)
{
    static const struct {
        const char *layer;
        int64_t width;
    } rows[] = {{NULL, 128}, {"0", 2}, {"2", 3}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_arch *arch = NULL;
        ggdm_graph *g = NULL;
        ggdm_error err = {0};
        ggdm_test_ok(parse("\"ReLU()\"" END, "", &arch, &err), &err);
        ggdm_test_ok(ggdm_graph_create(GGDM_F32, &g, &err), &err);
        ggdm_ports p = ggdm_arch_inputs(arch, g, 1);
        p.layer = rows[i].layer;
        p.inner = true;
        ggdm_arch_emit(arch, g, &p);
        const ggdm_shape *s = ggdm_graph_shape(g, p.features);
        assert_int_equal(s->d[s->n - 1], rows[i].width);
        ggdm_graph_destroy(&g);
        ggdm_arch_destroy(&arch);
    }
}

static void test_sequential_what_cannot_be_is_named(void **state)
{
    static const struct {
        const char *layers, *text;
    } rows[] = {
        {"\"Conv3d(2, 2, 3)\"" END, "'layers[0]': layer 'Conv3d', did you mean 'Conv2d'?"},
        {"\"Transformer()\"" END, "expected one of Conv2d, BatchNorm2d"},
        {"\"Conv2d(3, 2, 1)\"" END, "takes 3 channels, but there are 2 here"},
        {"\"ReLU()\", \"Flatten()\", \"Linear(100, 3)\"", "'layers[2]': value 'Linear(100, 3)': "
                                                          "takes 100 channels, but there are 128"},
        {"\"Conv2d(2, 2)\"" END, "expected 'kernel_size', which is missing"},
        {"\"Conv2d(2, 2, 3, dilation=2)\"" END, "'dilation' 1: others are not supported"},
        {"\"Conv2d(2, 2, 1, groups=2)\"" END, "'groups' 1"},
        {"\"Conv2d(2, 2, 3, stride=3)\"" END, "at '3)': expected 'stride' 1 to 2, whole"},
        {"\"Conv2d(2, 2, 1.5)\"" END, "'kernel_size' 1 to 64, whole"},
        {"\"Conv2d(2, 2, 3, padding_mode=reflect)\"" END, "'padding_mode' (of 'zeros')"},
        {"\"Conv2d(2, 2, 3, padding=-1)\"" END, "'padding' (of 'valid')"},
        {"\"Conv2d(2, 2, 3, padding=-5)\"" END, "'padding' (of 'valid')"},
        {"\"Conv2d(2, 2, 3, padding=(0, -5))\"" END, "'padding' (of 'valid')"},
        {"\"GELU(1)\"" END, "'approximate' (of 'none')"},
        {"\"Conv2d(2, 2, 3, kernel=3)\"" END, "expected an argument of that layer"},
        {"\"Conv2d(2, 2, 3, in_channels=2)\"" END, "expected each argument once"},
        {"\"ReLU(True, False)\"" END, "expected no more arguments"},
        {"\"Conv2d(2, 2, 9)\"" END, "a window of 9 for 8 pixels"},
        {"\"MaxPool2d(3, padding=2)\"" END, "at most half a window"},
        {"\"AvgPool2d(3, 1, 1)\"" END, "count_include_pad=False"},
        {"\"GroupNorm(3, 2)\"" END, "groups that divide the channels"},
        {"\"ReLU\"" END, "expected its arguments in ()"},
        {"\"ReLU() x\"" END, "expected no more"},
        {"\"ReLU(\"" END, "expected"},
        {"\"(a b): ReLU()\"" END, "a name of letters"},
        {"\"(1): ReLU()\"" END, "there are two layers '1'"},
        {"7" END, "a layer as PyTorch prints it"},
        {"\"Linear(2, 3)\"", "expected Flatten() before it"},
        {"\"Flatten()\", \"Conv2d(128, 2, 1)\"", "stands behind Flatten"},
        {"\"Softmax()\"" END, "expected Flatten() before it"},
        {"\"Flatten()\", \"LogSoftmax(dim=1)\", \"ReLU()\"", "stands behind the softmax"},
        {"\"ReLU()\"", "ends with 2 channels of an image, expected 2 to"},
        {"", "ends with"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_arch *arch = NULL;
        ggdm_error err = {0};
        ggdm_test_error(parse(rows[i].layers, "", &arch, &err), &err, GGDM_EINVAL, rows[i].text);
    }
}

static void test_sequential_keys_that_cannot_be_are_named(void **state)
{
    static const struct {
        const char *keys, *text;
    } rows[] = {
        {", \"image_mean\": [0.5]", "field 'image_std' is missing"},
        {", \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [1]", "3 numbers, expected 1, or one"},
        {", \"image_mean\": [0.5], \"image_std\": [0]", "field 'image_std[0]'"},
        {", \"prefix\": \"a b\"", "field 'prefix': value 'a b', expected letters"},
        {", \"num_classes\": 3", "unknown key"},
        {", \"id2label\": {\"0\": \"cat\"}", "a name for each of \"0\" to \"2\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ggdm_arch *arch = NULL;
        ggdm_error err = {0};
        ggdm_test_error(parse("\"ReLU()\"" END, rows[i].keys, &arch, &err), &err, GGDM_EINVAL,
                        rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequential_ways_to_write_are_one),
        cmocka_unit_test(test_sequential_says_what_it_is),
        cmocka_unit_test(test_sequential_classes_may_be_called_alike),
        cmocka_unit_test(test_sequential_features_are_what_the_last_linear_layer_takes),
        cmocka_unit_test(test_sequential_what_cannot_be_is_named),
        cmocka_unit_test(test_sequential_keys_that_cannot_be_are_named),
    };
    return ggdm_test_main(tests);
}
