/* Pieces of a page in HTML that needs no other file. */
#ifndef GGDM_COORDINATOR_HTML_H
#define GGDM_COORDINATOR_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Everything up to <main>, with the style sheet. */
void ggdm_html_begin(FILE *f, const char *title);
void ggdm_html_end(FILE *f);

/** A text, escaped; NULL: nothing. */
void ggdm_html_text(FILE *f, const char *text);
/** Bytes as base64. */
void ggdm_html_base64(FILE *f, const uint8_t *data, size_t size);
/** A row of a table of names and values; nothing where the value is NULL or empty. */
void ggdm_html_row(FILE *f, const char *name, const char *value);
/** A number with its label. */
void ggdm_html_tile(FILE *f, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
