/* Files of torch.save, and what layouts make of shapes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/arch/arch.h"
#include "models/import/layout.h"
#include "models/schedule_config.h"
#include "models/io/torch_file.h"
#include "tests/fuzz/fuzz.h"

/* Whatever a value holds is of the kinds that it may hold; it may hold itself. */
static void check_value(ggdm_pickle_value *v, int depth)
{
    if (v->seen || depth > 200)
        return;
    v->seen = true;
    assert_true(v->kind <= GGDM_PICKLE_PERSISTENT);
    if (v->kind == GGDM_PICKLE_TEXT) {
        assert_int_equal(v->text[v->n], '\0');
        return;
    }
    if (v->kind == GGDM_PICKLE_DICT)
        assert_int_equal(v->n % 2, 0);
    if (v->kind == GGDM_PICKLE_CALL) {
        assert_int_equal(v->n, 2);
        assert_int_equal(v->items[0]->kind, GGDM_PICKLE_GLOBAL);
        assert_int_equal(v->items[1]->kind, GGDM_PICKLE_TUPLE);
    }
    for (size_t i = 0; i < v->n; i++)
        check_value(v->items[i], depth + 1);
}

bool ggdm_fuzz_pickle(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_pickle p;
    ggdm_status st = ggdm_pickle_read(data, size, ggdm_torch_globals, "fuzz", &p, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK) {
        assert_true(p.used <= size);
        check_value(p.root, 0);
    }
    ggdm_pickle_close(&p);
    return st == GGDM_OK;
}

/* Each float tensor comes once. */
static ggdm_status count(void *context, size_t i, const float *data, ggdm_error *err)
{
    int *seen = context;
    (void)err;
    assert_non_null(data);
    assert_int_equal(seen[i]++, 0);
    return GGDM_OK;
}

bool ggdm_fuzz_torch(const uint8_t *data, size_t size)
{
    ggdm_error err = {0};
    ggdm_torch_file f;
    char *path = ggdm_fuzz_file("weights.pt", data, size);
    ggdm_status st = ggdm_torch_open(path, &f, &err);
    ggdm_fuzz_clean(st, &err);
    bool any = false;
    for (size_t i = 0; st == GGDM_OK && i < f.n_states; i++) {
        ggdm_status one = ggdm_torch_choose(&f, i, &err);
        ggdm_fuzz_clean(one, &err);
        if (one != GGDM_OK)
            continue;
        assert_int_equal(f.n_tensors, f.states[i].n_tensors);
        int *seen = ggdm_test_alloc(f.n_tensors, sizeof *seen);
        memset(seen, 0, f.n_tensors * sizeof *seen);
        one = ggdm_torch_load(&f, count, seen, &err);
        ggdm_fuzz_clean(one, &err);
        any = any || one == GGDM_OK;
        free(seen);
    }
    ggdm_torch_close(&f);
    unlink(path);
    free(path);
    return any;
}

/* A line "NAME d d d" as a tensor; false: it is none that a file could have. */
static bool read_line(char *line, ggdm_st_tensor *t)
{
    char *at = strchr(line, ' ');
    *t = (ggdm_st_tensor){.name = line, .shape = {0, {1, 1, 1, 1}}};
    if (!at || at == line)
        return false;
    for (*at++ = '\0'; *at; at += *at == ' ') {
        char *end;
        const long long d = strtoll(at, &end, 10);
        if (end == at || d < 0 || t->shape.n == GGDM_MAX_DIMS)
            return false;
        t->shape.d[t->shape.n++] = d;
        at = end;
    }
    return true;
}

/* What a layout makes of them, owned; NULL: it is refused. */
static char *make(const ggdm_layout *l, const ggdm_named *tensors, bool scheduler)
{
    ggdm_json json;
    ggdm_error err = {0};
    char *text = NULL;
    ggdm_json_init(&json, GGDM_JSON_LINE);
    ggdm_json_begin_object(&json, NULL);
    if (!scheduler)
        ggdm_json_put_string(&json, "_class_name", l->class_name);
    ggdm_status st = (scheduler ? l->scheduler : l->config)(tensors, NULL, &json, &err);
    ggdm_fuzz_clean(st, &err);
    if (st == GGDM_OK) {
        ggdm_json_end(&json);
        ggdm_test_ok(ggdm_json_finish(&json, &text, NULL, &err), &err);
    }
    ggdm_json_deinit(&json);
    return text;
}

/* It is a config, or refused; where it is one, the schedule is one, too. */
static bool make_config(const ggdm_layout *l, const ggdm_named *tensors)
{
    ggdm_error err = {0};
    ggdm_arch *arch = NULL;
    char *config = make(l, tensors, false), *schedule = NULL, *meaning = NULL;
    ggdm_status st = GGDM_EINVAL;
    if (config) {
        st = ggdm_arch_parse(config, strlen(config), "config.json", &arch, &err);
        ggdm_fuzz_clean(st, &err);
    }
    if (st == GGDM_OK && l->scheduler) {
        schedule = make(l, tensors, true);
        assert_non_null(schedule);
        ggdm_test_ok(ggdm_schedule_config_text(schedule, "scheduler", &meaning, &err), &err);
    }
    ggdm_arch_destroy(&arch);
    free(config);
    free(schedule);
    free(meaning);
    return st == GGDM_OK;
}

/* Tensors, a line each: their config by every layout, whether it is theirs or not. */
bool ggdm_fuzz_layouts(const uint8_t *data, size_t size)
{
    enum { MAX = 256 };
    static ggdm_st_tensor tensors[MAX];
    char *text = ggdm_fuzz_text(data, size), *rest = text;
    size_t n = 0;
    ggdm_named named;
    for (char *line; n < MAX && (line = strtok_r(rest, "\n", &rest));)
        n += read_line(line, &tensors[n]);
    bool any = false;
    ggdm_error err = {0};
    ggdm_status st = ggdm_named_init("fuzz", tensors, n, &named, &err);
    ggdm_fuzz_clean(st, &err);
    for (size_t i = 0; ggdm_layouts[i] && st == GGDM_OK; i++)
        if (ggdm_layouts[i]->config && ggdm_named_find(&named, ggdm_layouts[i]->has[0]))
            any = make_config(ggdm_layouts[i], &named) || any;
    free(text);
    return any;
}
