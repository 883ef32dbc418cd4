#include "coordinator/show/text_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* In a cell of Markdown a bar ends it, and a line ends the table. */
static void put_escaped(ggdm_text_table *t, const char *text)
{
    char *out = NULL;
    t->status = ggdm_arena_alloc(&t->arena, 2 * strlen(text) + 1, &out, NULL);
    if (t->status == GGDM_OK)
        t->status = ggdm_grow(&t->cells, &t->cap, t->n + 1, sizeof *t->cells, NULL);
    if (t->status != GGDM_OK)
        return;
    t->cells[t->n++] = out;
    for (; *text; text++) {
        if (*text == '|')
            *out++ = '\\';
        *out++ = *text == '\n' ? ' ' : *text;
    }
}

void ggdm_text_table_put(ggdm_text_table *t, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    if (t->status != GGDM_OK)
        return;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        t->status = GGDM_ENOMEM;
    else
        put_escaped(t, text);
    va_end(args);
    free(text);
}

void ggdm_text_table_head(ggdm_text_table *t)
{
    t->columns = t->n;
}

/* Characters of UTF-8. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void print_rule(FILE *out, size_t width)
{
    fputs("|-", out);
    for (size_t i = 0; i < width; i++)
        fputc('-', out);
    fputc('-', out);
}

static void print_rows(FILE *out, const ggdm_text_table *t, const size_t *widths)
{
    for (size_t i = 0; i < t->n; i++) {
        const size_t column = i % t->columns;
        const int padding = (int)(widths[column] - width_of(t->cells[i]));
        fprintf(out, "| %s%*s ", t->cells[i], padding, "");
        if (column + 1 < t->columns)
            continue;
        fputs("|\n", out);
        if (i + 1 != t->columns)
            continue;
        for (size_t k = 0; k < t->columns; k++)
            print_rule(out, widths[k]);
        fputs("|\n", out);
    }
}

ggdm_status ggdm_text_table_print(FILE *out, ggdm_text_table *t, ggdm_error *err)
{
    size_t *widths = NULL;
    ggdm_status st =
        t->status == GGDM_OK ? ggdm_alloc(&widths, t->columns, sizeof *widths, NULL) : t->status;
    for (size_t i = 0; st == GGDM_OK && i < t->n; i++) {
        const size_t width = width_of(t->cells[i]);
        size_t *widest = &widths[i % t->columns];
        *widest = width > *widest ? width : *widest;
    }
    if (st == GGDM_OK)
        print_rows(out, t, widths);
    else
        st = GGDM_FAIL(err, st, "a table: out of memory");
    free(widths);
    ggdm_text_table_deinit(t);
    return st;
}

void ggdm_text_table_deinit(ggdm_text_table *t)
{
    free(t->cells);
    ggdm_arena_deinit(&t->arena);
    *t = (ggdm_text_table){0};
}
