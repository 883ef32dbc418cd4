/* GitHub Flavored Markdown: https://github.github.com/gfm, "Tables". */
#include <string.h>

#include "coordinator/show/markup.h"

/* A backslash makes a letter of any of these (2.4, "Backslash escapes"). */
static void put_text(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_[]<>#|~&$@", *text))
            fputc('\\', f);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
    }
}

static void begin_file(FILE *f, const char *name, const char *version)
{
    fputs("# ", f);
    put_text(f, name);
    fprintf(f, "\n\nGuided diffusion by ggdm %s", version);
}

static void begin(FILE *f, const ggdm_table_head *head)
{
    put_text(f, head->caption);
    fputs("\n\n|", f);
    for (int32_t i = 0; i < head->columns; i++) {
        fputc(' ', f);
        put_text(f, head->names[i]);
        if (i == 0 && head->across) {
            fputs(" \\\\ ", f);
            put_text(f, head->across);
        }
        fputs(" |", f);
    }
    fputs("\n|", f);
    for (int32_t i = 0; i < head->columns; i++)
        fputs(head->wraps && head->wraps[i] ? " :-- |" : " --: |", f);
    fputc('\n', f);
}

static void begin_entry(FILE *f, int32_t column)
{
    fputs(column ? " | " : "| ", f);
}

static void put_number(FILE *f, const ggdm_table_head *head, const char *value, const char *lo,
                       const char *hi)
{
    (void)head;
    if (lo)
        fprintf(f, "%s [%s, %s]", value, lo, hi);
    else
        fputs(value, f);
}

static void put_none(FILE *f)
{
    fputs("–", f);
}

static void end_row(FILE *f)
{
    fputs(" |\n", f);
}

static void end(FILE *f)
{
    fputc('\n', f);
}

const ggdm_markup ggdm_markdown = {
    .ending = "md",
    .rows = 1000,
    .columns = 40,
    .is_document = true,
    .text = put_text,
    .begin_file = begin_file,
    .begin = begin,
    .begin_entry = begin_entry,
    .number = put_number,
    .none = put_none,
    .end_row = end_row,
    .end = end,
};
