/* The SQL of the job store: the schema (its specification opens store_schema.c) and the statements
 * that are kept prepared. */
#ifndef GGDM_JOBS_STORE_SCHEMA_H
#define GGDM_JOBS_STORE_SCHEMA_H

#include <stddef.h>

#define GGDM_STORE_APPLICATION_ID 0x4747444d /* "GGDM" */
#define GGDM_STORE_VERSION 6 /* user_version; a change needs a way there, store_older.c */
#define GGDM_STORE_OLDEST 4  /* that is brought up to date when it is opened to be written to */

/* A table or index: the text stands in sqlite_schema exactly like this. */
typedef struct ggdm_schema_object {
    const char *name;
    const char *sql;
} ggdm_schema_object;

extern const ggdm_schema_object ggdm_store_schema[];
extern const size_t ggdm_store_schema_count;

typedef enum ggdm_sql {
    GGDM_SQL_BEGIN,
    GGDM_SQL_COMMIT,
    GGDM_SQL_SAVEPOINT,
    GGDM_SQL_RELEASE,
    GGDM_SQL_ROLLBACK_TO,
    GGDM_SQL_PUT_RUN,
    GGDM_SQL_GET_RUN,
    GGDM_SQL_PUT_SWEEP,
    GGDM_SQL_GET_SWEEP,
    GGDM_SQL_FIND_SWEEP,
    GGDM_SQL_PUT_PARAMETER,
    GGDM_SQL_PUT_VALUE,
    GGDM_SQL_PUT_HEAD,
    GGDM_SQL_FIND_HEAD,
    GGDM_SQL_GET_HEAD,
    GGDM_SQL_PUT_SETTING,
    GGDM_SQL_FIND_SETTING,
    GGDM_SQL_GET_SETTING,
    GGDM_SQL_PUT_SCORER,
    GGDM_SQL_FIND_SCORER,
    GGDM_SQL_GET_SCORER,
    GGDM_SQL_PUT_PANEL,
    GGDM_SQL_PUT_MODEL,
    GGDM_SQL_PUT_ASSET,
    GGDM_SQL_FIND_FILE,
    GGDM_SQL_PUT_TRAJECTORY,
    GGDM_SQL_FIND_TRAJECTORY,
    GGDM_SQL_GET_TRAJECTORY,
    GGDM_SQL_SET_WANTED,
    GGDM_SQL_COUNT_SAMPLES,
    GGDM_SQL_PUT_CELL,
    GGDM_SQL_GET_CELL,
    GGDM_SQL_PANELS_OF,
    GGDM_SQL_SET_CANCELLED,
    GGDM_SQL_SET_ARCHIVED,
    GGDM_SQL_PUT_TREE,
    GGDM_SQL_GET_TREE,
    GGDM_SQL_PUT_UNIT,
    GGDM_SQL_GET_UNIT,
    GGDM_SQL_SET_UNIT,
    GGDM_SQL_FORGIVE,
    GGDM_SQL_READY_ANY,
    GGDM_SQL_READY_INNOCENT,
    GGDM_SQL_READY_SUSPECT,
    GGDM_SQL_DUE,
    GGDM_SQL_NEXT_DUE,
    GGDM_SQL_RUNNING,
    GGDM_SQL_LAST_CLAIM,
    GGDM_SQL_IN_STATE,
    GGDM_SQL_PUT_SAMPLE,
    GGDM_SQL_SAME_SAMPLE,
    GGDM_SQL_PUT_RECORD,
    GGDM_SQL_COUNT_FIRST,
    GGDM_SQL_PUT_SCORE,
    GGDM_SQL_SAME_SCORE,
    GGDM_SQL_SCORED,
    GGDM_SQL_COUNT_SCORED,
    GGDM_SQL_PUT_RESULT,
    GGDM_SQL_DROP_VERDICT,
    GGDM_SQL_COUNT_OPEN,
    GGDM_SQL_SET_CELL_WANTED,
    GGDM_SQL_PUT_EVENT,
    GGDM_SQL_PUT_CHECKPOINT,
    GGDM_SQL_GET_CHECKPOINT,
    GGDM_SQL_CHECKPOINT_STEP,
    GGDM_SQL_DROP_CHECKPOINT,
    GGDM_SQL_SET_COUNTER,
    GGDM_SQL_GET_COUNTERS,
    GGDM_SQL_COUNT_ALL,
    GGDM_SQL_COUNT_SUSPECTS,
    GGDM_SQL_LAST_NUMBERS,
    GGDM_SQL_STATEMENTS
} ggdm_sql;

extern const char *const ggdm_store_sql[GGDM_SQL_STATEMENTS];

/* Not kept prepared, because a visitor may call the store while they run. */
extern const char *const ggdm_store_sql_samples;
extern const char *const ggdm_store_sql_samples_data;
extern const char *const ggdm_store_sql_sample;
extern const char *const ggdm_store_sql_scores;
extern const char *const ggdm_store_sql_records;
extern const char *const ggdm_store_sql_results;
extern const char *const ggdm_store_sql_verdicts;
extern const char *const ggdm_store_sql_trouble;

#endif
