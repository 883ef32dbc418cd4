/* Pieces of a page in HTML that needs no other file. */
#ifndef GGDM_COORDINATOR_HTML_H
#define GGDM_COORDINATOR_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/status.h"

/** A text, escaped; NULL: nothing. */
void ggdm_html_text(FILE *f, const char *text);
/** Bytes as base64. */
void ggdm_html_base64(FILE *f, const uint8_t *data, size_t size);
/** A row of a table of names and values; nothing where the value is NULL or empty. */
void ggdm_html_row(FILE *f, const char *name, const char *value);
/** The picture dir/figures/name, an SVG, where it is there, as a section.
 *  Errors: GGDM_EIO, GGDM_ENOMEM. */
ggdm_status ggdm_html_figure(FILE *f, const char *dir, const char *name, const char *title,
                             ggdm_error *err);
/** A number with its label. */
void ggdm_html_tile(FILE *f, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
