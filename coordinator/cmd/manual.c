/* Man pages in roff (man macros). */
#include "coordinator/cmd/manual.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/temp.h"
#include "common/version.h"
#include "coordinator/cmd/completion.h"

static void put_text(FILE *out, const char *text, size_t n)
{
    if (n > 0 && (*text == '.' || *text == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
}

/* `.MACRO "TEXT"`, a line of its own. */
static void put_macro(FILE *out, const char *macro, const char *text)
{
    fprintf(out, ".%s \"", macro);
    put_text(out, text, strlen(text));
    fputs("\"\n", out);
}

static void put_line(FILE *out, const char *text)
{
    put_text(out, text, strlen(text));
    fputc('\n', out);
}

/* ---- descriptions, as argp lays them out ---- */

/* The lines of a description are paragraphs, rows of a table ("  word   text"), or, indented
 * otherwise, shown as they are; "Example:" begins its section. */
typedef struct line {
    const char *text;
    size_t n, word; /* word: length of a row's first word, 0 for other lines */
    bool indented;
} line;

static line read_line(const char **at)
{
    line l = {.text = *at, .n = strcspn(*at, "\n\v")};
    *at += l.n + (l.text[l.n] == '\n');
    l.indented = l.n > 2 && strncmp(l.text, "  ", 2) == 0;
    if (l.indented) {
        l.text += 2, l.n -= 2;
        size_t word = strcspn(l.text, " \n");
        if (word + 2 < l.n && strncmp(l.text + word, "  ", 2) == 0)
            l.word = word;
    }
    return l;
}

static void put_row(FILE *out, const line *l)
{
    size_t text = l->word + strspn(l->text + l->word, " ");
    fputs(".TP\n.B ", out);
    put_text(out, l->text, l->word);
    fputc('\n', out);
    put_text(out, l->text + text, l->n - text);
    fputc('\n', out);
}

/* Up to the \v that parts what stands before the options from what stands after them. */
static void put_description(FILE *out, const char *at)
{
    bool verbatim = false;
    while (*at && *at != '\v') {
        line l = read_line(&at);
        bool as_is = l.indented && !l.word;
        if (verbatim && !as_is)
            fputs(".fi\n.RE\n", out);
        if (as_is && !verbatim)
            fputs(".PP\n.RS 4\n.nf\n", out);
        verbatim = as_is;
        if (l.word)
            put_row(out, &l);
        else if (l.n == 8 && strncmp(l.text, "Example:", 8) == 0)
            fputs(".SH EXAMPLE\n", out);
        else if (l.n) {
            fputs(as_is ? "" : ".PP\n", out);
            put_text(out, l.text, l.n);
            fputc('\n', out);
        }
    }
    if (verbatim)
        fputs(".fi\n.RE\n", out);
}

/* ---- sections ---- */

static void put_header(FILE *out, const char *title, const char *summary)
{
    char upper[64], name[64];
    size_t n = 0;
    for (; title[n] && n + 1 < sizeof name; n++) {
        name[n] = title[n] == ' ' ? '-' : title[n];
        upper[n] = (char)toupper((unsigned char)name[n]);
    }
    name[n] = upper[n] = '\0';
    fprintf(out, ".\\\" Written by `ggdm manual`.\n.TH \"");
    put_text(out, upper, n);
    fprintf(out, "\" 1 \"\" \"ggdm %s\" \"User Commands\"\n.SH NAME\n", ggdm_version);
    put_text(out, name, n);
    fputs(" \\- ", out);
    put_line(out, summary);
}

static void put_synopsis(FILE *out, const char *name, const char *args)
{
    fputs(".SH SYNOPSIS\n", out);
    do {
        size_t n = args ? strcspn(args, "\n") : 0;
        fprintf(out, ".B ggdm %s\n[OPTION...] ", name);
        put_text(out, args ? args : "", n);
        fputs("\n.br\n", out);
        args = args && args[n] ? args + n + 1 : NULL;
    } while (args);
}

static void put_option(void *context, const struct argp_option *o)
{
    FILE *out = context;
    if (!o->name) {
        put_macro(out, "SS", o->doc);
        return;
    }
    fputs(".TP\n", out);
    if (isgraph(o->key))
        fprintf(out, "\\fB\\-%c\\fR, ", o->key);
    fputs("\\fB\\-\\-", out);
    put_text(out, o->name, strlen(o->name));
    fputs("\\fR", out);
    if (o->arg) {
        fputs("=\\fI", out);
        put_text(out, o->arg, strlen(o->arg));
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_line(out, o->doc);
}

static void put_notes(FILE *out, const char *title, const ggdm_note *notes)
{
    put_macro(out, "SH", title);
    for (; notes->name; notes++) {
        put_macro(out, "TP\n.B", notes->name);
        put_line(out, notes->text);
    }
}

/* ---- pages ---- */

void ggdm_manual_page(FILE *out, const ggdm_book *book, const ggdm_command *command)
{
    const struct argp argp = ggdm_command_argp(command);
    const char *doc = argp.doc, *after = strchr(doc, '\v');
    char title[64];
    snprintf(title, sizeof title, "ggdm %s", command->name);
    put_header(out, title, command->help);
    put_synopsis(out, command->name, argp.args_doc);
    fputs(".SH DESCRIPTION\n", out);
    put_description(out, doc);
    fputs(".SH OPTIONS\n", out);
    ggdm_each_option(&argp, put_option, out);
    if (after) {
        if (strncmp(after + 1, "Example:", 8) != 0)
            fputs(".SH NOTES\n", out);
        put_description(out, after + 1);
    }
    put_notes(out, "EXIT STATUS", book->exit_codes);
    fputs(".SH SEE ALSO\n.BR ggdm (1)\n", out);
}

void ggdm_manual_overview(FILE *out, const ggdm_book *book)
{
    put_header(out, "ggdm", "gradient-guided diffusion in large batches");
    fputs(".SH SYNOPSIS\n.B ggdm\nCOMMAND [OPTION...] [ARG...]\n.SH DESCRIPTION\n", out);
    put_line(out,
             "Takes a sweep over parameters of samplers, guidance and models, splits "
             "it into units recorded in a database, runs them on MPI workers, and leaves image "
             "archives and an accuracy summary.  A run can be stopped or killed at any moment "
             "and continued by the same command.");
    fputs(".SH COMMANDS\nEach has a page of its own.\n", out);
    for (size_t i = 0; i < book->n; i++)
        if (book->commands[i].name) {
            put_macro(out, "TP\n.B", book->commands[i].name);
            put_line(out, book->commands[i].help);
        } else
            put_macro(out, "SS", book->commands[i].help);
    put_notes(out, "EXIT STATUS", book->exit_codes);
    put_notes(out, "ENVIRONMENT", book->environment);
    fputs(".SH SEE ALSO\n", out);
    for (size_t i = 0, first = 1; i < book->n; i++)
        if (book->commands[i].name) {
            fputs(first ? ".BR ggdm\\-" : " (1),\n.BR ggdm\\-", out);
            for (const char *c = book->commands[i].name; *c; c++)
                fputs(*c == ' ' ? "\\-" : (char[]){*c, '\0'}, out);
            first = 0;
        }
    fputs(" (1)\n", out);
}

/* ---- files ---- */

/* A file DIR/NAME while it is written in memory. */
typedef struct sheet {
    char *text;
    size_t size;
    FILE *out;
} sheet;

static ggdm_status sheet_open(sheet *s, ggdm_error *err)
{
    *s = (sheet){0};
    s->out = open_memstream(&s->text, &s->size);
    return s->out ? GGDM_OK : GGDM_FAIL(err, GGDM_ENOMEM, "no memory for a page");
}

static ggdm_status sheet_close(sheet *s, const char *dir, const char *name, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    if (fclose(s->out) != 0)
        st = GGDM_FAIL(err, GGDM_ENOMEM, "no memory for %s", name);
    if (st == GGDM_OK)
        st = ggdm_replace_file_in(dir, name, s->text, s->size, err);
    free(s->text);
    return st;
}

static ggdm_status write_pages(const ggdm_book *book, const char *dir, ggdm_error *err)
{
    sheet s;
    GGDM_TRY(sheet_open(&s, err));
    ggdm_manual_overview(s.out, book);
    GGDM_TRY(sheet_close(&s, dir, "ggdm.1", err));
    for (size_t i = 0; i < book->n; i++) {
        const ggdm_command *c = &book->commands[i];
        char name[64];
        if (!c->name)
            continue;
        snprintf(name, sizeof name, "ggdm-%s.1", c->name);
        for (char *p = strchr(name, ' '); p; p = strchr(p, ' '))
            *p = '-';
        GGDM_TRY(sheet_open(&s, err));
        ggdm_manual_page(s.out, book, c);
        GGDM_TRY(sheet_close(&s, dir, name, err));
    }
    return GGDM_OK;
}

static ggdm_status write_bash(const ggdm_book *book, const char *dir, ggdm_error *err)
{
    sheet s;
    GGDM_TRY(sheet_open(&s, err));
    ggdm_completion_bash(s.out, book->commands, book->n);
    return sheet_close(&s, dir, "ggdm", err);
}

static ggdm_status write_zsh(const ggdm_book *book, const char *dir, ggdm_error *err)
{
    sheet s;
    GGDM_TRY(sheet_open(&s, err));
    ggdm_completion_zsh(s.out, book->commands, book->n);
    return sheet_close(&s, dir, "_ggdm", err);
}

ggdm_status ggdm_manual_write(const ggdm_book *book, const char *dir, ggdm_error *err)
{
    static const struct {
        const char *below;
        ggdm_status (*write)(const ggdm_book *book, const char *dir, ggdm_error *err);
    } parts[] = {{"man/man1", write_pages},
                 {"bash-completion/completions", write_bash},
                 {"zsh/site-functions", write_zsh}};
    ggdm_status st = GGDM_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && st == GGDM_OK; i++) {
        char *path = NULL;
        GGDM_TRY(ggdm_path_join(dir, parts[i].below, &path, err));
        st = ggdm_make_dirs(path, err);
        if (st == GGDM_OK)
            st = parts[i].write(book, path, err);
        free(path);
    }
    return st;
}
