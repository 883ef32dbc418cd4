/* Views for people who ask the database with a program of their own (docs/DATABASE.md), with the
 * parameters and measures of this run as columns.  This program never reads them. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "jobs/store_internal.h"

/* ---- a cell's parameters and scorers, of cell c --------------------------------------------- */

/* The value of a column; NULL where it has none. */
static void put_value(const ggdm_store *s, sqlite3_str *out, int32_t column)
{
    const ggdm_store_sheet *h = &s->sheet;
    sqlite3_str_appendall(out, "CASE c.sweep");
    for (int32_t i = 0; i < h->n_sweeps; i++) {
        const ggdm_store_parameter *p = &h->parameters[i * h->n_columns + column];
        if (p->count)
            sqlite3_str_appendf(out,
                                " WHEN %d THEN (SELECT value FROM parameter_value WHERE parameter "
                                "= %lld AND n = (c.idx - %d) / %lld %% %d)",
                                i + 1, (long long)p->id, h->first_cell[i], (long long)p->stride,
                                p->count);
    }
    sqlite3_str_appendall(out, " END");
}

/* The columns that vary: "steps", ... */
static void put_values(const ggdm_store *s, sqlite3_str *out)
{
    for (int32_t i = 0; i < s->sheet.n_columns; i++) {
        if (!s->sheet.columns[i].varies)
            continue;
        put_value(s, out, i);
        sqlite3_str_appendf(out, " AS \"%w\", ", s->sheet.columns[i].name);
    }
}

/* The class that the cell aims at. */
static void put_aim(const ggdm_store *s, sqlite3_str *out)
{
    bool any = false;
    sqlite3_str_appendall(out, "CASE c.sweep");
    for (int32_t i = 0; i < s->sheet.n_sweeps; i++) {
        if (s->sheet.aim[i] < 0)
            continue;
        any = true;
        sqlite3_str_appendf(out, " WHEN %d THEN ", i + 1);
        put_value(s, out, s->sheet.aim[i]);
    }
    sqlite3_str_appendall(out, any ? " END" : " WHEN NULL THEN NULL END");
}

/* What scorer `name` said of sample s, f32 little-endian, as the cell's panel has it. */
static void put_score(sqlite3_str *out, const char *name)
{
    sqlite3_str_appendf(
        out,
        "(SELECT substr(data, (s.idx - first) * (length(data) / count) + 1, length(data) / count) "
        "FROM score WHERE trajectory = s.trajectory AND scorer = (SELECT scorer FROM panel "
        "WHERE id = c.panel AND name = %Q) AND first <= s.idx AND first + count > s.idx "
        "ORDER BY first DESC LIMIT 1)",
        name);
}

/* ---- what is made of scores ----------------------------------------------------------------- */

/* Plain SQL cannot read a float, but it can compare two: of numbers up to 0 the larger has the
 * smaller bits.  k: a row for each class; h: its score in hexadecimals.  Recursion, because there a
 * subquery is worked out once. */
#define CLASSES_BEGIN "(WITH RECURSIVE k (class, h) AS (SELECT 0, hex("
#define CLASSES_END                                                                                \
    ") UNION ALL SELECT class + 1, h FROM k WHERE class + 1 < length(h) / 8), "                    \
    "b (class, h, bits) AS (SELECT class, h, substr(h, 8 * class + 7, 2) || "                      \
    "substr(h, 8 * class + 5, 2) || substr(h, 8 * class + 3, 2) || substr(h, 8 * class + 1, 2) "   \
    "FROM k) SELECT "
/* The class of the largest, the first of equals; NULL where one is not finite. */
#define LABEL                                                                                      \
    "CASE WHEN sum(bits BETWEEN '7F800000' AND '7FFFFFFF' OR bits >= 'FF800000') = 0 THEN "        \
    "CAST(substr(min(CASE WHEN bits = '00000000' OR bits >= '80000000' THEN bits || "              \
    "printf('%%09d', class) END), 9) AS INTEGER) END"

static void put_label(sqlite3_str *out, const char *name)
{
    sqlite3_str_appendall(out, CLASSES_BEGIN);
    put_score(out, name);
    sqlite3_str_appendf(out, CLASSES_END LABEL " FROM b)");
}

