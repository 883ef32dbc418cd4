/* The text that a run keeps of its sweep: what --set says and what its files of prompts hold stand
 * in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "jobs/spec_internal.h"

/* Where line begins, counted from 1. */
static const char *line_at(const char *text, int line)
{
    for (; line > 1 && *text; line--)
        text += strcspn(text, "\n") + (text[strcspn(text, "\n")] != '\0');
    return text;
}

/* Where a value stands in the text, of which only what is in quotes has an end that can be found;
 * NULL: it is not there. */
static const char *quoted_at(const char *text, const ggdm_node *node, const char **end)
{
    const char *at = line_at(text, node->line);
    at += ggdm_utf8_letters(at, (size_t)node->column - 1);
    const char quote = *at, *p = at + 1;
    if (quote != '"' && quote != '\'')
        return NULL;
    for (; *p; p++) {
        if (quote == '"' && *p == '\\' && p[1])
            p++;
        else if (*p == quote && (quote == '"' || p[1] != quote))
            break;
        else if (*p == quote)
            p++;
    }
    *end = p + 1;
    return *p ? at : NULL;
}

/* The values of a file, in one line so that the others keep their numbers. */
static void write_values(FILE *f, const ggdm_doc *doc)
{
    for (const ggdm_node *n = doc->root->first; n; n = n->next) {
        fputs(n == doc->root->first ? "[" : ", ", f);
        ggdm_spec_write_quoted(f, n->text);
    }
    fputc(']', f);
}

static int by_place(const void *a, const void *b)
{
    const ggdm_node *x = ((const ggdm_spec_file *)a)->node, *y = ((const ggdm_spec_file *)b)->node;
    return x->line != y->line ? x->line - y->line : x->column - y->column;
}

/* The text up to an end, with values in place of the names of files. */
static ggdm_status write_body(const ggdm_spec *spec, const char *text, const char *end, FILE *f,
                              ggdm_error *err)
{
    ggdm_spec_file files[GGDM_MAX_FILES];
    memcpy(files, spec->files, sizeof files);
    qsort(files, (size_t)spec->n_files, sizeof *files, by_place);
    const char *from = text;
    for (int i = 0; i < spec->n_files; i++) {
        const char *after = NULL, *at = quoted_at(text, files[i].node, &after);
        if (!at || at < from || after > end)
            return ggdm_node_fail(files[i].node, err,
                                  "a file of prompts, expected its name in quotes behind its key");
        fprintf(f, "%.*s", (int)(at - from), from);
        write_values(f, files[i].doc);
        from = after;
    }
    fprintf(f, "%.*s", (int)(end - from), from);
    return GGDM_OK;
}

/* `set:` as the last key: what the file has there, then the command line's. */
static void write_sets(FILE *f, const ggdm_node *own, const char *const *sets, int n_sets)
{
    fputs("set:\n", f);
    for (const ggdm_node *n = own ? own->first : NULL; n; n = n->next) {
        fputs("  - ", f);
        ggdm_spec_write_quoted(f, n->text);
        fputc('\n', f);
    }
    for (int i = 0; i < n_sets; i++) {
        fputs("  - ", f);
        ggdm_spec_write_quoted(f, sets[i]);
        fputc('\n', f);
    }
}

static ggdm_status write_frozen(const ggdm_spec *spec, const char *text, const char *const *sets,
                                int n_sets, char **out, ggdm_error *err)
{
    const ggdm_node *own = ggdm_node_get(spec->doc->root, "set");
    const char *end = own && n_sets ? line_at(text, own->key_line) : text + strlen(text);
    size_t size = 0;
    FILE *f = open_memstream(out, &size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "cannot write the text of a sweep");
    ggdm_status st = write_body(spec, text, end, f, err);
    if (n_sets && end > text && end[-1] != '\n')
        fputc('\n', f);
    if (n_sets)
        write_sets(f, own, sets, n_sets);
    if (fclose(f) != 0 && st == GGDM_OK)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "cannot write the text of a sweep");
    return st;
}

/* Does a text alone say what spec says?  A file that is no block of lines cannot be added to. */
static ggdm_status check_frozen(const ggdm_spec *spec, const char *text, bool sets, ggdm_error *err)
{
    ggdm_spec again;
    ggdm_error why = {0};
    ggdm_status st =
        ggdm_spec_parse(spec->catalogue, text, strlen(text), spec->where, NULL, 0, &again, &why);
    if (st == GGDM_OK)
        st = ggdm_spec_same(spec, &again, &why);
    ggdm_spec_deinit(&again);
    if (st == GGDM_OK || st == GGDM_ENOMEM)
        return st == GGDM_OK ? st : GGDM_FAIL(err, st, "%s", why.msg);
    return GGDM_FAIL(err, GGDM_EINVAL, "%s: %s: %s", spec->where,
                     sets ? "--set needs a file with a line for each key, not one in braces"
                          : "a file of prompts needs its name in quotes behind its key",
                     why.msg);
}

ggdm_status ggdm_spec_freeze(const ggdm_spec *spec, const char *text, const char *const *sets,
                             int n_sets, char **out, ggdm_error *err)
{
    const ggdm_node *own = ggdm_node_get(spec->doc->root, "set");
    *out = NULL;
    if (n_sets == 0 && spec->n_files == 0)
        return ggdm_strdup(text, out, err);
    if (n_sets && own && own->next)
        return ggdm_node_fail_key(own, err, "--set needs this key to be the last of the file");
    ggdm_status st = write_frozen(spec, text, sets, n_sets, out, err);
    if (st == GGDM_OK)
        st = check_frozen(spec, *out, n_sets > 0, err);
    if (st != GGDM_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}
