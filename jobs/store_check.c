/* Is the database whole, and is it ours? */
#include "jobs/store_internal.h"

#include <sqlite3.h>
#include <string.h>

/* The check goes through every row: a second for a million of units.  Beyond this size a start
 * looks at the small tables only; `ggdm doctor` looks at all. */
#define QUICK_CHECK_ALL ((int64_t)16 << 20) /* bytes */

ggdm_status ggdm_store_check_schema(ggdm_store *s, ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    GGDM_TRY(ggdm_store_prepare(s,
                                "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL "
                                "AND type <> 'view' AND name NOT LIKE 'sqlite_stat%'",
                                &stmt, err));
    ggdm_status st;
    size_t found = 0;
    bool row = true;
    for (;;) {
        GGDM_TRY_GOTO(st, ggdm_store_step(s, stmt, &row, err), done);
        if (!row)
            break;
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        const char *sql = (const char *)sqlite3_column_text(stmt, 1);
        size_t i = 0;
        while (i < ggdm_store_schema_count && name && sql &&
               strcmp(name, ggdm_store_schema[i].name) != 0)
            i++;
        if (!name || !sql || i == ggdm_store_schema_count ||
            strcmp(sql, ggdm_store_schema[i].sql) != 0) {
            st = GGDM_FAIL(err, GGDM_EFORMAT,
                           "%s is damaged: '%.60s' is not as schema version %d defines it", s->path,
                           name ? name : "", GGDM_STORE_VERSION);
            goto done;
        }
        found++;
    }
    if (found != ggdm_store_schema_count)
        st = GGDM_FAIL(err, GGDM_EFORMAT,
                       "%s is damaged: it has %zu tables and indices, expected %zu", s->path, found,
                       ggdm_store_schema_count);
done:
    sqlite3_finalize(stmt);
    return st;
}

static ggdm_status quick_check(ggdm_store *s, const char *pragma, ggdm_error *err)
{
    char answer[300];
    GGDM_TRY(ggdm_store_ask_text(s, pragma, answer, sizeof answer, err));
    if (strcmp(answer, "ok") != 0)
        return GGDM_FAIL(err, GGDM_EFORMAT, "%s is damaged: %s", s->path, answer);
    return GGDM_OK;
}

ggdm_status ggdm_store_check_content(ggdm_store *s, ggdm_error *err)
{
    int64_t pages, page_size;
    GGDM_TRY(ggdm_store_ask_int(s, "PRAGMA main.page_count", &pages, err));
    GGDM_TRY(ggdm_store_ask_int(s, "PRAGMA main.page_size", &page_size, err));
    if (pages * page_size <= QUICK_CHECK_ALL)
        return quick_check(s, "PRAGMA main.quick_check(1)", err);
    static const char *const pragmas[] = {
        "PRAGMA main.quick_check(run)",
        "PRAGMA main.quick_check(counter)",
    };
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++)
        GGDM_TRY(quick_check(s, pragmas[i], err));
    return GGDM_OK;
}
