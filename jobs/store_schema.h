/* The SQL of the job store: the schema, the way to it from older versions, and the statements that
 * are kept prepared. */
#ifndef GGDM_JOBS_STORE_SCHEMA_H
#define GGDM_JOBS_STORE_SCHEMA_H

#include <stddef.h>

#define GGDM_STORE_APPLICATION_ID 0x4747444d /* "GGDM" */
#define GGDM_STORE_VERSION 3                 /* user_version; a change needs a migration */

/* A table or index: the text stands in sqlite_schema exactly like this. */
typedef struct ggdm_schema_object {
    const char *name;
    const char *sql;
} ggdm_schema_object;

extern const ggdm_schema_object ggdm_store_schema[];
extern const size_t ggdm_store_schema_count;

/* [v]: the statements that lead from version v to v + 1, NULL-terminated.  After the last one
 * the schema must be the one above to the letter. */
extern const char *const *const ggdm_store_migrations[GGDM_STORE_VERSION];

typedef enum ggdm_sql {
    GGDM_SQL_BEGIN,
    GGDM_SQL_COMMIT,
    GGDM_SQL_SAVEPOINT,
    GGDM_SQL_RELEASE,
    GGDM_SQL_ROLLBACK_TO,
    GGDM_SQL_PUT_RUN,
    GGDM_SQL_PUT_TRAJECTORY,
    GGDM_SQL_FIND_TRAJECTORY,
    GGDM_SQL_PUT_CELL,
    GGDM_SQL_PUT_TREE,
    GGDM_SQL_PUT_UNIT,
    GGDM_SQL_PUT_IMAGE,
    GGDM_SQL_SAME_IMAGE,
    GGDM_SQL_COUNT_IMAGES,
    GGDM_SQL_PUT_EVENT,
    GGDM_SQL_PUT_CHECKPOINT,
    GGDM_SQL_GET_CHECKPOINT,
    GGDM_SQL_CHECKPOINT_STEP,
    GGDM_SQL_DROP_CHECKPOINT,
    GGDM_SQL_FORGIVE,
    GGDM_SQL_READY_ANY,
    GGDM_SQL_READY_INNOCENT,
    GGDM_SQL_READY_SUSPECT,
    GGDM_SQL_DUE,
    GGDM_SQL_NEXT_DUE,
    GGDM_SQL_RUNNING,
    GGDM_SQL_LAST_CLAIM,
    GGDM_SQL_IN_STATE,
    GGDM_SQL_GET_UNIT,
    GGDM_SQL_GET_TREE,
    GGDM_SQL_SET_UNIT,
    GGDM_SQL_SET_COUNTER,
    GGDM_SQL_GET_COUNTERS,
    GGDM_SQL_COUNT_ALL,
    GGDM_SQL_COUNT_SUSPECTS,
    GGDM_SQL_LAST_NUMBERS,
    GGDM_SQL_GET_RUN,
    GGDM_SQL_COUNT_SWEEPS,
    GGDM_SQL_FIND_SWEEP,
    GGDM_SQL_GET_CELL,
    GGDM_SQL_SET_CANCELLED,
    GGDM_SQL_SET_ARCHIVED,
    GGDM_SQL_STATEMENTS
} ggdm_sql;

extern const char *const ggdm_store_sql[GGDM_SQL_STATEMENTS];

/* Not kept prepared, because a visitor may call the store while they run. */
extern const char *const ggdm_store_sql_images;
extern const char *const ggdm_store_sql_images_png;
extern const char *const ggdm_store_sql_trouble;

#endif