/* 1 or 0; NULL where there is no class to aim at, no classifier that knows it, or no score. */
static void put_right(const ggdm_store *s, sqlite3_str *out, const char *name)
{
    sqlite3_str_appendall(out, CLASSES_BEGIN);
    put_score(out, name);
    sqlite3_str_appendall(out, CLASSES_END "CASE WHEN coalesce(");
    put_aim(s, out);
    sqlite3_str_appendf(
        out, ", 1e9) >= max(length(h)) / 8 THEN NULL WHEN s.diverged THEN 0 ELSE " LABEL " = ");
    put_aim(s, out);
    sqlite3_str_appendall(out, " END FROM b)");
}

/* A float out of its bits, without functions that not every SQLite has: (1 + m / 2^23) 2^(e - 127),
 * NULL where it is not finite. */
#define EXPONENT "(bits >> 23 & 255)"
#define POWER "(max(" EXPONENT ", 1) - 150)"
#define SHIFTED(part) "(1 << (abs(" POWER ") + " part ") / 3)"
#define TWO_TO_POWER "(1.0 * " SHIFTED("0") " * " SHIFTED("1") " * " SHIFTED("2") ")"
#define NUMBER                                                                                     \
    "CASE WHEN " EXPONENT " < 255 THEN (CASE WHEN bits >> 31 THEN -1.0 ELSE 1.0 END) * "           \
    "((bits & 8388607) | CASE WHEN " EXPONENT " > 0 THEN 8388608 ELSE 0 END) * "                   \
    "CASE WHEN " POWER " >= 0 THEN " TWO_TO_POWER " ELSE 1 / " TWO_TO_POWER " END END"

static void put_number(sqlite3_str *out, const char *name)
{
    sqlite3_str_appendall(out, "(WITH RECURSIVE k (i, bits, h) AS (SELECT 0, 0, hex(");
    put_score(out, name);
    sqlite3_str_appendall(
        out, ") UNION ALL SELECT i + 1, bits << 4 | instr('123456789ABCDEF', "
             "substr(h, 7 - i / 2 * 2 + i % 2, 1)), h FROM k WHERE i < 8 AND length(h) = 8) "
             "SELECT " NUMBER " FROM k WHERE i = 8)");
}

/* ---- measures of the run, by name ----------------------------------------------------------- */

typedef void (*measure_visitor)(const ggdm_store *s, sqlite3_str *out, const ggdm_store_measure *m);

/* Has a panel before number `panel`, or this one before number `place`, a measure of this name? */
static bool is_known(const ggdm_store *s, int32_t panel, int32_t place, const char *name)
{
    for (int32_t i = 0; i <= panel; i++)
        for (int32_t k = 0; k < (i < panel ? s->sheet.panels[i].n : place); k++)
            if (strcmp(s->sheet.panels[i].measures[k].name, name) == 0)
                return true;
    return false;
}

static void each_measure(const ggdm_store *s, sqlite3_str *out, measure_visitor visit)
{
    for (int32_t i = 0; i < s->sheet.n_panels; i++) {
        const ggdm_store_panel_list *p = &s->sheet.panels[i];
        for (int32_t k = 0; k < p->n; k++)
            if (!is_known(s, i, k, p->measures[k].name))
                visit(s, out, &p->measures[k]);
    }
}

/* Columns of v_images. */
static void put_image_columns(const ggdm_store *s, sqlite3_str *out, const ggdm_store_measure *m)
{
    if (m->output == GGDM_OUTPUT_NUMBER) {
        put_number(out, m->name);
        sqlite3_str_appendf(out, " AS \"%w\", ", m->name);
        return;
    }
    put_label(out, m->name);
    sqlite3_str_appendf(out, " AS \"%w_label\", ", m->name);
    put_right(s, out, m->name);
    sqlite3_str_appendf(out, " AS \"%w_right\", ", m->name);
    put_score(out, m->name);
    sqlite3_str_appendf(out, " AS \"%w_logp\", ", m->name);
}

/* What v_cells needs of an image, and what it makes of them. */
static void put_image_value(const ggdm_store *s, sqlite3_str *out, const ggdm_store_measure *m)
{
    sqlite3_str_appendall(out, ", ");
    if (m->output == GGDM_OUTPUT_NUMBER)
        put_number(out, m->name);
    else
        put_right(s, out, m->name);
    sqlite3_str_appendf(out, " AS \"%w\"", m->name);
}

