/* The numbers of cells as the report has them: one list, with one name for people of each. */
#ifndef GGDM_COORDINATOR_REPORT_COLUMNS_H
#define GGDM_COORDINATOR_REPORT_COLUMNS_H

#include "common/arena.h"
#include "jobs/results.h"

typedef struct ggdm_report_column ggdm_report_column;
struct ggdm_report_column {
    const char *name;   /* as in summary.csv */
    const char *label;  /* for people */
    const char *kind;   /* share (of 1), number, operations */
    const char *group;  /* measure, metric, cost */
    const char *better; /* up, down; NULL: neither */
    const char *note;   /* what it is; NULL */
    int32_t index;      /* of the measure or metric */
    ggdm_metric_value (*get)(const ggdm_row *row, int32_t index);
};

typedef struct ggdm_report_columns {
    ggdm_arena arena;
    ggdm_report_column *columns; /* [n], those that say something of any cell */
    int32_t n;
} ggdm_report_columns;

/** *out is owned: ggdm_report_columns_deinit, also after an error. */
ggdm_status ggdm_report_columns_find(const ggdm_results *r, ggdm_report_columns *out,
                                     ggdm_error *err);
void ggdm_report_columns_deinit(ggdm_report_columns *columns);

/** Is there a number of a row, or a reason why there is none? */
bool ggdm_report_value_known(const ggdm_metric_value *value);

#endif
