#include "common/csv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"

void ggdm_csv_put(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc((unsigned char)*text, f);
    }
    fputc('"', f);
}

void ggdm_csv_begin(char *text, size_t size, ggdm_csv *out)
{
    *out = (ggdm_csv){
        .at = text + ggdm_utf8_mark(text, size), .end = text + size, .line = 1, .next_line = 1};
}

void ggdm_csv_deinit(ggdm_csv *csv)
{
    free(csv->fields);
    *csv = (ggdm_csv){0};
}

/* A field in quotes, moved together; at is then behind its last quote. */
static ggdm_status read_quoted(ggdm_csv *c, const char *where, char **end, ggdm_error *err)
{
    char *to = c->at++;
    for (; c->at < c->end && *c->at; *to++ = *c->at++) {
        c->next_line += *c->at == '\n';
        if (*c->at == '"' && *++c->at != '"') {
            *end = to;
            return GGDM_OK;
        }
    }
    return GGDM_FAIL(err, GGDM_EFORMAT, "%s:%" PRId64 ": a quote that does not end", where,
                     c->line);
}

/* The next field; *last: it ends its record. */
static ggdm_status read_field(ggdm_csv *c, const char *where, bool *last, ggdm_error *err)
{
    char *begin = c->at, *end = c->at;
    if (*c->at == '"')
        GGDM_TRY(read_quoted(c, where, &end, err));
    else
        end = c->at += strcspn(c->at, ",\r\n");
    c->at += *c->at == '\r' && c->at[1] == '\n';
    const char stop = *c->at;
    if (c->at < c->end && stop != ',' && stop != '\n')
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s:%" PRId64 ": %s, expected a comma or the end",
                         where, c->line, stop ? "text behind a field" : "a NUL");
    *last = stop != ',';
    c->next_line += stop == '\n';
    c->at += c->at < c->end;
    *end = '\0';
    GGDM_TRY(ggdm_grow(&c->fields, &c->cap, c->n + 1, sizeof *c->fields, err));
    c->fields[c->n++] = begin;
    return GGDM_OK;
}

ggdm_status ggdm_csv_next(ggdm_csv *c, const char *where, ggdm_error *err)
{
    bool last = c->at >= c->end;
    c->n = 0;
    c->line = c->next_line;
    while (!last)
        GGDM_TRY(read_field(c, where, &last, err));
    return GGDM_OK;
}
