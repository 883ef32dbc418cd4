/* Tables for others to read: Markdown as GitHub shows it, LaTeX with booktabs.  Texts are people's
 * and are escaped, so that they stand there as they are and do nothing. */
#ifndef GGDM_COORDINATOR_MARKUP_H
#define GGDM_COORDINATOR_MARKUP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A table as it begins. */
typedef struct ggdm_table_head {
    const char *caption; /* not yet escaped, nor are the others */
    const char *run;     /* of which the table's label has the letters, and its number */
    int32_t number;
    const char *const *names; /* [columns] */
    const bool *wraps;        /* [columns] a column of long texts; NULL: none is */
    int32_t columns;
    const char *across; /* what the columns but the first are the values of; NULL: columns differ */
} ggdm_table_head;

/* A way to write tables.  An entry is a text or a number, one for each column, row by row. */
typedef struct ggdm_markup {
    const char *ending;                      /* of a file */
    int32_t rows;                            /* at most, of a table */
    int32_t columns;                         /* at most, of a table of values across */
    bool is_document;                        /* has headings and figures, else it is only tables */
    void (*text)(FILE *f, const char *text); /* escaped */
    void (*begin_file)(FILE *f, const char *name, const char *version); /* of the run */
    void (*begin)(FILE *f, const ggdm_table_head *head);
    void (*begin_entry)(FILE *f, int32_t column);
    /** value: the text of a number; lo, hi: NULL where there is no interval. */
    void (*number)(FILE *f, const ggdm_table_head *head, const char *value, const char *lo,
                   const char *hi);
    void (*none)(FILE *f);
    void (*end_row)(FILE *f);
    void (*end)(FILE *f);
} ggdm_markup;

extern const ggdm_markup ggdm_markdown, ggdm_latex;

/** A text entry of a table. */
void ggdm_markup_put_text(FILE *f, const ggdm_markup *m, int32_t column, const char *text);
/** A number entry with its interval, with so many decimals; NAN: none. */
void ggdm_markup_put_number(FILE *f, const ggdm_markup *m, const ggdm_table_head *head,
                            int32_t column, const double value[3], int decimals);

#endif
