/* Pieces of a page in HTML. */
#ifndef GGDM_COORDINATOR_HTML_H
#define GGDM_COORDINATOR_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** A text, escaped; NULL: nothing. */
void ggdm_html_text(FILE *f, const char *text);
/** Bytes as base64. */
void ggdm_html_base64(FILE *f, const uint8_t *data, size_t size);

#endif
