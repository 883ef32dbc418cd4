/* Tables that people read, and that are Markdown: columns are aligned. */
#ifndef GGDM_COORDINATOR_TEXT_TABLE_H
#define GGDM_COORDINATOR_TEXT_TABLE_H

#include <stdio.h>

#include "common/arena.h"
#include "common/status.h"

typedef struct ggdm_text_table {
    ggdm_arena arena;
    char **cells; /* [n], owned, texts in the arena: row by row, the head first */
    size_t n, cap;
    size_t columns; /* of the head */
    ggdm_status status;
} ggdm_text_table;

/** The next cell; empty when zeroed.  After the first failure nothing more is kept, and printing
 *  reports it. */
void ggdm_text_table_put(ggdm_text_table *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** The head is complete. */
void ggdm_text_table_head(ggdm_text_table *t);
/** Print it, and empty it.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_text_table_print(FILE *out, ggdm_text_table *t, ggdm_error *err);
/** Safe on an empty one and twice. */
void ggdm_text_table_deinit(ggdm_text_table *t);

#endif
