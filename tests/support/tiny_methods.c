#include "tests/support/tiny_methods.h"

#include <string.h>

#include "common/yaml.h"
#include "tests/support/ggdm_test.h"
#include "worker/kinds.h"

const char *const ggdm_tiny_digests[3] = {
    "1111111111111111111111111111111111111111111111111111111111111111",
    "2222222222222222222222222222222222222222222222222222222222222222",
    "3333333333333333333333333333333333333333333333333333333333333333"};

/* ---- pictures ---- */

static const struct {
    char name;
    int32_t side, channels;
    bool mask;
} pictures[] = {{'P', 8, 1, false}, {'Q', 8, 1, false}, {'C', 8, 3, false}, {'S', 4, 1, false},
                {'M', 8, 1, true},  {'N', 8, 1, true},  {'T', 4, 1, true},  {'B', 8, 1, true}};
enum { N_PICTURES = sizeof pictures / sizeof *pictures, MAX_PIXELS = 8 * 8 * 3 };

static uint8_t pixel_of(int which, int i)
{
    const unsigned mixed = (unsigned)(i * 37 + which * 91 + i * i * 5);
    if (!pictures[which].mask)
        return (uint8_t)mixed;
    return pictures[which].name == 'B' ? 0 : mixed % 3 == 0 ? 0 : mixed % 7 == 0 ? 102 : 255;
}

static ggdm_picture make_picture(int which, uint8_t *pixels)
{
    ggdm_picture p = {.height = pictures[which].side,
                      .width = pictures[which].side,
                      .channels = pictures[which].channels,
                      .data = pixels};
    for (size_t i = 0; i < ggdm_picture_bytes(&p); i++)
        pixels[i] = pixel_of(which, (int)i);
    ggdm_picture_digest(&p, p.digest);
    return p;
}

static int picture_of(char name)
{
    int i = 0;
    while (i < N_PICTURES && pictures[i].name != name)
        i++;
    assert_true(i < N_PICTURES);
    return i;
}

ggdm_programs *ggdm_tiny_programs(const ggdm_models *models, int32_t batch)
{
    ggdm_error err;
    ggdm_programs *programs;
    ggdm_test_ok(
        ggdm_programs_create(&ggdm_methods, models, GGDM_PRECISION_FP32, batch, &programs, &err),
        &err);
    return programs;
}

const ggdm_picture *ggdm_tiny_picture(const ggdm_tiny_methods *m, char name)
{
    uint8_t pixels[MAX_PIXELS];
    const ggdm_picture p = make_picture(picture_of(name), pixels);
    return ggdm_pictures_find(&m->pictures, p.digest);
}

static void add_pictures(ggdm_tiny_methods *m)
{
    ggdm_error err;
    for (int i = 0; i < N_PICTURES; i++) {
        uint8_t *pixels = ggdm_test_alloc(MAX_PIXELS, 1);
        ggdm_picture p = make_picture(i, pixels);
        p.owned = pixels;
        ggdm_test_ok(ggdm_pictures_add(&m->pictures, &p, &err), &err);
    }
}

/* ---- items ---- */

void ggdm_tiny_methods_open(ggdm_tiny_methods *m)
{
    memset(m, 0, sizeof *m);
    ggdm_tiny_models_open(&m->tiny);
    for (int i = 0; i < 3; i++)
        m->refs[i] = (ggdm_model_ref){.digest = ggdm_tiny_digests[i], .model = m->tiny.model[i]};
    add_pictures(m);
    m->models = (ggdm_models){m->refs, 3, &m->pictures};
}

void ggdm_tiny_methods_close(ggdm_tiny_methods *m)
{
    ggdm_arena_deinit(&m->arena);
    ggdm_pictures_deinit(&m->pictures);
    ggdm_tiny_models_close(&m->tiny);
}

static ggdm_status put_digest(void *context, const ggdm_item *item, const ggdm_param *row,
                              ggdm_value *value, const char *path, ggdm_error *err)
{
    static const char names[] = "UGJ";
    (void)item, (void)path;
    if (row->type == GGDM_PARAM_FILE && value->set) {
        uint8_t pixels[MAX_PIXELS];
        const ggdm_picture p = make_picture(picture_of(*value->scalar.text), pixels);
        return ggdm_arena_text(context, p.digest, &value->scalar.text, err);
    }
    if (row->type == GGDM_PARAM_MODEL && value->set && strlen(value->scalar.text) == 1)
        value->scalar.text = ggdm_tiny_digests[strchr(names, *value->scalar.text) - names];
    return GGDM_OK;
}

ggdm_item *ggdm_tiny_item(ggdm_arena *arena, const char *family, const char *yaml)
{
    ggdm_doc *doc;
    ggdm_item *item, *expanded;
    ggdm_error err;
    ggdm_test_ok(ggdm_yaml_parse(yaml, strlen(yaml), "test", &doc, &err), &err);
    ggdm_test_ok(
        ggdm_item_read(&ggdm_methods, arena, family, doc->root, NULL, GGDM_OF_SWEEP, &item, &err),
        &err);
    ggdm_test_ok(ggdm_item_check(item, &err), &err);
    ggdm_test_ok(ggdm_item_expand(&ggdm_methods, arena, item, &expanded, &err), &err);
    ggdm_test_ok(ggdm_item_visit(expanded, put_digest, arena, &err), &err);
    ggdm_item_forget_places(expanded);
    ggdm_doc_destroy(&doc);
    return expanded;
}
