/* Tables of fields as documentation: what a reader is told is what is read. */
#include "common/fields.h"

#include <inttypes.h>
#include <string.h>

/* 1e12, not 1e+12; 1e-9, not 1e-09. */
static void put_number(FILE *out, double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.9g", v);
    char *e = strchr(text, 'e');
    if (!e) {
        fputs(text, out);
        return;
    }
    char *digits = e + 1 + strspn(e + 1, "+-0");
    fprintf(out, "%.*se%s%s", (int)(e - text), text, e[1] == '-' ? "-" : "", digits);
}

static bool is_number(ggdm_field_type type)
{
    return type == GGDM_FIELD_DOUBLE || type == GGDM_FIELD_INT32 || type == GGDM_FIELD_INT64 ||
           type == GGDM_FIELD_UINT64;
}

static void put_type(FILE *out, const ggdm_field *f)
{
    if (f->expected) {
        fputs(f->expected, out);
    } else if (f->type == GGDM_FIELD_CHOICE) {
        for (int i = 0; f->choices[i]; i++)
            fprintf(out, "%s`%s`", i == 0 ? "" : ", ", f->choices[i]);
    } else if (is_number(f->type)) {
        fputs(f->type == GGDM_FIELD_DOUBLE ? "number" : "whole number", out);
        if (f->lo == 0 && f->hi == 0)
            return;
        fputs(", ", out);
        put_number(out, f->lo);
        fputs(" to ", out);
        put_number(out, f->hi);
    } else {
        fputs(f->type == GGDM_FIELD_BOOL ? "`true`, `false`" : "text", out);
    }
}

static void put_default(FILE *out, const ggdm_field *f, const void *defaults)
{
    const void *at = (const char *)defaults + f->offset;
    if (f->required) {
        fputs("required", out);
        return;
    }
    switch (f->type) {
    case GGDM_FIELD_BOOL:
        fprintf(out, "`%s`", *(const bool *)at ? "true" : "false");
        break;
    case GGDM_FIELD_INT32:
        fprintf(out, "%" PRId32, *(const int32_t *)at);
        break;
    case GGDM_FIELD_INT64:
        fprintf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case GGDM_FIELD_UINT64:
        fprintf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case GGDM_FIELD_DOUBLE:
        put_number(out, *(const double *)at);
        break;
    case GGDM_FIELD_STRING:
        if (*(char *const *)at)
            fprintf(out, "`%s`", *(char *const *)at);
        break;
    case GGDM_FIELD_CHOICE:
        fprintf(out, "`%s`", f->choices[*(const int *)at]);
        break;
    default: /* lists and nodes have none */
        break;
    }
}

void ggdm_fields_print(FILE *out, const char *prefix, const ggdm_field *table, const void *defaults)
{
    for (const ggdm_field *f = table; f->key; f++) {
        if (!f->help)
            continue;
        fprintf(out, "| `%s%s%s` | ", prefix, *prefix ? "." : "", f->key);
        put_type(out, f);
        fputs(" | ", out);
        put_default(out, f, defaults);
        fprintf(out, " | %s |\n", f->help);
    }
}
