/* Views for people who ask the database with a program of their own (docs/DATABASE.md).  This
 * program never reads them. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/store_internal.h"

/* The class of the largest log probability, the first of equals; NULL where one is not finite.
 * Plain SQL cannot read a float, but it can compare two: of numbers up to 0 the larger has the
 * smaller bits. */
#define LABEL(logp)                                                                                \
    "(WITH RECURSIVE k (class) AS (SELECT 0 UNION ALL SELECT class + 1 FROM k "                    \
    "WHERE class + 1 < length(" logp ") / 4) SELECT CASE WHEN sum(bits BETWEEN '7F800000' AND "    \
    "'7FFFFFFF' OR bits >= 'FF800000') = 0 THEN CAST(substr(min(CASE WHEN bits = '00000000' OR "   \
    "bits >= '80000000' THEN bits || printf('%09d', class) END), 9) AS INTEGER) END FROM "         \
    "(SELECT class, "                                                                              \
    "hex(substr(" logp ", 4 * class + 4, 1)) || hex(substr(" logp ", 4 * class + 3, 1)) || "       \
    "hex(substr(" logp ", 4 * class + 2, 1)) || hex(substr(" logp ", 4 * class + 1, 1)) AS bits "  \
    "FROM k))"

/* 1 or 0; NULL where there is no target, no classifier that knows it, or no score. */
#define RIGHT(who)                                                                                 \
    "CASE WHEN target IS NULL OR target >= length(" who "_logp) / 4 THEN NULL "                    \
    "WHEN diverged THEN 0 "                                                                        \
    "ELSE " who "_label = target END AS " who "_right"

/* The share of those; where no image but diverged ones has a score, nobody says. */
#define SHARE(who)                                                                                 \
    "CASE WHEN sum(NOT v.diverged) = 0 OR sum(NOT v.diverged AND v." who "_right IS NOT NULL) "    \
    "THEN avg(v." who "_right) END AS " who "_accuracy"

/* Statements as one reads them: */
/* clang-format off */
#define IMAGES                                                                                     \
    "CREATE VIEW v_images AS SELECT cell, kappa, start, duration, target, image, diverged, "       \
    "diverged_step, saturated, guide_label, " RIGHT("guide") ", judge_label, " RIGHT("judge") ", " \
    "guide_logp, judge_logp, png FROM (SELECT c.name AS cell, c.kappa, c.start, c.duration, "      \
    "nullif(c.target, -1) AS target, i.idx AS image, i.diverged, "                                 \
    "nullif(i.diverged_step, -1) AS diverged_step, i.saturated, "                                  \
    LABEL("i.guide_logp") " AS guide_label, " LABEL("i.judge_logp") " AS judge_label, "            \
    "i.guide_logp, i.judge_logp, i.png "                                                           \
    "FROM cell AS c JOIN image AS i ON i.trajectory = c.trajectory)"
#define CELLS                                                                                      \
    "CREATE VIEW v_cells AS SELECT c.name AS cell, c.kappa, c.start, c.duration, "                 \
    "nullif(c.target, -1) AS target, count(v.image) AS n, count(v.image) = "                       \
    "(SELECT CAST(value AS INTEGER) FROM run WHERE key = 'samples') AS complete, "                 \
    "coalesce(sum(v.diverged), 0) AS diverged, " SHARE("guide") ", " SHARE("judge") " "            \
    "FROM cell AS c LEFT JOIN v_images AS v ON v.cell = c.name GROUP BY c.idx ORDER BY c.idx"
/* clang-format on */

static const ggdm_schema_object views[] = {{"v_images", IMAGES}, {"v_cells", CELLS}};

static ggdm_status is_current(ggdm_store *s, const ggdm_schema_object *view, bool *yes,
                              ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    GGDM_TRY(ggdm_store_prepare(s, "SELECT sql FROM sqlite_schema WHERE name = ?1", &stmt, err));
    sqlite3_bind_text(stmt, 1, view->name, -1, SQLITE_STATIC);
    ggdm_status st = ggdm_store_step(s, stmt, &row, err);
    const char *sql = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    *yes = sql && strcmp(sql, view->sql) == 0;
    sqlite3_finalize(stmt);
    return st;
}

static ggdm_status make_anew(ggdm_store *s, const ggdm_schema_object *view, ggdm_error *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "DROP VIEW IF EXISTS %s", view->name);
    GGDM_TRY(ggdm_store_exec(s, sql, err));
    return ggdm_store_exec(s, view->sql, err);
}

ggdm_status ggdm_store_make_views(ggdm_store *store, ggdm_error *err)
{
    ggdm_status st = GGDM_OK;
    for (size_t i = 0; i < sizeof views / sizeof *views && st == GGDM_OK; i++) {
        bool current = false;
        st = is_current(store, &views[i], &current, err);
        if (st == GGDM_OK && !current)
            st = make_anew(store, &views[i], err);
    }
    return st;
}
