/* What makes two sweeps the same: lines of text, digested and compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/recipe.h"
#include "jobs/spec_internal.h"

typedef struct lines {
    FILE *out;
    const ggdm_spec *spec;
    bool defaults;     /* written, too: to name differences */
    int32_t parameter; /* next */
    char path[512];
} lines;

/* What YAML takes for a line's end, or does not take at all, as it stands; NULL: it is neither. */
static const char *escape_of(const char *text)
{
    static const struct {
        const char *bytes, *escape;
    } letters[] = {{"\xE2\x80\xA8", "\\u2028"},
                   {"\xE2\x80\xA9", "\\u2029"},
                   {"\xEF\xBB\xBF", "\\ufeff"},
                   {"\xEF\xBF\xBE", "\\ufffe"},
                   {"\xEF\xBF\xBF", "\\uffff"}};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (strncmp(text, letters[i].bytes, 3) == 0)
            return letters[i].escape;
    return NULL;
}

void ggdm_spec_write_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        const char *escape = escape_of(text);
        if (escape) {
            fputs(escape, out);
            text += 2; /* they are of three bytes */
            continue;
        }
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            fprintf(out, "\\x%02x", (unsigned)*text);
        else
            fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    }
    fputc('"', out);
}

/* In quotes where it could be taken for several, or for none. */
static void write_value(FILE *out, const ggdm_param *row, const ggdm_scalar *v)
{
    char text[GGDM_MAX_TEXT];
    ggdm_scalar_text(row, v, text, sizeof text);
    fputc(' ', out);
    if (!*text || strpbrk(text, " \"\\"))
        ggdm_spec_write_quoted(out, text);
    else
        fputs(text, out);
}

static bool is_at_default(const ggdm_parameter *p)
{
    const ggdm_scalar *fallback = p->row->fallback;
    return p->count == 1 && fallback && ggdm_scalar_equal(p->row->type, &p->values[0], fallback);
}

/* "PATH: VALUE", or all values of an axis with how they run through the cells.  What is at its
 * default is left out of a digest: a program that has learnt a parameter goes on with older sweeps.
 */
static void add_parameter(lines *l, const ggdm_parameter *p)
{
    if (!p->known || (!l->defaults && is_at_default(p)))
        return;
    fprintf(l->out, "%s:", p->path);
    for (int32_t i = 0; i < p->count; i++)
        write_value(l->out, p->row, &p->values[i]);
    if (p->count > 1)
        fprintf(l->out, " (every %lld)", (long long)p->stride);
    fputc('\n', l->out);
}

/* "PATH.kind: NAME", then the rows. */
static void add_item(lines *l, const ggdm_item *item, size_t length)
{
    if (length)
        fprintf(l->out, "%.*s.kind: %s\n", (int)length, l->path, item->kind->name);
    for (size_t i = 0; i < item->kind->n_params; i++) {
        const ggdm_param *p = &item->kind->params[i];
        if (!p->family && !p->shorthand)
            add_parameter(l, &l->spec->parameters[l->parameter++]);
        for (const ggdm_item *c = item->values[i].items; c; c = c->next)
            add_item(l, c,
                     length + (size_t)snprintf(l->path + length, sizeof l->path - length, "%s%s",
                                               length ? "." : "",
                                               p->type == GGDM_PARAM_NODE ? p->key : c->name));
    }
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
    add_item(l, s->stage, 0); /* no path is too long: the parameters have been listed */
    fprintf(l->out, "samples: %d\n", (int)s->samples);
    ggdm_spec_write_until(l->out, &s->until);
    for (int32_t i = 0; i < s->n_judges; i++)
        GGDM_TRY(add_judge(l, &s->judges[i], err));
    for (int32_t i = 0; i < s->n_parameters; i++)
        if (s->parameters[i].judge >= 0 && i != s->class_numbers)
            add_parameter(l, &s->parameters[i]);
    fprintf(l->out, "precision: %s\n", ggdm_precision_names[s->job.precision]);
    return GGDM_OK;
}

/* *out owned. */
static ggdm_status canonical(const ggdm_spec *s, bool defaults, char **out, ggdm_error *err)
{
    size_t size = 0;
    lines l = {.spec = s, .defaults = defaults};
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
    GGDM_TRY(canonical(spec, false, &text, err));
    ggdm_hash_buffer(text, strlen(text), digest);
    free(text);
    return GGDM_OK;
}

ggdm_status ggdm_spec_same(const ggdm_spec *run, const ggdm_spec *spec, ggdm_error *err)
{
    char *a = NULL, *b = NULL;
    ggdm_status st;
    GGDM_TRY_GOTO(st, canonical(run, true, &a, err), done);
    GGDM_TRY_GOTO(st, canonical(spec, true, &b, err), done);
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
