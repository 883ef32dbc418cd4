/* Fields of tables with commas (RFC 4180). */
#ifndef GGDM_COMMON_CSV_H
#define GGDM_COMMON_CSV_H

#include <stdio.h>

/** Write a text, in quotes where it holds a comma, a quote or a line end. */
void ggdm_csv_put(FILE *f, const char *text);

#endif
