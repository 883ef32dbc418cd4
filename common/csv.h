/* Fields of tables with commas (RFC 4180). */
#ifndef GGDM_COMMON_CSV_H
#define GGDM_COMMON_CSV_H

#include <stdint.h>
#include <stdio.h>

#include "common/status.h"

/** Write a text, in quotes where it holds a comma, a quote or a line end. */
void ggdm_csv_put(FILE *f, const char *text);

/* The records of a text in memory, one after the other. */
typedef struct ggdm_csv {
    char *at, *end;    /* what is left, which is changed in place; end[0] is a NUL */
    int64_t line;      /* where the record begins, from 1 */
    int64_t next_line; /* where the next one does */
    char **fields;     /* [n] of the record, without quotes; owned, they point into the text */
    size_t n, cap;
} ggdm_csv;

/** Begin with a text of size bytes and a NUL behind them; a mark of UTF-8 is passed over.  The text
 *  is borrowed; *out: ggdm_csv_deinit. */
void ggdm_csv_begin(char *text, size_t size, ggdm_csv *out);
/** The next record; n is 0 behind the last.  Errors: GGDM_EFORMAT "WHERE:LINE: ...": a quote that
 *  does not end, or is followed by text; a NUL. */
ggdm_status ggdm_csv_next(ggdm_csv *csv, const char *where, ggdm_error *err);
void ggdm_csv_deinit(ggdm_csv *csv);

#endif
