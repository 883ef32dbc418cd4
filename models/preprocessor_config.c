#include "models/preprocessor_config.h"

#include <math.h>
#include <string.h>

#include "common/json.h"
#include "common/json_write.h"

#define MAX_JSON (1u << 20)

typedef struct raw_config {
    ggdm_doubles mean, std;
    double factor;
    bool normalise, rescale;
} raw_config;

#define AT(member) offsetof(raw_config, member)
static const ggdm_field fields[] = {
    {"image_mean", GGDM_FIELD_DOUBLES, AT(mean), .lo = -100, .hi = 100},
    {"image_std", GGDM_FIELD_DOUBLES, AT(std), .lo = 1e-4, .hi = 100},
    {"do_normalize", GGDM_FIELD_BOOL, .offset = AT(normalise)},
    {"do_rescale", GGDM_FIELD_BOOL, .offset = AT(rescale)},
    {"rescale_factor", GGDM_FIELD_DOUBLE, AT(factor), .lo = 0, .hi = 1},
    {0}};

/* How images are read, converted, resized and cut before. */
static const char *const ignored[] = {"crop_size",
                                      "data_format",
                                      "default_to_square",
                                      "device",
                                      "disable_grouping",
                                      "do_center_crop",
                                      "do_convert_rgb",
                                      "do_pad",
                                      "do_resize",
                                      "feature_extractor_type",
                                      "image_processor_type",
                                      "input_data_format",
                                      "pad_size",
                                      "processor_class",
                                      "resample",
                                      "return_tensors",
                                      "size",
                                      "size_divisor",
                                      "_valid_processor_keys",
                                      NULL};

/* A list of one number for each channel, where there is one. */
static ggdm_status take(const ggdm_node *root, const char *key, const ggdm_doubles *list, int n,
                        double *out, ggdm_error *err)
{
    if (list->count == 0)
        return GGDM_OK;
    if (list->count != (size_t)n)
        return ggdm_node_fail(ggdm_node_get(root, key), err,
                              "a list of %zu, expected %d (channels)", list->count, n);
    memcpy(out, list->data, list->count * sizeof *out);
    return GGDM_OK;
}

static ggdm_status take_all(const ggdm_node *root, const raw_config *raw, ggdm_normal *normal,
                            ggdm_error *err)
{
    if (!raw->rescale)
        return ggdm_node_expected(ggdm_node_get(root, "do_rescale"), err, "true");
    if (fabs(raw->factor * 255 - 1) > 1e-6)
        return ggdm_node_expected(ggdm_node_get(root, "rescale_factor"), err, "1/255");
    GGDM_TRY(take(root, "image_mean", &raw->mean, normal->n, normal->mean, err));
    GGDM_TRY(take(root, "image_std", &raw->std, normal->n, normal->std, err));
    for (int c = 0; !raw->normalise && c < normal->n; c++) {
        normal->mean[c] = 0;
        normal->std[c] = 1;
    }
    return GGDM_OK;
}

ggdm_status ggdm_preprocessor_config_read(const char *json, const char *where, ggdm_normal *normal,
                                          ggdm_error *err)
{
    raw_config raw = {.factor = 1 / 255.0, .normalise = true, .rescale = true};
    ggdm_doc *doc = NULL;
    GGDM_TRY(ggdm_json_parse(json, strlen(json), MAX_JSON, where, &doc, err));
    ggdm_status st = ggdm_fields_read(doc->root, fields, ignored, &raw, err);
    if (st == GGDM_OK)
        st = take_all(doc->root, &raw, normal, err);
    ggdm_fields_release(fields, &raw);
    ggdm_doc_destroy(&doc);
    return st;
}

ggdm_status ggdm_preprocessor_config_text(const ggdm_normal *normal, char **out, ggdm_error *err)
{
    ggdm_json j;
    ggdm_json_init(&j, GGDM_JSON_LINE);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_doubles(&j, "image_mean", normal->mean, normal->n);
    ggdm_json_put_doubles(&j, "image_std", normal->std, normal->n);
    ggdm_json_end(&j);
    return ggdm_json_finish(&j, out, NULL, err);
}
