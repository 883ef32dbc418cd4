#include "tests/support/tiny_methods.h"

#include <string.h>

#include "common/yaml.h"
#include "tests/support/ggdm_test.h"
#include "worker/kinds.h"

const char *const ggdm_tiny_digests[3] = {
    "1111111111111111111111111111111111111111111111111111111111111111",
    "2222222222222222222222222222222222222222222222222222222222222222",
    "3333333333333333333333333333333333333333333333333333333333333333"};

void ggdm_tiny_methods_open(ggdm_tiny_methods *m)
{
    memset(m, 0, sizeof *m);
    ggdm_tiny_models_open(&m->tiny);
    for (int i = 0; i < 3; i++)
        m->refs[i] = (ggdm_model_ref){ggdm_tiny_digests[i], m->tiny.model[i]};
    m->models = (ggdm_models){.items = m->refs, .n = 3};
}

void ggdm_tiny_methods_close(ggdm_tiny_methods *m)
{
    ggdm_arena_deinit(&m->arena);
    ggdm_tiny_models_close(&m->tiny);
}

static ggdm_status put_digest(void *context, const ggdm_item *item, const ggdm_param *row,
                              ggdm_value *value, const char *path, ggdm_error *err)
{
    static const char names[] = "UGJ";
    (void)context, (void)item, (void)path, (void)err;
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
    ggdm_test_ok(ggdm_item_visit(expanded, put_digest, NULL, &err), &err);
    ggdm_item_forget_places(expanded);
    ggdm_doc_destroy(&doc);
    return expanded;
}
