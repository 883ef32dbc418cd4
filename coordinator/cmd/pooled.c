#include "coordinator/cmd/pooled.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_write.h"

typedef void (*visitor)(ggdm_json *j, const char *name, const char *settings,
                        const ggdm_metric_value *v);

static void print_line(ggdm_json *j, const char *name, const char *settings,
                       const ggdm_metric_value *v)
{
    (void)j;
    printf("  %-20s %10.6g", name, v->value);
    if (!isnan(v->lo))
        printf("  [%.6g, %.6g]", v->lo, v->hi);
    printf("  by %s%s%s\n", settings, *v->note ? "; " : "", v->note);
}

static void put_object(ggdm_json *j, const char *name, const char *settings,
                       const ggdm_metric_value *v)
{
    ggdm_json_begin_object(j, NULL);
    ggdm_json_put_string(j, "metric", name);
    ggdm_json_put_string(j, "settings", settings);
    ggdm_json_put_double(j, "value", v->value);
    ggdm_json_put_double(j, "lo", v->lo);
    ggdm_json_put_double(j, "hi", v->hi);
    ggdm_json_put_int(j, "n", v->n);
    if (*v->note)
        ggdm_json_put_string(j, "note", v->note);
    ggdm_json_end(j);
}

static void each(const ggdm_evaluate_options *o, const ggdm_pooled *p, visitor visit, ggdm_json *j)
{
    for (int32_t k = 0; k < o->n_metrics; k++) {
        char settings[GGDM_MAX_SETTINGS];
        ggdm_evaluate_settings(o, o->metrics[k], settings);
        for (int32_t i = 0; p->made[k] && i < ggdm_metric_count(o->metrics[k]); i++)
            visit(j, ggdm_metric_number(o->metrics[k], i), settings, &p->v[k][i]);
    }
}

ggdm_status ggdm_pooled_print(const ggdm_evaluate_options *o, const ggdm_pooled *p, bool json,
                              ggdm_error *err)
{
    ggdm_json j;
    char *text = NULL;
    if (!json) {
        printf("all images as one set, n = %lld (diverged ones left out)\n", (long long)p->n);
        each(o, p, print_line, NULL);
        return GGDM_OK;
    }
    ggdm_json_init(&j, GGDM_JSON_PRETTY);
    ggdm_json_begin_object(&j, NULL);
    ggdm_json_put_int(&j, "n", p->n);
    ggdm_json_begin_array(&j, "pooled");
    each(o, p, put_object, &j);
    ggdm_json_end(&j);
    ggdm_json_end(&j);
    GGDM_TRY(ggdm_json_finish(&j, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return GGDM_OK;
}
