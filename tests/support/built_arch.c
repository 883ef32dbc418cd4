#include "tests/support/built_arch.h"

#include <stdlib.h>
#include <string.h>

ggdm_built ggdm_built_open(const char *config)
{
    ggdm_error err = {0};
    ggdm_built b = {.arch = NULL};
    ggdm_test_ok(ggdm_arch_parse(config, strlen(config), "config.json", &b.arch, &err), &err);
    ggdm_test_ok(ggdm_graph_create(GGDM_F32, &b.graph, &err), &err);
    b.ports = ggdm_arch_inputs(b.arch, b.graph, 2);
    ggdm_val y = ggdm_arch_emit(b.arch, b.graph, &b.ports);
    if (y < 0)
        ggdm_test_ok(ggdm_graph_compile(b.graph, NULL, &err), &err);
    b.out = *ggdm_graph_shape(b.graph, y);
    return b;
}

void ggdm_built_close(ggdm_built *b)
{
    ggdm_graph_destroy(&b->graph);
    ggdm_arch_destroy(&b->arch);
}

int64_t ggdm_built_parameters(const ggdm_built *b)
{
    int64_t sum = 0;
    for (int i = 0; i < ggdm_graph_param_count(b->graph); i++) {
        ggdm_param_info p = ggdm_graph_param_info(b->graph, i);
        sum += ggdm_shape_count(&p.shape);
    }
    return sum;
}

bool ggdm_built_find(const ggdm_built *b, const char *name, ggdm_param_info *out)
{
    for (int i = 0; i < ggdm_graph_param_count(b->graph); i++) {
        *out = ggdm_graph_param_info(b->graph, i);
        if (strcmp(out->name, name) == 0)
            return true;
    }
    return false;
}

ggdm_param_info ggdm_built_param(const ggdm_built *b, const char *name)
{
    ggdm_param_info info;
    if (!ggdm_built_find(b, name, &info))
        ggdm_test_fail("no parameter %s", name);
    return info;
}

/* ---- tensor lists of public checkpoints ---- */

static ggdm_shape shape_of(const char *text) /* "(256, 128, 3, 3)" or "(128,)" */
{
    ggdm_shape s = {0, {1, 1, 1, 1}};
    for (text++; *text && *text != ')';) {
        char *end;
        s.d[s.n++] = strtol(text, &end, 10);
        text = end + strspn(end, ", ");
    }
    return s;
}

void ggdm_built_check_list(const char *config, const char *list, int tensors, int64_t count)
{
    ggdm_built b = ggdm_built_open(config);
    char *text = ggdm_test_read(list, NULL);
    int lines = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        char name[200];
        char *tab = strchr(line, '\t');
        assert_non_null(tab);
        *tab = '\0';
        ggdm_param_info p = ggdm_built_param(&b, ggdm_arch_canonical_name(line, name, sizeof name));
        ggdm_shape want = shape_of(tab + 1);
        if (!ggdm_shape_equal(&p.shape, &want))
            ggdm_test_fail("%s has another shape than %s", p.name, tab + 1);
    }
    assert_int_equal(lines, tensors);
    assert_int_equal(ggdm_graph_param_count(b.graph), tensors);
    assert_int_equal(ggdm_built_parameters(&b), count);
    free(text);
    ggdm_built_close(&b);
}
