/* Prompts from a file: `prompt: "@prompts.txt"`, beside the sweep file, is an axis with a value for
 * each line.  Empty lines and those that begin with '#' are left out, as is white space around a
 * prompt. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "jobs/spec_internal.h"

#define MAX_BYTES ((size_t)16 << 20)
#define MAX_LINES 100000

/* Where the file is: from the folder of the sweep file. */
static ggdm_status find_file(const ggdm_spec *s, const char *name, char **out, ggdm_error *err)
{
    char *folder = NULL;
    if (*name == '/')
        return ggdm_strdup(name, out, err);
    GGDM_TRY(ggdm_folder_of(s->where, &folder, err));
    ggdm_status st = strcmp(folder, ".") == 0 ? ggdm_strdup(name, out, err)
                                              : ggdm_path_join(folder, name, out, err);
    free(folder);
    return st;
}

/* A line [text, end) as a value with its own position. */
static ggdm_status add_line(ggdm_doc *doc, const ggdm_node *list, char *text, char *end, int line,
                            ggdm_error *err)
{
    ggdm_node *node = NULL;
    char *from = text;
    if (line == 1)
        from += ggdm_utf8_mark(from, (size_t)(end - from));
    while (from < end && isspace((unsigned char)*from))
        from++;
    while (end > from && isspace((unsigned char)end[-1]))
        end--;
    if (from == end || *from == '#')
        return GGDM_OK;
    const size_t size = (size_t)(end - from), plain = ggdm_utf8_plain(from, size);
    if (plain < size)
        return GGDM_FAIL(err, GGDM_EINVAL,
                         "%s:%d: byte %zu is 0x%02x, expected UTF-8 without control characters",
                         doc->where, line, (size_t)(from - text) + plain + 1,
                         (unsigned char)from[plain]);
    *end = '\0';
    GGDM_TRY(ggdm_doc_add(doc, list, NULL, from, &node, err));
    node->kind = GGDM_NODE_STRING;
    node->line = line;
    node->column = (int)(from - text) + 1;
    node->parent = NULL; /* its place is a line, not a field */
    return GGDM_OK;
}

static ggdm_status add_lines(ggdm_doc *doc, char *text, size_t size, ggdm_error *err)
{
    ggdm_node *list = NULL;
    char *end = text + size;
    int line = 1;
    GGDM_TRY(ggdm_doc_add(doc, NULL, NULL, NULL, &list, err));
    list->kind = GGDM_NODE_LIST;
    for (char *p = text, *next; p < end; p = next + 1, line++) {
        next = memchr(p, '\n', (size_t)(end - p));
        next = next ? next : end;
        GGDM_TRY(add_line(doc, list, p, next, line, err));
    }
    return list->count ? GGDM_OK : GGDM_FAIL(err, GGDM_EINVAL, "%s: no prompt in it", doc->where);
}

ggdm_status ggdm_spec_read_prompts(ggdm_spec *s, const ggdm_node *node, const ggdm_node **out,
                                   ggdm_error *err)
{
    char *path = NULL, *text = NULL;
    ggdm_doc *doc = NULL;
    size_t size = 0;
    ggdm_status st;
    if (!node->text[1])
        return ggdm_node_expected(node, err, "the name of a file of prompts behind the '@'");
    if (s->n_files == GGDM_MAX_FILES)
        return ggdm_node_fail(node, err, "more than %d files of prompts", GGDM_MAX_FILES);
    GGDM_TRY_GOTO(st, find_file(s, node->text + 1, &path, err), done);
    st = ggdm_read_file(path, MAX_BYTES, &text, &size, err);
    if (st != GGDM_OK && st != GGDM_ENOMEM && err) { /* say also who asks for the file */
        const ggdm_error why = *err;
        ggdm_node_fail(node, err, "%s", why.msg);
        st = err->code = why.code;
    }
    GGDM_TRY_GOTO(st, st, done);
    GGDM_TRY_GOTO(st, ggdm_doc_create(path, MAX_LINES, &doc, err), done);
    st = add_lines(doc, text, size, err);
    s->files[s->n_files++] = (ggdm_spec_file){node, doc};
    *out = doc->root;
done:
    free(path);
    free(text);
    return st;
}