/* Where no image but diverged ones has a score, nobody says. */
static void put_cell_columns(const ggdm_store *s, sqlite3_str *out, const ggdm_store_measure *m)
{
    (void)s;
    if (m->output == GGDM_OUTPUT_NUMBER)
        sqlite3_str_appendf(out, ", avg(CASE WHEN NOT v.diverged THEN v.\"%w\" END) AS \"%w\"",
                            m->name, m->name);
    else
        sqlite3_str_appendf(out,
                            ", CASE WHEN sum(NOT v.diverged) = 0 OR sum(NOT v.diverged AND "
                            "v.\"%w\" IS NOT NULL) THEN avg(v.\"%w\") END AS \"%w_accuracy\", "
                            "sum(v.\"%w\") AS \"%w_right\", count(v.\"%w\") AS \"%w_n\"",
                            m->name, m->name, m->name, m->name, m->name, m->name, m->name);
}

/* ---- the views ------------------------------------------------------------------------------ */

#define IMAGES_OF_CELLS                                                                            \
    "FROM cell AS c JOIN sample AS s ON s.trajectory = c.trajectory AND s.idx < c.wanted"

static void put_images(const ggdm_store *s, sqlite3_str *out)
{
    sqlite3_str_appendall(out, "SELECT c.name AS cell, ");
    put_values(s, out);
    sqlite3_str_appendall(out, "s.idx AS image, s.diverged, nullif(s.diverged_step, -1) AS "
                               "diverged_step, ");
    each_measure(s, out, put_image_columns);
    sqlite3_str_appendall(out, "CASE s.media");
    for (int i = 0; i < GGDM_MEDIAS; i++)
        sqlite3_str_appendf(out, " WHEN %d THEN %Q", i, ggdm_media_names[i]);
    sqlite3_str_appendall(out, " END AS media, s.data " IMAGES_OF_CELLS);
}

static void put_cells(const ggdm_store *s, sqlite3_str *out)
{
    sqlite3_str_appendall(out, "WITH v AS MATERIALIZED (SELECT c.idx AS cell, s.diverged");
    each_measure(s, out, put_image_value);
    sqlite3_str_appendall(out, " " IMAGES_OF_CELLS ") SELECT c.name AS cell, ");
    put_values(s, out);
    sqlite3_str_appendall(out, "count(v.cell) AS n, count(v.cell) = c.wanted AS complete, "
                               "coalesce(sum(v.diverged), 0) AS diverged");
    each_measure(s, out, put_cell_columns);
    sqlite3_str_appendall(out, " FROM cell AS c LEFT JOIN v ON v.cell = c.idx "
                               "GROUP BY c.idx ORDER BY c.idx");
}

static ggdm_status is_current(ggdm_store *s, const char *name, const char *view, bool *yes,
                              ggdm_error *err)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    GGDM_TRY(ggdm_store_prepare(s, "SELECT sql FROM sqlite_schema WHERE name = ?1", &stmt, err));
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    ggdm_status st = ggdm_store_step(s, stmt, &row, err);
    const char *sql = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    *yes = sql && strcmp(sql, view) == 0;
    sqlite3_finalize(stmt);
    return st;
}

static ggdm_status make_view(ggdm_store *s, const char *name,
                             void (*put)(const ggdm_store *s, sqlite3_str *out), ggdm_error *err)
{
    bool current = false;
    char drop[64];
    sqlite3_str *out = sqlite3_str_new(s->db);
    sqlite3_str_appendf(out, "CREATE VIEW %s AS ", name);
    put(s, out);
    char *view = sqlite3_str_finish(out);
    if (!view)
        return GGDM_FAIL(err, GGDM_ENOMEM, "%s: out of memory for view %s", s->path, name);
    snprintf(drop, sizeof drop, "DROP VIEW IF EXISTS %s", name);
    ggdm_status st = is_current(s, name, view, &current, err);
    if (st == GGDM_OK && !current)
        st = ggdm_store_exec(s, drop, err);
    if (st == GGDM_OK && !current)
        st = ggdm_store_exec(s, view, err);
    sqlite3_free(view);
    return st;
}

ggdm_status ggdm_store_make_views(ggdm_store *store, ggdm_error *err)
{
    ggdm_status st = make_view(store, "v_images", put_images, err);
    return st == GGDM_OK ? make_view(store, "v_cells", put_cells, err) : st;
}
