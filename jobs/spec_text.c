/* What makes two sweeps the same: lines of text, digested and compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "jobs/spec.h"

typedef struct lines {
    FILE *out;
    const ggdm_spec *spec;
    const ggdm_item *last; /* whose kind was written */
    int32_t parameter;     /* next */
} lines;

/* "PATH.kind: NAME" before its first value, then "PATH: VALUE", or all values of an axis with how
 * they run through the cells. */
static ggdm_status add_value(void *context, const ggdm_item *item, const ggdm_param *row,
                             ggdm_value *value, const char *path, ggdm_error *err)
{
    lines *l = context;
    const ggdm_parameter *p = &l->spec->parameters[l->parameter++];
    (void)value, (void)err;
    if (item != l->last && !item->kind->implied) {
        const char *dot = strrchr(path, '.');
        fprintf(l->out, "%.*s.kind: %s\n", dot ? (int)(dot - path) : 0, path, item->kind->name);
    }
    l->last = item;
    if (!p->known)
        return GGDM_OK;
    fprintf(l->out, "%s:", path);
    for (int32_t i = 0; i < p->count; i++) {
        char text[GGDM_MAX_TEXT];
        ggdm_scalar_text(row, &p->values[i], text, sizeof text);
        fprintf(l->out, " %s", text);
    }
    if (p->count > 1)
        fprintf(l->out, " (every %lld)", (long long)p->stride);
    fprintf(l->out, "\n");
    return GGDM_OK;
}

static ggdm_status add_judge(lines *l, const ggdm_judge *judge, ggdm_error *err)
{
    ggdm_arena arena = {0};
    const char *text = NULL;
    ggdm_status st = ggdm_recipe_print(&arena, judge->item, false, &text, err);
    if (st == GGDM_OK)
        fprintf(l->out, "judge: %s %s\n", judge->name, text);
    ggdm_arena_deinit(&arena);
    return st;
}

static ggdm_status add_all(lines *l, ggdm_error *err)
{
    const ggdm_spec *s = l->spec;
    fprintf(l->out, "name: %s\n", s->name);
    GGDM_TRY(ggdm_item_visit(s->stage, add_value, l, err));
    fprintf(l->out, "samples: %d\n", (int)s->samples);
    for (int32_t i = 0; i < s->n_judges; i++)
        GGDM_TRY(add_judge(l, &s->judges[i], err));
    fprintf(l->out, "precision: %s\n", ggdm_precision_names[s->job.precision]);
    return GGDM_OK;
}

/* *out owned. */
static ggdm_status canonical(const ggdm_spec *s, char **out, ggdm_error *err)
{
    size_t size = 0;
    lines l = {.spec = s};
    *out = NULL;
    l.out = open_memstream(out, &size);
    if (!l.out)
        return GGDM_FAIL(err, GGDM_ENOMEM, "cannot write the text of a sweep");
    ggdm_status st = add_all(&l, err);
    if (fclose(l.out) != 0 && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "cannot write the text of a sweep");
    if (st != GGDM_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}

ggdm_status ggdm_spec_digest(const ggdm_spec *spec, uint8_t digest[GGDM_HASH_SIZE], ggdm_error *err)
{
    char *text = NULL;
    GGDM_TRY(canonical(spec, &text, err));
    ggdm_hash_buffer(text, strlen(text), digest);
    free(text);
    return GGDM_OK;
}

ggdm_status ggdm_spec_same(const ggdm_spec *run, const ggdm_spec *spec, ggdm_error *err)
{
    char *a = NULL, *b = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, canonical(run, &a, err), done);
    GGDM_TRY_GOTO(st, canonical(spec, &b, err), done);
    const char *p = a, *q = b; /* both at the start of a line, which never is empty */
    size_t n = strcspn(p, "\n"), m = strcspn(q, "\n");
    while (n && n == m && memcmp(p, q, n) == 0) {
        p += n + 1;
        q += m + 1;
        n = strcspn(p, "\n");
        m = strcspn(q, "\n");
    }
    if (n || m)
        st = GGDM_FAIL(err, GGDM_ESTATE, "it has '%.*s', this one '%.*s'", n > 200 ? 200 : (int)n,
                       p, m > 200 ? 200 : (int)m, q);
done:
    free(a);
    free(b);
    return st;
}
